//! What may go wrong in a step, and what it means.

use super::letters::LettersError;
use super::target::TargetError;
use crate::store::ReadError;

/// Why a step was not done.
#[derive(Debug)]
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

impl Trouble {
    /// What to do about it: what may pass by itself is tried again.
    pub(super) fn into_error(self) -> TargetError {
        match self {
            Self::Target(error) => error,
            Self::Store(error) => TargetError::unreadable(&error),
            Self::Letters(error) if error.is_for_want_of_room() => TargetError::Again(error.to_string()),
            Self::Letters(error) => TargetError::Hopeless(error.to_string()),
        }
    }
}

impl TargetError {
    /// A damaged store stays so; whatever else keeps it from being read may pass.
    pub fn unreadable(error: &ReadError) -> Self {
        let is_damaged = match error {
            ReadError::Damaged(_) => true,
            ReadError::Database(error) => matches!(**error, redb::Error::Corrupted(_)),
            ReadError::UnknownStream(_) | ReadError::Gone { .. } | ReadError::Io { .. } => false,
        };
        match is_damaged {
            true => Self::Hopeless(format!("{error}; vokg store check tells what is wrong with it")),
            false => Self::Again(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StreamId;
    use std::io;
    use std::path::PathBuf;

    #[test]
    fn what_may_pass_is_tried_again_and_the_rest_is_told() {
        let path = || PathBuf::from("data/file");
        let read = |error: ReadError| Trouble::from(error).into_error();
        let kept =
            |kind: io::ErrorKind| Trouble::from(LettersError::Io { source: kind.into(), path: path() }).into_error();
        let corrupted = redb::Error::Corrupted("a page".to_owned());
        for damaged in [ReadError::Damaged("an entry".to_owned()), ReadError::Database(Box::new(corrupted))] {
            let error = read(damaged);
            assert!(
                matches!(&error, TargetError::Hopeless(reason) if reason.contains("vokg store check")),
                "{error:?}"
            );
        }
        let busy = ReadError::Io { source: io::ErrorKind::Interrupted.into(), path: path() };
        for passing in [busy, ReadError::UnknownStream(StreamId(1))] {
            assert!(matches!(read(passing), TargetError::Again(_)));
        }
        assert!(matches!(kept(io::ErrorKind::StorageFull), TargetError::Again(_)));
        assert!(matches!(kept(io::ErrorKind::QuotaExceeded), TargetError::Again(_)));
        assert!(matches!(kept(io::ErrorKind::PermissionDenied), TargetError::Hopeless(_)));
    }
}
