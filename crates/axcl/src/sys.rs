//! The C functions of `libaxcl_rt.so`: their types, and finding them in the library.
//!
//! They are declared `C-unwind` because the library is written in C++ and has been seen to let exceptions out.

#![allow(non_snake_case, reason = "the names are those of the C functions")]

use std::ffi::{CStr, OsStr, c_char, c_void};

use libloading::os::unix::{self, RTLD_LAZY, RTLD_LOCAL};

/// An opaque handle of the runtime: context, stream, event, description or binding table.
pub type Handle = *mut c_void;

/// The most devices that a list holds.
pub const MAX_DEVICES: usize = 256;
/// The most dimensions that a shape holds.
pub const MAX_DIMS: usize = 32;

#[repr(C)]
pub struct DeviceList {
    pub num: u32,
    pub devices: [i32; MAX_DEVICES],
}

#[repr(C)]
pub struct IoDims {
    pub dim_count: i32,
    pub dims: [i32; MAX_DIMS],
}

#[repr(C)]
pub struct DeviceProperties {
    pub sw_version: [c_char; 64],
    pub uid: u64,
    pub pci_domain: u32,
    pub pci_bus: u32,
    pub pci_device: u32,
    pub temperature: i32,
    pub total_mem: u32,
    pub free_mem: u32,
    pub total_cmm: u32,
    pub free_cmm: u32,
    pub cpu_load: u32,
    pub npu_load: u32,
    pub reserved: [u32; 32],
}

/// Loads a file, or a name that the dynamic loader looks for. Binding everything at once (RTLD_NOW) would fail, since
/// one of the vendor's libraries uses a function of another that it does not name.
pub fn open(name: &OsStr) -> Result<libloading::Library, libloading::Error> {
    // SAFETY: the initialisers of the runtime's libraries have no conditions; the user vouches for the file.
    unsafe { unix::Library::open(Some(name), RTLD_LAZY | RTLD_LOCAL) }.map(Into::into)
}

/// The library's own words for its version: all that may be asked of one that lacks functions.
pub fn version(library: &libloading::Library) -> String {
    type Full = unsafe extern "C-unwind" fn() -> *const c_char;
    type Numbers = unsafe extern "C-unwind" fn(*mut i32, *mut i32, *mut i32) -> i32;
    // SAFETY: the types are the functions' signatures in the runtime's ABI.
    let (full, numbers) = unsafe {
        (
            library.get::<Full>("axclrtGetFullVersion"),
            library.get::<Numbers>("axclrtGetVersion"),
        )
    };
    if let Ok(full) = full {
        // SAFETY: the function takes nothing and returns a static string or NULL; any thread may call it.
        let text = unsafe { full() };
        if !text.is_null() {
            // SAFETY: checked above; the string is static.
            return unsafe { CStr::from_ptr(text) }
                .to_string_lossy()
                .into_owned();
        }
    }
    let [mut major, mut minor, mut patch] = [0; 3];
    match numbers {
        // SAFETY: the function writes three numbers; it works before initialisation, on any thread.
        Ok(numbers) if unsafe { numbers(&mut major, &mut minor, &mut patch) } == 0 => {
            format!("version {major}.{minor}.{patch}")
        }
        _ => "version unknown".into(),
    }
}

const _: () = assert!(size_of::<DeviceList>() == 1028);
const _: () = assert!(size_of::<IoDims>() == 132);
const _: () = assert!(size_of::<DeviceProperties>() == 240);

/// Declares the table of functions: those without which no model runs, and those that some versions of the library lack.
macro_rules! functions {
    (
        required { $(fn $required:ident($($rt:ty),*) $(-> $rr:ty)?;)* }
        optional { $(fn $optional:ident($($ot:ty),*) $(-> $or:ty)?;)* }
    ) => {
        /// The functions of a loaded library.
        pub struct Functions {
            $(pub $required: unsafe extern "C-unwind" fn($($rt),*) $(-> $rr)?,)*
            $(pub $optional: Option<unsafe extern "C-unwind" fn($($ot),*) $(-> $or)?>,)*
        }

        impl Functions {
            /// Looks all functions up; the error is the name of a required one that is missing.
            pub fn find(library: &libloading::Library) -> Result<Self, &'static str> {
                Ok(Self {
                    $($required: {
                        // SAFETY: the type is the function's signature in the runtime's ABI.
                        let symbol = unsafe { library.get(stringify!($required)) };
                        *symbol.map_err(|_| stringify!($required))?
                    },)*
                    $($optional: {
                        // SAFETY: the type is the function's signature in the runtime's ABI.
                        let symbol = unsafe { library.get(stringify!($optional)) };
                        symbol.ok().map(|symbol| *symbol)
                    },)*
                })
            }
        }
    };
}

functions! {
    required {
        fn axclInit(*const c_char) -> i32;
        fn axclFinalize() -> i32;
        fn axclSetLogLevel(i32) -> i32;

        fn axclrtSetDevice(i32) -> i32;
        fn axclrtResetDevice(i32) -> i32;
        fn axclrtSetCurrentContext(Handle) -> i32;
        fn axclrtGetCurrentContext(*mut Handle) -> i32;

        fn axclrtMalloc(*mut *mut c_void, usize, i32) -> i32;
        fn axclrtFree(*mut c_void) -> i32;
        fn axclrtMallocHost(*mut *mut c_void, usize) -> i32;
        fn axclrtFreeHost(*mut c_void) -> i32;
        fn axclrtMemset(*mut c_void, u8, usize) -> i32;
        fn axclrtMemcpy(*mut c_void, *const c_void, usize, i32) -> i32;

        fn axclrtEngineInit(i32) -> i32;
        fn axclrtEngineFinalize() -> i32;
        fn axclrtEngineLoadFromFile(*const c_char, *mut u64) -> i32;
        fn axclrtEngineUnload(u64) -> i32;
        fn axclrtEngineCreateContext(u64, *mut u64) -> i32;
        fn axclrtEngineGetIOInfo(u64, *mut Handle) -> i32;
        fn axclrtEngineDestroyIOInfo(Handle) -> i32;
        fn axclrtEngineGetShapeGroupsCount(Handle, *mut i32) -> i32;
        fn axclrtEngineGetNumInputs(Handle) -> u32;
        fn axclrtEngineGetNumOutputs(Handle) -> u32;
        fn axclrtEngineGetInputSizeByIndex(Handle, u32, u32) -> u64;
        fn axclrtEngineGetOutputSizeByIndex(Handle, u32, u32) -> u64;
        fn axclrtEngineGetInputNameByIndex(Handle, u32) -> *const c_char;
        fn axclrtEngineGetOutputNameByIndex(Handle, u32) -> *const c_char;
        fn axclrtEngineGetInputDims(Handle, u32, u32, *mut IoDims) -> i32;
        fn axclrtEngineGetOutputDims(Handle, u32, u32, *mut IoDims) -> i32;
        fn axclrtEngineCreateIO(Handle, *mut Handle) -> i32;
        fn axclrtEngineDestroyIO(Handle) -> i32;
        fn axclrtEngineSetInputBufferByIndex(Handle, u32, *const c_void, u64) -> i32;
        fn axclrtEngineSetOutputBufferByIndex(Handle, u32, *const c_void, u64) -> i32;
        fn axclrtEngineExecute(u64, u64, u32, Handle) -> i32;
    }
    optional {
        fn axclrtGetVersion(*mut i32, *mut i32, *mut i32) -> i32;
        fn axclrtGetSocName() -> *const c_char;
        fn axclrtGetDeviceList(*mut DeviceList) -> i32;
        fn axclrtGetDeviceCount(*mut u32) -> i32;
        fn axclrtSynchronizeDevice() -> i32;
        fn axclrtCreateContext(*mut Handle, i32) -> i32;
        fn axclrtDestroyContext(Handle) -> i32;
        fn axclrtMallocCached(*mut *mut c_void, usize, i32) -> i32;
        fn axclrtMemFlush(*mut c_void, usize) -> i32;
        fn axclrtMemInvalidate(*mut c_void, usize) -> i32;
        fn axclrtMemcmp(*const c_void, *const c_void, usize) -> i32;
        fn axclrtCreateStream(*mut Handle) -> i32;
        fn axclrtDestroyStream(Handle) -> i32;
        fn axclrtSynchronizeStream(Handle) -> i32;
        fn axclrtSynchronizeStreamWithTimeout(Handle, i32) -> i32;
        fn axclrtMemcpyAsync(*mut c_void, *const c_void, usize, i32, Handle) -> i32;
        fn axclrtMemsetAsync(*mut c_void, u8, usize, Handle) -> i32;
        fn axclrtCreateEvent(*mut Handle) -> i32;
        fn axclrtDestroyEvent(Handle) -> i32;
        fn axclrtRecordEvent(Handle, Handle) -> i32;
        fn axclrtStreamWaitEvent(Handle, Handle) -> i32;
        fn axclrtEngineGetVNpuKind(*mut i32) -> i32;
        fn axclrtEngineLoadFromMem(*const c_void, u64, *mut u64) -> i32;
        fn axclrtEngineExecuteAsync(u64, u64, u32, Handle, Handle) -> i32;
        fn axclrtGetFullVersion() -> *const c_char;
        fn axclrtGetDeviceProperties(i32, *mut DeviceProperties) -> i32;
        fn axclrtRebootDevice(i32) -> i32;
        fn axclrtEngineGetModelCompilerVersion(u64) -> *const c_char;
        fn axclrtEngineGetUsage(*const c_char, *mut i64, *mut i64) -> i32;
        fn axclrtEngineGetUsageFromModelId(u64, *mut i64, *mut i64) -> i32;
        fn axclrtEngineGetModelType(*const c_char, *mut i32) -> i32;
        fn axclrtEngineGetModelTypeFromModelId(u64, *mut i32) -> i32;
        fn axclrtEngineSetAffinity(u64, u32) -> i32;
        fn axclrtEngineGetAffinity(u64, *mut u32) -> i32;
        fn axclrtEngineGetInputDataType(Handle, u32, *mut i32) -> i32;
        fn axclrtEngineGetOutputDataType(Handle, u32, *mut i32) -> i32;
        fn axclrtEngineGetInputDataLayout(Handle, u32, *mut i32) -> i32;
        fn axclrtEngineGetOutputDataLayout(Handle, u32, *mut i32) -> i32;
    }
}
