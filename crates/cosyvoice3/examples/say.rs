//! Speaks a text into a WAV file, by the engine alone, without GStreamer.
//!
//! `cargo run --release -p cosyvoice3 --example say -- MODEL_DIR TEXT OUT.wav [OPTION..]`, where the options are
//! `--windows` (the flow's window plan), `--flush fullmel|chunk|auto`, `--steps N` (of the flow), `--guidance-interval N`,
//! `--tokens N` (exactly so many speech tokens an utterance; 25 are a second) and `--timeline OUT.svg` (a picture of which
//! stage worked when).

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use cosyvoice3::{
    constants::SAMPLE_RATE,
    flow::FlowPlan,
    synth::{Event, Flush, Options, Recorder, Request, Settings, Speech, Synthesizer, timeline},
};
use hound::{SampleFormat, WavSpec, WavWriter};

struct Args {
    dir: PathBuf,
    wav: PathBuf,
    timeline: Option<PathBuf>,
    request: Request,
}

fn args() -> Result<Args> {
    let mut settings = Settings::default();
    let mut timeline = None;
    let mut positional = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .with_context(|| format!("{word} needs a value"))
        };
        match word.as_str() {
            "--windows" => settings.flow_plan = FlowPlan::Windows,
            "--flush" => settings.flush = flush(&value()?)?,
            "--guidance-interval" => settings.guidance_interval = value()?.parse()?,
            "--steps" => settings.flow_steps = value()?.parse()?,
            "--tokens" => settings.forced_tokens = Some(value()?.parse()?),
            "--timeline" => timeline = Some(value()?.into()),
            _ => positional.push(word),
        }
    }
    let Ok([dir, text, wav]) = <[String; 3]>::try_from(positional) else {
        bail!(
            "usage: say MODEL_DIR TEXT OUT.wav [--windows] [--flush fullmel|chunk|auto] [--steps N] [--guidance-interval N] \
             [--tokens N] [--timeline OUT.svg]"
        );
    };
    Ok(Args {
        dir: dir.into(),
        wav: wav.into(),
        timeline,
        request: Request::new(text).with_settings(settings),
    })
}

fn flush(name: &str) -> Result<Flush> {
    Ok(match name {
        "fullmel" => Flush::FullMel,
        "chunk" => Flush::Chunk,
        "auto" => Flush::Auto,
        _ => bail!("--flush is fullmel, chunk or auto, not {name}"),
    })
}

fn main() -> Result<()> {
    let args = args()?;
    let mut options = Options::new(args.dir);
    if args.timeline.is_some() {
        options.recorder = Recorder::on();
    }
    let synth = Synthesizer::open_model(options);
    synth.say(args.request);
    let mut samples = Vec::new();
    while let Some(event) = synth.next_event() {
        match event {
            Event::Ready { after, notice } => println!("loaded in {after:.1?}. {notice}"),
            Event::LoadFailed(error) => return Err(error.into()),
            Event::Warning { message, .. } => eprintln!("warning: {message}"),
            Event::UtteranceFailed { error, .. } => eprintln!("error: {error}"),
            Event::Speech(speech) => {
                report(&speech);
                samples.extend(speech.samples);
            }
            Event::Finished { .. } => break,
            _ => {}
        }
    }
    save(&args.wav, &samples).with_context(|| args.wav.display().to_string())?;
    if let Some(path) = &args.timeline {
        fs::write(path, timeline::svg(&synth.spans()))
            .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn report(speech: &Speech) {
    let stats = &speech.stats;
    if !speech.last {
        let seconds = speech.samples.len() as f64 / f64::from(SAMPLE_RATE);
        println!(
            "a piece of {seconds:.2} s after {:.1?}",
            stats.since_request
        );
        return;
    }
    println!(
        "{:?}: {:.2} s ({} tokens) after {:.1?}; prefill {:.2?}, decode {:.2?}, flow {:.2?}, vocoder {:.2?}",
        speech.text,
        speech.samples.len() as f64 / f64::from(SAMPLE_RATE),
        stats.tokens,
        stats.since_request,
        stats.prefill,
        stats.decode,
        stats.flow,
        stats.vocoder,
    );
}

/// Writes a WAV file of mono 32-bit float samples.
fn save(path: &Path, samples: &[f32]) -> hound::Result<()> {
    let format = WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 32,
        sample_format: SampleFormat::Float,
    };
    let mut wav = WavWriter::create(path, format)?;
    for sample in samples {
        wav.write_sample(*sample)?;
    }
    wav.finalize()
}
