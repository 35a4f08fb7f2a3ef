//! The source pad's queries and events, and events that applications send to the element.

use gst::{prelude::*, subclass::prelude::*};

use super::{
    enums::IdleSetting, logging::CAT, object::CosyVoice3Src, sinkpad, task, timeline::time_of,
};

pub(super) fn query(this: &CosyVoice3Src, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
    use gst::QueryViewMut;
    match query.view_mut() {
        QueryViewMut::Latency(q) => match latency(this) {
            Some((live, min, max)) => {
                q.set(live, min, max);
                true
            }
            None => false,
        },
        QueryViewMut::Seeking(q) if !this.state().has_input => {
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
            // Unknown until the stream has ended.
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

fn latency(this: &CosyVoice3Src) -> Option<(bool, gst::ClockTime, Option<gst::ClockTime>)> {
    let settings = this.settings().clone();
    let (live, has_input) = {
        let state = this.state();
        (
            state.stream.timeline.live || settings.is_live,
            state.has_input,
        )
    };
    let tick = match settings.idle {
        IdleSetting::Silence => gst::ClockTime::from_mseconds(20),
        IdleSetting::None | IdleSetting::Gap => gst::ClockTime::ZERO,
    };
    if live {
        // Speech is stamped when it is pushed: the time to synthesize it is no latency.
        return Some((true, tick, None));
    }
    if !has_input {
        return Some((false, gst::ClockTime::ZERO, None));
    }
    let (live, min, max) = sinkpad::latency(this)?;
    if live && settings.is_desynchronized() {
        return Some((true, tick, None));
    }
    let own = match live {
        true => gst::ClockTime::from_mseconds(settings.latency.into()),
        false => gst::ClockTime::ZERO,
    };
    let max = max.map(|max| max.saturating_add(own));
    Some((live, min.saturating_add(own), max))
}

fn position(this: &CosyVoice3Src, format: gst::Format) -> Option<gst::GenericFormattedValue> {
    let state = this.state();
    let samples = state.stream.timeline.position;
    match format {
        gst::Format::Time => {
            let segment = &state.stream.segment;
            Some(segment.to_stream_time(time_of(samples))?.into())
        }
        gst::Format::Default => Some(gst::format::Default::from_u64(samples).into()),
        gst::Format::Bytes => Some(gst::format::Bytes::from_u64(samples.saturating_mul(4)).into()),
        _ => None,
    }
}

/// Events from downstream.
pub(super) fn event(this: &CosyVoice3Src, pad: &gst::Pad, event: gst::Event) -> bool {
    use gst::EventView;
    // Read before the match: a flushing seek comes back as a flush before it returns, and must not meet the lock.
    let has_input = this.state().has_input;
    match event.view() {
        EventView::Seek(_) => has_input && sinkpad::forward_upstream(this, event),
        EventView::Latency(_) => !has_input || sinkpad::forward_upstream(this, event),
        EventView::Qos(_) | EventView::Navigation(_) | EventView::Reconfigure(_) => true,
        _ => gst::Pad::event_default(pad, Some(&*this.obj()), event),
    }
}

/// Events sent to the element: by applications, and by `gst-launch-1.0 -e` on Ctrl-C.
pub(super) fn element_event(this: &CosyVoice3Src, event: gst::Event) -> bool {
    use gst::EventView;
    match event.view() {
        EventView::Eos(eos) => {
            // Called under the state lock: mark and wake, the task does the rest.
            let synth = {
                let mut state = this.state();
                state.stream.eos_asked = Some(eos.seqnum());
                state.synth.clone()
            };
            if let Some(synth) = synth {
                synth.cancel_all_keep_ready();
            }
            this.notify.signal();
            true
        }
        EventView::FlushStart(_) => {
            let forwarded = this.srcpad.push_event(event);
            this.flush_start();
            forwarded
        }
        EventView::FlushStop(_) => this.flush_stop(event),
        _ if event.is_upstream() => self::event(this, &this.srcpad, event),
        _ => this.srcpad.push_event(event),
    }
}

impl CosyVoice3Src {
    /// Drops everything queued, and ends every wait. Returns at once.
    pub(super) fn flush_start(&self) {
        let synth = {
            let mut state = self.state();
            state.flushing = true;
            state.clear("flushed");
            state.synth.clone()
        };
        if let Some(synth) = synth {
            synth.cancel_all();
        }
        self.notify.signal();
        self.space_available.notify_all();
        self.flush_messages();
    }

    /// Begins a new stream.
    pub(super) fn flush_stop(&self, event: gst::Event) -> bool {
        let pad = &self.srcpad;
        if !self.state().flushing {
            gst::debug!(CAT, imp = self, "the end of a flush that did not begin");
            return false;
        }
        // The task's own lock: it is not in the middle of a push while the stream is reset.
        let _stream_lock = pad.stream_lock();
        let is_live = self.settings().is_live;
        let input = self.input_after_flush();
        {
            let mut state = self.state();
            if state.stopped || state.synth.is_none() {
                drop(state);
                return pad.push_event(event);
            }
            state.flushing = false;
            state.input = input;
            state.stream = state.stream.renewed(is_live);
        }
        let forwarded = pad.push_event(event);
        // Below PAUSED there is no task; one that is being stopped sees that by itself.
        if pad.is_active()
            && let Err(error) = task::start_task(self, pad)
        {
            gst::warning!(CAT, imp = self, "{error}");
        }
        forwarded
    }
}
