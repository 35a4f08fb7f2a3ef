//! The process's limit of file descriptors.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

/// Descriptors for all connections that are admitted (two for each RTSP client), and for models and streams.
const WANTED: libc::rlim_t = 4096;

/// Descriptors that stay free when a connection is accepted: for the stream, the encoder or the recording that its request
/// needs.
const SPARE: usize = 16;

/// Raises the limit as far as the process may: shells often set 1024. A lower one costs clients, not the program.
pub fn raise_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure is valid during the calls, which read and write nothing else. Both may be called from any
    // thread.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 && limit.rlim_cur < WANTED {
            limit.rlim_cur = WANTED.min(limit.rlim_max);
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}

/// Looks whether a connection may be accepted: whether what its request needs could be had now. `like` is any descriptor.
///
/// # Errors
/// Descriptors are used up, by this process or by all of the machine.
pub fn check_spare(like: &impl AsFd) -> io::Result<()> {
    // Only the kernel knows both limits, and it answers no other question.
    let taken: io::Result<Vec<OwnedFd>> = (0..SPARE)
        .map(|_| like.as_fd().try_clone_to_owned())
        .collect();
    taken.map(drop)
}
