//! Requirements on the conversion, tested through the program itself.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use cosyvoice3::{manifest::Manifest, text::Tokenizer, voice::Voice};

use crate::{add_voice, copy, fails, fixture, names, program, said, succeeds};

fn convert(checkpoint: &Path, model: &Path, options: &[&str]) -> Output {
    let mut program = program();
    program.arg("convert").arg(checkpoint).arg(model);
    program.args(options).output().unwrap()
}

fn inspect(model: &Path) -> Output {
    program().arg("inspect").arg(model).output().unwrap()
}

#[test]
fn a_checkpoint_and_a_prompt_become_a_model_that_inspect_confirms() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    succeeds(&convert(
        &fixture("tiny"),
        &model,
        &["--notice", "this voice is noise"],
    ));
    assert_eq!(names(dir.path()), ["model"], "nothing is left beside it");
    succeeds(&add_voice("golden", &fixture("tiny_prompt"), &model, &[]));
    let report = inspect(&model);
    succeeds(&report);
    let report = said(&report);
    for expected in [
        "q4_0",
        "int8",
        "this voice is noise",
        "golden",
        "3.00 s",
        "default",
        "Добрый день",
    ] {
        assert!(
            report.contains(expected),
            "{expected} is missing in\n{report}"
        );
    }
}

#[test]
fn every_quantisation_loads_in_llama_cpp() {
    let dir = tempfile::tempdir().unwrap();
    for (quantization, weights) in [
        ("f32", "f32"),
        ("f16", "f16"),
        ("q8_0", "f32"),
        ("q4_0", "f16"),
    ] {
        let model = dir.path().join(quantization);
        let options = ["--lm", quantization, "--weights", weights];
        succeeds(&convert(&fixture("tiny"), &model, &options));
        assert!(said(&inspect(&model)).contains(quantization));
    }
}

#[test]
fn npu_graphs_are_written_on_request_under_the_names_the_tools_use() {
    let dir = tempfile::tempdir().unwrap();
    let graphs = dir.path().join("npu");
    let options = ["--npu-onnx", graphs.to_str().unwrap()];
    succeeds(&convert(
        &fixture("tiny"),
        &dir.path().join("model"),
        &options,
    ));
    let expected = [
        "flow_encoder_28.onnx",
        "flow_encoder_50_final.onnx",
        "flow_encoder_53.onnx",
        "flow_encoder_78.onnx",
        "flow_estimator_200.onnx",
        "flow_estimator_250.onnx",
        "flow_estimator_300.onnx",
    ];
    assert_eq!(names(&graphs), expected);
}

/// A download as it is published, with the graphs that its axmodels were compiled from in their place.
fn download(dir: &Path) -> PathBuf {
    let axmodels = dir.join("token2wav-axmodels");
    let options = ["--npu-onnx", axmodels.to_str().unwrap()];
    succeeds(&convert(&fixture("tiny"), &dir.join("unused"), &options));
    for name in names(&axmodels) {
        let axmodel = name.replace(".onnx", ".axmodel");
        fs::rename(axmodels.join(name), axmodels.join(axmodel)).unwrap();
    }
    fs::remove_dir_all(dir.join("unused")).unwrap();
    axmodels
}

fn add_npu(model: &Path, axera: &Path) -> Output {
    let mut program = program();
    program.arg("npu").arg(model).arg(axera).output().unwrap()
}

const ESTIMATORS: [&str; 3] = [
    "flow_estimator_200.axmodel",
    "flow_estimator_250.axmodel",
    "flow_estimator_300.axmodel",
];

#[test]
fn estimators_of_a_download_join_a_model_which_inspect_confirms() {
    let dir = tempfile::tempdir().unwrap();
    let axmodels = download(&dir.path().join("axera"));
    let model = dir.path().join("model");
    succeeds(&convert(&fixture("tiny"), &model, &[]));
    let before = names(&model).len();
    for given in [dir.path().join("axera"), axmodels.clone()] {
        succeeds(&add_npu(&model, &given));
        assert_eq!(names(&model).len(), before + 3, "nothing else is left");
        for name in ESTIMATORS {
            let copied = fs::read(model.join(name)).unwrap();
            assert_eq!(copied, fs::read(axmodels.join(name)).unwrap());
        }
        let report = inspect(&model);
        succeeds(&report);
        let report = said(&report);
        assert!(report.contains("[200, 250, 300] frames"), "{report}");
        assert!(report.contains("flow_estimator_250.axmodel"), "{report}");
    }
    let path = model.join(ESTIMATORS[1]);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[1..]).unwrap();
    fails(&inspect(&model));
}

#[test]
fn a_download_that_lacks_an_estimator_changes_nothing_and_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let axmodels = download(&dir.path().join("axera"));
    let model = dir.path().join("model");
    succeeds(&convert(&fixture("tiny"), &model, &[]));
    let before = names(&model);
    let manifest = fs::read(model.join("cosyvoice3.toml")).unwrap();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
    let damages: [(Option<&[u8]>, &str); 3] = [
        (None, "download AXERA-TECH/CosyVoice3"),
        (Some(b""), "empty"),
        (Some(pointer), "git lfs pull"),
    ];
    for name in ESTIMATORS {
        let path = axmodels.join(name);
        let whole = fs::read(&path).unwrap();
        for (content, expected) in damages {
            match content {
                Some(content) => fs::write(&path, content).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let why = fails(&add_npu(&model, &axmodels));
            assert!(why.contains(name) && why.contains(expected), "{why}");
            assert_eq!(names(&model), before);
        }
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(fs::read(model.join("cosyvoice3.toml")).unwrap(), manifest);
    let why = fails(&add_npu(&axmodels, &axmodels));
    assert!(why.contains("not a model directory"), "{why}");
}

#[test]
fn a_random_checkpoint_converts() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = dir.path().join("checkpoint");
    succeeds(&program().arg("random").arg(&checkpoint).output().unwrap());
    succeeds(&convert(&checkpoint, &dir.path().join("model"), &[]));
    fails(&program().arg("random").arg(&checkpoint).output().unwrap());
}

#[test]
fn every_damaged_file_of_a_checkpoint_is_one_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = dir.path().join("checkpoint");
    copy(&fixture("tiny"), &checkpoint);
    let files = [
        "llm.pt",
        "flow.pt",
        "hift.pt",
        "cosyvoice3.yaml",
        "CosyVoice-BlankEN/config.json",
        "CosyVoice-BlankEN/vocab.json",
        "CosyVoice-BlankEN/merges.txt",
        "CosyVoice-BlankEN/tokenizer_config.json",
    ];
    let model = dir.path().join("model");
    for file in files {
        let path = checkpoint.join(file);
        let whole = fs::read(&path).unwrap();
        let half = &whole[..whole.len() / 2];
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        let mut damages = vec![
            ("missing", None),
            ("empty", Some(&[][..])),
            ("half", Some(half)),
        ];
        if file.ends_with(".pt") {
            damages.push(("flipped", Some(&flipped)));
        }
        for (damage, content) in damages {
            match content {
                Some(content) => fs::write(&path, content).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let why = fails(&convert(&checkpoint, &model, &[]));
            let name = Path::new(file).file_name().unwrap().to_str().unwrap();
            assert!(why.contains(name), "{file} {damage}: {why}");
            assert_eq!(names(dir.path()), ["checkpoint"], "{file} {damage}");
        }
        fs::write(&path, whole).unwrap();
    }
    succeeds(&convert(&checkpoint, &model, &[]));
}

#[test]
fn a_configuration_that_contradicts_the_weights_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = dir.path().join("checkpoint");
    copy(&fixture("tiny"), &checkpoint);
    let path = checkpoint.join("CosyVoice-BlankEN/config.json");
    let config = fs::read_to_string(&path).unwrap();
    for (from, to, expected) in [
        (
            "\"num_hidden_layers\": 2",
            "\"num_hidden_layers\": 1",
            "num_hidden_layers",
        ),
        (
            "\"intermediate_size\": 128",
            "\"intermediate_size\": 256",
            "[256, 64]",
        ),
        (
            "\"num_key_value_heads\": 2",
            "\"num_key_value_heads\": 4",
            "[64, 64]",
        ),
        ("\"qwen2\"", "\"llama\"", "llama"),
    ] {
        assert!(config.contains(from));
        fs::write(&path, config.replace(from, to)).unwrap();
        let why = fails(&convert(&checkpoint, &dir.path().join("model"), &[]));
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn a_full_disk_ends_in_one_error_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    // Files of more than 1 MiB cannot be written; the signal is ignored, so that writing fails as on a full disk.
    let output = Command::new("bash")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 1024; exec \"$0\" model convert \"$1\" \"$2\"",
        ])
        .arg(env!("CARGO_BIN_EXE_cosyvoice3"))
        .arg(fixture("tiny"))
        .arg(&model)
        .output()
        .unwrap();
    let why = fails(&output);
    assert!(
        why.contains("cannot write") && why.contains(".onnx"),
        "{why}"
    );
    assert!(names(dir.path()).is_empty());
}

#[test]
fn what_an_interrupted_conversion_left_is_no_model_and_is_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let left = dir.path().join("model.partial");
    fs::create_dir(&left).unwrap();
    fs::write(left.join(".cosyvoice3-unfinished"), "").unwrap();
    fs::write(left.join("lm.gguf"), "half a file").unwrap();
    fails(&inspect(&left));
    succeeds(&convert(&fixture("tiny"), &dir.path().join("model"), &[]));
    assert_eq!(names(dir.path()), ["model"]);

    let precious = dir.path().join("other.partial");
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("thesis.txt"), "").unwrap();
    let why = fails(&convert(&fixture("tiny"), &dir.path().join("other"), &[]));
    assert!(why.contains("other.partial"), "{why}");
    assert_eq!(names(&precious), ["thesis.txt"]);
}

#[test]
fn a_model_is_replaced_only_on_request_and_keeps_its_voices() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    succeeds(&convert(&fixture("tiny"), &model, &["--lm", "f32"]));
    succeeds(&add_voice("golden", &fixture("tiny_prompt"), &model, &[]));
    let why = fails(&convert(&fixture("tiny"), &model, &["--lm", "q8_0"]));
    assert!(why.contains("--force"), "{why}");
    succeeds(&convert(
        &fixture("tiny"),
        &model,
        &["--lm", "q8_0", "--force"],
    ));
    let report = said(&inspect(&model));
    assert!(
        report.contains("q8_0") && report.contains("golden"),
        "{report}"
    );
    assert_eq!(names(dir.path()), ["model"]);

    let other = dir.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("thesis.txt"), "").unwrap();
    fails(&convert(&fixture("tiny"), &other, &["--force"]));
    assert_eq!(names(&other), ["thesis.txt"]);
}

#[test]
fn inspect_finds_every_kind_of_damage() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    succeeds(&convert(&fixture("tiny"), &model, &[]));
    succeeds(&add_voice("golden", &fixture("tiny_prompt"), &model, &[]));
    for file in [
        "lm.gguf",
        "hift.onnx",
        "tokenizer.json",
        "voices/golden.safetensors",
    ] {
        let path = model.join(file);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        fails(&inspect(&model));
        fs::remove_file(&path).unwrap();
        fails(&inspect(&model));
        let mut flipped = whole.clone();
        flipped[9] ^= 64;
        fs::write(&path, flipped).unwrap();
        let output = inspect(&model);
        fails(&output);
        assert!(said(&output).contains("DAMAGED"), "{}", said(&output));
        fs::write(&path, whole).unwrap();
    }
    succeeds(&inspect(&model));
}

#[test]
fn a_prompt_that_cannot_be_a_voice_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    succeeds(&convert(&fixture("tiny"), &model, &[]));
    let prompt = dir.path().join("prompt");
    let voice = |expected: &[&str]| {
        let why = fails(&add_voice("anna", &prompt, &model, &[]));
        assert!(expected.iter().all(|part| why.contains(part)), "{why}");
        assert!(names(&model.join("voices")).is_empty());
    };
    for (file, content, expected) in [
        ("prompt_text.txt", "5 896", "text tokens"),
        ("prompt_text.txt", "5 six", "\"six\""),
        ("llm_prompt_speech_token.txt", "1 2 3", "differ"),
        ("prompt_speech_feat.txt", "0.5 0.5", "2 values"),
        (
            "prompt_speech_feat.txt",
            &"0.5 ".repeat(2 * 80),
            "75 speech tokens",
        ),
        ("flow_embedding.txt", "1 2 3", "3 values"),
        ("flow_embedding.txt", &"nan ".repeat(192), "not finite"),
    ] {
        copy(&fixture("tiny_prompt"), &prompt);
        fs::write(prompt.join(file), content).unwrap();
        voice(&[expected]);
    }
    for file in names(&fixture("tiny_prompt")) {
        if file != "prompt_transcript.txt" {
            copy(&fixture("tiny_prompt"), &prompt);
            fs::remove_file(prompt.join(&file)).unwrap();
            voice(&[&file]);
        }
    }
    let why = fails(&add_voice("../anna", &fixture("tiny_prompt"), &model, &[]));
    assert!(why.contains("../anna"), "{why}");
}

#[test]
fn a_prompt_text_of_characters_becomes_ids_by_the_models_tokenizer() {
    let dir = tempfile::tempdir().unwrap();
    let (model, prompt) = (dir.path().join("model"), dir.path().join("prompt"));
    succeeds(&convert(&fixture("tiny"), &model, &[]));
    let tokenizer = model.join("tokenizer.json");
    let ids = |text: &str| Tokenizer::load(&tokenizer).unwrap().encode(text).unwrap();
    let whole = "You are a helpful assistant.<|endofprompt|>Добрый день! Их было 3, 4 или 5.";
    for given in [whole, "Добрый день! Их было 3, 4 или 5.\n"] {
        copy(&fixture("tiny_prompt"), &prompt);
        fs::write(prompt.join("prompt_text.txt"), given).unwrap();
        let output = add_voice("anna", &prompt, &model, &["--replace"]);
        succeeds(&output);
        assert!(
            said(&output).contains("holds characters"),
            "{}",
            said(&output)
        );
        let voice = Voice::load(&model.join("voices/anna.safetensors")).unwrap();
        assert_eq!(voice.prompt_text_ids, ids(whole), "{given:?}");
    }

    fs::remove_file(&tokenizer).unwrap();
    let why = fails(&add_voice("boris", &prompt, &model, &[]));
    for part in ["prompt_text", "token ids are wanted", "tokenizer.json"] {
        assert!(why.contains(part), "{part} in {why}");
    }
}

#[test]
fn the_first_voice_is_the_default_until_another_is_made_so() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    succeeds(&convert(&fixture("tiny"), &model, &[]));
    let add = |name, options: &[&str]| {
        succeeds(&add_voice(name, &fixture("tiny_prompt"), &model, options));
    };
    let manifest = || fs::read_to_string(model.join("cosyvoice3.toml")).unwrap();
    add("anna", &[]);
    add("boris", &["--language", "ru", "--provenance", "synthetic"]);
    assert!(manifest().contains("default_voice = \"anna\""));
    add("vera", &["--default"]);
    assert!(manifest().contains("default_voice = \"vera\""));
}

#[test]
fn a_model_lists_the_languages_that_it_was_converted_for() {
    let dir = tempfile::tempdir().unwrap();
    let listed = |name: &str, options: &[&str]| {
        let model = dir.path().join(name);
        succeeds(&convert(&fixture("tiny"), &model, options));
        Manifest::read(&model).unwrap().languages
    };
    assert_eq!(listed("all", &[]), [""; 0]);
    assert_eq!(listed("two", &["--languages", "ru,en"]), ["ru", "en"]);
    let report = said(&inspect(&dir.path().join("two")));
    assert!(report.contains("ru, en"), "{report}");
    let refused = convert(
        &fixture("tiny"),
        &dir.path().join("no"),
        &["--languages", "klingon"],
    );
    assert!(
        said(&refused).contains("possible values: ru, en, zh"),
        "{}",
        said(&refused)
    );
}
