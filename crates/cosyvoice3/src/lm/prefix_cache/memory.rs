//! Computed prefixes in memory, the least recently used first to go.

use std::{collections::VecDeque, sync::Arc};

use super::state::{Key, PrefixState};

/// Prefixes of no more than `limit` bytes together, the most recently used last.
pub(super) struct Memory {
    limit: usize,
    entries: VecDeque<(Key, Arc<PrefixState>)>,
}

impl Memory {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            entries: VecDeque::new(),
        }
    }

    pub fn get(&mut self, key: &Key) -> Option<Arc<PrefixState>> {
        let entry = self.take(key)?;
        self.entries.push_back((*key, entry.clone()));
        Some(entry)
    }

    pub fn put(&mut self, key: Key, state: Arc<PrefixState>) {
        self.take(&key);
        self.entries.push_back((key, state));
        while self.bytes() > self.limit {
            self.entries.pop_front();
        }
    }

    pub fn take(&mut self, key: &Key) -> Option<Arc<PrefixState>> {
        let at = self.entries.iter().position(|(known, _)| known == key)?;
        self.entries.remove(at).map(|(_, state)| state)
    }

    fn bytes(&self) -> usize {
        self.entries.iter().map(|(_, state)| state.bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(bytes: usize) -> Arc<PrefixState> {
        Arc::new(PrefixState {
            positions: 1,
            logits: vec![],
            kv: vec![0; bytes],
        })
    }

    #[test]
    fn the_least_recently_used_goes_first_and_one_that_is_too_large_is_not_kept() {
        let mut memory = Memory::new(100);
        let keys = [1, 2, 3, 4].map(|n| Key([n; 32]));
        memory.put(keys[0], state(40));
        memory.put(keys[1], state(40));
        assert!(memory.get(&keys[0]).is_some());
        memory.put(keys[2], state(40));
        assert!(memory.get(&keys[1]).is_none());
        assert!(memory.get(&keys[0]).is_some() && memory.get(&keys[2]).is_some());
        memory.put(keys[2], state(50));
        assert_eq!(memory.bytes(), 90);
        memory.put(keys[3], state(101));
        assert!(memory.get(&keys[3]).is_none());
        assert!(memory.bytes() <= 100);
    }
}
