//! Amounts: a number or a range with the sign, unit or noun that it counts.

use super::{
    super::{
        figures::{Figure, Style, figure, range_end},
        lex::is_latin,
        reader::Reader,
    },
    Russian, actions,
    amounts::{figure_words, value},
    context::{self, agreement},
    counting,
    governing::{self, governed},
    nouns::{self, Kind, Noun},
    numerals::{Case, Gender, cardinal_of_living, is_power, ordinal},
    units,
};

/// The word whose case an age right behind a person has: *мальчик пяти лет*.
const OF_AGE: &str = "для";

/// A number or a range as it stands in the text.
pub(super) struct Amount<'a> {
    /// Index of the number, or of the sign before it.
    pub at: usize,
    pub first: Figure<'a>,
    pub second: Option<Figure<'a>>,
    /// The word that governs it, in small letters.
    pub before: &'a str,
}

impl<'a> Amount<'a> {
    /// The number that counts what follows.
    pub fn last(&self) -> &Figure<'a> {
        self.second.as_ref().unwrap_or(&self.first)
    }

    /// The only number, whole or not.
    pub fn single(&self) -> Option<&Figure<'a>> {
        self.second.is_none().then_some(&self.first)
    }
}

impl<'a> Reader<'a, Russian> {
    /// Says a number after the preposition that is written before it: *о первой*, *об одиннадцати*, *со второго*.
    pub(super) fn say_number(&mut self, words: &str) {
        if words.starts_with('о') {
            self.out.replace_last_word("о", "об");
        } else {
            self.out.replace_last_word("об", "о");
        }
        if words.starts_with("втор") {
            self.out.replace_last_word("с", "со");
            self.out.replace_last_word("к", "ко");
            self.out.replace_last_word("в", "во");
            self.out.replace_last_word("В", "Во");
            self.out.replace_last_word("С", "Со");
        }
        self.out.say(words);
    }

    /// A number or a range with what it counts.
    pub(super) fn quantity(&mut self, at: usize, first: Figure, before: &str) -> usize {
        let second = self.second_figure(at, &first, before);
        let before = match self.is_object_of_action(at, second.as_ref().unwrap_or(&first)) {
            true => actions::GOVERNING,
            false if second.is_none() && self.is_age_of_person(first.end, before) => OF_AGE,
            false => before,
        };
        let amount = Amount {
            at,
            first,
            second,
            before,
        };
        let end = amount.last().end;
        let next = self.tokens.skip_space(end);
        self.in_parts(&amount, next)
            .or_else(|| self.year(&amount))
            .or_else(|| self.arabic_century(&amount, next))
            .or_else(|| self.priced(&amount, next))
            .or_else(|| self.measured(&amount, next))
            .or_else(|| self.ordered_amount(&amount))
            .unwrap_or_else(|| {
                self.count_words_after(&amount);
                // `15/кг`: a price whose currency is left out.
                let per = self.tokens.text(end + 1).chars().count() > 1;
                match self
                    .rate(end, true)
                    .filter(|_| per && self.tokens.is_word(end + 1))
                {
                    Some((tail, end)) => {
                        self.out.say(" ");
                        self.out.say(&tail);
                        end
                    }
                    None => end,
                }
            })
    }

    /// `12.000 рублей`: a point before three digits, two noughts among them, parts thousands where no unit is measured.
    pub(super) fn with_point_of_thousands<'f>(&self, at: usize, figure: Figure<'f>) -> Figure<'f> {
        let Some(fraction) = figure.fraction else {
            return figure;
        };
        let point = self.tokens.text(figure.end - 2) == ".";
        let round = fraction.len() == 3 && fraction.ends_with("00");
        let whole = (1..=3).contains(&figure.digits.len()) && !figure.digits.starts_with('0');
        let next = self.tokens.skip_space(figure.end);
        let text = self.tokens.text(next);
        let measured = units::unit(text).is_some() || matches!(text, "%" | "‰" | "°" | "-" | "—");
        let of_version = self
            .previous_word(at)
            .is_some_and(|word| self.tokens.text(word).starts_with(is_latin));
        if !point || !round || !whole || measured || of_version {
            return figure;
        }
        let digits = format!("{}{fraction}", figure.digits);
        Figure {
            digits,
            fraction: None,
            end: figure.end,
        }
    }

    /// The second number of a range.
    fn second_figure(&self, at: usize, first: &Figure, before: &str) -> Option<Figure<'a>> {
        let second = range_end(self.tokens, first.end, Style::Russian)
            .or_else(|| self.signed_end(first.end))?;
        // `5 августа 1962 — 7 мая 1963`, `в 1900 — 1,4 млн`: two numbers that are no range.
        let year = first
            .whole()
            .is_some_and(|year| (1000..2100).contains(&year));
        let of_month = self.follows_month(at) && second.whole().is_none_or(|day| day <= 31);
        let in_year = matches!(before, "в" | "во") && second.fraction.is_some();
        // `АИ-95 — 58,90 руб.`
        let of_name = at >= 2
            && self.tokens.text(at - 1) == "-"
            && self.tokens.is_word(at - 2)
            && self.tokens.text(first.end) == " ";
        let apart = year && (of_month || in_year) || of_name;
        (!apart && !self.is_product(at)).then_some(second)
    }

    /// `2 1/2`, `Python 3.11`.
    fn in_parts(&mut self, amount: &Amount, next: usize) -> Option<usize> {
        let single = amount.single()?;
        self.mixed_fraction(single, next, amount.before)
            .or_else(|| self.version(amount.at, single, next))
    }

    /// A number whose noun makes it an ordinal.
    fn ordered_amount(&mut self, amount: &Amount) -> Option<usize> {
        if let Some(end) = self.ordered_list(amount) {
            return Some(end);
        }
        let single = amount.single()?;
        self.ordered(value(single)?, single.end, amount.before)
    }

    /// A number before words that are written in full, or alone.
    fn count_words_after(&mut self, amount: &Amount) {
        let &Amount { at, before, .. } = amount;
        let governed = governed(before).unwrap_or(Case::Nominative);
        let end = amount.last().end;
        let Some(count) = value(amount.last()) else {
            return self.say_figures(amount, Gender::Masculine, governed);
        };
        let word = self.tokens.text(self.tokens.skip_space(end));
        let collective = context::collective(count, before, word);
        if let Some(said) = collective.filter(|_| amount.single().is_some()) {
            return self.say_number(said);
        }
        let phrase = self.phrase(self.counted_after(end));
        if self.is_in_address(end) {
            return self.say_figures(amount, Gender::Masculine, Case::Nominative);
        }
        if self.is_company(at, count, end) {
            return self.say_figures(amount, Gender::Masculine, Case::Instrumental);
        }
        let cases = amount_cases(before);
        let known = counting::count_agreement(count, cases, phrase.adjectives, phrase.senses);
        let (case, gender) = known.unwrap_or_else(|| {
            let words = self.words_after(end);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.first() {
                // `2 упаковки по цене 1`
                None if before == "цене" => (Case::Genitive, self.gender_of_elided(at)),
                // `в 3 из 10 случаев`
                None if matches!(before, "в" | "во" | "на") && word == "из" => {
                    (Case::Prepositional, self.gender_of_whole(end))
                }
                // `по 1 в день`
                None if before == "по" && count % 10 == 1 && count % 100 != 11 => {
                    (Case::Dative, Gender::Masculine)
                }
                None => (governed, Gender::Masculine),
                // `Стойка 1 открыта`: no noun, so that the number is a name.
                Some(word) if context::is_state(word) => (governed, Gender::Masculine),
                Some(_) => agreement(count, before, &words),
            }
        });
        let case = match case {
            Case::Accusative if before == "по" && is_power(count) => Case::Dative,
            case => case,
        };
        let one = count % 10 == 1 && count % 100 != 11 && amount.single().is_some();
        if one && takes_object(before) && is_living(word, phrase.senses) {
            return self.say_number(&cardinal_of_living(count));
        }
        self.say_figures(amount, gender, case);
    }

    /// `a-1.b3@c.ru`: a sign of an address in words, and more of it, follow the number that ends before `end`.
    fn is_in_address(&self, end: usize) -> bool {
        let sign = self.tokens.skip_space(end);
        let more = self.tokens.skip_space(sign + 1);
        matches!(self.tokens.text(sign), "точка" | "собака")
            && (self.tokens.number(more).is_some() || self.tokens.text(more).starts_with(is_latin))
    }

    /// `встреча с 1 000 гостей`, `зал с 2 000 мест`: how many there are along, which the noun after full thousands does not
    /// show, and not what something is taken from.
    fn is_company(&self, at: usize, count: u64, end: usize) -> bool {
        const TAKEN: [&str; 29] = [
            "плат",
            "сбор",
            "собр",
            "собир",
            "взима",
            "взыска",
            "взнос",
            "налог",
            "комисси",
            "скид",
            "удерж",
            "получ",
            "спис",
            "начин",
            "начн",
            "начат",
            "старт",
            "берут",
            "брать",
            "взят",
            "взял",
            "возьм",
            "снима",
            "снят",
            "доход",
            "выруч",
            "процент",
            "прибыл",
            "цен",
        ];
        let before = self
            .previous_word(at)
            .filter(|word| matches!(self.tokens.text(*word), "с" | "со"));
        let first = before.map_or(String::new(), |word| self.tokens.word_before(word));
        let next = self.tokens.skip_space(end);
        let phrase = self.phrase(next);
        let persons = ["иков", "телей", "истов", "ентов", "антов", "аторов"];
        let word = self.tokens.text(next);
        let is_thing = |name: &str| {
            matches!(
                name,
                "место"
                    | "номер"
                    | "квартира"
                    | "комната"
                    | "кровать"
                    | "экспонат"
                    | "книга"
            )
        };
        let counted = match phrase.senses {
            [] => persons.iter().any(|ending| word.ends_with(ending)) || word == "гостей",
            known => known.iter().any(|sense| {
                sense.plural
                    && sense.case == Case::Genitive
                    && (sense.noun.animate || is_thing(sense.noun.name()))
            }),
        };
        let last = match phrase.senses {
            [] => next,
            _ => phrase.at,
        };
        let after = self.tokens.text(self.tokens.skip_space(last + 1));
        count > 0
            && count.is_multiple_of(1000)
            && counted
            && !first.is_empty()
            && !matches!(after, "до" | "по")
            && !TAKEN.iter().any(|stem| first.starts_with(stem))
    }

    /// The index of the noun that a number counts, over the others of its list: `2 и 3 выходами`.
    fn counted_after(&self, end: usize) -> usize {
        let joint = self.tokens.text(self.tokens.skip_space(end));
        match joint {
            "и" | "или" => self.after_list(end),
            _ => end,
        }
    }

    /// `1 из 5 школ`: the gender of the noun of which a part is counted before `end`.
    fn gender_of_whole(&self, end: usize) -> Gender {
        let of = self.tokens.skip_space(end);
        let whole = self.tokens.skip_space(of + 1);
        let senses = self.phrase(whole + 1).senses;
        senses
            .first()
            .map_or(Gender::Masculine, |sense| sense.noun.gender)
    }

    /// The gender of the noun counted before.
    fn gender_of_elided(&self, at: usize) -> Gender {
        let counted = (at.saturating_sub(16)..at)
            .rev()
            .filter(|i| self.tokens.number(*i).is_some())
            .find_map(|i| {
                let unit = self.tokens.text(self.tokens.skip_space(i + 1));
                let noun = self.phrase(i + 1).senses.first();
                noun.map(|sense| sense.noun.gender)
                    .or_else(|| units::unit(unit).map(|unit| unit.noun.gender()))
            });
        counted.unwrap_or(Gender::Masculine)
    }

    /// The second number of a range whose numbers have signs: `−8…−10`.
    fn signed_end(&self, end: usize) -> Option<Figure<'a>> {
        let dots = (0..3).all(|i| self.tokens.text(end + i) == ".");
        let number = end + 3 + usize::from(matches!(self.tokens.text(end + 3), "-" | "+"));
        dots.then(|| figure(self.tokens, number, Style::Russian))
            .flatten()
    }

    /// Figures with the sign, unit or power of thousand that they count.
    fn measured(&mut self, amount: &Amount, next: usize) -> Option<usize> {
        if let Some(end) = self.ordered_by_abbreviation(amount, next) {
            return Some(end);
        }
        let (noun, after) = self.counted_noun(amount.at, amount.last(), next)?;
        if let Some(end) = self.ordered_by_unit(amount, &noun, after) {
            return Some(end);
        }
        let unit = self.tokens.text(next);
        let case = self.unit_case(amount, unit);
        self.say_amount(amount, &noun, case);
        Some(self.after_multiplier(next, after))
    }

    /// `в 101 каб.`, `22 ауд.`: a thing that is numbered, written short.
    fn ordered_by_abbreviation(&mut self, amount: &Amount, next: usize) -> Option<usize> {
        let number = value(amount.single()?)?;
        let noun = self.abbreviated_noun(next)?;
        let numbered = noun.is(Kind::Named)
            && matches!(
                self.tokens.text(next),
                "каб"
                    | "ауд"
                    | "пал"
                    | "корп"
                    | "ваг"
                    | "платф"
                    | "отд"
                    | "пав"
                    | "секц"
                    | "терм"
            );
        let follows = self.tokens.skip_space(next + 2);
        if !numbered || self.tokens.number(follows).is_some() || next == amount.last().end {
            return None;
        }
        let case = match governing::place_cases(amount.before).first() {
            _ if self.is_way_to(amount.at) => Case::Accusative,
            Some(case) => *case,
            None => Case::Nominative,
        };
        self.say_number(&ordinal(number, noun.gender, case));
        self.out.say(" ");
        self.out.say(noun.form(false, case));
        Some(self.after_stop(next, true))
    }

    /// `на 3 эт.`: after a preposition the unit makes it an ordinal.
    fn ordered_by_unit(&mut self, amount: &Amount, noun: &Noun, after: usize) -> Option<usize> {
        if !noun.is(Kind::Ordered) {
            return None;
        }
        if let Some(end) = self.class_by_unit(amount, noun, after) {
            return Some(end);
        }
        if let Some(end) = self.storeys_by_unit(amount, noun, after) {
            return Some(end);
        }
        let number = value(amount.single()?)?;
        if noun.name() == "этаж" && self.is_part_of_address(amount.at) {
            self.say_number(&ordinal(number, noun.gender(), Case::Nominative));
            self.out.say(&noun.singular(Case::Nominative));
            return Some(after);
        }
        let place = *governing::place_cases(amount.before).first()?;
        let case = match self.is_way_to(amount.at) {
            true => Case::Accusative,
            false => place,
        };
        self.say_number(&ordinal(number, noun.gender(), case));
        self.out.say(&noun.singular(case));
        Some(after)
    }

    /// `на 3–5 эт.`: the first and the last of several storeys.
    fn storeys_by_unit(&mut self, amount: &Amount, noun: &Noun, after: usize) -> Option<usize> {
        let last = value(amount.second.as_ref()?)?;
        let first = value(&amount.first)?;
        let case = *governing::place_cases(amount.before).first()?;
        if noun.name() != "этаж" || case != Case::Prepositional {
            return None;
        }
        self.say_number(&ordinal(first, Gender::Masculine, case));
        self.out.say(" - ");
        self.out.say(&ordinal(last, Gender::Masculine, case));
        self.out.say(nouns::entry("этаж")?.form(true, case));
        Some(after)
    }

    /// `ученики 1–4 кл.`, `кабинет 5 кл.`: classes that are numbered.
    fn class_by_unit(&mut self, amount: &Amount, noun: &Noun, after: usize) -> Option<usize> {
        let last = value(amount.last()).filter(|number| *number <= 11)?;
        let first = value(&amount.first)?;
        // `11 кл. — ЕГЭ`
        let heads = self.tokens.text(self.tokens.skip_space(after)) == "—"
            || amount.at > 0 && self.tokens.text(amount.at - 1) == "(";
        let counted = matches!(
            amount.before,
            "всего"
                | "ещё"
                | "еще"
                | "только"
                | "лишь"
                | "уже"
                | "есть"
                | "было"
                | "по"
        );
        let one = amount.second.is_none();
        let bare = amount.before.is_empty() && !heads && one || counted;
        // `В 7-8 кл.`
        if noun.name() == "класс" && amount.second.is_some() && matches!(amount.before, "в" | "во")
        {
            let case = Case::Prepositional;
            self.say_number(&ordinal(first, Gender::Masculine, case));
            self.out.say(" - ");
            self.out.say(&ordinal(last, Gender::Masculine, case));
            self.out.say(nouns::entry("класс")?.form(true, case));
            return Some(after);
        }
        let of_those = matches!(amount.before, "для" | "из" | "у" | "от" | "с");
        let governed = !of_those && !governing::cases(amount.before).is_empty();
        if noun.name() != "класс" || bare || governed {
            return None;
        }
        let case = match amount.before.is_empty() {
            true => Case::Nominative,
            false => Case::Genitive,
        };
        self.say_number(&ordinal(first, Gender::Masculine, case));
        if amount.second.is_some() {
            self.out.say(" - ");
            self.out.say(&ordinal(last, Gender::Masculine, case));
            self.out.say(nouns::entry("класс")?.form(true, case));
        } else {
            self.out.say(&noun.singular(case));
        }
        Some(after)
    }

    /// `д. 8А, 1 эт.`, `2 эт., каб. 14`: true if the number at `at` is a part of an address of its own, where no house is said
    /// to have so many.
    fn is_part_of_address(&self, at: usize) -> bool {
        let Some(comma) = self.previous(at) else {
            let stop = self.tokens.skip_space(at + 1) + 1;
            return self.tokens.text(stop + 1) == ",";
        };
        let house = ["дом", "здан", "коттедж", "строени", "дач"];
        let before = self.tokens.word_before(comma);
        // `1 эт.` alone may be all that there is of them.
        let lists = matches!(self.tokens.text(comma), "," | "(" | ":" | ";" | "—");
        let measured = self
            .previous(comma)
            .is_some_and(|unit| matches!(self.tokens.text(unit), "²" | "³" | "м"));
        lists && !measured && !house.iter().any(|stem| before.starts_with(stem))
    }

    /// Figures and the noun that they count.
    pub(super) fn say_amount(&mut self, amount: &Amount, noun: &Noun, case: Case) {
        match amount.single().and_then(value) {
            Some(count) => self.say_number(&noun.count_words(count, case)),
            None => self.say_figures(amount, noun.gender(), case),
        }
        let last = amount.last();
        self.out.say(&match value(last) {
            Some(count) => noun.counted(count, case),
            None if last.fraction.is_some() => noun.after_fraction(),
            None => noun.genitive_plural(),
        });
    }

    fn say_figures(&mut self, amount: &Amount, gender: Gender, case: Case) {
        let first = &amount.first;
        // `по 1–2 таблетки`: *по одной*.
        let one = amount.before == "по" && first.whole() == Some(1) && amount.second.is_some();
        let first_case = if one { Case::Dative } else { case };
        self.say_number(&figure_words(first, gender, first_case));
        if let Some(second) = &amount.second {
            self.say_joint(first.end, second);
            self.out.say(&figure_words(second, gender, case));
        }
    }

    /// Says the dash between the numbers of a range, the sign of the second included.
    fn say_joint(&mut self, end: usize, second: &Figure) {
        let signs = (end..second.end).find_map(|i| match self.tokens.text(i) {
            "." => Some(self.tokens.text(end + 3)),
            _ if self.tokens.number(i).is_some() => Some(""),
            _ => None,
        });
        self.out.say(match signs {
            Some("-") => " минус ",
            Some("+") => " плюс ",
            _ => " - ",
        });
    }
}

/// True if `before` asks for the accusative and for no genitive.
fn takes_object(before: &str) -> bool {
    let cases = governing::cases(before);
    cases.contains(&Case::Accusative) && !cases.contains(&Case::Genitive)
        || cases.is_empty() && context::is_deed(before)
}

/// True if `word`, the first of what is counted and of which `senses` are known, can be of a man in the accusative.
fn is_living(word: &str, senses: &[nouns::Sense]) -> bool {
    let known = senses.iter().any(|sense| {
        sense.noun.animate
            && sense.noun.gender == Gender::Masculine
            && !sense.plural
            && sense.case == Case::Accusative
    });
    let unknown = senses.is_empty()
        && word.chars().count() > 3
        && word.chars().all(char::is_lowercase)
        && word.ends_with(['а', 'я'])
        && !["ая", "яя", "мя"]
            .iter()
            .any(|ending| word.ends_with(ending));
    known || unknown
}

/// The cases of an amount after `before`; adjectives in the genitive plural show it too: *последних двадцати лет*.
pub(super) fn amount_cases(before: &str) -> &'static [Case] {
    let of_adjective = before.ends_with("ых") || before.ends_with("их");
    match governing::cases(before) {
        [] if of_adjective && before.chars().count() >= 5 => &[Case::Genitive, Case::Prepositional],
        cases => cases,
    }
}
