//! What the user named on the command line, as a list of files with the names of their streams.

use crate::exit::Failure;
use std::collections::BTreeMap;
use std::io;
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
    /// Why nothing can be read there, where it is known already: it is a directory that cannot be listed.
    pub unlisted: Option<String>,
}

impl Input {
    /// A file, whose stream is called after this part of its path.
    pub fn file(name: StreamName, path: PathBuf) -> Self {
        Self { name, path, unlisted: None }
    }
}

/// Lists the files behind `inputs`. A file's stream is named by the slug of its path, relative to the input it came
/// from and without extension, unless files differ in that alone; `name` replaces it where there is one file. A directory
/// that cannot be listed is among them, as an input that fails.
///
/// # Errors
/// Where an input is no file or directory this version reads, or two files would get one name.
pub fn resolve(inputs: &[String], name: Option<&str>) -> Result<Vec<Input>, Failure> {
    resolve_by(inputs, name, &list)
}

/// The same where directories are listed by `list`.
fn resolve_by(inputs: &[String], name: Option<&str>, list: &Listing) -> Result<Vec<Input>, Failure> {
    let mut files = Vec::new();
    for input in inputs {
        if let Some((scheme, _)) = input.split_once("://") {
            let message = format!("{scheme}:// inputs are not read by this version; give files or directories");
            return Err(Failure::usage(message));
        }
        let path = Path::new(input);
        if path.is_dir() {
            let before = files.len();
            collect(path, path, 0, list, &mut files)?;
            if files.len() == before {
                return Err(Failure::usage(format!("no files in the directory {}", path.display())));
            }
        } else {
            let stem = path.file_stem().unwrap_or(path.as_os_str());
            files.push(Input::file(StreamName::slug(&stem.to_string_lossy()), path.to_owned()));
        }
    }
    if let Some(name) = name {
        let mut listed: Vec<&mut Input> = files.iter_mut().filter(|file| file.unlisted.is_none()).collect();
        let [only] = listed.as_mut_slice() else {
            return Err(Failure::usage(format!("--name names one stream, but there are {} files", listed.len())));
        };
        only.name = StreamName::new(name).map_err(Failure::usage)?;
    }
    keep_extensions_apart(&mut files);
    refuse_collisions(&files)?;
    Ok(files)
}

/// Gives what is in a directory.
type Listing = dyn Fn(&Path) -> io::Result<Vec<PathBuf>>;

fn list(dir: &Path) -> io::Result<Vec<PathBuf>> {
    std::fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
}

fn collect(root: &Path, dir: &Path, depth: usize, list: &Listing, files: &mut Vec<Input>) -> Result<(), Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::usage(format!("directories deeper than {MAX_DEPTH} levels: {}", dir.display())));
    }
    let mut paths = match list(dir) {
        Ok(paths) => paths,
        Err(error) => {
            let unlisted = Some(format!("cannot list the directory: {error}: {}", dir.display()));
            files.push(Input { unlisted, ..Input::file(name_below(root, dir), dir.to_owned()) });
            return Ok(());
        }
    };
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
            collect(root, &path, depth + 1, list, files)?;
        } else if files.len() == MAX_INPUTS {
            return Err(Failure::usage(format!("more than {MAX_INPUTS} files in {}", root.display())));
        } else {
            files.push(Input::file(name_below(root, &path.with_extension("")), path));
        }
    }
    Ok(())
}

/// The name of what lies in the directory `root`; that directory itself has its own.
fn name_below(root: &Path, path: &Path) -> StreamName {
    let below = path.strip_prefix(root).unwrap_or(path);
    let below = if below.as_os_str().is_empty() { path.file_name().unwrap_or_default().as_ref() } else { below };
    StreamName::slug(&below.to_string_lossy())
}

/// Files that differ in their extension alone keep it in their names.
fn keep_extensions_apart(files: &mut [Input]) {
    let mut by_stem: BTreeMap<(StreamName, PathBuf), Vec<usize>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate().filter(|(_, file)| file.unlisted.is_none()) {
        by_stem.entry((file.name.clone(), file.path.with_extension(""))).or_default().push(index);
    }
    for index in by_stem.into_values().filter(|alike| alike.len() > 1).flatten() {
        let Input { name, path, .. } = &files[index];
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        files[index].name = StreamName::slug(&format!("{name}-{extension}"));
    }
}

fn refuse_collisions(files: &[Input]) -> Result<(), Failure> {
    let mut seen = BTreeMap::new();
    // A directory that cannot be listed becomes no stream.
    for file in files.iter().filter(|file| file.unlisted.is_none()) {
        if let Some(first) = seen.insert(&file.name, &file.path) {
            if *first == file.path {
                return Err(Failure::usage(format!("the input {} is there twice; name it once", first.display())));
            }
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
    fn a_directory_that_cannot_be_listed_is_an_input_that_fails_beside_the_others() -> std::io::Result<()> {
        let dir = tempfile::tempdir()?;
        std::fs::create_dir(dir.path().join("locked"))?;
        for file in ["locked.mp4", "z.mp4"] {
            std::fs::write(dir.path().join(file), b"")?;
        }
        let refusing = |at: &Path| match at.ends_with("locked") {
            true => Err(io::ErrorKind::PermissionDenied.into()),
            false => list(at),
        };
        let input = dir.path().to_string_lossy().into_owned();
        let inputs = resolve_by(&[input], None, &refusing).expect("it is no wrong usage");
        let [locked, beside, other] = inputs.as_slice() else { panic!("{inputs:?}") };
        assert_eq!(beside.name.as_str(), "locked", "what lies beside it is called as ever");
        assert!(locked.unlisted.as_ref().is_some_and(|why| why.contains("locked") && why.contains("permission")));
        assert_eq!((locked.name.as_str(), other.name.as_str(), &other.unlisted), ("locked", "z", &None));

        let alone = dir.path().join("locked").to_string_lossy().into_owned();
        let twice = [alone.clone(), alone, dir.path().join("z.mp4").to_string_lossy().into_owned()];
        let inputs = resolve_by(&twice, Some("yard"), &refusing).expect("there is one file to be named");
        assert_eq!(inputs.iter().map(|input| input.name.as_str()).collect::<Vec<_>>(), ["locked", "locked", "yard"]);
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
