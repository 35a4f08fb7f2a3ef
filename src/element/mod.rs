//! The element `cosyvoice3src`: text in, 24 kHz mono F32 speech out.
//!
//! SECTION:element-cosyvoice3src
//!
//! `cosyvoice3src` speaks in a cloned voice, with CosyVoice3 running in this process. The text is its property, comes
//! from upstream, or is handed over by signal; speech leaves as one buffer per utterance.
//!
//! ```bash
//! # Speak to the default sound device
//! gst-launch-1.0 cosyvoice3src text="Привет, как дела?" ! audioconvert ! audioresample ! autoaudiosink
//! # Render to a file
//! gst-launch-1.0 cosyvoice3src text="Готово." voice=ru_female ! audioconvert ! audio/x-raw,format=S16LE ! wavenc ! filesink location=ready.wav
//! # Read lines aloud as they are typed
//! gst-launch-1.0 fdsrc ! cosyvoice3src is-live=true ! audioconvert ! audioresample ! autoaudiosink
//! # Subtitles as a sound track, each at its time
//! gst-launch-1.0 filesrc location=film.srt ! subparse ! cosyvoice3src ! audiorate skip-to-first=false ! audioconvert ! audio/x-raw,format=S16LE ! wavenc ! filesink location=film.wav
//! ```
//!
//! An empty string on a command line is `'text=""'`: a bare `text=` swallows the word that follows.
//!
//! `playbin uri=cosyvoice3://Hello%20world?voice=ru_female` plays too.
//!
//! ## Times
//!
//! | | when | stamps | ends |
//! |---|---|---|---|
//! | offline | otherwise | from 0, without gaps, whatever the clock shows | when everything is said, or upstream ends |
//! | live | `is-live=true`, or text without times from a live upstream | those of the clock; `idle` fills the time between | by EOS only |
//! | timed | text buffers with times (`subparse`) | those of the texts; `overflow` says what happens to speech that is too long | when upstream ends |
//!
//! ## Text from upstream
//!
//! The pad `sink` exists on request; linking requests it. Text without times is a stream: buffers may cut sentences and
//! characters anywhere, and a sentence is said once its end is certain or its line ends. Bytes that are not UTF-8 are
//! replaced, with one warning.
//!
//! Text with times is subtitles, one a buffer, and is read without its markup, which `subparse` leaves in also as
//! `format=utf8`. So are the tracks of films (`format=pango-markup` of `matroskademux` and `ssaparse`, and what
//! `ttmlparse` gives). The property `text` and the signals take a text as it is.
//!
//! ```bash
//! # The subtitles of a film as a sound track
//! gst-launch-1.0 filesrc location=film.mkv ! matroskademux name=film film.subtitle_0 ! cosyvoice3src ! wavenc ! filesink location=film.wav
//! ```
//!
//! Offline and without the pad, the stream ends when nothing more is to be said; after a flush it waits for a new text.
//! With neither text nor pad it warns and ends at once, but waits for a demuxer of the same bin as long as
//! something listens for its pads (`qtdemux ! cosyvoice3src`) and it has not emitted `no-more-pads`.
//!
//! To flush a running stream, send FLUSH_START and FLUSH_STOP to the pipeline and not to the element: the end of a flush
//! lets a live pipeline take its base time anew, and GStreamer does that under the pipeline's own lock.
//!
//! Of upstream's custom events two choose the voice of the texts that follow, as with GStreamer's other speech elements.
//! `rstranscribe/speaker-change` with the string `speaker` chooses the voice that `speaker-map` has for this speaker, without a
//! speaker the one of `voice` again. `elevenlabs/speaker-voice` with `speaker` and `voice-id` gives a speaker a voice by its name.
//! A speaker or a voice that is not known is one warning, and the voice stays.
//!
//! ## Properties by example
//!
//! | | |
//! |---|---|
//! | `text="Готово."` | says it at each start; set while it runs, after what is being said |
//! | `model-path=/srv/cosyvoice3 voice=ru_female` | model directory and one of its voices; the property `voices` lists them |
//! | `voice-sample=me.opus voice-sample-text="Добрый день!"` | the voice of a recording, which is made when the element starts |
//! | `speaker-map="map,anna=ru_female,boris=ru_male"` | voices for the speakers that a transcriber upstream distinguishes |
//! | `instruct="speak fast"` | how to speak, in words for the model |
//! | `speed=1.2` | faster by a fifth |
//! | `seed=7`, `seed=-1` | another take that can be had again; another one each time |
//! | `temperature=0.7 top-k=10 top-p=0.9` | a more even manner |
//! | `level=limit` | as loud as the model made it |
//! | `flow-steps=5 flow-schedule=linear flow-plan=windows` | less work for the flow model, and sooner begun |
//! | `flush=chunk`, `flush=auto` | speech leaves while its utterance is still made; only where that is sooner |
//! | `flow-backend=npu npu-device=1 axcl-library=/opt/axcl/lib` | the second card, or an error |
//! | `threads=2 cpu-affinity="lm=4-7,vocoder=4-7,flow=0-3"` | which cores work, and how many |
//! | `prefix-cache=memory` | nothing is written to disk |
//! | `announcement-cache=disk` | announcements that were spoken once are heard at once, also after a restart |
//! | `verify=always` | the model's files are hashed at each start |
//! | `is-live=true idle=gap` | announcements for a mixer, which makes silence of GAP events by itself |
//! | `latency=5000` | timed text of a live upstream may be five seconds late |
//! | `latency=-1` | captions of a live upstream are spoken as soon as they come, and stamped with the clock |
//! | `overflow=clip` | dubbing that never runs into the next subtitle |
//! | `overflow=compress max-overflow=300` | dubbing that is spoken faster where a subtitle is short, and runs over by 0.3 s at most; speech leaves when its subtitle is complete |
//! | `overflow=overlap` | dubbing for a mixer: each subtitle at its time, whatever the one before does |
//! | `text-timing=ignore` | subtitles read as one text |
//! | `buffer-duration=100000000` | buffers of 100 ms: what is cancelled falls silent that soon |
//! | `max-queued=100` | as many texts by signal may wait beside the one that is playing, and as many from upstream before upstream has to |
//!
//! ## Signals
//!
//! * `say(text) -> id`, `say-full(structure) -> id`: queues a text, from PAUSED on. `say-full` takes the fields `text`,
//!   `voice`, `instruct`, `language`, `markup`, `speed`, `seed` (instead of the properties of that name), `priority` (int,
//!   0) and `interrupt` (`none`, `sentence`, `now`: what happens to a text of lower priority that is playing; one
//!   that has not started to play is said later).
//! * `cancel(id) -> bool`, `cancel-all() -> count`: what was pushed is played all the same; a small `buffer-duration`
//!   keeps that short.
//! * `end-of-stream()`: EOS once everything queued is said. An EOS event sent to the element ends it at once instead.
//!
//! A text is checked when it is queued. An invalid one is refused: the signal returns 0, and one warning names the
//! field, its value and the allowed ones; for a voice, those that there are. Below PAUSED, during a flush and after the
//! end of the stream every text is refused. Only the property `text` is kept for the next start.
//!
//! If `max-queued` texts wait, one of higher priority takes the place of the last of the lowest priority, which ends
//! with the reason `displaced`. One of no higher priority than those that wait is refused.
//!
//! Speech that is cut (by `cancel`, an interruption, an EOS event in a live stream, or `overflow=clip`) fades over the last
//! 5 ms before the cut, or over what there is if that is less. What was pushed cannot be changed any more: of a text that
//! is cancelled the next 5 ms are still pushed, as the fade, and its message counts them. Nothing fades where an utterance
//! was pushed whole, and in a flush.
//!
//! ```no_run
//! use gst::prelude::*;
//!
//! # fn announce() -> Result<(), Box<dyn std::error::Error>> {
//! gst::init()?;
//! let pipeline = gst::parse::launch("cosyvoice3src name=speech is-live=true ! audioconvert ! autoaudiosink")?;
//! let pipeline = pipeline.downcast::<gst::Pipeline>().expect("more than one element");
//! let speech = pipeline.by_name("speech").expect("named above");
//! pipeline.set_state(gst::State::Playing)?;
//!
//! let train = speech.emit_by_name::<u64>("say", &[&"The train leaves in five minutes."]);
//! let urgent = gst::Structure::builder("say")
//!     .field("text", "Attention please!")
//!     .field("priority", 5)
//!     .field("interrupt", "now")
//!     .build();
//! let urgent = speech.emit_by_name::<u64>("say-full", &[&urgent]);
//! for message in pipeline.bus().expect("it has one").iter_timed(gst::ClockTime::NONE) {
//!     let Some(structure) = message.structure() else { continue };
//!     match structure.name().as_str() {
//!         "cosyvoice3/utterance-cancelled" if structure.get::<u64>("id")? == train => {
//!             println!("cut off after {}", structure.get::<gst::ClockTime>("duration")?);
//!         }
//!         "cosyvoice3/utterance-finished" if structure.get::<u64>("id")? == urgent => break,
//!         _ => {}
//!     }
//! }
//! speech.emit_by_name::<()>("end-of-stream", &[]);
//! # Ok(())
//! # }
//! ```
//!
//! ## Messages
//!
//! Each accepted text is reported by the element messages `cosyvoice3/utterance-queued` and `-started`, and ends in exactly
//! one of `-finished`, `-cancelled` and `-failed`. They carry `id` and `text`; from `-started` on `running-time`, and at
//! the end `duration`, `synthesis-duration`, [what it cost](#what-it-costs), and the `reason` where there is one: of a
//! cancellation `cancelled`, `interrupted`, `displaced`, `flushed`, `stopped` or `the stream has ended`. A field without a
//! value is left out: a text of which nothing was played has no `running-time`. They are posted when the speech is
//! pushed, which is before it is played: `running-time` says when that will be. Buffers carry the `id` in the custom
//! meta `GstCosyVoice3UtteranceMeta`.
//!
//! A text that was spoken to its end is also reported as by GStreamer's other speech elements, by the message
//! `cosyvoice3/synthesized-audio`: `content`, `pts`, `actual-duration`, `input-duration` if the text had one, and
//! `compression-factor` if `overflow=compress` shortened it.
//!
//! The custom meta `GstCosyVoice3WordsMeta` of a buffer lists the words that begin in it, as they are spoken: the array
//! `words` of structures with `text`, and with `start` and `end` in samples from the start of the buffer. A word may end in
//! a later one. The times are estimates: a word gets the share of the sounding time that its letters have of the
//! utterance, so that they are best near pauses.
//!
//! A `mark` of SSML is the message `cosyvoice3/mark` with `id`, `name` and `running-time`, and on its buffer the custom meta
//! `GstCosyVoice3MarkMeta` with `name` and `sample`, which counts from the start of the buffer.
//!
//! ```text
//! cosyvoice3/utterance-queued, id=(guint64)3, text=(string)"Готово.";
//! cosyvoice3/utterance-started, id=(guint64)3, text=(string)"Готово.", priority=(int)0, pts=(guint64)41280000000,
//!     running-time=(guint64)41280000000;
//! cosyvoice3/utterance-cancelled, id=(guint64)3, …, duration=(guint64)200000000, reason=(string)cancelled;
//! ```
//!
//! ## What it costs
//!
//! The messages that end a text, and for all texts together the property `stats`, have these fields, as far as there was
//! speech to count:
//!
//! | field | type | |
//! |---|---|---|
//! | `tokens` | uint64 | speech tokens that became sound, 25 a second |
//! | `prefill`, `decode`, `flow`, `vocoder` | double | seconds that the stages worked; the first two are the language model's |
//! | `rtf-lm`, `rtf-flow`, `rtf-vocoder` | double | the same for each second of speech |
//! | `overlap` | double | seconds of that which went on beside other work for the same utterance |
//! | `rtf` | double | work less overlap, for each second of speech |
//! | `announcement-hits` | uint64 | utterances that had been spoken before and cost nothing |
//! | `prefix-full-hits`, `prefix-shared-hits` | uint64 | utterances that needed no prefill, or a part of it |
//! | `flow-backend` | string | last back end of the flow model: `cpu` or `npu` |
//! | `first-audio` (messages), `first-audio-last`, `-mean`, `-max` (`stats`) | double | seconds from the request, or from the models' readiness if that came later, to the first speech |
//! | `texts-finished`, `-cancelled`, `-failed`, `-late`, `-queued`, `utterances` (`stats`) | uint64 | counts |
//! | `audio-duration` (`stats`) | uint64 | speech that was pushed, in nanoseconds |
//! | `synthesis-duration` | uint64 | work of all stages, in nanoseconds |
//! | `npu-threads-abandoned` (`stats`) | uint64 | threads of this process that were left behind because a card did not answer |
//!
//! Models load in the background between READY and PAUSED; their progress is posted as `GST_MESSAGE_PROGRESS` with the
//! code `open`. Everything that goes wrong is one message on the bus that says what to do. An utterance that fails is a
//! warning and left out, and ends no live stream. Offline the third in a row, a device or library that fails for good, or a
//! bug is an error and the end of the stream, and so is an end at which all that was to be said has failed. The latency
//! changed where `GST_MESSAGE_LATENCY` is posted.
//!
//! The stream carries a `comment` tag which says that the speech is synthetic, and by which model and voice it was made;
//! sinks write it into their files. Text from upstream becomes speech that is tagged with its `language-code` too; global
//! tags of upstream and its other serialized events go along with the speech, metas without tags go from a text to its first buffer.
//!
//! ## Voices of recordings
//!
//! `voice-sample` is enrolled between READY and PAUSED, before the models load; progress messages go along with it. A file that is
//! not there and a model without the front-end networks fail on the way to READY already. What is wrong with the recording is
//! one error; what makes the clone worse is one warning. The voice is kept by the content of the recording, its words and the networks:
//! in memory, and in the user's private cache directory, unless `verify=never`. It speaks wherever `voice` (or a field, or a speaker) names none.
//!
//! ## Announcements again
//!
//! With `announcement-cache` (by default `memory`) finished speech is kept by all that it depends on: program, model, settings, voice, and
//! the text as it is read. The same announcement is then heard at once and the same to the sample, pieces of `flush` as they left
//! the first time. `announcement-hits` counts the utterances. Not kept: what was cancelled, what had a warning,
//! `seed=-1`, more than 2048 bytes of text or a minute of speech. Memory ends at 32 MiB for a model, the disk at 256 MiB; the least
//! recently used go first. On disk nothing is kept with `verify=never`.
//!
//! ## Logs
//!
//! | category | |
//! |---|---|
//! | `cosyvoice3src` | the element; what is said from DEBUG on, costs at INFO |
//! | `cosyvoice3-engine` | the stages |
//! | `cosyvoice3-llama`, `cosyvoice3-ort` | llama.cpp and ONNX Runtime, whose own messages are at TRACE |
//!
//! ```bash
//! GST_DEBUG=cosyvoice3*:5 gst-launch-1.0 cosyvoice3src text="Готово." ! fakesink
//! # How long buffers are on their way through a pipeline
//! GST_TRACERS="latency(flags=pipeline+element)" GST_DEBUG=GST_TRACER:7 gst-launch-1.0 cosyvoice3src text="Готово." ! audioconvert ! fakesink
//! ```

use std::sync::Arc;

use gst::{glib, prelude::*, subclass::prelude::*};

use cosyvoice3::{Engine, Loading, Options, Settings};

mod bus;
mod casting;
mod cost;
mod document;
mod enums;
mod guard;
mod gvalue;
mod imp;
mod input;
mod lifecycle;
mod lock;
mod logging;
mod messages;
mod metas;
mod next;
mod notify;
mod object;
mod properties;
mod queue;
mod sample;
mod say;
mod settings;
mod signals;
mod sinkpad;
mod speakers;
mod speech;
mod srcpad;
mod state;
mod stretch;
mod task;
mod timeline;
mod upstream;
mod uri;

glib::wrapper! {
    /// The element `cosyvoice3src`.
    pub struct CosyVoice3Src(ObjectSubclass<object::CosyVoice3Src>)
        @extends gst::Element, gst::Object,
        @implements gst::URIHandler;
}

impl CosyVoice3Src {
    /// Speaks with what `load` returns instead of a model directory, from the next start on. `load` is called once per
    /// start, on a thread of its own. For Rust programs with an engine of their own; tests script theirs.
    pub fn set_engine(
        &self,
        load: impl Fn(&Loading<'_>) -> cosyvoice3::Result<Arc<dyn Engine>> + Send + Sync + 'static,
    ) {
        self.imp().set_engine(Arc::new(load));
    }

    /// The models and settings that the properties name, for a program that speaks beside the element in the same way.
    ///
    /// # Errors
    /// No property names a model directory, and none is installed.
    pub fn engine(&self) -> cosyvoice3::Result<(Options, Settings)> {
        self.imp().engine()
    }
}

/// Registers the element. Loads no runtime and touches no device: the plugin scanner runs this too.
pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    metas::register();
    gst::Element::register(
        Some(plugin),
        "cosyvoice3src",
        gst::Rank::NONE,
        CosyVoice3Src::static_type(),
    )
}
