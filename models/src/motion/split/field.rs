//! The cells a blob is shared out by.

use super::super::components::Piece;

/// The cells around a piece, row by row.
pub(super) struct Field<'a> {
    pub(super) piece: &'a Piece,
    pub(super) width: usize,
}

impl<'a> Field<'a> {
    pub(super) fn of(piece: &'a Piece) -> Self {
        Self { piece, width: piece.columns.len() }
    }

    pub(super) fn index(&self, x: usize, y: usize) -> usize {
        (y - self.piece.rows.start) * self.width + x - self.piece.columns.start
    }

    pub(super) fn holds(&self, x: i32, y: i32) -> bool {
        let row = self.piece.runs.partition_point(|run| (run.y as i32, run.to as i32) <= (y, x));
        self.piece.runs.get(row).is_some_and(|run| run.y as i32 == y && run.from as i32 <= x)
    }
}
