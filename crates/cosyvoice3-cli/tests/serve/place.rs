//! Places and settings of the tests.
#![allow(dead_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

/// Longest wait for anything that must happen.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The model with random weights.
pub fn tiny() -> PathBuf {
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
pub fn long() -> bool {
    std::env::var_os("COSYVOICE3_LONG_TESTS").is_some()
}

/// An empty directory of this process.
pub fn new_dir(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Relaxed));
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{process}-{count}"));
    fs::create_dir(&dir).unwrap();
    dir
}
