//! The camera's picture, received once for all streams and connected anew when it is lost.
//!
//! A thread runs the camera's pipeline while a stream wants the picture. When the camera fails, or sends nothing, the
//! thread connects again with growing pauses, and repeats the last complete picture meanwhile (a black one where there was
//! none), so that the speech goes on and clients that connect get a stream.

mod retry;
mod source;
mod still;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use gst::prelude::*;
use gst_app::{AppSink, AppSinkCallbacks, AppSrc};

use crate::{
    announcements::{Listeners, clock_time},
    log::log,
    options,
};
use retry::Retry;
use source::{Format, Source};

/// Time without a picture after which the camera counts as lost.
const STALL: Duration = Duration::from_secs(10);
/// Interval of the still picture.
const STILL_INTERVAL: Duration = Duration::from_secs(1);
/// Time that a camera has for its first picture before the still one takes its place.
const FIRST_PICTURE: Duration = Duration::from_secs(3);
/// Interval at which the thread looks for streams that have ended.
const POLL: gst::ClockTime = gst::ClockTime::from_mseconds(250);
/// A file of less is not played again at once, or a file of one picture would keep the machine busy.
const SHORTEST_FILE: Duration = Duration::from_secs(1);
/// Latency of pictures: the jitter buffer's 200 ms, and what decoding and encoding take. Still pictures are stamped
/// so much earlier, that none is ahead of the camera's next.
const LATENCY: gst::ClockTime = gst::ClockTime::from_mseconds(300);
/// Pictures that may wait in a stream; at 25 a second, 10 s.
const QUEUED_PICTURES: u64 = 250;
const QUEUED_BYTES: u64 = 32 << 20;

/// The camera, for as long as the program runs.
#[derive(Clone)]
pub struct Camera {
    source: Source,
    listeners: Listeners,
}

/// End of one connection to the camera.
enum End {
    /// No stream wants the picture any more.
    Unwatched,
    /// The camera's file has ended, and begins again.
    Repeats,
    /// The camera does not answer, or sends no picture.
    Lost(String),
}

impl Camera {
    /// Starts the thread for the camera of the options; `None` where there is none.
    pub fn start(options: &options::Camera) -> Result<Option<Self>> {
        let Some(source) = Source::new(options) else {
            return Ok(None);
        };
        let camera = Self {
            source,
            listeners: Listeners::default(),
        };
        let supervised = camera.clone();
        thread::Builder::new()
            .name("camera".into())
            .spawn(move || {
                loop {
                    supervised.listeners.wait();
                    supervised.supervise();
                }
            })
            .context("starting the camera's thread")?;
        Ok(Some(camera))
    }

    /// The part of a stream's description that payloads the picture as stream 0; its source is called `picture`.
    pub fn description(&self) -> String {
        format!(
            "appsrc name=picture is-live=true format=time leaky-type=downstream max-time=0 ! {}",
            self.source.format.payloader()
        )
    }

    /// Gives `listener` the picture from now on, for as long as it exists.
    pub fn add_listener(&self, listener: &AppSrc) {
        listener.set_latency(Some(LATENCY), gst::ClockTime::NONE);
        listener.set_max_buffers(QUEUED_PICTURES);
        listener.set_max_bytes(QUEUED_BYTES);
        self.listeners.add(listener);
    }

    /// Shows the camera until no stream wants it.
    fn supervise(&self) {
        let mut retry = Retry::default();
        let pictures = Arc::new(Pictures::new(self));
        loop {
            let began = Instant::now();
            let end = self.connect(&pictures);
            let shown = pictures.disconnected();
            match end {
                End::Unwatched => return,
                End::Repeats if began.elapsed() >= SHORTEST_FILE => continue,
                End::Repeats => {}
                End::Lost(reason) => {
                    if !pictures.lost.swap(true, Relaxed) {
                        log!("camera lost, connecting again: {reason}");
                    }
                }
            }
            let pause = retry.pause(shown);
            let until = Instant::now() + pause;
            while Instant::now() < until {
                if !self.listeners.any() {
                    return;
                }
                pictures.still_if_due();
                thread::sleep(Duration::from_millis(100));
            }
        }
    }

    /// Connects to the camera and shows it until something ends that.
    fn connect(&self, pictures: &Arc<Pictures>) -> End {
        let pipeline = match self.source.pipeline() {
            Ok(pipeline) => pipeline,
            Err(error) => return End::Lost(format!("{error:#}")),
        };
        let end = self.show(&pipeline, pictures);
        let _ = pipeline.set_state(gst::State::Null);
        end
    }

    fn show(&self, pipeline: &gst::Pipeline, pictures: &Arc<Pictures>) -> End {
        let sink = pipeline.by_name("pictures").and_downcast::<AppSink>();
        let (Some(sink), Some(bus)) = (sink, pipeline.bus()) else {
            return End::Lost("the camera's pipeline has no sink".into());
        };
        let received = pictures.clone();
        let new_sample = move |sink: &AppSink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            let time = clock_time(&sample, sink);
            if let (Some(buffer), Some(caps), Some(time)) =
                (sample.buffer_owned(), sample.caps(), time)
            {
                received.receive(buffer, caps, time);
            }
            Ok(gst::FlowSuccess::Ok)
        };
        sink.set_callbacks(AppSinkCallbacks::builder().new_sample(new_sample).build());
        pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        let began = Instant::now();
        let _ = pipeline.set_state(gst::State::Playing);
        loop {
            let kinds = [gst::MessageType::Error, gst::MessageType::Eos];
            if let Some(message) = bus.timed_pop_filtered(POLL, &kinds) {
                return match message.view() {
                    gst::MessageView::Error(error) => End::Lost(self.source.explain(error)),
                    _ if self.source.repeats() => End::Repeats,
                    _ => End::Lost("it ended the stream".into()),
                };
            }
            if !self.listeners.any() {
                return End::Unwatched;
            }
            let waited = pictures.waited(began);
            if waited > STALL {
                return End::Lost(format!("no picture for {} s", STALL.as_secs()));
            }
            if waited > FIRST_PICTURE && pictures.waits_for_first() {
                pictures.still_if_due();
            }
        }
    }
}

/// The pictures of a camera on their way to the streams, over all its connections.
struct Pictures {
    listeners: Listeners,
    format: Format,
    lost: AtomicBool,
    state: Mutex<State>,
}

struct State {
    /// Arrival of this connection's first and last pictures.
    first: Option<Instant>,
    last: Option<Instant>,
    /// The last picture that needs no other one, and its caps.
    complete: (gst::Buffer, gst::Caps),
    still_sent: Option<Instant>,
}

impl Pictures {
    fn new(camera: &Camera) -> Self {
        let state = State {
            first: None,
            last: None,
            complete: still::black(camera.source.format),
            still_sent: None,
        };
        Self {
            listeners: camera.listeners.clone(),
            format: camera.source.format,
            lost: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    /// Passes on a picture of the camera, from its first complete one on.
    fn receive(&self, picture: gst::Buffer, caps: &gst::CapsRef, time: gst::ClockTime) {
        let mut state = self.state();
        let complete = !picture.flags().contains(gst::BufferFlags::DELTA_UNIT);
        if state.first.is_none() && !complete {
            return;
        }
        let now = Instant::now();
        state.last = Some(now);
        if state.first.is_none() {
            state.first = Some(now);
            if self.lost.swap(false, Relaxed) {
                log!("camera back");
            }
        }
        let caps = self.format.caps_of(caps);
        self.listeners.send(&picture, Some(&caps), time);
        if complete {
            state.complete = (picture, caps);
        }
    }

    /// Sends the still picture unless it was sent just now.
    fn still_if_due(&self) {
        let mut state = self.state();
        if state
            .still_sent
            .is_some_and(|sent| sent.elapsed() < STILL_INTERVAL)
        {
            return;
        }
        state.still_sent = Some(Instant::now());
        let now = gst::SystemClock::obtain().time();
        let (picture, caps) = &state.complete;
        let time = now.saturating_sub(LATENCY);
        self.listeners.send(picture, Some(caps), time);
    }

    /// Time since the last picture, or since `began` where none has come.
    fn waited(&self, began: Instant) -> Duration {
        self.state().last.unwrap_or(began).elapsed()
    }

    fn waits_for_first(&self) -> bool {
        self.state().first.is_none()
    }

    /// Notes the end of the connection; for how long it showed pictures.
    fn disconnected(&self) -> Duration {
        let mut state = self.state();
        let first = state.first.take();
        state.last = None;
        first.map_or(Duration::ZERO, |first| first.elapsed())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
