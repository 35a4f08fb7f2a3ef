//! The speaker: voices of recordings, of speakers that upstream distinguishes, and of texts that follow; and the note in the
//! stream that names the voice.
#![allow(missing_docs)]

use test_support::launch;
use test_support::model_dir;
use test_support::models as support;
use test_support::playing;
use test_support::script;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::mpsc,
};

use cosyvoice3::{
    cancel::Cancel,
    enrol::{EnrolOptions, Enroller},
    voice::{self, Voice},
};
use gst::prelude::*;
use gst_check::Harness;
use model_dir::ModelDir;
use playing::{Player, Watchdog};
use script::Script;
use support::tiny;

const WORDS: &str = "Скорый поезд № 102 отправляется с 5-го пути.";
const CHANGE: &str = "rstranscribe/speaker-change";
const VOICE: &str = "elevenlabs/speaker-voice";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).into()
}

/// The bundled model, which has the networks that voices of recordings are made with.
fn demo() -> PathBuf {
    root().join("models/demo")
}

fn recording() -> PathBuf {
    root().join("docs/samples/ru_female.opus")
}

/// A model whose voice `bob` is another than its default voice `golden`.
fn model() -> ModelDir {
    let dir = ModelDir::of_tiny();
    let golden = Voice::load(&voice::path(dir.path(), "golden")).unwrap();
    let bob = Voice {
        embedding: golden.embedding.iter().rev().copied().collect(),
        ..golden
    };
    bob.save(&voice::path(dir.path(), "bob")).unwrap();
    dir
}

// --- The note in the stream

#[test]
fn a_file_of_speech_says_that_it_is_synthetic_and_by_which_model_and_voice() {
    let dir = tempfile::tempdir().unwrap();
    for (encoder, name) in [
        ("opusenc ! oggmux", "speech.opus"),
        ("audio/x-raw,format=S16LE ! wavenc", "speech.wav"),
        ("flacenc", "speech.flac"),
    ] {
        let file = dir.path().join(name);
        let location = format!("location={}", file.display());
        let pipeline = format!(
            "-q cosyvoice3src text=Да. voice=golden flow-steps=2 threads=1 verify=never \
             ! audioconvert ! audioresample ! {encoder} ! filesink {location}"
        );
        let words: Vec<&str> = pipeline.split_whitespace().collect();
        let (output, said) = launch::gst_launch(&words, &[("COSYVOICE3_MODEL_PATH", &tiny())]);
        assert!(output.status.success(), "{said}");
        let reader = format!("-t filesrc {location} ! decodebin ! fakesink");
        let words: Vec<&str> = reader.split_whitespace().collect();
        let (_, said) = launch::gst_launch(&words, &[]);
        let note = said.lines().find(|line| line.contains("comment"));
        let note = note.unwrap_or_else(|| panic!("{name}: {said}"));
        for part in ["Synthetic speech", "model tiny", "voice golden"] {
            assert!(note.contains(part), "{name}: {part} in {note}");
        }
    }
}

// --- Texts that follow

#[test]
fn a_voice_that_is_set_while_it_plays_speaks_the_texts_that_follow() {
    let dir = model();
    let says = |voice: &str| {
        let settings = [("voice", voice), ("threads", "1")];
        let player = Player::new(dir.path(), Some("Да."), &settings);
        player.play().in_peace().samples()
    };
    let (golden, bob) = (says("golden"), says("bob"));
    assert!(golden != bob);
    let settings = [("voice", "golden"), ("threads", "1")];
    let player = Player::new(dir.path(), Some("Да."), &settings);
    player.on_first_buffer(|element| {
        element.set_property("voice", "bob");
        element.set_property("text", "Да.");
    });
    let played = player.play().in_peace();
    assert!(played.samples() == [golden, bob].concat());
    let notes: Vec<String> = played
        .events
        .iter()
        .filter_map(|event| match event.view() {
            gst::EventView::Tag(tag) => {
                let comment = tag.tag().get::<gst::tags::Comment>()?;
                Some(comment.get().to_owned())
            }
            _ => None,
        })
        .collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(
        notes[0].ends_with("voice golden") && notes[1].ends_with("voice bob"),
        "{notes:?}"
    );
}

// --- Speakers

/// Lines of text and events between them, and warnings about them.
struct Talk {
    harness: Harness,
    script: Script,
    bus: gst::Bus,
}

impl Talk {
    fn new(settings: &[(&str, &str)]) -> Self {
        playing::init();
        let element = gst::ElementFactory::make("cosyvoice3src")
            .property("model-path", tiny().to_str().unwrap())
            .build()
            .unwrap();
        playing::set(&element, settings);
        let script = Script::default();
        script.give_to(&element);
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
        harness.set_live(false);
        harness.play();
        let caps = gst::Caps::builder("text/x-raw")
            .field("format", "utf8")
            .build();
        harness.set_src_caps(caps);
        Self {
            harness,
            script,
            bus,
        }
    }

    fn text(&mut self, text: &str) {
        let buffer = gst::Buffer::from_slice(text.to_owned().into_bytes());
        assert_eq!(self.harness.push(buffer), Ok(gst::FlowSuccess::Ok));
    }

    fn change(&mut self, speaker: Option<&str>) {
        let fields = gst::Structure::builder(CHANGE)
            .field("speaker", speaker.map(str::to_owned))
            .build();
        let event = gst::event::CustomDownstream::new(fields);
        assert!(self.harness.push_event(event));
    }

    fn give(&mut self, speaker: &str, voice: &str) {
        let fields = gst::Structure::builder(VOICE)
            .field("speaker", speaker)
            .field("voice-id", voice)
            .build();
        let event = gst::event::CustomDownstreamOob::new(fields);
        // The harness has nobody downstream who would take it.
        self.harness.push_event(event);
    }

    /// Ends the stream: each text with its voice, and the warnings.
    fn end(mut self) -> (Vec<(String, Option<String>)>, Vec<String>) {
        assert!(self.harness.push_event(gst::event::Eos::new()));
        while self.harness.pull_event().expect("the stream ends").type_() != gst::EventType::Eos {}
        let mut warnings = Vec::new();
        while let Some(message) = self.bus.pop_filtered(&[gst::MessageType::Warning]) {
            if let gst::MessageView::Warning(warning) = message.view() {
                warnings.push(warning.error().message().to_owned());
            }
        }
        (self.script.requests(), warnings)
    }
}

fn said(text: &str, voice: Option<&str>) -> (String, Option<String>) {
    (text.into(), voice.map(Into::into))
}

const MAP: (&str, &str) = ("speaker-map", "map,anna=ru_female,boris=ru_male");

#[test]
fn a_change_of_speaker_chooses_the_voice_of_the_texts_that_follow() {
    let _watchdog = Watchdog::new("speakers", std::time::Duration::from_secs(300));
    let mut talk = Talk::new(&[MAP, ("voice", "usual")]);
    talk.text("one.\n");
    talk.change(Some("anna"));
    talk.text("two.\n");
    // A text begun before the change belongs to the last speaker.
    talk.text("three");
    talk.change(Some("boris"));
    talk.text("four.\n");
    talk.change(None);
    talk.text("five.\n");
    let (texts, warnings) = talk.end();
    assert_eq!(
        texts,
        [
            said("one.", Some("usual")),
            said("two.", Some("ru_female")),
            said("three", Some("ru_female")),
            said("four.", Some("ru_male")),
            said("five.", Some("usual")),
        ]
    );
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn an_unknown_speaker_is_one_warning_and_keeps_the_voice() {
    let _watchdog = Watchdog::new("speakers", std::time::Duration::from_secs(300));
    let mut talk = Talk::new(&[MAP]);
    talk.change(Some("anna"));
    talk.text("one.\n");
    talk.change(Some("vera"));
    talk.text("two.\n");
    talk.change(Some("boris"));
    talk.text("three.\n");
    talk.change(Some("vera"));
    talk.text("four.\n");
    let (texts, warnings) = talk.end();
    let voices: Vec<_> = texts
        .iter()
        .map(|(_, voice)| voice.as_deref().unwrap())
        .collect();
    assert_eq!(voices, ["ru_female", "ru_female", "ru_male", "ru_male"]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("\"vera\"") && warnings[0].contains("speaker-map"),
        "{warnings:?}"
    );
}

#[test]
fn an_event_gives_a_speaker_a_voice_and_the_map_goes_before_it() {
    let _watchdog = Watchdog::new("speakers", std::time::Duration::from_secs(300));
    let mut talk = Talk::new(&[MAP]);
    talk.give("vera", "cloned");
    // Nothing has said who speaks: it is the one whose voice was made.
    talk.text("one.\n");
    talk.give("anna", "cloned");
    talk.change(Some("anna"));
    talk.text("two.\n");
    talk.change(Some("vera"));
    talk.text("three.\n");
    talk.give("vera", "better");
    talk.text("four.\n");
    let (texts, warnings) = talk.end();
    let voices: Vec<_> = texts
        .iter()
        .map(|(_, voice)| voice.as_deref().unwrap())
        .collect();
    assert_eq!(voices, ["cloned", "ru_female", "cloned", "better"]);
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn a_voice_that_is_not_there_is_one_warning_and_keeps_the_voice() {
    let dir = model();
    let map = ("speaker-map", "map,anna=bob,boris=nobody");
    let player = Player::new(dir.path(), None, &[map, ("threads", "1")]);
    let source = gst::ElementFactory::make("appsrc").build().unwrap();
    player.pipeline.add(&source).unwrap();
    source.link(&player.element).unwrap();
    let push = |text: &str| {
        let buffer = gst::Buffer::from_slice(text.to_owned().into_bytes());
        let flow = source.emit_by_name::<gst::FlowReturn>("push-buffer", &[&buffer]);
        assert_eq!(flow, gst::FlowReturn::Ok);
    };
    // Events of an appsrc go along with its buffers.
    let change = |speaker: &str| {
        let fields = gst::Structure::builder(CHANGE)
            .field("speaker", speaker)
            .build();
        source.send_event(gst::event::CustomDownstream::new(fields));
    };
    player.start().unwrap();
    change("anna");
    change("boris");
    push("Да.\n");
    change("boris");
    push("Нет.\n");
    let _ = source.emit_by_name::<gst::FlowReturn>("end-of-stream", &[]);
    player.wait();
    let played = player.stop(gst::State::Null);
    assert!(played.errors.is_empty(), "{:?}", played.errors);
    let warnings: Vec<_> = played
        .warnings
        .iter()
        .map(|warning| warning.text())
        .collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for part in ["\"boris\"", "no voice \"nobody\"", "bob, golden"] {
        assert!(warnings[0].contains(part), "{part} in {warnings:?}");
    }
    assert_eq!(played.buffers.len(), 2);
}

// --- Voices of recordings

/// A cache directory of its own, so that nothing was enrolled before.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Says a sentence in the voice of `sample`: true if that went well, the words of `gst-launch-1.0`, the samples.
    fn say(&self, model: &Path, sample: &Path, words: Option<&str>) -> (bool, String, Vec<u8>) {
        let out = self.path("speech.raw");
        let _ = fs::remove_file(&out);
        let mut launch = launch::command("gst-launch-1.0");
        launch
            .args([
                "-m",
                "cosyvoice3src",
                "text=Готово.",
                "threads=1",
                "flow-steps=2",
                "prefix-cache=memory",
            ])
            .arg(format!("model-path={}", model.display()))
            .arg(format!("voice-sample={}", sample.display()))
            .args(words.map(|words| format!("voice-sample-text={words}")))
            .args(["!", "filesink", &format!("location={}", out.display())])
            .env("XDG_CACHE_HOME", self.0.path());
        let (output, words) = launch::run(&mut launch);
        let samples = fs::read(out).unwrap_or_default();
        (output.status.success(), words, samples)
    }

    /// The voices that were kept.
    fn kept(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("cosyvoice3/voices"))
            .into_iter()
            .flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

/// The steps of an enrolment that the progress messages name.
fn steps(words: &str) -> usize {
    let loading = |line: &&str| line.contains("voice sample: ") && !line.contains("sample: 0 %");
    let steps = words.lines().filter(loading);
    steps.filter(|line| !line.contains("100 %")).count()
}

#[test]
fn a_recording_becomes_the_voice_and_the_same_one_is_enrolled_once() {
    let home = Home::new();
    let (fine, words, first) = home.say(&demo(), &recording(), Some(WORDS));
    assert!(fine && !first.is_empty(), "{words}");
    assert!(steps(&words) > 0, "{words}");
    assert_eq!(home.kept().len(), 1);
    // Under another name it is the same recording.
    let copy = home.path("copy.opus");
    fs::copy(recording(), &copy).unwrap();
    let (fine, words, again) = home.say(&demo(), &copy, Some(WORDS));
    assert!(fine, "{words}");
    assert_eq!(steps(&words), 0, "{words}");
    assert!(again == first);
    // Without its words it is another voice.
    let (fine, words, other) = home.say(&demo(), &copy, None);
    assert!(fine, "{words}");
    assert!(steps(&words) > 0, "{words}");
    assert!(!words.contains("no transcript"), "{words}");
    assert!(other != first);
    assert_eq!(home.kept().len(), 2);
}

#[test]
fn the_voice_is_the_one_that_the_tool_makes_of_the_recording() {
    let dir = tempfile::tempdir().unwrap();
    playing::init();
    let heard = gstcosyvoice3::recording::hear(&recording(), &Cancel::new(), &mut |_| {}).unwrap();
    let mut options = EnrolOptions::default();
    options.transcript = Some(WORDS.into());
    let enroller = Enroller::open(&demo()).unwrap();
    let enrolled = enroller.enrol_heard(&heard, &options, &mut |_| {}).unwrap();
    let file = dir.path().join("me.safetensors");
    enrolled.voice.save(&file).unwrap();
    let says = |settings: &[(&str, &str)]| {
        let settings = [&[("threads", "1")], settings].concat();
        Player::new(&demo(), Some("Готово."), &settings).play()
    };
    let by_tool = says(&[("voice", file.to_str().unwrap())])
        .in_peace()
        .samples();
    let sample = recording();
    let of_sample = [
        ("voice-sample", sample.to_str().unwrap()),
        ("voice-sample-text", WORDS),
    ];
    let played = says(&of_sample);
    assert!(played.errors.is_empty(), "{:?}", played.errors);
    assert!(played.samples() == by_tool);
    let note = played.events.iter().find_map(|event| match event.view() {
        gst::EventView::Tag(tag) => Some(tag.tag().get::<gst::tags::Comment>()?.get().to_owned()),
        _ => None,
    });
    assert!(
        note.as_deref()
            .is_some_and(|note| note.ends_with("voice ru_female")),
        "{note:?}"
    );
    // A voice that is named speaks instead.
    let named = says(&[of_sample[0], of_sample[1], ("voice", "en_male")]);
    let usual = says(&[("voice", "en_male")]);
    assert!(named.samples() == usual.samples());
}

/// A WAV file of floats at 48 kHz.
fn wav(samples: &[f32]) -> Vec<u8> {
    let size = 4 * samples.len() as u32;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + size).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x03\0\x01\0");
    file.extend(48_000_u32.to_le_bytes());
    file.extend((48_000_u32 * 4).to_le_bytes());
    file.extend(b"\x04\0\x20\0data");
    file.extend(size.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

#[test]
fn whatever_is_no_recording_of_a_voice_is_one_error_that_names_the_file_and_the_remedy() {
    let home = Home::new();
    let file = |name: &str, bytes: &[u8]| {
        let path = home.path(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let tone = |seconds: usize| -> Vec<f32> {
        (0..48_000 * seconds)
            .map(|i| 0.3 * (i as f32 * 0.05).sin() * (i as f32 * 0.0004).sin())
            .collect()
    };
    let mut broken = tone(4);
    broken[1000] = f32::NAN;
    for (path, words, remedy) in [
        (
            home.path("missing.wav"),
            None,
            "give the path of a recording",
        ),
        (home.0.path().to_owned(), None, "a directory"),
        (
            file("text.wav", b"Dear diary, I recorded nothing.\n"),
            None,
            "no sound",
        ),
        (file("empty.wav", b""), None, "empty.wav"),
        (
            file("silent.wav", &wav(&[0.0; 200_000])),
            None,
            "check the microphone",
        ),
        (
            file("short.wav", &wav(&tone(1))),
            None,
            "are needed: record",
        ),
        (file("nan.wav", &wav(&broken)), None, "not finite"),
        (
            file("long.wav", &wav(&tone(70))),
            Some(WORDS),
            "cut the recording",
        ),
        (recording(), Some("?!"), "exact words"),
    ] {
        let (fine, words, _) = home.say(&demo(), &path, words);
        let errors: Vec<&str> = words
            .lines()
            .filter(|line| line.starts_with("ERROR: from"))
            .collect();
        let name = path.display().to_string();
        assert!(!fine, "{name}: {words}");
        assert_eq!(errors.len(), 1, "{name}: {words}");
        println!("{}", errors[0]);
        for part in ["voice-sample", name.as_str(), remedy] {
            assert!(errors[0].contains(part), "{part} in {}", errors[0]);
        }
    }
    let (fine, words, _) = home.say(&tiny(), &recording(), Some(WORDS));
    assert!(!fine);
    for part in [
        "voice-sample",
        "campplus.onnx",
        "cosyvoice3 model front-end",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert_eq!(home.kept(), [""; 0].map(PathBuf::from));
}

#[test]
fn a_playlist_is_no_recording_and_nothing_that_it_names_is_fetched() {
    gst::init().unwrap();
    let home = Home::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let address = server.local_addr().unwrap();
    let port = address.port();
    for (name, content) in [
        (
            "hls.m3u8",
            format!(
                "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://{address}/a.aac\n#EXT-X-ENDLIST\n"
            ),
        ),
        (
            "dash.mpd",
            format!(
                "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" mediaPresentationDuration=\"PT9S\" \
                 profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\"><BaseURL>http://{address}/</BaseURL><Period><AdaptationSet \
                 mimeType=\"audio/mp4\"><Representation id=\"1\" bandwidth=\"1000\"><BaseURL>a.mp4</BaseURL></Representation>\
                 </AdaptationSet></Period></MPD>"
            ),
        ),
        (
            "session.sdp",
            format!(
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\na=control:rtsp://{address}/a\r\n\
                 m=audio {port} RTP/AVP 0\r\n"
            ),
        ),
        ("list.uri", format!("http://{address}/a.wav\n")),
    ] {
        let path = home.path(name);
        fs::write(&path, content).unwrap();
        let error = gstcosyvoice3::recording::hear(&path, &Cancel::new(), &mut |_| {}).unwrap_err();
        println!("{error}");
        assert_eq!(error.kind(), cosyvoice3::ErrorKind::Recording, "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let reached = server.accept().map_err(|error| error.kind());
    assert!(
        matches!(reached, Err(std::io::ErrorKind::WouldBlock)),
        "the server was reached"
    );
}

#[test]
fn an_element_that_is_stopped_while_it_listens_starts_again() {
    let home = tempfile::tempdir().unwrap();
    let seconds = 20;
    let samples: Vec<f32> = (0..48_000 * seconds)
        .map(|i| 0.3 * (i as f32 * 0.041).sin() * (i as f32 * 0.0003).sin())
        .collect();
    let sample = home.path().join("long.wav");
    fs::write(&sample, wav(&samples)).unwrap();
    let settings = [("voice-sample", sample.to_str().unwrap()), ("threads", "1")];
    let player = Player::new(&demo(), Some("Готово."), &settings);
    let (sender, receiver) = mpsc::channel();
    player
        .pipeline
        .bus()
        .unwrap()
        .set_sync_handler(move |_, message| {
            if let gst::MessageView::Progress(progress) = message.view()
                && progress.get().2.contains("voice sample")
            {
                let _ = sender.send(());
            }
            gst::BusSyncReply::Pass
        });
    player.start().unwrap();
    receiver
        .recv_timeout(std::time::Duration::from_secs(300))
        .expect("progress");
    let stopped = player.stop(gst::State::Ready);
    assert!(stopped.errors.is_empty(), "{:?}", stopped.errors);
    assert!(stopped.buffers.is_empty());
    let played = player.play();
    assert!(played.errors.is_empty(), "{:?}", played.errors);
    assert!(!played.buffers.is_empty());
}
