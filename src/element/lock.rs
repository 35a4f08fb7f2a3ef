//! Mutex locking that ignores poisoning.

use std::sync::{Mutex, MutexGuard};

/// Locks `mutex` even if a thread panicked while it held it: the data behind the element's locks is consistent between
/// any two statements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}
