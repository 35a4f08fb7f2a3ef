//! Times of day in English: `5:30`, `1.59 p.m.`, `10:00:05 a.m.`, `5pm`.

use super::{
    English,
    numerals::{cardinal, digits},
};
use crate::normalize::{
    figures::{self, Time},
    reader::Reader,
};

/// Words that speak of a timetable: a decimal point after one of them and `at` parts hours and minutes.
const TIMETABLE: [&str; 33] = [
    "leaves",
    "leave",
    "left",
    "departs",
    "depart",
    "departing",
    "arrives",
    "arrive",
    "arriving",
    "starts",
    "start",
    "begins",
    "begin",
    "opens",
    "open",
    "closes",
    "close",
    "meet",
    "meeting",
    "train",
    "bus",
    "flight",
    "ferry",
    "boarding",
    "trains",
    "buses",
    "flights",
    "ferries",
    "departure",
    "departures",
    "arrival",
    "arrivals",
    "sessions",
];

/// As far back as a list of times is followed, so that reading stays linear.
const LONGEST_LIST: usize = 12;

/// Vehicles that are named by the time at which they leave.
const VEHICLES: [&str; 8] = [
    "train", "bus", "coach", "ferry", "flight", "service", "express", "tram",
];

/// *A M* or *P M*, written in one of many ways.
struct Half {
    words: &'static str,
    end: usize,
}

impl Reader<'_, English> {
    fn half(&self, at: usize) -> Option<Half> {
        let words = |letter: &str| match letter {
            "a" | "A" | "am" | "AM" | "Am" => Some("A M"),
            "p" | "P" | "pm" | "PM" | "Pm" => Some("P M"),
            _ => None,
        };
        let text = self.tokens.text(at);
        let words = words(text)?;
        if text.len() == 2 {
            return Some(Half { words, end: at + 1 });
        }
        let inner = self.tokens.skip_space(at + 2);
        if self.tokens.text(at + 1) != "." || !matches!(self.tokens.text(inner), "m" | "M") {
            return None;
        }
        let stop = self.tokens.text(inner + 1) == "." && !self.stop_after_half_ends(inner + 1);
        Some(Half {
            words,
            end: inner + 1 + usize::from(stop),
        })
    }

    /// True if the full stop of `a.m.` at `at` ends the sentence too; a day or a zone after it belongs to the time.
    pub(super) fn stop_after_half_ends(&self, at: usize) -> bool {
        let after = self.tokens.skip_space(at + 1);
        let next = self.tokens.text(after);
        let short_day =
            super::calendar::weekday_name(next).is_some() && self.tokens.text(after + 1) == ".";
        let belongs = short_day
            || matches!(
                next,
                "EST"
                    | "EDT"
                    | "CST"
                    | "CDT"
                    | "MST"
                    | "PST"
                    | "PDT"
                    | "ET"
                    | "PT"
                    | "UTC"
                    | "GMT"
                    | "CET"
                    | "BST"
                    | "Eastern"
                    | "Central"
                    | "Pacific"
            )
            || super::calendar::is_day_or_month(next);
        self.tokens.ends_sentence(at) && !belongs && !self.describes_service(at, next)
    }

    /// `the 11:59 p.m. Red Line train`: a time behind an article, whose full stop is at `stop`, says more about what follows.
    fn describes_service(&self, stop: usize, next: &str) -> bool {
        let first = (stop.saturating_sub(LONGEST_LIST)..stop).rev().find(|i| {
            self.tokens.number(*i).is_none()
                && !matches!(
                    self.tokens.text(*i),
                    "m" | "M" | "." | "a" | "p" | "A" | "P" | " " | ":"
                )
        });
        let article = first.is_some_and(|i| {
            matches!(
                self.tokens.text(i),
                "The" | "the" | "this" | "This" | "Our" | "our"
            )
        });
        article && next.starts_with(char::is_uppercase) && !super::abbreviations::opens(next)
    }

    /// A time, or a range of two.
    pub(super) fn time(&mut self, at: usize) -> Option<usize> {
        let end = self.one_time(at, false)?;
        let dash = self.tokens.skip_space(end);
        if !matches!(self.tokens.text(dash), "-" | "—") {
            return Some(end);
        }
        let second = self.tokens.skip_space(dash + 1);
        if self.tokens.number(second).is_none() || (dash > end) != (second > dash + 1) {
            return Some(end);
        }
        let before = self.out.len();
        self.out.say(" to ");
        let after = self.one_time(second, false);
        if after.is_none() {
            self.out.truncate(before);
        }
        Some(after.unwrap_or(end))
    }

    /// The time at `at`; `hours` lets a number alone be one.
    fn one_time(&mut self, at: usize, hours: bool) -> Option<usize> {
        let time = figures::time(self.tokens, at).or_else(|| self.dotted_time(at, LONGEST_LIST));
        let Some(time) = time else {
            return self
                .military_time(at)
                .or_else(|| self.hours_alone(at, hours));
        };
        let unit = self.tokens.skip_space(time.end);
        // `a 1:10 scale`
        if matches!(self.tokens.text(unit), "scale" | "ratio" | "odds" | "mix") {
            return None;
        }
        if time.seconds.is_none()
            && matches!(self.tokens.text(unit), "hrs" | "HRS" | "Hrs" | "hours")
        {
            let minutes = match time.minutes {
                0 => "hundred".to_owned(),
                minutes @ 1..=9 => format!("oh {}", cardinal(minutes)),
                minutes => cardinal(minutes),
            };
            self.out
                .say(&format!("{} {minutes} hours", cardinal(time.hours)));
            return Some(unit + 1);
        }
        if let Some(end) = self.split_second(at, time) {
            return Some(end);
        }
        let half = self.half(unit);
        let said = match time.seconds {
            Some(seconds) => with_seconds(time, seconds),
            None => hours_and_minutes(time, half.is_some()),
        };
        self.out.say(&said);
        Some(self.say_half(half).unwrap_or(time.end))
    }

    /// `1:05.3`, `1:32.417`, `1:02:03.5`: the time of a lap or a race, whose last figure is seconds with their fraction.
    fn split_second(&mut self, at: usize, time: Time) -> Option<usize> {
        const LONGEST_FRACTION: usize = 3;
        let fraction = self
            .tokens
            .number(time.end + 1)
            .filter(|_| self.tokens.text(time.end) == ".")
            .filter(|fraction| fraction.len() <= LONGEST_FRACTION)?;
        let goes_on = matches!(self.tokens.text(time.end + 2), "." | ":")
            && self.tokens.number(time.end + 3).is_some();
        let comes_on = at >= 2
            && matches!(self.tokens.text(at - 1), "." | ":")
            && self.tokens.number(at - 2).is_some();
        if goes_on || comes_on {
            return None;
        }
        let padded = |value: u64| match value {
            0 => "oh oh".to_owned(),
            1..=9 => format!("oh {}", cardinal(value)),
            _ => cardinal(value),
        };
        let mut said = format!("{} {}", cardinal(time.hours), padded(time.minutes));
        if let Some(seconds) = time.seconds {
            said = format!("{said} {}", padded(seconds));
        }
        self.out.say(&format!("{said} point {}", digits(fraction)));
        Some(time.end + 2)
    }

    /// `1700 hrs`, `0630 hours`.
    fn military_time(&mut self, at: usize) -> Option<usize> {
        let digits = self.tokens.number(at).filter(|digits| digits.len() == 4)?;
        let value = figures::integer(digits.trim_start_matches('0')).unwrap_or(0);
        let unit = self.tokens.skip_space(at + 1);
        let next = self.tokens.text(self.tokens.skip_space(unit + 1));
        let is_time = matches!(self.tokens.text(unit), "hrs" | "HRS" | "Hrs" | "hours")
            && value < 2400
            && value % 100 < 60
            && next != "of";
        if !is_time {
            return self.departure_in_four_digits(at, value);
        }
        let hours = match value / 100 {
            hours @ 0..=9 => format!("zero {}", cardinal(hours)),
            hours => cardinal(hours),
        };
        let minutes = match value % 100 {
            0 => "hundred".to_owned(),
            minutes @ 1..=9 => format!("oh {}", cardinal(minutes)),
            minutes => cardinal(minutes),
        };
        self.out.say(&format!("{hours} {minutes} hours"));
        Some(unit + 1)
    }

    /// `the 1745 service`, `the 0905 to Leeds`: the time that names a train, without a mark between hours and minutes.
    fn departure_in_four_digits(&mut self, at: usize, value: u64) -> Option<usize> {
        let next = self.tokens.skip_space(at + 1);
        let time = Time {
            hours: value / 100,
            minutes: value % 100,
            seconds: None,
            end: at + 1,
        };
        let is_time = time.hours < 24 && time.minutes < 60;
        if !is_time || !self.is_name_of_departure(at, next) {
            return None;
        }
        self.out.say(&hours_and_minutes(time, false));
        Some(at + 1)
    }

    fn say_half(&mut self, half: Option<Half>) -> Option<usize> {
        let half = half?;
        self.out.say(" ");
        self.out.say(half.words);
        Some(half.end)
    }

    /// `5pm`, `4 A.M.`, and the `9` of `9-5pm`.
    fn hours_alone(&mut self, at: usize, hours: bool) -> Option<usize> {
        let digits = self.tokens.number(at).filter(|digits| digits.len() <= 2)?;
        let value = figures::integer(digits).filter(|value| (1..=12).contains(value))?;
        let next = self.tokens.skip_space(at + 1);
        let half = self.half(next);
        let dash = self.tokens.skip_space(at + 1);
        let second = self.tokens.skip_space(dash + 1);
        // `8 - 9:15 pm`
        if half.is_none()
            && matches!(self.tokens.text(dash), "-" | "—")
            && (dash > at + 1) == (second > dash + 1)
            && let Some(last) = figures::time(self.tokens, second)
            && last.seconds.is_none()
            && self.half(self.tokens.skip_space(last.end)).is_some()
        {
            self.out.say(&format!("{} to ", cardinal(value)));
            return self.one_time(second, false);
        }
        // `it am` and `5 a day` are no times; a half with a blank before it is written with points or in capitals.
        if half.is_none()
            && self.tokens.text(at + 1) == "-"
            && self.tokens.number(at + 2).is_some_and(|d| d.len() <= 2)
        {
            let second = self.half(self.tokens.skip_space(at + 3))?;
            let last = self.tokens.number(at + 2).and_then(figures::integer)?;
            self.out
                .say(&format!("{} to {} ", cardinal(value), cardinal(last)));
            self.out.say(second.words);
            return Some(second.end);
        }
        if half.is_none() && !hours {
            return None;
        }
        self.out.say(&cardinal(value));
        Some(self.say_half(half).unwrap_or(at + 1))
    }

    /// `1.59 p.m.`, `leaves at 9.30`.
    fn dotted_time(&self, at: usize, depth: usize) -> Option<Time> {
        let part = |at: usize, lengths: std::ops::RangeInclusive<usize>, below: u64| {
            let digits = self
                .tokens
                .number(at)
                .filter(|digits| lengths.contains(&digits.len()))?;
            digits.parse::<u64>().ok().filter(|value| *value < below)
        };
        if self.tokens.text(at + 1) != "."
            || self.tokens.text(at + 3) == "." && self.tokens.number(at + 4).is_some()
        {
            return None;
        }
        let time = Time {
            hours: part(at, 1..=2, 24)?,
            minutes: part(at + 2, 2..=2, 60)?,
            seconds: None,
            end: at + 3,
        };
        let next = self.tokens.skip_space(time.end);
        let has_half = self.half(next).is_some();
        let sure = has_half
            || self.is_at_a_time(at, &time, next)
            || self.is_name_of_departure(at, next)
            || depth > 0 && self.is_listed_time(at, time.end, depth - 1);
        sure.then_some(time)
    }

    /// `the 10.45 train`, `the 9.30 to Leeds`
    fn is_name_of_departure(&self, at: usize, next: usize) -> bool {
        let place = self.tokens.text(self.tokens.skip_space(next + 1));
        let leads = matches!(self.tokens.text(next), "to" | "from");
        matches!(
            self.tokens.word_before(at).as_str(),
            "the" | "a" | "this" | "last" | "next" | "our" | "my"
        ) && (VEHICLES.contains(&self.tokens.text(next))
            || leads && place.starts_with(char::is_uppercase))
    }

    /// `at 9.05, 10.10 and 11.20`: what is listed after a time is one too.
    fn is_listed_time(&self, at: usize, end: usize, depth: usize) -> bool {
        let next = self.tokens.skip_space(end);
        if self.is_decimal_of(next, end) {
            return false;
        }
        let before = |at: usize| {
            (0..at)
                .rev()
                .find(|i| !self.tokens.text(*i).trim().is_empty())
        };
        let Some(joint) = before(at) else {
            return false;
        };
        let comma = before(joint).filter(|i| self.tokens.text(*i) == ",");
        let last = match self.tokens.text(joint) {
            "," => before(joint),
            "and" | "or" => comma.map_or_else(|| before(joint), before),
            _ => None,
        };
        last.and_then(|last| last.checked_sub(2))
            .is_some_and(|first| self.dotted_time(first, depth).is_some())
    }

    /// True if a sign or word at `next` makes a decimal of the number that ends at `end`.
    fn is_decimal_of(&self, next: usize, end: usize) -> bool {
        let follows = self.tokens.text(next);
        next == end && self.tokens.is_word(next)
            || matches!(
                follows,
                "%" | "°" | "$" | "€" | "£" | "percent" | "million" | "billion"
            )
            || super::units::unit(follows).is_some()
    }

    fn is_at_a_time(&self, at: usize, time: &Time, next: usize) -> bool {
        let before = self.tokens.word_before(at);
        if !matches!(
            before.as_str(),
            "at" | "from" | "to" | "until" | "till" | "by"
        ) {
            return false;
        }
        let follows = self.tokens.text(next);
        let counts = self.is_decimal_of(next, time.end);
        let from = at.saturating_sub(12);
        let scheduled =
            (from..at).any(|i| TIMETABLE.contains(&self.tokens.text(i).to_lowercase().as_str()));
        !counts
            && (scheduled
                || before == "at"
                    && time.minutes.is_multiple_of(5)
                    && !follows.starts_with(char::is_alphabetic))
    }
}

/// *one hour one minute and one second*.
fn with_seconds(time: Time, seconds: u64) -> String {
    let count = |value: u64, noun: &str| match value {
        1 => format!("one {noun}"),
        _ => format!("{} {noun}s", cardinal(value)),
    };
    format!(
        "{} {} and {}",
        count(time.hours, "hour"),
        count(time.minutes, "minute"),
        count(seconds, "second")
    )
}

/// *nine thirty*, *five o'clock*, *twelve oh five*.
fn hours_and_minutes(time: Time, half: bool) -> String {
    let hours = cardinal(time.hours);
    match time.minutes {
        0 if half => hours,
        0 if matches!(time.hours, 0 | 24) => "midnight".to_owned(),
        0 if (1..=12).contains(&time.hours) => format!("{hours} o'clock"),
        0 => format!("{hours} hundred"),
        minutes @ 1..=9 => format!("{hours} oh {}", cardinal(minutes)),
        minutes => format!("{hours} {}", cardinal(minutes)),
    }
}
