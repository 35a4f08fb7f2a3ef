//! The flow model on the CPU, by ONNX Runtime.

use std::{ops::Range, path::Path};

use super::{Conditions, Device, Encoded, FlowBackend, Memory, kv_cache::KvCache, times::Times};
use crate::{
    Error, Result,
    cancel::Cancel,
    constants::{FRAMES_PER_TOKEN, LOOKAHEAD_TOKENS, MEL_BINS, SPEAKER_EMBEDDING},
    manifest,
    mel::Mel,
    onnx::{Element, FREE, Outputs, Port, Session, SessionOptions, Tensor},
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
    /// Time of the last step that was prepared.
    last_time: Option<f32>,
    batch: Batch,
    /// Names of keys and values, as inputs and as outputs; none in graphs of older converters.
    keys: Vec<Part>,
    /// Those of the columns before the convolutions.
    columns: Vec<Part>,
    /// Keys and values of earlier frames as inputs, one after the other.
    past: Vec<f32>,
}

/// One tensor of the memory.
struct Part {
    input: String,
    output: String,
}

/// The content of a [`Memory`].
struct Remembered {
    /// In the order of [`CpuFlow::keys`].
    keys: KvCache,
    /// Shape `[rows, heads, frames, channels]` of each key and value, of no frames.
    shape: [usize; 4],
    /// Shapes and values, in the order of [`CpuFlow::columns`].
    columns: Vec<(Vec<usize>, Vec<f32>)>,
}

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
            keys: parts(&estimator, |name| !name.starts_with("conv")),
            columns: parts(&estimator, |name| name.starts_with("conv")),
            past: Vec::new(),
            estimator,
            times,
            last_time: None,
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
        self.last_time = times.last().copied();
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
        !self.keys.is_empty()
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
        let remembered = self.run(&run, x, t, [conditional, unconditional], cancel)?;
        let remembered = remembered.expect("such a run is remembered");
        Ok(memory(remembered))
    }

    fn end(&mut self) {
        self.past = Vec::new();
    }

    fn forget(&self, memory: &Memory, range: Range<usize>) -> Result<Memory> {
        let Remembered {
            keys,
            shape,
            columns,
        } = content(memory)?;
        Ok(self::memory(Remembered {
            keys: keys.without(&range),
            shape: *shape,
            columns: columns.clone(),
        }))
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
    /// One estimator run over the first `R` rows, which writes their velocities; returns what it leaves to be remembered.
    fn run<const R: usize>(
        &mut self,
        run: &Run<'_>,
        x: &Mel,
        t: f32,
        velocities: [&mut Mel; R],
        cancel: &Cancel,
    ) -> Result<Option<Remembered>> {
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
        let (keep, place, past_shape);
        let mut earlier = None;
        if let Run::After { past, offset } = run {
            (keep, place) = ([1], [*offset as i64]);
            inputs.push(("keep", Tensor::I64(&[1], &keep)));
            inputs.push(("offset", Tensor::I64(&[1], &place)));
            if let Some(past) = past {
                let past = content(past)?;
                let length = write_past(past, self.keys.len(), &mut self.past);
                past_shape = past.shape_of(past.keys.frames());
                let tensors = self.past.chunks_exact(length);
                for (part, values) in self.keys.iter().zip(tensors) {
                    inputs.push((&part.input, Tensor::F32(&past_shape, values)));
                }
                for (part, (shape, values)) in self.columns.iter().zip(&past.columns) {
                    inputs.push((&part.input, Tensor::F32(shape, values)));
                }
                earlier = Some(&past.keys);
            }
        }
        // The vocoder follows, which needs as much again. Frames that follow others have soon the next of their kind.
        let last = matches!(run, Run::Alone) && self.last_time == Some(t);
        let outputs = if last {
            self.estimator.run_last(&inputs, cancel)?
        } else {
            self.estimator.run(&inputs, cancel)?
        };
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
            Run::Alone => Ok(None),
            Run::After { .. } => {
                let frames = batch.frames;
                remember(&outputs, &self.keys, &self.columns, earlier, frames).map(Some)
            }
        }
    }
}

impl Remembered {
    /// Shape of keys and values of so many `frames`.
    fn shape_of(&self, frames: usize) -> [usize; 4] {
        let mut shape = self.shape;
        shape[FRAMES_AXIS] = frames;
        shape
    }
}

/// Writes the `count` keys and values of `past` to `out`, one after the other; returns the length of each.
fn write_past(past: &Remembered, count: usize, out: &mut Vec<f32>) -> usize {
    let length = past.shape_of(past.keys.frames()).iter().product();
    out.resize(count * length, 0.0);
    for (index, tensor) in out.chunks_exact_mut(length).enumerate() {
        past.keys.write(index, tensor);
    }
    length
}

/// Takes what later runs need from the outputs of a run of so many `frames` behind `earlier` ones.
fn remember(
    outputs: &Outputs<'_>,
    keys: &[Part],
    columns: &[Part],
    earlier: Option<&KvCache>,
    frames: usize,
) -> Result<Remembered> {
    let mut tensors = Vec::with_capacity(keys.len());
    let mut shape = [0; 4];
    for part in keys {
        let (lengths, values) = outputs.f32(&part.output)?;
        let lengths = <[i64; 4]>::try_from(lengths).ok();
        let lengths = lengths.map(|lengths| lengths.map(|n| n as usize));
        // Graphs of older converters put the earlier frames out again, before the new ones.
        let Some(lengths) = lengths.filter(|lengths| lengths[FRAMES_AXIS] >= frames) else {
            return Err(Error::failed(format!(
                "the flow estimator returned {} of another shape than [rows, heads, {frames}, channels]",
                part.output
            )));
        };
        shape = lengths;
        tensors.push((lengths[FRAMES_AXIS], values));
    }
    shape[FRAMES_AXIS] = 0;
    let columns = columns.iter().map(|part| {
        let (shape, values) = outputs.f32(&part.output)?;
        let shape = shape.iter().map(|n| *n as usize).collect();
        Ok((shape, values.to_vec()))
    });
    let none = KvCache::default();
    let keys = earlier
        .unwrap_or(&none)
        .followed_by(frames, shape[3], tensors.into_iter());
    Ok(Remembered {
        keys,
        shape,
        columns: columns.collect::<Result<_>>()?,
    })
}

fn memory(content: Remembered) -> Memory {
    let columns = content.columns.iter();
    let columns: usize = columns.map(|(_, values)| size_of_val(&values[..])).sum();
    let bytes = content.keys.bytes() + columns;
    Memory::new(content.keys.frames(), bytes, content)
}

/// Axis of the frames in keys and values `[rows, heads, frames, channels]`.
const FRAMES_AXIS: usize = 2;

/// The parts of the memory that `estimator` leaves and whose names `chosen` wants.
fn parts(estimator: &Session, chosen: impl Fn(&str) -> bool) -> Vec<Part> {
    let names = estimator.outputs().iter().filter_map(|port| {
        let name = port.name.strip_prefix("present_")?;
        chosen(name).then(|| Part {
            input: format!("past_{name}"),
            output: port.name.clone(),
        })
    });
    names.collect()
}

fn content(memory: &Memory) -> Result<&Remembered> {
    memory
        .content()
        .ok_or_else(|| Error::failed("the flow was given the memory of another back end"))
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
