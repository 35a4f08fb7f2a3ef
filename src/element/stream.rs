//! The source pad's task: what leaves the element, in which order and with which stamps.

use std::collections::VecDeque;

use gst::{glib, prelude::*, subclass::prelude::*};

use super::{
    agenda::{Cue, Item, Origin},
    bus,
    imp::{CosyVoice3Src, State},
    logging::CAT,
    report::{self, Outcome},
    settings::{IdleSetting, OverflowSetting, Settings},
};
use cosyvoice3::{Event, Language, SAMPLE_RATE, Speech, Synthesizer};

/// Utterances that may fail in a row before the element gives up.
const FAILURES_IN_A_ROW: u32 = 3;
/// Samples of one buffer of silence: 20 ms, as much as the usual RTP packet holds.
const TICK: u64 = 480;
/// Why texts are given up that stand behind the end.
const STREAM_ENDED: &str = "the stream has ended";
/// A live stream that is so far behind the clock does not catch up, but goes on at the clock's time.
const FAR_BEHIND: u64 = SAMPLE_RATE as u64;

/// The state of the stream that the task makes.
#[derive(Default)]
pub(super) struct Stream {
    /// Samples from running time 0 to the end of what was pushed.
    pub position: u64,
    /// Stamps follow the clock.
    pub live: bool,
    /// A live stream has taken its first position from the clock.
    placed: bool,
    /// Whether stream-start, caps and segment are out.
    begun: bool,
    /// Whether the next buffer follows something else than its predecessor.
    discont: bool,
    /// Pieces of an utterance that are still to be pushed.
    pieces: VecDeque<Piece>,
    /// Somebody wants the end of the stream as soon as possible, with this sequence number.
    pub eos_asked: Option<gst::Seqnum>,
    /// EOS is out, or the task gave up.
    pub ended: bool,
    /// What downstream said last, if it wants no more.
    pub refused: Option<gst::FlowError>,
    /// Whether models are loaded.
    pub ready: bool,
    /// Models cannot be loaded, which no flush changes.
    broken: bool,
    failures: u32,
    /// The last progress that was posted: component and tenths.
    progress: Option<(&'static str, u32)>,
    /// Speech came later than its cue allowed, which was told.
    told_late: bool,
    /// Group id that upstream's stream-start had.
    pub group: Option<gst::GroupId>,
    /// After a flush: it does not end before something new was to be said.
    pub awaits_text: bool,
    /// The segment that was pushed.
    pub segment: gst::FormattedSegment<gst::ClockTime>,
    /// The language that downstream was told.
    language: Option<Language>,
}

/// A buffer without stamps.
struct Piece {
    buffer: gst::Buffer,
    samples: u64,
    /// When the text begins, with its first piece.
    cue: Option<Cue>,
    /// Whether an utterance begins with it.
    first: bool,
    /// The sample at which it is cut, if its slot has an end that counts.
    until: Option<u64>,
    language: Option<Language>,
}

/// What the task does next.
enum Action {
    Piece,
    Item(Item),
    Silence,
    Gap,
    Synth(Event),
    Wait,
    WaitUntil(gst::Clock, gst::ClockTime),
    End,
    Stop,
}

/// Time of a sample, rounded down.
pub(super) fn time_of(samples: u64) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(
        (u128::from(samples) * 1_000_000_000 / u128::from(SAMPLE_RATE)) as u64,
    )
}

/// The first sample that is not before `time`.
fn sample_at(time: gst::ClockTime) -> u64 {
    (u128::from(time.nseconds()) * u128::from(SAMPLE_RATE)).div_ceil(1_000_000_000) as u64
}

pub(super) fn activate(
    this: &CosyVoice3Src,
    pad: &gst::Pad,
    mode: gst::PadMode,
    active: bool,
) -> Result<(), gst::LoggableError> {
    if mode != gst::PadMode::Push {
        return Err(gst::loggable_error!(CAT, "only push mode"));
    }
    if active {
        start_task(this, pad)?;
    } else {
        this.state().stopped = true;
        this.wake.wake();
        pad.stop_task()?;
    }
    Ok(())
}

pub(super) fn start_task(this: &CosyVoice3Src, pad: &gst::Pad) -> Result<(), glib::BoolError> {
    let weak = this.downgrade();
    let task_pad = pad.downgrade();
    pad.start_task(move || {
        if let (Some(this), Some(pad)) = (weak.upgrade(), task_pad.upgrade())
            && !step(&this, &pad)
        {
            gst::debug!(CAT, imp = this, "pausing the task");
            let _ = pad.pause_task();
        }
    })
}

/// One turn of the task; `false` when it has nothing more to do.
fn step(this: &CosyVoice3Src, pad: &gst::Pad) -> bool {
    let Some(synth) = this.state().synth.clone() else {
        return false;
    };
    let settings = this.settings().clone();
    match next(this, &synth, &settings) {
        Action::Stop => false,
        Action::Wait => {
            this.wake.wait();
            true
        }
        Action::WaitUntil(clock, time) => {
            this.wake.wait_until(&clock, time);
            true
        }
        Action::Synth(event) => handle(this, pad, event, &settings),
        Action::Piece => {
            begin(this, pad);
            push_piece(this, pad, &settings)
        }
        Action::Item(item) => {
            begin(this, pad);
            push_item(this, pad, item)
        }
        Action::Silence => {
            begin(this, pad);
            push_silence(this, pad)
        }
        Action::Gap => {
            begin(this, pad);
            let mut state = this.state();
            let from = state.stream.position;
            state.stream.position += TICK;
            state.stream.discont = true;
            drop(state);
            push_gap(pad, from, from + TICK);
            true
        }
        Action::End => {
            begin(this, pad);
            end(this, pad)
        }
    }
}

/// Decides what comes next; takes it out of the state.
fn next(this: &CosyVoice3Src, synth: &Synthesizer, settings: &Settings) -> Action {
    let mut state = this.state();
    let state = &mut *state;
    if state.flushing || state.stopped {
        return Action::Stop;
    }
    if state.stream.broken {
        state.stream.ended = true;
        return Action::End;
    }
    state.feed();
    // Asked for with the lock: it jumps on the way from PAUSED to PLAYING.
    let now = this.running_time();
    let live = state.stream.live;
    // In PAUSED a live stream stands still, but what the engine tells is passed on.
    let still = state.is_still();
    if live && !still {
        place(&mut state.stream, now.map(sample_at), settings.idle);
    }
    if live && state.stream.eos_asked.is_some() {
        // Elsewhere what is made is given at once; here it would take as long as it lasts.
        if state.stream.cut()
            && let Some(Item::Say(announcement)) = state.agenda.head()
        {
            announcement.dropped = true;
        }
    }
    if still && !state.stream.pieces.is_empty() {
        return Action::Wait;
    }
    if let Some(piece) = state.stream.pieces.front() {
        // A live source gives what is due; elsewhere the sink waits.
        let due = due(&state.stream, piece.cue);
        return match now {
            Some(now) if live && sample_at(now) < due => {
                idle(this, &state.stream, settings.idle, due)
            }
            _ => Action::Piece,
        };
    }
    // What stands in front of a text goes before its speech, which may be there already.
    let between = matches!(state.agenda.head(), Some(Item::Event(_) | Item::Gap(_)));
    let event = match between {
        true if !still => return Action::Item(state.agenda.pop().expect("just seen")),
        true => synth.try_next_event_if(Event::is_of_the_engine),
        false => synth.try_next_event(),
    };
    if let Some(event) = event {
        return Action::Synth(event);
    }
    if state.stream.eos_asked.is_some() {
        state.stream.ended = true;
        return Action::End;
    }
    match state.agenda.head() {
        Some(Item::End(seqnum)) => {
            state.stream.eos_asked = *seqnum;
            state.stream.ended = true;
            return Action::End;
        }
        None if !live && !state.has_input && state.stream.ready && !state.stream.awaits_text => {
            state.stream.ended = true;
            return Action::End;
        }
        _ => {}
    }
    if live && !still {
        return idle(this, &state.stream, settings.idle, u64::MAX);
    }
    Action::Wait
}

/// Keeps a live stream's position near the clock's, `now` in samples.
fn place(stream: &mut Stream, now: Option<u64>, idle: IdleSetting) {
    let Some(now) = now else { return };
    // Where nothing fills the time, an utterance begins when it is ready; its pieces follow each other without a hole.
    let begins = stream.pieces.front().is_some_and(|piece| piece.first);
    let jump = !stream.placed
        || now > stream.position + FAR_BEHIND
        || (idle == IdleSetting::None && begins && now > stream.position + TICK);
    if jump && now > stream.position {
        stream.position = now;
        stream.discont = true;
    }
    stream.placed = true;
}

/// The sample at which a piece is due.
fn due(stream: &Stream, cue: Option<Cue>) -> u64 {
    stream
        .position
        .max(cue.map_or(0, |cue| sample_at(cue.start)))
}

/// What a live stream does while nothing is due before the sample `until`.
fn idle(this: &CosyVoice3Src, stream: &Stream, idle: IdleSetting, until: u64) -> Action {
    let element = this.obj();
    let (Some(clock), Some(base)) = (element.clock(), element.base_time()) else {
        return Action::Wait;
    };
    let until_clock = |sample: u64| Action::WaitUntil(clock.clone(), base + time_of(sample));
    if idle == IdleSetting::None {
        return match until {
            u64::MAX => Action::Wait,
            until => until_clock(until),
        };
    }
    if stream.position + TICK > until {
        return until_clock(until);
    }
    // Behind the clock, so that speech that becomes ready meanwhile can follow without a hole.
    let end = stream.position + TICK;
    match this.running_time() {
        Some(now) if sample_at(now) >= end && idle == IdleSetting::Gap => Action::Gap,
        Some(now) if sample_at(now) >= end => Action::Silence,
        _ => until_clock(end),
    }
}

/// Stream-start, caps and segment, once per stream.
fn begin(this: &CosyVoice3Src, pad: &gst::Pad) {
    let (group, segment) = {
        let mut state = this.state();
        if std::mem::replace(&mut state.stream.begun, true) {
            return;
        }
        let segment = state.input.segment_of_speech();
        state.stream.discont = true;
        state.stream.segment = segment.clone();
        (state.stream.group, segment)
    };
    if pad.sticky_event::<gst::event::StreamStart>(0).is_none() {
        let stream_id = pad.create_stream_id(&*this.obj(), None::<&str>);
        pad.push_event(
            gst::event::StreamStart::builder(&stream_id)
                .group_id(group.unwrap_or_else(gst::GroupId::next))
                .build(),
        );
    }
    // Asked apart: a flush may have come between the two.
    if pad.sticky_event::<gst::event::Caps>(0).is_none() {
        pad.push_event(gst::event::Caps::new(&pad.pad_template_caps()));
    }
    pad.push_event(gst::event::Segment::new(&segment));
}

fn handle(this: &CosyVoice3Src, pad: &gst::Pad, event: Event, settings: &Settings) -> bool {
    match event {
        Event::Loading {
            component,
            fraction,
        } => {
            let now = (component, (fraction * 10.0) as u32);
            let changed = {
                let mut state = this.state();
                state.loading && state.stream.progress.replace(now) != Some(now)
            };
            if changed {
                let text = format!("loading {component}: {} %", now.1 * 10);
                this.post_progress(gst::ProgressType::Continue, &text);
            }
        }
        Event::Ready { after, notice } => {
            let loading = {
                let mut state = this.state();
                state.stream.ready = true;
                std::mem::take(&mut state.loading)
            };
            gst::info!(CAT, imp = this, "models loaded in {after:?}");
            if !notice.is_empty() {
                gst::warning!(CAT, imp = this, "{notice}");
            }
            if loading {
                this.post_progress(gst::ProgressType::Complete, "models loaded");
            }
        }
        Event::LoadFailed(error) if error.is_cancelled() => return false,
        Event::LoadFailed(error) => {
            let loading = {
                let mut state = this.state();
                state.stream.broken = true;
                std::mem::take(&mut state.loading)
            };
            this.post_error(&error);
            if loading {
                this.post_progress(gst::ProgressType::Error, "models not loaded");
            }
            return give_up(this, pad);
        }
        Event::Warning { error, .. } => this.post_warning(&error),
        Event::Speech(speech) => take_speech(this, speech, settings),
        Event::UtteranceFailed { request, error, .. } => {
            let failures = {
                let mut state = this.state();
                let Some(announcement) = state.agenda.current(request) else {
                    gst::debug!(CAT, imp = this, "a cancelled text failed: {error}");
                    return true;
                };
                announcement.told.failure = Some(error.clone());
                state.stream.failures += 1;
                state.stream.failures
            };
            if bus::is_lasting(error.kind()) || failures >= FAILURES_IN_A_ROW {
                this.post_error(&error);
                let mut state = this.state();
                if let Some(gone) = state.agenda.finish(request) {
                    state.note_ended(&gone, &Outcome::Failed(&error));
                }
                drop(state);
                return give_up(this, pad);
            }
            this.post_warning(&error.context("an utterance was left out"));
        }
        Event::Finished {
            request, cancelled, ..
        } => {
            let mut state = this.state();
            if let Some(done) = state.agenda.finish(request) {
                let cut = cancelled || done.dropped;
                let outcome = match cut && state.stream.eos_asked.is_some() {
                    true => Outcome::Cancelled(STREAM_ENDED),
                    false => report::outcome(&done, cancelled),
                };
                state.note_ended(&done, &outcome);
            }
            drop(state);
            this.tell();
            this.room.notify_all();
        }
        _ => {}
    }
    true
}

/// Cuts the speech of one utterance into buffers without stamps.
fn take_speech(this: &CosyVoice3Src, speech: Speech, settings: &Settings) {
    let mut state = this.state();
    let state = &mut *state;
    let Some(announcement) = state.agenda.current(speech.request) else {
        gst::debug!(CAT, imp = this, "speech of a cancelled text");
        return;
    };
    if announcement.interrupted {
        announcement.dropped = true;
        return;
    }
    announcement.told.add(&speech.stats);
    report::log(this, &speech);
    let samples = speech.samples.len() as u64;
    if samples == 0 {
        return;
    }
    let until = match settings.overflow {
        OverflowSetting::Clip => announcement.cue().and_then(|cue| cue.end()).map(sample_at),
        OverflowSetting::Shift => None,
    };
    // For those who mux subtitles that became a sound track; a text of an application needs no label.
    let language = match announcement.origin {
        Origin::Upstream(..) => Language::detect(&speech.text),
        Origin::Application => None,
    };
    // Only the first utterance of a text has its time; the others follow it.
    let first = announcement.told.made == 0;
    let cue = announcement.cue().filter(|_| first);
    announcement.told.made += samples;
    let id = announcement.id;
    state.stream.failures = 0;
    let whole = gst::Buffer::from_mut_slice(Samples(speech.samples));
    let piece = match settings.buffer_duration {
        0 => samples,
        nanoseconds => sample_at(gst::ClockTime::from_nseconds(nanoseconds)).max(1),
    };
    let mut from = 0;
    while from < samples {
        let count = piece.min(samples - from);
        let mut buffer = if count as usize * 4 == whole.size() {
            whole.clone()
        } else {
            let range = from as usize * 4..(from + count) as usize * 4;
            whole
                .copy_region(gst::BufferCopyFlags::MEMORY, range)
                .expect("a part of the buffer")
        };
        report::mark(buffer.make_mut(), id);
        if first && from == 0 {
            report::copy_metas(buffer.make_mut(), &announcement.origin);
        }
        state.stream.pieces.push_back(Piece {
            buffer,
            samples: count,
            cue: cue.filter(|_| from == 0),
            first: from == 0,
            until,
            language,
        });
        from += count;
    }
}

fn push_piece(this: &CosyVoice3Src, pad: &gst::Pad, settings: &Settings) -> bool {
    let slack = this.slack(settings);
    let (buffer, hole, late, language) = {
        let mut state = this.state();
        if state.flushing || state.is_still() {
            return true;
        }
        // What is taken here counts as heard; until here it may be cut.
        let Some(mut piece) = state.stream.pieces.pop_front() else {
            return true;
        };
        let now = this.running_time();
        let State {
            stream,
            agenda,
            totals,
            ..
        } = &mut *state;
        let before = stream.position;
        let mut at = due(stream, piece.cue);
        let mut late = None;
        if let (Some(now), Some(slack), Some(_)) = (now, slack, piece.cue) {
            // What arrives later than the latency allows would be dropped downstream.
            let deadline = sample_at(now.saturating_sub(slack));
            if deadline > at {
                totals.late += 1;
                late = (!std::mem::replace(&mut stream.told_late, true))
                    .then(|| time_of(deadline) - time_of(at));
                at = deadline;
            }
        }
        if at > before {
            stream.discont = true;
        }
        stream.position = at;
        let samples = match piece.until {
            Some(until) => until.saturating_sub(at).min(piece.samples),
            None => piece.samples,
        };
        if samples == 0 {
            return true;
        }
        if samples < piece.samples {
            piece.buffer = piece
                .buffer
                .copy_region(gst::BufferCopyFlags::all(), ..samples as usize * 4)
                .expect("a part of the buffer");
        }
        stamp(stream, piece.buffer.make_mut(), samples);
        let hole = (at > before && !stream.live && piece.cue.is_some()).then_some((before, at));
        let language = piece
            .language
            .filter(|language| stream.language.replace(*language) != Some(*language));
        if let Some(Item::Say(announcement)) = agenda.head() {
            announcement.told.samples += samples;
            if !std::mem::replace(&mut announcement.started, true) {
                announcement.told.start = Some(time_of(at));
                state.note_started();
            }
        }
        (piece.buffer, hole, late, language)
    };
    if let Some((from, to)) = hole {
        push_gap(pad, from, to);
    }
    if let Some(late) = late {
        this.post_warning(&cosyvoice3::Error::new(
            cosyvoice3::ErrorKind::Settings,
            format!(
                "speech came {} ms after its time: raise \"latency\" to {} ms or more",
                late.mseconds(),
                u64::from(settings.latency) + late.mseconds()
            ),
        ));
    }
    if let Some(language) = language {
        let mut tags = gst::TagList::new();
        tags.make_mut()
            .add::<gst::tags::LanguageCode>(&language.tag(), gst::TagMergeMode::Replace);
        pad.push_event(gst::event::Tag::new(tags));
    }
    this.tell();
    push(this, pad, buffer)
}

fn push_silence(this: &CosyVoice3Src, pad: &gst::Pad) -> bool {
    let mut buffer = gst::Buffer::from_slice([0u8; TICK as usize * 4]);
    let silence = buffer.make_mut();
    silence.set_flags(gst::BufferFlags::GAP);
    stamp(&mut this.state().stream, silence, TICK);
    push(this, pad, buffer)
}

/// Stamps a buffer with the position, and advances it.
fn stamp(stream: &mut Stream, buffer: &mut gst::BufferRef, samples: u64) {
    let (from, to) = (stream.position, stream.position + samples);
    buffer.set_pts(time_of(from));
    buffer.set_duration(time_of(to) - time_of(from));
    buffer.set_offset(from);
    buffer.set_offset_end(to);
    if std::mem::take(&mut stream.discont) {
        buffer.set_flags(gst::BufferFlags::DISCONT);
    }
    stream.position = to;
}

fn push(this: &CosyVoice3Src, pad: &gst::Pad, buffer: gst::Buffer) -> bool {
    match pad.push(buffer) {
        Ok(_) => true,
        Err(gst::FlowError::Flushing) => false,
        Err(flow @ gst::FlowError::Eos) => {
            refused(this, flow);
            end(this, pad)
        }
        Err(flow) => {
            refused(this, flow);
            this.post(bus::flow_error_message(&*this.obj(), flow));
            give_up(this, pad)
        }
    }
}

fn refused(this: &CosyVoice3Src, flow: gst::FlowError) {
    let mut state = this.state();
    state.stream.ended = true;
    state.stream.refused = Some(flow);
}

fn push_item(this: &CosyVoice3Src, pad: &gst::Pad, item: Item) -> bool {
    match item {
        Item::Event(event) => {
            pad.push_event(event);
        }
        Item::Gap(cue) => {
            let end = cue.end().unwrap_or(cue.start);
            let (from, to) = {
                let mut state = this.state();
                let from = state.stream.position;
                let to = sample_at(end).max(from);
                state.stream.position = to;
                state.stream.discont |= to > from;
                (from, to)
            };
            if to > from {
                push_gap(pad, from, to);
            }
        }
        Item::Say(_) | Item::End(_) => {}
    }
    this.room.notify_all();
    true
}

fn push_gap(pad: &gst::Pad, from: u64, to: u64) {
    let gap = gst::event::Gap::builder(time_of(from)).duration(time_of(to) - time_of(from));
    pad.push_event(gap.build());
}

/// Pushes EOS; the task is done.
fn end(this: &CosyVoice3Src, pad: &gst::Pad) -> bool {
    let (synth, seqnum, loading) = {
        let mut state = this.state();
        state.clear(STREAM_ENDED);
        (
            state.synth.clone(),
            state.stream.eos_asked.take(),
            std::mem::take(&mut state.loading),
        )
    };
    if let Some(synth) = synth {
        synth.cancel_all();
    }
    this.tell();
    this.room.notify_all();
    if loading {
        this.post_progress(gst::ProgressType::Canceled, "loading cancelled");
    }
    let mut eos = gst::event::Eos::builder();
    if let Some(seqnum) = seqnum {
        eos = eos.seqnum(seqnum);
    }
    pad.push_event(eos.build());
    false
}

/// After an error: nothing more comes.
fn give_up(this: &CosyVoice3Src, pad: &gst::Pad) -> bool {
    {
        let mut state = this.state();
        state.stream.ended = true;
        state.stream.refused.get_or_insert(gst::FlowError::Error);
    }
    begin(this, pad);
    end(this, pad)
}

impl Stream {
    /// A stream that has not begun; `live` stamps follow the clock.
    pub fn new(live: bool) -> Self {
        Self {
            live,
            ..Self::default()
        }
    }

    /// The stream after a flush.
    pub fn renewed(&self, live: bool) -> Self {
        Self {
            ready: self.ready,
            broken: self.broken,
            group: self.group,
            language: self.language,
            awaits_text: true,
            ..Self::new(live)
        }
    }

    /// Throws away what was made but not pushed; whether there was any.
    pub fn cut(&mut self) -> bool {
        let any = !self.pieces.is_empty();
        self.pieces.clear();
        any
    }

    /// The same, but what is left of a sentence that was begun stays.
    pub fn cut_what_has_not_begun(&mut self) -> bool {
        // There are pieces of one sentence only.
        let begins = self.pieces.front().is_some_and(|piece| piece.first);
        begins && self.cut()
    }
}

impl State {
    /// Whether this is a live stream in PAUSED.
    pub fn is_still(&self) -> bool {
        self.stream.live && !self.playing
    }
}

/// Samples as the bytes of a buffer, without a copy.
struct Samples(Vec<f32>);

impl AsRef<[u8]> for Samples {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl AsMut<[u8]> for Samples {
    fn as_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}
