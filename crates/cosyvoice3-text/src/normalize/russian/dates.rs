//! Dates: in figures, days with their month alone, in lists and ranges.

use super::{
    super::{
        figures::{self, Date, Style},
        reader::Reader,
    },
    Russian, abbreviations, context,
    governing::governed,
    nouns::{self, Entry, Kind, senses},
    numerals::{Case, Gender, ordinal},
    surroundings::LONGEST_LIST,
    units,
};

const MONTHS: [&str; 12] = [
    "январь",
    "февраль",
    "март",
    "апрель",
    "май",
    "июнь",
    "июль",
    "август",
    "сентябрь",
    "октябрь",
    "ноябрь",
    "декабрь",
];

/// A day in a list of days, and the word or sign before it.
struct Day {
    value: u64,
    joint: String,
}

/// Days of one month and what follows them.
struct Days {
    days: Vec<Day>,
    month: &'static Entry,
    /// Index of the first token after the last day.
    days_end: usize,
    /// Index of the first token after the month.
    end: usize,
    /// True if the month is written short.
    short: bool,
}

/// A day and a month in figures, perhaps with a year.
struct DottedDay {
    day: u64,
    month: usize,
    year: Option<u64>,
    /// Index of the first token after it.
    end: usize,
}

impl Reader<'_, Russian> {
    /// `22.11.2026`: *двадцать второе ноября две тысячи двадцать шестого года*.
    pub(super) fn date(&mut self, at: usize, before: &str) -> Option<usize> {
        let date = figures::date(self.tokens, at, Style::Russian)
            .or_else(|| self.date_with_short_month(at))
            .or_else(|| self.date_with_hyphens(at, before))?;
        let named = matches!(before, "дата" | "даты" | "число" | "срок");
        let dated = context::is_noun_like(before) && !named;
        let otherwise = if context::is_predicate(before) || dated {
            Case::Genitive
        } else {
            Case::Nominative
        };
        let case = day_case(before, otherwise);
        self.out.say(&format!(
            "{} {} {} года",
            ordinal(date.day, Gender::Neuter, case),
            month(date.month, Case::Genitive),
            ordinal(date.year, Gender::Masculine, Case::Genitive)
        ));
        // `22.11.2026 г.`
        Some(self.after_word_of_year(date.end))
    }

    /// `14.07–21.07`, `01.06.2025–31.08.2025`: from a day to another one.
    pub(super) fn range_of_dates(&mut self, at: usize, before: &str) -> Option<usize> {
        let first = self.dotted_day(at)?;
        let dash = self.tokens.skip_space(first.end);
        if !matches!(self.tokens.text(dash), "-" | "—") {
            return None;
        }
        let second = self.dotted_day(self.tokens.skip_space(dash + 1))?;
        let dated = first.year.is_some() || second.year.is_some();
        if !dated && !self.are_days(at, &first, &second, before) {
            return None;
        }
        let year = |year: Option<u64>| match year {
            Some(year) => format!(" {} года", ordinal(year, Gender::Masculine, Case::Genitive)),
            None => String::new(),
        };
        let same = first.month == second.month && first.year.is_none();
        let whose = match same {
            true => String::new(),
            false => format!(
                " {}{}",
                month(first.month, Case::Genitive),
                year(first.year)
            ),
        };
        // `на 21.03–20.04`
        let (case, joint) = match before {
            "на" | "за" => (Case::Accusative, "—"),
            _ => (Case::Genitive, "по"),
        };
        if case == Case::Genitive && !matches!(before, "с" | "со") {
            self.out.say("с");
        }
        self.say_number(&ordinal(first.day, Gender::Neuter, case));
        self.out.say(&format!(
            "{whose} {joint} {} {}{}",
            ordinal(second.day, Gender::Neuter, Case::Accusative),
            month(second.month, Case::Genitive),
            year(second.year)
        ));
        Some(self.after_word_of_year(second.end))
    }

    /// `14.07`, `14.07.2025`.
    fn dotted_day(&self, at: usize) -> Option<DottedDay> {
        if let Some(date) = figures::date(self.tokens, at, Style::Russian) {
            return Some(DottedDay {
                day: date.day,
                month: date.month,
                year: Some(date.year),
                end: date.end,
            });
        }
        let two = |at: usize| self.tokens.number(at).filter(|digits| digits.len() == 2);
        let day = two(at)?.parse().ok().filter(|day| (1..=31).contains(day))?;
        let month = two(at + 2)?.parse().ok();
        let month = month.filter(|month| (1..=12).contains(month))?;
        let more = self.tokens.text(at + 3) == "." && self.tokens.number(at + 4).is_some();
        (self.tokens.text(at + 1) == "." && !more).then_some(DottedDay {
            day,
            month,
            year: None,
            end: at + 3,
        })
    }

    /// True if two numbers with a full stop each are days, while `12.00–13.05` are hours and `10.25–11.50` amounts.
    fn are_days(&self, at: usize, first: &DottedDay, second: &DottedDay, before: &str) -> bool {
        // Minutes are rather full fives.
        let is_month = |day: &DottedDay| !day.month.is_multiple_of(5);
        let next = self.tokens.text(self.tokens.skip_space(second.end));
        let measured = matches!(next, "%" | "°" | "₽" | "$" | "€")
            || units::unit(next).is_some_and(|unit| !unit.may_be_letter());
        let asks = before.is_empty()
            || matches!(
                before,
                "с" | "со" | "на" | "за" | "заезд" | "выезд" | "дата" | "даты" | "работы"
            )
            || is_event(before);
        let late = first.day > 24 || second.day > 24;
        let ascends = (first.month, first.day) < (second.month, second.day);
        let headed = self.tokens.word_before(at) == before;
        ascends && !measured && (late || asks && headed && is_month(first) && is_month(second))
    }

    /// The index after `г.` or *года* at `end`, if one of them follows a date there.
    fn after_word_of_year(&self, end: usize) -> usize {
        let next = self.tokens.skip_space(end);
        match self.tokens.text(next) {
            "г" if self.tokens.text(next + 1) == "." => {
                next + 2 - usize::from(self.tokens.ends_sentence(next + 1))
            }
            "года" | "ГОДА" | "г" => next + 1,
            _ => end,
        }
    }

    /// `03-фев-2002`.
    fn date_with_short_month(&self, at: usize) -> Option<Date> {
        let separator = self.tokens.text(at + 1);
        if !matches!(separator, "-" | "." | "/") || self.tokens.text(at + 3) != separator {
            return None;
        }
        let day = self.tokens.number(at)?.parse().ok()?;
        let month = abbreviations::month(&self.tokens.text(at + 2).to_lowercase())
            .or_else(|| month_called(self.tokens.text(at + 2)))?;
        let year = self.tokens.number(at + 4)?;
        let year = match year.len() {
            2 => figures::of_century(year.parse().ok()?),
            4 => year.parse().ok()?,
            _ => return None,
        };
        let month = MONTHS.iter().position(|name| *name == month.name())? + 1;
        (1..=31).contains(&day).then_some(Date {
            day,
            month,
            year,
            end: at + 5,
        })
    }

    /// `от 31-12-99`: a day that could begin a telephone number too, after a word that asks for a date.
    fn date_with_hyphens(&self, at: usize, before: &str) -> Option<Date> {
        let part = |at: usize| {
            let digits = self.tokens.number(at).filter(|digits| digits.len() == 2);
            digits.and_then(|digits| digits.parse::<u64>().ok())
        };
        let (day, month, year) = (part(at)?, part(at + 2)?, part(at + 4)?);
        let joined = self.tokens.text(at + 1) == "-"
            && self.tokens.text(at + 3) == "-"
            && self.tokens.text(at + 5) != "-";
        let asks = matches!(
            before,
            "до" | "с" | "от" | "к" | "после" | "дата" | "даты" | "срок"
        ) || before.starts_with("родил")
            || is_event(before);
        let valid = (1..=31).contains(&day) && (1..=12).contains(&month);
        (joined && asks && valid).then_some(Date {
            day,
            month: usize::try_from(month).ok()?,
            year: figures::of_century(year),
            end: at + 5,
        })
    }

    /// True if the tokens from `at` to `end` are the whole text but for a full stop.
    pub(super) fn is_all(&self, at: usize, end: usize) -> bool {
        let stop = usize::from(self.tokens.text(end) == ".");
        self.previous(at).is_none() && self.tokens.skip_space(end + stop) == self.tokens.len()
    }

    /// `до 31.12`: a date after a preposition that asks for one; a decimal number has a comma.
    pub(super) fn short_date(&mut self, at: usize, before: &str) -> Option<usize> {
        let two = |at: usize| self.tokens.number(at).filter(|digits| digits.len() == 2);
        // `на 8.12 в 9.00`
        let bare = self.tokens.text(at).len() == 1
            && (self.hour_follows(at + 3)
                || self.tokens.text(at + 2).starts_with('0') && self.stands_free(at + 3));
        let day: u64 = match bare {
            true => self.tokens.number(at)?.parse().ok()?,
            false => two(at)?.parse().ok()?,
        };
        let number: usize = two(at + 2)?.parse().ok()?;
        let asks = matches!(
            before,
            "до" | "с"
                | "от"
                | "к"
                | "по"
                | "на"
                | "после"
                | "заезд"
                | "выезд"
                | "дата"
                | "работы"
                | "даты"
        );
        let valid = (1..=31).contains(&day) && (1..=12).contains(&number);
        // `02.05`: no amount begins with a nought, nor does one of a day and a month stand alone.
        let padded = self.tokens.text(at).starts_with('0')
            || self.tokens.text(at + 2).starts_with('0') && self.is_all(at, at + 3);
        let event = is_event(before)
            || context::is_of_schedule(before)
            || self.hour_follows(at + 3)
            || self.hour_precedes(at)
            || padded;
        if !asks && !event || !valid || self.tokens.text(at + 1) != "." {
            return None;
        }
        let otherwise = if event && !self.is_all(at, at + 3) {
            Case::Genitive
        } else {
            Case::Nominative
        };
        let case = day_case(before, otherwise);
        let month = month(number, Case::Genitive);
        self.out
            .say(&format!("{} {month}", ordinal(day, Gender::Neuter, case)));
        Some(at + 3)
    }

    /// `с 1.09`, `до 5.03 включительно`: nothing that could be counted stands at `end`.
    fn stands_free(&self, end: usize) -> bool {
        let next = self.tokens.skip_space(end);
        let text = self.tokens.text(next);
        match self.tokens.is_word(next) {
            true => next > end && (context::is_function_word(text) || text.starts_with("включ")),
            false => {
                matches!(text, "" | "," | "!" | "?" | ")" | ";" | ":" | "—")
                    || text == "." && self.tokens.number(next + 1).is_none()
            }
        }
    }

    /// `в 00:15 25.11`: an hour before a date.
    fn hour_precedes(&self, at: usize) -> bool {
        let minutes = self.previous(at).filter(|minutes| minutes + 1 < at);
        // `с 9 до 12 ч. 25.11`
        if minutes.is_some_and(|stop| {
            self.tokens.text(stop) == "." && self.tokens.word_before(stop) == "ч"
        }) {
            return true;
        }
        let hour = minutes.and_then(|minutes| minutes.checked_sub(2));
        hour.is_some_and(|hour| {
            figures::time(self.tokens, hour).is_some_and(|time| time.end + 1 == at)
        })
    }

    /// `02.05 в 10:00`: an hour after a date.
    pub(super) fn hour_follows(&self, end: usize) -> bool {
        let preposition = self.tokens.skip_space(end);
        let hour = self.tokens.skip_space(preposition + 1);
        // `15.01, 8:00–12:00`
        if self.tokens.text(preposition) == "," && figures::time(self.tokens, hour).is_some() {
            return true;
        }
        let minutes = self.tokens.number(hour + 2);
        // `26.11 с 9 до 12`
        let span = self.tokens.text(preposition) == "с"
            && self.tokens.number(hour).is_some_and(|hour| hour.len() <= 2)
            && (matches!(self.tokens.text(hour + 1), ":" | ".")
                || self.tokens.text(self.tokens.skip_space(hour + 1)) == "до");
        let hour_of_day = self.tokens.text(preposition) == "в"
            && self.tokens.number(hour).is_some_and(|hour| hour.len() <= 2)
            && matches!(self.tokens.text(hour + 1), ":" | ".")
            && minutes.is_some_and(|minutes| minutes.len() == 2);
        preposition > end && (span || hour_of_day)
    }

    /// `12.2027`: *декабрь две тысячи двадцать седьмого года*.
    pub(super) fn month_of_year(&mut self, at: usize, before: &str) -> Option<usize> {
        let number = self.tokens.number(at).filter(|digits| digits.len() == 2)?;
        let number: usize = number.parse().ok().filter(|n| (1..=12).contains(n))?;
        let year = self
            .tokens
            .number(at + 2)
            .filter(|digits| digits.len() == 4)?;
        let year: u64 = year.parse().ok().filter(|y| (1900..2100).contains(y))?;
        let separator = self.tokens.text(at + 1);
        let more = self.tokens.text(at + 3) == separator && self.tokens.number(at + 4).is_some();
        if !matches!(separator, "." | "/") || more {
            return None;
        }
        let case = match before {
            "в" | "во" => Case::Prepositional,
            _ => governed(before).unwrap_or(Case::Nominative),
        };
        self.out.say(&format!(
            "{} {} года",
            month(number, case),
            ordinal(year, Gender::Masculine, Case::Genitive)
        ));
        Some(at + 3)
    }

    /// `22 ноября`, `10-15 ноября`, `15, 25 и 27 апреля`, `с 1 по 15 дек.`.
    pub(super) fn days(&mut self, at: usize, before: &str) -> Option<usize> {
        let Days {
            days,
            month,
            days_end,
            end,
            short,
        } = self.days_of_month(at)?;

        let otherwise = if self.is_subject(at, before, end) {
            Case::Nominative
        } else {
            Case::Genitive
        };
        let mut case = day_case(before, otherwise);
        for day in days {
            match day.joint.as_str() {
                "" => {}
                "-" | "—" => self.out.say(" - "),
                "," => self.out.say(", "),
                joint => {
                    self.out.say(joint);
                    let bound = joint.rsplit(' ').next().unwrap_or(joint);
                    if !matches!(bound, "и" | "или" | "либо") {
                        case = day_case(bound, otherwise);
                    }
                }
            }
            self.out.say(&ordinal(day.value, Gender::Neuter, case));
        }
        if !short {
            return Some(days_end);
        }
        self.out.say(month.form(false, Case::Genitive));

        Some(end)
    }

    fn days_of_month(&self, at: usize) -> Option<Days> {
        let mut days: Vec<Day> = Vec::new();
        let mut next = at;
        let mut joint = String::new();
        while days.len() < LONGEST_LIST {
            let digits = self
                .tokens
                .number(next)
                .filter(|digits| digits.len() <= 2)?;
            let value = digits.parse().ok().filter(|day| (1..=31).contains(day))?;
            days.push(Day { value, joint });
            let days_end = next + 1;
            let after = self.tokens.skip_space(days_end);
            if let Some((month, end, short)) = self.month_at(after) {
                return Some(Days {
                    days,
                    month,
                    days_end,
                    end,
                    short,
                });
            }
            let text = self.tokens.text(after);
            if !matches!(
                text,
                "," | "-" | "—" | "и" | "или" | "либо" | "по" | "до" | "на"
            ) {
                return None;
            }
            joint = text.to_owned();
            next = self.tokens.skip_space(after + 1);
            // `до 5 и после 9 июня`
            if is_bound(&self.tokens.word_before(at))
                && let Some((bound, day)) = self.bound_at(next)
            {
                joint = format!("{text} {bound}");
                next = day;
            }
        }
        None
    }

    /// `после`, `не позднее` at `at`, and the index of what follows.
    fn bound_at(&self, at: usize) -> Option<(String, usize)> {
        let word = self.tokens.text(at);
        let next = self.tokens.skip_space(at + 1);
        let later = self.tokens.text(next);
        match word {
            "не" if is_bound(later) => {
                Some((format!("не {later}"), self.tokens.skip_space(next + 1)))
            }
            word if is_bound(word) => Some((word.to_owned(), next)),
            _ => None,
        }
    }

    /// True if a day with its month stands at `at`: `25 нояб.`.
    pub(super) fn is_day_of_month(&self, at: usize) -> bool {
        self.days_of_month(at).is_some()
    }

    /// The month at `at` in the genitive or written short, the index after it, and true if it is short.
    fn month_at(&self, at: usize) -> Option<(&'static Entry, usize, bool)> {
        if !self.tokens.is_word(at) {
            return None;
        }
        let word = self.tokens.text(at).to_lowercase();
        if let Some(sense) = senses(&word)
            .iter()
            .find(|sense| sense.noun.is(Kind::Month))
        {
            return (sense.case == Case::Genitive || word == "мая").then_some((
                sense.noun,
                at + 1,
                false,
            ));
        }
        let month = abbreviations::month(&word)?;
        // `1 сент. — День знаний`
        let dash = self.tokens.text(self.tokens.skip_space(at + 2)) == "—";
        let stop = self.tokens.text(at + 1) == "." && (dash || !self.tokens.ends_sentence(at + 1));
        Some((month, at + 1 + usize::from(stop), true))
    }

    /// `8 марта — праздник`, `2 мая и 9 мая — выходные`: the day is the subject of the sentence.
    fn is_subject(&self, at: usize, before: &str, end: usize) -> bool {
        let first = self.previous(at).is_none_or(|before| {
            matches!(
                self.tokens.text(before),
                "." | "!" | "?" | ":" | "\n" | "(" | "\"" | "«"
            )
        });
        let listed = self
            .previous(at)
            .is_some_and(|comma| self.tokens.text(comma) == ",");
        if !first && before != "и" && !(listed && self.is_kind_of_day(end)) {
            return false;
        }
        let mut next = self.tokens.skip_space(end);
        for _ in 0..LONGEST_LIST {
            if self.tokens.text(next) == "—" {
                return self
                    .tokens
                    .number(self.tokens.skip_space(next + 1))
                    .is_none();
            }
            if !matches!(self.tokens.text(next), "," | "и") {
                return false;
            }
            match self.days_of_month(self.tokens.skip_space(next + 1)) {
                Some(days) => next = self.tokens.skip_space(days.end),
                None => return false,
            }
        }
        false
    }
}

impl Reader<'_, Russian> {
    /// `— рабочий день`: what kind of day it is stands after a dash at `end`.
    fn is_kind_of_day(&self, end: usize) -> bool {
        let dash = self.tokens.skip_space(end);
        let word = self.tokens.text(self.tokens.skip_space(dash + 1));
        self.tokens.text(dash) == "—"
            && ["выходн", "праздн", "рабоч", "нерабоч", "сокращ", "санитарн"]
                .iter()
                .any(|stem| word.starts_with(stem))
    }
}

/// True if `word` says on which side of a day something is.
fn is_bound(word: &str) -> bool {
    matches!(
        word,
        "до" | "после"
            | "с"
            | "со"
            | "от"
            | "к"
            | "по"
            | "перед"
            | "ранее"
            | "раньше"
            | "позднее"
            | "позже"
    )
}

/// True if `word` names something that happens on a day, so that a number with a point after it is a date.
fn is_event(word: &str) -> bool {
    const STEMS: [&str; 20] = [
        "собрани",
        "заседани",
        "совещани",
        "встреч",
        "приём",
        "прием",
        "отправлени",
        "прибыти",
        "вылет",
        "концерт",
        "спектакл",
        "матч",
        "экзамен",
        "лекци",
        "семинар",
        "вебинар",
        "сеанс",
        "открыти",
        "премьер",
        "выставк",
    ];
    STEMS.iter().any(|stem| word.starts_with(stem))
}

/// The name of the month with this number, from 1 on.
fn month(number: usize, case: Case) -> &'static str {
    let name = MONTHS[number - 1];
    nouns::entry(name).map_or(name, |month| month.form(false, case))
}

/// The month of which `word` is a form.
pub(super) fn month_called(word: &str) -> Option<&'static Entry> {
    let senses = senses(word).iter();
    senses
        .map(|sense| sense.noun)
        .find(|noun| noun.is(Kind::Month))
}

/// The case of a day after `before`.
fn day_case(before: &str, otherwise: Case) -> Case {
    match before {
        "сегодня" | "завтра" | "вчера" | "послезавтра" | "это" | "было" | "будет" | "наступило" => {
            Case::Nominative
        }
        "на" | "за" | "по" => Case::Nominative,
        "в" | "во" => otherwise,
        _ => governed(before).unwrap_or(otherwise),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_all_months() {
        for name in MONTHS {
            assert!(nouns::entry(name).unwrap().is(Kind::Month));
        }
    }
}
