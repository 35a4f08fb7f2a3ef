//! The stage threads and their order.
//!
//! ```text
//! requests ─► cv3-lm ─ jobs, tokens ─► cv3-flow ─ mel ─► cv3-vocoder ─ events ─►
//! ```
//!
//! A message of a cancelled request still travels to the end of the pipeline, without work, so that the order of events
//! is the order of requests.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use super::{decoding, engine::Engine, flowing, shared::Shared, voicing};
use crate::{Error, ErrorKind, Result, stage::Stage};

/// Starts the stage threads over `engine`, and adds them to `threads` one by one.
pub(super) fn start(
    shared: &Arc<Shared>,
    engine: &Arc<dyn Engine>,
    threads: &mut Vec<JoinHandle<()>>,
) -> Result<()> {
    let ready = Instant::now();
    for stage in Stage::ALL {
        let (shared, engine) = (shared.clone(), engine.clone());
        let thread = thread::Builder::new()
            .name(stage.thread_name().into())
            .spawn(move || {
                engine.enter(stage);
                shared.worker(stage).set_cores_from_affinity();
                match stage {
                    Stage::Lm => decoding::run(&shared, &*engine, ready),
                    Stage::Flow => flowing::run(&shared, &*engine),
                    Stage::Vocoder => voicing::run(&shared, &*engine),
                }
            })
            .map_err(|e| {
                Error::new(
                    ErrorKind::NoSpace,
                    format!("cannot start the thread {}: {e}", stage.thread_name()),
                )
            })?;
        threads.push(thread);
    }
    Ok(())
}
