//! What the language model computed of a prefix, kept in memory and on disk, so that the same voice and text need no
//! prefill again.
//!
//! An entry is found by the SHA-256 of all that decides its content: program, model, settings and the prefix's ids (a
//! voice counts by its ids, not by its name). So nothing in the cache is ever out of date; it can only be forgotten.

mod disk;
mod file;
mod memory;

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use sha2::{Digest, Sha256};

use super::{LmOptions, Prefix, llama};
use crate::{lock::lock, manifest, own_file::own_file};
use disk::Disk;
use memory::Memory;

/// Most bytes in memory: some 15 prefixes of the published model.
const MEMORY_LIMIT: usize = 32 << 20;
/// Most bytes on disk: some 120 prefixes of the published model.
const DISK_LIMIT: u64 = 256 << 20;

/// Where computed prefixes are kept.
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

/// How much of a prefix was there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hit {
    /// Nothing.
    #[default]
    None,
    /// So many positions: start and prompt text, as the utterance before left them.
    Shared(usize),
    /// All of it, in memory.
    Memory,
    /// All of it, on disk.
    Disk,
}

/// A prefix's state after prefill.
#[derive(Clone, PartialEq)]
pub(super) struct PrefixState {
    /// Positions of the prefix.
    pub positions: usize,
    /// Logits after the last position, which llama.cpp's state does not hold.
    pub logits: Vec<f32>,
    /// Keys and values, as llama.cpp's state of the sequence.
    pub kv: Vec<u8>,
}

impl PrefixState {
    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.logits[..]) + self.kv.len()
    }
}

impl fmt::Debug for PrefixState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} positions, {} bytes", self.positions, self.bytes())
    }
}

/// What an entry is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key([u8; 32]);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The computed prefixes of one model, shared by its sessions.
pub struct PrefixCache {
    /// Program and model.
    origin: String,
    memory: Mutex<Memory>,
    disk: Option<Disk>,
}

impl PrefixCache {
    /// An empty cache for the model that `model` tells from all others, such as the hashes of its files; `dir` holds
    /// what processes before this one computed, and may not exist yet.
    pub fn new(model: &str, dir: Option<PathBuf>) -> Self {
        Self::with_limits(model, dir, MEMORY_LIMIT, DISK_LIMIT)
    }

    fn with_limits(model: &str, dir: Option<PathBuf>, memory: usize, disk: u64) -> Self {
        let program = program();
        Self {
            origin: format!("{} {model}", program.as_deref().unwrap_or_default()),
            memory: Mutex::new(Memory::new(memory)),
            // A program that cannot tell itself from others must not read what they wrote.
            disk: program.and(dir).map(|dir| Disk::new(dir, disk)),
        }
    }

    /// What the state of `prefix` depends on.
    pub(super) fn key(&self, options: &LmOptions, lm: &manifest::Lm, prefix: &Prefix) -> Key {
        let mut hash = Sha256::new();
        hash.update((self.origin.len() as u64).to_le_bytes());
        hash.update(&self.origin);
        // Fused attention alone gives other last bits on another number of threads.
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

    /// The state of `positions` positions under `key`, and where it was found.
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

    /// Keeps `state` on disk. Where that fails, it is as if it had never been there.
    pub(super) fn store(&self, key: &Key, state: &PrefixState) {
        if let Some(disk) = &self.disk {
            disk.store(key, state);
        }
    }

    /// Forgets what memory has under `key`.
    pub(super) fn forget(&self, key: &Key) {
        lock(&self.memory).take(key);
    }
}

/// Which program computes, down to its build, and on what kind of CPU; `None` where it cannot find its own file.
fn program() -> Option<String> {
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
