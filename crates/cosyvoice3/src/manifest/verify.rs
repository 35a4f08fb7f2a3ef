//! Whether the files of a model directory are those its manifest was written for.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{FileEntry, Manifest};
use crate::{Error, ErrorKind, Result, cache_dir, cancel::Cancel};

/// When the hashes of a model directory are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// On first use and after a file's size, modification time or inode changed.
    #[default]
    Auto,
    /// Every time.
    Always,
    /// Never; sizes are still checked.
    Never,
}

/// Name of the record of verified files inside the cache directory.
const RECORD: &str = "verified.toml";

/// What a file looked like when its hash was last right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    size: u64,
    mtime: i64,
    mtime_nsec: i64,
    inode: u64,
    sha256: String,
}

/// Checks that every file of the manifest exists with its size: cheap enough for every start.
pub fn sizes(dir: &Path, manifest: &Manifest) -> Result<()> {
    for (name, entry) in &manifest.files {
        let path = dir.join(name);
        let meta = fs::metadata(&path).map_err(|e| {
            Error::io(&path, &e).context(format!("a file of the model \"{}\"", manifest.name))
        })?;
        if meta.len() != entry.size {
            return Err(Error::damaged(
                &path,
                format!(
                    "{} bytes, the manifest says {}: the copy is incomplete or of another model; copy or convert it again",
                    meta.len(),
                    entry.size
                ),
            ));
        }
        File::open(&path).map_err(|e| Error::io(&path, &e))?;
    }
    Ok(())
}

/// Checks the hashes of the manifest's files as `verify` asks; `progress` gets the share done while files are read.
///
/// A cache that cannot be used costs one warning and the hashing, nothing else.
pub fn hashes(
    dir: &Path,
    manifest: &Manifest,
    verify: Verify,
    cache_dir: Option<&Path>,
    cancel: &Cancel,
    progress: &mut dyn FnMut(f32),
) -> Result<Option<Error>> {
    if verify == Verify::Never {
        return Ok(None);
    }
    let record_path = cache_dir.map(|dir| dir.join(RECORD));
    let mut record = record_path.as_deref().map(read_record).unwrap_or_default();
    let mut changed = false;
    let total: u64 = manifest.files.values().map(|entry| entry.size).sum();
    let mut done = 0;
    for (name, entry) in &manifest.files {
        let path = dir.join(name);
        let path = path.canonicalize().unwrap_or(path);
        let key = path.to_string_lossy().into_owned();
        let now = look(&path, entry)?;
        if verify == Verify::Always || record.get(&key) != Some(&now) {
            let found = sha256(&path, cancel, &mut |bytes| {
                progress((done + bytes) as f32 / total.max(1) as f32)
            })?;
            if found != entry.sha256 {
                return Err(Error::damaged(
                    &path,
                    format!(
                        "SHA-256 {found}, the manifest says {}: the file is damaged or was changed; copy or convert it again",
                        entry.sha256
                    ),
                ));
            }
            record.insert(key, now);
            changed = true;
        }
        done += entry.size;
    }
    let (Some(path), true) = (record_path, changed) else {
        return Ok(None);
    };
    let written =
        cache_dir::ensure_private(path.parent().unwrap_or(Path::new("/"))).and_then(|()| {
            let text = toml::to_string(&record).map_err(std::io::Error::other)?;
            cache_dir::write_atomically(&path, text.as_bytes())
        });
    Ok(written.err().map(|e| {
        Error::new(
            ErrorKind::Open,
            format!(
                "{}: {e}: cannot remember that the model is whole, so its files are hashed at every start; \
                 make the directory writable or set XDG_CACHE_HOME",
                path.display()
            ),
        )
    }))
}

/// SHA-256 of a file, lower-case hexadecimal; `progress` gets the bytes read.
pub fn sha256(path: &Path, cancel: &Cancel, progress: &mut dyn FnMut(u64)) -> Result<String> {
    let mut file = File::open(path).map_err(|e| Error::io(path, &e))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut read = 0;
    loop {
        cancel.check()?;
        match file.read(&mut buffer).map_err(|e| Error::io(path, &e))? {
            0 => break,
            n => {
                hasher.update(&buffer[..n]);
                read += n as u64;
                progress(read);
            }
        }
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn look(path: &Path, entry: &FileEntry) -> Result<Seen> {
    let meta = fs::metadata(path).map_err(|e| Error::io(path, &e))?;
    Ok(Seen {
        size: meta.len(),
        mtime: meta.mtime(),
        mtime_nsec: meta.mtime_nsec(),
        inode: meta.ino(),
        sha256: entry.sha256.clone(),
    })
}

/// The record, without files that are gone; a damaged record is an empty one.
fn read_record(path: &Path) -> BTreeMap<String, Seen> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut record: BTreeMap<String, Seen> = toml::from_str(&text).unwrap_or_default();
    record.retain(|file, _| PathBuf::from(file).exists());
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn model(dir: &Path, content: &[u8]) -> Manifest {
        fs::write(dir.join("lm.gguf"), content).unwrap();
        let sha256 = sha256(&dir.join("lm.gguf"), &Cancel::new(), &mut |_| {}).unwrap();
        let mut manifest = crate::manifest::tests::sample();
        manifest.files = BTreeMap::from([(
            "lm.gguf".into(),
            FileEntry {
                size: content.len() as u64,
                sha256,
            },
        )]);
        manifest
    }

    fn check(
        dir: &Path,
        manifest: &Manifest,
        verify: Verify,
        cache: &Path,
    ) -> Result<Option<Error>> {
        hashes(
            dir,
            manifest,
            verify,
            Some(cache),
            &Cancel::new(),
            &mut |_| {},
        )
    }

    #[test]
    fn a_flipped_bit_is_found_and_the_file_named() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = model(dir.path(), b"weights");
        fs::write(dir.path().join("lm.gguf"), b"weightS").unwrap();
        sizes(dir.path(), &manifest).unwrap();
        let error = check(
            dir.path(),
            &manifest,
            Verify::Auto,
            &dir.path().join("cache"),
        )
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.to_string().contains("lm.gguf"), "{error}");
    }

    #[test]
    fn a_truncated_file_is_found_without_hashing() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = model(dir.path(), b"weights");
        fs::write(dir.path().join("lm.gguf"), b"wei").unwrap();
        let error = sizes(dir.path(), &manifest).unwrap_err();
        assert!(
            error.to_string().contains("3 bytes, the manifest says 7"),
            "{error}"
        );
    }

    #[test]
    fn a_verified_file_is_trusted_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        let mut manifest = model(dir.path(), b"weights");
        assert_eq!(
            check(dir.path(), &manifest, Verify::Auto, &cache).unwrap(),
            None
        );
        assert_eq!(
            fs::metadata(&cache).unwrap().permissions().mode() & 0o777,
            0o700
        );
        let cancelled = Cancel::new();
        cancelled.cancel();
        hashes(
            dir.path(),
            &manifest,
            Verify::Auto,
            Some(&cache),
            &cancelled,
            &mut |_| {},
        )
        .expect("nothing is read again");
        manifest.files.get_mut("lm.gguf").unwrap().sha256 = "0".repeat(64);
        check(dir.path(), &manifest, Verify::Auto, &cache).expect_err("another manifest");
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_one_warning() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = model(dir.path(), b"weights");
        fs::write(
            dir.path().join("cache"),
            b"a file where a directory belongs",
        )
        .unwrap();
        let warning = check(
            dir.path(),
            &manifest,
            Verify::Auto,
            &dir.path().join("cache"),
        )
        .unwrap()
        .expect("a warning");
        assert!(warning.to_string().contains("XDG_CACHE_HOME"), "{warning}");
    }
}
