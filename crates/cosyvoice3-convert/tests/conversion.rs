//! What the converter must do, through the program itself.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tiny")
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cosyvoice3-convert"))
        .args(args)
        .output()
        .unwrap()
}

#[test]
fn the_tiny_checkpoint_becomes_a_model_directory() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    let output = run(&[
        "checkpoint",
        tiny().to_str().unwrap(),
        model.to_str().unwrap(),
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(model.join("cosyvoice3.toml").exists());
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left beside it");
}
