//! The one thread of this process that talks to AXCL.
//!
//! AXCL binds contexts to threads, wants one initialisation per process, and a call to a hung card blocks for good. So
//! one thread, `cv3-npu`, owns all that belongs to the cards and runs [jobs](Npu::call); callers wait for an answer,
//! but not for ever. A thread that does not answer is left behind, and AXCL is not used again in this process.

use std::{
    any::Any,
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, Weak,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use axcl::{Engine, Library, LogLevel, Runtime, VnpuKind};

use crate::{Error, ErrorKind, Result, cancel::Cancel, lock::lock};

/// Time that the driver and its library may take until a card answers: they wait up to 50 s themselves.
const OPEN_LIMIT: Duration = Duration::from_secs(60);
/// Time that a card on the bus may take to appear in the runtime's list, for instance after boot.
const APPEAR_LIMIT: Duration = Duration::from_secs(15);
const APPEAR_POLL: Duration = Duration::from_millis(500);
/// Time that releasing models and card may block the thread that drops the last handle.
const CLOSE_PATIENCE: Duration = Duration::from_millis(1500);

type Job = Box<dyn FnOnce(&mut Card) + Send>;

/// Limits on the wait for the answer to a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// From the call on.
    pub limit: Duration,
    /// From a cancellation on, if that ends earlier.
    pub after_cancel: Duration,
}

/// State of AXCL in this process.
struct Process {
    npu: Weak<Npu>,
    /// The previous thread, while it releases its resources.
    closing: Option<Arc<Ended>>,
    /// Reason for which AXCL is no longer used.
    dead: Option<String>,
    abandoned: usize,
}

static PROCESS: Mutex<Process> = Mutex::new(Process {
    npu: Weak::new(),
    closing: None,
    dead: None,
    abandoned: 0,
});

fn process() -> MutexGuard<'static, Process> {
    lock(&PROCESS)
}

/// Number of threads left behind because a card did not answer.
pub fn abandoned_threads() -> usize {
    process().abandoned
}

/// Returns true while this process uses a card: from the load of a model on, until the models are given back or the card has
/// failed for good.
pub fn card_in_use() -> bool {
    let process = process();
    process.dead.is_none() && process.npu.strong_count() > 0
}

/// The thread and the way to it. The last handle gives models, card and runtime back.
pub(super) struct Npu {
    library: Option<PathBuf>,
    jobs: Option<mpsc::Sender<Job>>,
    ended: Arc<Ended>,
}

impl Npu {
    /// The thread of this process, with the runtime of `library` (see [`Library::open`]) ready.
    ///
    /// # Errors
    /// [`ErrorKind::Library`] without a usable library, [`ErrorKind::NotFound`] without a card,
    /// [`ErrorKind::Settings`] if this process uses another AXCL library, [`ErrorKind::Device`].
    pub fn shared(library: Option<&Path>, cancel: &Cancel) -> Result<Arc<Self>> {
        /// Held while a runtime opens, so that two loaders do not open two.
        static OPENING: Mutex<()> = Mutex::new(());
        let _opening = lock(&OPENING);
        let (npu, closing) = {
            let process = process();
            if let Some(why) = &process.dead {
                return Err(dead(why));
            }
            (process.npu.upgrade(), process.closing.clone())
        };
        if let Some(npu) = npu {
            return match npu.library.as_deref() == library {
                true => Ok(npu),
                false => Err(Error::new(
                    ErrorKind::Settings,
                    format!(
                        "this process already uses the AXCL library {}, and a process can use only one: set axcl-library to the same file",
                        shown(npu.library.as_deref())
                    ),
                )),
            };
        }
        if let Some(closing) = closing
            && !closing.wait(OPEN_LIMIT, cancel)
        {
            cancel.check()?;
            return Err(give_up("giving back the models used before"));
        }
        let npu = Arc::new(Self::start(library)?);
        let path = library.map(Path::to_path_buf);
        let open = Patience {
            limit: OPEN_LIMIT + APPEAR_LIMIT,
            after_cancel: OPEN_LIMIT,
        };
        npu.call("opening the AXCL runtime", open, cancel, move |card| {
            card.open(path.as_deref())
        })?;
        process().npu = Arc::downgrade(&npu);
        Ok(npu)
    }

    fn start(library: Option<&Path>) -> Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let ended = Arc::new(Ended::default());
        let signal = ended.clone();
        thread::Builder::new()
            .name("cv3-npu".into())
            .spawn(move || {
                let mut card = Card::default();
                for job in inbox {
                    job(&mut card);
                }
                // The runtime's log goes to standard error at most: no caller is left to get an error.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(card)));
                signal.signal();
            })
            .map_err(|e| {
                Error::new(
                    ErrorKind::NoSpace,
                    format!("cannot start the thread cv3-npu: {e}"),
                )
            })?;
        Ok(Self {
            library: library.map(Path::to_path_buf),
            jobs: Some(jobs),
            ended,
        })
    }

    /// Runs `work` on the thread and waits for its result. `what` names it in errors.
    ///
    /// # Errors
    /// Those of `work`; [`ErrorKind::Cancelled`]; [`ErrorKind::Device`] if the answer did not come in time, and from
    /// then on always.
    pub fn call<T: Send + 'static>(
        &self,
        what: &str,
        patience: Patience,
        cancel: &Cancel,
        work: impl FnOnce(&mut Card) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        enum Answer<T> {
            Done(Result<T>),
            Cancelled,
        }
        if let Some(why) = &process().dead {
            return Err(dead(why));
        }
        cancel.check()?;
        let (sender, answer) = mpsc::channel();
        let on_cancel = sender.clone();
        let job: Job = Box::new(move |card| {
            let done = catch_unwind(AssertUnwindSafe(|| work(card))).unwrap_or_else(|_| {
                Err(Error::failed(
                    "the NPU thread panicked: this is a bug, please report it",
                ))
            });
            // The caller may have stopped waiting.
            let _ = sender.send(Answer::Done(done));
        });
        let jobs = self.jobs.as_ref().expect("there until dropped");
        jobs.send(job)
            .map_err(|_| Error::failed("the NPU thread has ended"))?;
        let _hook = cancel.on_cancel(move || {
            let _ = on_cancel.send(Answer::Cancelled);
        });
        let mut deadline = Instant::now() + patience.limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match answer.recv_timeout(left) {
                Ok(Answer::Done(_)) if cancel.is_cancelled() => return Err(Error::cancelled()),
                Ok(Answer::Done(result)) => return result,
                Ok(Answer::Cancelled) => {
                    deadline = deadline.min(Instant::now() + patience.after_cancel);
                }
                Err(RecvTimeoutError::Timeout) => {
                    let error = give_up(what);
                    return cancel.check().and(Err(error));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::failed("the NPU thread has ended"));
                }
            }
        }
    }

    /// Makes something on the thread by `make`, as [`call`](Self::call) does, and keeps it there for the owner.
    pub fn keep<T: Any>(
        &self,
        what: &str,
        patience: Patience,
        cancel: &Cancel,
        make: impl FnOnce(&mut Card) -> Result<T> + Send + 'static,
    ) -> Result<Kept> {
        let jobs = self.jobs.clone().expect("there until dropped");
        self.call(what, patience, cancel, move |card| {
            let thing = make(card)?;
            Ok(Kept {
                number: card.keep(thing),
                jobs,
            })
        })
    }
}

/// The owner of a value on the thread. Once the owner is dropped, the thread drops the value as soon as it gets to it,
/// also if the caller had stopped waiting for it.
pub(super) struct Kept {
    number: u64,
    jobs: mpsc::Sender<Job>,
}

impl Kept {
    /// Its number for [`Card::kept`].
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let number = self.number;
        // A thread that has ended keeps nothing.
        let _ = self.jobs.send(Box::new(move |card| card.release(number)));
    }
}

impl Drop for Npu {
    fn drop(&mut self) {
        drop(self.jobs.take());
        {
            let mut process = process();
            if process.dead.is_some() {
                return;
            }
            process.closing = Some(self.ended.clone());
        }
        self.ended.wait(CLOSE_PATIENCE, &Cancel::new());
    }
}

/// Marks AXCL as unusable for this process, since `what` did not end.
fn give_up(what: &str) -> Error {
    let mut process = process();
    let why = process.dead.get_or_insert_with(|| what.into()).clone();
    process.abandoned += 1;
    tracing::error!("the NPU does not answer ({why}); its thread is left behind");
    dead(&why)
}

fn dead(why: &str) -> Error {
    Error::new(
        ErrorKind::Device,
        format!(
            "the NPU stopped answering while {why}: restart this process to use it again; if it still does not \
             answer, reset the card (`axcl-smi reboot`, or power it off)"
        ),
    )
}

fn shown(library: Option<&Path>) -> String {
    library.map_or_else(|| "of the system".into(), |path| path.display().to_string())
}

/// Signal that the thread has released everything.
#[derive(Default)]
struct Ended {
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Ended {
    fn signal(&self) {
        *lock(&self.ended) = true;
        self.changed.notify_all();
    }

    /// Waits for the end; `false` if it did not come within `limit`, or the wait was cancelled.
    fn wait(self: &Arc<Self>, limit: Duration, cancel: &Cancel) -> bool {
        let woken = self.clone();
        let _hook = cancel.on_cancel(move || {
            let _ended = lock(&woken.ended);
            woken.changed.notify_all();
        });
        let waiting = |ended: &mut bool| !*ended && !cancel.is_cancelled();
        let ended = self
            .changed
            .wait_timeout_while(lock(&self.ended), limit, waiting);
        *ended.unwrap_or_else(|e| e.into_inner()).0
    }
}

/// The values that live on the thread, in the order in which they have to be dropped.
#[derive(Default)]
pub(super) struct Card {
    kept: HashMap<u64, Box<dyn Any>>,
    next: u64,
    engines: HashMap<usize, Engine>,
    runtime: Option<Runtime>,
}

impl Card {
    fn open(&mut self, library: Option<&Path>) -> Result<()> {
        let library = Library::open(library).map_err(|e| failure(&e))?;
        let runtime = patiently(|| Runtime::new(&library))?;
        // Its log goes to standard output, which may carry the application's audio.
        runtime
            .set_log_level(LogLevel::Off)
            .map_err(|e| failure(&e))?;
        tracing::info!(
            library = %library.path().display(),
            version = library.full_version(),
            "AXCL runtime opened"
        );
        self.runtime = Some(runtime);
        Ok(())
    }

    /// The initialised runtime.
    pub fn runtime(&self) -> Result<&Runtime> {
        self.runtime
            .as_ref()
            .ok_or_else(|| Error::failed("the AXCL runtime is not open"))
    }

    /// The engine of the device of this index in the runtime's list, with all its cores for one model.
    pub fn engine(&mut self, index: usize) -> Result<Engine> {
        if let Some(engine) = self.engines.get(&index) {
            return Ok(engine.clone());
        }
        let runtime = self.runtime()?.clone();
        let device = patiently(|| runtime.device(index))?;
        let context = device.context().map_err(|e| failure(&e))?;
        let engine = context
            .engine(VnpuKind::Disabled)
            .map_err(|e| failure(&e))?;
        tracing::info!(index, id = device.id(), properties = ?device.properties().ok(), "NPU device opened");
        self.engines.insert(index, engine.clone());
        Ok(engine)
    }

    /// Describes the runtime and the device of this index, for a report.
    pub fn describe(&mut self, index: usize) -> Result<Vec<String>> {
        let engine = self.engine(index)?;
        let device = engine.context().device();
        let library = self.runtime()?.library();
        let version = library.full_version().or_else(|| {
            let (major, minor, patch) = library.version().ok()?;
            Some(format!("{major}.{minor}.{patch}"))
        });
        let mut lines = vec![
            format!("AXCL library: {}", library.path().display()),
            format!("AXCL version: {}", version.as_deref().unwrap_or("unknown")),
            format!(
                "chip: {}",
                library.soc_name().as_deref().unwrap_or("unknown")
            ),
            format!("device {index}: id {}", device.id()),
        ];
        match device.properties() {
            Ok(card) => lines.extend([
                format!("firmware: {}", card.software_version),
                format!(
                    "PCI address: {:04x}:{:02x}:{:02x}",
                    card.pci_domain, card.pci_bus, card.pci_device
                ),
                format!(
                    "CMM: {} of {} MiB free; NPU load {} %, temperature {}",
                    card.free_cmm >> 20,
                    card.total_cmm >> 20,
                    card.npu_load,
                    card.temperature
                ),
            ]),
            Err(error) => lines.push(format!("firmware: {error}")),
        }
        Ok(lines)
    }

    /// Keeps `thing` on this thread and returns its number.
    fn keep(&mut self, thing: impl Any) -> u64 {
        self.next += 1;
        self.kept.insert(self.next, Box::new(thing));
        self.next
    }

    /// The value kept under `number`.
    pub fn kept<T: Any>(&mut self, number: u64) -> Result<&mut T> {
        self.kept
            .get_mut(&number)
            .and_then(|thing| thing.downcast_mut())
            .ok_or_else(|| Error::failed("the NPU has lost its models"))
    }

    /// Drops the value kept under `number`. The device goes with its last user, so that a lost card can be found
    /// anew.
    fn release(&mut self, number: u64) {
        self.kept.remove(&number);
        if self.kept.is_empty() {
            self.engines.clear();
        }
    }
}

/// Retries for a while if the bus shows a card that the runtime does not list yet.
fn patiently<T>(mut attempt: impl FnMut() -> axcl::Result<T>) -> Result<T> {
    let since = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error)
                if not_there(&error)
                    && since.elapsed() < APPEAR_LIMIT
                    && !axcl::detect().cards.is_empty() =>
            {
                thread::sleep(APPEAR_POLL);
            }
            Err(error) => return Err(failure(&error)),
        }
    }
}

fn not_there(error: &axcl::Error) -> bool {
    matches!(error, axcl::Error::NoDevice { .. }) || error.code() == Some(axcl::Code::NO_CARD)
}

/// An error of the bindings in this crate's terms.
pub(super) fn failure(error: &axcl::Error) -> Error {
    let kind = match error {
        axcl::Error::Library(_) | axcl::Error::MissingFunction { .. } => ErrorKind::Library,
        axcl::Error::NoDevice { .. } => ErrorKind::NotFound,
        _ => match error.code() {
            Some(axcl::Code::NO_DRIVER | axcl::Code::NO_CARD) => ErrorKind::NotFound,
            Some(axcl::Code::NO_MEMORY) => ErrorKind::NoSpace,
            _ => ErrorKind::Device,
        },
    };
    Error::new(kind, format!("NPU: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a message when it is dropped.
    struct Thing(mpsc::Sender<()>);

    impl Drop for Thing {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    const PATIENCE: Patience = Patience {
        limit: Duration::from_secs(60),
        after_cancel: Duration::from_secs(60),
    };

    #[test]
    fn what_was_made_for_somebody_who_cancelled_does_not_stay() {
        let npu = Npu::start(None).unwrap();
        let cancel = Cancel::new();
        let (sender, dropped) = mpsc::channel();
        let during = cancel.clone();
        let kept = npu.keep("making", PATIENCE, &cancel, move |_| {
            during.cancel();
            Ok(Thing(sender))
        });
        assert!(kept.is_err_and(|error| error.is_cancelled()));
        dropped.recv_timeout(PATIENCE.limit).unwrap();
    }

    #[test]
    fn what_is_kept_goes_with_its_owner_and_the_thread_with_its_last_user() {
        let npu = Npu::start(None).unwrap();
        let (sender, dropped) = mpsc::channel();
        let kept = npu
            .keep("making", PATIENCE, &Cancel::new(), |_| Ok(Thing(sender)))
            .unwrap();
        assert!(dropped.try_recv().is_err());
        drop(kept);
        dropped.recv_timeout(PATIENCE.limit).unwrap();
        let ended = npu.ended.clone();
        drop(npu);
        assert!(ended.wait(PATIENCE.limit, &Cancel::new()));
    }
}
