//! The NPU as long as it works, then the CPU.

use std::ops::Range;

use super::{Conditions, Device, Encoded, FlowBackend, Memory};
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
        let from = self.backend.device();
        let loaded = load(cancel);
        if cancel.is_cancelled() {
            return Err(Error::cancelled());
        }
        self.spare = None;
        self.backend = loaded.map_err(|e| {
            e.context(format!(
                "{error}; then loading the replacement for the {from} failed"
            ))
        })?;
        self.warning = Some(error.context(format!(
            "the flow model continues on the {} because the {from} failed",
            self.backend.device()
        )));
        if let Some(window) = &self.window {
            self.backend.begin(window.conditions(), cancel)?;
        }
        work(&mut *self.backend)
    }
}

impl FlowBackend for Fallback {
    fn device(&self) -> Device {
        self.backend.device()
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

    fn prepare(&mut self, times: &[f32], cancel: &Cancel) -> Result<()> {
        self.with(cancel, |backend| backend.prepare(times, cancel))
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

    fn step_alone(
        &mut self,
        x: &Mel,
        t: f32,
        conditional: &mut Mel,
        cancel: &Cancel,
    ) -> Result<()> {
        self.with(cancel, |backend| {
            backend.step_alone(x, t, conditional, cancel)
        })
    }

    fn remembers(&self) -> bool {
        self.backend.remembers()
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
        // No other back end could read the memory, so a failure here stays one.
        self.backend
            .step_after(past, offset, x, t, conditional, unconditional, cancel)
    }

    fn end(&mut self) {
        self.backend.end();
    }

    fn forget(&self, memory: &Memory, range: Range<usize>) -> Result<Memory> {
        self.backend.forget(memory, range)
    }

    fn take_recovered_error(&mut self) -> Option<Error> {
        self.warning.take()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    /// Encodes if it works, and can do nothing else.
    struct Scripted {
        device: Device,
        works: bool,
    }

    impl FlowBackend for Scripted {
        fn device(&self) -> Device {
            self.device
        }

        fn estimator_lengths(&self) -> Option<&[usize]> {
            None
        }

        fn encode(&mut self, _: &[u32], _: &[f32], _: bool, _: &Cancel) -> Result<Encoded> {
            match self.works {
                true => Ok(Encoded {
                    mu: Mel::zeros(0),
                    spks: Vec::new(),
                }),
                false => Err(Error::failed("scripted")),
            }
        }

        fn begin(&mut self, _: Conditions<'_>, _: &Cancel) -> Result<()> {
            unreachable!()
        }

        fn step(&mut self, _: &Mel, _: f32, _: &mut Mel, _: &mut Mel, _: &Cancel) -> Result<()> {
            unreachable!()
        }
    }

    #[test]
    fn a_change_that_was_cancelled_is_made_the_next_time() {
        let loads = Arc::new(AtomicUsize::new(0));
        let counted = loads.clone();
        let broken = Box::new(Scripted {
            device: Device::Npu,
            works: false,
        });
        let mut fallback = Fallback::new(
            broken,
            Box::new(move |cancel| {
                if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                    cancel.cancel();
                }
                cancel.check()?;
                Ok(Box::new(Scripted {
                    device: Device::Cpu,
                    works: true,
                }))
            }),
        );
        let mut encode = || fallback.encode(&[], &[], false, &Cancel::new());
        assert!(encode().unwrap_err().is_cancelled());
        assert!(encode().is_ok());
        assert_eq!(
            (fallback.device(), loads.load(Ordering::SeqCst)),
            (Device::Cpu, 2)
        );
        assert!(fallback.take_recovered_error().is_some());
    }
}
