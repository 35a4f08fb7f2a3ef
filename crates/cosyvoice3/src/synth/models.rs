//! The stages of the product: loaded models behind the pipeline's traits.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    announcements::{AnnouncementCaching, Announcements},
    engine::{Engine, FlowStage, Jobs, LmStage, Piece, VocoderStage},
    job::Job,
    loading::Loading,
    pace::Step,
    request::{Request, RequestId, Settings},
    script::Script,
    speed::{self, Tempo},
    tokens::{Decoded, TokenCount, Tokens},
    trace::Recorder,
};
use crate::{
    Error, ErrorKind, Result,
    cancel::Cancel,
    constants::{FRAMES_PER_TOKEN, LOOKAHEAD_TOKENS},
    cpu::{Affinity, Topology, worker::Worker},
    flow::{
        Device, FlowModel, FlowOptions, Utterance,
        choice::{self, FlowTarget},
    },
    lm::{Decoding, LmOptions, LmSession, Prefix, PrefixCaching},
    manifest::{
        Manifest, Sampling,
        verify::{self, Verify},
    },
    mel::Mel,
    model::{self, KeepAlive, LoadObserver, LoadOptions, Model},
    onnx,
    stage::Stage,
    vocoder::{VocoderStream, level::Leveller},
    voice::{Places, Voice},
};

/// Number of threads of the language model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LmThreads {
    /// As many as help, up to [`Options::threads`]: fewer where other programs are at work, see
    /// [`thread_count`](crate::lm::thread_count).
    #[default]
    Adapt,
    /// Exactly so many whatever the load, for measurements; 0 is one per core.
    Fixed(usize),
}

/// Models to open, and their options. Made by [`Options::new`], then changed field by field.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// The model directory.
    pub dir: PathBuf,
    /// Threads of each stage; 0 is one per core.
    pub threads: usize,
    /// Threads of the language model.
    pub lm_threads: LmThreads,
    /// Back end of the flow model.
    pub flow: FlowTarget,
    /// Cores of the stages, see [`Affinity::parse`]; `None` follows the machine.
    pub affinity: Option<String>,
    /// Storage of computed prefixes.
    pub prefix_caching: PrefixCaching,
    /// Storage of finished announcements.
    pub announcement_caching: AnnouncementCaching,
    /// Maker of the voice for texts that name none; `None` is the model's choice.
    pub default_voice: Option<DefaultVoice>,
    /// Policy for hashing the files.
    pub verify: Verify,
    /// Keeps the models loaded when the synthesizer is gone.
    pub keep_alive: Option<KeepAlive>,
    /// Recorder of the stages' work.
    #[doc(hidden)]
    pub recorder: Recorder,
}

/// Makes a voice while the models load, of a recording for example: on the loading thread, and before the models, so that
/// the networks of both are not in memory at once.
#[derive(Clone)]
pub struct DefaultVoice(Arc<MakeVoice>);

type MakeVoice = dyn Fn(&Loading<'_>) -> Result<Voice> + Send + Sync;

impl DefaultVoice {
    /// The voice that `make` returns. Its error is that of loading.
    pub fn new(make: impl Fn(&Loading<'_>) -> Result<Voice> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }
}

impl Options {
    /// The defaults for the models of `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            threads: 0,
            lm_threads: LmThreads::default(),
            flow: FlowTarget::default(),
            affinity: None,
            prefix_caching: PrefixCaching::default(),
            announcement_caching: AnnouncementCaching::default(),
            default_voice: None,
            verify: Verify::default(),
            keep_alive: None,
            recorder: Recorder::off(),
        }
    }

    /// Checks what can be checked without loading anything or waiting for a card: the manifest, the sizes of the files,
    /// the voice `voice` (`None`: the default one), the cores, what the flow needs, and whether ONNX Runtime is there.
    ///
    /// # Errors
    /// The first problem found; it names the culprit and the remedy.
    pub fn check(&self, voice: Option<&str>) -> Result<()> {
        let manifest = Manifest::read(&self.dir)?;
        verify::sizes(&self.dir, &manifest)?;
        if voice.is_some() || self.default_voice.is_none() {
            model::check_voice(&self.dir, &manifest, voice)?;
        }
        self.cores()?;
        choice::check(&self.dir, &manifest, &self.flow)?;
        onnx::runtime().map(|_| ())
    }

    /// Names of the voices for the model, sorted: those in its directory, and the user's own.
    ///
    /// # Errors
    /// One of the directories cannot be read.
    pub fn voices(&self) -> Result<Vec<String>> {
        Places::of(&self.dir)?.names()
    }

    /// Name of the model, from its manifest.
    ///
    /// # Errors
    /// The manifest cannot be read or understood.
    pub fn model_name(&self) -> Result<String> {
        Ok(Manifest::read(&self.dir)?.name)
    }

    /// Cores for each stage.
    fn cores(&self) -> Result<Affinity> {
        let topology = Topology::read();
        let affinity = match &self.affinity {
            Some(text) => {
                Affinity::parse(text, &topology).map_err(|e| e.context("cpu-affinity"))?
            }
            None => Affinity::new(&topology),
        };
        tracing::debug!("{topology}: {affinity}");
        Ok(affinity)
    }
}

impl LoadObserver for &Loading<'_> {
    fn progress(&mut self, component: &'static str, fraction: f32) {
        Loading::progress(self, component, fraction);
    }

    fn warn(&mut self, error: Error) {
        Loading::warn(self, error);
    }
}

pub(super) fn load(options: &Options, mut loading: &Loading<'_>) -> Result<Arc<dyn Engine>> {
    let affinity = options.cores()?;
    let most = Stage::ALL.map(|stage| affinity.threads(stage, 0));
    let most = most.into_iter().max().unwrap_or(1);
    if options.threads > most {
        loading.warn(Error::new(
            ErrorKind::Settings,
            format!(
                "threads={} exceeds the number of cores: {most} are used, because more would be slower",
                options.threads
            ),
        ));
    }
    let load_options = LoadOptions {
        verify: options.verify,
        threads: options.threads,
        flow: options.flow.clone(),
        affinity: affinity.clone(),
    };
    let default_voice = match &options.default_voice {
        Some(DefaultVoice(make)) => Some(Arc::new(make(loading)?)),
        None => None,
    };
    let model = Model::shared(&options.dir, &load_options, loading.cancel(), &mut loading)?;
    if let Some(keep_alive) = &options.keep_alive {
        keep_alive.keep(model.clone(), loading.cancel());
    }
    Ok(Arc::new(Models {
        model,
        threads: options.threads,
        lm_threads: options.lm_threads,
        affinity,
        prefix_caching: options.prefix_caching,
        announcement_caching: options.announcement_caching,
        default_voice,
    }))
}

struct Models {
    model: Arc<Model>,
    threads: usize,
    lm_threads: LmThreads,
    affinity: Affinity,
    prefix_caching: PrefixCaching,
    announcement_caching: AnnouncementCaching,
    default_voice: Option<Arc<Voice>>,
}

impl Engine for Models {
    fn notice(&self) -> String {
        self.model.manifest().notice.clone()
    }

    fn announcements(&self) -> Option<(&Announcements, AnnouncementCaching)> {
        let caching = self.announcement_caching;
        let kept = caching != AnnouncementCaching::Off;
        kept.then(|| (self.model.announcements(), caching))
    }

    fn enter(&self, stage: Stage) {
        self.affinity.enter(stage);
    }

    fn jobs(&self, id: RequestId, request: &Request) -> Result<Jobs> {
        let voice = self.default_voice.clone();
        Ok(Box::new(Script::new(
            self.model.clone(),
            voice,
            id,
            request,
        )?))
    }

    fn lm(&self, worker: &Arc<Worker>) -> Result<Box<dyn LmStage>> {
        let (threads, adapt) = match self.lm_threads {
            LmThreads::Adapt => (self.threads, true),
            LmThreads::Fixed(threads) => (threads, false),
        };
        let options = LmOptions {
            threads: self.affinity.threads(Stage::Lm, threads),
            adapt,
            cpus: self.affinity.binding(Stage::Lm).map(<[usize]>::to_vec),
            kv_f32: false,
            // No faster here, and without it the logits do not depend on the number of threads.
            flash_attention: false,
        };
        let session = LmSession::new(self.model.lm().clone(), &options)?
            .with_prefix_cache(self.model.prefixes().clone(), self.prefix_caching)
            .with_worker(worker.clone());
        Ok(Box::new(Lm {
            session,
            model: self.model.clone(),
        }))
    }

    fn flow(&self, recorder: &Recorder) -> Result<Box<dyn FlowStage>> {
        Ok(Box::new(Flow {
            model: self.model.clone(),
            recorder: recorder.clone(),
            affinity: self.affinity.clone(),
            device: None,
            warning: None,
            unable: None,
            unable_known: false,
        }))
    }

    fn vocoder(&self) -> Result<Box<dyn VocoderStage>> {
        Ok(Box::new(Vocode {
            model: self.model.clone(),
            leveller: None,
            stream: None,
        }))
    }
}

struct Lm {
    session: LmSession,
    model: Arc<Model>,
}

impl LmStage for Lm {
    fn run(
        &mut self,
        job: &Job,
        cancel: &Cancel,
        on_token: &mut dyn FnMut(u32) -> Result<()>,
    ) -> Result<Decoded> {
        let settings = &job.settings;
        let (min_tokens, max_tokens) = match settings.forced_tokens {
            Some(tokens) => (tokens, tokens),
            None => self.model.lm().token_limits(job.text_ids.len()),
        };
        let decoding = Decoding {
            sampling: sampling(settings, self.model.manifest().lm.sampling),
            temperature: settings.temperature,
            seed: settings.seed,
            min_tokens,
            max_tokens,
        };
        let prompt_speech = match job.prompt_speech {
            true => job.voice.speech_tokens(),
            false => Vec::new(),
        };
        let prefix = Prefix {
            prompt_text_ids: &job.prompt_text_ids,
            text_ids: &job.text_ids,
            prompt_speech: &prompt_speech,
        };
        // A full queue fails only when the work is cancelled, which the session notices by itself.
        let generated = self
            .session
            .generate(&prefix, &decoding, cancel, &mut |token| {
                let _ = on_token(token);
            })?;
        Ok(Decoded {
            stop: generated.stop,
            hit: generated.prefill.hit,
            prefill: generated.prefill.time,
            decode: generated.decode,
        })
    }

    fn flush_cache(&mut self) {
        self.session.save();
    }
}

/// Sampling parameters: the manifest's, unless the settings override them.
fn sampling(settings: &Settings, manifest: Sampling) -> Sampling {
    Sampling {
        top_k: match settings.top_k {
            0 => manifest.top_k,
            k => k,
        },
        top_p: match settings.top_p {
            0.0 => manifest.top_p,
            p => p,
        },
        ..manifest
    }
}

struct Flow {
    model: Arc<Model>,
    recorder: Recorder,
    affinity: Affinity,
    device: Option<Device>,
    warning: Option<Error>,
    /// The reason for which speech cannot leave in pieces, until it was reported.
    unable: Option<Error>,
    /// True once that is known.
    unable_known: bool,
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
        let mut flow = self.model.flow().take(cancel)?;
        let device = flow.backend().device();
        self.bind(device);
        if device == Device::Cpu && self.shares_cores() {
            tokens.go_first();
        }
        let pieces = pieces && self.check_pieces(&flow, job);
        let mut making = MelInPieces {
            recorder: &self.recorder,
            job,
            pieces,
            expected,
        };
        let made = making.run(&mut flow, tokens, cancel, out);
        self.bind(flow.backend().device());
        let failure = flow.backend().take_recovered_error();
        self.warning = failure.or_else(|| self.unable.take());
        made
    }

    fn device(&self) -> Option<Device> {
        self.device
    }

    fn take_recovered_error(&mut self) -> Option<Error> {
        self.warning.take()
    }
}

impl Flow {
    /// Returns true if the model can hand out its mel in pieces. The first time that it cannot, this is a warning.
    fn check_pieces(&mut self, flow: &FlowModel, job: &Job) -> bool {
        match flow.check_stream(job.settings.flow_plan) {
            Ok(()) => true,
            Err(error) => {
                if !std::mem::replace(&mut self.unable_known, true) {
                    self.unable = Some(error.context("whole utterances are sent instead"));
                }
                false
            }
        }
    }

    /// Returns true if the language model has cores on which this stage computes without an NPU.
    fn shares_cores(&self) -> bool {
        let affinity = self.affinity.clone().without_npu();
        let flow = affinity.cores(Stage::Flow);
        let lm = affinity.cores(Stage::Lm);
        lm.iter().any(|core| flow.contains(core))
    }

    /// Moves this thread to the cores that suit the device.
    fn bind(&mut self, device: Device) {
        if self.device.replace(device) == Some(device) {
            return;
        }
        let affinity = self.affinity.clone();
        match device {
            Device::Npu => affinity.enter(Stage::Flow),
            Device::Cpu => affinity.without_npu().enter(Stage::Flow),
        }
    }
}

/// The making of one utterance's mel, as [`FlowStage::run_in_pieces`] asks for it.
pub struct MelInPieces<'a> {
    /// Receives a span for each call of the flow.
    pub recorder: &'a Recorder,
    /// The utterance.
    pub job: &'a Job,
    /// True if frames are handed out as soon as they are final.
    pub pieces: bool,
    /// Tokens that may come.
    pub expected: usize,
}

impl MelInPieces<'_> {
    /// Makes each call of `flow` as soon as its tokens are there.
    ///
    /// # Errors
    /// Those of `flow`, and of the stage that makes the tokens.
    pub fn run(
        &mut self,
        flow: &mut FlowModel,
        tokens: &mut Tokens,
        cancel: &Cancel,
        out: &mut dyn FnMut(Piece),
    ) -> Result<()> {
        let settings = &self.job.settings;
        let options = FlowOptions {
            plan: settings.flow_plan,
            steps: settings.flow_steps,
            schedule: settings.flow_schedule,
            guidance_interval: settings.guidance_interval,
            stream: self.pieces,
            context: None,
        };
        let device = Some(flow.backend().device());
        let mut utterance = flow.utterance(&self.job.voice, &options)?;
        let (mut calls, mut computed, mut took) = (0, 0, Duration::ZERO);
        loop {
            let (available, finished) = tokens.wait(utterance.wanted())?;
            let started = Instant::now();
            let Some(call) = utterance.advance(available, finished, cancel)? else {
                if finished {
                    break;
                }
                continue;
            };
            calls += 1;
            let what = format!("call {calls}, {} frames x {}", call.frames, call.steps);
            let ended = Instant::now();
            self.recorder
                .span(Stage::Flow, self.job, &what, started, ended);
            computed += call.frames;
            took += ended - started;
            if self.pieces && !utterance.is_complete() {
                out(Piece {
                    mel: utterance.take(),
                    last: false,
                    computed: std::mem::take(&mut computed),
                    took: std::mem::take(&mut took),
                    device,
                    tokens: tokens.count(),
                    to_come: self.to_come(&utterance, tokens.count()),
                });
            }
        }
        out(Piece {
            mel: utterance.into_mel(),
            last: true,
            computed,
            took,
            device,
            tokens: tokens.count(),
            to_come: Vec::new(),
        });
        Ok(())
    }

    /// The calls that follow, as far as the number of tokens is known.
    fn to_come(&self, utterance: &Utterance<'_>, count: TokenCount) -> Vec<Step> {
        let (tokens, complete) = count.now();
        let total = match complete {
            true => tokens,
            false => self.expected.max(tokens),
        };
        let calls = utterance.to_come(total).into_iter();
        calls
            .map(|call| Step {
                tokens: (call.new_frames.end / FRAMES_PER_TOKEN + LOOKAHEAD_TOKENS).min(total),
                computed: call.frames,
                frames: call.new_frames.len(),
            })
            .collect()
    }
}

struct Vocode {
    model: Arc<Model>,
    /// Leveller of the last utterance's request.
    leveller: Option<(RequestId, Leveller)>,
    /// The utterance of which pieces have come.
    stream: Option<(Tempo, VocoderStream)>,
}

impl VocoderStage for Vocode {
    fn run(&mut self, job: &Job, mel: Mel, cancel: &Cancel) -> Result<Vec<f32>> {
        let settings = &job.settings;
        let mel = speed::resample(&mel, settings.speed);
        let mut vocoder = self.model.vocoder().take(cancel)?;
        let mut samples = vocoder.synthesize(&mel, settings.seed, cancel)?;
        self.leveller(job)?.apply(&mut samples)?;
        Ok(samples)
    }

    fn run_piece(
        &mut self,
        job: &Job,
        mel: Mel,
        first: bool,
        last: bool,
        cancel: &Cancel,
    ) -> Result<Vec<f32>> {
        if first && last {
            return self.run(job, mel, cancel);
        }
        let settings = &job.settings;
        let mut vocoder = self.model.vocoder().take(cancel)?;
        let stream = match self.stream.take() {
            Some(stream) if !first => stream,
            _ => (Tempo::new(settings.speed), vocoder.stream(settings.seed)),
        };
        let (tempo, stream) = self.stream.insert(stream);
        let mel = tempo.push(mel, last);
        let mut samples = vocoder.synthesize_after(stream, &mel, last, cancel)?;
        self.leveller(job)?.apply_to_piece(&mut samples)?;
        Ok(samples)
    }
}

impl Vocode {
    fn leveller(&mut self, job: &Job) -> Result<&mut Leveller> {
        let of_this = |(request, _): &(RequestId, Leveller)| *request == job.request;
        if !self.leveller.as_ref().is_some_and(of_this) {
            self.leveller = Some((job.request, Leveller::new(job.settings.level)?));
        }
        Ok(&mut self.leveller.as_mut().expect("just made").1)
    }
}
