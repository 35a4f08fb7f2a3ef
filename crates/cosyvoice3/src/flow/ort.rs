//! The flow model on the CPU, by ONNX Runtime.

use std::path::Path;

use super::{Conditions, Encoded, FlowBackend, times::Times};
use crate::{
    Error, Result,
    cancel::Cancel,
    constants::{FRAMES_PER_TOKEN, LOOKAHEAD_TOKENS, MEL_BINS, SPEAKER_EMBEDDING},
    manifest,
    mel::Mel,
    onnx::{Element, FREE, Port, Session, SessionOptions, Tensor},
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
                let what = "it takes modulations, but the manifest names no flow.times";
                return Err(Error::damaged(estimator.path(), what));
            }
        };
        Ok(Self {
            encoder,
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
    fn name(&self) -> &'static str {
        "cpu"
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
        self.run(x, t, [conditional, unconditional], cancel)
    }

    fn step_alone(
        &mut self,
        x: &Mel,
        t: f32,
        conditional: &mut Mel,
        cancel: &Cancel,
    ) -> Result<()> {
        self.run(x, t, [conditional], cancel)
    }
}

impl CpuFlow {
    /// One run over the first `R` rows, which writes their velocities.
    fn run<const R: usize>(
        &mut self,
        x: &Mel,
        t: f32,
        velocities: [&mut Mel; R],
        cancel: &Cancel,
    ) -> Result<()> {
        let batch = &mut self.batch;
        batch.x.clear();
        for _ in 0..R {
            batch.x.extend_from_slice(x.as_slice());
        }
        let mel = [R, MEL_BINS, batch.frames];
        let row = MEL_BINS * batch.frames;
        let time = [t];
        let (name, time): (_, &[f32]) = match &mut self.times {
            Some(times) => (MODULATION, times.at(t, cancel)?),
            None => ("t", &time),
        };
        let outputs = self.estimator.run(
            &[
                ("x", Tensor::F32(&mel, &batch.x)),
                ("mu", Tensor::F32(&mel, &batch.mu[..R * row])),
                ("cond", Tensor::F32(&mel, &batch.cond[..R * row])),
                (name, Tensor::F32(&[time.len()], time)),
                (
                    "spks",
                    Tensor::F32(&[R, MEL_BINS], &batch.spks[..R * MEL_BINS]),
                ),
                (
                    "attention_chunk",
                    Tensor::I64(&[1], &[batch.attention_chunk]),
                ),
            ],
            cancel,
        )?;
        let (shape, y) = outputs.f32("y")?;
        if !shape.iter().map(|n| *n as usize).eq(mel) {
            return Err(Error::failed(format!(
                "the flow estimator answered with shape {shape:?} to {mel:?}"
            )));
        }
        for (velocity, y) in std::iter::zip(velocities, y.chunks_exact(row)) {
            velocity.as_mut_slice().copy_from_slice(y);
        }
        Ok(())
    }
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
