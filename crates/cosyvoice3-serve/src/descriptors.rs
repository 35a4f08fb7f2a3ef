//! The process's limit of file descriptors.

/// Descriptors for all connections that are admitted (two for each RTSP client), and for models and streams.
const WANTED: libc::rlim_t = 4096;

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
