//! From a recording to the arrays of a voice.

use std::{ops::Range, path::Path};

use ebur128::{EbuR128, Mode};

use super::{
    EnrolOptions, EnrolReport, EnrolStage, Enrolled, Heard, Intake, LONGEST, Recording, fbank,
    levels::{self, Levels},
    networks::{self, SpeakerEncoder, SpeechTokenizer},
    prompt_mel::prompt_mel,
    report::shown_missing,
    resample::resample,
};
use crate::{
    Error, ErrorKind, Result,
    cancel::Cancel,
    constants::{FRAMES_PER_TOKEN, SAMPLE_RATE},
    manifest::{Manifest, verify::Verify},
    mel::Mel,
    onnx::SessionOptions,
    regular_file,
    text::{END_OF_PROMPT, Language, SYSTEM_PREFIX, Tokenizer},
    voice::Voice,
};

/// Shortest speech that a voice can be made of, in seconds.
const SHORTEST: f64 = 2.0;
/// Loudness that recordings get, in LUFS: the target of EBU R 128.
const TARGET: f64 = -23.0;
/// Peak that no gain exceeds.
const PEAK: f64 = 0.99;
/// Level below which there is no speech, in dB of full scale.
const SILENCE: f32 = -65.0;

/// Makes voices of recordings, with the front-end networks of a model directory.
pub struct Enroller {
    speaker: SpeakerEncoder,
    tokenizer: SpeechTokenizer,
    text: Tokenizer,
    cancel: Cancel,
}

/// Speech tokens that the flow gets: each must have two mel frames. (The language model gets all of them.)
pub fn kept_tokens(tokens: usize, frames: usize) -> usize {
    tokens.min(frames / FRAMES_PER_TOKEN)
}

impl Enroller {
    /// Loads the networks of the model directory `dir`, with a thread for each core.
    ///
    /// # Errors
    /// A file is missing or damaged; the message of a missing network says where to get it and what to run.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::load(dir, 0, Verify::default(), &Cancel::new())
    }

    /// The same with `threads`, of which 0 is one for each core; `cancel` ends loading and enrolments.
    pub fn load(dir: &Path, threads: usize, verify: Verify, cancel: &Cancel) -> Result<Self> {
        let manifest = Manifest::read(dir)?;
        let [speaker, tokenizer] = networks::files(dir, &manifest, verify, cancel)?;
        let options = SessionOptions {
            threads,
            arena: false,
            ..SessionOptions::default()
        };
        Ok(Self {
            speaker: SpeakerEncoder::load(&speaker, &options, cancel)?,
            tokenizer: SpeechTokenizer::load(&tokenizer, &options, cancel)?,
            text: Tokenizer::load(&dir.join(&manifest.lm.tokenizer))?,
            cancel: cancel.clone(),
        })
    }

    /// Checks without loading or listening: the file `recording` is there, and so are the networks in the model directory
    /// `dir`, of the right sizes.
    ///
    /// # Errors
    /// One is missing or cut; of the networks as [`open`](Self::open).
    pub fn check(dir: &Path, recording: &Path) -> Result<()> {
        regular_file::open(recording).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::new(
                ErrorKind::NotFound,
                format!("{error}: give the path of a recording"),
            ),
            _ => error,
        })?;
        Self::check_networks(dir)
    }

    /// Checks without loading that the networks are in the model directory `dir`, of the right sizes.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`ErrorKind::NotFound`] for a missing network.
    pub fn check_networks(dir: &Path) -> Result<()> {
        let manifest = Manifest::read(dir)?;
        networks::files(dir, &manifest, Verify::Never, &Cancel::new()).map(|_| ())
    }

    /// A voice from `recording`; `progress` gets each step when it begins. For one that does not fit into memory
    /// see [`Intake`].
    ///
    /// # Errors
    /// [`ErrorKind::Recording`] if no voice can be made of it: the message says what is wrong and what to do. Those of the
    /// networks. [`ErrorKind::Cancelled`].
    pub fn enrol(
        &self,
        recording: &Recording,
        options: &EnrolOptions,
        progress: &mut dyn FnMut(EnrolStage),
    ) -> Result<Enrolled> {
        let mut intake = Intake::new(recording.rate)?;
        intake.push(&recording.samples)?;
        self.enrol_heard(&intake.finish(), options, progress)
    }

    /// As [`enrol`](Self::enrol), of a recording that was taken in block by block.
    pub fn enrol_heard(
        &self,
        heard: &Heard,
        options: &EnrolOptions,
        progress: &mut dyn FnMut(EnrolStage),
    ) -> Result<Enrolled> {
        progress(EnrolStage::Listening);
        let speech = Speech::of(heard, options)?;
        self.cancel.check()?;
        progress(EnrolStage::Speaker);
        let rate = heard.recording.rate;
        let samples = resample(&speech.samples, rate, fbank::RATE);
        let embedding = self.speaker.encode(&samples, &self.cancel)?;
        progress(EnrolStage::Tokens);
        let tokens = self.tokenizer.tokens(&samples, &self.cancel)?;
        progress(EnrolStage::Mel);
        let mel = prompt_mel(&resample(&speech.samples, rate, SAMPLE_RATE));
        let transcript = self.transcript(options)?;
        let report = EnrolReport {
            speech_tokens: tokens.len(),
            text_tokens: transcript.as_ref().map(|transcript| transcript.tokens),
            ..speech.report
        };
        Ok(Enrolled {
            voice: voice(tokens, &mel, embedding, transcript, options)?,
            report: report.judge(rate),
        })
    }

    /// The prompt of the language model.
    fn transcript(&self, options: &EnrolOptions) -> Result<Option<Transcript>> {
        let Some(text) = options.transcript.as_deref().map(str::trim) else {
            return Ok(None);
        };
        if !crate::is_speakable(text) {
            return Err(Error::new(
                ErrorKind::Text,
                "the transcript has no letters or digits: write the exact words of the recording, or leave it out",
            ));
        }
        let named = options.language.as_deref().and_then(Language::from_tag);
        let language = named.or_else(|| Language::detect(text));
        let spoken = cosyvoice3_text::normalize(text, language.unwrap_or(Language::English));
        let system = self
            .text
            .encode(&format!("{SYSTEM_PREFIX}{END_OF_PROMPT}"))?;
        let ids = self.text.encode(&spoken)?;
        Ok(Some(Transcript {
            text: text.into(),
            tokens: ids.len(),
            ids: [system, ids].concat(),
            language,
        }))
    }
}

/// Words of a recording.
struct Transcript {
    text: String,
    /// Text ids, the system prefix in front.
    ids: Vec<u32>,
    /// Text ids without the prefix.
    tokens: usize,
    language: Option<Language>,
}

fn voice(
    tokens: Vec<u32>,
    mel: &Mel,
    embedding: Vec<f32>,
    transcript: Option<Transcript>,
    options: &EnrolOptions,
) -> Result<Voice> {
    let mut tokens = tokens;
    let kept = kept_tokens(tokens.len(), mel.frames());
    let tail_tokens = tokens.split_off(kept);
    let detected = transcript.as_ref().and_then(|t| t.language);
    let voice = Voice {
        name: String::new(),
        language: options
            .language
            .clone()
            .or_else(|| detected.map(|language| language.tag().into())),
        prompt_text: transcript.as_ref().map(|t| t.text.clone()),
        prompt_text_ids: transcript.map_or_else(Vec::new, |t| t.ids),
        prompt_tokens: tokens,
        tail_tokens,
        prompt_mel: mel.columns(0..FRAMES_PER_TOKEN * kept),
        embedding,
        provenance: options.provenance.clone(),
    };
    voice
        .check()
        .map_err(|what| Error::failed(format!("the networks produced no usable voice: {what}")))?;
    Ok(voice)
}

/// The part of a recording that becomes a voice, levelled.
struct Speech {
    samples: Vec<f32>,
    /// Without the tokens.
    report: EnrolReport,
}

impl Speech {
    fn of(heard: &Heard, options: &EnrolOptions) -> Result<Self> {
        let Recording { samples, rate } = &heard.recording;
        let levels = Levels::new(samples, *rate);
        let range = levels.speech_range();
        if range.is_empty() || levels.speech() < SILENCE {
            return Err(recording(format!(
                "the recording ({:.1} s) contains only silence, no speech: check the microphone and the file",
                heard.seconds
            )));
        }
        let second = |sample: usize| heard.start + sample as f64 / f64::from(*rate);
        let taken = second(range.start)..second(range.end);
        check_length(heard, &taken, options)?;
        let speech = &samples[range.clone()];
        let loudness = loudness(speech, *rate)?;
        let gain = gain(loudness, speech);
        let report = EnrolReport {
            seconds: heard.seconds,
            taken,
            loudness,
            gain: 20.0 * gain.log10(),
            clipped: levels::clipped(speech),
            signal_to_noise: levels.signal_to_noise(range),
            speech_tokens: 0,
            text_tokens: None,
            warnings: Vec::new(),
        };
        Ok(Self {
            samples: speech.iter().map(|x| x * gain as f32).collect(),
            report,
        })
    }
}

fn check_length(heard: &Heard, taken: &Range<f64>, options: &EnrolOptions) -> Result<()> {
    let length = taken.end - taken.start;
    if length < SHORTEST {
        return Err(recording(format!(
            "{length:.1} s of speech, at least {SHORTEST} s are needed: record {:.1} s more, better 4 to 10 s in all",
            shown_missing(SHORTEST - length)
        )));
    }
    if heard.cut && !options.trim {
        return Err(recording(format!(
            "{:.0} s of recording, at most {LONGEST} s of speech make a voice: the best stretch is from {:.1} to {:.1} s; \
             take it with `cosyvoice3 voice add --trim`, or trim=true by HTTP (and as transcript the words of this stretch \
             alone), or cut the recording yourself",
            heard.seconds, taken.start, taken.end
        )));
    }
    Ok(())
}

fn recording(message: String) -> Error {
    Error::new(ErrorKind::Recording, message)
}

/// Loudness of `samples` after EBU R 128, in LUFS.
fn loudness(samples: &[f32], rate: u32) -> Result<f64> {
    let failed = |e: ebur128::Error| Error::failed(format!("the loudness cannot be measured: {e}"));
    let mut meter = EbuR128::new(1, rate, Mode::I).map_err(failed)?;
    meter.add_frames_f32(samples).map_err(failed)?;
    let loudness = meter.loudness_global().map_err(failed)?;
    if loudness.is_finite() {
        return Ok(loudness);
    }
    Err(recording(
        "the recording is too quiet, below -70 LUFS: record nearer to the microphone".into(),
    ))
}

/// The gain that brings `samples` of `loudness` to the target, without a peak beyond full scale.
fn gain(loudness: f64, samples: &[f32]) -> f64 {
    let peak = samples.iter().fold(0.0, |peak: f32, x| peak.max(x.abs()));
    10f64
        .powf((TARGET - loudness) / 20.0)
        .min(PEAK / f64::from(peak))
}
