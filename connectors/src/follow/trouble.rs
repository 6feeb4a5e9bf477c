//! What may go wrong in a step.

use super::letters::LettersError;
use super::target::TargetError;
use crate::store::ReadError;

/// Why a step was not done.
pub(super) enum Trouble {
    Target(TargetError),
    Store(ReadError),
    Letters(LettersError),
}

impl From<TargetError> for Trouble {
    fn from(error: TargetError) -> Self {
        Self::Target(error)
    }
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        Self::Store(error)
    }
}

impl From<LettersError> for Trouble {
    fn from(error: LettersError) -> Self {
        Self::Letters(error)
    }
}
