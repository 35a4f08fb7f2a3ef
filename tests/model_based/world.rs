//! One element between an upstream and a sink that follow a sequence of actions, with a clock that the test advances.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, RwLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use gst::{glib::closure::TryFromClosureReturnValue, prelude::*};
use gst_check::TestClock;

use crate::{
    action::{Action, Bytes, Cut, Setup, Side, Wish},
    playing,
    script::{Gate, NOBODY, Script},
    trace::{Entry, Heard, How, Interrupts, Trace},
};

const META: &str = "GstCosyVoice3UtteranceMeta";

/// Engine of the element.
#[derive(Clone)]
pub enum Voice {
    /// Scripted stages.
    Script,
    /// A model, and the texts whose speech is known.
    Model {
        dir: std::path::PathBuf,
        texts: Arc<Vec<(String, Vec<f32>)>>,
    },
}

impl Voice {
    /// Longest wait for something that must happen.
    pub fn patience(&self) -> Duration {
        match self {
            Self::Script => Duration::from_secs(20),
            Self::Model { .. } => Duration::from_secs(180),
        }
    }
}

struct SinkState {
    flushing: bool,
    shut: bool,
    flow: Result<gst::FlowSuccess, gst::FlowError>,
    /// Buffers between entry and exit of the chain function.
    inside: usize,
}

/// A sink that blocks on request.
struct Sink {
    pad: gst::Pad,
    state: Arc<(Mutex<SinkState>, Condvar)>,
}

impl Sink {
    fn new(trace: Arc<Trace>, tag: &str) -> Self {
        let state = Arc::new((
            Mutex::new(SinkState {
                flushing: true,
                shut: false,
                flow: Ok(gst::FlowSuccess::Ok),
                inside: 0,
            }),
            Condvar::new(),
        ));
        let (chained, notified) = (state.clone(), state.clone());
        let pad = gst::Pad::builder(gst::PadDirection::Sink)
            .name(format!("listener{tag}"))
            .chain_function(move |_, _, buffer| take(&chained, &trace, &buffer))
            .event_function(move |pad, _, event| {
                let mut state = notified.0.lock().unwrap();
                match event.type_() {
                    gst::EventType::FlushStart => state.flushing = true,
                    gst::EventType::FlushStop => state.flushing = false,
                    _ => {}
                }
                drop(state);
                notified.1.notify_all();
                let _ = pad;
                true
            })
            .build();
        Self { pad, state }
    }

    fn set(&self, change: impl FnOnce(&mut SinkState)) {
        change(&mut self.state.0.lock().unwrap());
        self.state.1.notify_all();
    }

    fn set_active(&self, active: bool) {
        self.set(|state| state.flushing = !active);
        self.pad.set_active(active).expect("a pad of its own");
    }
}

fn take(
    sink: &(Mutex<SinkState>, Condvar),
    trace: &Trace,
    buffer: &gst::Buffer,
) -> Result<gst::FlowSuccess, gst::FlowError> {
    let mut state = sink.0.lock().unwrap();
    if state.flushing {
        return Err(gst::FlowError::Flushing);
    }
    state.flow?;
    trace.note(Entry::Buffer(heard(buffer)));
    state.inside += 1;
    let mut state = sink
        .1
        .wait_while(state, |state| state.shut && !state.flushing)
        .unwrap();
    state.inside -= 1;
    trace.note(Entry::Taken);
    match state.flushing {
        true => Err(gst::FlowError::Flushing),
        false => state.flow,
    }
}

fn heard(buffer: &gst::Buffer) -> Heard {
    let meta = gst::meta::CustomMeta::from_buffer(buffer, META).ok();
    let time = |time: Option<gst::ClockTime>| time.map_or(u64::MAX, gst::ClockTime::nseconds);
    Heard {
        id: meta.map(|meta| meta.structure().get("id").expect("an id")),
        pts: time(buffer.pts()),
        duration: time(buffer.duration()),
        offset: buffer.offset(),
        offset_end: buffer.offset_end(),
        discont: buffer.flags().contains(gst::BufferFlags::DISCONT),
        gap: buffer.flags().contains(gst::BufferFlags::GAP),
        samples: playing::samples(buffer),
    }
}

enum Item {
    Text(Vec<u8>, Option<gst::ClockTime>),
    Event(gst::Event),
    /// Disconnected when everything before it is done.
    Barrier(mpsc::Sender<()>),
}

/// A text source in front of the element.
struct Upstream {
    pad: gst::Pad,
    requested: gst::Pad,
    worker: Option<(mpsc::Sender<Item>, thread::JoinHandle<()>)>,
    /// Queued items are dropped instead of pushed.
    discards: Arc<AtomicBool>,
}

impl Upstream {
    fn new(element: &gst::Element, live: bool, tag: &str) -> Option<Self> {
        let requested = element.request_pad_simple("sink")?;
        let pad = gst::Pad::builder(gst::PadDirection::Src)
            .name(format!("author{tag}"))
            .query_function(move |pad, parent, query| match query.view_mut() {
                gst::QueryViewMut::Latency(q) => {
                    q.set(live, gst::ClockTime::ZERO, None);
                    true
                }
                _ => gst::Pad::query_default(pad, parent, query),
            })
            .build();
        pad.link(&requested).expect("text fits");
        Some(Self {
            pad,
            requested,
            worker: None,
            discards: Arc::default(),
        })
    }

    fn start(&mut self, trace: &Arc<Trace>, setup: &Setup) {
        self.pad.set_active(true).expect("a pad of its own");
        self.begin(setup);
        let (sender, items) = mpsc::channel();
        let (pad, trace, discards) = (self.pad.clone(), trace.clone(), self.discards.clone());
        trace.note(Entry::UpstreamBegins { sure: true });
        let worker = thread::spawn(move || {
            for item in items {
                match item {
                    Item::Barrier(done) => drop(done),
                    _ if discards.load(Ordering::SeqCst) => {}
                    Item::Text(bytes, time) => {
                        let mut buffer = gst::Buffer::from_slice(bytes.clone());
                        if let Some(time) = time {
                            let buffer = buffer.get_mut().expect("just made");
                            buffer.set_pts(time);
                            buffer.set_duration(gst::ClockTime::from_mseconds(50));
                        }
                        let taken = pad.push(buffer).is_ok();
                        trace.note(Entry::Pushed {
                            bytes,
                            timed: time.is_some(),
                            taken,
                        });
                    }
                    Item::Event(event) => {
                        let eos = event.type_() == gst::EventType::Eos;
                        pad.push_event(event);
                        if eos {
                            trace.note(Entry::UpstreamEnds);
                        }
                    }
                }
            }
        });
        self.worker = Some((sender, worker));
    }

    fn begin(&self, setup: &Setup) {
        self.pad.push_event(gst::event::StreamStart::new("text"));
        if setup.text_caps {
            let caps = gst::Caps::builder("text/x-raw")
                .field("format", "utf8")
                .build();
            self.pad.push_event(gst::event::Caps::new(&caps));
        }
        self.pad.push_event(segment(setup));
    }

    fn send(&self, item: Item) {
        if let Some((sender, _)) = &self.worker {
            let _ = sender.send(item);
        }
    }

    /// A receiver that is disconnected when everything sent so far is done.
    fn barrier(&self) -> mpsc::Receiver<()> {
        let (done, wait) = mpsc::channel();
        self.send(Item::Barrier(done));
        wait
    }

    fn stop(&mut self) {
        self.discards.store(true, Ordering::SeqCst);
        if let Some((sender, worker)) = self.worker.take() {
            drop(sender);
            worker.join().expect("no panic");
        }
        self.discards.store(false, Ordering::SeqCst);
        self.pad.set_active(false).expect("a pad of its own");
    }
}

fn segment(setup: &Setup) -> gst::Event {
    match setup.timed {
        true => gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()),
        false => gst::event::Segment::new(&gst::FormattedSegment::<gst::format::Bytes>::new()),
    }
}

/// State that only one thread changes at a time.
struct Heavy {
    state: gst::State,
    flushing: Option<Side>,
    upstream: Option<Upstream>,
    linked: bool,
    cue: u64,
}

pub struct World {
    pub trace: Arc<Trace>,
    /// Part of the names of all objects here, so that GStreamer's warnings can be attributed to this world.
    pub tag: String,
    voice: Voice,
    setup: Setup,
    script: Script,
    pipeline: gst::Pipeline,
    element: gst::Element,
    srcpad: gst::Pad,
    sink: Sink,
    clock: TestClock,
    number: AtomicU32,
    heavy: Mutex<Heavy>,
    /// Held during a call that posts messages: the bus of a pipeline in NULL drops them.
    asking: RwLock<()>,
}

impl World {
    pub fn new(voice: &Voice, setup: &Setup) -> Self {
        playing::init();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let tag = format!("-w{}w", NUMBER.fetch_add(1, Ordering::SeqCst));
        let trace = Arc::new(Trace::default());
        let script = Script::default();
        let element = gst::ElementFactory::make("cosyvoice3src")
            .name(format!("speech{tag}"))
            .property("is-live", setup.live)
            .property("buffer-duration", setup.buffer_duration * 1_000_000)
            .build()
            .expect("the element is registered");
        element.set_property_from_str("idle", setup.idle);
        match voice {
            Voice::Script => {
                script.give_to(&element);
                let entries = trace.clone();
                script.on_speech(move |text, utterance| {
                    if utterance == 0 {
                        entries.note(Entry::Vocoded { text: text.into() });
                    }
                });
                script.fail_to_load(setup.load_fails);
                if setup.load_fails {
                    trace.note(Entry::Mischief);
                }
                for gate in &setup.shut {
                    script.shut(*gate);
                }
            }
            Voice::Model { dir, .. } => {
                element.set_property("model-path", dir.to_str().expect("a UTF-8 path"));
                element.set_property("flow-steps", 2u32);
                element.set_property_from_str("verify", "never");
                element.set_property_from_str("prefix-cache", "memory");
            }
        }
        let pipeline = gst::Pipeline::new();
        pipeline.add(&element).expect("an element of its own");
        let clock = TestClock::with_start_time(gst::ClockTime::from_seconds(1));
        pipeline.use_clock(Some(&clock));
        let sink = Sink::new(trace.clone(), &tag);
        let srcpad = element.static_pad("src").expect("a source pad");
        srcpad.link(&sink.pad).expect("a pad for anything");
        let world = Self {
            trace,
            tag,
            voice: voice.clone(),
            setup: setup.clone(),
            script,
            pipeline,
            element,
            srcpad,
            sink,
            clock,
            number: AtomicU32::new(0),
            heavy: Mutex::new(Heavy {
                state: gst::State::Null,
                flushing: None,
                upstream: None,
                linked: true,
                cue: 0,
            }),
            asking: RwLock::default(),
        };
        world.listen();
        if setup.upstream {
            world.request_pad();
        }
        if let Some(words) = &setup.text {
            world.set_text(words);
        }
        world
    }

    fn listen(&self) {
        let trace = self.trace.clone();
        let last = Mutex::new(Vec::new());
        let mask = gst::PadProbeType::EVENT_DOWNSTREAM | gst::PadProbeType::EVENT_FLUSH;
        self.srcpad.add_probe(mask, move |_, info| {
            if let Some(event) = info.event() {
                let one = (event.type_(), event.seqnum());
                // After a link the same sticky events pass again.
                let mut last = last.lock().unwrap();
                if !event.is_sticky() || !last.contains(&one) {
                    last.push(one);
                    trace.note(Entry::Event {
                        kind: one.0,
                        seqnum: one.1,
                    });
                }
            }
            gst::PadProbeReturn::Ok
        });
        let trace = self.trace.clone();
        let bus = self.pipeline.bus().expect("a pipeline has a bus");
        bus.set_sync_handler(move |_, message| {
            if let Some(entry) = entry_of(message) {
                trace.note(entry);
            }
            gst::BusSyncReply::Drop
        });
    }

    /// Performs one action.
    pub fn act(&self, action: &Action) {
        self.trace.note(Entry::Does(format!("{action:?}")));
        match action {
            Action::Say(words) => {
                let text = self.text(words);
                let id = self.ask_for("say", &[&text]);
                self.said(id, 0, Interrupts::No);
            }
            Action::SayFull {
                words,
                priority,
                interrupt,
            } => {
                let structure = gst::Structure::builder("say")
                    .field("text", self.text(words))
                    .field("priority", priority)
                    .field("interrupt", interrupt.nick())
                    .build();
                let id = self.ask_for("say-full", &[&structure]);
                self.said(id, *priority, interrupt.entry());
            }
            Action::SetText(words) => self.set_text(words),
            Action::Set(wish) => self.set(wish),
            Action::Cancel(which) => {
                let id = self.pick(*which);
                self.trace.note(Entry::Cancels(Some(id)));
                self.ask_for::<bool>("cancel", &[&id]);
            }
            Action::CancelAll => {
                self.trace.note(Entry::Cancels(None));
                self.ask_for::<u32>("cancel-all", &[]);
            }
            Action::FlushStart(side) => self.flush_start(*side),
            Action::FlushStop => self.flush_stop(),
            Action::Go(state) => self.go(*state),
            Action::Unlink => {
                let mut heavy = self.heavy();
                if std::mem::take(&mut heavy.linked) {
                    self.trace.note(Entry::Mischief);
                    self.srcpad.unlink(&self.sink.pad).expect("linked");
                    // No flush would reach a buffer that it holds.
                    self.sink.set(|state| state.shut = false);
                }
            }
            Action::Relink => self.relink(&mut self.heavy()),
            Action::Refuse(flow) => {
                self.trace.note(Entry::Mischief);
                self.sink.set(|state| state.flow = Err(*flow));
            }
            Action::Shut => {
                let heavy = self.heavy();
                self.sink.set(|state| state.shut = heavy.linked);
            }
            Action::Open => self.sink.set(|state| {
                state.shut = false;
                state.flow = Ok(gst::FlowSuccess::Ok);
            }),
            Action::RequestPad => self.request_pad(),
            Action::ReleasePad => self.release_pad(),
            Action::Text { bytes, cuts } => self.push_text(bytes, cuts),
            Action::TextEvent(kind) => {
                let event = match kind {
                    // Caps that come first after the segment are upstream's mistake.
                    0 if self.setup.text_caps => {
                        let caps = gst::Caps::builder("text/x-raw")
                            .field("format", "utf8")
                            .field("again", self.number.fetch_add(1, Ordering::SeqCst) as i32)
                            .build();
                        gst::event::Caps::new(&caps)
                    }
                    0 | 1 => segment(&self.setup),
                    2 => gst::event::Tag::new(gst::TagList::new()),
                    3 => gst::event::CustomDownstream::new(gst::Structure::new_empty("x")),
                    4 => gst::event::Gap::new(
                        gst::ClockTime::from_mseconds(self.heavy().cue),
                        gst::ClockTime::from_mseconds(10),
                    ),
                    _ => gst::event::Eos::new(),
                };
                if let Some(upstream) = &self.heavy().upstream {
                    upstream.send(Item::Event(event));
                }
            }
            Action::EndOfStream => self.element.emit_by_name::<()>("end-of-stream", &[]),
            Action::EosEvent => {
                self.trace.note(Entry::Mischief);
                self.element.send_event(gst::event::Eos::new());
            }
            Action::Seek => {
                let _ = self.element.seek_simple(
                    gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT,
                    gst::ClockTime::ZERO,
                );
            }
            Action::Reconfigure => {
                self.sink.pad.push_event(gst::event::Reconfigure::new());
            }
            Action::Ask => self.ask(),
            Action::Turn(ms) => {
                self.clock.advance_time(i64::from(*ms) * 1_000_000);
                self.pump();
            }
            Action::Hold(gate) => self.script.shut(*gate),
            Action::LetPass(gate) => self.script.let_one_pass(*gate),
            Action::LetAllPass(gate) => self.script.open(*gate),
            Action::Both(one, other) => thread::scope(|scope| {
                scope.spawn(|| self.act(one));
                self.act(other);
            }),
        }
        if self.setup.settled {
            self.settle();
        }
    }

    fn ask_for<R: TryFromClosureReturnValue>(&self, signal: &str, values: &[&dyn ToValue]) -> R {
        let _asking = self.asking.read().unwrap_or_else(|e| e.into_inner());
        self.element.emit_by_name(signal, values)
    }

    fn said(&self, id: u64, priority: i32, interrupts: Interrupts) {
        if id > 0 {
            self.trace.note(Entry::Said {
                id,
                priority,
                interrupts,
            });
        }
    }

    /// A text of its own.
    fn text(&self, words: &[String]) -> String {
        match &self.voice {
            Voice::Script => {
                let number = self.number.fetch_add(1, Ordering::SeqCst) + 1;
                if words.iter().any(|word| word.contains('-')) {
                    self.trace.note(Entry::Mischief);
                }
                format!("{number} {}", words.join(" "))
            }
            Voice::Model { texts, .. } => {
                let length: usize = words.iter().map(String::len).sum();
                texts[length % texts.len()].0.clone()
            }
        }
    }

    fn set_text(&self, words: &[String]) {
        let text = self.text(words);
        self.trace.note(Entry::Property { text: text.clone() });
        let _asking = self.asking.read().unwrap_or_else(|e| e.into_inner());
        self.element.set_property("text", text);
    }

    fn set(&self, wish: &Wish) {
        match wish {
            Wish::BufferDuration(ms) => self
                .element
                .set_property("buffer-duration", u64::from(*ms) * 1_000_000),
            Wish::MaxQueued(count) => self.element.set_property("max-queued", *count),
            Wish::Latency(ms) => self.element.set_property("latency", *ms),
            Wish::Voice(nobody) => {
                if matches!(self.voice, Voice::Script) {
                    if *nobody {
                        self.trace.note(Entry::Mischief);
                    }
                    self.element.set_property("voice", nobody.then_some(NOBODY));
                }
            }
        }
    }

    /// The id of an announcement that was accepted, or one that never was.
    fn pick(&self, which: u8) -> u64 {
        let ids: Vec<u64> = self
            .trace
            .entries()
            .iter()
            .filter_map(|entry| match entry {
                Entry::Queued { id, .. } => Some(*id),
                _ => None,
            })
            .collect();
        // The latest are the likeliest to be there still.
        let back = usize::from(which) % (ids.len() + 1);
        ids.iter().rev().nth(back).copied().unwrap_or(99_999)
    }

    fn flush_start(&self, side: Side) {
        let mut heavy = self.heavy();
        if heavy.flushing.is_some() {
            return;
        }
        let side = match &heavy.upstream {
            Some(upstream) if upstream.worker.is_some() => side,
            _ => Side::Element,
        };
        heavy.flushing = Some(side);
        if heavy.upstream.is_some() && side == Side::Element {
            self.trace.note(Entry::UpstreamBegins { sure: false });
        }
        self.trace.note(Entry::FlushBegins);
        let event = gst::event::FlushStart::new();
        match (side, &heavy.upstream) {
            (Side::Upstream, Some(upstream)) => {
                upstream.discards.store(true, Ordering::SeqCst);
                upstream.pad.push_event(event);
                let _ = upstream.barrier().recv();
            }
            _ => {
                self.element.send_event(event);
            }
        }
        self.trace.note(Entry::Flushed);
    }

    fn flush_stop(&self) {
        let mut heavy = self.heavy();
        let heavy = &mut *heavy;
        let Some(side) = heavy.flushing.take() else {
            return;
        };
        self.trace.note(Entry::FlushEnds);
        let event = gst::event::FlushStop::new(true);
        match (side, &heavy.upstream) {
            (Side::Upstream, Some(upstream)) if upstream.worker.is_some() => {
                // Items sent meanwhile are dropped too.
                let _ = upstream.barrier().recv();
                upstream.pad.push_event(event);
                heavy.cue = 0;
                self.trace.note(Entry::UpstreamBegins { sure: true });
                upstream.pad.push_event(segment(&self.setup));
                upstream.discards.store(false, Ordering::SeqCst);
            }
            _ => {
                self.element.send_event(event);
            }
        }
    }

    /// Goes to a state as a pipeline does: sinks first on the way down, last on the way up.
    fn go(&self, state: gst::State) {
        let mut heavy = self.heavy();
        let heavy = &mut *heavy;
        let running = |state| state >= gst::State::Paused;
        let (was, will) = (running(heavy.state), running(state));
        if was && !will {
            self.sink.set_active(false);
        } else if !was && will {
            self.sink.set_active(true);
            heavy.flushing = None;
            heavy.cue = 0;
            self.trace.note(Entry::Runs);
        }
        let asking = (was && state == gst::State::Null).then(|| {
            let _ = self.pipeline.set_state(gst::State::Ready);
            self.asking.write().unwrap_or_else(|e| e.into_inner())
        });
        if self.pipeline.set_state(state).is_err() {
            self.trace
                .note(Entry::Error("a state change failed".into()));
        }
        drop(asking);
        heavy.state = state;
        if was && !will {
            self.trace.note(Entry::Stopped);
            if let Some(upstream) = &mut heavy.upstream {
                upstream.stop();
            }
        } else if !was
            && will
            && let Some(upstream) = &mut heavy.upstream
        {
            upstream.start(&self.trace, &self.setup);
        }
    }

    fn relink(&self, heavy: &mut Heavy) {
        if !std::mem::replace(&mut heavy.linked, true) {
            if heavy.flushing.is_none() && heavy.state >= gst::State::Paused {
                // The end of a flush may have missed it.
                self.sink.pad.send_event(gst::event::FlushStop::new(true));
            }
            self.srcpad
                .link(&self.sink.pad)
                .expect("a pad for anything");
        }
    }

    fn request_pad(&self) {
        let mut heavy = self.heavy();
        if heavy.upstream.is_some() || heavy.flushing.is_some() {
            return;
        }
        let mut upstream = Upstream::new(&self.element, self.setup.live_upstream, &self.tag);
        if heavy.state >= gst::State::Paused
            && let Some(upstream) = &mut upstream
        {
            upstream.start(&self.trace, &self.setup);
        }
        heavy.upstream = upstream;
        heavy.cue = 0;
    }

    fn release_pad(&self) {
        let mut heavy = self.heavy();
        if heavy.flushing == Some(Side::Upstream) {
            return;
        }
        if let Some(mut upstream) = heavy.upstream.take() {
            let _ = upstream.pad.unlink(&upstream.requested);
            self.element.release_request_pad(&upstream.requested);
            upstream.stop();
        }
    }

    fn push_text(&self, bytes: &Bytes, cuts: &[Cut]) {
        let mut heavy = self.heavy();
        let heavy = &mut *heavy;
        let Some(upstream) = &heavy.upstream else {
            return;
        };
        let mut data = self.text(&bytes.words).into_bytes();
        data.extend_from_slice(match &self.voice {
            Voice::Script => bytes.tail,
            // With another tail, parts of sentences could remain whose speech was not rendered.
            Voice::Model { .. } => b"\n",
        });
        if self.setup.timed {
            heavy.cue += 100;
            let time = gst::ClockTime::from_mseconds(heavy.cue);
            upstream.send(Item::Text(data, Some(time)));
            return;
        }
        let mut rest = data.as_slice();
        for cut in cuts {
            let (block, tail) = rest.split_at(usize::from(cut.0).min(rest.len()));
            if !block.is_empty() {
                upstream.send(Item::Text(block.to_vec(), None));
            }
            rest = tail;
        }
        if !rest.is_empty() {
            upstream.send(Item::Text(rest.to_vec(), None));
        }
    }

    fn ask(&self) {
        let _: gst::Structure = self.element.property("stats");
        let _: Option<String> = self.element.property("text");
        let _ = self.element.query_position::<gst::ClockTime>();
        let _ = self.element.query_duration::<gst::ClockTime>();
        let _ = self.srcpad.query(&mut gst::query::Latency::new());
        let _ = self
            .srcpad
            .query(&mut gst::query::Seeking::new(gst::Format::Time));
        let _ = self.srcpad.query_caps(None);
    }

    /// Lets the clock's waits end whose time has come.
    fn pump(&self) {
        while self.clock.process_next_clock_id().is_some() {}
    }

    /// Advances the clock a little unless the engine is busy.
    fn turn(&self) {
        if !self.script.is_busy() {
            self.clock.advance_time(40_000_000);
        }
        self.pump();
    }

    /// Waits until nothing more happens by itself.
    fn settle(&self) {
        let mut calm = 0;
        for _ in 0..400 {
            self.pump();
            let seen = self.trace.len();
            let more = self.trace.wait_for_more(seen, Duration::from_micros(400));
            calm = if more || self.script.is_busy() {
                0
            } else {
                calm + 1
            };
            if calm == 2 {
                return;
            }
        }
    }

    /// Brings the sequence to an end in which everything that was begun must have ended.
    pub fn finish(&self) -> Result<(), String> {
        self.flush_stop();
        for gate in [Gate::Load, Gate::Lm, Gate::Vocoder] {
            self.script.open(gate);
        }
        self.act(&Action::Open);
        self.relink(&mut self.heavy());
        if self.setup.sudden {
            self.go(gst::State::Null);
        } else {
            self.go(gst::State::Playing);
            self.end()?;
            self.go(gst::State::Null);
        }
        // Upstream is gone before the element is.
        self.release_pad();
        let entries = self.trace.entries();
        let stats: gst::Structure = self.element.property("stats");
        for (field, how) in [
            ("texts-finished", How::Finished),
            ("texts-cancelled", How::Cancelled),
            ("texts-failed", How::Failed),
        ] {
            let counted = entries
                .iter()
                .filter(|entry| matches!(entry, Entry::Ended { how: other, .. } if *other == how))
                .count() as u64;
            if stats.get::<u64>(field) != Ok(counted) {
                return Err(format!("{field} is not {counted}: {stats:?}"));
            }
        }
        if stats.get::<u64>("texts-queued") != Ok(0) {
            return Err(format!("texts are left: {stats:?}"));
        }
        Ok(())
    }

    /// In PLAYING, with everything open: every announcement ends, a further one is played, and the stream ends.
    fn end(&self) -> Result<(), String> {
        let patience = self.voice.patience();
        let barrier = self.heavy().upstream.as_ref().map(Upstream::barrier);
        let done = || match &barrier {
            Some(barrier) => barrier.try_recv() != Err(mpsc::TryRecvError::Empty),
            None => true,
        };
        let all_ended = self.trace.wait_until(
            patience,
            |entries| done() && unended(entries).is_empty(),
            || self.turn(),
        );
        if !all_ended {
            let left = unended(&self.trace.entries());
            return Err(match left.is_empty() {
                true => "upstream waits for ever".into(),
                false => format!("texts {left:?} never end"),
            });
        }
        let stays = self.setup.live || self.heavy().upstream.is_some();
        if stays && !is_over(&self.trace.entries()) {
            self.set(&Wish::MaxQueued(16));
            self.set(&Wish::Voice(false));
            let text = self.text(&["last".into()]);
            let id = self.element.emit_by_name::<u64>("say", &[&text]);
            self.said(id, 0, Interrupts::No);
            let ended = self.trace.wait_until(
                patience,
                |entries| is_over(entries) || has_ended(entries, id),
                || self.turn(),
            );
            if !ended {
                return Err("a last text is not heard".into());
            }
        }
        self.element.emit_by_name::<()>("end-of-stream", &[]);
        if !self.trace.wait_until(patience, is_over, || self.turn()) {
            return Err("the stream does not end".into());
        }
        Ok(())
    }

    fn heavy(&self) -> MutexGuard<'_, Heavy> {
        self.heavy.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.sink.set(|state| state.flushing = true);
        let _ = self.pipeline.set_state(gst::State::Null);
        if let Some(mut upstream) = self.heavy().upstream.take() {
            upstream.stop();
        }
    }
}

/// Trace entry of a message.
fn entry_of(message: &gst::MessageRef) -> Option<Entry> {
    use gst::MessageView;
    Some(match message.view() {
        MessageView::Error(m) => Entry::Error(m.error().message().into()),
        MessageView::Warning(m) => Entry::Warning(m.error().message().into()),
        MessageView::Progress(m) => Entry::Progress(m.get().0),
        MessageView::Element(m) => {
            let structure = m.structure()?;
            let id = structure.get("id").ok()?;
            let string = |field| structure.get::<String>(field).unwrap_or_default();
            let ended = |how| Entry::Ended {
                id,
                how,
                reason: string("reason"),
                duration: structure
                    .get::<gst::ClockTime>("duration")
                    .map_or(u64::MAX, gst::ClockTime::nseconds),
            };
            match structure.name().strip_prefix("cosyvoice3/utterance-")? {
                "queued" => Entry::Queued {
                    id,
                    text: string("text"),
                },
                "started" => Entry::Started { id },
                "finished" => ended(How::Finished),
                "cancelled" => ended(How::Cancelled),
                "failed" => ended(How::Failed),
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn has_ended(entries: &[Entry], wanted: u64) -> bool {
    entries
        .iter()
        .any(|entry| matches!(entry, Entry::Ended { id, .. } if *id == wanted))
}

fn unended(entries: &[Entry]) -> Vec<u64> {
    let mut left = Vec::new();
    for entry in entries {
        match entry {
            Entry::Queued { id, .. } | Entry::Said { id, .. } if !has_ended(entries, *id) => {
                left.push(*id);
            }
            _ => {}
        }
    }
    left
}

/// Returns true if the current stream has ended, well or not.
fn is_over(entries: &[Entry]) -> bool {
    let since = entries
        .iter()
        .rposition(|entry| matches!(entry, Entry::Runs | Entry::FlushEnds))
        .unwrap_or(0);
    entries[since..].iter().any(|entry| {
        matches!(
            entry,
            Entry::Error(_)
                | Entry::Event {
                    kind: gst::EventType::Eos,
                    ..
                }
        )
    })
}
