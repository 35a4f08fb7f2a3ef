//! The pipeline over scripted stages: order, cancellation, failures, bounds.

use std::{
    sync::{
        Condvar, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use super::*;
use crate::{
    ErrorKind,
    cancel::Cancel,
    constants::SAMPLES_PER_TOKEN,
    cpu::worker::Worker,
    lm::{Hit, StopReason},
    mel::Mel,
    voice::Voice,
};

/// A door that stages wait at until a test opens it; a wait ends when the work is cancelled.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
    waiting: AtomicUsize,
}

impl Gate {
    fn open(&self) {
        *lock(&self.open) = true;
        self.changed.notify_all();
    }

    fn close(&self) {
        *lock(&self.open) = false;
        self.waiting.store(0, Ordering::SeqCst);
    }

    fn pass(self: &Arc<Self>, cancel: &Cancel) -> Result<()> {
        let gate = self.clone();
        let _wake = cancel.on_cancel(move || {
            let _open = lock(&gate.open);
            gate.changed.notify_all();
        });
        let mut open = lock(&self.open);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_all();
        while !*open && !cancel.is_cancelled() {
            open = self.changed.wait(open).unwrap();
        }
        cancel.check()
    }

    fn await_visitor(&self) {
        let mut open = lock(&self.open);
        while self.waiting.load(Ordering::SeqCst) == 0 {
            open = self.changed.wait(open).unwrap();
        }
    }
}

/// One word of the text is one utterance, and one letter is one token. Some words make trouble.
#[derive(Clone, Default)]
struct Script {
    gate: Arc<Gate>,
    decoded: Arc<AtomicUsize>,
    /// True if the first sound was made before anything behind it was decoded.
    alone: Arc<AtomicBool>,
    /// Opened by a flow that computes on shared cores; the language model does not end before.
    begun: Arc<Gate>,
    lm: Arc<OnceLock<Arc<Worker>>>,
    /// Receives the text of each mel, if a test needs it.
    flowed: Option<mpsc::Sender<String>>,
}

impl Engine for Script {
    fn jobs(&self, id: RequestId, request: &Request) -> Result<Jobs> {
        if request.settings.voice.as_deref() == Some("nobody") {
            return Err(Error::new(ErrorKind::NotFound, "no voice \"nobody\""));
        }
        let settings = request.settings.clone();
        let words: Vec<String> = request.text.split_whitespace().map(String::from).collect();
        Ok(Box::new(words.into_iter().enumerate().map(
            move |(utterance, text)| {
                if text == "!" {
                    return Err(Error::new(ErrorKind::Text, "nothing to say in \"!\""));
                }
                Ok(Job {
                    request: id,
                    utterance,
                    prompt_text_ids: vec![],
                    text_ids: text.bytes().map(u32::from).collect(),
                    text,
                    prompt_speech: false,
                    before: Vec::new(),
                    after: Vec::new(),
                    voice: Arc::new(Voice {
                        name: "script".into(),
                        language: None,
                        prompt_text: None,
                        prompt_text_ids: vec![],
                        prompt_tokens: vec![],
                        tail_tokens: Vec::new(),
                        prompt_mel: Mel::zeros(0),
                        embedding: vec![],
                        provenance: None,
                    }),
                    settings: settings.clone(),
                })
            },
        )))
    }
    fn lm(&self, worker: &Arc<Worker>) -> Result<Box<dyn LmStage>> {
        let _ = self.lm.set(worker.clone());
        Ok(Box::new(self.clone()))
    }
    fn flow(&self, _recorder: &Recorder) -> Result<Box<dyn FlowStage>> {
        Ok(Box::new(self.clone()))
    }
    fn vocoder(&self) -> Result<Box<dyn VocoderStage>> {
        Ok(Box::new(self.clone()))
    }
}

impl LmStage for Script {
    fn run(
        &mut self,
        job: &Job,
        cancel: &Cancel,
        on_token: &mut dyn FnMut(u32) -> Result<()>,
    ) -> Result<Decoded> {
        for id in &job.text_ids {
            cancel.check()?;
            on_token(*id)?;
        }
        match job.text.as_str() {
            "lm-panics" => panic!("scripted"),
            "lm-fails" => return Err(Error::failed("scripted")),
            "wait" => self.gate.pass(cancel)?,
            text if text.starts_with("shared-cores") => self.begun.pass(cancel)?,
            _ => {}
        }
        self.decoded.fetch_add(1, Ordering::SeqCst);
        Ok(Decoded {
            stop: match job.text.as_str() {
                "loops" => StopReason::Loop,
                _ => StopReason::Natural,
            },
            hit: Hit::None,
            prefill: Duration::ZERO,
            decode: Duration::ZERO,
        })
    }
}

impl FlowStage for Script {
    fn run(&mut self, job: &Job, tokens: &mut Tokens, cancel: &Cancel) -> Result<Mel> {
        match job.text.as_str() {
            "flow-panics" => panic!("scripted"),
            "flow-fails" => return Err(Error::failed("scripted")),
            _ => {}
        }
        cancel.check()?;
        if job.text.starts_with("shared-cores") {
            tokens.go_first();
            self.begun.open();
        }
        let mel = Mel::zeros(2 * tokens.wait_all()?.len());
        if job.text == "shared-cores-flow-fails" {
            return Err(Error::failed("scripted"));
        }
        if job.text == "flow-waits" {
            self.gate.pass(cancel)?;
        }
        if let Some(flowed) = &self.flowed {
            let _ = flowed.send(job.text.clone());
        }
        Ok(mel)
    }
}

impl VocoderStage for Script {
    fn run(&mut self, job: &Job, mel: Mel, cancel: &Cancel) -> Result<Vec<f32>> {
        match job.text.as_str() {
            "vocoder-panics" => panic!("scripted"),
            "vocoder-waits" | "shared-cores-waits" => self.gate.pass(cancel)?,
            "shared-cores" => self
                .alone
                .store(self.decoded.load(Ordering::SeqCst) == 1, Ordering::SeqCst),
            _ => {}
        }
        cancel.check()?;
        Ok(vec![0.0; mel.frames() * 480])
    }
}

fn open(script: &Script) -> Synthesizer {
    let engine = script.clone();
    Synthesizer::open(Recorder::off(), move |_| Ok(Arc::new(engine)))
}

fn say(synth: &Synthesizer, text: &str) -> RequestId {
    synth.say(text)
}

/// The events of one request, as short words.
fn hear(synth: &Synthesizer, request: RequestId) -> Vec<String> {
    let mut heard = Vec::new();
    loop {
        match synth.next_event().expect("open") {
            Event::Speech(speech) if speech.request == request => {
                assert_eq!(
                    speech.samples.len(),
                    speech.stats.tokens * SAMPLES_PER_TOKEN
                );
                heard.push(speech.text);
            }
            Event::UtteranceFailed { error, .. } => heard.push(format!("failed: {error}")),
            Event::Warning { message, .. } => heard.push(format!("warning: {message}")),
            Event::Finished {
                request: id,
                cancelled,
                ..
            } if id == request => {
                heard.push(if cancelled { "cancelled" } else { "done" }.into());
                return heard;
            }
            _ => {}
        }
    }
}

#[test]
fn requests_are_heard_in_order_and_whole() {
    let synth = open(&Script::default());
    let first = say(&synth, "a bb ccc");
    let second = say(&synth, "d");
    assert_eq!(hear(&synth, first), ["a", "bb", "ccc", "done"]);
    assert_eq!(hear(&synth, second), ["d", "done"]);
}

#[test]
fn the_flow_does_not_wait_for_the_vocoder() {
    let (flowed, receiver) = mpsc::channel();
    let script = Script {
        flowed: Some(flowed),
        ..Script::default()
    };
    let synth = open(&script);
    let id = say(&synth, "vocoder-waits a b c d");
    script.gate.await_visitor();
    // All of them while the vocoder still sits on the first.
    for text in ["vocoder-waits", "a", "b", "c", "d"] {
        assert_eq!(
            receiver.recv_timeout(Duration::from_secs(60)).unwrap(),
            text
        );
    }
    script.gate.open();
    assert_eq!(
        hear(&synth, id),
        ["vocoder-waits", "a", "b", "c", "d", "done"]
    );
}

#[test]
fn the_language_model_leaves_cores_to_the_stages_that_compute() {
    let script = Script::default();
    let synth = open(&script);
    for stage in ["flow-waits", "vocoder-waits"] {
        let id = say(&synth, stage);
        script.gate.await_visitor();
        // Synthesizers of other tests may have taken more.
        assert_eq!(script.lm.get().unwrap().thread_budget(2), 1, "{stage}");
        script.gate.open();
        assert_eq!(hear(&synth, id), [stage, "done"]);
        script.gate.close();
    }
}

#[test]
fn on_shared_cores_the_first_sound_is_made_before_anything_behind_it_is_decoded() {
    let script = Script::default();
    let synth = open(&script);
    let id = say(&synth, "shared-cores b c");
    assert_eq!(hear(&synth, id), ["shared-cores", "b", "c", "done"]);
    assert!(script.alone.load(Ordering::SeqCst));
    // A first sound that fails, or that nobody wants any more, holds nothing up.
    let id = say(&synth, "shared-cores-flow-fails b");
    assert_eq!(hear(&synth, id), ["failed: scripted", "b", "done"]);
    let id = say(&synth, "shared-cores-waits b");
    script.gate.await_visitor();
    assert!(synth.cancel(id));
    assert_eq!(hear(&synth, id), ["cancelled"]);
    let id = say(&synth, "c");
    assert_eq!(hear(&synth, id), ["c", "done"]);
}

#[test]
fn an_empty_text_is_done_at_once() {
    let synth = open(&Script::default());
    let id = say(&synth, "  ");
    assert_eq!(hear(&synth, id), ["done"]);
}

#[test]
fn a_failed_utterance_does_not_take_the_others_with_it() {
    let synth = open(&Script::default());
    let id = say(&synth, "a lm-fails b flow-fails c ! d");
    assert_eq!(
        hear(&synth, id),
        [
            "a",
            "failed: scripted",
            "b",
            "failed: scripted",
            "c",
            "warning: nothing to say in \"!\"",
            "d",
            "done"
        ]
    );
}

#[test]
fn speech_that_does_not_end_by_itself_is_heard_and_reported() {
    let synth = open(&Script::default());
    let id = say(&synth, "loops b");
    let heard = hear(&synth, id);
    assert_eq!((&*heard[0], &*heard[2]), ("loops", "b"));
    assert!(heard[1].contains("repeated itself"), "{}", heard[1]);
}

#[test]
fn a_panic_in_any_stage_is_a_failed_utterance_and_the_stage_works_again() {
    for stage in ["lm", "flow", "vocoder"] {
        let synth = open(&Script::default());
        let id = say(&synth, &format!("a {stage}-panics b"));
        let heard = hear(&synth, id);
        assert_eq!((heard.len(), &*heard[0], &*heard[2]), (4, "a", "b"));
        assert!(heard[1].contains("panicked (scripted)"), "{}", heard[1]);
    }
}

#[test]
fn a_request_that_cannot_begin_says_why() {
    let synth = open(&Script::default());
    let mut request = Request::default();
    request.settings.voice = Some("nobody".into());
    let id = synth.say(request);
    assert_eq!(hear(&synth, id), ["failed: no voice \"nobody\"", "done"]);
}

#[test]
fn cancelling_stops_the_stage_that_works_and_the_next_request_speaks() {
    let script = Script::default();
    let synth = open(&script);
    let first = say(&synth, "wait never");
    let second = say(&synth, "next");
    script.gate.await_visitor();
    assert!(synth.cancel(first));
    assert!(!synth.cancel(first), "already cancelled");
    assert_eq!(hear(&synth, first), ["cancelled"]);
    assert_eq!(hear(&synth, second), ["next", "done"]);
    assert!(!synth.cancel(second), "already done");
}

#[test]
fn a_request_is_cancelled_before_its_turn() {
    let script = Script::default();
    let synth = open(&script);
    let first = say(&synth, "wait");
    let second = say(&synth, "never");
    script.gate.await_visitor();
    assert!(synth.cancel(second));
    script.gate.open();
    assert_eq!(hear(&synth, first), ["wait", "done"]);
    assert_eq!(hear(&synth, second), ["cancelled"]);
}

#[test]
fn abandoning_keeps_what_is_ready() {
    let script = Script::default();
    let synth = open(&script);
    let id = say(&synth, "ready wait");
    script.gate.await_visitor();
    let ready = loop {
        match synth.next_event().unwrap() {
            Event::Speech(speech) => break speech.text,
            _ => continue,
        }
    };
    synth.cancel_all_keep_ready();
    assert_eq!(ready, "ready");
    assert_eq!(hear(&synth, id), ["cancelled"]);
}

#[test]
fn nobody_listening_bounds_the_work_ahead() {
    let script = Script::default();
    let synth = open(&script);
    let id = say(&synth, &"w ".repeat(1000));
    assert!(matches!(synth.next_event(), Some(Event::Ready { .. })));
    assert!(matches!(synth.next_event(), Some(Event::Speech(_))));
    // Two events, two mels, two jobs, and one in the hands of each stage.
    assert!(script.decoded.load(Ordering::SeqCst) < 16);
    assert_eq!(hear(&synth, id).len(), 1000);
}

#[test]
fn dropping_ends_everything_from_any_state() {
    for text in ["wait", "a b c d e f g h", ""] {
        let script = Script::default();
        let synth = open(&script);
        say(&synth, text);
        if text == "wait" {
            script.gate.await_visitor();
        }
        drop(synth);
    }
}

#[test]
fn closing_ends_a_wait_for_events() {
    let synth = open(&Script::default());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| while synth.next_event().is_some() {});
        synth.close();
        waiter.join().unwrap();
    });
}

#[test]
fn a_load_that_fails_or_panics_is_reported() {
    let failing = Synthesizer::open(Recorder::off(), |_| Err(Error::failed("scripted")));
    assert_eq!(
        failing.next_event(),
        Some(Event::LoadFailed(Error::failed("scripted")))
    );
    let panicking = Synthesizer::open(Recorder::off(), |_| panic!("scripted"));
    let Some(Event::LoadFailed(error)) = panicking.next_event() else {
        panic!("another event");
    };
    assert!(error.to_string().contains("scripted"), "{error}");
}

#[test]
fn dropping_cancels_the_loader_and_waits_for_it() {
    let (inside, entered) = mpsc::channel();
    let left = Arc::new(AtomicBool::new(false));
    let synth = Synthesizer::open(Recorder::off(), {
        let left = left.clone();
        move |loading| {
            inside.send(()).unwrap();
            let cancelled = Arc::<Gate>::default().pass(loading.cancel());
            left.store(true, Ordering::SeqCst);
            Err(cancelled.unwrap_err())
        }
    });
    entered.recv().unwrap();
    assert!(synth.is_loading());
    drop(synth);
    assert!(left.load(Ordering::SeqCst));
}

/// All events until there is nothing more to wait for, as short words.
fn rest(synth: &Synthesizer) -> Vec<String> {
    let mut heard = Vec::new();
    while let Some(event) = synth.next_event() {
        heard.push(match event {
            Event::LoadFailed(error) => format!("load failed: {error}"),
            Event::Finished {
                request, spoken: 0, ..
            } => format!("finished {request}"),
            other => format!("{other:?}"),
        });
    }
    heard
}

#[test]
fn after_a_failed_load_every_request_ends_and_so_does_the_wait() {
    let (fail, failing) = mpsc::channel::<()>();
    let synth = Synthesizer::open(Recorder::off(), move |_| {
        failing.recv().unwrap();
        Err(Error::failed("scripted"))
    });
    let (first, second) = (say(&synth, "a"), say(&synth, "b"));
    fail.send(()).unwrap();
    assert_eq!(
        rest(&synth),
        [
            "load failed: scripted".to_owned(),
            format!("finished {first}"),
            format!("finished {second}")
        ]
    );
    let late = say(&synth, "c");
    assert_eq!(rest(&synth), [format!("finished {late}")]);
    assert!(!synth.cancel(late), "it has ended");
}

#[test]
fn after_a_failed_load_no_other_thread_waits_either() {
    let (fail, failing) = mpsc::channel::<()>();
    let synth = Synthesizer::open(Recorder::off(), move |_| {
        failing.recv().unwrap();
        Err(Error::failed("scripted"))
    });
    say(&synth, "a");
    let heard: Vec<String> = thread::scope(|scope| {
        let waiting = [scope.spawn(|| rest(&synth)), scope.spawn(|| rest(&synth))];
        fail.send(()).unwrap();
        waiting
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(heard.len(), 2, "{heard:?}");
}

#[test]
fn after_a_failed_load_speaking_gives_the_reason() {
    let synth = Synthesizer::open(Recorder::off(), |_| Err(Error::failed("scripted")));
    for _ in 0..2 {
        let spoken: Vec<_> = synth.speak("a").collect();
        assert_eq!(spoken, [Err(Error::failed("scripted"))]);
    }
}

/// The text of the speech, or the error.
fn spoken(speech: Result<Speech>) -> String {
    speech.map_or_else(|error| format!("failed: {error}"), |speech| speech.text)
}

#[test]
fn speaking_gives_each_utterance_or_why_it_failed() {
    let synth = open(&Script::default());
    let said: Vec<_> = synth.speak("a lm-fails b").map(spoken).collect();
    assert_eq!(said, ["a", "failed: scripted", "b"]);
    let said: Vec<_> = synth.speak("!").map(spoken).collect();
    assert_eq!(said, ["failed: nothing to say in \"!\""]);
    assert_eq!(synth.speak("").count(), 0);
}

#[test]
fn speaking_and_events_do_not_take_each_others_speech() {
    let synth = open(&Script::default());
    let before = say(&synth, "a b");
    let speaking = synth.speak("c d");
    let after = say(&synth, "e");
    assert_eq!(hear(&synth, before), ["a", "b", "done"]);
    assert_eq!(speaking.map(spoken).collect::<Vec<_>>(), ["c", "d"]);
    assert_eq!(hear(&synth, after), ["e", "done"]);
}

#[test]
fn who_stops_listening_cancels_the_speech() {
    let script = Script::default();
    let synth = open(&script);
    let mut speaking = synth.speak(format!("ready wait {}", "never ".repeat(100)));
    assert_eq!(speaking.next().map(spoken).unwrap(), "ready");
    script.gate.await_visitor();
    drop(speaking);
    assert_eq!(
        synth.speak("next").map(spoken).collect::<Vec<_>>(),
        ["next"]
    );
    assert_eq!(script.decoded.load(Ordering::SeqCst), 2);
}

#[test]
fn speech_that_nobody_takes_is_dropped_with_its_iterator_even_if_parts_fail() {
    let synth = open(&Script::default());
    drop(synth.speak("a b flow-fails flow-fails c flow-fails flow-fails d e f g h"));
    let mut speaking = synth.speak("a flow-fails flow-fails flow-fails flow-fails b");
    assert_eq!(speaking.next().map(spoken).unwrap(), "a");
    drop(speaking);
    assert_eq!(
        synth.speak("next").map(spoken).collect::<Vec<_>>(),
        ["next"]
    );
}

#[test]
fn speech_that_was_cut_off_is_not_taken_for_the_whole() {
    let script = Script::default();
    let synth = open(&script);
    let speaking = synth.speak("wait");
    script.gate.await_visitor();
    assert!(synth.cancel(speaking.request()));
    assert_eq!(
        speaking.map(spoken).collect::<Vec<_>>(),
        ["failed: cancelled"]
    );

    let speaking = synth.speak("wait");
    synth.close();
    assert_eq!(
        speaking.map(spoken).collect::<Vec<_>>(),
        ["failed: cancelled"]
    );
    assert_eq!(
        synth.speak("late").map(spoken).collect::<Vec<_>>(),
        ["failed: cancelled"]
    );
}
