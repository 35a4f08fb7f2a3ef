//! Ratings of electric things: `230V, 13A`, `110/220V`, `50/60Hz`.

use super::{English, numerals::cardinal};
use crate::normalize::{figures, reader::Reader};

/// Units of ratings. Two of them in one list are no letters of gates and seats.
const ELECTRIC: [&str; 16] = [
    "V", "A", "W", "kV", "mV", "mA", "kW", "MW", "Hz", "kHz", "MHz", "mAh", "Ah", "Wh", "kWh", "VA",
];

/// Longest list of ratings that is looked at, which keeps the time linear.
const LONGEST_LIST: usize = 6;

impl Reader<'_, English> {
    /// True if the letter at `at` behind the number at `first` is a unit because another unit of ratings stands in the same
    /// list, and no noun such as `Gates` before it.
    pub(super) fn is_rating(&self, first: usize, at: usize) -> bool {
        let unit = self.tokens.text(at);
        let differs = |symbol: usize| self.tokens.text(symbol) != unit;
        let mut head = first;
        let mut found = false;
        for _ in 0..LONGEST_LIST {
            let Some((number, symbol)) = self.rating_before(head) else {
                break;
            };
            found |= differs(symbol);
            head = number;
        }
        let mut end = at + 1;
        for _ in 0..LONGEST_LIST {
            let Some(symbol) = self.rating_behind(end) else {
                break;
            };
            found |= differs(symbol);
            end = symbol + 1;
        }
        found && !self.is_named_by_noun(head)
    }

    /// The indices of the number and the unit of the rating that a comma parts from the number at `first`.
    fn rating_before(&self, first: usize) -> Option<(usize, usize)> {
        let mut at = first.checked_sub(1)?;
        while at > 0 && self.is_joint(at) && first - at < 5 {
            at -= 1;
        }
        let number = at.checked_sub(1)?;
        let number = number - usize::from(self.tokens.text(number) == " " && number > 0);
        let joined = first - at > 1 && ELECTRIC.contains(&self.tokens.text(at));
        self.tokens.number(number).filter(|_| joined)?;
        let decimal = number >= 2
            && matches!(self.tokens.text(number - 1), "." | "-")
            && self.tokens.number(number - 2).is_some();
        Some((number - 2 * usize::from(decimal), at))
    }

    /// The index of the unit of the rating behind `end`.
    fn rating_behind(&self, end: usize) -> Option<usize> {
        let mut at = end;
        while self.is_joint(at) && at - end < 5 {
            at += 1;
        }
        let figure = self.figure(at).filter(|_| at > end)?;
        let symbol = self.tokens.skip_space(figure.end);
        ELECTRIC
            .contains(&self.tokens.text(symbol))
            .then_some(symbol)
    }

    /// True if the token at `at` may stand between two ratings.
    fn is_joint(&self, at: usize) -> bool {
        matches!(
            self.tokens.text(at),
            " " | "," | "/" | "*" | ";" | "and" | "or" | "at" | "max" | "DC" | "AC"
        )
    }

    /// `5V/2A`: a pause for the slash between two ratings.
    pub(super) fn slash_between_ratings(&mut self, at: usize) -> Option<usize> {
        let is_slash = self.tokens.text(at) == "/" && at >= 2;
        let before = is_slash.then(|| self.tokens.text(at - 1))?;
        let joins = ELECTRIC.contains(&before)
            && self.tokens.number(at - 2).is_some()
            && self.rating_behind(at).is_some();
        joins.then(|| {
            self.out.say(", ");
            at + 1
        })
    }

    /// `50/60Hz`, `110/220 V`: one or the other.
    pub(super) fn alternatives(&mut self, at: usize) -> Option<usize> {
        let part = |at: usize| self.tokens.number(at).and_then(figures::integer);
        let (first, second) = (part(at)?, part(at + 2)?);
        let symbol = self.tokens.skip_space(at + 3);
        let is_pair = self.tokens.text(at + 1) == "/" && first >= 10 && second >= 10;
        if !is_pair || !ELECTRIC.contains(&self.tokens.text(symbol)) {
            return None;
        }
        let unit = super::units::unit(self.tokens.text(symbol))?.many;
        self.out.say(&format!(
            "{} or {} {unit}",
            cardinal(first),
            cardinal(second)
        ));
        Some(symbol + 1)
    }
}
