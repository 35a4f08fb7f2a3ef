//! Messages between the stages.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    first::FirstPiece,
    job::Job,
    queue::Queue,
    request::{RequestId, Speech},
    stages::Piece,
    tokens::Decoded,
};
use crate::{Error, Result, cancel::Cancel, cpu::worker::Task};

/// A message to the next stage.
pub(super) enum Item<T> {
    Work(Box<Work<T>>),
    /// One that every stage passes on, in its order among the work.
    Note(Note),
}

/// An utterance, or a piece of it, with what the next stage needs.
pub(super) struct Work<T> {
    pub job: Arc<Job>,
    pub accepted: Instant,
    pub cancel: Cancel,
    /// When the language model took it up.
    pub started: Instant,
    /// Its place in the line, which goes with the last piece.
    pub place: Option<Place>,
    /// There if the first sound after silence is made of it; goes with the samples of its first piece.
    pub first: Option<FirstPiece>,
    pub content: T,
}

/// News about a request.
pub(super) enum Note {
    /// Speech that was kept.
    Kept {
        speech: Box<Speech>,
        cancel: Cancel,
        accepted: Instant,
        /// Its place in the line: of many requests whose speech was kept, only so much may wait.
        place: Place,
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
