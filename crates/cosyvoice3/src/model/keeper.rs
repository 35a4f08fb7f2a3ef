//! Keeps a model loaded while no synthesizer uses it.

use std::sync::{Arc, Mutex};

use super::Model;
use crate::{cancel::Cancel, lock::lock};

/// Holds on to a model; clones share one place.
pub struct Keeper<T = Model>(Arc<Mutex<Option<Arc<T>>>>);

impl<T> Clone for Keeper<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Keeper<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Keeper<T> {
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
        let (keeper, cancel) = (Keeper::default(), Cancel::new());
        keeper.clone().keep(model.clone(), &cancel);
        assert_eq!(Arc::strong_count(&model), 2);
        cancel.cancel();
        keeper.release();
        assert_eq!(Arc::strong_count(&model), 1);
        keeper.keep(model.clone(), &cancel);
        assert_eq!(Arc::strong_count(&model), 1);
    }
}
