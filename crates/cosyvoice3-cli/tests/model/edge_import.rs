//! Model directories made of an edge pipeline's files: they speak as those made of the checkpoint.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use axcl_rt::harness::Machine;
use cosyvoice3::{
    Error, Result,
    cancel::Cancel,
    constants::SAMPLES_PER_FRAME,
    flow::{
        FlowOptions, FlowPlan,
        axcl::AxclOptions,
        choice::{FlowChoice, FlowTarget},
    },
    lm::{LmModel, LmOptions, LmSession, Prefix},
    manifest::{Manifest, Vocoder},
    mel::Mel,
    model::{LoadObserver, LoadOptions, Model},
};
use cosyvoice3_convert::gguf::quantize::Quantization;

use crate::{add_voice, edge_pipeline::EdgePipeline, fixture, names, program, said, succeeds};

/// Speech tokens that are sounds of every kind.
fn tokens(count: u32) -> Vec<u32> {
    (0..count).map(|i| (i * 997 + 31) % 6561).collect()
}

/// The tokens that the model in `dir` finds most probable.
fn greedy_tokens(dir: &Path, count: usize) -> Vec<u32> {
    let lm = Manifest::read(dir).unwrap().lm;
    let model = Arc::new(LmModel::load(dir, &lm, &mut |_| true).unwrap());
    let options = LmOptions {
        threads: 1,
        cpus: None,
        kv_f32: false,
        adapt: false,
        flash_attention: false,
    };
    let mut session = LmSession::new(model, &options).unwrap();
    let speech = tokens(75);
    let prefix = Prefix {
        prompt_text_ids: &[5, 6, 7, 8, 9],
        text_ids: &[40, 300, 21, 22],
        prompt_speech: &speech,
    };
    session.prefill(&prefix, &Cancel::new()).unwrap();
    let mut tokens = Vec::new();
    while tokens.len() < count {
        let logits = session.logits()[..6561].iter().enumerate();
        let best = logits.max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0 as u32;
        tokens.push(best);
        session.append(best).unwrap();
    }
    tokens
}

#[test]
fn an_imported_language_model_decides_as_the_converted_one() {
    for quantization in [Quantization::F32, Quantization::Q8_0, Quantization::Q4KM] {
        let pipeline = EdgePipeline::new(quantization);
        succeeds(&pipeline.import(&[]));
        let converted = greedy_tokens(&pipeline.converted(), 64);
        let imported = greedy_tokens(&pipeline.imported(), 64);
        assert_eq!(imported, converted, "{}", quantization.name());
        let different: BTreeSet<_> = converted.iter().collect();
        assert!(different.len() > 16, "no test: {converted:?}");
        let manifest = |dir: &Path| Manifest::read(dir).unwrap().lm;
        assert_eq!(
            manifest(&pipeline.imported()),
            manifest(&pipeline.converted())
        );
    }
}

/// A process uses one AXCL library at a time.
static AXCL: Mutex<()> = Mutex::new(());

struct Silent;

impl LoadObserver for Silent {
    fn progress(&mut self, _: &'static str, _: f32) {}

    fn warn(&mut self, error: Error) {
        panic!("a warning: {error}");
    }
}

/// The models of `dir`, the flow on `choice` with the AXCL library `library`.
fn load(dir: &Path, choice: FlowChoice, library: PathBuf) -> Result<Model> {
    let axcl = AxclOptions {
        device: 0,
        library: Some(library),
    };
    let options = LoadOptions {
        threads: 1,
        flow: FlowTarget { choice, axcl },
        ..Default::default()
    };
    Model::load(dir, &options, &Cancel::new(), &mut Silent)
}

/// Mel that a model makes of 130 tokens in windows.
fn mel(model: &Model) -> Mel {
    let voice = model.voice(Some("prompt"), None).unwrap();
    let options = FlowOptions {
        plan: FlowPlan::Windows,
        ..Default::default()
    };
    let mut flow = model.flow().take(&Cancel::new()).unwrap();
    let mut utterance = flow.utterance(&voice, &options).unwrap();
    let tokens = tokens(130);
    while utterance
        .advance(&tokens, true, &Cancel::new())
        .unwrap()
        .is_some()
    {}
    utterance.into_mel()
}

#[test]
fn an_imported_flow_makes_the_mel_of_the_converted_one() {
    let pipeline = EdgePipeline::new(Quantization::Q4KM);
    succeeds(&pipeline.import(&[]));
    let (converted, imported) = (pipeline.converted(), pipeline.imported());
    succeeds(&add_voice(
        "prompt",
        &fixture("tiny_prompt"),
        &converted,
        &[],
    ));

    let _alone = AXCL.lock().unwrap_or_else(|e| e.into_inner());
    let card = Machine::new("");
    let converted = load(&converted, FlowChoice::Cpu, card.library()).unwrap();
    let expected = mel(&converted);
    let imported = load(&imported, FlowChoice::Auto, card.library()).unwrap();
    let found = mel(&imported);
    assert_eq!(found.frames(), 260);
    let values = || std::iter::zip(found.as_slice(), expected.as_slice());
    let peak = values().map(|(_, e)| e.abs()).fold(0.0, f32::max);
    let largest = values().map(|(f, e)| (f - e).abs()).fold(0.0, f32::max);
    println!("largest difference {:.1e} of the peak", largest / peak);
    assert!(largest <= 1e-5 * peak, "{largest} of {peak}");

    let mut vocoder = imported.vocoder().take(&Cancel::new()).unwrap();
    let speech = vocoder.synthesize(&found, 1, &Cancel::new()).unwrap();
    assert_eq!(speech.len(), 260 * SAMPLES_PER_FRAME);
    drop((vocoder, imported));
    assert!(card.leaks().is_empty(), "{:?}", card.leaks());
}

#[test]
fn an_imported_directory_says_that_it_needs_a_card() {
    let pipeline = EdgePipeline::new(Quantization::F32);
    succeeds(&pipeline.import(&[]));
    let _alone = AXCL.lock().unwrap_or_else(|e| e.into_inner());
    let absent = pipeline.path("libaxcl_rt.so");
    for (choice, expected) in [
        (FlowChoice::Cpu, "flow-backend=npu"),
        (FlowChoice::Auto, "libaxcl_rt.so"),
        (FlowChoice::Npu, "libaxcl_rt.so"),
    ] {
        let error = load(&pipeline.imported(), choice, absent.clone());
        let error = error.err().expect("no card").to_string();
        println!("{choice:?}: {error}");
        assert!(error.contains(expected), "{choice:?}: {error}");
    }
}

#[test]
fn an_imported_directory_is_whole_and_holds_nothing_else() {
    let pipeline = EdgePipeline::new(Quantization::Q4KM);
    succeeds(&pipeline.import(&["--voice", "anna", "--language", "ru", "--name", "edge"]));
    let expected = [
        "cosyvoice3.toml",
        "flow_encoder_28.axmodel",
        "flow_encoder_50_final.axmodel",
        "flow_encoder_53.axmodel",
        "flow_encoder_78.axmodel",
        "flow_estimator_200.axmodel",
        "flow_estimator_250.axmodel",
        "flow_estimator_300.axmodel",
        "flow_token_embedding.safetensors",
        "hift_full_dynamic.onnx",
        "lm.gguf",
        "lm_embeddings.safetensors",
        "tokenizer.json",
        "voices",
    ];
    assert_eq!(names(&pipeline.imported()), expected);
    assert_eq!(names(&pipeline.path("models")), ["imported"]);
    let manifest = Manifest::read(&pipeline.imported()).unwrap();
    assert_eq!(manifest.default_voice, "anna");
    assert_eq!(manifest.name, "edge");
    assert!(matches!(manifest.vocoder, Vocoder::MelToAudio { .. }));
    assert!(manifest.flow.cpu_files().is_err());
    let report = program().arg("inspect").arg(pipeline.imported()).output();
    let report = report.unwrap();
    succeeds(&report);
    for expected in ["q4_k_m", "encoders", "seed", "anna", "3.00 s, ru"] {
        assert!(said(&report).contains(expected), "{}", said(&report));
    }
}

#[test]
fn a_table_called_bfloat16_and_a_download_without_prompt_are_taken_too() {
    let pipeline = EdgePipeline::new(Quantization::F32);
    let axmodels = pipeline.path("axera/token2wav-axmodels");
    fs::rename(
        axmodels.join("flow.input_embedding.float16.bin"),
        axmodels.join("flow.input_embedding.bfloat16.bin"),
    )
    .unwrap();
    fs::remove_dir_all(pipeline.path("axera/prompt_files")).unwrap();
    let output = pipeline.import(&[]);
    succeeds(&output);
    assert!(
        said(&output).contains("cosyvoice3 voice import"),
        "{}",
        said(&output)
    );
    assert!(names(&pipeline.imported().join("voices")).is_empty());
    let again = pipeline.import(&[]);
    assert!(said(&again).contains("--force"), "{}", said(&again));
    succeeds(&pipeline.import(&["--force"]));
}

#[test]
fn weights_beside_the_vocoder_are_taken_with_it() {
    let pipeline = EdgePipeline::new(Quantization::F32);
    let name = "hift_full_dynamic.onnx.data";
    fs::write(pipeline.path(name), "weights").unwrap();
    succeeds(&pipeline.import(&[]));
    assert_eq!(
        fs::read(pipeline.imported().join(name)).unwrap(),
        b"weights"
    );
    let manifest = Manifest::read(&pipeline.imported()).unwrap();
    assert_eq!(manifest.files[name].size, 7);
}

/// Asserts that importing fails with one line that contains all of `expected`, and leaves nothing.
#[track_caller]
fn refuses(pipeline: &EdgePipeline, expected: &[&str]) {
    let output = pipeline.import(&[]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{expected:?}: {said}");
    let why = said.lines().filter(|line| line.starts_with("error: "));
    let why: Vec<_> = why.collect();
    assert_eq!(why.len(), 1, "{said}");
    println!("{}", why[0]);
    assert!(
        expected.iter().all(|part| why[0].contains(part)),
        "{expected:?}: {}",
        why[0]
    );
    let left = fs::read_dir(pipeline.path("models"));
    assert_eq!(left.map_or(0, |left| left.count()), 0, "something is left");
}

#[test]
fn every_damaged_file_of_an_edge_pipeline_is_one_error_that_names_it() {
    let pipeline = EdgePipeline::new(Quantization::Q4KM);
    let files = [
        "axera/token2wav-axmodels/flow.input_embedding.float16.bin",
        "qwen2.gguf",
        "embeddings/embed_tokens.npy",
        "embeddings/speech_embedding.npy",
        "embeddings/llm_decoder_weight.npy",
        "axera/scripts/CosyVoice-BlankEN/vocab.json",
        "axera/scripts/CosyVoice-BlankEN/merges.txt",
        "axera/scripts/CosyVoice-BlankEN/tokenizer_config.json",
        "axera/prompt_files/llm_prompt_speech_token.txt",
        "axera/prompt_files/prompt_speech_feat.txt",
        "hift_full_dynamic.onnx",
    ];
    let axmodels = names(&pipeline.path("axera/token2wav-axmodels"));
    let axmodels = axmodels.iter().filter(|name| name.ends_with(".axmodel"));
    let axmodels = axmodels.map(|name| format!("axera/token2wav-axmodels/{name}"));
    for file in files.map(String::from).into_iter().chain(axmodels) {
        let path = pipeline.path(&file);
        let name = path.file_name().unwrap().to_str().unwrap();
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        refuses(&pipeline, &[name]);
        fs::write(&path, "").unwrap();
        refuses(&pipeline, &[name]);
        // Only the card can check an axmodel.
        if !name.ends_with(".axmodel") {
            fs::write(&path, &whole[..whole.len() / 2]).unwrap();
            refuses(&pipeline, &[name]);
        }
        fs::write(&path, whole).unwrap();
    }
    succeeds(&pipeline.import(&[]));
}

#[test]
fn files_of_different_models_are_told_apart() {
    let pipeline = EdgePipeline::new(Quantization::F32);
    let swap = |a: &str, b: &str, expected: &[&str]| {
        let (a, b, other) = (pipeline.path(a), pipeline.path(b), pipeline.path("other"));
        let exchange = || {
            fs::rename(&a, &other).unwrap();
            fs::rename(&b, &a).unwrap();
            fs::rename(&other, &b).unwrap();
        };
        exchange();
        refuses(&pipeline, expected);
        exchange();
    };
    swap(
        "embeddings/embed_tokens.npy",
        "embeddings/speech_embedding.npy",
        &["speech_embedding.npy", "896 rows", "6761"],
    );
    swap(
        "qwen2.gguf",
        "converted/lm_embeddings.safetensors",
        &["GGUF"],
    );
    for (ours, copy) in [
        ("hift.onnx", "other_vocoder.onnx"),
        ("hift.onnx.data", "hift.onnx.data"),
    ] {
        fs::copy(pipeline.converted().join(ours), pipeline.path(copy)).unwrap();
    }
    swap(
        "other_vocoder.onnx",
        "hift_full_dynamic.onnx",
        &["/hift_full_dynamic.onnx: ", "source"],
    );
    for (from, to, expected) in [
        ("qwen2.block_count", "qwen2.block_counx", "block_count"),
        (
            "blk.1.ffn_up.weight",
            "blk.1.ffn_ux.weight",
            "blk.1.ffn_up.weight is missing",
        ),
        ("gpt2", "gpt3", ""),
    ] {
        let path = pipeline.path("qwen2.gguf");
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        let at = whole.windows(from.len()).position(|w| w == from.as_bytes());
        let at = at.unwrap();
        changed[at..at + to.len()].copy_from_slice(to.as_bytes());
        fs::write(&path, changed).unwrap();
        if expected.is_empty() {
            // Its tokenizer does not matter.
            succeeds(&pipeline.import(&[]));
        } else {
            refuses(&pipeline, &["qwen2.gguf", expected]);
        }
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn a_prompt_too_short_for_windows_is_refused() {
    let pipeline = EdgePipeline::new(Quantization::F32);
    let prompt = pipeline.path("axera/prompt_files");
    let shorten = |name: &str, count: usize| {
        let text = fs::read_to_string(prompt.join(name)).unwrap();
        let words: Vec<_> = text.split_whitespace().take(count).collect();
        fs::write(prompt.join(name), words.join("\n")).unwrap();
    };
    shorten("llm_prompt_speech_token.txt", 74);
    shorten("flow_prompt_speech_token.txt", 74);
    shorten("prompt_speech_feat.txt", 2 * 74 * 80);
    refuses(&pipeline, &["prompt_files", "74 speech tokens"]);
}
