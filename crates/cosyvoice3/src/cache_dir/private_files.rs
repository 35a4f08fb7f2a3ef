//! Files of this user alone in a directory of the cache, the least recently used first to go.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Once,
    time::{Duration, SystemTime},
};

use super::{ensure_private, write_atomically};

/// Age at which a file that never got its name was left behind by a process that is gone.
pub(crate) const ABANDONED: Duration = Duration::from_secs(3600);

/// Files of no more than `limit` bytes together; their modification times say when each was used last.
pub(crate) struct PrivateFiles {
    /// The directory.
    pub dir: PathBuf,
    limit: u64,
    /// Of all names; other files are left alone.
    extension: &'static str,
    /// One warning that the directory is not used.
    refused: Once,
}

impl PrivateFiles {
    /// The files of `dir`, which is made when the first one is written.
    pub fn new(dir: PathBuf, limit: u64, extension: &'static str) -> Self {
        Self {
            dir,
            limit,
            extension,
            refused: Once::new(),
        }
    }

    /// The file `name`, decoded by `decode`; `None` if there is none, it cannot be read or it is damaged.
    pub fn load<T>(&self, name: &str, decode: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let path = self.path(name);
        let content = match self.read(&path) {
            Ok(None) => return None,
            Ok(Some(bytes)) => decode(&bytes).ok_or_else(|| "damaged".to_owned()),
            Err(e) => Err(e.to_string()),
        };
        content
            .inspect_err(|why| tracing::debug!("{}: {why}; computing it again", path.display()))
            .ok()
    }

    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let meta = match fs::symlink_metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            meta => meta?,
        };
        // Opening a pipe would block.
        if !meta.is_file() || meta.len() > self.limit {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        self.ensure_private()?;
        let file = File::open(path)?;
        let mut bytes = Vec::with_capacity(meta.len() as usize);
        (&file).take(self.limit).read_to_end(&mut bytes)?;
        // Not more than a wrong order where it fails.
        let _ = file.set_modified(SystemTime::now());
        Ok(Some(bytes))
    }

    /// Stores `bytes` as `name`, and removes what was not used for longest where the files grow too large.
    pub fn store(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        if bytes.len() as u64 > self.limit {
            return;
        }
        let stored = self
            .ensure_private()
            .and_then(|()| write_atomically(&path, bytes))
            .and_then(|()| self.evict(&path));
        if let Err(e) = stored {
            tracing::debug!("{}: {e}; keeping it in memory only", path.display());
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name).with_extension(self.extension)
    }

    /// The directory above counts as well: a user who may write to it can replace this one.
    fn ensure_private(&self) -> io::Result<()> {
        ensure_private(self.dir.parent().unwrap_or(Path::new("/")))
            .and_then(|()| ensure_private(&self.dir))
            .inspect_err(|e| {
                self.refused.call_once(|| {
                    tracing::warn!("{e}; the cache there is not used");
                });
            })
    }

    /// Removes files until the rest fits, never `kept`. Other processes may do the same at the same time.
    fn evict(&self, kept: &Path) -> io::Result<()> {
        let now = SystemTime::now();
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let Ok(meta) = fs::symlink_metadata(&path) else {
                continue;
            };
            let used = meta.modified()?;
            if path
                .extension()
                .is_some_and(|found| found == self.extension)
            {
                files.push((used, meta.len(), path));
            } else if path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
                && now.duration_since(used).is_ok_and(|age| age > ABANDONED)
            {
                let _ = fs::remove_file(&path);
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, len, _)| len).sum();
        for (_, len, path) in files {
            if total <= self.limit {
                break;
            }
            if path != kept {
                let _ = fs::remove_file(&path);
                total -= len;
            }
        }
        Ok(())
    }
}
