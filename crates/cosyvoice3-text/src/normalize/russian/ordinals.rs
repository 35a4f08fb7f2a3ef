//! Numbers with letters of their ending: `5-го`, `41м`, `25-ти`, `100-летие`, `30%-ная`, `II-я`.

use super::{
    super::{figures, lex::is_cyrillic, reader::Reader},
    Russian, context,
    forms::{self, CASES, Forms, ordinal_suffix},
    nouns::{Kind, senses},
    numerals::{Case, Gender, cardinal, compound, ordinal},
    quantities::Amount,
    surroundings::{LONGEST_LIST, Phrase},
    units,
};

/// Endings that are written without a hyphen too; the others would be taken for units and words.
const GLUED: [&str; 32] = [
    "й", "я", "е", "ю", "х", "го", "му", "ми", "ти", "мя", "ый", "ий", "ой", "ая", "ья", "ое",
    "ье", "ее", "ые", "ие", "ую", "ью", "ого", "его", "ому", "ему", "ым", "им", "ых", "их", "ыми",
    "ими",
];

/// How a number with such letters is said.
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
        let phrase = self.phrase(self.after_list(end));
        let next = self.tokens.skip_space(end);
        let of_noun = if self.tokens.text(next) == "гг" {
            Forms::of(Gender::Plural, &CASES)
        } else if !phrase.senses.is_empty() {
            forms
                .and(phrase.forms())
                .or_else(forms.and(phrase.forms_of_each()))
        } else if self.tokens.is_word(next) && !context::is_function_word(self.tokens.text(next)) {
            forms.and(forms::guess(&self.tokens.text(next).to_lowercase()))
        } else {
            Forms::NONE
        };
        let of_noun = of_noun
            .and(forms)
            .or_else(self.forms_of_ruler(start).and(forms));
        let of_month = phrase.senses.iter().any(|sense| sense.noun.is(Kind::Month));
        let of_noun = match of_month {
            true => forms.and(Forms::of(Gender::Neuter, &CASES)),
            false => of_noun,
        };
        let left = of_noun.or_else(forms);
        let alone = of_noun.is_empty();
        let round = number > 0 && number.is_multiple_of(10);
        let plural = left.and(Forms::of(Gender::Plural, &CASES));
        // `90-е`, `к 90-м`: round numbers without a noun are years.
        let cases = context::place_cases(before);
        let fits = cases.is_empty() || plural.first(cases).is_some();
        let left = if alone && round && fits {
            plural.or_else(left)
        } else {
            left
        };
        left.first(cases).or_else(|| left.first(&CASES))
    }

    /// `Елизаветы 3-й`: the forms of the noun before.
    fn forms_of_ruler(&self, start: usize) -> Forms {
        let Some(word) = self.previous_word(start) else {
            return Forms::NONE;
        };
        let singular = senses(self.tokens.text(word))
            .iter()
            .filter(|sense| !sense.plural);
        singular.fold(Forms::NONE, |forms, sense| {
            forms.or(Forms::of(sense.noun.gender, &[sense.case]))
        })
    }

    /// Over the other numbers of a list to what they all say: `1-й и 2-й платформам`.
    pub(super) fn after_list(&self, end: usize) -> usize {
        let mut at = end;
        for _ in 0..LONGEST_LIST {
            let joint = self.tokens.skip_space(at);
            let next = self.tokens.skip_space(joint + 1);
            let listed = matches!(self.tokens.text(joint), "," | "и" | "или" | "-" | "—")
                && self.tokens.number(next).is_some();
            if !listed {
                break;
            }
            at = next + 1;
            if self.tokens.text(at) == "-" && self.tokens.is_word(at + 1) {
                at += 2;
            }
        }
        at
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
        let text = self.tokens.text(next);
        let cases = context::place_cases(before);
        let first = |forms: Forms| forms.first(cases).or_else(|| forms.first(&CASES));
        let stop = self.tokens.text(next + 1) == ".";
        let after = next + 1 + usize::from(stop && !self.tokens.ends_sentence(next + 1));
        if text == "гг" || text == "г" && stop {
            let gender = if text == "гг" {
                Gender::Plural
            } else {
                Gender::Masculine
            };
            let (case, _) = first(forms.and(Forms::of(gender, &CASES)))?;
            let year = super::nouns::entry("год")?;
            let said = match (gender, case) {
                (Gender::Plural, Case::Genitive) => "годов",
                (Gender::Masculine, Case::Prepositional) => "году",
                (gender, case) => year.form(gender == Gender::Plural, case),
            };
            self.out.say(" ");
            self.out.say(said);
            return Some(after);
        }
        let unit = units::unit(text).filter(|unit| {
            self.tokens.is_word(next)
                && next > end
                && !unit.may_be_letter()
                && (stop || !unit.needs_stop())
        })?;
        let letter = text.chars().count() == 1 && text != "м";
        let (case, _) =
            first(forms.and(Forms::of(unit.noun.gender(), &CASES))).filter(|_| !letter)?;
        self.out.say(" ");
        self.out.say(&unit.noun.singular(case));
        let keeps = !unit.takes_stop() || !stop || self.tokens.ends_sentence(next + 1);
        Some(if keeps { next + 1 } else { next + 2 })
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

    /// The number in `figure` where its noun says that it is an ordinal: `5 этаж`, `с 3 пути`.
    pub(super) fn ordered(&mut self, number: u64, end: usize, before: &str) -> Option<usize> {
        let lettered = self.after_quoted_letter(end);
        let phrase = self.phrase(lettered.unwrap_or(end));
        if phrase.senses.is_empty() || self.tokens.skip_space(end) == end {
            return None;
        }
        let forms = match lettered {
            Some(_) => phrase.forms_of_each(),
            None if self.belongs_to_someone(before) => one_of_ordered(&phrase),
            None => Forms::NONE,
        };
        let forms = forms.or_else(context::order_forms(
            number,
            before,
            phrase.adjectives,
            phrase.senses,
        ));
        let is_date = phrase.senses[0].noun.is(Kind::Month);
        if forms.is_empty() || is_date {
            return None;
        }
        let (case, gender) = forms
            .first(context::place_cases(before))
            .or_else(|| forms.first(&CASES))?;
        self.say_number(&ordinal(number, gender, case));
        Some(end)
    }
}

impl Reader<'_, Russian> {
    /// `5 «А» класс`, `1 «А» и 2 «Б» классов`: over the letter, and the others of a list, to the noun.
    fn after_quoted_letter(&self, end: usize) -> Option<usize> {
        let mut at = self.tokens.skip_space(end);
        for _ in 0..LONGEST_LIST {
            let quoted = matches!(self.tokens.text(at), "«" | "\"")
                && self.tokens.text(at + 1).chars().count() == 1
                && matches!(self.tokens.text(at + 2), "»" | "\"");
            if !quoted {
                return None;
            }
            let after = self.tokens.skip_space(at + 3);
            let number = self.tokens.skip_space(after + 1);
            let listed = matches!(self.tokens.text(after), "," | "и" | "или")
                && self.tokens.number(number).is_some();
            if !listed {
                return Some(after);
            }
            at = self.tokens.skip_space(number + 1);
        }
        None
    }

    /// `ученик 2 класса`, `жители 3 подъезда`: the word before is somebody, who is of what follows.
    fn belongs_to_someone(&self, before: &str) -> bool {
        const ENDINGS: [&str; 12] = [
            "тель",
            "теля",
            "тели",
            "телей",
            "телям",
            "телю",
            "ники",
            "ников",
            "никам",
            "жильцы",
            "жильцам",
            "жильцов",
        ];
        let someone = senses(before).iter().any(|sense| sense.noun.animate);
        someone || ENDINGS.iter().any(|ending| before.ends_with(ending))
    }

    /// `с 1 по 5 класс`: the first of a span of what is told by its number.
    pub(super) fn span(&mut self, at: usize, before: &str) -> Option<usize> {
        let number = figures::integer(self.tokens.number(at)?)?;
        let by = self.tokens.skip_space(at + 1);
        let last = self.tokens.skip_space(by + 1);
        let spans = matches!(before, "с" | "со") && matches!(self.tokens.text(by), "по" | "до");
        let second = figures::integer(self.tokens.number(last).filter(|_| spans)?)?;
        let phrase = self.phrase(last + 1);
        let by = self.tokens.text(by);
        let forms = context::order_forms(second, by, phrase.adjectives, phrase.senses);
        let (_, gender) = forms.first(&CASES)?;
        self.say_number(&ordinal(number, gender, Case::Genitive));
        Some(at + 1)
    }

    /// `к 3 и 4 платформам`, `на 2–3 этажах`: several of the things that are told by their numbers.
    pub(super) fn ordered_list(&mut self, amount: &Amount) -> Option<usize> {
        let start = amount.first.end - 1;
        let end = self.after_list(amount.first.end);
        let phrase = self.phrase(end);
        let kinds = [Kind::Ordered, Kind::OrderedAfterPreposition];
        let last = self
            .tokens
            .number(end - 1)
            .and_then(figures::integer)
            .unwrap_or(0);
        let one = context::order_forms(last, amount.before, phrase.adjectives, phrase.senses);
        let known = |plural: bool| {
            let senses = phrase.senses.iter().filter(|sense| sense.plural == plural);
            let ordered = senses.filter(|sense| kinds.iter().any(|kind| sense.noun.is(*kind)));
            ordered.fold(Forms::NONE, |forms, sense| {
                forms.or(Forms::of(sense.noun.gender, &[sense.case]))
            })
        };
        let forms = known(true);
        let cases = context::place_cases(amount.before);
        let fits = !forms.is_empty() && (cases.is_empty() || forms.first(cases).is_some());
        let forms = match (fits, one.is_empty()) {
            (false, false) => known(false),
            _ => forms,
        };
        if end == amount.first.end || forms.is_empty() || self.tokens.number(start).is_none() {
            return None;
        }
        let range = amount.second.is_some();
        let forms = match (range, phrase.senses[0].noun.name()) {
            // `зарплата 5 и 20 числа`
            (false, "число") => Forms::of(Gender::Neuter, &[Case::Genitive]),
            _ => forms,
        };
        let (case, gender) = match cases {
            [] => forms
                .first(&[
                    Case::Nominative,
                    Case::Dative,
                    Case::Instrumental,
                    Case::Prepositional,
                ])
                .or_else(|| {
                    forms
                        .first(&[Case::Genitive])
                        .filter(|_| phrase.senses[0].noun.name() == "число")
                })?,
            cases => forms.first(cases)?,
        };
        // `через 2–3 остановки` counts them.
        let counts = matches!(case, Case::Nominative | Case::Accusative | Case::Genitive);
        if range && counts || case == Case::Accusative && !phrase.senses[0].noun.is(Kind::Ordered) {
            return None;
        }
        self.say_list(start, end, gender, case)
    }

    /// The numbers between `start` and `end` as ordinals, with what stands between them.
    fn say_list(&mut self, start: usize, end: usize, gender: Gender, case: Case) -> Option<usize> {
        for i in start..end {
            match (self.tokens.number(i), self.tokens.text(i)) {
                (Some(digits), _) => {
                    let said = ordinal(figures::integer(digits)?, gender, case);
                    self.say_number(&said);
                }
                (None, "-" | "—") => self.out.say(" - "),
                (None, " ") => {}
                (None, ",") => self.out.say(", "),
                (None, joint) => self.out.say(joint),
            }
        }
        Some(end)
    }
}

/// The genitive of one of several numbered things: *ученик второго класса*.
fn one_of_ordered(phrase: &Phrase) -> Forms {
    let mut senses = phrase.senses.iter();
    let kinds = [Kind::Ordered, Kind::OrderedAfterPreposition];
    let one = senses.find(|sense| {
        !sense.plural
            && sense.case == Case::Genitive
            && kinds.iter().any(|kind| sense.noun.is(*kind))
    });
    one.map_or(Forms::NONE, |sense| {
        Forms::of(sense.noun.gender, &[Case::Genitive])
    })
}

/// Whether a number of 2, 3 or 4 in the end is counted so: *двух*, not *вторых*.
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

/// Whether `word` is the second part of a compound such as `100-летие`.
fn is_second_part(word: &str) -> bool {
    word.chars().count() >= 4
        && word
            .chars()
            .all(|c| is_cyrillic(c) && c.is_lowercase() || c == '\u{301}')
}
