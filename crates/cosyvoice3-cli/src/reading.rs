//! `cosyvoice3 text`: the words that a text becomes.

use std::{
    fs,
    io::{self, BufRead, Write},
};

use anyhow::{Context, Result};
use cosyvoice3_text::{
    Change, Language, Lexicon, Reading, explain, explain_stress, is_speakable, mark_stress,
    next_sentence, normalize_as,
};

use crate::options::TextOptions;

/// Prints the reading of the argument, or of the standard input line by line.
pub fn show(options: &TextOptions) -> Result<()> {
    let mut reader = Reader::new(options)?;
    let separator = if options.sentences { "\n" } else { " " };
    let mut out = io::stdout().lock();
    let mut show = |line: &str| -> io::Result<()> {
        let sentences = reader.read(line);
        let said: Vec<&str> = sentences
            .iter()
            .map(|sentence| sentence.said.as_str())
            .collect();
        writeln!(out, "{}", said.join(separator))?;
        for Change {
            written,
            said,
            rule,
        } in sentences.iter().flat_map(|sentence| &sentence.changes)
        {
            writeln!(out, "    {rule}: {written} -> {said}")?;
        }
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

/// A sentence as it is spoken.
struct Sentence {
    said: String,
    /// The pieces that are not said as they are written, where they are asked for.
    changes: Vec<Change>,
}

/// Reads line after line as the engine does: a sentence is in the language of its letters, else in that of the one
/// before.
struct Reader {
    given: Option<Language>,
    language: Language,
    reading: Reading,
    lexicon: Lexicon,
    stress: bool,
    explain: bool,
}

impl Reader {
    fn new(options: &TextOptions) -> Result<Self> {
        let lexicon = match &options.lexicon {
            Some(path) => {
                let file = path.display().to_string();
                let bytes = fs::read(path).with_context(|| file.clone())?;
                Lexicon::parse(&file, &bytes)?
            }
            None => Lexicon::default(),
        };
        Ok(Self {
            given: options.language.0,
            language: options.language.0.unwrap_or(Language::English),
            reading: options.text_reading,
            lexicon,
            stress: options.stress_mark,
            explain: options.explain,
        })
    }

    /// The sentences of a line that have a sound.
    fn read(&mut self, line: &str) -> Vec<Sentence> {
        let mut sentences = Vec::new();
        let mut at = 0;
        while let Some(range) = next_sentence(line, at) {
            at = range.end;
            let mut changes = Vec::new();
            let mut worded = self.lexicon.apply(&line[range.clone()]).into_owned();
            if self.explain {
                changes.extend(self.lexicon.explain(&line[range]));
            }
            if self.stress {
                if self.explain {
                    changes.extend(explain_stress(&worded));
                }
                worded = mark_stress(&worded).into_owned();
            }
            if !is_speakable(&worded) {
                continue;
            }
            if self.given.is_none() {
                self.language = Language::detect(&worded).unwrap_or(self.language);
            }
            if self.explain {
                changes.extend(explain(&worded, self.language, self.reading));
            }
            sentences.push(Sentence {
                said: normalize_as(&worded, self.language, self.reading),
                changes,
            });
        }
        sentences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        text: TextOptions,
    }

    fn read(options: &[&str], line: &str) -> Vec<Sentence> {
        let words = ["text"].iter().chain(options);
        let options = <Command as clap::Parser>::parse_from(words).text;
        Reader::new(&options).unwrap().read(line)
    }

    fn said(options: &[&str], line: &str) -> Vec<String> {
        read(options, line)
            .into_iter()
            .map(|sentence| sentence.said)
            .collect()
    }

    #[test]
    fn sentences_are_read_in_their_own_language_or_in_the_one_that_was_given() {
        assert_eq!(
            said(&[], "Осталось 5 минут. Take 2 pills! ..."),
            ["Осталось пять минут.", "Take two pills!"]
        );
        assert_eq!(said(&["--language", "ru"], "12"), ["двенадцать"]);
        assert_eq!(said(&[], "12"), ["twelve"]);
        assert_eq!(said(&[], "?!"), Vec::<String>::new());
    }

    #[test]
    fn a_lexicon_comes_first_and_changes_are_explained_on_demand() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("words.txt");
        fs::write(&file, "Nginx = engine x\n").unwrap();
        let lexicon = ["--lexicon", file.to_str().unwrap()];
        assert_eq!(said(&lexicon, "Nginx is up."), ["engine x is up."]);
        assert_eq!(
            said(&["--stress-mark"], "Это з+амок."),
            ["Это за\u{301}мок."]
        );
        let sentences = read(&["--explain"], "Осталось 5 минут.");
        let changes = &sentences[0].changes;
        assert!(
            changes.iter().any(|change| change.said.contains("пять")),
            "{changes:?}"
        );
        assert!(read(&[], "Осталось 5 минут.")[0].changes.is_empty());
    }

    #[test]
    fn words_of_the_lexicon_and_stress_marks_are_explained_before_all_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("words.txt");
        fs::write(&file, "ВДНХ = вэдэнх+а\n").unwrap();
        let options = [
            "--lexicon",
            file.to_str().unwrap(),
            "--stress-mark",
            "--explain",
        ];
        let rules: Vec<_> = read(&options, "ВДНХ, 5 з+амков.")[0]
            .changes
            .iter()
            .map(|change| (change.rule, change.written.clone()))
            .collect();
        assert_eq!(
            rules[..3],
            [
                ("lexicon", "ВДНХ".to_owned()),
                ("stress mark", "вэдэнх+а,".to_owned()),
                ("stress mark", "з+амков.".to_owned()),
            ]
        );
        assert!(rules.len() > 3, "{rules:?}");
    }
}
