//! Messages between the stages.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    engine::Piece,
    first::FirstPiece,
    job::Job,
    permits::Permit,
    request::{RequestId, Speech},
    tokens::Decoded,
};
use crate::{Error, cancel::Cancel, cpu::worker::BusyGuard};

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
    /// The permit of its utterance, which goes with the last piece.
    pub permit: Option<Permit>,
    /// There if the first sound after silence is made of it; goes with the samples of its first piece.
    pub first: Option<FirstPiece>,
    pub content: T,
}

/// A report about a request.
pub(super) enum Note {
    /// Speech that was kept.
    Kept {
        speech: Box<Speech>,
        cancel: Cancel,
        accepted: Instant,
        /// Its permit: of many requests whose speech was kept, only so much may wait.
        permit: Permit,
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
    pub task: BusyGuard,
}
