//! A stage that outlives its panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Error, ErrorKind, Result};

/// A stage that is made on first use and again after it panicked.
pub(super) struct Slot<S: ?Sized> {
    stage: Option<Box<S>>,
    name: &'static str,
}

impl<S: ?Sized> Slot<S> {
    pub fn new(name: &'static str) -> Self {
        Self { stage: None, name }
    }

    pub fn run<R>(
        &mut self,
        make: impl FnOnce() -> Result<Box<S>>,
        work: impl FnOnce(&mut S) -> Result<R>,
    ) -> Result<R> {
        let slot = &mut self.stage;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            if slot.is_none() {
                *slot = Some(make()?);
            }
            work(slot.as_mut().expect("just made"))
        }));
        outcome.unwrap_or_else(|panic| {
            self.stage = None;
            Err(panicked(self.name, &*panic))
        })
    }
}

pub(super) fn panicked(what: &str, panic: &(dyn std::any::Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::new(
        ErrorKind::Panicked,
        format!("{what} panicked ({message}): this is a bug, please report it"),
    )
}
