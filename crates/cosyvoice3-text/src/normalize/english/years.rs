//! Years in English: alone, beside a noun, in ranges, of an era, and their quarters.

use super::{
    English,
    calendar::{MONTHS, is_year, short_year},
    numerals::{cardinal, in_pairs, ordinal},
};
use crate::normalize::{
    figures::{self, Figure},
    lex::Kind,
    reader::Reader,
};

/// Words before a year.
const BEFORE_YEAR: [&str; 29] = [
    "in",
    "between",
    "years",
    "since",
    "by",
    "from",
    "until",
    "till",
    "of",
    "year",
    "before",
    "after",
    "during",
    "dated",
    "around",
    "spring",
    "summer",
    "autumn",
    "fall",
    "winter",
    "class",
    "early",
    "late",
    "mid",
    "established",
    "est",
    "founded",
    "copyright",
    "circa",
];

/// Words before a number that is no year though it counts no noun.
const BEFORE_COUNT: [&str; 45] = [
    "about",
    "than",
    "over",
    "under",
    "nearly",
    "almost",
    "only",
    "exactly",
    "roughly",
    "approximately",
    "total",
    "totals",
    "population",
    "costs",
    "cost",
    "paid",
    "pay",
    "pays",
    "earn",
    "earns",
    "earned",
    "is",
    "are",
    "was",
    "were",
    "be",
    "equals",
    "has",
    "have",
    "had",
    "up",
    "at",
    "with",
    "number",
    "no",
    "count",
    "counted",
    "score",
    "scored",
    "sold",
    "reached",
    "least",
    "most",
    "another",
    "some",
];

/// Words that no number counts, so that one before them may be a year.
const BEHIND_YEAR: [&str; 46] = [
    "and",
    "or",
    "but",
    "to",
    "the",
    "a",
    "an",
    "is",
    "was",
    "were",
    "saw",
    "had",
    "has",
    "marked",
    "brought",
    "began",
    "ended",
    "became",
    "came",
    "when",
    "that",
    "which",
    "who",
    "until",
    "till",
    "as",
    "with",
    "by",
    "for",
    "in",
    "at",
    "on",
    "from",
    "after",
    "before",
    "through",
    "while",
    "where",
    "he",
    "she",
    "it",
    "they",
    "we",
    "his",
    "her",
    "witnessed",
];

/// Nouns in the plural that a year names rather than counts: `the 2024 elections`.
const YEARLY: [&str; 18] = [
    "elections",
    "games",
    "championships",
    "finals",
    "playoffs",
    "results",
    "awards",
    "riots",
    "floods",
    "protests",
    "attacks",
    "rules",
    "regulations",
    "accounts",
    "figures",
    "series",
    "sales",
    "prices",
];

impl Reader<'_, English> {
    /// `2010-11`.
    pub(super) fn short_range_of_years(&mut self, at: usize, first: &Figure) -> Option<usize> {
        let value = first
            .whole()
            .filter(|value| first.digits.len() == 4 && is_year(*value))?;
        let digits = self
            .tokens
            .number(first.end + 1)
            .filter(|digits| digits.len() == 2)?;
        let last = digits
            .parse::<u64>()
            .ok()
            .filter(|last| *last > value % 100)?;
        let end = first.end + 2;
        let goes_on = matches!(self.tokens.text(end), "-" | "." | "/" | ":")
            || self.unit_after(at, end, false).is_some();
        if self.tokens.text(first.end) != "-" || goes_on || value < 1100 {
            return None;
        }
        self.out
            .say(&format!("{} to {}", in_pairs(value), cardinal(last)));
        Some(end)
    }

    /// True if a year stands before the word before `at`: `from 1914 to 1918`.
    fn follows_year(&self, at: usize) -> bool {
        let first = at.checked_sub(4);
        first.is_some_and(|first| {
            let value = self
                .tokens
                .number(first)
                .filter(|digits| digits.len() == 4)
                .and_then(figures::integer);
            let opens = matches!(
                self.tokens.word_before(first).as_str(),
                "from" | "between" | "in" | "years"
            );
            opens && value.is_some_and(is_year)
        })
    }

    /// True if a four-digit number is a year, judged by the words before it.
    pub(super) fn is_year_here(&self, at: usize, first: &Figure, second: Option<&Figure>) -> bool {
        let is_plain_year =
            |figure: &Figure| figure.digits.len() == 4 && figure.whole().is_some_and(is_year);
        let plain = first.end == at + 1 && is_plain_year(first) && second.is_none_or(is_plain_year);
        let end = second.map_or(first.end, |second| second.end);
        if !plain || self.is_counted(end) || self.unit_after(at, end, false).is_some() {
            return false;
        }
        let before = match (
            self.tokens.text(at.wrapping_sub(1)),
            self.tokens.text(at.wrapping_sub(2)),
        ) {
            // `est. 1940`, `c. 1450`
            (" ", ".") if at > 2 => match self.tokens.text(at - 3) {
                word @ ("est" | "Est") => word.to_lowercase(),
                "c" | "ca" => "circa".to_owned(),
                _ => String::new(),
            },
            _ => self.tokens.word_before(at),
        };
        // `Q3 2025`
        let quarter = at >= 3
            && self
                .tokens
                .number(at - 2)
                .is_some_and(|digits| digits.len() == 1)
            && matches!(self.tokens.text(at - 3), "Q" | "H");
        if quarter && self.tokens.text(at - 1) == " " {
            return true;
        }
        // Years before 1100 are rare in texts, a thousand of something is not.
        let early = first.whole().is_some_and(|value| value < 1100);
        if early {
            let dates = before == "from"
                && self
                    .tokens
                    .word_before(at.saturating_sub(2))
                    .starts_with("dat");
            return dates
                || matches!(
                    before.as_str(),
                    "in" | "since" | "year" | "circa" | "until" | "till"
                );
        }
        second.is_some()
            || matches!(before.as_str(), "to" | "and") && self.follows_year(at)
            || BEFORE_YEAR.contains(&before.as_str())
            || MONTHS.iter().any(|month| month.to_lowercase() == before)
            || first
                .whole()
                .is_some_and(|value| self.is_bare_year(at, end, value, &before))
    }

    /// True if `value`, the number before the word at `next`, dates it: `the 1994 season`, `a 2019 report`, `its 1988
    /// Olympics`.
    fn dates_a_noun(&self, before: &str, value: u64, next: usize) -> bool {
        const BEFORE: [&str; 15] = [
            "the", "a", "an", "this", "that", "his", "her", "its", "our", "their", "my", "your",
            "classic", "new", "original",
        ];
        let noun = self.tokens.text(next);
        let is_measured = matches!(
            noun,
            "seat"
                | "foot"
                | "page"
                | "word"
                | "pound"
                | "ton"
                | "year"
                | "day"
                | "step"
                | "person"
                | "horsepower"
                | "square"
                | "strong"
                | "or"
                | "and"
                | "point"
                | "piece"
                | "of"
                | "remaining"
                | "other"
                | "more"
                | "odd"
                | "million"
                | "billion"
                | "metric"
        ) || super::units::unit(noun).is_some()
            || super::units::per(noun).is_some();
        let is_plural = noun.ends_with('s')
            && !noun.ends_with("ss")
            && noun.starts_with(char::is_lowercase)
            && !YEARLY.contains(&noun);
        (1800..2100).contains(&value)
            && !value.is_multiple_of(100)
            && BEFORE.contains(&before)
            && self.tokens.is_word(next)
            && noun.len() > 1
            && !is_measured
            && !is_plural
            && !super::quantities::COUNTED.contains(&noun)
    }

    /// True if nothing is counted by the four digits at `at`: `(1988)`, `1994 saw a rise`, `The festival, 1994, Leeds`.
    fn is_bare_year(&self, at: usize, end: usize, value: u64, before: &str) -> bool {
        let next = self.tokens.skip_space(end);
        let follows = self.tokens.text(next);
        let space_before = at > 0 && self.tokens.kind(at - 1) == Some(Kind::Space);
        let mark_before = self
            .tokens
            .text(at.wrapping_sub(1 + usize::from(space_before)));
        let is_copyright = mark_before == "©";
        if mark_before == "(" && matches!(follows, ")" | ",")
            || is_copyright
            || self.dates_a_noun(before, value, next)
        {
            return true;
        }
        // Round numbers count more often than they date.
        if value >= 2000 || value.is_multiple_of(100) || BEFORE_COUNT.contains(&before) {
            return false;
        }
        let starts = at == 0 || space_before && matches!(mark_before, "." | "!" | "?");
        let behind_comma = space_before && mark_before == ",";
        let is_prose = !follows.is_empty() && BEHIND_YEAR.contains(&follows);
        // A name, and the year of it: `The festival, 1994, Leeds`, not `In total, 1234.` nor a list of numbers.
        let in_commas = value >= 1600
            && behind_comma
            && at >= 3
            && self.tokens.is_word(at - 3)
            && (follows == "," || self.tokens.text(at - 3).starts_with(char::is_uppercase))
            && matches!(follows, "," | "." | ")" | "" | ";");
        let second_of_two =
            self.tokens.number(at.wrapping_sub(4)).is_some_and(|year| {
                year.len() == 4 && year.starts_with('1') && !year.ends_with("00")
            }) && matches!(before, "and" | "or")
                && (is_prose || !self.tokens.is_word(next));
        let pair = starts
            && matches!(follows, "and" | "or")
            && self
                .tokens
                .number(next + 2)
                .is_some_and(|year| year.len() != 4);
        (starts && (is_prose || follows == "(") && !pair) || in_commas || second_of_two
    }

    /// `1994` and nothing else in the sentence: four digits that count nothing.
    pub(super) fn lone_year(&mut self, at: usize) -> Option<usize> {
        let digits = self.tokens.number(at).filter(|digits| digits.len() == 4)?;
        let value = figures::integer(digits).filter(|value| (1100..2100).contains(value))?;
        let is_mark = |at| matches!(self.tokens.text(at), " " | "." | "!" | "?" | "\"");
        let is_alone =
            self.tokens.len() < 6 && (0..self.tokens.len()).all(|i| i == at || is_mark(i));
        is_alone.then(|| {
            self.out.say(&in_pairs(value));
            at + 1
        })
    }

    /// `340 A.D.`, `44 BC`: the year as years are said; the letters come after it.
    pub(super) fn year_of_era(&mut self, at: usize) -> Option<usize> {
        let digits = self.tokens.number(at).filter(|digits| digits.len() <= 4)?;
        let value = figures::integer(digits).filter(|value| *value > 0)?;
        let next = self.tokens.skip_space(at + 1);
        let era = self.tokens.text(next);
        let dotted = self.tokens.text(next + 1) == "."
            && matches!((era, self.tokens.text(next + 2)), ("A", "D") | ("B", "C"));
        let before = self.tokens.cased_word_before(at) == "AD";
        if !dotted && !before && !matches!(era, "AD" | "BC" | "CE" | "BCE") {
            return None;
        }
        self.out.say(&in_pairs(value));
        if !dotted {
            return Some(at + 1);
        }
        self.out
            .say(&format!(" {era} {}", self.tokens.text(next + 2)));
        // `300 B.C.E.`
        if era == "B" && self.tokens.text(next + 4) == "E" && self.tokens.text(next + 5) == "." {
            self.out.say(" E");
            return Some(next + 6 - usize::from(self.tokens.ends_sentence(next + 5)));
        }
        let stop = self.tokens.text(next + 3) == "." && !self.tokens.ends_sentence(next + 3);
        Some(next + 3 + usize::from(stop))
    }

    /// `3Q22`, `1H 2023`: a quarter or a half of a year.
    pub(super) fn part_of_year(&mut self, at: usize) -> Option<usize> {
        let part = self.tokens.number(at).and_then(figures::integer)?;
        let noun = match self.tokens.text(at + 1) {
            "Q" if (1..=4).contains(&part) => "quarter",
            "H" if (1..=2).contains(&part) => "half",
            _ => return None,
        };
        let year = self.tokens.skip_space(at + 2);
        let digits = self.tokens.number(year)?;
        let value = digits.parse::<u64>().ok()?;
        let said = match digits.len() {
            2 if year == at + 2 => short_year(value),
            4 if is_year(value) => in_pairs(value),
            _ => return None,
        };
        self.out
            .say(&format!("the {} {noun} of {said}", ordinal(part)));
        Some(year + 1)
    }
}
