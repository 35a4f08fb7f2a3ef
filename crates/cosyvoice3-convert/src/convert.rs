//! From a checkpoint directory to a model directory.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use gstcosyvoice3::{
    constants::SPEECH_VOCAB,
    model::manifest::{FORMAT, FileEntry, Flow, Lm, MANIFEST, Manifest, SourceKind, Vocoder},
    voice::VOICES,
};

use crate::{
    check,
    checkpoint::Checkpoint,
    lm::{Config, LanguageModel},
    npu,
    onnx::{self, BlockArithmetic},
    output::{Unfinished, hash_file, replace_file},
    progress::Progress,
    quantize::{Quantization, quantize},
    recipe::Recipe,
    source, tables, tokenizer,
    weights::WeightType,
};

const GGUF: &str = "lm.gguf";
const EMBEDDINGS: &str = "lm_embeddings.safetensors";
const TOKENIZER: &str = "tokenizer.json";
const FLOW_ENCODER: &str = "flow_encoder.onnx";
const FLOW_ESTIMATOR: &str = "flow_estimator.onnx";
const HIFT: &str = "hift.onnx";
const HIFT_SOURCE: &str = "hift_source.safetensors";

/// Ids of the speech vocabulary behind the sounds, and tokens that are silence: the same in every CosyVoice3.
const SOS: u32 = 6561;
const EOS: u32 = 6562;
const TASK_ID: u32 = 6563;
const SILENT_TOKENS: [u32; 11] = [1, 2, 28, 29, 55, 248, 494, 2241, 2242, 2322, 2323];
const MAX_SILENT_RUN: usize = 5;
const MIN_TOKEN_TEXT_RATIO: f32 = 2.0;
const MAX_TOKEN_TEXT_RATIO: f32 = 20.0;
/// Euler steps of the published program, and of the edge pipelines, which work in windows.
const STEPS: usize = 10;
const WINDOW_STEPS: usize = 5;

/// What a conversion can choose.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// File of the language model inside the checkpoint directory, `llm.pt` or `llm.rl.pt`.
    pub llm: String,
    /// How the language model is stored.
    pub quantization: Quantization,
    /// How flow and vocoder are stored.
    pub weights: WeightType,
    /// How the flow estimator's transformer blocks compute.
    pub estimator: BlockArithmetic,
    /// Where to write the fixed-shape graphs for NPU tools, if anywhere.
    pub npu_onnx: Option<PathBuf>,
    /// Name of the model; the checkpoint directory's by default.
    pub name: Option<String>,
    /// How the vocoder's harmonic source is made.
    pub source: SourceKind,
    /// What users must be told.
    pub notice: String,
    /// Whether to replace a model that is there.
    pub replace: bool,
}

/// Converts `checkpoint` into the model directory `model`, which is there afterwards or, after an error, as it was.
pub fn convert(
    checkpoint: &Path,
    model: &Path,
    options: &Options,
    progress: &Progress,
) -> Result<()> {
    ensure!(
        checkpoint.is_dir(),
        "{} is no directory: give the directory that holds llm.pt, flow.pt, hift.pt, cosyvoice3.yaml and CosyVoice-BlankEN/",
        checkpoint.display()
    );
    let recipe = Recipe::read(&checkpoint.join("cosyvoice3.yaml"))?;
    let qwen = checkpoint.join("CosyVoice-BlankEN");
    let config = Config::read(&qwen.join("config.json"))?;
    let tokenizer = tokenizer::build(&qwen, config.vocab_size)?;
    for file in [options.llm.as_str(), "flow.pt", "hift.pt"] {
        Checkpoint::open(&checkpoint.join(file))?;
    }

    let out = Unfinished::beside(model, options.replace)?;
    let mut writer = Writer {
        out: &out,
        progress,
        files: BTreeMap::new(),
    };
    let name = options.name.clone().unwrap_or_else(|| name_of(checkpoint));
    writer.file(TOKENIZER, tokenizer.len() as u64, |out| {
        Ok(out.write_all(tokenizer.as_bytes())?)
    })?;
    writer.vocoder(&Checkpoint::open(&checkpoint.join("hift.pt"))?, options)?;
    writer.flow(&Checkpoint::open(&checkpoint.join("flow.pt"))?, options)?;
    let llm = checkpoint.join(&options.llm);
    writer.language_model(&llm, &config, &name, options.quantization)?;

    if let Some(dir) = &options.npu_onnx {
        let flow = Checkpoint::open(&checkpoint.join("flow.pt"))?;
        npu::write(&flow, dir, options.weights, progress)?;
    }
    let mut manifest = manifest(name, &config, recipe, options, writer.files);
    adopt_voices(out.target(), out.path(), &mut manifest)?;
    replace_file(&out.path().join(MANIFEST), manifest.to_toml().as_bytes())?;
    progress.step("loading what was written", 0);
    let told = check::loads(out.path())?;
    let target = out.target().to_owned();
    out.finish()?;
    progress.done();
    for line in told {
        progress.say(&line);
    }
    progress.say(&format!("{} is ready", target.display()));
    Ok(())
}

struct Writer<'a> {
    out: &'a Unfinished,
    progress: &'a Progress,
    files: BTreeMap<String, FileEntry>,
}

impl Writer<'_> {
    fn file(
        &mut self,
        name: &str,
        size: u64,
        content: impl FnOnce(&mut crate::output::HashingWriter<'_>) -> Result<()>,
    ) -> Result<()> {
        self.progress.step(&format!("writing {name}"), size);
        let entry = self.out.write(name, self.progress, content)?;
        self.files.insert(name.into(), entry);
        Ok(())
    }

    fn vocoder(&mut self, hift: &Checkpoint, options: &Options) -> Result<()> {
        let source = source::tables(hift)?;
        self.file(HIFT_SOURCE, tables::size(&source), |out| {
            tables::write(&source, out)
        })?;
        let graph = onnx::hift(hift, options.weights)?;
        self.file(HIFT, graph.encoded_len() as u64, |out| graph.write(out))
    }

    fn flow(&mut self, flow: &Checkpoint, options: &Options) -> Result<()> {
        let encoder = onnx::flow_encoder(flow, options.weights)?;
        self.file(FLOW_ENCODER, encoder.encoded_len() as u64, |out| {
            encoder.write(out)
        })?;
        let estimator = onnx::flow_estimator(flow, options.weights, options.estimator)?;
        self.file(FLOW_ESTIMATOR, estimator.encoded_len() as u64, |out| {
            estimator.write(out)
        })
    }

    fn language_model(
        &mut self,
        path: &Path,
        config: &Config,
        name: &str,
        quantization: Quantization,
    ) -> Result<()> {
        let weight_type = match quantization {
            Quantization::F16 => WeightType::F16,
            _ => WeightType::F32,
        };
        let table_type = match quantization {
            Quantization::F32 => WeightType::F32,
            _ => WeightType::F16,
        };
        // Closed before the quantiser starts: both files in memory at once would be too much for a small board.
        {
            let checkpoint = Checkpoint::open(path)?;
            let lm = LanguageModel::new(&checkpoint, config)?;
            let embeddings = lm.embeddings(table_type);
            self.file(EMBEDDINGS, tables::size(&embeddings), |out| {
                tables::write(&embeddings, out)
            })?;
            let gguf = lm.gguf(name, weight_type);
            self.file(GGUF, gguf.size(), |out| {
                gguf.write(out, |tensor| lm.values(tensor))
            })?;
        }
        if matches!(quantization, Quantization::F32 | Quantization::F16) {
            return Ok(());
        }
        self.progress
            .step(&format!("quantising to {}", quantization.name()), 0);
        let path = self.out.path().join(GGUF);
        let whole = self.out.path().join("lm.f32.gguf");
        fs::rename(&path, &whole)?;
        quantize(&whole, &path, quantization)?;
        fs::remove_file(&whole)?;
        self.progress
            .step(&format!("hashing {GGUF}"), path.metadata()?.len());
        self.files
            .insert(GGUF.into(), hash_file(&path, self.progress)?);
        Ok(())
    }
}

fn name_of(checkpoint: &Path) -> String {
    let path = checkpoint.canonicalize().unwrap_or(checkpoint.to_owned());
    let name = path.file_name().unwrap_or("CosyVoice3".as_ref());
    name.to_string_lossy().into_owned()
}

fn manifest(
    name: String,
    config: &Config,
    recipe: Recipe,
    options: &Options,
    files: BTreeMap<String, FileEntry>,
) -> Manifest {
    Manifest {
        format: FORMAT,
        name,
        created_by: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).into(),
        default_voice: String::new(),
        voice_for_language: BTreeMap::new(),
        notice: options.notice.clone(),
        lm: Lm {
            gguf: GGUF.into(),
            embeddings: EMBEDDINGS.into(),
            tokenizer: TOKENIZER.into(),
            quantization: options.quantization.name().into(),
            hidden_size: config.hidden_size,
            layers: config.num_hidden_layers,
            text_vocab: config.vocab_size,
            speech_vocab: SPEECH_VOCAB,
            context: config.context(),
            sos: SOS,
            eos: EOS,
            task_id: TASK_ID,
            stop_ids: [SOS, SPEECH_VOCAB - 1],
            silent_tokens: SILENT_TOKENS.into(),
            max_silent_run: MAX_SILENT_RUN,
            min_token_text_ratio: MIN_TOKEN_TEXT_RATIO,
            max_token_text_ratio: MAX_TOKEN_TEXT_RATIO,
            sampling: recipe.sampling,
        },
        flow: Flow {
            encoder: Some(FLOW_ENCODER.into()),
            estimator: Some(FLOW_ESTIMATOR.into()),
            steps: STEPS,
            window_steps: WINDOW_STEPS,
            schedule: recipe.schedule,
        },
        npu: None,
        vocoder: Vocoder::Hift {
            decoder: HIFT.into(),
            source_weights: HIFT_SOURCE.into(),
            source: options.source,
        },
        files,
    }
}

/// Takes over the voices of the model that is being replaced: they hold speech, not weights.
fn adopt_voices(old: &Path, new: &Path, manifest: &mut Manifest) -> Result<()> {
    let new = new.join(VOICES);
    fs::create_dir(&new).with_context(|| format!("cannot create {}", new.display()))?;
    let Ok(entries) = fs::read_dir(old.join(VOICES)) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        let copy = new.join(entry.file_name());
        fs::copy(entry.path(), &copy)
            .with_context(|| format!("cannot copy {}", entry.path().display()))?;
    }
    if let Ok(replaced) = Manifest::read(old) {
        manifest.default_voice = replaced.default_voice;
        manifest.voice_for_language = replaced.voice_for_language;
    }
    Ok(())
}
