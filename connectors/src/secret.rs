//! Secrets of a configuration: named there, kept in a variable or a file, and never part of what is shown.

use std::io;
use std::path::{Path, PathBuf};

/// Why a secret is not to be had.
pub(crate) enum SecretError {
    /// There is no such variable, or it is no text.
    NoVariable(String),
    /// The file cannot be read.
    NoFile { source: io::Error, path: PathBuf },
}

/// The secret in the variable `env`, else the one in `file`, without the end of its line; `None` where neither is named.
pub(crate) fn secret(env: Option<&str>, file: Option<&Path>) -> Result<Option<String>, SecretError> {
    if let Some(name) = env {
        return std::env::var(name).map(Some).map_err(|_| SecretError::NoVariable(name.to_owned()));
    }
    let Some(path) = file else { return Ok(None) };
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| SecretError::NoFile { source, path: path.to_owned() })?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}
