//! Mutex locking that ignores poisoning.

use std::sync::{Mutex, MutexGuard};

/// Locks `mutex` even if a thread panicked while it held it: what is behind the locks here is whole between any two
/// statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}
