//! An engine whose speech identifies the words that it is made of, and whose stages wait when a test wants them to.
use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::Duration,
};

use cosyvoice3::{
    Error, ErrorKind, Result,
    cancel::Cancel,
    constants::SAMPLES_PER_TOKEN,
    cpu::worker::Worker,
    lm::{Hit, StopReason},
    mel::Mel,
    stage::Stage,
    synth::{
        Decoded, Engine, FlowStage, Job, Jobs, LmStage, Loading, Recorder, Request, RequestId,
        Tokens, VocoderStage,
    },
    voice::Voice,
};
use gst::prelude::*;
use gstcosyvoice3::element::CosyVoice3Src;

/// A voice that does not exist.
pub const NOBODY: &str = "nobody";
/// Longest word in tokens, of 40 ms each.
const MOST_TOKENS: usize = 30;

/// A point at which a stage, or the loading, can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    Load,
    Lm,
    Vocoder,
}

#[derive(Default)]
struct Door {
    shut: bool,
    /// Number of threads that may pass although it is shut.
    tickets: usize,
    /// Number of threads in front of it.
    waiting: usize,
}

type Listener = Box<dyn FnMut(&str, usize) + Send>;

#[derive(Default)]
struct State {
    load: Door,
    lm: Door,
    vocoder: Door,
    /// Stages that work, not counting those in front of a door.
    busy: usize,
    load_fails: bool,
    /// Text and voice of each request that was taken up.
    requests: Vec<(String, Option<String>)>,
    /// Called before speech leaves.
    listener: Option<Listener>,
}

impl State {
    fn door(&mut self, gate: Gate) -> &mut Door {
        match gate {
            Gate::Load => &mut self.load,
            Gate::Lm => &mut self.lm,
            Gate::Vocoder => &mut self.vocoder,
        }
    }
}

/// Every word of a text is one utterance, and every character one token, up to [`MOST_TOKENS`]. A text may begin with a
/// number of its own, which is not spoken. `lm-fails`, `flow-panics` and the like do what they say; `device-lost` fails
/// for good.
#[derive(Clone, Default)]
pub struct Script(Arc<(Mutex<State>, Condvar)>);

impl Script {
    /// Puts this engine into an element.
    pub fn give_to(&self, element: &gst::Element) {
        let script = self.clone();
        element
            .downcast_ref::<CosyVoice3Src>()
            .expect("the element under test")
            .set_engine(move |loading| script.load(loading));
    }

    pub fn shut(&self, gate: Gate) {
        self.state().door(gate).shut = true;
    }

    pub fn open(&self, gate: Gate) {
        let mut state = self.state();
        *state.door(gate) = Door {
            waiting: state.door(gate).waiting,
            ..Door::default()
        };
        self.0.1.notify_all();
    }

    /// Lets one more through a door that is shut.
    pub fn let_one_pass(&self, gate: Gate) {
        self.state().door(gate).tickets += 1;
        self.0.1.notify_all();
    }

    /// Waits until a thread stands in front of a door.
    pub fn await_visitor(&self, gate: Gate) {
        let state = self.state();
        let _state = self
            .0
            .1
            .wait_while(state, |state| state.door(gate).waiting == 0)
            .unwrap();
    }

    pub fn fail_to_load(&self, fails: bool) {
        self.state().load_fails = fails;
    }

    /// Calls `listener` with the text of the request and the number of the utterance before speech leaves.
    pub fn on_speech(&self, listener: impl FnMut(&str, usize) + Send + 'static) {
        self.state().listener = Some(Box::new(listener));
    }

    /// Text and voice of each request that was taken up.
    pub fn requests(&self) -> Vec<(String, Option<String>)> {
        self.state().requests.clone()
    }

    /// Returns true while a stage computes.
    pub fn is_busy(&self) -> bool {
        self.state().busy > 0
    }

    fn load(&self, loading: &Loading<'_>) -> Result<Arc<dyn Engine>> {
        loading.progress("script", 0.5);
        self.work(|| self.pass(Gate::Load, loading.cancel()))?;
        if self.state().load_fails {
            return Err(Error::failed("scripted: the models cannot be loaded"));
        }
        Ok(Arc::new(self.clone()))
    }

    fn pass(&self, gate: Gate, cancel: &Cancel) -> Result<()> {
        let script = self.clone();
        let _wake = cancel.on_cancel(move || {
            let _state = script.state();
            script.0.1.notify_all();
        });
        let mut state = self.state();
        state.door(gate).waiting += 1;
        state.busy -= 1;
        self.0.1.notify_all();
        let mut state = self
            .0
            .1
            .wait_while(state, |state| {
                let door = state.door(gate);
                door.shut && door.tickets == 0 && !cancel.is_cancelled()
            })
            .unwrap();
        let door = state.door(gate);
        door.waiting -= 1;
        if door.shut && !cancel.is_cancelled() {
            door.tickets -= 1;
        }
        state.busy += 1;
        cancel.check()
    }

    fn work<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Busy<'a>(&'a Script);
        impl Drop for Busy<'_> {
            fn drop(&mut self) {
                self.0.state().busy -= 1;
            }
        }
        self.state().busy += 1;
        let _busy = Busy(self);
        work()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// The number of a text, and its words.
fn parse(text: &str) -> (u32, Vec<String>) {
    let mut words = text
        .split_whitespace()
        .map(|word| word.trim_end_matches(['.', '!', '?']));
    let number = words
        .clone()
        .next()
        .and_then(|word| word.parse::<u32>().ok());
    if number.is_some() {
        words.next();
    }
    let words = words.filter(|word| !word.is_empty()).map(String::from);
    (number.unwrap_or(0) % 10_000, words.collect())
}

fn fails(word: &str) -> bool {
    let of_a_stage = |stage: &&str| matches!(word.strip_prefix(*stage), Some("-fails" | "-panics"));
    ["lm", "flow", "vocoder"].iter().any(of_a_stage) || word == "device-lost"
}

fn word_samples(number: u32, utterance: usize, word: &str) -> Vec<f32> {
    let code = (number * 64 + utterance as u32 % 64 + 1) as f32;
    (0..word.chars().take(MOST_TOKENS).count() * SAMPLES_PER_TOKEN)
        .map(|i| if i % 2 == 0 { code } else { i as f32 })
        .collect()
}

/// Expected speech of a text, utterance by utterance. Every second sample identifies it, those between them count.
pub fn utterances_of(text: &str) -> Vec<Vec<f32>> {
    let (number, words) = parse(text);
    let words = words.iter().enumerate().filter(|(_, word)| !fails(word));
    words
        .map(|(utterance, word)| word_samples(number, utterance, word))
        .collect()
}

/// Expected speech of a text as a whole.
pub fn speech_of(text: &str) -> Vec<f32> {
    utterances_of(text).concat()
}

impl Engine for Script {
    fn jobs(&self, id: RequestId, request: &Request) -> Result<Jobs> {
        self.state()
            .requests
            .push((request.text.clone(), request.settings.voice.clone()));
        if request.settings.voice.as_deref() == Some(NOBODY) {
            return Err(Error::new(ErrorKind::NotFound, "no voice \"nobody\""));
        }
        let settings = request.settings.clone();
        let text = request.text.clone();
        let (number, words) = parse(&text);
        let voice = Arc::new(Voice {
            // The only thing of a job that is free to carry the text of its request.
            name: text,
            language: None,
            prompt_text: None,
            prompt_text_ids: vec![],
            prompt_tokens: vec![],
            tail_tokens: Vec::new(),
            prompt_mel: Mel::zeros(0),
            embedding: vec![],
            provenance: None,
        });
        let jobs = words.into_iter().enumerate().map(move |(utterance, text)| {
            Ok(Job {
                request: id,
                utterance,
                prompt_text_ids: vec![number],
                text_ids: text.chars().take(MOST_TOKENS).map(u32::from).collect(),
                text,
                prompt_speech: false,
                before: Vec::new(),
                after: Vec::new(),
                voice: voice.clone(),
                settings: settings.clone(),
            })
        });
        Ok(Box::new(jobs))
    }

    fn lm(&self, _worker: &Arc<Worker>) -> Result<Box<dyn LmStage>> {
        Ok(Box::new(self.clone()))
    }

    fn flow(&self, _recorder: &Recorder) -> Result<Box<dyn FlowStage>> {
        Ok(Box::new(self.clone()))
    }

    fn vocoder(&self) -> Result<Box<dyn VocoderStage>> {
        Ok(Box::new(self.clone()))
    }
}

/// Fails or panics if the word demands it of `stage`.
fn trouble(job: &Job, stage: Stage) -> Result<()> {
    let name = match stage {
        Stage::Lm => "lm",
        Stage::Flow => "flow",
        Stage::Vocoder => "vocoder",
    };
    match job.text.strip_prefix(name) {
        Some("-panics") => panic!("scripted"),
        Some("-fails") => Err(Error::failed("scripted")),
        _ if job.text == "device-lost" => Err(Error::new(ErrorKind::Device, "scripted")),
        _ => Ok(()),
    }
}

impl LmStage for Script {
    fn run(
        &mut self,
        job: &Job,
        cancel: &Cancel,
        on_token: &mut dyn FnMut(u32) -> Result<()>,
    ) -> Result<Decoded> {
        self.work(|| {
            for id in &job.text_ids {
                cancel.check()?;
                on_token(*id)?;
            }
            self.pass(Gate::Lm, cancel)?;
            trouble(job, Stage::Lm)?;
            Ok(Decoded {
                stop: StopReason::Natural,
                hit: Hit::None,
                prefill: Duration::ZERO,
                decode: Duration::ZERO,
            })
        })
    }
}

impl FlowStage for Script {
    fn run(&mut self, job: &Job, tokens: &mut Tokens, cancel: &Cancel) -> Result<Mel> {
        let count = tokens.wait_all()?.len();
        self.work(|| {
            trouble(job, Stage::Flow)?;
            cancel.check()?;
            Ok(Mel::zeros(2 * count))
        })
    }
}

impl VocoderStage for Script {
    fn run(&mut self, job: &Job, _mel: Mel, cancel: &Cancel) -> Result<Vec<f32>> {
        self.work(|| {
            self.pass(Gate::Vocoder, cancel)?;
            trouble(job, Stage::Vocoder)?;
            let mut state = self.state();
            if let Some(listener) = &mut state.listener {
                listener(&job.voice.name, job.utterance);
            }
            drop(state);
            Ok(word_samples(
                job.prompt_text_ids[0],
                job.utterance,
                &job.text,
            ))
        })
    }
}
