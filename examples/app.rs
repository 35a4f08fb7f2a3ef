//! An application in Rust: queues a few announcements and prints when each is played.
//!
//! `eval "$(./pipelines/env.sh)"`, then `cargo run --release --workspace --example app -- TEXT...`

use gst::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    gst::init()?;
    let pipeline = gst::parse::launch(
        "cosyvoice3src name=speech is-live=true ! audioconvert ! audioresample ! autoaudiosink",
    )?;
    let bin = pipeline.downcast_ref::<gst::Bin>().ok_or("a pipeline")?;
    let speech = bin.by_name("speech").ok_or("it was just made")?;
    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    // A failure here is reported on the bus.
    let _ = pipeline.set_state(gst::State::Playing);
    for text in std::env::args().skip(1) {
        println!("number {}", speech.emit_by_name::<u64>("say", &[&text]));
    }
    speech.emit_by_name::<()>("end-of-stream", &[]);
    for message in bus.iter_timed(gst::ClockTime::NONE) {
        match (message.view(), message.structure()) {
            (gst::MessageView::Error(error), _) => return Err(error.error().into()),
            (gst::MessageView::Eos(_), _) => break,
            (_, Some(message)) if message.name() == "cosyvoice3/utterance-started" => {
                let time: gst::ClockTime = message.get("running-time")?;
                println!("at {time}: {}", message.get::<&str>("text")?);
            }
            _ => {}
        }
    }
    pipeline.set_state(gst::State::Null)?;
    Ok(())
}
