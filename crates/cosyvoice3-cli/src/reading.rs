//! `cosyvoice3 text`: the words that a text becomes.

use std::io::{self, BufRead, Write};

use anyhow::Result;
use cosyvoice3_text::{Language, Reading, is_markup, is_speakable, next_sentence, normalize_as};

use crate::options::TextOptions;

/// Prints the reading of the argument, or of the standard input line by line.
pub fn show(options: &TextOptions) -> Result<()> {
    let mut reader = Reader {
        given: options.language.0,
        language: options.language.0.unwrap_or(Language::English),
        reading: options.text_reading,
    };
    let separator = if options.sentences { "\n" } else { " " };
    let mut out = io::stdout().lock();
    let mut show = |line: &str| -> io::Result<()> {
        writeln!(out, "{}", reader.read(line).join(separator))?;
        out.flush()
    };
    if let Some(text) = &options.text {
        for line in text.lines() {
            show(line)?;
        }
        return Ok(());
    }
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        show(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']))?;
        line.clear();
    }
    Ok(())
}

/// Reads line after line as the engine does: a sentence is in the language of its letters, else in that of the one
/// before.
struct Reader {
    given: Option<Language>,
    language: Language,
    reading: Reading,
}

impl Reader {
    /// The sentences of a line, in words.
    fn read(&mut self, line: &str) -> Vec<String> {
        if is_markup(line) {
            return vec![line.to_owned()];
        }
        let mut sentences = Vec::new();
        let mut at = 0;
        while let Some(range) = next_sentence(line, at) {
            at = range.end;
            let sentence = &line[range];
            if !is_speakable(sentence) {
                continue;
            }
            if self.given.is_none() {
                self.language = Language::detect(sentence).unwrap_or(self.language);
            }
            sentences.push(normalize_as(sentence, self.language, self.reading));
        }
        sentences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(language: Option<Language>, line: &str) -> Vec<String> {
        let mut reader = Reader {
            given: language,
            language: language.unwrap_or(Language::English),
            reading: Reading::Model,
        };
        reader.read(line)
    }

    #[test]
    fn sentences_are_read_in_their_own_language_or_in_the_one_that_was_given() {
        assert_eq!(
            read(None, "Осталось 5 минут. Take 2 pills! ..."),
            ["Осталось пять минут.", "Take two pills!"]
        );
        assert_eq!(read(Some(Language::Russian), "12"), ["двенадцать"]);
        assert_eq!(read(None, "12"), ["twelve"]);
        assert_eq!(read(None, "?!"), Vec::<String>::new());
    }
}
