//! CosyVoice3 text to speech as a Rust engine; the GStreamer element `cosyvoice3src` is built on it.
//!
//! Text goes in, 24 kHz mono speech comes out, through four stages that each live in a module of their own:
//!
//! ```text
//! text ─► text ─► lm ─────────► flow ────────► mel ───────► vocoder ─► samples
//!         front   speech tokens  mel chunks     whole        24 kHz
//!         end     25 Hz          50 Hz, 80 bins utterance    f32
//! ```
//!
//! A [`Synthesizer`] joins them. The shortest program:
//!
//! ```no_run
//! fn main() -> cosyvoice3::Result<()> {
//!     let synth = cosyvoice3::Synthesizer::load(cosyvoice3::Options::new("models/demo"))?;
//!     for speech in synth.speak("Hello. How are you?") {
//!         println!("{} samples at 24 kHz", speech?.samples.len());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! The API for programs is here at the root; the modules are for work on the engine itself, and change with it. Those that are plumbing
//! (files, threads, ONNX Runtime, the loader) are left out of these pages.
//! `docs/architecture.md` explains the design.

#[doc(hidden)]
pub mod atomic_file;
#[doc(hidden)]
pub mod cache_dir;
pub mod cancel;
pub mod constants;
#[doc(hidden)]
pub mod cpu;
pub mod enrol;
pub mod error;
pub mod flow;
mod heap;
pub mod lm;
mod lock;
pub mod manifest;
pub mod mel;
#[doc(hidden)]
pub mod model;
#[doc(hidden)]
pub mod onnx;
mod own_file;
#[doc(hidden)]
pub mod regular_file;
#[doc(hidden)]
pub mod stage;
pub mod synth;
pub mod text;
pub mod vocoder;
pub mod voice;

pub use constants::{SAMPLE_RATE, SAMPLES_PER_TOKEN};
pub use enrol::{EnrolOptions, EnrolStage, Enroller, NO_TRANSCRIPT, once as enrol_once};
pub use error::{Error, ErrorKind, Result};
pub use flow::{
    Device, FlowPlan,
    axcl::{AxclOptions, abandoned_threads, card_in_use},
    choice::{FlowChoice, FlowTarget},
};
pub use lm::{Hit, PrefixCaching, StopReason};
pub use manifest::{Schedule, locate::default_dir as default_model_dir, verify::Verify};
pub use model::KeepAlive;
pub use synth::{
    AnnouncementCaching, DefaultVoice, Event, Flush, LmThreads, MAX_TEXT, Mark, Markup, Options,
    Playback, PromptMode, Request, RequestId, Settings, Speaking, Speech, Synthesizer,
    UtteranceStats, Word,
};
#[doc(hidden)]
pub use synth::{Engine, Loading, Recorder};
pub use text::{IncrementalText, Language, Reading, cue, is_speakable};
pub use vocoder::level::Level;
pub use voice::Voice;

/// Compiles the examples of the READMEs.
#[cfg(doctest)]
mod readmes {
    #[doc = include_str!("../../../README.md")]
    struct English;
    #[doc = include_str!("../../../README.ru.md")]
    struct Russian;
    #[doc = include_str!("../../../README.zh.md")]
    struct Chinese;
}
