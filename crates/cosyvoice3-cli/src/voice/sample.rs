//! `cosyvoice3 voice play`: a sentence in a voice.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Args;
use cosyvoice3::{
    Language,
    manifest::Manifest,
    voice::{Library, Voice},
};

use super::ModelOption;
use crate::{options::SayOptions, say};

/// Hear a voice say a sentence in its language.
#[derive(Args)]
pub struct PlayOptions {
    /// Name of the voice
    name: String,
    /// Another sentence than the usual one
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Write a sound file instead, as `cosyvoice3 say` does
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    model: ModelOption,
}

/// Speaks a sentence in a voice.
pub fn play(options: &PlayOptions) -> Result<ExitCode> {
    let library = options.model.library()?;
    speak(
        &library,
        &options.name,
        options.text.as_deref(),
        options.output.clone(),
    )
}

/// Speaks `text`, else a sentence in its language, in the voice `name`: to the sound device, or to a file.
pub fn speak(
    library: &Library,
    name: &str,
    text: Option<&str>,
    output: Option<PathBuf>,
) -> Result<ExitCode> {
    let voice = Voice::load(&library.find(name)?)?;
    let spoken = Manifest::read(library.model())?.spoken_languages();
    let text = text.unwrap_or_else(|| sentence(&voice, &spoken));
    say::say(&SayOptions {
        what: text.into(),
        text: true,
        output,
        voice: Some(name.into()),
        model: Some(library.model().display().to_string()),
        ..Default::default()
    })
}

/// A sentence that a model of the languages `spoken` (none: all) says in the language of `voice`, if it can.
fn sentence(voice: &Voice, spoken: &[Language]) -> &'static str {
    let language = voice
        .spoken_language()
        .filter(|language| spoken.is_empty() || spoken.contains(language))
        .or(spoken.first().copied());
    match language {
        Some(Language::Russian) => "Здравствуйте! Так звучит этот голос.",
        Some(Language::Chinese) => "你好！这就是这个声音。",
        _ => "Hello! This is how the voice sounds.",
    }
}
