//! Pipelines that receive a camera's picture, and what its streams are made of.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use gst::prelude::*;

use crate::options::{Camera, CameraCodec};

/// Seconds that a camera has for an answer.
const ANSWER_SECONDS: u64 = 10;

/// Encoding of the picture that streams carry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Format {
    H264,
    H265,
    Jpeg,
}

/// A camera that can be connected to.
#[derive(Clone)]
pub struct Source {
    camera: Camera,
    pub format: Format,
    /// Encodings that an RTSP camera offered instead of the wanted one.
    refused: Arc<Mutex<Vec<String>>>,
}

impl Format {
    /// Caps of the picture: each buffer is one picture, with parameter sets in front of those that need no other one.
    pub fn caps(self) -> gst::Caps {
        let video = |name: &str| {
            gst::Caps::builder(name)
                .field("stream-format", "byte-stream")
                .field("alignment", "au")
                .build()
        };
        match self {
            Self::H264 => video("video/x-h264"),
            Self::H265 => video("video/x-h265"),
            Self::Jpeg => gst::Caps::new_empty_simple("image/jpeg"),
        }
    }

    /// Caps for streams of a picture with the caps `of`. Only JPEG's payloader needs the size from them; the others find
    /// it in the picture, and nothing changes for them when the still picture takes the camera's place.
    pub fn caps_of(self, of: &gst::CapsRef) -> gst::Caps {
        let mut caps = self.caps();
        if self == Self::Jpeg
            && let Some(of) = of.structure(0)
            && let (Ok(width), Ok(height)) = (of.get::<i32>("width"), of.get::<i32>("height"))
        {
            let caps = caps.make_mut();
            caps.set("width", width);
            caps.set("height", height);
        }
        caps
    }

    /// The elements that make RTP packets of the picture.
    pub fn payloader(self) -> &'static str {
        match self {
            Self::H264 => "rtph264pay config-interval=-1 name=pay0 pt=96",
            Self::H265 => "rtph265pay config-interval=-1 name=pay0 pt=96",
            Self::Jpeg => "rtpjpegpay name=pay0 pt=26",
        }
    }

    fn depayloader(self) -> &'static str {
        match self {
            Self::H264 => "rtph264depay ! h264parse config-interval=-1",
            Self::H265 => "rtph265depay ! h265parse config-interval=-1",
            Self::Jpeg => "rtpjpegdepay",
        }
    }

    /// The name in RTP.
    fn encoding_name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::H265 => "H265",
            Self::Jpeg => "JPEG",
        }
    }
}

impl Source {
    /// `None` where no picture is wanted.
    pub fn new(camera: &Camera) -> Option<Self> {
        let format = match camera {
            Camera::None => return None,
            Camera::Test => Format::Jpeg,
            Camera::Rtsp { codec, .. } => match codec {
                CameraCodec::H264 => Format::H264,
                CameraCodec::H265 => Format::H265,
                CameraCodec::Jpeg => Format::Jpeg,
            },
            Camera::Uri(_) => match gst::ElementFactory::find("x264enc") {
                // Most clients decode it.
                Some(_) => Format::H264,
                None => Format::Jpeg,
            },
        };
        Some(Self {
            camera: camera.clone(),
            format,
            refused: Arc::default(),
        })
    }

    /// True for a file, which begins again when it has ended.
    pub fn repeats(&self) -> bool {
        matches!(&self.camera, Camera::Uri(uri) if uri.starts_with("file:"))
    }

    /// A pipeline, not started yet, whose `appsink name=pictures` gives the pictures.
    pub fn pipeline(&self) -> Result<gst::Pipeline> {
        let source = match &self.camera {
            Camera::None | Camera::Test => "videotestsrc is-live=true pattern=ball \
                 ! video/x-raw,format=I420,width=640,height=360,framerate=10/1 ! jpegenc"
                .into(),
            Camera::Rtsp { .. } => format!(
                "rtspsrc name=camera protocols=tcp latency=200 \
                 ! application/x-rtp,media=video,encoding-name={} ! {}",
                self.format.encoding_name(),
                self.format.depayloader()
            ),
            Camera::Uri(_) => {
                let encoder = match self.format {
                    Format::H264 => {
                        "x264enc tune=zerolatency speed-preset=veryfast key-int-max=30 \
                         ! video/x-h264,profile=constrained-baseline"
                    }
                    _ => "jpegenc",
                };
                format!(
                    "uridecodebin name=camera ! queue ! videoconvert ! video/x-raw,format=I420 ! {encoder}"
                )
            }
        };
        // A file is played in its time; an RTSP camera's pictures come in their time already.
        let description = format!(
            "{source} ! {} ! appsink name=pictures sync={} enable-last-sample=false",
            self.format.caps(),
            matches!(self.camera, Camera::Uri(_))
        );
        let pipeline = gst::parse::launch(&description)
            .context("the camera's pipeline (gstreamer1.0-plugins-good and -bad are needed)")?
            .downcast::<gst::Pipeline>()
            .map_err(|_| anyhow!("the camera's pipeline is not a pipeline"))?;
        // A property, not part of the description: nothing in an address is taken for an element.
        match (&self.camera, pipeline.by_name("camera")) {
            (Camera::Rtsp { uri, .. }, Some(element)) => self.set_up_rtsp(&element, uri),
            (Camera::Uri(uri), Some(element)) => element.set_property("uri", uri),
            _ => {}
        }
        Ok(pipeline)
    }

    /// Sets the address, and asks the camera for its picture alone.
    fn set_up_rtsp(&self, element: &gst::Element, uri: &str) {
        element.set_property("location", uri);
        element.set_property("tcp-timeout", ANSWER_SECONDS * 1_000_000);
        self.refused().clear();
        let source = self.clone();
        element.connect("select-stream", false, move |values| {
            let caps = values.get(2)?.get::<gst::Caps>().ok()?;
            let offer = caps.structure(0)?;
            let name = offer.get::<&str>("encoding-name").unwrap_or("");
            let is_video = offer.get::<&str>("media") == Ok("video");
            let wanted = is_video && name == source.format.encoding_name();
            if is_video && !wanted {
                source.refused().push(name.to_string());
            }
            Some(wanted.to_value())
        });
    }

    /// The reason of an error, in words for the log.
    pub fn explain(&self, error: &gst::message::Error) -> String {
        let refused = self.refused();
        match refused.is_empty() {
            true => error.error().to_string(),
            false => format!(
                "it offers {:?}, not {}: --camera-codec says what it sends",
                refused.join(", "),
                self.format.encoding_name()
            ),
        }
    }

    fn refused(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
