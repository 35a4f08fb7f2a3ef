//! A disk so slow that a file cannot be opened for a while.

use std::{fs::File, os::fd::AsRawFd, path::Path};

/// Holds a write lease on a file: a program that opens it waits in the kernel until this is dropped, or for
/// `/proc/sys/fs/lease-break-time` seconds (45).
pub struct SlowFile(File);

impl SlowFile {
    /// `path` must not be open anywhere.
    pub fn new(path: &Path) -> Self {
        let file = File::open(path).expect("the file is there");
        // SAFETY: the descriptor is open, and the command takes an integer. The signal for a program that waits
        // would end the process, and is ignored.
        let leased = unsafe {
            libc::signal(libc::SIGIO, libc::SIG_IGN);
            libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK)
        };
        assert_eq!(leased, 0, "{}", std::io::Error::last_os_error());
        Self(file)
    }
}

impl Drop for SlowFile {
    fn drop(&mut self) {
        // SAFETY: the descriptor is open, and the command takes an integer.
        unsafe {
            libc::fcntl(self.0.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK);
        }
    }
}
