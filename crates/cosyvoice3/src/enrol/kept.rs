//! Voices that were made of recordings, kept so that the same recording is not enrolled twice.
//!
//! The key of a voice is the SHA-256 of all that it is made from: program, networks, tokenizer, recording and options. So a
//! recording may be moved, renamed and changed, and no voice is ever out of date.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex},
};

use sha2::{Digest, Sha256};

use super::{EnrolOptions, networks};
use crate::{
    Result,
    cache_dir::{self, PrivateFiles},
    cancel::Cancel,
    lm::program,
    lock::lock,
    manifest::{
        Manifest,
        verify::{Verify, sha256},
    },
    voice::{EXTENSION, Voice, file},
};

/// Most voices in memory. One of ten seconds has half a megabyte.
const IN_MEMORY: usize = 8;
/// Most bytes on disk.
const DISK_LIMIT: u64 = 64 << 20;

/// The voice that `make` makes of the recording in the file `path` for the model directory `model`. If this process, or an
/// earlier one of the same user, made one of the same content with the same options, it is that one, and `make` is not
/// called. The name of the voice is empty.
///
/// # Errors
/// Those of `make`; the recording or a file of the model cannot be read; [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled).
pub fn once(
    model: &Path,
    path: &Path,
    options: &EnrolOptions,
    cancel: &Cancel,
    make: impl FnOnce() -> Result<Voice>,
) -> Result<Voice> {
    static KEPT: LazyLock<Kept> =
        LazyLock::new(|| Kept::new(cache_dir::default_dir().map(|dir| dir.join("voices"))));
    let program = program();
    let key = key(program.as_deref(), model, path, options, cancel)?;
    // A program that cannot identify itself must not read what others wrote.
    KEPT.get_or_make(&key, program.is_some(), make)
}

/// Hash of all that a voice is made from.
fn key(
    program: Option<&str>,
    model: &Path,
    path: &Path,
    options: &EnrolOptions,
    cancel: &Cancel,
) -> Result<String> {
    let manifest = Manifest::read(model)?;
    let hash_of = |file: &Path| sha256(file, cancel, &mut |_| {});
    let mut parts = vec![program.unwrap_or_default().to_owned(), hash_of(path)?];
    match &manifest.front_end {
        Some(front_end) => {
            parts.extend(front_end.files.values().map(|entry| entry.sha256.clone()));
        }
        // Nothing vouches for networks that the manifest does not name.
        None => {
            for file in networks::files(model, &manifest, Verify::Never, cancel)? {
                parts.push(hash_of(&file)?);
            }
        }
    }
    parts.push(hash_of(&model.join(&manifest.lm.tokenizer))?);
    // Derived, so that an option that is added cannot be forgotten here.
    parts.push(format!("{options:?}"));
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Voices by their keys.
struct Kept {
    /// The most recently used last.
    memory: Mutex<VecDeque<(String, Voice)>>,
    files: Option<PrivateFiles>,
}

impl Kept {
    fn new(dir: Option<PathBuf>) -> Self {
        Self {
            memory: Mutex::default(),
            files: dir.map(|dir| PrivateFiles::new(dir, DISK_LIMIT, EXTENSION)),
        }
    }

    fn get_or_make(
        &self,
        key: &str,
        on_disk: bool,
        make: impl FnOnce() -> Result<Voice>,
    ) -> Result<Voice> {
        let files = self.files.as_ref().filter(|_| on_disk);
        let in_memory = {
            let memory = lock(&self.memory);
            let found = memory.iter().find(|(known, _)| known == key);
            found.map(|(_, voice)| voice.clone())
        };
        let found = in_memory.or_else(|| files?.load(key, decode));
        let voice = match found {
            Some(voice) => voice,
            None => {
                let voice = make()?;
                if let (Some(files), Ok(bytes)) = (files, file::encode(&voice)) {
                    files.store(key, &bytes);
                }
                voice
            }
        };
        let mut memory = lock(&self.memory);
        memory.retain(|(known, _)| known != key);
        memory.push_back((key.to_owned(), voice.clone()));
        if memory.len() > IN_MEMORY {
            memory.pop_front();
        }
        Ok(voice)
    }
}

fn decode(bytes: &[u8]) -> Option<Voice> {
    let voice = file::decode("", bytes).ok()?;
    voice.check().is_ok().then_some(voice)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, fs};

    use super::*;
    use crate::{
        Error,
        constants::{MEL_BINS, SPEAKER_EMBEDDING},
        mel::Mel,
    };

    fn voice(token: u32) -> Voice {
        Voice {
            name: String::new(),
            language: None,
            prompt_text: None,
            prompt_text_ids: Vec::new(),
            prompt_tokens: vec![token],
            tail_tokens: Vec::new(),
            prompt_mel: Mel::from_frames(&[0.5; 2 * MEL_BINS]),
            embedding: vec![1.0; SPEAKER_EMBEDDING],
            provenance: None,
        }
    }

    #[test]
    fn a_voice_is_made_once_by_a_process_and_once_by_all_that_share_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let made = Cell::new(0);
        let get = |kept: &Kept, key: &str| {
            let make = || {
                made.set(made.get() + 1);
                Ok(voice(7))
            };
            kept.get_or_make(key, true, make).unwrap()
        };
        let place = dir.path().join("cache/voices");
        let first = Kept::new(Some(place.clone()));
        assert_eq!([get(&first, "a"), get(&first, "a")], [voice(7), voice(7)]);
        assert_eq!(made.get(), 1);
        get(&first, "b");
        assert_eq!(made.get(), 2);
        assert_eq!(get(&Kept::new(Some(place.clone())), "a"), voice(7));
        assert_eq!(made.get(), 2);

        let file = place.join("a.safetensors");
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(get(&Kept::new(Some(place)), "a"), voice(7));
        assert_eq!(made.get(), 3);
        assert_eq!(fs::read(&file).unwrap(), whole);
        // Memory alone.
        let homeless = Kept::new(None);
        assert_eq!(
            [get(&homeless, "a"), get(&homeless, "a")],
            [voice(7), voice(7)]
        );
        assert_eq!(made.get(), 4);
    }

    #[test]
    fn a_failure_is_not_kept_and_memory_is_bounded() {
        let kept = Kept::new(None);
        let fail = || Err(Error::failed("no speech"));
        assert!(kept.get_or_make("a", true, fail).is_err());
        for token in 0..2 * IN_MEMORY as u32 {
            let make = || Ok(voice(token));
            kept.get_or_make(&token.to_string(), true, make).unwrap();
        }
        assert_eq!(lock(&kept.memory).len(), IN_MEMORY);
    }
}
