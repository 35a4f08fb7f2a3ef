//! Years, with their word or recognised by their context: `в 2025 г.`, `1943 и 1951 гг.`, `в мае 2010`, `120 до н. э.`.

use super::{
    super::{
        figures::{Style, figure},
        lex::Kind,
        reader::Reader,
    },
    Russian, abbreviations, context, counting,
    dates::month_called,
    governing::{self, governed},
    nouns,
    numerals::{Case, Gender, ordinal},
    quantities::Amount,
    surroundings::LONGEST_LIST,
    units,
};

/// True if `word` is a season, or a part of a year: `осенью 1941`, `к концу 2027`.
fn is_part_of_year(word: &str) -> bool {
    matches!(
        word,
        "зимой"
            | "весной"
            | "летом"
            | "осенью"
            | "зимы"
            | "весны"
            | "осени"
            | "начало"
            | "начала"
            | "началу"
            | "начале"
            | "конец"
            | "конца"
            | "концу"
            | "конце"
            | "середина"
            | "середины"
            | "середине"
    )
}

/// Evidence that a number is a year.
struct Told {
    year: u64,
    /// True if it and the second one, if there is one, have the size of years.
    long: bool,
    /// True if an era follows.
    era: bool,
    /// Its case where no word of its own gives it.
    guess: Case,
}

/// One or two years, and the form in which they are read.
struct Years {
    first: u64,
    second: Option<u64>,
    case: Case,
    /// The word read after them that the text omits or abbreviates.
    word: Option<&'static str>,
    end: usize,
}

impl Reader<'_, Russian> {
    /// A year, or a range of years.
    pub(super) fn year(&mut self, amount: &Amount) -> Option<usize> {
        let years = self.years(amount)?;
        self.out
            .say(&ordinal(years.first, Gender::Masculine, years.case));
        if let Some(second) = years.second {
            self.out.say(" - ");
            self.out
                .say(&ordinal(second, Gender::Masculine, years.case));
        }
        if let Some(word) = years.word {
            self.out.say(" ");
            self.out.say(word);
        }
        Some(years.end)
    }

    fn years(&self, amount: &Amount) -> Option<Years> {
        let &Amount { at, before, .. } = amount;
        let (first, second, end) = self.year_figures(amount)?;
        let of_list = self.governor_of_years(at);
        let before = of_list.as_deref().unwrap_or(before);
        let next = self.tokens.skip_space(end);
        let word = self.tokens.text(next);
        // A headline in capitals has the word as any other text.
        let small = word.starts_with("ГОД").then(|| word.to_lowercase());
        let word = small.as_deref().unwrap_or(word);
        let is_long = |year: u64| (1000..3000).contains(&year);
        let told = Told {
            year: first,
            long: is_long(first) && second.is_none_or(is_long),
            era: self.era_at(next) || self.is_year_word(word) && self.era_at(self.after_word(next)),
            guess: self.year_case(at, before),
        };
        let (case, word, end) = if let Some((case, end)) = self.school_year(next, &told) {
            (case, Some(school_year_word(case)), end)
        } else if matches!(word, "г" | "гг") {
            let (case, said, end) = self.abbreviated_year(next, &told)?;
            (case, Some(said), end)
        } else if let Some(case) = self.written_year_case(word, before, &told) {
            (case, None, end)
        } else if told.era {
            let word = year_word(told.guess, second.is_some());
            (told.guess, Some(word), end)
        } else if second.is_none()
            && (self.is_from_to(at, before, end) || told.long && self.is_listed_year(end))
        {
            (told.guess, None, end)
        } else {
            self.year_by_word_before(amount, &told, end)?
        };
        Some(Years {
            first,
            second,
            case,
            word,
            end,
        })
    }

    /// `в 1943, 1951 и 1960 годах`: what governs the first year of a list, before one that follows a comma.
    fn governor_of_years(&self, at: usize) -> Option<String> {
        let year = |at: usize| self.tokens.number(at).filter(|digits| digits.len() == 4);
        let mut first = at;
        for _ in 0..LONGEST_LIST {
            let comma = self.previous(first)?;
            let before = self
                .previous(comma)
                .filter(|before| year(*before).is_some());
            match (self.tokens.text(comma), before) {
                ("," | "и" | "или", Some(before)) => first = before,
                _ => break,
            }
        }
        (first != at).then(|| self.governor(first))
    }

    /// The year or two that `amount` can be, and the index after them.
    fn year_figures(&self, amount: &Amount) -> Option<(u64, Option<u64>, usize)> {
        let first = amount.first.whole()?;
        if let Some((second, end)) = self.second_of_century(first, amount.first.end) {
            return Some((first, Some(second), end));
        }
        let second = match &amount.second {
            Some(second) => Some(second.whole()?),
            None => None,
        };
        Some((first, second, amount.last().end))
    }

    /// `в мае 2010`, `годы 1941–1945`, `в 1990 началось`.
    fn year_by_word_before(
        &self,
        amount: &Amount,
        told: &Told,
        end: usize,
    ) -> Option<(Case, Option<&'static str>, usize)> {
        if told.long && self.follows_month(amount.at) {
            return Some((Case::Genitive, Some("года"), end));
        }
        if told.long
            && let Some(case) = self.year_word_before(amount.at)
        {
            return Some((case, None, end));
        }
        if self.is_span_of_years(amount, told, end) || self.is_in_brackets(amount.at, told, end) {
            return Some((told.guess, None, end));
        }
        if amount.single().is_some()
            && self.is_counted_by_nothing(told.year, self.tokens.skip_space(end))
        {
            if (1800..2100).contains(&told.year) && is_part_of_year(amount.before) {
                return Some((Case::Genitive, Some("года"), end));
            }
            if self.is_bound_of_time(amount, told.year) {
                return Some((told.guess, None, end));
            }
        }
        let led = matches!(amount.before, "в" | "во") && amount.single().is_some();
        let alone = led && self.is_year_alone(told.year, self.tokens.skip_space(end));
        alone.then_some((Case::Prepositional, None, end))
    }

    /// `к 2030`, `до 2028`, `начиная с 2019`: a year of our age after a preposition of time, and no amount that changes or
    /// has another bound.
    fn is_bound_of_time(&self, amount: &Amount, year: u64) -> bool {
        const CHANGES: [&str; 22] = [
            "вырос",
            "возрос",
            "увелич",
            "сократ",
            "снизи",
            "сниже",
            "повыс",
            "подня",
            "подним",
            "упал",
            "достиг",
            "расшир",
            "доведен",
            "довест",
            "цен",
            "стоим",
            "сумм",
            "скидк",
            "населени",
            "числ",
            "количеств",
            "счит",
        ];
        let Some(preposition) = self.previous_word(amount.at) else {
            return false;
        };
        let other = self
            .previous(preposition)
            .is_some_and(|last| self.tokens.number(last).is_some());
        let word = self.tokens.word_before(preposition);
        let joint = self.tokens.skip_space(amount.first.end);
        let goes_on = self
            .tokens
            .number(self.tokens.skip_space(joint + 1))
            .is_some();
        (1950..2060).contains(&year)
            && !year.is_multiple_of(100)
            && !goes_on
            && matches!(amount.before, "к" | "до" | "с" | "после")
            && amount.first.digits.len() == 4
            && amount.first.end == amount.at + 1
            && !other
            && !self.is_measured(amount.at)
            && !CHANGES.iter().any(|stem| word.starts_with(stem))
    }

    /// `(1805)`, `(1799–1837)`: nothing but years between brackets.
    fn is_in_brackets(&self, at: usize, told: &Told, end: usize) -> bool {
        let opens = at.checked_sub(1).map(|before| self.tokens.text(before)) == Some("(");
        opens && self.tokens.text(end) == ")" && (1000..2100).contains(&told.year)
    }

    /// `План 2025–2027`: two years of one age, one after the other, that count and measure nothing.
    fn is_span_of_years(&self, amount: &Amount, told: &Told, end: usize) -> bool {
        const AMOUNTS: [&str; 13] = [
            "цен",
            "стоим",
            "сумм",
            "тираж",
            "вес",
            "масс",
            "зарплат",
            "оклад",
            "тариф",
            "расход",
            "числ",
            "количеств",
            "населени",
        ];
        let modern = |year: &u64| (1900..2100).contains(year);
        let second = amount.second.as_ref().and_then(|second| second.whole());
        let span = modern(&told.year)
            && second.is_some_and(|second| modern(&second) && told.year < second);
        let before = amount.before;
        let of_what = before.is_empty()
            || matches!(before, "в" | "за" | "на")
            || context::is_noun_like(before)
                && !AMOUNTS.iter().any(|stem| before.starts_with(stem));
        let next = self.tokens.skip_space(end);
        span && of_what
            && !self.is_measured(amount.at)
            && self.is_counted_by_nothing(second.unwrap_or(0), next)
    }

    /// `1997-98`, `2024/2025`: the second year of a range without its century, or after a stroke.
    fn second_of_century(&self, first: u64, end: usize) -> Option<(u64, usize)> {
        if self.tokens.text(end) == "/"
            && let Some(next) = self.tokens.number(end + 1)
            && let Ok(second) = next.parse::<u64>()
            && (second == first + 1 || next.len() == 2 && second == (first + 1) % 100)
        {
            return Some((first + 1, end + 2));
        }
        let dash = self.tokens.skip_space(end);
        let at = self.tokens.skip_space(dash + 1);
        let digits = self.tokens.number(at).filter(|digits| digits.len() == 2)?;
        let second = first / 100 * 100 + digits.parse::<u64>().ok()?;
        let word = self.tokens.text(self.tokens.skip_space(at + 1));
        let good = matches!(self.tokens.text(dash), "-" | "—")
            && (1000..3000).contains(&first)
            && second > first
            && (word == "гг" || self.is_year_word(word));
        good.then_some((second, at + 1))
    }

    fn is_year_word(&self, word: &str) -> bool {
        matches!(word, "г" | "гг")
            || word.starts_with("год") && nouns::senses(word).iter().any(|s| s.noun.name() == "год")
    }
    /// `2026/27 уч. году`, `2026–2027 уч. г.`: the case of a school year at `at` and the index after it.
    fn school_year(&self, at: usize, told: &Told) -> Option<(Case, usize)> {
        let year = self.tokens.skip_space(at + 2);
        let school =
            matches!(self.tokens.text(at), "уч" | "учеб") && self.tokens.text(at + 1) == ".";
        let case = match self.tokens.text(year) {
            "г" | "год" => told.guess,
            "года" => Case::Genitive,
            "году" => Case::Prepositional,
            _ => return None,
        };
        (school && told.long).then(|| (case, self.after_stop(year, true)))
    }

    /// `годы 1941–1945`: the case of the word before.
    fn year_word_before(&self, at: usize) -> Option<Case> {
        let word = self.tokens.text(self.previous_word(at)?);
        let senses = nouns::senses(word).iter();
        let mut years = senses.filter(|sense| sense.noun.name() == "год");
        years.next().map(|sense| sense.case)
    }

    /// The index after the word at `at` and its full stop.
    fn after_word(&self, at: usize) -> usize {
        let stop = self.tokens.text(at + 1) == ".";
        self.tokens.skip_space(at + 1 + usize::from(stop))
    }

    /// `н. э.` or `до н. э.`.
    fn era_at(&self, at: usize) -> bool {
        let of_anno = self.tokens.text(at + 1) == "." && self.tokens.text(at + 2) == "D";
        match self.tokens.text(at) {
            "BCE" | "CE" | "AD" => return true,
            "A" if of_anno => return true,
            _ => {}
        }
        let at = match self.tokens.text(at) {
            "до" => self.tokens.skip_space(at + 1),
            _ => at,
        };
        let second = self.tokens.skip_space(at + 2);
        self.tokens.text(at) == "н"
            && self.tokens.text(at + 1) == "."
            && self.tokens.text(second) == "э"
    }

    /// The case of a year before a word that does not determine it.
    fn year_case(&self, at: usize, before: &str) -> Case {
        if matches!(before, "в" | "во" | "о" | "об" | "при") {
            Case::Prepositional
        } else if self.follows_month(at) {
            Case::Genitive
        } else {
            match governed(before) {
                None if self.is_of_something(at, before) => Case::Genitive,
                None | Some(Case::Accusative) => Case::Nominative,
                Some(case) => case,
            }
        }
    }

    /// `выборы 2026 г.`, `II кв. 2026 г.`: after a noun it is the year of that.
    fn is_of_something(&self, at: usize, before: &str) -> bool {
        match before {
            "" => self.previous(at).is_some_and(|stop| {
                let short = self.tokens.word_before(stop);
                self.tokens.text(stop) == "."
                    && matches!(short.as_str(), "кв" | "полуг" | "сез" | "ул" | "пл")
            }),
            word => context::is_noun_like(word),
        }
    }

    /// True if a month stands before `at`: `в мае 2010`, `22 нояб. 2026`.
    pub(super) fn follows_month(&self, at: usize) -> bool {
        let Some(before) = self.previous(at) else {
            return false;
        };
        match self.tokens.text(before) {
            "." => abbreviations::month(&self.tokens.word_before(before)).is_some(),
            word => {
                self.tokens.is_word(before)
                    && (month_called(word).is_some()
                        || abbreviations::month(&word.to_lowercase()).is_some())
            }
        }
    }

    /// `2025 г.`, `2020-2025 гг.`, `55 г. рождения`, `1990 г. р.`.
    fn abbreviated_year(&self, at: usize, told: &Told) -> Option<(Case, &'static str, usize)> {
        let &Told {
            year: value,
            long,
            era,
            guess,
        } = told;
        let dotted = self.tokens.text(at + 1) == ".";
        let after = self.after_word(at);
        let born = dotted && self.tokens.text(after) == "р" && self.tokens.text(after + 1) == ".";
        if born {
            let end = after + 2 - usize::from(self.ends_here(at, after + 1));
            return Some((Case::Genitive, "года рождения", end));
        }
        // `2021 г. в.`, `1990 г. п., кирпичный`, which no word goes on after
        let listed = matches!(self.tokens.text(after + 2), "," | ";" | ")");
        let closed =
            self.tokens.text(after + 1) == "." && (listed || self.ends_here(at, after + 1));
        let made = match self.tokens.text(after) {
            "в" => Some("года выпуска"),
            "п" => Some("года постройки"),
            _ => None,
        };
        if let Some(made) = made.filter(|_| dotted && closed) {
            return Some((Case::Genitive, made, after + 1 + usize::from(listed)));
        }
        let of_birth = matches!(
            self.tokens.text(after),
            "рождения" | "выпуска" | "постройки" | "издания" | "урожая"
        );
        let plural = self.tokens.text(at) == "гг";
        let early = (100..1000).contains(&value) && dotted && guess == Case::Prepositional;
        let year =
            long && (plural || dotted || value >= 1500) || era || plural || of_birth || early;
        if !year {
            return None;
        }
        let case = if of_birth { Case::Genitive } else { guess };
        let end = at + 1 + usize::from(dotted && !self.ends_here(at, at + 1));
        Some((case, year_word(case, plural), end))
    }

    /// The case of a year before a form of *год*; `None` where the number counts years.
    fn written_year_case(&self, word: &str, before: &str, told: &Told) -> Option<Case> {
        let &Told {
            year: value,
            long,
            era,
            guess,
        } = told;
        let far = (3000..10_000).contains(&value);
        let prepositional = matches!(before, "в" | "во" | "о" | "об" | "при");
        let dative = governed(before) == Some(Case::Dative);
        match word {
            "год" | "годы" if long || era => Some(match guess {
                Case::Nominative => Case::Nominative,
                _ => Case::Accusative,
            }),
            "года" | "годов" if long || era => Some(Case::Genitive),
            "учебный" | "финансовый" if long => Some(guess),
            "учебном" | "финансовом" if long => Some(Case::Prepositional),
            "учебного" | "финансового" if long => Some(Case::Genitive),
            "году" if long || far || prepositional || dative || before.is_empty() => {
                Some(match dative {
                    true => Case::Dative,
                    false => Case::Prepositional,
                })
            }
            "годам" if long => Some(Case::Dative),
            "годом" | "годами" if long => Some(Case::Instrumental),
            "годе" | "годах" if long => Some(Case::Prepositional),
            _ => None,
        }
    }

    /// True if other years follow and then their word: `1943 и 1951 гг.`, `с 1920 до 1933 г.`.
    fn is_listed_year(&self, end: usize) -> bool {
        let mut next = end;
        for _ in 0..LONGEST_LIST {
            let joint = self.tokens.skip_space(next);
            let listed = matches!(
                self.tokens.text(joint),
                "и" | "или" | "," | "по" | "до" | "на" | "-" | "—"
            );
            let at = self.tokens.skip_space(joint + 1);
            let Some(figure) = figure(self.tokens, at, Style::Russian).filter(|_| listed) else {
                return false;
            };
            if !figure
                .whole()
                .is_some_and(|year| (1000..3000).contains(&year))
            {
                return false;
            }
            next = figure.end;
            let word = self.tokens.text(self.tokens.skip_space(next));
            if self.is_year_word(word) {
                return true;
            }
        }
        false
    }

    /// `с 1990 по 1995`, `от 500 до 400 до н. э.`: both have the size of years and count nothing, or an era follows.
    fn is_from_to(&self, at: usize, before: &str, end: usize) -> bool {
        let (first, second) = match before {
            "с" | "от" => {
                let joint = self.tokens.skip_space(end);
                if !matches!(self.tokens.text(joint), "по" | "до") {
                    return false;
                }
                (at, self.tokens.skip_space(joint + 1))
            }
            "по" | "до" => {
                let joint = self.previous_word(at);
                let Some(first) = joint.and_then(|joint| self.previous(joint)) else {
                    return false;
                };
                let from = self.tokens.word_before(first);
                if !matches!(from.as_str(), "с" | "от") {
                    return false;
                }
                (first, at)
            }
            _ => return false,
        };
        let year = |at: usize| {
            self.tokens
                .number(at)
                .and_then(|digits| digits.parse().ok())
        };
        let (Some(first), Some(last)) = (year(first), year(second)) else {
            return false;
        };
        let next = self.tokens.skip_space(second + 1);
        if self.era_at(next) {
            return true;
        }
        let modern = |year: u64| (1000..2100).contains(&year);
        let word = self.tokens.text(next).to_lowercase();
        let closed = matches!(word.as_str(), "" | "." | "," | ";" | ")" | "!" | "?")
            && self.tokens.number(next + 1).is_none();
        let closed = closed || self.tokens.is_word(next) && self.is_counted_by_nothing(last, next);
        modern(first) && modern(last) && first < last && closed
    }

    /// True if the word at `at` is a known noun that no number like `value` counts: `в 1998 группа распалась`.
    fn is_no_count(&self, value: u64, at: usize) -> bool {
        let phrase = self.phrase(at);
        let cases = governing::cases("в");
        !phrase.senses.is_empty()
            && counting::count_agreement(value, cases, phrase.adjectives, phrase.senses).is_none()
            && counting::order_forms(value, "в", phrase.adjectives, phrase.senses).is_empty()
    }

    /// `в 1511`, `в 1990 началось`: a number of a year's size after *в* that counts nothing.
    fn is_year_alone(&self, value: u64, next: usize) -> bool {
        let modern = (1800..2100).contains(&value);
        let old = (1001..1800).contains(&value) && !value.is_multiple_of(100);
        if !modern && !old {
            return false;
        }
        self.is_counted_by_nothing(value, next)
    }

    /// True if what stands at `next` is neither a unit nor a noun that `value` could count.
    fn is_counted_by_nothing(&self, value: u64, next: usize) -> bool {
        if !self.tokens.is_word(next) {
            let counts = matches!(
                self.tokens.text(next),
                "%" | "‰" | "°" | "$" | "€" | "₽" | "№"
            );
            return !counts;
        }
        let word = self.tokens.text(next).to_lowercase();
        let preposition = !governing::cases(&word).is_empty();
        let counted = units::unit(&word).is_some_and(|_| !preposition)
            || units::currency(&word).is_some()
            || units::multiplier(&word).is_some();
        let other = self.tokens.kind(next) == Some(Kind::Word)
            && (preposition
                || context::is_function_word(&word)
                || context::is_verb(&word)
                || is_event(&word)
                || self.is_no_count(value, next));
        other && !counted
    }
}

/// True if `word` says what became of something in a year: *построен*, *основана*, *открыты*. Endings alone would take *стран* too.
fn is_event(word: &str) -> bool {
    const STEMS: [&str; 26] = [
        "построен",
        "основан",
        "открыт",
        "закрыт",
        "создан",
        "введен",
        "введён",
        "избран",
        "назначен",
        "сдан",
        "принят",
        "подписан",
        "издан",
        "снят",
        "взят",
        "восстановлен",
        "реконструирован",
        "разрушен",
        "написан",
        "переименован",
        "запущен",
        "образован",
        "установлен",
        "возведен",
        "возведён",
        "заложен",
    ];
    let ending = STEMS.iter().find_map(|stem| word.strip_prefix(stem));
    ending.is_some_and(|ending| matches!(ending, "" | "а" | "о" | "ы"))
}

fn school_year_word(case: Case) -> &'static str {
    [
        "учебный год",
        "учебного года",
        "учебному году",
        "учебный год",
        "учебным годом",
        "учебном году",
    ][case as usize]
}

fn year_word(case: Case, plural: bool) -> &'static str {
    let forms = if plural {
        ["годы", "годов", "годам", "годы", "годами", "годах"]
    } else {
        ["год", "года", "году", "год", "годом", "году"]
    };
    forms[case as usize]
}
