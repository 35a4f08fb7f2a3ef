//! The flow model on the CPU, by ONNX Runtime.

use std::{ops::Range, path::Path};

use super::{Conditions, Device, Encoded, FlowBackend, Memory, times::Times};
use crate::{
    Error, Result,
    cancel::Cancel,
    constants::{FRAMES_PER_TOKEN, LOOKAHEAD_TOKENS, MEL_BINS, SPEAKER_EMBEDDING},
    manifest,
    mel::Mel,
    onnx::{Element, FREE, Kept, Port, Session, SessionOptions, Tensor},
};

/// Rows of one estimator run: conditional and unconditional.
const ROWS: usize = 2;
/// Input of estimators that take what the time makes of their weights instead of the time, see [`Times`].
const MODULATION: &str = "modulation";

/// The encoder as an ONNX graph of any length.
pub struct CpuEncoder(Session);

impl CpuEncoder {
    /// Loads the graph of the file `path`.
    ///
    /// # Errors
    /// As [`Session::load`], and [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if its inputs or outputs are not
    /// those of this model.
    pub fn load(path: &Path, cancel: &Cancel) -> Result<Self> {
        // Half a million multiply-adds a token: more threads would only wait for each other.
        let single = SessionOptions {
            threads: 1,
            ..Default::default()
        };
        let session = Session::load(path, &single, cancel)?;
        let bins = MEL_BINS as i64;
        session.check(
            &[
                Port::new("token", Element::I64, &[1, FREE]),
                Port::new("embedding", Element::F32, &[1, SPEAKER_EMBEDDING as i64]),
            ],
            &[
                Port::new("mu", Element::F32, &[1, bins, FREE]),
                Port::new("spks", Element::F32, &[1, bins]),
            ],
        )?;
        Ok(Self(session))
    }

    /// As [`FlowBackend::encode`].
    pub fn encode(
        &mut self,
        tokens: &[u32],
        embedding: &[f32],
        lookahead: bool,
        cancel: &Cancel,
    ) -> Result<Encoded> {
        let ids: Vec<i64> = tokens.iter().map(|id| i64::from(*id)).collect();
        let outputs = self.0.run(
            &[
                ("token", Tensor::I64(&[1, ids.len()], &ids)),
                ("embedding", Tensor::F32(&[1, embedding.len()], embedding)),
            ],
            cancel,
        )?;
        let (_, mu) = outputs.f32("mu")?;
        let (_, spks) = outputs.f32("spks")?;
        let mu = Mel::from_bins(mu.to_vec());
        // The graph pads on the right, which only the lookahead positions see.
        let ignored = if lookahead { LOOKAHEAD_TOKENS } else { 0 };
        let frames = FRAMES_PER_TOKEN * tokens.len().saturating_sub(ignored);
        Ok(Encoded {
            mu: mu.columns(0..frames),
            spks: spks.to_vec(),
        })
    }
}

/// Encoder and estimator as ONNX graphs of any length.
pub struct CpuFlow {
    encoder: CpuEncoder,
    estimator: Session,
    /// Modulations, where the estimator takes them instead of the time.
    times: Option<Times>,
    batch: Batch,
    /// Names of the memory's parts, as inputs and as outputs; none in graphs of older converters.
    parts: Vec<Part>,
}

/// One tensor of the memory.
struct Part {
    input: String,
    output: String,
    /// True for keys and values, which grow.
    grows: bool,
}

/// The memory's tensors, in the order of [`CpuFlow::parts`].
type Parts = Vec<Kept>;

/// The estimator's inputs, kept between steps. The unconditional rows of `mu`, `spks` and `cond` stay zero.
#[derive(Default)]
struct Batch {
    frames: usize,
    attention_chunk: i64,
    x: Vec<f32>,
    mu: Vec<f32>,
    spks: Vec<f32>,
    cond: Vec<f32>,
}

impl CpuFlow {
    /// Loads the graphs that `flow` names from the model directory `dir`; the estimator works with `threads` threads.
    ///
    /// # Errors
    /// As [`Session::load`] and [`manifest::Flow::cpu_files`], and [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if a graph's inputs or outputs are not
    /// those of this model.
    pub fn load(
        dir: &Path,
        flow: &manifest::Flow,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Self> {
        let options = SessionOptions {
            threads,
            prepacking: prepacked(flow),
            ..Default::default()
        };
        Self::load_with(dir, flow, &options, cancel)
    }

    /// As [`load`](Self::load), with all options of the estimator's session.
    pub fn load_with(
        dir: &Path,
        flow: &manifest::Flow,
        options: &SessionOptions,
        cancel: &Cancel,
    ) -> Result<Self> {
        let (encoder, estimator) = flow.cpu_files()?;
        let encoder = CpuEncoder::load(&dir.join(encoder), cancel)?;
        let estimator = Session::load(&dir.join(estimator), options, cancel)?;
        let (rows, bins) = (ROWS as i64, MEL_BINS as i64);
        let mel = |name| Port::new(name, Element::F32, &[rows, bins, FREE]);
        let modulation = estimator.input(MODULATION);
        let length = modulation.and_then(|port| port.shape.first().copied());
        let time = match length {
            Some(length) => Port::new(MODULATION, Element::F32, &[length]),
            None => Port::new("t", Element::F32, &[1]),
        };
        estimator.check(
            &[
                mel("x"),
                mel("mu"),
                mel("cond"),
                time,
                Port::new("spks", Element::F32, &[rows, bins]),
                Port::new("attention_chunk", Element::I64, &[1]),
            ],
            &[mel("y")],
        )?;
        let times = match (&flow.times, length) {
            (_, None) => None,
            (Some(file), Some(length)) => Some(Times::open(&dir.join(file), length as usize)?),
            (None, Some(_)) => {
                let what = "it takes modulations, but the manifest has no flow.times: convert the checkpoint again";
                return Err(Error::damaged(estimator.path(), what));
            }
        };
        Ok(Self {
            encoder,
            parts: parts(&estimator),
            estimator,
            times,
            batch: Batch::default(),
        })
    }

    /// The estimator's session, for profiling.
    pub fn estimator(&mut self) -> &mut Session {
        &mut self.estimator
    }
}

impl FlowBackend for CpuFlow {
    fn device(&self) -> Device {
        Device::Cpu
    }

    fn estimator_lengths(&self) -> Option<&[usize]> {
        None
    }

    fn encode(
        &mut self,
        tokens: &[u32],
        embedding: &[f32],
        lookahead: bool,
        cancel: &Cancel,
    ) -> Result<Encoded> {
        self.encoder.encode(tokens, embedding, lookahead, cancel)
    }

    fn prepare(&mut self, times: &[f32], cancel: &Cancel) -> Result<()> {
        match &mut self.times {
            Some(file) => file.prepare(times, cancel),
            None => Ok(()),
        }
    }

    fn begin(&mut self, conditions: Conditions<'_>, _: &Cancel) -> Result<()> {
        let batch = &mut self.batch;
        batch.frames = conditions.mu.frames();
        batch.attention_chunk = conditions.attention_chunk as i64;
        conditional_row(&mut batch.mu, conditions.mu.as_slice());
        conditional_row(&mut batch.spks, conditions.spks);
        conditional_row(&mut batch.cond, conditions.cond.as_slice());
        Ok(())
    }

    fn step(
        &mut self,
        x: &Mel,
        t: f32,
        conditional: &mut Mel,
        unconditional: &mut Mel,
        cancel: &Cancel,
    ) -> Result<()> {
        let run = Run::Alone;
        self.run(&run, x, t, [conditional, unconditional], cancel)?;
        Ok(())
    }

    fn step_alone(
        &mut self,
        x: &Mel,
        t: f32,
        conditional: &mut Mel,
        cancel: &Cancel,
    ) -> Result<()> {
        self.run(&Run::Alone, x, t, [conditional], cancel)?;
        Ok(())
    }

    fn remembers(&self) -> bool {
        !self.parts.is_empty()
    }

    fn step_after(
        &mut self,
        past: Option<&Memory>,
        offset: usize,
        x: &Mel,
        t: f32,
        conditional: &mut Mel,
        unconditional: &mut Mel,
        cancel: &Cancel,
    ) -> Result<Memory> {
        let run = Run::After { past, offset };
        let kept = self.run(&run, x, t, [conditional, unconditional], cancel)?;
        self.memory(kept)
    }

    fn forget(&self, memory: &Memory, range: Range<usize>) -> Result<Memory> {
        let shorter = std::iter::zip(&self.parts, content(memory)?)
            .map(|(part, kept)| match part.grows {
                true => without(kept, &range),
                false => {
                    let (shape, values) = kept.f32()?;
                    Kept::new(&lengths(shape), values.to_vec())
                }
            })
            .collect::<Result<Parts>>()?;
        self.memory(shorter)
    }
}

/// Kind of one estimator run.
enum Run<'a> {
    /// Over all frames there are.
    Alone,
    /// Over frames that follow others, to be remembered.
    After {
        past: Option<&'a Memory>,
        offset: usize,
    },
}

impl CpuFlow {
    /// One estimator run over the first `R` rows, which writes their velocities; returns the memory that it leaves.
    fn run<const R: usize>(
        &mut self,
        run: &Run<'_>,
        x: &Mel,
        t: f32,
        velocities: [&mut Mel; R],
        cancel: &Cancel,
    ) -> Result<Parts> {
        let batch = &mut self.batch;
        batch.x.clear();
        for _ in 0..R {
            batch.x.extend_from_slice(x.as_slice());
        }
        let (mel, row) = ([R, MEL_BINS, batch.frames], MEL_BINS * batch.frames);
        let (time, chunk) = ([t], [batch.attention_chunk]);
        let (name, time): (_, &[f32]) = match &mut self.times {
            Some(times) => (MODULATION, times.at(t, cancel)?),
            None => ("t", &time),
        };
        let (length, speaker) = ([time.len()], [R, MEL_BINS]);
        let mut inputs = vec![
            ("x", Tensor::F32(&mel, &batch.x)),
            ("mu", Tensor::F32(&mel, &batch.mu[..R * row])),
            ("cond", Tensor::F32(&mel, &batch.cond[..R * row])),
            (name, Tensor::F32(&length, time)),
            ("spks", Tensor::F32(&speaker, &batch.spks[..R * MEL_BINS])),
            ("attention_chunk", Tensor::I64(&[1], &chunk)),
        ];
        let (keep, place);
        let mut kept = Vec::new();
        if let Run::After { past, offset } = run {
            (keep, place) = ([1], [*offset as i64]);
            inputs.push(("keep", Tensor::I64(&[1], &keep)));
            inputs.push(("offset", Tensor::I64(&[1], &place)));
            if let Some(past) = past {
                let names = self.parts.iter().map(|part| part.input.as_str());
                kept.extend(names.zip(content(past)?));
            }
        }
        let mut outputs = self.estimator.run_with(&inputs, &kept, cancel)?;
        let (shape, y) = outputs.f32("y")?;
        if !shape.iter().map(|n| *n as usize).eq(mel) {
            return Err(Error::failed(format!(
                "the flow estimator returned shape {shape:?} for {mel:?}"
            )));
        }
        for (velocity, y) in std::iter::zip(velocities, y.chunks_exact(row)) {
            velocity.as_mut_slice().copy_from_slice(y);
        }
        match run {
            Run::Alone => Ok(Parts::new()),
            Run::After { .. } => {
                let names = self.parts.iter().map(|part| &part.output);
                names.map(|name| outputs.take(name)).collect()
            }
        }
    }

    fn memory(&self, kept: Parts) -> Result<Memory> {
        let (mut frames, mut bytes) = (0, 0);
        for (part, kept) in std::iter::zip(&self.parts, &kept) {
            let (shape, values) = kept.f32()?;
            bytes += size_of_val(values);
            if part.grows {
                frames = shape[FRAMES_AXIS] as usize;
            }
        }
        Ok(Memory::new(frames, bytes, kept))
    }
}

/// Axis of the frames in keys and values `[rows, heads, frames, channels]`.
const FRAMES_AXIS: usize = 2;

/// The memory's parts that `estimator` leaves.
fn parts(estimator: &Session) -> Vec<Part> {
    let names = estimator.outputs().iter().filter_map(|port| {
        let name = port.name.strip_prefix("present_")?;
        Some(Part {
            input: format!("past_{name}"),
            output: port.name.clone(),
            grows: !name.starts_with("conv"),
        })
    });
    names.collect()
}

fn content(memory: &Memory) -> Result<&Parts> {
    memory
        .content()
        .ok_or_else(|| Error::failed("the flow was given the memory of another back end"))
}

fn lengths(shape: &[i64]) -> Vec<usize> {
    shape.iter().map(|n| *n as usize).collect()
}

/// `kept` `[rows, heads, frames, channels]` without the frames `range`.
fn without(kept: &Kept, range: &Range<usize>) -> Result<Kept> {
    let (shape, values) = kept.f32()?;
    let mut shape = lengths(shape);
    let channels = shape[FRAMES_AXIS + 1];
    let row = shape[FRAMES_AXIS] * channels;
    let mut shorter = Vec::with_capacity(values.len());
    for row in values.chunks_exact(row) {
        shorter.extend_from_slice(&row[..range.start * channels]);
        shorter.extend_from_slice(&row[range.end * channels..]);
    }
    shape[FRAMES_AXIS] -= range.len();
    Kept::new(&shape, shorter)
}

/// Returns true where a second copy of the estimator's weights pays. In f32 it saves 4 % of a step and takes 0.6 GB.
fn prepacked(flow: &manifest::Flow) -> bool {
    flow.quantization != "f32"
}

/// Makes `rows` the conditional row and as many zeros.
fn conditional_row(rows: &mut Vec<f32>, conditional: &[f32]) {
    rows.clear();
    rows.extend_from_slice(conditional);
    rows.resize(ROWS * conditional.len(), 0.0);
}
