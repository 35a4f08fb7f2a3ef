//! Precedence of the first sound after silence, on cores that the stages share.
//!
//! Once the flow has the tokens of the first piece, all that the language model does is for later. On the same cores it would
//! only delay the first sound: with two sentences behind it, a short first one came half as late again. So the
//! language model waits while flow and vocoder make the first piece, and goes on once its samples are there.

use std::sync::{Arc, Condvar, Mutex};

use crate::{cancel::Cancel, lock::lock};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The language model never waits: something is heard already, or the flow's cores are its own.
    Off,
    /// The flow waits for tokens.
    Wanting,
    /// Flow or vocoder compute it.
    Computing,
    /// Its samples are there, or will never be.
    Over,
}

/// The first sound of one request, as its stages see it.
#[derive(Clone)]
pub(super) struct FirstSound(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

impl FirstSound {
    /// One that does not hold up the language model until [`go_first`](Self::go_first).
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State::Off),
            changed: Condvar::new(),
        }))
    }

    /// The flow computes on the cores of the language model, from here on.
    pub fn go_first(&self) {
        self.change(State::Off, State::Wanting);
    }

    /// The flow waits for tokens.
    pub fn wants_tokens(&self) {
        self.change(State::Computing, State::Wanting);
    }

    /// The flow has the tokens that it needs.
    pub fn has_tokens(&self) {
        self.change(State::Wanting, State::Computing);
    }

    /// Its samples are there, or will never be.
    pub fn end(&self) {
        *lock(&self.0.state) = State::Over;
        self.0.changed.notify_all();
    }

    /// Waits while it is computed, or until the request of `cancel` is cancelled.
    pub fn wait(&self, cancel: &Cancel) {
        if *lock(&self.0.state) != State::Computing {
            return;
        }
        let inner = self.0.clone();
        let _hook = cancel.on_cancel(move || {
            // With the lock, so that it does not come between the waiting thread's look and its sleep.
            let _state = lock(&inner.state);
            inner.changed.notify_all();
        });
        let mut state = lock(&self.0.state);
        while *state == State::Computing && !cancel.is_cancelled() {
            state = self
                .0
                .changed
                .wait(state)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    fn change(&self, from: State, to: State) {
        let mut state = lock(&self.0.state);
        if *state == from {
            *state = to;
            self.0.changed.notify_all();
        }
    }
}

/// The making of a first sound, which ends when this is dropped: the samples are there, or will never be.
pub(super) struct FirstPiece(pub FirstSound);

impl Drop for FirstPiece {
    fn drop(&mut self) {
        self.0.end();
    }
}
