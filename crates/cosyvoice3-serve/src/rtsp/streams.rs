//! Streams that RTSP clients can ask for.

use gst::{glib::translate::IntoGlib, prelude::*};
use gst_app::AppSrc;
use gst_rtsp_server::{RTSPMedia, RTSPMediaFactory, prelude::*};

use crate::{announcements::Speech, camera::Camera, log::log, options::Codec};

/// Packets of 20 ms that may wait in a stream that no client has begun to play, and in one that is played.
const PACKETS_BEFORE_PLAY: u64 = 2;
const PACKETS_IN_PLAY: u64 = 250;

/// The sound alone.
pub fn speech(codec: Codec, speech: &Speech) -> RTSPMediaFactory {
    let speech = speech.clone();
    stream(&sound(codec, 0), move |media| add_speech(media, &speech))
}

/// The camera's picture and the sound.
pub fn camera(codec: Codec, speech: &Speech, camera: &Camera) -> RTSPMediaFactory {
    let (speech, camera) = (speech.clone(), camera.clone());
    let description = format!("{} {}", camera.description(), sound(codec, 1));
    stream(&description, move |media| {
        add_speech(media, &speech);
        match source(media, "picture") {
            Some(source) => camera.add_listener(&source),
            None => log!("warning: a stream without a picture"),
        }
    })
}

/// A stream that is made for its first client and shared by all.
fn stream(
    description: &str,
    configure: impl Fn(&RTSPMedia) + Send + Sync + 'static,
) -> RTSPMediaFactory {
    let factory = RTSPMediaFactory::new();
    factory.set_launch(&format!("( {description} )"));
    factory.set_shared(true);
    factory.set_clock(Some(&gst::SystemClock::obtain()));
    factory.connect_media_configure(move |_, media| configure(media));
    factory
}

fn add_speech(media: &RTSPMedia, speech: &Speech) {
    let Some(source) = source(media, "speech") else {
        return log!("warning: a stream without sound");
    };
    speech.add_listener(&source);
    // Packets that wait for the first client to play are dropped, those that wait for a busy machine are not.
    source.set_max_buffers(PACKETS_BEFORE_PLAY);
    let source = source.downgrade();
    media.connect_new_state(move |_, state| {
        if state == gst::State::Playing.into_glib()
            && let Some(source) = source.upgrade()
        {
            source.set_max_buffers(PACKETS_IN_PLAY);
        }
    });
}

fn source(media: &RTSPMedia, name: &str) -> Option<AppSrc> {
    let bin = media.element().downcast::<gst::Bin>().ok()?;
    bin.by_name(name)?.downcast::<AppSrc>().ok()
}

/// The sound as the stream `number`.
fn sound(codec: Codec, number: u32) -> String {
    let source = "appsrc name=speech is-live=true format=time min-latency=40000000 \
                  max-bytes=0 max-time=0 leaky-type=downstream";
    let packets = "min-ptime=20000000 max-ptime=20000000";
    match codec {
        Codec::Pcmu => format!("{source} ! mulawenc ! rtppcmupay {packets} name=pay{number} pt=0"),
        Codec::Pcma => format!("{source} ! alawenc ! rtppcmapay {packets} name=pay{number} pt=8"),
        Codec::L16 => format!(
            "{source} ! audioconvert ! rtpL16pay {packets} name=pay{number} pt={}",
            96 + number
        ),
        Codec::Opus => format!(
            "{source} ! opusenc audio-type=voice ! rtpopuspay name=pay{number} pt={}",
            96 + number
        ),
    }
}
