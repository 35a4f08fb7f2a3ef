//! Sound: of the element in this process, and of files.

use std::{path::Path, sync::Once};

use gst::prelude::*;

use crate::{PROPERTIES, RATE, tiny};

/// The element's own speech, as mono floats at 24 kHz: the text is a property, without any quoting.
pub fn speech(text: &str) -> Vec<f32> {
    init();
    speech_through(text, &[], &raw_caps(RATE))
}

/// The speech as a telephone carries it: 8 kHz, µ-law.
pub fn telephone(text: &str) -> Vec<f32> {
    init();
    let caps = gst::Caps::builder("audio/x-mulaw")
        .field("rate", 8000)
        .build();
    let bytes = bytes_through(text, &["audioconvert", "audioresample", "mulawenc"], &caps);
    bytes.into_iter().map(crate::hearing::mulaw).collect()
}

fn speech_through(text: &str, elements: &[&str], caps: &gst::Caps) -> Vec<f32> {
    crate::hearing::floats(&bytes_through(text, elements, caps))
}

fn bytes_through(text: &str, elements: &[&str], caps: &gst::Caps) -> Vec<u8> {
    let speech = make("cosyvoice3src");
    speech.set_property("text", text);
    speech.set_property("model-path", tiny().display().to_string());
    for property in PROPERTIES {
        let (name, value) = property.split_once('=').unwrap();
        speech.set_property_from_str(name, value);
    }
    let chain = elements.iter().map(|name| make(name));
    collected([speech].into_iter().chain(chain).collect(), caps)
}

/// The content of a sound file of any kind, as mono floats at 24 kHz.
pub fn decoded(file: impl AsRef<Path>) -> Vec<f32> {
    init();
    let source = make("uridecodebin");
    let uri = gst::glib::filename_to_uri(file.as_ref().canonicalize().unwrap(), None).unwrap();
    source.set_property("uri", uri.as_str());
    let chain = vec![source, make("audioconvert"), make("audioresample")];
    crate::hearing::floats(&collected(chain, &raw_caps(RATE)))
}

fn raw_caps(rate: usize) -> gst::Caps {
    gst::Caps::builder("audio/x-raw")
        .field("format", "F32LE")
        .field("rate", rate as i32)
        .field("channels", 1)
        .build()
}

fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().unwrap();
        gstcosyvoice3::plugin_register_static().unwrap();
    });
}

fn make(name: &str) -> gst::Element {
    gst::ElementFactory::make(name)
        .build()
        .unwrap_or_else(|_| panic!("{name} is installed"))
}

/// All bytes that leave a chain of elements with these caps.
fn collected(chain: Vec<gst::Element>, caps: &gst::Caps) -> Vec<u8> {
    let sink = make("appsink").downcast::<gst_app::AppSink>().unwrap();
    sink.set_caps(Some(caps));
    sink.set_property("sync", false);
    let pipeline = gst::Pipeline::new();
    let chain: Vec<gst::Element> = chain.into_iter().chain([sink.clone().upcast()]).collect();
    pipeline.add_many(&chain).unwrap();
    for pair in chain.windows(2) {
        if pair[0].static_pad("src").is_some() {
            pair[0].link(&pair[1]).unwrap();
        } else {
            let next = pair[1].static_pad("sink").unwrap();
            pair[0].connect_pad_added(move |_, pad| {
                pad.link(&next).unwrap();
            });
        }
    }
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut bytes = Vec::new();
    while let Ok(sample) = sink.pull_sample() {
        bytes.extend_from_slice(&sample.buffer().unwrap().map_readable().unwrap());
    }
    let error = pipeline
        .bus()
        .unwrap()
        .pop_filtered(&[gst::MessageType::Error]);
    assert!(error.is_none(), "{error:?}");
    pipeline.set_state(gst::State::Null).unwrap();
    bytes
}
