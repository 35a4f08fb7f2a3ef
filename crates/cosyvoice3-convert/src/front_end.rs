//! The networks that make voices of recordings: published as ONNX files, and taken over as they are.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};
use cosyvoice3::{
    enrol::{SPEAKER_ENCODER, SPEECH_TOKENIZER},
    manifest::{FrontEnd, Manifest},
};

use crate::{
    directory::output::Additions,
    onnx::{FrontEndSize, random_speaker_encoder, random_speech_tokenizer},
    progress::Progress,
};

const FILES: [&str; 2] = [SPEAKER_ENCODER, SPEECH_TOKENIZER];

/// Adds the networks in the directory `from` to the model directory `model`; returns messages for the user.
pub fn add(from: &Path, model: &Path, progress: &Progress) -> Result<Vec<String>> {
    let mut manifest = Manifest::read(model)?;
    for file in FILES {
        ensure!(
            from.join(file).exists(),
            "{} has no {file}: give a directory with {SPEAKER_ENCODER} and {SPEECH_TOKENIZER}, as in the release \
             FunAudioLLM/Fun-CosyVoice3-0.5B-2512",
            from.display()
        );
    }
    let mut additions = Additions::to(model);
    let mut files = BTreeMap::new();
    for file in FILES {
        let entry = additions.copy(&from.join(file), file, progress)?;
        files.insert(file.to_owned(), entry);
    }
    manifest.front_end = Some(FrontEnd {
        speaker_encoder: SPEAKER_ENCODER.into(),
        speech_tokenizer: SPEECH_TOKENIZER.into(),
        files,
    });
    additions.finish(&manifest)?;
    Ok(vec![format!(
        "{} can now make voices from recordings",
        model.display()
    )])
}

/// True if the directory `from` has both networks.
pub fn is_in(from: &Path) -> bool {
    FILES.iter().all(|file| from.join(file).exists())
}

/// Writes random networks into the directory `dir`, of the published names, inputs and outputs.
pub fn random(dir: &Path, size: &FrontEndSize, seed: u64, progress: &Progress) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let models = [
        random_speaker_encoder(size, seed),
        random_speech_tokenizer(size, seed),
    ];
    for (file, model) in std::iter::zip(FILES, models) {
        progress.step(&format!("writing {file}"), model.encoded_len() as u64);
        model.write_to(&dir.join(file))?;
    }
    Ok(())
}
