//! Computed prefixes in a private directory, one file each, the least recently used first to go.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Once,
    time::{Duration, SystemTime},
};

use super::{
    file,
    state::{Key, PrefixState},
};
use crate::cache_dir;

const EXTENSION: &str = "prefix";
/// Age at which a file that never got its name was left behind by a process that is gone.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Files of no more than `limit` bytes together; their modification times say when each was used last.
pub(super) struct Disk {
    dir: PathBuf,
    limit: u64,
    /// One warning that the directory is not used.
    refused: Once,
}

impl Disk {
    /// The files of `dir`, which is made when the first one is written.
    pub fn new(dir: PathBuf, limit: u64) -> Self {
        Self {
            dir,
            limit,
            refused: Once::new(),
        }
    }

    /// The state stored under `key`. `None` if it cannot be read, or is not what [`store`](Self::store) wrote.
    pub fn load(&self, key: &Key) -> Option<PrefixState> {
        let path = self.path(key);
        let read = || -> io::Result<Option<Vec<u8>>> {
            let meta = match fs::symlink_metadata(&path) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                meta => meta?,
            };
            // Opening a pipe would block.
            if !meta.is_file() || meta.len() > self.limit {
                return Err(io::Error::from(io::ErrorKind::InvalidData));
            }
            self.ensure_private()?;
            let file = File::open(&path)?;
            let mut bytes = Vec::with_capacity(meta.len() as usize);
            (&file).take(self.limit).read_to_end(&mut bytes)?;
            // Not more than a wrong order where it fails.
            let _ = file.set_modified(SystemTime::now());
            Ok(Some(bytes))
        };
        let state = match read() {
            Ok(None) => return None,
            Ok(Some(bytes)) => file::decode(key, &bytes).ok_or_else(|| "damaged".to_owned()),
            Err(e) => Err(e.to_string()),
        };
        state
            .inspect_err(|why| {
                tracing::debug!("{}: {why}: computed again", path.display());
            })
            .ok()
    }

    /// Stores `state` under `key`, and removes what was not used for longest where the files grow too large.
    pub fn store(&self, key: &Key, state: &PrefixState) {
        let path = self.path(key);
        let bytes = file::encode(key, state);
        if bytes.len() as u64 > self.limit {
            return;
        }
        let stored = self
            .ensure_private()
            .and_then(|()| cache_dir::write_atomically(&path, &bytes))
            .and_then(|()| self.evict(&path));
        if let Err(e) = stored {
            tracing::debug!("{}: {e}: the prefix is kept in memory only", path.display());
        }
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.dir.join(key.to_string()).with_extension(EXTENSION)
    }

    /// The directory above counts as well: a user who may write to it can replace this one.
    fn ensure_private(&self) -> io::Result<()> {
        cache_dir::ensure_private(self.dir.parent().unwrap_or(Path::new("/")))
            .and_then(|()| cache_dir::ensure_private(&self.dir))
            .inspect_err(|e| {
                self.refused.call_once(|| {
                    tracing::warn!(
                        "{e}: computed prefixes are neither read from disk nor kept there"
                    );
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
            if path.extension() == Some(OsStr::new(EXTENSION)) {
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const LIMIT: u64 = 10_000;

    fn state(value: u8) -> PrefixState {
        PrefixState {
            positions: 1,
            logits: vec![f32::from(value)],
            kv: vec![value; 3000],
        }
    }

    fn key(n: u8) -> Key {
        Key([n; 32])
    }

    fn disk(dir: &tempfile::TempDir) -> Disk {
        Disk::new(dir.path().join("cosyvoice3/prefix"), LIMIT)
    }

    fn set_used(disk: &Disk, n: u8, seconds: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let file = File::open(disk.path(&key(n))).unwrap();
        file.set_modified(time).unwrap();
    }

    #[test]
    fn only_this_user_may_see_directory_and_files() {
        let dir = tempfile::tempdir().unwrap();
        let disk = disk(&dir);
        disk.store(&key(1), &state(1));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&disk.dir), 0o700);
        assert_eq!(mode(&dir.path().join("cosyvoice3")), 0o700);
        assert_eq!(mode(&disk.path(&key(1))), 0o600);
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let disk = disk(&dir);
        disk.store(&key(1), &state(1));
        for open in [&disk.dir, &dir.path().join("cosyvoice3")] {
            fs::set_permissions(open, fs::Permissions::from_mode(0o777)).unwrap();
            assert_eq!(disk.load(&key(1)), None);
            disk.store(&key(2), &state(2));
            fs::set_permissions(open, fs::Permissions::from_mode(0o700)).unwrap();
            assert_eq!(disk.load(&key(2)), None);
            assert_eq!(disk.load(&key(1)), Some(state(1)));
        }
    }

    #[test]
    fn what_was_used_least_recently_goes_when_the_limit_is_reached() {
        let dir = tempfile::tempdir().unwrap();
        let disk = disk(&dir);
        for n in 1..=3 {
            disk.store(&key(n), &state(n));
            set_used(&disk, n, u64::from(n));
        }
        assert_eq!(disk.load(&key(1)), Some(state(1)), "used again");
        disk.store(&key(4), &state(4));
        assert_eq!(disk.load(&key(2)), None);
        for n in [1, 3, 4] {
            assert_eq!(disk.load(&key(n)), Some(state(n)));
        }
        let large = PrefixState {
            kv: vec![0; LIMIT as usize],
            ..state(5)
        };
        disk.store(&key(5), &large);
        assert_eq!(disk.load(&key(5)), None);
        assert_eq!(
            disk.load(&key(4)),
            Some(state(4)),
            "nothing made room for it"
        );
    }

    #[test]
    fn files_left_behind_are_swept_and_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let disk = disk(&dir);
        disk.store(&key(1), &state(1));
        let [left, fresh, foreign] = [".left", ".fresh", "notes.txt"].map(|n| disk.dir.join(n));
        for path in [&left, &fresh, &foreign] {
            fs::write(path, b"x").unwrap();
        }
        let long_ago = SystemTime::now() - 2 * ABANDONED;
        for path in [&left, &foreign] {
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        disk.store(&key(2), &state(2));
        assert_eq!(
            [&left, &fresh, &foreign].map(|p| p.exists()),
            [false, true, true]
        );
    }

    #[test]
    fn whatever_else_lies_there_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let disk = disk(&dir);
        assert_eq!(disk.load(&key(1)), None, "no directory");
        disk.store(&key(1), &state(1));
        let path = disk.path(&key(1));

        let good = fs::read(&path).unwrap();
        fs::write(&path, &good[..good.len() / 2]).unwrap();
        assert_eq!(disk.load(&key(1)), None, "truncated");
        fs::write(&path, b"").unwrap();
        assert_eq!(disk.load(&key(1)), None, "empty");
        fs::write(&path, vec![0; 2 * LIMIT as usize]).unwrap();
        assert_eq!(disk.load(&key(1)), None, "too large");
        disk.store(&key(1), &state(1));
        assert_eq!(
            disk.load(&key(1)),
            Some(state(1)),
            "replaced by a whole one"
        );

        fs::rename(&path, disk.path(&key(2))).unwrap();
        assert_eq!(disk.load(&key(2)), None, "of another prefix");
        symlink(disk.path(&key(2)), &path).unwrap();
        assert_eq!(disk.load(&key(1)), None, "a link");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(disk.load(&key(1)), None, "a directory");
        disk.store(&key(1), &state(1));
        assert_eq!(disk.load(&key(1)), None, "cannot be replaced");
    }

    #[test]
    fn a_place_that_cannot_be_written_costs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), b"").unwrap();
        let disk = Disk::new(dir.path().join("file/prefix"), LIMIT);
        disk.store(&key(1), &state(1));
        assert_eq!(disk.load(&key(1)), None);
    }

    #[test]
    fn many_writers_at_once_leave_whole_files_within_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let disk = &disk(&dir);
        std::thread::scope(|scope| {
            for writer in 0..4 {
                scope.spawn(move || {
                    for round in 0..50u8 {
                        let n = (round + writer) % 5;
                        disk.store(&key(n), &state(n));
                        if let Some(found) = disk.load(&key(n)) {
                            assert_eq!(found, state(n));
                        }
                    }
                });
            }
        });
        disk.store(&key(9), &state(9));
        let files: Vec<_> = fs::read_dir(&disk.dir)
            .unwrap()
            .map(|e| e.unwrap())
            .collect();
        let total: u64 = files.iter().map(|f| f.metadata().unwrap().len()).sum();
        assert!(total <= LIMIT, "{total}");
        assert!(
            files.iter().all(|f| f.path().extension().is_some()),
            "{files:?}"
        );
        assert_eq!(disk.load(&key(9)), Some(state(9)));
    }
}
