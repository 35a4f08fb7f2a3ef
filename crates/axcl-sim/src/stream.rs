//! Streams: work done in order on a thread of its own. Events: marks in that work.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use crate::code::{self, Area, Result};

type Job = Box<dyn FnOnce() -> Result + Send>;

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    busy: bool,
    closed: bool,
    error: Option<code::Code>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut queue = self.queue();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                queue.busy = true;
                drop(queue);
                let result = job();
                queue = self.queue();
                queue.busy = false;
                if let Err(code) = result {
                    queue.error.get_or_insert(code);
                }
                self.changed.notify_all();
            } else if queue.closed {
                return;
            } else {
                queue = self
                    .changed
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// A queue of asynchronous work on one device.
pub struct Stream {
    device: i32,
    shared: Arc<Shared>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl Stream {
    pub fn new(device: i32) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let worker = std::thread::Builder::new()
            .name("axcl_sim_stream".into())
            .spawn({
                let shared = shared.clone();
                move || shared.work()
            })?;
        Ok(Self {
            device,
            shared,
            worker: Mutex::new(Some(worker)),
        })
    }

    pub fn device(&self) -> i32 {
        self.device
    }

    /// Appends `job`; its failure is reported by the next synchronisation.
    pub fn push(&self, job: impl FnOnce() -> Result + Send + 'static) {
        self.shared.queue().jobs.push_back(Box::new(job));
        self.shared.changed.notify_all();
    }

    /// Waits until all work is done; returns the first failure since the last time. No limit without `timeout`.
    pub fn synchronize(&self, timeout: Option<Duration>) -> Result {
        let unfinished = |queue: &mut Queue| queue.busy || !queue.jobs.is_empty();
        let queue = self.shared.queue();
        let mut queue = match timeout {
            None => self
                .shared
                .changed
                .wait_while(queue, unfinished)
                .unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                let waited = self
                    .shared
                    .changed
                    .wait_timeout_while(queue, limit, unfinished);
                let (queue, result) = waited.unwrap_or_else(PoisonError::into_inner);
                if result.timed_out() {
                    return Err(code::SYNCHRONIZE_TIMEOUT);
                }
                queue
            }
        };
        queue.error.take().map_or(Ok(()), Err)
    }

    /// Ends the stream: after its work, or before the work it has not begun.
    pub fn close(&self, discard: bool) {
        let mut queue = self.shared.queue();
        if discard {
            queue.jobs.clear();
        }
        queue.closed = true;
        drop(queue);
        self.shared.changed.notify_all();
        let worker = self
            .worker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(worker) = worker {
            // A panic of a job has been reported where it happened.
            worker.join().ok();
        }
    }
}

/// A mark that streams set and wait for.
#[derive(Default)]
pub struct Event {
    /// Number of records of the event, and of those that the streams have reached.
    marks: Mutex<(u64, u64)>,
    reached: Condvar,
}

impl Event {
    fn marks(&self) -> MutexGuard<'_, (u64, u64)> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends the mark to `stream`.
    pub fn record(self: &Arc<Self>, stream: &Stream) {
        let mark = {
            let mut marks = self.marks();
            marks.0 += 1;
            marks.0
        };
        let event = self.clone();
        stream.push(move || {
            let mut marks = event.marks();
            marks.1 = marks.1.max(mark);
            event.reached.notify_all();
            Ok(())
        });
    }

    /// Makes `stream` wait for the latest mark recorded so far.
    pub fn hold(self: &Arc<Self>, stream: &Stream, timeout: Option<Duration>) {
        let (mark, _) = *self.marks();
        let event = self.clone();
        stream.push(move || {
            let behind = |marks: &mut (u64, u64)| marks.1 < mark;
            let limit = timeout.unwrap_or(Duration::MAX);
            let waited = event
                .reached
                .wait_timeout_while(event.marks(), limit, behind);
            let (marks, result) = waited.unwrap_or_else(PoisonError::into_inner);
            drop(marks);
            if result.timed_out() {
                return Err(Area::Stream.timeout());
            }
            Ok(())
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn work_runs_in_order_and_its_first_failure_is_reported_once() {
        let stream = Stream::new(1).unwrap();
        let (log, lines) = mpsc::channel();
        for n in 0..3 {
            let log = log.clone();
            stream.push(move || {
                log.send(n).unwrap();
                if n == 0 { Ok(()) } else { Err(code::Code(n)) }
            });
        }
        assert_eq!(stream.synchronize(None), Err(code::Code(1)));
        assert_eq!(stream.synchronize(None), Ok(()));
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
        stream.close(false);
    }

    #[test]
    fn a_stream_waits_for_the_event_of_another() {
        let (first, second) = (Stream::new(1).unwrap(), Stream::new(1).unwrap());
        let event = Arc::new(Event::default());
        let (release, gate) = mpsc::channel::<()>();
        first.push(move || gate.recv().map_err(|_| Area::Stream.failed()));
        event.record(&first);
        event.hold(&second, None);
        let limit = Some(Duration::from_millis(20));
        assert_eq!(second.synchronize(limit), Err(code::SYNCHRONIZE_TIMEOUT));
        release.send(()).unwrap();
        assert_eq!(second.synchronize(None), Ok(()));
        first.close(false);
        second.close(true);
    }
}
