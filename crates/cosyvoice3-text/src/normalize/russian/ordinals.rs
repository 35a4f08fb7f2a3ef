//! Numbers with letters of their ending: `5-го`, `41м`, `25-ти`, `100-летие`, `30%-ная`, `II-я`.

use super::{
    super::{figures, lex::is_cyrillic, reader::Reader},
    Russian,
    amounts::figure_words,
    context,
    forms::{self, CASES, Forms, ordinal_suffix},
    governing,
    nouns::{self, Kind, forms_of_one, senses},
    numerals::{Case, Gender, cardinal, compound, ordinal},
    units,
};

/// Endings that are written without a hyphen too; the others would be taken for units and words.
const GLUED: [&str; 33] = [
    "й", "я", "е", "ю", "х", "го", "му", "ми", "ти", "ом", "мя", "ый", "ий", "ой", "ая", "ья",
    "ое", "ье", "ее", "ые", "ие", "ую", "ью", "ого", "его", "ому", "ему", "ым", "им", "ых", "их",
    "ыми", "ими",
];

/// The reading of a number with such letters.
enum Ending {
    Ordinal(Forms),
    /// A cardinal that is not in the nominative: *двадцати пяти*, *двумя*.
    Cardinal(Forms),
}

impl Reader<'_, Russian> {
    /// The number at `at` where letters of its ending follow.
    pub(super) fn suffixed(&mut self, at: usize, start: usize, before: &str) -> Option<usize> {
        let number = figures::integer(self.tokens.number(at)?)?;
        // `поезд 102Й`: a letter.
        let letter = self.tokens.text(at + 1);
        if letter.chars().count() == 1
            && letter.starts_with(char::is_uppercase)
            && self.is_name(at, start)
        {
            return None;
        }
        if let Some(end) = self.percentage(at, number) {
            return Some(end);
        }
        if let Some(end) = self.parted_ending(at, number, before) {
            return Some(end);
        }
        self.ending(at + 1, number, before, at)
            .or_else(|| self.compound(at, number))
            .or_else(|| self.shares_ending(at, number, before))
    }

    /// Reads `number` with the letters that start at `at`, hyphen included.
    pub(super) fn ending(
        &mut self,
        at: usize,
        number: u64,
        before: &str,
        start: usize,
    ) -> Option<usize> {
        let (suffix, end) = self.suffix_at(at, number)?;
        if let Some(rest) = self.after_second_hyphen(end).map(str::to_owned) {
            self.out.say(&format!("{}{rest}", compound(number)));
            return Some(end + 2);
        }
        let said = match ending_of(number, &suffix) {
            Some(Ending::Cardinal(forms)) => {
                let (case, gender) = self.resolved(forms, end, before, number, start)?;
                cardinal(number, gender, case)
            }
            Some(Ending::Ordinal(forms)) => {
                let (case, gender) = self.resolved(forms, end, before, number, start)?;
                ordinal(number, gender, case)
            }
            None => return None,
        };
        self.say_number(&said);
        self.say_ordered_unit(end, number, &suffix, before)
            .or(Some(end))
    }

    /// The letters of an ending at `at` and the index after them.
    fn suffix_at(&self, at: usize, number: u64) -> Option<(String, usize)> {
        let hyphen = self.tokens.text(at) == "-";
        let word = at + usize::from(hyphen);
        if !self.tokens.is_word(word) {
            return None;
        }
        // `5Ом` are ohms.
        if self.tokens.text(word) == "Ом" {
            return None;
        }
        let suffix = self.tokens.text(word).to_lowercase();
        if hyphen || GLUED.contains(&suffix.as_str()) {
            let number_follows = self
                .tokens
                .number(self.tokens.skip_space(word + 1))
                .is_some();
            return (suffix != "х" || !number_follows).then_some((suffix, word + 1));
        }
        let resolves = match suffix.as_str() {
            // `41м году`, `6м номере`; `6м провода` are metres.
            "м" => self.phrase(word + 1).senses.iter().any(|sense| {
                !sense.plural && matches!(sense.case, Case::Prepositional | Case::Instrumental)
            }),
            "у" => number % 10 == 1 && number % 100 != 11,
            _ => false,
        };
        resolves.then_some((suffix, word + 1))
    }

    /// `3-х-местный`.
    fn after_second_hyphen(&self, at: usize) -> Option<&str> {
        let rest = self.tokens.text(at + 1);
        (self.tokens.text(at) == "-" && is_second_part(rest)).then_some(rest)
    }

    /// One form of `forms`: by the noun that follows, by the one before, by the word that governs.
    fn resolved(
        &self,
        forms: Forms,
        end: usize,
        before: &str,
        number: u64,
        start: usize,
    ) -> Option<(Case, Gender)> {
        let cases = governing::place_cases(before);
        let of_noun = self
            .forms_by_noun(forms, end)
            .or_else(self.forms_by_noun_before(start).and(forms));
        let plural = forms.and(Forms::of(Gender::Plural, &CASES));
        // `90-е`, `к 90-м`: round numbers without a noun are years.
        let round = number > 0 && number.is_multiple_of(10);
        let fits = cases.is_empty() || plural.first(cases).is_some();
        let left = match of_noun.is_empty() && round && fits {
            true => plural.or_else(forms),
            false => of_noun.or_else(forms),
        };
        left.first(cases).or_else(|| left.first(&CASES))
    }

    /// The ones of `forms` that agree with the noun after a number that ends at `end`.
    fn forms_by_noun(&self, forms: Forms, end: usize) -> Forms {
        let next = self.tokens.skip_space(end);
        let word = self.tokens.text(next);
        let phrase = self.phrase(self.after_list(end));
        if word == "гг" {
            forms.and(Forms::of(Gender::Plural, &CASES))
        } else if phrase.senses.iter().any(|sense| sense.noun.is(Kind::Month)) {
            forms.and(Forms::of(Gender::Neuter, &CASES))
        } else if !phrase.senses.is_empty() {
            forms
                .and(phrase.forms())
                .or_else(forms.and(phrase.forms_of_each()))
        } else if self.tokens.is_word(next) && !context::is_function_word(word) {
            forms.and(forms::guess(&word.to_lowercase()))
        } else {
            Forms::NONE
        }
    }

    /// `Елизаветы 3-й`: the forms of the noun before.
    fn forms_by_noun_before(&self, start: usize) -> Forms {
        let word = self.previous_word(start);
        let senses = word.map_or(&[][..], |word| senses(self.tokens.text(word)));
        forms_of_one(senses.iter().filter(|sense| !sense.plural))
    }

    /// `до 41-го км`, `В 60-х гг.`: the abbreviation after an ordinal, in its form.
    fn say_ordered_unit(
        &mut self,
        end: usize,
        number: u64,
        suffix: &str,
        before: &str,
    ) -> Option<usize> {
        let Some(Ending::Ordinal(forms)) = ending_of(number, suffix) else {
            return None;
        };
        let next = self.tokens.skip_space(end);
        let stop = self.tokens.text(next + 1) == ".";
        let (said, takes_stop) = match self.tokens.text(next) {
            "гг" => (year_in(forms, Gender::Plural, before)?, true),
            "г" if stop => (year_in(forms, Gender::Masculine, before)?, true),
            text => {
                let letter = text.chars().count() == 1 && text != "м";
                let unit = units::unit(text).filter(|unit| {
                    next > end && !letter && !unit.may_be_letter() && (stop || !unit.needs_stop())
                })?;
                let case = case_in(forms, unit.noun.gender(), before)?;
                (unit.noun.singular(case), unit.takes_stop())
            }
        };
        self.out.say(" ");
        self.out.say(&said);
        Some(self.after_stop(next, takes_stop))
    }

    /// `5 - й этаж`: blanks on both sides of the hyphen, as text from scans has them.
    fn parted_ending(&mut self, at: usize, number: u64, before: &str) -> Option<usize> {
        let hyphen = self.tokens.skip_space(at + 1);
        let word = self.tokens.skip_space(hyphen + 1);
        let parted = hyphen > at + 1 && word > hyphen + 1 && self.tokens.text(hyphen) == "-";
        let suffix = self.tokens.text(word);
        if !parted || !matches!(suffix, "й" | "го" | "му" | "ая" | "ый" | "ой" | "ую" | "ое")
        {
            return None;
        }
        let Some(Ending::Ordinal(forms)) = ending_of(number, suffix) else {
            return None;
        };
        let (case, gender) = self.resolved(forms, word + 1, before, number, at)?;
        self.say_number(&ordinal(number, gender, case));
        Some(word + 1)
    }

    /// `4,2-килограммовый`, `5-6-летние`, `1 комнатная`, `2х местный`: adjectives made of a measure.
    pub(super) fn measured_adjective(&mut self, at: usize) -> Option<usize> {
        let first = figures::integer(self.tokens.number(at)?)?;
        let joint = self.tokens.text(at + 1);
        if first >= 1_000_000 {
            return None;
        }
        if matches!(joint, "," | "-")
            && let Some(second) = self.tokens.number(at + 2)
            && self.tokens.text(at + 3) == "-"
            && is_measure_adjective(self.tokens.text(at + 4))
        {
            let word = self.tokens.text(at + 4);
            let number = figures::integer(second).filter(|number| *number < 1_000_000)?;
            if joint == "-" {
                self.out
                    .say(&format!("{}-{}{word}", compound(first), compound(number)));
                return Some(at + 5);
            }
            // A decimal has no form that joins: it is said in the genitive.
            let figure = figures::figure(self.tokens, at, figures::Style::Russian)?;
            let words = figure_words(&figure, Gender::Feminine, Case::Genitive);
            self.out.say(&format!("{words} {word}"));
            return Some(at + 5);
        }
        let ending = matches!(joint, "х" | "и" | "ти");
        let word_at = self.tokens.skip_space(at + 1 + usize::from(ending));
        let word = self.tokens.text(word_at);
        let parted = word_at > at + 1 + usize::from(ending);
        if !parted || !COUNTED_ADJECTIVES.iter().any(|stem| word.starts_with(stem)) {
            return None;
        }
        self.out.say(&format!("{}{word}", compound(first)));
        Some(word_at + 1)
    }

    /// `100-летие`.
    fn compound(&mut self, at: usize, number: u64) -> Option<usize> {
        let word = self.tokens.text(at + 2);
        let joined = self.tokens.text(at + 1) == "-" && self.tokens.is_word(at + 2);
        if !joined || number >= 1_000_000 || !is_second_part(word) {
            return None;
        }
        self.out.say(&format!("{}{word}", compound(number)));
        Some(at + 3)
    }

    /// `30%-ная`.
    fn percentage(&mut self, at: usize, number: u64) -> Option<usize> {
        let ending = self.tokens.text(at + 3);
        let written = self.tokens.text(at + 1) == "%"
            && self.tokens.text(at + 2) == "-"
            && ending.starts_with('н')
            && !forms::adjective(&format!("процент{ending}")).is_empty();
        if !written || number >= 1_000_000 {
            return None;
        }
        self.out
            .say(&format!("{}процент{ending}", compound(number)));
        Some(at + 4)
    }

    /// `60, 70-е годы`, `20-30-х годов`: the ending is written after the last number only.
    fn shares_ending(&mut self, at: usize, number: u64, before: &str) -> Option<usize> {
        let joint = self.tokens.skip_space(at + 1);
        let next = self.tokens.skip_space(joint + 1);
        let second = figures::integer(self.tokens.number(next)?)?;
        let round = number.is_multiple_of(10) && second.is_multiple_of(10);
        let joined = match self.tokens.text(joint) {
            "," => round,
            "-" | "—" | "и" | "или" => true,
            _ => false,
        };
        if !joined || self.tokens.text(next + 1) != "-" {
            return None;
        }
        let (suffix, end) = self.suffix_at(next + 1, second)?;
        let Some(Ending::Ordinal(forms)) = ending_of(second, &suffix) else {
            return None;
        };
        let (case, gender) = self.resolved(forms, end, before, second, at)?;
        self.say_number(&ordinal(number, gender, case));
        match self.tokens.text(joint) {
            "-" | "—" => self.out.say(" - "),
            "," => self.out.say(", "),
            word => self.out.say(word),
        }
        self.ending(next + 1, second, before, at)
    }
}

/// The case of `gender` in `forms` after `before`.
fn case_in(forms: Forms, gender: Gender, before: &str) -> Option<Case> {
    let forms = forms.and(Forms::of(gender, &CASES));
    let form = forms
        .first(governing::place_cases(before))
        .or_else(|| forms.first(&CASES));
    form.map(|(case, _)| case)
}

/// *годах*, *году* after an ordinal in `forms`.
fn year_in(forms: Forms, gender: Gender, before: &str) -> Option<String> {
    let case = case_in(forms, gender, before)?;
    let year = nouns::entry("год")?;
    let said = match (gender, case) {
        (Gender::Plural, Case::Genitive) => "годов",
        (Gender::Masculine, Case::Prepositional) => "году",
        (gender, case) => year.form(gender == Gender::Plural, case),
    };
    Some(said.into())
}

/// True if a number of 2, 3 or 4 in the end is counted so: *двух*, not *вторых*.
fn ends_with_few(number: u64) -> bool {
    (2..=4).contains(&(number % 10)) && number % 100 / 10 != 1
}

fn ending_of(number: u64, suffix: &str) -> Option<Ending> {
    let plural = |cases: &[Case]| Some(Ending::Cardinal(Forms::of(Gender::Plural, cases)));
    let soft = matches!(number % 100, 5..=20 | 30)
        || number % 10 >= 5
        || matches!(number % 100, 50 | 60 | 70 | 80);
    let oblique = &[Case::Genitive, Case::Dative, Case::Prepositional];
    match suffix {
        "ти" | "и" if soft => plural(oblique),
        "ми" if matches!(number % 10, 7 | 8) => plural(oblique),
        "мя" if ends_with_few(number) => plural(&[Case::Instrumental]),
        "х" if ends_with_few(number) => plural(&[Case::Genitive, Case::Prepositional]),
        "у" if number % 10 == 1 && number % 100 != 11 => Some(Ending::Cardinal(Forms::of(
            Gender::Feminine,
            &[Case::Accusative],
        ))),
        _ => {
            let forms = ordinal_suffix(number, suffix);
            (!forms.is_empty()).then_some(Ending::Ordinal(forms))
        }
    }
}

/// Beginnings of adjectives that make no sense without the number before them.
const COUNTED_ADJECTIVES: [&str; 7] = [
    "комнатн",
    "местный",
    "местная",
    "местное",
    "местном",
    "местного",
    "ступенчат",
];

/// True if `word` is an adjective of a measure, such as *килограммовый*, *летние*.
fn is_measure_adjective(word: &str) -> bool {
    is_second_part(word)
        && [
            "ый", "ий", "ой", "ая", "яя", "ое", "ее", "ые", "ие", "ого", "его", "ому", "ему", "ых",
            "их", "ым", "им", "ую", "юю", "ом", "ем", "ыми", "ими",
        ]
        .iter()
        .any(|ending| word.ends_with(ending))
}

/// True if `word` is the second part of a compound such as `100-летие`.
fn is_second_part(word: &str) -> bool {
    word.chars().count() >= 4
        && word
            .chars()
            .all(|c| is_cyrillic(c) && c.is_lowercase() || c == '\u{301}')
}
