//! Timely and differential operators, from segments to deltas. Nothing here opens a file or a socket.
