//! Normalisation: from written to spoken text.
//!
//! Numbers, units, dates and abbreviations are read out in words, what has no sound is dropped, typographic variants of
//! quotes and dashes become one. Kept as they are: words with their stress marks (U+0301) and `ё`, and the inline
//! controls of the model such as `[breath]`, `<strong>` and `[j][ǐ]`.

mod change;
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

pub use change::Change;
pub(crate) use english::calendar::MONTHS as ENGLISH_MONTHS;
pub(crate) use lex::is_combining;

use std::borrow::Cow;

use super::{
    Language,
    controls::{special_tokens, without_special_tokens},
};

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
    let spoken = speak(text, language, reading, None);
    // Again: what was dropped from between its characters, an invisible one say, may have made one.
    match without_special_tokens(&spoken) {
        Cow::Borrowed(_) => spoken,
        Cow::Owned(clean) => clean.trim().to_owned(),
    }
}

/// The pieces of `text` that are not read as they are written, and the rules that read them, in the order in which
/// they come: special tokens, characters, web addresses, and then what is read out, each in the order of the text. All but
/// blanks and composed letters (NFC).
///
/// Words of a lexicon and stress marks come before: [`Lexicon::explain`](crate::Lexicon::explain),
/// [`explain_stress`](crate::explain_stress).
pub fn explain(text: &str, language: Language, reading: Reading) -> Vec<Change> {
    let mut changes: Vec<Change> = special_tokens(text)
        .map(|token| Change::new(token, "", "special token"))
        .collect();
    let text = without_special_tokens(text);
    let spoken = speak(&text, language, reading, Some(&mut changes));
    changes.extend(special_tokens(&spoken).map(|token| Change::new(token, "", "special token")));
    changes
}

/// True if `c` is a sign that is said where no letter and no digit stands beside it.
pub(crate) fn is_sign_with_sound(c: char) -> bool {
    signs::means_something(c)
}

/// True if `text` is one sign with a name.
pub(crate) fn is_named_sign(text: &str) -> bool {
    signs::alone(text, Language::English).is_some()
}

/// True if `run`, which has no blanks inside, is an address of the web or of mail, with or without marks around it.
pub(crate) fn is_address(run: &str) -> bool {
    web::address(run).is_some()
}

/// The Russian ordinal of `number` in the gender and case that the text before and after it asks for; the masculine nominative
/// where nothing shows them.
pub(crate) fn russian_ordinal(number: u64, before: &str, after: &str) -> String {
    russian::ordinal_between(number, before, after)
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

/// The words of `text`, which has no special token; what is read otherwise than written goes to `changes`.
fn speak(
    text: &str,
    language: Language,
    reading: Reading,
    mut changes: Option<&mut Vec<Change>>,
) -> String {
    if let Some(name) = signs::alone(text, language) {
        if let Some(changes) = changes {
            changes.push(Change::new(text, name, "sign"));
        }
        return name.to_owned();
    }
    // Of signs alone the model makes noise.
    let reading = match text.chars().any(char::is_alphanumeric) {
        true => reading,
        false => Reading::Written,
    };
    let text = &signs::count_stars(text, language, changes.as_deref_mut());
    match (language, reading) {
        (Language::Russian, _) => speak_words::<russian::Russian>(text, changes),
        (Language::English, _) => speak_words::<english::English>(text, changes),
        (Language::Chinese, Reading::Model) => chinese::normalize(text, changes),
        (Language::Chinese, Reading::Written) => chinese::written_out(text, changes),
    }
}

fn speak_words<L: reader::Spoken>(text: &str, mut changes: Option<&mut Vec<Change>>) -> String {
    let clean = characters::clean(text, changes.as_deref_mut());
    let read = reader::read::<L>(&clean, changes.as_deref_mut());
    characters::tidy(&read, changes)
}

#[cfg(test)]
mod tests {
    use std::{hint::black_box, time::Instant};

    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

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

    /// Lines of cases and announcements that are read otherwise sentence by sentence, as the engine does.
    fn misread_in_sentences(
        names: [&str; 2],
        language: Language,
        words: fn(&str) -> String,
    ) -> String {
        let tables = names.map(table).join("\n");
        let mut wrong = String::new();
        for line in tables.lines().filter(|line| line.contains('\t')) {
            let columns: Vec<&str> = line.split('\t').collect();
            let (written, readings) = match columns.as_slice() {
                [written, reading] => (*written, std::slice::from_ref(reading)),
                [_, written, readings @ ..] => (*written, readings),
                _ => continue,
            };
            let got = sentences_read(written, language);
            let right = |reading: &&str| {
                let whole = words(&normalize(&reading.replace(" | ", " "), language));
                words(&got) == words(reading) || words(&got) == whole
            };
            if !readings.iter().any(right) {
                wrong.push_str(&format!(
                    "{written}\n  want {}\n  got  {got}\n",
                    readings[0]
                ));
            }
        }
        wrong
    }

    #[test]
    fn russian_lines_are_read_in_sentences_as_on_the_whole() {
        let names = ["cases_ru.tsv", "announcements_ru.tsv"];
        let wrong = misread_in_sentences(names, Language::Russian, comparable);
        assert!(wrong.is_empty(), "{wrong}");
    }

    #[test]
    fn english_lines_are_read_in_sentences_as_on_the_whole() {
        let names = ["cases_en.tsv", "announcements_en.tsv"];
        let wrong = misread_in_sentences(names, Language::English, compared);
        assert!(wrong.is_empty(), "{wrong}");
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
    fn lines_of_public_suites_are_read_as_they_were_judged() {
        let table = table("../suites/verdicts.tsv");
        let mut otherwise = String::new();
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<&str> = line.split('\t').collect();
            let &[language, written, judged, "right" | "wrong", _] = columns.as_slice() else {
                panic!("five columns are expected: {line}");
            };
            let language = Language::from_tag(language).unwrap();
            let mut got = String::new();
            let mut from = 0;
            while let Some(range) = crate::next_sentence(written, from) {
                from = range.end;
                got.push_str(&normalize_as(&written[range], language, Reading::Written));
                got.push(' ');
            }
            if compared(&got) != compared(judged) {
                otherwise.push_str(&format!("{written}\n  judged {judged}\n  got    {got}\n"));
            }
        }
        assert!(otherwise.is_empty(), "{otherwise}");
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

    /// The changes of `text` in short.
    fn explained(text: &str, language: Language) -> Vec<String> {
        explain(text, language, Reading::Written)
            .iter()
            .map(|change| format!("{}: {} -> {}", change.rule, change.written, change.said))
            .collect()
    }

    #[test]
    fn each_kind_of_change_is_explained_by_its_rule() {
        use Language::{Chinese, English, Russian};
        for (language, text, expected) in [
            (
                English,
                "Gate 3A at 9:30 p.m., $5",
                &[
                    "quantity: 3 -> three",
                    "time: 9:30 p.m. -> nine thirty P M",
                    "sign: $5 -> five dollars",
                ][..],
            ),
            (
                English,
                "<|endofprompt|>See example.com/a.",
                &[
                    "special token: <|endofprompt|> -> ",
                    "web address: example.com/a -> example dot com slash a",
                ],
            ),
            (
                English,
                "\u{201c}Well\u{201d} 🎉🎉 done!!!!!",
                &[
                    "character: \u{201c} -> \"",
                    "character: \u{201d} -> \"",
                    "no sound: 🎉🎉 -> ",
                    "repeated mark: !!!! -> !!!",
                ],
            ),
            (
                English,
                "x >= 5 m^2",
                &[
                    "character: >= -> ≥",
                    "character: ^2 -> ²",
                    "sign: ≥ -> greater than or equal to",
                    "quantity: 5 m² -> five square meters",
                ],
            ),
            (
                English,
                "Dr. Lee, Mon. Jan. 5, Henry VIII, 9 Oak Ct, 5 kg",
                &[
                    "abbreviation: Dr. -> Doctor",
                    "weekday: Mon -> Monday",
                    "date: Jan. 5 -> January fifth",
                    "Roman numeral: VIII -> the eighth",
                    "quantity: 9 -> nine",
                    "address: Ct -> Court",
                    "quantity: 5 kg -> five kilograms",
                ],
            ),
            (
                Russian,
                "почта info@rzd.ru",
                &["web address: info@rzd.ru -> info собака rzd точка ру"],
            ),
            (
                Chinese,
                "9:30的G102次，3.5元/斤，５kg（约1/3）！",
                &[
                    "bracket: （ -> ",
                    "bracket: ） -> ",
                    "character: ５ -> 5",
                    "time: 9:30 -> 九点三十分",
                    "name: G102 -> G幺零二",
                    "number: 3.5 -> 三点五",
                    "rate: / -> 每",
                    "measure: 5kg -> 五公斤",
                    "fraction: 1/3 -> 三分之一",
                ],
            ),
            (
                Chinese,
                "2024-05-06 ¥100，-5℃，50%，v1.2.3，电话010-12345678。",
                &[
                    "date: 2024-05-06 -> 二零二四年五月六日",
                    "money: ¥100 -> 一百元",
                    "temperature: -5℃ -> 零下五摄氏度",
                    "percent: 50% -> 百分之五十",
                    "version: 1.2.3 -> 一点二点三",
                    "telephone: 010-12345678 -> 零幺零，幺二三四五六七八",
                ],
            ),
            (
                Chinese,
                "3-5天🎉 ok.",
                &[
                    "full stop: . -> 。",
                    "no sound: 🎉 -> ",
                    "range: 3-5 -> 三到五",
                ],
            ),
        ] {
            assert_eq!(explained(text, language), expected, "{text}");
        }
    }

    #[test]
    fn a_word_that_the_number_behind_it_changes_is_explained_with_it() {
        assert_eq!(
            explained("о 11 книгах", Language::Russian),
            ["number: о 11 -> об одиннадцати"]
        );
    }

    /// Prints what a number costs in texts of 50 to 800 lines, so that one sees that the time is linear, and as a share of
    /// the 25 us that `num2words` took, which read English before.
    /// `cargo test --release -p cosyvoice3-text -- --ignored --nocapture time_per_number`
    #[test]
    #[ignore = "prints times, asserts nothing"]
    fn time_per_number_in_english_and_chinese() {
        const BEFORE: f64 = 25.0;
        let english = "Flight 102 leaves Gate 3A at 9:30 a.m. on Nov. 22, 2026. The fare is $1,299.99 plus 5.5% tax. \
            The 3rd train, no. 7, has 15 cars and 1,024 seats. Call 212-555-0123. It is -5 °C, wind 15 mph. ";
        let chinese = "G102次列车9:30从5号站台发车，票价¥1,299.50，增长5.5%。气温-5℃，电话010-65321234，第3排12座，约1/3满员。";
        for (language, line) in [(Language::English, english), (Language::Chinese, chinese)] {
            for lines in [50, 200, 800] {
                let text = line.repeat(lines);
                let starts = |pair: &&[u8]| !pair[0].is_ascii_digit() && pair[1].is_ascii_digit();
                let numbers = text.as_bytes().windows(2).filter(starts).count();
                let best = (0..15)
                    .map(|_| {
                        let start = Instant::now();
                        black_box(normalize_as(black_box(&text), language, Reading::Written));
                        start.elapsed().as_secs_f64()
                    })
                    .fold(f64::MAX, f64::min);
                let each = best * 1e6 / numbers as f64;
                println!(
                    "{language:?}, {numbers} numbers: {each:.2} us each, {:.1} times as fast as {BEFORE} us",
                    BEFORE / each
                );
            }
        }
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
        fn nothing_is_read_otherwise_than_written_without_a_rule(text in texts()) {
            for (language, reading) in [
                (Language::Russian, Reading::Model),
                (Language::English, Reading::Model),
                (Language::Chinese, Reading::Model),
                (Language::Chinese, Reading::Written),
            ] {
                let said = normalize_as(&text, language, reading);
                let heard = |text: &str| -> String {
                    text.nfc().filter(|c| !c.is_whitespace() && !c.is_control()).collect()
                };
                let changes = explain(&text, language, reading);
                prop_assert!(heard(&text) == heard(&said) || !changes.is_empty(), "{language:?}: {said:?}");
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
