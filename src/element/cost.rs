//! Counts: the progress and cost of one announcement, and of all together.

use std::time::Duration;

use super::timeline::time_of;
use cosyvoice3::{
    Device, Error, Hit, Playback, SAMPLE_RATE, SAMPLES_PER_TOKEN, Speech, UtteranceStats,
    abandoned_threads,
};

/// Progress of one announcement.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Samples received from the engine.
    pub made: u64,
    /// Samples that were pushed.
    pub samples: u64,
    /// Its cost, utterance by utterance.
    pub cost: Cost,
    /// Running time of its first sample.
    pub start: Option<gst::ClockTime>,
    /// Factor by which its speech was compressed in time.
    pub compression: Option<f64>,
    /// Reason for which an utterance of it was left out.
    pub failure: Option<Error>,
}

impl Progress {
    /// Adds the cost of one utterance, with its last piece.
    pub fn add(&mut self, speech: &Speech) {
        let cost = &mut self.cost;
        cost.first_audio.get_or_insert(speech.stats.since_request);
        cost.pieces += u64::from(speech.stats.playback.is_some());
        if speech.last {
            cost.add(&speech.stats);
        }
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
    /// Utterances that were spoken before and kept.
    kept: u64,
    /// Pieces of utterances that did not leave whole.
    pieces: u64,
    /// Time for which a player of these had nothing to play.
    dry: Duration,
    /// The latest of them.
    playback: Option<Playback>,
    /// From the request to the first speech.
    pub first_audio: Option<Duration>,
    flow_backend: Option<Device>,
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
        self.kept += u64::from(stats.kept);
        if !stats.kept {
            self.flow_backend = stats.flow_backend;
        }
        if let Some(playback) = stats.playback {
            self.dry += playback.dry;
            self.playback = Some(playback);
        }
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
        self.pieces += other.pieces;
        self.dry += other.dry;
        self.playback = other.playback.or(self.playback);
        self.first_audio = other.first_audio.or(self.first_audio);
        self.kept += other.kept;
        if other.utterances > other.kept {
            self.flow_backend = other.flow_backend;
        }
    }

    /// Work of all stages.
    pub fn work(&self) -> Duration {
        self.prefill + self.decode + self.flow + self.vocoder
    }

    /// Adds its fields: seconds as doubles, and for each stage seconds of work per second of speech. Without speech,
    /// these ratios are left out.
    pub fn fields(&self, builder: gst::structure::Builder) -> gst::structure::Builder {
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
            .field("announcement-hits", self.kept)
            .field("pieces", self.pieces)
            .field("playback-dry", self.dry.as_secs_f64())
            .field_if_some(
                "playback-foreseen",
                self.playback
                    .map(|playback| playback.foreseen.as_secs_f64()),
            )
            .field_if_some(
                "playback-came",
                self.playback.map(|playback| playback.came.as_secs_f64()),
            )
            .field_if_some("flow-backend", self.flow_backend.map(Device::name))
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
    /// Adds an announcement that has ended.
    pub fn add(&mut self, progress: &Progress, outcome: &Outcome<'_>) {
        match outcome {
            Outcome::Finished => self.finished += 1,
            Outcome::Cancelled(_) => self.cancelled += 1,
            Outcome::Failed(_) => self.failed += 1,
        }
        self.samples += progress.samples;
        self.cost.add_all(&progress.cost);
        if let Some(first) = progress.cost.first_audio {
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
