//! The vocoder's thread: mel to speech, and the moment at which the pieces of an utterance leave.

use std::{
    mem,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::{
    engine::{Engine, VocoderStage},
    job::Job,
    message::{Item, Note, Voiced, Work},
    pace::{self, Busy, Known, Outlook, Rest},
    permits::Permit,
    queue::Popped,
    request::{Event, Playback, RequestId, Speech, UtteranceStats},
    shared::{Events, Shared},
    slot::Slot,
    tokens::TokenCount,
    words::words,
};
use crate::{
    Error, SAMPLE_RATE,
    cancel::Cancel,
    constants::VOCODER_CONTEXT_FRAMES,
    lm::{Hit, StopReason},
    lock::lock,
    stage::Stage,
};

/// Waits shorter than this are none.
const AT_ONCE: f64 = 0.001;

/// Makes the speech of all mel that comes, until the synthesizer closes.
pub(super) fn run(shared: &Shared, engine: &dyn Engine) {
    let mut voicing = Voicing {
        shared,
        engine,
        slot: Slot::new("the vocoder stage"),
        exit: Exit {
            shared,
            zero: Instant::now(),
            spoken: 0,
            current: None,
        },
    };
    while let Some(item) = voicing.next() {
        voicing.take(item);
    }
}

struct Voicing<'l> {
    shared: &'l Shared,
    engine: &'l dyn Engine,
    slot: Slot<dyn VocoderStage>,
    exit: Exit<'l>,
}

/// The way out: speech leaves here, or is held until the rest will be in time.
struct Exit<'l> {
    shared: &'l Shared,
    /// Zero of the times in seconds.
    zero: Instant,
    /// Utterances of the request that became speech.
    spoken: usize,
    /// The utterance of which pieces have come.
    current: Option<Current>,
}

/// An utterance on its way out.
struct Current {
    request: RequestId,
    utterance: usize,
    cancel: Cancel,
    events: Events,
    /// Pieces that are made.
    pieces: usize,
    /// Pieces that wait for the moment to begin.
    held: Vec<Speech>,
    /// Their length in seconds.
    audio: f64,
    /// Time that the vocoder has computed for it.
    vocoder: Duration,
    /// Since the first piece left.
    playback: Option<pace::Playback>,
    /// Time of the next decision.
    due: Option<Instant>,
    /// Frames of the further piece that the vocoder is at, and when it began.
    voicing: Option<(usize, Instant)>,
    ahead: Ahead,
    /// It failed, so that its further pieces are dropped.
    failed: bool,
}

/// Knowledge of the rest of an utterance.
struct Ahead {
    tokens: TokenCount,
    /// Tokens that may come.
    expected: usize,
    to_come: Vec<pace::Step>,
    handed: Instant,
    live: bool,
    last: bool,
}

impl Voicing<'_> {
    /// The next message; held pieces leave when their time comes.
    fn next(&mut self) -> Option<Item<Voiced>> {
        loop {
            let Some(due) = self.exit.due() else {
                return self.shared.to_vocoder.pop();
            };
            match self.shared.to_vocoder.pop_before(due) {
                Popped::Item(item) => return Some(item),
                Popped::Closed => return None,
                Popped::Nothing => self.exit.decide(),
            }
        }
    }

    fn take(&mut self, item: Item<Voiced>) {
        match item {
            Item::Work(mut work) => {
                let permit = work.permit.take();
                self.voice(*work, permit);
            }
            Item::Note(note) => self.hear(note),
        }
    }

    fn hear(&mut self, note: Note) {
        match note {
            Note::Kept {
                mut speech,
                cancel,
                accepted,
                permit,
            } => {
                speech.stats.since_request = accepted.elapsed();
                let events = self.shared.events_of(speech.request);
                let last = speech.last;
                if publish(&events, Event::Speech(*speech), &cancel) && last {
                    self.exit.spoken += 1;
                }
                drop(permit);
            }
            Note::Failed {
                request,
                utterance,
                error,
            } => {
                let stopped = self.shared.stopped().clone();
                self.exit.fail(request, utterance, error, &stopped);
            }
            Note::Warning { request, error } => {
                let event = Event::warning(Some(request), &error);
                self.shared.recordings.add(&event);
                self.shared.events_of(request).push_now(event);
            }
            Note::End { request, cancel } => self.end(request, &cancel),
        }
    }

    /// Ends a request, of which all speech has left.
    fn end(&mut self, request: RequestId, cancel: &Cancel) {
        let recorded = self.shared.recordings.end(request);
        if let (Some((key, utterances)), Some((cache, caching)), false) =
            (recorded, self.engine.announcements(), cancel.is_cancelled())
        {
            cache.put(key, utterances, caching);
        }
        let events = self.shared.events_of(request);
        self.shared.forget(request);
        events.push_now(Event::Finished {
            request,
            cancelled: cancel.is_cancelled(),
            spoken: mem::take(&mut self.exit.spoken),
        });
        self.exit.current = None;
    }

    /// Makes the samples of one piece. `permit` is free once they have left.
    fn voice(&mut self, work: Work<Voiced>, permit: Option<Permit>) {
        let Work {
            job,
            cancel,
            content,
            ..
        } = &work;
        if self.exit.enter(job, cancel).failed {
            return;
        }
        let (first, last) = (content.index == 0, content.piece.last);
        let frames = content.piece.mel.frames();
        let started = Instant::now();
        self.exit.expect(&work, started);
        let (slot, engine, exit) = (&mut self.slot, self.engine, &mut self.exit);
        let mut make = || {
            slot.run(
                || engine.vocoder(),
                |stage| stage.run_piece(job, content.piece.mel.clone(), first, last, cancel),
            )
        };
        let samples = cancel.check().and_then(|()| exit.meanwhile(&mut make));
        let took = started.elapsed();
        match samples {
            Ok(samples) => {
                let before = if first { 0 } else { VOCODER_CONTEXT_FRAMES };
                lock(&self.shared.pace).voiced(before + frames, took.as_secs_f64());
                let ended = Instant::now();
                self.shared
                    .recorder
                    .span(Stage::Vocoder, job, "vocode", started, ended);
                self.exit.offer(work, samples, took);
            }
            Err(error) => {
                let (request, utterance, cancel) = (job.request, job.utterance, cancel.clone());
                drop(work);
                self.exit.fail(request, utterance, error, &cancel);
            }
        }
        drop(permit);
    }
}

impl Exit<'_> {
    /// The utterance of `job`, which begins if another one was on its way.
    fn enter(&mut self, job: &Job, cancel: &Cancel) -> &Current {
        let current = match self.current.take() {
            Some(current) if current.is(job.request, job.utterance) => current,
            _ => Current::new(self.shared, job, cancel),
        };
        self.current.insert(current)
    }

    /// Notes that the vocoder begins with a further piece at `started`, for decisions meanwhile.
    fn expect(&mut self, work: &Work<Voiced>, started: Instant) {
        if let Some(current) = &mut self.current
            && current.pieces > 0
        {
            current.ahead = Ahead::new(work);
            current.voicing = Some((work.content.piece.mel.frames(), started));
        }
    }

    /// Time of the next decision.
    fn due(&self) -> Option<Instant> {
        self.current.as_ref().and_then(|current| current.due)
    }

    /// Does `work`, which may take longer than the held pieces are to wait: a thread beside it lets them go in time.
    fn meanwhile<R>(&mut self, work: &mut dyn FnMut() -> R) -> R {
        if self.due().is_none() {
            return work();
        }
        thread::scope(|scope| {
            let (working, done) = mpsc::channel::<()>();
            // Without the thread they leave after the work.
            let _ = thread::Builder::new()
                .name("cv3-exit".into())
                .spawn_scoped(scope, move || self.watch(&done));
            let result = work();
            drop(working);
            result
        })
    }

    /// Decides whenever it is due, until the other end of `done` is gone.
    fn watch(&mut self, done: &Receiver<()>) {
        while let Some(due) = self.due() {
            let left = due.saturating_duration_since(Instant::now());
            match done.recv_timeout(left) {
                Err(RecvTimeoutError::Timeout) => self.decide(),
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Lets the samples of a piece leave, or holds them.
    fn offer(&mut self, work: Work<Voiced>, samples: Vec<f32>, took: Duration) {
        let Some(current) = &mut self.current else {
            return;
        };
        let last = work.content.piece.last;
        current.ahead = Ahead::new(&work);
        current.voicing = None;
        current.vocoder += took;
        if samples.is_empty() && !last {
            return;
        }
        let whole = last && current.pieces == 0;
        let speech = current.speech(work, samples);
        if whole {
            current.held.push(speech);
            self.leave();
            return;
        }
        let audio = speech.samples.len() as f64 / f64::from(SAMPLE_RATE);
        if let Some(playback) = &mut current.playback {
            let now = self.zero.elapsed().as_secs_f64();
            // Playback does not run dry while earlier pieces still wait to be taken.
            let late = current.events.is_empty();
            playback.go_on(if late { now } else { f64::NEG_INFINITY }, audio);
            current.held.push(speech);
            self.leave();
            return;
        }
        current.audio += audio;
        current.held.push(speech);
        self.decide();
    }

    /// Begins the playback if the rest will be in time.
    fn decide(&mut self) {
        let Some(current) = &mut self.current else {
            return;
        };
        let now = Instant::now();
        let outlook = current.outlook(&lock(&self.shared.pace), now);
        let complete = current.ahead.last && current.voicing.is_none();
        if current.ahead.live && !complete && outlook.wait > AT_ONCE {
            current.due = Some(now + Duration::from_secs_f64(outlook.wait.min(3600.0)));
            return;
        }
        current.due = None;
        let seconds = now.duration_since(self.zero).as_secs_f64();
        current.playback = Some(pace::Playback::begin(
            seconds,
            current.audio,
            outlook.complete,
        ));
        self.leave();
    }

    /// Publishes what is held.
    fn leave(&mut self) {
        let now = self.zero.elapsed().as_secs_f64();
        let Some(current) = &mut self.current else {
            return;
        };
        for mut speech in mem::take(&mut current.held) {
            speech.stats.playback = current.playback.map(|playback| Playback {
                foreseen: seconds(playback.foreseen()),
                came: seconds(playback.since(now)),
                dry: seconds(playback.dry()),
            });
            let last = speech.last;
            let event = Event::Speech(speech);
            self.shared.recordings.add(&event);
            if publish(&current.events, event, &current.cancel) && last {
                self.spoken += 1;
            }
        }
    }

    /// Reports the failure of an utterance, once, and drops the pieces of it that have not left.
    fn fail(&mut self, request: RequestId, utterance: usize, error: Error, cancel: &Cancel) {
        if let Some(current) = &mut self.current
            && current.is(request, utterance)
        {
            if current.failed {
                return;
            }
            current.failed = true;
            current.due = None;
            current.held.clear();
        }
        let event = Event::UtteranceFailed {
            request,
            utterance,
            error,
        };
        self.shared.recordings.add(&event);
        publish(&self.shared.events_of(request), event, cancel);
    }
}

impl Current {
    fn new(shared: &Shared, job: &Job, cancel: &Cancel) -> Self {
        Self {
            request: job.request,
            utterance: job.utterance,
            cancel: cancel.clone(),
            events: shared.events_of(job.request),
            pieces: 0,
            held: Vec::new(),
            audio: 0.0,
            vocoder: Duration::ZERO,
            playback: None,
            due: None,
            voicing: None,
            ahead: Ahead {
                tokens: TokenCount::default(),
                expected: 0,
                to_come: Vec::new(),
                handed: Instant::now(),
                live: false,
                last: false,
            },
            failed: false,
        }
    }

    fn is(&self, request: RequestId, utterance: usize) -> bool {
        (self.request, self.utterance) == (request, utterance)
    }

    fn outlook(&self, pace: &pace::Pace, now: Instant) -> Outlook {
        let ahead = &self.ahead;
        let since = |began: Instant| now.saturating_duration_since(began).as_secs_f64();
        let (tokens, complete) = ahead.tokens.now();
        let known = Known {
            tokens,
            total: ahead.expected.max(tokens),
            complete,
        };
        let rest = Rest {
            voicing: self.voicing.map(|(frames, began)| Busy {
                frames,
                busy: since(began),
            }),
            to_come: &ahead.to_come,
            busy: since(ahead.handed),
        };
        pace.outlook(known, rest, self.audio)
    }

    /// The event of the next piece.
    fn speech(&mut self, work: Work<Voiced>, samples: Vec<f32>) -> Speech {
        let Work {
            job,
            accepted,
            started,
            content,
            ..
        } = work;
        let last = content.piece.last;
        let now = Instant::now();
        let piece = self.pieces;
        self.pieces += 1;
        // Words are placed by the silences of a whole utterance.
        let words = match piece == 0 && last {
            true => words(&job.text, &samples, job.delay()),
            false => Vec::new(),
        };
        let (samples, marks) = job.with_pauses(samples, piece == 0, last);
        let decoded = content.decoded;
        Speech {
            request: job.request,
            utterance: job.utterance,
            piece,
            last,
            text: job.text.clone(),
            samples,
            marks,
            words,
            stats: UtteranceStats {
                tokens: content.piece.tokens.now().0,
                stop: decoded.as_ref().map_or(StopReason::Natural, |d| d.stop),
                prefill: decoded.as_ref().map_or(Duration::ZERO, |d| d.prefill),
                decode: decoded.as_ref().map_or(Duration::ZERO, |d| d.decode),
                hit: decoded.map_or(Hit::None, |d| d.hit),
                flow: content.flow,
                kept: false,
                flow_backend: content.piece.device,
                elapsed: now - started,
                vocoder: self.vocoder,
                since_request: now - accepted,
                playback: None,
            },
        }
    }
}

impl Ahead {
    fn new(work: &Work<Voiced>) -> Self {
        let content = &work.content;
        Self {
            tokens: content.piece.tokens.clone(),
            expected: content.expected,
            to_come: content.piece.to_come.clone(),
            handed: content.handed,
            live: work.job.settings.live,
            last: content.piece.last,
        }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.max(0.0))
}

/// Queues an event; true if the caller will get it. Cancellations are reported by `Finished` alone.
fn publish(events: &Events, event: Event, cancel: &Cancel) -> bool {
    match &event {
        Event::UtteranceFailed { error, .. } if error.is_cancelled() => false,
        _ => events.push(event, cancel).is_ok(),
    }
}
