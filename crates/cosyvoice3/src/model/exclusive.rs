//! Values that one thread at a time uses.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Condvar, Mutex},
};

use crate::{Result, cancel::Cancel, lock::lock};

struct Slot<T> {
    value: Mutex<Option<T>>,
    returned: Condvar,
}

/// A value that one thread at a time may use; unlike a mutex, waiting for it can be cancelled.
pub struct Exclusive<T>(Arc<Slot<T>>);

impl<T: Send + 'static> Exclusive<T> {
    /// A pool of this one value.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Slot {
            value: Mutex::new(Some(value)),
            returned: Condvar::new(),
        }))
    }

    /// Waits for the value and takes it, until the guard is dropped.
    pub fn take(&self, cancel: &Cancel) -> Result<ExclusiveGuard<T>> {
        let slot = self.0.clone();
        let _wake = cancel.on_cancel(move || {
            let _value = lock(&slot.value);
            slot.returned.notify_all();
        });
        let mut value = lock(&self.0.value);
        loop {
            cancel.check()?;
            if let Some(value) = value.take() {
                return Ok(ExclusiveGuard {
                    value: Some(value),
                    slot: self.0.clone(),
                });
            }
            value = self
                .0
                .returned
                .wait(value)
                .unwrap_or_else(|e| e.into_inner());
        }
    }
}

/// The value, taken out of the pool; dropping the guard returns it.
pub struct ExclusiveGuard<T> {
    value: Option<T>,
    slot: Arc<Slot<T>>,
}

impl<T> Deref for ExclusiveGuard<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.value.as_ref().expect("there until dropped")
    }
}

impl<T> DerefMut for ExclusiveGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("there until dropped")
    }
}

impl<T> Drop for ExclusiveGuard<T> {
    fn drop(&mut self) {
        *lock(&self.slot.value) = self.value.take();
        self.slot.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn one_user_at_a_time_and_nothing_is_lost() {
        let exclusive = Exclusive::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        *exclusive.take(&Cancel::new()).unwrap() += 1;
                    }
                });
            }
        });
        assert_eq!(*exclusive.take(&Cancel::new()).unwrap(), 4000);
    }

    #[test]
    fn waiting_can_be_cancelled() {
        let exclusive = Exclusive::new(());
        let cancel = Cancel::new();
        let held = exclusive.take(&cancel).unwrap();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| exclusive.take(&cancel).map(|_| ()));
            cancel.cancel();
            assert!(waiter.join().unwrap().unwrap_err().is_cancelled());
        });
        drop(held);
        assert!(exclusive.take(&Cancel::new()).is_ok());
    }
}
