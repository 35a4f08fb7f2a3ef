//! Where the plugin lies.

use std::{
    ffi::{CStr, OsStr, c_void},
    mem::MaybeUninit,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The file that holds this code, links resolved: the plugin, or the program it is linked into.
pub(crate) fn plugin_file() -> Option<PathBuf> {
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    let here = plugin_file as fn() -> Option<PathBuf> as *const c_void;
    // SAFETY: `info` is valid for writes, and dladdr only reads the address it is asked about.
    let found = unsafe { libc::dladdr(here, info.as_mut_ptr()) } != 0;
    // SAFETY: all zeros is a valid Dl_info, so it is initialised whether or not dladdr filled it in.
    let info = unsafe { info.assume_init() };
    if !found || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: dladdr points dli_fname at a NUL-terminated name that lives as long as the loaded object.
    let file = unsafe { CStr::from_ptr(info.dli_fname) };
    Path::new(OsStr::from_bytes(file.to_bytes()))
        .canonicalize()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_its_own_file() {
        let program = std::env::current_exe().unwrap().canonicalize().unwrap();
        assert_eq!(plugin_file(), Some(program));
    }
}
