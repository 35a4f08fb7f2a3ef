//! Dates in English: `Nov. 5`, `25 july 2012`, `11/17/05`, `Sat.`, `340 A.D.`

use super::{
    English,
    numerals::{cardinal, in_pairs, ordinal},
};
use crate::normalize::{figures, lex::Kind, reader::Reader};

pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Short names of weekdays and the long ones.
const WEEKDAYS: [(&str, &str); 16] = [
    ("Mon", "Monday"),
    ("Tue", "Tuesday"),
    ("Tues", "Tuesday"),
    ("Wed", "Wednesday"),
    ("Thu", "Thursday"),
    ("Thur", "Thursday"),
    ("Thurs", "Thursday"),
    ("Fri", "Friday"),
    ("Sat", "Saturday"),
    ("Sun", "Sunday"),
    ("Weds", "Wednesday"),
    ("Tu", "Tuesday"),
    ("Th", "Thursday"),
    ("Mond", "Monday"),
    ("Satur", "Saturday"),
    ("Sund", "Sunday"),
];

/// A month as it is written.
struct Month {
    /// 0 for January.
    index: usize,
    /// Index of the first token after it and its full stop.
    end: usize,
    /// True if it may be another word: `may`, `march`, `mar`.
    doubtful: bool,
}

/// A day as it is written, `5` or `5th`.
struct Day {
    value: u64,
    end: usize,
}

/// Days before or after their month: `5`, `19 and 20`, `3-5`.
struct Days {
    words: String,
    end: usize,
}

pub(super) fn is_year(value: u64) -> bool {
    (1000..2100).contains(&value)
}

fn month_index(word: &str) -> Option<usize> {
    let is_short = |month: &str| {
        word.eq_ignore_ascii_case(&month[..3])
            || month == "September" && word.eq_ignore_ascii_case("sept")
    };
    if word.len() < 3 {
        return None;
    }
    MONTHS
        .iter()
        .position(|month| word.eq_ignore_ascii_case(month) || is_short(month))
}

impl Reader<'_, English> {
    /// True if the word at `at` is a month.
    pub(super) fn is_month(&self, at: usize) -> bool {
        self.month(at).is_some()
    }

    fn month(&self, at: usize) -> Option<Month> {
        let word = self.tokens.text(at);
        let index = month_index(word)?;
        let is_short = word.len() < MONTHS[index].len();
        let stop =
            is_short && self.tokens.text(at + 1) == "." && !self.tokens.ends_sentence(at + 1);
        Some(Month {
            index,
            end: at + 1 + usize::from(stop),
            doubtful: matches!(word, "may" | "march" | "mar"),
        })
    }

    fn day(&self, at: usize) -> Option<Day> {
        let digits = self.tokens.number(at).filter(|digits| digits.len() <= 2)?;
        let value = digits.parse().ok().filter(|day| (1..=31).contains(day))?;
        let is_ordinal = matches!(
            self.tokens.text(at + 1),
            "st" | "nd" | "rd" | "th" | "ST" | "ND" | "RD" | "TH"
        );
        Some(Day {
            value,
            end: at + 1 + usize::from(is_ordinal),
        })
    }

    /// The days from `at` on, with the last one before `end` of a range or list.
    fn days(&self, at: usize) -> Option<Days> {
        let first = self.day(at)?;
        let mut days = Days {
            words: ordinal(first.value),
            end: first.end,
        };
        for _ in 0..3 {
            let next = self.tokens.skip_space(days.end);
            let joint = match self.tokens.text(next) {
                "-" | "—" => " to ",
                "and" | "&" => " and ",
                "to" => " to ",
                "," => ", ",
                _ => break,
            };
            match self.day(self.tokens.skip_space(next + 1)) {
                Some(day) => {
                    days.words.push_str(joint);
                    days.words.push_str(&ordinal(day.value));
                    days.end = day.end;
                }
                None => break,
            }
        }
        Some(days)
    }

    /// The year at `at`, behind a comma or a blank, and the index after it.
    fn year_behind(&self, at: usize) -> Option<(&'static str, u64, usize)> {
        let comma = self.tokens.text(at) == ",";
        let year = self.tokens.skip_space(at + usize::from(comma));
        let digits = self
            .tokens
            .number(year)
            .filter(|digits| digits.len() == 4)?;
        let value = figures::integer(digits).filter(|year| is_year(*year))?;
        let goes_on = matches!(self.tokens.text(year + 1), ":" | "/" | "%" | "°")
            || matches!(self.tokens.text(year + 1), "." | ",")
                && self.tokens.number(year + 2).is_some();
        let joint = if comma { ", " } else { " " };
        (year > at && !goes_on && !self.is_counted(year + 1)).then_some((joint, value, year + 1))
    }

    /// The year of `Jan-2021` and `Jan-15-2020` behind the hyphen at `at`.
    fn year_behind_hyphen(&self, at: usize) -> Option<(&'static str, u64, usize)> {
        let digits = self
            .tokens
            .number(at + 1)
            .filter(|digits| digits.len() == 4 && self.tokens.text(at) == "-")?;
        let value = figures::integer(digits).filter(|year| is_year(*year))?;
        let goes_on = matches!(self.tokens.text(at + 2), "-" | "." | "/")
            && self.tokens.number(at + 3).is_some();
        (!goes_on).then_some((" ", value, at + 2))
    }

    /// True if what follows the number before `at` is counted by it, so that it is no year.
    pub(super) fn is_counted(&self, at: usize) -> bool {
        matches!(
            self.tokens.text(self.tokens.skip_space(at)),
            "people"
                | "years"
                | "dollars"
                | "euros"
                | "days"
                | "hours"
                | "miles"
                | "times"
                | "users"
                | "%"
        )
    }

    /// A month and what belongs to it: `July 25, 2012`, `JAN. 15`, `Jan-15`, `Dec. 2025`.
    pub(super) fn month_first(&mut self, at: usize) -> Option<usize> {
        let month = self.month(at)?;
        let gap = self.tokens.text(month.end);
        let start = match gap {
            "-" => month.end + 1,
            _ => self.tokens.skip_space(month.end),
        };
        let year = self
            .year_behind(month.end)
            .or_else(|| self.year_behind_hyphen(month.end));
        if let Some((_, year, end)) = year {
            self.out
                .say(&format!("{} {}", MONTHS[month.index], in_pairs(year)));
            return Some(end);
        }
        let Some(day) = self.day(start).filter(|_| start > at + 1) else {
            return self.month_of_pair(at, &month);
        };
        let mut days = Days {
            words: ordinal(day.value),
            end: day.end,
        };
        if let Some(more) = self.days(start).filter(|more| self.ends_date(more.end)) {
            days = more;
        }
        let year = self.year_behind(days.end).or_else(|| {
            (gap == "-")
                .then(|| self.year_behind_hyphen(days.end))
                .flatten()
        });
        let is_date = year.is_some() || self.ends_date(days.end);
        if !is_date || month.doubtful && year.is_none() && self.goes_on(days.end) {
            return None;
        }
        self.out
            .say(&format!("{} {}", MONTHS[month.index], days.words));
        Some(self.say_year(year).unwrap_or(days.end))
    }

    fn say_year(&mut self, year: Option<(&str, u64, usize)>) -> Option<usize> {
        let (joint, year, end) = year?;
        self.out.say(joint);
        self.out.say(&in_pairs(year));
        Some(end)
    }

    /// True if the number that ends before `at` can be a day: no time, decimal, percentage or quantity.
    fn ends_date(&self, at: usize) -> bool {
        let decimal = matches!(self.tokens.text(at), "." | "," | "-" | "/")
            && self.tokens.number(at + 1).is_some();
        !decimal
            && !matches!(self.tokens.text(at), ":" | "%" | "°" | "'")
            && !self.tokens.is_word(at)
            && !self.is_counted(at)
            && !matches!(
                self.tokens.text(self.tokens.skip_space(at)),
                "am" | "pm" | "AM" | "PM" | "%"
            )
    }

    /// True if a small word follows, as behind the verb of `you may 5 times` and `march 5 miles`.
    fn goes_on(&self, at: usize) -> bool {
        self.tokens
            .text(self.tokens.skip_space(at))
            .starts_with(char::is_lowercase)
    }

    /// A day and its month: `25 july 2012`, `23rd of July, 1998`, `19 and 20 March`, `15-Jan-2020`.
    pub(super) fn day_first(&mut self, at: usize) -> Option<usize> {
        let days = self.days(at)?;
        let hyphen = self.tokens.text(days.end) == "-";
        let mut next = if hyphen {
            days.end + 1
        } else {
            self.tokens.skip_space(days.end)
        };
        let written_of =
            self.tokens.text(next) == "of" && self.tokens.kind(next + 1) == Some(Kind::Space);
        if written_of {
            next += 2;
        }
        let month = self.month(next).filter(|_| next > days.end)?;
        let year = if hyphen && self.tokens.text(month.end) == "-" {
            let year = self.tokens.number(month.end + 1).and_then(figures::integer);
            year.map(|year| (" ", year, month.end + 2))
        } else {
            self.year_behind(month.end)
        };
        if month.doubtful && year.is_none() && self.goes_on(month.end) {
            return None;
        }
        let name = MONTHS[month.index];
        let the = if written_of || self.has_article(at) {
            ""
        } else {
            "the "
        };
        self.out.say(&format!("{the}{} of {name}", days.words));
        Some(self.say_year(year).unwrap_or(month.end))
    }

    /// True if the word before `at` stands where an article does.
    fn has_article(&self, at: usize) -> bool {
        matches!(
            self.tokens.word_before(at).as_str(),
            "the"
                | "this"
                | "that"
                | "every"
                | "each"
                | "a"
                | "last"
                | "next"
                | "our"
                | "my"
                | "his"
                | "her"
        )
    }

    /// A date in figures. Slashes put the month first where it can be, full stops the day, a year first is a year.
    pub(super) fn numeric_date(&mut self, at: usize) -> Option<usize> {
        let separator = self.tokens.text(at + 1);
        if !matches!(separator, "." | "-" | "/") || self.tokens.text(at + 3) != separator {
            return None;
        }
        let parts = [
            self.tokens.number(at)?,
            self.tokens.number(at + 2)?,
            self.tokens.number(at + 4)?,
        ];
        let goes_on = self.tokens.text(at + 5) == separator && self.tokens.number(at + 6).is_some();
        let comes_on = at >= 2
            && self.tokens.text(at - 1) == separator
            && self.tokens.number(at - 2).is_some();
        if goes_on || comes_on || parts.iter().any(|part| part.len() > 4) {
            return None;
        }
        let values = parts.map(|part| part.parse::<u64>().unwrap_or(0));
        let (day, month, year) = ordered(separator, values, parts.map(str::len))?;
        if !(1..=31).contains(&day) || !(1..=12).contains(&month) || year == 0 {
            return None;
        }
        let name = MONTHS[month as usize - 1];
        let day_first =
            separator == "." || separator == "-" && values[0] == day && parts[0].len() < 3;
        let year = match parts[2].len() {
            2 if parts[0].len() < 3 && separator != "." => short_year(values[2]),
            _ => in_pairs(year),
        };
        self.out.say(&if day_first {
            let the = if self.has_article(at) { "" } else { "the " };
            format!("{the}{} of {name}, {year}", ordinal(day))
        } else {
            format!("{name} {}, {year}", ordinal(day))
        });
        if self.tokens.text(at + 5) == "T" && self.tokens.number(at + 6).is_some() {
            self.out.say(", ");
            return Some(at + 6);
        }
        Some(at + 5)
    }

    /// `Sat., Dec. 5`, `Mon.-Sun.`, `Mon - Fri`, `Tues. at 5`: the weekday in full where it is one for certain.
    pub(super) fn weekday(&mut self, at: usize) -> Option<usize> {
        let full = weekday_name(self.tokens.text(at))?;
        let stop = usize::from(self.tokens.text(at + 1) == ".");
        let next = self.tokens.skip_space(at + 1 + stop);
        let far = self.tokens.skip_space(next + 1);
        let in_range = |dash: usize, day: usize| {
            matches!(self.tokens.text(dash), "-" | "—")
                && weekday_name(self.tokens.text(day)).is_some()
        };
        let range_starts = in_range(next, far);
        let range_ends = at >= 2 && self.out.ends_with(" to ");
        let date_follows = self.tokens.text(next) == ","
            && (self.month(far).is_some() || self.tokens.number(far).is_some())
            || self.month(next).is_some_and(|month| !month.doubtful)
            || stop > 0 && self.tokens.number(next).is_some()
            || self.tokens.number(next).is_some() && self.tokens.text(next + 1) == ":";
        let hours = self
            .tokens
            .number(next)
            .is_some_and(|digits| digits.len() <= 2)
            && matches!(
                self.tokens.text(self.tokens.skip_space(next + 1)),
                "am" | "pm" | "AM" | "PM"
            );
        let opening = self.tokens.number(next).is_some()
            && matches!(self.tokens.text(next + 1), "-" | "/")
            && self.tokens.number(next + 2).is_some();
        // `Tu (2/22)`
        let in_brackets = self.tokens.text(next) == "("
            && self.tokens.number(far).is_some()
            && self.tokens.text(far + 1) == "/";
        let date_follows = date_follows || hours || opening || in_brackets;
        let in_list = self.tokens.text(next) == ","
            && weekday_name(self.tokens.text(far)).is_some()
            || self.tokens.text(at + 1) == "/" && weekday_name(self.tokens.text(at + 2)).is_some()
            || self.follows_weekday(at);
        let in_pair = self.is_paired(at, stop, |word| weekday_name(word).is_some());
        // `Sun. closed`: no full stop that ends a sentence has a small letter behind it.
        let is_short = stop > 0
            && self
                .tokens
                .text(next)
                .starts_with(|c: char| c.is_ascii_lowercase());
        // `Fri 29 Nov`, `Sun: closed`
        let day_follows = self.tokens.number(next).is_some() && self.month(far).is_some();
        let heads_line = self.tokens.text(at + 1) == ":"
            && (self.tokens.number(self.tokens.skip_space(at + 2)).is_some()
                || self.tokens.text(self.tokens.skip_space(at + 2)) == "closed");
        // `by 6 p.m. Sat.`
        let half = at.checked_sub(2).map_or("", |stop| self.tokens.text(stop));
        let half = match half {
            "." => self.tokens.text(at.saturating_sub(3)),
            half => half,
        };
        let behind_time = stop > 0 && matches!(half, "m" | "M" | "am" | "pm" | "AM" | "PM");
        // `Come by Sat.`
        let led = matches!(
            self.tokens.word_before(at).as_str(),
            "by" | "on"
                | "until"
                | "till"
                | "every"
                | "next"
                | "this"
                | "from"
                | "through"
                | "since"
        ) && stop > 0;
        let is_short_for_day = led
            || behind_time
            || range_starts
            || range_ends
            || date_follows
            || in_list
            || in_pair
            || day_follows
            || is_short;
        if !is_short_for_day && !heads_line {
            return None;
        }
        self.out.say(full);
        if range_starts {
            self.out.say(" to ");
            return Some(far);
        }
        let joins = self.tokens.text(self.tokens.skip_space(at + 2)) == "&";
        let ends = stop > 0 && !joins && self.tokens.ends_sentence(at + 1);
        Some(at + 1 + stop - usize::from(ends))
    }

    /// True if a comma or slash and a weekday stand before `at`: `Mon, Wed`, `Mon/Wed`.
    fn follows_weekday(&self, at: usize) -> bool {
        let mut before = at;
        let mut joint = "";
        for _ in 0..4 {
            let Some(previous) = before.checked_sub(1) else {
                return false;
            };
            before = previous;
            match self.tokens.text(before) {
                " " | "." => {}
                mark @ ("," | "/") => joint = mark,
                word => return !joint.is_empty() && weekday_name(word).is_some(),
            }
        }
        false
    }

    /// True if the short name at `at`, whose full stop is counted by `stop`, is joined to another of its kind: `Sat. and Sun.`,
    /// `Jan & Feb`.
    fn is_paired(&self, at: usize, stop: usize, is_kind: impl Fn(&str) -> bool) -> bool {
        let is_joint = |word: &str| {
            matches!(
                word,
                "and" | "&" | "or" | "to" | "through" | "thru" | "-" | "—"
            )
        };
        let joint = self.tokens.skip_space(at + 1 + stop);
        let second = self.tokens.skip_space(joint + 1);
        if is_joint(self.tokens.text(joint)) && is_kind(self.tokens.text(second)) {
            return true;
        }
        let back = |at: usize| {
            let space = at > 0 && self.tokens.kind(at - 1) == Some(Kind::Space);
            at.checked_sub(1 + usize::from(space))
        };
        let Some(joint) = back(at).filter(|joint| is_joint(self.tokens.text(*joint))) else {
            return false;
        };
        let first = back(joint).map(|first| match self.tokens.text(first) {
            "." => self.tokens.text(first.wrapping_sub(1)),
            word => word,
        });
        first.is_some_and(is_kind)
    }

    /// The whole name of a short month beside another: `Nov. to Feb.`
    fn month_of_pair(&mut self, at: usize, month: &Month) -> Option<usize> {
        let word = self.tokens.text(at);
        let is_month = |word: &str| {
            word.starts_with(char::is_uppercase) && word.is_ascii() && month_index(word).is_some()
        };
        let stop = usize::from(self.tokens.text(at + 1) == ".");
        // `in Jan. we open`: no full stop that ends a sentence has a small letter behind it.
        let next = self.tokens.skip_space(at + 1 + stop);
        let is_short = stop > 0
            && next > at + 2
            && word.len() < 5
            && word != "May"
            && self
                .tokens
                .text(next)
                .starts_with(|c: char| c.is_ascii_lowercase());
        let is_named = is_short || self.is_paired(at, stop, is_month);
        if word.len() > 4 || !is_month(word) || !is_named {
            return None;
        }
        self.out.say(MONTHS[month.index]);
        let joint = self.tokens.text(self.tokens.skip_space(at + 2));
        let joins = stop > 0 && matches!(joint, "&" | "-" | "—");
        Some(if joins { at + 2 } else { month.end })
    }
}

/// True if `word` is a weekday or a month in full; `May` and `March` may be other words.
pub(super) fn is_day_or_month(word: &str) -> bool {
    weekday_name(word).is_some_and(|full| full == word)
        || MONTHS.contains(&word) && !matches!(word, "May" | "March")
}

pub(super) fn weekday_name(word: &str) -> Option<&'static str> {
    WEEKDAYS
        .iter()
        .find(|(short, full)| {
            *short == word
                || *full == word
                // `FRI. 3 JUL.`
                || word.len() >= 3
                    && word.eq_ignore_ascii_case(short)
                    && word.bytes().all(|byte| byte.is_ascii_uppercase())
        })
        .map(|(_, full)| *full)
}

/// *oh five*, *ninety-eight*.
pub(super) fn short_year(value: u64) -> String {
    match value {
        0..=9 => format!("oh {}", cardinal(value)),
        _ => cardinal(value),
    }
}

/// Day, month and year of three numbers of these lengths.
fn ordered(separator: &str, [a, b, c]: [u64; 3], lengths: [usize; 3]) -> Option<(u64, u64, u64)> {
    let year_last = |year| match separator {
        "." if b > 12 => (b, a, year),
        "." => (a, b, year),
        _ if a <= 12 => (b, a, year),
        _ => (a, b, year),
    };
    match (separator, lengths) {
        ("-", [4, 2, 2]) | ("/" | ".", [4, 1..=2, 1..=2]) if is_year(a) => Some((c, b, a)),
        (_, [1..=2, 1..=2, 4]) if is_year(c) => Some(year_last(c)),
        ("-" | ".", [2, 2, 2]) | ("/", [1..=2, 1..=2, 2]) => Some(year_last(2000 + c)),
        _ => None,
    }
}
