//! Dashes that mean *to*: `10%-20%`, `Jan.–Mar.`, `Gates 12A-12C`, `noon-2 p.m.`

use super::English;
use crate::normalize::{lex::Kind, reader::Reader};

impl Reader<'_, English> {
    /// True if the dash at `at` stands between the ends of a range, where no rule for a number has read both.
    pub(super) fn joins_range(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1) else {
            return false;
        };
        let number_follows = self.number_begins(at + 1);
        let is_noon = |at: usize| {
            matches!(
                self.tokens.text(at),
                "noon" | "midnight" | "Noon" | "Midnight"
            )
        };
        // `10%-20%`, `24 December-2 January`, `noon-2 p.m.`
        let behind_end = number_follows
            && (matches!(self.tokens.text(before), "%" | "°")
                || self.is_month(before)
                || is_noon(before));
        // `10 a.m.-noon`
        let before_noon = is_noon(at + 1) && self.tokens.kind(before) != Some(Kind::Space);
        behind_end
            || before_noon
            || self.joins_months(at)
            || self.joins_letters(at)
            || self.joins_measures(at)
    }

    /// `Jan.–Mar.`, `Nov 30-Dec 2`
    fn joins_months(&self, at: usize) -> bool {
        if !self.is_month(at + 1) {
            return false;
        }
        let stop = at > 1 && self.tokens.text(at - 1) == ".";
        let first = at - 1 - usize::from(stop);
        self.is_month(first)
            || self.tokens.number(first).is_some()
                && self.number_begins(self.tokens.skip_space(at + 2))
    }

    /// `12A-12C`, `12A-C`
    fn joins_letters(&self, at: usize) -> bool {
        let is_letter = |at: usize| {
            let text = self.tokens.text(at);
            text.len() == 1 && text.starts_with(|c: char| c.is_ascii_uppercase())
        };
        let second = at + 1 + usize::from(self.tokens.number(at + 1).is_some());
        at >= 2 && is_letter(at - 1) && self.tokens.number(at - 2).is_some() && is_letter(second)
    }

    /// `20% - 50%`, `5 kg - 8 kg`: two numbers with one unit or sign.
    fn joins_measures(&self, at: usize) -> bool {
        let next = self.tokens.skip_space(at + 1);
        let spaced = next > at + 1 && self.tokens.kind(at - 1) == Some(Kind::Space);
        let Some(unit) = at.checked_sub(2).map(|before| self.tokens.text(before)) else {
            return false;
        };
        let Some(figure) = self.figure(next).filter(|_| spaced) else {
            return false;
        };
        let after = self.tokens.text(self.tokens.skip_space(figure.end));
        let is_unit = matches!(unit, "%" | "°") || super::units::unit(unit).is_some();
        is_unit && after == unit && at >= 3
    }
}
