//! Keeps ONNX Runtime from reporting to its maker.
//!
//! The official Linux libraries hold a telemetry client from 1.29 on. It starts with the first environment, before its API can
//! switch it off, writes a lasting device identity below the user's cache directory and connects to a collector. Only
//! [`SWITCH`] in the process's environment keeps it from starting, and setting a variable is unsound in a process that
//! has threads, which a GStreamer application has. So such a library is used only where the variable is set already.

use std::{
    ffi::{CStr, OsStr, c_char, c_void},
    fs::File,
    mem::MaybeUninit,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use libloading::Library;

/// Environment variable that keeps the telemetry of ONNX Runtime from starting, if it is `1`.
pub(super) const SWITCH: &str = "ORT_DISABLE_TELEMETRY";

/// First minor version of ONNX Runtime 1 whose official library reports on Linux: found by looking for [`SWITCH`] in the
/// libraries of the wheels, 1.28.0 being the last without it.
const FIRST_WITH_TELEMETRY: u32 = 29;

/// Reason not to use `library` in this process: it would report, and nothing switches that off.
pub(super) fn objection(library: &Path) -> Option<String> {
    if std::env::var_os(SWITCH).is_some_and(|value| value == "1") {
        return None;
    }
    reports(library).then(|| {
        format!(
            "{} has telemetry built in and would report to its vendor; set {SWITCH}=1 in the environment of this \
             program to use it without that, or take ONNX Runtime 1.{} or older",
            library.display(),
            FIRST_WITH_TELEMETRY - 1
        )
    })
}

/// Returns true if `library` can be loaded and holds a telemetry client.
fn reports(library: &Path) -> bool {
    // SAFETY: an ONNX Runtime library only sets up its own globals when it is loaded; the dynamic loader takes its own
    // locks, so this may be called from several threads.
    let Ok(loaded) = (unsafe { Library::new(library) }) else {
        return false; // its user reports why it cannot be loaded
    };
    let Some((minor, file)) = inspect(&loaded) else {
        return false;
    };
    minor >= FIRST_WITH_TELEMETRY && has_client(&file)
}

/// A self-built library of a newer version has no client, unless its builder asked for one.
fn has_client(file: &Path) -> bool {
    let Ok(file) = File::open(file) else {
        return true; // what cannot be looked at may report
    };
    // SAFETY: read-only, and the loader maps the same file; a file that shrinks meanwhile would have broken the
    // library itself.
    match unsafe { memmap2::Mmap::map(&file) } {
        Ok(bytes) => memchr::memmem::find(&bytes, SWITCH.as_bytes()).is_some(),
        Err(_) => true,
    }
}

/// The first two functions of `OrtApiBase`, which are the same in all versions.
#[repr(C)]
struct ApiBase {
    get_api: *const c_void,
    version: unsafe extern "C" fn() -> *const c_char,
}

/// Minor version and file of a loaded ONNX Runtime 1; `None` for anything else.
fn inspect(library: &Library) -> Option<(u32, PathBuf)> {
    // SAFETY: this is the function's type in onnxruntime_c_api.h of every version.
    let base =
        unsafe { library.get::<unsafe extern "C" fn() -> *const ApiBase>(b"OrtGetApiBase\0") }
            .ok()?;
    // SAFETY: it returns the address of a constant, from any thread.
    let api = unsafe { base() };
    if api.is_null() {
        return None;
    }
    // SAFETY: the table is constant, and so is the string that this returns, from any thread.
    let version = unsafe { CStr::from_ptr(((*api).version)()) }
        .to_str()
        .ok()?;
    let minor = version
        .strip_prefix("1.")?
        .split('.')
        .next()?
        .parse()
        .ok()?;
    Some((minor, file_of(*base as *const c_void)?))
}

/// The file that holds the code at `address`.
fn file_of(address: *const c_void) -> Option<PathBuf> {
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: `info` is valid for writes, and dladdr only reads the loader's tables, under its lock.
    let found = unsafe { libc::dladdr(address, info.as_mut_ptr()) } != 0;
    // SAFETY: all zeros is a valid Dl_info, so it is initialised whether or not dladdr filled it in.
    let info = unsafe { info.assume_init() };
    if !found || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: dladdr points dli_fname at a NUL-terminated name that lives as long as the library is loaded.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    Some(PathBuf::from(OsStr::from_bytes(name.to_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_library_without_a_client_is_not_suspected() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("libonnxruntime.so");
        std::fs::write(&file, "no client in here").unwrap();
        assert!(!has_client(&file));
        std::fs::write(&file, format!("reads {SWITCH} at start")).unwrap();
        assert!(has_client(&file));
    }
}
