//! The engine's own trace: which stage worked on what, and when.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::job::Job;
use crate::{lock::lock, stage::Stage};

/// One piece of work.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The stage that worked.
    pub stage: Stage,
    /// The request.
    pub request: u64,
    /// Number of the utterance in its request.
    pub utterance: usize,
    /// The step: `prefill`, `decode`, `window 3`, `solve`, `vocode`.
    pub what: String,
    /// Since the recorder was made.
    pub start: Duration,
    /// Since the recorder was made.
    pub end: Duration,
}

struct Record {
    origin: Instant,
    spans: Mutex<Vec<Span>>,
}

/// Collects spans, or nothing when it is off; clones share one record.
#[derive(Clone, Default)]
pub struct Recorder(Option<Arc<Record>>);

impl Recorder {
    /// A recorder that keeps all spans.
    pub fn on() -> Self {
        Self(Some(Arc::new(Record {
            origin: Instant::now(),
            spans: Mutex::default(),
        })))
    }

    /// A recorder that keeps nothing.
    pub fn off() -> Self {
        Self(None)
    }

    /// Logs and records one piece of work.
    pub fn span(&self, stage: Stage, job: &Job, what: &str, start: Instant, end: Instant) {
        tracing::trace!(
            request = job.request,
            utterance = job.utterance,
            stage = stage.thread_name(),
            what,
            ms = (end - start).as_millis() as u64,
        );
        let Some(record) = &self.0 else { return };
        let span = Span {
            stage,
            request: job.request,
            utterance: job.utterance,
            what: what.into(),
            start: start.saturating_duration_since(record.origin),
            end: end.saturating_duration_since(record.origin),
        };
        lock(&record.spans).push(span);
    }

    /// The spans recorded so far, by start.
    pub fn spans(&self) -> Vec<Span> {
        let Some(record) = &self.0 else {
            return Vec::new();
        };
        let mut spans = lock(&record.spans).clone();
        spans.sort_by_key(|span| span.start);
        spans
    }
}
