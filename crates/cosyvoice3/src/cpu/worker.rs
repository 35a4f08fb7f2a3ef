//! Registry of the stages that compute at the moment, in the whole process.
//!
//! ggml's threads wait for each other by spinning. Where a core is not theirs alone, all of them spin until the one
//! that does not run comes back: a decode step then takes a hundred times as long and keeps the others' cores from
//! them. So the language model takes its share of the cores and not all of them while other stages compute.

use std::sync::{
    Arc, Mutex, Weak,
    atomic::{AtomicUsize, Ordering},
};

use super::affinity;
use crate::lock::lock;

static WORKERS: Mutex<Vec<Weak<Worker>>> = Mutex::new(Vec::new());

/// A compute thread, as the other ones of the process see it.
#[derive(Debug, Default)]
pub struct Worker {
    /// Cores on which it computes; empty while it takes none of this machine's.
    cores: Mutex<Vec<usize>>,
    tasks: AtomicUsize,
}

impl Worker {
    /// A worker that computes nowhere yet.
    pub fn new() -> Arc<Self> {
        let worker = Arc::new(Self::default());
        let mut workers = lock(&WORKERS);
        workers.retain(|other| other.strong_count() > 0);
        workers.push(Arc::downgrade(&worker));
        worker
    }

    /// It computes on `cores` from now on; on none while a device works for it.
    pub fn settle(&self, cores: Vec<usize>) {
        *lock(&self.cores) = cores;
    }

    /// It computes where the calling thread may run.
    pub fn settle_here(&self) {
        match affinity::of_current_thread() {
            Ok(cores) => self.settle(cores),
            Err(error) => {
                tracing::debug!(%error, "cannot read the affinity mask: no other stage leaves cores to this one")
            }
        }
    }

    /// Gives it something to do, until the result is dropped.
    pub fn begin(self: &Arc<Self>) -> Task {
        self.tasks.fetch_add(1, Ordering::Relaxed);
        Task(self.clone())
    }

    /// Of `threads`, those for this worker: an equal share for each worker that has something to do on its cores, and
    /// one at least.
    pub fn share(&self, threads: usize) -> usize {
        let cores = lock(&self.cores).clone();
        let rivals = lock(&WORKERS)
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|other| !std::ptr::eq(&**other, self))
            .filter(|other| other.tasks.load(Ordering::Relaxed) > 0)
            .filter(|other| lock(&other.cores).iter().any(|core| cores.contains(core)))
            .count();
        (threads / (1 + rivals)).max(1)
    }
}

/// Something to do. It may be given by another thread, so that there is no gap between the work of one stage and that
/// of the next.
#[derive(Debug)]
pub struct Task(Arc<Worker>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.tasks.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cores that no machine has, so that other tests of the process do not count.
    fn worker(cores: &[usize]) -> Arc<Worker> {
        let worker = Worker::new();
        worker.settle(cores.iter().map(|core| core + 100_000).collect());
        worker
    }

    #[test]
    fn who_computes_on_the_same_cores_gets_an_equal_share() {
        let lm = worker(&[4, 5, 6, 7]);
        let (flow, vocoder) = (worker(&[0, 1, 2, 3]), worker(&[6, 7]));
        assert_eq!(lm.share(4), 4);
        let _flow = flow.begin();
        assert_eq!(lm.share(4), 4, "the flow has other cores");
        let vocoding = [vocoder.begin(), vocoder.begin()];
        assert_eq!(lm.share(4), 2);
        assert_eq!(lm.share(1), 1);
        flow.settle(lm.cores.lock().unwrap().clone());
        assert_eq!((lm.share(4), lm.share(2)), (1, 1));
        flow.settle(Vec::new());
        assert_eq!(lm.share(4), 2, "a device computes for the flow");
        drop(vocoding);
        assert_eq!(lm.share(4), 4);
        drop(vocoder);
        assert_eq!(lm.share(4), 4);
    }

    #[test]
    fn a_worker_is_not_its_own_rival() {
        let lm = worker(&[9]);
        let _task = lm.begin();
        assert_eq!(lm.share(2), 2);
    }
}
