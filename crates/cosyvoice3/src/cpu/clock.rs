//! The system call that reads how long a thread has computed.

use std::time::Duration;

/// Processor time of the calling thread so far; time in which it waited for a core does not count.
pub fn processor_time() -> Duration {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a valid place for the value. The call touches nothing else, so any thread may make it.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) };
    debug_assert_eq!(status, 0, "every Linux has this clock");
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
