//! `cosyvoice3 voice list`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use cosyvoice3::{
    manifest::Manifest,
    voice::{Place, Voice},
};

use super::ModelOption;

/// List the voices: name, language, the languages whose texts they speak by default, and which are your own.
#[derive(Args)]
pub struct ListOptions {
    #[command(flatten)]
    model: ModelOption,
}

/// Prints a line for each voice.
pub fn list(options: &ListOptions) -> Result<()> {
    let library = options.model.library()?;
    let manifest = Manifest::read(library.model())?;
    let names = library.places().names()?;
    let width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = io::stdout().lock();
    for name in &names {
        let file = library.find(name)?;
        let voice = Voice::load(&file);
        let language = match &voice {
            Ok(voice) => voice.language.as_deref().unwrap_or_else(|| {
                voice
                    .spoken_language()
                    .map_or("-", |language| language.tag())
            }),
            Err(_) => "?",
        };
        let mut about = roles(&manifest, name);
        if library.place_of(&file) == Place::Own {
            about.push("your own".into());
        }
        let line = format!("{name:width$}  {language:2}  {}", about.join("; "));
        writeln!(out, "{}", line.trim_end())?;
        if let Err(error) = voice {
            eprintln!("warning: {error}");
        }
    }
    if names.is_empty() {
        eprintln!(
            "{} has no voice yet; `cosyvoice3 voice add` makes one from a recording",
            library.model().display()
        );
    }
    Ok(())
}

/// The texts that a voice speaks where none is named.
pub fn roles(manifest: &Manifest, name: &str) -> Vec<String> {
    let languages = manifest.voice_for_language.iter();
    let mut roles: Vec<&str> = languages
        .filter(|(_, voice)| *voice == name)
        .map(|(language, _)| language.as_str())
        .collect();
    if manifest.default_voice == name {
        roles.push("others");
    }
    match roles.is_empty() {
        true => Vec::new(),
        false => vec![format!("default for {}", roles.join(", "))],
    }
}
