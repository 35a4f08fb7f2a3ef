//! The sink pad: text from upstream, as a stream of bytes or as cues with times.

use gst::{prelude::*, subclass::prelude::*};

use super::{
    agenda::{Cue, Interrupt, Item, Origin},
    imp::{CosyVoice3Src, State},
    logging::CAT,
    settings::TextTimingSetting,
};
use cosyvoice3::{Error, ErrorKind, IncrementalText, Language, is_speakable};

/// What is known of the text that comes in.
#[derive(Default)]
pub(super) struct Input {
    segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    text: IncrementalText,
    /// That of the last text with letters.
    language: Option<Language>,
    told_invalid: bool,
    /// Decided by the first buffer.
    timed: Option<bool>,
    /// Upstream has ended.
    eos: bool,
    /// The pad is not active: nobody may wait in it.
    closed: bool,
}

impl Input {
    /// Whether texts have times of their own.
    pub fn is_timed(&self) -> bool {
        self.timed == Some(true)
    }

    /// A segment from running time 0 that gives speech the stream time of its text.
    pub fn segment_of_speech(&self) -> gst::FormattedSegment<gst::ClockTime> {
        let mut segment = gst::FormattedSegment::new();
        if let (true, Some(upstream)) = (self.is_timed(), &self.segment) {
            let pace = upstream.rate() * upstream.applied_rate();
            if pace > 0.0 {
                segment.set_applied_rate(pace);
                let earlier = upstream.base().unwrap_or_default().nseconds() as f64 * pace;
                let earlier = gst::ClockTime::from_nseconds(earlier as u64);
                segment.set_time(upstream.time().unwrap_or_default().saturating_sub(earlier));
            }
        }
        segment
    }

    /// When a buffer is to be heard, in running time, and how long; `None` outside the segment.
    fn cue(&self, buffer: &gst::Buffer) -> Option<Cue> {
        let segment = self.segment.as_ref()?;
        let start = buffer.pts()?;
        let end = buffer.duration().map(|duration| start + duration);
        let (start, end) = segment.clip(start, end)?;
        let start = segment.to_running_time(start)?;
        let end = segment.to_running_time(end);
        Some(Cue {
            start,
            duration: end.map(|end| end.saturating_sub(start)),
        })
    }
}

/// The pad, as the template wants it.
pub(super) fn new_pad(template: &gst::PadTemplate) -> gst::Pad {
    gst::Pad::builder_from_template(template)
        .activatemode_function(|_, parent, mode, active| {
            if parent.is_none() {
                // On the way into an element that runs already: nothing is known of it yet.
                return Ok(());
            }
            CosyVoice3Src::catch_panic_pad_function(
                parent,
                || Err(gst::loggable_error!(CAT, "panic while activating")),
                |this| activate(this, mode, active),
            )
        })
        .chain_function(|pad, parent, buffer| {
            CosyVoice3Src::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |this| chain(this, pad, buffer),
            )
        })
        .event_function(|pad, parent, event| {
            CosyVoice3Src::catch_panic_pad_function(
                parent,
                || false,
                |this| self::event(this, pad, event),
            )
        })
        .query_function(|pad, parent, query| {
            CosyVoice3Src::catch_panic_pad_function(
                parent,
                || false,
                |this| self::query(this, pad, query),
            )
        })
        .build()
}

fn activate(
    this: &CosyVoice3Src,
    mode: gst::PadMode,
    active: bool,
) -> Result<(), gst::LoggableError> {
    if mode != gst::PadMode::Push {
        return Err(gst::loggable_error!(CAT, "only push mode"));
    }
    this.state().input.closed = !active;
    this.room.notify_all();
    Ok(())
}

fn chain(
    this: &CosyVoice3Src,
    pad: &gst::Pad,
    buffer: gst::Buffer,
) -> Result<gst::FlowSuccess, gst::FlowError> {
    let decided = this.state().input.timed;
    let timed = decided.unwrap_or_else(|| decide(this, pad, &buffer));
    let map = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
    if timed {
        let text = String::from_utf8_lossy(&map);
        warn_invalid(this, matches!(text, std::borrow::Cow::Owned(_)));
        let cue = this.state().input.cue(&buffer);
        if cue.is_none() && buffer.pts().is_some() {
            gst::debug!(CAT, imp = this, "outside the segment: {buffer:?}");
            return Ok(gst::FlowSuccess::Ok);
        }
        let text = text.trim_matches(['\u{feff}', '\r', '\n', ' ', '\t', '\0']);
        let has_metas = buffer.iter_meta::<gst::Meta>().next().is_some();
        return say(this, text, cue, has_metas.then(|| buffer.clone()));
    }
    let (sentences, invalid) = {
        let mut state = this.state();
        let sentences = state.input.text.push(&map);
        (sentences, state.input.text.invalid() > 0)
    };
    warn_invalid(this, invalid);
    for sentence in sentences {
        say(this, &sentence, None, None)?;
    }
    Ok(gst::FlowSuccess::Ok)
}

/// Decides by the first buffer whether texts have times, and whether stamps follow the clock.
fn decide(this: &CosyVoice3Src, pad: &gst::Pad, buffer: &gst::Buffer) -> bool {
    let timing = this.settings().text_timing;
    let mut query = gst::query::Latency::new();
    let upstream_is_live = pad.peer_query(&mut query) && query.result().0;
    let mut state = this.state();
    let timed = timing == TextTimingSetting::Auto
        && state.input.segment.is_some()
        && buffer.pts().is_some();
    state.input.timed = Some(timed);
    let becomes_live = !timed && upstream_is_live && !state.stream.live;
    state.stream.live |= becomes_live;
    drop(state);
    if becomes_live {
        this.post_latency();
    }
    gst::debug!(
        CAT,
        imp = this,
        "text is {}",
        if timed { "timed" } else { "a stream" }
    );
    timed
}

fn warn_invalid(this: &CosyVoice3Src, invalid: bool) {
    if invalid && !std::mem::replace(&mut this.state().input.told_invalid, true) {
        this.post_warning(&Error::new(
            ErrorKind::Text,
            "the text from upstream has bytes that are not UTF-8; they are replaced",
        ));
    }
}

/// Queues a text once there is room for it.
fn say(
    this: &CosyVoice3Src,
    text: &str,
    cue: Option<Cue>,
    source: Option<gst::Buffer>,
) -> Result<gst::FlowSuccess, gst::FlowError> {
    let settings = this.settings().clone();
    if this.is_too_long(text) {
        return Ok(gst::FlowSuccess::Ok);
    }
    let state = this.state();
    let mut state = this
        .room
        .wait_while(state, |state| {
            accepts(state).is_ok() && state.agenda.upstream_texts() >= settings.max_queued as usize
        })
        .unwrap_or_else(|e| e.into_inner());
    accepts(&state)?;
    if !is_speakable(text) {
        if let Some(cue) = cue {
            state.agenda.push(Item::Gap(cue));
        }
        drop(state);
        this.wake.wake();
        return Ok(gst::FlowSuccess::Ok);
    }
    let (mut synth_settings, _) = settings.to_synth();
    // A time or a number alone is read in the language of the text around it.
    state.input.language = Language::detect(text).or(state.input.language);
    synth_settings.fallback_language = state.input.language;
    let (id, displaced) = state.agenda.say(
        text.to_owned(),
        synth_settings,
        0,
        Interrupt::None,
        Origin::Upstream(cue, source),
    );
    state.note_queued(id, text);
    state.displace(&displaced);
    drop(state);
    this.wake.wake();
    this.tell();
    Ok(gst::FlowSuccess::Ok)
}

/// What upstream gets to know where no text is taken any more.
fn accepts(state: &State) -> Result<(), gst::FlowError> {
    if state.flushing || state.stopped || state.input.closed {
        return Err(gst::FlowError::Flushing);
    }
    match state.stream.refused {
        Some(flow) => Err(flow),
        None if state.stream.ended || state.input.eos || state.agenda.ends() => {
            Err(gst::FlowError::Eos)
        }
        None => Ok(()),
    }
}

fn event(this: &CosyVoice3Src, pad: &gst::Pad, event: gst::Event) -> bool {
    use gst::EventView;
    match event.view() {
        EventView::StreamStart(start) => {
            this.state().stream.group = start.group_id();
            true
        }
        // Checked by the pad's template; what leaves has caps and a segment of its own.
        EventView::Caps(_) => true,
        EventView::Segment(segment) => {
            let segment = segment.segment().downcast_ref::<gst::ClockTime>().cloned();
            this.state().input.segment = segment;
            true
        }
        EventView::Gap(gap) => {
            let mut state = this.state();
            let (start, duration) = gap.get();
            let start = state
                .input
                .segment
                .as_ref()
                .and_then(|segment| segment.to_running_time(start));
            if let (Some(start), true) = (start, state.input.timed != Some(false)) {
                state.agenda.push(Item::Gap(Cue { start, duration }));
            }
            drop(state);
            this.wake.wake();
            true
        }
        EventView::Eos(_) => {
            let (rest, invalid) = {
                let mut state = this.state();
                let rest = state.input.text.finish();
                (rest, state.input.text.invalid() > 0)
            };
            warn_invalid(this, invalid);
            for sentence in rest {
                if say(this, &sentence, None, None).is_err() {
                    break;
                }
            }
            let mut state = this.state();
            state.input.eos = true;
            state.agenda.push(Item::End(Some(event.seqnum())));
            drop(state);
            this.wake.wake();
            true
        }
        EventView::FlushStart(_) => {
            let forwarded = this.srcpad.push_event(event);
            this.flush_start();
            forwarded
        }
        EventView::FlushStop(_) => this.flush_stop(event),
        EventView::Tag(tag) => {
            // Those of the text's stream, such as its codec, are not the speech's.
            if tag.tag().scope() == gst::TagScope::Global {
                this.state().agenda.push(Item::Event(event));
                this.wake.wake();
            }
            true
        }
        _ if event.is_serialized() => {
            this.state().agenda.push(Item::Event(event));
            this.wake.wake();
            true
        }
        _ => gst::Pad::event_default(pad, Some(&*this.obj()), event),
    }
}

fn query(this: &CosyVoice3Src, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
    match query.view() {
        // Text needs no pool of ours.
        gst::QueryView::Allocation(_) => false,
        _ if query.is_serialized() => false,
        _ => gst::Pad::query_default(pad, Some(&*this.obj()), query),
    }
}

/// Events from downstream while there is an upstream.
pub(super) fn forward_upstream(this: &CosyVoice3Src, event: gst::Event) -> bool {
    match this.obj().static_pad("sink") {
        Some(pad) => pad.push_event(event),
        None => false,
    }
}

/// The latency of the whole: upstream's, and what the speech may take.
pub(super) fn latency(
    this: &CosyVoice3Src,
) -> Option<(bool, gst::ClockTime, Option<gst::ClockTime>)> {
    let pad = this.obj().static_pad("sink")?;
    let mut query = gst::query::Latency::new();
    pad.peer_query(&mut query).then(|| query.result())
}

impl CosyVoice3Src {
    /// What is known of the text after a flush. One that did not come from upstream leaves upstream's segment as it is.
    pub(super) fn input_after_flush(&self) -> Input {
        let event = self
            .obj()
            .static_pad("sink")
            .and_then(|pad| pad.sticky_event::<gst::event::Segment>(0));
        Input {
            segment: event.and_then(|event| event.segment().downcast_ref().cloned()),
            ..Input::default()
        }
    }

    /// Whether texts come with times, and how late they may be heard.
    pub(super) fn slack(&self, settings: &super::settings::Settings) -> Option<gst::ClockTime> {
        let timed = {
            let state = self.state();
            state.input.is_timed() && !state.stream.live
        };
        if !timed {
            return None;
        }
        let (live, upstream, _) = latency(self)?;
        live.then(|| upstream + gst::ClockTime::from_mseconds(settings.latency.into()))
    }
}
