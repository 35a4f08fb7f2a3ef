//! Marks that are spoken of: `press #`, `the * key`, `the "_" sign`, `the pound (#) key`.

use super::{
    English,
    numerals::{cardinal, digits},
};
use crate::normalize::{figures, reader::Reader};

/// As many tokens are dialled at once.
const LONGEST_DIALLED: usize = 12;

/// Marks and their names, where they are spoken of and do not do what they usually do.
const MARKS: [(&str, &str); 9] = [
    ("*", "asterisk"),
    ("#", "hash"),
    ("_", "underscore"),
    ("~", "tilde"),
    ("/", "slash"),
    ("\\", "backslash"),
    ("<", "less than"),
    (">", "greater than"),
    ("^", "caret"),
];

/// Words behind a mark that is spoken of.
const SPOKEN_OF: [&str; 9] = [
    "key",
    "keys",
    "sign",
    "signs",
    "symbol",
    "symbols",
    "button",
    "character",
    "mark",
];

/// Names that a mark in brackets repeats: `the pound (#) key`.
const NAMES: [&str; 16] = [
    "pound",
    "hash",
    "star",
    "asterisk",
    "number",
    "percent",
    "at",
    "ampersand",
    "and",
    "dollar",
    "euro",
    "plus",
    "equals",
    "underscore",
    "slash",
    "degree",
];

/// Greek letters in the order of their alphabet, without the final sigma, and their names.
const GREEK: &str = "αβγδεζηθικλμνξοπρστυφχψω";
const GREEK_NAMES: [&str; 24] = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi",
    "psi", "omega",
];

impl Reader<'_, English> {
    /// A Greek letter alone, by its name.
    pub(super) fn greek_letter(&mut self, at: usize) -> Option<usize> {
        let mut letters = self.tokens.text(at).chars();
        let letter = letters.next().filter(|c| !c.is_ascii())?;
        let small = letter.to_lowercase().next()?;
        let place = GREEK.chars().position(|known| known == small)?;
        if letters.next().is_some() {
            return None;
        }
        self.out.say(GREEK_NAMES[place]);
        Some(at + 1)
    }

    /// The name of the mark at `at` where it is spoken of.
    pub(super) fn name_of_mark(&self, at: usize) -> Option<&'static str> {
        let mark = self.tokens.text(at);
        let (_, name) = MARKS.iter().find(|(known, _)| *known == mark)?;
        let is_key = self.is_key(at);
        let quote = at
            .checked_sub(1)
            .map_or("", |before| self.tokens.text(before));
        let closing = self.tokens.text(at + 1);
        let is_quoted = matches!((quote, closing), ("\"", "\"") | ("'", "'") | ("(", ")"));
        let next = self.tokens.skip_space(at + 1 + usize::from(is_quoted));
        let noun = self.tokens.text(next).to_lowercase();
        let is_noun = next > at + 1 && SPOKEN_OF.contains(&noun.as_str());
        let is_pressed = is_key || noun.starts_with("key") || noun == "button";
        match mark {
            "*" if is_pressed => Some("star"),
            "*" | "#" if is_key => Some(name),
            _ if is_noun || is_quoted => Some(name),
            _ => None,
        }
    }

    /// True if the mark at `at` is that of a key: `press *`.
    fn is_key(&self, at: usize) -> bool {
        matches!(
            self.tokens.word_before(at).as_str(),
            "press" | "dial" | "key" | "hit" | "enter" | "then" | "or" | "push" | "by" | "with"
        ) && !self.tokens.is_word(at + 1)
            && self.tokens.number(at + 1).is_none()
    }

    /// `Dial *67 or #31`, `*100#`: marks and numbers that are dialled, long ones digit by digit.
    pub(super) fn dialled(&mut self, at: usize) -> Option<usize> {
        let is_mark = |at: usize| matches!(self.tokens.text(at), "*" | "#");
        let mut end = at;
        while end < at + LONGEST_DIALLED && is_mark(end) && self.tokens.number(end + 1).is_some() {
            end += 2;
        }
        let before = self.tokens.word_before(at);
        let asked = matches!(before.as_str(), "dial" | "press" | "enter" | "push");
        let listed =
            before == "or" && at >= 5 && self.tokens.number(at - 4).is_some() && is_mark(at - 5);
        let closed = is_mark(end) && self.tokens.text(at) == "*";
        let glued = at > 0 && (self.tokens.is_word(at - 1) || self.tokens.number(at - 1).is_some());
        if end == at || glued || !(asked || listed || closed) {
            return None;
        }
        end += usize::from(is_mark(end));
        for i in at..end {
            match (self.tokens.number(i), self.tokens.text(i)) {
                (Some(number), _) => self.out.say(&match figures::integer(number) {
                    Some(value) if number.len() < 3 => cardinal(value),
                    _ => digits(number),
                }),
                (None, "*") => self.out.say(" star"),
                (None, _) => self.out.say(" hash"),
            }
        }
        Some(end)
    }

    /// `(#)` behind the name of the sign, which is not said twice: the index after it.
    pub(super) fn repeated_mark(&self, at: usize) -> Option<usize> {
        let is_sign = self
            .tokens
            .text(at + 1)
            .starts_with(['#', '*', '%', '@', '&', '$', '€', '+', '=', '_', '/', '°']);
        let is_bracketed = self.tokens.text(at) == "(" && self.tokens.text(at + 2) == ")";
        let repeats = NAMES.contains(&self.tokens.word_before(at).as_str())
            && self.tokens.text(at - 1) == " ";
        (is_bracketed && is_sign && repeats)
            .then(|| at + 3 + usize::from(self.tokens.text(at + 3) == " "))
    }
}
