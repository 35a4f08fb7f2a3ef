//! Shows how far the models are, then speaks a text into a WAV file of 16 bits.
//!
//! `cargo run --release -p cosyvoice3 --example speak_to_file -- models/demo "Hello. How are you?" hello.wav`

use std::error::Error;

use cosyvoice3::{Event, Options, SAMPLE_RATE, Synthesizer};
use hound::{SampleFormat, WavSpec, WavWriter};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, text, file] = &arguments[..] else {
        return Err("usage: speak_to_file MODEL_DIR TEXT FILE.wav".into());
    };
    let synth = Synthesizer::open_model(Options::new(model));
    load(&synth)?;

    let format = WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut wav = WavWriter::create(file, format)?;
    for speech in synth.speak(text.as_str()) {
        let speech = speech?;
        println!("{:?}", speech.text);
        for sample in speech.samples {
            wav.write_sample((sample * f32::from(i16::MAX)).round() as i16)?;
        }
    }
    wav.finalize()?;
    Ok(())
}

/// Waits for the models. A program that has something better to do goes on and speaks: the speech comes when they are
/// there.
fn load(synth: &Synthesizer) -> cosyvoice3::Result<()> {
    while let Some(event) = synth.next_event() {
        match event {
            Event::Loading {
                component,
                fraction,
            } => eprint!("\r\x1b[K{component}: {:.0} %", 100.0 * fraction),
            Event::Warning { message, .. } => eprintln!("\r\x1b[K{message}"),
            Event::Ready { after, notice } => {
                eprintln!("\r\x1b[Kready after {after:.1?} {notice}");
                break;
            }
            Event::LoadFailed(error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
