//! `cosyvoice3 voice remove`.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Result, bail};
use clap::Args;
use cosyvoice3::manifest::Manifest;

use super::{ModelOption, list::roles};

/// Remove a voice, after a question.
#[derive(Args)]
pub struct RemoveOptions {
    /// Name of the voice
    name: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    model: ModelOption,
}

/// Removes a voice if the user wants it.
pub fn remove(options: &RemoveOptions) -> Result<()> {
    let library = options.model.library()?;
    let file = library.find(&options.name)?;
    if !options.yes {
        let roles = roles(&Manifest::read(library.model())?, &options.name);
        let roles: String = roles.iter().map(|role| format!(", {role}")).collect();
        let question = format!(
            "Remove the voice {} ({}{roles})?",
            options.name,
            file.display()
        );
        if !confirmed(&question)? {
            bail!("nothing was removed");
        }
    }
    let file = library.remove(&options.name)?;
    eprintln!("{} is removed", file.display());
    Ok(())
}

/// Asks on the terminal.
///
/// # Errors
/// There is none.
fn confirmed(question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("{question} confirm with --yes where there is no terminal");
    }
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    let answer = answer.trim().to_lowercase();
    Ok(["y", "yes", "д", "да", "是"].contains(&answer.as_str()))
}
