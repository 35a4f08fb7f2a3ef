//! Text that arrives as a stream of bytes, cut anywhere.

use super::sentence::{is_blank, next_certain_sentence, next_sentence};

/// Turns blocks of UTF-8 bytes into sentences, each as soon as it is certain where it ends.
///
/// A sentence ends as [`next_sentence`] says, and always at the end of its line, so that text that comes line by line
/// need not wait for the next one. How the bytes are cut into blocks makes no difference. A byte order mark, carriage
/// returns and blanks around sentences are dropped; invalid bytes become U+FFFD and are [counted](Self::invalid).
/// Memory stays below a few kilobytes plus one block.
#[derive(Debug, Default)]
pub struct IncrementalText {
    /// The start of a character whose other bytes are still to come.
    bytes: Vec<u8>,
    /// The current line from its first sentence on that is not complete.
    line: String,
    invalid: usize,
}

impl IncrementalText {
    /// Waits for the first block.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next block; the sentences that it completes.
    pub fn push(&mut self, block: &[u8]) -> Vec<String> {
        let mut sentences = Vec::new();
        // A zero would end the text in everything that is written in C.
        let text = self.decode(block).replace('\0', " ");
        let mut lines = text.split('\n');
        self.line.push_str(lines.next().unwrap_or_default());
        for next in lines {
            self.take(&mut sentences, next_sentence);
            self.line.clear();
            self.line.push_str(next);
        }
        self.take(&mut sentences, next_certain_sentence);
        sentences
    }

    /// The stream has ended: what is left of it. Ready for another stream afterwards.
    pub fn finish(&mut self) -> Vec<String> {
        let mut sentences = Vec::new();
        if !std::mem::take(&mut self.bytes).is_empty() {
            self.invalid += 1;
            self.line.push(char::REPLACEMENT_CHARACTER);
        }
        self.take(&mut sentences, next_sentence);
        self.line.clear();
        sentences
    }

    /// Forgets what has arrived of unfinished sentences and characters, as on a flush.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.line.clear();
    }

    /// Invalid byte sequences replaced so far.
    pub fn invalid(&self) -> usize {
        self.invalid
    }

    /// The characters that `block` completes.
    fn decode(&mut self, block: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.extend_from_slice(block);
        let mut text = String::with_capacity(bytes.len());
        let mut rest = bytes.as_slice();
        loop {
            let error = match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    return text;
                }
                Err(error) => error,
            };
            let (valid, tail) = rest.split_at(error.valid_up_to());
            text.push_str(&String::from_utf8_lossy(valid));
            let Some(length) = error.error_len() else {
                self.bytes = tail.to_vec();
                return text;
            };
            text.push(char::REPLACEMENT_CHARACTER);
            self.invalid += 1;
            rest = &tail[length..];
        }
    }

    fn take(
        &mut self,
        sentences: &mut Vec<String>,
        next: fn(&str, usize) -> Option<std::ops::Range<usize>>,
    ) {
        let mut from = 0;
        while let Some(range) = next(&self.line, from) {
            from = range.end;
            sentences.push(self.line[range].to_owned());
        }
        self.line.drain(..from);
        let blanks = self.line.len() - self.line.trim_start_matches(is_blank).len();
        self.line.drain(..blanks);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(bytes: &[u8]) -> (Vec<String>, usize) {
        let mut text = IncrementalText::new();
        let mut sentences = text.push(bytes);
        sentences.extend(text.finish());
        (sentences, text.invalid())
    }

    fn cut(bytes: &[u8], lengths: &[usize]) -> (Vec<String>, usize) {
        let mut text = IncrementalText::new();
        let mut sentences = Vec::new();
        let mut rest = bytes;
        for length in lengths.iter().cycle() {
            let (block, tail) = rest.split_at(rest.len().min(*length));
            sentences.extend(text.push(block));
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        sentences.extend(text.finish());
        (sentences, text.invalid())
    }

    #[test]
    fn sentences_come_out_as_soon_as_their_end_is_certain() {
        let mut text = IncrementalText::new();
        assert!(text.push("\u{feff}Привет. ".as_bytes()).is_empty());
        assert_eq!(text.push("Как".as_bytes()), ["Привет."]);
        assert_eq!(text.push(" дела?\r\n".as_bytes()), ["Как дела?"]);
        assert_eq!(text.push("Это было в 2025 г. и".as_bytes()), [""; 0]);
        assert_eq!(
            text.push(" раньше.\nБез точки\n".as_bytes()),
            ["Это было в 2025 г. и раньше.", "Без точки"]
        );
        assert_eq!(text.push("Конец".as_bytes()), [""; 0]);
        assert_eq!(text.finish(), ["Конец"]);
        assert!(text.finish().is_empty());
    }

    #[test]
    fn invalid_bytes_are_replaced_and_counted() {
        let bytes = b"\xd0\x94\xd0\xb0\xff! \xe4\xbd";
        assert_eq!(
            whole(bytes),
            (vec!["Да\u{fffd}!".to_owned(), "\u{fffd}".to_owned()], 2)
        );
    }

    #[test]
    fn zeros_are_blanks() {
        assert_eq!(whole(b"One\0two.\0\n").0, ["One two."]);
    }

    #[test]
    fn clearing_forgets_the_unfinished() {
        let mut text = IncrementalText::new();
        text.push(b"Forget this \xd0");
        text.clear();
        assert_eq!(text.push(b"Say this.\n"), ["Say this."]);
        assert_eq!(text.invalid(), 0);
    }

    #[test]
    fn memory_stays_bounded_without_any_sentence_end() {
        for unit in ["слово ", "-", " ", "\u{feff}", "\u{301}", "."] {
            let mut text = IncrementalText::new();
            for _ in 0..2_000 {
                text.push(unit.repeat(20).as_bytes());
                assert!(text.line.len() < 4_000, "{unit:?}");
            }
        }
    }

    fn streams() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            any::<String>().prop_map(String::into_bytes),
            "([а-яА-Я]{1,5}|[0-9]{1,3}|т\\. д\\.|г\\.|[.!?…]{1,3}|[ \\n\\r—\"”“»-]{1,3}|你好。|[a-zA-Z.]{1,4}){0,60}"
                .prop_map(String::into_bytes),
            "[а-я ]{1000,3000}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..200),
            prop::collection::vec(prop::sample::select(&b"\xd0\x94\xe4\xbd\xa0\xf0\x9f. \nA"[..]), 0..200),
        ]
    }

    proptest! {
        #[test]
        fn how_bytes_are_cut_makes_no_difference(
            bytes in streams(),
            lengths in prop::collection::vec(1..20_usize, 1..10),
        ) {
            let expected = whole(&bytes);
            prop_assert_eq!(&cut(&bytes, &lengths), &expected);
            prop_assert_eq!(&cut(&bytes, &[1]), &expected);
        }
    }
}
