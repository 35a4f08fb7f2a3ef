//! The C functions as crate-internal methods with Rust results. All calls into the library are made here.
//!
//! Invariant of the crate: handles, ids and device pointers come from the methods of this file, and their owner
//! destroys them once. The calling thread and its context are up to the callers in this crate: `Runtime` claims a
//! library before `axclInit` and keeps the claim until `axclFinalize`, so these run once; contexts, and everything made
//! from them, are neither `Send` nor `Sync`; strings are fetched under a lock. The header does not document the thread
//! safety of any function: for versions, counts, properties, log level and host memory, which `Runtime` and `Device`
//! offer to any thread, it is assumed, and careful callers use one thread, as the plugin does.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    mem::MaybeUninit,
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::{Mutex, PoisonError},
};

use crate::{
    Error, Result,
    error::Code,
    sys::{DeviceList, DeviceProperties, Functions, Handle, IoDims, MAX_DEVICES},
};

/// Memory policy "huge first"; without effect in the current runtime.
const POLICY: i32 = 0;

/// Directions of copies.
#[derive(Debug, Clone, Copy)]
pub enum Direction {
    HostToDevice = 1,
    DeviceToHost = 2,
    DeviceToDevice = 3,
}

/// A pointer into device memory; never dereferenced, never offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DevicePointer(*mut c_void);

/// Side of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Input,
    Output,
}

fn check(function: &'static str, code: i32) -> Result<()> {
    match Code::from_raw(code) {
        None => Ok(()),
        Some(code) => Err(Error::Call { function, code }),
    }
}

/// Calls a function that returns an error code.
macro_rules! call {
    ($api:expr, $function:ident($($argument:expr),*)) => {
        // SAFETY: pointers are valid for the call: to live Rust values, handles of the runtime, or NULL where the
        // runtime allows it. See the invariant above, also for threads.
        check(stringify!($function), unsafe { ($api.functions.$function)($($argument),*) })
    };
}

/// Calls a function that some versions of the library lack.
macro_rules! call_optional {
    ($api:expr, $function:ident($($argument:expr),*)) => {
        match $api.functions.$function {
            // SAFETY: as in `call`.
            Some(function) => check(stringify!($function), unsafe { function($($argument),*) }),
            None => Err($api.missing(stringify!($function))),
        }
    };
}

/// Gets a string from the runtime and copies it; `None` for NULL. One thread at a time: the header does not say whether
/// such a function returns a constant or a buffer that its next call overwrites.
fn text(ask: impl FnOnce() -> *const c_char) -> Option<String> {
    static ASKING: Mutex<()> = Mutex::new(());
    let _asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    let pointer = ask();
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the runtime returns NULL or a string that lives at least until the next call on its owner, which waits
    // for the lock.
    let text = unsafe { CStr::from_ptr(pointer) };
    Some(text.to_string_lossy().into_owned())
}

fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::Path(path.to_owned()))
}

/// The functions of one library.
pub struct Api {
    functions: Functions,
    /// Version, as the library reports it.
    version: String,
}

// Start and end.
impl Api {
    pub fn new(functions: Functions, version: String) -> Self {
        Self { functions, version }
    }

    /// The error of a function that this library lacks.
    fn missing(&self, function: &'static str) -> Error {
        Error::MissingFunction {
            function,
            version: self.version.clone(),
        }
    }

    /// Identity of this library among others in the same process.
    pub fn identity(&self) -> usize {
        self.functions.axclInit as usize
    }

    pub fn init(&self, config: Option<&Path>) -> Result<()> {
        let config = config.map(c_path).transpose()?;
        let config = config
            .as_ref()
            .map_or(std::ptr::null(), |config| config.as_ptr());
        call!(self, axclInit(config))
    }

    pub fn finalize(&self) -> Result<()> {
        call!(self, axclFinalize())
    }

    pub fn set_log_level(&self, level: i32) -> Result<()> {
        call!(self, axclSetLogLevel(level))
    }

    pub fn version(&self) -> Result<(i32, i32, i32)> {
        let (mut major, mut minor, mut patch) = (0, 0, 0);
        call_optional!(self, axclrtGetVersion(&mut major, &mut minor, &mut patch))?;
        Ok((major, minor, patch))
    }

    pub fn full_version(&self) -> Option<String> {
        let function = self.functions.axclrtGetFullVersion?;
        // SAFETY: the function takes nothing and returns a string of the library or NULL; `text` keeps others out.
        text(|| unsafe { function() })
    }

    pub fn soc_name(&self) -> Option<String> {
        let function = self.functions.axclrtGetSocName?;
        // SAFETY: the function takes nothing and returns a string of the library or NULL; `text` keeps others out.
        text(|| unsafe { function() })
    }
}

// Devices and contexts.
impl Api {
    /// The ids of all devices. A library without a list, as in the vendor's draft of its next generation, only counts
    /// them, and numbers them from 0.
    pub fn device_list(&self) -> Result<Vec<i32>> {
        if self.functions.axclrtGetDeviceList.is_none()
            && self.functions.axclrtGetDeviceCount.is_some()
        {
            let mut count = 0;
            call_optional!(self, axclrtGetDeviceCount(&mut count))?;
            return Ok((0..count.min(MAX_DEVICES as u32) as i32).collect());
        }
        let mut list = DeviceList {
            num: 0,
            devices: [0; _],
        };
        call_optional!(self, axclrtGetDeviceList(&mut list))?;
        let count = (list.num as usize).min(list.devices.len());
        Ok(list.devices[..count].to_vec())
    }

    pub fn device_properties(&self, device: i32) -> Result<DeviceProperties> {
        let mut properties = MaybeUninit::<DeviceProperties>::zeroed();
        call_optional!(
            self,
            axclrtGetDeviceProperties(device, properties.as_mut_ptr())
        )?;
        // SAFETY: all fields are integers, for which zeroed memory is valid, whatever the runtime wrote.
        Ok(unsafe { properties.assume_init() })
    }

    pub fn reboot_device(&self, device: i32) -> Result<()> {
        call_optional!(self, axclrtRebootDevice(device))
    }

    pub fn set_device(&self, device: i32) -> Result<()> {
        call!(self, axclrtSetDevice(device))
    }

    pub fn reset_device(&self, device: i32) -> Result<()> {
        call!(self, axclrtResetDevice(device))
    }

    pub fn synchronize_device(&self) -> Result<()> {
        call_optional!(self, axclrtSynchronizeDevice())
    }

    pub fn create_context(&self, device: i32) -> Result<Handle> {
        let mut context = std::ptr::null_mut();
        call_optional!(self, axclrtCreateContext(&mut context, device))?;
        Ok(context)
    }

    pub fn destroy_context(&self, context: Handle) -> Result<()> {
        call_optional!(self, axclrtDestroyContext(context))
    }

    pub fn set_current_context(&self, context: Handle) -> Result<()> {
        call!(self, axclrtSetCurrentContext(context))
    }

    pub fn current_context(&self) -> Result<Handle> {
        let mut context = std::ptr::null_mut();
        call!(self, axclrtGetCurrentContext(&mut context))?;
        Ok(context)
    }
}

// Memory.
impl Api {
    pub fn malloc(&self, size: usize) -> Result<DevicePointer> {
        let mut pointer = std::ptr::null_mut();
        call!(self, axclrtMalloc(&mut pointer, size, POLICY))?;
        Ok(DevicePointer(pointer))
    }

    pub fn malloc_cached(&self, size: usize) -> Result<DevicePointer> {
        let mut pointer = std::ptr::null_mut();
        call_optional!(self, axclrtMallocCached(&mut pointer, size, POLICY))?;
        Ok(DevicePointer(pointer))
    }

    pub fn flush(&self, pointer: DevicePointer, size: usize) -> Result<()> {
        call_optional!(self, axclrtMemFlush(pointer.0, size))
    }

    pub fn invalidate(&self, pointer: DevicePointer, size: usize) -> Result<()> {
        call_optional!(self, axclrtMemInvalidate(pointer.0, size))
    }

    pub fn free(&self, pointer: DevicePointer) -> Result<()> {
        call!(self, axclrtFree(pointer.0))
    }

    pub fn memset(&self, pointer: DevicePointer, value: u8, size: usize) -> Result<()> {
        call!(self, axclrtMemset(pointer.0, value, size))
    }

    /// Copies to device memory of at least the size of `source`.
    pub fn upload(&self, destination: DevicePointer, source: &[u8]) -> Result<()> {
        let kind = Direction::HostToDevice as i32;
        let from = source.as_ptr().cast();
        call!(self, axclrtMemcpy(destination.0, from, source.len(), kind))
    }

    /// Copies from device memory of at least the size of `destination`.
    pub fn download(&self, destination: &mut [u8], source: DevicePointer) -> Result<()> {
        let kind = Direction::DeviceToHost as i32;
        let to = destination.as_mut_ptr().cast();
        call!(self, axclrtMemcpy(to, source.0, destination.len(), kind))
    }

    /// Copies between pieces of device memory of at least `size` bytes.
    pub fn copy(
        &self,
        destination: DevicePointer,
        source: DevicePointer,
        size: usize,
    ) -> Result<()> {
        let kind = Direction::DeviceToDevice as i32;
        call!(self, axclrtMemcpy(destination.0, source.0, size, kind))
    }

    pub fn compare(&self, a: DevicePointer, b: DevicePointer, size: usize) -> Result<()> {
        call_optional!(self, axclrtMemcmp(a.0, b.0, size))
    }
}

/// Pinned host memory, all of it initialised.
#[derive(Debug)]
pub struct PinnedMemory {
    pointer: *mut u8,
    size: usize,
}

impl Api {
    pub fn malloc_host(&self, size: usize) -> Result<PinnedMemory> {
        let mut pointer = std::ptr::null_mut();
        call!(self, axclrtMallocHost(&mut pointer, size))?;
        if pointer.is_null() {
            return Err(Error::AllocationSize(size));
        }
        let pointer = pointer.cast::<u8>();
        // SAFETY: the runtime just returned `size` bytes for us alone.
        unsafe { pointer.write_bytes(0, size) };
        Ok(PinnedMemory { pointer, size })
    }

    /// Frees `memory`, which must not be used afterwards.
    pub fn free_host(&self, memory: &mut PinnedMemory) -> Result<()> {
        memory.size = 0;
        call!(self, axclrtFreeHost(memory.pointer.cast()))
    }
}

impl PinnedMemory {
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: pointer and size are of one initialised allocation; after free_host the size is 0.
        unsafe { std::slice::from_raw_parts(self.pointer, self.size) }
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and the exclusive borrow of self is one of the memory.
        unsafe { std::slice::from_raw_parts_mut(self.pointer, self.size) }
    }
}

// SAFETY: the memory belongs to this value alone, and host memory is not tied to a thread.
unsafe impl Send for PinnedMemory {}
// SAFETY: shared access only reads.
unsafe impl Sync for PinnedMemory {}

// Streams and events. The memory of asynchronous work is kept borrowed by `stream::Work`.
impl Api {
    /// Makes a stream, if the library can also wait for it: memory is borrowed until a stream was waited for.
    pub fn create_stream(&self) -> Result<Handle> {
        if self.functions.axclrtSynchronizeStream.is_none() {
            return Err(self.missing("axclrtSynchronizeStream"));
        }
        let mut stream = std::ptr::null_mut();
        call_optional!(self, axclrtCreateStream(&mut stream))?;
        Ok(stream)
    }

    pub fn destroy_stream(&self, stream: Handle) -> Result<()> {
        call_optional!(self, axclrtDestroyStream(stream))
    }

    pub fn synchronize_stream(&self, stream: Handle) -> Result<()> {
        call_optional!(self, axclrtSynchronizeStream(stream))
    }

    pub fn synchronize_stream_within(&self, stream: Handle, milliseconds: i32) -> Result<()> {
        call_optional!(
            self,
            axclrtSynchronizeStreamWithTimeout(stream, milliseconds)
        )
    }

    /// Begins a copy; `source` must live until the stream was synchronised.
    pub fn upload_async(
        &self,
        destination: DevicePointer,
        source: &[u8],
        stream: Handle,
    ) -> Result<()> {
        let kind = Direction::HostToDevice as i32;
        let from = source.as_ptr().cast();
        call_optional!(
            self,
            axclrtMemcpyAsync(destination.0, from, source.len(), kind, stream)
        )
    }

    /// Begins a copy; `destination` must live, unused, until the stream was synchronised.
    pub fn download_async(
        &self,
        destination: &mut [u8],
        source: DevicePointer,
        stream: Handle,
    ) -> Result<()> {
        let kind = Direction::DeviceToHost as i32;
        let to = destination.as_mut_ptr().cast();
        call_optional!(
            self,
            axclrtMemcpyAsync(to, source.0, destination.len(), kind, stream)
        )
    }

    pub fn memset_async(
        &self,
        pointer: DevicePointer,
        value: u8,
        size: usize,
        stream: Handle,
    ) -> Result<()> {
        call_optional!(self, axclrtMemsetAsync(pointer.0, value, size, stream))
    }

    pub fn create_event(&self) -> Result<Handle> {
        let mut event = std::ptr::null_mut();
        call_optional!(self, axclrtCreateEvent(&mut event))?;
        Ok(event)
    }

    pub fn destroy_event(&self, event: Handle) -> Result<()> {
        call_optional!(self, axclrtDestroyEvent(event))
    }

    pub fn record_event(&self, event: Handle, stream: Handle) -> Result<()> {
        call_optional!(self, axclrtRecordEvent(event, stream))
    }

    pub fn stream_wait_event(&self, stream: Handle, event: Handle) -> Result<()> {
        call_optional!(self, axclrtStreamWaitEvent(stream, event))
    }
}

// Models.
impl Api {
    pub fn engine_init(&self, kind: i32) -> Result<()> {
        call!(self, axclrtEngineInit(kind))
    }

    pub fn engine_vnpu_kind(&self) -> Result<i32> {
        let mut kind = -1;
        call_optional!(self, axclrtEngineGetVNpuKind(&mut kind))?;
        Ok(kind)
    }

    pub fn engine_finalize(&self) -> Result<()> {
        call!(self, axclrtEngineFinalize())
    }

    pub fn load_file(&self, path: &Path) -> Result<u64> {
        let path = c_path(path)?;
        let mut model = 0;
        call!(self, axclrtEngineLoadFromFile(path.as_ptr(), &mut model))?;
        Ok(model)
    }

    pub fn load_memory(&self, image: DevicePointer, size: usize) -> Result<u64> {
        let mut model = 0;
        call_optional!(
            self,
            axclrtEngineLoadFromMem(image.0, size as u64, &mut model)
        )?;
        Ok(model)
    }

    pub fn unload(&self, model: u64) -> Result<()> {
        call!(self, axclrtEngineUnload(model))
    }

    pub fn compiler_version(&self, model: u64) -> Option<String> {
        let function = self.functions.axclrtEngineGetModelCompilerVersion?;
        // SAFETY: the function takes an id and returns a string of the model or NULL; `text` keeps others out.
        text(|| unsafe { function(model) })
    }

    pub fn usage_of_file(&self, path: &Path) -> Result<(i64, i64)> {
        let path = c_path(path)?;
        let (mut system, mut cmm) = (0, 0);
        call_optional!(
            self,
            axclrtEngineGetUsage(path.as_ptr(), &mut system, &mut cmm)
        )?;
        Ok((system, cmm))
    }

    pub fn usage_of_model(&self, model: u64) -> Result<(i64, i64)> {
        let (mut system, mut cmm) = (0, 0);
        call_optional!(
            self,
            axclrtEngineGetUsageFromModelId(model, &mut system, &mut cmm)
        )?;
        Ok((system, cmm))
    }

    pub fn kind_of_file(&self, path: &Path) -> Result<i32> {
        let path = c_path(path)?;
        let mut kind = -1;
        call_optional!(self, axclrtEngineGetModelType(path.as_ptr(), &mut kind))?;
        Ok(kind)
    }

    pub fn kind_of_model(&self, model: u64) -> Result<i32> {
        let mut kind = -1;
        call_optional!(self, axclrtEngineGetModelTypeFromModelId(model, &mut kind))?;
        Ok(kind)
    }

    pub fn set_affinity(&self, model: u64, cores: u32) -> Result<()> {
        call_optional!(self, axclrtEngineSetAffinity(model, cores))
    }

    pub fn affinity(&self, model: u64) -> Result<u32> {
        let mut cores = 0;
        call_optional!(self, axclrtEngineGetAffinity(model, &mut cores))?;
        Ok(cores)
    }

    pub fn create_engine_context(&self, model: u64) -> Result<u64> {
        let mut context = 0;
        call!(self, axclrtEngineCreateContext(model, &mut context))?;
        Ok(context)
    }
}

// Descriptions of models.
impl Api {
    pub fn io_info(&self, model: u64) -> Result<Handle> {
        let mut info = std::ptr::null_mut();
        call!(self, axclrtEngineGetIOInfo(model, &mut info))?;
        Ok(info)
    }

    pub fn destroy_io_info(&self, info: Handle) -> Result<()> {
        call!(self, axclrtEngineDestroyIOInfo(info))
    }

    pub fn shape_groups(&self, info: Handle) -> Result<i32> {
        let mut count = 0;
        call!(self, axclrtEngineGetShapeGroupsCount(info, &mut count))?;
        Ok(count)
    }

    /// Number of inputs or outputs; an error code hides in the unsigned result.
    pub fn tensors(&self, info: Handle, side: Side) -> Result<u32> {
        let (function, name) = match side {
            Side::Input => (
                self.functions.axclrtEngineGetNumInputs,
                "axclrtEngineGetNumInputs",
            ),
            Side::Output => (
                self.functions.axclrtEngineGetNumOutputs,
                "axclrtEngineGetNumOutputs",
            ),
        };
        // SAFETY: the handle is a live description, which stays on the thread that made it.
        let number = unsafe { function(info) };
        if number >= 0x8000_0000 {
            check(name, number as i32)?;
        }
        Ok(number)
    }

    /// Bytes of an input or output; an error code hides in the unsigned result, sign-extended.
    pub fn tensor_size(&self, info: Handle, side: Side, group: u32, index: u32) -> Result<u64> {
        let functions = &self.functions;
        let (function, name) = match side {
            Side::Input => (
                functions.axclrtEngineGetInputSizeByIndex,
                "axclrtEngineGetInputSizeByIndex",
            ),
            Side::Output => (
                functions.axclrtEngineGetOutputSizeByIndex,
                "axclrtEngineGetOutputSizeByIndex",
            ),
        };
        // SAFETY: the handle is a live description, which stays on the thread that made it; indices are checked by the
        // runtime.
        let size = unsafe { function(info, group, index) };
        if size > i64::MAX as u64 {
            check(name, size as i32)?;
        }
        Ok(size)
    }

    pub fn tensor_name(&self, info: Handle, side: Side, index: u32) -> Option<String> {
        let function = match side {
            Side::Input => self.functions.axclrtEngineGetInputNameByIndex,
            Side::Output => self.functions.axclrtEngineGetOutputNameByIndex,
        };
        // SAFETY: the handle is a live description of this thread, which owns the string; it is copied at once.
        text(|| unsafe { function(info, index) })
    }

    pub fn tensor_dims(
        &self,
        info: Handle,
        side: Side,
        group: u32,
        index: u32,
    ) -> Result<Vec<i32>> {
        let mut dims = IoDims {
            dim_count: 0,
            dims: [0; _],
        };
        match side {
            Side::Input => call!(
                self,
                axclrtEngineGetInputDims(info, group, index, &mut dims)
            )?,
            Side::Output => call!(
                self,
                axclrtEngineGetOutputDims(info, group, index, &mut dims)
            )?,
        }
        let count = usize::try_from(dims.dim_count)
            .unwrap_or(0)
            .min(dims.dims.len());
        Ok(dims.dims[..count].to_vec())
    }

    pub fn tensor_data_type(&self, info: Handle, side: Side, index: u32) -> Result<i32> {
        let mut value = 0;
        match side {
            Side::Input => {
                call_optional!(self, axclrtEngineGetInputDataType(info, index, &mut value))?
            }
            Side::Output => {
                call_optional!(self, axclrtEngineGetOutputDataType(info, index, &mut value))?
            }
        }
        Ok(value)
    }

    pub fn tensor_layout(&self, info: Handle, side: Side, index: u32) -> Result<i32> {
        let mut value = 0;
        match side {
            Side::Input => call_optional!(
                self,
                axclrtEngineGetInputDataLayout(info, index, &mut value)
            )?,
            Side::Output => call_optional!(
                self,
                axclrtEngineGetOutputDataLayout(info, index, &mut value)
            )?,
        }
        Ok(value)
    }
}

/// A model to execute, with its context, shape group and bindings.
#[derive(Debug, Clone, Copy)]
pub struct Execution {
    pub model: u64,
    pub engine_context: u64,
    pub group: u32,
    pub io: Handle,
}

// Binding and execution.
impl Api {
    pub fn create_io(&self, info: Handle) -> Result<Handle> {
        let mut io = std::ptr::null_mut();
        call!(self, axclrtEngineCreateIO(info, &mut io))?;
        Ok(io)
    }

    pub fn destroy_io(&self, io: Handle) -> Result<()> {
        call!(self, axclrtEngineDestroyIO(io))
    }

    /// Binds a buffer, which must outlive every execution with this table.
    pub fn bind(
        &self,
        io: Handle,
        side: Side,
        index: u32,
        buffer: DevicePointer,
        size: usize,
    ) -> Result<()> {
        let (buffer, size) = (buffer.0.cast_const(), size as u64);
        match side {
            Side::Input => call!(
                self,
                axclrtEngineSetInputBufferByIndex(io, index, buffer, size)
            ),
            Side::Output => call!(
                self,
                axclrtEngineSetOutputBufferByIndex(io, index, buffer, size)
            ),
        }
    }

    pub fn execute(&self, execution: Execution) -> Result<()> {
        let Execution {
            model,
            engine_context,
            group,
            io,
        } = execution;
        call!(self, axclrtEngineExecute(model, engine_context, group, io))
    }

    /// Begins an execution; the table and its buffers must live until the stream was synchronised.
    pub fn execute_async(&self, execution: Execution, stream: Handle) -> Result<()> {
        let Execution {
            model,
            engine_context,
            group,
            io,
        } = execution;
        call_optional!(
            self,
            axclrtEngineExecuteAsync(model, engine_context, group, io, stream)
        )
    }
}
