//! The first byte of `/v1/audio/speech` beside the first audio of the element, in turns: what the server adds.
//!
//! `cargo bench -p cosyvoice3-cli --bench first_byte -- [--model DIR] [--rounds N] [--text TEXT]`
//!
//! The server is a process of its own with its models loaded, and the element's models are loaded too. Neither keeps finished
//! speech, and both know the text's prefix from the round before the first.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use gst::prelude::*;
use gst_app::AppSink;

/// Settings of both.
const SETTINGS: [(&str, &str); 3] = [
    ("announcement-cache", "off"),
    ("prefix-cache", "memory"),
    ("verify", "never"),
];

#[derive(clap::Parser)]
struct Args {
    /// Model directory of both.
    #[arg(long, default_value = "models/demo")]
    model: PathBuf,
    /// Rounds of both.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// One sentence, hence one utterance.
    #[arg(long, default_value = "The train leaves in five minutes.")]
    text: String,
    /// Comes from Cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The element, in this process.
struct Element {
    pipeline: gst::Pipeline,
    speech: gst::Element,
    sink: AppSink,
    /// The end of what was said, by the clock: until then the next text would wait.
    busy: Instant,
}

impl Element {
    fn new(args: &Args) -> Result<Self> {
        gst::init()?;
        gstcosyvoice3::plugin_register_static()?;
        let speech = gst::ElementFactory::make("cosyvoice3src")
            .property("model-path", args.model.display().to_string())
            .property("is-live", true)
            .property_from_str("idle", "none")
            .build()?;
        for (name, value) in SETTINGS {
            speech.set_property_from_str(name, value);
        }
        let sink = AppSink::builder().sync(false).build();
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([&speech, sink.upcast_ref()])?;
        speech.link(&sink)?;
        pipeline.set_state(gst::State::Playing)?;
        Ok(Self {
            pipeline,
            speech,
            sink,
            busy: Instant::now(),
        })
    }

    /// Seconds from a text to its first sound.
    fn first_audio(&mut self, text: &str) -> Result<f64> {
        thread::sleep(self.busy.saturating_duration_since(Instant::now()));
        let begun = Instant::now();
        let id = self.speech.emit_by_name::<u64>("say", &[&text]);
        ensure!(id > 0, "the element refuses the text");
        let sample = self.sink.pull_sample().context("the element ended")?;
        let took = begun.elapsed();
        let buffer = sample.buffer().context("a sample without a buffer")?;
        let duration = buffer.duration().unwrap_or_default();
        self.busy = Instant::now() + Duration::from(duration) + Duration::from_millis(200);
        Ok(took.as_secs_f64())
    }
}

impl Drop for Element {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// `cosyvoice3 serve`, in a process of its own.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn new(args: &Args) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cosyvoice3"));
        command.args(["serve", "--http", "127.0.0.1:0", "--model"]);
        command.arg(&args.model);
        for (name, value) in SETTINGS {
            command.arg("--set").arg(format!("{name}={value}"));
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("it is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().strip_prefix("http://").context("an address")?;
        let address = address.trim_end_matches('/').to_owned();
        Ok(Self { child, address })
    }

    /// Seconds from a request to the first byte of its sound.
    fn first_byte(&self, text: &str) -> Result<f64> {
        let body = serde_json::json!({ "input": text, "response_format": "pcm" }).to_string();
        let (address, length) = (&self.address, body.len());
        let begun = Instant::now();
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "POST /v1/audio/speech HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = BufReader::new(stream);
        let mut line = String::new();
        answer.read_line(&mut line)?;
        ensure!(line.starts_with("HTTP/1.1 200 "), "{line}");
        while !line.trim_end().is_empty() {
            line.clear();
            answer.read_line(&mut line)?;
        }
        // The length of the first chunk, and then the sound.
        answer.read_line(&mut line)?;
        answer.read_exact(&mut [0])?;
        let took = begun.elapsed();
        answer.read_to_end(&mut Vec::new())?;
        Ok(took.as_secs_f64())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Median, least and greatest.
fn shown(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    format!(
        "{:.3} ({:.3} .. {:.3})",
        values[last / 2],
        values[0],
        values[last]
    )
}

fn main() -> Result<()> {
    test_support::enter_root();
    let args = Args::parse();
    ensure!(args.rounds > 0, "--rounds 0 measures nothing");
    let server = Server::new(&args)?;
    let mut element = Element::new(&args)?;
    server.first_byte(&args.text)?;
    element.first_audio(&args.text)?;
    let rounds: Result<Vec<(f64, f64)>> = (0..args.rounds)
        .map(|round| {
            // Each is the first one in every other round.
            if round % 2 == 0 {
                let element = element.first_audio(&args.text)?;
                return Ok((element, server.first_byte(&args.text)?));
            }
            let server = server.first_byte(&args.text)?;
            Ok((element.first_audio(&args.text)?, server))
        })
        .collect();
    let (elements, servers): (Vec<f64>, Vec<f64>) = rounds?.into_iter().unzip();
    let ratios = servers.iter().zip(&elements).map(|(s, e)| s / e).collect();
    println!("| rounds | the element's first audio, s | the server's first byte, s | ratio |");
    println!("|---|---|---|---|");
    println!(
        "| {} | {} | {} | {} |",
        args.rounds,
        shown(elements),
        shown(servers),
        shown(ratios)
    );
    Ok(())
}
