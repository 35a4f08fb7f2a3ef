//! Loading the written model, by the code that will run it.

use std::path::Path;

use anyhow::Result;
use cosyvoice3::{
    cancel::Cancel, flow::ort::CpuFlow, lm::LmModel, manifest::Manifest, onnx, text::Tokenizer,
    vocoder::Vocoder,
};

/// Loads every component of the model in `dir`; returns a report for the user, line by line.
pub fn loads(dir: &Path) -> Result<Vec<String>> {
    let manifest = Manifest::read(dir)?;
    Tokenizer::load(&dir.join(&manifest.lm.tokenizer))?;
    LmModel::load(dir, &manifest.lm, &mut |_| true)?;
    let mut report = vec!["tokenizer and language model: loaded".to_owned()];
    if let Err(error) = onnx::runtime() {
        report.push(format!("flow and vocoder: not tried: {error}"));
        return Ok(report);
    }
    Vocoder::load(dir, &manifest.vocoder, 1, &Cancel::new())?;
    if manifest.flow.cpu_files().is_ok() {
        CpuFlow::load(dir, &manifest.flow, 1, &Cancel::new())?;
        report.push("flow and vocoder: loaded".into());
    } else {
        report.push("vocoder: loaded; flow: not tried, it is for an NPU alone".into());
    }
    Ok(report)
}
