//! `cosyvoice3 voice show`.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use cosyvoice3::{
    manifest::Manifest,
    voice::{Place, Voice, library::lexicon_of},
};

use super::{ModelOption, list::roles};

/// Show a voice: its file, language, reference speech and origin.
#[derive(Args)]
pub struct ShowOptions {
    /// Name of the voice
    name: String,
    #[command(flatten)]
    model: ModelOption,
}

/// Prints the properties of a voice, a line each.
pub fn show(options: &ShowOptions) -> Result<()> {
    let library = options.model.library()?;
    let file = library.find(&options.name)?;
    let voice = Voice::load(&file)?;
    let place = match library.place_of(&file) {
        Place::Own => "your own",
        Place::OfModel => "the model's",
    };
    let speech = format!(
        "{:.2} s, {} speech tokens",
        voice.prompt_tokens.len() as f64 / 25.0,
        voice.prompt_tokens.len()
    );
    let text = match &voice.prompt_text {
        Some(text) => format!("\"{text}\""),
        None if voice.prompt_text_ids.is_empty() => {
            "no transcript: the voice speaks without the manner of its recording".into()
        }
        None => format!("{} text tokens", voice.prompt_text_ids.len()),
    };
    let lexicon = lexicon_of(&file);
    let mut lines = vec![
        ("voice", voice.name.clone()),
        ("file", format!("{} ({place})", file.display())),
        ("language", language(&voice)),
        ("reference speech", speech),
        ("its words", text),
    ];
    let manifest = Manifest::read(library.model())?;
    lines.extend(
        roles(&manifest, &options.name)
            .into_iter()
            .map(|role| ("speaks", role)),
    );
    lines.extend(voice.provenance.clone().map(|origin| ("origin", origin)));
    if lexicon.exists() {
        lines.push(("lexicon", lexicon.display().to_string()));
    }
    let mut out = io::stdout().lock();
    for (key, value) in lines {
        writeln!(out, "{key:16}  {value}")?;
    }
    Ok(())
}

fn language(voice: &Voice) -> String {
    match (&voice.language, voice.spoken_language()) {
        (Some(language), _) => language.clone(),
        (None, Some(language)) => format!("{} (by its words)", language.tag()),
        (None, None) => "not known".into(),
    }
}
