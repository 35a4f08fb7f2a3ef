//! The engine's front door: requests in, events out.
//!
//! A [`Synthesizer`] loads its models in the background and speaks on three threads of its own, one per stage; while
//! one utterance is in the vocoder, the next is already in the language model.
//!
//! ```no_run
//! use cosyvoice3::synth::{Event, Options, Request, Synthesizer};
//!
//! let synth = Synthesizer::open_model(Options::new("models/demo"));
//! synth.say(Request { text: "Привет!".into(), ..Default::default() });
//! while let Some(event) = synth.next_event() {
//!     match event {
//!         Event::Speech(speech) => println!("{} samples of {:?}", speech.samples.len(), speech.text),
//!         Event::Finished { .. } => break,
//!         Event::LoadFailed(error) => panic!("{error}"),
//!         _ => {}
//!     }
//! }
//! ```

mod engine;
mod pipeline;
mod queue;
mod request;
mod speed;
mod stage;
pub mod timeline;
mod trace;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Instant,
};

pub use engine::{LmThreads, Options, make_mel};
pub use request::{Event, Request, RequestId, Settings, Speech, UtteranceStats};
pub use stage::{Decoded, Engine, FlowStage, Job, Jobs, LmStage, Tokens, VocoderStage};
pub use trace::{Recorder, Span};

use crate::{Error, Result, cancel::Cancel, lock::lock};
use pipeline::Line;

/// Longest text of one request, in bytes.
pub const MAX_TEXT: usize = 1 << 20;

/// What a loader may use while it loads.
pub struct Loading<'a> {
    line: &'a Line,
}

impl Loading<'_> {
    /// Tells how far the loading of `component` is, 0 to 1.
    pub fn progress(&self, component: &'static str, fraction: f32) {
        self.line.events.push_now(Event::Loading {
            component,
            fraction,
        });
    }

    /// Tells something that does not stop the loading.
    pub fn warn(&self, error: Error) {
        self.line.events.push_now(Event::Warning {
            request: None,
            error,
        });
    }

    /// Cancelled when the synthesizer is closed meanwhile.
    pub fn cancel(&self) -> &Cancel {
        self.line.stopped()
    }
}

/// A voice that speaks requests one after the other. Dropping it stops everything at once, except that a foreign library
/// may need a second or two to give up [loading](Self::is_loading) a large file.
pub struct Synthesizer {
    line: Arc<Line>,
    loader: Option<JoinHandle<()>>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Synthesizer {
    /// A synthesizer over the models of a directory.
    pub fn open_model(options: Options) -> Self {
        let recorder = options.recorder.clone();
        Self::open(recorder, move |loading| engine::load(&options, loading))
    }

    /// A synthesizer over what `load` returns. Returns at once; `load` runs on a thread of its own, and requests may
    /// already be made.
    pub fn open(
        recorder: Recorder,
        load: impl FnOnce(&Loading<'_>) -> Result<Arc<dyn Engine>> + Send + 'static,
    ) -> Self {
        let line = Line::new(recorder);
        let threads = Arc::new(Mutex::new(Vec::new()));
        let loader = {
            let (line, threads) = (line.clone(), threads.clone());
            move || run_loader(&line, &threads, load)
        };
        let loader = thread::Builder::new().name("cv3-load".into()).spawn(loader);
        let loader = loader
            .map_err(|e| {
                let error = Error::failed(format!("cannot start the thread cv3-load: {e}"));
                line.events.push_now(Event::LoadFailed(error));
            })
            .ok();
        Self {
            line,
            loader,
            threads,
        }
    }

    /// Queues a request; never waits.
    pub fn say(&self, request: Request) -> RequestId {
        self.line.say(request)
    }

    /// Cancels one request; `false` if it is unknown, done or already cancelled. Its `Finished` event still comes.
    pub fn cancel(&self, request: RequestId) -> bool {
        self.line.cancel(|id| id == request) > 0
    }

    /// Cancels all requests; how many there were.
    pub fn cancel_all(&self) -> usize {
        self.line.cancel(|_| true)
    }

    /// Cancels all requests but leaves speech that is ready where it is, and wakes whoever waits for an event.
    pub fn abandon(&self) {
        self.line.abandon();
        self.line.events.push_now(Event::Woken);
    }

    /// Waits for the next event; `None` after [`close`](Self::close).
    pub fn next_event(&self) -> Option<Event> {
        self.line.events.pop()
    }

    /// Calls `listener` whenever there is an event to [take](Self::try_next_event), on the thread that made it. Only the
    /// first call counts.
    pub fn on_event(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.line.events.listen(listener);
    }

    /// The next event if there is one.
    pub fn try_next_event(&self) -> Option<Event> {
        self.line.events.try_pop()
    }

    /// The next event if there is one and it is `wanted`; else it stays.
    pub fn try_next_event_if(&self, wanted: impl FnOnce(&Event) -> bool) -> Option<Event> {
        self.line.events.try_pop_if(wanted)
    }

    /// Stops everything and ends every wait, for good. Returns at once.
    pub fn close(&self) {
        self.line.close();
    }

    /// Whether the loader is still at work, cancelled or not.
    pub fn is_loading(&self) -> bool {
        self.loader
            .as_ref()
            .is_some_and(|loader| !loader.is_finished())
    }

    /// What the stages did so far, where a recorder was given.
    pub fn spans(&self) -> Vec<Span> {
        self.line.recorder.spans()
    }
}

impl Drop for Synthesizer {
    fn drop(&mut self) {
        self.close();
        if let Some(loader) = self.loader.take() {
            let _ = loader.join();
        }
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

fn run_loader(
    line: &Arc<Line>,
    threads: &Mutex<Vec<JoinHandle<()>>>,
    load: impl FnOnce(&Loading<'_>) -> Result<Arc<dyn Engine>>,
) {
    let since = Instant::now();
    let loading = Loading { line };
    let loaded = catch_unwind(AssertUnwindSafe(|| load(&loading)))
        .unwrap_or_else(|panic| Err(pipeline::panicked("loading", &*panic)));
    let started = loaded.and_then(|engine| {
        let mut threads = lock(threads);
        line.stopped().check()?;
        threads.extend(pipeline::start(line, &engine)?);
        Ok(engine.notice())
    });
    line.events.push_now(match started {
        Ok(notice) => Event::Ready {
            after: since.elapsed(),
            notice,
        },
        Err(error) => Event::LoadFailed(error),
    });
}

#[cfg(test)]
mod tests;
