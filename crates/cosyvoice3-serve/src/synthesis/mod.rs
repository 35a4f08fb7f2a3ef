//! Speech for many clients by one engine.
//!
//! The engine speaks requests one after the other. A text of a client is therefore handed to it in pieces of some ten seconds
//! of speech: clients take turns, so that a long text keeps nobody waiting, and the next piece is made only when its client has
//! read most of what is there, so that a slow client costs little memory and no time of others.

mod encoder;
mod metrics;
mod output;
mod pieces;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use axum::http::StatusCode;
use cosyvoice3::{
    Error, ErrorKind, Event, Markup, Options, Request, RequestId, Settings, Speech, Synthesizer,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub use encoder::Format;
pub use output::Chunk;

use crate::{http::Refusal, log::log, options::Limits};
use encoder::Encoder;
use metrics::Metrics;
use output::Output;
use pieces::Pieces;

/// Pieces that the engine has at once: one in its last stage, one in its first, one that waits.
const AT_ENGINE: usize = 3;
/// Pieces among them of one text whose client keeps up, and of one whose client does not.
const OF_ONE: usize = 2;
const OF_A_SLOW_ONE: usize = 1;
/// Samples of speech that may wait for a client before its next piece is made: 5 s.
const AHEAD: u64 = 5 * cosyvoice3::SAMPLE_RATE as u64;
/// Samples of speech that may wait for a client in any case: 10 min, which only a document of SSML reaches.
const MOST: u64 = 600 * cosyvoice3::SAMPLE_RATE as u64;

/// The engine, for as long as the program runs.
#[derive(Clone)]
pub struct Synthesis(Arc<Inner>);

struct Inner {
    /// Taken out at the end of the program, see [`Synthesis::close`].
    engine: Mutex<Option<Arc<Synthesizer>>>,
    settings: Settings,
    max_requests: usize,
    max_text: usize,
    state: Mutex<State>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct State {
    loading: Loading,
    texts: BTreeMap<u64, Text>,
    /// Number of the text that got a piece last.
    last_turn: u64,
    next_id: u64,
    /// Pieces at the engine, by their requests; those of clients that left too.
    at_engine: BTreeMap<RequestId, u64>,
    metrics: Metrics,
}

#[derive(Default, Clone)]
enum Loading {
    #[default]
    Models,
    Done,
    Failed(Error),
}

/// A text of a client, on its way to speech.
struct Text {
    pieces: Pieces,
    settings: Settings,
    output: Output,
    began: Instant,
    at_engine: usize,
    /// Samples of speech that were made, and that the client has taken.
    made: u64,
    taken: u64,
    /// Why nothing was spoken, if nothing is.
    problem: Option<Error>,
}

/// Load of the server.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Load {
    /// `loading`, `ready` or `failed`.
    pub status: &'static str,
    /// Texts that are being answered, and those of which nothing was made yet.
    pub requests: usize,
    pub waiting: usize,
    pub max_requests: usize,
}

/// Speech on its way to a client. Dropping it cancels what is not made yet.
pub struct Sound {
    chunks: UnboundedReceiver<Result<Chunk, Refusal>>,
    inner: Weak<Inner>,
    id: u64,
    _encoder: Option<Encoder>,
}

impl Synthesis {
    /// Opens the engine, whose models load in the background.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn new(engine: Options, settings: Settings, limits: &Limits) -> Result<Self> {
        let engine = Arc::new(Synthesizer::open_model(engine));
        let inner = Arc::new(Inner {
            engine: Mutex::new(Some(engine.clone())),
            settings,
            max_requests: limits.max_requests.into(),
            max_text: limits.max_text as usize,
            state: Mutex::default(),
            thread: Mutex::default(),
        });
        let events = inner.clone();
        let thread = thread::Builder::new()
            .name("speech".into())
            .spawn(move || {
                while let Some(event) = engine.next_event() {
                    events.note(event);
                }
            })
            .context("starting the thread that takes speech")?;
        *lock(&inner.thread) = Some(thread);
        Ok(Self(inner))
    }

    /// Settings of all speech, for a request to change.
    pub fn settings(&self) -> Settings {
        self.0.settings.clone()
    }

    /// Queues a text; its speech comes in `format`.
    ///
    /// # Errors
    /// Too many texts wait, the text or its settings cannot work, or the format's encoder is missing.
    pub fn begin(
        &self,
        text: String,
        settings: Settings,
        format: Format,
    ) -> Result<Sound, Refusal> {
        self.check(&text, &settings)?;
        let (sender, chunks) = unbounded_channel();
        let (output, encoder) = Output::new(format, sender)?;
        let mut state = self.0.state();
        if state.texts.len() >= self.0.max_requests {
            state.metrics.refused += 1;
            let words = format!(
                "{} requests for speech are waiting or being answered, as many as --max-requests allows: try again later",
                self.0.max_requests
            );
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, words).code("queue_full"));
        }
        let id = state.next_id;
        state.next_id += 1;
        let pieces = Pieces::new(text, settings.markup);
        state.texts.insert(
            id,
            Text {
                pieces,
                settings,
                output,
                began: Instant::now(),
                at_engine: 0,
                made: 0,
                taken: 0,
                problem: None,
            },
        );
        self.0.schedule(&mut state);
        drop(state);
        Ok(Sound {
            chunks,
            inner: Arc::downgrade(&self.0),
            id,
            _encoder: encoder,
        })
    }

    /// Looks at a text before it is queued. `field` is its field in the client's request, which a refusal names.
    ///
    /// # Errors
    /// There is nothing to say, the markup is damaged, or there is no voice that the text or its settings name.
    pub fn check_text(&self, text: &str, settings: &Settings, field: &str) -> Result<(), Refusal> {
        if !is_speakable(text, settings) {
            let words = "there is nothing to say: the text has neither letter nor digit";
            return Err(crate::http::wrong(words)
                .param(field)
                .code("text_unspeakable"));
        }
        let engine = self.0.engine().ok_or_else(stopping)?;
        engine.check(text, settings).map_err(|error| {
            let refusal = Refusal::from(&error);
            match error.kind() {
                // Only a voice is looked for: the client named it, and can mend it.
                ErrorKind::NotFound => crate::http::wrong(refusal.message)
                    .param(field)
                    .code("voice_not_found"),
                _ => refusal,
            }
        })
    }

    fn check(&self, text: &str, settings: &Settings) -> Result<(), Refusal> {
        let length = text.chars().count();
        let most = self.0.max_text;
        if length > most {
            let words =
                format!("the text has {length} characters, the limit is {most}: send it in parts");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, words)
                .param("input")
                .code("text_too_long"));
        }
        if let Loading::Failed(error) = &self.0.state().loading {
            return Err(
                Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
                    .code("models_not_loaded"),
            );
        }
        self.check_text(text, settings, "input")
    }

    /// The load, for supervisors and balancers.
    pub fn load(&self) -> Load {
        let state = self.0.state();
        Load {
            status: match state.loading {
                Loading::Models => "loading",
                Loading::Done => "ready",
                Loading::Failed(_) => "failed",
            },
            requests: state.texts.len(),
            waiting: state.texts.values().filter(|text| text.made == 0).count(),
            max_requests: self.0.max_requests,
        }
    }

    /// Counts since the start, as Prometheus reads them.
    pub fn metrics(&self) -> String {
        let load = self.load();
        let engine = self.0.engine();
        // Under the lock: a request that is counted as cancelled has been cancelled at the engine.
        let state = self.0.state();
        let tokens = engine.map_or(0, |engine| engine.decoded_tokens());
        state.metrics.text(&load, tokens)
    }

    /// Ends all speech, and waits for the engine's threads: left alone inside a foreign library, they would meet destroyed
    /// globals at the end of the process.
    pub fn close(&self) {
        let Some(engine) = lock(&self.0.engine).take() else {
            return;
        };
        engine.close();
        if let Some(thread) = lock(&self.0.thread).take() {
            let _ = thread.join();
        }
        // A request may be looked at just now.
        while Arc::strong_count(&engine) > 1 {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Returns true if there is something to say. What is damaged may hold anything, and is refused for its damage.
fn is_speakable(text: &str, settings: &Settings) -> bool {
    match settings.markup {
        Markup::None => cosyvoice3::is_speakable(text),
        Markup::Ssml => cosyvoice3_text::ssml::parse(text, settings.language)
            .map_or(true, |document| document.is_speakable()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stopping() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "this server is stopping").code("stopping")
}

impl Inner {
    /// The engine, unless the program ends.
    fn engine(&self) -> Option<Arc<Synthesizer>> {
        lock(&self.engine).clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Hands pieces to the engine, text after text in turns.
    fn schedule(&self, state: &mut State) {
        let Some(engine) = self.engine() else { return };
        while state.at_engine.len() < AT_ENGINE {
            let ready = |text: &Text| {
                let unread = text.made.saturating_sub(text.taken);
                let most = if unread == 0 { OF_ONE } else { OF_A_SLOW_ONE };
                text.at_engine < most && unread < AHEAD && text.pieces.any()
            };
            let last = state.last_turn;
            let mut after = state
                .texts
                .range(last + 1..)
                .chain(state.texts.range(..=last));
            let Some(id) = after.find(|(_, text)| ready(text)).map(|(id, _)| *id) else {
                return;
            };
            state.last_turn = id;
            let Some(text) = state.texts.get_mut(&id) else {
                return;
            };
            let Some(piece) = text.pieces.next() else {
                return;
            };
            text.at_engine += 1;
            let request = Request::new(piece).with_settings(text.settings.clone());
            state.at_engine.insert(engine.say(request), id);
        }
    }

    fn note(&self, event: Event) {
        let mut state = self.state();
        match event {
            Event::Ready { after, notice } => {
                log!("models are loaded after {:.1} s", after.as_secs_f64());
                if !notice.is_empty() {
                    log!("warning: {notice}");
                }
                state.loading = Loading::Done;
            }
            Event::LoadFailed(error) => {
                log!("error: {error}");
                state.loading = Loading::Failed(error);
            }
            Event::Warning {
                request,
                kind,
                message,
            } => {
                let text = request.and_then(|request| state.text(request));
                match text {
                    Some(text) if kind != ErrorKind::Settings => {
                        text.problem = Some(Error::new(kind, message));
                    }
                    Some(_) => {}
                    None => log!("warning: {message}"),
                }
            }
            Event::UtteranceFailed { request, error, .. } => {
                log!("warning: an utterance was left out: {error}");
                state.metrics.failed += 1;
                if let Some(text) = state.text(request) {
                    text.problem = Some(error);
                }
            }
            Event::Speech(speech) => self.take(&mut state, speech),
            Event::Finished { request, .. } => {
                let id = state.at_engine.remove(&request);
                if let Some(text) = id.and_then(|id| state.texts.get_mut(&id)) {
                    text.at_engine -= 1;
                }
                if let Some(id) = id {
                    state.end_if_done(id);
                }
                self.schedule(&mut state);
            }
            _ => {}
        }
    }

    fn take(&self, state: &mut State, speech: Speech) {
        let Some(id) = state.at_engine.get(&speech.request).copied() else {
            return;
        };
        let first = state.texts.get(&id).is_some_and(|text| text.made == 0);
        let since = state.texts.get(&id).map(|text| text.began.elapsed());
        state.metrics.add(&speech, since.filter(|_| first));
        let Some(text) = state.texts.get_mut(&id) else {
            return;
        };
        text.made += speech.samples.len() as u64;
        text.output.push(&speech.samples);
        if text.made - text.taken > MOST {
            let words = "the client reads more slowly than a document of this length allows: send it in parts";
            text.output
                .fail(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, words).code("client_too_slow"));
            self.give_up(state, id);
        }
    }

    /// Forgets a text, and cancels what the engine has of it.
    fn give_up(&self, state: &mut State, id: u64) {
        if state.texts.remove(&id).is_none() {
            return;
        }
        state.metrics.cancelled += 1;
        let Some(engine) = self.engine() else { return };
        let requests = state.at_engine.iter().filter(|(_, of)| **of == id);
        for request in requests.map(|(request, _)| *request).collect::<Vec<_>>() {
            engine.cancel(request);
        }
        self.schedule(state);
    }
}

impl State {
    /// The text of a request.
    fn text(&mut self, request: RequestId) -> Option<&mut Text> {
        self.texts.get_mut(self.at_engine.get(&request)?)
    }

    /// Ends the speech of a text of which all pieces are made.
    fn end_if_done(&mut self, id: u64) {
        let done = |text: &Text| text.at_engine == 0 && !text.pieces.any();
        if !self.texts.get(&id).is_some_and(done) {
            return;
        }
        let Some(mut text) = self.texts.remove(&id) else {
            return;
        };
        if text.made > 0 {
            self.metrics.finished += 1;
            return text.output.end();
        }
        self.metrics.failed += 1;
        let refusal = match (&self.loading, &text.problem) {
            (Loading::Failed(error), _) => {
                Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
                    .code("models_not_loaded")
            }
            (_, Some(error)) => Refusal::from(error),
            (_, None) => {
                crate::http::wrong("there is nothing to say in this text").code("text_unspeakable")
            }
        };
        text.output.fail(refusal);
    }
}

impl Sound {
    /// Waits for the next part of the speech; `None` at its end.
    pub async fn next(&mut self) -> Option<Result<Chunk, Refusal>> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// The same for a `poll` function.
    pub fn poll(
        &mut self,
        context: &mut std::task::Context,
    ) -> std::task::Poll<Option<Result<Chunk, Refusal>>> {
        let chunk = self.chunks.poll_recv(context);
        if let std::task::Poll::Ready(Some(Ok(chunk))) = &chunk {
            self.note_taken(chunk.end);
        }
        chunk
    }

    fn note_taken(&self, end: u64) {
        let Some(inner) = self.inner.upgrade() else {
            return;
        };
        let mut state = inner.state();
        if let Some(text) = state.texts.get_mut(&self.id) {
            text.taken = text.taken.max(end.min(text.made));
            inner.schedule(&mut state);
        }
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.upgrade() {
            inner.give_up(&mut inner.state(), self.id);
        }
    }
}
