//! The bounded queues between stages.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock},
    time::Instant,
};

use crate::{Error, Result, cancel::Cancel, lock::lock};

struct State<T> {
    items: VecDeque<T>,
    closed: bool,
    /// No consumer waits for further items: a wait ends when the last one is taken.
    finished: bool,
}

/// A bounded first-in first-out queue that can be closed, whose waits end when the work is cancelled.
pub struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
    listener: OnceLock<Listener>,
}

type Listener = Box<dyn Fn() + Send + Sync>;

impl<T: Send + 'static> Queue<T> {
    /// A queue for `capacity` items.
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                closed: false,
                finished: false,
            }),
            changed: Condvar::new(),
            capacity,
            listener: OnceLock::new(),
        })
    }

    /// Appends `item`, waiting while the queue is full. Fails when the work was cancelled or the queue closed.
    pub fn push(self: &Arc<Self>, item: T, cancel: &Cancel) -> Result<()> {
        let queue = self.clone();
        let _wake = cancel.on_cancel(move || queue.wake());
        let mut state = lock(&self.state);
        loop {
            if state.closed || cancel.is_cancelled() {
                return Err(Error::cancelled());
            }
            if state.items.len() < self.capacity {
                state.items.push_back(item);
                self.changed.notify_all();
                drop(state);
                self.notify();
                return Ok(());
            }
            state = self.wait(state);
        }
    }

    /// Appends `item` whatever the capacity, for small items that must never wait. Lost when the queue is closed.
    pub fn push_now(&self, item: T) {
        let mut state = lock(&self.state);
        if !state.closed {
            state.items.push_back(item);
            self.changed.notify_all();
            drop(state);
            self.notify();
        }
    }

    /// Calls `listener` after each item that comes, on the thread that brought it. Only the first call counts.
    pub fn listen(&self, listener: impl Fn() + Send + Sync + 'static) {
        let _ = self.listener.set(Box::new(listener));
    }

    fn notify(&self) {
        if let Some(listener) = self.listener.get() {
            listener();
        }
    }

    /// Takes the oldest item, waiting for one; `None` once the queue is closed, or finished and empty.
    pub fn pop(&self) -> Option<T> {
        let mut state = lock(&self.state);
        loop {
            if state.closed {
                return None;
            }
            if let Some(item) = state.items.pop_front() {
                self.changed.notify_all();
                return Some(item);
            }
            if state.finished {
                return None;
            }
            state = self.wait(state);
        }
    }

    /// As [`pop`](Self::pop), but waits no longer than to `deadline`.
    pub fn pop_before(&self, deadline: Instant) -> Popped<T> {
        let mut state = lock(&self.state);
        loop {
            if state.closed {
                return Popped::Closed;
            }
            if let Some(item) = state.items.pop_front() {
                self.changed.notify_all();
                return Popped::Item(item);
            }
            if state.finished {
                return Popped::Closed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Popped::Nothing;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(|e| e.into_inner()).0;
        }
    }

    /// Takes the oldest item if there is one.
    pub fn try_pop(&self) -> Option<T> {
        let mut state = lock(&self.state);
        let item = state.items.pop_front();
        self.changed.notify_all();
        item
    }

    /// Takes the oldest item if there is one and it is `wanted`.
    pub fn try_pop_if(&self, wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        let mut state = lock(&self.state);
        let item = match state.items.front().is_some_and(wanted) {
            true => state.items.pop_front(),
            false => None,
        };
        self.changed.notify_all();
        item
    }

    /// Returns true if there is no item.
    pub fn is_empty(&self) -> bool {
        lock(&self.state).items.is_empty()
    }

    /// Drops the items that `keep` refuses.
    pub fn retain(&self, keep: impl FnMut(&T) -> bool) {
        lock(&self.state).items.retain(keep);
        self.changed.notify_all();
    }

    /// Ends every wait for an item, for good: items that are there can still be taken, later ones as well.
    pub fn finish(&self) {
        lock(&self.state).finished = true;
        self.changed.notify_all();
        self.notify();
    }

    /// Drops everything and ends every wait, for good.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.items.clear();
        self.changed.notify_all();
    }

    fn wake(&self) {
        // The lock makes sure that a waiter has either seen the cancellation or is already waiting.
        let _state = lock(&self.state);
        self.changed.notify_all();
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed.wait(state).unwrap_or_else(|e| e.into_inner())
    }
}

/// Result of a wait that has an end.
#[derive(Debug, PartialEq, Eq)]
pub enum Popped<T> {
    /// The oldest item.
    Item(T),
    /// None came in time.
    Nothing,
    /// None will come any more.
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_full_queue_waits_and_keeps_the_order() {
        let queue = Queue::new(2);
        let producer = {
            let queue = queue.clone();
            thread::spawn(move || (0..100).all(|i| queue.push(i, &Cancel::new()).is_ok()))
        };
        let got: Vec<i32> = (0..100).map(|_| queue.pop().unwrap()).collect();
        assert!(producer.join().unwrap());
        assert_eq!(got, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn cancelling_ends_a_wait_for_room() {
        let queue = Queue::new(0);
        let cancel = Cancel::new();
        let producer = {
            let (queue, cancel) = (queue.clone(), cancel.clone());
            thread::spawn(move || queue.push(1, &cancel))
        };
        cancel.cancel();
        assert!(producer.join().unwrap().unwrap_err().is_cancelled());
    }

    #[test]
    fn a_wait_with_an_end_takes_what_is_there_and_else_ends() {
        let queue = Queue::new(1);
        queue.push_now(1);
        let now = Instant::now();
        assert_eq!(queue.pop_before(now), Popped::Item(1));
        assert_eq!(queue.pop_before(now), Popped::Nothing);
        queue.close();
        assert_eq!(queue.pop_before(now), Popped::Closed);
    }

    #[test]
    fn closing_ends_a_wait_for_items() {
        let queue = Queue::<i32>::new(1);
        let consumer = {
            let queue = queue.clone();
            thread::spawn(move || queue.pop())
        };
        queue.close();
        assert_eq!(consumer.join().unwrap(), None);
        assert!(queue.push(1, &Cancel::new()).is_err());
    }

    #[test]
    fn a_finished_queue_gives_what_it_has_and_waits_for_nothing() {
        let queue = Queue::new(1);
        queue.push_now(1);
        queue.finish();
        queue.push_now(2);
        assert_eq!(
            [queue.pop(), queue.pop(), queue.pop()],
            [Some(1), Some(2), None]
        );
    }
}
