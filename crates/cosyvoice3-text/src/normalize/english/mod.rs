//! English: numbers, dates, times, money, telephone numbers, addresses, units and abbreviations in words.

mod abbreviations;
pub(crate) mod calendar;
mod clock;
mod marks;
mod money;
mod names;
mod numerals;
mod phone;
mod places;
mod quantities;
mod ranges;
mod ratings;
mod slash;
mod units;
mod versions;
mod years;

use super::{
    figures::{self, Figure, Style},
    lex::Kind,
    reader::{Reader, Spoken},
    signs, web,
};
use crate::Language;
use numerals::{cardinal, digits};

/// The language.
pub(super) struct English;

/// True if `symbol` is that of a unit.
pub(super) fn is_unit(symbol: &str) -> bool {
    units::unit(symbol).is_some()
}

/// A name, and a way to read what starts at a token: the index after what it has read.
type Rule = (
    &'static str,
    fn(&mut Reader<'_, English>, usize) -> Option<usize>,
);

/// Things that a number can be, the most certain first.
const NUMBERS: [Rule; 25] = [
    ("card", |reader, at| reader.card(at)),
    ("date", |reader, at| reader.numeric_date(at)),
    ("date", |reader, at| reader.month_and_year(at)),
    ("date", |reader, at| reader.month_and_day(at)),
    ("telephone", |reader, at| reader.telephone(at)),
    ("time", |reader, at| reader.time(at)),
    ("year", |reader, at| reader.year_of_era(at)),
    ("date", |reader, at| reader.day_first(at)),
    ("quarter", |reader, at| reader.part_of_year(at)),
    ("address", |reader, at| reader.number_of_address(at)),
    ("ordinal", |reader, at| reader.suffixed(at)),
    ("code", |reader, at| reader.code(at)),
    ("step", |reader, at| reader.step(at)),
    ("fraction", |reader, at| reader.spaced_fraction(at)),
    ("quantity", |reader, at| reader.alternatives(at)),
    ("fraction", |reader, at| reader.fraction(at)),
    ("fraction", |reader, at| reader.over(at)),
    ("version", |reader, at| reader.outline(at)),
    ("version", |reader, at| reader.version(at)),
    ("quantity", |reader, at| reader.resolution(at)),
    ("name", |reader, at| reader.named(at)),
    ("money", |reader, at| reader.money_after(at)),
    ("fraction", |reader, at| reader.mixed_fraction(at)),
    ("year", |reader, at| reader.lone_year(at)),
    ("quantity", |reader, at| reader.quantity(at)),
];

/// Words that begin a sentence whose writer forgot the blank before it, and so are no kind of file.
const SMALL_WORDS: [&str; 36] = [
    "and", "the", "but", "or", "so", "it", "he", "she", "we", "they", "you", "in", "on", "at",
    "to", "of", "is", "was", "are", "if", "as", "for", "not", "no", "yes", "this", "that", "then",
    "when", "my", "by", "with", "all", "do", "go", "an",
];

/// Things that a word can be which is not said as it is written.
const WORDS: [Rule; 9] = [
    ("quantity", |reader, at| reader.between_measures(at)),
    ("date", |reader, at| reader.month_first(at)),
    ("weekday", |reader, at| reader.weekday(at)),
    ("money", |reader, at| reader.code_of_money(at)),
    ("unit", |reader, at| reader.unit_of_rate(at)),
    ("address", |reader, at| reader.place(at)),
    ("abbreviation", |reader, at| {
        reader.said(reader.abbreviation(at))
    }),
    ("Roman numeral", |reader, at| reader.said(reader.roman(at))),
    ("letter", |reader, at| reader.greek_letter(at)),
];

impl Spoken for English {
    const WEB: web::Words = web::Words {
        dot: "dot",
        at: "at",
        slash: "slash",
        dash: "dash",
        underscore: "underscore",
        colon: "colon",
        other: &[
            ('&', "and"),
            ('#', "hash"),
            ('+', "plus"),
            ('=', "equals"),
            ('\'', "apostrophe"),
            ('?', "question mark"),
            ('%', "percent"),
            ('~', "tilde"),
        ],
        domain: |_| None,
    };

    fn number(reader: &mut Reader<'_, Self>, at: usize) -> usize {
        reader.number(at)
    }

    fn word(reader: &mut Reader<'_, Self>, at: usize) -> usize {
        reader.by_rule(&WORDS, at)
    }

    fn mark(reader: &mut Reader<'_, Self>, at: usize) -> usize {
        reader.mark(at)
    }
}

impl<'t> Reader<'t, English> {
    fn number(&mut self, at: usize) -> usize {
        self.by_rule(&NUMBERS, at)
    }

    /// Reads by the first of `rules` that can.
    fn by_rule(&mut self, rules: &[Rule], at: usize) -> usize {
        for (name, rule) in rules {
            if let Some(end) = rule(self, at) {
                self.rule = name;
                return end;
            }
        }
        self.copy(at)
    }

    /// Says what was found for a word.
    fn said(&mut self, found: Option<(String, usize)>) -> Option<usize> {
        let (text, end) = found?;
        self.out.say(&text);
        Some(end)
    }

    /// `per kg`.
    fn unit_of_rate(&mut self, at: usize) -> Option<usize> {
        let word = self.tokens.text(at);
        if word.len() < 2 || self.tokens.cased_word_before(at) != "per" {
            return None;
        }
        self.out.say(units::unit(word)?.one);
        Some(at + 1)
    }

    /// `EUR` and the like before an amount, and `US$`.
    fn code_of_money(&mut self, at: usize) -> Option<usize> {
        if self.tokens.text(at + 1) == "$" {
            return self.money_in(&format!("{}$", self.tokens.text(at)), at + 2);
        }
        let is_code =
            self.tokens.text(at).len() == 3 && money::name(self.tokens.text(at)).is_some();
        let space = self.tokens.kind(at + 1) == Some(Kind::Space);
        // `PHP 8.3` is a language, `PHP 850` are pesos.
        let is_version = self.tokens.text(at) == "PHP"
            && self
                .tokens
                .number(at + 2)
                .is_some_and(|first| first.len() < 2);
        if is_version {
            return None;
        }
        (is_code && self.number_begins(at + 1 + usize::from(space)))
            .then(|| self.money(at))
            .flatten()
    }

    /// The number at `at`, which may begin with its decimal point.
    fn figure(&self, at: usize) -> Option<Figure<'t>> {
        if self.tokens.text(at) != "." {
            let figure = figures::figure(self.tokens, at, Style::English)?;
            return Some(self.with_group_of_noughts(figure));
        }
        Some(Figure {
            digits: String::new(),
            fraction: Some(self.tokens.number(at + 1)?),
            end: at + 2,
        })
    }

    /// `3 000`: one blank parts thousands where the group can be no number of its own.
    fn with_group_of_noughts(&self, figure: Figure<'t>) -> Figure<'t> {
        let group = self
            .tokens
            .number(figure.end + 1)
            .filter(|group| group.len() == 3 && group.starts_with('0'));
        let joins = figure
            .whole()
            .is_some_and(|value| (1..1000).contains(&value))
            && self.tokens.text(figure.end) == " "
            && (self.tokens.text(figure.end + 2).is_empty()
                || self.tokens.number(figure.end + 3).is_none());
        match group.filter(|_| joins) {
            Some(group) => Figure {
                digits: figure.digits + group,
                fraction: None,
                end: figure.end + 2,
            },
            None => figure,
        }
    }

    fn number_begins(&self, at: usize) -> bool {
        self.tokens.number(at).is_some()
            || self.tokens.text(at) == "." && self.tokens.number(at + 1).is_some()
    }

    /// True if a sign may stand before the number after `at`: nothing, a blank or a mark comes before.
    fn opens(&self, at: usize) -> bool {
        at.checked_sub(1).is_none_or(|before| {
            self.tokens.kind(before) == Some(Kind::Space)
                || matches!(
                    self.tokens.text(before),
                    "(" | "\""
                        | "«"
                        | "±"
                        | "~"
                        | "?"
                        | "!"
                        | ","
                        | ";"
                        | "="
                        | "<"
                        | ">"
                        | "≤"
                        | "≥"
                        | "≈"
                )
        })
    }

    fn mark(&mut self, at: usize) -> usize {
        self.dialled(at)
            .or_else(|| self.code_behind_sign(at))
            .or_else(|| self.sign_of_number(at))
            .or_else(|| self.per_unit(at))
            .or_else(|| self.joint_of_words(at))
            .or_else(|| self.repeated_mark(at))
            .or_else(|| self.slash_between_ratings(at))
            .unwrap_or_else(|| {
                self.sign(at);
                at + 1
            })
    }

    /// `ref. #A-1029`: the sign before a capital letter and a number, which is said digit by digit where it is long.
    fn code_behind_sign(&mut self, at: usize) -> Option<usize> {
        let letter = self.tokens.text(at + 1);
        // `Invoice #INV-2026-0417`
        if self.tokens.text(at) == "#"
            && (2..=5).contains(&letter.len())
            && letter.bytes().all(|b| b.is_ascii_uppercase())
            && self.follows_document(at)
        {
            self.out.say("number ");
            return Some(at + 1);
        }
        let number = at + 2 + usize::from(self.tokens.text(at + 2) == "-");
        let digits = self.tokens.number(number)?;
        let is_letter = letter.len() == 1 && letter.starts_with(|c: char| c.is_ascii_uppercase());
        let goes_on = self.tokens.text(number + 1) == "-" || self.tokens.is_word(number + 1);
        if self.tokens.text(at) != "#" || !is_letter || goes_on {
            return None;
        }
        let said = match figures::integer(digits) {
            Some(value) if digits.len() < 3 => numerals::cardinal(value),
            _ => numerals::digits(digits),
        };
        self.out.say(&format!("number {letter} {said}"));
        Some(number + 1)
    }

    /// True if a word stands before `at`, a short one with its full stop, whose things have codes: `Order`, `Ref.`
    fn follows_document(&self, at: usize) -> bool {
        let space = at > 0 && self.tokens.text(at - 1) == " ";
        let stop = at.checked_sub(1 + usize::from(space));
        let end = match stop.filter(|stop| self.tokens.text(*stop) == ".") {
            Some(stop) => stop,
            None => at,
        };
        matches!(
            self.tokens.word_before(end).as_str(),
            "invoice"
                | "order"
                | "ticket"
                | "ref"
                | "reference"
                | "booking"
                | "reservation"
                | "confirmation"
                | "claim"
                | "policy"
                | "case"
                | "tracking"
                | "parcel"
                | "package"
                | "account"
                | "receipt"
                | "permit"
                | "item"
                | "model"
                | "lot"
                | "serial"
                | "code"
                | "coupon"
                | "voucher"
                | "flight"
        )
    }

    /// `12/kg`, `100 req/s`: a slash before a unit, behind a number or the thing that it counts.
    fn per_unit(&mut self, at: usize) -> Option<usize> {
        if self.tokens.text(at) != "/" || at == 0 {
            return None;
        }
        let is_counted = self.tokens.is_word(at - 1)
            && at >= 3
            && self.tokens.kind(at - 2) == Some(Kind::Space)
            && self.tokens.number(at - 3).is_some();
        let symbol = self.tokens.text(at + 1);
        // `500 mg/5 mL`
        let amount = self.tokens.number(at + 1).is_some()
            && units::unit(self.tokens.text(self.tokens.skip_space(at + 2))).is_some();
        if is_counted && amount && units::unit(self.tokens.text(at - 1)).is_some() {
            self.out.say(" per ");
            return Some(at + 1);
        }
        let is_unit = !(symbol.len() == 1 && symbol.starts_with(char::is_uppercase));
        if !is_counted && self.tokens.number(at - 1).is_none() || !is_unit {
            return None;
        }
        let per = units::per(symbol)?;
        self.out.say(&match per {
            "each" => " each".to_owned(),
            per => format!(" per {per}"),
        });
        Some(at + 2)
    }

    /// A sign between two letters, without blanks: `and/or`, `a_b`, `photo.jpg`.
    fn joint_of_words(&mut self, at: usize) -> Option<usize> {
        let (first, second) = (at.checked_sub(1)?, at + 1);
        if !self.tokens.is_word(first) || !self.tokens.is_word(second) {
            return None;
        }
        match self.tokens.text(at) {
            "/" => return Some(self.slash_between_words(at)),
            "#" => self.out.say(" hash "),
            "_" => self.out.say(" underscore "),
            "\\" => self.out.say(" backslash "),
            "." if self.is_name_of_file(at) => self.out.say(" dot "),
            _ => return None,
        }
        Some(at + 1)
    }

    /// True if the full stop at `at` parts a name from its kind: `report.pdf`, not `the end.but`.
    fn is_name_of_file(&self, at: usize) -> bool {
        let (name, kind) = (self.tokens.text(at - 1), self.tokens.text(at + 1));
        let is_plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase());
        let after = self.tokens.text(at + 2);
        name.len() > 1
            && name.is_ascii()
            && (2..=4).contains(&kind.len())
            && is_plain(kind)
            && !SMALL_WORDS.contains(&kind)
            && (after != "." || !self.tokens.is_word(at + 3))
    }

    /// A sign and the number after it.
    fn sign_of_number(&mut self, at: usize) -> Option<usize> {
        let mark = self.tokens.text(at);
        if matches!(mark, "+" | "(")
            && self.tokens.number(at + 1).is_some()
            && let Some(end) = self.telephone(at)
        {
            return Some(end);
        }
        let next = self.tokens.skip_space(at + 1);
        if !self.number_begins(next) {
            return (mark == "-" && self.opens(at) && money::is_sign(self.tokens.text(at + 1)))
                .then(|| {
                    self.out.say("minus ");
                    self.money(at + 1).unwrap_or(at + 1)
                });
        }
        let said = match mark {
            "." if next == at + 1 && self.opens(at) => return self.quantity(at),
            mark if money::is_sign(mark) => return self.money(at),
            "№" | "#" => "number ",
            "-" if next == at + 1 && self.opens(at) => "minus ",
            "+" if next == at + 1 && self.opens(at) => "plus ",
            "±" => "plus or minus ",
            "~" => "about ",
            _ => return None,
        };
        self.out.say(said);
        Some(if self.tokens.text(next) == "." {
            self.quantity(next).unwrap_or(next + 1)
        } else {
            self.number(next)
        })
    }

    /// True if nothing blank stands beside the sign at `at`, and another sign on one side: `¥#%`.
    fn is_inside_a_run(&self, at: usize) -> bool {
        let is_mark = |at: usize| self.tokens.kind(at) == Some(Kind::Mark);
        let is_blank = |at: usize| matches!(self.tokens.kind(at), None | Some(Kind::Space));
        let opens = at == 0 || !is_blank(at - 1);
        let is_sign = |at: usize| is_mark(at) && money::is_sign(self.tokens.text(at));
        opens && !is_blank(at + 1) && (at > 0 && is_sign(at - 1) || is_sign(at + 1))
    }

    /// True if an equals sign follows the number at `at`.
    fn is_sum(&self, at: usize) -> bool {
        let end = self.figure(at).map_or(at, |figure| figure.end);
        self.tokens.text(self.tokens.skip_space(end)) == "="
    }

    /// A mark alone.
    fn sign(&mut self, at: usize) {
        let mark = self.tokens.text(at);
        if let Some(name) = self.name_of_mark(at) {
            return self.out.say(&format!(" {name} "));
        }
        let next = self.tokens.skip_space(at + 1);
        let number_follows = self.number_begins(next);
        let spaced = next > at + 1 && at > 0 && self.tokens.kind(at - 1) == Some(Kind::Space);
        let follows_number = at > 0 && self.tokens.number(at - 1).is_some();
        let follows_number_loosely =
            follows_number || spaced && at > 1 && self.tokens.number(at - 2).is_some();
        let said = match mark {
            "№" => " number ",
            "§" => " section ",
            "%" => " percent ",
            "‰" => " per mille ",
            "°" => " degrees ",
            "&" => " and ",
            "+" => " plus ",
            "=" => " equals ",
            "@" => " at ",
            "#" | "/" if self.is_inside_a_run(at) => {
                if mark == "#" {
                    " hash "
                } else {
                    " slash "
                }
            }
            "#" if follows_number => " hash ",
            "#" if self.tokens.is_word(at + 1) => "hashtag ",
            "\\" if self.tokens.is_word(at + 1) => " backslash ",
            "*" if number_follows && next == at + 1 && self.opens(at) => " star ",
            "×" => " times ",
            "*" if number_follows && follows_number_loosely => " times ",
            "÷" => " divided by ",
            "∶" => " to ",
            "±" => " plus or minus ",
            "<" if number_follows || spaced => " less than ",
            ">" if number_follows || spaced => " greater than ",
            ":" if follows_number && self.tokens.number(at + 1).is_some() => " to ",
            // `1- 2 = 5`
            "-" if follows_number && number_follows && self.is_sum(next) => " minus ",
            "-" | "—" if self.joins_range(at) => " to ",
            // `the '70s`, `class of '98`
            "'" if self
                .tokens
                .number(at + 1)
                .is_some_and(|digits| digits.len() == 2)
                && (self.tokens.text(at + 2) == "s"
                    || self.opens(at) && self.tokens.text(at + 2) != "'") =>
            {
                return;
            }
            "²" => " squared ",
            "³" => " cubed ",
            "¢" => " cents ",
            "#" if matches!(self.tokens.text(at.wrapping_sub(1)), "C" | "F") => " sharp ",
            "/" if follows_number
                && number_follows
                && self.tokens.text(self.tokens.skip_space(next + 1)) == "=" =>
            {
                " divided by "
            }
            "/" if spaced || follows_number || self.tokens.number(at + 1).is_some() => " slash ",
            "#" | "*" | "_" | "~" | "/" | "\\" | "<" | ">" => return self.out.copy(" "),
            _ => {
                if let Some(name) = money::name_of_one(mark) {
                    return self.out.say(&format!(" {name} "));
                }
                match signs::name(mark, Language::English) {
                    Some(name) => return self.out.say(&format!(" {name} ")),
                    None => return self.out.copy(mark),
                }
            }
        };
        self.out.say(said);
    }
}

fn figure_words(figure: &Figure) -> String {
    let whole = match figure.integer() {
        Some(value) => cardinal(value),
        // Up to quadrillions; beyond, their names tell a listener less than the digits.
        None => match figure.digits.parse() {
            Ok(value) if figure.digits.len() <= 18 && !figure.digits.starts_with('0') => {
                cardinal(value)
            }
            _ => digits(&figure.digits),
        },
    };
    match figure.fraction {
        Some(fraction) if whole.is_empty() => format!("point {}", digits(fraction)),
        Some(fraction) => format!("{whole} point {}", digits(fraction)),
        None => whole,
    }
}
