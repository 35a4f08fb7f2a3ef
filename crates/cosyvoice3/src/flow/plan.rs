//! The plans: the whole utterance in one call, or window by window or chunk by chunk while its tokens arrive.

use std::ops::Range;

use super::{
    Conditions, Device, FlowBackend,
    chunks::{self, Chunks, Hop},
    noise::Noise,
    ode::{self, Guidance},
    prompts::Prompts,
    windows::{BLEND_FRAMES, PROMPT_TOKENS, Window, Windows},
};
use crate::{
    Error, ErrorKind, Result,
    cancel::Cancel,
    constants::{ATTENTION_CHUNK_FRAMES, FRAMES_PER_TOKEN, SPEECH_CODES},
    manifest::{self, ESTIMATOR_FRAMES, Schedule},
    mel::{Mel, MelAccumulator},
    voice::Voice,
};

/// Choice of the tokens that each call of the flow model sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FlowPlan {
    /// Windows if the back end has estimators of fixed lengths only, else whole.
    #[default]
    Auto,
    /// The whole utterance at once, with all of the prompt and full attention, as published.
    Whole,
    /// [Windows](super::windows) with the first 75 prompt tokens and the streaming attention mask.
    Windows,
}

/// Settings for turning one utterance into mel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlowOptions {
    /// See [`FlowPlan`].
    pub plan: FlowPlan,
    /// Euler steps; 0 is the manifest's number for the plan.
    pub steps: usize,
    /// Time points of the solver; `None` is the manifest's.
    pub schedule: Option<Schedule>,
    /// Steps from one with guidance to the next, see [`Guidance`]; 0 is 1.
    pub guidance_interval: usize,
    /// Mel as it comes: [`chunks`](super::chunks) where the plan would be whole.
    pub stream: bool,
    /// Frames of earlier speech that a chunk sees; `None` is as many as fit into
    /// [`MEMORY_BYTES`](super::chunks::MEMORY_BYTES), which is all of a usual utterance.
    pub context: Option<usize>,
}

/// The flow model: a back end, the defaults that the manifest has for it, and the prompts of voices in use.
pub struct FlowModel {
    backend: Box<dyn FlowBackend>,
    defaults: manifest::Flow,
    prompts: Prompts,
}

impl FlowModel {
    /// The flow model of `manifest`, run by `backend`.
    pub fn new(backend: Box<dyn FlowBackend>, manifest: &manifest::Flow) -> Self {
        Self {
            backend,
            defaults: manifest.clone(),
            prompts: Prompts::default(),
        }
    }

    /// Returns true if the mel of an utterance under `plan` can leave before the utterance is complete.
    pub fn streams(&self, plan: FlowPlan) -> bool {
        match plan {
            FlowPlan::Windows => true,
            FlowPlan::Whole => false,
            FlowPlan::Auto => {
                self.backend.estimator_lengths().is_some() || self.backend.remembers()
            }
        }
    }

    /// The back end that runs the networks.
    pub fn backend(&mut self) -> &mut dyn FlowBackend {
        &mut *self.backend
    }

    /// Begins an utterance of `voice`.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] if the back end cannot follow the plan, or if the voice's prompt is too short for it.
    pub fn utterance<'m>(
        &'m mut self,
        voice: &'m Voice,
        options: &FlowOptions,
    ) -> Result<Utterance<'m>> {
        let lengths = self.backend.estimator_lengths();
        let windows = match options.plan {
            FlowPlan::Auto => lengths.is_some(),
            FlowPlan::Whole => false,
            FlowPlan::Windows => true,
        };
        check_lengths(lengths, windows, self.backend.device())?;
        if options.stream {
            self.check_stream(options.plan)?;
        }
        let (cursor, prompt_tokens, default_steps) = if windows {
            check_prompt(voice)?;
            let cursor = Cursor::Windows(Windows::new());
            (cursor, PROMPT_TOKENS, self.defaults.window_steps)
        } else if options.stream {
            let cursor = Cursor::Chunks(Chunks::new(voice, options.context));
            (cursor, voice.prompt_tokens.len(), self.defaults.steps)
        } else {
            let cursor = Cursor::Whole { done: false };
            (cursor, voice.prompt_tokens.len(), self.defaults.steps)
        };
        let steps = match options.steps {
            0 => default_steps,
            steps => steps,
        };
        let own_points = &self.defaults.time_points;
        let times = if options.steps == 0 && options.schedule.is_none() && !own_points.is_empty() {
            own_points.clone()
        } else {
            let schedule = options.schedule.unwrap_or(self.defaults.schedule);
            ode::time_points(schedule, steps)
        };
        Ok(Utterance {
            backend: &mut *self.backend,
            prompts: &mut self.prompts,
            voice,
            prompt_tokens,
            times,
            guidance: Guidance {
                rate: self.defaults.guidance,
                interval: options.guidance_interval.max(1),
            },
            cursor,
            mel: MelAccumulator::new(),
        })
    }

    /// As [`streams`](Self::streams), with the reason.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] if it cannot.
    pub fn check_stream(&self, plan: FlowPlan) -> Result<()> {
        if self.streams(plan) {
            return Ok(());
        }
        let why = match plan {
            FlowPlan::Whole => "flow-plan=whole sees whole utterances: use flow-plan=auto",
            _ => {
                "flow_estimator.onnx has no memory of earlier frames, because an older converter made it: \
                 run `cosyvoice3 model remember MODEL`, or convert the checkpoint again"
            }
        };
        Err(Error::new(
            ErrorKind::Settings,
            format!("speech cannot be sent in chunks: {why}"),
        ))
    }
}

fn check_lengths(lengths: Option<&[usize]>, windows: bool, device: Device) -> Result<()> {
    let Some(lengths) = lengths else {
        return Ok(());
    };
    if !windows {
        return Err(Error::new(
            ErrorKind::Settings,
            format!(
                "the flow model on the {device} has only estimators of fixed length: use flow-plan=windows"
            ),
        ));
    }
    let missing = ESTIMATOR_FRAMES.iter().find(|n| !lengths.contains(n));
    match missing {
        None => Ok(()),
        Some(frames) => Err(Error::new(
            ErrorKind::Settings,
            format!(
                "the flow model on the {device} has estimators for {lengths:?} frames, but none for {frames}: \
                 add the missing model file"
            ),
        )),
    }
}

fn check_prompt(voice: &Voice) -> Result<()> {
    let have = voice.prompt_tokens.len();
    if have >= PROMPT_TOKENS {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Settings,
        format!(
            "the prompt of voice {} has {have} speech tokens, the window plan needs {PROMPT_TOKENS} (3 s): \
             use flow-plan=whole or a voice with a longer prompt",
            voice.name
        ),
    ))
}

enum Cursor {
    Whole { done: bool },
    Windows(Windows),
    Chunks(Chunks),
}

/// One call of the flow model, for traces and statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Tokens of the speech that it saw.
    pub tokens: Range<usize>,
    /// Frames of the estimator: with those of the prompt as far as they were not there.
    pub frames: usize,
    /// Frames of the speech that it added.
    pub new_frames: Range<usize>,
    /// Euler steps.
    pub steps: usize,
}

/// One utterance on its way from tokens to mel.
pub struct Utterance<'m> {
    backend: &'m mut dyn FlowBackend,
    prompts: &'m mut Prompts,
    voice: &'m Voice,
    prompt_tokens: usize,
    times: Vec<f32>,
    guidance: Guidance,
    cursor: Cursor,
    mel: MelAccumulator,
}

impl Utterance<'_> {
    /// Number of tokens that the next call needs; `usize::MAX` if it needs all.
    pub fn wanted(&self) -> usize {
        match &self.cursor {
            Cursor::Whole { .. } => usize::MAX,
            Cursor::Windows(windows) => windows.wanted(),
            Cursor::Chunks(chunks) => chunks.wanted(),
        }
    }

    /// Makes the next call that `tokens`, all tokens so far, allow; `None` once there is none to make. `finished` means
    /// that no more tokens will come.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`] on a token that is no sound, [`ErrorKind::Text`] if the utterance is longer than the
    /// noise table, [`ErrorKind::Cancelled`], and what the back end reports.
    pub fn advance(
        &mut self,
        tokens: &[u32],
        finished: bool,
        cancel: &Cancel,
    ) -> Result<Option<Call>> {
        let (window, full_attention) = match &mut self.cursor {
            Cursor::Chunks(chunks) => {
                let Some(hop) = chunks.next(tokens.len(), finished) else {
                    return Ok(None);
                };
                return self.chunk(&hop, tokens, cancel).map(Some);
            }
            Cursor::Windows(windows) => (windows.next(tokens.len(), finished), false),
            Cursor::Whole { done } => {
                let ready = finished && !*done && !tokens.is_empty();
                *done |= ready;
                (ready.then(|| whole(tokens.len())), true)
            }
        };
        let Some(window) = window else {
            return Ok(None);
        };
        cancel.check()?;
        let frames = FRAMES_PER_TOKEN * self.prompt_tokens + window.frames();
        let attention_chunk = if full_attention {
            frames
        } else {
            ATTENTION_CHUNK_FRAMES
        };
        let mel = self.call(&window, tokens, attention_chunk, cancel)?;
        self.mel.append(&mel, window.new_from(), BLEND_FRAMES);
        Ok(Some(Call {
            tokens: window.tokens.clone(),
            frames,
            new_frames: window.new_frames.clone(),
            steps: self.times.len() - 1,
        }))
    }

    fn chunk(&mut self, hop: &Hop, tokens: &[u32], cancel: &Cancel) -> Result<Call> {
        cancel.check()?;
        check_tokens(&tokens[hop.tokens.start..])?;
        check_tokens(&self.voice.prompt_tokens)?;
        let Cursor::Chunks(chunks) = &mut self.cursor else {
            unreachable!("only the chunk plan has hops");
        };
        let mut flow = chunks::Flow {
            backend: &mut *self.backend,
            voice: self.voice,
            times: &self.times,
            guidance_rate: self.guidance.rate,
            prompts: &mut *self.prompts,
        };
        let (mel, frames) = chunks.run(&mut flow, tokens, hop, cancel)?;
        self.mel.append(&mel, 0, 0);
        Ok(Call {
            tokens: hop.tokens.clone(),
            frames,
            new_frames: FRAMES_PER_TOKEN * hop.tokens.start..FRAMES_PER_TOKEN * hop.tokens.end,
            steps: self.times.len() - 1,
        })
    }

    /// The calls that follow, if the speech has `total` tokens.
    pub fn to_come(&self, total: usize) -> Vec<Call> {
        let steps = self.times.len() - 1;
        match &self.cursor {
            Cursor::Whole { .. } => Vec::new(),
            Cursor::Windows(windows) => {
                let mut windows = windows.clone();
                std::iter::from_fn(|| windows.next(total, true))
                    .map(|window| Call {
                        frames: FRAMES_PER_TOKEN * self.prompt_tokens + window.frames(),
                        tokens: window.tokens,
                        new_frames: window.new_frames,
                        steps,
                    })
                    .collect()
            }
            Cursor::Chunks(chunks) => chunks
                .to_come(total)
                .map(|hop| Call {
                    frames: FRAMES_PER_TOKEN * hop.tokens.len(),
                    new_frames: FRAMES_PER_TOKEN * hop.tokens.start
                        ..FRAMES_PER_TOKEN * hop.tokens.end,
                    tokens: hop.tokens,
                    steps,
                })
                .collect(),
        }
    }

    /// Returns true if no call follows.
    pub fn is_complete(&self) -> bool {
        match &self.cursor {
            Cursor::Whole { done } => *done,
            Cursor::Windows(windows) => windows.is_complete(),
            Cursor::Chunks(chunks) => chunks.is_complete(),
        }
    }

    /// Takes out the mel that no later call changes.
    pub fn take(&mut self) -> Mel {
        let blended = match self.cursor {
            Cursor::Windows(_) if !self.is_complete() => BLEND_FRAMES,
            _ => 0,
        };
        self.mel.take(blended)
    }

    /// The mel gathered so far: two frames for each token, once [`advance`](Self::advance) has no more to do.
    pub fn into_mel(self) -> Mel {
        self.mel.into_mel()
    }

    /// The window's own frames, without the prompt's.
    fn call(
        &mut self,
        window: &Window,
        tokens: &[u32],
        attention_chunk: usize,
        cancel: &Cancel,
    ) -> Result<Mel> {
        let prompt = &self.voice.prompt_tokens[..self.prompt_tokens];
        let prompt_frames = FRAMES_PER_TOKEN * self.prompt_tokens;
        let seen = [
            prompt,
            &prompt[self.prompt_tokens - window.fill..],
            &tokens[window.tokens.clone()],
        ]
        .concat();
        check_tokens(&seen)?;
        let encoded =
            self.backend
                .encode(&seen, &self.voice.embedding, window.lookahead, cancel)?;
        let noise = Noise::table().window(prompt_frames, window.first_frame(), window.frames())?;
        let mut cond = Mel::zeros(noise.frames());
        cond.write(0, &self.voice.prompt_mel, 0..prompt_frames);
        let conditions = Conditions {
            mu: &encoded.mu,
            spks: &encoded.spks,
            cond: &cond,
            attention_chunk,
        };
        let mel = ode::solve_with(
            self.backend,
            noise,
            conditions,
            &self.times,
            self.guidance,
            cancel,
        )?;
        Ok(mel.columns(prompt_frames..mel.frames()))
    }
}

fn check_tokens(tokens: &[u32]) -> Result<()> {
    match tokens.iter().find(|id| **id >= SPEECH_CODES) {
        None => Ok(()),
        Some(id) => Err(Error::failed(format!(
            "speech token {id} is outside 0..{SPEECH_CODES}: control ids must not reach the flow model"
        ))),
    }
}

/// The whole speech as one window.
fn whole(tokens: usize) -> Window {
    Window {
        fill: 0,
        tokens: 0..tokens,
        lookahead: false,
        new_frames: 0..FRAMES_PER_TOKEN * tokens,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        constants::{CFG_RATE, LOOKAHEAD_TOKENS, MEL_BINS},
        flow::{Device, Encoded},
    };

    /// A flow whose mel is its token ids, whatever the noise.
    #[derive(Default)]
    struct Echo {
        lengths: Option<Vec<usize>>,
        mu: Option<Mel>,
    }

    impl FlowBackend for Echo {
        fn device(&self) -> Device {
            Device::Cpu
        }

        fn estimator_lengths(&self) -> Option<&[usize]> {
            self.lengths.as_deref()
        }

        fn encode(
            &mut self,
            tokens: &[u32],
            _: &[f32],
            lookahead: bool,
            _: &Cancel,
        ) -> Result<Encoded> {
            let ignored = if lookahead { LOOKAHEAD_TOKENS } else { 0 };
            let frames: Vec<f32> = tokens[..tokens.len() - ignored]
                .iter()
                .flat_map(|id| [*id as f32; 2 * MEL_BINS])
                .collect();
            Ok(Encoded {
                mu: Mel::from_frames(&frames),
                spks: vec![0.0; MEL_BINS],
            })
        }

        fn begin(&mut self, conditions: Conditions<'_>, _: &Cancel) -> Result<()> {
            assert_eq!(conditions.mu.frames(), conditions.cond.frames());
            if let Some(lengths) = &self.lengths {
                assert!(lengths.contains(&conditions.mu.frames()));
                assert_eq!(conditions.attention_chunk, ATTENTION_CHUNK_FRAMES);
            } else {
                assert_eq!(conditions.attention_chunk, conditions.mu.frames());
            }
            self.mu = Some(conditions.mu.clone());
            Ok(())
        }

        fn step(
            &mut self,
            x: &Mel,
            t: f32,
            conditional: &mut Mel,
            unconditional: &mut Mel,
            _: &Cancel,
        ) -> Result<()> {
            let mu = self.mu.as_ref().unwrap().as_slice();
            for (i, (mu, x)) in std::iter::zip(mu, x.as_slice()).enumerate() {
                let velocity = (mu - x) / (1.0 - t);
                conditional.as_mut_slice()[i] = velocity;
                unconditional.as_mut_slice()[i] = velocity;
            }
            Ok(())
        }
    }

    fn voice(prompt: usize) -> Voice {
        Voice {
            name: "anna".into(),
            language: None,
            prompt_text: None,
            prompt_text_ids: Vec::new(),
            prompt_tokens: vec![5000; prompt],
            tail_tokens: Vec::new(),
            prompt_mel: Mel::zeros(2 * prompt),
            embedding: vec![0.0; 192],
            provenance: None,
        }
    }

    fn model(lengths: Option<&[usize]>) -> FlowModel {
        let backend = Echo {
            lengths: lengths.map(Into::into),
            mu: None,
        };
        let manifest = manifest::Flow {
            encoder: None,
            estimator: None,
            times: None,
            quantization: String::new(),
            guidance: CFG_RATE,
            time_points: Vec::new(),
            steps: 3,
            window_steps: 2,
            schedule: Schedule::Cosine,
        };
        FlowModel::new(Box::new(backend), &manifest)
    }

    fn speak(
        model: &mut FlowModel,
        voice: &Voice,
        count: usize,
        options: FlowOptions,
    ) -> Vec<Call> {
        let tokens: Vec<u32> = (0..count as u32).collect();
        let mut utterance = model.utterance(voice, &options).unwrap();
        let mut calls = Vec::new();
        for available in 0..=count {
            let finished = available == count;
            let cancel = Cancel::new();
            while let Some(call) = utterance
                .advance(&tokens[..available], finished, &cancel)
                .unwrap()
            {
                calls.push(call);
            }
        }
        let mel = utterance.into_mel();
        assert_eq!(mel.frames(), 2 * count);
        for bin in [0, MEL_BINS - 1] {
            for (frame, value) in mel.row(bin).iter().enumerate() {
                let token = (frame / 2) as f32;
                assert!((value - token).abs() < 0.01, "frame {frame}: {value}");
            }
        }
        calls
    }

    #[test]
    fn each_token_becomes_its_own_two_frames_under_either_plan() {
        for count in [0, 1, 24, 25, 27, 28, 49, 50, 52, 53, 77, 78, 130, 200] {
            speak(&mut model(None), &voice(40), count, FlowOptions::default());
            let mut npu = model(Some(&ESTIMATOR_FRAMES));
            speak(&mut npu, &voice(90), count, FlowOptions::default());
        }
    }

    #[test]
    fn windows_run_while_tokens_still_arrive_and_the_whole_plan_waits() {
        let mut npu = model(Some(&ESTIMATOR_FRAMES));
        let calls = speak(&mut npu, &voice(75), 60, FlowOptions::default());
        let frames: Vec<_> = calls.iter().map(|call| (call.frames, call.steps)).collect();
        assert_eq!(frames, [(200, 2), (250, 2), (250, 2)]);

        let mut cpu = model(None);
        let calls = speak(&mut cpu, &voice(100), 60, FlowOptions::default());
        assert_eq!(calls.len(), 1);
        assert_eq!((calls[0].frames, calls[0].steps), (320, 3));
    }

    #[test]
    fn a_caller_may_wait_for_as_many_tokens_as_the_next_call_needs() {
        let mut npu = model(Some(&ESTIMATOR_FRAMES));
        let voice = voice(75);
        let mut utterance = npu.utterance(&voice, &FlowOptions::default()).unwrap();
        assert_eq!(utterance.wanted(), 28);
        let call = utterance.advance(&[1; 28], false, &Cancel::new()).unwrap();
        assert_eq!(call.unwrap().new_frames, 0..50);
        assert_eq!(utterance.wanted(), 53);
    }

    #[test]
    fn a_short_prompt_is_refused_by_the_window_plan_by_name_and_with_a_remedy() {
        let options = FlowOptions {
            plan: FlowPlan::Windows,
            ..Default::default()
        };
        let error = model(None).utterance(&voice(74), &options).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Settings);
        let message = error.to_string();
        assert!(message.contains("voice anna has 74"), "{message}");
        assert!(message.contains("flow-plan=whole"), "{message}");
    }

    #[test]
    fn a_back_end_of_fixed_lengths_refuses_the_whole_plan() {
        let options = FlowOptions {
            plan: FlowPlan::Whole,
            ..Default::default()
        };
        let mut npu = model(Some(&ESTIMATOR_FRAMES));
        let error = npu.utterance(&voice(75), &options).err().unwrap();
        assert!(error.to_string().contains("flow-plan=windows"), "{error}");
        let mut incomplete = model(Some(&[200, 300]));
        let error = incomplete
            .utterance(&voice(75), &FlowOptions::default())
            .err()
            .unwrap();
        assert!(error.to_string().contains("none for 250"), "{error}");
    }

    #[test]
    fn a_token_that_is_no_sound_never_reaches_the_network() {
        let mut cpu = model(None);
        let voice = voice(75);
        let mut utterance = cpu.utterance(&voice, &FlowOptions::default()).unwrap();
        let error = utterance
            .advance(&[1, 6562], true, &Cancel::new())
            .unwrap_err();
        assert!(error.to_string().contains("6562"), "{error}");
    }

    #[test]
    fn a_cancelled_utterance_makes_no_call() {
        let mut cpu = model(None);
        let voice = voice(75);
        let mut utterance = cpu.utterance(&voice, &FlowOptions::default()).unwrap();
        let cancel = Cancel::new();
        cancel.cancel();
        let error = utterance.advance(&[1; 60], true, &cancel).unwrap_err();
        assert!(error.is_cancelled());
    }
}
