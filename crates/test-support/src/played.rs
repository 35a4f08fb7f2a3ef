//! Stages that take their time and compute nothing, behind `Synthesizer` and under the flow's own plan.
use std::{
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use cosyvoice3::{
    Result,
    cancel::Cancel,
    constants::{
        CFG_RATE, FRAMES_PER_TOKEN, LOOKAHEAD_TOKENS, MEL_BINS, SPEAKER_EMBEDDING,
        VOCODER_CONTEXT_FRAMES,
    },
    cpu::worker::Worker,
    flow::{
        Conditions, Device, Encoded, FlowBackend, FlowModel,
        noise::Noise,
        windows::{PROMPT_TOKENS, Window, Windows},
    },
    lm::{Hit, StopReason},
    manifest::{self, ESTIMATOR_FRAMES, Schedule},
    mel::Mel,
    synth::{
        Decoded, Engine, Event, FlowStage, Flush, Job, Jobs, LmStage, MelInPieces, Piece, Recorder,
        Request, RequestId, Span, Synthesizer, Tokens, VocoderStage,
    },
    voice::Voice,
};

/// Times of the stages for one utterance, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub prefill: f64,
    pub decode: f64,
    pub tokens: usize,
    /// All windows together; each takes a share by its length.
    pub flow: f64,
    pub vocoder: f64,
}

/// Times that another pipeline reported for an RK3588 with an AX650N.
pub const COLD: Times = Times {
    prefill: 2.0,
    decode: 3.2,
    tokens: 138,
    flow: 3.0,
    vocoder: 2.3,
};

/// The same with a cached prefix.
pub const CACHED: Times = Times {
    prefill: 0.06,
    ..COLD
};

/// Cores of language model and vocoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BigCores {
    /// Each on cores of its own.
    Separate,
    /// The same for both: one utterance of one of them at a time, in the order of the calls.
    Shared,
}

/// Euler steps of a window.
const STEPS: usize = 5;
/// Text ids of an utterance for its tokens, as the engine expects before it has counted any.
const TOKENS_PER_ID: usize = 5;
const SAMPLES_PER_FRAME: usize = 480;

fn frames(window: &Window) -> usize {
    FRAMES_PER_TOKEN * PROMPT_TOKENS + window.frames()
}

impl Times {
    fn windows(&self) -> Vec<Window> {
        let mut windows = Windows::new();
        std::iter::from_fn(|| windows.next(self.tokens, true)).collect()
    }

    /// Seconds that the flow takes for one frame of a window, prompt included.
    fn flow_frame(&self) -> f64 {
        self.flow / self.windows().iter().map(frames).sum::<usize>() as f64
    }

    /// Earliest time of the last speech, with each stage on cores of its own: every window runs as soon as its tokens
    /// exist and the one before it is done, every stage one utterance after the other.
    pub fn critical_path(&self, utterances: usize) -> f64 {
        let (mut lm, mut flow, mut vocoder) = (0f64, 0f64, 0f64);
        for _ in 0..utterances {
            let decoding = lm + self.prefill;
            for window in self.windows() {
                let tokens = window.tokens.end as f64 / self.tokens as f64;
                flow = flow.max(decoding + self.decode * tokens);
                flow += frames(&window) as f64 * self.flow_frame();
            }
            lm = decoding + self.decode;
            vocoder = flow.max(vocoder) + self.vocoder;
        }
        vocoder
    }

    /// Lower bound of the total: [`critical_path`](Self::critical_path), or the work of the shared cores if longer.
    pub fn bound(&self, cores: BigCores, utterances: usize) -> f64 {
        let work = utterances as f64 * (self.prefill + self.decode + self.vocoder);
        let path = self.critical_path(utterances);
        match cores {
            BigCores::Separate => path,
            BigCores::Shared => path.max(work),
        }
    }
}

/// Times of one run, in seconds of the unscaled times.
pub struct Run {
    /// From the request to the first speech.
    pub first: f64,
    /// To the last speech.
    pub total: f64,
    /// Time for which players had nothing to play in the middle of an utterance.
    pub dry: f64,
    pub spans: Vec<Span>,
}

/// Synthesizes `utterances` for a live stream, all times multiplied by `pace`.
pub fn play(times: &Times, cores: BigCores, utterances: usize, pace: f64, flush: Flush) -> Run {
    let recorder = Recorder::on();
    let engine = Played {
        times: *times,
        pace,
        big_cores: (cores == BigCores::Shared).then(Arc::default),
    };
    let synth = Synthesizer::open(recorder, move |_| Ok(Arc::new(engine)));
    while !matches!(synth.next_event(), Some(Event::Ready { .. })) {}
    let mut request = Request::new(vec!["text"; utterances].join(" "));
    request.settings.flush = flush;
    request.settings.live = true;
    // Computed once, by the first utterance of a process.
    Noise::table();
    let since = Instant::now();
    synth.say(request);
    let (mut first, mut total, mut spoken, mut dry) = (None, 0.0, 0, 0.0);
    loop {
        match synth.next_event().expect("open") {
            Event::Speech(speech) => {
                total = since.elapsed().as_secs_f64() / pace;
                first.get_or_insert(total);
                if speech.last {
                    spoken += 1;
                    let playback = speech.stats.playback.map(|playback| playback.dry);
                    dry += playback.unwrap_or_default().as_secs_f64() / pace;
                }
            }
            Event::Finished { .. } => break,
            event => panic!("{event:?}"),
        }
    }
    assert_eq!(spoken, utterances);
    Run {
        first: first.expect("speech"),
        total,
        dry,
        spans: synth.spans(),
    }
}

/// Sleeps until `seconds` after `since`: a late wake-up does not delay the next one as well.
fn sleep_until(since: Instant, seconds: f64) {
    let end = since + Duration::from_secs_f64(seconds);
    thread::sleep(end.saturating_duration_since(Instant::now()));
}

/// Turns in the order of the calls.
#[derive(Default)]
struct Turns {
    /// Number of turns requested, and number done.
    state: Mutex<(usize, usize)>,
    changed: Condvar,
}

impl Turns {
    fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut state = self.state.lock().unwrap();
        let mine = state.0;
        state.0 += 1;
        while state.1 != mine {
            state = self.changed.wait(state).unwrap();
        }
        drop(state);
        let done = work();
        self.state.lock().unwrap().1 += 1;
        self.changed.notify_all();
        done
    }
}

/// A job for the word number `utterance`, in a voice with the prompt that windows need.
pub fn job(request: RequestId, utterance: usize, asked: &Request) -> Job {
    job_of(request, utterance, asked, 1)
}

fn job_of(request: RequestId, utterance: usize, asked: &Request, text_ids: usize) -> Job {
    Job {
        request,
        utterance,
        text: "text".into(),
        prompt_text_ids: vec![],
        text_ids: vec![0; text_ids],
        prompt_speech: true,
        before: Vec::new(),
        after: Vec::new(),
        voice: Arc::new(Voice {
            name: "played".into(),
            language: None,
            prompt_text: None,
            prompt_text_ids: vec![],
            prompt_tokens: vec![0; PROMPT_TOKENS],
            tail_tokens: Vec::new(),
            prompt_mel: Mel::zeros(FRAMES_PER_TOKEN * PROMPT_TOKENS),
            embedding: vec![0.0; SPEAKER_EMBEDDING],
            provenance: None,
        }),
        settings: asked.settings.clone(),
    }
}

/// Result of the language model for a normal utterance.
pub fn decoded(prefill: Duration, decode: Duration) -> Decoded {
    Decoded {
        stop: StopReason::Natural,
        hit: Hit::None,
        prefill,
        decode,
    }
}

#[derive(Clone)]
struct Played {
    times: Times,
    pace: f64,
    big_cores: Option<Arc<Turns>>,
}

impl Played {
    fn on_big_cores<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.big_cores {
            Some(turns) => turns.during(work),
            None => work(),
        }
    }
}

impl Engine for Played {
    fn jobs(&self, id: RequestId, request: &Request) -> Result<Jobs> {
        let request = request.clone();
        let words = request.text.split_whitespace().count();
        let ids = self.times.tokens.div_ceil(TOKENS_PER_ID);
        Ok(Box::new(
            (0..words).map(move |word| Ok(job_of(id, word, &request, ids))),
        ))
    }

    fn lm(&self, _worker: &Arc<Worker>) -> Result<Box<dyn LmStage>> {
        Ok(Box::new(self.clone()))
    }

    fn flow(&self, recorder: &Recorder) -> Result<Box<dyn FlowStage>> {
        let frame = self.pace * self.times.flow_frame() / STEPS as f64;
        Ok(flow(recorder, STEPS, move |since, frames| {
            sleep_until(since, frame * frames as f64);
        }))
    }

    fn vocoder(&self) -> Result<Box<dyn VocoderStage>> {
        Ok(Box::new(self.clone()))
    }
}

impl LmStage for Played {
    fn run(
        &mut self,
        _job: &Job,
        _cancel: &Cancel,
        on_token: &mut dyn FnMut(u32) -> Result<()>,
    ) -> Result<Decoded> {
        let (times, pace) = (self.times, self.pace);
        self.on_big_cores(|| {
            let since = Instant::now();
            sleep_until(since, pace * times.prefill);
            let prefill = since.elapsed();
            for token in 1..=times.tokens {
                let share = token as f64 / times.tokens as f64;
                sleep_until(since, pace * (times.prefill + times.decode * share));
                on_token(0)?;
            }
            Ok(decoded(prefill, since.elapsed() - prefill))
        })
    }
}

impl VocoderStage for Played {
    fn run(&mut self, _job: &Job, mel: Mel, _cancel: &Cancel) -> Result<Vec<f32>> {
        assert_eq!(mel.frames(), FRAMES_PER_TOKEN * self.times.tokens);
        Ok(self.vocode(mel.frames(), 0))
    }

    fn run_piece(
        &mut self,
        _job: &Job,
        mel: Mel,
        first: bool,
        _last: bool,
        _cancel: &Cancel,
    ) -> Result<Vec<f32>> {
        let again = if first { 0 } else { VOCODER_CONTEXT_FRAMES };
        Ok(self.vocode(mel.frames(), again))
    }
}

impl Played {
    /// Silence for `frames`, after the time for them and for the frames that are computed `again`.
    fn vocode(&self, frames: usize, again: usize) -> Vec<f32> {
        let whole = FRAMES_PER_TOKEN * self.times.tokens;
        let seconds = self.times.vocoder * (frames + again) as f64 / whole as f64;
        self.on_big_cores(|| sleep_until(Instant::now(), self.pace * seconds));
        vec![0.0; frames * SAMPLES_PER_FRAME]
    }
}

/// A flow stage in windows of `steps` steps that makes silence and calls `on_step` at each step, with the start time of
/// the window and the frames of all its steps so far.
pub fn flow(
    recorder: &Recorder,
    steps: usize,
    on_step: impl FnMut(Instant, usize) + Send + 'static,
) -> Box<dyn FlowStage> {
    let backend = Silence {
        on_step,
        frames: 0,
        since: Instant::now(),
        frame_steps: 0,
    };
    let manifest = manifest::Flow {
        encoder: None,
        estimator: None,
        times: None,
        quantization: String::new(),
        guidance: CFG_RATE,
        time_points: Vec::new(),
        steps,
        window_steps: steps,
        schedule: Schedule::Linear,
    };
    Box::new(Flow {
        model: FlowModel::new(Box::new(backend), &manifest),
        recorder: recorder.clone(),
    })
}

struct Flow {
    model: FlowModel,
    recorder: Recorder,
}

impl FlowStage for Flow {
    fn run(&mut self, job: &Job, tokens: &mut Tokens, cancel: &Cancel) -> Result<Mel> {
        let mut mel = Mel::zeros(0);
        self.run_in_pieces(job, tokens, false, 0, cancel, &mut |piece| mel = piece.mel)?;
        Ok(mel)
    }

    fn run_in_pieces(
        &mut self,
        job: &Job,
        tokens: &mut Tokens,
        pieces: bool,
        expected: usize,
        cancel: &Cancel,
        out: &mut dyn FnMut(Piece),
    ) -> Result<()> {
        let mut making = MelInPieces {
            recorder: &self.recorder,
            job,
            pieces,
            expected,
        };
        making.run(&mut self.model, tokens, cancel, out)
    }
}

struct Silence<F> {
    on_step: F,
    frames: usize,
    since: Instant,
    frame_steps: usize,
}

impl<F: FnMut(Instant, usize) + Send> FlowBackend for Silence<F> {
    fn device(&self) -> Device {
        Device::Cpu
    }

    fn estimator_lengths(&self) -> Option<&[usize]> {
        Some(&ESTIMATOR_FRAMES)
    }

    fn encode(
        &mut self,
        tokens: &[u32],
        _: &[f32],
        lookahead: bool,
        _: &Cancel,
    ) -> Result<Encoded> {
        (self.since, self.frame_steps) = (Instant::now(), 0);
        let ignored = if lookahead { LOOKAHEAD_TOKENS } else { 0 };
        Ok(Encoded {
            mu: Mel::zeros(FRAMES_PER_TOKEN * (tokens.len() - ignored)),
            spks: vec![0.0; MEL_BINS],
        })
    }

    fn begin(&mut self, conditions: Conditions<'_>, _: &Cancel) -> Result<()> {
        self.frames = conditions.mu.frames();
        Ok(())
    }

    fn step(&mut self, _: &Mel, _: f32, _: &mut Mel, _: &mut Mel, _: &Cancel) -> Result<()> {
        self.frame_steps += self.frames;
        (self.on_step)(self.since, self.frame_steps);
        Ok(())
    }
}
