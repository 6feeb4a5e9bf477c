//! The commit log in redb.
