//! The GObject subclass: state, properties, pads, state changes.

use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard};

use gst::{glib, prelude::*, subclass::prelude::*};

use super::{
    agenda::{Agenda, Cut, Displaced},
    bus,
    guard::{guarded, pad_function},
    gvalue,
    lock::lock,
    logging::{self, CAT},
    report::{Outbox, Outcome, Totals},
    settings::{PROPERTIES, Settings, non_empty},
    signals, sink, srcpad,
    stream::{self, Stream},
    timeline::Remains,
    upstream::Candidates,
    uri,
    wake::Wake,
};
use cosyvoice3::{
    Engine, Error, ErrorKind, Keeper, Loading, Options, Recorder, SAMPLE_RATE, Synthesizer,
    default_model_dir,
};

/// Loads a custom engine instead of a model directory.
type Load = dyn Fn(&Loading<'_>) -> cosyvoice3::Result<Arc<dyn Engine>> + Send + Sync;

/// Lock order: `settings`, then `state`. Neither is held while something is pushed, posted or notified.
pub struct CosyVoice3Src {
    pub(super) srcpad: gst::Pad,
    pub(super) settings: Mutex<Settings>,
    pub(super) state: Mutex<State>,
    /// The pad's task waits on it.
    pub(super) wake: Arc<Wake>,
    /// Notified, with `state` locked, when an announcement ends: the chain function may be waiting for queue space.
    pub(super) room: Condvar,
    /// Elements that may link a text pad later.
    pub(super) candidates: Candidates,
    /// Synthesizers given up while they loaded. Going down does not wait for them, but the element does before it goes:
    /// left alone at the end of the process, they would meet libraries whose globals are destroyed.
    leaving: Mutex<Vec<Arc<Synthesizer>>>,
    /// Models stay loaded between READY and PAUSED.
    kept: Keeper,
    /// Source of the engine, if it is not a model directory.
    load: Mutex<Option<Arc<Load>>>,
}

/// State that changes while the element runs.
#[derive(Default)]
pub(super) struct State {
    /// The synthesizer, from READY→PAUSED to PAUSED→READY.
    pub synth: Option<Arc<Synthesizer>>,
    /// True if a progress message must still be completed.
    pub loading: bool,
    /// The stream that the pad's task produces.
    pub stream: Stream,
    /// Queued announcements.
    pub agenda: Agenda,
    /// Counts of announcements so far.
    pub totals: Totals,
    /// Messages about them that are still to be posted.
    pub outbox: Outbox,
    /// The text from upstream.
    pub input: sink::Input,
    /// True if there is a sink pad.
    pub has_input: bool,
    /// Between FLUSH_START and FLUSH_STOP: nothing may be pushed or waited for.
    pub flushing: bool,
    /// Below PAUSED, or on the way there: the same, and no FLUSH_STOP ends it.
    pub stopped: bool,
    /// In PLAYING.
    pub playing: bool,
}

impl State {
    /// Cancels the requests that lost their place and feeds the next ones. Returns the speech that a cut left.
    pub fn displace(&mut self, displaced: &Displaced) -> Remains {
        let timeline = &mut self.stream.timeline;
        let remains = match displaced.cut {
            Cut::Nothing => Remains::default(),
            Cut::NextSentence => Remains {
                any: timeline.drop_what_has_not_begun(),
                ..Remains::default()
            },
            Cut::All => timeline.cut(),
        };
        if remains.any
            && let Some(announcement) = self.agenda.interrupted()
        {
            announcement.dropped = true;
        }
        if let Some(synth) = &self.synth {
            for request in &displaced.requests {
                synth.cancel(*request);
            }
        }
        self.feed();
        remains
    }

    /// Takes the announcements whose ids are `wanted` out of the queue; returns their number.
    pub fn cancel(&mut self, wanted: impl Fn(u64) -> bool, reason: &'static str) -> usize {
        let (mut gone, displaced) = self.agenda.cancel(wanted);
        let remains = self.displace(&displaced);
        for announcement in &mut gone {
            // The fade is pushed when the announcement is already forgotten.
            if announcement.id == remains.id {
                announcement.told.samples += remains.fading;
            }
            self.note_ended(announcement, &Outcome::Cancelled(reason));
        }
        gone.len()
    }

    /// Hands announcements to the engine. To be called wherever the queue has changed, not by the pad's task alone:
    /// that may be blocked in a push of earlier speech.
    pub fn feed(&mut self) {
        if let Some(synth) = &self.synth
            && self.stream.eos_asked.is_none()
            && !self.stream.ended
        {
            self.agenda.feed(|request| synth.say(request));
        }
    }

    /// Drops all queued announcements and all unpushed speech.
    pub fn clear(&mut self, reason: &'static str) {
        self.stream.timeline.drop_all();
        for announcement in self.agenda.clear() {
            self.note_ended(&announcement, &Outcome::Cancelled(reason));
        }
    }
}

impl CosyVoice3Src {
    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn set_engine(&self, load: Arc<Load>) {
        *lock(&self.load) = Some(load);
    }

    fn load(&self) -> Option<Arc<Load>> {
        lock(&self.load).clone()
    }

    pub(super) fn post_error(&self, error: &Error) {
        gst::error!(CAT, imp = self, "{error}");
        self.post(bus::error_message(&*self.obj(), error));
    }

    pub(super) fn post_warning(&self, error: &Error) {
        gst::warning!(CAT, imp = self, "{error}");
        self.post(bus::warning_message(&*self.obj(), error));
    }

    pub(super) fn post_progress(&self, kind: gst::ProgressType, text: &str) {
        self.post(bus::progress_message(&*self.obj(), kind, text));
    }

    pub(super) fn post(&self, message: gst::Message) {
        // Without a bus nothing can be posted.
        let _ = self.obj().post_message(message);
    }

    /// The model directory that the settings name or that is installed.
    fn model_dir(settings: &Settings) -> cosyvoice3::Result<std::path::PathBuf> {
        match non_empty(&settings.model_path) {
            Some(path) => Ok(path.into()),
            None => default_model_dir(),
        }
    }

    /// NULL→READY: everything that can be checked without loading or waiting.
    fn prepare(&self) -> cosyvoice3::Result<()> {
        if self.load().is_some() {
            return Ok(());
        }
        let settings = self.settings().clone();
        let voice = non_empty(&settings.voice);
        self.options(&settings)?.check(voice.as_deref())
    }

    /// The engine's options and the settings of requests.
    pub(super) fn engine(&self) -> cosyvoice3::Result<(Options, cosyvoice3::Settings)> {
        let settings = self.settings().clone();
        Ok((self.options(&settings)?, settings.to_synth().0))
    }

    fn options(&self, settings: &Settings) -> cosyvoice3::Result<Options> {
        let mut options = Options::new(Self::model_dir(settings)?);
        options.threads = settings.threads as usize;
        options.affinity = non_empty(&settings.cpu_affinity);
        options.prefix_caching = settings.prefix_caching();
        options.flow = settings.flow_target();
        options.verify = settings.verify();
        options.keeper = Some(self.kept.clone());
        Ok(options)
    }

    /// READY→PAUSED: begins to load, and queues the text of the property.
    fn start(&self) -> cosyvoice3::Result<()> {
        let settings = self.settings().clone();
        let synth = Arc::new(match self.load() {
            Some(load) => Synthesizer::open(Recorder::off(), move |loading| load(loading)),
            None => Synthesizer::open_model(self.options(&settings)?),
        });
        let text = settings.text.clone().unwrap_or_default();
        let (how, _) = settings.to_synth();
        // The text of the property may be markup; without one there is only the voice to look at.
        let how = match text.is_empty() {
            true => how.without_markup(),
            false => how,
        };
        synth.check(&text, &how)?;
        let wake = self.wake.clone();
        synth.on_event(move || wake.wake());
        self.candidates.watch(self);
        let may_link = self.candidates.may_link();
        let nothing_to_say = {
            let mut state = self.state();
            state.stream = Stream::new(settings.is_live);
            state.input = sink::Input::default();
            state.flushing = false;
            state.stopped = false;
            state.loading = true;
            state.synth = Some(synth);
            let nothing = settings.text.is_none() && !settings.is_live && !state.has_input;
            state.stream.awaits_link = nothing && may_link;
            nothing && !may_link
        };
        self.post_progress(gst::ProgressType::Start, "loading models");
        if let Some(text) = &settings.text {
            self.say_property(text.clone(), &settings);
        }
        if nothing_to_say {
            self.warn_nothing_to_say();
        }
        Ok(())
    }

    pub(super) fn warn_nothing_to_say(&self) {
        self.post_warning(&Error::new(
            ErrorKind::Text,
            "nothing to say: set the property \"text\", or link text to the pad \"sink\"",
        ));
    }

    /// PAUSED→READY, before the pads are deactivated: ends every wait of the pad's task.
    fn stop(&self) {
        let (synth, loading) = {
            let mut state = self.state();
            state.stopped = true;
            state.playing = false;
            state.clear("stopped");
            (state.synth.clone(), std::mem::take(&mut state.loading))
        };
        if let Some(synth) = synth {
            synth.close();
        }
        self.wake.wake();
        self.room.notify_all();
        self.tell();
        if loading {
            self.post_progress(gst::ProgressType::Canceled, "loading cancelled");
        }
    }

    /// Lets go of the synthesizer, which is closed.
    fn release(&self) {
        let synth = self.state().synth.take();
        let mut leaving = lock(&self.leaving);
        leaving.extend(synth);
        leaving.retain(|synth| synth.is_loading());
    }

    /// PAUSED to PLAYING and back: a live stream stands still in PAUSED.
    fn set_playing(&self, playing: bool) {
        self.state().playing = playing;
        self.wake.wake();
    }

    /// The time on the pipeline's clock since it went to PLAYING; `None` without a clock.
    pub(super) fn running_time(&self) -> Option<gst::ClockTime> {
        self.obj().current_running_time()
    }

    /// Asks the pipeline to query latencies again.
    pub(super) fn post_latency(&self) {
        self.post(gst::message::Latency::builder().src(&*self.obj()).build());
    }

    /// Stores the value of a property. Returns all settings, and true if invalid UTF-8 had to be replaced.
    fn store(&self, name: &str, value: &glib::Value) -> (Settings, bool) {
        let mut replaced = false;
        let mut string = || {
            gvalue::string_lossy(value).map(|(text, lossy)| {
                replaced = lossy;
                text
            })
        };
        let mut settings = self.settings();
        let typed = "GObject checks the type";
        match name {
            "text" => settings.text = string(),
            "model-path" => settings.model_path = string(),
            "voice" => settings.voice = string(),
            "instruct" => settings.instruct = string(),
            "lexicon" => settings.lexicon = string(),
            "speed" => settings.speed = value.get().expect(typed),
            "seed" => settings.seed = value.get().expect(typed),
            "temperature" => settings.temperature = value.get().expect(typed),
            "top-k" => settings.top_k = value.get().expect(typed),
            "top-p" => settings.top_p = value.get().expect(typed),
            "flow-steps" => settings.flow_steps = value.get().expect(typed),
            "flow-schedule" => settings.flow_schedule = value.get().expect(typed),
            "flow-plan" => settings.flow_plan = value.get().expect(typed),
            "flow-backend" => settings.flow_backend = value.get().expect(typed),
            "npu-device" => settings.npu_device = value.get().expect(typed),
            "axcl-library" => settings.axcl_library = string(),
            "level" => settings.level = value.get().expect(typed),
            "threads" => settings.threads = value.get().expect(typed),
            "cpu-affinity" => settings.cpu_affinity = string(),
            "prefix-cache" => settings.prefix_cache = value.get().expect(typed),
            "verify" => settings.verify = value.get().expect(typed),
            "is-live" => settings.is_live = value.get().expect(typed),
            "idle" => settings.idle = value.get().expect(typed),
            "latency" => settings.latency = value.get().expect(typed),
            "language" => settings.language = value.get().expect(typed),
            "text-reading" => settings.text_reading = value.get().expect(typed),
            "stress-mark" => settings.stress_mark = value.get().expect(typed),
            "markup" => settings.markup = value.get().expect(typed),
            "overflow" => settings.overflow = value.get().expect(typed),
            "text-timing" => settings.text_timing = value.get().expect(typed),
            "buffer-duration" => settings.buffer_duration = value.get().expect(typed),
            "max-queued" => settings.max_queued = value.get().expect(typed),
            _ => gst::warning!(CAT, imp = self, "no property {name}"),
        }
        let settings = settings.clone();
        (settings, replaced)
    }

    /// Sets a property, and applies its effects. The lock is free by then: a `notify` handler may read properties.
    fn set(&self, name: &str, value: &glib::Value) {
        let (settings, replaced) = self.store(name, value);
        if replaced {
            self.warn_replaced(&format!("\"{name}\""));
        }
        if let ("text", Some(text)) = (name, &settings.text) {
            self.say_property(text.clone(), &settings);
        }
        match name {
            "latency" => self.post_latency(),
            "is-live" if settings.is_live => self
                .obj()
                .set_element_flags(gst::ElementFlags::REQUIRE_CLOCK),
            "is-live" => self
                .obj()
                .unset_element_flags(gst::ElementFlags::REQUIRE_CLOCK),
            _ => {}
        }
    }

    /// The element's part of a state change before the pads change theirs.
    fn prepare_for(&self, transition: gst::StateChange) -> cosyvoice3::Result<()> {
        match transition {
            gst::StateChange::NullToReady => {
                self.candidates.watch(self);
                self.prepare()?;
            }
            gst::StateChange::ReadyToPaused => self.start()?,
            gst::StateChange::PausedToPlaying => self.set_playing(true),
            gst::StateChange::PlayingToPaused => self.set_playing(false),
            gst::StateChange::PausedToReady => self.stop(),
            _ => {}
        }
        Ok(())
    }

    /// The part after it.
    fn clean_up_after(&self, transition: gst::StateChange, has_failed: bool) {
        match transition {
            // The task is down now: it was the last to use the synthesizer.
            gst::StateChange::PausedToReady => self.release(),
            gst::StateChange::ReadyToPaused if has_failed => {
                self.stop();
                self.release();
            }
            gst::StateChange::ReadyToNull => {
                self.candidates.forget();
                self.kept.release();
            }
            _ => {}
        }
    }

    /// Makes the sink pad.
    fn add_sink_pad(&self, template: &gst::PadTemplate) -> Option<gst::Pad> {
        if std::mem::replace(&mut self.state().has_input, true) {
            gst::warning!(CAT, imp = self, "there is a sink pad already");
            return None;
        }
        let pad = sink::new_pad(template);
        let element = self.obj();
        // With an upstream it is no source: end of stream comes from there.
        element.unset_element_flags(gst::ElementFlags::SOURCE);
        if self.srcpad.is_active() {
            // A pad that is added to a running element has to run.
            let _ = pad.set_active(true);
        }
        if element.add_pad(&pad).is_err() {
            self.state().has_input = false;
            return None;
        }
        Some(pad)
    }

    fn remove_sink_pad(&self, pad: &gst::Pad) {
        let _ = pad.set_active(false);
        let element = self.obj();
        let _ = element.remove_pad(pad);
        element.set_element_flags(gst::ElementFlags::SOURCE);
        let mut state = self.state();
        state.has_input = false;
        state.input = sink::Input::default();
        drop(state);
        self.wake.wake();
    }
}

#[glib::object_subclass]
impl ObjectSubclass for CosyVoice3Src {
    const NAME: &'static str = "GstCosyVoice3Src";
    type Type = super::CosyVoice3Src;
    type ParentType = gst::Element;
    type Interfaces = (gst::URIHandler,);

    fn with_class(class: &Self::Class) -> Self {
        const PAD: &str = "the source pad";
        let template = class.pad_template("src").expect("installed by the class");
        let srcpad = gst::Pad::builder_from_template(&template)
            .activatemode_function(|pad, parent, mode, active| {
                let panicked = Err(gst::loggable_error!(CAT, "panic while activating"));
                pad_function(parent, PAD, panicked, |this| {
                    stream::activate(this, pad, mode, active)
                })
            })
            .query_function(|pad, parent, query| {
                pad_function(parent, PAD, false, |this| srcpad::query(this, pad, query))
            })
            .event_function(|pad, parent, event| {
                pad_function(parent, PAD, false, |this| srcpad::event(this, pad, event))
            })
            .flags(gst::PadFlags::FIXED_CAPS)
            .build();
        Self {
            srcpad,
            settings: Mutex::default(),
            state: Mutex::default(),
            wake: Arc::default(),
            room: Condvar::new(),
            candidates: Candidates::default(),
            leaving: Mutex::default(),
            kept: Keeper::default(),
            load: Mutex::default(),
        }
    }
}

impl ObjectImpl for CosyVoice3Src {
    fn properties() -> &'static [glib::ParamSpec] {
        &PROPERTIES
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        &signals::SIGNALS
    }

    fn constructed(&self) {
        self.parent_constructed();
        logging::join();
        let element = self.obj();
        element
            .add_pad(&self.srcpad)
            .expect("a new element has no pad");
        element.set_element_flags(gst::ElementFlags::SOURCE);
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let name = pspec.name();
        guarded(self, "setting a property", (), || self.set(name, value));
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let settings = self.settings().clone();
        match pspec.name() {
            "text" => settings.text.to_value(),
            "model-path" => settings.model_path.to_value(),
            "voice" => settings.voice.to_value(),
            "voices" => {
                let names = Self::model_dir(&settings)
                    .and_then(|dir| Options::new(dir).voices())
                    .unwrap_or_default();
                glib::StrV::from(names).to_value()
            }
            "stats" => {
                let state = self.state();
                state.totals.structure(state.agenda.texts()).to_value()
            }
            "instruct" => settings.instruct.to_value(),
            "speed" => settings.speed.to_value(),
            "seed" => settings.seed.to_value(),
            "temperature" => settings.temperature.to_value(),
            "top-k" => settings.top_k.to_value(),
            "top-p" => settings.top_p.to_value(),
            "flow-steps" => settings.flow_steps.to_value(),
            "flow-schedule" => settings.flow_schedule.to_value(),
            "flow-plan" => settings.flow_plan.to_value(),
            "flow-backend" => settings.flow_backend.to_value(),
            "npu-device" => settings.npu_device.to_value(),
            "axcl-library" => settings.axcl_library.to_value(),
            "level" => settings.level.to_value(),
            "threads" => settings.threads.to_value(),
            "cpu-affinity" => settings.cpu_affinity.to_value(),
            "prefix-cache" => settings.prefix_cache.to_value(),
            "verify" => settings.verify.to_value(),
            "is-live" => settings.is_live.to_value(),
            "idle" => settings.idle.to_value(),
            "latency" => settings.latency.to_value(),
            "language" => settings.language.to_value(),
            "text-reading" => settings.text_reading.to_value(),
            "stress-mark" => settings.stress_mark.to_value(),
            "lexicon" => settings.lexicon.to_value(),
            "markup" => settings.markup.to_value(),
            "overflow" => settings.overflow.to_value(),
            "text-timing" => settings.text_timing.to_value(),
            "buffer-duration" => settings.buffer_duration.to_value(),
            "max-queued" => settings.max_queued.to_value(),
            name => {
                gst::warning!(CAT, imp = self, "no property {name}");
                pspec.default_value().clone()
            }
        }
    }
}

impl URIHandlerImpl for CosyVoice3Src {
    const URI_TYPE: gst::URIType = gst::URIType::Src;

    fn protocols() -> &'static [&'static str] {
        &[uri::SCHEME]
    }

    fn uri(&self) -> Option<String> {
        uri::get(&self.settings())
    }

    fn set_uri(&self, uri: &str) -> Result<(), glib::Error> {
        uri::set(&mut self.settings(), uri)?;
        // Outside the lock, for handlers that read the properties.
        self.obj().notify("text");
        self.obj().notify("voice");
        Ok(())
    }
}

impl GstObjectImpl for CosyVoice3Src {}

impl ElementImpl for CosyVoice3Src {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "CosyVoice3 speech source",
                "Source/Audio",
                "Speaks text in a cloned voice with CosyVoice3 (language model and vocoder on the CPU, flow model on CPU or NPU)",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = gst_audio::AudioCapsBuilder::new_interleaved()
                .format(gst_audio::AUDIO_FORMAT_F32)
                .rate(SAMPLE_RATE as i32)
                .channels(1)
                .build();
            vec![
                gst::PadTemplate::new(
                    "src",
                    gst::PadDirection::Src,
                    gst::PadPresence::Always,
                    &caps,
                )
                .expect("a template of fixed caps"),
                gst::PadTemplate::new(
                    "sink",
                    gst::PadDirection::Sink,
                    gst::PadPresence::Request,
                    &sink::caps(),
                )
                .expect("a template of fixed caps"),
            ]
        });
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        gst::debug!(CAT, imp = self, "{transition:?}");
        let failed = |error: Error| {
            self.post_error(&error);
            gst::StateChangeError
        };
        let prepared = guarded(self, "a state change", None, || {
            Some(self.prepare_for(transition))
        });
        match prepared {
            Some(prepared) => prepared.map_err(failed)?,
            // On the way down nothing may fail, not even by a panic.
            None if transition.next() > transition.current() => return Err(gst::StateChangeError),
            None => {}
        }
        let mut success = self.parent_change_state(transition);
        if matches!(
            transition,
            gst::StateChange::ReadyToPaused | gst::StateChange::PlayingToPaused
        ) && self.settings().is_live
        {
            success = success.map(|_| gst::StateChangeSuccess::NoPreroll);
        }
        let has_failed = success.is_err();
        guarded(self, "a state change", (), || {
            self.clean_up_after(transition, has_failed)
        });
        success
    }

    fn send_event(&self, event: gst::Event) -> bool {
        guarded(self, "an event", false, || {
            srcpad::element_event(self, event)
        })
    }

    fn request_new_pad(
        &self,
        template: &gst::PadTemplate,
        _name: Option<&str>,
        _caps: Option<&gst::Caps>,
    ) -> Option<gst::Pad> {
        guarded(self, "requesting the sink pad", None, || {
            self.add_sink_pad(template)
        })
    }

    fn release_pad(&self, pad: &gst::Pad) {
        guarded(self, "releasing the sink pad", (), || {
            self.remove_sink_pad(pad);
        });
    }
}
