//! Voices: the speaker prompts a model clones, one safetensors file each.

pub(crate) mod file;
pub mod library;
pub mod places;

use std::path::{Path, PathBuf};

use cosyvoice3_text::Language;

pub use file::FORMAT;
pub use library::{Library, Place};
pub use places::Places;

use crate::{
    Error, Result, atomic_file,
    constants::{FRAMES_PER_TOKEN, SPEAKER_EMBEDDING, SPEECH_CODES},
    mel::Mel,
    regular_file,
};

/// Longest file; a minute of reference speech takes 2 MB.
const MAX_FILE: u64 = 64 << 20;
/// Directory of the voices inside a model directory.
pub const VOICES: &str = "voices";
/// Extension of a voice file.
pub const EXTENSION: &str = "safetensors";

/// A speaker prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Voice {
    /// Name, as in `voices/<name>.safetensors`.
    pub name: String,
    /// BCP 47 language of the reference speech, where known.
    pub language: Option<String>,
    /// Transcript of the reference speech, where known.
    pub prompt_text: Option<String>,
    /// Text ids of the language model's prompt: system prefix, `<|endofprompt|>`, transcript.
    pub prompt_text_ids: Vec<u32>,
    /// Speech tokens of the reference speech, `N`.
    pub prompt_tokens: Vec<u32>,
    /// Speech tokens behind these that have no mel frames of their own, usually none or one. Only the language model gets
    /// them: without the end of its prompt it would say the last syllable first.
    pub tail_tokens: Vec<u32>,
    /// Mel of the reference speech, `2 N` frames.
    pub prompt_mel: Mel,
    /// CAM++ speaker embedding, not normalised, [`SPEAKER_EMBEDDING`] values.
    pub embedding: Vec<f32>,
    /// Origin of the voice: recording, licence, consent.
    pub provenance: Option<String>,
}

impl Voice {
    /// Language of the voice: the one in its file, else that of its transcript. `None` if neither is known.
    pub fn spoken_language(&self) -> Option<Language> {
        let named = self.language.as_deref().and_then(Language::from_tag);
        named.or_else(|| Language::detect(self.prompt_text.as_deref()?))
    }

    /// Speech tokens for the language model: all that there are.
    pub fn speech_tokens(&self) -> Vec<u32> {
        [&self.prompt_tokens[..], &self.tail_tokens].concat()
    }

    /// Reads a voice file; its name is the file's.
    ///
    /// # Errors
    /// The file is missing, unreadable, damaged, or its content cannot be a voice.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = regular_file::read(path, MAX_FILE)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let voice = file::decode(&name, &bytes).map_err(|what| Error::damaged(path, what))?;
        voice.check().map_err(|what| Error::damaged(path, what))?;
        Ok(voice)
    }

    /// Writes the voice to `path`, which holds either all of it afterwards or what it held before.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.check().map_err(|what| Error::damaged(path, what))?;
        let bytes = file::encode(self).map_err(|what| Error::damaged(path, what))?;
        atomic_file::replace(path, &bytes).map_err(|e| Error::io(path, &e))
    }

    /// Checks the voice. The error describes the defect: lengths that do not fit together, ids that are no sounds,
    /// values that are not finite.
    pub fn check(&self) -> Result<(), String> {
        let (tokens, frames) = (self.prompt_tokens.len(), self.prompt_mel.frames());
        if tokens == 0 {
            return Err("the prompt has no speech tokens".into());
        }
        if frames != FRAMES_PER_TOKEN * tokens {
            return Err(format!(
                "{tokens} speech tokens need {} mel frames, there are {frames}",
                FRAMES_PER_TOKEN * tokens
            ));
        }
        if self.embedding.len() != SPEAKER_EMBEDDING {
            return Err(format!(
                "the speaker embedding has {} values, expected {SPEAKER_EMBEDDING}",
                self.embedding.len()
            ));
        }
        let mut all = self.prompt_tokens.iter().chain(&self.tail_tokens);
        if let Some(token) = all.find(|t| **t >= SPEECH_CODES) {
            return Err(format!(
                "speech token {token} is out of range: speech tokens lie below {SPEECH_CODES}"
            ));
        }
        let mut numbers = self.embedding.iter().chain(self.prompt_mel.as_slice());
        if !numbers.all(|value| value.is_finite()) {
            return Err("mel or speaker embedding contain values that are not finite".into());
        }
        if self.embedding.iter().all(|value| *value == 0.0) {
            return Err("the speaker embedding is all zeros".into());
        }
        Ok(())
    }
}

/// File of the voice `name` of the model directory `model`.
pub fn path(model: &Path, name: &str) -> PathBuf {
    model.join(VOICES).join(format!("{name}.{EXTENSION}"))
}

/// Names of the voices that lie in the model directory `model`, sorted, without the user's own ([`Places`] knows both).
/// None where it has no voices.
pub fn list(model: &Path) -> Result<Vec<String>> {
    places::names_in(&model.join(VOICES))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{ErrorKind, constants::MEL_BINS};
    use proptest::prelude::*;

    fn voice() -> Voice {
        let frames: Vec<f32> = (0..6 * MEL_BINS).map(|i| i as f32 / 32.0 - 7.0).collect();
        Voice {
            name: "anna".into(),
            language: Some("ru".into()),
            prompt_text: Some("Добрый день!".into()),
            prompt_text_ids: vec![5, 563, 7],
            prompt_tokens: vec![0, 6560, 42],
            tail_tokens: vec![7],
            prompt_mel: Mel::from_frames(&frames),
            embedding: (0..SPEAKER_EMBEDDING).map(|i| i as f32).collect(),
            provenance: None,
        }
    }

    #[test]
    fn a_voice_survives_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("anna.safetensors");
        voice().save(&path).unwrap();
        assert_eq!(Voice::load(&path).unwrap(), voice());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn one_voice_is_one_file() {
        let files = [(); 8].map(|()| file::encode(&voice()).unwrap());
        assert!(files.iter().all(|file| *file == files[0]));
    }

    #[test]
    fn voices_are_listed_by_name() {
        let dir = tempfile::tempdir().unwrap();
        assert!(list(dir.path()).unwrap().is_empty());
        let voices = dir.path().join(VOICES);
        fs::create_dir(&voices).unwrap();
        for name in ["б.safetensors", "anna.safetensors", "notes.txt"] {
            fs::write(voices.join(name), "").unwrap();
        }
        assert_eq!(list(dir.path()).unwrap(), ["anna", "б"]);
    }

    #[test]
    fn what_cannot_be_a_voice_is_refused_with_its_reason() {
        type Change = fn(&mut Voice);
        let cases: [(Change, &str); 6] = [
            (|v| v.prompt_tokens.clear(), "no speech tokens"),
            (
                |v| v.prompt_tokens.truncate(2),
                "need 4 mel frames, there are 6",
            ),
            (|v| v.embedding.truncate(80), "has 80 values"),
            (|v| v.prompt_tokens[1] = 6561, "6561 is out of range"),
            (|v| v.embedding[3] = f32::NAN, "not finite"),
            (|v| v.embedding.fill(0.0), "all zeros"),
        ];
        let dir = tempfile::tempdir().unwrap();
        for (change, expected) in cases {
            let mut voice = voice();
            change(&mut voice);
            let error = voice
                .save(&dir.path().join("anna.safetensors"))
                .unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_changed_sound_is_noticed() {
        let mut bytes = file::encode(&voice()).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let error = file::decode("anna", &bytes).unwrap_err();
        assert!(error.contains("SHA-256"), "{error}");
    }

    #[test]
    fn a_missing_voice_is_named() {
        let error = Voice::load(Path::new("/nowhere/anna.safetensors")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("anna"), "{error}");
    }

    proptest! {
        #[test]
        fn no_damaged_file_panics(place in 0.0..1.0_f64, bit in 0..8_u8, cut in any::<bool>()) {
            let mut bytes = file::encode(&voice()).unwrap();
            let at = (place * bytes.len() as f64) as usize;
            if cut {
                bytes.truncate(at);
                prop_assert!(file::decode("anna", &bytes).is_err());
            } else {
                bytes[at] ^= 1 << bit;
                if let Ok(voice) = file::decode("anna", &bytes) {
                    let _ = voice.check();
                }
            }
        }
    }
}
