//! The pipeline that speaks, and the handle by which the rest of the program uses it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result, anyhow};
use gst::{bus::BusWatchGuard, glib, prelude::*};
use gst_app::{AppSink, AppSinkCallbacks, AppSrc};

use super::{
    chimes::{self, Chimes},
    effects::{Effect, Effects},
    events::Events,
    listeners::{Listeners, clock_time},
    play,
};
use crate::{log::log, options::Arguments};

/// Longest buffer: one packet. A client that connects during an announcement hears the rest of it, and what is cancelled
/// ends at once.
const PACKET: u64 = 20_000_000;
/// Repeated announcements that are remembered.
const MOST_REPEATS: usize = 256;

/// The pipeline that speaks. Its end frees the element, which then waits for its threads: inside of foreign libraries
/// they would not survive the end of the process.
pub struct Pipeline {
    speaking: gst::Pipeline,
    /// The pipeline of the sound device.
    playing: Option<gst::Pipeline>,
}

/// The speech that all clients hear, for as long as the pipeline exists.
#[derive(Clone)]
pub struct Speech {
    element: glib::WeakRef<gst::Element>,
    caps: gst::Caps,
    listeners: Listeners,
    events: Events,
    effects: Effects,
    chimes: Arc<Chimes>,
    usual_chime: Option<Arc<[f32]>>,
    /// Announcements that are repeated: the numbers of all times, by that of the first.
    repeats: Arc<Mutex<BTreeMap<u64, Vec<u64>>>>,
}

/// Observes the pipeline and ends the main loop when it cannot go on.
pub struct Watch {
    failure: Rc<RefCell<Option<anyhow::Error>>>,
    _guard: BusWatchGuard,
}

impl Watch {
    /// The reason for which the pipeline ended the main loop, if it did.
    pub fn outcome(self) -> Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }
}

/// Sampling rate of the listeners' copies.
fn rate(arguments: &Arguments) -> i32 {
    #[cfg(feature = "rtsp")]
    if arguments.rtsp.rtsp.is_some() {
        use crate::options::Codec;
        return match arguments.rtsp.codec {
            Codec::Pcmu | Codec::Pcma => 8000,
            Codec::L16 => 24000,
            Codec::Opus => 48000,
        };
    }
    let _ = arguments;
    24000
}

impl Pipeline {
    /// Joins `element`, which speaks, with the listeners.
    pub fn new(arguments: &Arguments, element: &gst::Element) -> Result<(Self, Speech)> {
        element.set_property("is-live", true);
        element.set_property("buffer-duration", PACKET);
        // Listeners, and what is late behind a chime, need sound without a hole.
        element.set_property_from_str("idle", "silence");
        let chimes = arguments.chimes.as_deref().map(chimes::read).transpose()?;
        let chimes = chimes.unwrap_or_default();
        let usual = arguments.chime.as_deref().map(|name| {
            let chime = chimes.get(name).cloned();
            chime.with_context(|| format!("--chime {name}: there is no such file in --chimes"))
        });
        let usual_chime = usual.transpose()?;
        let caps = gst::Caps::builder("audio/x-raw")
            .field("format", "S16LE")
            .field("layout", "interleaved")
            .field("rate", rate(arguments))
            .field("channels", 1)
            .build();
        let description = "audioconvert name=first dithering=none ! audioresample ! capsfilter name=caps \
             ! appsink name=listeners sync=false enable-last-sample=false";
        let pipeline = gst::parse::launch(description)
            .context("GStreamer's elements for sound (gstreamer1.0-plugins-base is needed)")?
            .downcast::<gst::Pipeline>()
            .map_err(|_| anyhow!("the pipeline that speaks is no pipeline"))?;
        // All pipelines have this clock, so that a time of one is a time of the other.
        pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        let by_name = |name| pipeline.by_name(name).context("it is in the description");
        by_name("caps")?.set_property("caps", &caps);
        pipeline.add(element)?;
        element.link(&by_name("first")?)?;
        let speech = Speech {
            element: element.downgrade(),
            caps,
            listeners: Listeners::default(),
            events: Events::default(),
            effects: Effects::default(),
            chimes: Arc::new(chimes),
            usual_chime,
            repeats: Arc::default(),
        };
        speech.effects.attach(element);
        let sink = by_name("listeners")?
            .downcast::<AppSink>()
            .map_err(|_| anyhow!("it is an appsink"))?;
        let listeners = speech.listeners.clone();
        sink.set_callbacks(
            AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    if let (Some(buffer), Some(time)) = (sample.buffer(), clock_time(&sample, sink))
                    {
                        listeners.send(buffer, None, time);
                    }
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        let playing = arguments.play.as_deref();
        let playing = playing.map(|sink| play::start(&speech, sink)).transpose()?;
        let speaking = pipeline;
        Ok((Self { speaking, playing }, speech))
    }

    pub fn start(&self) {
        // A failure is on the bus too, in more words.
        let _ = self.speaking.set_state(gst::State::Playing);
    }

    /// Logs the pipeline's messages, and ends `main_loop` when it cannot go on.
    pub fn watch(&self, speech: &Speech, main_loop: &glib::MainLoop) -> Result<Watch> {
        let failure = Rc::new(RefCell::new(None));
        let seen = failure.clone();
        let main_loop = main_loop.clone();
        let bus = self.speaking.bus().context("a pipeline has a bus")?;
        let (events, effects) = (speech.events.clone(), speech.effects.clone());
        let guard = bus.add_watch_local(move |_, message| {
            if let gst::MessageView::Error(error) = message.view() {
                // The first one is the cause.
                seen.borrow_mut()
                    .get_or_insert_with(|| anyhow!("{}", error.error()));
                main_loop.quit();
            }
            if let gst::MessageView::Element(element) = message.view()
                && let Some(structure) = element.structure()
                && let Some((progress, id)) = progress_of(structure)
            {
                if ["finished", "cancelled", "failed"].contains(&progress) {
                    effects.end(id, progress == "cancelled");
                }
                events.note(progress, id, structure);
            }
            log_message(message);
            glib::ControlFlow::Continue
        })?;
        Ok(Watch {
            failure,
            _guard: guard,
        })
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        for pipeline in [Some(&self.speaking), self.playing.as_ref()]
            .into_iter()
            .flatten()
        {
            let _ = pipeline.set_state(gst::State::Null);
        }
    }
}

impl Speech {
    /// Gives `listener` the sound from now on, for as long as it exists.
    pub fn add_listener(&self, listener: &AppSrc) {
        listener.set_caps(Some(&self.caps));
        self.listeners.add(listener);
    }

    /// The announcements that wait or are being said, and the news of them.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Says a text; its number, unless too many wait already.
    pub fn say(&self, text: &str) -> Option<u64> {
        let fields = gst::Structure::builder("say").field("text", text).build();
        self.announce(&fields, &self.usual_effect(), 1)
    }

    /// Says a text with the fields of the element's signal `say-full`.
    fn say_full(&self, fields: &gst::Structure) -> Option<u64> {
        let element = self.element.upgrade()?;
        match element.emit_by_name::<u64>("say-full", &[fields]) {
            0 => None,
            id => Some(id),
        }
    }

    /// Says a text `times` times with an effect, the chime before the first; its number, by which all of it is cancelled.
    pub fn announce(&self, fields: &gst::Structure, effect: &Effect, times: u32) -> Option<u64> {
        let first = self.effects.queue(effect, || self.say_full(fields))?;
        // Only the first time interrupts another text: the next ones follow it.
        let mut fields = fields.clone();
        fields.remove_field("interrupt");
        let effect = Effect {
            chime: None,
            ..effect.clone()
        };
        let further =
            (1..times).map_while(|_| self.effects.queue(&effect, || self.say_full(&fields)));
        let ids: Vec<u64> = std::iter::once(first).chain(further).collect();
        if ids.len() > 1 {
            let mut repeats = lock(&self.repeats);
            if repeats.len() >= MOST_REPEATS {
                repeats.pop_first();
            }
            repeats.insert(first, ids);
        }
        Some(first)
    }

    /// The effect on an announcement that asks for none.
    pub fn usual_effect(&self) -> Effect {
        Effect {
            gain: 1.0,
            chime: self.usual_chime.clone(),
        }
    }

    /// The chime of a name.
    pub fn chime(&self, name: &str) -> Option<Arc<[f32]>> {
        self.chimes.get(name).cloned()
    }

    /// Names of the chimes.
    pub fn chime_names(&self) -> impl Iterator<Item = &str> {
        self.chimes.keys().map(String::as_str)
    }

    /// Takes a text back, with all its repetitions.
    pub fn cancel(&self, id: u64) -> bool {
        let ids = lock(&self.repeats).remove(&id).unwrap_or_else(|| vec![id]);
        let Some(element) = self.element.upgrade() else {
            return false;
        };
        let cancelled = ids
            .into_iter()
            .map(|id| element.emit_by_name::<bool>("cancel", &[&id]));
        cancelled.fold(false, |any, one| any | one)
    }

    /// Takes all texts back; how many there were.
    pub fn cancel_all(&self) -> u32 {
        let element = self.element.upgrade();
        element.map_or(0, |element| element.emit_by_name("cancel-all", &[]))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Progress of an announcement, and its number, in a message of the element.
fn progress_of(structure: &gst::StructureRef) -> Option<(&str, u64)> {
    let progress = structure.name().strip_prefix("cosyvoice3/utterance-")?;
    Some((progress, structure.get("id").ok()?))
}

fn log_message(message: &gst::Message) {
    match message.view() {
        gst::MessageView::Warning(warning) => log!("warning: {}", warning.error()),
        gst::MessageView::Progress(progress) => {
            if let (gst::ProgressType::Complete, _, text) = progress.get() {
                log!("{text}");
            }
        }
        gst::MessageView::Element(element) => {
            element.structure().map(log_announcement);
        }
        _ => {}
    }
}

/// Logs the progress of an announcement; its text is private.
fn log_announcement(structure: &gst::StructureRef) {
    let Some((progress, id)) = progress_of(structure) else {
        return;
    };
    match structure.get::<&str>("reason") {
        Ok(reason) => log!("announcement {id} {progress}: {reason}"),
        Err(_) => log!("announcement {id} {progress}"),
    }
}
