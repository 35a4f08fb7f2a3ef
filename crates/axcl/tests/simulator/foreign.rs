//! Another user of the library in the same process, as C would call it.

use axcl::{Error, VnpuKind};
use axcl_rt::harness::Machine;

use super::context;

/// Calls `axclrtEngineInit` behind the back of the crate.
fn initialise_engine(machine: &Machine, kind: i32) {
    // SAFETY: the library is loaded already; its initialisers have no conditions.
    let library = unsafe { libloading::Library::new(machine.library()) }.unwrap();
    type EngineInit = unsafe extern "C" fn(i32) -> i32;
    // SAFETY: the function has this signature.
    let function = unsafe { library.get::<EngineInit>("axclrtEngineInit") }.unwrap();
    // SAFETY: the function takes any number.
    assert_eq!(unsafe { function(kind) }, 0);
}

#[test]
fn an_engine_that_others_initialised_is_used_and_left_to_them() {
    let machine = Machine::new("");
    let context = context(&machine);
    initialise_engine(&machine, VnpuKind::Disabled as i32);
    let engine = context.engine(VnpuKind::Disabled).unwrap();
    let second = context.engine(VnpuKind::Disabled).unwrap();
    drop((engine, second));
    assert_eq!(machine.calls_of("axclrtEngineFinalize"), []);
}

#[test]
fn an_engine_that_others_initialised_differently_is_refused() {
    let machine = Machine::new("");
    let context = context(&machine);
    initialise_engine(&machine, VnpuKind::BigLittle as i32);
    let error = context.engine(VnpuKind::Disabled).unwrap_err();
    assert_eq!(error, Error::VnpuKind(2));
    context.engine(VnpuKind::BigLittle).unwrap();
}
