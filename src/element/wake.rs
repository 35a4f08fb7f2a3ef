//! Waiting for whatever comes first: news or a moment of the clock.

use std::sync::{Condvar, Mutex};

use gst::prelude::*;

use super::lock::lock;

#[derive(Default)]
struct State {
    /// There is news that nobody has waited for yet.
    news: bool,
    alarm: Option<gst::SingleShotClockId>,
}

/// What the pad's task sleeps on. Its lock is never held while another one is taken.
#[derive(Default)]
pub(super) struct Wake {
    state: Mutex<State>,
    changed: Condvar,
}

impl Wake {
    /// Ends the wait that is going on, or else the next one.
    pub fn wake(&self) {
        let mut state = lock(&self.state);
        state.news = true;
        if let Some(alarm) = state.alarm.take() {
            alarm.unschedule();
        }
        self.changed.notify_all();
    }

    /// Waits for news.
    pub fn wait(&self) {
        let mut state = lock(&self.state);
        while !state.news {
            state = self.changed.wait(state).unwrap_or_else(|e| e.into_inner());
        }
        state.news = false;
    }

    /// Waits for news, but at most until the clock shows `time`.
    pub fn wait_until(&self, clock: &gst::Clock, time: gst::ClockTime) {
        let alarm = clock.new_single_shot_id(time);
        {
            let mut state = lock(&self.state);
            if std::mem::take(&mut state.news) {
                return;
            }
            state.alarm = Some(alarm.clone());
        }
        // Unscheduled before it waits, it returns at once.
        let _ = alarm.wait();
        let mut state = lock(&self.state);
        state.alarm = None;
        state.news = false;
    }
}
