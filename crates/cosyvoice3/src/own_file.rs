//! Location of the plugin.

use std::{
    ffi::{CStr, OsStr, c_void},
    mem::MaybeUninit,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Name of the directory of libraries that only the plugin uses.
const PRIVATE: &str = "cosyvoice3";

/// The file that holds this code, links resolved: the plugin, or the program it is linked into.
pub(crate) fn own_file() -> Option<PathBuf> {
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    let here = own_file as fn() -> Option<PathBuf> as *const c_void;
    // SAFETY: `info` is valid for writes, and dladdr only reads the address it is asked about.
    let found = unsafe { libc::dladdr(here, info.as_mut_ptr()) } != 0;
    // SAFETY: all zeros is a valid Dl_info, so it is initialised whether or not dladdr filled it in.
    let info = unsafe { info.assume_init() };
    if !found || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: dladdr points dli_fname at a NUL-terminated name that lives as long as the loaded object.
    let file = unsafe { CStr::from_ptr(info.dli_fname) }.to_bytes();
    if !file.contains(&b'/') {
        // A program is reported by the name it was called by, which the shell looked up in PATH.
        return std::env::current_exe().ok()?.canonicalize().ok();
    }
    Path::new(OsStr::from_bytes(file)).canonicalize().ok()
}

/// Directories of the plugin's own libraries: `cosyvoice3/` beside its file, or beside the directory of its file.
///
/// Packages use the second place, since GStreamer takes every library below its plugin directories for a plugin.
pub(crate) fn private_directories() -> Vec<PathBuf> {
    own_file().map_or_else(Vec::new, |file| directories_of(&file))
}

fn directories_of(file: &Path) -> Vec<PathBuf> {
    let above = file.ancestors().skip(1).take(2);
    above.map(|directory| directory.join(PRIVATE)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_its_own_file() {
        let program = std::env::current_exe().unwrap().canonicalize().unwrap();
        assert_eq!(own_file(), Some(program));
    }

    #[test]
    fn private_libraries_lie_beside_the_plugin_or_beside_gstreamers_directory() {
        assert_eq!(
            directories_of(Path::new("/usr/lib/gstreamer-1.0/libgstcosyvoice3.so")),
            [
                Path::new("/usr/lib/gstreamer-1.0/cosyvoice3"),
                Path::new("/usr/lib/cosyvoice3")
            ]
        );
    }
}
