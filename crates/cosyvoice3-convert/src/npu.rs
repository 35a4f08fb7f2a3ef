//! The fixed-shape flow graphs that NPU tools compile, under the names that edge pipelines give them.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use gstcosyvoice3::flow::windows::{ENCODER_WINDOWS, ESTIMATOR_FRAMES, PROMPT_TOKENS};

use crate::{
    checkpoint::Checkpoint,
    onnx::{Model, flow_encoder_fixed, flow_estimator_fixed},
    output::write_hashed,
    progress::Progress,
    weights::WeightType,
};

/// Writes the graphs of `flow` into the directory `dir`.
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

/// What edge pipelines call the encoder for a window of `tokens`, without the ending.
fn encoder_name(tokens: usize, lookahead: bool) -> String {
    let last = if lookahead { "" } else { "_final" };
    format!("flow_encoder_{tokens}{last}")
}

/// What edge pipelines call the estimator of `frames`, without the ending.
fn estimator_name(frames: usize) -> String {
    format!("flow_estimator_{frames}")
}
