//! `cosyvoice3`: speaks texts and subtitles, shows how a text is read, keeps voices, and makes model directories.
//!
//! [`say`] joins elements of GStreamer into a pipeline, of which the speaking one is linked into this program. Texts, names of
//! files and addresses reach the elements as properties and buffers; no string is ever read as the description of a
//! pipeline.

mod captions;
mod dub;
mod elements;
mod model;
mod options;
mod output;
mod player;
mod progress;
mod property;
mod reading;
mod say;
mod serve;
mod subtitles;
mod voice;

use std::{io, process::ExitCode};

use anyhow::Result;
use clap::{CommandFactory, Parser};

use options::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| refuse(&error));
    match run(cli.command) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", cosyvoice3_serve::redact(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

/// Ends the program over a command line. An address with a password may stand where none is expected, and clap quotes what it
/// does not expect.
fn refuse(error: &clap::Error) -> ! {
    let words = error.to_string();
    let quoted = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let shown = cosyvoice3_serve::redact_words(&words, quoted.skip(1));
    if shown == words {
        error.exit()
    }
    eprint!("{shown}");
    std::process::exit(error.exit_code())
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Say(options) => return say::say(&options),
        Command::Serve(options) => serve::serve(&options)?,
        Command::EnrolRecording => return Ok(cosyvoice3_serve::enrol_recording()),
        Command::Text(options) => reading::show(&options)?,
        Command::Voice(command) => return voice::run(&command),
        Command::Model(command) => model::run(*command)?,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "cosyvoice3", &mut io::stdout());
        }
        Command::Man { directory } => clap_mangen::generate_to(Cli::command(), directory)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Readers such as `head` close the pipe when they have enough, which is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
