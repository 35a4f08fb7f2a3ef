//! A loader's view of the synthesizer that waits for it.

use super::{pipeline::Line, request::Event};
use crate::{Error, cancel::Cancel};

/// What a loader may use while it loads.
pub struct Loading<'a> {
    line: &'a Line,
}

impl<'a> Loading<'a> {
    pub(super) fn new(line: &'a Line) -> Self {
        Self { line }
    }

    /// Reports how far the loading of `component` is, 0 to 1.
    pub fn progress(&self, component: &'static str, fraction: f32) {
        self.line.events.push_now(Event::Loading {
            component,
            fraction,
        });
    }

    /// Reports something that does not stop the loading.
    pub fn warn(&self, error: Error) {
        self.line.events.push_now(Event::Warning {
            request: None,
            error,
        });
    }

    /// Cancelled when the synthesizer is closed meanwhile.
    pub fn cancel(&self) -> &Cancel {
        self.line.stopped()
    }
}
