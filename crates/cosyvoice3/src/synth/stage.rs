//! The three stages as the pipeline sees them: job to tokens, tokens to mel, mel to samples.
//!
//! The product's stages are in [`engine`](super::engine); tests script their own.

use std::{sync::Arc, time::Duration};

use super::{
    announcements::{AnnouncementCaching, Announcements},
    job::Job,
    pace::Step,
    queue::Queue,
    request::{Request, RequestId},
    trace::Recorder,
};
use crate::{
    Error, Result,
    cancel::Cancel,
    cpu::worker::{Task, Worker},
    lm::{Hit, StopReason},
    mel::Mel,
    stage::Stage,
};

/// The language model's report on one utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Reason for which it stopped.
    pub stop: StopReason,
    /// The part of the prefix that was there already.
    pub hit: Hit,
    /// Time of the prefix.
    pub prefill: Duration,
    /// Time of the speech tokens.
    pub decode: Duration,
}

/// The utterances of one request, made while they are asked for.
pub type Jobs = Box<dyn Iterator<Item = Result<Job>> + Send>;

/// Models that are loaded and can be given to stage threads.
pub trait Engine: Send + Sync {
    /// Notice about this model to show to users, or empty.
    fn notice(&self) -> String {
        String::new()
    }
    /// Finished announcements, where they are kept, and where to keep them.
    fn announcements(&self) -> Option<(&Announcements, AnnouncementCaching)> {
        None
    }
    /// Called on the thread of each stage before its first work.
    fn enter(&self, _stage: Stage) {}
    /// Splits a request into utterances. A request with nothing to say yields none.
    fn jobs(&self, id: RequestId, request: &Request) -> Result<Jobs>;
    /// A language model stage, the work of `worker`; called on the thread that will run it.
    fn lm(&self, worker: &Arc<Worker>) -> Result<Box<dyn LmStage>>;
    /// A flow stage; called on the thread that will run it.
    fn flow(&self, recorder: &Recorder) -> Result<Box<dyn FlowStage>>;
    /// A vocoder stage; called on the thread that will run it.
    fn vocoder(&self) -> Result<Box<dyn VocoderStage>>;
}

/// Text to speech tokens.
pub trait LmStage {
    /// Decodes `job`, handing out each speech token as it comes.
    fn run(
        &mut self,
        job: &Job,
        cancel: &Cancel,
        on_token: &mut dyn FnMut(u32) -> Result<()>,
    ) -> Result<Decoded>;

    /// Background work after an utterance's last token, such as writing the cache.
    fn settle(&mut self) {}
}

/// Speech tokens to mel.
pub trait FlowStage {
    /// Makes the mel of `job`, two frames a token, from `tokens` as they come.
    fn run(&mut self, job: &Job, tokens: &mut Tokens, cancel: &Cancel) -> Result<Mel>;

    /// As [`run`](Self::run), with each frame handed out as soon as it is final where `pieces` are wanted; else, or where
    /// that is impossible, all at once. `expected` is the number of tokens that may come. The last piece is marked so.
    fn run_in_pieces(
        &mut self,
        job: &Job,
        tokens: &mut Tokens,
        pieces: bool,
        expected: usize,
        cancel: &Cancel,
        out: &mut dyn FnMut(Piece),
    ) -> Result<()> {
        let _ = (pieces, expected);
        let mel = self.run(job, tokens, cancel)?;
        let backend = self.backend();
        out(Piece {
            computed: mel.frames(),
            mel,
            last: true,
            took: Duration::ZERO,
            backend,
            known: tokens.known(),
            to_come: Vec::new(),
        });
        Ok(())
    }

    /// The back end that ran the networks of the last run, as [`FlowBackend::name`](crate::flow::FlowBackend::name).
    fn backend(&self) -> &'static str {
        ""
    }

    /// Warning about the last run although it succeeded.
    fn take_warning(&mut self) -> Option<Error> {
        None
    }
}

/// A piece of an utterance's mel.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Its frames, which follow those of the piece before.
    pub mel: Mel,
    /// True if none follows.
    pub last: bool,
    /// Frames that the flow computed for it.
    pub computed: usize,
    /// Time that this took.
    pub took: Duration,
    /// As [`FlowBackend::name`](crate::flow::FlowBackend::name).
    pub backend: &'static str,
    /// Tokens that are there, and true if these are all.
    pub known: (usize, bool),
    /// Calls that follow.
    pub to_come: Vec<Step>,
}

/// Mel to samples.
pub trait VocoderStage {
    /// The samples that the next piece of an utterance completes; all that are left with its `last` piece. Calls for one
    /// utterance follow one another, the `first` one begins anew.
    fn run_piece(
        &mut self,
        job: &Job,
        mel: Mel,
        first: bool,
        last: bool,
        cancel: &Cancel,
    ) -> Result<Vec<f32>> {
        let _ = (first, last);
        self.run(job, mel, cancel)
    }

    /// Makes the samples of `job`, level and tempo as its settings ask.
    fn run(&mut self, job: &Job, mel: Mel, cancel: &Cancel) -> Result<Vec<f32>>;
}

/// Message from the language model to the flow about the utterance that both are at.
pub(super) enum TokenMessage {
    Token(u32),
    /// The last one, and the flow's turn.
    End(Result<Decoded>, Task),
}

/// The speech tokens of one utterance, as far as they have come.
pub struct Tokens {
    queue: Arc<Queue<TokenMessage>>,
    worker: Arc<Worker>,
    /// There while the flow has something to do, which is while it does not wait for tokens.
    task: Option<Task>,
    tokens: Vec<u32>,
    end: Option<Result<Decoded>>,
    waited: Duration,
}

impl Tokens {
    pub(super) fn new(queue: Arc<Queue<TokenMessage>>, worker: Arc<Worker>) -> Self {
        Self {
            queue,
            worker,
            task: None,
            tokens: Vec::new(),
            end: None,
            waited: Duration::ZERO,
        }
    }

    /// Waits until there are `count` tokens or the speech has ended; returns all tokens so far, and true if these
    /// are all.
    pub fn wait(&mut self, count: usize) -> Result<(&[u32], bool)> {
        let since = std::time::Instant::now();
        if self.end.is_none() && self.tokens.len() < count {
            self.task = None;
        }
        while self.end.is_none() && self.tokens.len() < count {
            match self.queue.pop() {
                Some(TokenMessage::Token(token)) => self.tokens.push(token),
                Some(TokenMessage::End(end, task)) => {
                    self.end = Some(end);
                    self.task = Some(task);
                }
                None => return Err(Error::cancelled()),
            }
        }
        self.waited += since.elapsed();
        self.task.get_or_insert_with(|| self.worker.begin());
        match &self.end {
            Some(Err(error)) => Err(error.clone()),
            end => Ok((&self.tokens, end.is_some())),
        }
    }

    /// Waits for all tokens.
    pub fn wait_all(&mut self) -> Result<&[u32]> {
        self.wait(usize::MAX).map(|(tokens, _)| tokens)
    }

    /// Number of tokens that are there, and true if these are all.
    pub fn known(&self) -> (usize, bool) {
        (self.tokens.len(), self.end.is_some())
    }

    /// Time spent waiting for the language model.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Takes what is left of the utterance, so that the queue stands at the next one.
    pub(super) fn drain(mut self) -> (usize, Result<Decoded>) {
        let end = loop {
            if let Some(end) = self.end.take() {
                break end;
            }
            if let Err(error) = self.wait(usize::MAX) {
                break Err(error);
            }
        };
        (self.tokens.len(), end)
    }
}
