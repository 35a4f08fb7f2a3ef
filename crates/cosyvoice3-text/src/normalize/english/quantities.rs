//! Cardinals, ordinals, fractions and ranges in English, and the things that they count.

use super::{
    English,
    calendar::is_year,
    figure_words, money,
    numerals::{cardinal, digits, fraction, in_pairs, ordinal, plural},
    units,
};
use crate::normalize::{
    figures::{self, Figure, Style, figure, range_end},
    reader::Reader,
};

const POWERS: [&str; 5] = ["hundred", "thousand", "million", "billion", "trillion"];

/// Nouns that are counted in thousands and millions: before one of them `1.5m` is no length.
pub(super) const COUNTED: [&str; 24] = [
    "people",
    "users",
    "views",
    "viewers",
    "subscribers",
    "followers",
    "customers",
    "residents",
    "jobs",
    "visitors",
    "passengers",
    "homes",
    "households",
    "copies",
    "downloads",
    "votes",
    "voters",
    "children",
    "workers",
    "students",
    "years",
    "items",
    "cars",
    "barrels",
];

/// Things whose stones are weighed in carats.
const STONES: [&str; 16] = [
    "diamond", "diamonds", "Diamond", "Diamonds", "ring", "rings", "stone", "stones", "ruby",
    "sapphire", "emerald", "pendant", "earrings", "necklace", "gem", "gems",
];

impl<'t> Reader<'t, English> {
    /// `1st`, `1,000th`, `29th's`, `1990s`.
    pub(super) fn suffixed(&mut self, at: usize) -> Option<usize> {
        let figure = figure(self.tokens, at, Style::English)?;
        let value = figure.whole()?;
        if self.tokens.text(figure.end) == "'"
            && self.tokens.text(figure.end + 1) == "s"
            && value % 10 == 0
            && value > 0
        {
            let decade = self.decade(value, figure.digits.len());
            self.out.say(&decade);
            return Some(figure.end + 2);
        }
        let blank = self.tokens.text(figure.end) == " "
            && self.tokens.text(figure.end + 1) == "s"
            && figure.digits.len() == 4
            && is_year(value)
            && value % 10 == 0;
        let end = figure.end + usize::from(blank);
        let suffix = self.tokens.text(end).to_ascii_lowercase();
        let (suffix, possessive) = match suffix.strip_suffix("'s") {
            Some(stem) => (stem, "'s"),
            None => (suffix.as_str(), ""),
        };
        let said = match suffix {
            "st" | "nd" | "rd" | "th" => format!("{}{possessive}", ordinal(value)),
            // `under 5s`, `the over 65s`
            "s" if value < 100
                && value % 10 > 0
                && matches!(self.tokens.word_before(at).as_str(), "under" | "over") =>
            {
                format!("{}{possessive}", plural(&cardinal(value)))
            }
            "s" if value % 10 == 0 && value > 0 => {
                let first = self.decade(value, figure.digits.len());
                if let Some((second, end)) = self.decade_behind(end + 1) {
                    self.out.say(&format!("{first} to {second}"));
                    return Some(end);
                }
                first
            }
            _ => return None,
        };
        self.out.say(&said);
        // `22nd-24th floors`
        let is_ordinal = |at: usize| matches!(self.tokens.text(at), "st" | "nd" | "rd" | "th");
        if is_ordinal(end)
            && matches!(self.tokens.text(end + 1), "-" | "—")
            && self.tokens.number(end + 2).is_some()
            && is_ordinal(end + 3)
        {
            self.out.say(" to ");
            return self.suffixed(end + 2);
        }
        Some(end + 1)
    }

    /// `1920x1080`: what a screen shows, in pairs of digits.
    pub(super) fn resolution(&mut self, at: usize) -> Option<usize> {
        let side = |at: usize| {
            let digits = self
                .tokens
                .number(at)
                .filter(|digits| matches!(digits.len(), 3 | 4))?;
            figures::integer(digits)
        };
        let (width, height) = (side(at)?, side(at + 2)?);
        if !matches!(self.tokens.text(at + 1), "x" | "X" | "×") || width.max(height) < 320 {
            return None;
        }
        let is_measured = self.unit_after(at + 2, at + 3, false).is_some();
        let in_words = |value| {
            if is_measured {
                cardinal(value)
            } else {
                in_pairs(value)
            }
        };
        self.out
            .say(&format!("{} by {}", in_words(width), in_words(height)));
        Some(self.say_unit(at + 2, at + 3, false).unwrap_or(at + 3))
    }

    /// The second decade of `1960s-80s`, behind the dash at `dash`.
    fn decade_behind(&self, dash: usize) -> Option<(String, usize)> {
        let digits = self
            .tokens
            .number(dash + 1)
            .filter(|digits| matches!(digits.len(), 2 | 4))?;
        let value = figures::integer(digits).filter(|value| *value > 0 && value % 10 == 0)?;
        let is_decade =
            matches!(self.tokens.text(dash), "-" | "—") && self.tokens.text(dash + 2) == "s";
        is_decade.then(|| (self.decade(value, digits.len()), dash + 3))
    }

    /// `3/4`, `1/3rd`.
    pub(super) fn fraction(&mut self, at: usize) -> Option<usize> {
        let (above, below, end) = figures::fraction(self.tokens, at)?;
        if (above, below) == (9, 11) {
            self.out.say("nine eleven");
            return Some(end);
        }
        // `UV index 8/10`
        let is_rating = matches!(
            self.tokens.word_before(at).as_str(),
            "index" | "rating" | "score" | "scored" | "rated" | "got" | "grade"
        );
        if is_rating {
            self.out
                .say(&format!("{} out of {}", cardinal(above), cardinal(below)));
            return Some(end);
        }
        self.out.say(&fraction(above, below));
        let mut end = self.past_ordinal_suffix(end);
        if self.tokens.text(end) == "-"
            && let Some((above, below, after)) = figures::fraction(self.tokens, end + 1)
        {
            self.out.say(&format!(" to {}", fraction(above, below)));
            end = after;
        }
        if self.closes_no_quotation(at, end) {
            self.out.say(" inch");
            return Some(end + 1);
        }
        let unit = self.tokens.text(self.tokens.skip_space(end));
        // `3/4 hr`
        if above > 1 && above < below && matches!(unit, "h" | "hr" | "hrs") {
            self.out.say(" of an hour");
            let stop = self.tokens.skip_space(end) + 1;
            let is_short = self.tokens.text(stop) == "." && !self.tokens.ends_sentence(stop);
            return Some(stop + usize::from(is_short));
        }
        let one = above < below;
        Some(self.say_unit(at, end, one).unwrap_or(end))
    }

    /// `22/3`, `120/80`, `1234/567`: top-heavy fractions of small parts, and others with *over*.
    pub(super) fn over(&mut self, at: usize) -> Option<usize> {
        let above = figures::integer(self.tokens.number(at)?)?;
        let below = figures::integer(self.tokens.number(at + 2)?)?;
        let end = at + 3;
        let goes_on = matches!(self.tokens.text(end), "/" | "." | "," | ":" | "-")
            && self.tokens.number(end + 1).is_some();
        let comes_on = at >= 2
            && matches!(self.tokens.text(at - 1), "/" | "." | ",")
            && self.tokens.number(at - 2).is_some();
        let is_sum = self.tokens.text(self.tokens.skip_space(end)) == "=";
        let in_code = at >= 2 && self.tokens.text(at - 1) == "-" && self.tokens.is_word(at - 2);
        if self.tokens.text(at + 1) != "/" || goes_on || comes_on || is_sum || in_code || below == 0
        {
            return None;
        }
        let said = match (above, below) {
            // Said as they are written, everywhere.
            (24, 7) | (50, 50) | (20, 20) => format!("{} {}", cardinal(above), cardinal(below)),
            (1100..2100, _) if below == (above + 1) % 100 => {
                format!("{} to {}", in_pairs(above), cardinal(below))
            }
            _ if above == below => format!("{} out of {}", cardinal(above), cardinal(below)),
            (1.., 2..=20) if above > below => fraction(above, below),
            _ => format!("{} over {}", cardinal(above), cardinal(below)),
        };
        self.out.say(&said);
        Some(self.say_unit(at, end, false).unwrap_or(end))
    }

    fn past_ordinal_suffix(&self, end: usize) -> usize {
        let suffix = self.tokens.text(end).to_ascii_lowercase();
        end + usize::from(matches!(
            suffix.as_str(),
            "st" | "nd" | "rd" | "th" | "ths" | "rds"
        ))
    }

    fn say_unit(&mut self, first: usize, end: usize, one: bool) -> Option<usize> {
        let (words, after) = self.unit_after(first, end, one)?;
        self.out.say(" ");
        self.out.say(&words);
        Some(after)
    }

    /// `2 1/2`, `23 4/5th`, `3 1/4 lbs`.
    pub(super) fn mixed_fraction(&mut self, at: usize) -> Option<usize> {
        let first = figure(self.tokens, at, Style::English)?;
        let value = first.whole()?;
        // `3-1/2` is no range: its second number is a part.
        let hyphen = usize::from(self.tokens.text(first.end) == "-" && value < 100);
        let next = self.tokens.skip_space(first.end) + hyphen;
        let (above, below, end) =
            figures::fraction(self.tokens, next).filter(|_| next > first.end)?;
        let end = self.past_ordinal_suffix(end);
        let part = fraction(above, below);
        let unit = self.unit_after(at, end, false);
        // *Three and a half pounds*, but *two and one half cups* as a recipe is read.
        let part = match part.strip_prefix("one ") {
            Some(noun) if unit.is_some() && matches!(noun, "half" | "quarter") => {
                format!("a {noun}")
            }
            _ => part,
        };
        self.out.say(&format!("{} and {part}", cardinal(value)));
        Some(self.say_unit(at, end, false).unwrap_or(end))
    }

    /// `2.10.3`.
    pub(super) fn outline(&mut self, at: usize) -> Option<usize> {
        let (parts, end) = figures::outline(self.tokens, at)?;
        let is_byte =
            |part: &&str| part.len() <= 3 && part.parse::<u64>().is_ok_and(|value| value < 256);
        let is_group = |part: &&str| part.len() == 3;
        if parts[0].len() <= 3
            && !parts[0].starts_with('0')
            && parts[1..].iter().all(is_group)
            && parts.contains(&"000")
            && let Some(value) = figures::integer(&parts.concat())
        {
            self.out.say(&cardinal(value));
            return Some(end);
        }
        let is_address = parts.iter().any(|part| part.len() == 3)
            || matches!(
                self.tokens.word_before(at).as_str(),
                "ip" | "address" | "server"
            );
        if parts.len() == 4 && parts.iter().all(is_byte) && is_address {
            let said: Vec<String> = parts.iter().map(|part| digits(part)).collect();
            self.out.say(&said.join(" dot "));
            return Some(end);
        }
        let said: Vec<String> = parts
            .iter()
            .map(|part| figures::integer(part).map_or_else(|| digits(part), cardinal))
            .collect();
        self.out.say(&said.join(" point "));
        Some(end)
    }

    /// A number or a range with the thing that it counts.
    pub(super) fn quantity(&mut self, at: usize) -> Option<usize> {
        let first = self.figure(at)?;
        let second = range_end(self.tokens, first.end, Style::English);
        let end = second.as_ref().map_or(first.end, |second| second.end);
        if let Some(end) = self
            .feet_and_inches(&first)
            .or_else(|| self.inches(at, &first))
            .or_else(|| self.feet(at, &first))
            .or_else(|| self.short_range_of_years(at, &first))
        {
            return Some(end);
        }
        if self.is_year_here(at, &first, second.as_ref()) {
            let years = [Some(&first), second.as_ref()];
            let said: Vec<String> = years
                .into_iter()
                .flatten()
                .filter_map(Figure::whole)
                .map(in_pairs)
                .collect();
            self.out.say(&said.join(" to "));
            return Some(end);
        }
        self.out.say(&figure_words(&first));
        if let Some(second) = &second {
            let is_sum = self.tokens.text(self.tokens.skip_space(end)) == "=";
            self.out.say(if is_sum { " minus " } else { " to " });
            self.out.say(&figure_words(second));
        }
        let one = first.whole() == Some(1) && second.is_none();
        Some(self.say_counted(at, end, one).unwrap_or(end))
    }

    /// `5'10"`.
    fn feet_and_inches(&mut self, feet: &Figure) -> Option<usize> {
        let at = self.tokens.skip_space(feet.end + 1);
        if self.tokens.text(feet.end) != "'" || self.tokens.text(at + 1) != "\"" {
            return None;
        }
        let feet_count = feet.whole()?;
        let inches = self
            .tokens
            .number(at)
            .and_then(figures::integer)
            .filter(|inches| *inches < 12)?;
        let noun = |value, one, many| if value == 1 { one } else { many };
        self.out.say(&format!(
            "{} {} {} {}",
            cardinal(feet_count),
            noun(feet_count, "foot", "feet"),
            cardinal(inches),
            noun(inches, "inch", "inches"),
        ));
        Some(at + 2)
    }

    /// `27" monitor`: the mark right behind a number, a word after it, and no quotation open.
    fn inches(&mut self, at: usize, figure: &Figure) -> Option<usize> {
        let end = figure.end;
        if !self.closes_no_quotation(at, end) {
            return None;
        }
        let word = self.tokens.text(self.tokens.skip_space(end + 1));
        let is_many = figure.whole() != Some(1)
            && (self.tokens.cased_word_before(at) == "of"
                || !word.starts_with(char::is_alphabetic)
                || matches!(
                    word,
                    "of" | "wide"
                        | "tall"
                        | "long"
                        | "deep"
                        | "high"
                        | "thick"
                        | "and"
                        | "or"
                        | "to"
                        | "in"
                        | "by"
                        | "x"
                        | "on"
                        | "at"
                        | "from"
                        | "tonight"
                        | "today"
                        | "tomorrow"
                        | "expected"
                        | "possible"
                        | "likely"
                        | "per"
                        | "fell"
                ));
        let noun = if is_many { "inches" } else { "inch" };
        self.out.say(&format!("{} {noun}", figure_words(figure)));
        // `8.5" x 11"`
        let by = self.tokens.skip_space(end + 1);
        let second = self.tokens.skip_space(by + 1);
        if self.tokens.text(by) == "x" && self.tokens.number(second).is_some() {
            self.out.say(" by ");
            return Some(second);
        }
        Some(end + 1)
    }

    /// `48 in. x 40 in.`: the sign between two measures, the first of which has its unit.
    pub(super) fn between_measures(&mut self, at: usize) -> Option<usize> {
        let second = self.tokens.skip_space(at + 1);
        if self.tokens.text(at) != "x" || self.tokens.number(second).is_none() {
            return None;
        }
        let behind_blank = |at: usize| {
            let before = at.checked_sub(1)?;
            match self.tokens.text(before).trim() {
                "" => before.checked_sub(1),
                _ => Some(before),
            }
        };
        let stop = behind_blank(at)?;
        let unit = match self.tokens.text(stop) {
            "." => stop.checked_sub(1)?,
            _ => stop,
        };
        let symbol = self.tokens.text(unit);
        let measured = self.tokens.number(behind_blank(unit)?).is_some();
        if !measured || symbol != "in" && units::unit(symbol).is_none() {
            return None;
        }
        self.out.say(" by ");
        Some(second)
    }

    /// `a 10' pole`, `6' tall`.
    fn feet(&mut self, at: usize, figure: &Figure) -> Option<usize> {
        let end = figure.end;
        // Two of them are the quotes of a typesetter.
        if self.tokens.text(end + 1) == "'" || !self.stands_for_length(at, end, "'") {
            return None;
        }
        let noun = if self.is_attributive(at, end + 1) || figure.whole() == Some(1) {
            "foot"
        } else {
            "feet"
        };
        self.out.say(&format!("{} {noun}", figure_words(figure)));
        Some(end + 1)
    }

    fn closes_no_quotation(&self, at: usize, end: usize) -> bool {
        self.stands_for_length(at, end, "\"")
    }

    /// True if `mark` stands at `end`, behind the number at `at`, and means a length: no quotation is open there, and a
    /// small word or no word follows.
    fn stands_for_length(&self, at: usize, end: usize, mark: &str) -> bool {
        let next = self.tokens.text(self.tokens.skip_space(end + 1));
        // `a 65" TV`
        let is_acronym = next.len() > 1 && next.bytes().all(|b| b.is_ascii_uppercase());
        if self.tokens.text(end) != mark
            || next.starts_with(char::is_uppercase) && !is_acronym
            || self.tokens.is_word(end + 1)
        {
            return false;
        }
        // So few that the time stays linear in the length of the text.
        let marks = (at.saturating_sub(200)..at)
            .filter(|i| self.tokens.text(*i) == mark)
            // `8.5" x 11"`: the first is no quote.
            .filter(|i| !(self.tokens.text(i + 1) == " " && self.tokens.text(i + 2) == "x"))
            .count();
        marks.is_multiple_of(2)
    }

    /// The power of ten, the unit or the currency after a number.
    fn say_counted(&mut self, at: usize, end: usize, one: bool) -> Option<usize> {
        // `SW1A`: letters that go on are no unit.
        if at > 0 && self.tokens.is_word(at - 1) && self.tokens.text(at - 1) != "x" {
            return None;
        }
        let next = self.tokens.skip_space(end);
        let word = self.tokens.text(next);
        if let Some(noun) = self.karats(at, end, next, one) {
            self.out.say(" ");
            self.out.say(noun);
            let stop = self.tokens.text(next + 1) == "." && !self.tokens.ends_sentence(next + 1);
            return Some(next + 1 + usize::from(stop));
        }
        if let Some(power) = self.power(end, next) {
            self.out.say(" ");
            self.out.say(power);
            let far = self.tokens.text(self.tokens.skip_space(next + 1));
            let unit = (far.len() > 1 || far == "%")
                .then(|| self.say_unit(at, next + 1, false))
                .flatten();
            return Some(unit.unwrap_or(next + 1));
        }
        if let Some(name) = money::name(word) {
            let before_amount = money::is_sign(word) && self.number_begins(next + 1);
            return (!before_amount).then(|| {
                self.out.say(" ");
                self.out.say(name);
                next + 1
            });
        }
        // `a 27-in. monitor`
        let inch = self.tokens.text(end) == "-" && self.tokens.text(end + 1) == "in";
        if inch && self.tokens.text(end + 2) == "." {
            self.out.say(" inch");
            return Some(end + 3 - usize::from(self.tokens.ends_sentence(end + 2)));
        }
        // `a 5-lb bag`
        let symbol = self.tokens.text(end + 1);
        let thing = self.tokens.text(self.tokens.skip_space(end + 2));
        if self.tokens.text(end) == "-"
            && (symbol.len() > 1 || super::units::is_measured(thing))
            && self.tokens.text(end + 2) != "-"
            && let Some(unit) = super::units::unit(symbol)
        {
            self.out.say(" ");
            self.out.say(unit.one);
            let stop = self.tokens.text(end + 2) == "." && !self.tokens.ends_sentence(end + 2);
            return Some(end + 2 + usize::from(stop));
        }
        self.say_unit(at, end, one)
    }

    /// `18k gold`, `a 0.5 ct diamond`, `12 ct`: the fineness of gold, the weight of stones, pieces in a pack.
    fn karats(&self, at: usize, end: usize, next: usize, one: bool) -> Option<&'static str> {
        let word = self.tokens.text(next);
        let near = || (at.saturating_sub(12)..next + 8).map(|i| self.tokens.text(i));
        let of_gold = || near().any(|word| matches!(word, "gold" | "Gold"));
        let fine = || {
            let digits = self.tokens.number(at).filter(|_| end == at + 1);
            matches!(digits, Some("8" | "9" | "10" | "14" | "18" | "22" | "24"))
        };
        match word {
            "k" | "K" | "kt" | "Kt" if fine() && of_gold() => Some("karat"),
            "ct" | "cts" => {
                let of_stones = near().any(|word| STONES.contains(&word));
                let after = self.tokens.text(self.tokens.skip_space(next + 1));
                let one = one || STONES.contains(&after);
                Some(match (of_stones, one) {
                    (true, true) => "carat",
                    (true, false) => "carats",
                    (false, _) => "count",
                })
            }
            _ => None,
        }
    }

    /// *million* for itself and for the `m` of `1.5m people`.
    fn power(&self, end: usize, next: usize) -> Option<&'static str> {
        let word = self.tokens.text(next);
        if let Some(power) = POWERS.iter().find(|power| **power == word) {
            return Some(power);
        }
        // `12.5M`
        let decimal = next == end && end >= 2 && self.tokens.text(end - 2) == ".";
        match word {
            "K" if decimal => return Some("thousand"),
            "M" if decimal => return Some("million"),
            "B" if decimal => return Some("billion"),
            _ => {}
        }
        let counted = self.tokens.text(self.tokens.skip_space(next + 1));
        if next > end && word != "bn" || !COUNTED.contains(&counted) {
            return None;
        }
        match word {
            "k" | "K" => Some("thousand"),
            "m" | "M" => Some("million"),
            "b" | "B" | "bn" => Some("billion"),
            _ => None,
        }
    }
}
