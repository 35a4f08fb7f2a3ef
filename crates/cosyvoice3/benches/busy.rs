//! Cost of other programs at work: the language model's default number of threads against fixed ones, and ONNX
//! Runtime's ways to wait, beside busy loops.
//!
//! `cargo bench --bench busy -- [MODEL_DIR] [--what speak|lm|onnx|rtsp] [--rounds N] [--loops 0,1,2,4,8] [--tokens N]`
//!
//! `speak` says one sentence in a process of its own, loading included; `lm` prefills 180 positions and decodes
//! `--tokens` steps in one, for models whose other stages are too slow to wait for; `onnx` runs the graphs of the
//! vocoder and of the flow; `rtsp` starts `cosyvoice3 serve`, built with the feature `rtsp`, which must be on the path with the plugin where GStreamer
//! finds it, and measures from a text to the start of its speech, with a client that takes picture and sound. The
//! variants run in turns, and each run ends after [`LIMIT`] at the latest, so a default run of the bundled voice
//! takes ten minutes at most. The loops are child processes of the same priority, which end with this one however it
//! ends.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser;
use cosyvoice3::{
    cancel::Cancel,
    lm::{Decoding, LmModel, LmOptions, LmSession, Prefix, PrefixCaching},
    manifest::Manifest,
    onnx::{Element, FREE, Session, SessionOptions, Tensor},
    synth::{Event, LmThreads, Options, Request, Speech, Synthesizer},
};

/// A run that takes longer counts as so long.
const LIMIT: Duration = Duration::from_secs(20);
const TEXT: &str = "Сегодня очень хорошая погода, и мы долго гуляем по старому парку.";
/// Short, since the next one waits for its end.
const ANNOUNCEMENT: &str = "Поезд отправляется.";
const POSITIONS: usize = 180;
const PROMPT_TEXT: usize = 30;
/// Frames of the graphs' input: a short sentence and its prompt.
const FRAMES: usize = 200;

#[derive(clap::Parser)]
struct Args {
    /// Model directory.
    #[arg(default_value = "models/demo")]
    dir: PathBuf,
    /// Work to measure: speak, lm, onnx or rtsp.
    #[arg(long, default_value = "speak")]
    what: String,
    /// Rounds of all variants.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Numbers of busy loops beside it.
    #[arg(long, value_delimiter = ',', default_value = "0,1,2,4,8")]
    loops: Vec<usize>,
    /// Speech tokens of the language model.
    #[arg(long, default_value_t = 40)]
    tokens: usize,
    /// The variant to run, in a child process.
    #[arg(long, hide = true)]
    variant: Option<String>,
    /// Comes from Cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Busy loops in child processes, ended when this is dropped.
struct Loops(Vec<Child>);

impl Loops {
    fn start(count: usize) -> Self {
        let start = |_| {
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            // A loop ends by itself when this pipe is closed, which it is when this process ends.
            let command = command.args(["--what", "loop"]).stdin(Stdio::piped());
            command.spawn().expect("a child process")
        };
        Self((0..count).map(start).collect())
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn busy_loop() -> ! {
    std::thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    loop {
        std::hint::spin_loop();
    }
}

/// Times of one run, in seconds by name.
type Times = BTreeMap<String, f64>;

/// Runs one variant in a process of its own.
fn run(args: &Args, variant: &str, names: &[&str]) -> Times {
    let started = Instant::now();
    let output = Command::new(std::env::current_exe().expect("this program"))
        .arg(&args.dir)
        .args(["--what", &args.what, "--variant", variant])
        .args(["--tokens", &args.tokens.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .expect("a child process");
    let said = String::from_utf8_lossy(&output.stdout);
    let times = said.lines().filter_map(|line| {
        let (name, seconds) = line.split_once('=')?;
        Some((name.to_owned(), seconds.parse().ok()?))
    });
    let mut times: Times = times.collect();
    for name in names {
        let ended = times.contains_key(*name) || started.elapsed() >= LIMIT;
        assert!(ended, "{variant}: no time of {name} in {said:?}");
        times.entry((*name).into()).or_insert(LIMIT.as_secs_f64());
    }
    times
}

fn end_after_limit() {
    std::thread::spawn(|| {
        std::thread::sleep(LIMIT);
        std::process::exit(1);
    });
}

fn lm_threads(variant: &str) -> LmThreads {
    match variant.parse() {
        Ok(threads) => LmThreads::Fixed(threads),
        Err(_) => LmThreads::Adapt,
    }
}

fn speak(args: &Args, variant: &str) {
    let started = Instant::now();
    let mut options = Options::new(&args.dir);
    options.lm_threads = lm_threads(variant);
    options.prefix_caching = PrefixCaching::Off;
    let synth = Synthesizer::open_model(options);
    synth.say(Request::new(TEXT));
    let mut said: Option<Speech> = None;
    loop {
        match synth.next_event().expect("an event") {
            Event::Speech(speech) => said = said.or(Some(speech)),
            Event::LoadFailed(error) | Event::UtteranceFailed { error, .. } => panic!("{error}"),
            Event::Finished { .. } => break,
            _ => {}
        }
    }
    let total = started.elapsed();
    let stats = said.expect("speech").stats;
    report("sentence", total);
    report("language model", stats.prefill + stats.decode);
}

fn report(name: &str, time: Duration) {
    println!("{name}={}", time.as_secs_f64());
}

fn language_model(args: &Args, variant: &str) {
    let lm = Manifest::read(&args.dir).unwrap().lm;
    let model = Arc::new(LmModel::load(&args.dir, &lm, &mut |_| true).unwrap());
    let (threads, adapt) = match lm_threads(variant) {
        LmThreads::Fixed(threads) => (threads, false),
        LmThreads::Adapt => (cores(), true),
    };
    let options = LmOptions {
        threads,
        adapt,
        cpus: None,
        kv_f32: false,
        flash_attention: false,
    };
    let mut session = LmSession::new(model, &options).unwrap();
    let ids = |count: usize, limit: usize| -> Vec<u32> {
        (0..count).map(|i| (i * 37 % limit) as u32).collect()
    };
    let speech = ids(75, 6561);
    let prefix = Prefix {
        prompt_text_ids: &ids(PROMPT_TEXT, 500),
        text_ids: &ids(POSITIONS - 2 - PROMPT_TEXT - speech.len(), 500),
        prompt_speech: &speech,
    };
    let decoding = Decoding {
        sampling: lm.sampling,
        temperature: 1.0,
        seed: 1,
        min_tokens: args.tokens,
        max_tokens: args.tokens,
    };
    let cancel = Cancel::new();
    for sentence in ["first", "second"] {
        let generated = session.generate(&prefix, &decoding, &cancel, &mut |_| ());
        let generated = generated.unwrap();
        report(&format!("{sentence} prefill"), generated.prefill.time);
        report(&format!("{sentence} decode"), generated.decode);
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs a graph of the model on zeros, again and again; returns the time of a run.
fn graph(file: &Path, options: &SessionOptions) -> Duration {
    let cancel = Cancel::new();
    let mut session = Session::load(file, options, &cancel).unwrap();
    let shapes: Vec<(String, Element, Vec<usize>)> = session
        .inputs()
        .iter()
        .map(|port| {
            // The vocoder's source has 480 samples a frame; the flow computes with and without guidance at once.
            let free = |axis| match (port.name.as_str(), axis) {
                (_, 0) => 2,
                ("source", _) => FRAMES * 480,
                _ => FRAMES,
            };
            let lengths = port.shape.iter().enumerate();
            let shape = lengths
                .map(|(axis, &n)| if n == FREE { free(axis) } else { n as usize })
                .collect();
            (port.name.clone(), port.element, shape)
        })
        .collect();
    let longest = shapes.iter().map(|(_, _, shape)| shape.iter().product());
    let longest: usize = longest.max().unwrap_or(0);
    let (floats, integers) = (vec![0.0; longest], vec![i64::from(FRAMES as u32)]);
    let inputs: Vec<(&str, Tensor<'_>)> = shapes
        .iter()
        .map(|(name, element, shape)| {
            let tensor = match element {
                Element::I64 => Tensor::I64(shape, &integers),
                _ => Tensor::F32(shape, &floats[..shape.iter().product()]),
            };
            (name.as_str(), tensor)
        })
        .collect();
    session.run(&inputs, &cancel).unwrap();
    let started = Instant::now();
    const RUNS: u32 = 4;
    for _ in 0..RUNS {
        session.run(&inputs, &cancel).unwrap();
    }
    started.elapsed() / RUNS
}

fn onnx(args: &Args, variant: &str) {
    let options = SessionOptions {
        threads: if variant.starts_with('1') { 1 } else { cores() },
        spinning: variant.ends_with("spinning"),
        ..Default::default()
    };
    for (name, file) in [
        ("vocoder", "hift.onnx"),
        ("flow step", "flow_estimator.onnx"),
    ] {
        report(name, graph(&args.dir.join(file), &options));
    }
}

/// The RTSP server as a process, with a client; both end with this.
struct Server {
    server: Child,
    client: Option<Child>,
    /// Open as long as the server prints.
    addresses: Option<ChildStdout>,
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in [Some(&mut self.server), self.client.as_mut()]
            .into_iter()
            .flatten()
        {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Server {
    fn start(args: &Args, variant: &str) -> Self {
        let mut command = Command::new("cosyvoice3");
        let threads = variant.parse().unwrap_or(0);
        let threads = format!("threads={threads}");
        command.args(["serve", "--http", "127.0.0.1:0", "--rtsp", "127.0.0.1:0"]);
        command.args(["--set", "prefix-cache=off", "--set", &threads]);
        let command = command.env("COSYVOICE3_MODEL_PATH", &args.dir);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let server = command.stderr(Stdio::piped()).spawn();
        let server = server.expect("cosyvoice3 is on the path");
        Self {
            server,
            client: None,
            addresses: None,
        }
    }

    /// Connects a client to the first address that the server prints.
    fn connect(&mut self) {
        let mut address = String::new();
        let mut stdout = BufReader::new(self.server.stdout.take().expect("piped"));
        stdout.read_line(&mut address).expect("an address");
        self.addresses = Some(stdout.into_inner());
        let client = Command::new("gst-launch-1.0")
            .args([
                "-q",
                "uridecodebin",
                &format!("uri={}", address.trim()),
                "!",
                "fakesink",
            ])
            .stderr(Stdio::null())
            .spawn();
        self.client = Some(client.expect("gst-launch-1.0"));
    }
}

/// Seconds from a text to the start of its speech, models being loaded before.
fn rtsp(args: &Args, variant: &str) {
    let mut server = Server::start(args, variant);
    server.connect();
    let mut texts = server.server.stdin.take().expect("piped");
    let mut log = BufReader::new(server.server.stderr.take().expect("piped")).lines();
    // A run that takes too long finds the server's log ended.
    let server_id = server.server.id().to_string();
    std::thread::spawn(move || {
        std::thread::sleep(3 * LIMIT);
        let _ = Command::new("kill").arg(server_id).status();
    });
    let mut wait = |words: &str| {
        let mut lines = log.by_ref().map_while(Result::ok);
        lines.any(|line| line.contains(words))
    };
    // Texts before that may be refused.
    if !wait("models loaded") {
        return;
    }
    for (id, name) in [(1, "first announcement"), (2, "second"), (3, "third")] {
        let started = Instant::now();
        writeln!(texts, "{ANNOUNCEMENT}").expect("the server reads");
        if !wait(&format!("announcement {id} started")) {
            return;
        }
        report(name, started.elapsed());
        if !wait(&format!("announcement {id} finished")) {
            return;
        }
    }
}

/// Median, smallest and largest.
fn spread(values: impl Iterator<Item = f64>, digits: usize) -> (f64, String) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (median, last) = (values[values.len() / 2], values[values.len() - 1]);
    let text = format!(
        "{median:.digits$} ({:.digits$} .. {last:.digits$})",
        values[0]
    );
    (median, text)
}

/// Runs everything in turns and prints a Markdown table for each name.
fn compare(args: &Args, variants: &[&str], names: &[&str]) {
    let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for &count in &args.loops {
        let mut runs: Vec<Vec<Times>> = vec![Vec::new(); variants.len()];
        let loops = Loops::start(count);
        for round in 0..args.rounds {
            for turn in 0..variants.len() {
                let variant = (round + turn) % variants.len();
                runs[variant].push(run(args, variants[variant], names));
            }
        }
        drop(loops);
        for &name in names {
            let medians = runs
                .iter()
                .map(|runs| spread(runs.iter().map(|t| t[name]), 2));
            let (medians, mut cells): (Vec<f64>, Vec<String>) = medians.unzip();
            let best = (1..variants.len())
                .min_by(|&a, &b| medians[a].total_cmp(&medians[b]))
                .expect("something to compare with");
            let pairs = std::iter::zip(&runs[0], &runs[best]);
            let (_, ratio) = spread(pairs.map(|(ours, best)| ours[name] / best[name]), 2);
            cells.insert(0, count.to_string());
            cells.push(format!("{ratio} of {}", variants[best]));
            let row = format!("| {} |", cells.join(" | "));
            eprintln!("{name}: {row}");
            rows.entry(name).or_default().push(row);
        }
    }
    for name in names {
        println!("\n{name}, seconds\n");
        println!(
            "| loops | {} | {} / best of the others |",
            variants.join(" | "),
            variants[0]
        );
        println!("|{}", "---|".repeat(variants.len() + 2));
        rows[name].iter().for_each(|row| println!("{row}"));
    }
}

fn main() {
    test_support::enter_root();
    let args = Args::parse();
    if args.what == "loop" {
        busy_loop();
    }
    if let Some(variant) = &args.variant {
        if args.what != "rtsp" {
            end_after_limit();
        }
        return match args.what.as_str() {
            "lm" => language_model(&args, variant),
            "onnx" => onnx(&args, variant),
            "rtsp" => rtsp(&args, variant),
            _ => speak(&args, variant),
        };
    }
    println!(
        "{}, {} cores, {} rounds",
        args.dir.display(),
        cores(),
        args.rounds
    );
    match args.what.as_str() {
        "lm" => compare(
            &args,
            &["default", "1", "2"],
            &[
                "first prefill",
                "first decode",
                "second prefill",
                "second decode",
            ],
        ),
        "onnx" => compare(
            &args,
            &["2 sleeping", "2 spinning", "1"],
            &["vocoder", "flow step"],
        ),
        "rtsp" => compare(
            &args,
            &["default", "1"],
            &["first announcement", "second", "third"],
        ),
        _ => compare(
            &args,
            &["default", "1", "2"],
            &["sentence", "language model"],
        ),
    }
}
