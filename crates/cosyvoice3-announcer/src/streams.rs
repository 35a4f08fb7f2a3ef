//! What RTSP clients can ask for.

use anyhow::{Context, Result};
use gst::{glib, glib::translate::IntoGlib, prelude::*};
use gst_app::AppSrc;
use gst_rtsp_server::{RTSPMediaFactory, RTSPServer, prelude::*};

use crate::{
    options::{Camera, CameraCodec, Codec, Options},
    speech::Speech,
};

/// How often sessions are looked for whose client went away without a word.
const CLEAN_UP_SECONDS: u32 = 5;
/// More clients than this are refused.
const MAX_SESSIONS: u32 = 64;
/// How many packets of 20 ms may wait in a stream that nobody has begun to play, and in one that is played.
const PACKETS_BEFORE_PLAY: u64 = 2;
const PACKETS_IN_PLAY: u64 = 250;

/// Serves until the program ends.
pub fn serve(options: &Options, speech: &Speech) -> Result<RTSPServer> {
    let server = RTSPServer::new();
    server.set_address(&options.rtsp.ip().to_string());
    server.set_service(&options.rtsp.port().to_string());
    let mounts = server.mount_points().context("a server has mount points")?;
    let mut paths = vec!["/speech"];
    mounts.add_factory("/speech", stream(&sound(options.codec, 0), speech));
    if let Some(picture) = picture(&options.camera) {
        let both = format!("{picture} {}", sound(options.codec, 1));
        mounts.add_factory("/camera", stream(&both, speech));
        paths.insert(0, "/camera");
    }
    let sessions = server.session_pool().context("a server has sessions")?;
    sessions.set_max_sessions(MAX_SESSIONS);
    glib::timeout_add_seconds(CLEAN_UP_SECONDS, move || {
        sessions.cleanup();
        glib::ControlFlow::Continue
    });
    server.connect_client_connected(|_, client| {
        eprintln!("a client connected");
        client.connect_closed(|_| eprintln!("a client disconnected"));
    });
    server
        .attach(None)
        .with_context(|| format!("listening at {}", options.rtsp))?;
    let mut address = options.rtsp;
    address.set_port(u16::try_from(server.bound_port()).context("a bound port")?);
    for path in paths {
        println!("rtsp://{address}{path}");
    }
    Ok(server)
}

/// One stream, made when the first client wants it and shared by all of them.
fn stream(description: &str, speech: &Speech) -> RTSPMediaFactory {
    let factory = RTSPMediaFactory::new();
    factory.set_launch(&format!("( {description} )"));
    factory.set_shared(true);
    factory.set_clock(Some(&gst::SystemClock::obtain()));
    let speech = speech.clone();
    factory.connect_media_configure(move |_, media| {
        let source = media
            .element()
            .downcast::<gst::Bin>()
            .ok()
            .and_then(|bin| bin.by_name("speech"))
            .and_then(|source| source.downcast::<AppSrc>().ok());
        let Some(source) = source else {
            return eprintln!("warning: a stream without sound");
        };
        speech.add_listener(&source);
        // What waits for the first client to play is thrown away, what waits for a busy machine is not.
        source.set_max_buffers(PACKETS_BEFORE_PLAY);
        let source = source.downgrade();
        media.connect_new_state(move |_, state| {
            if state == gst::State::Playing.into_glib()
                && let Some(source) = source.upgrade()
            {
                source.set_max_buffers(PACKETS_IN_PLAY);
            }
        });
    });
    factory
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

/// The picture as the stream 0.
fn picture(camera: &Camera) -> Option<String> {
    Some(match camera {
        Camera::None => return None,
        Camera::Test => "videotestsrc is-live=true pattern=ball \
                         ! video/x-raw,format=I420,width=640,height=360,framerate=10/1 \
                         ! jpegenc ! rtpjpegpay name=pay0 pt=26"
            .into(),
        Camera::Rtsp { uri, codec } => {
            let (name, through) = match codec {
                CameraCodec::H264 => (
                    "H264",
                    "rtph264depay ! h264parse ! rtph264pay config-interval=-1 name=pay0 pt=96",
                ),
                CameraCodec::H265 => (
                    "H265",
                    "rtph265depay ! h265parse ! rtph265pay config-interval=-1 name=pay0 pt=96",
                ),
                CameraCodec::Jpeg => ("JPEG", "rtpjpegdepay ! rtpjpegpay name=pay0 pt=26"),
            };
            format!(
                "rtspsrc location={uri} protocols=tcp latency=200 \
                 ! application/x-rtp,media=video,encoding-name={name} ! {through}"
            )
        }
        Camera::Uri(uri) => {
            let encoder = match gst::ElementFactory::find("x264enc") {
                Some(_) => {
                    // What every client decodes.
                    "x264enc tune=zerolatency speed-preset=veryfast key-int-max=30 \
                     ! video/x-h264,profile=constrained-baseline \
                     ! rtph264pay config-interval=-1 name=pay0 pt=96"
                }
                None => "jpegenc ! rtpjpegpay name=pay0 pt=26",
            };
            format!(
                "uridecodebin uri={uri} ! queue ! videoconvert ! video/x-raw,format=I420 ! {encoder}"
            )
        }
    })
}
