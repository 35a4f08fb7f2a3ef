//! The stages of the engine.

use std::fmt;

/// One of the stages through which every utterance goes, in this order, each on a thread of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Language model: text to speech tokens.
    Lm,
    /// Flow model: speech tokens to mel.
    Flow,
    /// Vocoder: mel to samples.
    Vocoder,
}

impl Stage {
    /// All stages, in the order of the data.
    pub const ALL: [Self; 3] = [Self::Lm, Self::Flow, Self::Vocoder];

    /// `lm`, `flow` or `vocoder`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lm => "lm",
            Self::Flow => "flow",
            Self::Vocoder => "vocoder",
        }
    }

    /// Name of the stage's thread, within the 15 characters that Linux keeps.
    pub fn thread_name(self) -> &'static str {
        match self {
            Self::Lm => "cv3-lm",
            Self::Flow => "cv3-flow",
            Self::Vocoder => "cv3-vocoder",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
