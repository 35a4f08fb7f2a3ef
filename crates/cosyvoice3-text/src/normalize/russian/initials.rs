//! Initials: letters with a full stop beside a surname, said by their names: `И. П. Сидоров`, `Сидоров И. П.`.

use super::{
    super::{lex::is_cyrillic, reader::Reader},
    Russian,
    acronyms::letter,
    forms::adjective_ending,
    nouns::senses,
    numerals::{Case, Gender},
};

/// As many initials belong to one person.
const MOST: usize = 3;

impl Reader<'_, Russian> {
    /// Says the initial at `at`; the index after it and its full stop, which stays where it ends the sentence.
    pub(super) fn initial(&mut self, at: usize) -> Option<usize> {
        if !self.is_initial_letter(at) {
            return None;
        }
        if let Some(size) = self.size_of_city(at) {
            self.out.say(&size);
            return Some(at + 2);
        }
        if self.is_of_street(at) {
            return None;
        }
        let name = self.surname_after(at);
        let after_surname = name.is_none() && self.follows_surname(at);
        if name.is_none() && !after_surname {
            return None;
        }
        let said = letter(self.tokens.text(at).chars().next()?)?;
        // A capital keeps the letter from being a word: *И Пэ Сидоров*.
        let mut said = said.chars();
        let first: String = said.next()?.to_uppercase().collect();
        self.out.say(&format!("{first}{}", said.as_str()));
        let next = self.tokens.skip_space(at + 2);
        let following = self.tokens.text(next);
        let last = after_surname && (following.is_empty() || is_capitalised(following));
        // `А.С.Пушкин`
        if next == at + 2 && !last && self.tokens.is_word(next) {
            self.out.say(" ");
        }
        Some(at + 2 - usize::from(last))
    }

    /// `ул. М. Горького`: the only initial in the name of a street, where people say the whole first name.
    fn is_of_street(&self, at: usize) -> bool {
        const STREETS: [&str; 6] = [
            "улиц",
            "площад",
            "переул",
            "проспект",
            "набережн",
            "бульвар",
        ];
        let street = match self.previous(at) {
            Some(stop) if self.tokens.text(stop) == "." => {
                let short = self.tokens.word_before(stop);
                matches!(
                    short.as_str(),
                    "ул" | "пл" | "пер" | "просп" | "пр" | "наб" | "бул"
                )
            }
            _ => {
                let word = self.tokens.word_before(at);
                STREETS.iter().any(|stem| word.starts_with(stem))
            }
        };
        street && !self.is_initial_letter(self.tokens.skip_space(at + 2))
    }

    /// A capital Cyrillic letter and a full stop.
    fn is_initial_letter(&self, at: usize) -> bool {
        if self.tokens.text(at + 1) != "." {
            return false;
        }
        let mut letters = self.tokens.text(at).chars();
        let single = letters
            .next()
            .is_some_and(|c| c.is_uppercase() && is_cyrillic(c))
            && letters.next().is_none();
        let glued = at > 0 && (self.tokens.is_word(at - 1) || self.tokens.number(at - 1).is_some());
        let joined = at > 0 && matches!(self.tokens.text(at - 1), "-" | "/" | "°");
        single && !glued && !joined
    }

    /// The index of the surname after the initials from `at` on: a word with a capital that is no known noun.
    fn surname_after(&self, at: usize) -> Option<usize> {
        let mut next = at;
        let mut count = 0;
        while count < MOST && self.is_initial_letter(next) {
            next = self.tokens.skip_space(next + 2);
            count += 1;
        }
        // `Ряд А. Место 5`
        let surname = is_capitalised(self.tokens.text(next))
            && (count > 1 || senses(self.tokens.text(next)).is_empty());
        // `Г. Москва, ул. Ленина`
        let of_city = count == 1
            && matches!(self.tokens.text(at), "Г" | "Д" | "С" | "П")
            && self.previous(at).is_none()
            && self.tokens.text(next + 1) == ",";
        (surname && !of_city).then_some(next)
    }

    /// `Сидоров И. П.`: a surname stands before the initials that the one at `at` is of.
    fn follows_surname(&self, at: usize) -> bool {
        let mut first = at;
        let mut count = 1;
        while count < MOST
            && let Some(before) = self.initial_before(first)
        {
            first = before;
            count += 1;
        }
        if self.is_initial_letter(self.tokens.skip_space(at + 2)) {
            count += 1;
        }
        let name = self.tokens.cased_word_before(first);
        is_capitalised(name) && senses(name).is_empty() && (count > 1 || is_surname(name))
    }

    /// The initial right before the one at `at`.
    fn initial_before(&self, at: usize) -> Option<usize> {
        let stop = self
            .previous(at)
            .filter(|stop| self.tokens.text(*stop) == ".")?;
        stop.checked_sub(1)
            .filter(|letter| self.is_initial_letter(*letter))
    }

    /// `г. Н. Новгород`, `в В. Устюге`: the adjective of a city, in the case of its name.
    fn size_of_city(&self, at: usize) -> Option<String> {
        let name = self.tokens.text(self.tokens.skip_space(at + 2));
        let (stem, cities) = match self.tokens.text(at) {
            "Н" => ("нижн", ["Новгород", "Тагил"]),
            "В" => ("велик", ["Новгород", "Устюг"]),
            _ => return None,
        };
        let ending = cities.iter().find_map(|city| name.strip_prefix(city))?;
        let case = match ending {
            "" => Case::Nominative,
            "а" => Case::Genitive,
            "у" => Case::Dative,
            "ом" => Case::Instrumental,
            "е" => Case::Prepositional,
            _ => return None,
        };
        let ending = adjective_ending(stem, Gender::Masculine, case);
        let capital = if stem == "нижн" {
            "Нижн"
        } else {
            "Велик"
        };
        Some(format!("{capital}{ending}"))
    }
}

/// A Cyrillic word with a capital and a small letter after it.
fn is_capitalised(word: &str) -> bool {
    let mut letters = word.chars();
    letters
        .next()
        .is_some_and(|c| c.is_uppercase() && is_cyrillic(c))
        && letters.next().is_some_and(char::is_lowercase)
}

/// True if `word` ends as most Russian surnames do.
fn is_surname(word: &str) -> bool {
    const ENDINGS: [&str; 22] = [
        "ов", "ев", "ёв", "ин", "ын", "ова", "ева", "ёва", "ина", "ына", "ову", "еву", "ину",
        "ову", "ский", "ская", "цкий", "цкая", "ко", "чук", "юк", "ян",
    ];
    word.chars().count() > 3 && ENDINGS.iter().any(|ending| word.ends_with(ending))
}
