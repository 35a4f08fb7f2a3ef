//! Actions on the element, and strategies that draw sequences of them.

use proptest::prelude::*;

use crate::{script::Gate, trace::Interrupts};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Events are sent to the element, as applications do.
    Element,
    /// Events come from upstream.
    Upstream,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    None,
    Sentence,
    Now,
}

impl Interrupt {
    pub fn nick(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sentence => "sentence",
            Self::Now => "now",
        }
    }

    pub fn entry(self) -> Interrupts {
        match self {
            Self::None => Interrupts::No,
            Self::Sentence => Interrupts::Sentence,
            Self::Now => Interrupts::Now,
        }
    }
}

/// A property to set; times in milliseconds.
#[derive(Debug, Clone)]
pub enum Wish {
    BufferDuration(u16),
    MaxQueued(u32),
    Latency(u32),
    /// True for a voice that does not exist.
    Voice(bool),
}

/// A text on its way to the sink pad.
#[derive(Debug, Clone)]
pub struct Bytes {
    pub words: Vec<String>,
    pub tail: &'static [u8],
}

/// Length of a block.
#[derive(Debug, Clone)]
pub struct Cut(pub u8);

#[derive(Debug, Clone)]
pub enum Action {
    Say(Vec<String>),
    SayFull {
        words: Vec<String>,
        priority: i32,
        interrupt: Interrupt,
    },
    SetText(Vec<String>),
    Set(Wish),
    Cancel(u8),
    CancelAll,
    FlushStart(Side),
    FlushStop,
    Go(gst::State),
    Unlink,
    Relink,
    Refuse(gst::FlowError),
    Shut,
    Open,
    RequestPad,
    ReleasePad,
    Text {
        bytes: Bytes,
        cuts: Vec<Cut>,
    },
    TextEvent(u8),
    EndOfStream,
    EosEvent,
    Seek,
    Reconfigure,
    Ask,
    Turn(u16),
    Hold(Gate),
    LetPass(Gate),
    LetAllPass(Gate),
    Both(Box<Action>, Box<Action>),
}

/// Initial conditions of a sequence.
#[derive(Debug, Clone)]
pub struct Setup {
    pub live: bool,
    pub idle: &'static str,
    pub buffer_duration: u64,
    pub text: Option<Vec<String>>,
    pub upstream: bool,
    pub live_upstream: bool,
    pub timed: bool,
    pub text_caps: bool,
    pub shut: Vec<Gate>,
    pub load_fails: bool,
    /// After each action everything comes to rest first.
    pub settled: bool,
    /// The sequence ends in the middle.
    pub sudden: bool,
}

/// A plain live element.
impl Default for Setup {
    fn default() -> Self {
        Self {
            live: true,
            idle: "silence",
            buffer_duration: 0,
            text: None,
            upstream: false,
            live_upstream: false,
            timed: false,
            text_caps: true,
            shut: vec![],
            load_fails: false,
            settled: true,
            sudden: false,
        }
    }
}

fn some_words() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        40 => "[a-d]{1,4}",
        1 => prop::sample::select(vec![
            "lm-fails", "flow-fails", "vocoder-fails", "lm-panics", "flow-panics", "vocoder-panics", "device-lost",
        ])
        .prop_map(String::from),
    ];
    prop::collection::vec(word, 1..4)
}

fn gate() -> impl Strategy<Value = Gate> {
    prop::sample::select(vec![Gate::Load, Gate::Lm, Gate::Vocoder])
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        4 => prop::sample::select(vec![0, 1, 20, 33, 100]).prop_map(Wish::BufferDuration),
        2 => (1..6u32).prop_map(Wish::MaxQueued),
        1 => prop::sample::select(vec![0, 500, 2000]).prop_map(Wish::Latency),
        1 => prop::bool::weighted(0.1).prop_map(Wish::Voice),
    ]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    let tail: Vec<&'static [u8]> = vec![
        b".\n",
        b"\n",
        b"\r\n",
        b". ",
        b"! ",
        "… ".as_bytes(),
        " д\n".as_bytes(),
        b" ",
        b" \xff\n",
        b" \xd0\n",
        b"\n\n \n...\n",
    ];
    (some_words(), prop::sample::select(tail)).prop_map(|(words, tail)| Bytes { words, tail })
}

fn interrupt() -> impl Strategy<Value = Interrupt> {
    prop::sample::select(vec![Interrupt::None, Interrupt::Sentence, Interrupt::Now])
}

/// Actions that may run on two threads at once.
fn light() -> BoxedStrategy<Action> {
    prop_oneof![
        10 => some_words().prop_map(Action::Say),
        8 => (some_words(), -1..3i32, interrupt()).prop_map(|(words, priority, interrupt)| {
            Action::SayFull { words, priority, interrupt }
        }),
        3 => some_words().prop_map(Action::SetText),
        3 => wish().prop_map(Action::Set),
        5 => (0..6u8).prop_map(Action::Cancel),
        1 => Just(Action::CancelAll),
        8 => (10..400u16).prop_map(Action::Turn),
        2 => Just(Action::Ask),
        3 => Just(Action::Shut),
        4 => Just(Action::Open),
        1 => Just(Action::Seek),
        1 => Just(Action::Reconfigure),
        2 => gate().prop_map(Action::Hold),
        4 => gate().prop_map(Action::LetPass),
        3 => gate().prop_map(Action::LetAllPass),
    ]
    .boxed()
}

fn heavy() -> BoxedStrategy<Action> {
    let side = prop::sample::select(vec![Side::Element, Side::Upstream, Side::Upstream]);
    let state = prop::sample::select(vec![
        gst::State::Paused,
        gst::State::Playing,
        gst::State::Playing,
        gst::State::Playing,
        gst::State::Ready,
        gst::State::Null,
    ]);
    let cuts = prop::collection::vec((1..6u8).prop_map(Cut), 0..4);
    let flow = prop::sample::select(vec![gst::FlowError::Eos, gst::FlowError::Error]);
    prop_oneof![
        2 => side.prop_map(Action::FlushStart),
        3 => Just(Action::FlushStop),
        6 => state.prop_map(Action::Go),
        1 => Just(Action::Unlink),
        2 => Just(Action::Relink),
        1 => flow.prop_map(Action::Refuse),
        2 => Just(Action::RequestPad),
        1 => Just(Action::ReleasePad),
        16 => (bytes(), cuts).prop_map(|(bytes, cuts)| Action::Text { bytes, cuts }),
        4 => (0..5u8).prop_map(Action::TextEvent),
        1 => Just(Action::TextEvent(5)),
        1 => Just(Action::EndOfStream),
        1 => Just(Action::EosEvent),
    ]
    .boxed()
}

fn action() -> impl Strategy<Value = Action> {
    let both = (light(), prop_oneof![light(), heavy()])
        .prop_map(|(one, other)| Action::Both(Box::new(one), Box::new(other)));
    prop_oneof![6 => light(), 3 => heavy(), 1 => both]
}

fn setup(live: bool) -> impl Strategy<Value = Setup> {
    let upstream = (
        prop::bool::weighted(if live { 0.3 } else { 0.7 }),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.3),
        any::<bool>(),
    );
    let script = (
        prop::collection::vec(gate(), 0..2),
        prop::bool::weighted(0.01),
        any::<bool>(),
        prop::bool::weighted(0.2),
    );
    (
        prop::sample::select(vec!["silence", "silence", "gap", "none"]),
        prop::sample::select(vec![0, 0, 20, 50]),
        prop::option::of(some_words()),
        upstream,
        script,
    )
        .prop_map(move |(idle, buffer_duration, text, upstream, script)| {
            let (upstream, live_upstream, timed, text_caps) = upstream;
            let (shut, load_fails, settled, sudden) = script;
            Setup {
                live,
                idle,
                buffer_duration,
                text,
                upstream,
                live_upstream,
                timed,
                text_caps,
                shut,
                load_fails,
                settled,
                sudden,
            }
        })
}

/// A sequence, with the way to PLAYING in front of most.
pub fn sequence(live: bool, most: usize) -> impl Strategy<Value = (Setup, Vec<Action>)> {
    let start = prop_oneof![
        8 => Just(vec![Action::Go(gst::State::Playing)]),
        1 => Just(vec![Action::Go(gst::State::Paused)]),
        1 => Just(vec![]),
    ];
    let actions = (start, prop::collection::vec(action(), 1..most)).prop_map(|(mut all, more)| {
        all.extend(more);
        all
    });
    (setup(live), actions)
}
