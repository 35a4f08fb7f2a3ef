//! Flow model: speech tokens to mel.
//!
//! [`FlowModel`] is the entry point. A [plan](FlowPlan) decides which tokens each call sees; [`ode`] solves for the mel
//! of one call, starting from [`noise`]; a [`FlowBackend`] runs the networks.

pub mod axcl;
pub mod choice;
pub mod chunks;
mod fallback;
mod kv_cache;
pub mod noise;
pub mod ode;
pub mod ort;
mod plan;
mod prompts;
pub mod times;
pub mod windows;

pub use plan::{Call, FlowModel, FlowOptions, FlowPlan, Utterance};

use std::{any::Any, fmt, ops::Range};

use crate::{Error, Result, cancel::Cancel, mel::Mel};

/// Output of the flow encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// Token features, repeated to the frame rate: two frames a token that came out.
    pub mu: Mel,
    /// Projected speaker embedding, `MEL_BINS` values.
    pub spks: Vec<f32>,
}

/// Inputs that stay the same for all ODE steps of one window.
#[derive(Debug, Clone, Copy)]
pub struct Conditions<'a> {
    /// Encoder output, `[MEL_BINS x frames]`.
    pub mu: &'a Mel,
    /// Projected speaker embedding, `MEL_BINS` values.
    pub spks: &'a [f32],
    /// Prompt mel in its first frames, zeros after it, `[MEL_BINS x frames]`.
    pub cond: &'a Mel,
    /// Frames of one attention chunk: a frame sees every frame up to the end of its own chunk. `frames` or more is
    /// full attention.
    pub attention_chunk: usize,
}

/// All that later frames need of earlier ones at one Euler step, in the form of the back end that made it.
pub struct Memory {
    /// Frames whose keys and values it has.
    pub frames: usize,
    /// Its size.
    pub bytes: usize,
    content: Box<dyn Any + Send + Sync>,
}

impl Memory {
    /// `frames` frames in `content` of so many `bytes`.
    pub fn new(frames: usize, bytes: usize, content: impl Any + Send + Sync) -> Self {
        Self {
            frames,
            bytes,
            content: Box::new(content),
        }
    }

    /// The content, if it is a `T`.
    pub fn content<T: Any>(&self) -> Option<&T> {
        self.content.downcast_ref()
    }
}

/// Device that a back end computes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Device {
    /// The processor.
    Cpu,
    /// An NPU.
    Npu,
}

impl Device {
    /// Name in statistics and settings: `cpu` or `npu`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Npu => "npu",
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU",
            Self::Npu => "NPU",
        })
    }
}

/// A backend that runs the flow model's two networks.
///
/// Calls come from one thread: `encode` once per window, then `begin` once and `step` once per ODE step.
pub trait FlowBackend: Send {
    /// The device that it computes on.
    fn device(&self) -> Device;

    /// Frame counts for which there is an estimator, ascending; `None` if any length works.
    fn estimator_lengths(&self) -> Option<&[usize]>;

    /// Runs the encoder over `tokens` (prompt first). With `lookahead`, the last
    /// [`LOOKAHEAD_TOKENS`](crate::constants::LOOKAHEAD_TOKENS) serve only as context and yield no frames.
    fn encode(
        &mut self,
        tokens: &[u32],
        embedding: &[f32],
        lookahead: bool,
        cancel: &Cancel,
    ) -> Result<Encoded>;

    /// Announces the times of the following [`step`](Self::step)s, so that what depends on them alone can be computed at
    /// once.
    fn prepare(&mut self, _times: &[f32], _cancel: &Cancel) -> Result<()> {
        Ok(())
    }

    /// Sets the constant inputs of the following [`step`](Self::step)s.
    fn begin(&mut self, conditions: Conditions<'_>, cancel: &Cancel) -> Result<()>;

    /// One estimator run at time `t` over `x`: writes the conditional and the unconditional velocity, both
    /// `[MEL_BINS x frames]`.
    fn step(
        &mut self,
        x: &Mel,
        t: f32,
        conditional: &mut Mel,
        unconditional: &mut Mel,
        cancel: &Cancel,
    ) -> Result<()>;

    /// As [`step`](Self::step), without the unconditional velocity, which may cost as much as the conditional one.
    fn step_alone(
        &mut self,
        x: &Mel,
        t: f32,
        conditional: &mut Mel,
        cancel: &Cancel,
    ) -> Result<()> {
        let mut unconditional = Mel::zeros(x.frames());
        self.step(x, t, conditional, &mut unconditional, cancel)
    }

    /// Returns true if [`step_after`](Self::step_after) works.
    fn remembers(&self) -> bool {
        false
    }

    /// As [`step`](Self::step), for frames that follow `offset` others: whole attention chunks, of which `past` is the
    /// memory at this step, or `None` where there are none. Returns the memory of all frames so far.
    #[expect(clippy::too_many_arguments, reason = "those of `step` and the past")]
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
        let _ = (past, offset, x, t, conditional, unconditional, cancel);
        Err(Error::failed(format!(
            "the flow model on the {} cannot continue after earlier frames",
            self.device()
        )))
    }

    /// Gives back what the [`step_after`](Self::step_after)s since [`begin`](Self::begin) needed beside their results.
    fn end(&mut self) {}

    /// `memory` without the keys and values of the frames `range`, counted among those that it has.
    fn forget(&self, memory: &Memory, range: Range<usize>) -> Result<Memory> {
        let _ = (memory, range);
        Err(Error::failed(format!(
            "the flow model on the {} keeps no memory of earlier frames",
            self.device()
        )))
    }

    /// The error that the calls since the last query got over, such as by a change to another back end.
    fn take_recovered_error(&mut self) -> Option<Error> {
        None
    }
}
