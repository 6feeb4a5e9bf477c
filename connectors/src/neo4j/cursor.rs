//! Where the graph of a stream stands: the vertex `VokgSink` of the stream.

use super::session::Row;
use super::value::{Properties, Value};
use crate::follow::Mark;
use crate::store::{Position, StreamId};

/// What the database knows of a stream. It is moved in the transaction of the data, and whoever writes locks it first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkCursor {
    /// The stream's own name.
    pub stream: String,
    /// The store it was told from, in hexadecimal digits.
    pub instance: String,
    /// Its number in that store.
    pub number: StreamId,
    /// The last entry that is in the graph.
    pub position: Position,
    /// No further change has `t` below this, in microseconds; `None` after the end of an epoch.
    pub frontier_us: Option<u64>,
    /// Which form the graph was written in: another one is told anew.
    pub form: String,
    /// What tells the last entries from others in their place.
    pub mark: Option<Mark>,
    /// Its vertices and edges are being removed.
    pub removing: bool,
}

impl SinkCursor {
    /// As the properties of its vertex.
    pub(super) fn properties(&self) -> Properties {
        // An epoch has 24 bits, a sequence number 40, and times stay far below 2⁶³.
        let number = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        Properties::from([
            ("instance", self.instance.as_str().into()),
            ("number", number(self.number.0.into())),
            ("epoch", number(self.position.epoch.into())),
            ("seq", number(self.position.seq)),
            ("frontier_us", self.frontier_us.map_or(Value::Null, number)),
            ("form", self.form.as_str().into()),
            ("mark", self.mark.as_ref().map_or(Value::Null, |mark| mark.to_string().as_str().into())),
            ("removing", Value::Flag(self.removing)),
        ])
    }

    /// The cursor of a row; `None` where the row is none of ours.
    pub(super) fn of_row(row: &Row) -> Option<Self> {
        let text = |name: &str| row.get(name)?.as_text().map(str::to_owned);
        let number = |name: &str| u64::try_from(row.get(name)?.as_integer()?).ok();
        Some(Self {
            stream: text("stream")?,
            instance: text("instance")?,
            number: StreamId(u32::try_from(number("number")?).ok()?),
            position: Position { epoch: u32::try_from(number("epoch")?).ok()?, seq: number("seq")? },
            frontier_us: number("frontier_us"),
            form: text("form")?,
            mark: text("mark").and_then(|mark| mark.parse().ok()),
            removing: row.get("removing") == Some(&Value::Flag(true)),
        })
    }
}
