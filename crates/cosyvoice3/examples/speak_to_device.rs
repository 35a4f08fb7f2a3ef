//! Speaks lines of standard input to the sound device, each as soon as it is typed and its first sentence is ready.
//!
//! `cargo run --release -p cosyvoice3 --features playback --example speak_to_device -- models/demo`
//!
//! On Linux this wants ALSA's headers (`libasound2-dev`) and a sound card; there was none where this was written, so it
//! has been compiled but never heard.

use std::{error::Error, io, num::NonZero};

use cosyvoice3::{Options, SAMPLE_RATE, Synthesizer};
use rodio::{DeviceSinkBuilder, Player, buffer::SamplesBuffer};

fn main() -> Result<(), Box<dyn Error>> {
    let model = std::env::args()
        .nth(1)
        .ok_or("usage: speak_to_device MODEL_DIR")?;
    let synth = Synthesizer::load(Options::new(model))?;
    let device = DeviceSinkBuilder::open_default_sink()?;
    let player = Player::connect_new(device.mixer());
    let rate = NonZero::new(SAMPLE_RATE).expect("it is 24,000");
    for line in io::stdin().lines() {
        for speech in synth.speak(line?) {
            // An utterance that failed is left out, as a reader skips a word.
            match speech {
                // Queued and not waited for: the next one is made meanwhile.
                Ok(speech) => player.append(SamplesBuffer::new(
                    NonZero::<u16>::MIN,
                    rate,
                    speech.samples,
                )),
                Err(error) => eprintln!("{error}"),
            }
        }
    }
    player.sleep_until_end();
    Ok(())
}
