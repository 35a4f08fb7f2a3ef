//! Path this library was loaded from.

use std::{
    ffi::{CStr, OsStr},
    mem::MaybeUninit,
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

/// The file that holds this code: `libaxcl_rt.so`, or the program it was linked into.
pub fn path() -> Option<PathBuf> {
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: the first argument may be any address, the second points to memory for one Dl_info.
    let found = unsafe { libc::dladdr(path as *const libc::c_void, info.as_mut_ptr()) };
    // SAFETY: zeroed memory is a valid Dl_info, whether or not dladdr filled it.
    let info = unsafe { info.assume_init() };
    if found == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the loader keeps this string for as long as the library is loaded.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    Some(OsStr::from_bytes(name.to_bytes()).into())
}
