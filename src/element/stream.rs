//! The source pad: its task, events and queries.

use std::sync::Arc;

use gst::{glib, prelude::*, subclass::prelude::*};

use super::{bus, imp::CosyVoice3Src, logging::CAT};
use crate::{
    constants::SAMPLE_RATE,
    synth::{Event, Speech, Synthesizer},
};

/// Utterances that may fail in a row before the element gives up.
const FAILURES_IN_A_ROW: u32 = 3;

/// The state of the stream that the task makes.
#[derive(Default)]
pub(super) struct Stream {
    /// Requests that are not finished.
    pub outstanding: usize,
    /// Samples pushed, which is the position too.
    samples: u64,
    /// Whether stream-start, caps and segment are out.
    begun: bool,
    /// Whether the next buffer follows something else than its predecessor.
    discont: bool,
    /// Somebody asked for the end of the stream, with this sequence number.
    eos_asked: Option<gst::Seqnum>,
    /// EOS is out, or the task gave up.
    ended: bool,
    /// Whether models are loaded.
    ready: bool,
    failures: u32,
    /// The last progress that was posted: component and tenths.
    progress: Option<(&'static str, u32)>,
}

impl Stream {
    /// Whether nothing more will be pushed.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }
}

/// Time of a sample, rounded down.
fn time_of(samples: u64) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(
        (u128::from(samples) * 1_000_000_000 / u128::from(SAMPLE_RATE)) as u64,
    )
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
        pad.stop_task()?;
    }
    Ok(())
}

fn start_task(this: &CosyVoice3Src, pad: &gst::Pad) -> Result<(), glib::BoolError> {
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
    begin(this, pad);
    let event = {
        let mut state = this.state();
        let finished = state.stream.ready && state.stream.outstanding == 0;
        if state.stream.eos_asked.is_some() || finished {
            match synth.try_next_event() {
                Some(event) => Some(event),
                None => {
                    state.stream.ended = true;
                    drop(state);
                    return end(this, pad);
                }
            }
        } else {
            drop(state);
            synth.next_event()
        }
    };
    match event {
        Some(event) => handle(this, pad, &synth, event),
        None => false,
    }
}

/// Stream-start, caps and segment, once per stream.
fn begin(this: &CosyVoice3Src, pad: &gst::Pad) {
    {
        let mut state = this.state();
        if std::mem::replace(&mut state.stream.begun, true) {
            return;
        }
        state.stream.discont = true;
    }
    if pad.sticky_event::<gst::event::StreamStart>(0).is_none() {
        let stream_id = pad.create_stream_id(&*this.obj(), None::<&str>);
        pad.push_event(
            gst::event::StreamStart::builder(&stream_id)
                .group_id(gst::GroupId::next())
                .build(),
        );
        pad.push_event(gst::event::Caps::new(&pad.pad_template_caps()));
    }
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    pad.push_event(gst::event::Segment::new(&segment));
}

fn handle(this: &CosyVoice3Src, pad: &gst::Pad, synth: &Synthesizer, event: Event) -> bool {
    match event {
        Event::Loading {
            component,
            fraction,
        } => {
            let now = (component, (fraction * 10.0) as u32);
            let changed = this.state().stream.progress.replace(now) != Some(now);
            if changed {
                let text = format!("loading {component}: {} %", now.1 * 10);
                this.post_progress(gst::ProgressType::Continue, &text);
            }
            true
        }
        Event::Ready { after, notice } => {
            {
                let mut state = this.state();
                state.stream.ready = true;
                state.loading = false;
            }
            gst::info!(CAT, imp = this, "models loaded in {after:?}");
            if !notice.is_empty() {
                gst::warning!(CAT, imp = this, "{notice}");
            }
            this.post_progress(gst::ProgressType::Complete, "models loaded");
            true
        }
        Event::LoadFailed(error) if error.is_cancelled() => false,
        Event::LoadFailed(error) => {
            this.state().loading = false;
            this.post_error(&error);
            this.post_progress(gst::ProgressType::Error, "models not loaded");
            give_up(this, pad)
        }
        Event::Warning { error, .. } => {
            this.post_warning(&error);
            true
        }
        Event::Speech(speech) => push(this, pad, speech),
        Event::UtteranceFailed { error, .. } => {
            let failures = {
                let mut state = this.state();
                state.stream.failures += 1;
                state.stream.failures
            };
            if bus::is_lasting(error.kind()) || failures >= FAILURES_IN_A_ROW {
                this.post_error(&error);
                synth.cancel_all();
                return give_up(this, pad);
            }
            this.post_warning(&error.context("an utterance was left out"));
            true
        }
        Event::Finished {
            cancelled, spoken, ..
        } => {
            gst::debug!(
                CAT,
                imp = this,
                "request done, {spoken} utterances, cancelled: {cancelled}"
            );
            let mut state = this.state();
            state.stream.outstanding = state.stream.outstanding.saturating_sub(1);
            true
        }
        Event::Woken => true,
    }
}

fn push(this: &CosyVoice3Src, pad: &gst::Pad, speech: Speech) -> bool {
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
    let count = speech.samples.len() as u64;
    if count == 0 {
        return true;
    }
    let mut buffer = gst::Buffer::from_mut_slice(Samples(speech.samples));
    {
        let mut state = this.state();
        let stream = &mut state.stream;
        let (from, to) = (stream.samples, stream.samples + count);
        let buffer = buffer.get_mut().expect("a new buffer is writable");
        buffer.set_pts(time_of(from));
        buffer.set_duration(time_of(to) - time_of(from));
        buffer.set_offset(from);
        buffer.set_offset_end(to);
        if std::mem::take(&mut stream.discont) {
            buffer.set_flags(gst::BufferFlags::DISCONT);
        }
        stream.samples = to;
        stream.failures = 0;
    }
    match pad.push(buffer) {
        Ok(_) => true,
        Err(gst::FlowError::Flushing) => false,
        Err(gst::FlowError::Eos) => {
            this.state().stream.ended = true;
            end(this, pad)
        }
        Err(flow) => {
            this.post(bus::flow_error_message(&*this.obj(), flow));
            give_up(this, pad)
        }
    }
}

/// Pushes EOS; the task is done.
fn end(this: &CosyVoice3Src, pad: &gst::Pad) -> bool {
    let (seqnum, loading) = {
        let mut state = this.state();
        (
            state.stream.eos_asked.take(),
            std::mem::take(&mut state.loading),
        )
    };
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
    this.state().stream.ended = true;
    end(this, pad)
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

pub(super) fn query(this: &CosyVoice3Src, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
    use gst::QueryViewMut;
    match query.view_mut() {
        QueryViewMut::Latency(q) => {
            q.set(false, gst::ClockTime::ZERO, gst::ClockTime::NONE);
            true
        }
        QueryViewMut::Seeking(q) => {
            let format = q.format();
            q.set(
                false,
                gst::GenericFormattedValue::none_for_format(format),
                gst::GenericFormattedValue::none_for_format(format),
            );
            true
        }
        QueryViewMut::Position(q) => match position(this, q.format()) {
            Some(position) => {
                q.set(position);
                true
            }
            None => false,
        },
        QueryViewMut::Duration(q) => {
            // Unknown until everything is said.
            let ended = this.state().stream.ended;
            match position(this, q.format()) {
                Some(end) if ended => {
                    q.set(end);
                    true
                }
                _ => false,
            }
        }
        _ => gst::Pad::query_default(pad, Some(&*this.obj()), query),
    }
}

fn position(this: &CosyVoice3Src, format: gst::Format) -> Option<gst::GenericFormattedValue> {
    let samples = this.state().stream.samples;
    match format {
        gst::Format::Time => Some(time_of(samples).into()),
        gst::Format::Default => Some(gst::format::Default::from_u64(samples).into()),
        gst::Format::Bytes => Some(gst::format::Bytes::from_u64(samples * 4).into()),
        _ => None,
    }
}

/// Events from downstream.
pub(super) fn upstream_event(this: &CosyVoice3Src, pad: &gst::Pad, event: gst::Event) -> bool {
    use gst::EventView;
    match event.view() {
        EventView::Seek(_) => false,
        EventView::Qos(_)
        | EventView::Navigation(_)
        | EventView::Latency(_)
        | EventView::Reconfigure(_) => true,
        _ => gst::Pad::event_default(pad, Some(&*this.obj()), event),
    }
}

/// Events sent to the element: by applications, and by `gst-launch-1.0 -e` on Ctrl-C.
pub(super) fn element_event(this: &CosyVoice3Src, event: gst::Event) -> bool {
    use gst::EventView;
    let pad = &this.srcpad;
    match event.view() {
        EventView::Eos(eos) => {
            // Called under the state lock: mark and wake, the task does the rest.
            let synth: Option<Arc<Synthesizer>> = {
                let mut state = this.state();
                state.stream.eos_asked = Some(eos.seqnum());
                state.synth.clone()
            };
            if let Some(synth) = synth {
                synth.abandon();
            }
            true
        }
        EventView::FlushStart(_) => {
            let synth = this.state().synth.clone();
            let forwarded = pad.push_event(event);
            if let Some(synth) = synth {
                synth.cancel_all();
            }
            forwarded
        }
        EventView::FlushStop(_) => {
            // The task's own lock: it is not in the middle of a push while the stream is reset.
            let _stream_lock = pad.stream_lock();
            {
                let mut state = this.state();
                let outstanding = state.stream.outstanding;
                let ready = state.stream.ready;
                state.stream = Stream {
                    outstanding,
                    ready,
                    ..Stream::default()
                };
            }
            let forwarded = pad.push_event(event);
            let _ = start_task(this, pad);
            forwarded
        }
        _ if event.is_upstream() => upstream_event(this, pad, event),
        _ => pad.push_event(event),
    }
}
