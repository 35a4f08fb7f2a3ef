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
    pace::{Known, Pace},
    queue::Queue,
    request::{Event, Flush, Request, RequestId, Speech},
    stage::{Decoded, Engine, FlowStage, Jobs, Piece, TokenMessage, Tokens},
    trace::Recorder,
    voicing,
};
use crate::{
    Error, ErrorKind, Result,
    cancel::Cancel,
    constants::{FRAMES_PER_TOKEN, LOOKAHEAD_TOKENS},
    cpu::worker::{Task, Worker},
    flow::chunks::CHUNK_TOKENS,
    lm::StopReason,
    lock::lock,
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

/// Tokens of the first piece.
const FIRST_TOKENS: usize = CHUNK_TOKENS + LOOKAHEAD_TOKENS;

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
    pub(super) to_vocoder: Arc<Queue<Item<Voiced>>>,
    places: Arc<Queue<()>>,
    pub(super) recordings: Recordings,
    /// By stage.
    workers: [Arc<Worker>; 3],
    /// Of the engine, and of requests without events of their own.
    pub(super) events: Events,
    pub(super) recorder: Recorder,
    /// Speeds of the stages.
    pub(super) pace: Mutex<Pace>,
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
            pace: Mutex::default(),
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
    pub(super) fn events_of(&self, request: RequestId) -> Events {
        let inbox = self.inbox();
        let alive = inbox.alive.iter().find(|alive| alive.id == request);
        alive
            .map_or(&self.events, |alive| alive.events(self))
            .clone()
    }

    pub(super) fn forget(&self, request: RequestId) {
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
                    Stage::Vocoder => voicing::run(&line, &*engine),
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
pub(super) struct Slot<S: ?Sized> {
    stage: Option<Box<S>>,
    name: &'static str,
}

impl<S: ?Sized> Slot<S> {
    pub fn new(name: &'static str) -> Self {
        Self { stage: None, name }
    }

    pub fn run<R>(
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
        line.recordings.begin(pending.id, key);
        return Box::new(jobs.into_iter());
    };
    for speech in &*utterances {
        let Ok(place) = Place::wait(line, &pending.cancel) else {
            break;
        };
        let mut speech = speech.clone();
        speech.request = pending.id;
        let item = Item::Kept {
            speech,
            cancel: pending.cancel.clone(),
            accepted,
            place,
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
            place: Some(place),
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
                place,
            } => Item::Kept {
                speech,
                cancel,
                accepted,
                place,
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
            lock(&line.pace).decoded(count, ids, decoded.decode.as_secs_f64());
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
