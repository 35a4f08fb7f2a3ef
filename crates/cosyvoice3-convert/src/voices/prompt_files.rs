//! `prompt_files`: the six text files in which edge pipelines keep a speaker prompt.

use std::{fmt::Write, path::Path, str::FromStr};

use anyhow::{Context, Result, anyhow, ensure};
use cosyvoice3::{constants::MEL_BINS, regular_file, voice::Voice};

use super::{MAX_FILE, Prompt, Text};
use crate::directory::output::UnfinishedFolder;

const TEXT: &str = "prompt_text.txt";
const LM_TOKENS: &str = "llm_prompt_speech_token.txt";
const FLOW_TOKENS: &str = "flow_prompt_speech_token.txt";
const MEL: &str = "prompt_speech_feat.txt";
const LM_EMBEDDING: &str = "llm_embedding.txt";
const FLOW_EMBEDDING: &str = "flow_embedding.txt";
/// The words of the reference speech; a file of ours, which other programs do not miss.
const TRANSCRIPT: &str = "prompt_transcript.txt";

/// Returns true if the folder `dir` holds at least one of the files.
pub fn are_in(dir: &Path) -> bool {
    [
        TEXT,
        LM_TOKENS,
        FLOW_TOKENS,
        MEL,
        LM_EMBEDDING,
        FLOW_EMBEDDING,
    ]
    .iter()
    .any(|name| dir.join(name).exists())
}

/// Reads the files in `dir`.
pub fn read(dir: &Path) -> Result<Prompt> {
    let tokens: Vec<u32> = numbers(&dir.join(LM_TOKENS))?;
    let flow_tokens: Vec<u32> = numbers(&dir.join(FLOW_TOKENS))?;
    ensure!(
        tokens.starts_with(&flow_tokens),
        "{}: {LM_TOKENS} and {FLOW_TOKENS} differ: they must hold the same reference speech",
        dir.display()
    );
    let embedding: Vec<f32> = numbers(&dir.join(FLOW_EMBEDDING))?;
    // The language model of CosyVoice3 takes no speaker embedding; the file must be there, but only the flow's counts.
    let _: Vec<f32> = numbers(&dir.join(LM_EMBEDDING))?;
    let mel: Vec<f32> = numbers(&dir.join(MEL))?;
    ensure!(
        mel.len().is_multiple_of(MEL_BINS),
        "{}: {} values are not a whole number of frames of {MEL_BINS}: the file is damaged",
        dir.join(MEL).display(),
        mel.len()
    );
    let transcript = regular_file::read_text(&dir.join(TRANSCRIPT), MAX_FILE);
    Ok(Prompt {
        name: None,
        text: text(&dir.join(TEXT))?,
        transcript: transcript.ok().map(|text| text.trim().to_owned()),
        tokens,
        flow_tokens,
        mel,
        embedding,
    })
}

/// Writes `voice` as the folder `dir`, which is there whole afterwards or not at all.
pub fn write(voice: &Voice, dir: &Path) -> Result<()> {
    let folder = UnfinishedFolder::beside(dir)?;
    let mel = &voice.prompt_mel;
    let mut frames = String::new();
    for frame in 0..mel.frames() {
        let values: Vec<f32> = (0..MEL_BINS).map(|bin| mel.row(bin)[frame]).collect();
        frames += &line(&values);
    }
    for (name, content) in [
        (TEXT, &line(&voice.prompt_text_ids)),
        (LM_TOKENS, &line(&voice.speech_tokens())),
        (FLOW_TOKENS, &line(&voice.prompt_tokens)),
        (MEL, &frames),
        (LM_EMBEDDING, &line(&voice.embedding)),
        (FLOW_EMBEDDING, &line(&voice.embedding)),
    ] {
        folder.write(name, content.as_bytes())?;
    }
    if let Some(text) = &voice.prompt_text {
        folder.write(TRANSCRIPT, format!("{text}\n").as_bytes())?;
    }
    folder.finish()
}

/// Numbers on one line, each in the shortest form that reads back the same.
fn line<T: std::fmt::Display>(numbers: &[T]) -> String {
    let mut line = String::new();
    for (i, number) in numbers.iter().enumerate() {
        let separator = if i == 0 { "" } else { " " };
        write!(line, "{separator}{number}").expect("a string takes all");
    }
    line + "\n"
}

fn text(path: &Path) -> Result<Text> {
    let text = regular_file::read_text(path, MAX_FILE)?;
    if text.trim().is_empty() {
        return Ok(Text::None);
    }
    // A text may hold numbers, and a list of ids a slip.
    let numbers = words(&text).filter(|word| word.parse::<f64>().is_ok());
    if 2 * numbers.count() < words(&text).count() {
        return Ok(Text::Characters(text.trim().to_owned()));
    }
    let ids = parse(path, &text).context("token ids of the prompt's text are wanted")?;
    Ok(Text::Ids(ids))
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
