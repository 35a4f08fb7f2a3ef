//! The flow's thread: speech tokens to mel, whole or in pieces.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    engine::{Engine, FlowStage, Piece},
    first::FirstPiece,
    job::Job,
    message::{Item, Note, Voiced, Work},
    pace::Known,
    permits::Permit,
    request::Flush,
    shared::Shared,
    slot::Slot,
    tokens::{Decoded, Tokens},
};
use crate::{
    Error, Result,
    cancel::Cancel,
    constants::{FRAMES_PER_TOKEN, LOOKAHEAD_TOKENS},
    cpu::worker::BusyGuard,
    flow::{Device, chunks::CHUNK_TOKENS},
    lock::lock,
    stage::Stage,
};

/// Tokens of the first piece.
const FIRST_TOKENS: usize = CHUNK_TOKENS + LOOKAHEAD_TOKENS;

/// Makes the mel of all utterances that come, until the synthesizer closes.
pub(super) fn run(shared: &Shared, engine: &dyn Engine) {
    let mut slot = Slot::<dyn FlowStage>::new("the flow stage");
    while let Some(item) = shared.to_flow.pop() {
        let next = match item {
            Item::Work(mut work) => {
                let first = work.first.take();
                Flowing::new(shared, &work, first).run(&mut slot, engine, *work)
            }
            Item::Note(note) => Item::Note(note),
        };
        shared.to_vocoder.push_now(next);
    }
}

/// One utterance in the flow.
struct Flowing<'l> {
    shared: &'l Shared,
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
    /// Until the first piece is on its way.
    first: Option<FirstPiece>,
}

impl<'l> Flowing<'l> {
    fn new(shared: &'l Shared, work: &Work<Tokens>, first: Option<FirstPiece>) -> Self {
        Self {
            shared,
            job: work.job.clone(),
            accepted: work.accepted,
            cancel: work.cancel.clone(),
            started: work.started,
            expected: lock(&shared.pace).expected_tokens(work.job.text_ids.len()),
            pieces: 0,
            flow: Duration::ZERO,
            last: None,
            first,
        }
    }

    /// Sends all pieces but the last on their way and returns the last one's message.
    fn run(
        &mut self,
        slot: &mut Slot<dyn FlowStage>,
        engine: &dyn Engine,
        work: Work<Tokens>,
    ) -> Item<Voiced> {
        let Work {
            content: mut tokens,
            permit,
            ..
        } = work;
        let since = Instant::now();
        let (made, device) = self.make(slot, engine, &mut tokens);
        let flow = since.elapsed().saturating_sub(tokens.waited());
        let worker = self.shared.worker(Stage::Flow);
        match device {
            Some(Device::Npu) => worker.set_cores(Vec::new()),
            _ => worker.set_cores_from_affinity(),
        }
        let task = self.shared.worker(Stage::Vocoder).begin();
        let voiced = made
            .and_then(|()| tokens.finish())
            .and_then(|(count, decoded)| self.last_piece(count, decoded, device, flow, task));
        match voiced {
            Ok(voiced) => self.message(voiced, permit),
            Err(error) => Item::Note(Note::Failed {
                request: self.job.request,
                utterance: self.job.utterance,
                error,
            }),
        }
    }

    /// Runs the stage, with what it may warn about. Also returns its device.
    fn make(
        &mut self,
        slot: &mut Slot<dyn FlowStage>,
        engine: &dyn Engine,
        tokens: &mut Tokens,
    ) -> (Result<()>, Option<Device>) {
        let (shared, expected) = (self.shared, self.expected);
        let (job, cancel) = (self.job.clone(), self.cancel.clone());
        let pieces = self.in_pieces(tokens);
        let (mut warning, mut device) = (None, None);
        let made = slot.run(
            || engine.flow(&shared.recorder),
            |stage| {
                let out = &mut |piece| self.take(piece);
                let made = stage.run_in_pieces(&job, tokens, pieces, expected, &cancel, out);
                warning = stage.take_recovered_error();
                device = stage.device();
                made
            },
        );
        if let Some(error) = warning {
            shared.to_vocoder.push_now(Item::Note(Note::Warning {
                request: job.request,
                error,
            }));
        }
        (made, device)
    }

    /// The last piece, with the language model's report on all `count` tokens.
    fn last_piece(
        &mut self,
        count: usize,
        decoded: Decoded,
        device: Option<Device>,
        flow: Duration,
        task: BusyGuard,
    ) -> Result<Voiced> {
        let ids = self.job.text_ids.len();
        lock(&self.shared.pace).decoded(count, ids);
        let (mut piece, handed) = self
            .last
            .take()
            .ok_or_else(|| Error::failed("the flow stage did not end its utterance"))?;
        piece.device = device;
        Ok(Voiced {
            piece,
            index: self.pieces - 1,
            handed,
            expected: count,
            decoded: Some(decoded),
            flow,
            task,
        })
    }

    /// Returns true if the utterance leaves in pieces.
    fn in_pieces(&self, tokens: &mut Tokens) -> bool {
        match self.job.settings.flush {
            Flush::FullMel => false,
            Flush::Chunk => true,
            Flush::Auto => {
                // A failure of the language model is met by the stage as well.
                let _ = tokens.wait(FIRST_TOKENS);
                let (tokens, complete) = tokens.count().now();
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
                !lock(&self.shared.pace).whole_is_soon(known, prompt)
            }
        }
    }

    fn take(&mut self, piece: Piece) {
        let handed = Instant::now();
        if !piece.took.is_zero() {
            lock(&self.shared.pace).flowed(piece.computed, piece.took.as_secs_f64());
        }
        self.flow += piece.took;
        self.pieces += 1;
        if piece.last {
            self.last = Some((piece, handed));
            return;
        }
        let voiced = Voiced {
            piece,
            index: self.pieces - 1,
            handed,
            expected: self.expected,
            decoded: None,
            flow: self.flow,
            task: self.shared.worker(Stage::Vocoder).begin(),
        };
        let message = self.message(voiced, None);
        self.shared.to_vocoder.push_now(message);
    }

    fn message(&mut self, content: Voiced, permit: Option<Permit>) -> Item<Voiced> {
        Item::Work(Box::new(Work {
            job: self.job.clone(),
            accepted: self.accepted,
            cancel: self.cancel.clone(),
            started: self.started,
            permit,
            first: self.first.take(),
            content,
        }))
    }
}
