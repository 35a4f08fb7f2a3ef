//! The private cache directory: what can be computed again, kept between runs.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// `$XDG_CACHE_HOME/cosyvoice3`, else `~/.cache/cosyvoice3`; `None` where the user has no home.
pub fn default_dir() -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|base| base.join("cosyvoice3"))
}

/// Creates `dir` for this user alone and refuses one that others could have prepared.
pub fn ensure_private(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)?;
    let meta = fs::metadata(dir)?;
    // The process owns its own entry under /proc.
    let own = fs::metadata("/proc/self")?.uid();
    if meta.uid() != own || meta.mode() & 0o022 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "belongs to or can be written by another user",
        ));
    }
    Ok(())
}

/// Writes `bytes` to `path`, for this user alone, so that readers see either the old file or the whole new one.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = path
        .parent()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let temporary = parent.join(format!(
        ".{}.{}.{:?}",
        path.file_name().unwrap_or_default().display(),
        std::process::id(),
        std::thread::current().id()
    ));
    let written = fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
