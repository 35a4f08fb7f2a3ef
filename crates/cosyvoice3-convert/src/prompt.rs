//! Voices from `prompt_files`: the six text files in which edge pipelines keep a speaker prompt.

use std::{fs, path::Path, str::FromStr};

use anyhow::{Context, Result, anyhow, bail, ensure};
use cosyvoice3::{
    constants::{FRAMES_PER_TOKEN, MEL_BINS},
    manifest::{MANIFEST, Manifest},
    mel::Mel,
    voice::{self, VOICES, Voice},
};

use crate::output::replace_file;

/// What the six files do not say.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Name of the voice.
    pub name: String,
    /// BCP 47 language of the reference speech.
    pub language: Option<String>,
    /// What the reference speech says; `prompt_transcript.txt` where it is not given.
    pub prompt_text: Option<String>,
    /// Where the voice comes from.
    pub provenance: Option<String>,
    /// Whether it speaks where no voice is asked for, even if another one does now.
    pub default: bool,
}

/// Makes a voice of the model directory `model` from the files in `prompt`; what there is to tell the user.
pub fn add(prompt: &Path, model: &Path, options: &Options) -> Result<Vec<String>> {
    check_name(&options.name)?;
    let mut manifest = Manifest::read(model)?;
    let voice = read(prompt, options)?;
    if let Some(id) = voice.prompt_text_ids.iter().max()
        && *id as usize >= manifest.lm.text_vocab
    {
        bail!(
            "{}: token id {id}, but the model knows only {} text tokens: the prompt is of another model",
            prompt.join("prompt_text.txt").display(),
            manifest.lm.text_vocab
        );
    }
    let dir = model.join(VOICES);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let path = voice::path(model, &options.name);
    voice.save(&path)?;
    let mut told = vec![format!(
        "voice {}: {:.1} s of reference speech, {} text tokens",
        voice.name,
        voice.prompt_tokens.len() as f32 / 25.0,
        voice.prompt_text_ids.len()
    )];
    if options.default || manifest.default_voice.is_empty() {
        manifest.default_voice = options.name.clone();
        replace_file(&model.join(MANIFEST), manifest.to_toml().as_bytes())?;
        told.push(format!("{} is the default voice", options.name));
    }
    Ok(told)
}

/// Reads the six files of `dir`.
pub fn read(dir: &Path, options: &Options) -> Result<Voice> {
    let tokens: Vec<u32> = numbers(&dir.join("llm_prompt_speech_token.txt"))?;
    let flow_tokens: Vec<u32> = numbers(&dir.join("flow_prompt_speech_token.txt"))?;
    let embedding: Vec<f32> = numbers(&dir.join("flow_embedding.txt"))?;
    // The language model of CosyVoice3 takes no speaker embedding; the file must be there, but only the flow's counts.
    let _: Vec<f32> = numbers(&dir.join("llm_embedding.txt"))?;
    ensure!(
        tokens == flow_tokens,
        "{}: llm_prompt_speech_token.txt and flow_prompt_speech_token.txt differ: they must hold the same reference speech",
        dir.display()
    );
    let mel_path = dir.join("prompt_speech_feat.txt");
    let mel: Vec<f32> = numbers(&mel_path)?;
    let expected = FRAMES_PER_TOKEN * tokens.len() * MEL_BINS;
    ensure!(
        mel.len() == expected,
        "{}: {} values, {} speech tokens need {expected} ({FRAMES_PER_TOKEN} frames of {MEL_BINS} each)",
        mel_path.display(),
        mel.len(),
        tokens.len()
    );
    let transcript = match &options.prompt_text {
        Some(text) => Some(text.clone()),
        None => fs::read_to_string(dir.join("prompt_transcript.txt"))
            .ok()
            .map(|text| text.trim().to_owned()),
    };
    let voice = Voice {
        name: options.name.clone(),
        language: options.language.clone(),
        prompt_text: transcript,
        prompt_text_ids: numbers(&dir.join("prompt_text.txt"))?,
        prompt_tokens: tokens,
        prompt_mel: Mel::from_frames(&mel),
        embedding,
        provenance: options.provenance.clone(),
    };
    voice
        .check()
        .map_err(|what| anyhow!("{}: {what}", dir.display()))?;
    Ok(voice)
}

/// A voice's name becomes a file name and a property value.
fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    ensure!(
        !name.is_empty() && name.chars().all(plain) && !name.starts_with('.'),
        "{name:?} cannot name a voice: use letters, digits, '-' and '_'"
    );
    Ok(())
}

/// Numbers separated by white space or commas.
fn numbers<T: FromStr>(path: &Path) -> Result<Vec<T>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let words = text.split(|c: char| c.is_whitespace() || c == ',');
    let numbers = words.filter(|word| !word.is_empty()).map(|word| {
        word.parse().map_err(|_| {
            anyhow!(
                "{}: {word:?} is not a number of the right kind",
                path.display()
            )
        })
    });
    let numbers = numbers.collect::<Result<Vec<T>>>()?;
    ensure!(!numbers.is_empty(), "{}: it is empty", path.display());
    Ok(numbers)
}
