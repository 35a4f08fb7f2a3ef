//! From the files of an edge pipeline to a model directory: axmodels, a quantised GGUF, tables and a vocoder graph, with no
//! checkpoint at hand.

pub mod axera;
mod body;
pub(crate) mod npy;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use cosyvoice3::{
    cancel::Cancel,
    constants::{CFG_RATE, MEL_BINS, SPEECH_CODES, SPEECH_VOCAB},
    flow::windows::PROMPT_TOKENS,
    lm::gguf,
    manifest::{FORMAT, Flow, Lm, Manifest, Vocoder},
    onnx, regular_file,
    vocoder::MelToAudio,
    voice::{Library, Place},
};
use half::bf16;

use crate::{
    checkpoint::config::Recipe,
    convert::tokenizer,
    directory::output::Unfinished,
    directory::tables::{self, Table},
    directory::{
        self, CREATED_BY, EMBEDDINGS, GGUF, Geometry, STEPS, TOKENIZER, WINDOW_STEPS, Writer,
    },
    gguf::quantize::Quantization,
    import::body::Body,
    import::npy::Npy,
    npu::{self, TOKEN_EMBEDDING},
    progress::Progress,
    voices::{self, Source},
    weights::WeightType,
};

const VOCODER: &str = "hift_full_dynamic.onnx";
/// bf16 under both names.
const TOKEN_EMBEDDING_NAMES: [&str; 2] = [
    "flow.input_embedding.float16.bin",
    "flow.input_embedding.bfloat16.bin",
];

/// Files that the published download does not have, and the choices of an import.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Qwen2 body, quantised.
    pub gguf: PathBuf,
    /// Directory with `embed_tokens.npy`, `speech_embedding.npy` and `llm_decoder_weight.npy`.
    pub embeddings: PathBuf,
    /// ONNX: mel to audio.
    pub vocoder: PathBuf,
    /// Directory with `vocab.json`, `merges.txt` and `tokenizer_config.json`; that of the download by default.
    pub tokenizer: Option<PathBuf>,
    /// `prompt_files`; those of the download by default, if it has them.
    pub prompt: Option<PathBuf>,
    /// The voice made of them.
    pub voice: voices::Options,
    /// Name of the model; that of the download's directory by default.
    pub name: Option<String>,
    /// Languages that the model speaks (`ru`, `en`, `zh`); empty: all.
    pub languages: Vec<String>,
    /// Notice that users must be shown.
    pub notice: String,
    /// True to replace an existing model.
    pub replace: bool,
}

/// Makes the model directory `model` from the download `axera` and the files that `options` name. After an error it is
/// as it was.
pub fn import(axera: &Path, model: &Path, options: &Options, progress: &Progress) -> Result<()> {
    let axmodels = axera::axmodels(axera);
    let npu = npu::published(&axmodels)?;
    let token_embedding = token_embedding(&axmodels)?;
    let speech = Speech::open(options)?;
    let tokenizer_dir = options.tokenizer.clone();
    let tokenizer_dir = tokenizer_dir.unwrap_or_else(|| axera.join("scripts/CosyVoice-BlankEN"));
    let tokenizer = tokenizer::build(&tokenizer_dir, speech.text_vocab())?;
    let prompt = prompt_files(axera, options)?;
    regular_file::open(&options.vocoder)?;
    if onnx::runtime().is_ok() {
        MelToAudio::load(&options.vocoder, 1, &Cancel::new())?;
    }

    let out = Unfinished::beside(model, options.replace)?;
    let mut writer = Writer::new(&out, progress);
    let name = options.name.clone();
    let name = name.unwrap_or_else(|| directory::name_of(axera));
    writer.file(TOKENIZER, tokenizer.len() as u64, |out| {
        Ok(out.write_all(tokenizer.as_bytes())?)
    })?;
    writer.copy(&options.vocoder, VOCODER)?;
    if let Some((weights, name)) = weights_beside(&options.vocoder) {
        writer.copy(&weights, &name)?;
    }
    for file in npu.files() {
        if file != TOKEN_EMBEDDING {
            writer.copy(&axmodels.join(file), file)?;
        }
    }
    writer.tables(TOKEN_EMBEDDING, &[token_embedding])?;
    let lm = speech.write(&name, &mut writer)?;
    let manifest = Manifest {
        format: FORMAT,
        name,
        created_by: CREATED_BY.into(),
        default_voice: String::new(),
        voice_for_language: BTreeMap::new(),
        text_reading: String::new(),
        languages: options.languages.clone(),
        notice: options.notice.clone(),
        lm,
        flow: Flow {
            encoder: None,
            estimator: None,
            times: None,
            quantization: String::new(),
            guidance: CFG_RATE,
            time_points: Vec::new(),
            steps: STEPS,
            window_steps: WINDOW_STEPS,
            schedule: Recipe::PUBLISHED.schedule,
        },
        npu: Some(npu),
        front_end: None,
        vocoder: Vocoder::MelToAudio {
            graph: VOCODER.into(),
        },
        files: writer.files,
    };
    // Checks the file that was written, but names its source in errors.
    gguf::Gguf::read(&out.path().join(GGUF))?.check(&options.gguf, &manifest.lm)?;
    directory::write_manifest(&out, manifest)?;
    let report = match &prompt {
        Some(prompt) => add_voice(prompt, out.path(), &options.voice)?,
        None => vec!["no prompt_files: `cosyvoice3 voice import` makes a voice from them".into()],
    };
    directory::finish(out, progress)?;
    report.iter().for_each(|line| progress.say(line));
    Ok(())
}

impl Writer<'_> {
    fn copy(&mut self, from: &Path, name: &str) -> Result<()> {
        let at = || from.display().to_string();
        let mut source = regular_file::open(from)?;
        let size = source.metadata().with_context(at)?.len();
        self.file(name, size, |out| {
            io::copy(&mut source, out).with_context(at)?;
            Ok(())
        })
    }

    fn tables(&mut self, name: &str, tables: &[Table<'_>]) -> Result<()> {
        self.file(name, tables::size(tables), |out| tables::write(tables, out))
    }
}

/// The language model's files.
struct Speech {
    body: Body,
    text_embedding: Npy,
    speech_embedding: Npy,
    head: Npy,
}

impl Speech {
    fn open(options: &Options) -> Result<Self> {
        let body = Body::open(&options.gguf)?;
        let width = body.width()?;
        let table = |name: &str, rows: Option<u32>| -> Result<Npy> {
            let npy = Npy::open(&options.embeddings.join(name))?;
            let [have, columns] = npy.shape();
            ensure!(
                columns == width && rows.is_none_or(|rows| have == rows as usize),
                "{}: {have} rows of {columns}, expected {} of {width}, the width of {}",
                npy.path().display(),
                rows.map_or_else(|| "rows".into(), |rows| format!("{rows} rows")),
                options.gguf.display()
            );
            Ok(npy)
        };
        Ok(Self {
            text_embedding: table("embed_tokens.npy", None)?,
            speech_embedding: table("speech_embedding.npy", Some(SPEECH_VOCAB))?,
            head: table("llm_decoder_weight.npy", Some(SPEECH_VOCAB))?,
            body,
        })
    }

    fn text_vocab(&self) -> usize {
        self.text_embedding.shape()[0]
    }

    fn write(&self, name: &str, writer: &mut Writer<'_>) -> Result<Lm> {
        let weight_type = match self.body.quantization() {
            Quantization::F32 => WeightType::F32,
            _ => WeightType::F16,
        };
        let table = |name: &str, npy| -> Table<'_> {
            let npy: &Npy = npy;
            Table {
                name: name.into(),
                shape: npy.shape().into(),
                weight_type,
                values: Box::new(|| npy.values()),
            }
        };
        let tables = [
            table("text_embedding", &self.text_embedding),
            table("speech_embedding", &self.speech_embedding),
        ];
        writer.tables(EMBEDDINGS, &tables)?;
        let gguf = self.body.with_speech(name)?;
        writer.file(GGUF, gguf.size(), |out| {
            gguf.write(out, |tensor, out| {
                self.body
                    .write(tensor, &self.speech_embedding, &self.head, out)
            })
        })?;
        let geometry = Geometry {
            hidden_size: self.body.width()?,
            layers: self.body.layers()?,
            text_vocab: self.text_vocab(),
            context: self.body.context()?,
        };
        let sampling = Recipe::PUBLISHED.sampling;
        Ok(directory::lm(self.body.quantization(), geometry, sampling))
    }
}

/// The file in which some exporters keep the weights of `graph`, and its name, by which the graph asks for it.
fn weights_beside(graph: &Path) -> Option<(PathBuf, String)> {
    let name = format!("{}.data", graph.file_name()?.to_str()?);
    let weights = graph.with_file_name(&name);
    weights.exists().then_some((weights, name))
}

/// The flow's embedding of speech tokens, which edge pipelines look up before the encoder.
fn token_embedding(axmodels: &Path) -> Result<Table<'static>> {
    let paths = TOKEN_EMBEDDING_NAMES.map(|name| axmodels.join(name));
    let path = paths.iter().find(|path| path.exists()).unwrap_or(&paths[0]);
    let at = path.display();
    let shape = vec![SPEECH_CODES as usize, MEL_BINS];
    let expected = 2 * shape.iter().product::<usize>();
    let file = regular_file::open(&axera::downloaded(path.clone())?)?;
    let mut bytes = Vec::new();
    // One byte more shows that there is more.
    file.take(expected as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| at.to_string())?;
    ensure!(
        bytes.len() == expected,
        "{at}: {SPEECH_CODES} rows of {MEL_BINS} bfloat16 take {expected} bytes, the file has {}: download it again",
        path.metadata()
            .map_or(bytes.len() as u64, |meta| meta.len())
    );
    let (words, _) = bytes.as_chunks::<2>();
    let values: Vec<f32> = words
        .iter()
        .map(|word| bf16::from_le_bytes(*word).to_f32())
        .collect();
    ensure!(
        values.iter().all(|value| value.is_finite()),
        "{at}: it contains values that are not finite"
    );
    Ok(Table {
        name: "token_embedding".into(),
        shape,
        weight_type: WeightType::F32,
        values: Box::new(move || Ok(Cow::Owned(values.clone()))),
    })
}

/// The directory of the prompt, if there is one; it must be long enough for windows, which are all that an NPU does.
fn prompt_files(axera: &Path, options: &Options) -> Result<Option<PathBuf>> {
    let published = axera.join("prompt_files");
    let dir = match &options.prompt {
        Some(dir) => dir.clone(),
        None if published.is_dir() => published,
        None => return Ok(None),
    };
    let prompt = read_prompt(&dir)?;
    prompt.check(&dir)?;
    let tokens = prompt.tokens.len();
    ensure!(
        tokens >= PROMPT_TOKENS,
        "{}: a prompt of {tokens} speech tokens, the estimators of an NPU need {PROMPT_TOKENS} (3 s)",
        dir.display()
    );
    Ok(Some(dir))
}

fn read_prompt(path: &Path) -> Result<voices::Prompt> {
    match voices::read(path)? {
        Source::Prompts(_, prompts) => voices::choose(prompts, None, path),
        _ => bail!("{}: expected prompt_files", path.display()),
    }
}

/// Adds the voice of the prompt in `path` to the model directory `model`, as its default voice.
fn add_voice(path: &Path, model: &Path, options: &voices::Options) -> Result<Vec<String>> {
    let prompt = read_prompt(path)?;
    let library = Library::of(model)?;
    let (voice, notes) = prompt.into_voice(&model.join(TOKENIZER), options, path)?;
    library.put(&voice, Place::OfModel, true)?;
    library.make_default(&voice.name)?;
    Ok(notes)
}
