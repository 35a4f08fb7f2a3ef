//! Cancelling work that is under way.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use crate::{Error, Result, lock::lock};

type Hook = Box<dyn Fn() + Send>;

#[derive(Default)]
struct State {
    cancelled: AtomicBool,
    hooks: Mutex<Vec<(u64, Hook)>>,
}

/// A token that stages look at between steps; clones share one state.
///
/// A stage that sits inside a long foreign call registers a [hook](Cancel::on_cancel) that interrupts this call.
#[derive(Clone, Default)]
pub struct Cancel(Arc<State>);

impl Cancel {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels: from now on [`check`](Self::check) fails, and every registered hook runs once, on this thread.
    pub fn cancel(&self) {
        if !self.0.cancelled.swap(true, Ordering::SeqCst) {
            for (_, hook) in self.hooks().iter() {
                hook();
            }
        }
    }

    /// Returns true if the work was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// Fails with [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) once the work was cancelled.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            return Err(Error::cancelled());
        }
        Ok(())
    }

    /// Runs `hook` when the work is cancelled while the returned guard lives; at once if it already was.
    pub fn on_cancel(&self, hook: impl Fn() + Send + 'static) -> CancelHook {
        let mut hooks = self.hooks();
        let id = hooks.last().map_or(0, |(id, _)| id + 1);
        if self.is_cancelled() {
            hook();
        }
        hooks.push((id, Box::new(hook)));
        CancelHook {
            cancel: self.clone(),
            id,
        }
    }

    fn hooks(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Hook)>> {
        lock(&self.0.hooks)
    }
}

/// Keeps a hook of [`Cancel::on_cancel`] registered; dropping it waits for a hook that is just running.
#[must_use = "the hook is removed when this is dropped"]
pub struct CancelHook {
    cancel: Cancel,
    id: u64,
}

impl Drop for CancelHook {
    fn drop(&mut self) {
        self.cancel.hooks().retain(|(id, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hook_runs_once_and_only_while_registered() {
        let hits = Arc::new(Mutex::new(Vec::new()));
        let cancel = Cancel::new();
        let log = |name: &'static str| {
            let hits = hits.clone();
            move || hits.lock().unwrap().push(name)
        };
        drop(cancel.on_cancel(log("dropped")));
        let _kept = cancel.on_cancel(log("kept"));
        cancel.cancel();
        cancel.cancel();
        let _late = cancel.on_cancel(log("late"));
        assert_eq!(*hits.lock().unwrap(), ["kept", "late"]);
        assert!(cancel.check().unwrap_err().is_cancelled());
    }
}
