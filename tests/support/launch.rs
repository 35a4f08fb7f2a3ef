//! `gst-launch-1.0` with the plugin that was built with this test.
#![allow(dead_code, missing_docs)]

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A directory that holds the plugin and nothing else: GStreamer tries every library it finds.
pub fn plugin_dir() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gst-launch");
    fs::create_dir_all(&dir).expect("a directory for the plugin");
    let test = std::env::current_exe().expect("this program has a path");
    let plugin = test.with_file_name("libgstcosyvoice3.so");
    assert!(plugin.exists(), "{} is missing", plugin.display());
    match symlink(&plugin, dir.join("libgstcosyvoice3.so")) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => panic!("{}: {e}", dir.display()),
        _ => dir,
    }
}

/// Runs `gst-launch-1.0 PIPELINE` with `variables` set; its exit and its words.
pub fn gst_launch(pipeline: &[&str], variables: &[(&str, &Path)]) -> (Output, String) {
    let dir = plugin_dir();
    let output = Command::new("gst-launch-1.0")
        .args(pipeline)
        .env("GST_PLUGIN_PATH", &dir)
        .env("GST_REGISTRY", dir.join("registry.bin"))
        .env("LC_ALL", "C")
        .envs(variables.iter().copied())
        .output()
        .expect("gst-launch-1.0 is installed");
    let words = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output, words)
}
