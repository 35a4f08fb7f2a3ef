//! Numbers with letters of their ending: `5-го`, `41м`, `25-ти`, `100-летие`, `30%-ная`, `II-я`.

use super::{
    super::{
        figures,
        lex::{Tokens, is_cyrillic},
        reader::Reader,
    },
    Russian, abbreviations,
    amounts::figure_words,
    context,
    forms::{self, CASES, Forms, ordinal_suffix},
    governing,
    nouns::{self, Kind, forms_of_one, senses},
    numerals::{Case, Gender, cardinal, compound, ordinal},
    roman::roman,
    surroundings::LONGEST_LIST,
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
            .or_else(|| self.compound(at))
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
        let company = matches!(suffix.as_str(), "ю" | "ью") && self.is_in_company(end);
        let said = match ending_of(number, &suffix) {
            // `с 5-ю друзьями`
            _ if company => cardinal(number, Gender::Masculine, Case::Instrumental),
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

    /// `5-ю друзьями`: the word at `at` is in the instrumental plural.
    fn is_in_company(&self, at: usize) -> bool {
        let word = self.tokens.text(self.tokens.skip_space(at));
        ["ами", "ями", "ьми", "ыми", "ими"]
            .iter()
            .any(|ending| word.ends_with(ending))
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
            .forms_of_range(start)
            .and(forms)
            .or_else(self.forms_by_street_before(forms, end, start))
            .or_else(self.forms_by_abbreviation(forms, end))
            .or_else(self.forms_by_noun(forms, end, start))
            .or_else(self.forms_by_noun_before(start).and(forms))
            .or_else(self.forms_of_elided(end, start).and(forms));
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

    /// The ordinal of `number`, which stands at `at`, in the form that its surroundings ask for.
    fn ordinal_of(&self, number: u64, at: usize) -> String {
        let singular = [Gender::Masculine, Gender::Feminine, Gender::Neuter]
            .iter()
            .fold(Forms::NONE, |forms, gender| {
                forms.or(Forms::of(*gender, &CASES))
            });
        let noun = self.phrase(at + 1);
        // `1 и 2 вагоны`: each of them is in the singular.
        let joint = self.tokens.skip_space(at + 1);
        let listed = matches!(self.tokens.text(joint), "и" | "или" | ",");
        let plural = !noun.senses.is_empty() && noun.forms().and(singular).is_empty();
        let forms = if plural && !listed {
            Forms::ALL
        } else {
            singular
        };
        let before = self.governor(at);
        let (case, gender) = self
            .resolved(forms, at + 1, &before, number, at)
            .unwrap_or((Case::Nominative, Gender::Masculine));
        ordinal(number, gender, case)
    }

    /// `с 5-го по 10-й`: the end of a range has the gender of its beginning.
    fn forms_of_range(&self, start: usize) -> Forms {
        let Some(at) = start.checked_sub(6) else {
            return Forms::NONE;
        };
        let written = [(at + 1, "-"), (at + 2, "го"), (at + 4, "по")];
        let is_range = self.tokens.number(at).is_some()
            && written
                .iter()
                .all(|(at, text)| self.tokens.text(*at) == *text);
        match is_range {
            true => Forms::of(Gender::Masculine, &[Case::Accusative]),
            false => Forms::NONE,
        }
    }

    /// The ones of `forms` that agree with the noun after a number from `start` to `end`.
    fn forms_by_noun(&self, forms: Forms, end: usize, start: usize) -> Forms {
        let next = self.tokens.skip_space(end);
        let word = self.tokens.text(next);
        let phrase = self.phrase(self.after_list(end));
        if word == "гг" {
            forms.and(Forms::of(Gender::Plural, &CASES))
        } else if self.is_half(next) {
            forms.and(Forms::of(Gender::Feminine, &CASES))
        } else if self.is_quarter(next) {
            forms.and(Forms::of(Gender::Masculine, &CASES))
        } else if phrase.senses.iter().any(|sense| sense.noun.is(Kind::Month)) {
            forms.and(Forms::of(Gender::Neuter, &CASES))
        } else if let Some(sense) = phrase.senses.first() {
            let (all, each) = (forms.and(phrase.forms()), forms.and(phrase.forms_of_each()));
            // `1-е, 2-е и 3-е места`: each of them, while `3-е места` are third ones.
            match sense.noun.gender == Gender::Neuter && self.is_listed(start, end) {
                true => each.or_else(all),
                false => all.or_else(each),
            }
        } else if self.tokens.is_word(next) && !context::is_function_word(word) {
            // `1-й Тверской пер.`
            let word = word.to_lowercase();
            let named = self.tokens.text(next).starts_with(char::is_uppercase);
            let described = match named {
                true => forms.and(forms::adjective(&word)),
                false => Forms::NONE,
            };
            described.or_else(forms.and(forms::guess(&word)))
        } else {
            Forms::NONE
        }
    }

    /// `к ул. 1-й Тверской`, `на улице 3-й Парковой`: the ones of `forms` that agree with the street before `start` and the
    /// name after `end`.
    fn forms_by_street_before(&self, forms: Forms, end: usize, start: usize) -> Forms {
        let Some((street, case)) = self.street_before(start) else {
            return Forms::NONE;
        };
        let name = self.tokens.text(self.tokens.skip_space(end));
        if !name.starts_with(|c: char| c.is_uppercase() && is_cyrillic(c)) {
            return Forms::NONE;
        }
        let small = name.to_lowercase();
        let described = forms::adjective(&small).or_else(forms::guess(&small));
        let agreed = Forms::of(street.gender, &CASES).and(forms).and(described);
        agreed
            .and(Forms::of(street.gender, &[case]))
            .or_else(agreed)
    }

    /// The street, in full or written short, before `at`, and its case.
    fn street_before(&self, at: usize) -> Option<(&'static nouns::Entry, Case)> {
        let before = self.previous(at)?;
        if self.tokens.text(before) == "." {
            let word = self.previous_word(before)?;
            let street = abbreviations::street(&self.tokens.text(word).to_lowercase())?;
            return Some((street, self.street_case(word)));
        }
        let senses = senses(self.tokens.text(before)).iter();
        let mut streets =
            senses.filter(|s| !s.plural && abbreviations::is_street_name(s.noun.name()));
        let street = streets.clone().next()?;
        let cases = governing::place_cases(&self.tokens.word_before(before));
        let shown = streets.find(|sense| cases.contains(&sense.case));
        Some((street.noun, shown.unwrap_or(street).case))
    }

    /// True if the number from `start` to `end` is one of several ordinals: `1-е и 2-е`.
    fn is_listed(&self, start: usize, end: usize) -> bool {
        let joint = self
            .previous(start)
            .filter(|joint| matches!(self.tokens.text(*joint), "," | "и" | "или"));
        self.after_list(end) != end
            || joint.is_some_and(|joint| self.ordinal_before(joint).is_some())
    }

    /// `1-й корп.`, `на 2-й платф.`: the ones of `forms` that agree with the noun that is written short after `end`.
    fn forms_by_abbreviation(&self, forms: Forms, end: usize) -> Forms {
        let next = self.tokens.skip_space(end);
        // `на 12-й ул.`
        let street = || {
            let stop = self.tokens.text(next + 1) == ".";
            stop.then(|| abbreviations::street(&self.tokens.text(next).to_lowercase()))?
        };
        match self.abbreviated_noun(next).or_else(street) {
            Some(noun) => forms.and(Forms::of(noun.gender, &CASES)),
            None => Forms::NONE,
        }
    }

    /// The noun that is abbreviated at `at` with a full stop, where it can be no other.
    pub(super) fn abbreviated_noun(&self, at: usize) -> Option<&'static nouns::Entry> {
        let short = self.tokens.text(at);
        let certain = self.tokens.text(at + 1) == "."
            && short.chars().count() > 2
            && units::unit(short).is_none();
        certain.then(|| abbreviations::before_number(&short.to_lowercase()))?
    }

    /// `1-й кв. 2026`: the quarter of a year, written short at `at`.
    fn is_quarter(&self, at: usize) -> bool {
        let year = self.tokens.number(self.tokens.skip_space(at + 2));
        self.tokens.text(at) == "кв"
            && self.tokens.text(at + 1) == "."
            && year.is_some_and(|year| year.len() == 4)
    }

    /// `1-й пол. XX в.`: the half of a century or a year, written short at `at`.
    fn is_half(&self, at: usize) -> bool {
        let next = self.tokens.text(self.tokens.skip_space(at + 2));
        self.tokens.text(at) == "пол"
            && self.tokens.text(at + 1) == "."
            && (roman(next).is_some() || next.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// `Елизаветы 3-й`: the forms of the noun before.
    fn forms_by_noun_before(&self, start: usize) -> Forms {
        let word = self.previous_word(start);
        let senses = word.map_or(&[][..], |word| senses(self.tokens.text(word)));
        forms_of_one(senses.iter().filter(|sense| !sense.plural))
    }

    /// `на 2-й товар, 50 % на 3-й.`: the forms of the noun of an ordinal before, where this one has none.
    fn forms_of_elided(&self, end: usize, start: usize) -> Forms {
        if self.tokens.is_word(self.tokens.skip_space(end)) {
            return Forms::NONE;
        }
        let noun = (start.saturating_sub(2 * LONGEST_LIST)..start)
            .rev()
            .filter(|i| self.tokens.number(*i).is_some() && self.tokens.text(i + 1) == "-")
            .find_map(|i| self.phrase(i + 3).senses.first());
        noun.map_or(Forms::NONE, |sense| Forms::of(sense.noun.gender, &CASES))
    }

    /// `до 41-го км`, `В 60-х гг.`, `в 2-х км`: the abbreviation after an ordinal, in its form.
    fn say_ordered_unit(
        &mut self,
        end: usize,
        number: u64,
        suffix: &str,
        before: &str,
    ) -> Option<usize> {
        let forms = match ending_of(number, suffix)? {
            Ending::Ordinal(forms) => forms,
            Ending::Cardinal(forms) => return self.say_counted_unit(end, number, forms, before),
        };
        let next = self.tokens.skip_space(end);
        let stop = self.tokens.text(next + 1) == ".";
        let (said, takes_stop) = match self.tokens.text(next) {
            "гг" => (year_in(forms, Gender::Plural, before)?, true),
            "г" if stop => (year_in(forms, Gender::Masculine, before)?, true),
            "кв" if self.is_quarter(next) => {
                let case = case_in(forms, Gender::Masculine, before)?;
                self.out.say(" ");
                self.out.say(nouns::entry("квартал")?.form(false, case));
                return Some(next + 2);
            }
            "пол" if self.is_half(next) => {
                let case = case_in(forms, Gender::Feminine, before)?;
                self.out.say(" ");
                self.out.say(nouns::entry("половина")?.form(false, case));
                return Some(next + 2);
            }
            _ if let Some(noun) = self.abbreviated_noun(next) => {
                let case = case_in(forms, noun.gender, before)?;
                (noun.form(false, case).to_owned(), true)
            }
            text => {
                let letter = text.chars().count() == 1 && text != "м";
                let unit = units::unit(text).filter(|unit| {
                    next > end && !letter && !unit.may_be_letter() && (stop || !unit.needs_stop())
                })?;
                match case_in(forms, unit.noun.gender(), before) {
                    Some(case) => (unit.noun.singular(case), unit.takes_stop()),
                    // `7-х кл.`
                    None => {
                        let case = case_in(forms, Gender::Plural, before)?;
                        let noun = nouns::entry(unit.noun.name())?;
                        (noun.form(true, case).to_owned(), unit.takes_stop())
                    }
                }
            }
        };
        self.out.say(" ");
        self.out.say(&said);
        Some(self.after_stop(next, takes_stop))
    }

    /// `в 2-х км`, `до 5-ти кг`: says the unit after a count with an ending that can be in `forms`.
    fn say_counted_unit(
        &mut self,
        end: usize,
        number: u64,
        forms: Forms,
        before: &str,
    ) -> Option<usize> {
        let next = self.tokens.skip_space(end);
        let text = self.tokens.text(next);
        let stop = self.tokens.text(next + 1) == ".";
        let unit = units::unit(text).filter(|unit| {
            next > end && !unit.may_be_letter() && (stop || !unit.needs_stop()) && text != "с"
        })?;
        let case = case_in(forms, Gender::Plural, before)?;
        self.out.say(" ");
        self.out.say(&unit.noun.counted(number, case));
        Some(self.after_stop(next, unit.takes_stop()))
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
            let figure = figures::figure(self.tokens, at, figures::Style::Russian)?;
            // `0,5-литровая`, `1,5-часовой`
            let halves = match (figure.digits.as_str(), second) {
                ("0", "5") => Some("полу"),
                ("1", "5") => Some("полутора"),
                _ => None,
            };
            if let Some(halves) = halves {
                self.out.say(&format!("{halves}{word}"));
                return Some(at + 5);
            }
            // `2,5-литровая`
            if second == "5" && first > 1 {
                self.out
                    .say(&format!("{} с половиной {word}", compound(first)));
                return Some(at + 5);
            }
            // Another decimal has no form that joins: it is said in the genitive.
            let words = figure_words(&figure, Gender::Feminine, Case::Genitive);
            self.out.say(&format!("{words} {word}"));
            return Some(at + 5);
        }
        if let Some(end) = self.rooms(at, first).or_else(|| self.storeys(at, first)) {
            return Some(end);
        }
        let ending = matches!(joint, "х" | "и" | "ти");
        let blank = self.tokens.skip_space(at + 1 + usize::from(ending));
        // `20 - этажный`
        let hyphen = usize::from(self.tokens.text(blank) == "-");
        let word_at = self.tokens.skip_space(blank + hyphen);
        let word = self.tokens.text(word_at);
        let parted = blank > at + 1 + usize::from(ending) && (hyphen == 0 || word_at > blank + 1);
        if !parted || !is_counted_adjective(first, word) {
            return None;
        }
        self.out.say(&format!("{}{word}", compound(first)));
        Some(word_at + 1)
    }

    /// `2-к. кв. 45`, but `2-к. кв. 45 кв. м`: the number at `at` is that of a flat.
    fn is_number_of_flat(&self, at: usize) -> bool {
        let next = self.tokens.skip_space(at + 1);
        self.tokens.number(at).is_some()
            && !matches!(
                self.tokens.text(next),
                "кв" | "м" | "м²" | "метр" | "метров"
            )
    }

    /// `9-эт. дом`: the adjective of a house, in the form that the house has.
    fn storeys(&mut self, at: usize, number: u64) -> Option<usize> {
        let written = self.tokens.text(at + 1) == "-"
            && self.tokens.text(at + 2) == "эт"
            && self.tokens.text(at + 3) == ".";
        if !written || number > 200 {
            return None;
        }
        let phrase = self.phrase(at + 4);
        let before = self.tokens.word_before(at);
        let forms = phrase
            .forms()
            .and(Forms::of(Gender::Masculine, &CASES).or(Forms::of(Gender::Neuter, &CASES)));
        let (case, gender) = forms
            .first(governing::place_cases(&before))
            .or_else(|| forms.first(&CASES))?;
        let ending = forms::adjective_ending("этажн", gender, case);
        self.out.say(&format!("{}этажн{ending}", compound(number)));
        Some(at + 4)
    }

    /// `3-комн. кв.`, `2-к. квартира`, `2 к. кв.`: the rooms of a flat, written short.
    fn rooms(&mut self, at: usize, number: u64) -> Option<usize> {
        let short = at + 2;
        let joined = match self.tokens.text(at + 1) {
            "-" => true,
            " " => self.tokens.text(short + 1) == ".",
            _ => false,
        };
        let written = joined && matches!(self.tokens.text(short), "комн" | "к" | "ком");
        let stop = usize::from(self.tokens.text(short + 1) == ".");
        let next = self.tokens.skip_space(short + 1 + stop);
        let flat = self.tokens.text(next);
        let case = match flat {
            "кв" if !self.is_number_of_flat(self.tokens.skip_space(next + 2)) => {
                let before = self.tokens.word_before(at);
                let case = governing::place_cases(&before).first();
                case.copied().unwrap_or(Case::Nominative)
            }
            flat => {
                let flats = senses(flat).iter();
                let mut flats =
                    flats.filter(|sense| sense.noun.name() == "квартира" && !sense.plural);
                flats.next()?.case
            }
        };
        if !written || number > 20 {
            return None;
        }
        let ending = forms::adjective_ending("комнатн", Gender::Feminine, case);
        self.out
            .say(&format!("{}комнатн{ending}", compound(number)));
        if flat != "кв" {
            return Some(short + 1 + stop);
        }
        self.out.say(" ");
        self.out.say(nouns::entry("квартира")?.form(false, case));
        Some(self.after_stop(next, true))
    }

    /// `100-летие`, `1 000-летие`.
    fn compound(&mut self, at: usize) -> Option<usize> {
        let figure = figures::figure(self.tokens, at, figures::Style::Russian)?;
        let number = figure.whole()?;
        let end = figure.end;
        let word = self.tokens.text(end + 1);
        let joined = self.tokens.text(end) == "-" && self.tokens.is_word(end + 1);
        if !joined || number >= 1_000_000 || !is_second_part(word) {
            return None;
        }
        self.out.say(&format!("{}{word}", compound(number)));
        Some(end + 2)
    }

    /// `30%-ная`.
    fn percentage(&mut self, at: usize, number: u64) -> Option<usize> {
        // `30%-ный`, `30%-й`
        let ending = match self.tokens.text(at + 3) {
            short @ ("й" | "я" | "е" | "го" | "му" | "м" | "х") => {
                self.share_ending(short, at + 4)?
            }
            ending => ending,
        };
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

    /// The whole ending of *процентный* whose last letters are written before the noun at `at`.
    fn share_ending(&self, short: &str, at: usize) -> Option<&'static str> {
        let feminine = self
            .phrase(at)
            .senses
            .first()
            .is_some_and(|sense| sense.noun.gender == Gender::Feminine);
        Some(match short {
            "й" if feminine => "ной",
            "й" => "ный",
            "я" => "ная",
            "е" => "ное",
            "го" => "ного",
            "му" => "ному",
            "м" => "ном",
            "х" => "ных",
            _ => return None,
        })
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
        let said = match ending_of(second, &suffix)? {
            Ending::Ordinal(forms) => {
                let (case, gender) = self.resolved(forms, end, before, second, at)?;
                ordinal(number, gender, case)
            }
            // `2–3-х дней`, but `1–4-х классов`, which are numbered.
            Ending::Cardinal(forms) => {
                let senses = self.phrase(end).senses.iter();
                if self.tokens.text(joint) == "," || senses.clone().any(|s| s.noun.is_ordered()) {
                    return None;
                }
                let (case, _) = self.resolved(forms, end, before, second, at)?;
                let gender = senses.map(|sense| sense.noun.gender).next();
                cardinal(number, gender.unwrap_or(Gender::Masculine), case)
            }
        };
        self.say_number(&said);
        match self.tokens.text(joint) {
            "-" | "—" => self.out.say(" - "),
            "," => self.out.say(", "),
            word => self.out.say(word),
        }
        self.ending(next + 1, second, before, at)
    }
}

/// The ordinal of `number` between `before` and `after`, in the form that they ask for.
pub(in super::super) fn ordinal_between(number: u64, before: &str, after: &str) -> String {
    let head = Tokens::of(before).len();
    let text = format!("{before}{number}{after}");
    let tokens = Tokens::of(&text);
    let reader = Reader::<Russian>::of(&tokens);
    reader.ordinal_of(number, head)
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
        "ть" if soft => plural(&[Case::Nominative, Case::Accusative]),
        "мь" if matches!(number % 10, 7 | 8) => plural(&[Case::Nominative, Case::Accusative]),
        "ми" if matches!(number % 10, 7 | 8) => plural(oblique),
        "ка" if number % 100 == 40 => plural(oblique),
        "та" if number == 90 || number == 100 => plural(oblique),
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

/// True if `word` is an adjective that is one word with `number` before it: in the singular, since *две литровые банки* are
/// two of one litre.
fn is_counted_adjective(number: u64, word: &str) -> bool {
    const STEMS: [&str; 27] = [
        "комнатн",
        "местн",
        "ступенчат",
        "этажн",
        "килограммов",
        "граммов",
        "тонн",
        "литров",
        "метров",
        "километров",
        "дневн",
        "минутн",
        "процентн",
        "вагонн",
        "дверн",
        "колёсн",
        "колесн",
        "звёздочн",
        "звездочн",
        "палубн",
        "слойн",
        "секционн",
        "кратн",
        "полосн",
        "цилиндров",
        "конфорочн",
        "летн",
    ];
    const ENDINGS: [&str; 11] = [
        "ый", "ий", "ая", "яя", "ое", "ого", "его", "ому", "ую", "ой", "ом",
    ];
    let rest = STEMS.iter().find_map(|stem| word.strip_prefix(stem));
    let plain = rest.is_some_and(|rest| ENDINGS.contains(&rest));
    // `1 литровая банка`, `2 летний сезон`
    let alone = matches!(number, 1 | 2) && (word.starts_with("летн") || word.starts_with("литр"));
    plain && !alone
        // Only these have no meaning without a number.
        || word.starts_with("комнатн")
        || word.starts_with("ступенчат")
}

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
