//! Forecasts: winds by the points of the compass.

use super::{
    super::reader::Reader,
    Russian,
    forms::adjective_ending,
    nouns::senses,
    numerals::{Case, Gender},
};

/// As many points of the compass as one wind blows from in a forecast.
const MOST_WINDS: usize = 4;

impl Reader<'_, Russian> {
    /// `Ветер С-З 3–5 м/с`, `ветра ЮВ`: the point of the compass as an adjective of the wind.
    pub(super) fn wind(&mut self, at: usize) -> Option<usize> {
        if !self.tokens.text(at).starts_with(['С', 'Ю', 'З', 'В']) || self.tokens.text(at).len() > 4
        {
            return None;
        }
        let mut letters = self.tokens.text(at).to_owned();
        let mut end = at + 1;
        if self.tokens.text(end) == "-" && self.tokens.text(end + 1).chars().count() == 1 {
            letters.push_str(self.tokens.text(end + 1));
            end += 2;
        }
        let stem = match letters.as_str() {
            "С" => "северн",
            "Ю" => "южн",
            "З" => "западн",
            "В" => "восточн",
            "СЗ" => "северо-западн",
            "СВ" => "северо-восточн",
            "ЮЗ" => "юго-западн",
            "ЮВ" => "юго-восточн",
            _ => return None,
        };
        let wind = self.wind_before(at)?;
        let ending = adjective_ending(stem, Gender::Masculine, wind);
        self.out.say(&format!("{stem}{ending}"));
        Some(end)
    }
}

impl Reader<'_, Russian> {
    /// The case of the wind that stands before `at`, over other points of the compass: `ветер С-З, ЮВ`.
    fn wind_before(&self, at: usize) -> Option<Case> {
        let mut before = at;
        for _ in 0..MOST_WINDS {
            if let Some(case) = senses_of_wind(&self.tokens.word_before(before)) {
                return Some(case);
            }
            let joint = self
                .previous(before)
                .filter(|joint| matches!(self.tokens.text(*joint), "," | "и" | "-" | "—"))?;
            let mut point = self.previous(joint)?;
            if point >= 2 && self.tokens.text(point - 1) == "-" {
                point -= 2;
            }
            let letters = self.tokens.text(point);
            let compass = letters.chars().count() <= 2
                && letters.chars().all(|c| matches!(c, 'С' | 'Ю' | 'З' | 'В'));
            if !compass {
                return None;
            }
            before = point;
        }
        None
    }
}

/// The case of the word *ветер*.
fn senses_of_wind(word: &str) -> Option<Case> {
    let senses = senses(word).iter();
    senses
        .filter(|sense| !sense.plural && sense.noun.name() == "ветер")
        .map(|sense| sense.case)
        .next()
}
