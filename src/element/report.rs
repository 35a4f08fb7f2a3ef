//! What applications are told of each text: element messages on the bus, and the mark on its buffers.

use std::time::Duration;

use gst::subclass::prelude::*;

use super::{
    agenda::{Announcement, Item},
    imp::CosyVoice3Src,
    logging::CAT,
    stream::time_of,
};
use crate::{
    Error,
    synth::{Speech, UtteranceStats},
};

/// Name of the custom meta on each buffer of speech: a structure with the field `id`.
pub(super) const META: &str = "GstCosyVoice3UtteranceMeta";

/// What is known of one text so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Samples that came from the engine and were kept.
    pub made: u64,
    /// Samples that were pushed.
    pub samples: u64,
    /// Speech tokens.
    tokens: usize,
    /// What the stages worked.
    synthesis: Duration,
    /// Its first buffer is not pushed yet.
    pub pending_start: bool,
    /// Running time of its first sample.
    pub start: Option<gst::ClockTime>,
    /// Why an utterance of it was left out.
    pub failure: Option<Error>,
}

impl Told {
    /// Adds the cost of one utterance.
    pub fn add(&mut self, stats: &UtteranceStats) {
        self.tokens += stats.tokens;
        self.synthesis += stats.prefill + stats.decode + stats.flow + stats.vocoder;
    }
}

/// How a text ended.
pub(super) enum Outcome<'a> {
    /// It was pushed.
    Finished,
    /// It was given up, and why.
    Cancelled(&'static str),
    /// It could not be spoken.
    Failed(&'a Error),
}

/// How a text ended of which the synthesizer has nothing more to say.
pub(super) fn outcome(announcement: &Announcement, cancelled: bool) -> Outcome<'_> {
    match &announcement.told.failure {
        _ if announcement.last_sentence => Outcome::Cancelled("interrupted"),
        _ if cancelled => Outcome::Cancelled("cancelled"),
        Some(error) if announcement.told.samples == 0 => Outcome::Failed(error),
        _ => Outcome::Finished,
    }
}

fn message(kind: &str, announcement: &Announcement) -> gst::structure::Builder {
    gst::Structure::builder(format!("cosyvoice3/utterance-{kind}"))
        .field("id", announcement.id)
        .field("text", &announcement.text)
        .field("priority", announcement.priority)
}

fn timed(builder: gst::structure::Builder, told: &Told) -> gst::structure::Builder {
    // The stream's segment begins at running time 0, so both are one number.
    builder
        .field("pts", told.start)
        .field("running-time", told.start)
}

impl CosyVoice3Src {
    /// Tells that a text was accepted.
    pub(super) fn report_queued(&self, id: u64, text: &str) {
        let structure = gst::Structure::builder("cosyvoice3/utterance-queued")
            .field("id", id)
            .field("text", text)
            .build();
        self.post_structure(structure);
    }

    /// Tells how a text ended.
    pub(super) fn report(&self, announcement: Option<&Announcement>, outcome: Outcome<'_>) {
        let Some(announcement) = announcement else {
            return;
        };
        let told = &announcement.told;
        let duration = time_of(told.samples);
        let synthesis = gst::ClockTime::try_from(told.synthesis).ok();
        let ended = |kind| {
            timed(message(kind, announcement), told)
                .field("duration", duration)
                .field("synthesis-duration", synthesis)
                .field("tokens", told.tokens as u64)
        };
        let structure = match outcome {
            Outcome::Finished => ended("finished").build(),
            Outcome::Cancelled(reason) => ended("cancelled").field("reason", reason).build(),
            Outcome::Failed(error) => ended("failed").field("reason", error.to_string()).build(),
        };
        gst::debug!(CAT, imp = self, "{structure:?}");
        self.post_structure(structure);
    }

    fn post_structure(&self, structure: gst::Structure) {
        let message = gst::message::Element::builder(structure)
            .src(&*self.obj())
            .build();
        self.post(message);
    }
}

/// Tells that the text at the head is about to be heard.
pub(super) fn started(this: &CosyVoice3Src) {
    let structure = match this.state().agenda.head() {
        Some(Item::Say(announcement)) => {
            timed(message("started", announcement), &announcement.told).build()
        }
        _ => return,
    };
    this.post_structure(structure);
}

/// Marks a buffer as part of the text `id`.
pub(super) fn mark(buffer: &mut gst::BufferRef, id: u64) {
    if let Ok(mut meta) = gst::meta::CustomMeta::add(buffer, META) {
        meta.mut_structure().set("id", id);
    }
}

/// Logs what one utterance cost.
pub(super) fn log(this: &CosyVoice3Src, speech: &Speech) {
    let stats = &speech.stats;
    gst::info!(
        CAT,
        imp = this,
        "utterance {}: {} tokens ({:?}), prefill {:?}, decode {:?}, flow {:?}, vocoder {:?}",
        speech.utterance,
        stats.tokens,
        stats.stop,
        stats.prefill,
        stats.decode,
        stats.flow,
        stats.vocoder
    );
    gst::debug!(CAT, imp = this, "saying {:?}", speech.text);
}
