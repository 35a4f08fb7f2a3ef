//! Words in capitals: by the names of their letters, as a word, or as `data/acronyms.tsv` says.

use std::sync::LazyLock;

use super::{
    super::lex::is_cyrillic,
    data::{self, ByWord},
};

const TABLE: &str = include_str!("data/acronyms.tsv");

#[derive(Debug, Clone, Copy)]
enum Reading {
    Letters,
    Word,
    As(&'static str),
}

static READINGS: LazyLock<ByWord<&'static str, Reading>> =
    LazyLock::new(|| data::entries(TABLE, parse).into_iter().collect());

fn parse([word, reading]: [&'static str; 2]) -> Result<(&'static str, Reading), String> {
    let reading = match reading {
        "буквы" if letters(word).is_none() => {
            return Err(format!("{word} has a letter without a name"));
        }
        "буквы" => Reading::Letters,
        "слово" => Reading::Word,
        text if text
            .chars()
            .all(|c| matches!(c, 'а'..='я' | 'ё' | '-' | ' ')) =>
        {
            Reading::As(text)
        }
        _ => return Err(format!("{reading} is not in small Cyrillic letters")),
    };
    Ok((word, reading))
}

/// The reading of `word`; `None` if it is said as it is written.
pub(super) fn spelled(word: &str) -> Option<String> {
    let greek = word.starts_with(|c| matches!(c, 'α'..='ω'));
    if !word.starts_with(char::is_uppercase) && !greek {
        return None;
    }
    match READINGS.get(word) {
        Some(Reading::As(text)) => return Some((*text).into()),
        Some(Reading::Letters) => return letters(word),
        Some(Reading::Word) => return None,
        None => {}
    }
    let length = word.chars().count();
    if !(2..=5).contains(&length) || !word.chars().all(char::is_uppercase) {
        return None;
    }
    let cyrillic = word.chars().all(is_cyrillic);
    // Longer Latin ones are words more often than not: LINUX.
    let vowels = word.chars().filter(|c| "АЕЁИОУЫЭЮЯ".contains(*c)).count();
    let is_word = !cyrillic && length == 4 && alternates(word);
    if is_word || !cyrillic && length > 4 || cyrillic && vowels > 0 && vowels < length {
        return None;
    }
    letters(word)
}

/// `OZON`, `LADA`: true if vowels and consonants follow one another, as in a word.
fn alternates(word: &str) -> bool {
    let vowels: Vec<bool> = word.chars().map(|c| "AEIOU".contains(c)).collect();
    vowels.windows(2).all(|pair| pair[0] != pair[1])
}

/// The names of the letters, joined by hyphens.
pub(super) fn letters(word: &str) -> Option<String> {
    let names: Option<Vec<&str>> = word.chars().map(letter).collect();
    names.map(|names| names.join("-"))
}

/// The name of a capital letter.
pub(super) fn letter(c: char) -> Option<&'static str> {
    Some(match c {
        'А' => "а",
        'Б' => "бэ",
        'В' => "вэ",
        'Г' => "гэ",
        'Д' => "дэ",
        'Е' => "е",
        'Ё' => "ё",
        'Ж' => "жэ",
        'З' => "зэ",
        'И' => "и",
        'Й' => "и краткое",
        'К' => "ка",
        'Л' => "эл",
        'М' => "эм",
        'Н' => "эн",
        'О' => "о",
        'П' => "пэ",
        'Р' => "эр",
        'С' => "эс",
        'Т' => "тэ",
        'У' => "у",
        'Ф' => "эф",
        'Х' => "ха",
        'Ц' => "цэ",
        'Ч' => "че",
        'Ш' => "ша",
        'Щ' => "ща",
        'Э' => "э",
        'Ю' => "ю",
        'Я' => "я",
        'A' => "эй",
        'B' => "би",
        'C' => "си",
        'D' => "ди",
        'E' => "и",
        'F' => "эф",
        'G' => "джи",
        'H' => "эйч",
        'I' => "ай",
        'J' => "джей",
        'K' => "кей",
        'L' => "эл",
        'M' => "эм",
        'N' => "эн",
        'O' => "о",
        'P' => "пи",
        'Q' => "кью",
        'R' => "ар",
        'S' => "эс",
        'T' => "ти",
        'U' => "ю",
        'V' => "ви",
        'W' => "дабл-ю",
        'X' => "экс",
        'Y' => "уай",
        'Z' => "зед",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_reading() {
        let complaints =
            data::complaints("data/acronyms.tsv", TABLE, parse, |[word, _]| word.into());
        assert!(complaints.is_empty(), "{complaints}");
    }

    #[test]
    fn letters_are_named_where_no_word_can_be_read() {
        for (word, expected) in [
            ("USB", Some("ю-эс-би")),
            ("ФСБ", Some("эф-эс-бэ")),
            ("МЧС", Some("эм-че-эс")),
            ("США", Some("сэ-шэ-а")),
            ("ООН", Some("о-о-эн")),
            ("ГИБДД", Some("гэ-и-бэ-дэ-дэ")),
            ("ТАСС", None),
            ("МИД", None),
            ("НАТО", None),
            ("ДА", None),
            ("NASA", Some("наса")),
            ("Usb", None),
            ("GSTREAMER", None),
        ] {
            assert_eq!(spelled(word).as_deref(), expected, "{word}");
        }
    }
}
