//! The NPU as long as it works, then the CPU.

use super::{Conditions, Encoded, FlowBackend};
use crate::{Error, Result, cancel::Cancel, mel::Mel};

type Load = Box<dyn Fn(&Cancel) -> Result<Box<dyn FlowBackend>> + Send>;

/// A back end that changes to another one at its first failure, in the middle of a window if need be: nothing is lost.
///
/// The other one is loaded only then, since it takes as much memory again.
pub(super) struct Fallback {
    backend: Box<dyn FlowBackend>,
    /// `None` once it was used.
    spare: Option<Load>,
    warning: Option<Error>,
    window: Option<Window>,
}

/// A copy of [`Conditions`], to begin the window again.
struct Window {
    mu: Mel,
    spks: Vec<f32>,
    cond: Mel,
    attention_chunk: usize,
}

impl Window {
    fn conditions(&self) -> Conditions<'_> {
        Conditions {
            mu: &self.mu,
            spks: &self.spks,
            cond: &self.cond,
            attention_chunk: self.attention_chunk,
        }
    }
}

impl Fallback {
    /// `backend`, and what `spare` loads after its first failure.
    pub fn new(backend: Box<dyn FlowBackend>, spare: Load) -> Self {
        Self {
            backend,
            spare: Some(spare),
            warning: None,
            window: None,
        }
    }

    /// Does `work`, on the other back end if this one fails at it.
    fn with<R>(
        &mut self,
        cancel: &Cancel,
        mut work: impl FnMut(&mut dyn FlowBackend) -> Result<R>,
    ) -> Result<R> {
        let error = match work(&mut *self.backend) {
            Err(error) if !error.is_cancelled() && !cancel.is_cancelled() => error,
            done => return done,
        };
        let Some(load) = &self.spare else {
            return Err(error);
        };
        let from = self.backend.name();
        let loaded = load(cancel);
        if cancel.is_cancelled() {
            return Err(Error::cancelled());
        }
        self.spare = None;
        self.backend =
            loaded.map_err(|e| e.context(format!("{error}; and instead of the {from}")))?;
        self.warning = Some(error.context(format!(
            "the flow model goes on with the {} because the {from} failed",
            self.backend.name()
        )));
        if let Some(window) = &self.window {
            self.backend.begin(window.conditions(), cancel)?;
        }
        work(&mut *self.backend)
    }
}

impl FlowBackend for Fallback {
    fn name(&self) -> &'static str {
        self.backend.name()
    }

    fn estimator_lengths(&self) -> Option<&[usize]> {
        self.backend.estimator_lengths()
    }

    fn encode(
        &mut self,
        tokens: &[u32],
        embedding: &[f32],
        lookahead: bool,
        cancel: &Cancel,
    ) -> Result<Encoded> {
        self.window = None;
        self.with(cancel, |backend| {
            backend.encode(tokens, embedding, lookahead, cancel)
        })
    }

    fn begin(&mut self, conditions: Conditions<'_>, cancel: &Cancel) -> Result<()> {
        self.window = self.spare.is_some().then(|| Window {
            mu: conditions.mu.clone(),
            spks: conditions.spks.to_vec(),
            cond: conditions.cond.clone(),
            attention_chunk: conditions.attention_chunk,
        });
        self.with(cancel, |backend| backend.begin(conditions, cancel))
    }

    fn step(
        &mut self,
        x: &Mel,
        t: f32,
        conditional: &mut Mel,
        unconditional: &mut Mel,
        cancel: &Cancel,
    ) -> Result<()> {
        self.with(cancel, |backend| {
            backend.step(x, t, conditional, unconditional, cancel)
        })
    }

    fn take_warning(&mut self) -> Option<Error> {
        self.warning.take()
    }
}
