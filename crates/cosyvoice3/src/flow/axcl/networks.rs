//! The networks on the card: their buffers, their uploads, and the check that they are what they should be.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use axcl::{DataType, DeviceBuffer, Engine, HostBuffer, Session, Tensor};
use safetensors::{Dtype, SafeTensors};

use super::npu::failure;
use crate::{
    Error, Result,
    cancel::Cancel,
    constants::{FRAMES_PER_TOKEN, LOOKAHEAD_TOKENS, MEL_BINS, SPEAKER_EMBEDDING, SPEECH_CODES},
    flow::{Encoded, windows::PROMPT_TOKENS},
    manifest,
    mel::Mel,
    regular_file,
};

/// Rows of one estimator run: conditional and unconditional.
const ROWS: usize = 2;
/// Frames of the prompt's mel, which the encoders take.
const PROMPT_FRAMES: usize = FRAMES_PER_TOKEN * PROMPT_TOKENS;

/// Longest file of the token embedding, which has 2 MB.
const MAX_TABLE: u64 = 64 << 20;

/// All models of one directory, each with buffers of its own.
pub(super) struct Networks {
    estimators: Vec<Estimator>,
    encoders: Option<Encoders>,
    /// Pinned, as large as the largest tensor: copies between the card and other memory cost a millisecond each.
    staging: HostBuffer,
    /// Inputs from `begin`, all rows; uploaded again before each step where executions overwrite their inputs.
    conditions: Conditions,
    inputs_survive: bool,
}

struct Estimator {
    frames: usize,
    network: Network,
}

/// A model on the card.
struct Network {
    file: PathBuf,
    /// Time that loading took.
    loading: Duration,
    session: Session,
}

struct Encoders {
    windows: Vec<Encoder>,
    /// `SPEECH_CODES` rows of `MEL_BINS`.
    token_embedding: Vec<f32>,
}

struct Encoder {
    /// Prompt included.
    tokens: usize,
    lookahead: bool,
    network: Network,
}

/// Inputs that stay the same for all steps of one window.
#[derive(Default)]
struct Conditions {
    estimator: usize,
    mask: Vec<f32>,
    mu: Vec<f32>,
    cond: Vec<f32>,
    spks: Vec<f32>,
}

impl Networks {
    /// Loads the models one after the other: several at once have failed on cards.
    pub fn load(
        engine: &Engine,
        dir: &Path,
        estimators: &[manifest::NpuEstimator],
        encoders: Option<&manifest::NpuEncoder>,
        cancel: &Cancel,
    ) -> Result<Self> {
        let largest = estimators.iter().map(|model| model.frames).max();
        let staging = ROWS * MEL_BINS * largest.unwrap_or_default() * size_of::<f32>();
        let staging = engine
            .context()
            .runtime()
            .allocate_host(staging)
            .map_err(|e| failure(&e))?;
        let estimators = estimators
            .iter()
            .map(|model| {
                cancel.check()?;
                let frames = model.frames;
                let mel = [ROWS, MEL_BINS, frames];
                let wanted = Wanted {
                    inputs: &[
                        ("x", &mel),
                        ("mask", &[ROWS, 1, frames]),
                        ("mu", &mel),
                        ("t", &[ROWS]),
                        ("spks", &[ROWS, MEL_BINS]),
                        ("cond", &mel),
                    ],
                    outputs: &[("y", &mel)],
                };
                Ok(Estimator {
                    frames,
                    network: Network::open(engine, &dir.join(&model.file), &wanted)?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let encoders = match encoders {
            Some(encoders) => Some(Encoders::load(engine, dir, encoders, cancel)?),
            None => None,
        };
        Ok(Self {
            estimators,
            encoders,
            staging,
            conditions: Conditions::default(),
            inputs_survive: true,
        })
    }

    /// Describes the loaded models, for a report.
    pub fn describe(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let encoders = self.encoders.iter().flat_map(|encoders| &encoders.windows);
        let networks = self.estimators.iter().map(|estimator| &estimator.network);
        for network in networks.chain(encoders.map(|encoder| &encoder.network)) {
            network.describe(&mut lines);
        }
        let survive = if self.inputs_survive { "yes" } else { "no" };
        lines.push(format!("inputs survive an execution: {survive}"));
        lines
    }

    /// Runs the smallest estimator twice on the same uploads: do its inputs survive an execution?
    pub fn check_inputs(&mut self) -> Result<()> {
        let Some(frames) = self.estimators.iter().map(|model| model.frames).min() else {
            return Ok(());
        };
        let wave = |len: usize, pace: f32| -> Vec<f32> {
            (0..len).map(|i| (i as f32 * pace).sin()).collect()
        };
        let len = MEL_BINS * frames;
        self.begin(frames, wave(len, 0.1), wave(len, 0.01), wave(MEL_BINS, 0.3))?;
        let first = self.step(&wave(len, 0.7), 0.5)?;
        let session = &self.estimators[self.conditions.estimator].network.session;
        session.execute().map_err(|e| failure(&e))?;
        let second = download(session.output("y"), &mut self.staging, first.len())?;
        if first != second {
            self.inputs_survive = false;
            tracing::info!(
                "the NPU overwrites the inputs of its models: everything is uploaded at each step"
            );
        }
        Ok(())
    }

    /// Uploads the inputs that stay the same for one window's steps: `mu`, `cond` `[MEL_BINS x frames]` and `spks`.
    pub fn begin(
        &mut self,
        frames: usize,
        mu: Vec<f32>,
        cond: Vec<f32>,
        spks: Vec<f32>,
    ) -> Result<()> {
        let estimator = self.estimators.iter().position(|e| e.frames == frames);
        let estimator = estimator.ok_or_else(|| {
            Error::failed(format!("the NPU has no estimator for {frames} frames"))
        })?;
        self.conditions = Conditions {
            estimator,
            mask: vec![1.0; ROWS * frames],
            mu: with_zeros(mu),
            cond: with_zeros(cond),
            spks: with_zeros(spks),
        };
        self.upload_conditions()
    }

    fn upload_conditions(&mut self) -> Result<()> {
        let Conditions {
            estimator,
            mask,
            mu,
            cond,
            spks,
        } = &self.conditions;
        let session = &self.estimators[*estimator].network.session;
        for (name, values) in [("mask", mask), ("mu", mu), ("cond", cond), ("spks", spks)] {
            upload(session.input(name), &mut self.staging, values)?;
        }
        Ok(())
    }

    /// One run over `x`, `[MEL_BINS x frames]`, at time `t`: the conditional velocity, then the unconditional one.
    pub fn step(&mut self, x: &[f32], t: f32) -> Result<Vec<f32>> {
        if !self.inputs_survive {
            self.upload_conditions()?;
        }
        let session = &self.estimators[self.conditions.estimator].network.session;
        upload(session.input("x"), &mut self.staging, &x.repeat(ROWS))?;
        upload(session.input("t"), &mut self.staging, &[t; ROWS])?;
        session.execute().map_err(|e| failure(&e))?;
        download(session.output("y"), &mut self.staging, ROWS * x.len())
    }

    /// Runs the encoder for this number of tokens, prompt included.
    pub fn encode(
        &mut self,
        tokens: &[u32],
        embedding: &[f32],
        lookahead: bool,
    ) -> Result<Encoded> {
        let fits = |model: &&Encoder| model.tokens == tokens.len() && model.lookahead == lookahead;
        let found = self
            .encoders
            .as_ref()
            .and_then(|encoders| Some((encoders, encoders.windows.iter().find(fits)?)));
        let (encoders, encoder) = found.ok_or_else(|| {
            Error::failed(format!(
                "the NPU has no encoder for {} tokens",
                tokens.len()
            ))
        })?;
        let rows = tokens.iter().map(|id| *id as usize * MEL_BINS);
        let vectors: Vec<f32> = rows
            .flat_map(|at| &encoders.token_embedding[at..at + MEL_BINS])
            .copied()
            .collect();
        let session = &encoder.network.session;
        upload(
            session.input("token_embedding"),
            &mut self.staging,
            &vectors,
        )?;
        upload(session.input("embedding"), &mut self.staging, embedding)?;
        // The prompt's mel only goes to the output `cond`, which is made on the host; the buffer was cleared.
        session.execute().map_err(|e| failure(&e))?;
        let frames = encoder.frames();
        Ok(Encoded {
            mu: Mel::from_bins(download(
                session.output("mu"),
                &mut self.staging,
                MEL_BINS * frames,
            )?),
            spks: download(session.output("spks"), &mut self.staging, MEL_BINS)?,
        })
    }
}

impl Encoders {
    fn load(
        engine: &Engine,
        dir: &Path,
        encoders: &manifest::NpuEncoder,
        cancel: &Cancel,
    ) -> Result<Self> {
        let windows = encoders.windows.iter().map(|window| {
            cancel.check()?;
            Encoder::load(engine, dir, window)
        });
        Ok(Self {
            windows: windows.collect::<Result<_>>()?,
            token_embedding: read_table(&dir.join(&encoders.token_embedding))?,
        })
    }
}

impl Encoder {
    fn load(engine: &Engine, dir: &Path, window: &manifest::NpuEncoderWindow) -> Result<Self> {
        let tokens = PROMPT_TOKENS + window.tokens;
        let frames = frames_of(tokens, window.lookahead);
        let wanted = Wanted {
            inputs: &[
                ("token_embedding", &[1, tokens, MEL_BINS]),
                ("prompt_feat", &[1, PROMPT_FRAMES, MEL_BINS]),
                ("embedding", &[1, SPEAKER_EMBEDDING]),
            ],
            outputs: &[
                ("mu", &[1, MEL_BINS, frames]),
                ("spks", &[1, MEL_BINS]),
                ("cond", &[1, MEL_BINS, frames]),
            ],
        };
        Ok(Self {
            tokens,
            lookahead: window.lookahead,
            network: Network::open(engine, &dir.join(&window.file), &wanted)?,
        })
    }

    fn frames(&self) -> usize {
        frames_of(self.tokens, self.lookahead)
    }
}

fn frames_of(tokens: usize, lookahead: bool) -> usize {
    let ignored = if lookahead { LOOKAHEAD_TOKENS } else { 0 };
    FRAMES_PER_TOKEN * (tokens - ignored)
}

/// `row` as the conditional row, and the unconditional one of zeros behind it.
fn with_zeros(mut row: Vec<f32>) -> Vec<f32> {
    row.resize(ROWS * row.len(), 0.0);
    row
}

/// Uploads `values` through pinned memory.
fn upload(
    buffer: axcl::Result<&DeviceBuffer>,
    staging: &mut HostBuffer,
    values: &[f32],
) -> Result<()> {
    let pinned = &mut staging.of_mut::<f32>()[..values.len()];
    pinned.copy_from_slice(values);
    buffer
        .and_then(|buffer| buffer.upload(pinned))
        .map_err(|e| failure(&e))
}

/// Downloads `len` values through pinned memory.
fn download(
    buffer: axcl::Result<&DeviceBuffer>,
    staging: &mut HostBuffer,
    len: usize,
) -> Result<Vec<f32>> {
    let pinned = &mut staging.of_mut::<f32>()[..len];
    buffer
        .and_then(|buffer| buffer.download(pinned))
        .map_err(|e| failure(&e))?;
    Ok(pinned.to_vec())
}

/// Names and shapes of a model's FP32 inputs and outputs.
struct Wanted<'a> {
    inputs: &'a [(&'a str, &'a [usize])],
    outputs: &'a [(&'a str, &'a [usize])],
}

impl Network {
    /// Loads a model and checks that it is the one that is `wanted`.
    fn open(engine: &Engine, path: &Path, wanted: &Wanted<'_>) -> Result<Self> {
        let named = |e: axcl::Error| failure(&e).context(path.display());
        // The vendor's library opens it by name, and would wait for a FIFO.
        regular_file::open(path)?;
        let begin = Instant::now();
        let model = engine.load(path).map_err(named)?;
        let loading = begin.elapsed();
        tracing::debug!(model = %path.display(), compiler = model.compiler_version(), "NPU model loaded");
        check(path, "input", model.inputs(), wanted.inputs)?;
        check(path, "output", model.outputs(), wanted.outputs)?;
        Ok(Self {
            file: path.into(),
            loading,
            session: model.session().map_err(named)?,
        })
    }

    /// Describes the model, for a report: its file, then its inputs and outputs, a line each.
    fn describe(&self, lines: &mut Vec<String>) {
        let model = self.session.model();
        let memory = model.usage().map_or_else(
            |error| error.to_string(),
            |usage| {
                format!(
                    "{} KiB of CMM, {} KiB of system memory",
                    usage.cmm >> 10,
                    usage.system >> 10
                )
            },
        );
        lines.push(format!(
            "{}: loaded in {:.2} s, compiler {}, {memory}",
            self.file.file_name().unwrap_or_default().display(),
            self.loading.as_secs_f64(),
            model.compiler_version().as_deref().unwrap_or("unknown"),
        ));
        let inputs = model.inputs().iter().map(|tensor| ("input", tensor));
        let outputs = model.outputs().iter().map(|tensor| ("output", tensor));
        lines.extend(
            inputs
                .chain(outputs)
                .map(|(side, tensor)| format!("  {side} {}", shown(tensor))),
        );
    }
}

/// Checks names and sizes, by which buffers are bound. A shape is only a tool's way to report one: some give `t` an axis
/// more, or leave out those of length 1.
fn check(path: &Path, side: &str, have: &[Tensor], wanted: &[(&str, &[usize])]) -> Result<()> {
    let find = |name: &str, shape: &[usize]| {
        let bytes = shape.iter().product::<usize>() * size_of::<f32>();
        have.iter().find(|tensor| {
            tensor.name == name
                && tensor.size == bytes
                && tensor.data_type.is_none_or(|kind| kind == DataType::Fp32)
        })
    };
    let found: Option<Vec<&Tensor>> = wanted
        .iter()
        .map(|(name, shape)| find(name, shape))
        .collect();
    let Some(found) = found.filter(|found| found.len() == have.len()) else {
        return Err(other_model(path, side, have, wanted));
    };
    for (tensor, (name, shape)) in found.iter().zip(wanted) {
        if tensor.shape != *shape {
            tracing::warn!(
                "{}: {side} {name} is reported as {:?}, expected {shape:?}; its size is right, so it is used",
                path.display(),
                tensor.shape
            );
        }
    }
    Ok(())
}

fn other_model(path: &Path, side: &str, have: &[Tensor], wanted: &[(&str, &[usize])]) -> Error {
    let list = |mut parts: Vec<String>| {
        parts.sort();
        parts.join(", ")
    };
    let have = have.iter().map(shown);
    let wanted = wanted
        .iter()
        .map(|(name, shape)| format!("{name} Fp32 {shape:?}"));
    Error::damaged(
        path,
        format!(
            "the {side}s of this axmodel are {}; expected {}: is it from the AXERA-TECH/CosyVoice3 download?",
            list(have.collect()),
            list(wanted.collect()),
        ),
    )
}

fn shown(tensor: &Tensor) -> String {
    let kind = tensor
        .data_type
        .map_or("?".into(), |kind| format!("{kind:?}"));
    format!(
        "{} {kind} {:?} of {} bytes",
        tensor.name, tensor.shape, tensor.size
    )
}

/// The token embedding, `[SPEECH_CODES x MEL_BINS]`.
fn read_table(path: &Path) -> Result<Vec<f32>> {
    let bytes = regular_file::read(path, MAX_TABLE)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| Error::damaged(path, e))?;
    let table = tensors
        .tensor("token_embedding")
        .map_err(|e| Error::damaged(path, e))?;
    if table.dtype() != Dtype::F32 || table.shape() != [SPEECH_CODES as usize, MEL_BINS] {
        return Err(Error::damaged(
            path,
            format!(
                "token_embedding is {:?} {:?}, expected F32 [{SPEECH_CODES}, {MEL_BINS}]: import the model again",
                table.dtype(),
                table.shape()
            ),
        ));
    }
    let (values, _) = table.data().as_chunks();
    Ok(values.iter().copied().map(f32::from_le_bytes).collect())
}
