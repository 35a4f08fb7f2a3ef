//! SSML and the settings for reading, through the element.
#![allow(missing_docs)]

use test_support::model_dir::ModelDir;
use test_support::models as support;
use test_support::playing;

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use gst::prelude::*;
use playing::{Played, Player};

const DOCUMENT: &str =
    "<speak><mark name='start'/>Да.<break time='300ms'/><mark name='middle'/>Нет.</speak>";

/// Plays `text`; also returns the marks from messages, name and running time.
fn play(text: Option<&str>, settings: &[(&str, &str)]) -> (Played, Vec<(String, gst::ClockTime)>) {
    let player = Player::new(&support::tiny(), text, settings);
    listen(&player, || player.play())
}

fn listen(
    player: &Player,
    run: impl FnOnce() -> Played,
) -> (Played, Vec<(String, gst::ClockTime)>) {
    let marks = Arc::new(Mutex::new(Vec::new()));
    let heard = marks.clone();
    player
        .pipeline
        .bus()
        .unwrap()
        .set_sync_handler(move |_, message| {
            if let Some(structure) = message.structure()
                && structure.name() == "cosyvoice3/mark"
            {
                assert!(structure.get::<u64>("id").unwrap() > 0);
                heard.lock().unwrap().push((
                    structure.get::<String>("name").unwrap(),
                    structure.get::<gst::ClockTime>("running-time").unwrap(),
                ));
            }
            gst::BusSyncReply::Pass
        });
    let played = run();
    let marks = marks.lock().unwrap().clone();
    (played, marks)
}

const QUIET: [(&str, &str); 2] = [("level", "limit"), ("threads", "1")];

fn silence_between(played: &Played, speech: usize) -> bool {
    let samples = played.samples();
    samples[speech..speech + 7_200].iter().all(|s| *s == 0.0) && samples[speech + 7_200] != 0.0
}

#[test]
fn a_document_pauses_to_the_sample_and_reports_its_marks() {
    let (yes, _) = play(Some("Да."), &QUIET);
    let yes = yes.in_peace().samples().len();
    let (played, marks) = play(Some(DOCUMENT), &[QUIET[0], QUIET[1], ("markup", "ssml")]);
    let played = played.in_peace();
    assert!(silence_between(&played, yes));
    let middle = gst::ClockTime::from_nseconds((yes as u64 + 7_200) * 1_000_000_000 / 24_000);
    assert_eq!(
        marks,
        [
            ("start".to_owned(), gst::ClockTime::ZERO),
            ("middle".to_owned(), middle)
        ]
    );
    let metas: Vec<(String, u64)> = played
        .buffers
        .iter()
        .filter_map(|buffer| {
            let meta = gst::meta::CustomMeta::from_buffer(buffer, "GstCosyVoice3MarkMeta").ok()?;
            let structure = meta.structure();
            Some((
                structure.get("name").unwrap(),
                structure.get("sample").unwrap(),
            ))
        })
        .collect();
    assert_eq!(
        metas,
        [("start".to_owned(), 0), ("middle".to_owned(), 7_200)]
    );
}

#[test]
fn caps_of_ssml_choose_it_and_a_document_may_come_in_pieces() {
    let (yes, _) = play(Some("Да."), &QUIET);
    let yes = yes.in_peace().samples().len();
    let player = Player::new(&support::tiny(), None, &QUIET);
    let caps = gst::Caps::new_empty_simple("application/ssml+xml");
    let source = gst::ElementFactory::make("appsrc")
        .property("caps", &caps)
        .build()
        .unwrap();
    player.pipeline.add(&source).unwrap();
    source.link(&player.element).unwrap();
    for piece in [&DOCUMENT[..50], &DOCUMENT[50..]] {
        let buffer = gst::Buffer::from_slice(piece.as_bytes());
        assert_eq!(
            source.emit_by_name::<gst::FlowReturn>("push-buffer", &[&buffer]),
            gst::FlowReturn::Ok
        );
    }
    let ended = source.emit_by_name::<gst::FlowReturn>("end-of-stream", &[]);
    assert_eq!(ended, gst::FlowReturn::Ok);
    let (played, marks) = listen(&player, || player.play());
    assert!(silence_between(&played.in_peace(), yes));
    assert_eq!(marks.len(), 2);
}

#[test]
fn a_damaged_document_and_an_unknown_value_are_refused_when_they_are_queued() {
    let player = Player::new(
        &support::tiny(),
        None,
        &[("is-live", "true"), ("threads", "1")],
    );
    player.start().unwrap();
    let say = |text: &str, field: &str, value: &str| {
        let structure = gst::Structure::builder("say")
            .field("text", text)
            .field(field, value)
            .build();
        player
            .element
            .emit_by_name::<u64>("say-full", &[&structure])
    };
    assert_eq!(say("<speak>Да.", "markup", "ssml"), 0);
    let foreign = "<speak><voice name='nobody'>Да.</voice></speak>";
    assert_eq!(say(foreign, "markup", "ssml"), 0);
    assert_eq!(say("Да", "markup", "html"), 0);
    assert_eq!(say("Да", "language", "de"), 0);
    let heard = player.stop(gst::State::Null);
    let words: Vec<_> = heard
        .warnings
        .iter()
        .map(|trouble| trouble.text())
        .collect();
    assert_eq!(words.len(), 4, "{words:?}");
    assert!(words[0].contains("SSML, line 1"), "{words:?}");
    assert!(words[1].contains("no voice \"nobody\""), "{words:?}");
    assert!(words[2].contains("\"none\", \"ssml\""), "{words:?}");
    assert!(
        words[3].contains("\"auto\", \"ru\", \"en\", \"zh\""),
        "{words:?}"
    );
}

#[test]
fn a_missing_lexicon_is_named_at_the_start() {
    let (played, _) = play(
        Some("Да."),
        &[("lexicon", "/nonexistent/words.txt"), QUIET[1]],
    );
    assert!(played.buffers.is_empty());
    let error = played.errors[0].text();
    assert!(
        error.contains("/nonexistent/words.txt does not exist"),
        "{error}"
    );
}

/// The words of `text` as they are spoken, by the metas of the buffers.
fn read(text: &str, settings: &[(&str, &str)]) -> String {
    read_by(&support::tiny(), text, settings)
}

fn read_by(model: &Path, text: &str, settings: &[(&str, &str)]) -> String {
    let player = Player::new(model, Some(text), &[settings, &[QUIET[1]]].concat());
    let played = player.play();
    assert!(played.errors.is_empty(), "{:?}", played.errors);
    assert!(played.warnings.is_empty(), "{:?}", played.warnings);
    let words = played.buffers.iter().flat_map(|buffer| {
        let meta = gst::meta::CustomMeta::from_buffer(buffer, "GstCosyVoice3WordsMeta");
        let words = meta.map(|meta| meta.structure().get::<gst::Array>("words").unwrap());
        let words = words.iter().flat_map(|words| words.iter()).map(|word| {
            let word = word.get::<gst::Structure>().unwrap();
            word.get::<String>("text").unwrap()
        });
        words.collect::<Vec<_>>()
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_plus_marks_the_stress_only_where_it_was_asked_for() {
    let text = "З+амок открыт.";
    assert_eq!(
        read(text, &[("stress-mark", "true")]),
        "За\u{301}мок открыт."
    );
    assert!(!read(text, &[]).contains('\u{301}'));
}

#[test]
fn a_lexicon_says_words_its_own_way_and_what_is_written_in_it_later_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("words.txt");
    let lexicon = [("lexicon", file.to_str().unwrap())];
    std::fs::write(&file, "ТСЖ = тэ эс жэ\n").unwrap();
    assert_eq!(read("Это ТСЖ.", &lexicon), "Это тэ эс жэ.");
    std::fs::write(&file, "ТСЖ = товарищество\n").unwrap();
    assert_eq!(read("Это ТСЖ.", &lexicon), "Это товарищество.");
    assert!(!read("Это ТСЖ.", &[]).contains("товарищество"));
}

#[test]
fn chinese_figures_are_the_models_unless_they_are_to_be_written_out() {
    let text = "今天有15个人。";
    let written = [("text-reading", "written")];
    // Each sign is a word of its own.
    let read = |text: &str, settings: &[(&str, &str)]| read(text, settings).replace(' ', "");
    let of_model = read(text, &[("text-reading", "model")]);
    assert!(of_model.contains("15"), "{of_model}");
    assert_eq!(read(text, &[]), of_model, "as published");
    let out = read(text, &written);
    assert!(out.contains("十五") && !out.contains("15"), "{out}");
    // A model may ask for it by itself.
    let model = ModelDir::of_tiny();
    model.edit_manifest(|manifest| manifest.text_reading = "written".into());
    assert_eq!(read_by(model.path(), text, &[]).replace(' ', ""), out);
    // Russian ones always are.
    assert_eq!(
        read("Их 15.", &[("text-reading", "model")]),
        read("Их 15.", &written)
    );
}
