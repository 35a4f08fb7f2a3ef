//! Errors for users without ONNX Runtime, or with one that is too old.
//!
//! A process loads the library once, so every case runs this program again, with the search set up by the environment.
#![allow(missing_docs)]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use cosyvoice3::{ErrorKind, onnx};

/// Not a test of its own: prints the error that [`error_with`] asks for.
#[test]
#[ignore = "run by the other tests"]
fn report() {
    let error = onnx::runtime().err().expect("no library is usable here");
    assert_eq!(error.kind(), ErrorKind::Library);
    println!("error: {error}");
}

fn error_with(library: Option<&str>) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "report", "--ignored", "--nocapture"])
        .env_remove("ORT_DISABLE_TELEMETRY");
    match library {
        Some(library) => command.env("ORT_DYLIB_PATH", library),
        None => command.env_remove("ORT_DYLIB_PATH"),
    };
    let output = command.output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}");
    let line = stdout.lines().find(|line| line.contains("error: "));
    line.unwrap().into()
}

#[test]
fn a_fifo_or_a_directory_in_place_of_the_library_is_named_and_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("libonnxruntime.so");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    for (path, kind) in [
        (fifo.as_path(), "a FIFO"),
        (directory.path(), "a directory"),
    ] {
        let path = path.to_str().unwrap();
        let error = error_with(Some(path));
        assert!(error.contains(path), "{error}");
        assert!(error.contains(kind), "{error}");
    }
}

#[test]
fn a_missing_library_is_named_with_the_way_to_get_it() {
    let error = error_with(Some("/nonexistent/libonnxruntime.so"));
    assert!(
        error.contains("ORT_DYLIB_PATH names /nonexistent/libonnxruntime.so"),
        "{error}"
    );
    assert!(error.contains("./pipelines/env.sh"), "{error}");
    assert!(error.contains("pip package onnxruntime"), "{error}");
}

/// A library that has of the C API only its version, and `text` in its data.
fn library_of_version(version: &str, text: &str, directory: &Path) -> PathBuf {
    let source = directory.join("stub.rs");
    let library = directory.join("libonnxruntime.so");
    let code = r#"
        #[repr(C)]
        pub struct OrtApiBase(extern "C" fn(u32) -> *const u8, extern "C" fn() -> *const u8);
        extern "C" fn api(_: u32) -> *const u8 { std::ptr::null() }
        #[unsafe(no_mangle)]
        pub static TEXT: &str = "TEXT HERE";
        extern "C" fn version() -> *const u8 { c"VERSION HERE".as_ptr().cast() }
        static BASE: OrtApiBase = OrtApiBase(api, version);
        #[unsafe(no_mangle)]
        pub extern "C" fn OrtGetApiBase() -> *const OrtApiBase { &BASE }
        "#;
    let code = code
        .replace("VERSION HERE", version)
        .replace("TEXT HERE", text);
    std::fs::write(&source, code).unwrap();
    let compiled = Command::new("rustc")
        .args(["--edition=2024", "--crate-type=cdylib", "-o"])
        .args([&library, &source])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(compiled.success());
    library
}

#[test]
fn a_library_that_is_too_old_is_named_with_its_version() {
    let directory = tempfile::tempdir().unwrap();
    let library = library_of_version("1.17.3", "", directory.path());
    let error = error_with(Some(library.to_str().unwrap()));
    assert!(error.contains("version 1.17.3 is too old"), "{error}");
    assert!(error.contains("ONNX Runtime 1.22 or newer"), "{error}");
}

#[test]
fn a_file_that_is_no_onnx_runtime_is_named() {
    let error = error_with(Some("libc.so.6"));
    assert!(error.contains("libc.so.6"), "{error}");
    assert!(error.contains("OrtGetApiBase"), "{error}");
}

#[test]
fn a_library_that_would_report_to_its_maker_is_not_used() {
    let directory = tempfile::tempdir().unwrap();
    let library = library_of_version("1.32.0", "ORT_DISABLE_TELEMETRY", directory.path());
    let error = error_with(Some(library.to_str().unwrap()));
    assert!(error.contains("has telemetry built in"), "{error}");
    assert!(error.contains("set ORT_DISABLE_TELEMETRY=1"), "{error}");
}
