//! An entry of the cache, and its key.

use std::fmt;

/// A prefix's state after prefill.
#[derive(Clone, PartialEq)]
pub(in crate::lm) struct PrefixState {
    /// Positions of the prefix.
    pub positions: usize,
    /// Logits after the last position, which llama.cpp's state does not hold.
    pub logits: Vec<f32>,
    /// Keys and values, as llama.cpp's state of the sequence.
    pub kv: Vec<u8>,
}

impl PrefixState {
    /// Size in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.logits[..]) + self.kv.len()
    }
}

impl fmt::Debug for PrefixState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} positions, {} bytes", self.positions, self.bytes())
    }
}

/// Key of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lm) struct Key(pub(super) [u8; 32]);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
