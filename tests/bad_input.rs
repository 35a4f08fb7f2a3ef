//! Faulty model directories: the user gets one error that names the culprit.
#![allow(missing_docs)]

use test_support::mel_to_audio;
use test_support::model_dir;
use test_support::models as support;
use test_support::playing;

use std::{ffi::CString, fs, os::unix::fs::symlink, path::Path};

use cosyvoice3::{
    cancel::Cancel,
    manifest::{FileEntry, MANIFEST, Manifest, Vocoder, verify::sha256},
    voice::{self, Voice},
};
use model_dir::ModelDir;
use playing::{Player, Trouble};
use support::tiny;

trait Faulty {
    /// The one error of a pipeline that speaks with this model.
    fn error(&self, case: &str, settings: &[(&str, &str)]) -> Trouble;
}

impl Faulty for ModelDir {
    #[track_caller]
    fn error(&self, case: &str, settings: &[(&str, &str)]) -> Trouble {
        one_error(case, self.path(), settings)
    }
}

/// The one error of a pipeline that speaks with the model `dir`; afterwards the pipeline is stopped.
#[track_caller]
fn one_error(case: &str, dir: &Path, settings: &[(&str, &str)]) -> Trouble {
    let settings = [&[("verify", "always")], settings].concat();
    let mut played = Player::new(dir, Some("Да."), &settings).play();
    assert_eq!(played.errors.len(), 1, "{case}: {:?}", played.errors);
    assert!(played.buffers.is_empty(), "{case}: it spoke");
    let error = played.errors.remove(0);
    // A failed text is a warning first, and an error at the end because it was all there was.
    let cause = error.text().strip_prefix("nothing could be spoken: ");
    for warning in &played.warnings {
        let same = cause.is_some_and(|cause| warning.text().ends_with(cause));
        assert!(same, "{case}: {:?}", played.warnings);
    }
    assert_eq!(error.from, "speech", "{case}: {error:?}");
    println!("{case}: {}", error.text());
    error
}

#[track_caller]
fn assert_names(case: &str, error: &Trouble, culprit: &str) {
    assert!(
        error.text().contains(culprit),
        "{case}: {culprit} is not named: {}",
        error.text()
    );
}

type Damage = (&'static str, fn(Vec<u8>) -> Option<Vec<u8>>);

const DAMAGES: [Damage; 4] = [
    ("missing", |_| None),
    ("empty", |_| Some(Vec::new())),
    ("truncated", |mut bytes| {
        bytes.truncate(bytes.len() / 2);
        Some(bytes)
    }),
    ("bit-flipped", |mut bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        Some(bytes)
    }),
];

fn components() -> Vec<String> {
    let manifest = Manifest::read(&tiny()).unwrap();
    let files = manifest.component_files().into_iter();
    files.map(String::from).collect()
}

#[test]
fn every_damaged_component_is_named() {
    for name in components() {
        for (damage, apply) in DAMAGES {
            let (model, case) = (ModelDir::of_tiny(), format!("{damage} {name}"));
            match apply(model.read(&name)) {
                Some(bytes) => model.write(&name, &bytes),
                None => model.remove(&name),
            }
            let error = model.error(&case, &[]);
            assert_names(&case, &error, &name);
        }
    }
}

#[test]
fn a_component_is_named_whose_content_is_wrong_though_its_hash_is_right() {
    let names = components();
    for (i, name) in names.iter().enumerate() {
        let model = ModelDir::of_tiny();
        let (next, over_next) = (&names[(i + 1) % names.len()], &names[(i + 2) % names.len()]);
        let contents = [
            ("empty".to_owned(), Vec::new()),
            ("truncated".to_owned(), model.read(name)[..1000].to_vec()),
            (format!("{next} as"), model.read(next)),
            (format!("{over_next} as"), model.read(over_next)),
            ("text as".to_owned(), b"nothing of the kind\n".to_vec()),
        ];
        for (what, content) in contents {
            let case = format!("{what} {name}");
            model.write(name, &content);
            model.vouch_for(name);
            let error = model.error(&case, &[]);
            assert_names(&case, &error, name);
        }
    }
}

/// Puts a FIFO that nothing ever writes to in the place of `path`.
fn replace_by_fifo(path: &Path) {
    fs::remove_file(path).unwrap();
    let path = CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: the path is a C string that outlives the call; any thread may make a FIFO.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

#[test]
fn a_fifo_in_the_place_of_any_file_is_named_and_not_waited_for() {
    let voice = "voices/golden.safetensors".to_owned();
    for name in components().into_iter().chain([voice, MANIFEST.into()]) {
        let (model, case) = (ModelDir::of_tiny(), format!("a FIFO as {name}"));
        replace_by_fifo(&model.file(&name));
        let error = model.error(&case, &[]);
        assert_names(&case, &error, &name);
        assert_names(&case, &error, "a FIFO");
    }
}

#[test]
fn a_file_that_is_a_link_out_of_the_directory_is_named_and_a_linked_directory_speaks() {
    for name in components() {
        let (model, case) = (ModelDir::of_tiny(), format!("a link as {name}"));
        model.remove(&name);
        symlink(
            tiny().canonicalize().unwrap().join(&name),
            model.file(&name),
        )
        .unwrap();
        let error = model.error(&case, &[]);
        assert_names(&case, &error, &name);
        assert_names(&case, &error, "outside the model directory");
    }
    let (model, place) = (ModelDir::of_tiny(), tempfile::tempdir().unwrap());
    let link = place.path().join("model");
    symlink(model.path(), &link).unwrap();
    let played = Player::new(&link, Some("Да."), &[]).play();
    assert!(played.errors.is_empty(), "{:?}", played.errors);
    assert!(!played.samples().is_empty());
}

#[test]
fn a_tokenizer_that_contradicts_itself_is_named_as_damaged() {
    let (model, name) = (ModelDir::of_tiny(), "tokenizer.json");
    // The tokenizer's library panics over it.
    let text = String::from_utf8(model.read(name)).unwrap();
    let (old, new) = (
        "\"continuing_subword_prefix\": \"\"",
        "\"continuing_subword_prefix\": \"################\"",
    );
    assert!(text.contains(old));
    model.write(name, text.replace(old, new).as_bytes());
    model.vouch_for(name);
    let error = model.error("prefix", &[]);
    assert_names("prefix", &error, name);
    assert_names("prefix", &error, "damaged");
    assert!(!error.text().contains("bug"), "{}", error.text());
}

#[test]
fn a_vocoder_in_one_graph_speaks_and_is_named_when_damaged() {
    let name = "whole.onnx";
    let good = mel_to_audio::onnx("mel", None, 6, "Tanh");
    let with = |bytes: &[u8]| {
        let model = ModelDir::of_tiny();
        fs::write(model.file(name), bytes).unwrap();
        let path = model.file(name);
        model.edit_manifest(|manifest| {
            let size = fs::metadata(&path).unwrap().len();
            let sha256 = sha256(&path, &Cancel::new(), &mut |_| {}).unwrap();
            let entry = FileEntry { size, sha256 };
            manifest.files.insert(name.into(), entry);
            manifest.vocoder = Vocoder::MelToAudio { graph: name.into() };
        });
        model
    };
    let played = Player::new(with(&good).path(), Some("Да."), &[]).play();
    assert!(played.errors.is_empty(), "{:?}", played.errors);
    assert!(!played.samples().is_empty());

    for (damage, apply) in DAMAGES {
        let model = with(&good);
        match apply(good.clone()) {
            Some(bytes) => model.write(name, &bytes),
            None => model.remove(name),
        }
        let case = format!("{damage} vocoder graph");
        assert_names(&case, &model.error(&case, &[]), name);
    }
    for (case, bytes) in [
        (
            "of one length",
            mel_to_audio::onnx("mel", Some(50), 6, "Tanh"),
        ),
        ("of no graph", b"nothing of the kind\n".to_vec()),
    ] {
        assert_names(case, &with(&bytes).error(case, &[]), name);
    }
    // Found out only when it speaks.
    for (case, bytes) in [
        (
            "of 400 samples a frame",
            mel_to_audio::onnx("mel", None, 5, "Tanh"),
        ),
        (
            "of nothing finite",
            mel_to_audio::onnx("mel", None, 6, "Log"),
        ),
    ] {
        let played = Player::new(with(&bytes).path(), Some("Да."), &[]).play();
        let troubles = played.errors.iter().chain(&played.warnings);
        let texts: Vec<_> = troubles.map(Trouble::text).collect();
        assert!(
            texts.iter().any(|text| text.contains(name)),
            "{case}: {texts:?}"
        );
        assert!(played.samples().is_empty(), "{case}");
    }
}

#[test]
fn a_damaged_manifest_is_named() {
    for (damage, apply) in DAMAGES {
        let (model, case) = (ModelDir::of_tiny(), format!("{damage} manifest"));
        match apply(model.read(MANIFEST)) {
            Some(bytes) => model.write(MANIFEST, &bytes),
            None => model.remove(MANIFEST),
        }
        let error = model.error(&case, &[]);
        assert_names(&case, &error, MANIFEST);
    }
}

#[test]
fn shapes_that_contradict_the_manifest_are_named() {
    type Edit = fn(&mut Manifest);
    let cases: [(&str, Edit, &str); 9] = [
        ("width", |m| m.lm.hidden_size = 128, "lm_embeddings"),
        ("layers", |m| m.lm.layers = 3, "lm.gguf"),
        ("more text", |m| m.lm.text_vocab = 900, "lm_embeddings"),
        ("less text", |m| m.lm.text_vocab = 8, "tokenizer.json"),
        ("speech vocabulary", |m| m.lm.speech_vocab = 4096, MANIFEST),
        ("context", |m| m.lm.context = 0, MANIFEST),
        ("stop ids", |m| m.lm.stop_ids = [6561, 6562], MANIFEST),
        ("format", |m| m.format = 2, MANIFEST),
        (
            "outside",
            |m| m.flow.encoder = Some("../x.onnx".into()),
            MANIFEST,
        ),
    ];
    for (case, edit, culprit) in cases {
        let model = ModelDir::of_tiny();
        model.edit_manifest(edit);
        let error = model.error(case, &[]);
        assert_names(case, &error, culprit);
    }
}

#[test]
fn an_unknown_voice_is_named_with_those_that_are_there() {
    let model = ModelDir::of_tiny();
    let error = model.error("asked for", &[("voice", "nobody")]);
    assert_names("asked for", &error, "no voice \"nobody\"");
    assert_names("asked for", &error, "golden");
    model.edit_manifest(|manifest| manifest.default_voice = "someone".into());
    let error = model.error("default", &[]);
    assert_names("default", &error, "no voice \"someone\"");
    fs::remove_file(voice::path(model.path(), "golden")).unwrap();
    let error = model.error("none", &[]);
    assert_names("none", &error, "cosyvoice3 voice add");
}

#[test]
fn a_damaged_voice_is_named() {
    let name = "voices/golden.safetensors";
    for (damage, apply) in &DAMAGES[1..] {
        let (model, case) = (ModelDir::of_tiny(), format!("{damage} {name}"));
        model.write(name, &apply(model.read(name)).unwrap());
        let error = model.error(&case, &[]);
        assert_names(&case, &error, name);
    }
    let model = ModelDir::of_tiny();
    model.write(name, &model.read("hift_source.safetensors"));
    assert_names("weights", &model.error("weights", &[]), name);
}

#[test]
fn a_voice_of_another_model_is_named() {
    let model = ModelDir::of_tiny();
    let path = voice::path(model.path(), "golden");
    let mut voice = Voice::load(&path).unwrap();
    voice.prompt_text_ids.push(151_646);
    voice.save(&path).unwrap();
    let error = model.error("another model", &[]);
    assert_names("another model", &error, "golden.safetensors");
    assert_names("another model", &error, "151646");
}

#[test]
fn a_voice_too_short_for_windows_is_named_with_the_plan_that_takes_it() {
    let model = ModelDir::of_tiny();
    let path = voice::path(model.path(), "golden");
    let mut voice = Voice::load(&path).unwrap();
    voice.prompt_tokens.truncate(20);
    let frames: Vec<f32> = (0..40)
        .flat_map(|t| (0..80).map(move |bin| (bin, t)))
        .map(|(bin, t)| voice.prompt_mel.row(bin)[t])
        .collect();
    voice.prompt_mel = cosyvoice3::mel::Mel::from_frames(&frames);
    voice.save(&path).unwrap();
    let error = model.error("short", &[("flow-plan", "windows")]);
    assert_names("short", &error, "golden");
    assert_names("short", &error, "flow-plan=whole");
}
