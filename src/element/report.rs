//! Reports on each announcement: element messages on the bus, and the meta on its buffers.

use std::{collections::VecDeque, time::Duration};

use gst::subclass::prelude::*;

use super::{
    agenda::{Announcement, Item, Origin},
    imp::{CosyVoice3Src, State},
    logging::CAT,
    timeline::time_of,
};
use cosyvoice3::{
    Error, Hit, SAMPLE_RATE, SAMPLES_PER_TOKEN, Speech, UtteranceStats, abandoned_threads,
};

/// Name of the custom meta on each buffer of speech: a structure with the field `id`.
pub(super) const META: &str = "GstCosyVoice3UtteranceMeta";

/// Name of the custom meta for each `mark` of SSML in a buffer: a structure with `name` and `sample`, which counts from the
/// start of the buffer.
pub(super) const MARK_META: &str = "GstCosyVoice3MarkMeta";

/// Reason of an announcement that ends because a more important one took its place.
pub(super) const DISPLACED: &str = "displaced";

/// Progress of one announcement.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Samples received from the engine.
    pub made: u64,
    /// Samples that were pushed.
    pub samples: u64,
    /// Its cost, utterance by utterance.
    cost: Cost,
    /// Running time of its first sample.
    pub start: Option<gst::ClockTime>,
    /// Reason for which an utterance of it was left out.
    pub failure: Option<Error>,
}

impl Told {
    /// Adds the cost of one utterance.
    pub fn add(&mut self, stats: &UtteranceStats) {
        self.cost.add(stats);
    }
}

/// Cost of some utterances.
#[derive(Debug, Default, Clone)]
pub(super) struct Cost {
    utterances: u64,
    tokens: u64,
    prefill: Duration,
    decode: Duration,
    flow: Duration,
    vocoder: Duration,
    overlap: Duration,
    /// Prefixes that needed no prefill, and that needed a part of it.
    full_hits: u64,
    shared_hits: u64,
    /// From the request to the first utterance.
    first_audio: Option<Duration>,
    flow_backend: &'static str,
}

impl Cost {
    fn add(&mut self, stats: &UtteranceStats) {
        self.utterances += 1;
        self.tokens += stats.tokens as u64;
        self.prefill += stats.prefill;
        self.decode += stats.decode;
        self.flow += stats.flow;
        self.vocoder += stats.vocoder;
        self.overlap += stats.overlap();
        match stats.hit {
            Hit::None => {}
            Hit::Shared(_) => self.shared_hits += 1,
            Hit::Memory | Hit::Disk => self.full_hits += 1,
        }
        self.first_audio.get_or_insert(stats.since_request);
        self.flow_backend = stats.flow_backend;
    }

    /// Adds the cost of another announcement, whose first audio becomes the latest one.
    fn add_all(&mut self, other: &Self) {
        self.utterances += other.utterances;
        self.tokens += other.tokens;
        self.prefill += other.prefill;
        self.decode += other.decode;
        self.flow += other.flow;
        self.vocoder += other.vocoder;
        self.overlap += other.overlap;
        self.full_hits += other.full_hits;
        self.shared_hits += other.shared_hits;
        self.first_audio = other.first_audio.or(self.first_audio);
        if other.utterances > 0 {
            self.flow_backend = other.flow_backend;
        }
    }

    fn work(&self) -> Duration {
        self.prefill + self.decode + self.flow + self.vocoder
    }

    /// Adds its fields: seconds as doubles, and for each stage seconds of work per second of speech. Without speech,
    /// these ratios are left out.
    fn fields(&self, builder: gst::structure::Builder) -> gst::structure::Builder {
        let audio = self.tokens as f64 * SAMPLES_PER_TOKEN as f64 / f64::from(SAMPLE_RATE);
        let rtf = |work: Duration| (audio > 0.0).then(|| work.as_secs_f64() / audio);
        builder
            .field("tokens", self.tokens)
            .field("prefill", self.prefill.as_secs_f64())
            .field("decode", self.decode.as_secs_f64())
            .field("flow", self.flow.as_secs_f64())
            .field("vocoder", self.vocoder.as_secs_f64())
            .field("overlap", self.overlap.as_secs_f64())
            .field_if_some("rtf-lm", rtf(self.prefill + self.decode))
            .field_if_some("rtf-flow", rtf(self.flow))
            .field_if_some("rtf-vocoder", rtf(self.vocoder))
            .field_if_some("rtf", rtf(self.work().saturating_sub(self.overlap)))
            .field("prefix-full-hits", self.full_hits)
            .field("prefix-shared-hits", self.shared_hits)
            .field_if_some(
                "flow-backend",
                Some(self.flow_backend).filter(|name| !name.is_empty()),
            )
    }
}

/// Counts since the element was made.
#[derive(Debug, Default)]
pub(super) struct Totals {
    finished: u64,
    cancelled: u64,
    failed: u64,
    /// Speech that came later than its cue.
    pub late: u64,
    samples: u64,
    cost: Cost,
    first_audio_sum: Duration,
    first_audio_max: Duration,
    first_audio_count: u32,
}

impl Totals {
    fn add(&mut self, told: &Told, outcome: &Outcome<'_>) {
        match outcome {
            Outcome::Finished => self.finished += 1,
            Outcome::Cancelled(_) => self.cancelled += 1,
            Outcome::Failed(_) => self.failed += 1,
        }
        self.samples += told.samples;
        self.cost.add_all(&told.cost);
        if let Some(first) = told.cost.first_audio {
            self.first_audio_sum += first;
            self.first_audio_max = self.first_audio_max.max(first);
            self.first_audio_count += 1;
        }
    }

    /// The property `stats`.
    pub fn structure(&self, queued: usize) -> gst::Structure {
        let seconds = |duration: Duration| duration.as_secs_f64();
        let mean = self.first_audio_sum.checked_div(self.first_audio_count);
        let builder = gst::Structure::builder("application/x-cosyvoice3-stats")
            .field("texts-finished", self.finished)
            .field("texts-cancelled", self.cancelled)
            .field("texts-failed", self.failed)
            .field("texts-late", self.late)
            .field("texts-queued", queued as u64)
            .field("utterances", self.cost.utterances)
            .field("audio-duration", time_of(self.samples))
            .field_if_some(
                "synthesis-duration",
                gst::ClockTime::try_from(self.cost.work()).ok(),
            )
            .field_if_some("first-audio-last", self.cost.first_audio.map(seconds))
            .field_if_some("first-audio-mean", mean.map(seconds))
            .field_if_some(
                "first-audio-max",
                mean.map(|_| seconds(self.first_audio_max)),
            )
            .field("npu-threads-abandoned", abandoned_threads() as u64);
        self.cost.fields(builder).build()
    }
}

/// Outcome of an announcement.
pub(super) enum Outcome<'a> {
    /// It was pushed.
    Finished,
    /// It was given up, for this reason.
    Cancelled(&'static str),
    /// It could not be synthesized.
    Failed(&'a Error),
}

/// Outcome of an announcement for which the synthesizer has no more speech.
pub(super) fn outcome(announcement: &Announcement, cancelled: bool) -> Outcome<'_> {
    match &announcement.told.failure {
        _ if announcement.interrupted && (cancelled || announcement.dropped) => {
            Outcome::Cancelled("interrupted")
        }
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

/// Adds the start of playback, if there was one: a field without a time would read as 2⁶⁴-1 ns.
fn timed(builder: gst::structure::Builder, told: &Told) -> gst::structure::Builder {
    // The stream's segment begins at running time 0, so both are one number.
    builder
        .field_if_some("pts", told.start)
        .field_if_some("running-time", told.start)
}

/// Messages in the order of the events that they report.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<gst::Structure>,
    /// True while a thread is posting them.
    posting: bool,
}

impl State {
    /// Notes that an announcement was queued.
    pub fn note_queued(&mut self, id: u64, text: &str) {
        let structure = gst::Structure::builder("cosyvoice3/utterance-queued")
            .field("id", id)
            .field("text", text)
            .build();
        self.outbox.waiting.push_back(structure);
    }

    /// Notes that the announcement at the head is about to be played.
    pub fn note_started(&mut self) {
        if let Some(Item::Say(announcement)) = self.agenda.head() {
            let structure = timed(message("started", announcement), &announcement.told).build();
            self.outbox.waiting.push_back(structure);
        }
    }

    /// Notes that a named mark of an announcement is about to be played.
    pub fn note_mark(&mut self, id: u64, name: &str, running_time: gst::ClockTime) {
        let structure = gst::Structure::builder("cosyvoice3/mark")
            .field("id", id)
            .field("name", name)
            .field("running-time", running_time)
            .build();
        self.outbox.waiting.push_back(structure);
    }

    /// Notes the outcome of an announcement.
    pub fn note_ended(&mut self, announcement: &Announcement, outcome: &Outcome<'_>) {
        let told = &announcement.told;
        self.totals.add(told, outcome);
        let duration = time_of(told.samples);
        let synthesis = gst::ClockTime::try_from(told.cost.work()).ok();
        let first_audio = told.cost.first_audio.map(|time| time.as_secs_f64());
        let ended = |kind| {
            let builder = timed(message(kind, announcement), told)
                .field("duration", duration)
                .field_if_some("synthesis-duration", synthesis)
                .field_if_some("first-audio", first_audio);
            told.cost.fields(builder)
        };
        let structure = match outcome {
            Outcome::Finished => ended("finished").build(),
            Outcome::Cancelled(reason) => ended("cancelled").field("reason", *reason).build(),
            Outcome::Failed(error) => ended("failed").field("reason", error.to_string()).build(),
        };
        self.outbox.waiting.push_back(structure);
    }
}

impl CosyVoice3Src {
    /// Posts the noted messages, without the lock. If a thread is posting already, it goes on with the new ones, so
    /// that messages keep their order and a handler may make requests.
    pub(super) fn tell(&self) {
        let mut state = self.state();
        if std::mem::replace(&mut state.outbox.posting, true) {
            return;
        }
        while let Some(structure) = state.outbox.waiting.pop_front() {
            drop(state);
            gst::debug!(CAT, imp = self, "{structure:?}");
            let message = gst::message::Element::builder(structure)
                .src(&*self.obj())
                .build();
            self.post(message);
            state = self.state();
        }
        state.outbox.posting = false;
    }
}

/// Names the sample `sample` of a buffer.
pub(super) fn mark(buffer: &mut gst::BufferRef, name: &str, sample: u64) {
    if let Ok(mut meta) = gst::meta::CustomMeta::add(buffer, MARK_META) {
        meta.mut_structure().set("name", name);
        meta.mut_structure().set("sample", sample);
    }
}

/// Labels a buffer as part of the announcement `id`.
pub(super) fn label(buffer: &mut gst::BufferRef, id: u64) {
    if let Ok(mut meta) = gst::meta::CustomMeta::add(buffer, META) {
        meta.mut_structure().set("id", id);
    }
}

/// Meta that `scaletempo` (1.26) reads to fit speech into the slot of its text.
const TARGET_DURATION: &str = "GstScaletempoTargetDurationMeta";

/// Attaches an announcement's target duration and source metas to its first buffer.
pub(super) fn copy_metas(buffer: &mut gst::BufferRef, origin: &Origin) {
    let Origin::Upstream(cue, source) = origin else {
        return;
    };
    if let Some(duration) = cue.and_then(|cue| cue.duration)
        && gst::meta::CustomMeta::is_registered(TARGET_DURATION)
        && let Ok(mut meta) = gst::meta::CustomMeta::add(buffer, TARGET_DURATION)
    {
        meta.mut_structure().set("duration", duration.nseconds());
    }
    // Metas with tags describe the memory of the text buffer.
    for meta in source
        .iter()
        .flat_map(|source| source.iter_meta::<gst::Meta>())
    {
        if meta.tags().is_empty() {
            let _ = meta.transform(buffer, &gst::meta::MetaTransformCopy::new(..));
        }
    }
}

/// Logs the cost of one utterance.
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
