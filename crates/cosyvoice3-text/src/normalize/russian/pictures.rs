//! Pictures that stand for a word: stars of a hotel, a telephone before its number. Others are ornaments and have no sound.

use std::borrow::Cow;

/// The star, which counts, and the telephones.
const PICTURES: [char; 5] = ['★', '⭐', '☎', '✆', '📞'];

/// As many stars are counted.
const MOST_STARS: usize = 7;

/// `text` with those pictures in words: `5★` is *5 звёзд*, `Отель ★★★` is *Отель 3 звезды*, `☎ 22-33-44` is *телефон 22-33-44*.
pub(in super::super) fn in_words(text: &str) -> Cow<'_, str> {
    if !text.contains(PICTURES) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PICTURES) {
        let (head, tail) = rest.split_at(at);
        out.push_str(head);
        let picture = tail.chars().next().unwrap_or(' ');
        rest = &tail[picture.len_utf8()..];
        if !matches!(picture, '★' | '⭐') {
            if is_before_number(rest) {
                out.push_str(" телефон ");
                rest = rest.trim_start_matches(['\u{fe0f}', ' ', ':']);
            }
            continue;
        }
        let more = rest.trim_start_matches(['★', '⭐', '\u{fe0f}']);
        let stars = 1 + rest[..rest.len() - more.len()]
            .chars()
            .filter(|c| *c != '\u{fe0f}')
            .count();
        rest = more;
        let before = out.trim_end();
        if before.ends_with(|c: char| c.is_ascii_digit()) {
            let fraction = last_number(before).contains([',', '.']);
            let count = last_number(before).parse().unwrap_or(5);
            let word = if fraction {
                "звезды"
            } else {
                stars_word(count)
            };
            out.push_str(&format!(" {word} "));
        } else if stars <= MOST_STARS && is_rated(before) {
            out.push_str(&format!(" {stars} {} ", stars_word(stars)));
        } else {
            out.push(' ');
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn stars_word(count: usize) -> &'static str {
    match (count % 10, count % 100 / 10) {
        (1, tens) if tens != 1 => "звезда",
        (2..=4, tens) if tens != 1 => "звезды",
        _ => "звёзд",
    }
}

/// True if a number follows the picture of a telephone.
fn is_before_number(rest: &str) -> bool {
    rest.trim_start_matches(['\u{fe0f}', ' ', ':'])
        .starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '('))
}

/// The figures that `text` ends with, in a bounded piece of it.
fn last_number(text: &str) -> &str {
    let start = text
        .char_indices()
        .rev()
        .take(8)
        .take_while(|(_, c)| c.is_ascii_digit() || matches!(c, ',' | '.'))
        .last()
        .map_or(text.len(), |(at, _)| at);
    &text[start..]
}

/// True if the word or the name in quotes that `text` ends with is that of what has stars: `Отель «Мир» ★★★`.
fn is_rated(text: &str) -> bool {
    let near = &text[text.ceil_char_boundary(text.len().saturating_sub(120))..];
    near.to_lowercase()
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .rev()
        .take(4)
        .any(|word| {
            ["отел", "гостиниц", "hotel", "хостел", "рейтинг", "оценк"]
                .iter()
                .any(|stem| word.starts_with(stem))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_with_a_name_are_words_and_ornaments_are_none() {
        for (text, expected) in [
            ("Отель 5★", "Отель 5 звёзд "),
            ("Отель «Мир» ★★★", "Отель «Мир»  3 звезды "),
            ("Рейтинг 4,5★", "Рейтинг 4,5 звезды "),
            ("★★★ Распродажа ★★★", "  Распродажа  "),
            ("☎ 22-33-44", " телефон 22-33-44"),
            ("☎ для гостей", " для гостей"),
        ] {
            assert_eq!(in_words(text), expected, "{text}");
        }
    }
}
