//! Words and how to say them, by a list that a user writes.
//!
//! A lexicon is a text file in UTF-8 with one entry a line: the word or phrase as it is written, a tab or ` = `, and how
//! to say it. Lines that begin with `#` and blank lines say nothing.
//!
//! ```text
//! # names
//! GStreamer = джи стри́мер
//! Nginx     = engine x
//! ул. Ленина = улица Ле́нина
//! ```
//!
//! - An entry with a capital letter is found only as it stands. One in small letters is also found with a capital at its
//!   start, as at the start of a sentence, and is then said with one.
//! - Words are found whole: `кот` is not found in `котёл`. Between Chinese characters there is no border to respect.
//! - Of entries that overlap the one that begins first counts, of those the longest. What was put in is not looked up
//!   again.
//! - The right side is text as any other: its numbers are read, U+0301 marks its stress.
//!
//! A lexicon comes before all other reading. Looking up is linear in the text, whatever the number of entries.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use aho_corasick::AhoCorasick;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::{Change, normalize::is_combining};

/// Longest side of an entry, in bytes. It bounds the work for each byte of a text, too.
const LONGEST_SIDE: usize = 400;
/// Most entries of one lexicon.
const MOST_ENTRIES: usize = 100_000;

/// Words and phrases and how to say them.
#[derive(Debug, Clone, Default)]
pub struct Lexicon {
    finder: Option<AhoCorasick>,
    /// Written and spoken, in the order of the finder's patterns.
    entries: Vec<(String, String)>,
}

/// A mistake in a lexicon file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LexiconError {
    /// The file's name, as it was given.
    pub file: String,
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// The mistake, and what to do.
    pub problem: String,
}

impl std::fmt::Display for LexiconError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.problem),
            line => write!(f, "{}:{line}: {}", self.file, self.problem),
        }
    }
}

impl std::error::Error for LexiconError {}

impl Lexicon {
    /// The lexicon of a file with these `bytes`; `file` names it in errors.
    ///
    /// # Errors
    ///
    /// The first line that is no entry, no comment and not blank, that has an empty side or one of more than 400 bytes,
    /// or that repeats an entry; bytes that are no UTF-8; more than 100,000 entries.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, LexiconError> {
        let error = |line: usize, problem: String| LexiconError {
            file: file.to_owned(),
            line,
            problem,
        };
        let text = std::str::from_utf8(bytes).map_err(|invalid| {
            let line = 1 + bytes[..invalid.valid_up_to()]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            error(
                line,
                "this line is not UTF-8; save the file in that encoding".to_owned(),
            )
        })?;
        let mut entries: Vec<(String, String)> = Vec::new();
        let mut lines = HashMap::new();
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let number = number + 1;
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (written, spoken) = entry(line).map_err(|problem| error(number, problem))?;
            if let Some(first) = lines.insert(written.clone(), number) {
                return Err(error(
                    number,
                    format!("`{written}` stands in line {first} already; remove one of them"),
                ));
            }
            if entries.len() == MOST_ENTRIES {
                return Err(error(
                    number,
                    format!("more than {MOST_ENTRIES} entries; keep those that are needed"),
                ));
            }
            entries.push((written, spoken));
        }
        Self::of(entries).map_err(|problem| error(0, problem))
    }

    /// A lexicon with the entries of both; where both have one, that of `self` counts. So a voice's lexicon goes before
    /// its model's: `voice.or(model)`.
    pub fn or(self, other: Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return if self.is_empty() { other } else { self };
        }
        let mut entries = self.entries;
        // Entries in small letters have a second form, which is made anew.
        let known: std::collections::HashSet<String> =
            entries.iter().map(|(written, _)| written.clone()).collect();
        entries.extend(
            other
                .entries
                .into_iter()
                .filter(|(written, _)| !known.contains(written)),
        );
        Self::of(entries).unwrap_or_default()
    }

    fn of(mut entries: Vec<(String, String)>) -> Result<Self, String> {
        if entries.is_empty() {
            return Ok(Self::default());
        }
        let known: std::collections::HashSet<String> =
            entries.iter().map(|(written, _)| written.clone()).collect();
        let capitals: Vec<(String, String)> = entries
            .iter()
            .filter(|(written, _)| !written.contains(char::is_uppercase))
            .map(|(written, spoken)| (capitalised(written), capitalised(spoken)))
            .filter(|(written, _)| !known.contains(written))
            .collect();
        entries.extend(capitals);
        let finder = AhoCorasick::new(entries.iter().map(|(written, _)| written))
            .map_err(|problem| format!("too large to look words up in: {problem}"))?;
        Ok(Self {
            finder: Some(finder),
            entries,
        })
    }

    /// True if it has no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// `text` with what stands in the lexicon as it is to be said. Allocates only where something does.
    pub fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        let text = composed(text);
        let found = self.find(&text);
        if found.is_empty() {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (range, entry) in found {
            out.push_str(&text[done..range.start]);
            out.push_str(&self.entries[entry].1);
            done = range.end;
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }

    /// The words and phrases of `text` that [`apply`](Self::apply) says otherwise, in their order.
    pub fn explain(&self, text: &str) -> Vec<Change> {
        let text = composed(text);
        self.find(&text)
            .into_iter()
            .map(|(range, entry)| Change::new(&text[range], &self.entries[entry].1, "lexicon"))
            .collect()
    }

    /// The places in the composed `text` of entries that count, in order, with their indices.
    fn find(&self, text: &str) -> Vec<(Range<usize>, usize)> {
        let Some(finder) = &self.finder else {
            return Vec::new();
        };
        let mut found: Vec<_> = finder
            .find_overlapping_iter(text)
            .filter(|found| is_whole(text, found.start(), found.end()))
            .map(|found| (found.range(), found.pattern().as_usize()))
            .collect();
        found.sort_unstable_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut done = 0;
        found.retain(|(range, _)| {
            let counts = range.start >= done;
            if counts {
                done = range.end;
            }
            counts
        });
        found
    }
}

/// `text` in composed form (NFC), in which entries are kept.
fn composed(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfc().collect()),
    }
}

/// The two sides of `line`, composed (NFC).
fn entry(line: &str) -> Result<(String, String), String> {
    let (written, spoken) = line
        .split_once('\t')
        .or_else(|| line.split_once(" = "))
        .ok_or(
            "no tab and no ` = ` between a word and how to say it; write `word = how to say it`",
        )?;
    let side = |side: &str| side.trim().nfc().collect::<String>();
    let (written, spoken) = (side(written), side(spoken));
    if written.is_empty() || spoken.is_empty() {
        return Err("a side is empty; write `word = how to say it`".to_owned());
    }
    if written.len() > LONGEST_SIDE || spoken.len() > LONGEST_SIDE {
        return Err(format!(
            "a side has more than {LONGEST_SIDE} bytes; a lexicon is for words and phrases"
        ));
    }
    Ok((written, spoken))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// True if no word goes on over the borders of what stands from `start` to `end`.
fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let joins = |a: Option<char>, b: Option<char>| {
        let is_letter = |c: char| c.is_alphanumeric() || is_combining(c);
        let is_ideograph = |c: char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}');
        a.zip(b).is_some_and(|(a, b)| {
            is_letter(a) && is_letter(b) && !is_ideograph(a) && !is_ideograph(b)
        })
    };
    let inner = &text[start..end];
    !joins(text[..start].chars().next_back(), inner.chars().next())
        && !joins(inner.chars().next_back(), text[end..].chars().next())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lexicon(text: &str) -> Lexicon {
        Lexicon::parse("lexicon.txt", text.as_bytes()).unwrap()
    }

    #[test]
    fn whole_words_are_said_as_written_in_the_lexicon() {
        let lexicon = lexicon(
            "# comment\n\nGStreamer = джи стри́мер\nкот\tко́тик\nул. Ленина = улица Ле́нина\nCV = си ви\nCV3 = си ви три\n北京 = 帝都\n",
        );
        for (text, expected) in [
            (
                "GStreamer играет, gstreamer нет",
                "джи стри́мер играет, gstreamer нет",
            ),
            (
                "кот, Кот, КОТ, котёл, скот",
                "ко́тик, Ко́тик, КОТ, котёл, скот",
            ),
            ("на ул. Ленина", "на улица Ле́нина"),
            ("CV3 CV CV31", "си ви три си ви CV31"),
            ("我在北京站", "我在帝都站"),
            ("ничего", "ничего"),
        ] {
            assert_eq!(lexicon.apply(text), expected, "{text}");
        }
        assert!(matches!(lexicon.apply("ничего"), Cow::Borrowed(_)));
    }

    #[test]
    fn each_word_of_the_lexicon_is_explained() {
        let lexicon = lexicon("кот = котик\nкот учёный = учёный котик");
        assert_eq!(
            lexicon.explain("Кот и кот учёный, котёл"),
            [
                Change::new("Кот", "Котик", "lexicon"),
                Change::new("кот учёный", "учёный котик", "lexicon"),
            ]
        );
        assert!(Lexicon::default().explain("кот").is_empty());
    }

    #[test]
    fn a_voice_goes_before_its_model() {
        let both = lexicon("кот = котик").or(lexicon("кот = кошка\nпёс = собака"));
        assert_eq!(both.apply("Кот и пёс"), "Котик и собака");
        assert_eq!(Lexicon::default().or(lexicon("а = б")).apply("а"), "б");
    }

    #[test]
    fn errors_name_file_and_line() {
        let long = format!("{} = x", "я".repeat(300));
        for (text, message) in [
            (
                "ok = да\nкот котик",
                "lexicon.txt:2: no tab and no ` = ` between a word and how to say it; write `word = how to say it`",
            ),
            ("кот = ", "lexicon.txt:1: no tab and no ` = `"),
            ("кот\t\n", "lexicon.txt:1: no tab"),
            (
                "а = б\n\n# в\nа = г",
                "lexicon.txt:4: `а` stands in line 1 already; remove one of them",
            ),
            (
                &long,
                "lexicon.txt:1: a side has more than 400 bytes; a lexicon is for words and phrases",
            ),
        ] {
            let error = Lexicon::parse("lexicon.txt", text.as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
        }
        let error = Lexicon::parse("x", b"a = b\n\xff = c").unwrap_err();
        assert_eq!(
            error.to_string(),
            "x:2: this line is not UTF-8; save the file in that encoding"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_looked_up_without_a_panic(text in any::<String>(), words in "[аб]{1,3} = [вг]{1,3}(\n[a-b]{1,2} = x)?") {
            lexicon(&words).apply(&text);
        }

        #[test]
        fn any_file_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Lexicon::parse("x", &bytes);
        }
    }
}
