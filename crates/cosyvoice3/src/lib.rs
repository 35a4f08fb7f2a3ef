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
//! [`synth::Synthesizer`] joins them: requests in, events out. `docs/architecture.md` says why it is built so.

pub mod cancel;
pub mod constants;
pub mod cpu;
pub mod error;
pub mod flow;
pub mod lm;
mod lock;
pub mod mel;
pub mod model;
pub mod onnx;
mod own_file;
pub mod regular_file;
pub mod stage;
pub mod synth;
pub mod text;
pub mod vocoder;
pub mod voice;

pub use error::{Error, ErrorKind, Result};
