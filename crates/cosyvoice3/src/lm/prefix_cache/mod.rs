//! Cache of computed prefixes, in memory and on disk, so that the same voice and text need no second prefill.
//!
//! The key of an entry is the SHA-256 of everything that decides its content: program, model, settings and the prefix's
//! ids (a voice counts by its ids, not by its name). So no entry is ever out of date; it can only be removed.

mod disk;
mod file;
mod memory;
mod state;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use sha2::{Digest, Sha256};

use super::{LmOptions, Prefix, llama};
use crate::{lock::lock, manifest, own_file::own_file};
use disk::Disk;
use memory::Memory;
pub(super) use state::{Key, PrefixState};

/// Most bytes in memory: some 15 prefixes of the published model.
const MEMORY_LIMIT: usize = 32 << 20;
/// Most bytes on disk: some 120 prefixes of the published model.
const DISK_LIMIT: u64 = 256 << 20;

/// Storage of computed prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PrefixCaching {
    /// Nowhere.
    Off,
    /// In memory, for as long as the model is loaded.
    Memory,
    /// In memory and in the user's cache directory.
    #[default]
    Disk,
}

/// Part of a prefix that was computed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hit {
    /// Nothing.
    #[default]
    None,
    /// This many positions: start and prompt text, as the previous utterance left them.
    Shared(usize),
    /// All of it, from memory.
    Memory,
    /// All of it, from disk.
    Disk,
}

/// The computed prefixes of one model, shared by its sessions.
pub struct PrefixCache {
    /// Program and model.
    origin: String,
    memory: Mutex<Memory>,
    disk: Option<Disk>,
}

impl PrefixCache {
    /// An empty cache for the model that `model` identifies, such as by the hashes of its files; `dir` holds prefixes
    /// of earlier processes, and may not exist yet.
    pub fn new(model: &str, dir: Option<PathBuf>) -> Self {
        Self::with_limits(model, dir, MEMORY_LIMIT, DISK_LIMIT)
    }

    fn with_limits(model: &str, dir: Option<PathBuf>, memory: usize, disk: u64) -> Self {
        let program = program();
        Self {
            origin: format!("{} {model}", program.as_deref().unwrap_or_default()),
            memory: Mutex::new(Memory::new(memory)),
            // A program that cannot identify itself must not read what others wrote.
            disk: program.and(dir).map(|dir| Disk::new(dir, disk)),
        }
    }

    /// Hash of everything that the state of `prefix` depends on.
    pub(super) fn key(&self, options: &LmOptions, lm: &manifest::Lm, prefix: &Prefix) -> Key {
        let mut hash = Sha256::new();
        hash.update((self.origin.len() as u64).to_le_bytes());
        hash.update(&self.origin);
        // Only fused attention gives other last bits on another number of threads.
        let threads = if options.flash_attention {
            options.threads as u32
        } else {
            0
        };
        for number in [
            lm.context,
            lm.sos,
            lm.task_id,
            u32::from(options.kv_f32),
            u32::from(options.flash_attention),
            threads,
        ] {
            hash.update(number.to_le_bytes());
        }
        for ids in [
            prefix.prompt_text_ids,
            prefix.text_ids,
            prefix.prompt_speech,
        ] {
            hash.update((ids.len() as u64).to_le_bytes());
            for id in ids {
                hash.update(id.to_le_bytes());
            }
        }
        Key(hash.finalize().into())
    }

    /// The state of `positions` positions under `key`, and the place where it was found.
    pub(super) fn get(
        &self,
        key: &Key,
        positions: usize,
        caching: PrefixCaching,
    ) -> Option<(Arc<PrefixState>, Hit)> {
        if caching == PrefixCaching::Off {
            return None;
        }
        if let Some(state) = lock(&self.memory).get(key) {
            return Some((state, Hit::Memory));
        }
        let disk = self
            .disk
            .as_ref()
            .filter(|_| caching == PrefixCaching::Disk)?;
        let state = disk
            .load(key)
            .filter(|state| state.positions == positions)?;
        let state = Arc::new(state);
        lock(&self.memory).put(*key, state.clone());
        Some((state, Hit::Disk))
    }

    /// Keeps `state` in memory.
    pub(super) fn put(&self, key: Key, state: Arc<PrefixState>) {
        lock(&self.memory).put(key, state);
    }

    /// Keeps `state` on disk. A failure only costs the entry.
    pub(super) fn store(&self, key: &Key, state: &PrefixState) {
        if let Some(disk) = &self.disk {
            disk.store(key, state);
        }
    }

    /// Removes `key` from memory.
    pub(super) fn forget(&self, key: &Key) {
        lock(&self.memory).take(key);
    }
}

/// The running program, down to its build, and the kind of CPU; `None` if it cannot find its own file.
pub(crate) fn program() -> Option<String> {
    let file = fs::metadata(own_file()?).ok()?;
    Some(format!(
        "{} {} {} {}.{} {}",
        env!("CARGO_PKG_VERSION"),
        llama::version(),
        file.len(),
        file.mtime(),
        file.mtime_nsec(),
        llama::system_info().ok()?,
    ))
}
