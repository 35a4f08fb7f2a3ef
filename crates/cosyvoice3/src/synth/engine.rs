//! The three stages as the pipeline sees them: job to tokens, tokens to mel, mel to samples.
//!
//! The product's stages are in [`models`](super::models); tests script their own.

use std::{sync::Arc, time::Duration};

use super::{
    announcements::{AnnouncementCaching, Announcements},
    job::Job,
    pace::Step,
    request::{Request, RequestId},
    tokens::{Decoded, TokenCount, Tokens},
    trace::Recorder,
};
use crate::{
    Error, Result, cancel::Cancel, cpu::worker::Worker, flow::Device, mel::Mel, stage::Stage,
};

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
    fn flush_cache(&mut self) {}
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
        let device = self.device();
        out(Piece {
            computed: mel.frames(),
            mel,
            last: true,
            took: Duration::ZERO,
            device,
            tokens: tokens.count(),
            to_come: Vec::new(),
        });
        Ok(())
    }

    /// The device that ran the networks of the last run; `None` without networks.
    fn device(&self) -> Option<Device> {
        None
    }

    /// The error that the last run got over: a warning.
    fn take_recovered_error(&mut self) -> Option<Error> {
        None
    }
}

/// A piece of an utterance's mel.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Its frames, which follow those of the piece before.
    pub mel: Mel,
    /// True if none follows.
    pub last: bool,
    /// Frames that the flow computed for it.
    pub computed: usize,
    /// Time that this took.
    pub took: Duration,
    /// Device that ran the networks, if there are any.
    pub device: Option<Device>,
    /// Count of the utterance's tokens.
    pub tokens: TokenCount,
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
