//! Effect of each quantisation and of the faster settings on the language model's logits: reported, not bounded.
//!
//! The weights are random, and random weights suffer more than trained ones; the order is what counts.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use cosyvoice3::{
    cancel::Cancel,
    lm::{LmModel, LmOptions, LmSession, Prefix, sampling::softmax},
    manifest::Manifest,
};
use cosyvoice3_convert::gguf::quantize::{Quantization, quantize};
use ndarray::{Array1, Array2};
use ndarray_npy::NpzReader;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn tiny_f32() -> PathBuf {
    std::env::var_os("COSYVOICE3_TINY_F32")
        .map_or_else(|| Path::new(ROOT).join("models/tiny-f32"), PathBuf::from)
}

fn official() -> NpzReader<File> {
    let file = Path::new(ROOT).join("tests/fixtures/golden/llm.npz");
    NpzReader::new(File::open(file).unwrap()).unwrap()
}

fn ids(name: &str) -> Vec<u32> {
    let ids: Array1<i32> = official().by_name(name).unwrap();
    ids.iter().map(|&id| id as u32).collect()
}

fn logits(dir: &Path, options: &LmOptions) -> Vec<Vec<f32>> {
    let lm = Manifest::read(dir).unwrap().lm;
    let model = Arc::new(LmModel::load(dir, &lm, &mut |_| true).unwrap());
    let mut session = LmSession::new(model, options).unwrap();
    let (prompt_text, text, speech) = (
        ids("prompt_text_ids"),
        ids("text_ids"),
        ids("prompt_speech"),
    );
    let prefix = Prefix {
        prompt_text_ids: &prompt_text,
        text_ids: &text,
        prompt_speech: &speech,
    };
    session.prefill(&prefix, &Cancel::new()).unwrap();
    let mut rows = vec![session.logits().to_vec()];
    for token in ids("forced_tokens") {
        session.append(token).unwrap();
        rows.push(session.logits().to_vec());
    }
    rows
}

/// Kullback-Leibler divergence from the official distribution, in nats.
fn divergence(official: &[f32], ours: &[f32]) -> f64 {
    let (mut p, mut q) = (Vec::new(), Vec::new());
    softmax(official, 1.0, &mut p).unwrap();
    softmax(ours, 1.0, &mut q).unwrap();
    p.iter()
        .zip(&q)
        .map(|(&p, &q)| f64::from(p) * (f64::from(p) / f64::from(q)).ln())
        .sum()
}

#[test]
fn every_quantisation_loads_and_its_effect_is_reported() {
    let source = tiny_f32();
    let official: Array2<f32> = official().by_name("logits").unwrap();
    println!(
        "| weights | KV | flash attention | largest logit difference | mean | divergence, nats |"
    );
    println!("|---|---|---|---|---|---|");
    for quantization in [
        Quantization::F32,
        Quantization::F16,
        Quantization::Q8_0,
        Quantization::Q4KM,
        Quantization::Q4_0,
    ] {
        let dir = tempfile::tempdir().unwrap();
        for file in ["cosyvoice3.toml", "lm_embeddings.safetensors"] {
            std::fs::copy(source.join(file), dir.path().join(file)).unwrap();
        }
        quantize(
            &source.join("lm.gguf"),
            &dir.path().join("lm.gguf"),
            quantization,
        )
        .unwrap();
        for (kv_f32, flash_attention) in [(true, false), (false, false), (false, true)] {
            let options = LmOptions {
                threads: 1,
                cpus: None,
                adapt: false,
                kv_f32,
                flash_attention,
            };
            let rows = logits(dir.path(), &options);
            let differences: Vec<f32> = rows
                .iter()
                .flatten()
                .zip(&official)
                .map(|(ours, official)| (ours - official).abs())
                .collect();
            let largest = differences.iter().copied().fold(0.0, f32::max);
            let mean = differences.iter().sum::<f32>() / differences.len() as f32;
            let divergence: f64 = rows
                .iter()
                .zip(official.rows())
                .map(|(ours, official)| divergence(official.as_slice().unwrap(), ours))
                .sum::<f64>()
                / rows.len() as f64;
            println!(
                "| {} | {} | {} | {largest:.1e} | {mean:.1e} | {divergence:.1e} |",
                quantization.name(),
                if kv_f32 { "f32" } else { "f16" },
                if flash_attention { "on" } else { "off" },
            );
            assert!(largest.is_finite());
        }
    }
}
