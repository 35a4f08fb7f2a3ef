//! Every stage at full size: the engine on 138 speech tokens (5.52 s), and its flow and vocoder in interleaved pairs
//! against plain ONNX Runtime on the same graphs.
//!
//! `COSYVOICE3_FULL=MODEL_DIR cargo bench --bench full_size -- [--threads N] [--runs N] [--pairs N]`, where the model is
//! a converted checkpoint of full size (`cosyvoice3 model random --full` makes a random one) with a voice of 75 prompt
//! tokens. Language model pairs are in `lm_decode`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Parser;
use cosyvoice3::{
    Error,
    cancel::Cancel,
    constants::{MEL_BINS, SAMPLE_RATE, SAMPLES_PER_FRAME},
    flow::{FlowOptions, FlowPlan},
    lm::{self, PrefixCaching},
    manifest,
    mel::Mel,
    model::{LoadObserver, LoadOptions, Model},
    onnx,
    synth::{Event, Options, Request, Speech, Synthesizer},
    text::{Language, Mode, Prompt},
    vocoder::Vocoder,
    voice::Voice,
};
use ort::{session::Session, value::TensorRef};
use test_support::cores;

const TOKENS: usize = 138;
/// One sentence, hence one utterance.
const TEXT: &str = "Сегодня очень хорошая погода.";

#[derive(clap::Parser)]
struct Args {
    /// Model directory of full size.
    #[arg(skip)]
    dir: PathBuf,
    /// Threads of each stage.
    #[arg(long, default_value_t = cores())]
    threads: usize,
    /// Runs of the engine.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Pairs of runs against ONNX Runtime.
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// Comes from Cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Processor time since boot, in seconds: of all processes, of all niced work, and of this process.
struct Load {
    at: Instant,
    busy: f64,
    niced: f64,
    own: f64,
}

impl Load {
    fn now() -> Self {
        /// Unit of the kernel's processor times.
        const PER_SECOND: f64 = 100.0;
        let read = |path: &str| fs::read_to_string(path).expect(path);
        let seconds = |fields: &str| -> Vec<f64> {
            let fields = fields.split_whitespace().map(|field| field.parse());
            fields.map(|n| n.unwrap_or(0.0) / PER_SECOND).collect()
        };
        let stat = read("/proc/stat");
        // cpu, user, nice, system, idle, iowait, irq, softirq, steal
        let all = seconds(stat.lines().next().expect("a line"));
        let own = read("/proc/self/stat");
        // The fields after the name begin with the third; 14 and 15 are user and system time.
        let own = seconds(own.rsplit_once(')').expect("a name").1);
        Self {
            at: Instant::now(),
            busy: all[1] + all[2] + all[3] + all[6] + all[7] + all[8],
            niced: all[2],
            own: own[11] + own[12],
        }
    }

    /// Cores that other processes used since, and those that niced work used.
    fn others(&self) -> String {
        let now = Self::now();
        let elapsed = (now.at - self.at).as_secs_f64();
        let others = (now.busy - self.busy) - (now.own - self.own);
        let niced = now.niced - self.niced;
        format!(
            "{:.2} cores, {:.2} niced",
            (others / elapsed).max(0.0),
            niced / elapsed
        )
    }
}

/// `VmHWM` or `VmRSS` of this process, in MiB.
fn memory(field: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim_matches([':', '\t', ' ', 'k', 'B']).parse().ok());
    kib.map_or(f64::NAN, |kib: f64| kib / 1024.0)
}

/// Resets `VmHWM`.
fn forget_peak() {
    const PEAK: &str = "5";
    fs::write("/proc/self/clear_refs", PEAK).expect("procfs");
}

/// Median, smallest and largest of some figures.
struct Spread(f64, f64, f64);

impl Spread {
    fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(
            values[values.len() / 2],
            values[0],
            values[values.len() - 1],
        )
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:8.3}   ({:.3} .. {:.3})", self.0, self.1, self.2)
    }
}

/// Prints the machine and the builds of both libraries; fails where llama.cpp's lacks AVX-512 that the machine has.
fn machine() {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").expect("procfs");
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(": "))
            .unwrap_or_default()
            .1
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{}, {cores} cores", field("model name"));
    let info = lm::system_info().unwrap();
    println!("{}", info.trim());
    for (flag, feature) in [("avx512f", "AVX512"), ("avx512_vnni", "AVX512_VNNI")] {
        if field("flags").split(' ').any(|f| f == flag) {
            let wanted = format!("{feature} = 1");
            assert!(
                info.contains(&wanted),
                "this machine has {feature}, llama.cpp's build has not"
            );
        }
    }
    let runtime = onnx::runtime().unwrap();
    println!("ONNX Runtime: {}", runtime.build_info());
}

/// Waits for the models; returns the time they took.
fn ready(synth: &Synthesizer) -> Duration {
    loop {
        match synth.next_event().expect("an event") {
            Event::Ready { after, .. } => return after,
            Event::LoadFailed(error) => panic!("{error}"),
            _ => {}
        }
    }
}

/// Speaks [`TEXT`] with a new session over the loaded models: one that has spoken it before would skip its prefix.
fn speak(args: &Args, flow_steps: usize) -> Speech {
    let synth = open(args);
    ready(&synth);
    let mut request = Request::new(TEXT);
    request.settings.flow_steps = flow_steps;
    request.settings.flow_plan = FlowPlan::Whole;
    request.settings.forced_tokens = Some(TOKENS);
    let speech: cosyvoice3::Result<Vec<_>> = synth.speak(request).collect();
    speech.expect("speech").swap_remove(0)
}

fn open(args: &Args) -> Synthesizer {
    let mut options = Options::new(&args.dir);
    options.threads = args.threads;
    // Every run is a cold one.
    options.prefix_caching = PrefixCaching::Off;
    Synthesizer::open_model(options)
}

fn engine(args: &Args, prefix: usize) {
    for steps in [10, 5] {
        println!("\nwhole plan, {steps} steps, {prefix} positions of prefix, {TOKENS} tokens");
        let mut runs = Vec::new();
        for run in 0..args.runs {
            let load = Load::now();
            let speech = speak(args, steps);
            assert_eq!(speech.stats.tokens, TOKENS);
            let own = Load::now().own - load.own;
            println!(
                "run {run}: processor time {own:.1} s, others {}",
                load.others()
            );
            runs.push(speech);
        }
        let report = |what: &str, figure: &dyn Fn(&Speech) -> f64| {
            println!("{what:22} {}", Spread::of(runs.iter().map(figure)));
        };
        let seconds = |speech: &Speech| speech.samples.len() as f64 / f64::from(SAMPLE_RATE);
        report("prefill, tok/s", &|s| {
            prefix as f64 / s.stats.prefill.as_secs_f64()
        });
        // The first token comes from the prefill's logits.
        report("decode, tok/s", &|s| {
            (TOKENS - 1) as f64 / s.stats.decode.as_secs_f64()
        });
        report("flow, s", &|s| s.stats.flow.as_secs_f64());
        report("vocoder, s", &|s| s.stats.vocoder.as_secs_f64());
        report("total, s", &|s| s.stats.since_request.as_secs_f64());
        report("real-time factor", &|s| {
            s.stats.since_request.as_secs_f64() / seconds(s)
        });
    }
}

struct Quiet;

impl LoadObserver for Quiet {
    fn progress(&mut self, _: &'static str, _: f32) {}
    fn warn(&mut self, error: Error) {
        eprintln!("warning: {error}");
    }
}

/// Positions in front of the first speech token: start, prompt text, text, task, prompt speech.
fn prefix_length(model: &Model, voice: &Voice) -> usize {
    let front_end = model.front_end();
    let utterance = front_end.utterances(TEXT, Some(Language::Russian)).next();
    let ids = utterance.expect("an utterance").unwrap().ids;
    let prompt = Prompt::build(
        front_end.tokenizer(),
        &Mode::ZeroShot,
        &voice.prompt_text_ids,
        &ids,
    );
    let prompt = prompt.unwrap();
    2 + prompt.prompt_text_ids.len() + prompt.text_ids.len() + voice.prompt_tokens.len()
}

/// ONNX Runtime as its documentation shows it, nothing of ours.
fn plain(path: &Path, threads: usize) -> Session {
    let environment = onnx::runtime().unwrap().environment();
    let builder = Session::builder(environment).unwrap();
    let mut builder = builder.with_intra_threads(threads).unwrap();
    builder.commit_from_file(path).unwrap()
}

fn seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let started = Instant::now();
    let made = work();
    (started.elapsed().as_secs_f64(), made)
}

fn compare(what: &str, pairs: usize, mut bare: impl FnMut(), mut ours: impl FnMut()) {
    bare();
    ours();
    let load = Load::now();
    let (mut theirs, mut own) = (Vec::new(), Vec::new());
    for _ in 0..pairs {
        theirs.push(Cost::of(&mut bare));
        own.push(Cost::of(&mut ours));
    }
    println!("\n{what}, {pairs} pairs; others {}", load.others());
    compare_figure("elapsed", &theirs, &own, |cost| cost.elapsed);
    compare_figure("processor", &theirs, &own, |cost| cost.processor);
}

fn compare_figure(figure: &str, theirs: &[Cost], own: &[Cost], of: fn(&Cost) -> f64) {
    let theirs = Spread::of(theirs.iter().map(of));
    let own = Spread::of(own.iter().map(of));
    println!("{figure} time, plain ONNX Runtime, s {theirs}");
    println!("{figure} time, ours, s               {own}");
    println!(
        "{figure} time, ratio of medians      {:8.3}",
        own.0 / theirs.0
    );
}

/// Time that one piece of work took, in seconds; processor time of this process too, which others disturb less.
struct Cost {
    elapsed: f64,
    processor: f64,
}

impl Cost {
    fn of(work: impl FnOnce()) -> Self {
        let before = Load::now();
        work();
        let after = Load::now();
        Self {
            elapsed: (after.at - before.at).as_secs_f64(),
            processor: after.own - before.own,
        }
    }
}

/// One step over the prompt and [`TOKENS`]; ours with encoder, noise, guidance and Euler step around the same estimator.
fn flow_pairs(args: &Args, model: &Model, voice: &Voice) -> Mel {
    let cancel = Cancel::new();
    let tokens: Vec<u32> = (0..TOKENS as u32).map(|i| i * 53 % 6561).collect();
    let frames = 2 * (voice.prompt_tokens.len() + TOKENS);
    let mut flow = model.flow().take(&cancel).unwrap();
    let options = FlowOptions {
        plan: FlowPlan::Whole,
        steps: 1,
        ..Default::default()
    };
    let mut solve = || {
        let mut utterance = flow.utterance(voice, &options).unwrap();
        utterance
            .advance(&tokens, true, &cancel)
            .unwrap()
            .expect("a call");
        utterance.into_mel()
    };
    let mut session = plain(
        &args.dir.join(model.manifest().flow.cpu_files().unwrap().1),
        args.threads,
    );
    let mel = vec![0.5f32; 2 * MEL_BINS * frames];
    let (t, spks, chunk) = ([0.5f32], vec![0.1f32; 2 * MEL_BINS], [frames as i64]);
    let bare = || {
        let rows = || TensorRef::from_array_view(([2, MEL_BINS, frames], &*mel)).unwrap();
        let inputs = ort::inputs![
            "x" => rows(),
            "mu" => rows(),
            "cond" => rows(),
            "t" => TensorRef::from_array_view(([1], &t[..])).unwrap(),
            "spks" => TensorRef::from_array_view(([2, MEL_BINS], &*spks)).unwrap(),
            "attention_chunk" => TensorRef::from_array_view(([1], &chunk[..])).unwrap(),
        ];
        session.run(inputs).unwrap();
    };
    let what = format!("flow estimator, {frames} frames, one step");
    compare(&what, args.pairs, bare, || {
        solve();
    });
    solve()
}

fn vocoder_pairs(args: &Args, model: &Model, mel: &Mel) {
    let cancel = Cancel::new();
    let mut vocoder = model.vocoder().take(&cancel).unwrap();
    let Vocoder::Hift(vocoder) = &mut *vocoder else {
        return;
    };
    let manifest::Vocoder::Hift { decoder, .. } = &model.manifest().vocoder else {
        return;
    };
    let (f0_time, f0) = seconds(|| vocoder.f0(mel, &cancel).unwrap());
    let (source_time, source) = seconds(|| vocoder.source(&f0, |_| 0.5));
    let mut session = plain(&args.dir.join(decoder), args.threads);
    let frames = mel.frames();
    let bare = || {
        let mel = TensorRef::from_array_view(([1, MEL_BINS, frames], mel.as_slice())).unwrap();
        let source = TensorRef::from_array_view(([1, frames * SAMPLES_PER_FRAME], &*source));
        session
            .run(ort::inputs!["mel" => mel, "source" => source.unwrap()])
            .unwrap();
    };
    let what = format!("vocoder decoder, {frames} frames");
    compare(&what, args.pairs, bare, || {
        vocoder.decode(mel, &source, &cancel).unwrap();
    });
    println!("beside the decoder: F0 {f0_time:.3} s, source {source_time:.3} s");
}

fn main() {
    test_support::enter_root();
    let mut args = Args::parse();
    let Some(dir) = std::env::var_os("COSYVOICE3_FULL") else {
        println!("COSYVOICE3_FULL is not set: nothing to measure");
        return;
    };
    args.dir = dir.into();
    machine();
    println!("{}, {} threads", args.dir.display(), args.threads);
    for load in ["first load", "second load"] {
        let machine_load = Load::now();
        let after = ready(&open(&args));
        println!(
            "{load}: {:.2} s, others {}",
            after.as_secs_f64(),
            machine_load.others()
        );
    }
    let options = LoadOptions {
        threads: args.threads,
        ..Default::default()
    };
    // The synthesizers share it.
    let model = Model::shared(&args.dir, &options, &Cancel::new(), &mut Quiet).unwrap();
    println!(
        "peak memory while loading {:.0} MiB, then {:.0} MiB",
        memory("VmHWM"),
        memory("VmRSS")
    );
    let voice = model.voice(None, None).unwrap();
    if args.runs > 0 {
        forget_peak();
        engine(&args, prefix_length(&model, &voice));
        println!("peak memory while speaking {:.0} MiB", memory("VmHWM"));
    }
    if args.pairs == 0 {
        return;
    }
    let mel = flow_pairs(&args, &model, &voice);
    vocoder_pairs(&args, &model, &mel);
}
