//! Amounts: a number or a range with the sign, unit or noun that it counts.

use super::{
    super::{
        figures::{self, Figure, Style, figure, range_end},
        lex::is_latin,
        reader::Reader,
    },
    Russian,
    amounts::{
        digits_words, figure_words, fraction_words, point_words, thirds_words, value, whole_words,
    },
    context::{self, agreement, governed},
    nouns::{self, Noun},
    numerals::{Case, Gender, ordinal},
    units,
};

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
        let second = range_end(self.tokens, first.end, Style::Russian)
            .or_else(|| self.signed_end(first.end));
        let second = second.as_ref().filter(|_| !self.is_product(at));
        let last = second.unwrap_or(&first);
        let end = last.end;
        let next = self.tokens.skip_space(end);
        if second.is_none()
            && let Some(end) = self
                .mixed_fraction(&first, next, before)
                .or_else(|| self.version(at, &first, next))
        {
            return end;
        }
        if let Some(after) = self.year(at, &first, second, before) {
            return after;
        }
        if let Some(after) = self.priced(at, &first, second, next, before) {
            return after;
        }
        if let Some((noun, after)) = self.counted_noun(at, last, next) {
            return self.count(&first, second, noun, next, after, before, at);
        }
        if second.is_none()
            && let Some(count) = value(last)
            && let Some(end) = self.ordered(count, end, before)
        {
            return end;
        }
        self.count_words_after(&first, second, end, before, at);
        end
    }

    /// A number before words that are written in full, or alone.
    fn count_words_after(
        &mut self,
        first: &Figure,
        second: Option<&Figure>,
        end: usize,
        before: &str,
        at: usize,
    ) {
        let last = second.unwrap_or(first);
        let Some(count) = value(last) else {
            let case = governed(before).unwrap_or(Case::Nominative);
            return self.say_figures(first, second, Gender::Masculine, case);
        };
        if second.is_none()
            && let Some(said) =
                context::collective(count, before, self.tokens.text(self.tokens.skip_space(end)))
        {
            return self.say_number(said);
        }
        let phrase = self.phrase(end);
        let cases = amount_cases(before);
        let known = context::count_agreement(count, cases, phrase.adjectives, phrase.senses);
        let (case, gender) = known.unwrap_or_else(|| {
            let words = self.words_after(end);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.is_empty() {
                true => (
                    governed(before).unwrap_or(Case::Nominative),
                    self.gender_of_elided(at, before),
                ),
                // `Стойка 1 открыта`: no noun, so that the number is a name.
                false if context::is_state(words[0]) => (
                    governed(before).unwrap_or(Case::Nominative),
                    Gender::Masculine,
                ),
                false => agreement(count, before, &words),
            }
        });
        self.say_figures(first, second, gender, case);
    }

    /// `2 упаковки по цене 1`: the gender of what was counted before.
    fn gender_of_elided(&self, at: usize, before: &str) -> Gender {
        if before != "цене" {
            return Gender::Masculine;
        }
        let counted = (at.saturating_sub(16)..at)
            .rev()
            .filter(|i| self.tokens.number(*i).is_some())
            .find_map(|i| self.phrase(i + 1).senses.first());
        counted.map_or(Gender::Masculine, |sense| sense.noun.gender)
    }

    /// The second number of a range whose numbers have signs: `−8…−10`.
    fn signed_end(&self, end: usize) -> Option<Figure<'a>> {
        let dots = (0..3).all(|i| self.tokens.text(end + i) == ".");
        let number = end + 3 + usize::from(matches!(self.tokens.text(end + 3), "-" | "+"));
        dots.then(|| figure(self.tokens, number, Style::Russian))
            .flatten()
    }

    /// `2 1/2`: *две целых одна вторая*.
    fn mixed_fraction(&mut self, whole: &Figure, next: usize, before: &str) -> Option<usize> {
        let (above, below, end) = figures::fraction(self.tokens, next)?;
        let value = whole.whole().filter(|_| next > whole.end)?;
        let case = governed(before).unwrap_or(Case::Nominative);
        self.out.say(&format!(
            "{} {}",
            whole_words(value, case),
            fraction_words(above, below, case)
        ));
        Some(end)
    }

    /// `3/4`, `1/3 голосов`, and `7/2` in a sum.
    pub(super) fn fraction(&mut self, at: usize, before: &str) -> Option<usize> {
        if let Some(end) = self.blood_pressure(at, before) {
            return Some(end);
        }
        let case = governed(before).unwrap_or(Case::Nominative);
        let (above, below, end) =
            figures::fraction(self.tokens, at).or_else(|| self.improper_fraction(at))?;
        let next = self.tokens.skip_space(end);
        let in_text = self.previous(at).is_some() || self.tokens.is_word(next);
        let third = (below == 3 && in_text)
            .then(|| thirds_words(above, case))
            .flatten();
        let said = third.unwrap_or_else(|| fraction_words(above, below, case));
        self.say_number(&said);
        Some(end)
    }

    /// `давление 120/80 мм рт. ст.`: two measures that are told together.
    fn blood_pressure(&mut self, at: usize, before: &str) -> Option<usize> {
        let (first, second) = (self.tokens.number(at)?, self.tokens.number(at + 2)?);
        let name = self
            .previous_word(at)
            .map_or("", |word| self.tokens.text(word));
        let pressure = name == "АД" || name.to_lowercase().starts_with("давлени");
        if self.tokens.text(at + 1) != "/" || !pressure {
            return None;
        }
        self.out.say(&format!("{} на ", digits_words(first)));
        let second = Figure {
            digits: second.to_owned(),
            fraction: None,
            end: at + 3,
        };
        Some(self.quantity(at + 2, second, before))
    }

    fn improper_fraction(&self, at: usize) -> Option<(u64, u64, usize)> {
        let above = figures::integer(self.tokens.number(at)?)?;
        let below = figures::integer(self.tokens.number(at + 2)?)?;
        let after = self.tokens.text(self.tokens.skip_space(at + 3));
        let before = self.previous(at).map_or("", |i| self.tokens.text(i));
        let sum = [after, before]
            .iter()
            .any(|text| matches!(*text, "=" | "+" | "*" | "×"));
        (self.tokens.text(at + 1) == "/" && sum && (2..=1000).contains(&below)).then_some((
            above,
            below,
            at + 3,
        ))
    }

    /// `Python 3.11`, `Android 14.1`: a number with a full stop after a Latin name.
    fn version(&mut self, at: usize, figure: &Figure, next: usize) -> Option<usize> {
        let fraction = figure.fraction?;
        let name = self.previous_word(at)?;
        let latin = self.tokens.text(name).starts_with(is_latin)
            || self.tokens.text(name).to_lowercase().starts_with("верси");
        let measured = units::unit(self.tokens.text(next)).is_some()
            || units::currency(self.tokens.text(next)).is_some()
            || matches!(self.tokens.text(next), "%" | "‰" | "°");
        let point = self.tokens.text(figure.end - 2) == ".";
        if !latin || measured || !point || units::currency(self.tokens.text(name)).is_some() {
            return None;
        }
        self.out.say(&point_words(&figure.digits, fraction));
        Some(figure.end)
    }

    /// Figures with the noun that they count, and what follows that.
    #[expect(
        clippy::too_many_arguments,
        reason = "all of them are one amount as it stands in the text"
    )]
    fn count(
        &mut self,
        first: &Figure,
        second: Option<&Figure>,
        noun: Noun,
        noun_at: usize,
        after: usize,
        before: &str,
        at: usize,
    ) -> usize {
        let last = second.unwrap_or(first);
        let unit = self.tokens.text(noun_at);
        let case = self.unit_case(at, before, last.whole(), unit);
        if second.is_none()
            && noun.is(nouns::Kind::Ordered)
            && let (Some(number), Some(place)) =
                (value(first), context::place_cases(before).first())
        {
            let place = if self.is_way_to(at) {
                Case::Accusative
            } else {
                *place
            };
            self.say_number(&ordinal(number, noun.gender(), place));
            self.out.say(&noun.singular(place));
            return after;
        }
        match (value(first), second) {
            (Some(count), None) => {
                let said = noun.count_words(count, case);
                self.say_number(&said);
            }
            _ => self.say_figures(first, second, noun.gender(), case),
        }
        self.out
            .say(&match value(last).filter(|_| last.fraction.is_none()) {
                Some(count) => noun.counted(count, case),
                None if last.fraction.is_some() => noun.after_fraction(),
                None => noun.genitive_plural(),
            });
        self.after_multiplier(noun_at, after)
    }

    /// The case of a number before a unit that is an abbreviation and so does not tell it.
    pub(super) fn unit_case(
        &self,
        at: usize,
        before: &str,
        count: Option<u64>,
        unit: &str,
    ) -> Case {
        let one = count.is_some_and(|count| count % 10 == 1 && count % 100 != 11);
        let distance = matches!(unit, "км" | "м");
        match amount_cases(before).first() {
            Some(Case::Accusative) if before == "по" && one => Case::Dative,
            // `в 5 км отсюда`, but `на расстоянии в 5 км`.
            Some(Case::Accusative) if before == "в" && distance && !self.is_extent(at) => {
                Case::Prepositional
            }
            case => case.copied().unwrap_or(Case::Nominative),
        }
    }

    fn is_extent(&self, at: usize) -> bool {
        let Some(preposition) = self.previous_word(at) else {
            return false;
        };
        self.previous_word(preposition).is_some_and(|word| {
            let senses = nouns::senses(self.tokens.text(word));
            senses
                .iter()
                .any(|sense| sense.noun.is(nouns::Kind::Measure))
        })
    }

    /// The sign, abbreviation or unit that the number before `next` counts, and the index after it.
    pub(super) fn counted_noun(
        &self,
        at: usize,
        last: &Figure,
        next: usize,
    ) -> Option<(Noun, usize)> {
        let text = self.tokens.text(next);
        match text {
            "%" => return Some((Noun::named("процент")?, next + 1)),
            "‰" => return Some((Noun::named("промилле")?, next + 1)),
            "°" => return self.degrees(at, next),
            "-" if next == last.end => {
                let unit = units::unit(self.tokens.text(next + 1))
                    .filter(|unit| unit.is_length() || !unit.takes_stop())?;
                return Some((unit.noun.clone(), next + 2)).filter(|_| !unit.may_be_letter());
            }
            _ => {}
        }
        if let Some(noun) = units::multiplier(text) {
            return Some((noun, self.after_stop(next, true)));
        }
        if !self.tokens.is_word(next) {
            return None;
        }
        self.unit_of_two_words(next)
            .or_else(|| self.squared_or_plain(last, next))
    }

    /// `кв. м`, `ст. л.`, `л. с.`.
    fn unit_of_two_words(&self, next: usize) -> Option<(Noun, usize)> {
        if self.tokens.text(next + 1) != "." {
            return None;
        }
        let text = self.tokens.text(next);
        let third = self.tokens.skip_space(next + 2);
        let second = self.tokens.text(third);
        if self.tokens.text(third + 1) == "."
            && let Some(unit) = units::unit(&format!("{text}.{second}"))
        {
            let end = third + 2 - usize::from(self.tokens.ends_sentence(third + 1));
            return Some((unit.noun.clone(), end));
        }
        let adjective = match text {
            "кв" => "квадратн",
            "куб" => "кубическ",
            "пог" => "погонн",
            _ => return None,
        };
        let unit = units::unit(second).filter(|unit| unit.is_length())?;
        let end = self.after_stop(third, unit.takes_stop());
        Some((unit.noun.clone().with_adjective(adjective), end))
    }

    fn squared_or_plain(&self, last: &Figure, next: usize) -> Option<(Noun, usize)> {
        let text = self.tokens.text(next);
        let unit = units::unit(text)?;
        let stop = self.tokens.text(next + 1) == ".";
        let glued = next == last.end;
        let (noun, end) = match self.tokens.text(next + 1) {
            "²" | "2" if unit.is_length() => {
                (unit.noun.clone().with_adjective("квадратн"), next + 2)
            }
            "³" | "3" if unit.is_length() => {
                (unit.noun.clone().with_adjective("кубическ"), next + 2)
            }
            "*" => match units::unit(&format!("{text}{}", self.tokens.text(next + 2))) {
                Some(product) => (product.noun.clone(), next + 3),
                None => (unit.noun.clone(), next + 1),
            },
            _ => (unit.noun.clone(), next + 1),
        };
        if let Some((tail, end)) = self.rate(
            end + usize::from(stop && self.tokens.text(end + 1) == "/"),
            false,
        ) {
            return Some((noun.with_tail(&tail), end));
        }
        if end > next + 1 {
            return Some((noun, end));
        }
        if unit.needs_stop() && !stop {
            return None;
        }
        // `5 с половиной` is no second, `5 г. Москвы` no gram.
        let goes_on = self.tokens.is_word(self.tokens.skip_space(next + 1));
        if text == "с" && !glued && goes_on {
            return None;
        }
        Some((noun, self.after_stop(next, unit.takes_stop())))
    }

    /// `/ч`, `/100 км`: what an amount is told by, from the stroke at `at` on.
    pub(super) fn rate(&self, at: usize, of_price: bool) -> Option<(String, usize)> {
        if self.tokens.text(at) != "/" {
            return None;
        }
        let (per, end) = match self.tokens.number(at + 1) {
            Some(digits) => {
                let next = self.tokens.skip_space(at + 2);
                let unit = units::unit(self.tokens.text(next)).filter(|_| next > at + 2)?;
                let count =
                    figures::integer(digits).filter(|count| matches!(count, 10 | 100 | 1000))?;
                let number = unit.noun.count_words(count, Case::Accusative);
                let noun = unit.noun.counted(count, Case::Accusative);
                let preposition = if of_price { "за" } else { "на" };
                (format!("{preposition} {number} {noun}"), next)
            }
            None => {
                let product = format!("{}{}", self.tokens.text(at + 1), self.tokens.text(at + 3));
                if self.tokens.text(at + 2) == "*"
                    && let Some(unit) = units::unit(&product)
                {
                    return Some((unit.rate(of_price), at + 4));
                }
                let Some(unit) = units::unit(self.tokens.text(at + 1)) else {
                    return self.rate_in_full(at + 1, of_price);
                };
                let square = matches!(self.tokens.text(at + 2), "²" | "2");
                let cube = matches!(self.tokens.text(at + 2), "³" | "3");
                match (unit.is_length(), square, cube) {
                    (true, true, _) => {
                        let noun = unit.noun.clone().with_adjective("квадратн").one();
                        let preposition = if of_price { "за" } else { "на" };
                        (format!("{preposition} {noun}"), at + 2)
                    }
                    (true, _, true) => {
                        let noun = unit.noun.clone().with_adjective("кубическ").one();
                        let preposition = if of_price { "за" } else { "на" };
                        (format!("{preposition} {noun}"), at + 2)
                    }
                    (false, true, _) => (format!("{} в квадрате", unit.rate(of_price)), at + 2),
                    _ => (unit.rate(of_price), at + 1),
                }
            }
        };
        Some((per, self.after_stop(end, true)))
    }

    /// `один м²`, `несколько км²`: a unit with its power after a word.
    pub(super) fn lone_unit(&mut self, at: usize) -> Option<usize> {
        let adjective = match self.tokens.text(at + 1) {
            "²" => "квадратн",
            "³" => "кубическ",
            _ => return None,
        };
        let unit = units::unit(self.tokens.text(at)).filter(|unit| unit.is_length())?;
        let noun = unit.noun.clone().with_adjective(adjective);
        let said = match context::number_word(&self.tokens.word_before(at)) {
            Some((count, case)) => noun.counted(count, case),
            None if self.tokens.word_before(at).is_empty() => return None,
            None => noun.genitive_plural(),
        };
        self.out.say(&said);
        Some(at + 2)
    }
    /// `$/баррель`: a known noun in full.
    fn rate_in_full(&self, at: usize, of_price: bool) -> Option<(String, usize)> {
        let word = self.tokens.text(at);
        let sense = nouns::senses(word).first()?;
        let noun = sense.noun.form(false, Case::Accusative);
        let time = matches!(
            sense.noun.name(),
            "день" | "сутки" | "неделя" | "месяц" | "год" | "час" | "минута" | "секунда"
        );
        let preposition = match (time, of_price) {
            (true, _) => "в",
            (false, true) => "за",
            (false, false) => "на",
        };
        (!sense.plural && sense.case == Case::Nominative)
            .then(|| (format!("{preposition} {noun}"), at + 1))
    }

    /// The index after the abbreviation at `at` and its full stop, unless that ends the sentence as well.
    pub(super) fn after_stop(&self, at: usize, takes_stop: bool) -> usize {
        let stop = self.tokens.text(at + 1) == "." && takes_stop;
        at + 1 + usize::from(stop && !self.tokens.ends_sentence(at + 1))
    }

    fn degrees(&self, start: usize, at: usize) -> Option<(Noun, usize)> {
        let scale = self.tokens.skip_space(at + 1);
        let degree = Noun::named("градус")?;
        Some(match self.tokens.text(scale) {
            // A forecast need not say whose degrees they are.
            "C" | "С" if self.is_forecast(start) => (degree, scale + 1),
            "C" | "С" => (degree.with_tail("Цельсия"), scale + 1),
            "F" => (degree.with_tail("по Фаренгейту"), scale + 1),
            _ => (degree, at + 1),
        })
    }

    /// `днём до +2 °С`.
    fn is_forecast(&self, at: usize) -> bool {
        (at.saturating_sub(5)..at).any(|i| context::is_day_part(self.tokens.text(i)))
    }

    /// `5 млн руб.`: the unit after a power of thousand.
    fn after_multiplier(&mut self, noun_at: usize, after: usize) -> usize {
        if units::multiplier(self.tokens.text(noun_at)).is_none() {
            return after;
        }
        let next = self.tokens.skip_space(after);
        let (noun, end) = match units::currency(self.tokens.text(next)) {
            Some(currency) => {
                let end = self.after_stop(next, currency.takes_stop());
                self.out.say(" ");
                self.out.say(&currency.noun.genitive_plural());
                return self.priced_by(next + 1, end);
            }
            None => {
                let nothing = Figure {
                    digits: String::new(),
                    fraction: None,
                    end: after,
                };
                match self.counted_noun(next, &nothing, next) {
                    Some(counted) => counted,
                    None => return after,
                }
            }
        };
        self.out.say(" ");
        self.out.say(&noun.genitive_plural());
        end
    }

    pub(super) fn say_figures(
        &mut self,
        first: &Figure,
        second: Option<&Figure>,
        gender: Gender,
        case: Case,
    ) {
        self.say_number(&figure_words(first, gender, case));
        if let Some(second) = second {
            self.say_joint(first.end, second);
            self.out.say(&figure_words(second, gender, case));
        }
    }

    /// What stands between the numbers of a range, the sign of the second included.
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

    /// The parts of a number with two or more full stops, such as `5.3.2`.
    pub(super) fn outline(&mut self, at: usize) -> Option<usize> {
        let (parts, end) = figures::outline(self.tokens, at)?;
        // `1.000.000`: thousands.
        if !parts[0].starts_with('0')
            && parts[0].len() <= 3
            && parts[1..].iter().all(|part| part.len() == 3)
        {
            return None;
        }
        let said: Vec<String> = parts.iter().map(|part| digits_words(part)).collect();
        self.out.say(&said.join(" точка "));
        Some(end)
    }
}

/// The cases of an amount after `before`; adjectives in the genitive plural tell it too: *последних двадцати лет*.
fn amount_cases(before: &str) -> &'static [Case] {
    let of_adjective = before.ends_with("ых") || before.ends_with("их");
    match context::cases(before) {
        [] if of_adjective && before.chars().count() >= 5 => &[Case::Genitive, Case::Prepositional],
        cases => cases,
    }
}
