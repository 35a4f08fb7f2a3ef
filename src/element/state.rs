//! State of a running element: its stream, its announcements and the messages about them. No pads, no locks.

use std::{collections::VecDeque, sync::Arc};

use super::{
    cost::{Outcome, Progress, Totals},
    input::Input,
    queue::{Announcement, AnnouncementQueue, Discard, Item, Preemption},
    timeline::{Remains, Timeline, time_of},
};
use cosyvoice3::{Error, Language, Synthesizer};

/// Reason of an announcement that ends because a more important one took its place.
pub(super) const DISPLACED: &str = "displaced";

/// The state of the stream that the task produces.
#[derive(Default)]
pub(super) struct Stream {
    /// Position, and synthesized speech that is not pushed yet.
    pub timeline: Timeline,
    /// Stream-start, caps and segment are out.
    pub begun: bool,
    /// EOS was requested as soon as possible, with this sequence number.
    pub eos_asked: Option<gst::Seqnum>,
    /// EOS is out, or the task gave up.
    pub ended: bool,
    /// Downstream's last flow return, if it accepts no more.
    pub refused: Option<gst::FlowError>,
    /// Models are loaded.
    pub ready: bool,
    /// Models cannot be loaded, or something panicked, which no flush changes.
    pub broken: bool,
    /// Utterances that failed since the last success.
    pub failures: u32,
    /// Error of the last of them, while nothing at all was synthesized.
    pub failure: Option<Error>,
    /// Some speech was synthesized.
    pub spoken: bool,
    /// There is nothing to say, but upstream may still link.
    pub awaits_link: bool,
    /// The last progress that was posted: component and tenths.
    pub progress: Option<(&'static str, u32)>,
    /// A warning has reported speech that came later than its cue allowed.
    pub warned_late: bool,
    /// Group id that upstream's stream-start had.
    pub group: Option<gst::GroupId>,
    /// After a flush: the stream does not end before a new announcement.
    pub awaits_text: bool,
    /// The segment that was pushed.
    pub segment: gst::FormattedSegment<gst::ClockTime>,
    /// The language of the last tag.
    pub language: Option<Language>,
    /// Name of the model, for tags.
    pub model: String,
    /// Name of the recording whose voice speaks where none is named, for tags.
    pub sample: Option<String>,
    /// The note on synthetic speech of the last tag.
    pub credit: Option<String>,
}

impl Stream {
    /// A stream that has not begun; `live` stamps follow the clock.
    pub fn new(live: bool) -> Self {
        Self {
            timeline: Timeline::new(live),
            ..Self::default()
        }
    }

    /// True if it has ended, or is about to.
    pub fn ends(&self) -> bool {
        self.ended || self.broken || self.eos_asked.is_some()
    }

    /// The stream after a flush.
    pub fn renewed(&self, live: bool) -> Self {
        Self {
            ready: self.ready,
            broken: self.broken,
            group: self.group,
            language: self.language,
            model: self.model.clone(),
            sample: self.sample.clone(),
            credit: self.credit.clone(),
            awaits_text: true,
            ..Self::new(live)
        }
    }
}

/// State that changes while the element runs.
#[derive(Default)]
pub(super) struct State {
    /// The synthesizer, from READY→PAUSED to PAUSED→READY.
    pub synth: Option<Arc<Synthesizer>>,
    /// True if a progress message must still be completed.
    pub loading: bool,
    /// The stream that the pad's task produces.
    pub stream: Stream,
    /// Queued announcements.
    pub queue: AnnouncementQueue,
    /// Counts of announcements so far.
    pub totals: Totals,
    /// Messages about them that are still to be posted.
    pub messages: MessageQueue,
    /// The text from upstream.
    pub input: Input,
    /// True if there is a sink pad.
    pub has_input: bool,
    /// Between FLUSH_START and FLUSH_STOP: nothing may be pushed or waited for.
    pub flushing: bool,
    /// Below PAUSED, or on the way there: the same, and no FLUSH_STOP ends it.
    pub stopped: bool,
    /// In PLAYING.
    pub playing: bool,
}

impl State {
    /// True for a live stream in PAUSED.
    pub fn is_still(&self) -> bool {
        self.stream.timeline.live && !self.playing
    }

    /// Cancels the requests that were preempted and feeds the next ones. Returns the speech that a cut left.
    pub fn preempt(&mut self, preemption: &Preemption) -> Remains {
        let timeline = &mut self.stream.timeline;
        let remains = match preemption.discard {
            Discard::Nothing => Remains::default(),
            Discard::NextSentence => Remains {
                any: timeline.drop_what_has_not_begun(),
                ..Remains::default()
            },
            Discard::All => timeline.cut(),
        };
        if remains.any
            && let Some(announcement) = self.queue.interrupted()
        {
            announcement.dropped = true;
        }
        if let Some(synth) = &self.synth {
            for request in &preemption.requests {
                synth.cancel(*request);
            }
        }
        self.feed();
        remains
    }

    /// Takes the announcements whose ids are `wanted` out of the queue; returns their number.
    pub fn cancel(&mut self, wanted: impl Fn(u64) -> bool, reason: &'static str) -> usize {
        let (mut gone, preemption) = self.queue.cancel(wanted);
        let remains = self.preempt(&preemption);
        for announcement in &mut gone {
            // The fade is pushed when the announcement is already forgotten.
            if announcement.id == remains.id {
                announcement.progress.samples += remains.fading;
            }
            self.queue_ended_message(announcement, &Outcome::Cancelled(reason));
        }
        gone.len()
    }

    /// Hands announcements to the engine. To be called wherever the queue has changed, not by the pad's task alone:
    /// that may be blocked in a push of earlier speech.
    pub fn feed(&mut self) {
        if let Some(synth) = &self.synth
            && self.stream.eos_asked.is_none()
            && !self.stream.ended
        {
            self.queue.feed(|request| synth.say(request));
        }
    }

    /// Drops all queued announcements and all unpushed speech.
    pub fn clear(&mut self, reason: &'static str) {
        self.stream.timeline.drop_all();
        for announcement in self.queue.clear() {
            self.queue_ended_message(&announcement, &Outcome::Cancelled(reason));
        }
    }
}

/// Outcome of an announcement for which the synthesizer has no more speech.
pub(super) fn outcome(announcement: &Announcement, cancelled: bool) -> Outcome<'_> {
    match &announcement.progress.failure {
        _ if announcement.interrupted && (cancelled || announcement.dropped) => {
            Outcome::Cancelled("interrupted")
        }
        _ if cancelled => Outcome::Cancelled("cancelled"),
        Some(error) if announcement.progress.samples == 0 => Outcome::Failed(error),
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
fn timed(builder: gst::structure::Builder, progress: &Progress) -> gst::structure::Builder {
    // The stream's segment begins at running time 0, so both are one number.
    builder
        .field_if_some("pts", progress.start)
        .field_if_some("running-time", progress.start)
}

/// The message of GStreamer's other speech elements, with their fields.
fn synthesized(announcement: &Announcement) -> gst::Structure {
    let progress = &announcement.progress;
    let slot = announcement.cue().and_then(|cue| cue.duration);
    gst::Structure::builder("cosyvoice3/synthesized-audio")
        .field("content", &announcement.text)
        .field_if_some("pts", progress.start)
        .field_if_some("input-duration", slot)
        .field("actual-duration", time_of(progress.samples))
        .field_if_some("compression-factor", progress.compression)
        .build()
}

/// Messages in the order of the events that they report.
#[derive(Debug, Default)]
pub(super) struct MessageQueue {
    pub waiting: VecDeque<gst::Structure>,
    /// True while a thread is posting them.
    pub posting: bool,
}

impl State {
    /// Queues the message that an announcement was accepted.
    pub fn queue_queued_message(&mut self, id: u64, text: &str) {
        let structure = gst::Structure::builder("cosyvoice3/utterance-queued")
            .field("id", id)
            .field("text", text)
            .build();
        self.messages.waiting.push_back(structure);
    }

    /// Queues the message that the announcement at the head is about to be played.
    pub fn queue_started_message(&mut self) {
        if let Some(Item::Say(announcement)) = self.queue.head() {
            let structure = timed(message("started", announcement), &announcement.progress).build();
            self.messages.waiting.push_back(structure);
        }
    }

    /// Queues the message that a named mark of an announcement is about to be played.
    pub fn queue_mark_message(&mut self, id: u64, name: &str, running_time: gst::ClockTime) {
        let structure = gst::Structure::builder("cosyvoice3/mark")
            .field("id", id)
            .field("name", name)
            .field("running-time", running_time)
            .build();
        self.messages.waiting.push_back(structure);
    }

    /// Counts the outcome of an announcement and queues its message.
    pub fn queue_ended_message(&mut self, announcement: &Announcement, outcome: &Outcome<'_>) {
        let progress = &announcement.progress;
        self.totals.add(progress, outcome);
        let duration = time_of(progress.samples);
        let synthesis = gst::ClockTime::try_from(progress.cost.work()).ok();
        let first_audio = progress.cost.first_audio.map(|time| time.as_secs_f64());
        let ended = |kind| {
            let builder = timed(message(kind, announcement), progress)
                .field("duration", duration)
                .field_if_some("synthesis-duration", synthesis)
                .field_if_some("first-audio", first_audio);
            progress.cost.fields(builder)
        };
        if let Outcome::Finished = outcome {
            self.messages.waiting.push_back(synthesized(announcement));
        }
        let structure = match outcome {
            Outcome::Finished => ended("finished").build(),
            Outcome::Cancelled(reason) => ended("cancelled").field("reason", *reason).build(),
            Outcome::Failed(error) => ended("failed").field("reason", error.to_string()).build(),
        };
        self.messages.waiting.push_back(structure);
    }
}
