//! The kernel's view of a process.
// Some of it is for RTSP alone.
#![allow(dead_code)]

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use crate::PATIENCE;

/// Command line of a process, which every user can read.
pub fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).expect("it runs");
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// Number of threads.
pub fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task"))
        .expect("it runs")
        .count()
}

/// Number of open descriptors.
pub fn descriptors(pid: u32) -> u64 {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    open.count() as u64
}

/// Waits until a process has at most `count` descriptors open.
pub fn wait_for_descriptors(pid: u32, count: u64) {
    let started = Instant::now();
    while descriptors(pid) > count {
        let open = descriptors(pid);
        assert!(started.elapsed() < PATIENCE, "{open} are open, not {count}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Processor time that the threads of a name have used, in ticks of 10 ms.
pub fn ticks(pid: u32, name: &str) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok())
        .filter_map(|stat| {
            let (before, after) = stat.rsplit_once(')')?;
            let fields: Vec<&str> = after.split_whitespace().collect();
            let used =
                fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
            before.ends_with(&format!("({name}")).then_some(used)
        })
        .sum()
}

/// Lets a process have at most `most` descriptors.
pub fn limit_descriptors(pid: u32, most: u64) {
    let limit = libc::rlimit {
        rlim_cur: most,
        rlim_max: most,
    };
    // SAFETY: the limit is read during the call, and no old one is asked for. Callable from any thread.
    let set = unsafe {
        libc::prlimit(
            pid as i32,
            libc::RLIMIT_NOFILE,
            &limit,
            std::ptr::null_mut(),
        )
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}

/// Resident memory that is its own, in KiB.
pub fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    number.expect("a number of KiB")
}
