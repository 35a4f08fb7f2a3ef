//! `cosyvoice3 model`: makes model directories, and looks at them.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Args, Subcommand, ValueEnum};
use cosyvoice3::{flow::axcl::AxclOptions, manifest::SourceKind};
use cosyvoice3_convert::{
    convert::{self, convert},
    directory,
    directory::inspect::inspect,
    directory::output,
    front_end,
    gguf::quantize::Quantization,
    import, npu,
    npu::card,
    onnx::{BlockArithmetic, FrontEndSize},
    progress::Progress,
    random::{self, Geometry},
    voices,
    weights::WeightType,
};

/// Commands on model directories.
#[derive(Subcommand)]
pub enum ModelCommand {
    Convert(ConvertArgs),
    Npu(NpuArgs),
    Import(ImportArgs),
    Inspect(InspectArgs),
    CardReport(CardReportArgs),
    FrontEnd(FrontEndArgs),
    Random(RandomArgs),
}

/// Add the networks that make voices of recordings to a model. `convert` does so by itself where they lie beside it.
#[derive(Args)]
pub struct FrontEndArgs {
    /// Directory with campplus.onnx and speech_tokenizer_v3.onnx
    networks: PathBuf,
    /// Model directory that gets them
    model: PathBuf,
}

/// Write a random checkpoint in the official layout, for measurements and tests. Its voice is noise.
#[derive(Args)]
pub struct RandomArgs {
    /// Directory to make
    checkpoint: PathBuf,
    /// The size of Fun-CosyVoice3-0.5B (3.4 GB) instead of a few megabytes
    #[arg(long)]
    full: bool,
    /// Also the networks that make voices of recordings (27 and 970 MB with --full)
    #[arg(long)]
    front_end: bool,
    /// The same seed gives the same checkpoint
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Add the flow model for an AX650N to a converted checkpoint.
#[derive(Args)]
pub struct NpuArgs {
    /// Model directory that gets the estimators
    model: PathBuf,
    /// Download of AXERA-TECH/CosyVoice3, or its token2wav-axmodels
    axera: PathBuf,
}

/// Make a model directory of an edge pipeline's files, where there is no official checkpoint.
///
/// It works with an NPU alone. The main road is `convert`, then `npu`.
#[derive(Args)]
pub struct ImportArgs {
    /// Download of AXERA-TECH/CosyVoice3: token2wav-axmodels/, prompt_files/, scripts/CosyVoice-BlankEN/
    axera: PathBuf,
    /// Directory to make
    model: PathBuf,
    /// Language model: Qwen2 in GGUF, of which the body is kept
    #[arg(long, value_name = "FILE")]
    gguf: PathBuf,
    /// Directory with embed_tokens.npy, speech_embedding.npy and llm_decoder_weight.npy
    #[arg(long, value_name = "DIR")]
    embeddings: PathBuf,
    /// hift_full_dynamic.onnx: mel to audio
    #[arg(long, value_name = "FILE")]
    vocoder: PathBuf,
    /// Directory with vocab.json, merges.txt and tokenizer_config.json [default: scripts/CosyVoice-BlankEN of the
    /// download]
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// Prompt files that become a voice [default: prompt_files of the download]
    #[arg(long, value_name = "DIR")]
    prompt: Option<PathBuf>,
    /// Name of the voice
    #[arg(long, value_name = "NAME", default_value = "prompt")]
    voice: String,
    /// Language of the voice (ru, en, zh)
    #[arg(long)]
    language: Option<String>,
    /// Name of the model [default: that of the download's directory]
    #[arg(long)]
    name: Option<String>,
    /// Languages that the model speaks, as in ru,en; text in another one is left out [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = ["ru", "en", "zh"])]
    languages: Vec<String>,
    /// Notice that users must be shown before they listen
    #[arg(long, value_name = "TEXT", default_value = "")]
    notice: String,
    /// Replace a model that is there; its voices are kept
    #[arg(long)]
    force: bool,
}

/// Show what a model directory holds, and whether its hashes hold.
#[derive(Args)]
pub struct InspectArgs {
    /// Model directory
    model: PathBuf,
}

/// Try a model's flow on an NPU card and write a report to send back: versions, times, closeness to the CPU.
#[derive(Args)]
pub struct CardReportArgs {
    /// Model directory with estimators for the NPU
    model: PathBuf,
    /// File to write
    #[arg(long, value_name = "FILE", default_value = "card-report.txt")]
    output: PathBuf,
    /// Index of the card in the runtime's list
    #[arg(long, value_name = "N", default_value_t = 0)]
    device: usize,
    /// libaxcl_rt.so or its directory [default: the system's]
    #[arg(long, value_name = "PATH")]
    library: Option<PathBuf>,
}

/// Convert an official checkpoint into a model directory.
#[derive(Args)]
pub struct ConvertArgs {
    /// Directory with llm.pt, flow.pt, hift.pt, cosyvoice3.yaml and CosyVoice-BlankEN/
    checkpoint: PathBuf,
    /// Directory to make
    model: PathBuf,
    /// Small and fast, or close to the checkpoint; --lm and --estimator choose one by one
    #[arg(long, value_enum, default_value_t)]
    quality: Quality,
    /// Storage of the language model [default: q4_0; best: q8_0]
    #[arg(long, value_enum)]
    lm: Option<Quantization>,
    /// File of the language model (llm.rl.pt is the one tuned by reinforcement learning)
    #[arg(long, value_name = "FILE", default_value = "llm.pt")]
    llm_file: String,
    /// Storage of flow and vocoder; they compute in f32 either way (but see --estimator)
    #[arg(long, value_enum, default_value_t)]
    weights: WeightType,
    /// Arithmetic of the flow estimator's transformer blocks [default: int8; best: f32]
    #[arg(long, value_enum)]
    estimator: Option<BlockArithmetic>,
    /// Also write the fixed-shape flow graphs that NPU tools compile
    #[arg(long, value_name = "DIR")]
    npu_onnx: Option<PathBuf>,
    /// Name of the model [default: that of the checkpoint directory]
    #[arg(long)]
    name: Option<String>,
    /// Euler steps of the flow where it sees the whole utterance: its time is proportional to them
    #[arg(long, value_name = "N", default_value_t = directory::STEPS as u64, value_parser = clap::value_parser!(u64).range(1..=100))]
    steps: u64,
    /// Method by which the vocoder's harmonic source is made
    #[arg(long, value_enum, default_value_t)]
    source_kind: Source,
    /// Languages that the model speaks, as in ru,en; text in another one is left out [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = ["ru", "en", "zh"])]
    languages: Vec<String>,
    /// Notice that users must be shown before they listen
    #[arg(long, value_name = "TEXT", default_value = "")]
    notice: String,
    /// Replace a model that is there; its voices are kept
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Quality {
    /// The flow in 8-bit integers, the language model in 4 bits: a third of the time and memory. On the bundled voice it
    /// is as good; the official weights were not listened to this way
    #[default]
    Standard,
    /// The flow in f32, the language model in 8 bits
    Best,
}

impl Quality {
    fn types(self) -> (Quantization, BlockArithmetic) {
        match self {
            Self::Standard => (Quantization::Q4_0, BlockArithmetic::Int8),
            Self::Best => (Quantization::Q8_0, BlockArithmetic::F32),
        }
    }
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Source {
    /// The phase is held for a mel frame: CosyVoice3
    #[default]
    Staircase,
    /// A sine at audio rate: earlier CosyVoice vocoders
    Sine,
}

/// Runs a command on models.
pub fn run(command: ModelCommand) -> Result<()> {
    let progress = Progress::new();
    let result = run_with(command, &progress);
    progress.done();
    result
}

fn run_with(command: ModelCommand, progress: &Progress) -> Result<()> {
    match command {
        ModelCommand::Convert(args) => {
            let (lm, estimator) = args.quality.types();
            let options = convert::Options {
                llm: args.llm_file,
                quantization: args.lm.unwrap_or(lm),
                weights: args.weights,
                estimator: args.estimator.unwrap_or(estimator),
                npu_onnx: args.npu_onnx,
                name: args.name,
                steps: args.steps as usize,
                source: match args.source_kind {
                    Source::Staircase => SourceKind::Staircase,
                    Source::Sine => SourceKind::Sine,
                },
                languages: args.languages,
                notice: args.notice,
                replace: args.force,
            };
            convert(&args.checkpoint, &args.model, &options, progress)
        }
        ModelCommand::Npu(args) => {
            let notes = npu::add(&args.model, &args.axera, progress)?;
            progress.done();
            notes.iter().for_each(|line| progress.say(line));
            Ok(())
        }
        ModelCommand::FrontEnd(args) => {
            let notes = front_end::add(&args.networks, &args.model, progress)?;
            progress.done();
            notes.iter().for_each(|line| progress.say(line));
            Ok(())
        }
        ModelCommand::Import(args) => {
            let options = import::Options {
                gguf: args.gguf,
                embeddings: args.embeddings,
                vocoder: args.vocoder,
                tokenizer: args.tokenizer,
                prompt: args.prompt,
                voice: voices::Options {
                    name: args.voice,
                    language: args.language,
                    ..Default::default()
                },
                name: args.name,
                languages: args.languages,
                notice: args.notice,
                replace: args.force,
            };
            import::import(&args.axera, &args.model, &options, progress)
        }
        ModelCommand::CardReport(args) => {
            let options = AxclOptions {
                device: args.device,
                library: args.library,
            };
            // Not to standard output, where the vendor's library writes its log.
            let mut report = Vec::new();
            let tried = card::report(&args.model, &options, &mut report);
            output::replace_file(&args.output, &report)?;
            progress.say(&format!(
                "{} has been written: please send it back",
                args.output.display()
            ));
            tried
        }
        ModelCommand::Random(args) => {
            let (geometry, size) = match args.full {
                true => (Geometry::FULL, FrontEndSize::FULL),
                false => (Geometry::TINY, FrontEndSize::TINY),
            };
            random::write(&args.checkpoint, &geometry, args.seed, progress)?;
            match args.front_end {
                true => front_end::random(&args.checkpoint, &size, args.seed, progress),
                false => Ok(()),
            }
        }
        ModelCommand::Inspect(args) => {
            let report = inspect(&args.model, progress)?;
            print!("{}", report.text);
            let damaged = report.damaged;
            ensure!(
                damaged == 0,
                "{damaged} files of {} are damaged or missing: convert the checkpoint again, or copy them again",
                args.model.display()
            );
            Ok(())
        }
    }
}
