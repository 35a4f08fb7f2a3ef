//! Days of the week written short: `пн–пт`, `по вт. и чт.`, `в сб`.

use super::{
    super::{figures, reader::Reader},
    Russian,
    abbreviations::{self, is_averaged},
    forms,
    governing::governed,
    nouns::{Entry, senses},
    numerals::Case,
    surroundings::LONGEST_LIST,
    units,
};

/// Times over which an average is taken.
const PERIODS: [&str; 9] = [
    "год",
    "месяц",
    "неделя",
    "день",
    "сутки",
    "час",
    "смена",
    "сезон",
    "квартал",
];

impl Reader<'_, Russian> {
    /// The day at `at`, or two with a dash between; the index after it.
    pub(super) fn weekday(&mut self, at: usize) -> Option<usize> {
        if self.is_average(at) {
            self.out.say("среднем");
            return Some(at + 2);
        }
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

    /// `В ср. доход вырос`, `в ср. на 5 %`, `в ср. 200 руб.`: on an average, while `в ср. школе` describes and `в ср. с 9`
    /// is a day.
    fn is_average(&self, at: usize) -> bool {
        let written = self.tokens.text(at) == "ср"
            && self.tokens.text(at + 1) == "."
            && self.tokens.word_before(at) == "в";
        if !written {
            return false;
        }
        let next = self.tokens.skip_space(at + 2);
        let second = self.tokens.skip_space(next + 1);
        match self.tokens.text(next) {
            "на" => {
                let person = ["одного", "каждого", "человека", "душу"];
                self.is_plain_amount(second) || person.contains(&self.tokens.text(second))
            }
            "за" => senses(self.tokens.text(second))
                .iter()
                .any(|sense| PERIODS.contains(&sense.noun.name())),
            "по" => {
                let word = self.tokens.text(second);
                self.tokens.is_word(second) && self.weekday_at(second).is_none() && !word.is_empty()
            }
            noun if is_averaged(noun) => {
                let phrase = self.phrase(next);
                let forms = phrase.forms().or_else(forms::guess(&noun.to_lowercase()));
                let has = |case| forms.first(&[case]).is_some();
                let first = self.previous_word(at).and_then(|word| self.previous(word));
                let opens =
                    first.is_none_or(|mark| matches!(self.tokens.text(mark), "." | "!" | "?"));
                !has(Case::Prepositional) && (opens || !has(Case::Accusative))
            }
            _ => self.is_measured_amount(next),
        }
    }

    /// A number at `at` that is neither a time nor a day.
    fn is_plain_amount(&self, at: usize) -> bool {
        self.tokens.number(at).is_some()
            && figures::time(self.tokens, at).is_none()
            && !self.is_day_of_month(at)
    }

    /// An amount at `at` of what has no place on a day: `5 %`, `200 руб.`, `3 раза`, `5 кг`.
    fn is_measured_amount(&self, at: usize) -> bool {
        let Some(figure) = figures::figure(self.tokens, at, figures::Style::Russian) else {
            return false;
        };
        let text = self.tokens.text(self.tokens.skip_space(figure.end));
        let unit = units::unit(text).is_some_and(|unit| !unit.is_time() && !unit.may_be_letter());
        self.is_plain_amount(at)
            && (matches!(text, "%" | "‰" | "раз" | "раза" | "человек" | "человека")
                || units::currency(text).is_some()
                || units::multiplier(text).is_some()
                || unit && text != "с")
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
        let before = self.governor_of_day(at);
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
        let before = self.governor_of_day(first);
        match before.as_str() {
            "по" if self.is_end_of_span(first) => (false, Case::Accusative),
            "по" => (true, Case::Dative),
            before => (false, governed(before).unwrap_or(Case::Nominative)),
        }
    }

    /// The word that governs the day at `at`, which may be cut short: `ежедн., кр. вс`.
    fn governor_of_day(&self, at: usize) -> String {
        let stop = self
            .previous(at)
            .filter(|stop| self.tokens.text(*stop) == ".");
        match stop.map(|stop| self.tokens.word_before(stop)) {
            Some(short) if short == "кр" => "кроме".into(),
            _ => self.tokens.word_before(at),
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
