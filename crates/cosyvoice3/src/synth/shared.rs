//! The state that the threads of one synthesizer share: requests, queues and permits.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, atomic::AtomicU64},
    time::Instant,
};

use super::{
    announcements::Recordings,
    message::{Item, Note, Voiced},
    pace::Pace,
    permits::{Permit, Permits},
    queue::Queue,
    request::{Event, Request, RequestId},
    tokens::Tokens,
    trace::Recorder,
};
use crate::{Error, Result, cancel::Cancel, cpu::worker::Worker, lock::lock, stage::Stage};

/// Utterances that may wait in front of the flow.
const UTTERANCES_AHEAD: usize = 2;
/// Utterances between the beginning of their prefix and the end of their speech. The language model waits for a permit
/// here, so that the flow need not wait for the vocoder.
const UTTERANCES_IN_PIPELINE: usize = 6;
/// Events that may wait to be taken, one of them a whole utterance at most.
const EVENTS_AHEAD: usize = 2;

/// A request that waits for the language model.
pub(super) struct Pending {
    pub id: RequestId,
    pub request: Request,
    pub accepted: Instant,
    pub cancel: Cancel,
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
pub(super) struct Shared {
    inbox: Mutex<Inbox>,
    inbox_changed: Condvar,
    pub(super) to_flow: Arc<Queue<Item<Tokens>>>,
    pub(super) to_vocoder: Arc<Queue<Item<Voiced>>>,
    permits: Permits,
    pub(super) recordings: Recordings,
    /// By stage.
    workers: [Arc<Worker>; 3],
    /// Of the engine, and of requests without events of their own.
    pub(super) events: Events,
    pub(super) recorder: Recorder,
    /// Speeds of the stages.
    pub(super) pace: Mutex<Pace>,
    /// Speech tokens that the language model has made.
    pub(super) decoded: AtomicU64,
    stop: Cancel,
}

impl Shared {
    pub(super) fn new(recorder: Recorder) -> Arc<Self> {
        Arc::new(Self {
            inbox: Mutex::default(),
            inbox_changed: Condvar::new(),
            to_flow: Queue::new(UTTERANCES_AHEAD),
            to_vocoder: Queue::new(UTTERANCES_IN_PIPELINE),
            permits: Permits::new(UTTERANCES_IN_PIPELINE),
            recordings: Recordings::default(),
            workers: Stage::ALL.map(|_| Worker::new()),
            events: events(),
            recorder,
            pace: Mutex::default(),
            decoded: AtomicU64::new(0),
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

    pub(super) fn cancel_all_keep_ready(&self) {
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
        self.to_flow.close();
        self.to_vocoder.close();
        self.permits.close();
    }

    pub(super) fn stopped(&self) -> &Cancel {
        &self.stop
    }

    /// Returns true if no request before `id` is alive.
    pub(super) fn is_alone(&self, id: RequestId) -> bool {
        self.inbox().alive.iter().all(|alive| alive.id >= id)
    }

    /// Waits for a permit for one more utterance.
    pub(super) fn permit(&self, cancel: &Cancel) -> Result<Permit> {
        self.permits.acquire(cancel)
    }

    /// Sends a note to the flow, without waiting.
    pub(super) fn note(&self, note: Note) {
        self.to_flow.push_now(Item::Note(note));
    }

    /// Waits for a request; `None` once the synthesizer is closed.
    pub(super) fn next_request(&self) -> Option<Pending> {
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

    pub(super) fn worker(&self, stage: Stage) -> &Arc<Worker> {
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
    fn events<'a>(&'a self, shared: &'a Shared) -> &'a Events {
        self.own.as_ref().unwrap_or(&shared.events)
    }
}

/// A queue for the events of one caller.
pub(super) fn events() -> Events {
    Queue::new(EVENTS_AHEAD)
}
