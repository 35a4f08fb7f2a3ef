//! Reading a recording, of any kind that GStreamer decodes.
//!
//! A recording is one file. What a file names, such as the segments of a playlist, is neither opened nor fetched: a
//! stranger's upload could otherwise read the files of this machine, and reach servers of its network.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cosyvoice3::{
    Error, ErrorKind, Result,
    cancel::Cancel,
    enrol::{Heard, Intake},
    regular_file,
};
use gst::prelude::*;

/// Longest wait for the next block before messages and the cancellation are looked at.
const TICK: gst::ClockTime = gst::ClockTime::from_mseconds(100);
/// Blocks that may wait, so that a decoder which is faster than we are fills no memory.
const MOST_WAITING: u32 = 16;
/// Advice where a decoder is missing.
const DECODERS: &str = "install gstreamer1.0-plugins-good, gstreamer1.0-plugins-bad or gstreamer1.0-libav, or save the recording as WAV";

/// Takes in the sound of the file `path`, as the mean of its channels. Of a long one a part is kept, see [`Intake`].
/// `progress` gets the time up to which it was read. GStreamer has to be initialised.
///
/// # Errors
/// The file cannot be read, holds no sound that can be decoded, or samples that are none: the message names it.
/// [`ErrorKind::Cancelled`].
pub fn hear(path: &Path, cancel: &Cancel, progress: &mut dyn FnMut(Duration)) -> Result<Heard> {
    // Pipes and missing files first: a decoder would wait for the former, and is less clear about the latter.
    regular_file::open(path)?;
    let decoder = Decoder::new(path)?;
    let mut intake = None;
    while let Some(sample) = decoder.next(cancel)? {
        let (block, rate) = mono(&sample).ok_or_else(|| decoder.unusable("no sound"))?;
        let (known, intake) = match &mut intake {
            Some(intake) => intake,
            None => {
                let new = Intake::new(rate).map_err(|e| e.context(path.display()))?;
                intake.insert((rate, new))
            }
        };
        if *known != rate {
            return Err(decoder.unusable(&format!(
                "the sample rate changes from {known} to {rate} Hz: save the recording again with one rate"
            )));
        }
        intake.push(&block).map_err(|e| e.context(path.display()))?;
        if let Some(time) = sample.buffer().and_then(|buffer| buffer.pts()) {
            progress(time.into());
        }
    }
    match intake {
        Some((_, intake)) => Ok(intake.finish()),
        None => Err(decoder.unusable("it contains no sound")),
    }
}

/// A pipeline that decodes a file as fast as it can.
struct Decoder<'a> {
    path: &'a Path,
    pipeline: gst::Pipeline,
    sink: gst::Element,
    /// The file only names other sources.
    refers: Arc<AtomicBool>,
}

impl<'a> Decoder<'a> {
    fn new(path: &'a Path) -> Result<Self> {
        let source = make("filesrc")?;
        let Some(location) = path.to_str() else {
            return Err(unusable(path, "the name is not UTF-8: rename the file"));
        };
        source.set_property("location", location);
        let decode = make("decodebin")?;
        // Pictures and films beside the sound are not decoded.
        decode.set_property("caps", gst::Caps::new_empty_simple("audio/x-raw"));
        decode.set_property("expose-all-streams", false);
        let convert = make("audioconvert")?;
        let sink = make("appsink")?;
        sink.set_property("sync", false);
        sink.set_property("max-buffers", MOST_WAITING);
        sink.set_property(
            "caps",
            gst::Caps::builder("audio/x-raw")
                .field("format", "F32LE")
                .field("layout", "interleaved")
                .build(),
        );
        let pipeline = gst::Pipeline::new();
        let broken = |e: gst::glib::BoolError| Error::failed(format!("GStreamer: {e}"));
        pipeline
            .add_many([&source, &decode, &convert, &sink])
            .and_then(|()| source.link(&decode))
            .and_then(|()| convert.link(&sink))
            .map_err(broken)?;
        let refers = refuse_references(&decode)?;
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
            refers,
        };
        if decoder.pipeline.set_state(gst::State::Playing).is_err() {
            return Err(decoder
                .failure()
                .unwrap_or_else(|| decoder.unusable("it cannot be decoded")));
        }
        Ok(decoder)
    }

    /// The next block; `None` at the end.
    fn next(&self, cancel: &Cancel) -> Result<Option<gst::Sample>> {
        loop {
            cancel.check()?;
            // By its signal: the plugin needs no library of appsink's for this alone.
            let pulled = self
                .sink
                .emit_by_name::<Option<gst::Sample>>("try-pull-sample", &[&TICK.nseconds()]);
            if pulled.is_some() {
                return Ok(pulled);
            }
            if let Some(failure) = self.failure() {
                return Err(failure);
            }
            if self.sink.property("eos") {
                return Ok(None);
            }
        }
    }

    /// The first error of the pipeline, with the decoder that is missing.
    fn failure(&self) -> Option<Error> {
        if self.refers.load(Ordering::SeqCst) {
            return Some(self.unusable(
                "it is a playlist, which names other files or addresses: give the sound itself",
            ));
        }
        let bus = self.pipeline.bus()?;
        let mut missing = None;
        let wanted = [gst::MessageType::Error, gst::MessageType::Element];
        let lacks = |name: &str| self.unusable(&format!("GStreamer has no {name}: {DECODERS}"));
        while let Some(message) = bus.pop_filtered(&wanted) {
            match message.view() {
                gst::MessageView::Element(element) => {
                    let fields = element.structure();
                    let fields = fields.filter(|fields| fields.name() == "missing-plugin");
                    let name = fields.and_then(|fields| fields.get::<String>("name").ok());
                    missing = missing.or(name);
                }
                gst::MessageView::Error(error) => {
                    return Some(match missing {
                        Some(name) => lacks(&name),
                        None => self
                            .unusable(&format!("no sound that can be decoded: {}", error.error())),
                    });
                }
                _ => {}
            }
        }
        missing.map(|name| lacks(&name))
    }

    fn unusable(&self, why: &str) -> Error {
        unusable(self.path, why)
    }
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Keeps elements out of a decodebin that would open what a file names. The flag is set when one was wanted.
fn refuse_references(decode: &gst::Element) -> Result<Arc<AtomicBool>> {
    let answers = gst::glib::Type::from_name("GstAutoplugSelectResult")
        .and_then(gst::glib::EnumClass::with_type)
        .filter(|answers| {
            ["skip", "try"]
                .iter()
                .all(|nick| answers.value_by_nick(nick).is_some())
        })
        .ok_or_else(|| Error::failed("GStreamer's decodebin has no answer \"skip\""))?;
    let refers = Arc::new(AtomicBool::new(false));
    let seen = refers.clone();
    decode.connect("autoplug-select", false, move |arguments| {
        let factory = arguments
            .get(3)
            .and_then(|value| value.get::<gst::ElementFactory>().ok());
        let opens = factory.is_some_and(|factory| opens_others(&factory));
        if opens {
            seen.store(true, Ordering::SeqCst);
        }
        answers.to_value_by_nick(if opens { "skip" } else { "try" })
    });
    Ok(refers)
}

/// Returns true for elements that open what their input names: adaptive streams (HLS, DASH) and descriptions of sessions
/// (SDP), also those of FFmpeg.
fn opens_others(factory: &gst::ElementFactory) -> bool {
    let class = factory.metadata("klass").unwrap_or_default();
    let name = factory.name();
    let of_ffmpeg = name.strip_prefix("avdemux_").unwrap_or_default();
    class
        .split('/')
        .any(|word| ["Adaptive", "Network"].contains(&word))
        || ["hls", "dash", "concat", "sdp", "imf"]
            .iter()
            .any(|format| of_ffmpeg.contains(format))
}

fn unusable(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Recording, format!("{}: {why}", path.display()))
}

/// A new element of the factory `name`.
fn make(name: &str) -> Result<gst::Element> {
    gst::ElementFactory::make(name).build().map_err(|_| {
        Error::new(
            ErrorKind::Library,
            format!(
                "GStreamer's element {name} is missing, without which no recording can be read: install gstreamer1.0-plugins-base"
            ),
        )
    })
}

/// The mean of a block's channels, and the sample rate.
fn mono(sample: &gst::Sample) -> Option<(Vec<f32>, u32)> {
    let caps = sample.caps()?.structure(0)?;
    let number = |field: &str| caps.get::<i32>(field).ok();
    let channels = usize::try_from(number("channels")?)
        .ok()
        .filter(|n| *n > 0)?;
    let rate = u32::try_from(number("rate")?).ok()?;
    let map = sample.buffer()?.map_readable().ok()?;
    let (words, _) = map.as_chunks::<4>();
    let mean = |frame: &[[u8; 4]]| {
        let sum: f32 = frame.iter().map(|word| f32::from_le_bytes(*word)).sum();
        sum / channels as f32
    };
    Some((words.chunks_exact(channels).map(mean).collect(), rate))
}
