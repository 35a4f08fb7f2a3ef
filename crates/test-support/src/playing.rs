//! Plays the element in a pipeline and keeps everything that the sink and the bus get.
use std::{
    path::Path,
    sync::{Arc, Mutex, Once, mpsc},
    thread,
    time::Duration,
};

use gst::{glib, prelude::*};

/// Longest wait for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(600);

/// GStreamer with the element registered from this program.
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().expect("GStreamer starts");
        gstcosyvoice3::plugin_register_static().expect("the plugin registers");
    });
}

/// Ends the whole program unless it is dropped in time: a test that hangs cannot be failed otherwise.
pub struct Watchdog(Option<(mpsc::Sender<()>, thread::JoinHandle<()>)>);

impl Watchdog {
    pub fn new(what: &'static str, patience: Duration) -> Self {
        let (alive, gone) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            if gone.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("{what} took more than {patience:?}");
                std::process::abort();
            }
        });
        Self(Some((alive, thread)))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Some((alive, thread)) = self.0.take() {
            drop(alive);
            let _ = thread.join();
        }
    }
}

/// An error or a warning on the bus.
#[derive(Debug)]
pub struct Trouble {
    pub from: String,
    pub error: glib::Error,
}

impl Trouble {
    pub fn text(&self) -> &str {
        self.error.message()
    }
}

/// Result of one run.
#[derive(Debug, Default)]
pub struct Played {
    pub buffers: Vec<gst::Buffer>,
    pub events: Vec<gst::Event>,
    pub errors: Vec<Trouble>,
    pub warnings: Vec<Trouble>,
    /// Warnings of speech that did not end by itself: with random weights most does not.
    pub cuts: Vec<Trouble>,
    /// True if the pipeline reported the end of the stream.
    pub eos: bool,
}

impl Played {
    /// All samples, in one row.
    pub fn samples(&self) -> Vec<f32> {
        self.buffers.iter().flat_map(samples).collect()
    }

    /// Fails unless the run reached its end without an error or warning on the bus.
    #[track_caller]
    pub fn in_peace(self) -> Self {
        assert!(self.errors.is_empty(), "{:?}", self.errors);
        assert!(self.warnings.is_empty(), "{:?}", self.warnings);
        assert!(self.eos, "no end of stream");
        self
    }
}

/// Gives `element` the settings of this run of the tests, then `settings` as on a command line.
pub fn set(element: &gst::Element, settings: &[(&str, &str)]) {
    element.set_property_from_str("verify", "never");
    // Speech that was kept, by another test even, would leave the stages nothing to do.
    element.set_property_from_str("announcement-cache", "off");
    // tests/run.sh runs the element's tests a second time, on the stand-in NPU.
    if let Ok(backend) = std::env::var("COSYVOICE3_TEST_FLOW_BACKEND") {
        element.set_property_from_str("flow-backend", &backend);
    }
    // On a machine that has other work too, threads that wait for each other take ages.
    if let Ok(threads) = std::env::var("COSYVOICE3_TEST_THREADS") {
        element.set_property_from_str("threads", &threads);
    }
    for (name, value) in settings {
        element.set_property_from_str(name, value);
    }
}

/// The samples of one buffer.
pub fn samples(buffer: &gst::Buffer) -> Vec<f32> {
    let map = buffer.map_readable().expect("a readable buffer");
    map.chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four bytes")))
        .collect()
}

type Hook = Box<dyn FnOnce(&gst::Element) + Send>;

/// `cosyvoice3src ! REST` in a pipeline.
pub struct Player {
    pub pipeline: gst::Pipeline,
    pub element: gst::Element,
    bus: gst::Bus,
    heard: Arc<Mutex<Played>>,
    hook: Arc<Mutex<Option<Hook>>>,
    probe: Option<gst::PadProbeId>,
}

impl Player {
    /// The element with the model `model`, few flow steps, and `settings` as on a command line.
    pub fn new(model: &Path, text: Option<&str>, settings: &[(&str, &str)]) -> Self {
        Self::with_sink(model, text, settings, "fakesink sync=false")
    }

    /// The same in front of other elements.
    pub fn with_sink(
        model: &Path,
        text: Option<&str>,
        settings: &[(&str, &str)],
        sink: &str,
    ) -> Self {
        init();
        let element = gst::ElementFactory::make("cosyvoice3src")
            .name("speech")
            .property("model-path", model.to_str().expect("a UTF-8 path"))
            .property("text", text)
            .property("flow-steps", 2u32)
            .build()
            .expect("the element is registered");
        set(&element, settings);
        let sink = gst::parse::bin_from_description(sink, true).expect("a valid sink");
        let pipeline = gst::Pipeline::new();
        // Stopping would throw away the messages that are to be counted.
        pipeline.set_auto_flush_bus(false);
        pipeline.add(&element).expect("an element of its own");
        pipeline.add(&sink).expect("a bin of its own");
        element.link(&sink).expect("the caps fit");
        let mut player = Self {
            bus: pipeline.bus().expect("a pipeline has a bus"),
            pipeline,
            element,
            heard: Arc::default(),
            hook: Arc::default(),
            probe: None,
        };
        player.probe = player.listen();
        player
    }

    /// Stops keeping buffers and events.
    pub fn forget_buffers(&mut self) {
        if let Some(probe) = self.probe.take() {
            self.pad().remove_probe(probe);
        }
    }

    fn listen(&self) -> Option<gst::PadProbeId> {
        let (heard, hook) = (self.heard.clone(), self.hook.clone());
        let element = self.element.downgrade();
        let mask = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        self.pad().add_probe(mask, move |_, info| {
            match &info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => {
                    heard.lock().unwrap().buffers.push(buffer.clone());
                    let hook = hook.lock().unwrap().take();
                    if let (Some(hook), Some(element)) = (hook, element.upgrade()) {
                        hook(&element);
                    }
                }
                Some(gst::PadProbeData::Event(event)) => {
                    heard.lock().unwrap().events.push(event.clone());
                }
                _ => {}
            }
            gst::PadProbeReturn::Ok
        })
    }

    /// Back end of the flow model for the last announcement.
    pub fn flow_backend(&self) -> String {
        let stats: gst::Structure = self.element.property("stats");
        stats.get("flow-backend").expect("a name")
    }

    pub fn pad(&self) -> gst::Pad {
        self.element.static_pad("src").expect("a source pad")
    }

    /// Calls `hook` on the streaming thread while the first buffer is being pushed.
    pub fn on_first_buffer(&self, hook: impl FnOnce(&gst::Element) + Send + 'static) {
        *self.hook.lock().unwrap() = Some(Box::new(hook));
    }

    /// Starts and returns once the first buffer is there.
    pub fn play_to_first_buffer(&self) {
        let (sender, receiver) = mpsc::channel();
        self.on_first_buffer(move |_| sender.send(()).expect("the caller waits"));
        self.start().expect("it starts");
        receiver.recv_timeout(PATIENCE).expect("speech comes");
    }

    pub fn start(&self) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        self.pipeline.set_state(gst::State::Playing)
    }

    /// A whole flush, as an application does it.
    pub fn flush(&self) {
        self.pipeline.send_event(gst::event::FlushStart::new());
        self.pipeline.send_event(gst::event::FlushStop::new(true));
    }

    /// Waits for the end of the stream or an error.
    pub fn wait(&self) {
        let patience = gst::ClockTime::try_from(PATIENCE).expect("not too long");
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let wanted = [
            gst::MessageType::Eos,
            gst::MessageType::Error,
            gst::MessageType::Warning,
        ];
        loop {
            let message = self
                .bus
                .timed_pop_filtered(patience, &wanted)
                .expect("the stream ends");
            self.note(&message);
            if ends.contains(&message.type_()) {
                return;
            }
        }
    }

    /// Waits at most `time` for the end of the stream or an error.
    pub fn listen_for(&self, time: gst::ClockTime) {
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        if let Some(message) = self.bus.timed_pop_filtered(time, &ends) {
            self.note(&message);
        }
    }

    /// Goes to `state` and hands out everything since the last call.
    pub fn stop(&self, state: gst::State) -> Played {
        let _watchdog = Watchdog::new("stopping", Duration::from_secs(60));
        self.pipeline.set_state(state).expect("it stops");
        while let Some(message) = self.bus.pop() {
            self.note(&message);
        }
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    /// Plays to the end or to an error, then stops.
    pub fn play(&self) -> Played {
        if self.start().is_ok() {
            self.wait();
        }
        self.stop(gst::State::Null)
    }

    fn note(&self, message: &gst::Message) {
        let trouble = |error| Trouble {
            from: message
                .src()
                .map_or_else(String::new, |src| src.name().into()),
            error,
        };
        let mut heard = self.heard.lock().unwrap();
        match message.view() {
            gst::MessageView::Error(m) => heard.errors.push(trouble(m.error())),
            gst::MessageView::Warning(m) if m.error().message().contains(" was cut ") => {
                heard.cuts.push(trouble(m.error()));
            }
            gst::MessageView::Warning(m) => heard.warnings.push(trouble(m.error())),
            gst::MessageView::Eos(_) => heard.eos = true,
            _ => {}
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
        // Messages left on the bus keep a reference to the pipeline, which owns the bus.
        self.bus.set_flushing(true);
    }
}
