//! Common parts of converted and imported model directories.

pub mod check;
pub mod inspect;
pub mod output;
pub mod tables;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use cosyvoice3::{
    constants::SPEECH_VOCAB,
    manifest::{FileEntry, Lm, MANIFEST, Manifest, Sampling},
    voice::VOICES,
};

use crate::{
    directory::output::{HashingWriter, Unfinished, replace_file},
    gguf::quantize::Quantization,
    progress::Progress,
};

/// The language model.
pub const GGUF: &str = "lm.gguf";
/// The tables that prefill reads.
pub const EMBEDDINGS: &str = "lm_embeddings.safetensors";
/// The tokenizer.
pub const TOKENIZER: &str = "tokenizer.json";
/// The program that the manifest names as its author.
pub const CREATED_BY: &str = concat!("cosyvoice3 ", env!("CARGO_PKG_VERSION"));

/// Euler steps of the published program.
pub const STEPS: usize = 10;
/// Euler steps of edge pipelines, which work in windows.
pub const WINDOW_STEPS: usize = 5;

/// Ids of the speech vocabulary behind the sounds, and tokens that are silence: the same in every CosyVoice3.
const SOS: u32 = 6561;
const EOS: u32 = 6562;
const TASK_ID: u32 = 6563;
const SILENT_TOKENS: [u32; 11] = [1, 2, 28, 29, 55, 248, 494, 2241, 2242, 2322, 2323];
const MAX_SILENT_RUN: usize = 5;
const MIN_TOKEN_TEXT_RATIO: f32 = 2.0;
const MAX_TOKEN_TEXT_RATIO: f32 = 20.0;

/// Sizes of a language model.
pub struct Geometry {
    /// Width of an embedding.
    pub hidden_size: usize,
    /// Transformer blocks.
    pub layers: usize,
    /// Rows of the text embedding.
    pub text_vocab: usize,
    /// Positions that decoding may reach.
    pub context: u32,
}

/// The manifest's entry for a language model under the usual file names.
pub fn lm(quantization: Quantization, geometry: Geometry, sampling: Sampling) -> Lm {
    Lm {
        gguf: GGUF.into(),
        embeddings: EMBEDDINGS.into(),
        tokenizer: TOKENIZER.into(),
        quantization: quantization.name().into(),
        hidden_size: geometry.hidden_size,
        layers: geometry.layers,
        text_vocab: geometry.text_vocab,
        speech_vocab: SPEECH_VOCAB,
        context: geometry.context,
        sos: SOS,
        eos: EOS,
        task_id: TASK_ID,
        stop_ids: [SOS, SPEECH_VOCAB - 1],
        silent_tokens: SILENT_TOKENS.into(),
        max_silent_run: MAX_SILENT_RUN,
        min_token_text_ratio: MIN_TOKEN_TEXT_RATIO,
        max_token_text_ratio: MAX_TOKEN_TEXT_RATIO,
        sampling,
    }
}

/// Writes the files of an unfinished model directory and records them.
pub struct Writer<'a> {
    /// The directory.
    pub out: &'a Unfinished,
    /// For reporting progress.
    pub progress: &'a Progress,
    /// The files written so far, for the manifest.
    pub files: BTreeMap<String, FileEntry>,
}

impl<'a> Writer<'a> {
    /// Nothing written yet.
    pub fn new(out: &'a Unfinished, progress: &'a Progress) -> Self {
        Self {
            out,
            progress,
            files: BTreeMap::new(),
        }
    }

    /// Writes the file `name`, of `size` bytes as far as is known.
    pub fn file(
        &mut self,
        name: &str,
        size: u64,
        content: impl FnOnce(&mut HashingWriter<'_>) -> Result<()>,
    ) -> Result<()> {
        self.progress.step(&format!("writing {name}"), size);
        let entry = self.out.write(name, self.progress, content)?;
        self.files.insert(name.into(), entry);
        Ok(())
    }
}

/// The name of the directory `checkpoint`, for the model made of it.
pub fn name_of(checkpoint: &Path) -> String {
    let path = checkpoint.canonicalize().unwrap_or(checkpoint.to_owned());
    let name = path.file_name().unwrap_or("CosyVoice3".as_ref());
    name.to_string_lossy().into_owned()
}

/// Writes the manifest, and takes over the voices of the model that is being replaced.
pub fn write_manifest(out: &Unfinished, mut manifest: Manifest) -> Result<()> {
    adopt_voices(out.target(), out.path(), &mut manifest)?;
    replace_file(&out.path().join(MANIFEST), manifest.to_toml().as_bytes())
}

/// Loads the written model to test it, and makes the directory its target.
pub fn finish(out: Unfinished, progress: &Progress) -> Result<()> {
    progress.step("loading what was written", 0);
    let report = check::loads(out.path())?;
    let target = out.target().to_owned();
    out.finish()?;
    progress.done();
    for line in report {
        progress.say(&line);
    }
    progress.say(&format!("{} is ready", target.display()));
    Ok(())
}

/// Voices hold speech, not weights: they outlive the model they were made for.
fn adopt_voices(old: &Path, new: &Path, manifest: &mut Manifest) -> Result<()> {
    let new = new.join(VOICES);
    fs::create_dir(&new).with_context(|| format!("cannot create {}", new.display()))?;
    let Ok(entries) = fs::read_dir(old.join(VOICES)) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        let copy = new.join(entry.file_name());
        fs::copy(entry.path(), &copy)
            .with_context(|| format!("cannot copy {}", entry.path().display()))?;
    }
    if let Ok(replaced) = Manifest::read(old) {
        manifest.default_voice = replaced.default_voice;
        manifest.voice_for_language = replaced.voice_for_language;
    }
    Ok(())
}
