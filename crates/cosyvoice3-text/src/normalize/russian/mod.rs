//! Russian: numbers with the gender and case that their surroundings ask for, units, dates, abbreviations.
//!
//! Each kind of number has a file of its own, and [`Reader::number`] tries them in order. The words are data: nouns, units,
//! abbreviations and the like are in the tables of `data/`, whose headers say how to add to them.

mod abbreviations;
mod acronyms;
mod actions;
mod amounts;
mod context;
mod coordination;
mod counting;
mod data;
mod dates;
mod forms;
mod fractions;
mod governing;
mod initials;
mod measures;
mod money;
mod names;
mod nouns;
mod numerals;
mod order;
mod ordinals;
mod phone;
mod quantities;
mod roman;
mod signs;
mod surroundings;
mod times;
mod units;
mod weather;
mod weekdays;
mod years;

use super::{
    figures::{self, Style, figure},
    reader::{Reader, Spoken},
    web,
};

pub(super) use abbreviations::{is_abbreviation, is_numbered};
pub(super) use nouns::is_noun;
pub(super) use ordinals::ordinal_between;

/// As many tokens before the code of a currency are searched for the word that makes its number a rate.
const FARTHEST_RATE: usize = 12;

/// The language.
pub(super) struct Russian;

impl Spoken for Russian {
    const WEB: web::Words = web::Words {
        dot: "точка",
        at: "собака",
        slash: "слэш",
        dash: "дефис",
        underscore: "подчёркивание",
        colon: "двоеточие",
        other: &[
            ('?', "вопросительный знак"),
            ('=', "равно"),
            ('&', "амперсанд"),
            ('#', "решётка"),
            ('+', "плюс"),
            ('%', "процент"),
            ('~', "тильда"),
        ],
        domain: |name| {
            Some(match name {
                "com" => "ком",
                "ru" => "ру",
                "org" => "орг",
                "net" => "нет",
                "рф" => "эр-эф",
                _ => return None,
            })
        },
    };

    fn number(reader: &mut Reader<'_, Self>, at: usize) -> usize {
        reader.number(at, at)
    }

    fn word(reader: &mut Reader<'_, Self>, at: usize) -> usize {
        reader.word(at)
    }

    fn mark(reader: &mut Reader<'_, Self>, at: usize) -> usize {
        reader.sign(at)
    }
}

impl Reader<'_, Russian> {
    fn word(&mut self, at: usize) -> usize {
        if let Some(end) = self.weekday(at).or_else(|| self.serial(at)) {
            return end;
        }
        if self.tokens.text(at + 1) == "."
            && self.tokens.text(at + 2) == "/"
            && let Some(end) = self.lone_rate(at)
        {
            return end;
        }
        if let Some(end) = self.lone_square(at).or_else(|| self.lone_time(at)) {
            return end;
        }
        if let Some((text, end)) = self.abbreviation(at) {
            self.out.say(&text);
            return end;
        }
        if let Some(end) = self.initial(at) {
            return end;
        }
        if let Some(end) = self
            .roman(at)
            .or_else(|| self.sections(at))
            .or_else(|| self.dimension(at))
            .or_else(|| self.lone_unit(at))
            .or_else(|| self.lone_rate(at))
            .or_else(|| self.wind(at))
        {
            return end;
        }
        let word = self.tokens.text(at);
        if let Some(year) = roman_year(word) {
            let case = numerals::Case::Nominative;
            self.out
                .say(&numerals::cardinal(year, numerals::Gender::Masculine, case));
            return at + 1;
        }
        if self.follows_number(at) && matches!(word, "BCE" | "CE" | "AD") {
            let era = if word != "BCE" {
                "нашей эры"
            } else {
                "до нашей эры"
            };
            self.out.say(era);
            return at + 1;
        }
        if self.follows_number(at) && word == "A" && self.tokens.text(at + 2) == "D" {
            self.out.say("нашей эры");
            let stop = self.tokens.text(at + 3) == "." && !self.tokens.ends_sentence(at + 3);
            return at + 3 + usize::from(stop);
        }
        let next = self.tokens.skip_space(at + 1);
        if let Some(end) = self
            .code_of_currency(at, next)
            .or_else(|| self.short_beside_number(at, next))
        {
            return end;
        }
        let flat = matches!(word, "кв" | "корп" | "стр") && next > at + 1;
        if flat && self.tokens.number(next).is_some() && (word != "стр" || self.in_address(at)) {
            self.out.say(match word {
                "кв" => "квартира",
                "корп" => "корпус",
                _ => "строение",
            });
            return self.number(next, at);
        }
        // `км 25`
        let milestone = self.tokens.number(next).is_some() && !self.follows_number(at);
        if word == "км" && next > at + 1 && milestone {
            self.out.say("километр");
            return at + 1;
        }
        let glued = at > 0 && self.tokens.number(at - 1).is_some();
        let of_flight = next == at + 1 && self.tokens.word_before(at).starts_with("рейс");
        if word == "N" && !glued && !of_flight && self.tokens.number(next).is_some() {
            self.out.say("номер");
            return self.number(next, at);
        }
        if let Some(end) = self.plate(at) {
            return end;
        }
        if let Some(letters) = self.flight_letters(at) {
            self.out.say(&letters);
            return at + 1;
        }
        if let Some(name) = self.letter_of_number(at) {
            self.out.say(name);
            return at + 1;
        }
        if word == "СПб" {
            self.out.say(self.petersburg(at));
            return at + 1;
        }
        match acronyms::spelled(word) {
            Some(letters) => self.out.say(&letters),
            None => self.out.copy(word),
        }
        at + 1
    }

    /// `в СПб`, `жители СПб`: the town in the case that the word before it asks for.
    fn petersburg(&self, at: usize) -> &'static str {
        let before = self.tokens.word_before(at);
        let route = matches!(self.tokens.text(self.tokens.skip_space(at + 1)), "—" | "-");
        let case = match self.place_case(at) {
            numerals::Case::Nominative
                if !route && before.chars().count() > 2 && !context::is_verb(&before) =>
            {
                numerals::Case::Genitive
            }
            case => case,
        };
        match case {
            numerals::Case::Nominative | numerals::Case::Accusative => "Санкт-Петербург",
            numerals::Case::Genitive => "Санкт-Петербурга",
            numerals::Case::Dative => "Санкт-Петербургу",
            numerals::Case::Instrumental => "Санкт-Петербургом",
            numerals::Case::Prepositional => "Санкт-Петербурге",
        }
    }

    /// `USD 100`, and `Курс: USD 92,45`, where it has a price itself.
    fn code_of_currency(&mut self, at: usize, next: usize) -> Option<usize> {
        let code = self.tokens.text(at);
        let is_code = code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
        let currency = units::currency(code).filter(|_| is_code && next > at + 1)?;
        self.tokens.number(next)?;
        let rate = (at.saturating_sub(FARTHEST_RATE)..at)
            .any(|i| self.tokens.text(i).to_lowercase().starts_with("курс"));
        if !rate {
            return Some(self.money(at, next));
        }
        self.out
            .say(&currency.noun.singular(numerals::Case::Nominative));
        Some(at + 1)
    }

    /// `19:30 мск`, `t 38,5°`, `t° 65`, `Rh−`: what is written short beside a number or a sign.
    fn short_beside_number(&mut self, at: usize, next: usize) -> Option<usize> {
        match self.tokens.text(at) {
            "мск" | "МСК" if self.follows_number(at) => {
                self.out.say("по московскому времени");
                Some(at + 1)
            }
            "t" if self.tokens.text(at + 1) == "°" => {
                self.out.say("температура");
                Some(at + 2)
            }
            "t" | "T" => {
                let sign = usize::from(matches!(self.tokens.text(next), "-" | "+"));
                let figure = figure(self.tokens, next + sign, Style::Russian)?;
                (self.tokens.text(figure.end) == "°").then(|| {
                    self.out.say("температура");
                    at + 1
                })
            }
            "Rh" if self.tokens.text(at + 1) == "-" => {
                self.out.say("Rh минус");
                Some(at + 2)
            }
            _ => None,
        }
    }

    /// `5х10 см`: the letter between two numbers.
    fn dimension(&mut self, at: usize) -> Option<usize> {
        let next = self.tokens.skip_space(at + 1);
        let between = self.follows_number(at) && self.tokens.number(next).is_some();
        if !between || !matches!(self.tokens.text(at), "х" | "x" | "Х" | "X") {
            return None;
        }
        self.out.say(" на ");
        Some(at + 1)
    }

    /// `8pm`, `10 a.m.`: the hour with its part of the day.
    fn half_of_day(&mut self, at: usize, before: &str) -> Option<usize> {
        let hour: u64 = self.tokens.number(at)?.parse().ok()?;
        let minutes = figures::time(self.tokens, at).filter(|time| time.seconds.is_none());
        let mark = self
            .tokens
            .skip_space(minutes.map_or(at + 1, |time| time.end));
        let (letter, end) = match self.tokens.text(mark) {
            half @ ("am" | "pm" | "AM" | "PM") => (half, mark + 1),
            half @ ("a" | "p")
                if self.tokens.text(mark + 1) == "." && self.tokens.text(mark + 2) == "m" =>
            {
                let stop =
                    self.tokens.text(mark + 3) == "." && !self.tokens.ends_sentence(mark + 3);
                (half, mark + 3 + usize::from(stop))
            }
            _ => return None,
        };
        let part = match (letter.starts_with(['a', 'A']), hour) {
            (true, 12 | 1..=3) => "ночи",
            (true, 4..=11) => "утра",
            (false, 12 | 1..=4) => "дня",
            (false, 5..=11) => "вечера",
            _ => return None,
        };
        let case = governing::governed(before).unwrap_or(numerals::Case::Nominative);
        let said = match (hour, case) {
            _ if minutes.is_some_and(|time| time.minutes > 0) => {
                let words = |value| numerals::cardinal(value, numerals::Gender::Masculine, case);
                match minutes.map_or(0, |time| time.minutes) {
                    few @ 1..=9 => format!("{} ноль {}", words(hour), words(few)),
                    many => format!("{} {}", words(hour), words(many)),
                }
            }
            (1, numerals::Case::Genitive) => "часа".to_owned(),
            (1, _) => "час".to_owned(),
            // *два дня* alone would be two days.
            (2..=4, _) if part == "дня" => {
                let hours = nouns::Noun::named("час").map(|noun| noun.counted(hour, case));
                let said = numerals::cardinal(hour, numerals::Gender::Masculine, case);
                format!("{said} {}", hours.unwrap_or_default())
            }
            _ => numerals::cardinal(hour, numerals::Gender::Masculine, case),
        };
        self.out.say(&format!("{said} {part}"));
        Some(end)
    }

    /// `24/7`: hours a day and days a week.
    fn around_the_clock(&mut self, at: usize) -> Option<usize> {
        let written = self.tokens.text(at) == "24"
            && self.tokens.text(at + 1) == "/"
            && self.tokens.text(at + 2) == "7"
            && !matches!(self.tokens.text(at + 3), "/" | "-");
        if !written || self.is_name(at, at) {
            return None;
        }
        self.out.say("двадцать четыре на семь");
        Some(at + 3)
    }

    /// The number at `at`, whose governing word stands before `start`; the index after it and what belongs to it.
    fn number(&mut self, at: usize, start: usize) -> usize {
        let before = self.governor(start);
        let before = before.as_str();
        self.range_of_dates(at, before)
            .or_else(|| self.date(at, before))
            .or_else(|| self.serial(at))
            .or_else(|| self.stop_at_kilometre(at))
            .or_else(|| self.measured_adjective(at))
            .or_else(|| self.code(at))
            .or_else(|| self.telephone(at))
            .or_else(|| self.half_of_day(at, before))
            .or_else(|| self.time(at, before))
            .or_else(|| self.hour_of_part(at, before))
            .or_else(|| self.around_the_clock(at))
            .or_else(|| self.standard(at))
            .or_else(|| self.suffixed(at, start, before))
            .or_else(|| self.days(at, before))
            .or_else(|| self.short_date(at, before))
            .or_else(|| self.class_with_letter(at, before))
            .or_else(|| self.name(at, start))
            .or_else(|| self.house(at))
            .or_else(|| self.lettered(at))
            .or_else(|| self.span(at, before))
            .or_else(|| self.fraction(at, before))
            .or_else(|| self.outline(at))
            .or_else(|| self.month_of_year(at, before))
            .unwrap_or_else(|| match figure(self.tokens, at, Style::Russian) {
                Some(first) => {
                    let first = self.with_point_of_thousands(at, first);
                    self.quantity(at, first, before)
                }
                None => self.copy(at),
            })
    }
}

/// The year that `word` is in Roman numerals, as on buildings and in credits: `MMXXIV`.
fn roman_year(word: &str) -> Option<u64> {
    let tail = word.strip_prefix("MM")?;
    let year = figures::roman(tail)?;
    (tail.len() > 1).then_some(2000 + year)
}

#[cfg(test)]
mod tests {
    use std::{hint::black_box, time::Instant};

    use crate::{Language, normalize};

    /// Prints what a number costs in a text of numbers, and in one four times as long, so that one sees that it is linear.
    /// `cargo test --release -p cosyvoice3-text -- --ignored --nocapture time_per_number`
    #[test]
    #[ignore = "prints times, asserts nothing"]
    fn time_per_number() {
        let line = "через 5 минут прибудет поезд № 7. В магазине 21 рубль 50 коп. за 3 кг яблок. \
            к 22 ноября 2026 г. построят 15 домов. цена 1 299,99 руб. и 5,5 % сверху. \
            с 9:00 до 18:30 работает касса 12. Пассажиры 3-го вагона, пройдите в 5-й вагон, место 12. ";
        for lines in [50, 200] {
            let text = line.repeat(lines);
            let starts = |pair: &&[u8]| !pair[0].is_ascii_digit() && pair[1].is_ascii_digit();
            let numbers = text.as_bytes().windows(2).filter(starts).count();
            let best = (0..15)
                .map(|_| {
                    let start = Instant::now();
                    black_box(normalize(black_box(&text), Language::Russian));
                    start.elapsed().as_secs_f64()
                })
                .fold(f64::MAX, f64::min);
            let each = best * 1e6 / numbers as f64;
            println!("{numbers} numbers: {each:.2} us each");
        }
    }
}
