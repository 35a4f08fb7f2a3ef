//! From a checkpoint directory to a model directory.

pub mod lm;
pub mod source;
pub mod times;
pub mod tokenizer;

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
use cosyvoice3::{
    constants::CFG_RATE,
    manifest::{FORMAT, Flow, Manifest, Schedule, SourceKind, Vocoder},
};

use crate::{
    checkpoint::{Checkpoint, config::Recipe},
    directory::{
        self, CREATED_BY, EMBEDDINGS, GGUF, Geometry, TOKENIZER, WINDOW_STEPS, Writer,
        output::{Unfinished, hash_file},
        tables,
    },
    front_end,
    gguf::quantize::{Quantization, quantize},
    npu,
    onnx::{self, BlockArithmetic},
    progress::Progress,
    weights::WeightType,
};
use lm::{Config, LanguageModel};

const FLOW_ENCODER: &str = "flow_encoder.onnx";
const FLOW_ESTIMATOR: &str = "flow_estimator.onnx";
const FLOW_TIMES: &str = "flow_times.safetensors";
const HIFT: &str = "hift.onnx";
const HIFT_SOURCE: &str = "hift_source.safetensors";

/// Options of a conversion.
#[derive(Debug, Clone)]
pub struct Options {
    /// File of the language model inside the checkpoint directory, `llm.pt` or `llm.rl.pt`.
    pub llm: String,
    /// Storage type of the language model.
    pub quantization: Quantization,
    /// Storage type of flow and vocoder.
    pub weights: WeightType,
    /// Arithmetic of the flow estimator's transformer blocks.
    pub estimator: BlockArithmetic,
    /// Directory for the fixed-shape graphs for NPU tools, if they are wanted.
    pub npu_onnx: Option<PathBuf>,
    /// Name of the model; the checkpoint directory's by default.
    pub name: Option<String>,
    /// Euler steps of the flow when it sees the whole utterance.
    pub steps: usize,
    /// Kind of the vocoder's harmonic source.
    pub source: SourceKind,
    /// Languages that the model speaks (`ru`, `en`, `zh`); empty: all.
    pub languages: Vec<String>,
    /// Notice to show to users.
    pub notice: String,
    /// Replace a model that is there.
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
        "{} is not a directory: give the directory that contains llm.pt, flow.pt, hift.pt, cosyvoice3.yaml and CosyVoice-BlankEN/",
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
    let mut writer = Writer::new(&out, progress);
    let name = options.name.clone();
    let name = name.unwrap_or_else(|| directory::name_of(checkpoint));
    writer.file(TOKENIZER, tokenizer.len() as u64, |out| {
        Ok(out.write_all(tokenizer.as_bytes())?)
    })?;
    writer.vocoder(&Checkpoint::open(&checkpoint.join("hift.pt"))?, options)?;
    let flow = Checkpoint::open(&checkpoint.join("flow.pt"))?;
    writer.flow(&flow, recipe.schedule, options)?;
    drop(flow);
    let llm = checkpoint.join(&options.llm);
    writer.language_model(&llm, &config, &name, options.quantization)?;

    if let Some(dir) = &options.npu_onnx {
        let flow = Checkpoint::open(&checkpoint.join("flow.pt"))?;
        npu::write(&flow, dir, options.weights, progress)?;
    }
    let manifest = Manifest {
        format: FORMAT,
        name,
        created_by: CREATED_BY.into(),
        default_voice: String::new(),
        voice_for_language: BTreeMap::new(),
        text_reading: String::new(),
        languages: options.languages.clone(),
        notice: options.notice.clone(),
        lm: directory::lm(
            options.quantization,
            Geometry {
                hidden_size: config.hidden_size,
                layers: config.num_hidden_layers,
                text_vocab: config.vocab_size,
                context: config.context(),
            },
            recipe.sampling,
        ),
        flow: Flow {
            encoder: Some(FLOW_ENCODER.into()),
            estimator: Some(FLOW_ESTIMATOR.into()),
            times: Some(FLOW_TIMES.into()),
            quantization: options.estimator.name().into(),
            guidance: CFG_RATE,
            time_points: Vec::new(),
            steps: options.steps,
            window_steps: WINDOW_STEPS,
            schedule: recipe.schedule,
        },
        npu: None,
        front_end: None,
        vocoder: Vocoder::Hift {
            decoder: HIFT.into(),
            source_weights: HIFT_SOURCE.into(),
            source: options.source,
        },
        files: writer.files,
    };
    directory::write_manifest(&out, manifest)?;
    if front_end::is_in(checkpoint) {
        front_end::add(checkpoint, out.path(), progress)?;
    }
    directory::finish(out, progress)
}

impl Writer<'_> {
    fn vocoder(&mut self, hift: &Checkpoint, options: &Options) -> Result<()> {
        let source = source::tables(hift)?;
        self.file(HIFT_SOURCE, tables::size(&source), |out| {
            tables::write(&source, out)
        })?;
        let graph = onnx::hift(hift, options.weights)?;
        self.graph(HIFT, &graph)
    }

    /// Writes a graph, and its large weights to a file of their own, which has the name that the engine looks for
    /// ([`data_file`](cosyvoice3::onnx::data_file)).
    fn graph(&mut self, name: &str, graph: &onnx::Model<'_>) -> Result<()> {
        let data = format!("{name}.data");
        self.file(name, 0, |out| graph.write_without_data(&data, out))?;
        self.file(&data, graph.data_len() as u64, |out| graph.write_data(out))
    }

    fn flow(&mut self, flow: &Checkpoint, schedule: Schedule, options: &Options) -> Result<()> {
        let encoder = onnx::flow_encoder(flow, options.weights)?;
        self.file(FLOW_ENCODER, encoder.encoded_len() as u64, |out| {
            encoder.write(out)
        })?;
        let estimator = onnx::flow_estimator(flow, options.weights, options.estimator)?;
        self.graph(FLOW_ESTIMATOR, &estimator)?;
        // Integers err by more than half precision does.
        let weights = match options.estimator {
            BlockArithmetic::F32 => options.weights,
            _ => WeightType::F16,
        };
        let steps = [options.steps, WINDOW_STEPS, directory::STEPS];
        let tables = times::tables(flow, schedule, &steps, weights)?;
        self.file(FLOW_TIMES, tables::size(&tables), |out| {
            tables::write(&tables, out)
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
                gguf.write(out, |tensor, out| lm.write(tensor, out))
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
