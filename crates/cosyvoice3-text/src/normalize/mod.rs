//! Normalisation: text as it is written to text as it is spoken.
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
mod web;
mod writer;

use super::{Language, is_markup};

/// The words of `text`, spoken in `language`.
///
/// Text with both `<|` and `|>` is markup and stays untouched, as in the official front end. Russian and English come
/// out without digits; Chinese digits are left to the model, which knows them. Time is linear in the length of `text`.
pub fn normalize(text: &str, language: Language) -> String {
    if is_markup(text) {
        return text.to_owned();
    }
    match language {
        Language::Chinese => chinese::normalize(text),
        Language::Russian => speak::<russian::Russian>(text),
        Language::English => speak::<english::English>(text),
    }
}

fn speak<L: reader::Spoken>(text: &str) -> String {
    characters::tidy(&reader::read::<L>(&characters::clean(text)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_table(name: &str, language: Language) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/fixtures")
            .join(name);
        let table = std::fs::read_to_string(path).unwrap();
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
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/fixtures")
            .join(name);
        let table = std::fs::read_to_string(path).unwrap();
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
    fn markup_stays_untouched() {
        let text = "<|endofprompt|>5 руб.";
        assert_eq!(normalize(text, Language::Russian), text);
    }

    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[0-9 .,:/+№%$€°I-XVа-яА-Яa-z()\\-—]{0,80}",
            "((до|к|в|через|с|по) )?[0-9]{1,8}([.,:/\\- –][0-9]{1,4}){0,3} ?(г\\.|км|руб\\.|%|минут[ыу]?|-го|год[ау]|тыс\\.|мая|st|th)?",
        ]
    }

    proptest! {
        #[test]
        fn no_digit_is_left_in_russian_and_english(text in texts()) {
            prop_assume!(!is_markup(&text) && !text.contains('['));
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
        fn plain_sentences_stay_as_they_are(text in "([а-яё]{6,9}( [а-яё]{6,9}){0,6}[.!?,] ?){1,3}") {
            prop_assert_eq!(normalize(&text, Language::Russian), text.trim());
        }
    }
}
