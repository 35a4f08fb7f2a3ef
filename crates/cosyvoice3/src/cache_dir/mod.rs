//! The private cache directory: what can be computed again, kept between runs.

mod private_files;

#[cfg(test)]
pub(crate) use private_files::ABANDONED;
pub(crate) use private_files::PrivateFiles;

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

/// Creates `dir` for this user alone, and refuses one that others could have prepared: a link, or a directory that belongs
/// to another user or can be written by one. What lies in such a directory must not be read.
pub fn ensure_private(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)?;
    let meta = fs::symlink_metadata(dir)?;
    // The process owns its own entry under /proc.
    let own = fs::metadata("/proc/self")?.uid();
    let refused = |what: &str| {
        let message = format!("{} {what}", dir.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
    };
    if !meta.is_dir() {
        return refused(
            "is a symbolic link, which another user may have made: replace it with a directory",
        );
    }
    if meta.uid() != own {
        return refused("belongs to another user");
    }
    if meta.mode() & 0o022 != 0 {
        return refused("is writable by other users: run chmod go-w on it");
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn refusal(dir: &Path) -> String {
        ensure_private(dir).unwrap_err().to_string()
    }

    #[test]
    fn a_directory_that_others_could_have_prepared_is_refused_with_its_reason() {
        let place = tempfile::tempdir().unwrap();
        let (dir, link) = (place.path().join("private"), place.path().join("link"));
        ensure_private(&dir).unwrap();
        symlink(&dir, &link).unwrap();
        assert!(refusal(&link).contains("is a symbolic link"));
        for mode in [0o720, 0o702, 0o777] {
            fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
            assert!(refusal(&dir).contains("chmod go-w"));
        }
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        ensure_private(&dir).unwrap();
        // Nobody but the kernel's own user has directories there.
        if fs::metadata("/proc/self").unwrap().uid() != 0 {
            assert!(refusal(Path::new("/proc/1")).contains("another user"));
        }
    }
}
