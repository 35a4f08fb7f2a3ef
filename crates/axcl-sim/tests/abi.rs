//! The simulator as a C program sees it: `abi.c`, compiled here, loads it as it would load the vendor's library.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use axcl_rt::{harness::Machine, onnx};

/// Compiles `abi.c` with every warning an error.
fn compile(directory: &Path) -> PathBuf {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let program = directory.join("abi");
    let output = Command::new(&compiler)
        .args([
            "-std=gnu11",
            "-O1",
            "-g",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
        ])
        .arg(&program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/abi.c"))
        .args(["-ldl", "-lpthread"])
        .output()
        .unwrap_or_else(|error| panic!("a C compiler (cc, or the one in CC) is needed: {error}"));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    program
}

/// Runs the program; what it printed, once all its checks have held.
fn run(machine: &Machine, arguments: &[&str]) -> String {
    let output = Command::new(compile(machine.directory()))
        .arg(machine.library())
        .args(arguments)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed: Vec<_> = printed
        .lines()
        .filter(|line| line.starts_with("FAIL"))
        .collect();
    assert!(
        output.status.success(),
        "{}: {failed:#?}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(printed.ends_with("0 failures\n"));
    printed
}

#[test]
fn without_a_driver_every_call_answers_as_the_real_library_does() {
    let machine = Machine::new("driver = none");
    let printed = run(
        &machine,
        &["no-card", machine.directory().to_str().unwrap()],
    );
    assert!(printed.contains("note version: V3.10.2_"));
    assert!(!printed.contains("skip"), "{printed}");
}

#[test]
fn with_a_card_every_function_works() {
    let machine = Machine::new("");
    let model = machine.model("sum.axmodel", &onnx::sum_model());
    let printed = run(&machine, &["card", model.to_str().unwrap(), "sum"]);
    assert!(printed.contains("ok   the output is the sum of the inputs"));
    assert!(!printed.contains("skip"), "{printed}");
    assert_eq!(machine.leaks(), [""; 0]);
}

#[test]
fn mistakes_are_refused_and_what_is_left_is_named() {
    let machine = Machine::new("");
    let model = machine.model("sum.axmodel", &onnx::sum_model());
    run(&machine, &["strict", model.to_str().unwrap()]);
    assert_eq!(machine.leaks(), ["3 device allocations"]);
}

#[test]
fn a_driver_without_a_card_is_told_apart_from_no_driver() {
    let machine = Machine::new("devices = none");
    let output = Command::new(compile(machine.directory()))
        .arg(machine.library())
        .args(["card", "none"])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        printed.contains("FAIL axclInit(NULL) = 0x80300181"),
        "{printed}"
    );
}

#[test]
fn every_exported_function_is_called_by_the_c_program() {
    let machine = Machine::new("");
    let source = include_str!("abi.c");
    let output = Command::new("nm")
        .arg("-D")
        .arg("--defined-only")
        .arg(machine.library())
        .output();
    let Ok(output) = output else {
        panic!("nm (binutils) is needed");
    };
    let symbols = String::from_utf8_lossy(&output.stdout).into_owned();
    let exported: Vec<_> = symbols
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .filter(|name| name.starts_with("axcl"))
        .collect();
    assert!(exported.len() > 80, "{exported:?}");
    for name in exported {
        // Once where it is declared and once or more where it is used.
        assert!(source.matches(name).count() >= 2, "{name}");
    }
}
