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

    /// Sets the cores on which it computes from now on; none while a device works for it.
    pub fn set_cores(&self, cores: Vec<usize>) {
        *lock(&self.cores) = cores;
    }

    /// Sets the cores on which the calling thread may run.
    pub fn set_cores_from_affinity(&self) {
        match affinity::of_current_thread() {
            Ok(cores) => self.set_cores(cores),
            Err(error) => {
                tracing::debug!(%error, "cannot read the affinity mask: no other stage leaves cores to this one")
            }
        }
    }

    /// Marks it busy until the guard is dropped.
    pub fn begin(self: &Arc<Self>) -> BusyGuard {
        self.tasks.fetch_add(1, Ordering::Relaxed);
        BusyGuard(self.clone())
    }

    /// Number of threads, of `threads`, for this worker: an equal share for each busy worker on its cores, and one at
    /// least.
    pub fn thread_budget(&self, threads: usize) -> usize {
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

/// Keeps a [`Worker`] busy. Another thread may make it, so that there is no gap between the work of one stage and that of
/// the next.
#[derive(Debug)]
pub struct BusyGuard(Arc<Worker>);

impl Drop for BusyGuard {
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
        worker.set_cores(cores.iter().map(|core| core + 100_000).collect());
        worker
    }

    #[test]
    fn who_computes_on_the_same_cores_gets_an_equal_share() {
        let lm = worker(&[4, 5, 6, 7]);
        let (flow, vocoder) = (worker(&[0, 1, 2, 3]), worker(&[6, 7]));
        assert_eq!(lm.thread_budget(4), 4);
        let _flow = flow.begin();
        assert_eq!(lm.thread_budget(4), 4, "the flow has other cores");
        let vocoding = [vocoder.begin(), vocoder.begin()];
        assert_eq!(lm.thread_budget(4), 2);
        assert_eq!(lm.thread_budget(1), 1);
        flow.set_cores(lm.cores.lock().unwrap().clone());
        assert_eq!((lm.thread_budget(4), lm.thread_budget(2)), (1, 1));
        flow.set_cores(Vec::new());
        assert_eq!(lm.thread_budget(4), 2, "a device computes for the flow");
        drop(vocoding);
        assert_eq!(lm.thread_budget(4), 4);
        drop(vocoder);
        assert_eq!(lm.thread_budget(4), 4);
    }

    #[test]
    fn a_worker_is_not_its_own_rival() {
        let lm = worker(&[9]);
        let _task = lm.begin();
        assert_eq!(lm.thread_budget(2), 2);
    }
}
