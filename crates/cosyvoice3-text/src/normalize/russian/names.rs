//! Numbers that are names, and the letters after them: `рейс 21`, `№ 102В`, `дом 12А`, `вагоны 5, 6 и 11`.

use super::{
    super::{
        figures::{self, Style, figure, range_end},
        lex::{is_cyrillic, is_latin},
        reader::Reader,
    },
    Russian,
    acronyms::{letter, letters},
    amounts::{digits_words, each_digit, point_words},
    context, counting, governing,
    nouns::{self, Kind, Sense},
    numerals::{Case, Gender, ordinal},
    surroundings::LONGEST_LIST,
    units,
};

/// Voltages that are written without a blank wherever they stand.
const MAINS: [&str; 5] = ["110", "127", "220", "230", "380"];

/// Letters and digits of the shortest serial number that is spelled.
const SHORTEST_SERIAL: usize = 10;

impl Reader<'_, Russian> {
    /// The name at `at`, whose noun or sign stands before `start`.
    pub(super) fn name(&mut self, at: usize, start: usize) -> Option<usize> {
        if !self.is_name(at, start) || figures::outline(self.tokens, at).is_some() {
            return None;
        }
        let digits = self.tokens.number(at)?;
        if self.tokens.text(at + 1) == "," && self.tokens.number(at + 2).is_some() {
            return None;
        }
        if let Some(end) = self.document_number(at) {
            return Some(end);
        }
        if let Some(end) = self.name_of_two_parts(at, digits) {
            return Some(end);
        }
        if let Some(end) = self.groups_of_three(at, start) {
            return Some(end);
        }
        self.out.say(&digits_words(digits));
        if let Some((said, end)) = self.letter_after(at, true) {
            self.out.say(&said);
            return Some(self.building_part(end).unwrap_or(end));
        }
        if let Some(end) = self.building_part(self.tokens.skip_space(at + 1)) {
            return Some(end);
        }
        match range_end(self.tokens, at + 1, Style::Russian) {
            // `датчик 2 — 61 °C`
            Some(second) if second.fraction.is_none() && !self.is_before_unit(second.end - 1) => {
                self.out.say(" - ");
                self.out.say(&digits_words(&second.digits));
                Some(second.end)
            }
            _ => Some(at + 1),
        }
    }

    /// `В 345 ОР`, `Е001КХ177`: the number plate of a car.
    pub(super) fn plate(&mut self, at: usize) -> Option<usize> {
        let of_plate = |word: &str, count: usize| {
            word.chars().count() == count && word.chars().all(|c| "АВЕКМНОРСТУХ".contains(c))
        };
        let number = self.tokens.skip_space(at + 1);
        let digits = self
            .tokens
            .number(number)
            .filter(|digits| digits.len() == 3)?;
        let series = self.tokens.skip_space(number + 1);
        let (first, rest) = (self.tokens.text(at), self.tokens.text(series));
        if !of_plate(first, 1) || !of_plate(rest, 2) {
            return None;
        }
        self.out.say(&letters(first)?);
        self.out.say(&digits_words(digits));
        self.out.say(&letters(rest)?);
        Some(series + 1)
    }

    /// `XTA210990Y2766389`, `1HGCM82633A004352`: a long number of Latin letters and digits, each by its name.
    pub(super) fn serial(&mut self, at: usize) -> Option<usize> {
        let is_part = |at: usize| {
            let text = self.tokens.text(at);
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        };
        if !is_part(at) || !is_part(at + 1) || at > 0 && is_part(at - 1) {
            return None;
        }
        let end = (at..).find(|i| !is_part(*i))?;
        let length: usize = (at..end).map(|i| self.tokens.text(i).len()).sum();
        if end - at < 3 || length < SHORTEST_SERIAL {
            return None;
        }
        for i in at..end {
            let part = self.tokens.text(i);
            let said = match self.tokens.number(i) {
                Some(digits) => each_digit(digits),
                None => letters(part)?,
            };
            self.out.say(&said);
        }
        Some(end)
    }

    /// `рейс ЮТ 583`: the letters of a flight, which are no word.
    pub(super) fn flight_letters(&self, at: usize) -> Option<String> {
        let word = self.tokens.text(at);
        let short = word.chars().count() == 2 && word.chars().all(char::is_uppercase);
        let joint = usize::from(self.tokens.text(at + 1) == "-");
        let next = self.tokens.skip_space(at + 1 + joint);
        let flight = short
            && self.tokens.number(next).is_some()
            && self.tokens.word_before(at).starts_with("рейс");
        flight.then(|| letters(word)).flatten()
    }

    /// `М-4`, `Т500АА`: a capital letter right before a number.
    pub(super) fn letter_of_number(&self, at: usize) -> Option<&'static str> {
        let hyphen = usize::from(self.tokens.text(at + 1) == "-");
        self.tokens.number(at + 1 + hyphen)?;
        let mut letters = self.tokens.text(at).chars();
        let (c, None) = (letters.next()?, letters.next()) else {
            return None;
        };
        letter(c).filter(|_| is_cyrillic(c))
    }

    /// `10А класс`: a number with a letter where nothing before shows that it is a name.
    pub(super) fn lettered(&mut self, at: usize) -> Option<usize> {
        let (letter, end) = self.letter_after(at, false)?;
        self.out.say(&digits_words(self.tokens.number(at)?));
        self.out.say(&letter);
        Some(end)
    }

    /// `5/12`, `5.3`.
    fn name_of_two_parts(&mut self, at: usize, digits: &str) -> Option<usize> {
        let second = self.tokens.number(at + 2)?;
        let more =
            matches!(self.tokens.text(at + 3), "." | "/") && self.tokens.number(at + 4).is_some();
        match self.tokens.text(at + 1) {
            "/" if !more => {
                // `дом 12/3` with its noun in full is read without the stroke.
                let plain = self.tokens.is_word(self.previous(at).unwrap_or(at))
                    && figures::fraction(self.tokens, at).is_none();
                let stroke = if plain { " " } else { " дробь " };
                self.out.say(&digits_words(digits));
                self.out.say(stroke);
                self.out.say(&digits_words(second));
                Some(at + 3)
            }
            "." if !more => {
                self.out.say(&point_words(digits, second));
                Some(at + 3)
            }
            _ => None,
        }
    }

    /// `12к2`, `5с1`, `15-к1`: the block and the building of a house.
    fn building_part(&mut self, at: usize) -> Option<usize> {
        let at = at + usize::from(self.tokens.text(at) == "-");
        let part = match self.tokens.text(at) {
            "к" | "корп" => "корпус",
            "с" | "стр" => "строение",
            _ => return None,
        };
        let stop = usize::from(self.tokens.text(at + 1) == ".");
        let number = match stop {
            0 => at + 1,
            _ => self.tokens.skip_space(at + 2),
        };
        let digits = self.tokens.number(number)?;
        self.out.say(part);
        self.out.say(&digits_words(digits));
        Some(number + 1)
    }

    /// `ул. Ленина, 4к2`, `Мира, 7к1с2`: a house with its block or building, which no noun names.
    pub(super) fn house(&mut self, at: usize) -> Option<usize> {
        let digits = self.tokens.number(at)?;
        let part = |at: usize| {
            matches!(self.tokens.text(at), "к" | "с" | "корп" | "стр")
                && self.tokens.number(at + 1).is_some()
        };
        let beside = match self.previous(at) {
            Some(comma) if self.tokens.text(comma) == "," => self.previous(comma),
            before => before,
        };
        let street = beside.is_some_and(|word| {
            self.tokens.is_word(word) && self.tokens.text(word).starts_with(char::is_uppercase)
        });
        if !part(at + 1) || !street {
            return None;
        }
        self.out.say(&digits_words(digits));
        let mut end = at + 1;
        while part(end) {
            end = self.building_part(end)?;
        }
        Some(end)
    }

    /// `5 А класс`, `в 10В классе`: the class by its number and its letter.
    pub(super) fn class_with_letter(&mut self, at: usize, before: &str) -> Option<usize> {
        let number = figures::integer(self.tokens.number(at)?).filter(|n| (1..=11).contains(n))?;
        if let Some(end) = self.short_class_with_letter(at, number, before) {
            return Some(end);
        }
        let sign = self.tokens.skip_space(at + 1);
        let mut letters = self.tokens.text(sign).chars();
        let (Some(c), None) = (letters.next(), letters.next()) else {
            return None;
        };
        let said = letter(c).filter(|_| c.is_uppercase() && is_cyrillic(c))?;
        let mut senses = self.phrase(sign + 1).senses.iter();
        let cases = governing::place_cases(before);
        let classes = senses
            .clone()
            .filter(|sense| sense.noun.name() == "класс" && !sense.plural);
        let case = cases
            .iter()
            .find(|case| classes.clone().any(|sense| sense.case == **case))
            .copied()
            .or_else(|| {
                senses
                    .find(|sense| sense.noun.name() == "класс" && !sense.plural)
                    .map(|sense| sense.case)
            })?;
        self.say_number(&ordinal(number, Gender::Masculine, case));
        self.out.say(" ");
        self.out.say(said);
        Some(sign + 1)
    }

    /// `в 9В кл.`, `ученики 5 «А» кл.`, `7-Б кл.`: the same where the class is written short.
    fn short_class_with_letter(&mut self, at: usize, number: u64, before: &str) -> Option<usize> {
        let mark = self.tokens.skip_space(at + 1);
        let quoted = matches!(self.tokens.text(mark), "«" | "\"");
        let at_letter = mark + usize::from(quoted || self.tokens.text(mark) == "-");
        let letters = self.tokens.text(at_letter);
        let mut each = letters.chars();
        let (Some(c), None) = (each.next(), each.next()) else {
            return None;
        };
        let said = letter(c).filter(|_| c.is_uppercase() && is_cyrillic(c))?;
        let class = self.tokens.skip_space(at_letter + 1 + usize::from(quoted));
        if self.tokens.text(class) != "кл" || self.tokens.text(class + 1) != "." {
            return None;
        }
        let case = match self.place_case(at) {
            Case::Nominative if before.is_empty() => Case::Nominative,
            Case::Nominative if self.follows_noun(at) => Case::Genitive,
            case => case,
        };
        self.say_number(&ordinal(number, Gender::Masculine, case));
        self.out.say(" ");
        match quoted {
            true => self.out.say(&format!("«{letters}»")),
            false => self.out.say(said),
        }
        self.out.say(" ");
        self.out.say(nouns::entry("класс")?.form(false, case));
        Some(class + 2 - usize::from(self.tokens.ends_sentence(class + 1)))
    }

    /// True if the number at `at` names one thing among others instead of counting them.
    pub(super) fn is_name(&self, at: usize, start: usize) -> bool {
        let mut first = start;
        for _ in 0..LONGEST_LIST {
            match self.name_before_in_list(first) {
                Some(before) => first = before,
                None => break,
            }
        }
        // `кабинет 5, 2 этаж`, `поезд № 12, 5 мин.`: the second number belongs to what follows it.
        let next = self.tokens.skip_space(at + 1);
        let lettered = self.tokens.text(next) == "«" && self.tokens.text(next + 2) == "»";
        if first != start
            && (lettered || !self.phrase(at + 1).senses.is_empty() || self.is_before_unit(at))
        {
            return false;
        }
        // `станция 1905 года`
        let of_year = self.tokens.text(at).len() == 4 && self.tokens.text(next).starts_with("год");
        if of_year {
            return false;
        }
        let signed = |at: usize| matches!(self.tokens.text(at), "№" | "#" | "N");
        if signed(start) || self.previous(first).is_some_and(signed) {
            return true;
        }
        let named = self
            .named_noun(first)
            .filter(|sense| first == start || sense.noun.is(Kind::Named));
        match named {
            Some(sense) => !self.counts_after(at, sense),
            None => self.is_house(at),
        }
    }

    /// `парковка 100 руб.`: true if the word at `at` is a currency; a single letter wants its full stop.
    fn is_currency(&self, at: usize) -> bool {
        let text = self.tokens.text(at);
        let certain = text.chars().count() > 1 || self.tokens.text(at + 1) == ".";
        units::currency(text).is_some() && (certain || !self.tokens.is_word(at))
    }

    /// True if a blank and a unit or a currency follow the number at `at`.
    fn is_before_unit(&self, at: usize) -> bool {
        let end = figure(self.tokens, at, Style::Russian).map_or(at + 1, |figure| figure.end);
        let next = self.tokens.skip_space(end);
        let text = self.tokens.text(next);
        let unit = units::unit(text).is_some_and(|unit| {
            !unit.may_be_letter() && (self.tokens.text(next + 1) == "." || !unit.needs_stop())
        });
        next > end
            && (matches!(text, "%" | "°")
                || units::currency(text).is_some()
                || (text.chars().count() > 1 || text == "ч") && unit)
    }

    /// `№ 70 123 456`: a long number in groups.
    fn groups_of_three(&mut self, at: usize, start: usize) -> Option<usize> {
        let signed = self.tokens.text(start) == "№";
        let mut end = at + 1;
        let mut groups = vec![self.tokens.number(at)?];
        while self.tokens.text(end) == " "
            && let Some(group) = self.tokens.number(end + 1).filter(|group| group.len() == 3)
            && groups.len() < LONGEST_LIST
        {
            groups.push(group);
            end += 2;
        }
        let alone = !self.tokens.is_word(self.tokens.skip_space(end));
        if !signed || groups.len() < 2 || groups.len() == 2 && !alone {
            return None;
        }
        // `№ 1 324`
        if groups.len() == 2 && groups[0].len() <= 3 {
            self.out.say(&digits_words(&groups.concat()));
            return Some(end);
        }
        let said: Vec<String> = groups.into_iter().map(digits_words).collect();
        self.out.say(&said.join(", "));
        Some(end)
    }

    /// `№ 77-АБ/2026`, `№ 12/45-К`: the parts of a document's number.
    fn document_number(&mut self, at: usize) -> Option<usize> {
        let is_series =
            |word: &str| word.chars().count() <= 4 && word.chars().all(char::is_uppercase);
        let mut end = at + 1;
        let mut parts = 0;
        let mut lettered = false;
        while parts < LONGEST_LIST && matches!(self.tokens.text(end), "-" | "/") {
            let series = self.tokens.is_word(end + 1) && is_series(self.tokens.text(end + 1));
            if !series && self.tokens.number(end + 1).is_none() {
                break;
            }
            lettered |= series;
            parts += 1;
            end += 2;
        }
        let joints = |sign: &str| (at + 1..end).any(|i| self.tokens.text(i) == sign);
        let of_document = lettered || joints("-") && joints("/");
        if parts < 2 || !of_document {
            return None;
        }
        self.out.say(&digits_words(self.tokens.number(at)?));
        for i in at + 1..end {
            match (self.tokens.number(i), self.tokens.text(i)) {
                (Some(digits), _) => self.out.say(&digits_words(digits)),
                (None, "/") => self.out.say("дробь"),
                (None, "-")
                    if self.tokens.number(i - 1).is_some()
                        && self.tokens.number(i + 1).is_some() =>
                {
                    self.out.say(" - ");
                }
                (None, "-") => {}
                (None, series) => {
                    let said = letters(series).unwrap_or_else(|| series.to_owned());
                    self.out.say(&said);
                }
            }
        }
        Some(end)
    }

    /// `ул. Кирова, 3/5`.
    fn is_house(&self, at: usize) -> bool {
        let stroke = self.tokens.text(at + 1) == "/" && self.tokens.number(at + 2).is_some();
        let after_comma = self
            .previous(at)
            .is_some_and(|comma| self.tokens.text(comma) == ",");
        let storey = self
            .tokens
            .text(self.tokens.skip_space(at + 3))
            .starts_with("эт");
        stroke && after_comma && !storey && self.in_address(at)
    }

    /// The number before the one at `at` in a list of names: `5, 6 и 11`.
    fn name_before_in_list(&self, at: usize) -> Option<usize> {
        let joint = self.previous(at)?;
        if !matches!(self.tokens.text(joint), "," | "и" | "или" | "-" | "—") {
            return None;
        }
        let before = self.previous(joint)?;
        match self.tokens.number(before) {
            Some(_) => Some(before),
            None => before.checked_sub(1).filter(|i| {
                self.tokens.text(before).chars().count() == 1 && self.tokens.number(*i).is_some()
            }),
        }
    }

    fn named_noun(&self, at: usize) -> Option<&'static Sense> {
        let sense = self.noun_before(at).or_else(|| self.plural_before(at))?;
        sense.noun.is(Kind::Named).then_some(sense)
    }

    fn plural_before(&self, at: usize) -> Option<&'static Sense> {
        let word = self.previous_word(at)?;
        super::nouns::senses(self.tokens.text(word)).first()
    }

    /// `в вагоне 36 мест`: the number counts the noun after it and does not name the one before.
    fn counts_after(&self, at: usize, named: &Sense) -> bool {
        let Some(number) = self.tokens.number(at).and_then(figures::integer) else {
            return false;
        };
        // `участок 12–15 км`: what follows the second number of a range.
        let range = range_end(self.tokens, at + 1, Style::Russian);
        let end = match range.filter(|_| self.tokens.text(at + 1) == "-") {
            Some(last) => last.end,
            None => at + 1,
        };
        let next = self.tokens.skip_space(end);
        if next == end {
            return matches!(self.tokens.text(next), "%" | "°");
        }
        let text = self.tokens.text(next);
        let stop = self.tokens.text(next + 1) == ".";
        if self.is_currency(next) || self.is_in_whole(at) {
            return true;
        }
        let part_number = self.tokens.skip_space(next + 1 + usize::from(stop));
        let building = matches!(text, "с" | "стр") && self.tokens.number(part_number).is_some();
        // `ст. 12 ч. 3`: a part of the article, no hours.
        let part = text == "ч"
            && named.noun.is(Kind::Section)
            && self.tokens.number(part_number).is_some();
        let unit = !building
            && !part
            && units::unit(text)
                .is_some_and(|unit| !unit.may_be_letter() && (stop || !unit.needs_stop()));
        if matches!(text, "%" | "°") || unit || units::multiplier(text).is_some() {
            return true;
        }
        let phrase = self.phrase(next);
        // `п. 2 статьи 5`, `п. 3 правил`: what the section is of.
        let few = (2..=4).contains(&(number % 10)) && number % 100 / 10 != 1;
        let senses = phrase.senses.iter();
        let many = senses.clone().all(|sense| sense.plural);
        let whole = senses.clone().any(|sense| sense.noun.is(Kind::Section));
        if named.noun.is(Kind::Section) && (whole || few && many) {
            return false;
        }
        if !phrase.senses.is_empty() {
            let governed = counting::count_agreement(number, &[], phrase.adjectives, phrase.senses);
            return governed.is_some();
        }
        let word = text.to_lowercase();
        let oblique = !matches!(named.case, Case::Nominative);
        // `На камере 1 движение`, `в номере 21 двое`
        let one = number % 10 == 1 && number % 100 != 11;
        oblique
            && !one
            && !matches!(word.as_str(), "двое" | "трое" | "четверо")
            && self.tokens.is_word(next)
            && word.starts_with(is_cyrillic)
            && !context::is_function_word(&word)
            && !context::is_predicate(&word)
    }

    /// The letter after the number at `at`, in words, and the index after it: a unit only where something measures.
    pub(super) fn letter_after(&self, at: usize, named: bool) -> Option<(String, usize)> {
        let hyphen = usize::from(self.tokens.text(at + 1) == "-");
        let next = self.tokens.skip_space(at + 1) + hyphen;
        let glued = next == at + 1 + hyphen;
        let mut letters = self.tokens.text(next).chars();
        let (Some(c), None) = (letters.next(), letters.next()) else {
            return None;
        };
        if !(is_cyrillic(c) || is_latin(c)) || self.tokens.number(next + 1).is_some() {
            return None;
        }
        let said = letter(c.to_uppercase().next()?)?;
        let is_letter = match (glued, c.is_uppercase()) {
            (true, true) if named => true,
            (true, true) => !self.is_unit_here(at, next),
            (true, false) if named => !self.is_abbreviated(next),
            (true, false) => {
                hyphen == 0
                    && units::unit(self.tokens.text(next)).is_none()
                    && self.stands_alone(next)
            }
            (false, true) => named && self.stands_alone(next),
            (false, false) => false,
        };
        is_letter.then(|| (said.to_owned(), next + 1))
    }

    /// `220В`, `напряжение 12В`: a unit that could be a letter.
    fn is_unit_here(&self, at: usize, letter: usize) -> bool {
        let text = self.tokens.text(letter);
        let fraction = at >= 2
            && matches!(self.tokens.text(at - 1), "," | "." | "-" | "—")
            && self.tokens.number(at - 2).is_some();
        let known = units::unit(text).is_some_and(|unit| unit.may_be_letter());
        let other = !known && units::unit(text).is_some();
        let mains = text == "В" && MAINS.contains(&self.tokens.text(at));
        let kelvin = matches!(text, "К" | "K") && self.is_kelvin(at, self.tokens.text(at));
        other || kelvin || known && (fraction || mains || self.is_measured(at))
    }

    /// `12 а.`, `5 г. Москва`: letters that are words cut short.
    fn is_abbreviated(&self, at: usize) -> bool {
        self.tokens.text(at + 1) == "." && !self.tokens.ends_sentence(at + 1)
    }

    /// True if the letter at `at` is no preposition in a line of capitals and no initial.
    fn stands_alone(&self, at: usize) -> bool {
        let next = self.tokens.skip_space(at + 1);
        let word = self.tokens.text(next);
        let initial = self.tokens.text(at + 1) == "."
            && self
                .tokens
                .text(self.tokens.skip_space(at + 2))
                .chars()
                .count()
                == 1
            && self.tokens.is_word(self.tokens.skip_space(at + 2));
        let in_capitals = self.tokens.is_word(next) && word.starts_with(char::is_uppercase);
        !initial && !in_capitals && !self.is_abbreviated(at)
    }
}
