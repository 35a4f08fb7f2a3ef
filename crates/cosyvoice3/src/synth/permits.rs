//! A semaphore: bounds the utterances in the pipeline.

use std::sync::Arc;

use super::queue::Queue;
use crate::{Result, cancel::Cancel};

/// The permits of one pipeline; unlike other semaphores', waiting for one can be cancelled.
pub(super) struct Permits(Arc<Queue<()>>);

impl Permits {
    /// `count` permits.
    pub fn new(count: usize) -> Self {
        Self(Queue::new(count))
    }

    /// Waits for a permit.
    pub fn acquire(&self, cancel: &Cancel) -> Result<Permit> {
        self.0.push((), cancel)?;
        Ok(Permit(self.0.clone()))
    }

    /// Ends all waiting, for good.
    pub fn close(&self) {
        self.0.close();
    }
}

/// A permit; dropping it returns it.
pub(super) struct Permit(Arc<Queue<()>>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.try_pop();
    }
}
