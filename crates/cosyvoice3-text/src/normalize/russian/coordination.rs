//! Amounts that are joined: `из 5 кг муки и 2 кг сахара`, `у 101 жителя и 5 домов` stand in the case of the first.

use super::{
    super::{
        figures::{Style, figure},
        reader::Reader,
    },
    Russian,
    amounts::value,
    context, counting,
    nouns::{Kind, Sense, senses},
    numerals::Case,
    quantities::amount_cases,
    surroundings::LONGEST_LIST,
    units,
};

/// As many words and full stops as what is counted may have: `1 ст. л. сахарной пудры`.
const LONGEST_COUNTED: usize = 6;

/// As many tokens after a comma are searched for the last of the amounts that it parts.
const FARTHEST_LAST: usize = 12;

impl Reader<'_, Russian> {
    /// The word that governs the amounts of which one, not the first, starts at `start`; `None` where that cannot be in the
    /// case of the others.
    pub(super) fn shared_governor(&self, start: usize) -> Option<String> {
        let mut at = start;
        for _ in 0..LONGEST_LIST {
            let joint = self.previous(at)?;
            if !self.joins(joint) {
                return None;
            }
            at = self.counted_before(joint, start)?;
            let governor = self.own_governor(at);
            if !matches!(governor.as_str(), "" | "и" | "или" | "либо") {
                return self.fits(start, &governor).then_some(governor);
            }
        }
        None
    }

    /// True if the token at `joint` joins amounts: a comma only where others follow and the last has a word before it.
    fn joins(&self, joint: usize) -> bool {
        let is_last = |i: usize| {
            matches!(self.tokens.text(i), "и" | "или")
                && self.tokens.number(self.tokens.skip_space(i + 1)).is_some()
        };
        match self.tokens.text(joint) {
            "и" | "или" | "либо" => true,
            "," => {
                let mut after = joint + 1..joint + FARTHEST_LAST;
                self.tokens.text(joint + 1) == " "
                    && after.any(is_last)
                    && !(joint..joint + FARTHEST_LAST)
                        .take_while(|i| !is_last(*i))
                        .any(|i| matches!(self.tokens.text(i), "!" | "?" | ";" | "—"))
            }
            _ => false,
        }
    }

    /// The index of the number that counts what stands before `joint`, of its whole part if it has another; before another
    /// day, at `start`, that of a day.
    fn counted_before(&self, joint: usize, start: usize) -> Option<usize> {
        let mut at = self.previous(joint)?;
        for _ in 0..=LONGEST_COUNTED {
            if self.tokens.number(at).is_some() {
                break;
            }
            let word = self.tokens.text(at).to_lowercase();
            let counted = match word.as_str() {
                "." => self.tokens.is_word(at.checked_sub(1)?),
                "²" | "³" => true,
                _ => {
                    self.tokens.is_word(at)
                        && !context::is_function_word(&word)
                        && (!senses(&word).is_empty() || !context::is_predicate(&word))
                }
            };
            if !counted {
                return None;
            }
            at = match word.as_str() {
                "." | "²" | "³" => at - 1,
                _ => self.previous(at)?,
            };
        }
        let number: u64 = self.tokens.number(at)?.parse().ok()?;
        let next = self.tokens.skip_space(at + 1);
        if self.is_day_of_month(start) {
            return self.is_day_of_month(at).then_some(at);
        }
        if next >= joint || !self.is_counted(number, next) {
            return None;
        }
        let whole = at.checked_sub(2).filter(|whole| {
            let joined = match self.tokens.text(at - 1) {
                "," | "-" | "—" => true,
                " " => self.tokens.text(at).len() == 3,
                _ => false,
            };
            joined && self.tokens.number(*whole).is_some()
        });
        Some(whole.unwrap_or(at))
    }

    /// True if `number` counts what stands at `next`, and does not say which one or when: not `5 мая`, `на 5 этаже`, `2026 г.`
    fn is_counted(&self, number: u64, next: usize) -> bool {
        let word = self.tokens.text(next);
        let is = |kind| senses(word).iter().any(|sense| sense.noun.is(kind));
        let year = number >= 1000 && (word == "г" || word.starts_with("год"));
        if is(Kind::Month) || year {
            return false;
        }
        // `1 ст. л. мёда`
        let spoon = self.tokens.text(next + 1) == "." && self.abbreviation_is_measure(next);
        if units::unit(word).is_some()
            || units::currency(word).is_some()
            || units::multiplier(word).is_some()
            || spoon
        {
            return true;
        }
        let known = self.phrase(next).senses;
        let counts = |sense: &Sense| counts(number, sense);
        match known {
            [] => is_many(word) || counts_singular(number) && word.ends_with(['а', 'я', 'ы', 'и']),
            known => known.iter().any(counts),
        }
    }

    /// `ст. л.`: two words cut short at `at` that are one unit.
    fn abbreviation_is_measure(&self, at: usize) -> bool {
        let second = self.tokens.skip_space(at + 2);
        let both = format!("{}.{}", self.tokens.text(at), self.tokens.text(second));
        units::unit(&both).is_some()
    }

    /// True if the amount at `start` can be governed by `governor`.
    fn fits(&self, start: usize, governor: &str) -> bool {
        let signed = usize::from(matches!(
            self.tokens.text(start),
            "+" | "-" | "±" | "~" | "≈"
        ));
        let Some(figure) = figure(self.tokens, start + signed, Style::Russian) else {
            return false;
        };
        let next = self.tokens.skip_space(figure.end);
        let word = self.tokens.text(next);
        let cases = amount_cases(governor);
        if self.is_day_of_month(start) {
            return !cases.is_empty();
        }
        let measured = units::unit(word).is_some()
            || units::currency(word).is_some()
            || units::multiplier(word).is_some()
            || matches!(word, "%" | "‰" | "°");
        if measured {
            return word == "%" && !cases.is_empty()
                || next > figure.end && !cases.is_empty()
                || context::takes_one_as_object(governor);
        }
        let (Some(number), false) = (value(&figure), cases.is_empty()) else {
            return false;
        };
        let phrase = self.phrase(next);
        let genitive = cases.contains(&Case::Genitive);
        if phrase.senses.is_empty() {
            let one = counts_singular(number) && word.ends_with(['а', 'я', 'ы', 'и']);
            return genitive && self.tokens.is_word(next) && (is_many(word) || one);
        }
        let other = phrase.senses.iter().any(|sense| {
            sense.noun.is(Kind::Month)
                || sense.noun.name() == "раз"
                || counts_singular(number) && sense.noun.is_ordered()
        });
        let agreed = counting::count_agreement(number, cases, phrase.adjectives, phrase.senses);
        !other && agreed.is_some_and(|(case, _)| cases.contains(&case))
    }
}

/// True if `number` is counted with a noun in the singular: 1, 21, 101.
fn counts_singular(number: u64) -> bool {
    number % 10 == 1 && number % 100 != 11
}

/// True if `number` can stand before the form of a noun that `sense` is.
fn counts(number: u64, sense: &Sense) -> bool {
    let few = (2..=4).contains(&(number % 10)) && number % 100 / 10 != 1;
    match sense.plural {
        true => !counts_singular(number),
        false => {
            counts_singular(number) && !sense.noun.is_ordered()
                || few && sense.case == Case::Genitive
        }
    }
}

/// True if `word`, which is in no table, ends as many of something do: *взрослых*, *столов*.
fn is_many(word: &str) -> bool {
    ["ов", "ев", "ёв", "ей", "ых", "их"]
        .iter()
        .any(|ending| word.ends_with(ending))
        && word.chars().count() > 3
}
