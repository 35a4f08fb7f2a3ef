//! The language model's thread: requests to jobs and speech tokens.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    announcements::MAX_TEXT,
    engine::{Engine, Jobs, LmStage},
    first::{FirstPiece, FirstSound},
    job::Job,
    message::{Item, Note, Work},
    shared::{Pending, Shared},
    slot::{Slot, panicked},
    tokens::{self, Decoded, TokenSender},
};
use crate::{Error, ErrorKind, Result, cancel::Cancel, lm::StopReason, lock::lock, stage::Stage};

/// Decodes what is asked for, request by request, until the synthesizer closes.
pub(super) fn run(shared: &Shared, engine: &dyn Engine, ready: Instant) {
    let mut slot = Slot::<dyn LmStage>::new("the language model stage");
    // Of the last request before which nothing was heard.
    let mut first_sound: Option<FirstSound> = None;
    while let Some(pending) = shared.next_request() {
        let (id, cancel) = (pending.id, pending.cancel.clone());
        let accepted = pending.accepted.max(ready);
        let jobs = catch_unwind(AssertUnwindSafe(|| {
            let jobs = engine.jobs(id, &pending.request)?;
            Ok(recall(shared, engine, &pending, accepted, jobs))
        }))
        .unwrap_or_else(|panic| Err(panicked("the text front end", &*panic)));
        let mut jobs: Jobs = match jobs {
            Ok(jobs) => jobs,
            Err(error) => Box::new(std::iter::once(Err(error))),
        };
        let mut utterance = 0;
        // A request behind other speech has as much time.
        let mut first = shared.is_alone(id).then(FirstSound::new);
        first_sound = first.clone().or(first_sound);
        loop {
            first_sound.iter().for_each(|first| first.wait(&cancel));
            if cancel.is_cancelled() {
                break;
            }
            let next = catch_unwind(AssertUnwindSafe(|| jobs.next()))
                .unwrap_or_else(|panic| Some(Err(panicked("the text front end", &*panic))));
            match next {
                None => break,
                Some(Ok(job)) => {
                    let job = Arc::new(job);
                    let task = Decoding {
                        shared,
                        engine,
                        job,
                        accepted,
                        cancel: &cancel,
                        first: first.take(),
                    };
                    if task.run(&mut slot).is_err() {
                        break;
                    }
                }
                // A text that cannot be spoken is a warning, anything else fails the utterance.
                Some(Err(error)) if error.kind() == ErrorKind::Text => {
                    shared.note(Note::Warning { request: id, error });
                }
                Some(Err(error)) => {
                    shared.note(Note::Failed {
                        request: id,
                        utterance,
                        error,
                    });
                    break;
                }
            }
            utterance += 1;
        }
        shared.note(Note::End {
            request: id,
            cancel,
        });
    }
}

/// Queues the speech of a request that was spoken before and kept, and leaves nothing to do; else has the request recorded
/// and leaves its `jobs` as they are.
fn recall(
    shared: &Shared,
    engine: &dyn Engine,
    pending: &Pending,
    accepted: Instant,
    jobs: Jobs,
) -> Jobs {
    let Some((cache, caching)) = engine.announcements() else {
        return jobs;
    };
    if pending.request.text.len() > MAX_TEXT || !pending.request.settings.keep {
        return jobs;
    }
    let jobs: Vec<Result<Job>> = jobs.collect();
    let whole: Vec<Job> = jobs
        .iter()
        .filter_map(|job| job.as_ref().ok().cloned())
        .collect();
    // A text of which something cannot be spoken is warned about each time.
    if whole.is_empty() || whole.len() < jobs.len() {
        return Box::new(jobs.into_iter());
    }
    let key = cache.key(&whole);
    let Some(utterances) = cache.get(&key, caching) else {
        shared.recordings.begin(pending.id, key);
        return Box::new(jobs.into_iter());
    };
    for speech in &*utterances {
        let Ok(permit) = shared.permit(&pending.cancel) else {
            break;
        };
        let mut speech = speech.clone();
        speech.request = pending.id;
        let kept = Note::Kept {
            speech: Box::new(speech),
            cancel: pending.cancel.clone(),
            accepted,
            permit,
        };
        let item = Item::Note(kept);
        if shared.to_flow.push(item, &pending.cancel).is_err() {
            break;
        }
    }
    Box::new(std::iter::empty())
}

/// One utterance in the language model.
struct Decoding<'a> {
    shared: &'a Shared,
    engine: &'a dyn Engine,
    job: Arc<Job>,
    accepted: Instant,
    cancel: &'a Cancel,
    /// There if its first piece is the first sound after silence.
    first: Option<FirstSound>,
}

impl Decoding<'_> {
    /// Decodes; fails only when the utterance was cancelled before the flow received it.
    fn run(self, slot: &mut Slot<dyn LmStage>) -> Result<()> {
        let Self {
            shared,
            job,
            cancel,
            ..
        } = &self;
        let permit = shared.permit(cancel)?;
        let (sender, tokens) = tokens::channel(shared.worker(Stage::Flow), self.first.clone());
        let work = Work {
            job: job.clone(),
            accepted: self.accepted,
            cancel: (*cancel).clone(),
            started: Instant::now(),
            permit: Some(permit),
            first: self.first.clone().map(FirstPiece),
            content: tokens,
        };
        shared.to_flow.push(Item::Work(Box::new(work)), cancel)?;
        let task = shared.worker(Stage::Lm).begin();
        let decoded = self.decode(slot, &sender);
        let cut = match &decoded {
            Ok(decoded) if job.settings.forced_tokens.is_none() => cut_short(job, decoded.stop),
            _ => None,
        };
        sender.end(decoded, shared.worker(Stage::Flow).begin());
        drop(task);
        let no_stage = || Err(Error::cancelled());
        let _ = slot.run(no_stage, |stage| {
            stage.flush_cache();
            Ok(())
        });
        if let Some(error) = cut {
            shared.note(Note::Warning {
                request: job.request,
                error,
            });
        }
        Ok(())
    }

    /// Sends the tokens as they come, and reports.
    fn decode(&self, slot: &mut Slot<dyn LmStage>, sender: &TokenSender) -> Result<Decoded> {
        let (shared, job, cancel) = (self.shared, &self.job, self.cancel);
        let started = Instant::now();
        let mut speed = DecodeSpeed::default();
        let mut waited = Duration::ZERO;
        let decoded = slot.run(
            || self.engine.lm(shared.worker(Stage::Lm)),
            |stage| {
                stage.run(job, cancel, &mut |token| {
                    shared.decoded.fetch_add(1, Ordering::Relaxed);
                    speed.token(shared);
                    cancel.check()?;
                    let sent = sender.send(token);
                    let since = Instant::now();
                    self.first.iter().for_each(|first| first.wait(cancel));
                    waited += since.elapsed();
                    speed.since = Some(Instant::now());
                    sent
                })
            },
        );
        let mut decoded = decoded?;
        let prefilled = started + decoded.prefill;
        shared
            .recorder
            .span(Stage::Lm, job, "prefill", started, prefilled);
        shared
            .recorder
            .span(Stage::Lm, job, "decode", prefilled, Instant::now());
        decoded.decode = decoded.decode.saturating_sub(waited);
        Ok(decoded)
    }
}

/// Time that the language model takes for its tokens, measured while it decodes: the first utterance of a session, and a
/// machine that slows down in the middle of one, have no other figure.
#[derive(Default)]
struct DecodeSpeed {
    /// Return to the language model after the last token.
    since: Option<Instant>,
    tokens: usize,
    took: Duration,
}

impl DecodeSpeed {
    /// Tokens that are measured together: a single one says little beside other programs.
    const TOGETHER: usize = 8;

    /// A token has come. The first one only starts the clock: before it was the prefill.
    fn token(&mut self, shared: &Shared) {
        let Some(since) = self.since else { return };
        self.took += since.elapsed();
        self.tokens += 1;
        if self.tokens == Self::TOGETHER {
            lock(&shared.pace).decoding(self.tokens, self.took.as_secs_f64());
            (self.tokens, self.took) = (0, Duration::ZERO);
        }
    }
}

/// Warning about speech that the model did not end by itself.
fn cut_short(job: &Job, stop: StopReason) -> Option<Error> {
    let why = match stop {
        StopReason::Natural => return None,
        StopReason::MaxLength => "was cut at the maximum length for its text",
        StopReason::Loop => "was cut because it only repeated itself",
        StopReason::ContextFull => "was cut because the language model's context is full",
    };
    // Texts are private: nothing above the debug log shows them.
    tracing::debug!("{:?} {why}", job.text);
    Some(Error::failed(format!(
        "the speech of {} characters {why}: another seed or a shorter sentence may help",
        job.text.chars().count()
    )))
}
