//! Voices from `prompt_files`: the six text files in which edge pipelines keep a speaker prompt.

use std::{fs, path::Path, str::FromStr};

use anyhow::{Context, Result, anyhow, bail, ensure};
use cosyvoice3::{
    constants::{FRAMES_PER_TOKEN, MEL_BINS},
    manifest::{MANIFEST, Manifest},
    mel::Mel,
    regular_file,
    text::{END_OF_PROMPT, SYSTEM_PREFIX, Tokenizer},
    voice::{self, VOICES, Voice},
};

use crate::output::replace_file;

/// Longest of the files; the mel of a minute takes 6 MB as text.
const MAX_FILE: u64 = 64 << 20;
const TEXT: &str = "prompt_text.txt";

/// Properties of a voice that the six files do not hold.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Name of the voice.
    pub name: String,
    /// BCP 47 language of the reference speech.
    pub language: Option<String>,
    /// Transcript of the reference speech; `prompt_transcript.txt` if it is not given.
    pub prompt_text: Option<String>,
    /// Origin of the voice.
    pub provenance: Option<String>,
    /// True to make it the default voice, even if there is one already.
    pub default: bool,
}

/// Makes a voice of the model directory `model` from the files in `prompt`; returns notes for the user.
pub fn add(prompt: &Path, model: &Path, options: &Options) -> Result<Vec<String>> {
    check_name(&options.name)?;
    let mut manifest = Manifest::read(model)?;
    let path = prompt.join(TEXT);
    let (text_ids, encoded) = match text(&path)? {
        Text::Ids(ids) => (ids, false),
        Text::Characters(text) => {
            let tokenizer = model.join(&manifest.lm.tokenizer);
            (encode(&text, &path, &tokenizer)?, true)
        }
    };
    let voice = read(prompt, text_ids, options)?;
    if let Some(id) = voice.prompt_text_ids.iter().max()
        && *id as usize >= manifest.lm.text_vocab
    {
        bail!(
            "{}: token id {id}, but the model knows only {} text tokens: the prompt is of another model",
            path.display(),
            manifest.lm.text_vocab
        );
    }
    let dir = model.join(VOICES);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    voice.save(&voice::path(model, &options.name))?;
    let mut told = vec![format!(
        "voice {}: {:.1} s of reference speech, {} text tokens",
        voice.name,
        voice.prompt_tokens.len() as f32 / 25.0,
        voice.prompt_text_ids.len()
    )];
    if encoded {
        told.push(format!(
            "{TEXT} holds characters: encoded by the model's tokenizer"
        ));
    }
    if options.default || manifest.default_voice.is_empty() {
        manifest.default_voice = options.name.clone();
        replace_file(&model.join(MANIFEST), manifest.to_toml().as_bytes())?;
        told.push(format!("{} is the default voice", options.name));
    }
    Ok(told)
}

/// Checks all that can be known of the prompt in `dir` without a model; returns the number of its speech tokens.
pub fn check(dir: &Path, options: &Options) -> Result<usize> {
    text(&dir.join(TEXT))?;
    Ok(read(dir, Vec::new(), options)?.prompt_tokens.len())
}

/// Reads the files of `dir` but for its text, whose ids are `text_ids`.
fn read(dir: &Path, text_ids: Vec<u32>, options: &Options) -> Result<Voice> {
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
        None => regular_file::read_text(&dir.join("prompt_transcript.txt"), MAX_FILE)
            .ok()
            .map(|text| text.trim().to_owned()),
    };
    let voice = Voice {
        name: options.name.clone(),
        language: options.language.clone(),
        prompt_text: transcript,
        prompt_text_ids: text_ids,
        prompt_tokens: tokens,
        tail_tokens: Vec::new(),
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

/// Content of the file of the prompt's text.
enum Text {
    Ids(Vec<u32>),
    Characters(String),
}

fn text(path: &Path) -> Result<Text> {
    let text = regular_file::read_text(path, MAX_FILE)?;
    // A text may hold numbers, and a list of ids a slip.
    let numbers = words(&text).filter(|word| word.parse::<f64>().is_ok());
    if 2 * numbers.count() < words(&text).count() {
        return Ok(Text::Characters(text.trim().to_owned()));
    }
    let ids = parse(path, &text).context("token ids of the prompt's text are wanted")?;
    Ok(Text::Ids(ids))
}

/// The ids of `text`, which the file `path` holds, by the file `tokenizer`.
fn encode(text: &str, path: &Path, tokenizer: &Path) -> Result<Vec<u32>> {
    let tokenizer = Tokenizer::load(tokenizer).with_context(|| {
        format!(
            "{}: it holds characters where token ids are wanted, and the model's tokenizer cannot encode them: put the \
             ids of the text into it, with those of {SYSTEM_PREFIX}{END_OF_PROMPT} in front",
            path.display()
        )
    })?;
    let prefix = match text.contains(END_OF_PROMPT) {
        true => String::new(),
        false => format!("{SYSTEM_PREFIX}{END_OF_PROMPT}"),
    };
    Ok(tokenizer.encode(&format!("{prefix}{text}"))?)
}

/// Numbers of a file, separated by white space or commas.
fn numbers<T: FromStr>(path: &Path) -> Result<Vec<T>> {
    parse(path, &regular_file::read_text(path, MAX_FILE)?)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| !word.is_empty())
}

fn parse<T: FromStr>(path: &Path, text: &str) -> Result<Vec<T>> {
    let numbers = words(text).map(|word| {
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
