//! Waiting for a signal or a clock time, whichever comes first.

use std::sync::{Condvar, Mutex};

use gst::prelude::*;

use super::lock::lock;

#[derive(Default)]
struct State {
    /// A signal that no wait has consumed yet.
    signalled: bool,
    alarm: Option<gst::SingleShotClockId>,
}

/// Signal to the pad's task. Its lock is never held while another one is taken.
#[derive(Default)]
pub(super) struct Notify {
    state: Mutex<State>,
    changed: Condvar,
}

impl Notify {
    /// Ends the current wait, or else the next one.
    pub fn signal(&self) {
        let mut state = lock(&self.state);
        state.signalled = true;
        if let Some(alarm) = state.alarm.take() {
            alarm.unschedule();
        }
        self.changed.notify_all();
    }

    /// Waits for a signal.
    pub fn wait(&self) {
        let mut state = lock(&self.state);
        while !state.signalled {
            state = self.changed.wait(state).unwrap_or_else(|e| e.into_inner());
        }
        state.signalled = false;
    }

    /// Waits for a signal, but at most until the clock reaches `time`.
    pub fn wait_until(&self, clock: &gst::Clock, time: gst::ClockTime) {
        let alarm = clock.new_single_shot_id(time);
        {
            let mut state = lock(&self.state);
            if std::mem::take(&mut state.signalled) {
                return;
            }
            state.alarm = Some(alarm.clone());
        }
        // If it was unscheduled already, it returns at once.
        let _ = alarm.wait();
        let mut state = lock(&self.state);
        state.alarm = None;
        state.signalled = false;
    }
}
