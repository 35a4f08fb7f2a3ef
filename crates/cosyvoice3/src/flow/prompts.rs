//! Memories of prompts, kept between utterances: they depend on the voice and the time points alone.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use super::Memory;
use crate::voice::Voice;

/// Most memory for prompts.
const BYTES: usize = 256 << 20;

/// A prompt and the time points of the solver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PromptKey {
    tokens: Vec<u32>,
    /// Hash of the mel, the embedding and the time points.
    rest: u64,
}

impl PromptKey {
    pub fn new(voice: &Voice, times: &[f32]) -> Self {
        let mut hasher = DefaultHasher::new();
        for values in [voice.prompt_mel.as_slice(), &voice.embedding, times] {
            values.len().hash(&mut hasher);
            values.iter().for_each(|v| v.to_bits().hash(&mut hasher));
        }
        Self {
            tokens: voice.prompt_tokens.clone(),
            rest: hasher.finish(),
        }
    }
}

/// The prompts that were used last, as many as [`BYTES`] hold.
#[derive(Default)]
pub(super) struct Prompts {
    /// The most recent one last.
    kept: Vec<(PromptKey, Arc<Vec<Memory>>)>,
}

impl Prompts {
    pub fn get(&mut self, key: &PromptKey) -> Option<Arc<Vec<Memory>>> {
        let at = self.kept.iter().position(|(kept, _)| kept == key)?;
        let found = self.kept.remove(at);
        let memories = found.1.clone();
        self.kept.push(found);
        Some(memories)
    }

    pub fn put(&mut self, key: PromptKey, memories: Arc<Vec<Memory>>) {
        self.kept.push((key, memories));
        while self.bytes() > BYTES {
            self.kept.remove(0);
        }
    }

    fn bytes(&self) -> usize {
        let memories = self.kept.iter().flat_map(|(_, memories)| memories.iter());
        memories.map(|memory| memory.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(token: u32) -> PromptKey {
        PromptKey {
            tokens: vec![token],
            rest: 0,
        }
    }

    fn memories(bytes: usize) -> Arc<Vec<Memory>> {
        Arc::new(vec![Memory::new(100, bytes, ())])
    }

    #[test]
    fn the_prompt_that_was_not_used_for_longest_goes_first() {
        let mut prompts = Prompts::default();
        prompts.put(key(1), memories(BYTES / 3));
        prompts.put(key(2), memories(BYTES / 3));
        assert!(prompts.get(&key(1)).is_some());
        prompts.put(key(3), memories(BYTES / 2));
        assert!(prompts.get(&key(2)).is_none());
        assert!(prompts.get(&key(1)).is_some() && prompts.get(&key(3)).is_some());
        prompts.put(key(4), memories(BYTES + 1));
        assert_eq!(prompts.kept.len(), 0);
    }
}
