//! Encoded speech, by GStreamer's encoders.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use anyhow::{Context, Result, anyhow};
use axum::http::StatusCode;
use gst::prelude::*;
use gst_app::{AppSink, AppSinkCallbacks, AppSrc};
use hyper::body::Bytes;

use super::output::{Chunk, Sender};
use crate::{http::Refusal, log::log};

const RATE: u64 = cosyvoice3::SAMPLE_RATE as u64;

/// Form of the speech, as OpenAI's API names it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Format {
    Wav,
    Pcm,
    Mp3,
    Opus,
    Flac,
    Aac,
}

impl Format {
    /// All names.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("wav", Self::Wav),
        ("pcm", Self::Pcm),
        ("mp3", Self::Mp3),
        ("opus", Self::Opus),
        ("flac", Self::Flac),
        ("aac", Self::Aac),
    ];

    /// The content type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Pcm => "audio/pcm",
            Self::Mp3 => "audio/mpeg",
            Self::Opus => "audio/ogg",
            Self::Flac => "audio/flac",
            Self::Aac => "audio/aac",
        }
    }

    /// The elements that make it of 16-bit samples: alternatives in the order of preference, each with its Debian package.
    fn encoders(self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self {
            Self::Wav | Self::Pcm => &[],
            Self::Mp3 => &[(
                "lamemp3enc",
                "gstreamer1.0-plugins-good",
                "lamemp3enc target=bitrate bitrate=64 mono=true",
            )],
            Self::Opus => &[(
                "opusenc",
                "gstreamer1.0-plugins-base",
                "opusenc audio-type=voice bitrate=32000 ! oggmux max-delay=40000000 max-page-delay=40000000",
            )],
            Self::Flac => &[("flacenc", "gstreamer1.0-plugins-good", "flacenc")],
            Self::Aac => &[
                (
                    "fdkaacenc",
                    "gstreamer1.0-plugins-bad",
                    "fdkaacenc ! aacparse ! audio/mpeg,stream-format=adts",
                ),
                (
                    "avenc_aac",
                    "gstreamer1.0-libav",
                    "avenc_aac ! aacparse ! audio/mpeg,stream-format=adts",
                ),
                (
                    "voaacenc",
                    "gstreamer1.0-plugins-bad",
                    "voaacenc ! aacparse ! audio/mpeg,stream-format=adts",
                ),
            ],
        }
    }

    /// The first encoder that is installed.
    fn installed(self) -> Result<&'static str, Refusal> {
        let known = self.encoders();
        let found = known
            .iter()
            .find(|(name, ..)| gst::ElementFactory::find(name).is_some());
        found.map(|(_, _, elements)| *elements).ok_or_else(|| {
            let names = known
                .iter()
                .map(|(name, package, _)| format!("{name} ({package})"));
            let names = names.collect::<Vec<_>>().join(" or ");
            let words = format!(
                "this server cannot encode {}: GStreamer's element {names} is not installed",
                self.name()
            );
            Refusal::new(StatusCode::NOT_IMPLEMENTED, words)
                .param("response_format")
                .code("encoder_missing")
        })
    }

    fn name(self) -> &'static str {
        let mut names = Self::NAMES.iter();
        names
            .find(|(_, format)| *format == self)
            .map_or("?", |(name, _)| *name)
    }
}

/// The pipeline of an encoder, which ends with it.
pub struct Encoder(gst::Pipeline);

impl Drop for Encoder {
    fn drop(&mut self) {
        let _ = self.0.set_state(gst::State::Null);
    }
}

/// Starts an encoder: samples go into its source, and what it makes of them goes to `sender`.
///
/// # Errors
/// The encoder is missing; the refusal names it and its package.
pub fn start(format: Format, sender: Sender) -> Result<(AppSrc, Encoder), Refusal> {
    let elements = format.installed()?;
    pipeline(elements, sender).map_err(|error| {
        log!("error: {error:#}");
        let words = format!(
            "the encoder of {} cannot be started: {error:#}",
            format.name()
        );
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, words).code("encoder_failed")
    })
}

fn pipeline(elements: &str, sender: Sender) -> Result<(AppSrc, Encoder)> {
    let description = format!(
        "appsrc name=speech format=time max-bytes=0 ! audioconvert ! {elements} ! appsink name=encoded sync=false"
    );
    let pipeline = gst::parse::launch(&description)?
        .downcast::<gst::Pipeline>()
        .map_err(|_| anyhow!("it is no pipeline"))?;
    let by_name = |name| pipeline.by_name(name).context("it is in the description");
    let source = by_name("speech")?
        .downcast::<AppSrc>()
        .map_err(|_| anyhow!("it is an appsrc"))?;
    let caps = gst::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("layout", "interleaved")
        .field("rate", RATE as i32)
        .field("channels", 1)
        .build();
    source.set_caps(Some(&caps));
    let sink = by_name("encoded")?
        .downcast::<AppSink>()
        .map_err(|_| anyhow!("it is an appsink"))?;
    let sender = Arc::new(Mutex::new(Some(sender)));
    sink.set_callbacks(encoded_to(&sender));
    let bus = pipeline.bus().context("a pipeline has a bus")?;
    bus.set_sync_handler(move |_, message| {
        if let gst::MessageView::Error(error) = message.view() {
            log!("error: an encoder failed: {}", error.error());
            let words = format!("the encoder failed: {}", error.error());
            let refusal =
                Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, words).code("encoder_failed");
            if let Some(sender) = lock(&sender).take() {
                let _ = sender.send(Err(refusal));
            }
        }
        gst::BusSyncReply::Drop
    });
    pipeline.set_state(gst::State::Playing)?;
    Ok((source, Encoder(pipeline)))
}

/// Sends what is encoded; the end of the stream drops the sender, which is the end of the client's answer.
fn encoded_to(sender: &Arc<Mutex<Option<Sender>>>) -> AppSinkCallbacks {
    let (sender, ended) = (sender.clone(), sender.clone());
    let end = AtomicU64::new(0);
    AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            if let (Some(buffer), Some(sender)) = (sample.buffer(), &*lock(&sender)) {
                send(buffer, sender, &end);
            }
            Ok(gst::FlowSuccess::Ok)
        })
        .eos(move |_| drop(lock(&ended).take()))
        .build()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends what the encoder made; headers have no time of their own.
fn send(buffer: &gst::BufferRef, sender: &Sender, end: &AtomicU64) {
    let Ok(map) = buffer.map_readable() else {
        return;
    };
    if let Some(time) = buffer.pts() {
        let time = time + buffer.duration().unwrap_or_default();
        end.fetch_max(
            time.nseconds() * RATE / gst::ClockTime::SECOND.nseconds(),
            Relaxed,
        );
    }
    let _ = sender.send(Ok(Chunk {
        bytes: Bytes::copy_from_slice(&map),
        end: end.load(Relaxed),
    }));
}

/// Hands 16-bit samples to the encoder, those from `from` to `to` of the speech.
pub fn push(source: &AppSrc, pcm: Vec<u8>, from: u64, to: u64) {
    let time = |samples: u64| {
        gst::ClockTime::from_nseconds(samples * gst::ClockTime::SECOND.nseconds() / RATE)
    };
    let mut buffer = gst::Buffer::from_mut_slice(pcm);
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(time(from));
        buffer.set_duration(time(to) - time(from));
    }
    // A failure is on the bus too.
    let _ = source.push_buffer(buffer);
}
