//! Copies of one pipeline's buffers for other pipelines: those of RTSP streams, and of the sound device.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use gst::{glib, prelude::*};
use gst_app::AppSrc;

/// Sources in other pipelines. All pipelines have the system's clock, so that a time of one is a time of the
/// other.
#[derive(Clone, Default)]
pub struct Listeners(Arc<State>);

#[derive(Default)]
struct State {
    sources: Mutex<Vec<glib::WeakRef<AppSrc>>>,
    /// Signalled when a source is added.
    added: Condvar,
}

impl Listeners {
    /// Gives `source` a copy of all further buffers for as long as it exists.
    pub fn add(&self, source: &AppSrc) {
        self.sources().push(source.downgrade());
        self.0.added.notify_all();
    }

    /// True while there is a source that takes copies.
    #[cfg(feature = "rtsp")]
    pub fn any(&self) -> bool {
        let mut sources = self.sources();
        sources.retain(|source| source.upgrade().is_some());
        !sources.is_empty()
    }

    /// Waits until there is a source.
    #[cfg(feature = "rtsp")]
    pub fn wait(&self) {
        let none = |sources: &mut Vec<_>| sources.is_empty();
        let _sources = self
            .0
            .added
            .wait_while(self.sources(), none)
            .unwrap_or_else(PoisonError::into_inner);
    }

    /// Sends a copy of `buffer` to all sources that play; `time` is when it is to be played, by the clock. The sources
    /// have its caps, unless `caps` are given.
    pub fn send(&self, buffer: &gst::BufferRef, caps: Option<&gst::Caps>, time: gst::ClockTime) {
        self.sources().retain(|source| {
            let Some(source) = source.upgrade() else {
                return false;
            };
            // Before PLAYING a pipeline has no time of its own.
            if source.current_state() == gst::State::Playing
                && let Some(base) = source.base_time()
                && let Some(pts) = time.checked_sub(base)
            {
                let mut copy = buffer.copy();
                let there = copy.make_mut();
                there.set_pts(pts);
                there.set_dts(None);
                let _ = match caps {
                    Some(caps) => {
                        source.push_sample(&gst::Sample::builder().buffer(&copy).caps(caps).build())
                    }
                    None => source.push_buffer(copy),
                };
            }
            true
        });
    }

    fn sources(&self) -> MutexGuard<'_, Vec<glib::WeakRef<AppSrc>>> {
        self.0
            .sources
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time of a sample by the clock of the pipeline of `element`.
pub fn clock_time(
    sample: &gst::Sample,
    element: &impl IsA<gst::Element>,
) -> Option<gst::ClockTime> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let buffer = sample.buffer()?;
    Some(segment.to_running_time(buffer.pts().or(buffer.dts()))? + element.base_time()?)
}
