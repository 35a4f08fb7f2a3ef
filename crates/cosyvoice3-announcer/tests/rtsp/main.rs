//! RTSP clients and an IP camera's loudspeaker hear each announcement, complete and in order.
#![allow(missing_docs)]

use test_support::hearing;
use test_support::launch;

mod announcements;
mod announcer;
mod camera;
mod clients;
mod http;
mod listener;
mod loading;
mod loudspeaker;
mod process;
mod secrets;
mod service;
mod slow_file;
mod speech;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

/// Longest wait for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The model with random weights.
fn tiny() -> PathBuf {
    let dir = std::env::var_os("COSYVOICE3_TINY")
        .map_or_else(|| root().join("models/tiny"), PathBuf::from);
    assert!(
        dir.join("cosyvoice3.toml").exists(),
        "{} is missing: ./tests/run.sh makes it",
        dir.display()
    );
    dir
}

/// True when the long tests run at full length (`./tests/run.sh --all`).
fn long() -> bool {
    std::env::var_os("COSYVOICE3_LONG_TESTS").is_some()
}

/// An empty directory of this process.
fn new_dir(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Relaxed));
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{process}-{count}"));
    fs::create_dir(&dir).unwrap();
    dir
}
