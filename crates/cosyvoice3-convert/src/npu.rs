//! The fixed-shape flow graphs that NPU tools compile, under the names that edge pipelines give them.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    checkpoint::Checkpoint,
    onnx::{Model, flow_encoder_fixed, flow_estimator_fixed},
    output::write_hashed,
    progress::Progress,
    weights::WeightType,
};

/// Speech tokens of the prompt that every window begins with.
const PROMPT_TOKENS: usize = 75;
/// Tokens of the windows that end in three tokens of lookahead.
const WINDOWS: [usize; 3] = [28, 53, 78];
/// Tokens of the last window, which has no lookahead.
const FINAL_WINDOW: usize = 50;
/// Frames of the estimators: prompt and window without lookahead.
const ESTIMATORS: [usize; 3] = [200, 250, 300];

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
    for tokens in WINDOWS {
        let model = flow_encoder_fixed(flow, weights, PROMPT_TOKENS, tokens, true)?;
        write(format!("flow_encoder_{tokens}.onnx"), model)?;
    }
    let model = flow_encoder_fixed(flow, weights, PROMPT_TOKENS, FINAL_WINDOW, false)?;
    write(format!("flow_encoder_{FINAL_WINDOW}_final.onnx"), model)?;
    for frames in ESTIMATORS {
        let model = flow_estimator_fixed(flow, weights, frames)?;
        write(format!("flow_estimator_{frames}.onnx"), model)?;
    }
    Ok(())
}
