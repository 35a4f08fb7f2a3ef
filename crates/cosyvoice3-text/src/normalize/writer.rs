//! The spoken text as it is put together.

/// Collects text and keeps a blank between spoken numbers and the letters beside them.
#[derive(Default)]
pub(super) struct Writer {
    text: String,
    said: bool,
}

impl Writer {
    /// Adds `words` that were not written so.
    pub fn say(&mut self, words: &str) {
        if self.text.ends_with(char::is_alphanumeric) && words.starts_with(char::is_alphanumeric) {
            self.text.push(' ');
        }
        self.text.push_str(words);
        self.said = true;
    }

    /// Adds a piece of the text as it is.
    pub fn copy(&mut self, piece: &str) {
        if self.said
            && self.text.ends_with(char::is_alphanumeric)
            && piece.starts_with(char::is_alphanumeric)
        {
            self.text.push(' ');
        }
        self.text.push_str(piece);
        self.said = false;
    }

    /// True if the text so far ends with `tail`.
    pub fn ends_with(&self, tail: &str) -> bool {
        self.text.ends_with(tail)
    }

    /// The number of bytes so far.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// The text after the first `length` bytes.
    pub fn since(&self, length: usize) -> &str {
        self.text.get(length..).unwrap_or_default()
    }

    /// Takes back what was added after the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.text.truncate(length);
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }
}
