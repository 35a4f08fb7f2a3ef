//! The sink pad: text from upstream, as a stream of bytes or as cues with times.

use std::borrow::Cow;

use gst::{prelude::*, subclass::prelude::*};

use super::{
    casting,
    enums::{MarkupSetting, TextTimingSetting},
    guard::pad_function,
    input::{Input, Timing},
    logging::CAT,
    object::CosyVoice3Src,
    queue::{Interrupt, Item, Origin},
    settings::Settings,
    state::State,
    timeline::Cue,
};
use cosyvoice3::{Error, ErrorKind, Language, Markup, cue, is_speakable};

/// Caps of SSML documents.
const SSML: &str = "application/ssml+xml";

/// Formats of text, the preferred one first: the easiest to read, then those of subtitle tracks inside films.
/// `ttmlparse` describes its layout in metas beside the text.
pub(super) fn caps() -> gst::Caps {
    let text = |format: &str| gst::Structure::builder("text/x-raw").field("format", format);
    gst::Caps::builder_full()
        .structure(text("utf8").build())
        .structure(text("pango-markup").build())
        .structure_with_features(
            gst::Structure::new_empty("text/x-raw"),
            gst::CapsFeatures::new(["meta:GstSubtitleMeta"]),
        )
        .structure(gst::Structure::new_empty(SSML))
        .build()
}

/// Makes the sink pad of the element.
pub(super) fn add(this: &CosyVoice3Src, template: &gst::PadTemplate) -> Option<gst::Pad> {
    if std::mem::replace(&mut this.state().has_input, true) {
        gst::warning!(CAT, imp = this, "there is already a sink pad");
        return None;
    }
    let pad = new_pad(template);
    let element = this.obj();
    // With an upstream it is no source: end of stream comes from there.
    element.unset_element_flags(gst::ElementFlags::SOURCE);
    if this.srcpad.is_active() {
        // A pad that is added to a running element has to run.
        let _ = pad.set_active(true);
    }
    if element.add_pad(&pad).is_err() {
        this.state().has_input = false;
        return None;
    }
    Some(pad)
}

/// Removes it.
pub(super) fn remove(this: &CosyVoice3Src, pad: &gst::Pad) {
    let _ = pad.set_active(false);
    let element = this.obj();
    let _ = element.remove_pad(pad);
    element.set_element_flags(gst::ElementFlags::SOURCE);
    let mut state = this.state();
    state.has_input = false;
    state.input = Input::default();
    drop(state);
    this.notify.signal();
}

/// The pad, as the template wants it.
fn new_pad(template: &gst::PadTemplate) -> gst::Pad {
    const PAD: &str = "the sink pad";
    gst::Pad::builder_from_template(template)
        .activatemode_function(|_, parent, mode, active| {
            if parent.is_none() {
                // Activated before it is added to a running element, which is not known yet.
                return Ok(());
            }
            let panicked = Err(gst::loggable_error!(CAT, "panic while activating"));
            pad_function(parent, PAD, panicked, |this| activate(this, mode, active))
        })
        .chain_function(|pad, parent, buffer| {
            let panicked = Err(gst::FlowError::Error);
            pad_function(parent, PAD, panicked, |this| chain(this, pad, buffer))
        })
        .event_function(|pad, parent, event| {
            pad_function(parent, PAD, false, |this| self::event(this, pad, event))
        })
        .query_function(|pad, parent, query| {
            pad_function(parent, PAD, false, |this| self::query(this, pad, query))
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
    this.space_available.notify_all();
    Ok(())
}

fn chain(
    this: &CosyVoice3Src,
    pad: &gst::Pad,
    buffer: gst::Buffer,
) -> Result<gst::FlowSuccess, gst::FlowError> {
    let decided = this.state().input.timing;
    let timing = decided.unwrap_or_else(|| decide(this, pad, &buffer));
    let map = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
    let ssml = is_ssml(this, pad);
    if timing != Timing::Stream {
        let cue = match buffer.pts() {
            Some(start) => this.state().input.cue(start, buffer.duration()),
            None => None,
        };
        if cue.is_none() && buffer.pts().is_some() {
            gst::debug!(CAT, imp = this, "outside the segment: {buffer:?}");
            return Ok(gst::FlowSuccess::Ok);
        }
        let cue = cue.filter(|_| timing == Timing::Timed);
        let text = match ssml {
            true => document_text(this, &map),
            false => read_cue(this, pad, &map),
        };
        let has_metas = buffer.iter_meta::<gst::Meta>().next().is_some();
        return say(this, pad, &text, cue, has_metas.then(|| buffer.clone()));
    }
    if ssml {
        let documents = this.state().input.document.push(&map);
        for document in documents {
            let text = document_text(this, &document);
            say(this, pad, &text, None, None)?;
        }
        return Ok(gst::FlowSuccess::Ok);
    }
    // Subtitles have an end, which pieces of a text have not, even where a source stamps them.
    let is_cue = buffer.pts().is_some() && buffer.duration().is_some();
    let text = match is_cue {
        true => Cow::Owned((read_cue(this, pad, &map) + " ").into_bytes()),
        false => Cow::Borrowed(map.as_slice()),
    };
    let (sentences, invalid) = {
        let mut state = this.state();
        let sentences = state.input.text.push(&text);
        (sentences, state.input.text.invalid() > 0)
    };
    warn_invalid(this, invalid);
    for sentence in sentences {
        say(this, pad, &sentence, None, None)?;
    }
    Ok(gst::FlowSuccess::Ok)
}

/// The sentences of a subtitle without its markup, which `subparse` leaves in also where it says that there is none.
fn read_cue(this: &CosyVoice3Src, pad: &gst::Pad, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    warn_invalid(this, matches!(text, Cow::Owned(_)));
    let caps = pad.current_caps();
    let format = caps.as_ref().and_then(|caps| {
        let structure = caps.structure(0)?;
        structure.get::<&str>("format").ok()
    });
    let format = match format {
        Some("pango-markup") => cue::Format::Pango,
        _ => cue::Format::Srt,
    };
    // Text in memory may end in a NUL, with `ttmlparse` each part of it.
    let text = text.replace(['\u{feff}', '\0'], "");
    cue::joined(&cue::plain(&text, format, cue::LeaveOut::default()))
}

/// The text of an SSML document.
fn document_text(this: &CosyVoice3Src, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    warn_invalid(this, matches!(text, Cow::Owned(_)));
    text.into_owned()
}

/// True if what comes in is SSML, by its caps or by the property.
fn is_ssml(this: &CosyVoice3Src, pad: &gst::Pad) -> bool {
    has_ssml_caps(pad) || this.settings().markup == MarkupSetting::Ssml
}

fn has_ssml_caps(pad: &gst::Pad) -> bool {
    let caps = pad.current_caps();
    caps.is_some_and(|caps| caps.structure(0).is_some_and(|s| s.name() == SSML))
}

/// Decides by the first buffer whether texts have times, and whether stamps follow the clock.
fn decide(this: &CosyVoice3Src, pad: &gst::Pad, buffer: &gst::Buffer) -> Timing {
    let settings = this.settings().clone();
    let mut query = gst::query::Latency::new();
    let upstream_is_live = pad.peer_query(&mut query) && query.result().0;
    let mut state = this.state();
    let has_times = settings.text_timing == TextTimingSetting::Auto
        && state.input.segment.is_some()
        && buffer.pts().is_some();
    let timing = match has_times {
        true if upstream_is_live && settings.is_desynchronized() => Timing::Soon,
        true => Timing::Timed,
        false => Timing::Stream,
    };
    state.input.timing = Some(timing);
    let becomes_live = timing != Timing::Timed && upstream_is_live && !state.stream.timeline.live;
    state.stream.timeline.live |= becomes_live;
    drop(state);
    if becomes_live {
        this.post_latency();
    }
    gst::debug!(CAT, imp = this, "use of the times of texts: {timing:?}");
    timing
}

fn warn_invalid(this: &CosyVoice3Src, invalid: bool) {
    if invalid && !std::mem::replace(&mut this.state().input.warned_invalid, true) {
        this.post_warning(&Error::new(
            ErrorKind::Text,
            "the text from upstream has bytes that are not UTF-8; they are replaced",
        ));
    }
}

/// Queues an announcement once there is room for it.
fn say(
    this: &CosyVoice3Src,
    pad: &gst::Pad,
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
        .space_available
        .wait_while(state, |state| {
            accepts(state).is_ok() && state.queue.upstream_texts() >= settings.max_queued as usize
        })
        .unwrap_or_else(|e| e.into_inner());
    accepts(&state)?;
    if !is_speakable(text) {
        if let Some(cue) = cue {
            state.queue.push(Item::Gap(cue));
        }
        drop(state);
        this.notify.signal();
        return Ok(gst::FlowSuccess::Ok);
    }
    let (mut synth_settings, _) = settings.to_synth();
    if has_ssml_caps(pad) {
        synth_settings.markup = Markup::Ssml;
    }
    // A time or a number alone is read in the language of the text around it.
    state.input.language = Language::detect(text).or(state.input.language);
    synth_settings.fallback_language = state.input.language;
    let voice = state.input.speakers.voice(settings.speaker_map.as_ref());
    synth_settings.voice = voice.or(synth_settings.voice);
    let (id, preemption) = state.queue.say(
        text.to_owned(),
        synth_settings,
        0,
        Interrupt::None,
        Origin::Upstream(cue, source),
    );
    state.queue_queued_message(id, text);
    state.preempt(&preemption);
    drop(state);
    this.notify.signal();
    this.flush_messages();
    Ok(gst::FlowSuccess::Ok)
}

/// Queues what is left of a text that comes in pieces.
fn say_rest(this: &CosyVoice3Src, pad: &gst::Pad) {
    let (rest, invalid) = {
        let text = &mut this.state().input.text;
        let rest = text.finish();
        (rest, text.invalid() > 0)
    };
    warn_invalid(this, invalid);
    for text in rest {
        if say(this, pad, &text, None, None).is_err() {
            break;
        }
    }
}

/// The flow return for upstream: an error if no more text is accepted.
fn accepts(state: &State) -> Result<(), gst::FlowError> {
    if state.flushing || state.stopped || state.input.closed {
        return Err(gst::FlowError::Flushing);
    }
    match state.stream.refused {
        Some(flow) => Err(flow),
        None if state.stream.broken => Err(gst::FlowError::Error),
        None if state.stream.ended || state.input.eos || state.queue.ends() => {
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
            let cue = state.input.cue(start, duration);
            if let (Some(cue), true) = (
                cue,
                matches!(state.input.timing, None | Some(Timing::Timed)),
            ) {
                state.queue.push(Item::Gap(cue));
            }
            drop(state);
            this.notify.signal();
            true
        }
        EventView::Eos(_) => {
            let document = this.state().input.document.finish();
            say_rest(this, pad);
            if let Some(document) = document {
                let text = document_text(this, &document);
                let _ = say(this, pad, &text, None, None);
            }
            let mut state = this.state();
            state.input.eos = true;
            state.queue.push(Item::End(Some(event.seqnum())));
            drop(state);
            this.notify.signal();
            true
        }
        EventView::FlushStart(_) => {
            let forwarded = this.srcpad.push_event(event);
            this.flush_start();
            forwarded
        }
        EventView::FlushStop(_) => this.flush_stop(event),
        EventView::Tag(tag) => {
            // Stream tags describe the text, such as its codec, not the speech: they are dropped.
            if tag.tag().scope() == gst::TagScope::Global {
                this.state().queue.push(Item::Event(event));
                this.notify.signal();
            }
            true
        }
        EventView::CustomDownstream(custom) if custom.has_name(casting::CHANGE) => {
            // The sentence that was not complete is the last speaker's.
            say_rest(this, pad);
            if let Some(structure) = custom.structure() {
                this.change_speaker(structure);
            }
            this.state().queue.push(Item::Event(event));
            this.notify.signal();
            true
        }
        EventView::CustomDownstream(custom) if custom.has_name(casting::VOICE) => {
            custom.structure().inspect(|fields| this.give_voice(fields));
            this.state().queue.push(Item::Event(event));
            this.notify.signal();
            true
        }
        EventView::CustomDownstreamOob(custom) if custom.has_name(casting::VOICE) => {
            custom.structure().inspect(|fields| this.give_voice(fields));
            gst::Pad::event_default(pad, Some(&*this.obj()), event)
        }
        _ if event.is_serialized() => {
            this.state().queue.push(Item::Event(event));
            this.notify.signal();
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
    /// State of the text after a flush. Speakers keep their voices. A flush that did not come from upstream leaves upstream's segment as it is.
    pub(super) fn input_after_flush(&self) -> Input {
        let event = self
            .obj()
            .static_pad("sink")
            .and_then(|pad| pad.sticky_event::<gst::event::Segment>(0));
        Input {
            speakers: self.state().input.speakers.clone(),
            segment: event.and_then(|event| event.segment().downcast_ref().cloned()),
            ..Input::default()
        }
    }

    /// Time by which texts with times may be late; `None` for other texts.
    pub(super) fn max_lateness(&self, settings: &Settings) -> Option<gst::ClockTime> {
        let timed = {
            let state = self.state();
            state.input.is_timed() && !state.stream.timeline.live
        };
        if !timed {
            return None;
        }
        let (live, upstream, _) = latency(self)?;
        let own = gst::ClockTime::from_mseconds(settings.latency.into());
        live.then(|| upstream.saturating_add(own))
    }
}
