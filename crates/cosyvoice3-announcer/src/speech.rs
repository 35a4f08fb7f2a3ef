//! The pipeline that speaks, and the copies of its sound.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result, anyhow};
use gst::{glib, prelude::*};
use gst_app::{AppSink, AppSinkCallbacks, AppSrc};

use crate::options::{Codec, Options};

/// The speech that everybody hears.
#[derive(Clone)]
pub struct Speech {
    pipeline: gst::Pipeline,
    element: gst::Element,
    caps: gst::Caps,
    listeners: Arc<Mutex<Vec<glib::WeakRef<AppSrc>>>>,
}

/// Why the main loop ended.
pub struct Outcome(Rc<RefCell<Result<()>>>);

impl Outcome {
    pub fn take(self) -> Result<()> {
        self.0.replace(Ok(()))
    }
}

impl Speech {
    pub fn new(options: &Options) -> Result<Self> {
        let rate = match options.codec {
            Codec::Pcmu | Codec::Pcma => 8000,
            Codec::L16 => 24000,
            Codec::Opus => 48000,
        };
        let caps = format!("audio/x-raw,format=S16LE,layout=interleaved,rate={rate},channels=1");
        // Pieces of one packet each: a client that connects during an announcement hears the rest of it, and what is
        // cancelled ends at once.
        let description = format!(
            "cosyvoice3src name=speech is-live=true buffer-duration=20000000 {} \
             ! audioconvert dithering=none ! audioresample \
             ! {caps} ! appsink name=listeners sync=false enable-last-sample=false",
            options.speech
        );
        let pipeline = gst::parse::launch(&description)
            .with_context(
                || "the pipeline that speaks (is cosyvoice3src installed, or on GST_PLUGIN_PATH?)",
            )?
            .downcast::<gst::Pipeline>()
            .map_err(|_| anyhow!("--speech is properties of cosyvoice3src and nothing else"))?;
        // All pipelines have this clock, so that a time of one is a time of the other.
        pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        let by_name = |name| pipeline.by_name(name).context("it is in the description");
        let speech = Self {
            element: by_name("speech")?,
            caps: caps.parse()?,
            listeners: Arc::default(),
            pipeline: pipeline.clone(),
        };
        let sink = by_name("listeners")?
            .downcast::<AppSink>()
            .map_err(|_| anyhow!("it is an appsink"))?;
        let listeners = speech.listeners.clone();
        sink.set_callbacks(
            AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    hand_out(sink, &sample, &listeners);
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        Ok(speech)
    }

    pub fn start(&self) {
        // What is wrong with the model directory is on the bus too, in more words.
        let _ = self.pipeline.set_state(gst::State::Playing);
    }

    pub fn stop(&self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }

    /// Gives `listener` the sound from now on, for as long as it exists.
    pub fn add_listener(&self, listener: &AppSrc) {
        listener.set_caps(Some(&self.caps));
        self.listeners.lock().unwrap().push(listener.downgrade());
    }

    /// Says a text; its number, unless too many wait already.
    pub fn say(&self, text: &str) -> Option<u64> {
        self.say_full(gst::Structure::builder("say").field("text", text).build())
    }

    /// Says a text with the fields of the element's signal `say-full`.
    pub fn say_full(&self, fields: gst::Structure) -> Option<u64> {
        match self.element.emit_by_name::<u64>("say-full", &[&fields]) {
            0 => None,
            id => Some(id),
        }
    }

    /// Takes a text back.
    pub fn cancel(&self, id: u64) -> bool {
        self.element.emit_by_name("cancel", &[&id])
    }

    /// Takes all texts back; how many there were.
    pub fn cancel_all(&self) -> u32 {
        self.element.emit_by_name("cancel-all", &[])
    }

    /// Writes down what the pipeline tells, and ends `main_loop` when it cannot go on.
    pub fn watch(&self, main_loop: &glib::MainLoop) -> Result<Outcome> {
        let outcome = Rc::new(RefCell::new(Ok(())));
        let told = outcome.clone();
        let main_loop = main_loop.clone();
        let bus = self.pipeline.bus().context("a pipeline has a bus")?;
        let watch = bus.add_watch_local(move |_, message| {
            match message.view() {
                gst::MessageView::Error(error) => {
                    // The first one is the cause.
                    if told.borrow().is_ok() {
                        *told.borrow_mut() = Err(anyhow!("{}", error.error()));
                    }
                    main_loop.quit();
                }
                gst::MessageView::Warning(warning) => eprintln!("warning: {}", warning.error()),
                gst::MessageView::Progress(progress) => {
                    if let (gst::ProgressType::Complete, _, text) = progress.get() {
                        eprintln!("{text}");
                    }
                }
                gst::MessageView::Element(element) => {
                    element.structure().map(tell);
                }
                _ => {}
            }
            glib::ControlFlow::Continue
        })?;
        // It lives as long as the program.
        std::mem::forget(watch);
        Ok(Outcome(outcome))
    }
}

/// Writes down what became of an announcement; its text is nobody's business.
fn tell(structure: &gst::StructureRef) {
    let (Some(what), Ok(id)) = (
        structure.name().strip_prefix("cosyvoice3/utterance-"),
        structure.get::<u64>("id"),
    ) else {
        return;
    };
    match structure.get::<&str>("reason") {
        Ok(reason) => eprintln!("announcement {id} {what}: {reason}"),
        Err(_) => eprintln!("announcement {id} {what}"),
    }
}

fn hand_out(
    sink: &AppSink,
    sample: &gst::Sample,
    listeners: &Mutex<Vec<glib::WeakRef<AppSrc>>>,
) -> Option<()> {
    let buffer = sample.buffer()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let clock_time = segment.to_running_time(buffer.pts())? + sink.base_time()?;
    listeners.lock().unwrap().retain(|listener| {
        let Some(listener) = listener.upgrade() else {
            return false;
        };
        // Before PLAYING a pipeline has no time of its own.
        if listener.current_state() == gst::State::Playing
            && let Some(base) = listener.base_time()
            && let Some(pts) = clock_time.checked_sub(base)
        {
            let mut copy = buffer.copy();
            copy.make_mut().set_pts(pts);
            let _ = listener.push_buffer(copy);
        }
        true
    });
    Some(())
}
