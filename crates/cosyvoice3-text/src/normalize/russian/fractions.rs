//! Numbers in parts: `3/4`, `2 1/2`, `120/80`, versions and sections such as `5.3.2`.

use super::{
    super::{
        figures::{self, Figure},
        lex::is_latin,
        reader::Reader,
    },
    Russian,
    amounts::{digits_words, fraction_words, point_words, thirds_words, whole_words},
    context,
    governing::governed,
    numerals::{Case, Gender, cardinal, ordinal},
    units,
};

impl Reader<'_, Russian> {
    /// `2 1/2`: *две целых одна вторая*.
    pub(super) fn mixed_fraction(
        &mut self,
        whole: &Figure,
        next: usize,
        before: &str,
    ) -> Option<usize> {
        let (above, below, end) = figures::fraction(self.tokens, next)?;
        let value = whole.whole().filter(|_| next > whole.end)?;
        let case = governed(before).unwrap_or(Case::Nominative);
        self.out.say(&format!(
            "{} {}",
            whole_words(value, case),
            fraction_words(above, below, case)
        ));
        Some(self.unit_after_fraction(next, end))
    }

    /// `1/2 таб.`, `5½ км`: says the unit after a fraction that ends at `end`; the index after it.
    fn unit_after_fraction(&mut self, at: usize, end: usize) -> usize {
        let next = self.tokens.skip_space(end);
        let figure = Figure {
            digits: String::new(),
            fraction: None,
            end,
        };
        match self.counted_noun(at, &figure, next) {
            Some((noun, end)) if self.tokens.is_word(next) => {
                self.out.say(" ");
                self.out.say(&noun.after_fraction());
                end
            }
            _ => end,
        }
    }

    /// `3/4`, `1/3 голосов`, and `7/2` in a sum.
    pub(super) fn fraction(&mut self, at: usize, before: &str) -> Option<usize> {
        if let Some(end) = self.blood_pressure(at, before) {
            return Some(end);
        }
        if self.tokens.text(at + 1) == "/"
            && let Some(end) = self.of_several(at, before)
        {
            return Some(end);
        }
        let (above, below, end) =
            figures::fraction(self.tokens, at).or_else(|| self.improper_fraction(at))?;
        let case = match governed(before) {
            // `по 1/2 таблетки`
            Some(_) if before == "по" && above == 1 => Case::Dative,
            // `матч 1/4 финала`
            None if context::is_noun_like(before)
                && self.tokens.text(self.tokens.skip_space(end)) == "финала" =>
            {
                Case::Genitive
            }
            case => case.unwrap_or(Case::Nominative),
        };
        let next = self.tokens.skip_space(end);
        let in_text = self.previous(at).is_some() || self.tokens.is_word(next);
        let third = (below == 3 && in_text)
            .then(|| thirds_words(above, case))
            .flatten();
        let said = third.unwrap_or_else(|| fraction_words(above, below, case));
        self.say_number(&said);
        Some(self.unit_after_fraction(at, end))
    }

    /// `8/256 ГБ`, `5/9 эт.`, `график 1/3`: two numbers that are no fraction.
    fn of_several(&mut self, at: usize, before: &str) -> Option<usize> {
        let (first, second) = (self.tokens.number(at)?, self.tokens.number(at + 2)?);
        let next = self.tokens.skip_space(at + 3);
        let word = self.tokens.text(next);
        let (first, second): (u64, u64) = (first.parse().ok()?, second.parse().ok()?);
        let count = |value| cardinal(value, Gender::Masculine, Case::Nominative);
        if units::unit(word).is_some_and(|unit| unit.noun.name() == "гигабайт") {
            self.out.say(&format!("{} на", count(first)));
            self.out.say(" ");
            let second = Figure {
                digits: second.to_string(),
                fraction: None,
                end: at + 3,
            };
            return Some(self.quantity(at + 2, second, ""));
        }
        if matches!(word, "эт" | "этаж") && first <= second {
            let of = cardinal(second, Gender::Masculine, Case::Genitive);
            let floor = ordinal(first, Gender::Masculine, Case::Nominative);
            self.out.say(&format!("{floor} этаж из {of}"));
            return Some(self.after_stop(next, word == "эт"));
        }
        if before.starts_with("график") || before.starts_with("смен") {
            self.out
                .say(&format!("{} через {}", count(first), count(second)));
            return Some(at + 3);
        }
        None
    }

    /// `давление 120/80 мм рт. ст.`: two measures that are read together.
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
        let counts = sum || self.is_all(at, at + 3);
        (self.tokens.text(at + 1) == "/" && counts && (2..=1000).contains(&below)).then_some((
            above,
            below,
            at + 3,
        ))
    }

    /// `Python 3.11`, `Android 14.1`: a number with a full stop after a Latin name.
    pub(super) fn version(&mut self, at: usize, figure: &Figure, next: usize) -> Option<usize> {
        let fraction = figure.fraction?;
        // `1.0-beta`
        let stage = self.tokens.text(figure.end) == "-"
            && self.tokens.text(figure.end + 1).starts_with(is_latin)
            && self.tokens.text(figure.end + 1).chars().count() > 1
            && units::unit(self.tokens.text(figure.end + 1)).is_none();
        if stage && self.tokens.text(figure.end - 2) == "." {
            self.out.say(&point_words(&figure.digits, fraction));
            return Some(figure.end);
        }
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

    /// `ГОСТ 2.105-95`, `СП 1.13130.2020`: the number of a standard.
    pub(super) fn standard(&mut self, at: usize) -> Option<usize> {
        const NAMES: [&str; 10] = [
            "ГОСТ",
            "ОСТ",
            "СП",
            "СНиП",
            "СанПиН",
            "ТУ",
            "ИСО",
            "ISO",
            "СНИП",
            "ПУЭ",
        ];
        let name = self.previous_word(at)?;
        let first = self.tokens.number(at)?;
        let parted = |at: usize| {
            matches!(self.tokens.text(at), "." | "-") && self.tokens.number(at + 1).is_some()
        };
        if !NAMES.contains(&self.tokens.text(name)) || !parted(at + 1) {
            return None;
        }
        self.out.say(&digits_words(first));
        let mut end = at + 1;
        while end < at + 12 && parted(end) {
            self.out.say(if self.tokens.text(end) == "." {
                " точка"
            } else {
                " - "
            });
            self.out.say(&digits_words(self.tokens.number(end + 1)?));
            end += 2;
        }
        Some(end)
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
