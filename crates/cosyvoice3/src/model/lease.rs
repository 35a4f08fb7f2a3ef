//! Things that are lent to one user at a time.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Condvar, Mutex},
};

use crate::{Result, cancel::Cancel, lock::lock};

struct Shelf<T> {
    thing: Mutex<Option<T>>,
    returned: Condvar,
}

/// A thing that one thread at a time may use; unlike a mutex, waiting for it can be cancelled.
pub struct Lease<T>(Arc<Shelf<T>>);

impl<T: Send + 'static> Lease<T> {
    /// Puts `thing` up for lending.
    pub fn new(thing: T) -> Self {
        Self(Arc::new(Shelf {
            thing: Mutex::new(Some(thing)),
            returned: Condvar::new(),
        }))
    }

    /// Waits for the thing and takes it until the result is dropped.
    pub fn take(&self, cancel: &Cancel) -> Result<Leased<T>> {
        let shelf = self.0.clone();
        let _wake = cancel.on_cancel(move || {
            let _thing = lock(&shelf.thing);
            shelf.returned.notify_all();
        });
        let mut thing = lock(&self.0.thing);
        loop {
            cancel.check()?;
            if let Some(thing) = thing.take() {
                return Ok(Leased {
                    thing: Some(thing),
                    shelf: self.0.clone(),
                });
            }
            thing = self
                .0
                .returned
                .wait(thing)
                .unwrap_or_else(|e| e.into_inner());
        }
    }
}

/// A thing on loan; dropping it gives it back.
pub struct Leased<T> {
    thing: Option<T>,
    shelf: Arc<Shelf<T>>,
}

impl<T> Deref for Leased<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.thing.as_ref().expect("there until dropped")
    }
}

impl<T> DerefMut for Leased<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.thing.as_mut().expect("there until dropped")
    }
}

impl<T> Drop for Leased<T> {
    fn drop(&mut self) {
        *lock(&self.shelf.thing) = self.thing.take();
        self.shelf.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn one_user_at_a_time_and_nothing_is_lost() {
        let lease = Lease::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        *lease.take(&Cancel::new()).unwrap() += 1;
                    }
                });
            }
        });
        assert_eq!(*lease.take(&Cancel::new()).unwrap(), 4000);
    }

    #[test]
    fn waiting_can_be_cancelled() {
        let lease = Lease::new(());
        let cancel = Cancel::new();
        let held = lease.take(&cancel).unwrap();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| lease.take(&cancel).map(|_| ()));
            cancel.cancel();
            assert!(waiter.join().unwrap().unwrap_err().is_cancelled());
        });
        drop(held);
        assert!(lease.take(&Cancel::new()).is_ok());
    }
}
