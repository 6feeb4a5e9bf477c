//! Removing the graph of a stream, a piece per transaction.

use super::changes::identifier;
use super::identifier::Identifier;
use super::session::{Row, Session};
use super::statement::Statement;
use super::target::refusal;
use crate::follow::TargetError;
use vokg_engine::delta::VertexKey;

/// Vertices of a piece.
const VERTICES: i64 = 500;
/// Relationships of a piece.
const EDGES: i64 = 10_000;

/// Removes a piece of what there is of a stream, within the open transaction; whether there was one.
pub(super) fn remove_piece(session: &mut impl Session, stream: &str) -> Result<bool, TargetError> {
    for label in [Identifier::INTERACTION].iter().chain(VertexKey::LABELS.iter()) {
        let (label, stream) = (identifier(label)?, stream.to_owned());
        let edges =
            Statement::PruneEdges { label: label.clone(), stream: stream.clone(), vertices: VERTICES, edges: EDGES };
        let edges = touched(&session.run(&edges).map_err(refusal)?);
        // With fewer than asked for, the first vertices have none left.
        if edges == EDGES {
            return Ok(true);
        }
        let vertices = Statement::PruneVertices { label, stream, vertices: VERTICES };
        if edges + touched(&session.run(&vertices).map_err(refusal)?) > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The number of elements that a statement touched.
pub(super) fn touched(rows: &[Row]) -> i64 {
    rows.first().and_then(|row| row.get("touched")?.as_integer()).unwrap_or(0)
}
