//! Patience and directories of tests that start processes.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use crate::launch::target;

/// Longest wait for anything that must happen.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// An empty directory of this process.
pub fn new_dir(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Relaxed));
    let dir = target().join(format!("tmp/{name}-{process}-{count}"));
    fs::create_dir_all(&dir).expect("a directory for the test");
    dir
}
