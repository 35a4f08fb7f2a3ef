//! The events of one sequence, in one order.

use std::{
    sync::{Condvar, Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// Outcome of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Finished,
    Cancelled,
    Failed,
}

#[derive(Debug, Clone)]
pub enum Entry {
    /// The test's next action, for readers of a failed trace.
    Does(#[allow(dead_code)] String),
    /// Models begin to load and a new stream to run.
    Runs,
    /// READY is reached from above.
    Stopped,
    /// The message that an announcement was queued.
    Queued {
        id: u64,
        text: String,
    },
    /// An action signal returned the id of an announcement.
    Said {
        id: u64,
        priority: i32,
        interrupts: Interrupts,
    },
    /// A text was set as the property, which returns no id.
    Property {
        text: String,
    },
    /// Speech of an announcement left the engine.
    Vocoded {
        text: String,
    },
    /// The message that an announcement is about to be played.
    Started {
        id: u64,
    },
    /// The message that an announcement has ended.
    Ended {
        id: u64,
        how: How,
        reason: String,
        duration: u64,
    },
    /// An event left the source pad.
    Event {
        kind: gst::EventType,
        seqnum: gst::Seqnum,
    },
    /// A buffer arrived at the sink.
    Buffer(Heard),
    /// The sink is done with a buffer.
    Taken,
    /// A flush is about to begin.
    FlushBegins,
    /// FLUSH_START has returned.
    Flushed,
    /// FLUSH_STOP is about to be sent.
    FlushEnds,
    /// The test cancels an announcement, or all.
    Cancels(Option<u64>),
    /// The test gave a reason for errors and for announcements that are given up.
    Mischief,
    /// Upstream begins a stream; `sure` if all that it pushes in this stream must arrive.
    UpstreamBegins {
        sure: bool,
    },
    /// Upstream pushed text.
    Pushed {
        bytes: Vec<u8>,
        timed: bool,
        taken: bool,
    },
    /// Upstream pushed EOS.
    UpstreamEnds,
    Error(String),
    Warning(String),
    Progress(gst::ProgressType),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interrupts {
    #[default]
    No,
    Sentence,
    Now,
}

#[derive(Clone)]
pub struct Heard {
    pub id: Option<u64>,
    pub pts: u64,
    pub duration: u64,
    pub offset: u64,
    pub offset_end: u64,
    pub discont: bool,
    pub gap: bool,
    pub samples: Vec<f32>,
}

impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            id,
            offset,
            offset_end,
            ..
        } = self;
        write!(f, "{id:?} {offset}..{offset_end}")?;
        f.write_str(if self.discont { " discont" } else { "" })?;
        f.write_str(if self.gap { " gap" } else { "" })
    }
}

#[derive(Default)]
pub struct Trace {
    entries: Mutex<Vec<Entry>>,
    changed: Condvar,
}

impl Trace {
    pub fn note(&self, entry: Entry) {
        self.lock().push(entry);
        self.changed.notify_all();
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Waits at most `time` for a further entry.
    pub fn wait_for_more(&self, than: usize, time: Duration) -> bool {
        let entries = self.lock();
        let (entries, _) = self
            .changed
            .wait_timeout_while(entries, time, |entries| entries.len() <= than)
            .unwrap();
        entries.len() > than
    }

    /// Waits until `holds`; calls `stir` whenever nothing happens by itself. `false` if it takes longer than `patience`.
    pub fn wait_until(
        &self,
        patience: Duration,
        mut holds: impl FnMut(&[Entry]) -> bool,
        mut stir: impl FnMut(),
    ) -> bool {
        let since = Instant::now();
        loop {
            let seen = {
                let entries = self.lock();
                if holds(&entries) {
                    return true;
                }
                entries.len()
            };
            if since.elapsed() > patience {
                return false;
            }
            if !self.wait_for_more(seen, Duration::from_micros(300)) {
                stir();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(|e| e.into_inner())
    }
}
