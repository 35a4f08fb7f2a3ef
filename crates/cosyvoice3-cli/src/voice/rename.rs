//! `cosyvoice3 voice rename`.

use anyhow::Result;
use clap::Args;

use super::ModelOption;

/// Give a voice another name.
#[derive(Args)]
pub struct RenameOptions {
    /// Name of the voice
    name: String,
    /// Its new name
    new: String,
    #[command(flatten)]
    model: ModelOption,
}

/// Renames a voice.
pub fn rename(options: &RenameOptions) -> Result<()> {
    let library = options.model.library()?;
    let file = library.rename(&options.name, &options.new)?;
    eprintln!(
        "{} is now {} ({})",
        options.name,
        options.new,
        file.display()
    );
    Ok(())
}
