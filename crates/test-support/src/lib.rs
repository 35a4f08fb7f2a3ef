//! Shared by the tests of all crates. Not published.
#![allow(missing_docs)]

pub mod alone;
#[cfg(feature = "element")]
pub mod c_caller;
#[cfg(feature = "element")]
pub mod clock;
pub mod fade;
pub mod hearing;
pub mod launch;
pub mod listener;
pub mod mel_to_audio;
pub mod model_dir;
pub mod models;
pub mod optional;
pub mod place;
pub mod played;
#[cfg(feature = "element")]
pub mod playing;
pub mod privacy;
pub mod process;
#[cfg(feature = "element")]
pub mod script;
pub mod speech;
pub mod together;
pub mod wav;

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Makes paths on the command line those from the repository: Cargo starts a benchmark in the folder of its package.
pub fn enter_root() {
    std::env::set_current_dir(root()).expect("the repository is there");
}
