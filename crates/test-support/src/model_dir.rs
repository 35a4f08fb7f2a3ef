//! A model directory of a test's own.
use std::{
    fs,
    path::{Path, PathBuf},
};

use cosyvoice3::{
    cancel::Cancel,
    manifest::{FileEntry, MANIFEST, Manifest, verify::sha256},
    voice::{self, Voice},
};

use crate::models::tiny;

/// A model directory like the tiny one; files that are written to it replace the originals.
pub struct ModelDir(tempfile::TempDir);

impl ModelDir {
    pub fn of_tiny() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let manifest = Manifest::read(&tiny()).unwrap();
        // Weights that lie beside a graph are listed with a hash, and are no component of their own.
        for file in manifest.files.keys() {
            fs::copy(tiny().join(file), dir.path().join(file)).unwrap();
        }
        fs::copy(tiny().join(MANIFEST), dir.path().join(MANIFEST)).unwrap();
        fs::create_dir(dir.path().join(voice::VOICES)).unwrap();
        // Written anew, so that it has all that this version writes.
        let golden = Voice::load(&voice::path(&tiny(), "golden")).unwrap();
        golden.save(&voice::path(dir.path(), "golden")).unwrap();
        Self(dir)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.file(name)).unwrap()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        self.remove(name);
        fs::write(self.file(name), bytes).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.file(name)).unwrap();
    }

    pub fn edit_manifest(&self, edit: impl FnOnce(&mut Manifest)) {
        let mut manifest = Manifest::read(self.path()).unwrap();
        edit(&mut manifest);
        self.write(MANIFEST, manifest.to_toml().as_bytes());
    }

    /// Makes the manifest vouch for `name` as it is now.
    pub fn vouch_for(&self, name: &str) {
        let path = self.file(name);
        let entry = FileEntry {
            size: fs::metadata(&path).unwrap().len(),
            sha256: sha256(&path, &Cancel::new(), &mut |_| {}).unwrap(),
        };
        self.edit_manifest(|manifest| {
            manifest.files.insert(name.into(), entry);
        });
    }
}
