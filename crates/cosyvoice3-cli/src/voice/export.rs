//! `cosyvoice3 voice export`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use cosyvoice3::voice::Voice;
use cosyvoice3_convert::voices::{self, Format};

use super::ModelOption;

/// Write a voice for other programs: as prompt_files/ of edge pipelines, or as spk2info.pt of the official program.
#[derive(Args)]
pub struct ExportOptions {
    /// Name of the voice
    name: String,
    /// File or folder to make
    path: PathBuf,
    /// Its format [default: spk2info for a name that ends with .pt, else prompt-files]
    #[arg(long, value_enum)]
    format: Option<Exported>,
    #[command(flatten)]
    model: ModelOption,
}

/// Formats that are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Exported {
    /// A folder of six text files
    PromptFiles,
    /// One file with one speaker
    Spk2info,
}

/// Exports a voice.
pub fn export(options: &ExportOptions) -> Result<()> {
    let library = options.model.library()?;
    let voice = Voice::load(&library.find(&options.name)?)?;
    let format = match options.format {
        Some(Exported::PromptFiles) => Format::PromptFiles,
        Some(Exported::Spk2info) => Format::Spk2Info,
        None if options
            .path
            .extension()
            .is_some_and(|ending| ending == "pt") =>
        {
            Format::Spk2Info
        }
        None => Format::PromptFiles,
    };
    voices::write(&voice, format, &options.path)?;
    eprintln!(
        "{} holds the voice {} as {format}",
        options.path.display(),
        voice.name
    );
    Ok(())
}
