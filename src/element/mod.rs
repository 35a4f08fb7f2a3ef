//! The element `cosyvoice3src`: text in, 24 kHz mono F32 speech out.
//!
//! SECTION:element-cosyvoice3src
//!
//! `cosyvoice3src` speaks in a cloned voice, with CosyVoice3 running in this process. The text is its property, comes
//! from upstream, or is handed over by signal; speech leaves as one buffer per utterance.
//!
//! ```bash
//! # Speak to the default sound device
//! gst-launch-1.0 cosyvoice3src text="Привет, как дела?" ! audioconvert ! audioresample ! autoaudiosink
//! # Render to a file
//! gst-launch-1.0 cosyvoice3src text="Готово." voice=anna ! wavenc ! filesink location=ready.wav
//! # Read lines aloud as they are typed
//! gst-launch-1.0 fdsrc ! cosyvoice3src is-live=true ! audioconvert ! audioresample ! autoaudiosink
//! # Subtitles as a sound track, each at its time
//! gst-launch-1.0 filesrc location=film.srt ! subparse ! cosyvoice3src ! wavenc ! filesink location=film.wav
//! ```
//!
//! An empty string on a command line is `'text=""'`: a bare `text=` swallows the word that follows.
//!
//! `playbin uri=cosyvoice3://Hello%20world?voice=anna` plays too.
//!
//! ## Times
//!
//! | | when | stamps | ends |
//! |---|---|---|---|
//! | offline | otherwise | from 0, without gaps, whatever the clock shows | when everything is said, or upstream ends |
//! | live | `is-live=true`, or text without times from a live upstream | those of the clock; `idle` fills the time between | by EOS only |
//! | timed | text buffers with times (`subparse`) | those of the texts; `overflow` says what happens to speech that is too long | when upstream ends |
//!
//! ## Text from upstream
//!
//! The pad `sink` exists on request; linking requests it. Text without times is a stream: buffers may cut sentences and
//! characters anywhere, and a sentence is said once its end is certain or its line ends. Bytes that are not UTF-8 are
//! replaced, with one warning.
//!
//! ## Signals
//!
//! * `say(text) -> id`, `say-full(structure) -> id`: queues a text; 0 if it was refused. `say-full` takes the fields
//!   `text`, `voice`, `instruct`, `priority` (int, 0) and `interrupt` (`none`, `sentence`, `now`: what becomes of a text
//!   of lower priority that is being heard).
//! * `cancel(id) -> bool`, `cancel-all() -> count`: what was pushed is heard all the same; a small `buffer-duration`
//!   keeps that short.
//! * `end-of-stream()`: EOS once everything queued is said.
//!
//! ## Messages
//!
//! Each accepted text is told by the element messages `cosyvoice3/utterance-queued` and `-started`, and ends in exactly
//! one of `-finished`, `-cancelled` and `-failed`. They carry `id` and `text`; from `-started` on `running-time`, and at
//! the end `duration`, `synthesis-duration`, [what it cost](#what-it-costs), and the `reason` where there is one. They are posted when the
//! speech is pushed, which is before it is heard: `running-time` says when that will be. Buffers carry the `id` in the
//! custom meta `GstCosyVoice3UtteranceMeta`.
//!
//! ## What it costs
//!
//! The messages that end a text, and for all texts together the property `stats`, have these fields:
//!
//! | field | type | |
//! |---|---|---|
//! | `tokens` | uint64 | speech tokens that became sound, 25 a second |
//! | `prefill`, `decode`, `flow`, `vocoder` | double | seconds that the stages worked; the first two are the language model's |
//! | `rtf-lm`, `rtf-flow`, `rtf-vocoder` | double | the same for each second of speech |
//! | `overlap` | double | seconds of that which went on beside other work for the same utterance |
//! | `rtf` | double | work less overlap, for each second of speech |
//! | `prefix-full-hits`, `prefix-shared-hits` | uint64 | utterances that needed no prefill, or a part of it |
//! | `flow-backend` | string | what ran the flow model last: `cpu` or `npu` |
//! | `first-audio` (messages), `first-audio-last`, `-mean`, `-max` (`stats`) | double | seconds from the request, or from the models' readiness if that came later, to the first speech |
//! | `texts-finished`, `-cancelled`, `-failed`, `-late`, `-queued`, `utterances` (`stats`) | uint64 | counts |
//! | `audio-duration` (`stats`) | uint64 | speech that was pushed, in nanoseconds |
//! | `npu-threads-abandoned` (`stats`) | uint64 | threads of this process that were left behind because a card did not answer |
//!
//! Models load in the background between READY and PAUSED; their progress is posted as `GST_MESSAGE_PROGRESS` with the
//! code `open`. Everything that goes wrong is one message on the bus that says what to do.

use std::sync::Arc;

use gst::{glib, prelude::*, subclass::prelude::*};

use crate::synth::{Engine, Loading};

mod agenda;
mod bus;
mod gvalue;
mod imp;
mod logging;
mod report;
mod settings;
mod signals;
mod sink;
mod srcpad;
mod stream;
mod uri;
mod wake;

glib::wrapper! {
    /// The element `cosyvoice3src`.
    pub struct CosyVoice3Src(ObjectSubclass<imp::CosyVoice3Src>)
        @extends gst::Element, gst::Object,
        @implements gst::URIHandler;
}

impl CosyVoice3Src {
    /// Speaks with what `load` returns instead of a model directory, from the next start on. `load` is called once per
    /// start, on a thread of its own. For Rust programs with an engine of their own; tests script theirs.
    pub fn set_engine(
        &self,
        load: impl Fn(&Loading<'_>) -> crate::Result<Arc<dyn Engine>> + Send + Sync + 'static,
    ) {
        self.imp().set_engine(Arc::new(load));
    }
}

/// Registers the element. Loads no runtime and touches no device: the plugin scanner runs this too.
pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::meta::CustomMeta::register(report::META, &[]);
    gst::Element::register(
        Some(plugin),
        "cosyvoice3src",
        gst::Rank::NONE,
        CosyVoice3Src::static_type(),
    )
}
