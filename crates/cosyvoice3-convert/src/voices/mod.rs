//! Voices as other programs keep them: a [`Prompt`] is read from each of their formats, and becomes a [`Voice`] of a model.
//!
//! The format is found by the content of a path, never by its name. What is read comes from strangers: regular files alone,
//! of a size that voices have, and nothing in them is run.

mod npy_files;
mod prompt_files;
mod prompt_speech;
mod spk2info;

use std::{
    fmt,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use cosyvoice3::{
    constants::{FRAMES_PER_TOKEN, MEL_BINS},
    mel::Mel,
    regular_file,
    text::{END_OF_PROMPT, SYSTEM_PREFIX, Tokenizer},
    voice::Voice,
};

/// Longest file of a voice; the mel of a minute takes 6 MB as text.
const MAX_FILE: u64 = 64 << 20;
/// Most that the mel may be shorter than the speech tokens say, in tokens. The tokenizer rounds the length of the sound up,
/// the mel rounds it down, and a token or two at the end are left out everywhere.
const MAX_TRIMMED: usize = 2;
/// Recording and transcript of the folders that some servers keep.
const RECORDING: &str = "ref.wav";
const TRANSCRIPT: &str = "ref.txt";

/// A format of voices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A folder of six text files.
    PromptFiles,
    /// A folder of four `.npy` files.
    NpyFiles,
    /// cv3cpu's `.npz`.
    Npz,
    /// The official program's `spk2info.pt`, with any number of speakers.
    Spk2Info,
    /// cosyvoice.cpp's `prompt_speech.gguf`.
    PromptSpeech,
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::PromptFiles => "prompt_files",
            Self::NpyFiles => "four .npy files",
            Self::Npz => ".npz of cv3cpu",
            Self::Spk2Info => "spk2info.pt",
            Self::PromptSpeech => "prompt_speech.gguf of cosyvoice.cpp",
        })
    }
}

/// Content of a path that holds voices.
#[derive(Debug)]
pub enum Source {
    /// Speaker prompts.
    Prompts(Format, Vec<Prompt>),
    /// A voice of ours.
    Voice(Box<Voice>),
    /// A recording, which has yet to be enrolled, and its transcript.
    Recording {
        /// The sound.
        sound: PathBuf,
        /// Its words, where a file holds them.
        transcript: Option<String>,
    },
}

/// Text of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum Text {
    /// None: the voice speaks without a transcript.
    None,
    /// Ids of the model's tokenizer.
    Ids(Vec<u32>),
    /// Characters, with the system prefix or without.
    Characters(String),
}

/// A speaker prompt as a file holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// Name of the speaker, where the file has several or says it.
    pub name: Option<String>,
    /// The prompt's text.
    pub text: Text,
    /// The words of the reference speech, where they are beside the ids.
    pub transcript: Option<String>,
    /// Speech tokens of the reference speech for the language model, 25 a second.
    pub tokens: Vec<u32>,
    /// The first of them, for the flow: each has two mel frames, but perhaps the last.
    pub flow_tokens: Vec<u32>,
    /// Its log-mel at 24 kHz, frame after frame of [`MEL_BINS`] values.
    pub mel: Vec<f32>,
    /// Speaker embedding.
    pub embedding: Vec<f32>,
}

/// Properties of a voice that its file does not hold, or that shall be others.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Name of the voice.
    pub name: String,
    /// BCP 47 language of the reference speech.
    pub language: Option<String>,
    /// Transcript of the reference speech.
    pub transcript: Option<String>,
    /// Origin of the voice.
    pub provenance: Option<String>,
}

/// Reads what `path` holds.
///
/// # Errors
/// It holds no voice of a known format, or a damaged one; the message names the file.
pub fn read(path: &Path) -> Result<Source> {
    let prompts = |format, prompts| Ok(Source::Prompts(format, prompts));
    if path.is_dir() {
        return read_directory(path);
    }
    let mut start = Vec::new();
    regular_file::open(path)?
        .take(16)
        .read_to_end(&mut start)
        .with_context(|| path.display().to_string())?;
    if start.starts_with(b"GGUF") {
        return prompts(Format::PromptSpeech, vec![prompt_speech::read(path)?]);
    }
    if start.starts_with(b"PK\x03\x04") {
        return match npy_files::read_npz(path)? {
            Some(prompt) => prompts(Format::Npz, vec![prompt]),
            None => prompts(Format::Spk2Info, spk2info::read(path)?),
        };
    }
    // safetensors begins with the length of its header, which is JSON.
    if start.get(8) == Some(&b'{') {
        return Ok(Source::Voice(Box::new(Voice::load(path)?)));
    }
    ensure!(
        !start.starts_with(b"\x80\x02"),
        "{}: a pickle of torch's old kind: load it and torch.save it again",
        path.display()
    );
    bail!(
        "{}: not a known kind of voice: expected spk2info.pt, prompt_speech.gguf, an .npz of cv3cpu, or a folder with \
         prompt_files, the four .npy files or {RECORDING}. `cosyvoice3 voice add` makes a voice from a recording",
        path.display()
    )
}

fn read_directory(dir: &Path) -> Result<Source> {
    if prompt_files::are_in(dir) {
        let prompt = prompt_files::read(dir)?;
        return Ok(Source::Prompts(Format::PromptFiles, vec![prompt]));
    }
    if npy_files::are_in(dir) {
        let prompt = npy_files::read(dir)?;
        return Ok(Source::Prompts(Format::NpyFiles, vec![prompt]));
    }
    let sound = dir.join(RECORDING);
    if sound.exists() {
        let transcript = dir.join(TRANSCRIPT);
        let transcript = match transcript.exists() {
            true => Some(
                regular_file::read_text(&transcript, MAX_FILE)?
                    .trim()
                    .to_owned(),
            ),
            false => None,
        };
        let transcript = transcript.filter(|text| !text.is_empty());
        return Ok(Source::Recording { sound, transcript });
    }
    bail!(
        "{}: no voice in this folder: expected prompt_files (prompt_text.txt and others), speaker_embedding.npy and three \
         others, or {RECORDING}",
        dir.display()
    )
}

/// Writes `voice` as `format` to `path`, which must not be there.
///
/// # Errors
/// `path` is there, cannot be written, or nothing here writes the format. Nothing is left then.
pub fn write(voice: &Voice, format: Format, path: &Path) -> Result<()> {
    ensure!(
        path.symlink_metadata().is_err(),
        "{} is there already: choose another name, or remove it",
        path.display()
    );
    match format {
        Format::PromptFiles => prompt_files::write(voice, path),
        Format::Spk2Info => spk2info::write(voice, path),
        other => bail!("no voice is exported as {other}"),
    }
}

impl Prompt {
    /// Checks all that can be known without a model. The name of the file, `at`, begins the message.
    ///
    /// # Errors
    /// Numbers that do not fit together, or are none of a prompt.
    pub fn check(&self, at: &Path) -> Result<()> {
        let options = Options::default();
        self.voice_of(Vec::new(), &options, at).map(|_| ())
    }

    /// The voice that a model with the tokenizer in the file `tokenizer` makes of this, and notes for the user. The name of
    /// the prompt's file, `at`, begins each message.
    ///
    /// # Errors
    /// Those of [`check`](Self::check); or the text are characters, and the tokenizer cannot be loaded.
    pub fn into_voice(
        self,
        tokenizer: &Path,
        options: &Options,
        at: &Path,
    ) -> Result<(Voice, Vec<String>)> {
        let mut notes = Vec::new();
        let ids = match &self.text {
            Text::None => Vec::new(),
            Text::Ids(ids) => ids.clone(),
            Text::Characters(text) => {
                notes.push(
                    "the prompt's text holds characters: encoded by the model's tokenizer".into(),
                );
                encode(text, at, tokenizer)?
            }
        };
        let mut voice = self.voice_of(ids, options, at)?;
        if voice.prompt_text.is_none() {
            voice.prompt_text = self.words(&voice.prompt_text_ids, tokenizer);
        }
        Ok((voice, notes))
    }

    fn voice_of(&self, text_ids: Vec<u32>, options: &Options, at: &Path) -> Result<Voice> {
        ensure!(
            self.tokens.starts_with(&self.flow_tokens),
            "{}: llm_prompt_speech_token and flow_prompt_speech_token differ: they must hold the same reference speech",
            at.display()
        );
        let frames = self.mel.len() / MEL_BINS;
        let count = self.flow_tokens.len().min(frames / FRAMES_PER_TOKEN);
        ensure!(
            self.mel.len().is_multiple_of(MEL_BINS)
                && self.flow_tokens.len() - count <= MAX_TRIMMED
                && frames - FRAMES_PER_TOKEN * count <= MAX_TRIMMED * FRAMES_PER_TOKEN,
            "{}: a mel of {} values, but {} speech tokens need {} ({FRAMES_PER_TOKEN} frames of {MEL_BINS} each): tokens and mel belong to different recordings",
            at.display(),
            self.mel.len(),
            self.flow_tokens.len(),
            self.flow_tokens.len() * FRAMES_PER_TOKEN * MEL_BINS
        );
        let voice = Voice {
            name: options.name.clone(),
            language: options.language.clone(),
            prompt_text: options
                .transcript
                .clone()
                .or_else(|| self.transcript.clone()),
            prompt_text_ids: text_ids,
            prompt_tokens: self.tokens[..count].to_vec(),
            tail_tokens: self.tokens[count..].to_vec(),
            prompt_mel: Mel::from_frames(&self.mel[..count * FRAMES_PER_TOKEN * MEL_BINS]),
            embedding: self.embedding.clone(),
            provenance: options.provenance.clone(),
        };
        voice
            .check()
            .map_err(|what| anyhow!("{}: {what}", at.display()))?;
        Ok(voice)
    }

    /// The words behind the system prefix, by which the language of the voice is known.
    fn words(&self, ids: &[u32], tokenizer: &Path) -> Option<String> {
        let text = match &self.text {
            Text::Characters(text) => text.clone(),
            _ => Tokenizer::load(tokenizer).ok()?.decode(ids)?,
        };
        let words = text.rsplit(END_OF_PROMPT).next().unwrap_or_default().trim();
        (!words.is_empty()).then(|| words.to_owned())
    }
}

/// The ids of `text`, which the file `at` holds, by the file `tokenizer`.
fn encode(text: &str, at: &Path, tokenizer: &Path) -> Result<Vec<u32>> {
    let tokenizer = Tokenizer::load(tokenizer).with_context(|| {
        format!(
            "{}: its prompt_text holds characters where token ids are wanted, and the model's tokenizer cannot encode them: put the \
             ids of the text into it, with those of {SYSTEM_PREFIX}{END_OF_PROMPT} in front",
            at.display()
        )
    })?;
    let prefix = match text.contains(END_OF_PROMPT) {
        true => String::new(),
        false => format!("{SYSTEM_PREFIX}{END_OF_PROMPT}"),
    };
    Ok(tokenizer.encode(&format!("{prefix}{text}"))?)
}

/// The one of `prompts` from `at` that `wanted` names, or the only one.
///
/// # Errors
/// There is none of that name, or `wanted` is missing where there are several; the message names them.
pub fn choose(prompts: Vec<Prompt>, wanted: Option<&str>, at: &Path) -> Result<Prompt> {
    let names: Vec<String> = prompts
        .iter()
        .filter_map(|prompt| prompt.name.clone())
        .collect();
    let mut found: Vec<Prompt> = match wanted {
        None => prompts,
        Some(wanted) => prompts
            .into_iter()
            .filter(|prompt| prompt.name.as_deref() == Some(wanted))
            .collect(),
    };
    let names = match names.len() {
        0..=20 => names.join(", "),
        _ => format!("{} and {} others", names[..20].join(", "), names.len() - 20),
    };
    match (found.len(), wanted) {
        (1, _) => Ok(found.remove(0)),
        (0, Some(wanted)) => bail!(
            "{}: no speaker {wanted:?}; it contains {names}",
            at.display()
        ),
        (0, None) => bail!("{}: it contains no speaker", at.display()),
        _ => bail!(
            "{}: several speakers, choose one by --speaker: {names}",
            at.display()
        ),
    }
}
