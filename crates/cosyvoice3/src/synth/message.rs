//! Messages between the stages.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    job::Job,
    queue::Queue,
    request::{RequestId, Speech},
    stage::{Decoded, Piece},
};
use crate::{Error, Result, cancel::Cancel, cpu::worker::Task};

/// A message between stages.
#[expect(
    clippy::large_enum_variant,
    reason = "a few a second, and never many at once"
)]
pub(super) enum Item<T> {
    Begin {
        job: Arc<Job>,
        accepted: Instant,
        cancel: Cancel,
        /// When the language model took it up.
        started: Instant,
        /// Its place in the line, which goes with the last piece.
        place: Option<Place>,
        work: T,
    },
    /// Speech that was kept.
    Kept {
        speech: Speech,
        cancel: Cancel,
        accepted: Instant,
    },
    Failed {
        request: RequestId,
        utterance: usize,
        error: Error,
    },
    Warning {
        request: RequestId,
        error: Error,
    },
    End {
        request: RequestId,
        cancel: Cancel,
    },
}

/// A place in the pipeline, freed when dropped.
pub(super) struct Place(Arc<Queue<()>>);

impl Place {
    /// Waits for one of the places that `places` has room for.
    pub fn wait(places: &Arc<Queue<()>>, cancel: &Cancel) -> Result<Self> {
        places.push((), cancel)?;
        Ok(Self(places.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.try_pop();
    }
}

/// The flow's output for the vocoder.
pub(super) struct Voiced {
    pub piece: Piece,
    /// Number of the piece in its utterance.
    pub index: usize,
    /// When the flow handed it out.
    pub handed: Instant,
    /// Tokens that the utterance may have.
    pub expected: usize,
    /// The language model's report, with the last piece.
    pub decoded: Option<Decoded>,
    /// Time that the flow has computed for the utterance.
    pub flow: Duration,
    /// The vocoder's.
    #[expect(dead_code, reason = "held until the piece is made")]
    pub task: Task,
}
