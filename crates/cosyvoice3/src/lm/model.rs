//! A loaded speech language model.

use std::{path::Path, sync::Arc};

use crate::{
    Error, Result,
    constants::SPEECH_CODES,
    lm::{
        embeddings::Embeddings,
        gguf::{Gguf, Tensor},
        llama::{self, Storage},
    },
    manifest,
};

/// Weights and embedding tables, mapped into memory and shared by every session over them.
pub struct LmModel {
    manifest: manifest::Lm,
    header: Gguf,
    embeddings: Embeddings,
    pub(super) llama: Arc<llama::Model>,
}

impl LmModel {
    /// Loads the language model of the model directory `dir`.
    ///
    /// `progress` hears the part done, 0.0 to 1.0; where it returns false the load ends.
    ///
    /// # Errors
    /// `NotFound` and `Open` for a file that cannot be read, `Damaged` for one that is no GGUF or safetensors file, is
    /// truncated or contradicts the manifest (the message names the tensor or key), `Cancelled` after `progress` said so.
    pub fn load(
        dir: &Path,
        lm: &manifest::Lm,
        progress: &mut dyn FnMut(f32) -> bool,
    ) -> Result<Self> {
        let manifest_file = dir.join(manifest::MANIFEST);
        if lm.stop_ids != [SPEECH_CODES, lm.speech_vocab - 1] {
            return Err(Error::damaged(
                &manifest_file,
                format!(
                    "lm.stop_ids is {:?}, but every id from {SPEECH_CODES} to {} is a control id and none may be spoken",
                    lm.stop_ids,
                    lm.speech_vocab - 1
                ),
            ));
        }
        if lm.context == 0 {
            return Err(Error::damaged(&manifest_file, "lm.context is 0"));
        }
        let embeddings = Embeddings::open(&dir.join(&lm.embeddings), lm)?;
        let path = dir.join(&lm.gguf);
        let header = Gguf::read(&path)?;
        header.check(&path, lm)?;
        let llama = llama::Model::load(&path, storage(&header), progress)?;
        let (rows, width) = (llama.vocabulary(), llama.hidden_size());
        if (rows, width) != (lm.speech_vocab as usize, lm.hidden_size) {
            return Err(Error::damaged(
                &path,
                format!(
                    "llama.cpp reads a vocabulary of {rows} and a width of {width}, the manifest says {} and {}",
                    lm.speech_vocab, lm.hidden_size
                ),
            ));
        }
        Ok(Self {
            manifest: lm.clone(),
            header,
            embeddings,
            llama: Arc::new(llama),
        })
    }

    /// The manifest entry that this model was loaded by.
    pub fn manifest(&self) -> &manifest::Lm {
        &self.manifest
    }

    /// Bytes that a context of the manifest's `lm.context` takes, its keys and values of `element` bytes each.
    pub(super) fn context_bytes(&self, element: u64) -> u64 {
        let batch = llama::BATCH as u64;
        let bytes = self.header.context_bytes(&self.manifest, element, batch);
        bytes.expect("the geometry was checked at load")
    }

    /// The embedding tables.
    pub fn embeddings(&self) -> &Embeddings {
        &self.embeddings
    }

    /// Fewest and most speech tokens for a text of `text_ids` ids, the prompt's not counted.
    pub fn token_limits(&self, text_ids: usize) -> (usize, usize) {
        let limit = |ratio: f32| (f64::from(ratio) * text_ids as f64) as usize;
        (
            limit(self.manifest.min_token_text_ratio),
            limit(self.manifest.max_token_text_ratio),
        )
    }
}
/// llama.cpp repacks q4_0 for the CPU when it loads: the pages of a mapped file would stay in memory beside the copy.
fn storage(header: &Gguf) -> Storage {
    let repacked = |tensor: &Tensor| tensor.type_name() == Some("Q4_0");
    match header.tensors.iter().any(repacked) {
        true => Storage::Copied,
        false => Storage::Mapped,
    }
}
