//! Times of day: `9:05`, `с 8.00 до 22.00`, `9:00–18:00`.

use super::{
    super::{
        figures::{self, Time},
        reader::Reader,
    },
    Russian, abbreviations, context,
    governing::governed,
    nouns::{Kind, senses},
    numerals::{Case, Gender, cardinal},
    signs::is_scale,
    surroundings::LONGEST_LIST,
    units,
};

/// Words after which two numbers with a full stop are a time.
const OCCASIONS: [&str; 28] = [
    "расписание",
    "начало",
    "конец",
    "окончание",
    "сегодня",
    "завтра",
    "отправление",
    "прибытие",
    "вылет",
    "прилёт",
    "прилет",
    "время",
    "сбор",
    "открытие",
    "закрытие",
    "перерыв",
    "обед",
    "посадка",
    "сеанс",
    "сеансы",
    "поезда",
    "рейсы",
    "автобусы",
    "электрички",
    "отправления",
    "отправлением",
    "прибытием",
    "вылетом",
];

/// Occasions before a time that is no day of a month.
const EVENTS: [&str; 16] = [
    "концерт",
    "регистрация",
    "спектакль",
    "собрание",
    "совещание",
    "заседание",
    "встреча",
    "экскурсия",
    "богослужение",
    "молебен",
    "выступление",
    "презентация",
    "тренировка",
    "репетиция",
    "завтрак",
    "ужин",
];

/// Prepositions after which the full hour is read without its minutes.
const BOUNDS: [&str; 14] = [
    "с",
    "до",
    "к",
    "по",
    "на",
    "от",
    "после",
    "около",
    "между",
    "позднее",
    "позже",
    "раньше",
    "ранее",
    "перед",
];

/// As many words as lie between a vehicle and its time: `поезд из Твери в Клин 14.10`.
const LONGEST_WAY: usize = 6;

impl Reader<'_, Russian> {
    /// A time that starts at `at`, or two with a dash between.
    pub(super) fn time(&mut self, at: usize, before: &str) -> Option<usize> {
        if let Some(end) = self.hours_of_weekday(at) {
            return Some(end);
        }
        if is_scale(before) {
            return None;
        }
        let (first, dotted) = match figures::time(self.tokens, at) {
            Some(time) => (time, false),
            None => (self.dotted_time(at, before, LONGEST_LIST)?, true),
        };
        if let Some(second) = self.time_after_dash(first.end) {
            if before != "с" {
                self.out.say("с");
            }
            let from = time_words(first, Case::Genitive, true);
            let to = time_words(second, Case::Genitive, true);
            self.out.say(&format!("{from} до {to}"));
            return Some(self.after_unit_of_time(second.end));
        }
        if before == "между"
            && let Some(second) = self.time_after_and(first.end)
        {
            let from = time_words(first, Case::Instrumental, true);
            let to = time_words(second, Case::Instrumental, true);
            self.out.say(&format!("{from} и {to}"));
            return Some(second.end);
        }
        let case = match governed(before) {
            Some(case @ (Case::Genitive | Case::Dative | Case::Instrumental)) => case,
            _ => Case::Nominative,
        };
        let full_hour = dotted && BOUNDS.contains(&before);
        self.out.say(&time_words(first, case, full_hour));
        Some(self.after_unit_of_time(first.end))
    }

    /// `до 11 вечера`, `в 2 ночи`, `к 1 ночи`: an hour of a part of the day, where no nights and no evenings are counted.
    pub(super) fn hour_of_part(&mut self, at: usize, before: &str) -> Option<usize> {
        let hour: u64 = self.tokens.number(at)?.parse().ok()?;
        let next = self.tokens.skip_space(at + 1);
        let counts = match self.tokens.text(next) {
            "утра" => false,
            "вечера" | "ночи" => {
                (2..=4).contains(&hour) && matches!(before, "на" | "за" | "по")
            }
            _ => return None,
        };
        let led = matches!(
            before,
            "в" | "к" | "ко" | "с" | "со" | "до" | "около" | "после" | "от" | "на"
        );
        if !led || counts || next == at + 1 || !(1..=12).contains(&hour) {
            return None;
        }
        let case = match governed(before) {
            Some(case @ (Case::Genitive | Case::Dative)) => case,
            _ => Case::Nominative,
        };
        match (hour, case) {
            (1, Case::Genitive) => self.out.say("часа"),
            (1, Case::Dative) => self.out.say("часу"),
            (1, _) => self.out.say("час"),
            _ => self.say_number(&cardinal(hour, Gender::Masculine, case)),
        }
        Some(at + 1)
    }

    /// The index after a time that ends at `end` and the unit that is written after it: `18.30 ч.`
    fn after_unit_of_time(&self, end: usize) -> usize {
        let unit = self.tokens.skip_space(end);
        match self.tokens.text(unit) {
            "ч" if unit > end => self.after_stop(unit, true),
            _ => end,
        }
    }

    /// `пн–пт 9–18`: full hours after a day of the week.
    fn hours_of_weekday(&mut self, at: usize) -> Option<usize> {
        let hour = |at: usize| {
            let digits = self.tokens.number(at).filter(|digits| digits.len() <= 2)?;
            digits.parse::<u64>().ok().filter(|hour| *hour <= 24)
        };
        let dash = self.tokens.skip_space(at + 1);
        let last = self.tokens.skip_space(dash + 1);
        let (from, to) = (hour(at)?, hour(last)?);
        let alone = !matches!(self.tokens.text(last + 1), "." | ":" | ",")
            || self.tokens.number(last + 2).is_none();
        let spans = matches!(self.tokens.text(dash), "-" | "—") && from < to && alone;
        if !spans || !self.is_after_weekday(at) {
            return None;
        }
        let words = |hour| cardinal(hour, Gender::Masculine, Case::Genitive);
        self.out.say(&format!("с {} до {}", words(from), words(to)));
        // `пн–чт, 10–12 ч.`
        let unit = self.tokens.skip_space(last + 1);
        if self.tokens.text(unit) == "ч" {
            self.out.say(" часов");
            return Some(self.after_stop(unit, true));
        }
        Some(last + 1)
    }

    fn is_after_weekday(&self, at: usize) -> bool {
        let before = match self.previous(at) {
            // `пн.–пт., 8–17`
            Some(mark) if matches!(self.tokens.text(mark), ":" | "." | "—" | ",") => {
                let stop = usize::from(mark > 0 && self.tokens.text(mark - 1) == ".");
                self.tokens.word_before(mark - stop)
            }
            _ => self.tokens.word_before(at),
        };
        let breaks = ["обед", "перерыв", "обеда", "перерыва"].contains(&before.as_str());
        breaks
            || abbreviations::weekday(&before).is_some()
            || senses(&before)
                .iter()
                .any(|sense| sense.noun.is(Kind::Weekday))
    }

    /// `между 10:00 и 12:00`
    fn time_after_and(&self, end: usize) -> Option<Time> {
        let joint = self.tokens.skip_space(end);
        let next = self.tokens.skip_space(joint + 1);
        let second = figures::time(self.tokens, next).or_else(|| self.hours_and_minutes(next));
        second.filter(|_| self.tokens.text(joint) == "и")
    }

    fn time_after_dash(&self, end: usize) -> Option<Time> {
        let dash = self.tokens.skip_space(end);
        if !matches!(self.tokens.text(dash), "-" | "—") {
            return None;
        }
        let next = self.tokens.skip_space(dash + 1);
        figures::time(self.tokens, next).or_else(|| self.hours_and_minutes(next))
    }

    /// `8.00` where something says that it is a time and nothing that it is a date or an amount.
    fn dotted_time(&self, at: usize, before: &str, depth: usize) -> Option<Time> {
        let time = self.hours_and_minutes(at)?;
        let next = self.tokens.skip_space(time.end);
        let counted = matches!(self.tokens.text(next), "%" | "‰" | "°" | "/")
            || units::currency(self.tokens.text(next)).is_some()
            || units::unit(self.tokens.text(next)).is_some_and(|unit| !unit.may_be_letter())
                && !self.is_from(time.end)
            || self
                .phrase(next)
                .senses
                .iter()
                .any(|sense| may_be_counted(sense.case))
                && !self.is_part_of_day(next);
        // `18.30 ч.`
        if self.tokens.text(next) == "ч" && next > time.end && time.hours > 0 {
            return Some(time);
        }
        // `на 8.12 в 9.00`
        let hour = self.tokens.text(self.tokens.skip_space(time.end)) == "в"
            && self.hour_follows(time.end);
        if counted || hour && before != "в" && (1..=12).contains(&time.minutes) {
            return None;
        }
        let hyphen = self.tokens.text(at + 1) == "-";
        let sure = self.is_part_of_day(next)
            || before == "в"
            || hyphen
            || self.is_occasion(at)
            || self.is_departure(at)
            || self.is_announced_time(at, time);
        let sure = sure || depth > 0 && self.is_listed_time(at, depth - 1);
        // `9.00` and nothing else
        let alone = self.is_all(at, time.end) && self.tokens.text(at + 2) == "00";
        let sure = sure || alone;
        let bound = BOUNDS.contains(&before) || self.time_after_dash(time.end).is_some();
        let may = bound && (!self.is_day_and_month(at) || self.is_beside_time(at, time.end));
        (sure || may).then_some(time)
    }

    /// `прибывает 14.10`, `Концерт 19.00`, `в пятницу, 18.30`, `11.30 – регистрация`: beside something that moves or begins;
    /// what can be a day of a month is a time only where something moves.
    fn is_announced_time(&self, at: usize, time: Time) -> bool {
        if self.tokens.text(at + 1) != "." {
            return false;
        }
        if self.is_day_and_month(at) {
            let verb = self.tokens.word_before(at);
            // `прибывает 14.10`, `открывается 9.05`
            let short = self.tokens.text(at).len() == 1;
            return context::is_of_transport(&verb)
                || short && context::is_of_schedule(&verb)
                || self.is_time_of_vehicle(at);
        }
        let Some(last) = self.previous(at) else {
            return self.heads_line(at, time);
        };
        let word = self.tokens.word_before(match self.tokens.text(last) {
            "," | ":" | "—" => last,
            _ => at,
        });
        let is_comma = self.tokens.text(last) == ",";
        let weekday = abbreviations::weekday(&word).is_some()
            || senses(&word)
                .iter()
                .any(|sense| sense.noun.is(Kind::Weekday));
        weekday || !is_comma && (EVENTS.contains(&word.as_str()) || context::is_of_schedule(&word))
    }

    /// `Поезд на Тверь 14.10`, `Ближайшая электричка — 18.12`, `прибывает ежедневно 14.10`: a vehicle or its verb stands before,
    /// over a place or a word of every day.
    fn is_time_of_vehicle(&self, at: usize) -> bool {
        const VEHICLES: [&str; 9] = [
            "поезд",
            "электропоезд",
            "электричка",
            "автобус",
            "экспресс",
            "маршрутка",
            "теплоход",
            "паром",
            "аэроэкспресс",
        ];
        let dash = self
            .previous(at)
            .filter(|dash| self.tokens.text(*dash) == "—");
        let mut word = self.previous_word(dash.unwrap_or(at));
        for _ in 0..LONGEST_WAY {
            let Some(i) = word else {
                return false;
            };
            let cased = self.tokens.text(i);
            let small = cased.to_lowercase();
            if VEHICLES.contains(&small.as_str()) {
                return true;
            }
            let daily = matches!(
                small.as_str(),
                "ежедневно" | "сегодня" | "завтра" | "обычно" | "также"
            );
            if daily && context::is_of_transport(&self.tokens.word_before(i)) {
                return true;
            }
            let way = matches!(small.as_str(), "на" | "до" | "в" | "из" | "от" | "с");
            if !way && !cased.starts_with(char::is_uppercase) {
                return false;
            }
            word = self.previous_word(i);
        }
        false
    }

    /// `11.30 – регистрация`, `18.30. Начало концерта`, `18.30.`: a time of two digits and full five minutes, behind which
    /// nothing is given a value.
    fn heads_line(&self, at: usize, time: Time) -> bool {
        let two = self.tokens.text(at).len() == 2 && time.minutes.is_multiple_of(5);
        let mark = self.tokens.skip_space(time.end);
        let next = self.tokens.skip_space(mark + 1);
        let word = self.tokens.text(next).to_lowercase();
        let event = OCCASIONS.contains(&word.as_str()) || EVENTS.contains(&word.as_str());
        match self.tokens.text(mark) {
            "—" | "-" if mark > time.end => {
                event || two && self.tokens.is_word(next) && !context::is_valued(&word)
            }
            "." => event || two && word.is_empty(),
            _ => false,
        }
    }

    /// `9.05, 10.10 и 11.20`: what is listed after a time is one too.
    fn is_listed_time(&self, at: usize, depth: usize) -> bool {
        let joint = self
            .previous(at)
            .filter(|joint| matches!(self.tokens.text(*joint), "," | "и" | "или"));
        let first = joint
            .and_then(|joint| self.previous(joint))
            .and_then(|last| last.checked_sub(2));
        first.is_some_and(|first| {
            self.dotted_time(first, &self.tokens.word_before(first), depth)
                .is_some()
        })
    }

    /// `в 9.05 с 14-го пути`: the letter is the preposition, as its word or number follows; seconds end their phrase.
    fn is_from(&self, end: usize) -> bool {
        let letter = self.tokens.skip_space(end);
        let word = self.tokens.skip_space(letter + 1);
        let follows = self.tokens.is_word(word) || self.tokens.number(word).is_some();
        let other = matches!(
            self.tokens.text(word),
            "и" | "или" | "на" | "до" | "от" | "за" | "лишним" | "небольшим"
        );
        letter > end && word > letter + 1 && self.tokens.text(letter) == "с" && follows && !other
    }

    /// Two numbers with a full stop that can be hours and minutes.
    fn hours_and_minutes(&self, at: usize) -> Option<Time> {
        let hours = self.tokens.number(at).filter(|digits| digits.len() <= 2)?;
        let minutes = self
            .tokens
            .number(at + 2)
            .filter(|digits| digits.len() == 2)?;
        let more = self.tokens.text(at + 3) == "." && self.tokens.number(at + 4).is_some();
        let follows =
            at >= 2 && self.tokens.text(at - 1) == "." && self.tokens.number(at - 2).is_some();
        let (hours, minutes) = (hours.parse().ok()?, minutes.parse().ok()?);
        let joint = self.tokens.text(at + 1) == "." || self.is_hyphened_time(at);
        let good = joint && hours <= 24 && minutes < 60 && !more && !follows;
        good.then_some(Time {
            hours,
            minutes,
            seconds: None,
            end: at + 3,
        })
    }

    /// `в 9-00`, `до 17-30`: a hyphen before full minutes where nothing is counted.
    fn is_hyphened_time(&self, at: usize) -> bool {
        let minutes = self.tokens.text(at + 2);
        let before = self.tokens.word_before(at);
        let led = matches!(before.as_str(), "в" | "с" | "до" | "к" | "после");
        let round = matches!(minutes, "10" | "15" | "20" | "30" | "40" | "45" | "50");
        let next = self.tokens.skip_space(at + 3);
        let word = self.tokens.text(next).to_lowercase();
        let counts = matches!(word.as_str(), "%" | "‰" | "°" | "-" | "/" | "$" | "€" | "₽")
            || self.tokens.is_word(next)
                && !self.is_part_of_day(next)
                && !context::is_function_word(&word)
                && !context::is_verb(&word);
        let dated = self.tokens.text(at + 1) == "-" && self.tokens.text(at + 3) != "-";
        dated && (minutes == "00" || led && round) && !counts
    }

    fn is_day_and_month(&self, at: usize) -> bool {
        // `до 1.02`: minutes below ten are rather a month.
        let short = self.tokens.text(at + 2).starts_with('0');
        let part = |at: usize| -> u64 {
            let digits = self
                .tokens
                .number(at)
                .filter(|digits| digits.len() == 2 || short);
            digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
        };
        (1..=31).contains(&part(at)) && (1..=12).contains(&part(at + 2))
    }

    /// `с 8.30 до 12.10`: the other bound can be no date.
    fn is_beside_time(&self, at: usize, end: usize) -> bool {
        let is_time =
            |at: usize| self.hours_and_minutes(at).is_some() && !self.is_day_and_month(at);
        let word = self.tokens.skip_space(end);
        let after = matches!(self.tokens.text(word), "до" | "по" | "на" | "и" | "-" | "—")
            && is_time(self.tokens.skip_space(word + 1));
        let before = self
            .previous_word(at)
            .and_then(|word| self.previous(word))
            .and_then(|last| last.checked_sub(2))
            .is_some_and(is_time);
        after || before
    }

    /// True if the word before, over a colon or dash, says what happens at a time, or on which day.
    fn is_occasion(&self, at: usize) -> bool {
        let word = match self.previous(at) {
            Some(mark) if matches!(self.tokens.text(mark), ":" | "—" | "-") => {
                self.tokens.word_before(mark)
            }
            // `отпр. 21.38`
            Some(stop) if self.tokens.text(stop) == "." => {
                match self.tokens.word_before(stop).as_str() {
                    "отпр" | "приб" => return true,
                    _ => String::new(),
                }
            }
            // `25 янв., 17.00`
            Some(comma) if self.tokens.text(comma) == "," => {
                return self.tokens.text(at + 2) == "00" && self.is_after_month(comma);
            }
            _ => self.tokens.word_before(at),
        };
        OCCASIONS.contains(&word.as_str())
            || abbreviations::weekday(&word).is_some()
            || senses(&word)
                .iter()
                .any(|sense| sense.noun.is(Kind::Weekday))
    }

    /// True if a month, in full or short, stands before the mark at `at`.
    fn is_after_month(&self, at: usize) -> bool {
        let stop = usize::from(at > 0 && self.tokens.text(at - 1) == ".");
        let word = self.tokens.word_before(at - stop);
        abbreviations::month(&word).is_some()
            || senses(&word).iter().any(|sense| sense.noun.is(Kind::Month))
    }

    /// `электричка на 18.05`: what leaves or begins at a time of day.
    fn is_departure(&self, at: usize) -> bool {
        let on = self
            .previous_word(at)
            .filter(|word| self.tokens.text(*word) == "на");
        let what = on.map(|on| self.tokens.word_before(on));
        what.is_some_and(|what| {
            [
                "электричк",
                "поезд",
                "автобус",
                "сеанс",
                "маршрутк",
                "экспресс",
            ]
            .iter()
            .any(|stem| what.starts_with(stem))
        })
    }

    fn is_part_of_day(&self, at: usize) -> bool {
        matches!(
            self.tokens.text(at),
            "утра" | "дня" | "вечера" | "ночи" | "час" | "часа" | "часов"
        ) || context::is_day_part(self.tokens.text(at))
    }
}

/// True if a noun in `case` can be what a decimal counts: neither `рейсом` in `в 7.40 рейсом 21` nor `вход` in
/// `после 22.00 вход закрыт`.
fn may_be_counted(case: Case) -> bool {
    case == Case::Genitive
}

/// *девять ноль пять*; the full hour without its minutes where `short`.
fn time_words(time: Time, case: Case, short: bool) -> String {
    let words = |value: u64| cardinal(value, Gender::Masculine, case);
    let padded = |value: u64| match value {
        0 => "ноль ноль".to_owned(),
        1..=9 => format!("ноль {}", words(value)),
        _ => words(value),
    };
    let mut said = match time.hours {
        0 => padded(0),
        hours => words(hours),
    };
    if short && time.minutes == 0 && time.seconds.is_none() && time.hours > 0 {
        return said;
    }
    for part in [Some(time.minutes), time.seconds].into_iter().flatten() {
        said.push(' ');
        said.push_str(&padded(part));
    }
    said
}
