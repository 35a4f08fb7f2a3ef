//! `cosyvoice3 voice list`: the voices of a model directory.

use std::{
    io::{self, Write},
    path::Path,
};

use anyhow::{Context, Result};
use cosyvoice3::{
    manifest::{Manifest, locate},
    voice::{self, Voice},
};

/// Prints a line for each voice of `model`, or of the model that is found without a name.
pub fn list(model: Option<&Path>) -> Result<()> {
    let dir = match model {
        Some(dir) => dir.to_owned(),
        None => locate::default_dir().context("--model DIR names a model directory")?,
    };
    let manifest = Manifest::read(&dir)?;
    let names = voice::list(&dir)?;
    let width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = io::stdout().lock();
    for name in &names {
        let voice = Voice::load(&voice::path(&dir, name));
        let language = match &voice {
            Ok(voice) => voice.language.as_deref().unwrap_or("-"),
            Err(_) => "?",
        };
        let line = format!("{name:width$}  {language:2}  {}", roles(&manifest, name));
        writeln!(out, "{}", line.trim_end())?;
        if let Err(error) = voice {
            eprintln!("warning: {error}");
        }
    }
    if names.is_empty() {
        eprintln!(
            "{} has no voice yet; `cosyvoice3-convert voice` makes one",
            dir.display()
        );
    }
    Ok(())
}

/// The texts that a voice speaks where none is named.
fn roles(manifest: &Manifest, name: &str) -> String {
    let languages = manifest.voice_for_language.iter();
    let mut roles: Vec<&str> = languages
        .filter(|(_, voice)| *voice == name)
        .map(|(language, _)| language.as_str())
        .collect();
    if manifest.default_voice == name {
        roles.push("others");
    }
    match roles.is_empty() {
        true => String::new(),
        false => format!("default for {}", roles.join(", ")),
    }
}
