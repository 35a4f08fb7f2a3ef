//! Days of the week written short: `пн–пт`, `по вт. и чт.`, `в сб`.

use super::{
    super::{figures, reader::Reader},
    Russian,
    abbreviations::{self, is_averaged},
    governing::governed,
    nouns::Entry,
    numerals::Case,
    surroundings::LONGEST_LIST,
};

impl Reader<'_, Russian> {
    /// The day at `at`, or two with a dash between; the index after it.
    pub(super) fn weekday(&mut self, at: usize) -> Option<usize> {
        let (day, end) = self.weekday_at(at)?;
        let dash = self.tokens.skip_space(end);
        let next = self.tokens.skip_space(dash + 1);
        let last = matches!(self.tokens.text(dash), "-" | "—")
            .then(|| self.weekday_at(next))
            .flatten();
        if let Some((last, end)) = last {
            let to = last.form(false, Case::Accusative);
            let from = day.form(false, Case::Genitive);
            let with = if day.name() == "вторник" {
                "со"
            } else {
                "с"
            };
            self.out.say(&format!("{with} {from} по {to}"));
            return Some(end);
        }
        if !self.is_certain(at, end) {
            return None;
        }
        let (plural, case) = self.weekday_case(at);
        self.out.say(day.form(plural, case));
        Some(end)
    }

    fn weekday_at(&self, at: usize) -> Option<(&'static Entry, usize)> {
        let word = self.tokens.text(at);
        // Two letters of two bytes each.
        if word.len() != 4 {
            return None;
        }
        let day = abbreviations::weekday(&word.to_lowercase())?;
        let stop = self.tokens.text(at + 1) == "." && !self.ends_with_day(at + 1);
        Some((day, at + 1 + usize::from(stop)))
    }

    fn ends_with_day(&self, stop: usize) -> bool {
        self.tokens.ends_sentence(stop)
            && self
                .tokens
                .number(self.tokens.skip_space(stop + 1))
                .is_none()
    }

    /// `ср.` is also *сравни*, and `ВС` and `СБ` are also names: alone they are days after a preposition only.
    fn is_certain(&self, at: usize, end: usize) -> bool {
        let word = self.tokens.text(at);
        // `ср. температура`
        let noun = self.tokens.text(self.tokens.skip_space(end));
        if matches!(word, "ср" | "Ср") && self.tokens.text(at + 1) == "." && is_averaged(noun) {
            return false;
        }
        let before = self.tokens.word_before(at);
        let led = matches!(
            before.as_str(),
            "в" | "во" | "по" | "до" | "с" | "со" | "на" | "к" | "кроме"
        );
        let listed = self.day_before_in_list(at).is_some()
            || matches!(self.tokens.text(self.tokens.skip_space(end)), "," | "и")
                && self
                    .weekday_at(self.tokens.skip_space(self.tokens.skip_space(end) + 1))
                    .is_some();
        let certain = word.chars().all(char::is_lowercase) && word != "ср"
            || word.chars().count() == 2
                && word.chars().nth(1).is_some_and(char::is_lowercase)
                && word != "Ср";
        let next = self.tokens.skip_space(end);
        let dated = self.tokens.text(end) == "," && self.tokens.text(at + 1) == "."
            || self.is_day_of_month(next)
            || figures::time(self.tokens, next).is_some();
        certain || led || listed || dated
    }

    fn day_before_in_list(&self, at: usize) -> Option<usize> {
        let joint = self.previous(at)?;
        if !matches!(self.tokens.text(joint), "," | "и" | "или") {
            return None;
        }
        let mut day = self.previous(joint)?;
        if self.tokens.text(day) == "." {
            day = day.checked_sub(1)?;
        }
        abbreviations::weekday(&self.tokens.text(day).to_lowercase()).map(|_| day)
    }

    /// *по вторникам*, *в среду*, *с понедельника*, *по пятницу*.
    fn weekday_case(&self, at: usize) -> (bool, Case) {
        let mut first = at;
        for _ in 0..LONGEST_LIST {
            match self.day_before_in_list(first) {
                Some(before) => first = before,
                None => break,
            }
        }
        let before = self.tokens.word_before(first);
        match before.as_str() {
            "по" if self.is_end_of_span(first) => (false, Case::Accusative),
            "по" => (true, Case::Dative),
            before => (false, governed(before).unwrap_or(Case::Nominative)),
        }
    }

    /// `с пн по пт`.
    fn is_end_of_span(&self, at: usize) -> bool {
        let day = self
            .previous_word(at)
            .and_then(|by| self.previous(by))
            .map(|i| {
                if self.tokens.text(i) == "." {
                    i.saturating_sub(1)
                } else {
                    i
                }
            });
        day.is_some_and(|day| {
            abbreviations::weekday(&self.tokens.text(day).to_lowercase()).is_some()
                && matches!(self.tokens.word_before(day).as_str(), "с" | "со")
        })
    }
}
