//! English abbreviations and Roman numerals.

use super::{
    English,
    numerals::{cardinal, ordinal},
};
use crate::normalize::{figures::roman, reader::Reader};

/// Words with a full stop, what they stand for, and whether they may end a sentence.
const ABBREVIATIONS: &[(&str, &str, bool)] = &[
    ("Ms", "Ms", false),
    ("Dr", "Doctor", false),
    ("Mr", "Mister", false),
    ("Mrs", "Missus", false),
    ("Prof", "Professor", false),
    ("Gen", "General", false),
    ("Hon", "Honorable", false),
    ("Maj", "Major", false),
    ("Sen", "Senator", false),
    ("Gov", "Governor", false),
    ("Capt", "Captain", false),
    ("Col", "Colonel", false),
    ("Lt", "Lieutenant", false),
    ("Sgt", "Sergeant", false),
    ("Rev", "Reverend", false),
    ("Jr", "Junior", true),
    ("Sr", "Senior", true),
    ("Mt", "Mount", false),
    ("Pt", "Point", false),
    ("Ft", "Fort", false),
    ("Ave", "Avenue", true),
    ("Rd", "Road", true),
    ("Blvd", "Boulevard", true),
    ("Hwy", "Highway", true),
    ("Bldg", "Building", true),
    ("Inc", "Incorporated", true),
    ("Ltd", "Limited", true),
    ("Corp", "Corporation", true),
    ("Co", "Company", true),
    ("etc", "et cetera", true),
    ("vs", "versus", false),
    ("approx", "approximately", false),
    ("Approx", "Approximately", false),
    ("dept", "department", false),
    ("Dept", "Department", false),
    ("est", "established", false),
    ("Fig", "Figure", false),
    ("fig", "figure", false),
    ("Vol", "Volume", false),
    ("vol", "volume", false),
    ("Ch", "Chapter", false),
    ("Sec", "Section", false),
    ("govt", "government", true),
];

/// Abbreviations before a number only, with a full stop.
const BEFORE_NUMBER: [(&str, &str); 24] = [
    ("No", "number"),
    ("no", "number"),
    ("Nos", "numbers"),
    ("nos", "numbers"),
    ("p", "page"),
    ("pp", "pages"),
    ("Rm", "Room"),
    ("rm", "room"),
    ("Apt", "Apartment"),
    ("apt", "apartment"),
    ("Ste", "Suite"),
    ("Bldg", "Building"),
    ("Fl", "Floor"),
    ("Ext", "Extension"),
    ("ext", "extension"),
    ("Tel", "Telephone"),
    ("tel", "telephone"),
    ("max", "max"),
    ("min", "min"),
    ("Rte", "Route"),
    ("Hwy", "Highway"),
    ("ca", "circa"),
    ("c", "circa"),
    ("ch", "chapter"),
];

/// Abbreviations before a number that need no full stop.
const BEFORE_NUMBER_BARE: [(&str, &str); 8] = [
    ("Rm", "Room"),
    ("Apt", "Apartment"),
    ("apt", "apartment"),
    ("Ste", "Suite"),
    ("Bldg", "Building"),
    ("ext", "extension"),
    ("Ext", "Extension"),
    ("Nos", "numbers"),
];

/// Words that open sentences: a full stop of `U.S.` before one of them is one.
const OPENERS: [&str; 42] = [
    "The", "A", "An", "He", "She", "It", "We", "They", "I", "You", "But", "And", "So", "In", "On",
    "At", "This", "That", "These", "Those", "There", "My", "Our", "His", "Her", "Their", "If",
    "When", "While", "After", "Before", "However", "Then", "Please", "As", "For", "From", "To",
    "With", "No", "Yes", "All",
];

/// First names of rulers and popes.
const RULERS: [&str; 34] = [
    "Henry",
    "Louis",
    "Elizabeth",
    "George",
    "Charles",
    "Edward",
    "James",
    "William",
    "Richard",
    "Philip",
    "Napoleon",
    "Pius",
    "Benedict",
    "Nicholas",
    "Catherine",
    "Peter",
    "Paul",
    "John",
    "Alexander",
    "Frederick",
    "Ivan",
    "Leo",
    "Gregory",
    "Innocent",
    "Clement",
    "Boniface",
    "Urban",
    "Francis",
    "Ferdinand",
    "Leopold",
    "Ramses",
    "Margrethe",
    "Gustav",
    "Wilhelm",
];

const SECTIONS: [&str; 12] = [
    "Chapter", "chapter", "Part", "part", "Section", "section", "Volume", "volume", "Act", "Phase",
    "War", "Type",
];

impl Reader<'_, English> {
    /// The abbreviation at `at` in words, and the index after it and its full stop.
    pub(super) fn abbreviation(&self, at: usize) -> Option<(String, usize)> {
        let word = self.tokens.text(at);
        if self.tokens.text(at + 1) != "." {
            return self.bare_abbreviation(at);
        }
        let second = self.tokens.skip_space(at + 2);
        if self.tokens.text(second + 1) == "."
            && let Some(found) = self.two_letters(word, second)
        {
            return Some(found);
        }
        if word == "St" {
            return Some(self.saint_or_street(at, self.tokens.text(second)));
        }
        // `serial no. X1Y2`
        let in_code = self.tokens.is_word(second)
            && self.tokens.number(second + 1).is_some()
            && matches!(word, "No" | "no");
        let in_brackets = self.tokens.text(second) == "(" && matches!(word, "Tel" | "tel");
        if self.tokens.number(second).is_some() || in_brackets || in_code {
            let before_number = BEFORE_NUMBER.iter().find(|(short, _)| *short == word);
            if let Some((_, text)) = before_number {
                return Some(((*text).into(), at + 2));
            }
        }
        let (_, text, may_end) = ABBREVIATIONS.iter().find(|(short, ..)| *short == word)?;
        let end = if *may_end {
            self.kept_stop(at + 2)
        } else {
            at + 2
        };
        Some(((*text).into(), end))
    }

    /// `end`, or the index before where the full stop there ends the sentence as well.
    fn kept_stop(&self, end: usize) -> usize {
        end - usize::from(self.tokens.ends_sentence(end - 1))
    }

    fn bare_abbreviation(&self, at: usize) -> Option<(String, usize)> {
        let word = self.tokens.text(at);
        if self.tokens.text(at + 1) == "/" {
            let letter = self.tokens.text(at + 2);
            return match (word, letter) {
                ("w", " ") => Some(("with".into(), at + 2)),
                ("w", "o") => Some(("without".into(), at + 3)),
                ("c", "o") => Some(("care of".into(), at + 3)),
                _ => None,
            };
        }
        let next = self.tokens.skip_space(at + 1);
        if self.tokens.number(next).is_some() && next > at + 1 {
            let (_, text) = BEFORE_NUMBER_BARE
                .iter()
                .find(|(short, _)| *short == word)?;
            return Some(((*text).into(), at + 1));
        }
        let name = self.tokens.text(next);
        let is_saint = word == "St"
            && next > at + 1
            && name.chars().nth(1).is_some_and(char::is_lowercase)
            && name.starts_with(char::is_uppercase);
        is_saint.then(|| ("Saint".into(), at + 1))
    }

    /// `e.g.`, `a.m.`, `U.S.`, whose second letter stands at `second`.
    fn two_letters(&self, word: &str, second: usize) -> Option<(String, usize)> {
        let next = self.tokens.text(second);
        Some(match (word, next) {
            ("e", "g") => ("for example".into(), second + 2),
            ("i", "e") => ("that is".into(), second + 2),
            ("a" | "A" | "p" | "P", "m" | "M") => {
                let keep = usize::from(self.stop_after_half_ends(second + 1));
                (format!("{} M", word.to_uppercase()), second + 2 - keep)
            }
            ("U", "S")
                if self.tokens.text(second + 2) == "A" && self.tokens.text(second + 3) == "." =>
            {
                ("U S A".into(), self.kept_stop(second + 4))
            }
            ("U", "S" | "K" | "N") => {
                let follows = self.tokens.text(self.tokens.skip_space(second + 2));
                let ends = self.tokens.ends_sentence(second + 1)
                    && (follows.is_empty()
                        || OPENERS.contains(&follows)
                        || !follows.starts_with(char::is_alphabetic));
                (format!("U {next}"), second + 2 - usize::from(ends))
            }
            _ => return None,
        })
    }

    fn saint_or_street(&self, at: usize, next: &str) -> (String, usize) {
        let before = self.tokens.cased_word_before(at);
        let saint = next.starts_with(char::is_uppercase) && before.is_empty()
            || !before.starts_with(char::is_uppercase)
                && !matches!(before, "st" | "nd" | "rd" | "th");
        if saint {
            ("Saint".into(), at + 2)
        } else {
            ("Street".into(), self.kept_stop(at + 2))
        }
    }

    /// `World War II`, `Chapter IV`, `Henry VIII`, `Pope John Paul II`.
    pub(super) fn roman(&self, at: usize) -> Option<(String, usize)> {
        let word = self.tokens.text(at);
        let (word, possessive) = match word.strip_suffix("'s") {
            Some(stem) => (stem, "'s"),
            None => (word, ""),
        };
        let before = self.tokens.cased_word_before(at);
        let numbered = SECTIONS.contains(&before)
            || matches!(
                before,
                "Bowl" | "WrestleMania" | "PART" | "CHAPTER" | "ACT" | "VOLUME"
            );
        let value = roman(word).or_else(|| numbered.then(|| large_roman(word)).flatten())?;
        let after = self.tokens.text(self.tokens.skip_space(at + 1));
        let ruler_before_article =
            before == "the" && at >= 4 && RULERS.contains(&self.tokens.text(at - 4));
        if ruler_before_article || matches!(after, "century" | "centuries") {
            return Some((format!("{}{possessive}", ordinal(value)), at + 1));
        }
        if RULERS.contains(&before) && !(word == "I" && self.tokens.is_word(at + 2)) {
            Some((format!("the {}{possessive}", ordinal(value)), at + 1))
        } else if word.len() > 1 || SECTIONS.contains(&before) {
            Some((format!("{}{possessive}", cardinal(value)), at + 1))
        } else {
            None
        }
    }
}

/// The value of a Roman numeral of two letters or more that has an L or C in it, up to 399.
fn large_roman(word: &str) -> Option<u64> {
    const TENS: [&str; 10] = ["", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC"];
    let hundreds = word.bytes().take_while(|b| *b == b'C').count();
    let rest = &word[hundreds..];
    if word.len() < 2 || hundreds > 3 {
        return None;
    }
    (0..TENS.len()).find_map(|tens| {
        let units = rest.strip_prefix(TENS[tens])?;
        let unit = match units {
            "" => 0,
            units => roman(units).filter(|unit| *unit < 10)?,
        };
        Some(100 * hundreds as u64 + 10 * tens as u64 + unit)
    })
}
