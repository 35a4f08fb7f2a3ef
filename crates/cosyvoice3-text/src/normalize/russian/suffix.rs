//! Endings that are written after a number and a hyphen: `5-го`, `100-летие`.

use super::{
    super::lex::is_cyrillic,
    numerals::{Case, Gender},
};

/// Case and gender of the ordinal `number` with the written ending `suffix`; `None` where that is no ordinal's ending.
pub(super) fn ordinal(number: u64, suffix: &str, before: &str) -> Option<(Case, Gender)> {
    use {Case::*, Gender::*};
    // Ordinals whose masculine ends with a stressed -ой.
    let stressed = matches!(number % 10, 2 | 6 | 7 | 8) && !(11..20).contains(&(number % 100))
        || number % 100 == 40;
    let round = number > 0 && number.is_multiple_of(10);
    let locative = matches!(before, "в" | "во" | "на" | "о" | "об" | "при");
    Some(match suffix.to_lowercase().as_str() {
        "й" | "ый" | "ий" | "тий" => (Nominative, Masculine),
        "ой" if stressed => (Nominative, Masculine),
        "ой" | "ей" => (Genitive, Feminine),
        "я" | "ая" | "ья" | "тья" => (Nominative, Feminine),
        "ю" | "ую" | "ью" => (Accusative, Feminine),
        "е" if round => (Nominative, Plural),
        "е" | "ое" | "ье" | "тье" => (Nominative, Neuter),
        "ые" | "ие" => (Nominative, Plural),
        "го" | "ого" | "его" => (Genitive, Masculine),
        "му" | "ому" | "ему" => (Dative, Masculine),
        "м" if locative => (Prepositional, Masculine),
        "м" if round && before == "к" => (Dative, Plural),
        "м" | "ым" | "им" => (Instrumental, Masculine),
        "ом" | "ем" => (Prepositional, Masculine),
        "х" | "ых" | "их" => (Genitive, Plural),
        "ми" | "ыми" | "ими" => (Instrumental, Plural),
        _ => return None,
    })
}

/// Whether `word` is the second part of a compound such as `100-летие`.
pub(super) fn is_compound(number: u64, word: &str) -> bool {
    number < 1_000_000
        && word.chars().count() >= 4
        && word
            .chars()
            .all(|c| is_cyrillic(c) && c.is_lowercase() || c == '\u{301}')
}
