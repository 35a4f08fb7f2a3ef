//! The speech tokens of one utterance, on their way from the language model to the flow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::{Duration, Instant},
};

use super::first::FirstSound;
use crate::{
    Error, Result,
    cpu::worker::{BusyGuard, Worker},
    lm::{Hit, StopReason},
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

enum Message {
    Token(u32),
    /// The last one, and the flow's turn.
    End(Result<Decoded>, BusyGuard),
}

/// Both ends of an utterance's tokens; `worker` is the flow's, `first` there if its first piece is the first sound. Never
/// full: the context bounds the tokens of an utterance, and the permits bound the utterances.
pub(super) fn channel(worker: &Arc<Worker>, first: Option<FirstSound>) -> (TokenSender, Tokens) {
    let (sender, messages) = mpsc::channel();
    let count = TokenCount::default();
    let tokens = Tokens {
        messages,
        count: count.clone(),
        worker: worker.clone(),
        task: None,
        tokens: Vec::new(),
        end: None,
        waited: Duration::ZERO,
        first: first.clone(),
    };
    let sender = TokenSender {
        sender,
        count,
        first,
    };
    (sender, tokens)
}

/// The language model's end. Dropped without an [`end`](Self::end), it cancels the utterance.
pub(super) struct TokenSender {
    sender: mpsc::Sender<Message>,
    count: TokenCount,
    first: Option<FirstSound>,
}

impl TokenSender {
    /// Hands out a token. Fails once the flow has given the utterance up.
    pub fn send(&self, token: u32) -> Result<()> {
        self.count.0.tokens.fetch_add(1, SeqCst);
        let sent = self.sender.send(Message::Token(token));
        sent.map_err(|_| Error::cancelled())
    }

    /// No further token follows; with `task` it is the flow's turn.
    pub fn end(self, decoded: Result<Decoded>, task: BusyGuard) {
        // A flow that has given up asks for no report. The count is complete before the flow can have the report.
        self.count.0.complete.store(true, SeqCst);
        // Before the language model looks for its next work.
        self.first.iter().for_each(FirstSound::has_tokens);
        let _ = self.sender.send(Message::End(decoded, task));
    }
}

/// The number of an utterance's tokens, which grows while they are decoded.
#[derive(Debug, Clone, Default)]
pub struct TokenCount(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    tokens: AtomicUsize,
    complete: AtomicBool,
}

impl TokenCount {
    /// Number of tokens that are decoded, and true if none follow.
    pub fn now(&self) -> (usize, bool) {
        let complete = self.0.complete.load(SeqCst);
        (self.0.tokens.load(SeqCst), complete)
    }
}

/// The speech tokens of one utterance, as far as they have come.
pub struct Tokens {
    messages: mpsc::Receiver<Message>,
    count: TokenCount,
    worker: Arc<Worker>,
    /// There while the flow has something to do, which is while it does not wait for tokens.
    task: Option<BusyGuard>,
    tokens: Vec<u32>,
    end: Option<Result<Decoded>>,
    waited: Duration,
    first: Option<FirstSound>,
}

impl Tokens {
    /// The flow computes on cores of the language model, which leaves them to the first sound.
    pub(super) fn go_first(&self) {
        self.first.iter().for_each(FirstSound::go_first);
    }

    /// Waits until there are `count` tokens or the speech has ended; returns all tokens so far, and true if these
    /// are all.
    pub fn wait(&mut self, count: usize) -> Result<(&[u32], bool)> {
        let since = Instant::now();
        if self.end.is_none() && self.tokens.len() < count {
            self.task = None;
            self.first.iter().for_each(FirstSound::wants_tokens);
        }
        while self.end.is_none() && self.tokens.len() < count {
            match self.messages.recv() {
                Ok(Message::Token(token)) => self.tokens.push(token),
                Ok(Message::End(end, task)) => {
                    self.end = Some(end);
                    self.task = Some(task);
                }
                Err(_) => return Err(Error::cancelled()),
            }
        }
        self.waited += since.elapsed();
        self.task.get_or_insert_with(|| self.worker.begin());
        self.first.iter().for_each(FirstSound::has_tokens);
        match &self.end {
            Some(Err(error)) => Err(error.clone()),
            end => Ok((&self.tokens, end.is_some())),
        }
    }

    /// Waits for all tokens.
    pub fn wait_all(&mut self) -> Result<&[u32]> {
        self.wait(usize::MAX).map(|(tokens, _)| tokens)
    }

    /// The count of the tokens that are decoded, those among them that [`wait`](Self::wait) has not returned yet.
    pub fn count(&self) -> TokenCount {
        self.count.clone()
    }

    /// Time spent waiting for the language model.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// The number of all tokens, and the language model's report, once it is there.
    pub(super) fn finish(mut self) -> Result<(usize, Decoded)> {
        self.wait_all()?;
        let decoded = self.end.take().expect("waited for")?;
        Ok((self.tokens.len(), decoded))
    }
}
