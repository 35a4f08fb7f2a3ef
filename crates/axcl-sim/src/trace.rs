//! The record of calls: `THREAD FUNCTION DETAIL... = CODE` a line.

use std::{
    fmt::Display,
    fs::OpenOptions,
    io::Write,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

static THREADS: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Threads are numbered from 0 in the order in which they made their first call.
    static THREAD: u32 = THREADS.fetch_add(1, Ordering::Relaxed);
}

/// Appends one call to the file `path`.
pub fn write(path: &Path, function: &str, detail: &dyn Display, code: u64) {
    let thread = THREAD.with(|thread| *thread);
    let line = format!("{thread} {function} {detail} = {code:#x}\n");
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = written {
        eprintln!("axcl-sim: trace {}: {error}", path.display());
    }
}
