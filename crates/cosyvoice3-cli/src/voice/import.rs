//! `cosyvoice3 voice import`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use cosyvoice3::{
    enrol::EnrolOptions,
    manifest::Manifest,
    voice::{Library, Voice},
};
use cosyvoice3_convert::voices::{self, Options, Source};

use super::{ModelOption, PlaceOption, add};

/// Take over a voice from another program.
///
/// The format is found by the content: spk2info.pt of the official program, prompt_files/ of edge pipelines, the four .npy
/// files of the RK3588 port, prompt_speech.gguf of cosyvoice.cpp, an .npz of cv3cpu, a folder with ref.wav and
/// ref.txt (which is enrolled), or a voice file of ours.
#[derive(Args)]
pub struct ImportOptions {
    /// Name that the voice gets
    name: String,
    /// File or folder that holds it
    path: PathBuf,
    /// Speaker to take, of a file with several
    #[arg(long, value_name = "SPEAKER")]
    speaker: Option<String>,
    /// Words of the reference speech [default: those in the file]
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Language of the reference speech, as in ru, en or zh [default: that of its words]
    #[arg(long)]
    language: Option<String>,
    /// Origin of the voice: recording, licence, consent
    #[arg(long, value_name = "TEXT")]
    provenance: Option<String>,
    #[command(flatten)]
    place: PlaceOption,
    #[command(flatten)]
    model: ModelOption,
}

/// Imports a voice.
pub fn import(options: &ImportOptions) -> Result<()> {
    let library = options.model.library()?;
    let place = options.place.place();
    library.check_new(&options.name, place, options.place.replace)?;
    let source = voices::read(&options.path)?;
    let voice = match source {
        Source::Prompts(format, prompts) => {
            let prompt = voices::choose(prompts, options.speaker.as_deref(), &options.path)?;
            let tokenizer = library
                .model()
                .join(&Manifest::read(library.model())?.lm.tokenizer);
            let (voice, notes) =
                prompt.into_voice(&tokenizer, &properties(options), &options.path)?;
            eprintln!("{} is {format}", options.path.display());
            notes.iter().for_each(|note| eprintln!("{note}"));
            voice
        }
        Source::Voice(voice) => overridden(*voice, properties(options)),
        Source::Recording { sound, transcript } => {
            let mut enrolment = EnrolOptions::default();
            enrolment.transcript = options.text.clone().or(transcript);
            enrolment.language.clone_from(&options.language);
            enrolment.provenance.clone_from(&options.provenance);
            let voice = add::enrol(&library, &sound, &enrolment)?;
            Voice {
                name: options.name.clone(),
                ..voice
            }
        }
    };
    keep(&library, &voice, &options.place)
}

/// Puts a voice to its place, and says so.
pub fn keep(library: &Library, voice: &Voice, place: &PlaceOption) -> Result<()> {
    let manifest = Manifest::read(library.model())?;
    let file = library.put(voice, place.place(), place.replace)?;
    eprintln!(
        "voice {}: {:.1} s of reference speech, {} text tokens ({})",
        voice.name,
        voice.prompt_tokens.len() as f64 / 25.0,
        voice.prompt_text_ids.len(),
        file.display()
    );
    if place.default || place.shared && manifest.default_voice.is_empty() {
        library.make_default(&voice.name)?;
        eprintln!("{} is the default voice", voice.name);
    }
    Ok(())
}

fn properties(options: &ImportOptions) -> Options {
    Options {
        name: options.name.clone(),
        language: options.language.clone(),
        transcript: options.text.clone(),
        provenance: options.provenance.clone(),
    }
}

/// A voice of ours under another name, with the properties that were given.
fn overridden(voice: Voice, options: Options) -> Voice {
    Voice {
        name: options.name,
        language: options.language.or(voice.language),
        prompt_text: options.transcript.or(voice.prompt_text),
        provenance: options.provenance.or(voice.provenance),
        ..voice
    }
}
