//! The source pad's task: the element's output, its order and its timestamps.

use std::path::Path;

use gst::{glib, prelude::*, subclass::prelude::*};

use super::{
    bus,
    cost::Outcome,
    guard::guarded,
    logging::CAT,
    messages, metas,
    next::{Action, Wanted, next},
    object::CosyVoice3Src,
    queue::Item,
    settings::Settings,
    state::{self, State},
    timeline::{Placed, TICK, duration_of, sample_at, time_of},
};
use cosyvoice3::{Error, ErrorKind, Event, Language, Speech, Synthesizer};

/// Utterances that may fail in a row before the element gives up.
const FAILURES_IN_A_ROW: u32 = 3;
/// Reason for dropping announcements when the stream ends before them.
const STREAM_ENDED: &str = "the stream has ended";

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
        this.notify.signal();
        pad.stop_task()?;
    }
    Ok(())
}

pub(super) fn start_task(this: &CosyVoice3Src, pad: &gst::Pad) -> Result<(), glib::BoolError> {
    let weak = this.downgrade();
    let task_pad = pad.downgrade();
    pad.start_task(move || {
        if let (Some(this), Some(pad)) = (weak.upgrade(), task_pad.upgrade())
            && !guarded_step(&this, &pad)
        {
            gst::debug!(CAT, imp = this, "pausing the task");
            let _ = pad.pause_task();
        }
    })
}

fn guarded_step(this: &CosyVoice3Src, pad: &gst::Pad) -> bool {
    let place = "the source pad's task";
    let goes_on = guarded(this, place, None, || Some(step(this, pad)));
    // After a panic downstream waits for an end.
    goes_on.unwrap_or_else(|| guarded(this, place, false, || give_up(this, pad)))
}

/// One turn of the task; `false` when it has nothing more to do.
fn step(this: &CosyVoice3Src, pad: &gst::Pad) -> bool {
    let Some(synth) = this.state().synth.clone() else {
        return false;
    };
    let settings = this.settings().clone();
    match decide(this, &synth, &settings) {
        Action::Stop => false,
        Action::Wait => {
            this.notify.wait();
            true
        }
        Action::NothingToSay => await_link(this, pad),
        Action::WaitUntil(time) => {
            wait_until(this, time);
            true
        }
        Action::Engine(event) => handle(this, pad, *event, &settings),
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
            let (from, to) = {
                let timeline = &mut this.state().stream.timeline;
                let to = timeline.position.saturating_add(TICK);
                (timeline.skip(to), to)
            };
            if let Some(from) = from {
                push_gap(pad, from, to);
            }
            true
        }
        Action::End { all_said } => {
            begin(this, pad);
            if all_said {
                report_silence(this);
            }
            end(this, pad)
        }
    }
}

fn decide(this: &CosyVoice3Src, synth: &Synthesizer, settings: &Settings) -> Action {
    let mut state = this.state();
    // Read under the lock: it jumps on the way from PAUSED to PLAYING.
    let now = this.running_time();
    next(&mut state, now, settings, |wanted| match wanted {
        Wanted::All => synth.try_next_event(),
        Wanted::OfTheEngine => synth.try_next_event_if(Event::is_of_the_engine),
    })
}

/// Waits for a change, but at most until a running time. Without a clock no time comes.
fn wait_until(this: &CosyVoice3Src, time: gst::ClockTime) {
    let element = this.obj();
    match element.clock().zip(element.base_time()) {
        Some((clock, base)) => this.notify.wait_until(&clock, base.saturating_add(time)),
        None => this.notify.wait(),
    }
}

/// Waits while a demuxer may still link its text; warns and ends when none does.
fn await_link(this: &CosyVoice3Src, pad: &gst::Pad) -> bool {
    if this.candidates.may_link() {
        this.notify.wait();
        return true;
    }
    {
        let mut state = this.state();
        state.stream.awaits_link = false;
        // The link may just have been made.
        if state.has_input || state.queue.texts() > 0 {
            return true;
        }
        state.stream.ended = true;
    }
    this.warn_nothing_to_say();
    begin(this, pad);
    end(this, pad)
}

/// Stream-start, caps and segment, once per stream.
fn begin(this: &CosyVoice3Src, pad: &gst::Pad) {
    let (group, segment) = {
        let mut state = this.state();
        if std::mem::replace(&mut state.stream.begun, true) {
            return;
        }
        let segment = state.input.segment_of_speech();
        state.stream.timeline.discont = true;
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
    // Checked separately: a flush may have come between the two.
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
        Event::Warning { kind, message, .. } => {
            this.post_warning(&Error::new(kind, message));
        }
        Event::Speech(speech) => take_speech(this, speech, settings),
        Event::UtteranceFailed { request, error, .. } => {
            let (failures, live) = {
                let mut state = this.state();
                let Some(announcement) = state.queue.current(request) else {
                    gst::debug!(CAT, imp = this, "a cancelled text failed: {error}");
                    return true;
                };
                announcement.progress.failure = Some(error.clone());
                let stream = &mut state.stream;
                stream.failures += 1;
                stream.failure = (!stream.spoken).then(|| error.clone());
                (stream.failures, stream.timeline.live)
            };
            // A live stream goes on for the announcements to come, whatever the outcome of this one.
            if !live && (bus::is_lasting(error.kind()) || failures >= FAILURES_IN_A_ROW) {
                this.post_error(&error);
                let mut state = this.state();
                if let Some(gone) = state.queue.finish(request) {
                    state.queue_ended_message(&gone, &Outcome::Failed(&error));
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
            if state.release_held(&event, settings) {
                return true;
            }
            if let Some(done) = state.queue.finish(request) {
                let cut = cancelled || done.dropped;
                let outcome = match cut && state.stream.eos_asked.is_some() {
                    true => Outcome::Cancelled(STREAM_ENDED),
                    false => state::outcome(&done, cancelled),
                };
                state.queue_ended_message(&done, &outcome);
            }
            drop(state);
            this.flush_messages();
            this.space_available.notify_all();
        }
        _ => {}
    }
    true
}

fn take_speech(this: &CosyVoice3Src, speech: Speech, settings: &Settings) {
    messages::log(this, &speech);
    if !this.state().take_speech(speech, settings) {
        gst::debug!(CAT, imp = this, "speech of a cancelled text");
    }
}

/// A piece to push, and what goes with it.
struct Outgoing {
    buffer: Option<gst::Buffer>,
    /// Time without speech before it, from sample to sample.
    hole: Option<(u64, u64)>,
    /// Its delay, if that is to be reported.
    late: Option<gst::ClockTime>,
    /// Its language, if another than the one before.
    language: Option<Language>,
    /// The note that it is synthetic, if another than the one before.
    credit: Option<String>,
}

fn push_piece(this: &CosyVoice3Src, pad: &gst::Pad, settings: &Settings) -> bool {
    let max_lateness = this.max_lateness(settings);
    let now = this.running_time();
    // Speech that arrives later than the latency allows would be dropped downstream.
    let earliest = now
        .zip(max_lateness)
        .map(|(now, max_lateness)| sample_at(now.saturating_sub(max_lateness)));
    let Some(outgoing) = take_piece(&mut this.state(), earliest) else {
        return true;
    };
    if let Some(late) = outgoing.late {
        let allowed = u64::from(settings.latency).saturating_add(late.mseconds());
        this.post_warning(&Error::new(
            ErrorKind::Settings,
            format!(
                "speech came {} ms after its time: raise \"latency\" to {allowed} ms or more",
                late.mseconds(),
            ),
        ));
    }
    let Some(buffer) = outgoing.buffer else {
        return true;
    };
    if let Some((from, to)) = outgoing.hole {
        push_gap(pad, from, to);
    }
    push_tags(pad, outgoing.language, outgoing.credit.as_deref());
    this.flush_messages();
    push(this, pad, buffer)
}

fn push_tags(pad: &gst::Pad, language: Option<Language>, credit: Option<&str>) {
    if language.is_none() && credit.is_none() {
        return;
    }
    let mut tags = gst::TagList::new();
    let list = tags.make_mut();
    if let Some(language) = language {
        list.add::<gst::tags::LanguageCode>(&language.tag(), gst::TagMergeMode::Replace);
    }
    if let Some(credit) = credit {
        list.add::<gst::tags::Comment>(&credit, gst::TagMergeMode::Replace);
    }
    pad.push_event(gst::event::Tag::new(tags));
}

/// The note for listeners that nobody is speaking: it arrives as a comment of WAV, Opus and other files.
fn credit(model: &str, voice: Option<&str>) -> String {
    let mut note = String::from("Synthetic speech, made by CosyVoice3");
    if !model.is_empty() {
        note.push_str(&format!(", model {model}"));
    }
    if let Some(voice) = voice {
        // Of a path the directories are nobody's business.
        let name = Path::new(voice)
            .file_stem()
            .map(|name| name.to_string_lossy());
        let name = name.filter(|_| voice.contains('/'));
        note.push_str(&format!(", voice {}", name.as_deref().unwrap_or(voice)));
    }
    note
}

/// Takes the next piece out of the state. It counts as played then; until here it may be cut.
fn take_piece(state: &mut State, earliest: Option<u64>) -> Option<Outgoing> {
    if state.flushing || state.is_still() {
        return None;
    }
    let placed = state.stream.timeline.take(earliest)?;
    let Placed {
        mut piece,
        at,
        before,
        ..
    } = placed;
    let State {
        stream,
        queue,
        totals,
        ..
    } = state;
    totals.late += u64::from(placed.late.is_some());
    let late = placed
        .late
        .filter(|_| !std::mem::replace(&mut stream.warned_late, true));
    if piece.samples == 0 {
        return Some(Outgoing {
            buffer: None,
            hole: None,
            late,
            language: None,
            credit: None,
        });
    }
    let is_hole = at > before && !stream.timeline.live && piece.cue.is_some();
    let language = piece
        .language
        .filter(|language| stream.language.replace(*language) != Some(*language));
    let voice = piece.voice.as_deref().or(stream.sample.as_deref());
    let credit = credit(&stream.model, voice);
    let credit =
        (stream.credit.as_ref() != Some(&credit)).then(|| stream.credit.insert(credit).clone());
    // The fade of a cancelled announcement comes after its message, which counts it already.
    if let Some(Item::Say(announcement)) = queue.head()
        && announcement.id == piece.id
    {
        announcement.progress.samples += piece.samples;
        if !std::mem::replace(&mut announcement.started, true) {
            announcement.progress.start = Some(time_of(at));
            state.queue_started_message();
        }
    }
    for (name, offset) in &piece.marks {
        state.queue_mark_message(piece.id, name, time_of(at + offset));
    }
    metas::words(piece.buffer.make_mut(), &piece.words);
    Some(Outgoing {
        buffer: Some(piece.buffer),
        hole: is_hole.then_some((before, at)),
        late,
        language,
        credit,
    })
}

fn push_silence(this: &CosyVoice3Src, pad: &gst::Pad) -> bool {
    let mut buffer = gst::Buffer::from_slice([0u8; TICK as usize * 4]);
    let silence = buffer.make_mut();
    silence.set_flags(gst::BufferFlags::GAP);
    this.state().stream.timeline.stamp(silence, TICK);
    push(this, pad, buffer)
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
            let to = sample_at(cue.end().unwrap_or(cue.start));
            let from = this.state().stream.timeline.skip(to);
            if let Some(from) = from {
                push_gap(pad, from, to);
            }
        }
        Item::Say(_) | Item::End(_) => {}
    }
    this.space_available.notify_all();
    true
}

fn push_gap(pad: &gst::Pad, from: u64, to: u64) {
    let gap = gst::event::Gap::builder(time_of(from)).duration(duration_of(from, to));
    pad.push_event(gap.build());
}

/// Posts the error of a stream that ends by itself though all of its synthesis failed: a user who renders to a file
/// should not take an empty one for a success.
fn report_silence(this: &CosyVoice3Src) {
    let failure = {
        let stream = &mut this.state().stream;
        let failure = stream.failure.take();
        failure.filter(|_| !stream.timeline.live)
    };
    if let Some(error) = failure {
        this.post_error(&error.context("nothing could be spoken"));
    }
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
    this.flush_messages();
    this.space_available.notify_all();
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

/// Ends the stream after an error.
fn give_up(this: &CosyVoice3Src, pad: &gst::Pad) -> bool {
    {
        let mut state = this.state();
        state.stream.ended = true;
        state.stream.refused.get_or_insert(gst::FlowError::Error);
    }
    begin(this, pad);
    end(this, pad)
}
