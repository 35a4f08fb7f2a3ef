//! Slashes in English: `due 3/15`, `page 3/10`, `1 / 2`, `and/or`, `passport/ID`.

use super::{
    English,
    calendar::{MONTHS, weekday_name},
    numerals::{cardinal, fraction, in_pairs, ordinal},
    units,
};
use crate::normalize::{figures, reader::Reader};

/// Words before a month and a day: `due 3/15`.
const BEFORE_DATE: [&str; 18] = [
    "on",
    "due",
    "dated",
    "until",
    "till",
    "thru",
    "through",
    "since",
    "expires",
    "effective",
    "starting",
    "starts",
    "beginning",
    "begins",
    "ending",
    "ends",
    "deadline",
    "date",
];

/// Words behind a fraction of something: `on 1/2 of the days`, `on 1/4 inch pipes`.
const BEHIND_SHARE: [&str; 8] = [
    "of", "price", "inch", "inches", "cup", "cups", "mile", "the",
];

/// Things that are counted on their way to the last one: `page 3/10`.
const STEPS: [&str; 14] = [
    "page", "slide", "step", "part", "question", "lesson", "episode", "round", "lap", "day",
    "item", "photo", "disc", "lot",
];

/// Pairs of words that a slash offers for a choice, which is said.
const CHOICES: [(&str, &str); 12] = [
    ("he", "she"),
    ("she", "he"),
    ("him", "her"),
    ("his", "her"),
    ("his", "hers"),
    ("her", "his"),
    ("himself", "herself"),
    ("s", "he"),
    ("yes", "no"),
    ("on", "off"),
    ("man", "woman"),
    ("day", "night"),
];

/// Pairs whose slash nobody says.
const SILENT: [(&str, &str); 8] = [
    ("and", "or"),
    ("either", "or"),
    ("N", "A"),
    ("n", "a"),
    ("I", "O"),
    ("A", "C"),
    ("TCP", "IP"),
    ("AC", "DC"),
];

impl Reader<'_, English> {
    /// `due 3/15`, `Tue (2/22)`, `open 12/24-12/26`: a month and a day.
    pub(super) fn month_and_day(&mut self, at: usize) -> Option<usize> {
        let (first, end) = self.day_behind_month(at)?;
        let dash = self.tokens.skip_space(end);
        let joins = matches!(
            self.tokens.text(dash),
            "-" | "—" | "to" | "through" | "thru" | "until"
        );
        let second = self
            .day_behind_month(self.tokens.skip_space(dash + 1))
            .filter(|_| joins);
        let announced = self.announces_date(at);
        let Some((second, after)) = second else {
            let next = self.tokens.skip_space(end);
            let is_share = BEHIND_SHARE.contains(&self.tokens.text(next))
                || self.unit_after(at, end, false).is_some();
            return (announced && !is_share).then(|| {
                self.out.say(&first.words);
                end
            });
        };
        // Inches are parted into sixteenths, other things seldom into so many parts.
        let is_inch = |day| matches!(day, 16 | 32 | 64);
        let unlike_shares = first.day.max(second.day) > 12
            && !(is_inch(first.day) && is_inch(second.day))
            && self.unit_after(at, after, false).is_none();
        (announced || unlike_shares).then(|| {
            self.out
                .say(&format!("{} to {}", first.words, second.words));
            after
        })
    }

    /// `03/2027`: the month, in two digits, of a year.
    pub(super) fn month_and_year(&mut self, at: usize) -> Option<usize> {
        let month = self.tokens.number(at).filter(|month| month.len() == 2)?;
        let month: usize = month.parse().ok().filter(|m| (1..=12).contains(m))?;
        let year = self.tokens.number(at + 2).filter(|year| year.len() == 4)?;
        let year: u64 = year.parse().ok().filter(|y| (1900..2100).contains(y))?;
        let is_part = |at: usize| matches!(self.tokens.text(at), "/" | "-" | "." | ",");
        let goes_on = is_part(at + 3) && self.tokens.number(at + 4).is_some();
        let comes_on = at >= 2 && is_part(at - 1);
        if self.tokens.text(at + 1) != "/" || goes_on || comes_on {
            return None;
        }
        self.out
            .say(&format!("{} {}", MONTHS[month - 1], in_pairs(year)));
        Some(at + 3)
    }

    fn day_behind_month(&self, at: usize) -> Option<(MonthAndDay, usize)> {
        let part = |at: usize, most: u64| {
            let digits = self.tokens.number(at).filter(|digits| digits.len() <= 2)?;
            let value = digits.parse::<u64>().ok()?;
            (1..=most).contains(&value).then_some(value)
        };
        let slash = self.tokens.text(at + 1) == "/";
        let month = part(at, 12).filter(|_| slash)?;
        let day = part(at + 2, 31)?;
        let goes_on = matches!(self.tokens.text(at + 3), "/" | "." | "," | ":" | "'" | "\"")
            && self.tokens.number(at + 4).is_some()
            || matches!(self.tokens.text(at + 3), "\"" | "%")
            || self.tokens.is_word(at + 3);
        let words = format!("{} {}", MONTHS[month as usize - 1], ordinal(day));
        (!goes_on).then_some((MonthAndDay { words, day }, at + 3))
    }

    /// True if a weekday or a word such as `due` stands before `at`.
    fn announces_date(&self, at: usize) -> bool {
        let mut before = at;
        for _ in 0..3 {
            let mark = self.tokens.text(before.wrapping_sub(1));
            if !matches!(mark, " " | "(" | "," | "." | ":") {
                break;
            }
            before -= 1;
        }
        let word = self.tokens.text(before.wrapping_sub(1));
        super::calendar::weekday_name(word).is_some()
            || BEFORE_DATE.contains(&word.to_lowercase().as_str())
    }

    /// `page 3/10`: *three of ten*; `platform 1/2`: *one slash two*.
    pub(super) fn step(&mut self, at: usize) -> Option<usize> {
        let (above, below, end) = self.two_parts(at)?;
        let before = self.tokens.word_before(at);
        let joint = if STEPS.contains(&before.as_str()) && above <= below {
            "of"
        } else if self.is_named_by_noun(at) && self.tokens.text(at + 1) == "/" {
            "slash"
        } else {
            return None;
        };
        self.out
            .say(&format!("{} {joint} {}", cardinal(above), cardinal(below)));
        Some(end)
    }

    /// `1 / 2`, `1795 / 1805`: a fraction with blanks around its slash.
    pub(super) fn spaced_fraction(&mut self, at: usize) -> Option<usize> {
        let (above, below, end) = self.two_parts(at).filter(|(.., end)| *end == at + 5)?;
        let is_sum = self.tokens.text(self.tokens.skip_space(end)) == "=";
        if is_sum || below == 0 || above == 0 {
            return None;
        }
        self.out.say(&if above < below && below <= 100 {
            fraction(above, below)
        } else {
            format!("{} over {}", cardinal(above), cardinal(below))
        });
        Some(end)
    }

    /// The numbers on both sides of a slash, with blanks around it or without, and the index after them.
    fn two_parts(&self, at: usize) -> Option<(u64, u64, usize)> {
        let slash = self.tokens.skip_space(at + 1);
        let second = self.tokens.skip_space(slash + 1);
        let even = (slash > at + 1) == (second > slash + 1);
        let above = figures::integer(self.tokens.number(at)?)?;
        let below = figures::integer(self.tokens.number(second)?)?;
        let goes_on = matches!(self.tokens.text(second + 1), "/" | "." | "," | ":")
            && self.tokens.number(second + 2).is_some();
        let comes_on = at >= 2
            && matches!(self.tokens.text(at - 1), "/" | "." | ",")
            && self.tokens.number(at - 2).is_some();
        (even && self.tokens.text(slash) == "/" && !goes_on && !comes_on).then_some((
            above,
            below,
            second + 1,
        ))
    }

    /// Says the slash at `at` between two words, *or* in a choice, *per* between units, else its name, and returns the index
    /// after what was read.
    pub(super) fn slash_between_words(&mut self, at: usize) -> usize {
        let first = self.tokens.text(at.wrapping_sub(1));
        let second = self.tokens.text(at + 1);
        let is_pair = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .any(|(one, other)| *one == first && *other == second)
        };
        if is_pair(&SILENT) {
            self.out.copy(" ");
        } else if weekday_name(first).is_some() && weekday_name(second).is_some() {
            self.out.say(", ");
        } else if is_pair(&CHOICES) {
            self.out.say(" or ");
        } else if let (2.., Some(unit), Some(per)) =
            (first.len(), units::unit(first), units::unit(second))
        {
            self.out.replace_last_word(first, unit.many);
            self.out.say(&format!(" per {}", per.one));
            return at + 2;
        } else {
            self.out.say(" slash ");
        }
        at + 1
    }
}

/// A day of a year as it is said.
struct MonthAndDay {
    words: String,
    day: u64,
}
