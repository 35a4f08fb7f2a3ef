//! The flow's thread: speech tokens to mel, whole or in pieces.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    job::Job,
    line::Line,
    message::{Item, Place, Voiced},
    pace::Known,
    request::Flush,
    slot::Slot,
    stage::{Engine, FlowStage, Piece, Tokens},
};
use crate::{
    Error,
    cancel::Cancel,
    constants::{FRAMES_PER_TOKEN, LOOKAHEAD_TOKENS},
    flow::chunks::CHUNK_TOKENS,
    lock::lock,
    stage::Stage,
};

/// Tokens of the first piece.
const FIRST_TOKENS: usize = CHUNK_TOKENS + LOOKAHEAD_TOKENS;

/// Makes the mel of all utterances that come, until the line closes.
pub(super) fn run(line: &Line, engine: &dyn Engine) {
    let mut slot = Slot::<dyn FlowStage>::new("the flow stage");
    while let Some(item) = line.to_flow.pop() {
        let next = match item {
            Item::Begin {
                job,
                accepted,
                cancel,
                started,
                place,
                work: (),
            } => {
                let mut flowing = Flowing {
                    line,
                    job,
                    accepted,
                    cancel,
                    started,
                    expected: 0,
                    pieces: 0,
                    flow: Duration::ZERO,
                    last: None,
                };
                flowing.run(&mut slot, engine, place)
            }
            Item::Failed {
                request,
                utterance,
                error,
            } => Item::Failed {
                request,
                utterance,
                error,
            },
            Item::Warning { request, error } => Item::Warning { request, error },
            Item::Kept {
                speech,
                cancel,
                accepted,
            } => Item::Kept {
                speech,
                cancel,
                accepted,
            },
            Item::End { request, cancel } => Item::End { request, cancel },
        };
        line.to_vocoder.push_now(next);
    }
}

/// One utterance in the flow.
struct Flowing<'l> {
    line: &'l Line,
    job: Arc<Job>,
    accepted: Instant,
    cancel: Cancel,
    started: Instant,
    /// Tokens that may come.
    expected: usize,
    /// Pieces that came out.
    pieces: usize,
    /// Time that they took.
    flow: Duration,
    /// The last one, until the language model's report is there.
    last: Option<(Piece, Instant)>,
}

impl Flowing<'_> {
    /// Sends all pieces but the last on their way and returns the last one's message.
    fn run(
        &mut self,
        slot: &mut Slot<dyn FlowStage>,
        engine: &dyn Engine,
        place: Option<Place>,
    ) -> Item<Voiced> {
        let line = self.line;
        let (job, cancel) = (self.job.clone(), self.cancel.clone());
        let mut tokens = Tokens::new(line.tokens.clone(), line.worker(Stage::Flow).clone());
        let since = Instant::now();
        self.expected = lock(&line.pace).expected_tokens(job.text_ids.len());
        let (pieces, expected) = (self.in_pieces(&mut tokens), self.expected);
        let (mut warning, mut flow_backend) = (None, "");
        let made = slot.run(
            || engine.flow(&line.recorder),
            |stage| {
                let out = &mut |piece| self.take(piece);
                let made = stage.run_in_pieces(&job, &mut tokens, pieces, expected, &cancel, out);
                warning = stage.take_warning();
                flow_backend = stage.backend();
                made
            },
        );
        let flow = since.elapsed().saturating_sub(tokens.waited());
        match flow_backend {
            "npu" => line.worker(Stage::Flow).settle(Vec::new()),
            _ => line.worker(Stage::Flow).settle_here(),
        }
        if let Some(error) = warning {
            line.to_vocoder.push_now(Item::Warning {
                request: job.request,
                error,
            });
        }
        let task = line.worker(Stage::Vocoder).begin();
        let (count, decoded) = tokens.drain();
        let voiced = decoded.and_then(|decoded| {
            made?;
            let ids = job.text_ids.len();
            lock(&line.pace).decoded(count, ids);
            let (mut piece, handed) = self
                .last
                .take()
                .ok_or_else(|| Error::failed("the flow stage did not end its utterance"))?;
            piece.known = (count, true);
            piece.backend = flow_backend;
            Ok(Voiced {
                piece,
                index: self.pieces - 1,
                handed,
                expected: count,
                decoded: Some(decoded),
                flow,
                task,
            })
        });
        match voiced {
            Ok(work) => self.message(work, place),
            Err(error) => Item::Failed {
                request: job.request,
                utterance: job.utterance,
                error,
            },
        }
    }

    /// Returns true if the utterance leaves in pieces.
    fn in_pieces(&self, tokens: &mut Tokens) -> bool {
        match self.job.settings.flush {
            Flush::FullMel => false,
            Flush::Chunk => true,
            Flush::Auto => {
                // A failure of the language model is met by the stage as well.
                let _ = tokens.wait(FIRST_TOKENS);
                let (tokens, complete) = tokens.known();
                let total = match complete {
                    true => tokens,
                    false => self.expected.max(tokens),
                };
                let known = Known {
                    tokens,
                    total,
                    complete,
                };
                let prompt = FRAMES_PER_TOKEN * self.job.voice.prompt_tokens.len();
                !lock(&self.line.pace).whole_is_soon(known, prompt)
            }
        }
    }

    fn take(&mut self, piece: Piece) {
        let handed = Instant::now();
        if !piece.took.is_zero() {
            lock(&self.line.pace).flowed(piece.computed, piece.took.as_secs_f64());
        }
        self.flow += piece.took;
        self.pieces += 1;
        if piece.last {
            self.last = Some((piece, handed));
            return;
        }
        let work = Voiced {
            piece,
            index: self.pieces - 1,
            handed,
            expected: self.expected,
            decoded: None,
            flow: self.flow,
            task: self.line.worker(Stage::Vocoder).begin(),
        };
        self.line.to_vocoder.push_now(self.message(work, None));
    }

    fn message(&self, work: Voiced, place: Option<Place>) -> Item<Voiced> {
        Item::Begin {
            job: self.job.clone(),
            accepted: self.accepted,
            cancel: self.cancel.clone(),
            started: self.started,
            place,
            work,
        }
    }
}
