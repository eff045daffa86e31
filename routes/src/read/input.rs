//! Reads files within bounds: a routes file, and the files that routes play.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use onbeat_wire::text_of;

use crate::nearest_name::nearest;
use crate::play::{PLAYED_BYTES_MAX, PlayOptions, Played};

/// The most bytes of a routes file.
const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// The folder of the played files.
#[derive(Clone, Copy, Debug)]
pub(super) enum Folder<'a> {
    /// Any file, relative to this folder.
    AnyFrom(&'a Path),
    /// Files in this folder and below.
    Below(&'a Path),
    /// No file.
    None,
}

/// Reads a routes file, without a byte order mark. An error has the line, if a line is wrong.
pub(super) fn text_in(file: &Path) -> Result<String, (Option<usize>, String)> {
    let bytes = File::open(file).and_then(|open| limited(open, FILE_BYTES_MAX));
    let bytes = bytes.map_err(|error| {
        let is_too_long = error.kind() == io::ErrorKind::FileTooLarge;
        (None, unreadable(file, &error) + if is_too_long { "; play long bodies from files of their own" } else { "" })
    })?;
    text_of(&bytes).map(str::to_owned).map_err(|(line, what)| (Some(line), what))
}

/// The files played by the routes of a form. Responses that play a file in the same way share the content.
#[derive(Debug)]
pub(super) struct PlayedFiles<'a> {
    folder: Folder<'a>,
    read: RefCell<BTreeMap<(String, PlayOptions), Arc<Played>>>,
}

impl<'a> PlayedFiles<'a> {
    /// Returns the files in a folder, all unread.
    pub(super) fn of(folder: Folder<'a>) -> Self {
        Self { folder, read: RefCell::default() }
    }

    /// Reads a file, or returns what was expected.
    pub(super) fn read(&self, name: &str, options: PlayOptions) -> Result<Arc<Played>, String> {
        let key = (name.to_owned(), options);
        if let Some(played) = self.read.borrow().get(&key) {
            return Ok(Arc::clone(played));
        }
        let bytes = self.bytes(name)?;
        let played = Played::read(name, &bytes, &options).map_err(|error| format!("{name}: {error}"))?;
        let played = Arc::new(played);
        self.read.borrow_mut().insert(key, Arc::clone(&played));
        Ok(played)
    }

    fn bytes(&self, name: &str) -> Result<Bytes, String> {
        if name.is_empty() {
            return Err("expected the name of a file, got an empty text".into());
        }
        let path = match self.folder {
            Folder::AnyFrom(folder) => folder.join(name),
            Folder::Below(folder) => below(name, folder)?,
            Folder::None => return Err("expected no file: the server was started without a routes file".into()),
        };
        let read = || {
            // Looks before opening: a device may have no end, and opening a pipe would wait for a writer.
            if !std::fs::metadata(&path)?.is_file() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
            }
            limited(File::open(&path)?, PLAYED_BYTES_MAX)
        };
        read().map(Bytes::from).map_err(|error| unreadable(&path, &error))
    }
}

/// Returns the path of a file in a folder or below, with all links followed.
fn below(name: &str, folder: &Path) -> Result<PathBuf, String> {
    let refused = || {
        let expected = "a file in the folder of the routes file or below, as a relative path";
        format!("expected {expected}, got {name}")
    };
    if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(refused());
    }
    // Follows links on both sides before comparing, since a link can lead out of the folder.
    let path = folder.join(name);
    let real = |path: &Path| path.canonicalize().map_err(|error| unreadable(path, &error));
    let (real_folder, real_path) = (real(folder)?, real(&path)?);
    if real_path.starts_with(real_folder) { Ok(real_path) } else { Err(refused()) }
}

/// Reads at most so many bytes.
fn limited(input: impl Read, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Reads one byte more than allowed, to notice a longer file without its size.
    let read = input.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if read as u64 > bytes_max {
        let why = format!("it is longer than {} MiB", bytes_max >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

/// Returns the problem of an unreadable file, with the nearest name in the folder.
fn unreadable(path: &Path, error: &io::Error) -> String {
    let said = format!("expected a file that can be read, got {}: {error}", path.display());
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = path.parent().filter(|_| error.kind() == io::ErrorKind::NotFound);
    // Reads the current folder for a name alone, whose parent is empty.
    let folder = folder.map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let mut names: Vec<String> =
        folder.and_then(|folder| std::fs::read_dir(folder).ok()).map_or_else(Vec::new, |entries| {
            entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect()
        });
    // Sorts, since a folder lists files in any order and the message must not vary.
    names.sort_unstable();
    match nearest(&name, names.iter().map(String::as_str)) {
        Some(nearest) => format!("{said}: did you mean {nearest}?"),
        None => said,
    }
}
