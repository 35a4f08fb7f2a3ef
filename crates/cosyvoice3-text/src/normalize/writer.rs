//! The spoken text as it is put together.

/// Collects text and keeps a blank between spoken numbers and the letters beside them.
#[derive(Default)]
pub(super) struct Writer {
    text: String,
    said: bool,
    /// The length to which words have been taken back, where they were.
    shortest: Option<usize>,
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

    /// Takes back what was added after the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.text.truncate(length);
        self.shortest = Some(
            self.shortest
                .map_or(length, |shortest| shortest.min(length)),
        );
    }

    /// The shortest that the text was made by taking back since the last call; `usize::MAX` where nothing was.
    pub fn take_shortest(&mut self) -> usize {
        self.shortest.take().unwrap_or(usize::MAX)
    }

    /// Puts `new` in the place of the word `old`, where the text ends with it.
    pub fn replace_last_word(&mut self, old: &str, new: &str) {
        let end = self.text.trim_end();
        let Some(head) = end.strip_suffix(old) else {
            return;
        };
        if !head.ends_with(char::is_alphanumeric) {
            let blanks = self.text[end.len()..].to_owned();
            self.truncate(head.len());
            self.text.push_str(new);
            self.text.push_str(&blanks);
        }
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }
}
