//! What the user named on the command line, as a list of files with the names of their streams.

use crate::exit::Failure;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vokg_connectors::store::DATABASE_FILE;
use vokg_engine::id::StreamName;

/// Files found in directories; a directory with more is refused, as it is hardly what was meant.
const MAX_INPUTS: usize = 100_000;
/// How deep directories are followed.
const MAX_DEPTH: usize = 16;

/// One file and its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Name of the stream.
    pub name: StreamName,
    /// The file.
    pub path: PathBuf,
}

/// Lists the files behind `inputs`. A file's stream is named by the slug of its path, relative to the input it came
/// from and without extension, unless files differ in that alone; `name` replaces it where there is one file.
///
/// # Errors
/// Where an input is no file or directory this version reads, or two files would get one name.
pub fn resolve(inputs: &[String], name: Option<&str>) -> Result<Vec<Input>, Failure> {
    let mut files = Vec::new();
    for input in inputs {
        if let Some((scheme, _)) = input.split_once("://") {
            let message = format!("{scheme}:// inputs are not read by this version; give files or directories");
            return Err(Failure::usage(message));
        }
        let path = Path::new(input);
        if path.is_dir() {
            let before = files.len();
            collect(path, path, 0, &mut files)?;
            if files.len() == before {
                return Err(Failure::usage(format!("no files in the directory {}", path.display())));
            }
        } else {
            let stem = path.file_stem().unwrap_or(path.as_os_str());
            files.push(Input { name: StreamName::slug(&stem.to_string_lossy()), path: path.to_owned() });
        }
    }
    if let Some(name) = name {
        let [only] = files.as_mut_slice() else {
            return Err(Failure::usage(format!("--name names one stream, but there are {} files", files.len())));
        };
        only.name = StreamName::new(name).map_err(Failure::usage)?;
    }
    keep_extensions_apart(&mut files);
    refuse_collisions(&files)?;
    Ok(files)
}

fn collect(root: &Path, dir: &Path, depth: usize, files: &mut Vec<Input>) -> Result<(), Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::usage(format!("directories deeper than {MAX_DEPTH} levels: {}", dir.display())));
    }
    let unreadable = |error| Failure::usage(format!("cannot list directory: {error}: {}", dir.display()));
    let entries = std::fs::read_dir(dir).map_err(unreadable)?;
    let mut paths = entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_symlink() && path.is_dir() {
            // A link may lead out of what the user named, or in circles.
            continue;
        }
        if path.join(DATABASE_FILE).is_file() {
            // What a run wrote is no input.
            continue;
        }
        if path.is_dir() {
            collect(root, &path, depth + 1, files)?;
        } else if files.len() == MAX_INPUTS {
            return Err(Failure::usage(format!("more than {MAX_INPUTS} files in {}", root.display())));
        } else {
            let relative = path.strip_prefix(root).unwrap_or(&path).with_extension("");
            files.push(Input { name: StreamName::slug(&relative.to_string_lossy()), path });
        }
    }
    Ok(())
}

/// Files that differ in their extension alone keep it in their names.
fn keep_extensions_apart(files: &mut [Input]) {
    let mut by_stem: BTreeMap<(StreamName, PathBuf), Vec<usize>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        by_stem.entry((file.name.clone(), file.path.with_extension(""))).or_default().push(index);
    }
    for index in by_stem.into_values().filter(|alike| alike.len() > 1).flatten() {
        let Input { name, path } = &files[index];
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        files[index].name = StreamName::slug(&format!("{name}-{extension}"));
    }
}

fn refuse_collisions(files: &[Input]) -> Result<(), Failure> {
    let mut seen = BTreeMap::new();
    for file in files {
        if let Some(first) = seen.insert(&file.name, &file.path) {
            return Err(Failure::usage(format!(
                "two inputs would be the stream {}: {} and {}; run one of them alone with --name",
                file.name,
                first.display(),
                file.path.display()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(inputs: &[String], name: Option<&str>) -> Result<Vec<String>, String> {
        let inputs = resolve(inputs, name).map_err(|failure| failure.to_string())?;
        Ok(inputs.into_iter().map(|input| input.name.to_string()).collect())
    }

    #[test]
    fn a_directory_names_its_files_by_their_relative_paths() -> std::io::Result<()> {
        let dir = tempfile::tempdir()?;
        std::fs::create_dir(dir.path().join("yard"))?;
        for file in ["b.mp4", "yard/gate 1.mp4", ".hidden"] {
            std::fs::write(dir.path().join(file), b"")?;
        }
        let input = dir.path().to_string_lossy().into_owned();
        assert_eq!(names(&[input], None), Ok(vec!["b".to_owned(), "yard-gate-1".to_owned()]));
        Ok(())
    }

    #[test]
    fn collisions_schemes_and_misplaced_names_are_refused_with_a_way_out() {
        let two = ["x/clip.mp4".to_owned(), "y/clip.mkv".to_owned()];
        assert!(names(&two, None).is_err_and(|m| m.contains("--name")));
        assert!(names(&two, Some("n")).is_err_and(|m| m.contains("2 files")));
        let alike = ["x/clip.mp4".to_owned(), "x/clip.mkv".to_owned()];
        assert_eq!(names(&alike, None), Ok(vec!["clip-mp4".to_owned(), "clip-mkv".to_owned()]));
        assert!(names(&["rtsp://cam".to_owned()], None).is_err_and(|m| m.contains("rtsp://")));
        assert_eq!(names(&two[..1], Some("cam-1")), Ok(vec!["cam-1".to_owned()]));
        assert!(names(&two[..1], Some("a b")).is_err_and(|m| m.contains("' '")));
    }
}
