//! Opening files that others made: regular files alone, and no more of them than is plausible.
//!
//! A FIFO would be waited for until something writes to it, which no cancellation ends; a device may do anything when it
//! is opened. Links are followed.

use std::{
    fs::{File, FileType, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

use crate::{Error, Result};

/// Opens the regular file `path` for reading.
///
/// # Errors
/// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) and [`ErrorKind::Open`](crate::ErrorKind::Open); the latter also
/// for a directory, FIFO, socket or device, which is not waited for.
pub fn open(path: &Path) -> Result<File> {
    open_regular(path).map_err(|e| Error::io(path, &e))
}

/// The content of the regular file `path`, of at most `limit` bytes.
///
/// # Errors
/// As [`open`], and [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) for a longer file.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more shows that there is more.
    open(path)?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io(path, &e))?;
    if bytes.len() as u64 > limit {
        return Err(Error::damaged(
            path,
            format!("larger than {limit} bytes, too large for a file of this kind"),
        ));
    }
    Ok(bytes)
}

/// The text of the regular file `path`, of at most `limit` bytes.
///
/// # Errors
/// As [`read`], and [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) for bytes that are no UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|e| Error::damaged(path, e))
}

fn open_regular(path: &Path) -> io::Result<File> {
    // Looked at first: opening some devices does something by itself.
    check(path.metadata()?.file_type())?;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path);
    let file = match opened {
        // Another process holds a lease on the file, as Samba does, and will give it up soon.
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => File::open(path)?,
        opened => opened?,
    };
    // Once more: it may have been exchanged meanwhile.
    check(file.metadata()?.file_type())?;
    Ok(file)
}

fn check(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(io::Error::other(format!("{what}, not a regular file")))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{ffi::CString, os::unix::net::UnixListener};

    use super::*;
    use crate::ErrorKind;

    /// Makes a FIFO that nothing ever writes to.
    pub(crate) fn make_fifo(path: &Path) {
        let path = CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
        // SAFETY: the path is a C string that outlives the call; any thread may make a FIFO.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    }

    #[test]
    fn what_would_be_waited_for_is_refused_at_once_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let (fifo, socket) = (dir.path().join("fifo"), dir.path().join("socket"));
        make_fifo(&fifo);
        let _listener = UnixListener::bind(&socket).unwrap();
        for (path, what) in [
            (fifo.as_path(), "a FIFO"),
            (&socket, "a socket"),
            (dir.path(), "a directory"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            let error = open(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Open);
            let message = error.to_string();
            assert!(message.contains(what), "{message}");
            assert!(message.contains(path.to_str().unwrap()), "{message}");
        }
    }

    #[test]
    fn a_regular_file_is_read_also_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("file"), dir.path().join("link"));
        std::fs::write(&path, "содержание").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(read_text(&link, 20).unwrap(), "содержание");
        let error = read(&path, 19).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
    }
}
