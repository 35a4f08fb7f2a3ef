//! `cosyvoice3 voice`: the voices of a model.

mod add;
mod export;
mod import;
mod list;
mod remove;
mod rename;
mod sample;
mod show;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use cosyvoice3::{
    default_model_dir,
    voice::{Library, Place},
};

/// Commands on voices.
#[derive(Subcommand)]
pub enum VoiceCommand {
    Add(add::AddOptions),
    List(list::ListOptions),
    Show(show::ShowOptions),
    Play(sample::PlayOptions),
    Rename(rename::RenameOptions),
    Remove(remove::RemoveOptions),
    Import(import::ImportOptions),
    Export(export::ExportOptions),
}

/// Runs a command on voices.
pub fn run(command: &VoiceCommand) -> Result<ExitCode> {
    match command {
        VoiceCommand::Add(options) => return add::add(options),
        VoiceCommand::List(options) => list::list(options)?,
        VoiceCommand::Show(options) => show::show(options)?,
        VoiceCommand::Play(options) => return sample::play(options),
        VoiceCommand::Rename(options) => rename::rename(options)?,
        VoiceCommand::Remove(options) => remove::remove(options)?,
        VoiceCommand::Import(options) => import::import(options)?,
        VoiceCommand::Export(options) => export::export(options)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The model whose voices are meant.
#[derive(Args)]
pub struct ModelOption {
    /// Model directory [default: COSYVOICE3_MODEL_PATH, else the installed voice]
    #[arg(long = "model", value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl ModelOption {
    /// The voices of the model.
    fn library(&self) -> Result<Library> {
        let dir = match &self.dir {
            Some(dir) => dir.clone(),
            None => default_model_dir().context("--model DIR names a model directory")?,
        };
        Ok(Library::of(&dir)?)
    }
}

/// The place of a new voice.
#[derive(Args)]
pub struct PlaceOption {
    /// Put it into the model directory, for all users of the model and for services, instead of your own directory
    #[arg(long)]
    shared: bool,
    /// Make it the voice for texts that name none; the first voice of a model is so anyway
    #[arg(long, requires = "shared")]
    default: bool,
    /// Replace the voice of that name, or hide the model's
    #[arg(long)]
    replace: bool,
}

impl PlaceOption {
    fn place(&self) -> Place {
        match self.shared {
            true => Place::OfModel,
            false => Place::Own,
        }
    }
}
