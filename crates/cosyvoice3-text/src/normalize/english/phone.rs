//! Telephone numbers in English: with hyphens, blanks or full stops, with letters, with an extension.

use super::{English, numerals::digits};
use crate::normalize::{figures, reader::Reader};

/// Words that say that a telephone number follows.
const ANNOUNCED: [&str; 14] = [
    "call",
    "phone",
    "tel",
    "telephone",
    "dial",
    "fax",
    "text",
    "contact",
    "mobile",
    "cell",
    "hotline",
    "number",
    "at",
    "on",
];

/// Codes whose calls cost the caller nothing, said as hundreds.
const FREE: [&str; 7] = ["800", "888", "877", "866", "855", "844", "833"];

impl Reader<'_, English> {
    pub(super) fn telephone(&mut self, at: usize) -> Option<usize> {
        let end = match self.letters_number(at) {
            Some(end) => end,
            None => {
                let (groups, end) = self.telephone_groups(at)?;
                if self.tokens.text(at) == "+" {
                    self.out.say("plus ");
                }
                self.say_groups(&groups);
                end
            }
        };
        Some(self.extension(end).unwrap_or(end))
    }

    fn telephone_groups(&self, at: usize) -> Option<(Vec<String>, usize)> {
        let owned = |groups: Vec<&str>| groups.into_iter().map(str::to_owned).collect();
        if let Some((groups, end)) = figures::telephone(self.tokens, at) {
            return Some((groups.into_iter().map(|g| g.to_string()).collect(), end));
        }
        if let Some(groups) = self.joined_groups(at) {
            return Some((groups, at + 1));
        }
        let (groups, end, separator) = self.groups(at)?;
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        let all: usize = lengths.iter().sum();
        let good = match (separator, lengths.as_slice()) {
            (".", [3, 3, 4] | [1, 3, 3, 4]) => true,
            ("-", [3, 4]) => {
                groups[1].starts_with('0')
                    || groups[0] == "555"
                    || self.is_announced(at)
                        && !matches!(self.tokens.word_before(at).as_str(), "at" | "on")
            }
            (" ", [3, 3, 4]) => true,
            (" ", [1, 3, 3, 4]) => groups[0] == "1",
            (" ", [_, _, ..]) => {
                groups[0].starts_with('0') && (9..=12).contains(&all) && groups[0].len() >= 2
                    || groups[0].starts_with("00") && (10..=16).contains(&all)
            }
            _ => false,
        } || separator == " "
            && groups.len() >= 3
            && (9..=12).contains(&all)
            && self.is_announced(at);
        good.then(|| (owned(groups), end))
    }

    /// `5558675309`, `18005550123`: a number of ten digits that counts nothing, in its groups.
    fn joined_groups(&self, at: usize) -> Option<Vec<String>> {
        let all = self.tokens.number(at)?;
        let (country, rest) = match all.len() {
            10 => ("", all),
            11 if all.starts_with('1') => all.split_at(1),
            _ => return None,
        };
        let next = self.tokens.text(self.tokens.skip_space(at + 1));
        let counts = self.is_counted(at + 1) || super::units::unit(next).is_some();
        let opens = at == 0 || self.opens(at);
        let goes_on = matches!(self.tokens.text(at + 1), "." | "," | "-" | "/" | "%")
            && self.tokens.number(at + 2).is_some();
        if rest.starts_with(['0', '1']) || rest.ends_with("00") || counts || !opens || goes_on {
            return None;
        }
        let groups = [country, &rest[..3], &rest[3..6], &rest[6..]];
        Some(
            groups
                .into_iter()
                .filter(|group| !group.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }

    /// Groups of digits from `at` on with one separator between them.
    fn groups(&self, at: usize) -> Option<(Vec<&str>, usize, &str)> {
        let mut groups = vec![self.tokens.number(at)?];
        let mut end = at + 1;
        let separator = self.tokens.text(end);
        if !matches!(separator, "-" | "." | " ")
            || at >= 2 && self.tokens.text(at - 1) == separator && separator != " "
        {
            return None;
        }
        while self.tokens.text(end) == separator && groups.len() < 6 {
            match self.tokens.number(end + 1) {
                Some(group) => groups.push(group),
                None => break,
            }
            end += 2;
        }
        Some((groups, end, separator))
    }

    /// True if a word before `at` speaks of a telephone.
    pub(super) fn is_announced(&self, at: usize) -> bool {
        let mut before = at;
        for _ in 0..4 {
            let Some(previous) = before.checked_sub(1) else {
                return false;
            };
            before = previous;
            if self.tokens.is_word(before) {
                let word = self.tokens.text(before).to_lowercase();
                return ANNOUNCED.contains(&word.as_str());
            }
            if !matches!(self.tokens.text(before), " " | ":" | "." | "(") {
                return false;
            }
        }
        false
    }

    /// `1-800-GO-U-HAUL`.
    fn letters_number(&mut self, at: usize) -> Option<usize> {
        let code = self
            .tokens
            .number(at + 2)
            .filter(|code| FREE.contains(code))?;
        let is_letters = self.tokens.text(at) == "1"
            && self.tokens.text(at + 1) == "-"
            && self.tokens.text(at + 3) == "-"
            && self
                .tokens
                .text(at + 4)
                .chars()
                .all(|c| c.is_ascii_uppercase())
            && self.tokens.is_word(at + 4);
        if !is_letters {
            return None;
        }
        self.out.say(&format!("one, {}", group_words(code, true)));
        let mut separator = ", ";
        let mut end = at + 3;
        while self.tokens.text(end) == "-" {
            let part = self.tokens.text(end + 1);
            let said = match self.tokens.number(end + 1) {
                Some(group) => digits(group),
                None if self.tokens.is_word(end + 1) => part.to_owned(),
                None => break,
            };
            self.out.say(separator);
            self.out.say(&said);
            separator = " ";
            end += 2;
        }
        Some(end)
    }

    fn say_groups(&mut self, groups: &[String]) {
        let free = groups.len() > 2 && groups[0] == "1";
        let said: Vec<String> = groups
            .iter()
            .enumerate()
            .map(|(index, group)| group_words(group, free && index == 1))
            .collect();
        self.out.say(&said.join(", "));
    }

    /// `ext. 123`, `, ext 42`, `x12` behind a telephone number.
    fn extension(&mut self, end: usize) -> Option<usize> {
        let comma = usize::from(self.tokens.text(end) == ",");
        let word = self.tokens.skip_space(end + comma);
        if !matches!(
            self.tokens.text(word),
            "ext" | "Ext" | "EXT" | "extension" | "x"
        ) {
            return None;
        }
        let stop = usize::from(self.tokens.text(word + 1) == ".");
        let number = self.tokens.skip_space(word + 1 + stop);
        let said = digits(self.tokens.number(number)?);
        self.out.say(&format!(", extension {said}"));
        Some(number + 1)
    }
}

/// A group digit by digit; free codes as hundreds.
fn group_words(group: &str, free: bool) -> String {
    match group.strip_suffix("00") {
        Some(hundreds) if free && FREE.contains(&group) => format!("{} hundred", digits(hundreds)),
        _ => digits(group),
    }
}
