//! The manifest of a model directory, `cosyvoice3.toml`.

pub mod locate;
pub mod verify;

use std::{
    collections::BTreeMap,
    path::{Component, Path},
};

use cosyvoice3_text::{Language, Reading};
use serde::{Deserialize, Serialize};

use crate::{
    Error, ErrorKind, Result, atomic_file,
    constants::{CFG_RATE, SPEECH_CODES, SPEECH_VOCAB},
    regular_file,
};

/// File name of the manifest.
pub const MANIFEST: &str = "cosyvoice3.toml";
/// Longest manifest, many times that of a directory with all there can be.
const MAX_FILE: u64 = 1 << 20;
/// The format this version reads and writes.
pub const FORMAT: u32 = 1;

/// Lengths of the estimators that a directory for an NPU holds, in mel frames, the prompt's included.
pub const ESTIMATOR_FRAMES: [usize; 3] = [200, 250, 300];
/// Windows of the encoders there: tokens after the prompt's, and whether the last three are lookahead.
pub const ENCODER_WINDOWS: [(usize, bool); 4] = [(28, true), (53, true), (78, true), (50, false)];
/// Most Euler steps, as of the property `flow-steps`.
const MAX_STEPS: f64 = 100.0;
/// Largest file: 1 TiB.
const MAX_SIZE: u64 = 1 << 40;

/// Contents of a model directory: geometry, component files, defaults, and the size and SHA-256 of each file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Display name of the model.
    pub name: String,
    /// The program that wrote the directory.
    pub created_by: String,
    /// Voice (`voices/<name>.safetensors`) used where none is requested; empty while there is none.
    #[serde(default)]
    pub default_voice: String,
    /// Voice for texts of a language (`ru`, `en`, `zh`), where it differs from the default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub voice_for_language: BTreeMap<String, String>,
    /// Languages that the model speaks (`ru`, `en`, `zh`); empty: all. Text in another one is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// Default reading of Chinese digits: `model` (as published, and where this is empty) or `written`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text_reading: String,
    /// Notice that users must see before they listen, such as "random weights: this voice is noise".
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notice: String,
    /// Language model.
    pub lm: Lm,
    /// Flow model.
    pub flow: Flow,
    /// Flow model as compiled for an NPU, where the directory has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub npu: Option<Npu>,
    /// Vocoder.
    pub vocoder: Vocoder,
    /// Networks that make voices of recordings, where the directory has them. Speaking needs none of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub front_end: Option<FrontEnd>,
    /// Size and hash of every file but the manifest, the voices and the front end, by path inside the directory.
    pub files: BTreeMap<String, FileEntry>,
}

/// Size and hash of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Bytes.
    pub size: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// The networks of the official front end, in the format in which they are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontEnd {
    /// ONNX, CAM++: `input` `[1, T, 80]` (filterbank) to `output` `[1, 192]`.
    pub speaker_encoder: String,
    /// ONNX: `feats` `[1, 128, T]` (Whisper's log-mel) and `feats_length` `[1]` i32 to `indices`, a token for four frames.
    pub speech_tokenizer: String,
    /// Size and hash of both, by path. Apart from those of the model, so that a model speaks without them.
    pub files: BTreeMap<String, FileEntry>,
}

impl FrontEnd {
    /// Both files, relative to the model directory.
    pub fn names(&self) -> [&str; 2] {
        [&self.speaker_encoder, &self.speech_tokenizer]
    }
}

/// The language model's files, geometry and decoding defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lm {
    /// GGUF whose vocabulary is the speech vocabulary: 6761 rows in and out, no tokenizer.
    pub gguf: String,
    /// safetensors with `text_embedding` and `speech_embedding`, f16 or f32, fed at prefill.
    pub embeddings: String,
    /// `tokenizer.json` of the crate `tokenizers`, special tokens included.
    pub tokenizer: String,
    /// Quantisation of the GGUF: `f32`, `f16`, `q8_0`, `q4_k_m` or `q4_0`.
    pub quantization: String,
    /// Width of an embedding.
    pub hidden_size: usize,
    /// Transformer blocks.
    pub layers: usize,
    /// Rows of the text embedding.
    pub text_vocab: usize,
    /// Rows of the speech embedding and of the head.
    pub speech_vocab: u32,
    /// Longest sequence, prefix and generated tokens together, that decoding may reach.
    pub context: u32,
    /// Id that opens the prefix.
    pub sos: u32,
    /// Id that ends the speech.
    pub eos: u32,
    /// Id between the text and the prompt's speech tokens.
    pub task_id: u32,
    /// First and last id that stop generation.
    pub stop_ids: [u32; 2],
    /// Speech tokens that are silence: of a run only the first [`max_silent_run`](Self::max_silent_run) are spoken.
    pub silent_tokens: Vec<u32>,
    /// See [`silent_tokens`](Self::silent_tokens).
    pub max_silent_run: usize,
    /// Shortest speech, in tokens per text id.
    pub min_token_text_ratio: f32,
    /// Longest speech, in tokens per text id.
    pub max_token_text_ratio: f32,
    /// Default sampling of tokens.
    pub sampling: Sampling,
}

/// Repetition-aware sampling (VALL-E 2's RAS as CosyVoice uses it).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Probability mass of the nucleus.
    pub top_p: f32,
    /// Maximum number of candidates in the nucleus; 0 is any number.
    pub top_k: usize,
    /// Tokens looked back at for repetitions.
    pub win_size: usize,
    /// Share of the window that a token may fill before it is drawn anew.
    pub tau_r: f32,
}

/// The flow model's files and solver defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// ONNX: speech tokens and speaker embedding to `mu` and `spks`, any length. Without it, [`Npu::encoder`] is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
    /// ONNX: the DiT estimator, any length, attention chunk as an input. Without it, [`Manifest::npu`] is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimator: Option<String>,
    /// safetensors: what the time makes of the estimator's weights, where the estimator takes that as an input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<String>,
    /// Arithmetic of the estimator's blocks: `f32`; `int8`, with weights of 7 bits, whose products saturate on no CPU;
    /// or `int8_wide`, with weights of 8 bits. Empty: not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub quantization: String,
    /// Rate of the classifier-free guidance; 0 for a distilled model, which runs without an unconditional row.
    #[serde(default = "cfg_rate", skip_serializing_if = "is_cfg_rate")]
    pub guidance: f32,
    /// Time points of the solver, from 0 to 1, for models that want their own: they stand for steps and schedule unless
    /// the settings ask for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub time_points: Vec<f32>,
    /// Euler steps of the whole-utterance plan.
    pub steps: usize,
    /// Euler steps of the window plan.
    pub window_steps: usize,
    /// Time points of the solver.
    pub schedule: Schedule,
}

fn cfg_rate() -> f32 {
    CFG_RATE
}

fn is_cfg_rate(rate: &f32) -> bool {
    *rate == CFG_RATE
}

impl Flow {
    fn check(&self) -> Result<(), String> {
        let points = &self.time_points;
        let ends = points.first().is_none_or(|first| *first == 0.0)
            && points.last().is_none_or(|last| *last == 1.0);
        let count = points.is_empty() || (2..=1 + MAX_STEPS as usize).contains(&points.len());
        // NaN is in no order.
        if !ends || !count || !points.is_sorted_by(|a, b| a < b) {
            return Err(format!(
                "flow.time_points is {points:?}, expected up to {} ascending numbers from 0 to 1",
                1 + MAX_STEPS as usize
            ));
        }
        if !["", "f32", "int8", "int8_wide"].contains(&&*self.quantization) {
            return Err(format!(
                "flow.quantization is {:?}, expected f32, int8 or int8_wide",
                self.quantization
            ));
        }
        Ok(())
    }

    /// Encoder and estimator for the CPU.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the directory lacks one of them.
    pub fn cpu_files(&self) -> Result<(&str, &str)> {
        match (&self.encoder, &self.estimator) {
            (Some(encoder), Some(estimator)) => Ok((encoder, estimator)),
            (encoder, _) => Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "the model has no flow {} for the CPU, only one for an NPU: use flow-backend=npu, or a directory that `cosyvoice3 model convert` made",
                    if encoder.is_none() {
                        "encoder"
                    } else {
                        "estimator"
                    }
                ),
            )),
        }
    }
}

/// The flow model as compiled for an NPU: fixed lengths, those of the window plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Npu {
    /// The DiT estimators, one for each of [`ESTIMATOR_FRAMES`], ascending.
    pub estimators: Vec<NpuEstimator>,
    /// The encoders; only in a directory that has none for the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<NpuEncoder>,
}

/// An estimator of one length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NpuEstimator {
    /// Mel frames that it works on, those of the prompt included.
    pub frames: usize,
    /// axmodel: `x`, `mu`, `cond` `[2, 80, frames]`, `mask` `[2, 1, frames]`, `t` `[2]` and `spks` `[2, 80]` to `y`
    /// `[2, 80, frames]`, all f32, streaming attention mask.
    pub file: String,
}

/// The flow encoder as one file per window, and the embedding of speech tokens that comes before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NpuEncoder {
    /// safetensors: `token_embedding`, f32, one row of 80 for each of the 6561 sounds.
    pub token_embedding: String,
    /// One for each of [`ENCODER_WINDOWS`], in that order.
    pub windows: Vec<NpuEncoderWindow>,
}

/// The flow encoder for one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NpuEncoderWindow {
    /// Tokens after the prompt's.
    pub tokens: usize,
    /// True if the last three of them serve only as lookahead.
    pub lookahead: bool,
    /// axmodel: `token_embedding` `[1, tokens, 80]` (prompt included), `prompt_feat` `[1, frames, 80]` and `embedding`
    /// `[1, 192]` to `mu` `[1, 80, frames]`, `spks` `[1, 80]` and `cond` `[1, 80, frames]`, all f32.
    pub file: String,
}

impl Npu {
    /// All files, relative to the model directory.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let estimators = self.estimators.iter().map(|estimator| &estimator.file);
        let encoder = self.encoder.iter().flat_map(|encoder| {
            let windows = encoder.windows.iter().map(|window| &window.file);
            std::iter::once(&encoder.token_embedding).chain(windows)
        });
        estimators.chain(encoder).map(String::as_str)
    }

    fn check(&self) -> Result<(), String> {
        let frames: Vec<_> = self.estimators.iter().map(|e| e.frames).collect();
        if frames != ESTIMATOR_FRAMES {
            return Err(format!(
                "npu.estimators are of {frames:?} frames, expected {ESTIMATOR_FRAMES:?}"
            ));
        }
        let Some(encoder) = &self.encoder else {
            return Ok(());
        };
        let windows = encoder.windows.iter();
        let windows: Vec<_> = windows.map(|w| (w.tokens, w.lookahead)).collect();
        if windows != ENCODER_WINDOWS {
            return Err(format!(
                "npu.encoder.windows are (tokens, lookahead) {windows:?}, expected {ENCODER_WINDOWS:?}"
            ));
        }
        Ok(())
    }
}

/// Time points of the ODE solver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// `t_i = 1 - cos(i/n * pi/2)`, as published.
    #[default]
    Cosine,
    /// `t_i = i/n`, as the seed pipeline has it.
    Linear,
    /// The published curve at unevenly spaced places (EPSS), for 5, 6, 7, 10, 12 or 16 steps: more of them where the mel
    /// takes shape.
    Epss,
}

/// The vocoder's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "VocoderTable", into = "VocoderTable")]
pub enum Vocoder {
    /// HiFT, its harmonic source made here.
    Hift {
        /// ONNX: mel and source to audio, any length.
        decoder: String,
        /// safetensors: the F0 predictor's convolutions, folded to float64 when loaded, and the source's linear layer.
        source_weights: String,
        /// Kind of harmonic source.
        source: SourceKind,
    },
    /// All of a vocoder in one graph, its source included.
    MelToAudio {
        /// ONNX: mel to audio, any length.
        graph: String,
    },
}

/// [`Vocoder`] as it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VocoderTable {
    #[serde(skip_serializing_if = "Option::is_none")]
    decoder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_weights: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SourceKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<String>,
}

impl TryFrom<VocoderTable> for Vocoder {
    type Error = &'static str;

    fn try_from(table: VocoderTable) -> Result<Self, Self::Error> {
        match table {
            VocoderTable {
                decoder: Some(decoder),
                source_weights: Some(source_weights),
                source: Some(source),
                graph: None,
            } => Ok(Self::Hift {
                decoder,
                source_weights,
                source,
            }),
            VocoderTable {
                decoder: None,
                source_weights: None,
                source: None,
                graph: Some(graph),
            } => Ok(Self::MelToAudio { graph }),
            _ => Err("vocoder needs either decoder, source_weights and source, or graph alone"),
        }
    }
}

impl From<Vocoder> for VocoderTable {
    fn from(vocoder: Vocoder) -> Self {
        match vocoder {
            Vocoder::Hift {
                decoder,
                source_weights,
                source,
            } => Self {
                decoder: Some(decoder),
                source_weights: Some(source_weights),
                source: Some(source),
                graph: None,
            },
            Vocoder::MelToAudio { graph } => Self {
                decoder: None,
                source_weights: None,
                source: None,
                graph: Some(graph),
            },
        }
    }
}

impl Vocoder {
    fn files(&self) -> impl Iterator<Item = &str> {
        let (first, second) = match self {
            Self::Hift {
                decoder,
                source_weights,
                ..
            } => (decoder, Some(source_weights)),
            Self::MelToAudio { graph } => (graph, None),
        };
        std::iter::once(first).chain(second).map(String::as_str)
    }
}

/// Conversion of F0 into a signal by the vocoder's harmonic source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// CosyVoice3: the phase is held for a whole mel frame.
    #[default]
    Staircase,
    /// The earlier CosyVoice vocoders: a sine at audio rate.
    Sine,
}

/// The language that a manifest means by exactly this tag.
fn language(tag: &str) -> Option<Language> {
    Language::from_tag(tag).filter(|language| language.tag() == tag)
}

impl Manifest {
    /// Reads and checks the manifest of `dir`.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(MANIFEST);
        let text = regular_file::read_text(&path, MAX_FILE).map_err(|error| {
            if error.kind() == ErrorKind::NotFound {
                error.context("not a model directory (`cosyvoice3 model convert` makes one)")
            } else {
                error
            }
        })?;
        let manifest: Self =
            toml::from_str(&text).map_err(|e| Error::damaged(&path, e.to_string().trim_end()))?;
        manifest.check(&path)?;
        Ok(manifest)
    }

    /// The languages that the model speaks; empty: all.
    pub fn spoken_languages(&self) -> Vec<Language> {
        self.languages
            .iter()
            .filter_map(|tag| language(tag))
            .collect()
    }

    /// Default reading of Chinese digits.
    pub fn reading(&self) -> Reading {
        Reading::from_name(&self.text_reading).unwrap_or_default()
    }

    /// The manifest as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a manifest holds only plain values")
    }

    /// Makes this the manifest of `dir`, in place of the one that may be there.
    ///
    /// # Errors
    /// It cannot be written; the old one is still there then.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(MANIFEST);
        atomic_file::replace(&path, self.to_toml().as_bytes()).map_err(|e| Error::io(&path, &e))
    }

    fn check(&self, path: &Path) -> Result<()> {
        let wrong = |what: String| Err(Error::damaged(path, what));
        if self.format != FORMAT {
            return wrong(format!(
                "format {} is not supported; this version reads format {FORMAT}: convert the checkpoint again",
                self.format
            ));
        }
        if let Some(tag) = self.languages.iter().find(|tag| language(tag).is_none()) {
            return wrong(format!(
                "languages: \"{tag}\" is not supported: use ru, en or zh"
            ));
        }
        if !self.text_reading.is_empty() && Reading::from_name(&self.text_reading).is_none() {
            return wrong(format!(
                "text_reading: \"{}\" is neither \"model\" nor \"written\"",
                self.text_reading
            ));
        }
        let lm = &self.lm;
        if lm.speech_vocab != SPEECH_VOCAB {
            return wrong(format!(
                "lm.speech_vocab is {}, CosyVoice3 has {SPEECH_VOCAB}",
                lm.speech_vocab
            ));
        }
        let ids = [lm.sos, lm.eos, lm.task_id, lm.stop_ids[0], lm.stop_ids[1]];
        if ids
            .iter()
            .any(|id| !(SPEECH_CODES..lm.speech_vocab).contains(id))
        {
            return wrong(format!(
                "lm: sos, eos, task_id and stop_ids must lie in {SPEECH_CODES}..{}",
                lm.speech_vocab
            ));
        }
        self.check_numbers().or_else(wrong)?;
        self.flow.check().or_else(wrong)?;
        if let Some(npu) = &self.npu {
            npu.check().or_else(wrong)?;
        }
        if self.flow.estimator.is_none() && self.npu.is_none() {
            return wrong(
                "neither flow.estimator nor npu is set: one of them must make the mel".into(),
            );
        }
        let npu_encoder = self.npu.as_ref().and_then(|npu| npu.encoder.as_ref());
        if self.flow.encoder.is_none() && npu_encoder.is_none() {
            return wrong(
                "neither flow.encoder nor npu.encoder is set: one of them must read the speech tokens".into(),
            );
        }
        let front_end = self.front_end.iter().flat_map(FrontEnd::names);
        let files = self.files.keys().map(String::as_str).chain(front_end);
        for file in self.component_files().into_iter().chain(files) {
            let mut parts = Path::new(file).components();
            let inside = |part| matches!(part, Component::Normal(_));
            if file.is_empty() || file.contains('\0') || !parts.all(inside) {
                return wrong(format!(
                    "{file:?} points outside the model directory, or names no file in it"
                ));
            }
        }
        for file in self.component_files() {
            if !self.files.contains_key(file) {
                return wrong(format!("{file} has no entry under [files]"));
            }
        }
        for (file, entry) in &self.files {
            if !entry.sha256.bytes().all(|c| c.is_ascii_hexdigit()) {
                return wrong(format!("the SHA-256 of {file} is not a hexadecimal number"));
            }
        }
        self.check_front_end().or_else(wrong)
    }

    fn check_front_end(&self) -> Result<(), String> {
        let Some(front_end) = &self.front_end else {
            return Ok(());
        };
        let mut names = front_end.names().to_vec();
        names.sort_unstable();
        match front_end.files.keys().eq(&names) {
            true => Ok(()),
            false => Err(format!(
                "[front_end.files] must have an entry for each of {} and nothing else",
                names.join(", ")
            )),
        }
    }

    /// Checks numbers that size allocations, bound loops or index tables. The ranges are far beyond what models have;
    /// the files' own geometry is checked against them later.
    fn check_numbers(&self) -> Result<(), String> {
        let (lm, flow) = (&self.lm, &self.flow);
        let codes = f64::from(SPEECH_CODES);
        let numbers: [(&str, f64, f64, f64); 14] = [
            ("lm.hidden_size", lm.hidden_size as f64, 1.0, 16_384.0),
            ("lm.layers", lm.layers as f64, 1.0, 1_024.0),
            ("lm.text_vocab", lm.text_vocab as f64, 1.0, 4_194_304.0),
            ("lm.context", lm.context.into(), 1.0, 131_072.0),
            ("lm.max_silent_run", lm.max_silent_run as f64, 0.0, 10_000.0),
            (
                "lm.min_token_text_ratio",
                lm.min_token_text_ratio.into(),
                0.0,
                1_000.0,
            ),
            (
                "lm.max_token_text_ratio",
                lm.max_token_text_ratio.into(),
                1.0,
                1_000.0,
            ),
            ("lm.sampling.top_p", lm.sampling.top_p.into(), 0.0, 1.0),
            ("lm.sampling.top_k", lm.sampling.top_k as f64, 0.0, codes),
            (
                "lm.sampling.win_size",
                lm.sampling.win_size as f64,
                0.0,
                10_000.0,
            ),
            ("lm.sampling.tau_r", lm.sampling.tau_r.into(), 0.0, 1.0),
            ("flow.guidance", flow.guidance.into(), 0.0, 10.0),
            ("flow.steps", flow.steps as f64, 1.0, MAX_STEPS),
            (
                "flow.window_steps",
                flow.window_steps as f64,
                1.0,
                MAX_STEPS,
            ),
        ];
        for (key, value, least, most) in numbers {
            // NaN lies in no range.
            if !(least..=most).contains(&value) {
                return Err(format!("{key} is {value}, expected {least} to {most}"));
            }
        }
        if lm.min_token_text_ratio > lm.max_token_text_ratio {
            return Err(format!(
                "lm.min_token_text_ratio is {}, more than lm.max_token_text_ratio, {}",
                lm.min_token_text_ratio, lm.max_token_text_ratio
            ));
        }
        if let Some(token) = lm
            .silent_tokens
            .iter()
            .find(|token| **token >= SPEECH_CODES)
        {
            return Err(format!(
                "lm.silent_tokens has {token}, expected 0 to {}",
                SPEECH_CODES - 1
            ));
        }
        if let Some((file, entry)) = self.files.iter().find(|(_, entry)| entry.size > MAX_SIZE) {
            return Err(format!(
                "files.{file:?}.size is {}, expected 0 to {MAX_SIZE}",
                entry.size
            ));
        }
        Ok(())
    }

    /// The files the components name, relative to the model directory.
    pub fn component_files(&self) -> Vec<&str> {
        let lm = [&self.lm.gguf, &self.lm.embeddings, &self.lm.tokenizer];
        let flow = [&self.flow.encoder, &self.flow.estimator, &self.flow.times];
        let files = lm.into_iter().chain(flow.into_iter().flatten());
        let npu = self.npu.iter().flat_map(Npu::files);
        let files = files.map(String::as_str).chain(self.vocoder.files());
        files.chain(npu).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A manifest that passes its own checks.
    pub(crate) fn sample() -> Manifest {
        let mut manifest = Manifest {
            format: FORMAT,
            name: "sample".into(),
            created_by: "a test".into(),
            default_voice: "anna".into(),
            voice_for_language: BTreeMap::new(),
            languages: Vec::new(),
            text_reading: String::new(),
            notice: String::new(),
            front_end: None,
            lm: Lm {
                gguf: "lm.gguf".into(),
                embeddings: "lm_embeddings.safetensors".into(),
                tokenizer: "tokenizer.json".into(),
                quantization: "f32".into(),
                hidden_size: 64,
                layers: 2,
                text_vocab: 896,
                speech_vocab: SPEECH_VOCAB,
                context: 2048,
                sos: 6561,
                eos: 6562,
                task_id: 6563,
                stop_ids: [6561, 6760],
                silent_tokens: vec![1, 2],
                max_silent_run: 5,
                min_token_text_ratio: 2.0,
                max_token_text_ratio: 20.0,
                sampling: Sampling {
                    top_p: 0.8,
                    top_k: 25,
                    win_size: 10,
                    tau_r: 0.1,
                },
            },
            flow: Flow {
                encoder: Some("flow_encoder.onnx".into()),
                estimator: Some("flow_estimator.onnx".into()),
                times: Some("flow_times.safetensors".into()),
                quantization: "int8".into(),
                guidance: CFG_RATE,
                time_points: Vec::new(),
                steps: 10,
                window_steps: 5,
                schedule: Schedule::Cosine,
            },
            npu: None,
            vocoder: Vocoder::Hift {
                decoder: "hift.onnx".into(),
                source_weights: "hift_source.safetensors".into(),
                source: SourceKind::Staircase,
            },
            files: BTreeMap::new(),
        };
        vouch(&mut manifest);
        manifest
    }

    /// As [`sample`], with the flow model for an NPU alone.
    fn sample_for_npu() -> Manifest {
        let estimator = |frames| NpuEstimator {
            frames,
            file: format!("flow_estimator_{frames}.axmodel"),
        };
        let window = |(tokens, lookahead)| NpuEncoderWindow {
            tokens,
            lookahead,
            file: format!("flow_encoder_{tokens}.axmodel"),
        };
        let mut manifest = sample();
        manifest.flow.encoder = None;
        manifest.flow.estimator = None;
        manifest.vocoder = Vocoder::MelToAudio {
            graph: "hift_full_dynamic.onnx".into(),
        };
        manifest.npu = Some(Npu {
            estimators: ESTIMATOR_FRAMES.map(estimator).into(),
            encoder: Some(NpuEncoder {
                token_embedding: "flow_token_embedding.safetensors".into(),
                windows: ENCODER_WINDOWS.map(window).into(),
            }),
        });
        vouch(&mut manifest);
        manifest
    }

    fn vouch(manifest: &mut Manifest) {
        let names = manifest.component_files();
        let entry = FileEntry {
            size: 0,
            sha256: String::new(),
        };
        manifest.files = names
            .into_iter()
            .map(|name| (name.to_owned(), entry.clone()))
            .collect();
    }

    fn read(text: &str) -> Result<Manifest> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(MANIFEST), text).unwrap();
        Manifest::read(dir.path())
    }

    #[test]
    fn what_is_written_is_read_back() {
        for manifest in [sample(), sample_for_npu()] {
            assert_eq!(read(&manifest.to_toml()).unwrap(), manifest);
        }
    }

    #[test]
    fn every_file_of_the_npu_is_a_component() {
        let manifest = sample_for_npu();
        let files = manifest.component_files();
        let npu = files.iter().filter(|file| file.ends_with(".axmodel"));
        assert_eq!(npu.count(), 7, "{files:?}");
        assert!(files.contains(&"flow_token_embedding.safetensors"));
    }

    #[test]
    fn a_model_for_an_npu_alone_says_so_when_asked_for_the_cpu() {
        let error = sample_for_npu().flow.cpu_files().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("flow-backend=npu"), "{error}");
    }

    #[test]
    fn another_directory_is_told_what_makes_a_model_directory() {
        let dir = tempfile::tempdir().unwrap();
        let error = Manifest::read(dir.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(
            error.to_string().contains("cosyvoice3 model convert"),
            "{error}"
        );
    }

    #[test]
    fn contradictions_are_named() {
        let cases: [(Change, &str); 6] = [
            (|m| m.format = 7, "format 7"),
            (|m| m.lm.speech_vocab = 4096, "4096"),
            (|m| m.lm.sos = 3, "sos"),
            (|m| m.lm.sampling.top_p = 1.5, "top_p is 1.5"),
            (|m| m.flow.steps = 0, "steps"),
            (|m| m.lm.gguf = "../lm.gguf".into(), "../lm.gguf"),
        ];
        assert_contradictions(sample, &cases);
        let cases: [(Change, &str); 6] = [
            (|m| m.npu = None, "flow.estimator"),
            (|m| npu(m).encoder = None, "flow.encoder"),
            (|m| npu(m).estimators.truncate(2), "npu.estimators"),
            (|m| npu(m).estimators.reverse(), "[300, 250, 200]"),
            (
                |m| npu(m).encoder.as_mut().unwrap().windows[3].lookahead = true,
                "(50, true)",
            ),
            (
                |m| npu(m).estimators[0].file = "/lib/x".into(),
                "\"/lib/x\" points outside",
            ),
        ];
        assert_contradictions(sample_for_npu, &cases);
    }

    #[test]
    fn a_number_out_of_its_range_is_named_with_key_value_and_range() {
        let cases: [(Change, &str); 14] = [
            (
                |m| m.lm.hidden_size = 1 << 40,
                "lm.hidden_size is 1099511627776, expected 1 to 16384",
            ),
            (|m| m.lm.layers = 0, "lm.layers is 0, expected 1 to 1024"),
            (|m| m.lm.text_vocab = 1 << 40, "lm.text_vocab"),
            (
                |m| m.lm.context = u32::MAX,
                "lm.context is 4294967295, expected 1 to 131072",
            ),
            (|m| m.lm.max_silent_run = 1 << 40, "lm.max_silent_run"),
            (
                |m| m.lm.min_token_text_ratio = -1.0,
                "lm.min_token_text_ratio is -1",
            ),
            (
                |m| m.lm.max_token_text_ratio = f32::INFINITY,
                "lm.max_token_text_ratio is inf",
            ),
            (
                |m| m.lm.min_token_text_ratio = 30.0,
                "more than lm.max_token_text_ratio, 20",
            ),
            (|m| m.lm.sampling.top_k = 1 << 40, "lm.sampling.top_k"),
            (|m| m.lm.sampling.win_size = 1 << 40, "lm.sampling.win_size"),
            (
                |m| m.lm.sampling.tau_r = f32::NAN,
                "lm.sampling.tau_r is NaN, expected 0 to 1",
            ),
            (
                |m| m.lm.silent_tokens.push(6561),
                "lm.silent_tokens has 6561, expected 0 to 6560",
            ),
            (|m| m.flow.window_steps = 1 << 40, "flow.window_steps"),
            (
                |m| m.files.get_mut("lm.gguf").unwrap().size = 1 << 62,
                "files.\"lm.gguf\".size is 4611686018427387904",
            ),
        ];
        assert_contradictions(sample, &cases);
    }

    #[test]
    fn no_entry_under_files_leads_out_of_the_directory() {
        for name in [
            "../secret",
            "/etc/passwd",
            "voices/../../secret",
            "./lm.gguf",
            "",
        ] {
            let mut manifest = sample();
            let entry = manifest.files["lm.gguf"].clone();
            manifest.files.insert(name.into(), entry);
            let error = read(&manifest.to_toml()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged);
            assert!(
                error
                    .to_string()
                    .contains(&format!("{name:?} points outside")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_manifest_of_any_length_is_not_read_whole() {
        let text = sample().to_toml() + &"#".repeat(MAX_FILE as usize);
        let error = read(&text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.to_string().contains(MANIFEST), "{error}");
    }

    #[test]
    fn a_vocoder_of_two_kinds_is_refused() {
        let both = "source = \"staircase\"\ngraph = \"hift.onnx\"";
        let text = sample().to_toml().replace("source = \"staircase\"", both);
        let error = read(&text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.to_string().contains("graph alone"), "{error}");
    }

    type Change = fn(&mut Manifest);

    fn npu(manifest: &mut Manifest) -> &mut Npu {
        manifest.npu.as_mut().unwrap()
    }

    #[track_caller]
    fn assert_contradictions(sample: fn() -> Manifest, cases: &[(Change, &str)]) {
        for (change, expected) in cases {
            let mut manifest = sample();
            change(&mut manifest);
            let error = read(&manifest.to_toml()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
