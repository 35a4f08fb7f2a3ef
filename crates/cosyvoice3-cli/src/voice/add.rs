//! `cosyvoice3 voice add`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Args;
use cosyvoice3::{
    cancel::Cancel,
    enrol::{CONSENT, EnrolOptions, Enrolled, Enroller},
    regular_file,
    voice::{Library, Voice},
};

use gstcosyvoice3::recording::hear;

use super::{ModelOption, PlaceOption, import::keep, sample};
use crate::progress::Progress;

/// Longest transcript in a file, in bytes; half a minute of speech has less than a thousand.
const MAX_TRANSCRIPT: u64 = 64 << 10;

/// Make a voice of a recording: some 4 to 10 seconds of one person, without noise and music.
///
/// Any sound file will do that GStreamer decodes. Silence at both ends is left out, and the loudness is set. The exact words
/// of the recording make the voice speak in its manner; without them it takes over the timbre alone.
///
/// Clone a voice only with the consent of the person it belongs to.
#[derive(Args)]
pub struct AddOptions {
    /// Name of the voice
    name: String,
    /// Sound file
    recording: PathBuf,
    /// Words of the recording, exactly as they are spoken
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// File that holds them
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    text_file: Option<PathBuf>,
    /// Language of the recording, as in ru, en or zh [default: that of its words]
    #[arg(long)]
    language: Option<String>,
    /// Take the best stretch of a recording that is too long; the words must be those of the stretch
    #[arg(long)]
    trim: bool,
    /// Origin of the voice: recording, licence, consent
    #[arg(long, value_name = "TEXT")]
    provenance: Option<String>,
    /// Say a sentence in the new voice
    #[arg(long = "try")]
    try_out: bool,
    #[command(flatten)]
    place: PlaceOption,
    #[command(flatten)]
    model: ModelOption,
}

/// Adds a voice.
pub fn add(options: &AddOptions) -> Result<ExitCode> {
    let library = options.model.library()?;
    library.check_new(&options.name, options.place.place(), options.place.replace)?;
    let text = match &options.text_file {
        Some(file) => Some(regular_file::read_text(file, MAX_TRANSCRIPT)?),
        None => options.text.clone(),
    };
    let mut enrolment = EnrolOptions::default();
    enrolment.transcript = text;
    enrolment.trim = options.trim;
    enrolment.language.clone_from(&options.language);
    enrolment.provenance.clone_from(&options.provenance);
    let voice = enrol(&library, &options.recording, &enrolment)?;
    let voice = Voice {
        name: options.name.clone(),
        ..voice
    };
    keep(&library, &voice, &options.place)?;
    if options.try_out {
        return sample::speak(&library, &options.name, None, None);
    }
    eprintln!("`cosyvoice3 voice play {}` lets you hear it", options.name);
    Ok(ExitCode::SUCCESS)
}

/// A voice of a sound file, without a name; what was found in the recording is printed.
pub fn enrol(library: &Library, recording: &Path, options: &EnrolOptions) -> Result<Voice> {
    eprintln!("{CONSENT}");
    regular_file::open(recording)?;
    gst::init()?;
    let progress = Progress::new();
    progress.work("loading the networks");
    let enrolled = (|| -> Result<Enrolled> {
        let enroller = Enroller::open(library.model())?;
        progress.work(&format!("reading {}", recording.display()));
        let heard = hear(recording, &Cancel::new(), &mut |time| progress.made(time))?;
        enroller
            .enrol_heard(&heard, options, &mut |stage| {
                progress.work(&stage.to_string())
            })
            .with_context(|| recording.display().to_string())
    })();
    progress.done();
    let enrolled = enrolled?;
    eprintln!("{}", enrolled.report);
    for warning in &enrolled.report.warnings {
        eprintln!("warning: {warning}");
    }
    Ok(enrolled.voice)
}
