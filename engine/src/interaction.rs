//! A relation between two objects over an interval.

use crate::evidence::RelationKind;
use crate::id::{InteractionId, ObjectId};

impl InteractionId {
    /// The id of the interaction of `kind` between two objects whose earliest evidence span has `number`.
    ///
    /// The first 8 bytes of a BLAKE3 hash over the little-endian fields: unique in practice within a stream, and the
    /// same on every run, so that a merge undone restores the old ids.
    pub fn of(kind: RelationKind, from: ObjectId, to: ObjectId, number: u32) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(kind.as_str().as_bytes());
        hasher.update(&[0]);
        for part in [from.0, to.0, number] {
            hasher.update(&part.to_le_bytes());
        }
        let mut head = [0u8; 8];
        head.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        Self(u64::from_be_bytes(head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_depends_on_every_part() {
        let id = |kind, from, to, n| InteractionId::of(kind, ObjectId(from), ObjectId(to), n);
        let base = id(RelationKind::NEAR, 1, 2, 3);
        assert_eq!(base, id(RelationKind::NEAR, 1, 2, 3));
        for other in [
            id(RelationKind::LEAVES, 1, 2, 3),
            id(RelationKind::NEAR, 2, 1, 3),
            id(RelationKind::NEAR, 1, 3, 3),
            id(RelationKind::NEAR, 1, 2, 4),
        ] {
            assert_ne!(base, other);
        }
    }
}
