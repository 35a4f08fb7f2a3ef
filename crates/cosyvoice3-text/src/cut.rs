//! Cuts in a long sentence without commas: between words, and not inside a phrase.

/// Words that a new part of a sentence begins with.
const CONJUNCTIONS: &[&str] = &[
    "а",
    "и",
    "или",
    "но",
    "либо",
    "что",
    "чтобы",
    "если",
    "когда",
    "где",
    "куда",
    "откуда",
    "потому",
    "поэтому",
    "хотя",
    "пока",
    "чем",
    "как",
    "так",
    "затем",
    "однако",
    "зато",
    "причём",
    "причем",
    "and",
    "or",
    "but",
    "nor",
    "because",
    "which",
    "while",
    "when",
    "where",
    "who",
    "whose",
    "if",
    "although",
    "though",
    "unless",
    "until",
    "since",
    "so",
    "than",
    "whereas",
];

/// Words that belong to the one after them: prepositions, articles, particles, titles.
const BINDING: &[&str] = &[
    "в",
    "во",
    "на",
    "с",
    "со",
    "к",
    "ко",
    "у",
    "о",
    "об",
    "обо",
    "от",
    "ото",
    "до",
    "из",
    "изо",
    "за",
    "под",
    "над",
    "при",
    "про",
    "для",
    "без",
    "по",
    "через",
    "между",
    "перед",
    "после",
    "около",
    "ради",
    "среди",
    "кроме",
    "вокруг",
    "против",
    "возле",
    "из-за",
    "из-под",
    "не",
    "ни",
    "и",
    "а",
    "или",
    "но",
    "что",
    "чтобы",
    "если",
    "как",
    "так",
    "бы",
    "очень",
    "более",
    "самый",
    "самая",
    "самое",
    "самые",
    "этот",
    "эта",
    "это",
    "эти",
    "тот",
    "та",
    "те",
    "свой",
    "наш",
    "ваш",
    "мой",
    "потому",
    "a",
    "an",
    "the",
    "of",
    "in",
    "on",
    "at",
    "to",
    "for",
    "from",
    "by",
    "with",
    "without",
    "into",
    "onto",
    "over",
    "under",
    "between",
    "about",
    "as",
    "than",
    "and",
    "or",
    "but",
    "nor",
    "not",
    "no",
    "very",
    "more",
    "most",
    "my",
    "your",
    "his",
    "her",
    "its",
    "our",
    "their",
    "this",
    "that",
    "these",
    "those",
    "mr",
    "mrs",
    "so",
    "is",
    "are",
    "am",
    "be",
    "been",
    "was",
    "were",
    "has",
    "have",
    "had",
    "can",
    "will",
    "must",
    "should",
    "would",
    "could",
    "may",
    "might",
    "behind",
    "near",
    "within",
    "during",
    "through",
    "across",
    "along",
    "around",
    "before",
    "after",
    "until",
    "against",
    "towards",
    "beside",
    "beyond",
    "per",
    "via",
    "next",
    "last",
    "same",
    "other",
    "main",
    "new",
    "each",
    "every",
    "any",
    "some",
    "all",
    "gate",
    "platform",
    "number",
    "площадь",
    "площади",
    "улица",
    "улицы",
    "улице",
    "станция",
    "станции",
    "станцию",
    "остановка",
    "остановки",
    "номер",
    "рейс",
    "поезд",
    "город",
    "города",
];

/// Numerals, which count the word after them.
const NUMERALS: &[&str] = &[
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "fifteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "million",
    "first",
    "second",
    "third",
    "один",
    "одна",
    "одну",
    "два",
    "две",
    "двух",
    "три",
    "трёх",
    "четыре",
    "пять",
    "пяти",
    "шесть",
    "семь",
    "восемь",
    "девять",
    "десять",
    "десяти",
    "двенадцать",
    "пятнадцать",
    "двадцать",
    "тридцать",
    "сорок",
    "пятьдесят",
    "сто",
    "двести",
    "триста",
    "тысяча",
    "тысяч",
];

/// Endings of Russian adjectives, which belong to the noun after them.
const ADJECTIVES: &[&str] = &[
    "ый", "ий", "ой", "ая", "яя", "ое", "ее", "ые", "ие", "ого", "его", "ому", "ему", "ую", "юю",
    "ых", "их", "ым", "им", "ыми", "ими", "ей",
];

/// A place to cut `text`, at or before byte `room`, into a head and a tail that both sound whole: before the last
/// conjunction (`и`, `который`, `because` ...) behind the first third, else before the last word that does not belong to
/// the one in front of it, else at the last blank. `None` where there is no blank. The tail starts at the index.
pub fn cut_between_words(text: &str, room: usize) -> Option<usize> {
    // Text beyond the room must not matter: it may not have arrived yet.
    let text = &text[..text.floor_char_boundary(room)];
    let mut whole = None;
    let mut blank = None;
    for (space, c) in text.char_indices().rev() {
        let start = space + c.len_utf8();
        if !c.is_whitespace() || text[..space].trim_end().is_empty() {
            continue;
        }
        if start < text.len() / 3 && blank.is_some() {
            break;
        }
        blank = blank.or(Some(start));
        let before = last_word(&text[..space]);
        let next = first_word(&text[start..]);
        if BINDING.contains(&before.as_str()) {
            continue;
        }
        let complete =
            !text.ends_with(char::is_alphanumeric) || text[start..].contains(char::is_whitespace);
        if complete && begins_part(&next) {
            return Some(start);
        }
        if whole.is_none() && !wants_noun(&before) {
            whole = Some(start);
        }
    }
    whole.or(blank)
}

/// True if `word` counts or describes the word after it, unless a new part of the sentence begins there.
fn wants_noun(word: &str) -> bool {
    // Nouns may end like adjectives; then the cut goes before them, which is no worse.
    let is_adjective =
        || word.chars().count() >= 6 && ADJECTIVES.iter().any(|ending| word.ends_with(ending));
    word.ends_with(|c: char| c.is_ascii_digit()) || NUMERALS.contains(&word) || is_adjective()
}

fn begins_part(word: &str) -> bool {
    CONJUNCTIONS.contains(&word) || word.starts_with("котор")
}

/// The last word of `text` in small letters; of a very long one its end.
fn last_word(text: &str) -> String {
    let text = text.trim_end();
    let start = text
        .char_indices()
        .rev()
        .take(24)
        .take_while(|(_, c)| !c.is_whitespace())
        .last()
        .map_or(text.len(), |(at, _)| at);
    text[start..]
        .trim_start_matches(['"', '«', '('])
        .to_lowercase()
}

/// The first word of `text` in small letters, without the marks around it; of a very long one its start.
fn first_word(text: &str) -> String {
    text.trim_start_matches(['"', '«', '('])
        .chars()
        .take(24)
        .take_while(|c| c.is_alphanumeric() || *c == '-')
        .collect::<String>()
        .to_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_sentences_are_cut_before_conjunctions_and_between_phrases() {
        for (text, head) in [
            (
                "поезд прибывает на первый путь и отправляется через пять минут",
                "поезд прибывает на первый путь",
            ),
            (
                "мы видели дом который стоит на берегу реки",
                "мы видели дом",
            ),
            ("он не пришёл потому что заболел гриппом", "он не пришёл"),
            (
                "the train leaves at nine because the driver is late",
                "the train leaves at nine",
            ),
            (
                "please take all your bags with you when leaving the train",
                "please take all your bags with you",
            ),
            (
                "пассажиры ожидают прибытия электропоезда на станции",
                "пассажиры ожидают прибытия электропоезда",
            ),
        ] {
            let cut = cut_between_words(text, text.len() - 4).unwrap();
            assert_eq!(text[..cut].trim_end(), head, "{text}");
        }
        assert_eq!(cut_between_words("неразрывно", 8), None);
    }

    proptest! {
        #[test]
        fn a_cut_lies_within_the_room_and_after_a_blank(text in "[а-яa-z ]{0,80}", room in 0..200_usize) {
            if let Some(cut) = cut_between_words(&text, room) {
                prop_assert!(cut > 0 && cut <= room.min(text.len()));
                prop_assert!(text[..cut].ends_with(' '));
            }
        }
    }
}
