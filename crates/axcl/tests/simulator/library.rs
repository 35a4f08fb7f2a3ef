use std::{fs, path::Path, process::Command};

use axcl::{Error, Library};
use axcl_rt::harness::Machine;

fn message(path: &Path) -> String {
    Library::open(Some(path)).unwrap_err().to_string()
}

#[test]
fn opens_a_file_or_the_directory_it_lies_in() {
    let machine = Machine::new("");
    assert_eq!(
        Library::open(Some(&machine.library())).unwrap().path(),
        machine.library()
    );
    assert_eq!(
        Library::open(Some(machine.directory())).unwrap().path(),
        machine.library()
    );
}

#[test]
fn a_missing_library_is_named_with_the_way_to_get_it() {
    let message = message(Path::new("/nowhere/libaxcl_rt.so"));
    assert!(message.contains("/nowhere/libaxcl_rt.so"), "{message}");
    assert!(
        message.contains("axclhost") && message.contains("AXCL_RT_LIBRARY"),
        "{message}"
    );
}

#[test]
fn a_directory_without_the_library_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let message = message(directory.path());
    assert!(
        message.contains(directory.path().to_str().unwrap()),
        "{message}"
    );
}

#[test]
fn without_a_path_the_system_is_searched_and_all_that_was_tried_is_named() {
    // On a machine with the vendor's library this opens it.
    if let Err(error) = Library::open(None) {
        for name in [
            "libaxcl_rt.so:",
            "libaxcl_rt.so.1.0:",
            "/usr/lib/axcl/libaxcl_rt.so:",
        ] {
            assert!(error.to_string().contains(name), "{name} in {error}");
        }
    }
}

/// The error of a library that is none of AXCL's.
fn no_axcl_at_all() -> Error {
    Error::MissingFunction {
        function: "axclInit",
        version: "version unknown".into(),
    }
}

#[test]
fn another_library_is_refused() {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let libc = maps
        .split_whitespace()
        .find(|word| word.contains("/libc.so"))
        .unwrap();
    let error = Library::open(Some(Path::new(libc))).unwrap_err();
    assert_eq!(error, no_axcl_at_all());
}

/// Compiles an empty shared library that needs those in `needs`, which are found by their names.
fn compile(directory: &Path, name: &str, needs: &[&str]) {
    let mut command = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    command.current_dir(directory);
    command.args(["-shared", "-x", "c", "/dev/null", "-o", name]);
    command.args(["-Wl,--no-as-needed", "-x", "none"]);
    command.args(needs);
    // Other tests must not find the library itself loaded under its bare name.
    if name != "libaxcl_rt.so" {
        command.arg(format!("-Wl,-soname,{name}"));
    }
    let status = command.status();
    assert!(
        status
            .expect("a C compiler (cc, or the one in CC)")
            .success()
    );
}

#[test]
fn dependencies_without_a_search_path_are_loaded_from_the_directory_of_the_library() {
    let directory = tempfile::tempdir().unwrap();
    compile(directory.path(), "libaxcl_logger.so", &[]);
    compile(
        directory.path(),
        "libaxcl_comm.so",
        &["./libaxcl_logger.so"],
    );
    compile(directory.path(), "libaxcl_rt.so", &["./libaxcl_comm.so"]);
    // It loads, and then turns out to be empty.
    let error = Library::open(Some(&directory.path().join("libaxcl_rt.so"))).unwrap_err();
    assert_eq!(error, no_axcl_at_all());
}

#[test]
fn a_missing_dependency_is_named() {
    let directory = tempfile::tempdir().unwrap();
    compile(directory.path(), "libelsewhere.so", &[]);
    compile(directory.path(), "libaxcl_rt.so", &["./libelsewhere.so"]);
    fs::remove_file(directory.path().join("libelsewhere.so")).unwrap();
    let message = message(&directory.path().join("libaxcl_rt.so"));
    assert!(message.contains("libelsewhere.so"), "{message}");
}

#[test]
fn a_fifo_in_place_of_the_library_is_an_error_and_not_a_wait() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("libaxcl_rt.so");
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    for given in [path.as_path(), directory.path()] {
        let message = message(given);
        assert!(message.contains("not a regular file"), "{message}");
    }
}
