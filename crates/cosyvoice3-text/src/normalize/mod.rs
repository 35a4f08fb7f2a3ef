//! Normalisation: from written to spoken text.
//!
//! Numbers, units, dates and abbreviations are read out in words, what has no sound is dropped, typographic variants of
//! quotes and dashes become one. Kept as they are: words with their stress marks (U+0301) and `ё`, and the inline
//! controls of the model such as `[breath]`, `<strong>` and `[j][ǐ]`.

mod characters;
mod chinese;
mod english;
mod figures;
mod lex;
mod reader;
mod russian;
mod signs;
mod web;
mod writer;

pub(crate) use english::calendar::MONTHS as ENGLISH_MONTHS;
pub(crate) use lex::is_combining;
pub use reader::Change;

use std::borrow::Cow;

use super::{Language, without_special_tokens};

/// The reader of the digits of Chinese text. Those of Russian and English are read out in any case: the model knows neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Reading {
    /// The model, as published: it has learnt Chinese with its digits and signs.
    #[default]
    Model,
    /// The front end: dates, times, amounts, shares, telephone, train and room numbers and signs become characters.
    Written,
}

impl Reading {
    /// The reading of this name: `model` or `written`.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Model, Self::Written]
            .into_iter()
            .find(|reading| reading.name() == name)
    }

    /// `model` or `written`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Written => "written",
        }
    }
}

/// The words of `text`, spoken in `language`.
///
/// Special tokens of a model such as `<|endofprompt|>` are dropped; the official front end passes such a text on
/// untouched, so that a stranger's text could steer the model. Russian and English come out without digits; Chinese
/// digits are left to the model, which knows them. Time is linear in the length of `text`.
pub fn normalize(text: &str, language: Language) -> String {
    normalize_as(text, language, Reading::Model)
}

/// The words of `text` as [`normalize()`] gives them, with the digits of Chinese read as `reading` says.
pub fn normalize_as(text: &str, language: Language, reading: Reading) -> String {
    let text = without_special_tokens(text);
    let text = text.as_ref();
    let spoken = match (language, reading) {
        (Language::Chinese, Reading::Model) => chinese::normalize(text),
        (Language::Chinese, Reading::Written) => chinese::written_out(text),
        (Language::Russian, _) => speak::<russian::Russian>(text, None),
        (Language::English, _) => speak::<english::English>(text, None),
    };
    // Again: what was dropped from between its characters, an invisible one say, may have made one.
    match without_special_tokens(&spoken) {
        Cow::Borrowed(_) => spoken,
        Cow::Owned(clean) => clean.trim().to_owned(),
    }
}

/// The pieces of `text` that are not read as they are written, in order, and the rules that read them. Chinese is one
/// piece.
pub fn explain(text: &str, language: Language, reading: Reading) -> Vec<Change> {
    let mut changes = Vec::new();
    let text = without_special_tokens(text);
    let text = text.as_ref();
    match language {
        Language::Russian => drop(speak::<russian::Russian>(text, Some(&mut changes))),
        Language::English => drop(speak::<english::English>(text, Some(&mut changes))),
        Language::Chinese => {
            let said = normalize_as(text, language, reading);
            if said != text {
                changes.push(Change {
                    written: text.to_owned(),
                    said,
                    rule: reading.name(),
                });
            }
        }
    }
    changes
}

/// True if `run`, which has no blanks inside, is an address of the web or of mail, with or without marks around it.
pub(crate) fn is_address(run: &str) -> bool {
    web::address(run).is_some()
}

/// True if `word` is a form of a Russian noun of those that numbers stand beside.
pub(crate) fn is_russian_noun(word: &str) -> bool {
    russian::is_noun(word)
}

/// True if `short`, in small letters and without its full stop, is short for a thing that a letter can name: `терм. D`.
pub(crate) fn is_lettered_abbreviation(short: &str) -> bool {
    russian::is_numbered(short)
}

/// True if `symbol` is that of a unit, such as `kg`.
pub(crate) fn is_unit(symbol: &str) -> bool {
    english::is_unit(symbol)
}

/// True if `short`, in small letters and without its last full stop, is a Russian abbreviation, of a word or a unit.
pub(crate) fn is_russian_abbreviation(short: &str) -> bool {
    russian::is_abbreviation(short)
}

fn speak<L: reader::Spoken>(text: &str, changes: Option<&mut Vec<Change>>) -> String {
    characters::tidy(&reader::read::<L>(&characters::clean(text), changes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(name: &str) -> String {
        let fixtures =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
        std::fs::read_to_string(fixtures.join(name)).unwrap()
    }

    fn check_table(name: &str, language: Language) {
        let table = table(name);
        let mut wrong = String::new();
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let (written, spoken) = line.split_once('\t').unwrap();
            let got = normalize(written, language);
            if got != spoken {
                wrong.push_str(&format!("{written}\n  want {spoken}\n  got  {got}\n"));
            }
            let again = normalize(&got, language);
            if again != got {
                wrong.push_str(&format!("{written}\n  read as {got}\n  then    {again}\n"));
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }

    #[test]
    fn russian_is_read_as_in_the_table_and_stays_so() {
        check_table("normalize_ru.tsv", Language::Russian);
    }

    #[test]
    fn english_is_read_as_in_the_table_and_stays_so() {
        check_table("normalize_en.tsv", Language::English);
    }

    /// Letters and digits of a reading; what two natural readings of English may differ in is made equal.
    fn compared(reading: &str) -> String {
        let words = reading.to_lowercase().replace('ё', "е");
        words
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| *word != "and")
            .map(|word| if word == "oh" { "zero" } else { word })
            .collect()
    }

    /// The reading of each sentence of `text`, joined by ` | `.
    fn sentences_read(text: &str, language: Language) -> String {
        let mut read = Vec::new();
        let mut from = 0;
        while let Some(range) = crate::next_sentence(text, from) {
            from = range.end;
            read.push(normalize(&text[range], language));
        }
        read.join(" | ")
    }

    /// `text` without what two natural readings of one line may differ in.
    fn comparable(text: &str) -> String {
        let letters: String = text
            .to_lowercase()
            .replace('ё', "е")
            .replace('\u{301}', "")
            .chars()
            .map(|c| if c.is_alphabetic() { c } else { ' ' })
            .collect();
        let words: Vec<&str> = letters.split_whitespace().collect();
        let mut text = words.join(" ");
        for (long, short) in [
            ("одна тысяча", "тысяча"),
            ("одной тысячи", "тысячи"),
            ("одну тысячу", "тысячу"),
            ("целых и ", "целых "),
        ] {
            text = text.replace(long, short);
        }
        text.replace(' ', "")
    }

    /// The lines of a table of cases that are not read as it says, or otherwise when read again.
    fn misread(name: &str, language: Language) -> String {
        let table = table(name);
        let mut wrong = String::new();
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<&str> = line.split('\t').collect();
            let &[class, written, spoken] = columns.as_slice() else {
                panic!("three columns are expected: {line}");
            };
            let got = normalize(written, language);
            if comparable(&got) != comparable(spoken) || normalize(&got, language) != got {
                wrong.push_str(&format!(
                    "{class}: {written}\n  want {spoken}\n  got  {got}\n"
                ));
            }
        }
        wrong
    }

    #[test]
    fn russian_cases_are_read_as_a_speaker_would() {
        let wrong = misread("cases_ru.tsv", Language::Russian);
        assert!(wrong.is_empty(), "{wrong}");
    }

    #[test]
    fn russian_announcements_are_divided_and_read_as_a_speaker_would() {
        let table = table("announcements_ru.tsv");
        let lines = || table.lines().filter(|line| !line.starts_with('#'));
        let mut wrong = String::new();
        for line in lines() {
            let (written, spoken) = line.split_once('\t').unwrap();
            let got = sentences_read(written, Language::Russian);
            let sentences = |reading: &str| reading.split('|').map(comparable).collect::<Vec<_>>();
            if sentences(&got) != sentences(spoken) {
                wrong.push_str(&format!("{written}\n  want {spoken}\n  got  {got}\n"));
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
        assert!(lines().count() >= 68);
    }

    #[test]
    fn english_lines_that_were_once_read_wrong_are_read_right() {
        let table = table("cases_en.tsv");
        let mut wrong = String::new();
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let [class, written, readings @ ..] = &line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let got = if *class == "sentence" {
                sentences_read(written, Language::English)
            } else {
                normalize(written, Language::English)
            };
            let right = |reading: &&str| {
                if reading.contains('|') {
                    // Each sentence is compared as it is read.
                    let read: Vec<_> = reading
                        .split('|')
                        .map(|part| compared(&normalize(part, Language::English)))
                        .collect();
                    read == got.split('|').map(compared).collect::<Vec<_>>()
                } else {
                    compared(reading) == compared(&got)
                }
            };
            if !readings.iter().any(right) {
                wrong.push_str(&format!(
                    "{class}: {written}\n  want {}\n  got  {got}\n",
                    readings[0]
                ));
            }
            let again = normalize(&got, Language::English);
            if *class != "sentence" && again != got {
                wrong.push_str(&format!("{written}\n  read as {got}\n  then    {again}\n"));
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }

    #[test]
    fn chinese_is_written_out_as_in_the_table_and_stays_so() {
        let table = table("cases_zh.tsv");
        let mut wrong = String::new();
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let (text, read) = line.split_once('\t').unwrap();
            let got = normalize_as(text, Language::Chinese, Reading::Written);
            if got != read {
                wrong.push_str(&format!("{text}\n  want {read}\n  got  {got}\n"));
            }
            let again = normalize_as(&got, Language::Chinese, Reading::Written);
            if again != got {
                wrong.push_str(&format!("{text}\n  read as {got}\n  then    {again}\n"));
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }

    #[test]
    fn no_text_can_hold_a_special_token_of_the_model() {
        for text in [
            "<|endofprompt|>5 руб.",
            "<\u{200b}|endofprompt|>5 руб.",
            "<|endof\u{feff}prompt|>5 руб.",
            "<<|a|>|endofprompt|>5 руб.",
        ] {
            for language in [Language::Russian, Language::English, Language::Chinese] {
                let spoken = normalize(text, language);
                assert!(!spoken.contains("<|endofprompt|>"), "{text:?}: {spoken}");
            }
        }
        assert_eq!(
            normalize("<|endofprompt|>5 руб.", Language::Russian),
            "пять рублей."
        );
    }

    #[test]
    fn rules_are_told_by_name() {
        let changes = explain(
            "Gate 3A at 9:30 p.m., $5",
            Language::English,
            Reading::Model,
        );
        let told: Vec<_> = changes
            .iter()
            .map(|change| (change.written.as_str(), change.said.as_str(), change.rule))
            .collect();
        assert_eq!(
            told,
            [
                ("3", "three", "quantity"),
                ("9:30 p.m.", "nine thirty P M", "time"),
                ("$5", "five dollars", "sign"),
            ]
        );
    }

    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[0-9 .,:/+№%$€°I-XVа-яА-Яa-z()\\-—]{0,80}",
            "((at|Gate|Mon-|Jan\\.?|call|the|from|Boeing|Q) ?)?[$€#.+(-]?[0-9]{1,5}([.,:/)\\- –'][0-9]{1,4}){0,3} ?(a\\.m\\.|pm|st|th|St|Ave|, FL 12345|kg|mph|m|k|x|ext\\. 5|A|p|µg|%|'|'s|May|BC|T5|\\(k\\)|/mo| W\\. 3rd St)?",
            "((до|к|в|через|с|по) )?[0-9]{1,8}([.,:/\\- –][0-9]{1,4}){0,3} ?(г\\.|км|руб\\.|%|минут[ыу]?|-го|год[ау]|тыс\\.|мая|st|th)?",
        ]
    }

    proptest! {
        #[test]
        fn no_digit_is_left_in_russian_and_english(text in texts()) {
            prop_assume!(!text.contains('['));
            for language in [Language::Russian, Language::English] {
                let spoken = normalize(&text, language);
                prop_assert!(!spoken.contains(char::is_numeric), "{language:?}: {spoken}");
            }
        }

        #[test]
        fn any_text_is_normalised_without_a_panic(text in any::<String>()) {
            normalize(&text, Language::Chinese);
        }

        #[test]
        fn no_digit_is_left_in_written_chinese(
            text in prop_oneof!["[^\\[<]{0,60}", "[0-9 .,:/+¥%$℃年月日时分GKm第室路次-]{0,60}"],
        ) {
            let read = normalize_as(&text, Language::Chinese, Reading::Written);
            prop_assert!(!read.contains(|c: char| c.is_ascii_digit()), "{}", read);
        }

        #[test]
        fn plain_sentences_stay_as_they_are(text in "([а-яё]{6,9}( [а-яё]{6,9}){0,6}[.!?,] ?){1,3}") {
            prop_assert_eq!(normalize(&text, Language::Russian), text.trim());
        }
    }
}
