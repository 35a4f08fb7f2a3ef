//! CosyVoice3 text to speech: a GStreamer plugin and, without the feature `element`, a plain Rust engine.
//!
//! Text goes in, 24 kHz mono speech comes out, through four stages that each live in a module of their own:
//!
//! ```text
//! text ─► text ─► lm ─────────► flow ────────► mel ───────► vocoder ─► samples
//!         front   speech tokens  mel chunks     whole        24 kHz
//!         end     25 Hz          50 Hz, 80 bins utterance    f32
//! ```
//!
//! [`synth::Synthesizer`] joins them: requests in, events out. `docs/architecture.md` tells why it is built so.

pub mod cancel;
pub mod constants;
pub mod cpu;
#[cfg(feature = "element")]
pub mod element;
pub mod error;
pub mod flow;
pub mod lm;
mod lock;
pub mod mel;
pub mod model;
pub mod onnx;
mod plugin_file;
pub mod stage;
pub mod synth;
pub mod text;
pub mod vocoder;
pub mod voice;

pub use error::{Error, ErrorKind, Result};

#[cfg(feature = "element")]
#[allow(missing_docs)] // what plugin_define! makes
mod plugin {
    fn plugin_init(plugin: &gst::Plugin) -> Result<(), gst::glib::BoolError> {
        crate::element::register(plugin)
    }

    gst::plugin_define!(
        cosyvoice3,
        env!("CARGO_PKG_DESCRIPTION"),
        plugin_init,
        concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
        "MIT/X11",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_REPOSITORY"),
        env!("BUILD_REL_DATE")
    );
}

#[cfg(feature = "element")]
pub use plugin::plugin_register_static;
