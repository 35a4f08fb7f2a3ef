//! A loader's view of the synthesizer that waits for it.

use super::{request::Event, shared::Shared};
use crate::{Error, cancel::Cancel};

/// Handle for a loader: takes its progress and warnings, and shows if it is cancelled.
pub struct Loading<'a> {
    shared: &'a Shared,
}

impl<'a> Loading<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self { shared }
    }

    /// Reports the progress of loading `component`, 0 to 1.
    pub fn progress(&self, component: &'static str, fraction: f32) {
        self.shared.events.push_now(Event::Loading {
            component,
            fraction,
        });
    }

    /// Reports something that does not stop the loading.
    pub fn warn(&self, error: Error) {
        self.shared.events.push_now(Event::warning(None, &error));
    }

    /// Cancelled when the synthesizer is closed meanwhile.
    pub fn cancel(&self) -> &Cancel {
        self.shared.stopped()
    }
}
