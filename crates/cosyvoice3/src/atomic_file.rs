//! Writing small files so that they are either the old ones or the new ones, also after a power failure.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Ending of a file that is being written. One that is left over belongs to a process that was killed.
pub const PARTIAL: &str = "partial";

/// Replaces the file `path` by `bytes`: a reader, and the disk after a power failure, has the old content or the new.
///
/// Two processes must not write the same file at once: both would write its neighbour `path.partial`.
///
/// # Errors
/// Those of the system; the old file is still there then, and nothing else.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = partial(path);
    write(&partial, bytes)
        .and_then(|()| fs::rename(&partial, path))
        .and_then(|()| sync_directory(path))
        .inspect_err(|_| {
            let _ = fs::remove_file(&partial);
        })
}

/// Makes renamed and removed entries of the directory of `path` last.
///
/// # Errors
/// The directory cannot be opened or written through.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    match File::open(dir.unwrap_or(Path::new(".")))?.sync_all() {
        // Some file systems cannot do it, and need not.
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(PARTIAL);
    name.into()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_replaced_stays_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        replace(&path, b"old").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let taken = dir.path().join("taken");
        fs::create_dir(&taken).unwrap();
        replace(&taken, b"new").unwrap_err();
        assert!(taken.is_dir());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
