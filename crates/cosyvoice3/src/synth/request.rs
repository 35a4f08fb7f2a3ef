//! Requests to a synthesizer, and the events it answers with.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::words::Word;
use crate::{
    Error, ErrorKind,
    flow::{Device, FlowPlan},
    lm::{Hit, StopReason},
    manifest::Schedule,
    text::{Language, Reading},
    vocoder::level::Level,
};

/// Number of a request: positive and increasing in one synthesizer.
pub type RequestId = u64;

/// A text to speak, with its settings. A string is a request with the default settings:
///
/// ```
/// let mut request = cosyvoice3::Request::new("Привет!");
/// request.settings.seed = 7;
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Request {
    /// The text; of any length, it is split lazily.
    pub text: String,
    /// Its settings.
    pub settings: Settings,
}

impl Request {
    /// `text` with the default settings.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            settings: Settings::default(),
        }
    }

    /// The same text with `settings`.
    pub fn with_settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }
}

impl From<&str> for Request {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Request {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// Settings of a request. Made by `Settings::default()`, then changed field by field.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Voice by its name or by the path of its file (anything with a slash); `None` is the voice for the language of the
    /// text, else the default voice.
    pub voice: Option<String>,
    /// Language of a text that has no letters, such as `12:30`, where [`voice`](Self::voice) names no voice of a known
    /// language: that of the text before it, say. `None` is the language of the default voice.
    pub fallback_language: Option<Language>,
    /// Language of the whole text; `None` finds it out for each sentence. It chooses the voice where none is named.
    pub language: Option<Language>,
    /// Reader of Chinese digits; `None` is the manifest's choice (the model, as published).
    pub reading: Option<Reading>,
    /// True if a `+` before a vowel marks its stress (`з+амок`), as Russian tools write it.
    pub stress_mark: bool,
    /// A file of words and phrases with their pronunciation, see [`Lexicon`](crate::text::Lexicon). It takes precedence
    /// over those of voice and model (`voices/NAME.lexicon.txt`, `lexicon.txt`).
    pub lexicon: Option<PathBuf>,
    /// Markup of the text.
    pub markup: Markup,
    /// Instruction such as "speak fast", in the model's instruct mode; `None` clones the prompt (zero-shot).
    pub instruct: Option<String>,
    /// Use of the voice's own words where there is no instruction.
    pub prompt_mode: PromptMode,
    /// Tempo, 0.5 to 2: the mel is resampled linearly in time, as the official program does.
    pub speed: f64,
    /// Seed of every random draw; the same seed, text and settings give the same samples.
    pub seed: u64,
    /// Softmax temperature of the language model; 0 always takes the likeliest token.
    pub temperature: f32,
    /// Maximum number of candidates in the nucleus; 0 is the manifest's.
    pub top_k: usize,
    /// Probability mass of the nucleus; 0 is the manifest's.
    pub top_p: f32,
    /// Euler steps of the flow; 0 is the manifest's number.
    pub flow_steps: usize,
    /// Time points of the flow; `None` is the manifest's.
    pub flow_schedule: Option<Schedule>,
    /// Steps of the flow from one with guidance to the next; 1 is all of them.
    pub guidance_interval: usize,
    /// Division of the flow's work: whole utterances or windows.
    pub flow_plan: FlowPlan,
    /// Whole utterances, or their pieces as they are made.
    pub flush: Flush,
    /// True if the speech is played as it comes: the first piece of an utterance then leaves when the others will be in
    /// time, as the speeds measured so far have it, so that playback does not run dry.
    pub live: bool,
    /// Level control of the speech.
    pub level: Level,
    /// Exactly so many speech tokens per utterance, for benchmarks; the natural end is ignored.
    #[doc(hidden)]
    pub forced_tokens: Option<usize>,
    /// True if the finished speech may be kept for the next request of this kind, where announcements are kept at all
    /// ([`Options::announcement_caching`](super::Options::announcement_caching)). A seed that was drawn for this request
    /// alone will not come again: its speech would only displace others.
    pub keep: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            voice: None,
            fallback_language: None,
            language: None,
            reading: None,
            stress_mark: false,
            lexicon: None,
            markup: Markup::None,
            instruct: None,
            prompt_mode: PromptMode::default(),
            speed: 1.0,
            seed: 0,
            temperature: 1.0,
            top_k: 0,
            top_p: 0.0,
            flow_steps: 0,
            flow_schedule: None,
            guidance_interval: 1,
            flow_plan: FlowPlan::default(),
            flush: Flush::default(),
            live: false,
            level: Level::default(),
            forced_tokens: None,
            keep: true,
        }
    }
}

impl Settings {
    /// The same for plain text.
    pub fn without_markup(self) -> Self {
        Self {
            markup: Markup::None,
            ..self
        }
    }
}

/// Time at which speech leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Flush {
    /// When its utterance is complete. The flow sees all of it at once.
    #[default]
    FullMel,
    /// Piece by piece, the first after a second of speech. The flow sees what was before and half a second more, as the
    /// model was trained to in half of its steps.
    Chunk,
    /// As [`FullMel`](Self::FullMel) where the whole utterance is ready at most 300 ms later than its first piece would be,
    /// else as [`Chunk`](Self::Chunk). Which it is depends on the machine's speed, and so do the samples.
    Auto,
}

/// Use of a voice's own words: the transcript and the speech tokens of its recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PromptMode {
    /// Zero-shot, but cross-lingual where the text is in another language than the voice, or the voice has no transcript.
    #[default]
    Auto,
    /// The language model continues them: nearest to the voice.
    ZeroShot,
    /// The language model does not get them, and the voice comes from the flow alone: no accent of the voice's language.
    CrossLingual,
}

/// Markup that a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Markup {
    /// Plain text.
    #[default]
    None,
    /// The part of SSML that [`cosyvoice3_text::ssml`] lists.
    Ssml,
}

/// A named place in the speech, from SSML's `mark`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mark {
    /// Its name.
    pub name: Arc<str>,
    /// The sample of the utterance before which it lies; its length for a mark at the end.
    pub sample: usize,
}

/// Event of a synthesizer. Events of one request come in order, those of the next one after them.
#[expect(
    clippy::large_enum_variant,
    reason = "a few a second, and two at most wait to be taken"
)]
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Models are being loaded: the component, and the share of it that is done.
    Loading {
        /// The component, in words for people.
        component: &'static str,
        /// 0 to 1.
        fraction: f32,
    },
    /// Models are loaded.
    Ready {
        /// Time since [`Synthesizer::open`](super::Synthesizer::open).
        after: Duration,
        /// Notice that must be shown to the users of this model, or empty.
        notice: String,
    },
    /// Models cannot be loaded: nothing will be synthesized. Every request still gets its [`Finished`](Self::Finished),
    /// those that are made later as well.
    LoadFailed(Error),
    /// A problem that the user should see but that did not stop the work.
    Warning {
        /// The request it belongs to, if any.
        request: Option<RequestId>,
        /// Kind of the problem.
        kind: ErrorKind,
        /// The problem and its remedy, in words for people.
        message: String,
    },
    /// One utterance is ready, or a piece of it.
    Speech(Speech),
    /// One utterance failed; the request goes on with the next one.
    UtteranceFailed {
        /// The request.
        request: RequestId,
        /// Number of the utterance in its request, from 0.
        utterance: usize,
        /// The error.
        error: Error,
    },
    /// A request has ended; no more of its events follow.
    Finished {
        /// The request.
        request: RequestId,
        /// True if it was cancelled.
        cancelled: bool,
        /// Utterances that became speech.
        spoken: usize,
    },
    /// Only wakes the thread that waits for an event, see [`Synthesizer::cancel_all_keep_ready`](super::Synthesizer::cancel_all_keep_ready).
    #[doc(hidden)]
    Woken,
}

impl Event {
    /// The warning that `error`, which stopped nothing, is to the user.
    pub(super) fn warning(request: Option<RequestId>, error: &Error) -> Self {
        Self::Warning {
            request,
            kind: error.kind(),
            message: error.to_string(),
        }
    }

    /// Returns true if it is about the engine and not about a request.
    pub fn is_of_the_engine(&self) -> bool {
        match self {
            Self::Loading { .. } | Self::Ready { .. } | Self::LoadFailed(_) | Self::Woken => true,
            Self::Warning { request, .. } => request.is_none(),
            Self::Speech(_) | Self::UtteranceFailed { .. } | Self::Finished { .. } => false,
        }
    }
}

/// The speech of one utterance, or a piece of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Speech {
    /// The request.
    pub request: RequestId,
    /// Number of the utterance in its request, from 0.
    pub utterance: usize,
    /// Number of the piece in its utterance, from 0.
    pub piece: usize,
    /// True for the last piece of its utterance; always true without [`Flush`].
    pub last: bool,
    /// Text of the utterance as synthesized, after normalisation.
    pub text: String,
    /// 24 kHz mono samples, silence of breaks around the utterance included.
    pub samples: Vec<f32>,
    /// Named places in it, in order.
    pub marks: Vec<Mark>,
    /// The words of the text and their samples, estimated by the words' shares of the letters.
    pub words: Vec<Word>,
    /// Cost of the utterance's synthesis, as far as it is known: complete with the last piece.
    pub stats: UtteranceStats,
}

/// Cost of one utterance.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct UtteranceStats {
    /// Speech tokens that became sound.
    pub tokens: usize,
    /// Why the language model stopped.
    pub stop: StopReason,
    /// Language model, prefix.
    pub prefill: Duration,
    /// Cached part of the prefix.
    pub hit: Hit,
    /// Language model, speech tokens.
    pub decode: Duration,
    /// Flow, the time it computed.
    pub flow: Duration,
    /// True if no stage worked for it: it was spoken before and kept.
    pub kept: bool,
    /// Device of the flow model; `None` where it did no work.
    pub flow_backend: Option<Device>,
    /// Vocoder.
    pub vocoder: Duration,
    /// From the request, or from the models' readiness where that came later, to this speech.
    pub since_request: Duration,
    /// From the beginning of its prefix to this speech.
    pub elapsed: Duration,
    /// Playback in pieces; `None` for an utterance that left whole.
    pub playback: Option<Playback>,
}

/// The playback of an utterance whose pieces left as they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Playback {
    /// From the first piece to the last one, as foreseen when the first one left.
    pub foreseen: Duration,
    /// From the first piece to this one.
    pub came: Duration,
    /// Time for which a player that began with the first piece had nothing to play.
    pub dry: Duration,
}

impl UtteranceStats {
    /// Total work of the stages, as if one after the other.
    pub fn work(&self) -> Duration {
        self.prefill + self.decode + self.flow + self.vocoder
    }

    /// Work that went on beside other work for the same utterance.
    pub fn overlap(&self) -> Duration {
        self.work().saturating_sub(self.elapsed)
    }
}
