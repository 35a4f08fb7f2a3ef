//! The engine's front door: requests in, speech or events out.
//!
//! A [`Synthesizer`] loads its models in the background and speaks on three threads of its own, one per stage; while
//! one utterance is in the vocoder, the next is already in the language model.
//!
//! [`Synthesizer::speak`] gives the speech of one request as an iterator. A player that queues, cancels and shows
//! progress takes [events](Synthesizer::next_event) instead:
//!
//! ```no_run
//! use cosyvoice3::{Event, Options, Synthesizer};
//!
//! let synth = Synthesizer::open_model(Options::new("models/demo"));
//! synth.say("Привет!");
//! while let Some(event) = synth.next_event() {
//!     match event {
//!         Event::Speech(speech) => println!("{} samples of {:?}", speech.samples.len(), speech.text),
//!         Event::Finished { .. } => break,
//!         Event::LoadFailed(error) => eprintln!("{error}"),
//!         _ => {}
//!     }
//! }
//! ```

mod announcements;
mod decoding;
mod engine;
mod first;
mod flowing;
mod job;
mod loading;
mod message;
mod models;
#[doc(hidden)]
pub mod pace;
mod permits;
mod pipeline;
mod queue;
mod request;
mod script;
mod shared;
mod slot;
mod speaking;
mod speed;
#[doc(hidden)]
pub mod timeline;
mod tokens;
mod trace;
mod voicing;
mod words;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Mutex, atomic::Ordering},
    thread::{self, JoinHandle},
    time::Instant,
};

pub use announcements::{AnnouncementCaching, Announcements};
#[doc(hidden)]
pub use engine::{Engine, FlowStage, Jobs, LmStage, Piece, VocoderStage};
#[doc(hidden)]
pub use job::{Job, Pause};
#[doc(hidden)]
pub use loading::Loading;
#[doc(hidden)]
pub use models::MelInPieces;
pub use models::{DefaultVoice, LmThreads, Options};
pub use request::{
    Event, Flush, Mark, Markup, Playback, PromptMode, Request, RequestId, Settings, Speech,
    UtteranceStats,
};
pub use speaking::Speaking;
#[doc(hidden)]
pub use tokens::{Decoded, TokenCount, Tokens};
#[doc(hidden)]
pub use trace::{Recorder, Span};
pub use words::Word;

use crate::{Error, Result, lock::lock, model};
use shared::Shared;

/// Longest text of one request, in bytes.
pub const MAX_TEXT: usize = 1 << 20;

/// A voice that speaks requests one after the other. Dropping it stops everything at once, except that a foreign library
/// may need a second or two to give up [loading](Self::is_loading) a large file.
pub struct Synthesizer {
    shared: Arc<Shared>,
    loader: Option<JoinHandle<()>>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    /// The model directory, if it was made from one.
    dir: Option<PathBuf>,
}

impl Synthesizer {
    /// A synthesizer over the models of a directory, once they are loaded. Warnings, and the notice of a model that has
    /// one, go to the log ([`tracing`]).
    ///
    /// # Errors
    /// That of the first thing that is wrong with the model directory or the options.
    pub fn load(options: Options) -> Result<Self> {
        let synth = Self::open_model(options);
        while let Some(event) = synth.next_event() {
            match event {
                Event::Ready { notice, .. } => {
                    if !notice.is_empty() {
                        tracing::warn!("{notice}");
                    }
                    return Ok(synth);
                }
                Event::LoadFailed(error) => return Err(error),
                Event::Warning { message, .. } => tracing::warn!("{message}"),
                _ => {}
            }
        }
        Err(Error::cancelled())
    }

    /// A synthesizer over the models of a directory. Returns at once; they load in the background, and requests may
    /// already be made.
    pub fn open_model(options: Options) -> Self {
        let recorder = options.recorder.clone();
        let dir = options.dir.clone();
        let mut synth = Self::open(recorder, move |loading| models::load(&options, loading));
        synth.dir = Some(dir);
        synth
    }

    /// A synthesizer over the engine that `load` returns. Returns at once; `load` runs on a thread of its own, and
    /// requests may already be made.
    #[doc(hidden)]
    pub fn open(
        recorder: Recorder,
        load: impl FnOnce(&Loading<'_>) -> Result<Arc<dyn Engine>> + Send + 'static,
    ) -> Self {
        let shared = Shared::new(recorder);
        let threads = Arc::new(Mutex::new(Vec::new()));
        let loader = {
            let (shared, threads) = (shared.clone(), threads.clone());
            move || run_loader(&shared, &threads, load)
        };
        let loader = thread::Builder::new().name("cv3-load".into()).spawn(loader);
        let loader = loader
            .map_err(|e| {
                let error = Error::failed(format!("cannot start the thread cv3-load: {e}"));
                shared.fail(error);
            })
            .ok();
        Self {
            shared,
            loader,
            threads,
            dir: None,
        }
    }

    /// Looks at a request before it is made: its voice and those of its markup, the markup itself, its lexicon. Waits for
    /// no loading.
    ///
    /// # Errors
    /// There is no such voice (the message names those that are there); the markup cannot be understood; the lexicon
    /// cannot be read.
    pub fn check(&self, text: &str, settings: &Settings) -> Result<()> {
        let segments = script::segments(text, settings)?.0;
        if let Some(lexicon) = &settings.lexicon {
            model::check_lexicon(lexicon)?;
        }
        let Some(dir) = &self.dir else { return Ok(()) };
        for voice in script::voices(&segments, settings) {
            model::check_voice_name(dir, voice)?;
        }
        Ok(())
    }

    /// Speaks a request: its utterances, each as soon as it is ready. Further requests are spoken after it, so an
    /// iterator that is kept but not advanced holds them up.
    ///
    /// ```no_run
    /// # fn main() -> cosyvoice3::Result<()> {
    /// use cosyvoice3::{Options, Synthesizer};
    ///
    /// let synth = Synthesizer::load(Options::new("models/demo"))?;
    /// for speech in synth.speak("Hello. How are you?") {
    ///     println!("{} samples", speech?.samples.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn speak(&self, request: impl Into<Request>) -> Speaking<'_> {
        Speaking::new(&self.shared, request.into())
    }

    /// Queues a request, whose events come from [`next_event`](Self::next_event); never waits.
    pub fn say(&self, request: impl Into<Request>) -> RequestId {
        self.shared.say(request.into(), None)
    }

    /// Cancels one request; `false` if it is unknown, done or already cancelled. Its `Finished` event still comes.
    pub fn cancel(&self, request: RequestId) -> bool {
        self.shared.cancel(|id| id == request) > 0
    }

    /// Cancels all requests and returns their number.
    pub fn cancel_all(&self) -> usize {
        self.shared.cancel(|_| true)
    }

    /// Cancels all requests but leaves speech that is ready where it is, and wakes threads that wait for an
    /// event.
    pub fn cancel_all_keep_ready(&self) {
        self.shared.cancel_all_keep_ready();
        self.shared.events.push_now(Event::Woken);
    }

    /// Number of speech tokens that the language model has made so far, one in each of its steps; those of requests that were
    /// cancelled too, but not those of speech that was kept.
    pub fn decoded_tokens(&self) -> u64 {
        self.shared.decoded.load(Ordering::Relaxed)
    }

    /// Waits for the next event; `None` after [`close`](Self::close), and after [`Event::LoadFailed`] once every request
    /// has had its [`Event::Finished`].
    pub fn next_event(&self) -> Option<Event> {
        self.shared.events.pop()
    }

    /// Calls `listener` whenever there is an event to [take](Self::try_next_event), on the thread that made it. Only the
    /// first call counts.
    pub fn on_event(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.shared.events.listen(listener);
    }

    /// The next event if there is one.
    pub fn try_next_event(&self) -> Option<Event> {
        self.shared.events.try_pop()
    }

    /// The next event if there is one and it is `wanted`; else it stays.
    pub fn try_next_event_if(&self, wanted: impl FnOnce(&Event) -> bool) -> Option<Event> {
        self.shared.events.try_pop_if(wanted)
    }

    /// Stops everything and ends every wait, for good. Returns at once.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Returns true while the loader is at work, cancelled or not.
    pub fn is_loading(&self) -> bool {
        self.loader
            .as_ref()
            .is_some_and(|loader| !loader.is_finished())
    }

    /// Work of the stages so far, if a recorder was given.
    #[doc(hidden)]
    pub fn spans(&self) -> Vec<Span> {
        self.shared.recorder.spans()
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
    shared: &Arc<Shared>,
    threads: &Mutex<Vec<JoinHandle<()>>>,
    load: impl FnOnce(&Loading<'_>) -> Result<Arc<dyn Engine>>,
) {
    let since = Instant::now();
    let loading = Loading::new(shared);
    let loaded = catch_unwind(AssertUnwindSafe(|| load(&loading)))
        .unwrap_or_else(|panic| Err(slot::panicked("loading", &*panic)));
    let started = loaded.and_then(|engine| {
        let mut threads = lock(threads);
        shared.stopped().check()?;
        pipeline::start(shared, &engine, &mut threads)?;
        Ok(engine.notice())
    });
    match started {
        Ok(notice) => shared.events.push_now(Event::Ready {
            after: since.elapsed(),
            notice,
        }),
        Err(error) => shared.fail(error),
    }
}

#[cfg(test)]
mod tests;
