//! The flow model for an NPU: the graphs that its tools compile, and the compiled models.

pub mod card;

use std::{fs, path::Path};

use anyhow::{Context, Result};
use cosyvoice3::{
    flow::windows::PROMPT_TOKENS,
    manifest::{
        ENCODER_WINDOWS, ESTIMATOR_FRAMES, Manifest, Npu, NpuEncoder, NpuEncoderWindow,
        NpuEstimator,
    },
};

use crate::{
    checkpoint::Checkpoint,
    directory::output::{Additions, write_hashed},
    import::axera,
    onnx::{Model, flow_encoder_fixed, flow_estimator_fixed},
    progress::Progress,
    weights::WeightType,
};

/// The embedding of speech tokens beside the encoders.
pub const TOKEN_EMBEDDING: &str = "flow_token_embedding.safetensors";

/// Adds the estimators of the download `axera` to the model directory `model`; returns messages for
/// the user.
pub fn add(model: &Path, axera: &Path, progress: &Progress) -> Result<Vec<String>> {
    let mut manifest = Manifest::read(model)?;
    let dir = axera::axmodels(axera);
    let estimators = estimators(&dir)?;
    let mut additions = Additions::to(model);
    for NpuEstimator { file, .. } in &estimators {
        let entry = additions.copy(&dir.join(file), file, progress)?;
        manifest.files.insert(file.clone(), entry);
    }
    let encoder = manifest.npu.and_then(|npu| npu.encoder);
    manifest.npu = Some(Npu {
        estimators,
        encoder,
    });
    additions.finish(&manifest)?;
    Ok(vec![format!(
        "{}: estimators of {ESTIMATOR_FRAMES:?} frames added",
        model.display()
    )])
}

/// All parts of the flow model in the directory `axmodels`.
pub fn published(axmodels: &Path) -> Result<Npu> {
    let mut windows = Vec::new();
    for (tokens, lookahead) in ENCODER_WINDOWS {
        let file = format!("{}.axmodel", encoder_name(tokens, lookahead));
        axera::downloaded(axmodels.join(&file))?;
        windows.push(NpuEncoderWindow {
            tokens,
            lookahead,
            file,
        });
    }
    Ok(Npu {
        estimators: estimators(axmodels)?,
        encoder: Some(NpuEncoder {
            token_embedding: TOKEN_EMBEDDING.into(),
            windows,
        }),
    })
}

fn estimators(axmodels: &Path) -> Result<Vec<NpuEstimator>> {
    let estimator = |frames| {
        let file = format!("{}.axmodel", estimator_name(frames));
        axera::downloaded(axmodels.join(&file))?;
        Ok(NpuEstimator { frames, file })
    };
    ESTIMATOR_FRAMES.into_iter().map(estimator).collect()
}

/// Writes the graphs of `flow`, which are of fixed shapes, into the directory `dir`.
pub fn write(
    flow: &Checkpoint,
    dir: &Path,
    weights: WeightType,
    progress: &Progress,
) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let write = |name: String, model: Model<'_>| {
        progress.step(&format!("writing {name}"), model.encoded_len() as u64);
        write_hashed(&dir.join(name), progress, |out| model.write(out)).map(drop)
    };
    for (tokens, lookahead) in ENCODER_WINDOWS {
        let model = flow_encoder_fixed(flow, weights, PROMPT_TOKENS, tokens, lookahead)?;
        write(format!("{}.onnx", encoder_name(tokens, lookahead)), model)?;
    }
    for frames in ESTIMATOR_FRAMES {
        let model = flow_estimator_fixed(flow, weights, frames)?;
        write(format!("{}.onnx", estimator_name(frames)), model)?;
    }
    Ok(())
}

/// Edge pipelines' name of the encoder for a window of `tokens`, without the extension.
fn encoder_name(tokens: usize, lookahead: bool) -> String {
    let last = if lookahead { "" } else { "_final" };
    format!("flow_encoder_{tokens}{last}")
}

/// Edge pipelines' name of the estimator of `frames`, without the extension.
fn estimator_name(frames: usize) -> String {
    format!("flow_estimator_{frames}")
}
