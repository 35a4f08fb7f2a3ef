//! The stage threads, with their queues and cancellation.
//!
//! ```text
//! requests ─► cv3-lm ─ jobs, tokens ─► cv3-flow ─ mel ─► cv3-vocoder ─ events ─►
//! ```
//!
//! A message of a cancelled request still travels to the end of the pipeline, without work, so that the order of events
//! is the order of requests.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    announcements::{MAX_TEXT, Recordings},
    job::Job,
    queue::Queue,
    request::{Event, Request, RequestId, Speech, UtteranceStats},
    stage::{Decoded, Engine, Jobs, TokenMessage, Tokens},
    trace::Recorder,
    words::words,
};
use crate::{
    Error, ErrorKind, Result,
    cancel::Cancel,
    cpu::worker::{Task, Worker},
    lm::StopReason,
    lock::lock,
    mel::Mel,
    stage::Stage,
};

/// Tokens the language model may be ahead of the flow: some 80 seconds of speech.
const TOKENS_AHEAD: usize = 2048;
/// Utterances that may wait in front of the flow.
const UTTERANCES_AHEAD: usize = 2;
/// Utterances between the beginning of their prefix and the end of their speech. The language model waits for a place
/// here, so that the flow need not wait for the vocoder.
const UTTERANCES_IN_LINE: usize = 6;
/// Events that may wait to be taken, one of them a whole utterance at most.
const EVENTS_AHEAD: usize = 2;

/// A message between stages.
#[expect(
    clippy::large_enum_variant,
    reason = "a few a second, and never many at once"
)]
enum Item<T> {
    Begin {
        job: Arc<Job>,
        accepted: Instant,
        cancel: Cancel,
        /// When the language model took it up.
        started: Instant,
        place: Place,
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
struct Place(Arc<Queue<()>>);

impl Place {
    fn wait(line: &Line, cancel: &Cancel) -> Result<Self> {
        line.places.push((), cancel)?;
        Ok(Self(line.places.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.try_pop();
    }
}

/// The flow's output for the vocoder.
struct Voiced {
    mel: Mel,
    tokens: usize,
    decoded: Decoded,
    flow: Duration,
    flow_backend: &'static str,
    started: Instant,
    /// The vocoder's.
    task: Task,
}

#[derive(Clone)]
struct Pending {
    id: RequestId,
    request: Request,
    accepted: Instant,
    cancel: Cancel,
}

/// A request that may still be cancelled, waiting or under way.
#[derive(Clone)]
struct Alive {
    id: RequestId,
    cancel: Cancel,
    /// Queue of its own events, where its caller takes them apart from those of other requests.
    own: Option<Events>,
}

/// Events on their way to a caller.
pub(super) type Events = Arc<Queue<Event>>;

#[derive(Default)]
struct Inbox {
    waiting: VecDeque<Pending>,
    alive: Vec<Alive>,
    next_id: RequestId,
    closed: bool,
    /// Models cannot be loaded: requests end without speech.
    failed: Option<Error>,
}

/// State shared by all threads of one synthesizer.
pub(super) struct Line {
    inbox: Mutex<Inbox>,
    inbox_changed: Condvar,
    tokens: Arc<Queue<TokenMessage>>,
    to_flow: Arc<Queue<Item<()>>>,
    to_vocoder: Arc<Queue<Item<Voiced>>>,
    places: Arc<Queue<()>>,
    recordings: Recordings,
    /// By stage.
    workers: [Arc<Worker>; 3],
    /// Of the engine, and of requests without events of their own.
    pub(super) events: Events,
    pub(super) recorder: Recorder,
    stop: Cancel,
}

impl Line {
    pub(super) fn new(recorder: Recorder) -> Arc<Self> {
        Arc::new(Self {
            inbox: Mutex::default(),
            inbox_changed: Condvar::new(),
            tokens: Queue::new(TOKENS_AHEAD),
            to_flow: Queue::new(UTTERANCES_AHEAD),
            to_vocoder: Queue::new(UTTERANCES_IN_LINE),
            places: Queue::new(UTTERANCES_IN_LINE),
            recordings: Recordings::default(),
            workers: Stage::ALL.map(|_| Worker::new()),
            events: events(),
            recorder,
            stop: Cancel::new(),
        })
    }

    /// Queues a request, whose events go to `own` if that is there.
    pub(super) fn say(&self, request: Request, own: Option<Events>) -> RequestId {
        let mut inbox = self.inbox();
        inbox.next_id += 1;
        let alive = Alive {
            id: inbox.next_id,
            cancel: Cancel::new(),
            own,
        };
        let id = alive.id;
        if let Some(error) = inbox.failed.clone() {
            drop(inbox);
            self.end_without_models(&alive, &error);
            return id;
        }
        if inbox.closed {
            alive.own.iter().for_each(|own| own.close());
            return id;
        }
        inbox.waiting.push_back(Pending {
            id,
            request,
            accepted: Instant::now(),
            cancel: alive.cancel.clone(),
        });
        inbox.alive.push(alive);
        self.inbox_changed.notify_all();
        id
    }

    /// Models cannot be loaded: ends every request, later ones as well, and every wait for events.
    pub(super) fn fail(&self, error: Error) {
        self.events.push_now(Event::LoadFailed(error.clone()));
        let orphans = {
            let mut inbox = self.inbox();
            inbox.failed = Some(error.clone());
            inbox.waiting.clear();
            std::mem::take(&mut inbox.alive)
        };
        // Some stages may run already.
        self.close_stages();
        for orphan in &orphans {
            self.end_without_models(orphan, &error);
        }
        self.events.finish();
    }

    /// Ends a request that no stage will ever see.
    fn end_without_models(&self, request: &Alive, error: &Error) {
        if let Some(own) = &request.own {
            own.push_now(Event::LoadFailed(error.clone()));
        }
        request.events(self).push_now(Event::Finished {
            request: request.id,
            cancelled: request.cancel.is_cancelled(),
            spoken: 0,
        });
    }

    /// Cancels requests and returns those that were alive.
    fn cancel_alive(&self, wanted: impl Fn(RequestId) -> bool) -> Vec<Alive> {
        let victims: Vec<_> = self
            .inbox()
            .alive
            .iter()
            .filter(|alive| wanted(alive.id) && !alive.cancel.is_cancelled())
            .cloned()
            .collect();
        for victim in &victims {
            victim.cancel.cancel();
        }
        victims
    }

    pub(super) fn abandon(&self) {
        self.cancel_alive(|_| true);
    }

    pub(super) fn cancel(&self, wanted: impl Fn(RequestId) -> bool) -> usize {
        let victims = self.cancel_alive(wanted);
        // Speech that is not taken yet is not wanted any more either.
        for victim in &victims {
            victim.events(self).retain(
                |event| !matches!(event, Event::Speech(speech) if speech.request == victim.id),
            );
        }
        victims.len()
    }

    pub(super) fn close(&self) {
        self.inbox().closed = true;
        self.stop.cancel();
        self.cancel(|_| true);
        self.close_stages();
        self.events.close();
        for alive in &self.inbox().alive {
            alive.events(self).close();
        }
    }

    /// Ends the work and the waits of the stages, for good.
    fn close_stages(&self) {
        self.inbox().closed = true;
        self.inbox_changed.notify_all();
        self.tokens.close();
        self.to_flow.close();
        self.to_vocoder.close();
        self.places.close();
    }

    pub(super) fn stopped(&self) -> &Cancel {
        &self.stop
    }

    fn next_request(&self) -> Option<Pending> {
        let mut inbox = self.inbox();
        loop {
            if inbox.closed {
                return None;
            }
            if let Some(pending) = inbox.waiting.pop_front() {
                return Some(pending);
            }
            inbox = self
                .inbox_changed
                .wait(inbox)
                .unwrap_or_else(|e| e.into_inner());
        }
    }

    fn worker(&self, stage: Stage) -> &Arc<Worker> {
        &self.workers[stage as usize]
    }

    /// The queue for the events of a request.
    fn events_of(&self, request: RequestId) -> Events {
        let inbox = self.inbox();
        let alive = inbox.alive.iter().find(|alive| alive.id == request);
        alive
            .map_or(&self.events, |alive| alive.events(self))
            .clone()
    }

    fn forget(&self, request: RequestId) {
        self.inbox().alive.retain(|alive| alive.id != request);
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        lock(&self.inbox)
    }
}

impl Alive {
    fn events<'a>(&'a self, line: &'a Line) -> &'a Events {
        self.own.as_ref().unwrap_or(&line.events)
    }
}

/// A queue for the events of one caller.
pub(super) fn events() -> Events {
    Queue::new(EVENTS_AHEAD)
}

/// Starts the stage threads over `engine`, and adds them to `threads` one by one.
pub(super) fn start(
    line: &Arc<Line>,
    engine: &Arc<dyn Engine>,
    threads: &mut Vec<JoinHandle<()>>,
) -> Result<()> {
    let ready = Instant::now();
    for stage in Stage::ALL {
        let (line, engine) = (line.clone(), engine.clone());
        let thread = thread::Builder::new()
            .name(stage.thread_name().into())
            .spawn(move || {
                engine.enter(stage);
                line.worker(stage).settle_here();
                match stage {
                    Stage::Lm => run_lm(&line, &*engine, ready),
                    Stage::Flow => run_flow(&line, &*engine),
                    Stage::Vocoder => run_vocoder(&line, &*engine),
                }
            })
            .map_err(|e| {
                Error::new(
                    ErrorKind::NoSpace,
                    format!("cannot start the thread {}: {e}", stage.thread_name()),
                )
            })?;
        threads.push(thread);
    }
    Ok(())
}

/// A stage that is made on first use and again after it panicked.
struct Slot<S: ?Sized> {
    stage: Option<Box<S>>,
    name: &'static str,
}

impl<S: ?Sized> Slot<S> {
    fn new(name: &'static str) -> Self {
        Self { stage: None, name }
    }

    fn run<R>(
        &mut self,
        make: impl FnOnce() -> Result<Box<S>>,
        work: impl FnOnce(&mut S) -> Result<R>,
    ) -> Result<R> {
        let slot = &mut self.stage;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            if slot.is_none() {
                *slot = Some(make()?);
            }
            work(slot.as_mut().expect("just made"))
        }));
        outcome.unwrap_or_else(|panic| {
            self.stage = None;
            Err(panicked(self.name, &*panic))
        })
    }
}

pub(super) fn panicked(what: &str, panic: &(dyn std::any::Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::new(
        ErrorKind::Panicked,
        format!("{what} panicked ({message}): this is a bug, please report it"),
    )
}

fn run_lm(line: &Line, engine: &dyn Engine, ready: Instant) {
    let mut slot = Slot::<dyn super::stage::LmStage>::new("the language model stage");
    while let Some(pending) = line.next_request() {
        let (id, cancel) = (pending.id, pending.cancel.clone());
        let accepted = pending.accepted.max(ready);
        let jobs = catch_unwind(AssertUnwindSafe(|| {
            let jobs = engine.jobs(id, &pending.request)?;
            Ok(recall(line, engine, &pending, accepted, jobs))
        }))
        .unwrap_or_else(|panic| Err(panicked("the text front end", &*panic)));
        let mut jobs: super::stage::Jobs = match jobs {
            Ok(jobs) => jobs,
            Err(error) => Box::new(std::iter::once(Err(error))),
        };
        let mut utterance = 0;
        loop {
            if cancel.is_cancelled() {
                break;
            }
            let next = catch_unwind(AssertUnwindSafe(|| jobs.next()))
                .unwrap_or_else(|panic| Some(Err(panicked("the text front end", &*panic))));
            match next {
                None => break,
                Some(Ok(job)) => {
                    let job = Arc::new(job);
                    if decode(line, engine, &mut slot, &job, accepted, &cancel).is_err() {
                        break;
                    }
                }
                // A text that cannot be spoken is a warning, anything else fails the utterance.
                Some(Err(error)) if error.kind() == ErrorKind::Text => {
                    line.to_flow.push_now(Item::Warning { request: id, error });
                }
                Some(Err(error)) => {
                    line.to_flow.push_now(Item::Failed {
                        request: id,
                        utterance,
                        error,
                    });
                    break;
                }
            }
            utterance += 1;
        }
        line.to_flow.push_now(Item::End {
            request: id,
            cancel,
        });
    }
}

/// Queues the speech of a request that was spoken before and kept, and leaves nothing to do; else has the request recorded
/// and leaves its `jobs` as they are.
fn recall(
    line: &Line,
    engine: &dyn Engine,
    pending: &Pending,
    accepted: Instant,
    jobs: Jobs,
) -> Jobs {
    let Some((cache, caching)) = engine.announcements() else {
        return jobs;
    };
    if pending.request.text.len() > MAX_TEXT {
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
        line.recordings.begin(pending.id, key);
        return Box::new(jobs.into_iter());
    };
    for speech in &*utterances {
        let mut speech = speech.clone();
        speech.request = pending.id;
        let item = Item::Kept {
            speech,
            cancel: pending.cancel.clone(),
            accepted,
        };
        if line.to_flow.push(item, &pending.cancel).is_err() {
            break;
        }
    }
    Box::new(std::iter::empty())
}

/// Decodes one utterance; fails only when it was cancelled before the flow received it.
fn decode(
    line: &Line,
    engine: &dyn Engine,
    slot: &mut Slot<dyn super::stage::LmStage>,
    job: &Arc<Job>,
    accepted: Instant,
    cancel: &Cancel,
) -> Result<()> {
    let place = Place::wait(line, cancel)?;
    line.to_flow.push(
        Item::Begin {
            job: job.clone(),
            accepted,
            cancel: cancel.clone(),
            started: Instant::now(),
            place,
            work: (),
        },
        cancel,
    )?;
    let started = Instant::now();
    let task = line.worker(Stage::Lm).begin();
    let decoded = slot.run(
        || engine.lm(line.worker(Stage::Lm)),
        |stage| {
            stage.run(job, cancel, &mut |token| {
                line.tokens.push(TokenMessage::Token(token), cancel)
            })
        },
    );
    if let Ok(decoded) = &decoded {
        let prefilled = started + decoded.prefill;
        line.recorder
            .span(Stage::Lm, job, "prefill", started, prefilled);
        line.recorder
            .span(Stage::Lm, job, "decode", prefilled, Instant::now());
    }
    let cut = match &decoded {
        Ok(decoded) if job.settings.forced_tokens.is_none() => cut_short(job, decoded.stop),
        _ => None,
    };
    line.tokens
        .push_now(TokenMessage::End(decoded, line.worker(Stage::Flow).begin()));
    drop(task);
    let no_stage = || Err(Error::cancelled());
    let _ = slot.run(no_stage, |stage| {
        stage.settle();
        Ok(())
    });
    if let Some(error) = cut {
        line.to_flow.push_now(Item::Warning {
            request: job.request,
            error,
        });
    }
    Ok(())
}

/// Warning about speech that the model did not end by itself.
fn cut_short(job: &Job, stop: StopReason) -> Option<Error> {
    let why = match stop {
        StopReason::Natural => return None,
        StopReason::MaxLength => "was cut at the longest length that its text allows",
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

fn run_flow(line: &Line, engine: &dyn Engine) {
    let mut slot = Slot::<dyn super::stage::FlowStage>::new("the flow stage");
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
                let mut tokens = Tokens::new(line.tokens.clone(), line.worker(Stage::Flow).clone());
                let since = Instant::now();
                let mut warning = None;
                let mut flow_backend = "";
                let mel = slot.run(
                    || engine.flow(&line.recorder),
                    |stage| {
                        let mel = stage.run(&job, &mut tokens, &cancel);
                        warning = stage.take_warning();
                        flow_backend = stage.backend();
                        mel
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
                    Ok(Voiced {
                        mel: mel?,
                        tokens: count,
                        decoded,
                        flow,
                        flow_backend,
                        started,
                        task,
                    })
                });
                match voiced {
                    Ok(work) => Item::Begin {
                        job,
                        accepted,
                        cancel,
                        started,
                        place,
                        work,
                    },
                    Err(error) => Item::Failed {
                        request: job.request,
                        utterance: job.utterance,
                        error,
                    },
                }
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
            Item::End { request, cancel } => {
                line.to_vocoder.push_now(Item::End { request, cancel });
                continue;
            }
        };
        line.to_vocoder.push_now(next);
    }
}

fn run_vocoder(line: &Line, engine: &dyn Engine) {
    let mut slot = Slot::<dyn super::stage::VocoderStage>::new("the vocoder stage");
    let mut spoken = 0;
    while let Some(item) = line.to_vocoder.pop() {
        match item {
            Item::Begin {
                job,
                accepted,
                cancel,
                work,
                place,
                ..
            } => {
                let started = Instant::now();
                let samples = cancel.check().and_then(|()| {
                    slot.run(
                        || engine.vocoder(),
                        |stage| stage.run(&job, work.mel, &cancel),
                    )
                });
                let ended = Instant::now();
                drop(work.task);
                let event = match samples {
                    Ok(samples) => {
                        line.recorder
                            .span(Stage::Vocoder, &job, "vocode", started, ended);
                        let words = words(&job.text, &samples, job.delay());
                        let (samples, marks) = job.with_pauses(samples);
                        Event::Speech(Speech {
                            request: job.request,
                            utterance: job.utterance,
                            text: job.text.clone(),
                            samples,
                            marks,
                            words,
                            stats: UtteranceStats {
                                tokens: work.tokens,
                                stop: work.decoded.stop,
                                prefill: work.decoded.prefill,
                                decode: work.decoded.decode,
                                hit: work.decoded.hit,
                                flow: work.flow,
                                flow_backend: work.flow_backend,
                                elapsed: ended - work.started,
                                vocoder: ended - started,
                                since_request: ended - accepted,
                            },
                        })
                    }
                    Err(error) => Event::UtteranceFailed {
                        request: job.request,
                        utterance: job.utterance,
                        error,
                    },
                };
                line.recordings.add(&event);
                spoken += publish(&line.events_of(job.request), event, &cancel);
                drop(place);
            }
            Item::Kept {
                mut speech,
                cancel,
                accepted,
            } => {
                speech.stats.since_request = accepted.elapsed();
                let events = line.events_of(speech.request);
                spoken += publish(&events, Event::Speech(speech), &cancel);
            }
            Item::Failed {
                request,
                utterance,
                error,
            } => {
                let event = Event::UtteranceFailed {
                    request,
                    utterance,
                    error,
                };
                line.recordings.add(&event);
                publish(&line.events_of(request), event, line.stopped());
            }
            Item::Warning { request, error } => {
                let event = Event::Warning {
                    request: Some(request),
                    error,
                };
                line.recordings.add(&event);
                line.events_of(request).push_now(event);
            }
            Item::End { request, cancel } => {
                let recorded = line.recordings.end(request);
                if let (Some((key, utterances)), Some((cache, caching)), false) =
                    (recorded, engine.announcements(), cancel.is_cancelled())
                {
                    cache.put(key, utterances, caching);
                }
                let events = line.events_of(request);
                line.forget(request);
                events.push_now(Event::Finished {
                    request,
                    cancelled: cancel.is_cancelled(),
                    spoken: std::mem::take(&mut spoken),
                });
            }
        }
    }
}

/// Queues an event; 1 if it was speech that the caller will get. Cancellations are reported by `Finished` alone.
fn publish(events: &Events, event: Event, cancel: &Cancel) -> usize {
    let is_speech = matches!(event, Event::Speech(_));
    match &event {
        Event::UtteranceFailed { error, .. } if error.is_cancelled() => 0,
        _ => usize::from(events.push(event, cancel).is_ok() && is_speech),
    }
}
