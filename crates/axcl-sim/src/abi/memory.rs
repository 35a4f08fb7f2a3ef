//! Device and host memory.

use super::run;
use crate::{
    argument::{Address, Out},
    code::{self, Area, Result},
    simulator::Simulator,
    transfer::{Copy, Direction},
};

fn allocate(sim: &Simulator, address: Out<u64>, size: usize) -> Result {
    let address = address.required(Area::Memory)?;
    let mut state = sim.state();
    let device = state.current_device()?;
    address.set(state.allocate(device, size)?);
    Ok(())
}

/// Cached and uncached memory are the same here; what there is to check is the address.
fn check_range(sim: &Simulator, address: Address, size: usize) -> Result {
    let address = address.required(Area::Memory)?;
    let state = sim.state();
    let device = state.working_device(code::MEMORY_REQUEST_FAILED)?;
    state.memory.bytes(device, address, size).map(drop)
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtMalloc(address: Out<u64>, size: usize, _policy: i32) -> u32 {
    run("axclrtMalloc", size, |sim| allocate(sim, address, size))
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtMallocCached(address: Out<u64>, size: usize, _policy: i32) -> u32 {
    run("axclrtMallocCached", size, |sim| {
        allocate(sim, address, size)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtMemFlush(address: Address, size: usize) -> u32 {
    run("axclrtMemFlush", size, |sim| {
        check_range(sim, address, size)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtMemInvalidate(address: Address, size: usize) -> u32 {
    run("axclrtMemInvalidate", size, |sim| {
        check_range(sim, address, size)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtFree(address: Address) -> u32 {
    run("axclrtFree", "", |sim| {
        let address = address.required(Area::Memory)?;
        let mut state = sim.state();
        state.working_device(code::MEMORY_REQUEST_FAILED)?;
        state.memory.free(address)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtMallocHost(address: Out<u64>, size: usize) -> u32 {
    run("axclrtMallocHost", size, |sim| {
        let address = address.required(Area::Memory)?;
        address.set(sim.state().allocate_host(size)?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtFreeHost(address: Address) -> u32 {
    run("axclrtFreeHost", "", |sim| {
        sim.state().free_host(address.required(Area::Memory)?)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtMemset(address: Address, value: u8, size: usize) -> u32 {
    run("axclrtMemset", size, |sim| {
        let address = address.required(Area::Memory)?;
        let mut state = sim.state();
        let device = state.current_device()?;
        state.fill(device, address, value, size)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtMemcpy(
    destination: Address,
    source: Address,
    size: usize,
    kind: i32,
) -> u32 {
    run("axclrtMemcpy", format_args!("{kind} {size}"), |sim| {
        let copy = copy(destination, source, size, kind)?;
        let mut state = sim.state();
        let device = state.current_device();
        state.copy(device, copy)
    })
}

/// The checked arguments of a copy.
pub fn copy(destination: Address, source: Address, size: usize, kind: i32) -> Result<Copy> {
    Ok(Copy {
        destination: destination.required(Area::Memory)?,
        source: source.required(Area::Memory)?,
        size,
        direction: Direction::from_number(kind)?,
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtMemcmp(a: Address, b: Address, size: usize) -> u32 {
    run("axclrtMemcmp", size, |sim| {
        let (a, b) = (a.required(Area::Memory)?, b.required(Area::Memory)?);
        let state = sim.state();
        state.compare(state.current_device()?, a, b, size)
    })
}
