//! The object behind the element: its pads, its locks, its messages.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use gst::{prelude::*, subclass::prelude::*};

use super::{
    bus, lock::lock, logging::CAT, notify::Notify, settings::Settings, state::State,
    upstream::Candidates,
};
use cosyvoice3::{Engine, Error, ErrorKind, KeepAlive, Loading, Synthesizer};

/// Loads a custom engine instead of a model directory.
type Load = dyn Fn(&Loading<'_>) -> cosyvoice3::Result<Arc<dyn Engine>> + Send + Sync;

/// Lock order: `settings`, then `state`. Neither is held while something is pushed, posted or notified.
pub struct CosyVoice3Src {
    pub(super) srcpad: gst::Pad,
    pub(super) settings: Mutex<Settings>,
    pub(super) state: Mutex<State>,
    /// The pad's task waits on it.
    pub(super) notify: Arc<Notify>,
    /// Notified, with `state` locked, when an announcement ends: the chain function may be waiting for queue space.
    pub(super) space_available: Condvar,
    /// Elements that may link a text pad later.
    pub(super) candidates: Candidates,
    /// Synthesizers given up while they loaded. Going down does not wait for them, but the element does before it goes:
    /// left alone at the end of the process, they would meet libraries whose globals are destroyed.
    pub(super) leaving: Mutex<Vec<Arc<Synthesizer>>>,
    /// Models stay loaded between READY and PAUSED.
    pub(super) kept: KeepAlive,
    /// Source of the engine, if it is not a model directory.
    load: Mutex<Option<Arc<Load>>>,
}

impl CosyVoice3Src {
    /// An element below READY, with this source pad.
    pub(super) fn new(srcpad: gst::Pad) -> Self {
        Self {
            srcpad,
            settings: Mutex::default(),
            state: Mutex::default(),
            notify: Arc::default(),
            space_available: Condvar::new(),
            candidates: Candidates::default(),
            leaving: Mutex::default(),
            kept: KeepAlive::default(),
            load: Mutex::default(),
        }
    }

    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn set_engine(&self, load: Arc<Load>) {
        *lock(&self.load) = Some(load);
    }

    pub(super) fn load(&self) -> Option<Arc<Load>> {
        lock(&self.load).clone()
    }

    pub(super) fn post_error(&self, error: &Error) {
        gst::error!(CAT, imp = self, "{error}");
        self.post(bus::error_message(&*self.obj(), error));
    }

    pub(super) fn post_warning(&self, error: &Error) {
        gst::warning!(CAT, imp = self, "{error}");
        self.post(bus::warning_message(&*self.obj(), error));
    }

    pub(super) fn post_progress(&self, kind: gst::ProgressType, text: &str) {
        self.post(bus::progress_message(&*self.obj(), kind, text));
    }

    pub(super) fn post(&self, message: gst::Message) {
        // Without a bus nothing can be posted.
        let _ = self.obj().post_message(message);
    }

    pub(super) fn warn_nothing_to_say(&self) {
        self.post_warning(&Error::new(
            ErrorKind::Text,
            "nothing to say: set the property \"text\", or link text to the pad \"sink\"",
        ));
    }

    /// The time on the pipeline's clock since it went to PLAYING; `None` without a clock.
    pub(super) fn running_time(&self) -> Option<gst::ClockTime> {
        self.obj().current_running_time()
    }

    /// Asks the pipeline to query latencies again.
    pub(super) fn post_latency(&self) {
        self.post(gst::message::Latency::builder().src(&*self.obj()).build());
    }
}
