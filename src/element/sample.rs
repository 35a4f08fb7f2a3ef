//! The voice of a recording: `voice-sample`.

use std::path::{Path, PathBuf};

use super::settings::{Settings, non_empty};
use crate::recording::hear;
use cosyvoice3::{
    DefaultVoice, EnrolOptions, EnrolStage, Enroller, Error, ErrorKind, Loading, NO_TRANSCRIPT,
    Result, Verify, Voice, enrol_once,
};

/// Name of the work in progress messages.
const WORK: &str = "voice sample";

/// A recording that becomes the voice of texts that name none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    recording: PathBuf,
    /// Its words; without them the voice is cross-lingual.
    transcript: Option<String>,
}

impl Sample {
    /// The one that the properties name.
    pub fn of(settings: &Settings) -> Option<Self> {
        Some(Self {
            recording: non_empty(&settings.voice_sample)?.into(),
            transcript: non_empty(&settings.voice_sample_text),
        })
    }

    /// Name of the recording, without directories, which are nobody's business.
    pub fn name(&self) -> String {
        let name = self.recording.file_stem().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Checks what can be checked without listening: the file, and the networks in the model directory `model`.
    pub fn check(&self, model: &Path) -> Result<()> {
        Enroller::check(model, &self.recording)
    }

    /// The maker of the voice, with the networks in `model`. It keeps what it made: the same content is enrolled once.
    pub fn into_voice(self, model: PathBuf, threads: usize, verify: Verify) -> DefaultVoice {
        DefaultVoice::new(move |loading| {
            let made = self.voice(&model, threads, verify, loading);
            made.map_err(|error| match error.is_cancelled() {
                true => error,
                false => error.context("voice-sample"),
            })
        })
    }

    fn voice(
        &self,
        model: &Path,
        threads: usize,
        verify: Verify,
        loading: &Loading<'_>,
    ) -> Result<Voice> {
        loading.progress(WORK, 0.0);
        let mut options = EnrolOptions::default();
        options.transcript.clone_from(&self.transcript);
        // A transcript is that of the whole recording.
        options.trim = self.transcript.is_none();
        let make = || self.enrol(&options, model, threads, verify, loading);
        let voice = match verify {
            // A voice is kept by the hashes of the networks, which nobody has checked then.
            Verify::Never => make()?,
            _ => enrol_once(model, &self.recording, &options, loading.cancel(), make)?,
        };
        loading.progress(WORK, 1.0);
        Ok(Voice {
            name: self.recording.display().to_string(),
            ..voice
        })
    }

    fn enrol(
        &self,
        options: &EnrolOptions,
        model: &Path,
        threads: usize,
        verify: Verify,
        loading: &Loading<'_>,
    ) -> Result<Voice> {
        let cancel = loading.cancel();
        let steps = (EnrolStage::ALL.len() + 1) as f32;
        let heard = hear(&self.recording, cancel, &mut |_| {})?;
        let named = |error: Error| match error.kind() {
            ErrorKind::Recording | ErrorKind::Text => error.context(self.recording.display()),
            _ => error,
        };
        let enrolled = Enroller::load(model, threads, verify, cancel)?
            .enrol_heard(&heard, options, &mut |stage| {
                let done = EnrolStage::ALL.iter().position(|known| *known == stage);
                loading.progress(WORK, (done.unwrap_or_default() + 1) as f32 / steps);
            })
            .map_err(named)?;
        tracing::info!("{}: {}", self.recording.display(), enrolled.report);
        let asked_for = |warning: &&String| self.transcript.is_none() && *warning == NO_TRANSCRIPT;
        let warnings: Vec<&str> = enrolled
            .report
            .warnings
            .iter()
            .filter(|warning| !asked_for(warning))
            .map(String::as_str)
            .collect();
        if !warnings.is_empty() {
            loading.warn(Error::new(
                ErrorKind::Recording,
                format!(
                    "voice-sample: {}: {}",
                    self.recording.display(),
                    warnings.join("; ")
                ),
            ));
        }
        Ok(enrolled.voice)
    }
}
