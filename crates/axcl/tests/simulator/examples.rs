use std::{
    path::PathBuf,
    process::{Command, Output},
};

use axcl::LIBRARY_VARIABLE;
use axcl_rt::{harness::Machine, onnx};

/// An example as `cargo test` built it.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(
        path.exists(),
        "build it with `cargo build --examples -p axcl`: {}",
        path.display()
    );
    path
}

/// Runs an example with the library that the environment variable names.
fn run(name: &str, machine: &Machine, arguments: &[&str]) -> Output {
    Command::new(example(name))
        .args(arguments)
        .env(LIBRARY_VARIABLE, machine.library())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn list_devices_names_every_card() {
    let machine = Machine::new("devices = 129, 3");
    let output = run("list-devices", &machine, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert!(printed.contains("chip: AX650N"), "{printed}");
    assert!(
        printed.contains("device 0: id 129, PCI 0000:81:00"),
        "{printed}"
    );
    assert!(
        printed.contains("device 1: id 3, PCI 0000:03:00"),
        "{printed}"
    );
}

#[test]
fn list_devices_says_what_is_missing() {
    let machine = Machine::new("driver = none");
    let output = run("list-devices", &machine, &[]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("install the package axclhost"));
}

#[test]
fn run_model_describes_and_times_a_model() {
    let machine = Machine::new("latency sum = 5");
    let path = machine.model("sum.axmodel", &onnx::sum_model());
    let output = run("run-model", &machine, &[path.to_str().unwrap(), "3"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    for line in [
        "input x: Fp32 [2, 3], 24 bytes",
        "output y: Fp32 [2, 3], 24 bytes",
        "3 runs, milliseconds:",
        "inputs survive an execution: yes",
        "same outputs without a new upload: yes",
    ] {
        assert!(printed.contains(line), "{line} in {printed}");
    }
    assert_eq!(machine.leaks(), [""; 0]);
}

#[test]
fn run_model_notices_overwritten_inputs() {
    let machine = Machine::new("overwrite-inputs = yes");
    let path = machine.model("sum.axmodel", &onnx::sum_model());
    let output = run("run-model", &machine, &[path.to_str().unwrap()]);
    let printed = text(&output.stdout);
    assert!(
        printed.contains("inputs survive an execution: no"),
        "{printed}"
    );
}

#[test]
fn run_model_without_a_model_tells_its_usage() {
    let machine = Machine::new("");
    let output = run("run-model", &machine, &[]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).starts_with("usage: run-model MODEL.axmodel"));
}
