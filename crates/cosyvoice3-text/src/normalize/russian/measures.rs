//! Units of measurement: `60 км/ч`, `120 кв. м`, `20 °C`, `5 млн руб.`, `один м²`.

use super::{
    super::{
        figures::{self, Figure},
        reader::Reader,
    },
    Russian, context,
    forms::{self, CASES, Forms},
    governing,
    nouns::{self, Noun},
    numerals::{Case, is_power},
    quantities::{Amount, amount_cases},
    roman::roman,
    units,
};

/// The days that `short` describes: *рабочие*, *календарные*, *банковские*.
fn adjective_of_days(short: &str) -> Option<&'static str> {
    Some(match short {
        "раб" => "рабоч",
        "кал" | "календ" => "календарн",
        "банк" => "банковск",
        _ => return None,
    })
}

/// True if `word` names what something costs: `цена м²`.
fn is_price(word: &str) -> bool {
    ["цен", "стоимост", "плат"]
        .iter()
        .any(|stem| word.starts_with(stem))
}

/// True if `word`, in small letters, names what lasts for years: *гарантия*, *стаж*.
fn lasts(word: &str) -> bool {
    ["гаранти", "служб", "стаж", "опыт"]
        .iter()
        .any(|stem| word.starts_with(stem))
}

/// True if `word`, in small letters, names a person, or the age itself.
fn is_person(word: &str) -> bool {
    const STEMS: [&str; 19] = [
        "ребён",
        "ребен",
        "возраст",
        "пациент",
        "мальчик",
        "девочк",
        "девушк",
        "женщин",
        "мужчин",
        "пенсионер",
        "подрост",
        "школьни",
        "юнош",
        "дошкол",
        "внук",
        "внучк",
        "гражданин",
        "гражданк",
        "малыш",
    ];
    matches!(
        word,
        "дети" | "детей" | "детям" | "детьми" | "сын" | "сына" | "дочь" | "дочери"
    ) || STEMS.iter().any(|stem| word.starts_with(stem))
}

/// As many tokens before a number are searched for the quote that its own would close.
const FARTHEST_QUOTE: usize = 40;

impl Reader<'_, Russian> {
    /// The case of a number before a unit that is an abbreviation and so does not show it.
    pub(super) fn unit_case(&self, amount: &Amount, unit: &str) -> Case {
        let &Amount { at, before, .. } = amount;
        let count = amount.last().whole();
        let one = count.is_some_and(|count| count % 10 == 1 && count % 100 != 11);
        let distance = matches!(unit, "км" | "м");
        // `Стоимость 1 м²`: what has a price, where the unit is no currency.
        let priced = units::unit(unit).is_some() && units::currency(unit).is_none();
        if priced && (before.starts_with("стоимост") || matches!(before, "цена" | "цены" | "цену"))
        {
            return Case::Genitive;
        }
        match amount_cases(before).first() {
            // `по 21 руб.`, `по 1 000 руб.`
            Some(Case::Accusative) if before == "по" && (one || count.is_some_and(is_power)) => {
                Case::Dative
            }
            // `в 5 км отсюда`, but `на расстоянии в 5 км`.
            Some(Case::Accusative) if before == "в" && distance && !self.is_extent(at) => {
                Case::Prepositional
            }
            // `Возьмите 1 т`
            None if one && unit != "чел" && context::takes_one_as_object(before) => {
                Case::Accusative
            }
            // `спасли 21 чел.`
            None if unit == "чел" && context::is_deed(before) => Case::Accusative,
            case => case.copied().unwrap_or(Case::Nominative),
        }
    }

    fn is_extent(&self, at: usize) -> bool {
        let Some(preposition) = self.previous_word(at) else {
            return false;
        };
        self.previous_word(preposition).is_some_and(|word| {
            let senses = nouns::senses(self.tokens.text(word));
            senses
                .iter()
                .any(|sense| sense.noun.is(nouns::Kind::Measure))
        })
    }

    /// The sign, abbreviation or unit that the number before `next` counts, and the index after it.
    pub(super) fn counted_noun(
        &self,
        at: usize,
        last: &Figure,
        next: usize,
    ) -> Option<(Noun, usize)> {
        let text = self.tokens.text(next);
        match text {
            // `90 % процентов`: the sign and the word.
            "%" => {
                let word = self.tokens.skip_space(next + 1);
                let doubled = self.tokens.text(word).starts_with("процент")
                    && !nouns::senses(self.tokens.text(word)).is_empty();
                let end = if doubled { word } else { next };
                return Some((Noun::named("процент")?, end + 1));
            }
            "‰" => return Some((Noun::named("промилле")?, next + 1)),
            "°" => return self.degrees(at, next),
            "\"" if next == last.end && !self.is_in_quotes(next) => {
                return Some((Noun::named("дюйм")?, next + 1));
            }
            "-" if next == last.end => {
                let unit = units::unit(self.tokens.text(next + 1))
                    .filter(|unit| unit.is_length() || !unit.takes_stop())?;
                return Some((unit.noun.clone(), next + 2)).filter(|_| !unit.may_be_letter());
            }
            _ => {}
        }
        if let Some(noun) = units::multiplier(text) {
            return Some((noun, self.after_stop(next, true)));
        }
        if !self.tokens.is_word(next) {
            return None;
        }
        self.unit_of_two_words(next)
            .or_else(|| self.squared_or_plain(at, last, next))
    }

    /// True if a quote that is open stands among the tokens before `at`.
    fn is_in_quotes(&self, at: usize) -> bool {
        let before = at.saturating_sub(FARTHEST_QUOTE)..at;
        before
            .filter(|i| matches!(self.tokens.text(*i), "\""))
            .count()
            % 2
            == 1
    }

    /// `кв. м`, `ст. л.`, `л. с.`.
    fn unit_of_two_words(&self, next: usize) -> Option<(Noun, usize)> {
        let text = self.tokens.text(next);
        // `5 кв м`: the stop is often left out.
        let stop = usize::from(self.tokens.text(next + 1) == ".");
        if stop == 0 && !matches!(text, "кв" | "куб" | "пог") {
            return None;
        }
        let third = self.tokens.skip_space(next + 1 + stop);
        let second = self.tokens.text(third);
        if self.tokens.text(third + 1) == "."
            && let Some(unit) = units::unit(&format!("{text}.{second}"))
        {
            let end = third + 2 - usize::from(self.tokens.ends_sentence(third + 1));
            return Some((unit.noun.clone(), end));
        }
        // `2–3 раб. дн.`
        if let Some(adjective) = adjective_of_days(text).filter(|_| second.starts_with("дн")) {
            let day = Noun::named("день")?.with_adjective(adjective);
            return Some((day, self.after_stop(third, true)));
        }
        let adjective = match text {
            "кв" => "квадратн",
            "куб" => "кубическ",
            "пог" => "погонн",
            "п" if second == "м" => "погонн",
            _ => return None,
        };
        // `45 кв. метров`
        let full = nouns::senses(second)
            .first()
            .map(|sense| sense.noun.name())
            .filter(|name| name.ends_with("метр"));
        if let Some(noun) = full.and_then(Noun::named) {
            return Some((noun.with_adjective(adjective), third + 1));
        }
        let unit = units::unit(second).filter(|unit| unit.is_length())?;
        let noun = unit.noun.clone().with_adjective(adjective);
        if let Some((tail, end)) = self.rate(third + 1, false) {
            return Some((noun.with_tail(&tail), end));
        }
        Some((noun, self.after_stop(third, unit.takes_stop())))
    }

    /// True if hours, written short, stand before the number at `at`.
    fn follows_hours(&self, at: usize) -> bool {
        let unit = self
            .previous(at)
            .and_then(|before| before.checked_sub(usize::from(self.tokens.text(before) == ".")));
        unit.is_some_and(|unit| self.tokens.text(unit) == "ч" && self.follows_number(unit))
    }

    /// `книга в 2 т.`: volumes, not tonnes.
    fn is_volume(&self, at: usize, unit: usize) -> bool {
        const WORKS: [&str; 8] = [
            "книг",
            "издани",
            "собрани",
            "роман",
            "словар",
            "сочинени",
            "энциклопеди",
            "справочник",
        ];
        let work = self
            .previous_word(at)
            .filter(|word| self.tokens.text(*word) == "в")
            .map(|word| self.tokens.word_before(word));
        self.tokens.text(unit + 1) == "."
            && work.is_some_and(|work| WORKS.iter().any(|stem| work.starts_with(stem)))
    }

    /// `3 л. 6 мес.`, `ребёнок 12 л.`, `Пенсионер, 72 л.,`: years, not litres.
    fn is_age(&self, at: usize, unit: usize) -> bool {
        if self.tokens.text(unit + 1) != "." {
            return false;
        }
        let next = self.tokens.skip_space(unit + 2);
        let word = self.tokens.text(next);
        // `ребёнку 3 л. молока`, but `мальчик 5 л. потерялся`, `от 5 л. вход свободный`
        let measures = word.starts_with(|c: char| c.is_lowercase())
            && !context::is_verb(word)
            && !context::is_function_word(word)
            && governing::cases(word).is_empty();
        let months = self.tokens.text(self.tokens.skip_space(next + 1));
        let before = self.tokens.word_before(at);
        // `детей до 1 г.`
        let bound = self
            .previous_word(at)
            .filter(|_| matches!(before.as_str(), "до" | "от" | "с"));
        let whose = bound.map_or(String::new(), |bound| self.tokens.word_before(bound));
        let of_child = ["дет", "ребён", "ребен"]
            .iter()
            .any(|stem| whose.starts_with(stem));
        of_child
            || matches!(months, "мес" | "месяц" | "месяца" | "месяцев")
                && self.tokens.number(next).is_some()
            || !measures && (lasts(&before) || self.is_of_person(at) && self.may_be_years(unit))
    }

    /// `3 г.`, `21 г.`, `5 л.`: the number before the letter at `unit` goes with *года* or *год*, or else with *лет*.
    fn may_be_years(&self, unit: usize) -> bool {
        let number = self
            .previous(unit)
            .and_then(|number| figures::integer(self.tokens.number(number)?));
        number.is_some_and(|number| {
            let few = (1..=4).contains(&(number % 10)) && number / 10 % 10 != 1;
            number < 120 && (self.tokens.text(unit) == "л" || few)
        })
    }

    /// `мальчик 5 лет`, `женщина 72 л.`: years at `end` after the person `before`, who is of that age; `ему 5 лет` and
    /// `мальчику 5 лет` say it themselves.
    pub(super) fn is_age_of_person(&self, end: usize, before: &str) -> bool {
        let unit = self.tokens.skip_space(end);
        let years = match self.tokens.text(unit) {
            "лет" | "года" | "год" => true,
            "л" | "г" => self.tokens.text(unit + 1) == ".",
            _ => false,
        };
        let says = ["возраст", "детск"]
            .iter()
            .any(|stem| before.starts_with(stem))
            || before.ends_with(['у', 'ю'])
            || ["е", "ам", "ям", "ой", "ей"]
                .iter()
                .any(|ending| before.ends_with(ending));
        // `мужчина 10 лет работал водителем`, but `мальчик 6 лет потерялся`
        const SEEN: [&str; 12] = [
            "потеря",
            "пропал",
            "ищет",
            "ищут",
            "вышел",
            "вышла",
            "ушёл",
            "ушла",
            "упал",
            "ждёт",
            "находи",
            "обрати",
        ];
        let stop = usize::from(self.tokens.text(unit + 1) == ".");
        let next = self.tokens.text(self.tokens.skip_space(unit + 1 + stop));
        let lasts = context::is_verb(next) && !SEEN.iter().any(|stem| next.starts_with(stem))
            || matches!(next, "назад" | "спустя" | "подряд" | "не");
        years && is_person(before) && (!says || before == "детей") && !lasts
    }

    /// True if the number at `at` stands beside a person whose age it can be: words of bounds, names and marks alone are
    /// between.
    fn is_of_person(&self, at: usize) -> bool {
        const FARTHEST: usize = 12;
        let mut ticket = false;
        for i in (at.saturating_sub(FARTHEST)..at).rev() {
            let text = self.tokens.text(i);
            let small = text.to_lowercase();
            // `Детский билет (от 5 л.)`, but `крем детский 50 г.`
            if small.starts_with("детск") {
                return ticket;
            }
            if is_person(&small) {
                return true;
            }
            ticket |= matches!(small.as_str(), "билет" | "абонемент" | "группа");
            let between = matches!(
                small.as_str(),
                " " | ","
                    | "("
                    | ":"
                    | "-"
                    | "—"
                    | "."
                    | "от"
                    | "до"
                    | "с"
                    | "на"
                    | "вид"
                    | "около"
                    | "примерно"
                    | "билет"
                    | "абонемент"
                    | "группа"
            ) || self.tokens.number(i).is_some()
                || self.tokens.is_word(i) && text.starts_with(char::is_uppercase);
            if !between {
                return false;
            }
        }
        false
    }

    fn squared_or_plain(&self, at: usize, last: &Figure, next: usize) -> Option<(Noun, usize)> {
        let text = self.tokens.text(next);
        // `1 ч 30 м`
        if text == "м" && self.follows_hours(at) {
            return Some((Noun::named("минута")?, self.after_stop(next, true)));
        }
        if text == "т" && self.is_volume(at, next) {
            return Some((Noun::named("том")?, self.after_stop(next, true)));
        }
        if matches!(text, "л" | "г") && self.is_age(at, next) {
            return Some((Noun::named("год")?, self.after_stop(next, true)));
        }
        // `1/2 ст. воды`
        if text == "ст" && self.tokens.text(next + 1) == "." {
            const DRUNK: [&str; 9] = [
                "воды",
                "молока",
                "сока",
                "чая",
                "кефира",
                "муки",
                "сахара",
                "риса",
                "крупы",
            ];
            let what = self.tokens.text(self.tokens.skip_space(next + 2));
            if DRUNK.contains(&what) {
                return Some((Noun::named("стакан")?, next + 2));
            }
        }
        if matches!(text, "К" | "K") && last.fraction.is_none() && self.is_kelvin(at, &last.digits)
        {
            return Some((Noun::named("кельвин")?, next + 1));
        }
        // `10 Н·м`
        let Some(unit) = units::unit(text) else {
            let product = self.product_at(next)?;
            return Some((product.noun.clone(), next + 3));
        };
        let stop = self.tokens.text(next + 1) == ".";
        if stop && next > last.end && self.is_capital_of_name(next) {
            return None;
        }
        // `12 к. 3 кв. 45`
        if text == "кв"
            && stop
            && self
                .tokens
                .number(self.tokens.skip_space(next + 2))
                .is_some()
        {
            return None;
        }
        let glued = next == last.end;
        // `станок 1А62`, `масло 5W-30`
        let number = self.tokens.number(next + 1).is_some()
            || text.is_ascii()
                && self.tokens.text(next + 1) == "-"
                && self.tokens.number(next + 2).is_some();
        if glued && text.chars().count() == 1 && text.starts_with(char::is_uppercase) && number {
            return None;
        }
        let (noun, end) = match self.tokens.text(next + 1) {
            "²" | "2" if unit.is_length() => {
                (unit.noun.clone().with_adjective("квадратн"), next + 2)
            }
            "³" | "3" if unit.is_length() => {
                (unit.noun.clone().with_adjective("кубическ"), next + 2)
            }
            "*" => match units::unit(&format!("{text}{}", self.tokens.text(next + 2))) {
                Some(product) => (product.noun.clone(), next + 3),
                None => (unit.noun.clone(), next + 1),
            },
            _ => (unit.noun.clone(), next + 1),
        };
        if let Some((tail, end)) = self.rate(
            end + usize::from(stop && self.tokens.text(end + 1) == "/"),
            false,
        ) {
            return Some((noun.with_tail(&tail), end));
        }
        if end > next + 1 {
            return Some((noun, end));
        }
        if unit.needs_stop() && !stop {
            return None;
        }
        // `5 с половиной` is no second, `5 г. Москвы` no gram.
        let following = self.tokens.skip_space(next + 1);
        let goes_on = self.tokens.is_word(following)
            && !matches!(
                self.tokens.text(following),
                "на" | "до" | "от" | "за" | "и" | "или" | "—"
            );
        // `26.11 с 9 до 12`
        let from = self.tokens.number(following).is_some();
        if text == "с" && !glued && (goes_on || from) {
            return None;
        }
        Some((noun, self.after_stop(next, unit.takes_stop())))
    }

    /// `лампа 4000 К`, `температура 300 К`: no letter of a name and no thousands.
    pub(super) fn is_kelvin(&self, at: usize, digits: &str) -> bool {
        let light = digits.len() == 4 && digits.ends_with("00");
        let words = (at.saturating_sub(8)..at).map(|i| self.tokens.text(i).to_lowercase());
        let mut words = words.filter(|word| !word.is_empty());
        let warm = words.any(|word| {
            ["температур", "ламп", "свет", "кельвин"]
                .iter()
                .any(|stem| word.starts_with(stem))
        });
        warm && digits.len() >= 2 || light
    }

    /// `12 А. Иванов`, `500 A.D.`: a capital that is no unit, as a surname or the other letter of an era follows its stop.
    fn is_capital_of_name(&self, at: usize) -> bool {
        const SURNAMES: [&str; 12] = [
            "ов", "ев", "ёв", "ин", "ын", "ова", "ева", "ина", "ский", "ская", "енко", "чук",
        ];
        let letter = self.tokens.text(at);
        let name = self.tokens.text(self.tokens.skip_space(at + 2));
        let surname = name.starts_with(char::is_uppercase)
            && SURNAMES.iter().any(|ending| name.ends_with(ending));
        letter.chars().count() == 1
            && letter.starts_with(char::is_uppercase)
            && (surname || self.tokens.text(at + 2) == "D")
    }

    /// `один м²`, `несколько км²`: a unit with its power after a word.
    pub(super) fn lone_unit(&mut self, at: usize) -> Option<usize> {
        let adjective = match self.tokens.text(at + 1) {
            "²" => "квадратн",
            "³" => "кубическ",
            _ => return None,
        };
        let unit = units::unit(self.tokens.text(at)).filter(|unit| unit.is_length())?;
        let noun = unit.noun.clone().with_adjective(adjective);
        if self.previous(at).is_none() {
            self.out.say(&noun.counted(1, Case::Nominative));
            return Some(at + 2);
        }
        let number = self.tokens.word_before(at);
        let before = self.previous_word(at);
        let before = before.map_or(String::new(), |word| self.tokens.word_before(word));
        let said = match context::number_word(&number, &before) {
            Some((count, case)) => noun.counted(count, case),
            None => match self.tokens.word_before(at).as_str() {
                "" => return None,
                // `Плата за м²`
                "за" => noun.one(),
                "в" => noun.counted(5, Case::Prepositional),
                before if is_price(before) => noun.singular(Case::Genitive),
                _ => noun.genitive_plural(),
            },
        };
        self.out.say(&said);
        Some(at + 2)
    }

    /// `за кв. м`, `цена кв. м`: a square or cubic unit without its number.
    pub(super) fn lone_square(&mut self, at: usize) -> Option<usize> {
        let (noun, end) = self.square_at(at)?;
        if self.follows_number(at) {
            return None;
        }
        let said = match self.tokens.word_before(at).as_str() {
            "за" => noun.one(),
            "в" | "на" => noun.counted(5, Case::Prepositional),
            before if is_price(before) => noun.singular(Case::Genitive),
            _ => return None,
        };
        self.out.say(&said);
        Some(self.after_stop(end - 1, true))
    }

    /// `кв. м`, `куб. м`: the unit, and the index after it.
    fn square_at(&self, at: usize) -> Option<(Noun, usize)> {
        let adjective = match self.tokens.text(at) {
            "кв" => "квадратн",
            "куб" => "кубическ",
            "пог" => "погонн",
            _ => return None,
        };
        let stop = usize::from(self.tokens.text(at + 1) == ".");
        let unit = self.tokens.skip_space(at + 1 + stop);
        let noun = units::unit(self.tokens.text(unit)).filter(|unit| unit.is_length())?;
        Some((noun.noun.clone().with_adjective(adjective), unit + 1))
    }

    /// `в мес.`, `каждого мес.`: a span of time without its number.
    pub(super) fn lone_time(&mut self, at: usize) -> Option<usize> {
        let text = self.tokens.text(at);
        let stop = self.tokens.text(at + 1) == ".";
        // `3 раза в д.`
        if stop && text == "д" && self.tokens.word_before(at) == "в" {
            let preposition = self.previous_word(at)?;
            let times = self.tokens.word_before(preposition);
            if matches!(times.as_str(), "раз" | "раза") {
                self.out.say("день");
                return Some(self.after_stop(at, true));
            }
        }
        if !stop || !matches!(text, "мес" | "нед" | "сут") || self.follows_number(at) {
            return None;
        }
        let noun = &units::unit(text)?.noun;
        let said = match self.tokens.word_before(at).as_str() {
            "в" | "за" | "через" | "на" => noun.one(),
            before => {
                let described = forms::adjective(before);
                let of_noun = described.and(Forms::of(noun.gender(), &CASES));
                let (case, _) = of_noun.first(&CASES)?;
                noun.singular(case)
            }
        };
        self.out.say(&said);
        Some(self.after_stop(at, true))
    }

    /// `Скорость в км/ч`, `руб./кг`: a rate without its number.
    pub(super) fn lone_rate(&mut self, at: usize) -> Option<usize> {
        let text = self.tokens.text(at);
        let before = self.tokens.word_before(at);
        let currency = units::currency(text);
        let noun = match currency {
            Some(currency) => currency.noun.clone(),
            None => units::unit(text)?.noun.clone(),
        };
        let stop = usize::from(self.tokens.text(at + 1) == ".");
        let single = text.chars().count() == 1;
        if self.follows_number(at) || single && before != "в" {
            return None;
        }
        let (tail, end) = self.rate(at + 1 + stop, currency.is_some())?;
        let said = match before.as_str() {
            "в" => noun.counted(5, Case::Prepositional),
            _ => noun.genitive_plural(),
        };
        self.out.say(&said);
        self.out.say(" ");
        self.out.say(&tail);
        Some(end)
    }

    /// `/ч`, `/100 км`: the unit after a stroke, which is at `at`.
    pub(super) fn rate(&self, at: usize, of_price: bool) -> Option<(String, usize)> {
        if self.tokens.text(at) != "/" {
            return None;
        }
        let preposition = if of_price { "за" } else { "на" };
        let (per, end) = if self.tokens.number(at + 1).is_some() {
            self.rate_of_several(at + 1, preposition)?
        } else if let Some((square, end)) = self.square_at(at + 1) {
            (format!("{preposition} {}", square.one()), end - 1)
        } else if let Some(product) = self.product_at(at + 1) {
            (product.rate(of_price), at + 3)
        } else if let Some(unit) = units::unit(self.tokens.text(at + 1)) {
            let power = match self.tokens.text(at + 2) {
                "²" | "2" => "квадратн",
                "³" | "3" => "кубическ",
                _ => "",
            };
            match (unit.is_length(), power) {
                (_, "") => (unit.rate(of_price), at + 1),
                (true, power) => {
                    let noun = unit.noun.clone().with_adjective(power).one();
                    (format!("{preposition} {noun}"), at + 2)
                }
                (false, "квадратн") => {
                    (format!("{} в квадрате", unit.rate(of_price)), at + 2)
                }
                (false, _) => (format!("{} в кубе", unit.rate(of_price)), at + 2),
            }
        } else {
            return self.rate_in_full(at + 1, of_price);
        };
        // `мг/кг/сут.`
        let time = self.tokens.text(end + 1) == "/" && end > at;
        let time = units::unit(self.tokens.text(end + 2)).filter(|unit| time && unit.is_time());
        match time {
            Some(time) => {
                let per = format!("{per} {}", time.rate(of_price));
                Some((per, self.after_stop(end + 2, true)))
            }
            None => Some((per, self.after_stop(end, true))),
        }
    }

    /// `100 км`.
    fn rate_of_several(&self, at: usize, preposition: &str) -> Option<(String, usize)> {
        let next = self.tokens.skip_space(at + 1);
        let unit = units::unit(self.tokens.text(next)).filter(|_| next > at + 1)?;
        let count = figures::integer(self.tokens.number(at)?)?;
        let number = unit.noun.count_words(count, Case::Accusative);
        let noun = unit.noun.counted(count, Case::Accusative);
        matches!(count, 10 | 100 | 1000).then(|| (format!("{preposition} {number} {noun}"), next))
    }

    /// `кВт·ч`, written with a dot for the product.
    fn product_at(&self, at: usize) -> Option<&'static units::Unit> {
        let joined = format!("{}{}", self.tokens.text(at), self.tokens.text(at + 2));
        let unit = (self.tokens.text(at + 1) == "*").then(|| units::unit(&joined));
        unit.flatten()
    }

    /// `$/баррель`: a known noun in full.
    fn rate_in_full(&self, at: usize, of_price: bool) -> Option<(String, usize)> {
        let word = self.tokens.text(at);
        let sense = nouns::senses(word).first()?;
        let noun = sense.noun.form(false, Case::Accusative);
        let time = matches!(
            sense.noun.name(),
            "день" | "сутки" | "неделя" | "месяц" | "год" | "час" | "минута" | "секунда"
        );
        let preposition = match (time, of_price) {
            (true, _) => "в",
            (false, true) => "за",
            (false, false) => "на",
        };
        (!sense.plural && matches!(sense.case, Case::Nominative | Case::Accusative))
            .then(|| (format!("{preposition} {noun}"), at + 1))
    }

    /// The index after the abbreviation at `at` and its full stop, unless that ends the sentence as well.
    pub(super) fn after_stop(&self, at: usize, takes_stop: bool) -> usize {
        let stop = self.tokens.text(at + 1) == "." && takes_stop;
        // `18000 долл. США`: the country has capitals and ends no sentence.
        let next = self.tokens.text(self.tokens.skip_space(at + 2));
        // `В 80-е гг. XX в.`
        let whose = next == "США"
            || matches!(self.tokens.text(at), "гг" | "четв" | "пол") && roman(next).is_some();
        at + 1 + usize::from(stop && (whose || !self.tokens.ends_sentence(at + 1)))
    }

    fn degrees(&self, start: usize, at: usize) -> Option<(Noun, usize)> {
        let scale = self.tokens.skip_space(at + 1);
        let degree = Noun::named("градус")?;
        Some(match self.tokens.text(scale) {
            // A forecast need not say whose degrees they are.
            "C" | "С" if self.is_forecast(start) => (degree, scale + 1),
            "C" | "С" => (degree.with_tail("Цельсия"), scale + 1),
            "F" => (degree.with_tail("по Фаренгейту"), scale + 1),
            _ => (degree, at + 1),
        })
    }

    /// `днём до +2 °С`.
    fn is_forecast(&self, at: usize) -> bool {
        (at.saturating_sub(20)..at)
            .any(|i| context::is_day_part(&self.tokens.text(i).to_lowercase()))
    }

    /// `5 млн руб.`: the unit after a power of thousand.
    pub(super) fn after_multiplier(&mut self, noun_at: usize, after: usize) -> usize {
        if units::multiplier(self.tokens.text(noun_at)).is_none() {
            return after;
        }
        let next = self.tokens.skip_space(after);
        let (noun, end) = match units::currency(self.tokens.text(next)) {
            Some(currency) => {
                let end = self.after_stop(next, currency.takes_stop());
                self.out.say(" ");
                self.out.say(&currency.noun.genitive_plural());
                return self.priced_by(next + 1, end);
            }
            None => {
                let nothing = Figure {
                    digits: String::new(),
                    fraction: None,
                    end: after,
                };
                match self.counted_noun(next, &nothing, next) {
                    Some(counted) => counted,
                    None => return after,
                }
            }
        };
        self.out.say(" ");
        self.out.say(&noun.genitive_plural());
        end
    }
}
