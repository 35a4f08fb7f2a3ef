//! Writing a model directory so that it is either whole or not there.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use cosyvoice3::{
    atomic_file,
    manifest::{FileEntry, MANIFEST, Manifest},
    regular_file,
};
use sha2::{Digest, Sha256};

use crate::progress::Progress;

/// Marks a directory that is still being written, so that the next attempt may remove the rest of an interrupted one.
const MARKER: &str = ".cosyvoice3-unfinished";

/// A directory in the making, `NAME.partial` beside its target; removed with everything in it unless it is finished.
pub struct Unfinished {
    path: PathBuf,
    target: PathBuf,
    /// Holds the advisory lock that keeps a second conversion away.
    _lock: File,
    finished: bool,
}

impl Unfinished {
    /// Begins the directory that shall become `target`.
    ///
    /// # Errors
    /// `target` holds a model already and `replace` is not set, or holds something else; another conversion to the same
    /// place is running; the place cannot be written.
    pub fn beside(target: &Path, replace: bool) -> Result<Self> {
        let target = match target.canonicalize() {
            Ok(target) => target,
            Err(_) => std::path::absolute(target)?,
        };
        check_target(&target, replace)?;
        let name = target.file_name();
        let name = name.with_context(|| format!("{} has no name", target.display()))?;
        let parent = target.parent().expect("a path with a name has a parent");
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
        let mut partial = name.to_owned();
        partial.push(".partial");
        let path = parent.join(partial);
        let lock = begin(&path)?;
        Ok(Self {
            path,
            target,
            _lock: lock,
            finished: false,
        })
    }

    /// Directory to write to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its final place.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Writes the file `name` and returns its size and hash.
    pub fn write(
        &self,
        name: &str,
        progress: &Progress,
        content: impl FnOnce(&mut HashingWriter<'_>) -> Result<()>,
    ) -> Result<FileEntry> {
        write_hashed(&self.path.join(name), progress, content)
    }

    /// Makes the directory its target, in place of the model that may be there.
    pub fn finish(mut self) -> Result<()> {
        let context = || format!("cannot rename {}", self.path.display());
        fs::remove_file(self.path.join(MARKER)).with_context(context)?;
        File::open(&self.path)
            .and_then(|dir| dir.sync_all())
            .with_context(context)?;
        let mut replaced = self.path.clone().into_os_string();
        replaced.push(".replaced");
        let replaced = PathBuf::from(replaced);
        let replaces = self.target.exists();
        if replaces {
            fs::rename(&self.target, &replaced).with_context(context)?;
        }
        if let Err(error) = fs::rename(&self.path, &self.target) {
            if replaces {
                fs::rename(&replaced, &self.target).with_context(context)?;
            }
            return Err(error).with_context(context);
        }
        self.finished = true;
        if replaces {
            fs::remove_dir_all(&replaced)
                .with_context(|| format!("cannot remove {}", replaced.display()))?;
        }
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Files that are being added to a finished model directory. Until [`finish`](Self::finish) they have other names there,
/// and without it they are removed.
pub struct Additions<'a> {
    dir: &'a Path,
    names: Vec<String>,
}

impl<'a> Additions<'a> {
    /// None yet, to be added to `dir`.
    pub fn to(dir: &'a Path) -> Self {
        Self {
            dir,
            names: Vec::new(),
        }
    }

    /// Copies the file `from`, to be called `name`, and returns its size and hash.
    pub fn copy(&mut self, from: &Path, name: &str, progress: &Progress) -> Result<FileEntry> {
        let at = || from.display().to_string();
        let mut source = regular_file::open(from)?;
        let size = source.metadata().with_context(at)?.len();
        progress.step(&format!("copying {name}"), size);
        self.names.push(name.into());
        write_hashed(&self.partial(name), progress, |out| {
            io::copy(&mut source, out).with_context(at)?;
            Ok(())
        })
    }

    /// Gives the files their names, and the directory the manifest that lists them.
    pub fn finish(mut self, manifest: &Manifest) -> Result<()> {
        for name in std::mem::take(&mut self.names) {
            let to = self.dir.join(&name);
            fs::rename(self.partial(&name), &to)
                .with_context(|| format!("cannot write {}", to.display()))?;
        }
        replace_file(&self.dir.join(MANIFEST), manifest.to_toml().as_bytes())
    }

    fn partial(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.partial"))
    }
}

impl Drop for Additions<'_> {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = fs::remove_file(self.partial(name));
        }
    }
}

fn check_target(target: &Path, replace: bool) -> Result<()> {
    let at = target.display();
    let mut entries = match fs::read_dir(target) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e).with_context(|| at.to_string()),
    };
    if entries.next().is_none() {
        return Ok(());
    }
    ensure!(
        target.join(MANIFEST).exists(),
        "{at} is not empty and contains no model: choose another directory"
    );
    ensure!(
        replace,
        "{at} already contains a model: --force replaces it and keeps its voices"
    );
    Ok(())
}

/// Creates the empty directory `path`, locked and marked, after removing the rest of an interrupted conversion.
fn begin(path: &Path) -> Result<File> {
    let at = path.display();
    if path.exists() {
        let lock = File::open(path).with_context(|| at.to_string())?;
        ensure!(
            lock.try_lock().is_ok(),
            "another conversion is writing {at}: wait for it"
        );
        if !path.join(MARKER).exists() && fs::read_dir(path)?.next().is_some() {
            bail!("{at} is in the way: remove it");
        }
        fs::remove_dir_all(path).with_context(|| format!("cannot remove {at}"))?;
    }
    fs::create_dir(path).with_context(|| format!("cannot create {at}"))?;
    let lock = File::open(path).with_context(|| at.to_string())?;
    let _ = lock.try_lock();
    File::create(path.join(MARKER)).with_context(|| format!("cannot write to {at}"))?;
    Ok(lock)
}

/// A file that is hashed while it is written.
pub struct HashingWriter<'a> {
    out: BufWriter<File>,
    hash: Sha256,
    size: u64,
    progress: &'a Progress,
}

impl Write for HashingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        self.progress.advance(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes `path` through to the disk and returns its size and hash.
pub fn write_hashed(
    path: &Path,
    progress: &Progress,
    content: impl FnOnce(&mut HashingWriter<'_>) -> Result<()>,
) -> Result<FileEntry> {
    let write = || -> Result<FileEntry> {
        let mut writer = HashingWriter {
            out: BufWriter::with_capacity(1 << 20, File::create(path)?),
            hash: Sha256::new(),
            size: 0,
            progress,
        };
        content(&mut writer)?;
        writer.flush()?;
        writer.out.get_ref().sync_all()?;
        Ok(FileEntry {
            size: writer.size,
            sha256: hex(&writer.hash.finalize()),
        })
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Replaces the file `path` by `bytes` atomically: a reader sees the old content or the new.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    atomic_file::replace(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// A folder of small files in the making, beside its target; removed with everything in it unless it is finished.
pub struct UnfinishedFolder {
    folder: tempfile::TempDir,
    target: PathBuf,
}

impl UnfinishedFolder {
    /// Begins the folder that shall become `target`, which must not be there.
    pub fn beside(target: &Path) -> Result<Self> {
        let target = std::path::absolute(target)?;
        let parent = target.parent();
        let parent = parent.with_context(|| format!("{} has no name", target.display()))?;
        let folder = tempfile::Builder::new()
            .prefix(".cosyvoice3-")
            .suffix(".partial")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir_in(parent);
        let folder = folder.with_context(|| format!("cannot write to {}", parent.display()))?;
        Ok(Self { folder, target })
    }

    /// Writes the file `name` through to the disk.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.path().join(name);
        let write = || {
            let mut file = File::create(path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().with_context(|| format!("cannot write {}", self.target.join(name).display()))
    }

    /// Gives the folder its name.
    pub fn finish(mut self) -> Result<()> {
        fs::rename(self.folder.path(), &self.target)
            .and_then(|()| atomic_file::sync_directory(&self.target))
            .with_context(|| format!("cannot write {}", self.target.display()))?;
        self.folder.disable_cleanup(true);
        Ok(())
    }
}

/// Size and hash of a file that exists.
pub fn hash_file(path: &Path, progress: &Progress) -> Result<FileEntry> {
    let mut file = regular_file::open(path)?;
    let mut read = || {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        let mut size = 0;
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
            size += n as u64;
            progress.advance(n as u64);
        }
        Ok::<_, io::Error>(FileEntry {
            size,
            sha256: hex(&hash.finalize()),
        })
    };
    read().with_context(|| path.display().to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
