use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard};

use gst::{glib, prelude::*, subclass::prelude::*};

use super::{
    agenda::{Agenda, Cut, Displaced, Interrupt, Origin},
    bus, gvalue,
    lock::lock,
    logging::{self, CAT},
    report::{Outbox, Outcome, Totals},
    settings::{PROPERTIES, Settings, non_empty},
    signals, sink, srcpad,
    stream::{self, Stream},
    uri,
    wake::Wake,
};
use cosyvoice3::{
    Engine, Error, ErrorKind, Keeper, Loading, MAX_TEXT, Options, Recorder, SAMPLE_RATE,
    Synthesizer, default_model_dir,
};

/// What loads an engine that is not a model directory's.
type Load = dyn Fn(&Loading<'_>) -> cosyvoice3::Result<Arc<dyn Engine>> + Send + Sync;

/// Lock order: `settings`, then `state`. Neither is held while something is pushed, posted or notified.
pub struct CosyVoice3Src {
    pub(super) srcpad: gst::Pad,
    pub(super) settings: Mutex<Settings>,
    pub(super) state: Mutex<State>,
    /// What the pad's task waits on.
    pub(super) wake: Arc<Wake>,
    /// Told when a text has ended, with the lock of `state`: upstream may wait to add another.
    pub(super) room: Condvar,
    /// Given up while they loaded. Going down does not wait for them, but the element does before it goes: left alone
    /// with the end of the process, they would meet libraries whose globals are destroyed.
    leaving: Mutex<Vec<Arc<Synthesizer>>>,
    /// Models stay loaded between READY and PAUSED.
    kept: Keeper,
    /// Where the engine comes from, if not from a model directory.
    load: Mutex<Option<Arc<Load>>>,
}

/// What changes while the element runs.
#[derive(Default)]
pub(super) struct State {
    /// There from READY→PAUSED to PAUSED→READY.
    pub synth: Option<Arc<Synthesizer>>,
    /// Whether a progress message has to be ended.
    pub loading: bool,
    /// The stream that the pad's task makes.
    pub stream: Stream,
    /// What is to be said.
    pub agenda: Agenda,
    /// What became of texts so far.
    pub totals: Totals,
    /// What is still to be told of them.
    pub outbox: Outbox,
    /// The text from upstream.
    pub input: sink::Input,
    /// Whether there is a sink pad.
    pub has_input: bool,
    /// Between FLUSH_START and FLUSH_STOP: nothing may be pushed or waited for.
    pub flushing: bool,
    /// Below PAUSED, or on the way there: the same, and no FLUSH_STOP ends it.
    pub stopped: bool,
    /// In PLAYING.
    pub playing: bool,
}

impl State {
    /// Makes what lost its place stop, and what came into one begin.
    pub fn displace(&mut self, displaced: &Displaced) {
        let dropped = match displaced.cut {
            Cut::Nothing => false,
            Cut::NextSentence => self.stream.cut_what_has_not_begun(),
            Cut::All => self.stream.cut(),
        };
        if dropped && let Some(announcement) = self.agenda.interrupted() {
            announcement.dropped = true;
        }
        if let Some(synth) = &self.synth {
            for request in &displaced.requests {
                synth.cancel(*request);
            }
        }
        self.feed();
    }

    /// Hands texts to the engine. To be called wherever the line has changed, not by the pad's task alone: that may be
    /// waiting for the sink to take what came before.
    pub fn feed(&mut self) {
        if let Some(synth) = &self.synth
            && self.stream.eos_asked.is_none()
            && !self.stream.ended
        {
            self.agenda.feed(|request| synth.say(request));
        }
    }

    /// Throws away everything that is to be said.
    pub fn clear(&mut self, reason: &'static str) {
        self.stream.cut();
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
        // Without a bus there is nobody to tell.
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

    /// READY→PAUSED: begins to load, and to speak the text of the property once that is done.
    fn start(&self) -> cosyvoice3::Result<()> {
        let settings = self.settings().clone();
        let synth = Arc::new(match self.load() {
            Some(load) => Synthesizer::open(Recorder::off(), move |loading| load(loading)),
            None => Synthesizer::open_model(self.options(&settings)?),
        });
        let wake = self.wake.clone();
        synth.on_event(move || wake.wake());
        let nothing_to_say = {
            let mut state = self.state();
            state.stream = Stream::new(settings.is_live);
            state.input = sink::Input::default();
            state.flushing = false;
            state.stopped = false;
            state.loading = true;
            state.synth = Some(synth);
            settings.text.is_none() && !settings.is_live && !state.has_input
        };
        self.post_progress(gst::ProgressType::Start, "loading models");
        if let Some(text) = &settings.text {
            self.say(text.clone(), &settings, 0, Interrupt::None);
        }
        if nothing_to_say {
            self.post_warning(&Error::new(
                ErrorKind::Text,
                "nothing to say: set the property \"text\"",
            ));
        }
        Ok(())
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

    /// Queues a text, if there is something that speaks and the stream has not ended. Its id; 0 if it was refused.
    pub(super) fn say(
        &self,
        text: String,
        settings: &Settings,
        priority: i32,
        interrupt: Interrupt,
    ) -> u64 {
        if self.is_too_long(&text) {
            return 0;
        }
        let (synth_settings, drawn) = settings.to_synth();
        if let Some(seed) = drawn {
            gst::info!(CAT, imp = self, "drew the seed {seed}");
        }
        let mut state = self.state();
        if state.synth.is_none() || state.flushing || state.stopped {
            return 0;
        }
        if state.stream.ended || state.agenda.ends() {
            gst::info!(
                CAT,
                imp = self,
                "the stream has ended: the text is said at the next start"
            );
            return 0;
        }
        let waiting = state.agenda.texts() - state.agenda.upstream_texts();
        if waiting >= settings.max_queued as usize {
            drop(state);
            self.post_warning(&Error::new(
                ErrorKind::Busy,
                format!(
                    "a text was refused because {} are waiting: say less, or raise \"max-queued\"",
                    settings.max_queued
                ),
            ));
            return 0;
        }
        let (id, displaced) = state.agenda.say(
            text.clone(),
            synth_settings,
            priority,
            interrupt,
            Origin::Application,
        );
        state.stream.awaits_text = false;
        state.note_queued(id, &text);
        state.displace(&displaced);
        drop(state);
        self.tell();
        self.wake.wake();
        id
    }

    /// Whether a text is longer than one request may be, which is told.
    pub(super) fn is_too_long(&self, text: &str) -> bool {
        let too_long = text.len() > MAX_TEXT;
        if too_long {
            self.post_warning(&Error::new(
                ErrorKind::Text,
                format!(
                    "a text of {} bytes is not spoken, the limit is {}: say it in parts",
                    text.len(),
                    MAX_TEXT
                ),
            ));
        }
        too_long
    }

    /// Tells that a string was not UTF-8.
    pub(super) fn warn_replaced(&self, what: &str) {
        self.post_warning(&Error::new(
            ErrorKind::Text,
            format!("{what} had bytes that are not UTF-8; they were replaced"),
        ));
    }

    /// Tells the pipeline to ask for latencies again.
    pub(super) fn post_latency(&self) {
        self.post(gst::message::Latency::builder().src(&*self.obj()).build());
    }

    /// Cancels the texts that `wanted` names; how many there were.
    pub(super) fn cancel(&self, wanted: impl Fn(u64) -> bool) -> usize {
        let count = {
            let mut state = self.state();
            let (gone, displaced) = state.agenda.cancel(wanted);
            state.displace(&displaced);
            for announcement in &gone {
                state.note_ended(announcement, &Outcome::Cancelled("cancelled"));
            }
            gone.len()
        };
        self.wake.wake();
        self.room.notify_all();
        self.tell();
        count
    }
}

#[glib::object_subclass]
impl ObjectSubclass for CosyVoice3Src {
    const NAME: &'static str = "GstCosyVoice3Src";
    type Type = super::CosyVoice3Src;
    type ParentType = gst::Element;
    type Interfaces = (gst::URIHandler,);

    fn with_class(class: &Self::Class) -> Self {
        let template = class.pad_template("src").expect("installed by the class");
        let srcpad = gst::Pad::builder_from_template(&template)
            .activatemode_function(|pad, parent, mode, active| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::loggable_error!(CAT, "panic while activating")),
                    |this| stream::activate(this, pad, mode, active),
                )
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(
                    parent,
                    || false,
                    |this| srcpad::query(this, pad, query),
                )
            })
            .event_function(|pad, parent, event| {
                Self::catch_panic_pad_function(
                    parent,
                    || false,
                    |this| srcpad::event(this, pad, event),
                )
            })
            .flags(gst::PadFlags::FIXED_CAPS)
            .build();
        Self {
            srcpad,
            settings: Mutex::default(),
            state: Mutex::default(),
            wake: Arc::default(),
            room: Condvar::new(),
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
            "overflow" => settings.overflow = value.get().expect(typed),
            "text-timing" => settings.text_timing = value.get().expect(typed),
            "buffer-duration" => settings.buffer_duration = value.get().expect(typed),
            "max-queued" => settings.max_queued = value.get().expect(typed),
            _ => gst::warning!(CAT, imp = self, "no property {name}"),
        }
        let settings = settings.clone();
        if replaced {
            self.warn_replaced(&format!("\"{name}\""));
        }
        if let ("text", Some(text)) = (name, &settings.text) {
            self.say(text.clone(), &settings, 0, Interrupt::None);
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
        // Outside the lock, for those who read the properties then.
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
                    &gst::Caps::builder("text/x-raw")
                        .field("format", "utf8")
                        .build(),
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
        match transition {
            gst::StateChange::NullToReady => self.prepare().map_err(failed)?,
            gst::StateChange::ReadyToPaused => self.start().map_err(failed)?,
            gst::StateChange::PausedToPlaying => self.set_playing(true),
            gst::StateChange::PlayingToPaused => self.set_playing(false),
            gst::StateChange::PausedToReady => self.stop(),
            _ => {}
        }
        let mut success = self.parent_change_state(transition);
        if matches!(
            transition,
            gst::StateChange::ReadyToPaused | gst::StateChange::PlayingToPaused
        ) && self.settings().is_live
        {
            success = success.map(|_| gst::StateChangeSuccess::NoPreroll);
        }
        match transition {
            // The task is down now: it was the last to use the synthesizer.
            gst::StateChange::PausedToReady => self.release(),
            gst::StateChange::ReadyToPaused if success.is_err() => {
                self.stop();
                self.release();
            }
            gst::StateChange::ReadyToNull => self.kept.release(),
            _ => {}
        }
        success
    }

    fn send_event(&self, event: gst::Event) -> bool {
        srcpad::element_event(self, event)
    }

    fn request_new_pad(
        &self,
        template: &gst::PadTemplate,
        _name: Option<&str>,
        _caps: Option<&gst::Caps>,
    ) -> Option<gst::Pad> {
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

    fn release_pad(&self, pad: &gst::Pad) {
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
