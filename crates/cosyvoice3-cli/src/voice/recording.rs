//! Reading a recording, of any kind that GStreamer decodes.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, anyhow, bail, ensure};
use cosyvoice3::{
    enrol::{Heard, Intake},
    regular_file,
};
use gst::prelude::*;
use gst_app::AppSink;

use crate::{elements::make, progress::Progress};

/// Longest wait for the next block before the messages of the pipeline are looked at.
const TICK: gst::ClockTime = gst::ClockTime::from_mseconds(200);
/// Blocks that may wait, so that a decoder which is faster than we are fills no memory.
const MOST_WAITING: u32 = 16;
/// Advice where a decoder is missing.
const DECODERS: &str = "install gstreamer1.0-plugins-good, gstreamer1.0-plugins-bad or gstreamer1.0-libav, or save the recording as WAV";

/// Takes in the sound of the file `path`, as the mean of its channels. Of a long one a part is kept, see [`Intake`].
///
/// # Errors
/// The file cannot be read, holds no sound that can be decoded, or samples that are none.
pub fn hear(path: &Path, progress: &Progress) -> Result<Heard> {
    // What a decoder would wait for, or say in less clear words.
    regular_file::open(path)?;
    let decoder = Decoder::new(path)?;
    progress.work(&format!("reading {}", path.display()));
    let mut intake = None;
    while let Some(sample) = decoder.next()? {
        let (block, rate) = mono(&sample)?;
        let (known, intake) = match &mut intake {
            Some(intake) => intake,
            None => intake.insert((rate, Intake::new(rate)?)),
        };
        ensure!(
            *known == rate,
            "{}: the sample rate changes from {known} to {rate} Hz: save the recording again with one rate",
            path.display()
        );
        intake
            .push(&block)
            .with_context(|| path.display().to_string())?;
        if let Some(time) = sample.buffer().and_then(|buffer| buffer.pts()) {
            progress.made(Duration::from_nanos(time.nseconds()));
        }
    }
    let (_, intake) =
        intake.with_context(|| format!("{}: it contains no sound", path.display()))?;
    Ok(intake.finish())
}

/// A pipeline that decodes a file as fast as it can.
struct Decoder<'a> {
    path: &'a Path,
    pipeline: gst::Pipeline,
    sink: AppSink,
}

impl<'a> Decoder<'a> {
    fn new(path: &'a Path) -> Result<Self> {
        let source = make("filesrc")?;
        let location = path.to_str();
        let location = location.with_context(|| format!("{path:?}: the name is not UTF-8"))?;
        source.set_property("location", location);
        let decode = make("decodebin")?;
        // Pictures and films beside the sound are not decoded.
        decode.set_property("caps", gst::Caps::new_empty_simple("audio/x-raw"));
        decode.set_property("expose-all-streams", false);
        let convert = make("audioconvert")?;
        let sink = make("appsink")?;
        let sink = sink
            .downcast::<AppSink>()
            .map_err(|_| anyhow!("GStreamer's appsink is another element"))?;
        sink.set_property("sync", false);
        sink.set_max_buffers(MOST_WAITING);
        sink.set_caps(Some(
            &gst::Caps::builder("audio/x-raw")
                .field("format", "F32LE")
                .field("layout", "interleaved")
                .build(),
        ));
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([&source, &decode, &convert, sink.upcast_ref()])?;
        source.link(&decode)?;
        convert.link(&sink)?;
        decode.connect_pad_added(move |_, pad| {
            let wanted = convert.static_pad("sink").expect("every converter has one");
            // Of several tracks the first one is heard.
            if !wanted.is_linked() {
                let _ = pad.link(&wanted);
            }
        });
        let decoder = Self {
            path,
            pipeline,
            sink,
        };
        if decoder.pipeline.set_state(gst::State::Playing).is_err() {
            return Err(decoder
                .failure()
                .unwrap_or_else(|| anyhow!("{}: it cannot be decoded", path.display())));
        }
        Ok(decoder)
    }

    /// The next block; `None` at the end.
    fn next(&self) -> Result<Option<gst::Sample>> {
        loop {
            if let Some(sample) = self.sink.try_pull_sample(TICK) {
                return Ok(Some(sample));
            }
            if let Some(failure) = self.failure() {
                return Err(failure);
            }
            if self.sink.is_eos() {
                return Ok(None);
            }
        }
    }

    /// The first error of the pipeline, with the decoder that is missing.
    fn failure(&self) -> Option<anyhow::Error> {
        let bus = self.pipeline.bus()?;
        let mut missing = None;
        let wanted = [gst::MessageType::Error, gst::MessageType::Element];
        while let Some(message) = bus.pop_filtered(&wanted) {
            match message.view() {
                gst::MessageView::Element(element) => {
                    let fields = element.structure();
                    let fields = fields.filter(|fields| fields.name() == "missing-plugin");
                    let name = fields.and_then(|fields| fields.get::<String>("name").ok());
                    missing = missing.or(name);
                }
                gst::MessageView::Error(error) => {
                    let path = self.path.display();
                    return Some(match missing {
                        Some(name) => anyhow!("{path}: GStreamer has no {name}: {DECODERS}"),
                        None => anyhow!("{path}: no sound that can be decoded: {}", error.error()),
                    });
                }
                _ => {}
            }
        }
        missing.map(|name| {
            anyhow!(
                "{}: GStreamer has no {name}: {DECODERS}",
                self.path.display()
            )
        })
    }
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// The mean of a block's channels, and the sample rate.
fn mono(sample: &gst::Sample) -> Result<(Vec<f32>, u32)> {
    let number = |field: &str| -> Result<usize> {
        let caps = sample.caps().context("a decoded block has caps")?;
        let caps = caps.structure(0).context("a decoded block has caps")?;
        Ok(usize::try_from(caps.get::<i32>(field)?)?)
    };
    let (channels, rate) = (number("channels")?, number("rate")?);
    let buffer = sample.buffer().context("a decoded block has samples")?;
    let map = buffer.map_readable()?;
    let (words, _) = map.as_chunks::<4>();
    if channels == 0 {
        bail!("a sound without channels");
    }
    let mean = |frame: &[[u8; 4]]| {
        let sum: f32 = frame.iter().map(|word| f32::from_le_bytes(*word)).sum();
        sum / channels as f32
    };
    Ok((
        words.chunks_exact(channels).map(mean).collect(),
        u32::try_from(rate)?,
    ))
}
