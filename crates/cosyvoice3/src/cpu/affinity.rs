//! The system calls that read and set which cores a thread may use.

use std::io;

const LARGEST_SET: usize = libc::CPU_SETSIZE as usize;

/// The cores that the process's main thread may use. Not the calling thread's: that may be pinned already.
pub fn of_process() -> io::Result<Vec<usize>> {
    // SAFETY: getpid has no preconditions.
    of(unsafe { libc::getpid() })
}

/// The cores that the calling thread may use.
pub fn of_current_thread() -> io::Result<Vec<usize>> {
    of(0)
}

/// The cores of a thread by its number; 0 is the calling one.
fn of(thread: libc::pid_t) -> io::Result<Vec<usize>> {
    // SAFETY: cpu_set_t is a plain bit mask, for which all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is writable and of the given size.
    let status = unsafe { libc::sched_getaffinity(thread, size_of_val(&set), &mut set) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: every id is below CPU_SETSIZE, the number of bits of the set.
    Ok((0..LARGEST_SET)
        .filter(|id| unsafe { libc::CPU_ISSET(*id, &set) })
        .collect())
}

pub fn set_current_thread(cores: &[usize]) -> io::Result<()> {
    if cores.iter().any(|id| *id >= LARGEST_SET) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: cpu_set_t is a plain bit mask, for which all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for id in cores {
        // SAFETY: the id was checked to be below CPU_SETSIZE.
        unsafe { libc::CPU_SET(*id, &mut set) };
    }
    // SAFETY: `set` is readable and of the given size; 0 is the calling thread.
    match unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
