//! The files written at the end of a command.
//!
//! A command checks the paths before the work begins. An older file stays until the end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Checks that a file can be written to each of these different paths, and that the command reads none of the files. Changes no
/// file.
///
/// # Errors
///
/// If a folder is missing, a path leads to a folder, the file may not be written, two paths are the same, or a path is among the
/// `read` ones.
pub(super) fn check_writable<'a>(paths: impl IntoIterator<Item = &'a Path>, read: &[&Path]) -> Result<(), String> {
    let mut known: Vec<&Path> = Vec::new();
    for path in paths {
        open(path).map_err(|error| unwritable(path, &error))?;
        // Allows two outputs to one pipe or device, such as `/dev/null`.
        if !is_special(path) {
            if known.iter().any(|other| is_same(path, other)) {
                return Err(format!("expected a path of its own for each file, got {} twice", path.display()));
            }
            if read.iter().any(|other| is_same(path, other)) {
                return Err(format!("{} is read by this command: write to another path", path.display()));
            }
        }
        known.push(path);
    }
    Ok(())
}

/// Writes a file.
///
/// # Errors
///
/// If the file can't be written.
pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| unwritable(path, &error))
}

/// Replaces a file as a whole: another program sees the older or the newer text.
///
/// # Errors
///
/// If the file can't be replaced.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), String> {
    // Follows a link, so that the link stays and leads to the new text.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    // Takes a name of its own, and no file that is there.
    name.push(format!(".{}.new", std::process::id()));
    // Writes beside the file, since only a rename within a file system is one step.
    let new = path.with_file_name(name);
    let mut file = File::create_new(&new).map_err(|error| unwritable(&path, &error))?;
    let replaced = file.write_all(text.as_bytes()).and_then(|()| fs::rename(&new, &path));
    replaced.map_err(|error| {
        let _ = fs::remove_file(&new);
        unwritable(&path, &error)
    })
}

/// Returns whether two paths lead to one file.
fn is_same(one: &Path, other: &Path) -> bool {
    place(one) == place(other) || is_same_content(one, other)
}

/// Returns whether two existing files are one under two names.
#[cfg(unix)]
fn is_same_content(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |path| fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()));
    identity(one).ok().zip(identity(other).ok()).is_some_and(|(one, other)| one == other)
}

#[cfg(not(unix))]
fn is_same_content(_: &Path, _: &Path) -> bool {
    false
}

/// Returns where a path leads: to an existing file, or to a name in a folder.
fn place(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let new = || folder.canonicalize().map(|folder| folder.join(path.file_name().unwrap_or_default()));
    path.canonicalize().or_else(|_| new()).unwrap_or_else(|_| path.to_owned())
}

/// Opens the file for writing, and leaves the content as before.
fn open(path: &Path) -> io::Result<()> {
    match File::create_new(path) {
        // Removes the trial file, so that a command that fails later leaves no empty file.
        Ok(_) => fs::remove_file(path),
        // Leaves a pipe unopened, since opening would wait for a reader.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_special(path) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().append(true).open(path).map(drop)
        }
        Err(error) => Err(error),
    }
}

/// Returns whether the path leads to neither a file nor a folder, such as a pipe or a device.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let hint = folder.map(|folder| format!("; create the folder {} first", folder.display())).unwrap_or_default();
    format!("failed to write {}: {error}{hint}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_can_be_written_to_is_left_as_it_was() {
        let folder = std::env::temp_dir().join(format!("onbeat-files-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let (old, new) = (folder.join("old"), folder.join("new"));
        fs::write(&old, "a report").expect("a file");
        assert_eq!(check_writable([old.as_path(), &new], &[]), Ok(()));
        assert_eq!(fs::read_to_string(&old).expect("it is there"), "a report");
        assert!(!new.exists());
        for twice in [[&old, &old], [&old, &folder.join(".").join("old")], [&new, &folder.join(".").join("new")]] {
            assert!(check_writable(twice.map(PathBuf::as_path), &[]).is_err_and(|error| error.contains("twice")));
        }
        assert_eq!(check_writable([Path::new("/dev/null"), Path::new("/dev/null")], &[]), Ok(()));
        let link = folder.join("link");
        fs::hard_link(&old, &link).expect("a second name");
        for read in [&old, &folder.join(".").join("old"), &link] {
            let refused = check_writable([new.as_path(), &old], &[read.as_path()]);
            assert!(refused.is_err_and(|error| error.contains("old is read by this command")), "{}", read.display());
        }
        assert_eq!(check_writable([Path::new("/dev/null")], &[Path::new("/dev/null")]), Ok(()));
        let missing = folder.join("missing").join("report");
        let errors = [&folder, &missing, &old.join("report")].map(|path| check_writable([path.as_path()], &[]));
        assert!(errors.iter().all(|error| error.as_ref().is_err_and(|error| error.starts_with("failed to write "))));
        assert!(errors[1].as_ref().is_err_and(|error| error.contains("create the folder")));
        fs::remove_dir_all(&folder).expect("it is there");
    }
}
