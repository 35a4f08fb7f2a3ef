//! Checks that the files of a model directory are those of its manifest.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{FileEntry, Manifest};
use crate::{Error, ErrorKind, Result, cache_dir, cancel::Cancel, regular_file};

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
/// Longest record; a model takes some 3 kB of it.
const MAX_RECORD: u64 = 16 << 20;

/// Metadata of a file when its hash was last right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    size: u64,
    mtime: i64,
    mtime_nsec: i64,
    inode: u64,
    sha256: String,
}

/// Checks that every file of the manifest is a regular file inside `dir` and has its size: cheap enough for every start.
///
/// # Errors
/// Those of [`regular_file::open`]; [`ErrorKind::Damaged`] for another size, or for a link that leads out of `dir`. `dir`
/// itself may be a link.
pub fn sizes(dir: &Path, manifest: &Manifest) -> Result<()> {
    sizes_of(dir, &manifest.name, &manifest.files)
}

/// As [`sizes`], of `files` of the model called `model`.
pub fn sizes_of(dir: &Path, model: &str, files: &BTreeMap<String, FileEntry>) -> Result<()> {
    let root = dir.canonicalize().map_err(|e| Error::io(dir, &e))?;
    for (name, entry) in files {
        let path = dir.join(name);
        let of_the_model = |e: Error| e.context(format!("a file of the model \"{model}\""));
        stays_inside(&root, &path).map_err(of_the_model)?;
        let file = regular_file::open(&path).map_err(of_the_model)?;
        let size = file.metadata().map_err(|e| Error::io(&path, &e))?.len();
        if size != entry.size {
            return Err(Error::damaged(
                &path,
                format!(
                    "{size} bytes, but the manifest says {}: the copy is incomplete or belongs to another model; copy it or convert the checkpoint again",
                    entry.size
                ),
            ));
        }
    }
    Ok(())
}

/// Checks that `path` with all its links resolved lies below `root`.
fn stays_inside(root: &Path, path: &Path) -> Result<()> {
    let real = path.canonicalize().map_err(|e| Error::io(path, &e))?;
    if real.starts_with(root) {
        return Ok(());
    }
    Err(Error::damaged(
        path,
        format!(
            "a link to {}, outside the model directory: copy the file itself, or link the whole directory",
            real.display()
        ),
    ))
}

/// Checks the hashes of the manifest's files as `verify` asks; `progress` gets the share done while files are read.
///
/// A cache that is unusable, or that another user may have written, costs one warning and the hashing, nothing else.
pub fn hashes(
    dir: &Path,
    manifest: &Manifest,
    verify: Verify,
    cache_dir: Option<&Path>,
    cancel: &Cancel,
    progress: &mut dyn FnMut(f32),
) -> Result<Option<Error>> {
    hashes_of(dir, &manifest.files, verify, cache_dir, cancel, progress)
}

/// As [`hashes`], of `files`.
pub fn hashes_of(
    dir: &Path,
    files: &BTreeMap<String, FileEntry>,
    verify: Verify,
    cache_dir: Option<&Path>,
    cancel: &Cancel,
    progress: &mut dyn FnMut(f32),
) -> Result<Option<Error>> {
    if verify == Verify::Never {
        return Ok(None);
    }
    let (record_path, mut warning) = match cache_dir {
        Some(dir) => match cache_dir::ensure_private(dir) {
            Ok(()) => (Some(dir.join(RECORD)), None),
            Err(e) => (None, Some(not_remembered(&dir.join(RECORD), &e))),
        },
        None => (None, None),
    };
    let mut record = record_path.as_deref().map(read_record).unwrap_or_default();
    let mut changed = false;
    let total: u64 = files.values().map(|entry| entry.size).sum();
    let mut done = 0;
    for (name, entry) in files {
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
                        "SHA-256 {found}, but the manifest says {}: the file is damaged or was changed; copy it or convert the checkpoint again",
                        entry.sha256
                    ),
                ));
            }
            record.insert(key, now);
            changed = true;
        }
        done += entry.size;
    }
    if let (Some(path), true) = (record_path, changed) {
        let text = toml::to_string(&record).map_err(std::io::Error::other);
        let written = text.and_then(|text| cache_dir::write_atomically(&path, text.as_bytes()));
        warning = written.err().map(|e| not_remembered(&path, &e));
    }
    Ok(warning)
}

fn not_remembered(record: &Path, error: &std::io::Error) -> Error {
    Error::new(
        ErrorKind::Open,
        format!(
            "{}: {error}: cannot record that the files were verified, so they are hashed at every start; make the \
             directory your own and writable, or set XDG_CACHE_HOME",
            record.display()
        ),
    )
}

/// SHA-256 of a file, lower-case hexadecimal; `progress` gets the bytes read.
pub fn sha256(path: &Path, cancel: &Cancel, progress: &mut dyn FnMut(u64)) -> Result<String> {
    let mut file = regular_file::open(path)?;
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
    let text = regular_file::read_text(path, MAX_RECORD).unwrap_or_default();
    let mut record: BTreeMap<String, Seen> = toml::from_str(&text).unwrap_or_default();
    record.retain(|file, _| PathBuf::from(file).exists());
    record
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::regular_file::tests::make_fifo;

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
            error
                .to_string()
                .contains("3 bytes, but the manifest says 7"),
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
    fn a_file_of_the_manifest_may_not_be_a_link_out_of_the_directory_which_may_be_one_itself() {
        let place = tempfile::tempdir().unwrap();
        let (dir, link) = (place.path().join("model"), place.path().join("link"));
        fs::create_dir(&dir).unwrap();
        let manifest = model(&dir, b"weights");
        symlink(&dir, &link).unwrap();
        sizes(&link, &manifest).unwrap();

        let (file, inside, outside) = (
            dir.join("lm.gguf"),
            dir.join("weights"),
            place.path().join("outside"),
        );
        fs::rename(&file, &inside).unwrap();
        symlink("weights", &file).unwrap();
        sizes(&dir, &manifest).unwrap();

        fs::rename(&inside, &outside).unwrap();
        fs::remove_file(&file).unwrap();
        symlink(&outside, &file).unwrap();
        let error = sizes(&dir, &manifest).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        let message = error.to_string();
        assert!(
            message.contains("lm.gguf") && message.contains(outside.to_str().unwrap()),
            "{message}"
        );
    }

    #[test]
    fn a_fifo_in_place_of_a_file_is_an_error_and_not_a_wait() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = model(dir.path(), b"weights");
        let path = dir.path().join("lm.gguf");
        fs::remove_file(&path).unwrap();
        make_fifo(&path);
        let cache = dir.path().join("cache");
        for error in [
            sizes(dir.path(), &manifest).unwrap_err(),
            check(dir.path(), &manifest, Verify::Auto, &cache).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Open);
            let message = error.to_string();
            assert!(
                message.contains("lm.gguf") && message.contains("a FIFO"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_record_that_others_may_have_written_is_neither_read_nor_written() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        let manifest = model(dir.path(), b"weights");
        assert_eq!(
            check(dir.path(), &manifest, Verify::Auto, &cache).unwrap(),
            None
        );
        // The record vouches for the file as it was.
        let record = fs::read(cache.join(RECORD)).unwrap();
        let link = dir.path().join("link");
        symlink(&cache, &link).unwrap();
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o770)).unwrap();
        for not_ours in [&cache, &link] {
            let cancelled = Cancel::new();
            cancelled.cancel();
            let read = hashes(
                dir.path(),
                &manifest,
                Verify::Auto,
                Some(not_ours),
                &cancelled,
                &mut |_| {},
            );
            assert!(read.unwrap_err().is_cancelled(), "the file is hashed again");
            let warning = check(dir.path(), &manifest, Verify::Auto, not_ours).unwrap();
            let warning = warning.expect("a warning").to_string();
            assert!(warning.contains(not_ours.to_str().unwrap()), "{warning}");
        }
        assert_eq!(fs::read(cache.join(RECORD)).unwrap(), record);
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
