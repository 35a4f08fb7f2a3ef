//! Russian: numbers with the gender and case that their surroundings ask for, units, dates, abbreviations.

mod abbreviations;
mod context;
mod nouns;
mod numerals;
mod suffix;

use context::{agreement, governed, ordinal_agreement};
use nouns::{DEGREE, Noun, PERCENT};
use numerals::{Case, Gender, LIMIT, cardinal, ordinal};

use super::{
    figures::{self, Date, Figure, Style, Time, figure, range_end, roman},
    lex::{Kind, is_cyrillic},
    reader::{Reader, Spoken},
    signs, web,
};
use crate::Language;

const MONTHS: [&str; 12] = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];

/// The language.
pub(super) struct Russian;

impl Spoken for Russian {
    const WEB: web::Words = web::Words {
        dot: "точка",
        at: "собака",
        slash: "слэш",
        dash: "дефис",
        underscore: "подчёркивание",
        colon: "двоеточие",
        domain: |name| {
            Some(match name {
                "com" => "ком",
                "ru" => "ру",
                "org" => "орг",
                "net" => "нет",
                "рф" => "эр-эф",
                _ => return None,
            })
        },
    };

    fn number(reader: &mut Reader<'_, Self>, at: usize) -> usize {
        reader.number(at, at)
    }

    fn word(reader: &mut Reader<'_, Self>, at: usize) -> usize {
        reader.word(at)
    }

    fn mark(reader: &mut Reader<'_, Self>, at: usize) -> usize {
        reader.mark(at)
    }
}

impl Reader<'_, Russian> {
    fn word(&mut self, at: usize) -> usize {
        let word = self.tokens.text(at);
        if let Some((text, end)) = abbreviations::dotted(self.tokens, at) {
            self.out.say(text);
            return end;
        }
        if let Some(end) = self.roman(at) {
            return end;
        }
        let next = self.tokens.skip_space(at + 1);
        if matches!(word, "х" | "x")
            && self.follows_number(at)
            && self.tokens.number(next).is_some()
        {
            self.out.say(" на ");
            return at + 1;
        }
        match abbreviations::spelled(word) {
            Some(letters) => self.out.say(&letters),
            None => self.out.copy(word),
        }
        at + 1
    }

    fn mark(&mut self, at: usize) -> usize {
        let next = self.tokens.skip_space(at + 1);
        let number_follows = self.tokens.number(next).is_some();
        let mark = self.tokens.text(at);
        if let Some((groups, end)) = self.telephone_at(at) {
            if mark == "+" {
                self.out.say("плюс");
            }
            self.say_groups(&groups);
            return end;
        }
        match mark {
            "№" | "#" if number_follows => {
                self.out.say("номер");
                return self.number(next, at);
            }
            "№" => self.out.say(" номер "),
            "§" => self.out.say(" параграф "),
            "-" if figures::is_sign(self.tokens, at) => {
                self.out.say("минус");
                return self.number(at + 1, at);
            }
            "+" if figures::is_sign(self.tokens, at) => {
                self.out.say("плюс");
                return self.number(at + 1, at);
            }
            "±" if number_follows => {
                self.out.say("плюс-минус");
                return self.number(next, at);
            }
            "~" if number_follows => {
                self.out.say("примерно");
                return self.number(next, at);
            }
            "$" | "€" | "£" | "¥" | "₽" | "₴" if number_follows => {
                return self.money(at, next);
            }
            "%" => self.out.say(" процентов "),
            "‰" => self.out.say(" промилле "),
            "°" => self.out.say(" градусов "),
            "$" => self.out.say(" долларов "),
            "€" => self.out.say(" евро "),
            "₽" => self.out.say(" рублей "),
            "&" => self.out.say(" и "),
            "+" => self.out.say(" плюс "),
            "=" => self.out.say(" равно "),
            "@" => self.out.say(" собака "),
            "×" | "*" if number_follows && self.follows_number(at) => self.out.say(" на "),
            "÷" => self.out.say(" делить на "),
            "<" if number_follows => self.out.say(" меньше "),
            ">" if number_follows => self.out.say(" больше "),
            ":" if number_follows && next == at + 1 && self.follows_number(at) => {
                self.out.copy(" ");
            }
            "²" => self.out.say(" в квадрате "),
            "³" => self.out.say(" в кубе "),
            "#" | "*" | "_" | "~" | "±" | "×" | "/" | "\\" | "<" | ">" => self.out.copy(" "),
            _ => match signs::name(mark, Language::Russian) {
                Some(name) => self.out.say(&format!(" {name} ")),
                None => self.out.copy(mark),
            },
        }
        at + 1
    }

    fn follows_number(&self, at: usize) -> bool {
        let space = at > 0 && self.tokens.kind(at - 1) == Some(Kind::Space);
        at.checked_sub(1 + usize::from(space))
            .is_some_and(|before| self.tokens.number(before).is_some())
    }

    fn telephone_at(&self, at: usize) -> Option<(Vec<String>, usize)> {
        let starts = match self.tokens.text(at) {
            "+" => self.tokens.number(at + 1).is_some(),
            "(" => self
                .tokens
                .number(at + 1)
                .is_some_and(|group| group.len() == 3),
            _ => self.tokens.number(at).is_some(),
        };
        if !starts {
            return None;
        }
        let (groups, end) = figures::telephone(self.tokens, at)?;
        let groups = groups.into_iter().flat_map(|group| match group.len() {
            // 8 926 123 45 67 without its blanks.
            11 => split_at(group, &[1, 4, 7, 9]),
            10 => split_at(group, &[3, 6, 8]),
            _ => vec![group.to_owned()],
        });
        Some((groups.collect(), end))
    }

    /// The number at `at`, whose governing word stands before `start`; the index after it and what belongs to it.
    fn number(&mut self, at: usize, start: usize) -> usize {
        let before = self.tokens.word_before(start);
        if let Some(date) = figures::date(self.tokens, at, Style::Russian) {
            return self.date(date, &before);
        }
        if let Some((groups, end)) = self.telephone_at(at) {
            self.say_groups(&groups);
            return end;
        }
        if let Some(time) = figures::time(self.tokens, at) {
            return self.time(time, &before);
        }
        if let Some(end) = self.suffixed(at, &before) {
            return end;
        }
        if let Some((above, below, end)) = figures::fraction(self.tokens, at) {
            let case = direct(governed(&before));
            self.out.say(&fraction_words(above, below, case));
            return end;
        }
        if let Some((parts, end)) = figures::outline(self.tokens, at) {
            let said: Vec<String> = parts.iter().map(|part| digits_words(part)).collect();
            self.out.say(&said.join(" точка "));
            return end;
        }
        if let Some(end) = self.short_date(at, &before) {
            return end;
        }
        match figure(self.tokens, at, Style::Russian) {
            Some(first) => self.quantity(first, &before),
            None => self.copy(at),
        }
    }

    /// `22.11.2026`: *двадцать второе ноября две тысячи двадцать шестого года*.
    fn date(&mut self, date: Date, before: &str) -> usize {
        let otherwise = if context::is_verb(before) {
            Case::Genitive
        } else {
            Case::Nominative
        };
        let case = day_case(before, otherwise);
        self.out.say(&format!(
            "{} {} {} года",
            ordinal(date.day, Gender::Neuter, case),
            MONTHS[date.month - 1],
            ordinal(date.year, Gender::Masculine, Case::Genitive)
        ));
        // `22.11.2026 г.`
        let next = self.tokens.skip_space(date.end);
        match self.tokens.text(next) {
            "г" if self.tokens.text(next + 1) == "." => {
                next + 2 - usize::from(self.tokens.ends_sentence(next + 1))
            }
            "года" | "г" => next + 1,
            _ => date.end,
        }
    }

    /// `до 31.12`: a date after a preposition that asks for one; a decimal number has a comma.
    fn short_date(&mut self, at: usize, before: &str) -> Option<usize> {
        let two = |at: usize| self.tokens.number(at).filter(|digits| digits.len() == 2);
        let day: u64 = two(at)?.parse().ok()?;
        let month: usize = two(at + 2)?.parse().ok()?;
        let asks = matches!(before, "до" | "с" | "от" | "к" | "по" | "на" | "после");
        let valid = (1..=31).contains(&day) && (1..=12).contains(&month);
        if !asks || !valid || self.tokens.text(at + 1) != "." {
            return None;
        }
        let case = day_case(before, Case::Nominative);
        let month = MONTHS[month - 1];
        self.out
            .say(&format!("{} {month}", ordinal(day, Gender::Neuter, case)));
        Some(at + 3)
    }

    fn time(&mut self, time: Time, before: &str) -> usize {
        let case = match governed(before) {
            Some(case @ (Case::Genitive | Case::Dative)) => case,
            _ => Case::Nominative,
        };
        let words = |value: u64| cardinal(value, Gender::Masculine, case);
        let padded = |value: u64| match value {
            0 => "ноль ноль".to_owned(),
            1..=9 => format!("ноль {}", words(value)),
            _ => words(value),
        };
        let hours = if time.hours == 0 {
            padded(0)
        } else {
            words(time.hours)
        };
        let mut said = format!("{hours} {}", padded(time.minutes));
        if let Some(seconds) = time.seconds {
            said.push(' ');
            said.push_str(&padded(seconds));
        }
        self.out.say(&said);
        time.end
    }

    /// `5-го`, `1990-е`, `100-летие`.
    fn suffixed(&mut self, at: usize, before: &str) -> Option<usize> {
        let number = figures::integer(self.tokens.number(at)?)?;
        if self.tokens.text(at + 1) != "-" || !self.tokens.is_word(at + 2) {
            return None;
        }
        let suffix = self.tokens.text(at + 2);
        if let Some((case, gender)) = suffix::ordinal(number, suffix, before) {
            self.out.say(&ordinal(number, gender, case));
        } else if suffix::is_compound(number, suffix) {
            self.out
                .say(&format!("{}{suffix}", numerals::compound(number)));
        } else {
            return None;
        }
        Some(at + 3)
    }

    /// A number or a range with what it counts.
    fn quantity(&mut self, first: Figure, before: &str) -> usize {
        let second = range_end(self.tokens, first.end, Style::Russian);
        let last = second.as_ref().unwrap_or(&first);
        let end = last.end;
        let next = self.tokens.skip_space(end);
        if second.is_none()
            && let Some(end) = self.mixed_fraction(&first, next, before)
        {
            return end;
        }
        if let Some(after) = self.year(&first, second.as_ref(), next, before) {
            return after;
        }
        if let Some(after) = self.day(&first, second.as_ref(), next, before) {
            return after;
        }
        if let Some((noun, after)) = self.counted_noun(last, next) {
            let case = noun_case(before, last.whole(), self.tokens.text(next));
            if second.is_none() && self.say_with_subunit(&first, self.tokens.text(next), case) {
                return after;
            }
            self.say_figures(&first, second.as_ref(), noun.gender, case);
            self.out.say(&match last.whole() {
                Some(count) => noun.counted(count, case),
                None if last.fraction.is_some() => noun.after_fraction(),
                None => noun.genitive_plural(),
            });
            return self.after_multiplier(next, after);
        }
        let words = self.words_after(end);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if let Some(count) = last.whole().filter(|_| second.is_none()) {
            let said = context::in_order(count, before, &words)
                .map(|(case, gender)| ordinal(count, gender, case))
                .or_else(|| context::collective(count, before, &words).map(str::to_owned));
            if let Some(said) = said {
                self.out.say(&said);
                return end;
            }
        }
        let (case, gender) = match last.whole() {
            Some(count) => agreement(count, before, &words),
            None => (direct(governed(before)), Gender::Masculine),
        };
        self.say_figures(&first, second.as_ref(), gender, case);
        end
    }

    /// `2 1/2`: *две целых одна вторая*.
    fn mixed_fraction(&mut self, whole: &Figure, next: usize, before: &str) -> Option<usize> {
        let (above, below, end) = figures::fraction(self.tokens, next)?;
        let value = whole.whole().filter(|_| next > whole.end)?;
        let case = direct(governed(before));
        self.out.say(&format!(
            "{} {}",
            whole_words(value, case),
            fraction_words(above, below, case)
        ));
        Some(end)
    }

    /// The sign, abbreviation or unit that the number before `next` counts, and the index after it.
    fn counted_noun(&self, last: &Figure, next: usize) -> Option<(Noun, usize)> {
        let text = self.tokens.text(next);
        match text {
            "%" => return Some((PERCENT, next + 1)),
            "‰" => return Some((PERCENT_THOUSANDTH, next + 1)),
            "°" => return Some(self.degrees(next)),
            _ => {}
        }
        if let Some(noun) = nouns::multiplier(text).or_else(|| nouns::currency(text)) {
            return Some((noun, self.after_stop(text, next)));
        }
        if !self.tokens.is_word(next) {
            return None;
        }
        // `кв. м`
        let third = self.tokens.skip_space(next + 2);
        let dots = (self.tokens.text(next + 1), self.tokens.text(third + 1)) == (".", ".");
        match (text, self.tokens.text(third)) {
            ("ч", "л") if dots => return Some((nouns::SPOON.with_adjective("чайн"), third + 2)),
            ("ст", "л") if dots => {
                return Some((nouns::SPOON.with_adjective("столов"), third + 2));
            }
            _ => {}
        }
        if self.tokens.text(next + 1) == "." && matches!(text, "кв" | "куб") {
            let adjective = if text == "кв" {
                "квадратн"
            } else {
                "кубическ"
            };
            let noun = nouns::unit(self.tokens.text(third))?;
            return Some((noun.with_adjective(adjective), third + 1));
        }
        let noun = nouns::unit(text)?;
        let glued = next == last.end;
        match (self.tokens.text(next + 1), self.tokens.text(next + 2)) {
            ("²", _) => return Some((noun.with_adjective("квадратн"), next + 2)),
            ("³", _) => return Some((noun.with_adjective("кубическ"), next + 2)),
            ("2", _) if is_length(text) => {
                return Some((noun.with_adjective("квадратн"), next + 2));
            }
            ("3", _) if is_length(text) => {
                return Some((noun.with_adjective("кубическ"), next + 2));
            }
            ("/", per) => {
                if let Some(tail) = nouns::per(per) {
                    return Some((noun.with_tail(tail), next + 3));
                }
            }
            _ => {}
        }
        // `5 с половиной` is no second.
        if text == "с" && !glued && self.tokens.is_word(self.tokens.skip_space(next + 1)) {
            return None;
        }
        Some((noun, self.after_stop(text, next)))
    }

    /// The index after the abbreviation at `at` and its full stop, unless that ends the sentence as well.
    fn after_stop(&self, text: &str, at: usize) -> usize {
        let stop = self.tokens.text(at + 1) == "." && nouns::takes_stop(text);
        at + 1 + usize::from(stop && !self.tokens.ends_sentence(at + 1))
    }

    fn degrees(&self, at: usize) -> (Noun, usize) {
        let scale = self.tokens.skip_space(at + 1);
        match self.tokens.text(scale) {
            "C" | "С" => (DEGREE.with_tail("Цельсия"), scale + 1),
            "F" => (DEGREE.with_tail("по Фаренгейту"), scale + 1),
            _ => (DEGREE, at + 1),
        }
    }

    /// `5 млн руб.`: the unit after a power of thousand.
    fn after_multiplier(&mut self, noun_at: usize, after: usize) -> usize {
        if nouns::multiplier(self.tokens.text(noun_at)).is_none() {
            return after;
        }
        let next = self.tokens.skip_space(after);
        let text = self.tokens.text(next);
        let Some(noun) = nouns::currency(text).or_else(|| nouns::unit(text)) else {
            return after;
        };
        self.out.say(" ");
        self.out.say(&noun.genitive_plural());
        self.after_stop(text, next)
    }

    /// `$5`, `$5,50`, `$5 млн`.
    fn money(&mut self, sign_at: usize, at: usize) -> usize {
        let sign = self.tokens.text(sign_at);
        let before = self.tokens.word_before(sign_at);
        let (Some(first), Some(noun)) = (
            figure(self.tokens, at, Style::Russian),
            nouns::currency(sign),
        ) else {
            return self.copy(sign_at);
        };
        let second = range_end(self.tokens, first.end, Style::Russian);
        let last = second.as_ref().unwrap_or(&first);
        let end = last.end;
        let next = self.tokens.skip_space(end);
        if let Some(power) = nouns::multiplier(self.tokens.text(next)) {
            let case = noun_case(&before, last.whole(), "");
            self.say_figures(&first, second.as_ref(), power.gender, case);
            self.out.say(&last.whole().map_or_else(
                || power.after_fraction(),
                |count| power.counted(count, case),
            ));
            self.out.say(" ");
            self.out.say(&noun.genitive_plural());
            return self.after_stop(self.tokens.text(next), next);
        }
        let case = noun_case(&before, last.whole(), "");
        if second.is_none() && self.say_with_subunit(&first, sign, case) {
            return end;
        }
        self.say_figures(&first, second.as_ref(), noun.gender, case);
        self.out.say(&match last.whole() {
            Some(count) => noun.counted(count, case),
            None if last.fraction.is_some() => noun.after_fraction(),
            None => noun.genitive_plural(),
        });
        end
    }

    /// `5,50` of a currency whose hundredths have a name; whether that was said.
    fn say_with_subunit(&mut self, amount: &Figure, sign: &str, case: Case) -> bool {
        let cents = amount.fraction.filter(|fraction| fraction.len() == 2);
        let (Some(cents), Some(value), Some(noun), Some(coin)) = (
            cents.and_then(|cents| cents.parse().ok()),
            amount.integer(),
            nouns::currency(sign),
            nouns::subunit(sign),
        ) else {
            return false;
        };
        self.say_counted(value, noun, case);
        if cents > 0 {
            self.out.say(" ");
            self.say_counted(cents, coin, case);
        }
        true
    }

    fn say_counted(&mut self, count: u64, noun: Noun, case: Case) {
        self.out.say(&cardinal(count, noun.gender, case));
        self.out.say(&noun.counted(count, case));
    }

    /// A year with its word: `2025 год`, `в 2025 г.`, `2020-2025 гг.`, or without one: `в 2025`, `22 ноября 2025`.
    fn year(
        &mut self,
        first: &Figure,
        second: Option<&Figure>,
        next: usize,
        before: &str,
    ) -> Option<usize> {
        let value = first.whole()?;
        let last = second.map_or(Some(value), Figure::whole)?;
        let word = self.tokens.text(next);
        let dotted = self.tokens.text(next + 1) == ".";
        let is_long = (1000..3000).contains(&value) && (1000..3000).contains(&last)
            || (3000..10_000).contains(&value) && word == "году";
        let prepositional = matches!(before, "в" | "во" | "о" | "об" | "при");
        let month = MONTHS.contains(&before);
        let guess = if prepositional {
            Case::Prepositional
        } else if month {
            Case::Genitive
        } else {
            direct(governed(before))
        };
        let (case, said) = match word {
            "год" | "годы" if is_long => (guess_direct(guess), None),
            "года" | "годов" if is_long => (Case::Genitive, None),
            "году" if is_long || prepositional => match governed(before) {
                Some(Case::Dative) => (Case::Dative, None),
                _ => (Case::Prepositional, None),
            },
            "годам" if is_long => (Case::Dative, None),
            "годом" | "годами" if is_long => (Case::Instrumental, None),
            "годе" | "годах" if is_long => (Case::Prepositional, None),
            "г" if is_long && (dotted || value >= 1500) => (guess, Some(year_word(guess, false))),
            "гг" if is_long => (guess, Some(year_word(guess, true))),
            _ if month && is_long => (Case::Genitive, Some("года")),
            _ if prepositional
                && (1800..2100).contains(&value)
                && !self.tokens.is_word(next)
                && second.is_none() =>
            {
                (Case::Prepositional, None)
            }
            _ => return None,
        };
        self.out.say(&ordinal(value, Gender::Masculine, case));
        if second.is_some() {
            self.out.say(" - ");
            self.out.say(&ordinal(last, Gender::Masculine, case));
        }
        let figures_end = second.map_or(first.end, |second| second.end);
        let Some(said) = said else {
            return Some(figures_end);
        };
        self.out.say(" ");
        self.out.say(said);
        if !matches!(word, "г" | "гг") {
            return Some(figures_end);
        }
        Some(next + 1 + usize::from(dotted && !self.tokens.ends_sentence(next + 1)))
    }

    /// `22 ноября`, `10-15 ноября`.
    fn day(
        &mut self,
        first: &Figure,
        second: Option<&Figure>,
        next: usize,
        before: &str,
    ) -> Option<usize> {
        let days = [Some(first), second].into_iter().flatten();
        let days: Option<Vec<u64>> = days
            .map(|figure| figure.whole().filter(|day| (1..=31).contains(day)))
            .collect();
        if !MONTHS.contains(&self.tokens.text(next).to_lowercase().as_str()) {
            return None;
        }
        let case = day_case(before, Case::Genitive);
        let said: Vec<String> = days?
            .iter()
            .map(|day| ordinal(*day, Gender::Neuter, case))
            .collect();
        self.out.say(&said.join(" - "));
        Some(second.map_or(first.end, |second| second.end))
    }

    /// `IV квартал`, `Пётр I`, `XIX-XX вв.`, `глава IV`.
    fn roman(&mut self, at: usize) -> Option<usize> {
        let value = roman(self.tokens.text(at))?;
        let second = matches!(self.tokens.text(at + 1), "-" | "—")
            .then(|| roman(self.tokens.text(at + 2)))
            .flatten();
        let end = if second.is_some() { at + 3 } else { at + 1 };
        let next = self.tokens.skip_space(end);
        let noun = self.tokens.text(next).to_lowercase();
        let before = self.tokens.word_before(at);
        let name = self.tokens.cased_word_before(at);
        let single = self.tokens.text(at).len() == 1 && second.is_none();
        let dotted = self.tokens.text(next + 1) == ".";
        let mut after = end;
        let mut tail = "";
        let (case, gender) = if matches!(noun.as_str(), "в" | "вв") && dotted {
            let case = match before.as_str() {
                "в" | "во" => Case::Prepositional,
                _ => direct(governed(&before)),
            };
            tail = century_word(case, second.is_some());
            after = next + 1 + usize::from(!self.tokens.ends_sentence(next + 1));
            (case, Gender::Masculine)
        } else if is_ordered(&noun) {
            let (case, gender) = ordinal_agreement(&before, &noun);
            let gender = if gender == Gender::Plural && second.is_some() {
                Gender::Masculine
            } else {
                gender
            };
            (case, gender)
        } else if is_section(&before) {
            self.out
                .say(&cardinal(value, Gender::Masculine, Case::Nominative));
            return Some(at + 1);
        } else if name
            .chars()
            .next()
            .is_some_and(|c| c.is_uppercase() && is_cyrillic(c))
            && is_ruler(&before)
        {
            ruler_agreement(&before)
        } else if single {
            return None;
        } else {
            self.out
                .say(&cardinal(value, Gender::Masculine, Case::Nominative));
            return Some(at + 1);
        };
        self.out.say(&ordinal(value, gender, case));
        if let Some(second) = second {
            self.out.say(" - ");
            self.out.say(&ordinal(second, gender, case));
        }
        if !tail.is_empty() {
            self.out.say(tail);
        }
        Some(after)
    }

    fn say_figures(&mut self, first: &Figure, second: Option<&Figure>, gender: Gender, case: Case) {
        self.out.say(&figure_words(first, gender, case));
        if let Some(second) = second {
            self.out.say(" - ");
            self.out.say(&figure_words(second, gender, case));
        }
    }

    fn say_groups(&mut self, groups: &[String]) {
        for group in groups {
            self.out.say(&digits_words(group));
        }
    }

    /// Up to three Cyrillic words after `at`, in small letters, as far as only blanks part them and they can be what a
    /// number counts.
    fn words_after(&self, at: usize) -> Vec<String> {
        let mut words = Vec::new();
        let mut i = at;
        while words.len() < 3 {
            let next = self.tokens.skip_space(i);
            let word = self.tokens.text(next).to_lowercase();
            let counts = self.tokens.is_word(next)
                && word.starts_with(is_cyrillic)
                && !is_function_word(&word);
            if !counts {
                break;
            }
            words.push(word);
            i = next + 1;
        }
        words
    }
}

const PERCENT_THOUSANDTH: Noun = Noun::masculine("промилле").fixed();

fn split_at(group: &str, at: &[usize]) -> Vec<String> {
    let ends = at.iter().copied().chain([group.len()]);
    let starts = [0].into_iter().chain(at.iter().copied());
    starts
        .zip(ends)
        .map(|(start, end)| group[start..end].to_owned())
        .collect()
}

/// Accusative and nominative of numbers are alike but for *одну*: numbers without a noun take the nominative.
fn direct(case: Option<Case>) -> Case {
    match case {
        None | Some(Case::Accusative) => Case::Nominative,
        Some(case) => case,
    }
}

fn guess_direct(case: Case) -> Case {
    match case {
        Case::Nominative => Case::Nominative,
        _ => Case::Accusative,
    }
}

/// The case of a number before a unit that is an abbreviation and so does not tell it.
fn noun_case(before: &str, count: Option<u64>, unit: &str) -> Case {
    let one = count.is_some_and(|count| count % 10 == 1 && count % 100 != 11);
    match governed(before) {
        Some(Case::Accusative) if before == "по" && one => Case::Dative,
        Some(Case::Accusative) if before == "в" && matches!(unit, "км" | "м") => {
            Case::Prepositional
        }
        case => case.unwrap_or(Case::Nominative),
    }
}

fn day_case(before: &str, otherwise: Case) -> Case {
    match before {
        "сегодня" | "завтра" | "вчера" | "послезавтра" | "это" | "было" | "будет" | "наступило" => {
            Case::Nominative
        }
        "на" | "за" | "по" => Case::Nominative,
        "в" | "во" => otherwise,
        _ => governed(before).unwrap_or(otherwise),
    }
}

fn year_word(case: Case, plural: bool) -> &'static str {
    let forms = if plural {
        ["годы", "годов", "годам", "годы", "годами", "годах"]
    } else {
        ["год", "года", "году", "год", "годом", "году"]
    };
    forms[case as usize]
}

fn century_word(case: Case, plural: bool) -> &'static str {
    let forms = if plural {
        ["века", "веков", "векам", "века", "веками", "веках"]
    } else {
        ["век", "века", "веку", "век", "веком", "веке"]
    };
    forms[case as usize]
}

fn is_length(unit: &str) -> bool {
    matches!(
        unit,
        "м" | "км" | "см" | "мм" | "дм" | "m" | "km" | "cm" | "mm"
    )
}

/// What Roman numerals count in order.
fn is_ordered(noun: &str) -> bool {
    const STEMS: [&str; 30] = [
        "век",
        "столети",
        "тысячелети",
        "квартал",
        "съезд",
        "этап",
        "класс",
        "степен",
        "групп",
        "категори",
        "разряд",
        "созыв",
        "олимп",
        "международн",
        "всероссийск",
        "всемирн",
        "миров",
        "конгресс",
        "чемпионат",
        "форум",
        "фестивал",
        "конференц",
        "ранг",
        "пленум",
        "интернационал",
        "государственн",
        "дум",
        "рейх",
        "сезон",
        "полугоди",
    ];
    STEMS.iter().any(|stem| noun.starts_with(stem))
}

/// What Roman numerals number: *глава четыре*.
fn is_section(word: &str) -> bool {
    const STEMS: [&str; 10] = [
        "глав",
        "част",
        "том",
        "раздел",
        "пункт",
        "статья",
        "статьи",
        "уровн",
        "тип",
        "вариант",
    ];
    STEMS.iter().any(|stem| word.starts_with(stem))
}

const KINGS: [&str; 24] = [
    "пётр",
    "петр",
    "никола",
    "александр",
    "иван",
    "павел",
    "павл",
    "людовик",
    "карл",
    "генрих",
    "фридрих",
    "георг",
    "вильгельм",
    "наполеон",
    "иоанн",
    "васили",
    "фёдор",
    "бенедикт",
    "филипп",
    "рамзес",
    "густав",
    "эдуард",
    "яков",
    "ричард",
];
const QUEENS: [&str; 7] = [
    "екатерин",
    "елизавет",
    "анн",
    "мари",
    "виктори",
    "маргарит",
    "изабелл",
];

fn is_ruler(name: &str) -> bool {
    KINGS
        .iter()
        .chain(&QUEENS)
        .any(|stem| name.starts_with(stem))
}

fn ruler_agreement(name: &str) -> (Case, Gender) {
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if QUEENS.iter().any(|stem| name.starts_with(stem)) && !name.starts_with("марк") {
        let case = if ends(&["а", "я"]) {
            Case::Nominative
        } else if ends(&["у", "ю"]) {
            Case::Accusative
        } else {
            Case::Genitive
        };
        return (case, Gender::Feminine);
    }
    let case = if ends(&["а", "я"]) {
        Case::Genitive
    } else if ends(&["у", "ю"]) {
        Case::Dative
    } else if ends(&["ом", "ем"]) {
        Case::Instrumental
    } else if ends(&["е"]) {
        Case::Prepositional
    } else {
        Case::Nominative
    };
    (case, Gender::Masculine)
}

/// Words that a number does not count.
fn is_function_word(word: &str) -> bool {
    const WORDS: [&str; 52] = [
        "и",
        "или",
        "а",
        "но",
        "до",
        "от",
        "по",
        "на",
        "в",
        "во",
        "с",
        "со",
        "к",
        "ко",
        "из",
        "за",
        "у",
        "о",
        "об",
        "не",
        "ни",
        "как",
        "что",
        "для",
        "при",
        "без",
        "под",
        "над",
        "через",
        "это",
        "мы",
        "вы",
        "он",
        "она",
        "они",
        "я",
        "ты",
        "точка",
        "слэш",
        "дефис",
        "двоеточие",
        "собака",
        "есть",
        "был",
        "была",
        "было",
        "будет",
        "же",
        "ли",
        "плюс",
        "минус",
        "равно",
    ];
    WORDS.contains(&word)
}

fn figure_words(figure: &Figure, gender: Gender, case: Case) -> String {
    let Some(fraction) = figure.fraction else {
        return match figure.integer().filter(|value| *value < LIMIT) {
            Some(value) => cardinal(value, gender, case),
            None => digits_words(&figure.digits),
        };
    };
    let (Some(whole), 1..=6, Ok(part)) = (figure.integer(), fraction.len(), fraction.parse())
    else {
        return format!(
            "{} точка {}",
            digits_words(&figure.digits),
            digits_words(fraction)
        );
    };
    format!(
        "{} {}",
        whole_words(whole, case),
        fraction_words(part, 10_u64.pow(fraction.len() as u32), case)
    )
}

/// *две целых*.
fn whole_words(whole: u64, case: Case) -> String {
    let forms = match (whole % 10, whole / 10 % 10) {
        (1, tens) if tens != 1 => ["целая", "целой", "целой", "целую", "целой", "целой"],
        _ => ["целых", "целых", "целым", "целых", "целыми", "целых"],
    };
    format!(
        "{} {}",
        cardinal(whole, Gender::Feminine, case),
        forms[case as usize]
    )
}

/// *пять десятых*, *три четвёртых*.
fn fraction_words(above: u64, below: u64, case: Case) -> String {
    let one = above % 10 == 1 && above / 10 % 10 != 1;
    let denominator = match case {
        _ if one => ordinal(below, Gender::Feminine, case),
        Case::Nominative | Case::Accusative => ordinal(below, Gender::Plural, Case::Genitive),
        _ => ordinal(below, Gender::Plural, case),
    };
    format!("{} {denominator}", cardinal(above, Gender::Feminine, case))
}

/// Digits that are no amount: leading zeros one by one, then the rest as one number where it is short, else digit by
/// digit.
fn digits_words(digits: &str) -> String {
    let rest = digits.trim_start_matches('0');
    let zeros = digits.len() - rest.len();
    let mut words = vec!["ноль".to_owned(); zeros];
    let spoken = |digits: &str| {
        let value = digits.parse().unwrap_or(0);
        cardinal(value, Gender::Masculine, Case::Nominative)
    };
    match rest.len() {
        0 => {}
        1..=3 => words.push(spoken(rest)),
        4..=6 if zeros == 0 => words.push(spoken(rest)),
        _ => words.extend((0..rest.len()).map(|at| spoken(&rest[at..=at]))),
    }
    words.join(" ")
}
