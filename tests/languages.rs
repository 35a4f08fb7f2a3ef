//! The language of a text, with real models: texts without letters, and languages that a model does not speak.

use test_support::model_dir;
use test_support::playing::Player;

use std::sync::{Arc, Mutex};

use cosyvoice3::{
    ErrorKind, Event, Language, Options, Request, Result, Speech, Synthesizer,
    voice::{self, Voice},
};
use gst::prelude::*;
use model_dir::ModelDir;

/// A model with the Russian voice `golden`, which is its default, and the English voice `bob`.
fn model() -> ModelDir {
    let dir = ModelDir::of_tiny();
    let golden = Voice::load(&voice::path(dir.path(), "golden")).unwrap();
    let bob = Voice {
        name: "bob".into(),
        language: Some("en".into()),
        ..golden
    };
    bob.save(&voice::path(dir.path(), "bob")).unwrap();
    dir
}

fn open(dir: &ModelDir) -> Synthesizer {
    Synthesizer::load(Options::new(dir.path())).unwrap()
}

/// `text` as a request that costs little.
fn cheap(text: &str) -> Request {
    let mut request = Request::new(text);
    request.settings.flow_steps = 1;
    request.settings.forced_tokens = Some(4);
    request
}

fn speak(synth: &Synthesizer, request: Request) -> Vec<Speech> {
    let speech: Result<Vec<Speech>> = synth.speak(request).collect();
    speech.unwrap()
}

#[test]
fn a_text_without_letters_is_read_in_the_language_of_who_speaks() {
    let dir = model();
    let synth = open(&dir);
    let language = |text: &str, voice: Option<&str>, before: Option<Language>| {
        let mut request = cheap(text);
        request.settings.voice = voice.map(Into::into);
        request.settings.fallback_language = before;
        Language::detect(&speak(&synth, request)[0].text)
    };
    let (russian, english) = (Some(Language::Russian), Some(Language::English));
    for text in ["12:30", "5!", "+7 916 123-45-67"] {
        assert_eq!(
            language(text, None, None),
            russian,
            "{text}: the default voice"
        );
        assert_eq!(
            language(text, Some("bob"), None),
            english,
            "{text}: the voice asked for"
        );
        assert_eq!(
            language(text, None, english),
            english,
            "{text}: the text before"
        );
        assert_eq!(
            language(text, Some("golden"), english),
            russian,
            "{text}: voice before text"
        );
    }
    assert_eq!(
        language("Half past: 12:30.", Some("golden"), russian),
        english
    );
}

#[test]
fn text_in_another_language_than_the_models_is_left_out_with_one_warning() {
    let dir = model();
    dir.edit_manifest(|manifest| manifest.languages = ["ru", "en"].map(Into::into).into());
    let synth = open(&dir);
    let id = synth.say(cheap("Да. 你好。再见。 12! Yes. 你好。"));
    let (mut said, mut warnings) = (Vec::new(), Vec::new());
    loop {
        match synth.next_event().unwrap() {
            Event::Speech(speech) => said.push(speech.text),
            Event::Warning {
                request, message, ..
            } => {
                assert_eq!(request, Some(id));
                warnings.push(message);
            }
            Event::Finished { spoken, .. } => {
                assert_eq!(spoken, said.len());
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(said, ["Да.", "двенадцать!", "Yes."]);
    let [warning] = &warnings[..] else {
        panic!("{warnings:?}");
    };
    for word in ["zh", "ru, en", "tiny"] {
        assert!(warning.contains(word), "{warning}");
    }
}

#[test]
fn a_text_of_which_no_language_remains_fails_and_names_those_of_the_model() {
    let dir = model();
    dir.edit_manifest(|manifest| manifest.languages = ["ru", "en"].map(Into::into).into());
    let synth = open(&dir);
    let spoken: Vec<_> = synth.speak(cheap("你好。再见。")).collect();
    let [Err(error)] = &spoken[..] else {
        panic!("{spoken:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Language);
    assert!(error.to_string().contains("ru, en"), "{error}");
    assert_eq!(speak(&synth, cheap("Да."))[0].text, "Да.");
}

#[test]
fn a_model_that_lists_no_languages_speaks_all() {
    let dir = model();
    let synth = open(&dir);
    assert_eq!(speak(&synth, cheap("你好。"))[0].text, "你好。");
}

#[test]
fn a_language_that_nobody_knows_is_a_damaged_manifest() {
    let dir = model();
    dir.edit_manifest(|manifest| manifest.languages = vec!["klingon".into()]);
    let error = Options::new(dir.path()).check(None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("klingon"), "{error}");
}

#[test]
fn options_check_the_voice_and_list_what_is_there() {
    let dir = model();
    let options = Options::new(dir.path());
    assert_eq!(options.voices().unwrap(), ["bob", "golden"]);
    options.check(None).unwrap();
    let error = options.check(Some("nobody")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("bob, golden"), "{error}");
}

#[test]
fn a_request_sounds_the_same_whatever_was_spoken_before() {
    let dir = model();
    let render = |before: &[&str]| {
        let synth = open(&dir);
        for text in before {
            speak(&synth, cheap(text));
        }
        let speech = speak(&synth, cheap("Да. Yes. Нет."));
        speech
            .into_iter()
            .map(|speech| speech.samples)
            .collect::<Vec<_>>()
    };
    assert_eq!(render(&[]), render(&["Готово! Hello.", "5!"]));
}

#[test]
fn upstream_text_without_letters_is_read_in_the_language_of_the_text_before() {
    gst::init().unwrap();
    gstcosyvoice3::plugin_register_static().unwrap();
    let dir = model();
    let text = dir.file("lines.txt");
    std::fs::write(&text, "12:30\nHello.\n12:30\n5!\n").unwrap();
    let pipeline = gst::parse::launch(&format!(
        "filesrc location={} ! cosyvoice3src name=speech model-path={} flow-steps=1 ! fakesink",
        text.display(),
        dir.path().display(),
    ))
    .unwrap()
    .downcast::<gst::Pipeline>()
    .unwrap();
    let languages = Arc::new(Mutex::new(Vec::new()));
    let seen = languages.clone();
    let pad = pipeline
        .by_name("speech")
        .unwrap()
        .static_pad("src")
        .unwrap();
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &info.data
            && let gst::EventView::Tag(tag) = event.view()
            && let Some(language) = tag.tag().get::<gst::tags::LanguageCode>()
        {
            seen.lock().unwrap().push(language.get().to_owned());
        }
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = pipeline
        .bus()
        .unwrap()
        .timed_pop_filtered(gst::ClockTime::from_seconds(300), &ends)
        .expect("the end within five minutes");
    assert_eq!(end.type_(), gst::MessageType::Eos, "{end:?}");
    pipeline.set_state(gst::State::Null).unwrap();
    // A tag goes out when the language changes, so the second 12:30 and 5! were English.
    assert_eq!(*languages.lock().unwrap(), ["ru", "en"]);
}

/// A model in which each language has a voice of its own, which sounds unlike the others.
fn model_of_three() -> ModelDir {
    let dir = ModelDir::of_tiny();
    let golden = Voice::load(&voice::path(dir.path(), "golden")).unwrap();
    for (turn, tag) in ["ru", "en", "zh"].into_iter().enumerate() {
        let mut voice = Voice {
            name: tag.into(),
            language: Some(tag.into()),
            ..golden.clone()
        };
        voice.embedding.rotate_left(40 * (turn + 1));
        voice.save(&voice::path(dir.path(), tag)).unwrap();
    }
    dir.edit_manifest(|manifest| {
        let voices = ["ru", "en", "zh"].map(|tag| (tag.into(), tag.into()));
        manifest.voice_for_language = voices.into();
    });
    dir
}

/// The element's speech.
fn samples_of(dir: &ModelDir, text: &str, settings: &[(&str, &str)]) -> Vec<f32> {
    let settings = [settings, &[("threads", "1"), ("level", "none")]].concat();
    let player = Player::new(dir.path(), Some(text), &settings);
    player.play().in_peace().samples()
}

#[test]
fn the_property_language_chooses_the_reading_and_the_voice_of_that_language() {
    let dir = model_of_three();
    let mut heard: Vec<Vec<f32>> = Vec::new();
    for tag in ["ru", "en", "zh"] {
        let language = ("language", tag);
        let samples = samples_of(&dir, "12:30", &[language]);
        // The voice: it is that of the language by its name as well.
        assert!(
            samples == samples_of(&dir, "12:30", &[language, ("voice", tag)]),
            "{tag}"
        );
        for other in ["ru", "en", "zh"].into_iter().filter(|other| *other != tag) {
            let by_other = samples_of(&dir, "12:30", &[language, ("voice", other)]);
            assert!(samples != by_other, "{tag} by {other}");
        }
        assert!(!heard.contains(&samples), "{tag}");
        heard.push(samples);
    }
    // Letters of another language do not change it.
    let asked = [("language", "ru")];
    let samples = samples_of(&dir, "OK 5", &asked);
    assert!(samples == samples_of(&dir, "OK 5", &[asked[0], ("voice", "ru")]));
    assert!(samples != samples_of(&dir, "OK 5", &[]));
}

#[test]
fn prompt_mode_auto_is_cross_lingual_where_text_and_voice_differ_in_language() {
    let dir = model_of_three();
    let voice = ("voice", "ru");
    let says = |text: &str, mode: &str| samples_of(&dir, text, &[voice, ("prompt-mode", mode)]);
    for (text, chosen, other) in [
        ("Yes.", "cross-lingual", "zero-shot"),
        ("Да.", "zero-shot", "cross-lingual"),
    ] {
        let auto = says(text, "auto");
        assert!(auto == says(text, chosen), "{text}");
        assert!(auto != says(text, other), "{text}");
    }
    // And where the voice has no transcript, whatever the language.
    let file = voice::path(dir.path(), "ru");
    let mut silent = Voice::load(&file).unwrap();
    silent.prompt_text = None;
    silent.prompt_text_ids.clear();
    silent.save(&file).unwrap();
    assert!(says("Да.", "auto") == says("Да.", "cross-lingual"));
}
