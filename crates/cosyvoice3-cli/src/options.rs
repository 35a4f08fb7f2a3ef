//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use cosyvoice3_text::{Language, Reading};

use crate::{model::ModelCommand, voice::VoiceCommand};

/// Speaks Russian and English with CosyVoice3, on this machine alone.
#[derive(Parser)]
#[command(name = "cosyvoice3", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    Say(Box<SayOptions>),
    Serve(Box<cosyvoice3_serve::Arguments>),
    Text(TextOptions),
    /// Add, hear and keep voices
    #[command(subcommand)]
    Voice(VoiceCommand),
    /// Make model directories, and look at them
    #[command(subcommand)]
    Model(Box<ModelCommand>),
    /// Print the completions of a shell, for the place where that shell looks for them
    Completions {
        /// Shell that is to complete `cosyvoice3`
        shell: Shell,
    },
    /// Make a voice for a server, which starts the tool so
    #[command(name = cosyvoice3_serve::ENROL_COMMAND, hide = true)]
    EnrolRecording,
    /// Write the manual pages into a directory
    #[command(hide = true)]
    Man {
        /// Directory that gets them; it has to be there
        directory: PathBuf,
    },
}

/// Speak a text, or subtitles each at its time: to the default sound device, to a file, or to loudspeakers by RTP.
///
/// The kind of a file follows from the ending of its name: .wav (16 bits), .opus, .ogg, .mp3 or .flac. A file is
/// there when it is whole, and a failure leaves the one that was there before.
#[derive(Args, Default)]
pub struct SayOptions {
    /// The text; or a file of subtitles, whose name ends with .srt, .vtt, .ass or .ssa; or `-` for the standard input,
    /// which is spoken line by line
    #[arg(value_name = "TEXT")]
    pub what: String,
    /// File to write
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Loudspeaker or multicast group to send to, as PCMU in RTP packets of 20 ms
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "output")]
    pub rtp: Option<String>,
    /// Write 32-bit floats into a WAV file: all that the model made, for further work; not every player takes it
    #[arg(long, requires = "output")]
    pub float: bool,
    /// File of captions to write, in the SubRip format: the words as they are spoken, at estimated times
    #[arg(long, value_name = "FILE")]
    pub srt: Option<PathBuf>,
    /// Voice of the model; `cosyvoice3 voice list` names them [default: the model's for the language of the text]
    #[arg(long, value_name = "NAME")]
    pub voice: Option<String>,
    /// Tempo, from 0.5 to 2.0
    #[arg(long, value_name = "FACTOR")]
    pub speed: Option<String>,
    /// The same seed, text and settings give the same samples; -1 draws another each time
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub seed: Option<String>,
    /// Model directory [default: COSYVOICE3_MODEL_PATH, else the installed voice]
    #[arg(long, value_name = "DIR")]
    pub model: Option<String>,
    /// Manner of speaking, in words for the model: "speak fast"
    #[arg(long, value_name = "WORDS")]
    pub instruct: Option<String>,
    /// Further properties of the element cosyvoice3src (`gst-inspect-1.0 cosyvoice3src` lists them)
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Say TEXT as it stands, even if it is `-` or looks like the name of a file
    #[arg(long, conflicts_with_all = ["subtitles", "drop_descriptions", "drop_speakers"])]
    pub text: bool,
    /// Read TEXT as the name of a file of subtitles, whatever its ending
    #[arg(long)]
    pub subtitles: bool,
    /// Leave descriptions of sounds in subtitles unspoken: [DOOR SLAMS]
    #[arg(long)]
    pub drop_descriptions: bool,
    /// Leave the names of speakers in subtitles unspoken: ANNA:
    #[arg(long)]
    pub drop_speakers: bool,
}

/// Show how a text is read: each line with its numbers, dates, units and abbreviations in words.
#[derive(Args)]
pub struct TextOptions {
    /// The text [default: the lines of the standard input]
    pub text: Option<String>,
    /// Language of the text; auto is for each sentence the one that its letters show, else that of the one before
    #[arg(long, value_name = "auto|ru|en|zh", default_value = "auto", hide_default_value = true, value_parser = language)]
    pub language: Chosen,
    /// Reader of the digits of Chinese text: the model, which has learnt them, or the rules for written text
    #[arg(long, value_name = "model|written", default_value = "model", hide_default_value = true, value_parser = reading)]
    pub text_reading: Reading,
    /// Words and phrases and how to say them, a line each: WRITTEN = SPOKEN
    #[arg(long, value_name = "FILE")]
    pub lexicon: Option<PathBuf>,
    /// Take a `+` before a vowel for a mark of its stress
    #[arg(long)]
    pub stress_mark: bool,
    /// Print below each line the pieces that are not said as they are written, and the rules that read them
    #[arg(long)]
    pub explain: bool,
    /// Print a line for each sentence instead of one for each line of the text
    #[arg(long)]
    pub sentences: bool,
}

/// A language, or that of the text.
#[derive(Debug, Clone, Copy)]
pub struct Chosen(pub Option<Language>);

fn language(tag: &str) -> Result<Chosen, String> {
    match Language::from_tag(tag) {
        None if tag != "auto" => Err("expected auto, ru, en or zh".into()),
        language => Ok(Chosen(language)),
    }
}

fn reading(name: &str) -> Result<Reading, String> {
    Reading::from_name(name).ok_or_else(|| "expected model or written".into())
}
