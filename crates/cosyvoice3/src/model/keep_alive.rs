//! Keeps a model loaded while no synthesizer uses it.

use std::sync::{Arc, Mutex};

use super::Model;
use crate::{cancel::Cancel, lock::lock};

/// Holds on to a model; clones share one place.
pub struct KeepAlive<T = Model>(Arc<Mutex<Option<Arc<T>>>>);

impl<T> Clone for KeepAlive<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for KeepAlive<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> KeepAlive<T> {
    /// Keeps `model` and lets go of the one before, unless its loading was cancelled: the canceller may have
    /// [released](Self::release) already, and would not do so again.
    pub fn keep(&self, model: Arc<T>, cancel: &Cancel) {
        let mut kept = lock(&self.0);
        if !cancel.is_cancelled() {
            *kept = Some(model);
        }
    }

    /// Lets go.
    pub fn release(&self) {
        lock(&self.0).take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_kept_until_it_is_released_but_not_for_who_cancelled_its_loading() {
        let model = Arc::new(());
        let (keep_alive, cancel) = (KeepAlive::default(), Cancel::new());
        keep_alive.clone().keep(model.clone(), &cancel);
        assert_eq!(Arc::strong_count(&model), 2);
        cancel.cancel();
        keep_alive.release();
        assert_eq!(Arc::strong_count(&model), 1);
        keep_alive.keep(model.clone(), &cancel);
        assert_eq!(Arc::strong_count(&model), 1);
    }
}
