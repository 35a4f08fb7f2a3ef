//! Numbers that are names and count nothing: gates and seats with a letter, rooms, flights, accounts, codes.

use super::{
    English,
    numerals::{cardinal, digits, in_pairs},
};
use crate::normalize::{figures, reader::Reader};

/// Nouns of things whose numbers may end in a letter.
const LETTERED: [&str; 42] = [
    "gate",
    "seat",
    "seats",
    "row",
    "rows",
    "train",
    "platform",
    "track",
    "room",
    "rooms",
    "flight",
    "terminal",
    "section",
    "building",
    "apartment",
    "apt",
    "unit",
    "house",
    "bay",
    "stand",
    "block",
    "class",
    "level",
    "line",
    "exhibit",
    "appendix",
    "figure",
    "table",
    "chapter",
    "bus",
    "route",
    "hall",
    "entrance",
    "exit",
    "zone",
    "floor",
    "carriage",
    "coach",
    "car",
    "berth",
    "desk",
    "counter",
];

/// Nouns whose numbers are said digit by digit, and from how many digits on.
const IN_DIGITS: &[(&str, usize)] = &[
    ("box", 3),
    ("room", 3),
    ("rm", 3),
    ("suite", 3),
    ("ste", 3),
    ("flight", 3),
    ("extension", 2),
    ("ext", 2),
    ("dial", 3),
    ("pin", 3),
    ("code", 3),
    ("passcode", 3),
    ("password", 3),
    ("account", 4),
    ("acct", 4),
    ("id", 4),
    ("zip", 5),
    ("order", 4),
    ("invoice", 4),
    ("booking", 4),
    ("reservation", 4),
    ("confirmation", 4),
    ("tracking", 4),
    ("serial", 4),
    ("reference", 4),
    ("ref", 4),
    ("card", 4),
    ("passport", 4),
    ("license", 4),
    ("licence", 4),
    ("policy", 4),
    ("case", 5),
    ("ticket", 4),
    ("part", 5),
    ("model", 5),
    ("ssn", 4),
    ("isbn", 4),
    ("number", 5),
    ("no", 5),
];

impl Reader<'_, English> {
    /// True if the number at `at` follows a noun such as `Gate`, so that a letter after it belongs to its name.
    pub(super) fn is_named_by_noun(&self, at: usize) -> bool {
        let word = self.tokens.word_before(at);
        LETTERED.contains(&word.as_str())
    }

    /// A number that is said digit by digit: `pin is 7180`, `Room 204`, `#12345678`, `BA117`, `401(k)`.
    pub(super) fn named(&mut self, at: usize) -> Option<usize> {
        let number = self.tokens.number(at)?;
        let goes_on = matches!(self.tokens.text(at + 1), "." | "," | ":" | "/" | "%")
            && self.tokens.number(at + 2).is_some()
            || self.tokens.text(at + 1) == "%";
        if goes_on {
            return None;
        }
        if let Some(end) = self.plan(at, number).or_else(|| self.aircraft(at, number)) {
            return Some(end);
        }
        if number.len() == 4 && at > 0 && self.tokens.text(at - 1) == "FY" {
            self.out.say(&in_pairs(number.parse().ok()?));
            return Some(at + 1);
        }
        if self.tokens.text(at + 1) == "p"
            && matches!(number, "480" | "720" | "1080" | "1440" | "2160")
        {
            self.out.say(&in_pairs(number.parse().ok()?));
            return Some(at + 1);
        }
        let attached =
            at > 0 && self.tokens.is_word(at - 1) && number.len() >= 3 && !number.ends_with("00");
        let long = number.len() >= 12;
        let emergency = (3..=6).contains(&number.len()) && self.is_emergency(at);
        let noun = self.noun_of(at);
        let wants = noun.is_some_and(|least| number.len() >= least) && !number.ends_with("00");
        if attached && self.tokens.word_before(at).len() <= 4 || long || emergency || wants {
            self.out.say(&digits(number));
            return Some(at + 1);
        }
        None
    }

    /// `Boeing 737-800`.
    fn aircraft(&mut self, at: usize, number: &str) -> Option<usize> {
        if number.len() != 3 || !matches!(self.tokens.cased_word_before(at), "Boeing" | "Airbus") {
            return None;
        }
        self.out.say(&in_pairs(number.parse().ok()?));
        let variant = self
            .tokens
            .number(at + 2)
            .filter(|variant| variant.len() <= 4 && self.tokens.text(at + 1) == "-");
        let Some(variant) = variant.and_then(figures::integer) else {
            return Some(at + 1);
        };
        self.out.say(&format!(" {}", in_pairs(variant)));
        Some(at + 3)
    }

    /// `401(k)`, `501(c)(3)`, `401k`: digit by digit, the nought as *oh*, and the letter.
    fn plan(&mut self, at: usize, number: &str) -> Option<usize> {
        let bracketed = self.tokens.text(at + 1) == "("
            && self.tokens.text(at + 2).len() == 1
            && self.tokens.is_word(at + 2)
            && self.tokens.text(at + 3) == ")";
        let is_plan =
            number.len() == 3 && (bracketed || number == "401" && self.tokens.text(at + 1) == "k");
        if !is_plan {
            return None;
        }
        self.out.say(&digits(number).replace("zero", "oh"));
        if !bracketed {
            return Some(at + 1);
        }
        self.out.say(&format!(" {}", self.tokens.text(at + 2)));
        let mut end = at + 4;
        if self.tokens.text(end) == "("
            && let Some(value) = self.tokens.number(end + 1).and_then(figures::integer)
            && self.tokens.text(end + 2) == ")"
        {
            self.out.say(&format!(" {}", cardinal(value)));
            end += 3;
        }
        Some(end)
    }

    /// `call 911`: three digits of a service, with no noun that they count.
    fn is_emergency(&self, at: usize) -> bool {
        let next = self.tokens.text(self.tokens.skip_space(at + 1));
        matches!(
            self.tokens.word_before(at).as_str(),
            "call" | "dial" | "text"
        ) && (!next.starts_with(char::is_alphabetic)
            || matches!(
                next,
                "for" | "or" | "and" | "if" | "to" | "now" | "immediately" | "in" | "when" | "from"
            ))
    }

    /// From how many digits on the noun before the number at `at` wants them one by one. Between them may stand `is`,
    /// `number`, `no.` and marks.
    fn noun_of(&self, at: usize) -> Option<usize> {
        let mut before = at;
        for _ in 0..7 {
            before = before.checked_sub(1)?;
            let text = self.tokens.text(before);
            if !self.tokens.is_word(before) {
                match text {
                    "#" if self.tokens.text(before + 1) == self.tokens.text(at) => return Some(5),
                    " " | ":" | "." | "#" | "№" => continue,
                    _ => return None,
                }
            }
            let word = text.to_lowercase();
            match word.as_str() {
                "is" | "was" => continue,
                // `Flight BA 117`
                _ if text.len() == 2
                    && text.bytes().all(|byte| byte.is_ascii_uppercase())
                    && word != "id" =>
                {
                    continue;
                }
                word => {
                    return IN_DIGITS
                        .iter()
                        .find(|(noun, _)| *noun == word)
                        .map(|(_, least)| *least);
                }
            }
        }
        None
    }
}
