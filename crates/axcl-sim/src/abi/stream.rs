//! Streams, events and what runs on them.

use std::{sync::Arc, time::Duration};

use super::{limit, memory::copy, run};
use crate::{
    argument::{Address, Out},
    code::{Area, Result},
    execution::Request,
    simulator::Simulator,
    stream::{Event, Stream},
};

fn find(sim: &Simulator, stream: Address) -> Result<Arc<Stream>> {
    let handle = stream.required(Area::Stream)?;
    let state = sim.state();
    let stream = state.streams.get(&handle).cloned();
    state.current_context()?;
    stream.ok_or(Area::Stream.illegal_parameter())
}

fn find_event(sim: &Simulator, event: Address) -> Result<Arc<Event>> {
    let handle = event.required(Area::Stream)?;
    let event = sim.state().events.get(&handle).cloned();
    event.ok_or(Area::Stream.illegal_parameter())
}

fn destroy(sim: &Simulator, stream: Address, discard: bool) -> Result {
    find(sim, stream)?.close(discard);
    sim.state().streams.remove(&stream.number());
    Ok(())
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtCreateStream(stream: Out<u64>) -> u32 {
    run("axclrtCreateStream", "", |sim| {
        let stream = stream.required(Area::Stream)?;
        let mut state = sim.state();
        let device = state.working_device(Area::Stream.failed())?;
        let handle = state.new_handle();
        let worker = Stream::new(device).map_err(|_| Area::Stream.failed())?;
        state.streams.insert(handle, Arc::new(worker));
        stream.set(handle);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtDestroyStream(stream: Address) -> u32 {
    run("axclrtDestroyStream", "", |sim| destroy(sim, stream, false))
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtDestroyStreamForce(stream: Address) -> u32 {
    run("axclrtDestroyStreamForce", "", |sim| {
        destroy(sim, stream, true)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtSynchronizeStream(stream: Address) -> u32 {
    run("axclrtSynchronizeStream", "", |sim| {
        find(sim, stream)?.synchronize(None)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtSynchronizeStreamWithTimeout(stream: Address, milliseconds: i32) -> u32 {
    run("axclrtSynchronizeStreamWithTimeout", milliseconds, |sim| {
        find(sim, stream)?.synchronize(limit(milliseconds))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtMemcpyAsync(
    destination: Address,
    source: Address,
    size: usize,
    kind: i32,
    stream: Address,
) -> u32 {
    run("axclrtMemcpyAsync", format_args!("{kind} {size}"), |sim| {
        let copy = copy(destination, source, size, kind)?;
        let stream = find(sim, stream)?;
        let device = stream.device();
        stream.push(move || Simulator::shared().state().copy(Ok(device), copy));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtMemsetAsync(
    address: Address,
    value: u8,
    size: usize,
    stream: Address,
) -> u32 {
    run("axclrtMemsetAsync", size, |sim| {
        let address = address.required(Area::Memory)?;
        let stream = find(sim, stream)?;
        let device = stream.device();
        stream.push(move || {
            Simulator::shared()
                .state()
                .fill(device, address, value, size)
        });
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtMemcmpAsync(a: Address, b: Address, size: usize, stream: Address) -> u32 {
    run("axclrtMemcmpAsync", size, |sim| {
        let (a, b) = (a.required(Area::Memory)?, b.required(Area::Memory)?);
        let stream = find(sim, stream)?;
        let device = stream.device();
        stream.push(move || Simulator::shared().state().compare(device, a, b, size));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineExecuteAsync(
    model_id: u64,
    context_id: u64,
    group: u32,
    io: Address,
    stream: Address,
) -> u32 {
    run("axclrtEngineExecuteAsync", model_id, |sim| {
        let request = Request {
            model_id,
            context_id,
            group,
            io: io.required(Area::Engine)?,
        };
        let stream = find(sim, stream)?;
        let device = stream.device();
        stream.push(move || Simulator::shared().execute(device, request));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtCreateEvent(event: Out<u64>) -> u32 {
    run("axclrtCreateEvent", "", |sim| {
        let event = event.required(Area::Stream)?;
        let mut state = sim.state();
        state.current_context()?;
        let handle = state.new_handle();
        state.events.insert(handle, Arc::default());
        event.set(handle);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtDestroyEvent(event: Address) -> u32 {
    run("axclrtDestroyEvent", "", |sim| {
        find_event(sim, event)?;
        sim.state().events.remove(&event.number());
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtRecordEvent(event: Address, stream: Address) -> u32 {
    run("axclrtRecordEvent", "", |sim| {
        find_event(sim, event)?.record(&*find(sim, stream)?);
        Ok(())
    })
}

fn wait_for_event(
    sim: &Simulator,
    stream: Address,
    event: Address,
    timeout: Option<Duration>,
) -> Result {
    let event = find_event(sim, event)?;
    event.hold(&*find(sim, stream)?, timeout);
    Ok(())
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtStreamWaitEvent(stream: Address, event: Address) -> u32 {
    run("axclrtStreamWaitEvent", "", |sim| {
        wait_for_event(sim, stream, event, None)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtStreamWaitEventWithTimeout(
    stream: Address,
    event: Address,
    milliseconds: i32,
) -> u32 {
    run("axclrtStreamWaitEventWithTimeout", milliseconds, |sim| {
        wait_for_event(sim, stream, event, limit(milliseconds))
    })
}
