//! Every call of the crate, against the simulated runtime of `axcl-sim`.
//!
//! Models need ONNX Runtime: set ORT_DYLIB_PATH to libonnxruntime.so (from `pip install onnxruntime`).

mod examples;
mod faults;
mod foreign;
mod library;
mod memory;
mod models;
mod runtime;
mod streams;
mod versions;

use axcl::{Context, Engine, LIBRARY_VARIABLE, Library, Runtime, Session, VnpuKind};
use axcl_rt::{harness::Machine, onnx};

fn open(machine: &Machine) -> Runtime {
    let variable = std::env::var_os(LIBRARY_VARIABLE);
    assert!(
        variable.is_none(),
        "unset {LIBRARY_VARIABLE}: it comes before the simulator"
    );
    let library = Library::open(Some(&machine.library())).unwrap();
    Runtime::new(&library).unwrap()
}

fn context(machine: &Machine) -> Context {
    open(machine).device(0).unwrap().context().unwrap()
}

fn engine(machine: &Machine) -> Engine {
    context(machine).engine(VnpuKind::Disabled).unwrap()
}

/// A session of a model that gives `y` = `x` + `mu`, each of 6 floats.
fn session(machine: &Machine) -> Session {
    let path = machine.model("sum.axmodel", &onnx::sum_model());
    engine(machine).load(path).unwrap().session().unwrap()
}

const X: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
const MU: [f32; 6] = [0.5, 0.25, 0.0, -0.25, -0.5, -1.0];
const SUM: [f32; 6] = [1.5, 2.25, 3.0, 3.75, 4.5, 5.0];

fn upload(session: &Session) {
    session.input("x").unwrap().upload(&X).unwrap();
    session.input("mu").unwrap().upload(&MU).unwrap();
}

fn download(session: &Session) -> [f32; 6] {
    let mut y = [f32::NAN; 6];
    session.output("y").unwrap().download(&mut y).unwrap();
    y
}
