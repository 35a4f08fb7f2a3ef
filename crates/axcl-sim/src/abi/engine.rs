//! Models: load, describe, bind, execute.

use std::ffi::c_char;

use super::run;
use crate::{
    argument::{Address, Out, Text},
    code::{self, Area, Code, Result},
    engine::{Binding, Info, Io, Side},
    execution::Request,
    model::Source,
    simulator::{Simulator, State, call},
};

/// The most dimensions that a description holds.
const MAX_DIMS: usize = 32;
/// Model kind "three cores".
const THREE_CORES: i32 = 2;
/// Data layout "none": unspecified.
const NO_LAYOUT: i32 = 0;

#[repr(C)]
pub struct IoDims {
    dim_count: i32,
    dims: [i32; MAX_DIMS],
}

/// Exports functions that come in pairs, one for inputs and one for outputs, as `WORK(ARGUMENTS) -> RESULT: FUNCTION FOR
/// INPUTS, FUNCTION FOR OUTPUTS;`. Both do `WORK(name of the function, side, ARGUMENTS)`.
macro_rules! for_inputs_and_outputs {
    ($($work:ident $arguments:tt -> $result:ty: $input:ident, $output:ident;)*) => {$(
        for_inputs_and_outputs!(@$input, $work, Side::Input, $arguments, $result);
        for_inputs_and_outputs!(@$output, $work, Side::Output, $arguments, $result);
    )*};
    (@$function:ident, $work:ident, $side:expr, ($($name:ident: $type:ty),*), $result:ty) => {
        #[unsafe(no_mangle)]
        pub extern "C" fn $function($($name: $type),*) -> $result {
            $work(stringify!($function), $side, $($name),*)
        }
    };
}

/// An error inside an unsigned 64-bit result: the sign-extended code.
fn sign_extended(Code(code): Code) -> u64 {
    code as i32 as i64 as u64
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineInit(kind: i32) -> u32 {
    run("axclrtEngineInit", kind, |sim| {
        let mut state = sim.state();
        let device = state.working_device(code::BAD_RESPONSE)?;
        if !(0..=3).contains(&kind) {
            return Err(Area::Engine.illegal_parameter());
        }
        let vnpu = state.vnpu(device);
        if vnpu.is_some() {
            return Err(Area::Engine.failed());
        }
        *vnpu = Some(kind);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineGetVNpuKind(kind: Out<i32>) -> u32 {
    run("axclrtEngineGetVNpuKind", "", |sim| {
        let kind = kind.required(Area::Engine)?;
        let mut state = sim.state();
        let device = state.working_device(code::BAD_RESPONSE)?;
        kind.set(state.vnpu(device).ok_or(Area::Engine.failed())?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineFinalize() -> u32 {
    run("axclrtEngineFinalize", "", |sim| {
        let mut state = sim.state();
        let device = state.working_device(code::BAD_RESPONSE)?;
        if state
            .engine
            .models
            .values()
            .any(|loaded| loaded.device == device)
        {
            return Err(Area::Engine.busy());
        }
        state
            .vnpu(device)
            .take()
            .map(drop)
            .ok_or(Area::Engine.failed())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineLoadFromFile(path: Text, model: Out<u64>) -> u32 {
    let shown = path.required(Area::Engine).unwrap_or_default();
    run("axclrtEngineLoadFromFile", shown, |sim| {
        let path = path.path(Area::Engine)?;
        let model = model.required(Area::Engine)?;
        model.set(sim.load_file(&path)?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineLoadFromMem(image: Address, size: u64, model: Out<u64>) -> u32 {
    run("axclrtEngineLoadFromMem", size, |sim| {
        let image = image
            .required(Area::Engine)
            .map_err(|_| Area::Engine.illegal_parameter())?;
        let model = model.required(Area::Engine)?;
        let (device, bytes) = {
            let state = sim.state();
            let device = state.working_device(code::BAD_RESPONSE)?;
            (
                device,
                state.memory.bytes(device, image, size as usize)?.to_vec(),
            )
        };
        model.set(sim.load(device, Source::Bytes(&bytes))?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineUnload(model: u64) -> u32 {
    run("axclrtEngineUnload", model, |sim| {
        let mut state = sim.state();
        state.working_device(code::BAD_RESPONSE)?;
        state.engine.unload(model)
    })
}

/// A model that the calling thread's device holds.
fn check_model(state: &State, model: u64) -> Result {
    let device = state.working_device(code::BAD_RESPONSE)?;
    if state.engine.model(model)?.device != device {
        return Err(Area::Engine.illegal_parameter());
    }
    Ok(())
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineGetModelCompilerVersion(model: u64) -> *const c_char {
    let known = call("axclrtEngineGetModelCompilerVersion", model, |sim| {
        check_model(&sim.state(), model)
    });
    match known {
        Ok(()) => c"axcl-sim".as_ptr(),
        Err(_) => std::ptr::null(),
    }
}

/// Size in bytes of a model file; a request to the card in the real runtime.
fn file_size(sim: &Simulator, path: Text) -> Result<u64> {
    let path = path.path(Area::Engine)?;
    sim.state()
        .current_device()
        .map_err(|_| code::MEMORY_REQUEST_FAILED)?;
    let file = std::fs::metadata(path).map_err(|_| Area::Engine.illegal_parameter())?;
    Ok(file.len())
}

/// Checks that `image` is device memory of at least `size` bytes.
fn check_image(sim: &Simulator, image: Address, size: u64) -> Result {
    let image = image.required(Area::Engine)?;
    let state = sim.state();
    let device = state.working_device(code::BAD_RESPONSE)?;
    state.memory.bytes(device, image, size as usize).map(drop)
}

/// Writes the memory that a model of `size` bytes needs.
fn set_usage(size: u64, system: Out<i64>, cmm: Out<i64>) -> Result {
    system.required(Area::Engine)?.set(0);
    cmm.required(Area::Engine)?.set(size as i64);
    Ok(())
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineGetUsage(path: Text, system: Out<i64>, cmm: Out<i64>) -> u32 {
    run("axclrtEngineGetUsage", "", |sim| {
        set_usage(file_size(sim, path)?, system, cmm)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineGetUsageFromMem(
    image: Address,
    size: u64,
    system: Out<i64>,
    cmm: Out<i64>,
) -> u32 {
    run("axclrtEngineGetUsageFromMem", size, |sim| {
        check_image(sim, image, size)?;
        set_usage(size, system, cmm)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineGetUsageFromModelId(
    model: u64,
    system: Out<i64>,
    cmm: Out<i64>,
) -> u32 {
    run("axclrtEngineGetUsageFromModelId", model, |sim| {
        let state = sim.state();
        check_model(&state, model)?;
        set_usage(state.engine.model(model)?.model.size, system, cmm)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineGetModelType(path: Text, kind: Out<i32>) -> u32 {
    run("axclrtEngineGetModelType", "", |sim| {
        file_size(sim, path)?;
        kind.required(Area::Engine)?.set(THREE_CORES);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineGetModelTypeFromMem(
    image: Address,
    size: u64,
    kind: Out<i32>,
) -> u32 {
    run("axclrtEngineGetModelTypeFromMem", size, |sim| {
        check_image(sim, image, size)?;
        kind.required(Area::Engine)?.set(THREE_CORES);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineGetModelTypeFromModelId(model: u64, kind: Out<i32>) -> u32 {
    run("axclrtEngineGetModelTypeFromModelId", model, |sim| {
        check_model(&sim.state(), model)?;
        kind.required(Area::Engine)?.set(THREE_CORES);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineSetAffinity(model: u64, cores: u32) -> u32 {
    run(
        "axclrtEngineSetAffinity",
        format_args!("{model} {cores:#b}"),
        |sim| {
            let mut state = sim.state();
            check_model(&state, model)?;
            if cores == 0 || cores > 0b111 {
                return Err(Area::Engine.illegal_parameter());
            }
            if let Some(loaded) = state.engine.models.get_mut(&model) {
                loaded.affinity = cores;
            }
            Ok(())
        },
    )
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineGetAffinity(model: u64, cores: Out<u32>) -> u32 {
    run("axclrtEngineGetAffinity", model, |sim| {
        let state = sim.state();
        check_model(&state, model)?;
        let affinity = state.engine.model(model)?.affinity;
        cores.required(Area::Engine)?.set(affinity);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineCreateContext(model: u64, context: Out<u64>) -> u32 {
    run("axclrtEngineCreateContext", model, |sim| {
        let context = context.required(Area::Engine)?;
        let mut state = sim.state();
        check_model(&state, model)?;
        let id = state.new_id();
        if let Some(loaded) = state.engine.models.get_mut(&model) {
            loaded.contexts.insert(id);
        }
        context.set(id);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineGetIOInfo(model: u64, info: Out<u64>) -> u32 {
    run("axclrtEngineGetIOInfo", model, |sim| {
        let info = info.required(Area::Engine)?;
        let mut state = sim.state();
        check_model(&state, model)?;
        let handle = state.new_handle();
        let description = Info {
            model_id: model,
            model: state.engine.model(model)?.model.clone(),
        };
        state.engine.infos.insert(handle, description);
        info.set(handle);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineDestroyIOInfo(info: Address) -> u32 {
    run("axclrtEngineDestroyIOInfo", "", |sim| {
        let handle = info.required(Area::Engine)?;
        let removed = sim.state().engine.infos.remove(&handle);
        removed.map(drop).ok_or(Area::Engine.illegal_parameter())
    })
}

/// Asks a description.
fn ask<T>(function: &str, info: Address, question: impl FnOnce(&Info) -> Result<T>) -> Result<T> {
    call(function, "", |sim| {
        let handle = info.required(Area::Engine)?;
        question(sim.state().engine.info(handle)?)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineGetShapeGroupsCount(info: Address, count: Out<i32>) -> u32 {
    code::status(ask("axclrtEngineGetShapeGroupsCount", info, |_| {
        count.required(Area::Engine)?.set(1);
        Ok(())
    }))
}

fn number_of(function: &str, side: Side, info: Address) -> u32 {
    let number = ask(function, info, |info| {
        Ok(info.model.ports(side).len() as u32)
    });
    number.unwrap_or_else(|Code(code)| code)
}

fn size_of(function: &str, side: Side, info: Address, group: u32, index: u32) -> u64 {
    let size = ask(function, info, |info| {
        let port = info.model.port(side, index)?;
        if group != 0 {
            return Err(code::INVALID_INDEX);
        }
        Ok(port.size)
    });
    size.unwrap_or_else(sign_extended)
}

fn name_of(function: &str, side: Side, info: Address, index: u32) -> *const c_char {
    // The name lives as long as the description, which the model and every other description share.
    let name = ask(function, info, |info| {
        Ok(info.model.port(side, index)?.name.as_ptr() as usize)
    });
    name.unwrap_or(0) as *const c_char
}

fn index_of(function: &str, side: Side, info: Address, name: Text) -> i32 {
    let index = ask(function, info, |info| {
        info.model.index(side, &name.required(Area::Engine)?)
    });
    index.unwrap_or_else(|Code(code)| code) as i32
}

fn dims_of(
    function: &str,
    side: Side,
    info: Address,
    group: u32,
    index: u32,
    dims: Out<IoDims>,
) -> u32 {
    code::status(ask(function, info, |info| {
        let port = info.model.port(side, index)?;
        if group != 0 || port.dims.len() > MAX_DIMS {
            return Err(code::INVALID_INDEX);
        }
        let mut all = [0; MAX_DIMS];
        all[..port.dims.len()].copy_from_slice(&port.dims);
        dims.required(Area::Engine)?.set(IoDims {
            dim_count: port.dims.len() as i32,
            dims: all,
        });
        Ok(())
    }))
}

fn data_type_of(function: &str, side: Side, info: Address, index: u32, data_type: Out<i32>) -> u32 {
    code::status(ask(function, info, |info| {
        let port = info.model.port(side, index)?;
        data_type.required(Area::Engine)?.set(port.data_type.0);
        Ok(())
    }))
}

fn data_layout_of(function: &str, side: Side, info: Address, index: u32, layout: Out<i32>) -> u32 {
    code::status(ask(function, info, |info| {
        info.model.port(side, index)?;
        layout.required(Area::Engine)?.set(NO_LAYOUT);
        Ok(())
    }))
}

for_inputs_and_outputs! {
    number_of(info: Address) -> u32: axclrtEngineGetNumInputs, axclrtEngineGetNumOutputs;
    size_of(info: Address, group: u32, index: u32) -> u64:
        axclrtEngineGetInputSizeByIndex, axclrtEngineGetOutputSizeByIndex;
    name_of(info: Address, index: u32) -> *const c_char:
        axclrtEngineGetInputNameByIndex, axclrtEngineGetOutputNameByIndex;
    index_of(info: Address, name: Text) -> i32:
        axclrtEngineGetInputIndexByName, axclrtEngineGetOutputIndexByName;
    dims_of(info: Address, group: u32, index: u32, dims: Out<IoDims>) -> u32:
        axclrtEngineGetInputDims, axclrtEngineGetOutputDims;
    data_type_of(info: Address, index: u32, data_type: Out<i32>) -> u32:
        axclrtEngineGetInputDataType, axclrtEngineGetOutputDataType;
    data_layout_of(info: Address, index: u32, layout: Out<i32>) -> u32:
        axclrtEngineGetInputDataLayout, axclrtEngineGetOutputDataLayout;
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineCreateIO(info: Address, io: Out<u64>) -> u32 {
    run("axclrtEngineCreateIO", "", |sim| {
        let info = info.required(Area::Engine)?;
        let io = io.required(Area::Engine)?;
        let mut state = sim.state();
        let description = state.engine.info(info)?.clone();
        let handle = state.new_handle();
        state.engine.ios.insert(handle, Io::new(description));
        io.set(handle);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineDestroyIO(io: Address) -> u32 {
    run("axclrtEngineDestroyIO", "", |sim| {
        let handle = io.required(Area::Engine)?;
        let removed = sim.state().engine.ios.remove(&handle);
        removed.map(drop).ok_or(Area::Engine.illegal_parameter())
    })
}

/// A caller's reference to an input or output: by index or by name.
trait Which {
    fn index(self, io: &Io, side: Side) -> Result<u32>;
}

impl Which for u32 {
    fn index(self, _io: &Io, _side: Side) -> Result<u32> {
        Ok(self)
    }
}

impl Which for Text {
    fn index(self, io: &Io, side: Side) -> Result<u32> {
        io.info.model.index(side, &self.required(Area::Engine)?)
    }
}

fn bind(
    function: &str,
    side: Side,
    io: Address,
    which: impl Which,
    buffer: Address,
    size: u64,
) -> u32 {
    run(function, size, |sim| {
        let handle = io.required(Area::Engine)?;
        let address = buffer.required(Area::Engine)?;
        let mut state = sim.state();
        if !state.memory.contains(address) {
            return Err(code::NOT_DEVICE_MEMORY);
        }
        let io = state.engine.io(handle)?;
        let index = which.index(io, side)?;
        io.bind(side, index, (address, size))
    })
}

fn bound(
    function: &str,
    side: Side,
    io: Address,
    which: impl Which,
    buffer: Out<u64>,
    size: Out<u64>,
) -> u32 {
    run(function, "", |sim| {
        let handle = io.required(Area::Engine)?;
        let buffer = buffer.required(Area::Engine)?;
        let size = size.required(Area::Engine)?;
        let mut state = sim.state();
        let io = state.engine.io(handle)?;
        let (address, bytes): Binding = io.binding(side, which.index(io, side)?)?;
        buffer.set(address);
        size.set(bytes);
        Ok(())
    })
}

for_inputs_and_outputs! {
    bind(io: Address, index: u32, buffer: Address, size: u64) -> u32:
        axclrtEngineSetInputBufferByIndex, axclrtEngineSetOutputBufferByIndex;
    bind(io: Address, name: Text, buffer: Address, size: u64) -> u32:
        axclrtEngineSetInputBufferByName, axclrtEngineSetOutputBufferByName;
    bound(io: Address, index: u32, buffer: Out<u64>, size: Out<u64>) -> u32:
        axclrtEngineGetInputBufferByIndex, axclrtEngineGetOutputBufferByIndex;
    bound(io: Address, name: Text, buffer: Out<u64>, size: Out<u64>) -> u32:
        axclrtEngineGetInputBufferByName, axclrtEngineGetOutputBufferByName;
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineSetDynamicBatchSize(io: Address, batch: u32) -> u32 {
    run("axclrtEngineSetDynamicBatchSize", batch, |sim| {
        let handle = io.required(Area::Engine)?;
        sim.state().engine.io(handle)?;
        if batch != 1 {
            return Err(Area::Engine.unsupported());
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtEngineExecute(
    model_id: u64,
    context_id: u64,
    group: u32,
    io: Address,
) -> u32 {
    run("axclrtEngineExecute", model_id, |sim| {
        let request = Request {
            model_id,
            context_id,
            group,
            io: io.required(Area::Engine)?,
        };
        let device = sim.state().current_device()?;
        sim.execute(device, request)
    })
}
