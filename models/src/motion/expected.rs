//! What the tracker expects, in cells of the background's plane.

use super::components::Piece;
use vokg_engine::geometry::Rect;
use vokg_engine::id::TrackId;
use vokg_engine::time::Micros;

/// Where a live track should be.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// Whom, `None` while unconfirmed.
    pub track: Option<TrackId>,
    /// The predicted box in cells.
    pub rect: Rect,
    /// The background may learn under it.
    pub settled: bool,
    /// How long it has been unseen.
    pub unseen_us: Micros,
}

/// The box around a piece, in cells.
pub(super) fn rect_of(piece: &Piece) -> Rect {
    let (columns, rows) = (&piece.columns, &piece.rows);
    Rect::new(columns.start as f32, rows.start as f32, columns.len() as f32, rows.len() as f32)
}

/// Share of a piece's cells inside a box.
pub(super) fn share_inside(piece: &Piece, rect: &Rect) -> f32 {
    piece.count_inside(rect.left, rect.top, rect.right(), rect.bottom()) as f32 / piece.area.max(1) as f32
}
