//! Computed prefixes in a private directory, one file each.

use std::path::PathBuf;

use super::{
    file,
    state::{Key, PrefixState},
};
use crate::cache_dir::PrivateFiles;

const EXTENSION: &str = "prefix";

/// Files of no more than a limit of bytes together, the least recently used first to go.
pub(super) struct Disk(PrivateFiles);

impl Disk {
    /// The files of `dir`, which is made when the first one is written.
    pub fn new(dir: PathBuf, limit: u64) -> Self {
        Self(PrivateFiles::new(dir, limit, EXTENSION))
    }

    /// The state stored under `key`. `None` if it cannot be read, or is not what [`store`](Self::store) wrote.
    pub fn load(&self, key: &Key) -> Option<PrefixState> {
        self.0
            .load(&key.to_string(), |bytes| file::decode(key, bytes))
    }

    /// Stores `state` under `key`, and removes what was not used for longest where the files grow too large.
    pub fn store(&self, key: &Key, state: &PrefixState) {
        self.0.store(&key.to_string(), &file::encode(key, state));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        os::unix::fs::{PermissionsExt, symlink},
        path::Path,
        time::{Duration, SystemTime},
    };

    use super::*;
    use crate::cache_dir::ABANDONED;

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
        let file = File::open(disk.0.path(&key(n).to_string())).unwrap();
        file.set_modified(time).unwrap();
    }

    #[test]
    fn only_this_user_may_see_directory_and_files() {
        let dir = tempfile::tempdir().unwrap();
        let disk = disk(&dir);
        disk.store(&key(1), &state(1));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&disk.0.dir), 0o700);
        assert_eq!(mode(&dir.path().join("cosyvoice3")), 0o700);
        assert_eq!(mode(&disk.0.path(&key(1).to_string())), 0o600);
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let disk = disk(&dir);
        disk.store(&key(1), &state(1));
        for open in [&disk.0.dir, &dir.path().join("cosyvoice3")] {
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
        let [left, fresh, foreign] = [".left", ".fresh", "notes.txt"].map(|n| disk.0.dir.join(n));
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
        let path = disk.0.path(&key(1).to_string());

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

        fs::rename(&path, disk.0.path(&key(2).to_string())).unwrap();
        assert_eq!(disk.load(&key(2)), None, "of another prefix");
        symlink(disk.0.path(&key(2).to_string()), &path).unwrap();
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
        let files: Vec<_> = fs::read_dir(&disk.0.dir)
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
