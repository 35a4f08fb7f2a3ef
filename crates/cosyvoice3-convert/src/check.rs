//! Loading what was written, as the runtime will.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use gstcosyvoice3::{
    model::manifest::Manifest,
    onnx::{self, Session, SessionOptions},
};
use llama_cpp_2::{
    llama_backend::LlamaBackend,
    model::{LlamaModel, params::LlamaModelParams},
};
use safetensors::SafeTensors;

use crate::quantize;

/// Loads every component of the model in `dir`; what there is to tell the user, line by line.
pub fn loads(dir: &Path) -> Result<Vec<String>> {
    let manifest = Manifest::read(dir)?;
    let mut told = vec![language_model(dir, &manifest)?];
    for file in [&manifest.lm.embeddings, &manifest.vocoder.source_weights] {
        tables(&dir.join(file))?;
    }
    told.push(graphs(dir, &manifest)?);
    Ok(told)
}

fn language_model(dir: &Path, manifest: &Manifest) -> Result<String> {
    let path = dir.join(&manifest.lm.gguf);
    quantize::capture_errors();
    let backend = LlamaBackend::init()?;
    let model = LlamaModel::load_from_file(&backend, &path, &LlamaModelParams::default())
        .with_context(|| format!("{}: {}", path.display(), quantize::last_error()))?;
    ensure!(
        model.n_embd() as usize == manifest.lm.hidden_size,
        "{}: {} values wide, the manifest says {}",
        path.display(),
        model.n_embd(),
        manifest.lm.hidden_size
    );
    Ok(format!(
        "language model: {} parameters, {}, {} MB",
        model.n_params(),
        manifest.lm.quantization,
        model.size() / 1_000_000
    ))
}

fn tables(path: &Path) -> Result<()> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    // SAFETY: the file was just written by this program, into a directory that it has locked.
    let map = unsafe { memmap2::Mmap::map(&file) }.with_context(|| path.display().to_string())?;
    SafeTensors::deserialize(&map).with_context(|| path.display().to_string())?;
    Ok(())
}

fn graphs(dir: &Path, manifest: &Manifest) -> Result<String> {
    if let Err(error) = onnx::runtime() {
        return Ok(format!(
            "the ONNX graphs were written but not tried: {error}"
        ));
    }
    for file in [
        &manifest.flow.encoder,
        &manifest.flow.estimator,
        &manifest.vocoder.decoder,
    ] {
        Session::load(&dir.join(file), &SessionOptions::default())?;
    }
    Ok("flow and vocoder: loaded by ONNX Runtime".into())
}
