//! The words on both sides of a number: the one that governs it, the one that it counts.

use super::{
    super::{
        lex::{Kind, is_cyrillic},
        reader::Reader,
    },
    Russian, abbreviations,
    context::{is_function_word, is_verb},
    forms::{self, Forms},
    governing,
    nouns::{Sense, forms_of_one, senses},
    numerals::Gender,
    units,
};

pub(super) use super::numerals::LONGEST_LIST;

/// Adjectives and the known noun after them.
pub(super) struct Phrase {
    pub adjectives: Forms,
    pub senses: &'static [Sense],
    /// Index of the noun.
    pub at: usize,
}

impl Phrase {
    /// The forms that the noun, as its adjectives allow, may be in.
    pub fn forms(&self) -> Forms {
        let senses = self.senses.iter();
        let forms = senses.fold(Forms::NONE, |forms, sense| {
            let gender = if sense.plural {
                Gender::Plural
            } else {
                sense.noun.gender
            };
            forms.or(Forms::of(gender, &[sense.case]))
        });
        forms.and(self.adjectives).or_else(forms)
    }

    /// The same, where each of several things that the noun names together is meant: *первая и вторая платформы*.
    pub fn forms_of_each(&self) -> Forms {
        forms_of_one(self.senses)
    }
}

impl Reader<'_, Russian> {
    /// The index of the token before `at`, blanks left out.
    pub(super) fn previous(&self, at: usize) -> Option<usize> {
        let before = at.checked_sub(1)?;
        match self.tokens.kind(before) {
            Some(Kind::Space) => before.checked_sub(1),
            _ => Some(before),
        }
    }

    /// The index of the word before `at`, with nothing but a blank between.
    pub(super) fn previous_word(&self, at: usize) -> Option<usize> {
        self.previous(at).filter(|i| self.tokens.is_word(*i))
    }

    /// True if a number stands right before `at`.
    pub(super) fn follows_number(&self, at: usize) -> bool {
        self.previous(at)
            .is_some_and(|before| self.tokens.number(before).is_some())
    }

    /// The word that governs the number which starts at `start`, in small letters, over signs (`до −5`), abbreviations
    /// (`ок. 5`) and numbers joined to it (`до 18 или 19`); empty where there is none.
    pub(super) fn governor(&self, start: usize) -> String {
        let own = self.own_governor(start);
        // `из 5 кг муки и 2 кг сахара`
        let shared = match own.as_str() {
            "и" | "или" | "либо" => self.shared_governor(start),
            "" if self
                .previous(start)
                .is_some_and(|i| self.tokens.text(i) == ",") =>
            {
                self.shared_governor(start)
            }
            _ => None,
        };
        shared.unwrap_or(own)
    }

    /// The same without those that another amount has, which stands before.
    pub(super) fn own_governor(&self, start: usize) -> String {
        let mut at = start;
        for _ in 0..LONGEST_LIST {
            let Some(before) = self.previous(at) else {
                return String::new();
            };
            if !self.tokens.is_word(before) {
                if let Some(first) = self.larger_part(at) {
                    at = first;
                    continue;
                }
                match self.tokens.text(before) {
                    "+" | "-" | "±" | "≈" | "~" if before + 1 == at => at = before,
                    "." => return self.abbreviated_governor(before),
                    "," if self.ordinal_before(before).is_some() => {
                        at = self.ordinal_before(before).unwrap_or(0);
                    }
                    sign @ ("≥" | "≤" | ">" | "<" | "√") => return sign.to_owned(),
                    _ => return String::new(),
                }
                continue;
            }
            // `п/о 12`
            if before > 0 && self.tokens.text(before - 1) == "/" {
                return String::new();
            }
            // `С1`: a letter, no preposition.
            if before + 1 == at && self.tokens.text(before).starts_with(char::is_uppercase) {
                return String::new();
            }
            if let Some(first) = self.larger_part(at) {
                at = first;
                continue;
            }
            if self.is_letter_of_name(before) {
                return String::new();
            }
            let word = self.tokens.text(before).to_lowercase();
            match word.as_str() {
                "чем" => at = before,
                "и" | "или" | "либо" if self.follows_number(before) => {
                    at = self.previous(before).unwrap_or(0);
                }
                "и" | "или" if self.ordinal_before(before).is_some() => {
                    at = self.ordinal_before(before).unwrap_or(0);
                }
                _ => {
                    let preposition = self.preposition_of_adjective(before, &word);
                    return preposition.unwrap_or_else(|| self.hyphenated(before, word));
                }
            }
        }
        String::new()
    }

    /// `при разрешённых 60`, `вместо положенных 12`: the preposition that governs the adjective `word` at `at` and, through it,
    /// a number without a noun.
    fn preposition_of_adjective(&self, at: usize, word: &str) -> Option<String> {
        let adjective = word.chars().count() >= 5 && (word.ends_with("ых") || word.ends_with("их"));
        let number = self.tokens.skip_space(at + 1);
        let next = self.tokens.skip_space(number + 1);
        let alone = !self.tokens.is_word(next) || is_verb(self.tokens.text(next));
        let preposition = self.tokens.word_before(at);
        let governs = matches!(
            preposition.as_str(),
            "при" | "до" | "от" | "из" | "против" | "вместо" | "около" | "более" | "менее"
        );
        (adjective && alone && governs).then_some(preposition)
    }

    /// `талон К 105`: a capital letter after a noun in small ones is no preposition.
    fn is_letter_of_name(&self, at: usize) -> bool {
        let letter = self.tokens.text(at);
        let before = self.tokens.cased_word_before(at);
        letter.chars().count() == 1
            && letter.starts_with(char::is_uppercase)
            && before.chars().nth(1).is_some_and(char::is_lowercase)
    }

    /// `на 12-м и 15-м км`: the number of an ordinal right before `at`.
    pub(super) fn ordinal_before(&self, at: usize) -> Option<usize> {
        let ending = self.previous_word(at)?;
        let number = ending.checked_sub(2)?;
        let joined = self.tokens.text(ending - 1) == "-" && self.tokens.number(number).is_some();
        let short = self.tokens.text(ending).chars().count() <= 3;
        (joined && short).then_some(number)
    }

    /// `до 2 ч. 30 мин.`: the number of the larger unit or power before `at`, where the smaller one follows the number there.
    fn larger_part(&self, at: usize) -> Option<usize> {
        const PAIRS: [(&str, &str); 7] = [
            ("час", "минута"),
            // `1 ч 30 м`
            ("час", "метр"),
            ("минута", "секунда"),
            ("метр", "сантиметр"),
            ("километр", "метр"),
            ("килограмм", "грамм"),
            ("год", "месяц"),
        ];
        self.tokens.number(at)?;
        let before = self.previous(at)?;
        let stop = usize::from(self.tokens.text(before) == ".");
        let unit = before.checked_sub(stop)?;
        let number = self.previous(unit)?;
        self.tokens.number(number)?;
        // `до 1 млн 200 тыс. руб.`, `около 1 тыс. 500 человек`
        if units::multiplier(self.tokens.text(unit)).is_some() {
            let next = self.tokens.text(self.tokens.skip_space(at + 1));
            let goes_on = self.tokens.text(at).len() == 3 || units::multiplier(next).is_some();
            return goes_on.then_some(number);
        }
        let larger = self.measured_by(unit)?;
        let smaller = self.measured_by(self.tokens.skip_space(at + 1))?;
        PAIRS.contains(&(larger, smaller)).then_some(number)
    }

    /// The name of the unit or the noun at `at`.
    fn measured_by(&self, at: usize) -> Option<&'static str> {
        let word = self.tokens.text(at);
        if !self.tokens.is_word(at) {
            return None;
        }
        match units::unit(word) {
            Some(unit) => Some(unit.noun.name()),
            None => senses(word).first().map(|sense| sense.noun.name()),
        }
    }

    fn abbreviated_governor(&self, stop: usize) -> String {
        match self.tokens.word_before(stop).as_str() {
            "ок" => "около".into(),
            "св" => "свыше".into(),
            "теч" => "течение".into(),
            _ => String::new(),
        }
    }

    /// `из-за 5 минут` is governed, `более-менее 5 минут` is not.
    fn hyphenated(&self, at: usize, word: String) -> String {
        let joined = at >= 2 && self.tokens.text(at - 1) == "-" && self.tokens.is_word(at - 2);
        match joined {
            true => format!("{}-{word}", self.tokens.text(at - 2).to_lowercase()),
            false => word,
        }
    }

    /// True if the full stop at `stop` ends a sentence: not after a few words that only say when, `В 1812 г. Наполеон`, which
    /// stand before `at`.
    pub(super) fn ends_here(&self, at: usize, stop: usize) -> bool {
        if !self.tokens.ends_sentence(stop) {
            return false;
        }
        let follows = self.tokens.is_word(self.tokens.skip_space(stop + 1));
        let preposition = (at.saturating_sub(6)..at).rev().find(|i| {
            self.tokens.is_word(*i) && !governing::cases(self.tokens.text(*i)).is_empty()
                || self.tokens.text(*i).chars().count() <= 2
                    && self.tokens.text(*i).starts_with(char::is_uppercase)
        });
        let opens = preposition.is_some_and(|i| {
            let word = self.tokens.text(i);
            let first = self
                .previous(i)
                .is_none_or(|before| matches!(self.tokens.text(before), "." | "!" | "?"));
            first
                && word.starts_with(char::is_uppercase)
                && !governing::cases(&word.to_lowercase()).is_empty()
        });
        !(follows && opens)
    }

    /// The adjectives and the known noun from `at` on.
    pub(super) fn phrase(&self, at: usize) -> Phrase {
        let mut phrase = Phrase {
            adjectives: Forms::ALL,
            senses: &[],
            at,
        };
        for _ in 0..3 {
            phrase.at = self.tokens.skip_space(phrase.at);
            if !self.tokens.is_word(phrase.at) {
                break;
            }
            let word = self.tokens.text(phrase.at);
            phrase.senses = match self.tokens.text(phrase.at + 1) {
                "-" => senses(&format!("{word}-{}", self.tokens.text(phrase.at + 2))),
                _ => senses(word),
            };
            if !phrase.senses.is_empty() {
                break;
            }
            let adjective = forms::adjective(&word.to_lowercase());
            if adjective.is_empty() {
                break;
            }
            phrase.adjectives = phrase.adjectives.and(adjective);
            phrase.at += 1;
        }
        phrase
    }

    /// Up to three Cyrillic words after `at`, in small letters, as far as only blanks part them and they can be what a
    /// number counts.
    pub(super) fn words_after(&self, at: usize) -> Vec<String> {
        let mut words = Vec::new();
        let mut i = at;
        while words.len() < 3 {
            let next = self.tokens.skip_space(i);
            let word = self.tokens.text(next).to_lowercase();
            let counts = self.tokens.is_word(next)
                && word.starts_with(is_cyrillic)
                && !is_function_word(&word);
            if !counts {
                break;
            }
            words.push(word);
            i = next + 1;
        }
        words
    }

    /// The known noun right before `at` in the singular, or the one that is abbreviated there: `д. 5`.
    pub(super) fn noun_before(&self, at: usize) -> Option<&'static Sense> {
        let before = self.previous(at)?;
        let all = match self.tokens.text(before) {
            "." => {
                let word = self.previous(before).filter(|word| *word + 1 == before)?;
                // `по 1 табл. 2 р. в день`: what was counted already.
                if self.follows_number(word) && !self.is_article_of_part(word) {
                    return None;
                }
                let noun = abbreviations::before_number(&self.tokens.text(word).to_lowercase())?;
                senses(noun.name())
            }
            word => senses(word),
        };
        all.iter().find(|sense| !sense.plural)
    }

    /// `п. 2 ст. 5`: the article of a part whose number stands before `at`.
    fn is_article_of_part(&self, at: usize) -> bool {
        let stop = self
            .previous(at)
            .and_then(|number| self.previous(number))
            .filter(|stop| self.tokens.text(*stop) == ".");
        self.tokens.text(at) == "ст"
            && stop.is_some_and(|stop| {
                matches!(self.tokens.word_before(stop).as_str(), "п" | "пп" | "ч")
            })
    }

    /// True if one of the last words before `at` names something that is measured.
    pub(super) fn is_measured(&self, at: usize) -> bool {
        (at.saturating_sub(8)..at).any(|i| {
            self.tokens.is_word(i)
                && senses(self.tokens.text(i))
                    .iter()
                    .any(|sense| sense.noun.is(super::nouns::Kind::Measure))
        })
    }
}
