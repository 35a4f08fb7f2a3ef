//! A clock that goes as fast as its users wait.
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use gst::prelude::*;
use gst_check::TestClock;

/// Lets the clock go on, from one wait to the next, until it shows `until`; a thread must be waiting all the time.
pub fn drive(clock: &TestClock, until: gst::ClockTime) {
    while clock.time() < until {
        clock.crank();
    }
}

/// Lets the clock go on beside the test.
pub struct Driver(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Driver {
    pub fn new(clock: &TestClock) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let clock = clock.clone();
        let stop = done.clone();
        let thread = thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                // Perhaps no thread is waiting any more.
                if let (true, _) = clock.timed_wait_for_multiple_pending_ids(1, 100)
                    && let Some(time) = clock.next_entry_time()
                {
                    clock.set_time(time.max(clock.time()));
                    clock.process_next_clock_id();
                }
            }
        });
        Self(done, Some(thread))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
        let _ = self.1.take().expect("joined once").join();
    }
}
