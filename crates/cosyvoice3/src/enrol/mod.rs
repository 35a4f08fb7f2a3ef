//! Enrolment: a voice from a recording, by the official front end's two networks.
//!
//! ```text
//! recording ─► Intake ─► trim, level ─┬─► 16 kHz ─► filterbank ──► campplus.onnx ───────────► speaker vector
//!              bounded                │         └─► Whisper mel ─► speech_tokenizer_v3.onnx ─► speech tokens
//!                                     └─► 24 kHz ─► mel
//! ```
//!
//! ```no_run
//! use cosyvoice3::enrol::{EnrolOptions, Enroller, Recording};
//!
//! # fn main() -> cosyvoice3::Result<()> {
//! # let samples = Vec::new();
//! let model = std::path::Path::new("models/cosyvoice3");
//! let mut options = EnrolOptions::default();
//! options.transcript = Some("Добрый день! Это мой голос.".into());
//! let recording = Recording { samples, rate: 48_000 };
//! let enrolled = Enroller::open(model)?.enrol(&recording, &options, &mut |stage| eprintln!("{stage}"))?;
//! println!("{}", enrolled.report);
//! enrolled.save(model, "me", false)?;
//! # Ok(())
//! # }
//! ```

mod enroller;
pub mod fbank;
mod filters;
#[cfg(test)]
mod golden;
mod intake;
mod kept;
mod levels;
mod networks;
pub mod prompt_mel;
mod report;
pub mod resample;
mod spectrum;
pub mod whisper;

use std::{fmt, path::Path, path::PathBuf};

pub use enroller::{Enroller, kept_tokens};
pub use intake::{Heard, Intake};
pub use kept::once;
pub use networks::{SPEAKER_ENCODER, SPEECH_TOKENIZER};
pub use report::{EnrolReport, NO_TRANSCRIPT};

use crate::{
    Result,
    voice::{Library, Place, Voice},
};

/// Longest speech that a voice is made of, in seconds: the speech tokenizer was trained on no more.
pub const LONGEST: f64 = 30.0;
/// The line that programs show before they clone a voice.
pub const CONSENT: &str = "Clone a voice only with the consent of the person it belongs to.";

/// A recording of somebody's speech.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Mono samples in -1 to 1. Of several channels the caller takes the mean.
    pub samples: Vec<f32>,
    /// Samples per second.
    pub rate: u32,
}

/// Settings of an enrolment. Made by `EnrolOptions::default()`, then changed field by field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct EnrolOptions {
    /// Words of the recording, exactly as spoken. `None` makes a voice that speaks in cross-lingual mode only.
    pub transcript: Option<String>,
    /// Take the best stretch of a recording with more than [`LONGEST`] seconds of speech, instead of refusing it. A
    /// transcript must be that of the stretch.
    pub trim: bool,
    /// BCP 47 language of the speech; `None` is that of the transcript.
    pub language: Option<String>,
    /// Origin of the voice: recording, licence, consent.
    pub provenance: Option<String>,
}

/// Step of an enrolment, reported when it begins. Its `Display` is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EnrolStage {
    /// Silence is trimmed, and the level is measured.
    Listening,
    /// The speaker encoder works.
    Speaker,
    /// The speech tokenizer works, which takes longest.
    Tokens,
    /// The mel is computed.
    Mel,
}

impl EnrolStage {
    /// All steps, in their order.
    pub const ALL: [Self; 4] = [Self::Listening, Self::Speaker, Self::Tokens, Self::Mel];
}

impl fmt::Display for EnrolStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listening => "listening to the recording",
            Self::Speaker => "encoding the speaker",
            Self::Tokens => "reading the speech",
            Self::Mel => "computing the mel",
        })
    }
}

/// A voice made of a recording.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Enrolled {
    /// The voice, without a name yet.
    pub voice: Voice,
    /// Measures of the recording, and warnings.
    pub report: EnrolReport,
}

impl Enrolled {
    /// Saves the voice as `name` in the model directory `model`; returns its file. (A [`Library`] also keeps a user's own
    /// voices.) A process that is killed meanwhile
    /// leaves no half of it, and an earlier voice of that name is there until the new one is whole.
    ///
    /// # Errors
    /// Those of [`Library::put`](crate::voice::Library::put).
    pub fn save(&self, model: &Path, name: &str, replace: bool) -> Result<PathBuf> {
        let voice = Voice {
            name: name.into(),
            ..self.voice.clone()
        };
        Library::of(model)?.put(&voice, Place::OfModel, replace)
    }
}
