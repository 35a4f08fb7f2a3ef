//! The report of what a rule has read.

/// A piece of text that is not said as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The piece as it is written, or as an earlier rule has left it.
    pub written: String,
    /// The words for it; empty where it has no sound.
    pub said: String,
    /// The rule that read it so, such as `money`.
    pub rule: &'static str,
}

impl Change {
    pub(crate) fn new(written: &str, said: &str, rule: &'static str) -> Self {
        Self {
            written: written.to_owned(),
            said: said.to_owned(),
            rule,
        }
    }
}
