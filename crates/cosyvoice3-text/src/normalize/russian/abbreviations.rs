//! Abbreviations of words: read in full, in the form that their surroundings ask for.

use std::{borrow::Cow, sync::LazyLock};

use super::{
    super::{
        figures,
        lex::{Tokens, is_cyrillic},
        reader::Reader,
    },
    Russian, context,
    data::{self, ByWord},
    forms::{self, CASES, Forms, adjective_ending},
    governing::{self, governed},
    nouns::{self, Entry, Kind},
    numerals::{Case, Gender},
    roman::roman,
    surroundings::LONGEST_LIST,
    units,
};

const TABLE: &str = include_str!("data/abbreviations.tsv");

/// The reading of an abbreviation, by the place where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning {
    /// The same text anywhere.
    Text(&'static str),
    /// A noun anywhere.
    Noun(&'static Entry),
    /// An adjective and its noun anywhere.
    Described(&'static str, &'static Entry),
    /// A noun before a number.
    BeforeNumber(&'static Entry),
    /// A noun beside a name, and what follows it in every form.
    BesideName(&'static Entry, &'static str),
    /// Stem and masculine nominative ending of an adjective, if that is not the common one.
    Adjective(&'static str, Option<&'static str>),
    Weekday(&'static Entry),
    Month(&'static Entry),
}

#[derive(Debug)]
struct Abbreviation {
    meaning: Meaning,
    may_end: bool,
}

static BY_SHORT: LazyLock<ByWord<&'static str, Vec<Abbreviation>>> = LazyLock::new(|| {
    let mut by_short: ByWord<_, Vec<Abbreviation>> = ByWord::default();
    for (short, abbreviation) in data::entries(TABLE, parse) {
        by_short.entry(short).or_default().push(abbreviation);
    }
    by_short
});

fn parse(
    [short, place, text, end]: [&'static str; 4],
) -> Result<(&'static str, Abbreviation), String> {
    let noun = || nouns::entry(text).ok_or_else(|| format!("{text} is no noun of nouns.tsv"));
    let meaning = match place {
        "текст" => Meaning::Text(text),
        "слово" => match text.split_once(' ') {
            Some((adjective, name)) => {
                let noun =
                    nouns::entry(name).ok_or_else(|| format!("{name} is no noun of nouns.tsv"))?;
                Meaning::Described(adjective, noun)
            }
            None => Meaning::Noun(noun()?),
        },
        "перед-числом" => Meaning::BeforeNumber(noun()?),
        "перед-именем" => {
            let (name, tail) = text.split_once(' ').unwrap_or((text, ""));
            let noun =
                nouns::entry(name).ok_or_else(|| format!("{name} is no noun of nouns.tsv"))?;
            Meaning::BesideName(noun, tail)
        }
        "день" => Meaning::Weekday(noun()?),
        "месяц" => Meaning::Month(noun()?),
        "прилагательное" => match text.split_once('|') {
            Some((stem, ending)) => Meaning::Adjective(stem, Some(ending)),
            None => Meaning::Adjective(text, None),
        },
        _ => return Err(format!("place {place} is not known")),
    };
    let may_end = match end {
        "конец" => true,
        "-" => false,
        _ => return Err(format!("{end} is neither конец nor -")),
    };
    Ok((short, Abbreviation { meaning, may_end }))
}

/// The meanings of `short`, in small letters and without its last full stop.
fn meanings(short: &str) -> &'static [Abbreviation] {
    BY_SHORT.get(short).map_or(&[], Vec::as_slice)
}

/// True if `short` is cut short: of a noun, an adjective, a month or a unit; the names of days are not, which sentences end
/// with.
pub(in super::super) fn is_abbreviation(short: &str) -> bool {
    !meanings(short).is_empty()
        || units::unit(short).is_some_and(|unit| unit.takes_stop())
        || units::currency(short).is_some_and(|currency| currency.takes_stop())
}

/// The day of the week that `short` abbreviates.
pub(super) fn weekday(short: &str) -> Option<&'static Entry> {
    meanings(short).iter().find_map(|a| match a.meaning {
        Meaning::Weekday(day) => Some(day),
        _ => None,
    })
}

/// The month that `short` abbreviates.
pub(super) fn month(short: &str) -> Option<&'static Entry> {
    meanings(short).iter().find_map(|a| match a.meaning {
        Meaning::Month(month) => Some(month),
        _ => None,
    })
}

/// True if `short`, of more than one letter, is that of a thing that a letter can name: `терм. D`.
pub(in super::super) fn is_numbered(short: &str) -> bool {
    short.chars().count() > 1 && before_number(short).is_some()
}

/// The noun that `short` stands for before a number.
pub(super) fn before_number(short: &str) -> Option<&'static Entry> {
    meanings(short).iter().find_map(|a| match a.meaning {
        Meaning::BeforeNumber(noun) => Some(noun),
        _ => None,
    })
}

/// The street, the square or the like that `short` stands for beside a name.
pub(super) fn street(short: &str) -> Option<&'static Entry> {
    meanings(short).iter().find_map(|a| match a.meaning {
        Meaning::BesideName(noun, _) if is_street_name(noun.name()) => Some(noun),
        _ => None,
    })
}

/// True if `noun` names what streets are called: *улица*, *проспект*.
pub(super) fn is_street_name(noun: &str) -> bool {
    matches!(
        noun,
        "улица"
            | "площадь"
            | "переулок"
            | "проспект"
            | "проезд"
            | "бульвар"
            | "шоссе"
            | "набережная"
            | "тупик"
    )
}

/// An abbreviation as it stands in the text: its letters, the index after it, whether it has a full stop.
struct Written {
    short: String,
    end: usize,
    stop: bool,
}

/// The ways in which the abbreviation at `at` may be written, the longest first: `к.м.н.`, `пр-т`, `ж/д`, `ул.`.
fn written(tokens: &Tokens, at: usize) -> Vec<Written> {
    let mut all = Vec::new();
    let word = tokens.text(at).to_lowercase();
    match tokens.text(at + 1) {
        "." => {
            let mut short = word;
            let mut last = at;
            for _ in 0..3 {
                all.push(Written {
                    short: short.clone(),
                    end: last + 2,
                    stop: true,
                });
                let hyphen = usize::from(tokens.text(last + 2) == "-");
                let next = tokens.skip_space(last + 2 + hyphen);
                if !tokens.is_word(next) || tokens.text(next + 1) != "." {
                    break;
                }
                short.push_str(if hyphen > 0 { ".-" } else { "." });
                short.push_str(&tokens.text(next).to_lowercase());
                last = next;
            }
        }
        joint @ ("-" | "/") if tokens.is_word(at + 2) => {
            let stop = tokens.text(at + 3) == ".";
            all.push(Written {
                short: format!("{word}{joint}{}", tokens.text(at + 2).to_lowercase()),
                end: at + 3 + usize::from(stop),
                stop,
            });
        }
        _ => {}
    }
    all.reverse();
    all
}

impl Reader<'_, Russian> {
    /// The words that the abbreviation at `at` stands for, and the index after it.
    pub(super) fn abbreviation(&self, at: usize) -> Option<(Cow<'static, str>, usize)> {
        if !matches!(self.tokens.text(at + 1), "." | "-" | "/") {
            return None;
        }
        if let Some(size) = self.size_of_street(at) {
            return Some((Cow::Borrowed(size), at + 2));
        }
        // `ген.-майор`
        if matches!(self.tokens.text(at), "ген" | "Ген")
            && self.tokens.text(at + 1) == "."
            && self.tokens.text(at + 2) == "-"
        {
            return Some((Cow::Borrowed("генерал"), at + 2));
        }
        // `ежедн., кр. вс`
        let day = self.tokens.skip_space(at + 2);
        if matches!(self.tokens.text(at), "кр" | "Кр")
            && weekday(&self.tokens.text(day).to_lowercase()).is_some()
        {
            return Some((Cow::Borrowed("кроме"), at + 2));
        }
        if let Some(part) = self.part_of_station(at) {
            let end = at + 2 - usize::from(self.tokens.ends_sentence(at + 1));
            return Some((Cow::Borrowed(part), end));
        }
        for written in written(self.tokens, at) {
            let is_initial = at + 2 == written.end
                && written.short != self.tokens.text(at)
                && written.short.chars().count() == 1
                && !self.is_road(at);
            let numbered = self
                .tokens
                .number(self.tokens.skip_space(written.end))
                .is_some()
                || roman(self.tokens.text(self.tokens.skip_space(written.end))).is_some();
            if is_initial && !numbered || self.are_initials(at, &written) {
                return None;
            }
            for abbreviation in meanings(&written.short) {
                if let Some(text) = self.meant(at, &written, abbreviation.meaning) {
                    return Some((text, self.end_of(at, &written, abbreviation)));
                }
            }
        }
        self.named_after(at)
    }

    /// `Т. Е. Климова`, `Сидоров И. О.`: capitals beside a surname, while `И. О. директора` is short for other words.
    fn are_initials(&self, at: usize, written: &Written) -> bool {
        let mut letters = (at..written.end).filter(|i| self.tokens.is_word(*i));
        let capitals = written.short.contains('.')
            && letters.all(|i| {
                let letter = self.tokens.text(i);
                letter.chars().count() == 1 && letter.starts_with(char::is_uppercase)
            });
        let is_surname =
            |word: &str| is_name(word) && word.chars().nth(1).is_some_and(char::is_lowercase);
        let next = self.tokens.skip_space(written.end);
        capitals
            && (is_surname(self.tokens.text(next)) || is_surname(self.tokens.cased_word_before(at)))
    }

    fn end_of(&self, at: usize, written: &Written, abbreviation: &Abbreviation) -> usize {
        let end = written.end;
        let keeps_stop = written.stop
            && match abbreviation.meaning {
                Meaning::BesideName(noun, _) if self.describes(at, noun) => {
                    self.tokens.ends_sentence(end - 1)
                }
                Meaning::BesideName(..) => self.closes(end),
                Meaning::Text("нашей эры") => {
                    self.ends_here(self.start_of_era(at), end - 1)
                }
                _ => abbreviation.may_end && self.tokens.ends_sentence(end - 1),
            };
        end - usize::from(keeps_stop)
    }

    /// `В 5 в. до н. э. Греция`: the index of the century or the year whose era stands at `at`.
    fn start_of_era(&self, at: usize) -> usize {
        let before = self
            .previous_word(at)
            .filter(|word| self.tokens.text(*word) == "до");
        let stop = self.previous(before.unwrap_or(at));
        match stop.filter(|stop| self.tokens.text(*stop) == ".") {
            Some(stop) => stop.saturating_sub(1),
            None => before.unwrap_or(at),
        }
    }

    /// True if nothing that is spoken follows in the sentence.
    fn closes(&self, at: usize) -> bool {
        self.tokens.text(self.tokens.skip_space(at)).is_empty()
    }

    fn meant(&self, at: usize, written: &Written, meaning: Meaning) -> Option<Cow<'static, str>> {
        let next = self.tokens.skip_space(written.end);
        let following = self.tokens.text(next);
        let number_follows = following.starts_with(|c: char| c.is_ascii_digit())
            || following == "№"
            || roman(following).is_some();
        let said = match meaning {
            Meaning::BeforeNumber(noun) | Meaning::BesideName(noun, _)
                if self.is_kilometre(next) && matches!(noun.name(), "площадь" | "статья") =>
            {
                let stop = if noun.name() == "площадь" {
                    "платформа"
                } else {
                    "станция"
                };
                nouns::entry(stop)?.form(false, self.place_case(at))
            }
            Meaning::Text("свыше") if !number_follows => return None,
            // `макс. скидка`, but `макс. 5 человек`
            Meaning::Text("максимум" | "минимум") if self.is_described(next) => {
                let stem = if written.short == "мин" {
                    "минимальн"
                } else {
                    "максимальн"
                };
                return self.adjective(at, next, stem, None).map(Cow::Owned);
            }
            // `сезон 2, сер. 12`
            Meaning::BeforeNumber(noun)
                if noun.name() == "середина"
                    && self.tokens.number(next).is_some()
                    && !self.is_time_of(next) =>
            {
                nouns::entry("серия")?.form(false, self.place_case(at))
            }
            // A year or a century; else it is a chief.
            Meaning::BeforeNumber(noun)
                if matches!(noun.name(), "начало" | "середина" | "конец")
                    && !self.is_time_of(next) =>
            {
                return None;
            }
            Meaning::Described(adjective, noun) => {
                return Some(Cow::Owned(self.described(at, adjective, noun)));
            }
            // `т. 8-916-123-45-67`
            Meaning::BeforeNumber(noun)
                if noun.name() == "том" && figures::telephone(self.tokens, next).is_some() =>
            {
                "телефон"
            }
            // `вл. 85 %`
            Meaning::BeforeNumber(noun)
                if noun.name() == "владение"
                    && self.tokens.text(self.tokens.skip_space(next + 1)) == "%" =>
            {
                "влажность"
            }
            // `с проф. Ивановым`
            Meaning::Text(
                title @ ("профессор"
                | "академик"
                | "доцент"
                | "архитектор"
                | "инженер"
                | "режиссёр"),
            ) => nouns::entry(title)?.form(false, self.case_of_title(at, next)),
            Meaning::Text(text) => text,
            // `Мебель кон. XIX в.`
            Meaning::BeforeNumber(noun)
                if matches!(noun.name(), "начало" | "середина" | "конец") =>
            {
                noun.form(false, self.part_case(at))
            }
            // `жильцы д. 14`
            Meaning::BeforeNumber(noun)
                if matches!(noun.name(), "дом" | "квартира")
                    && number_follows
                    && self.is_of_thing(at) =>
            {
                noun.form(false, Case::Genitive)
            }
            Meaning::BeforeNumber(noun) if number_follows => {
                let noun = if noun.name() == "страница" && self.in_address(at) {
                    nouns::entry("строение")?
                } else {
                    noun
                };
                noun.form(false, self.place_case(at))
            }
            Meaning::BesideName(noun, tail) => {
                let form = self.beside_name(at, next, noun)?;
                return Some(match tail {
                    "" => Cow::Borrowed(form),
                    tail => Cow::Owned(format!("{form} {tail}")),
                });
            }
            // `вых. данные`
            Meaning::Noun(noun)
                if noun.name() == "выходной" && self.is_described(next) && following != "день" =>
            {
                return None;
            }
            Meaning::Noun(noun)
                if noun.name() == "выходной" && self.tokens.word_before(at) == "без" =>
            {
                noun.form(true, Case::Genitive)
            }
            // `с г/н О123КА`
            Meaning::Noun(noun)
                if noun.name() == "госномер"
                    && matches!(self.tokens.word_before(at).as_str(), "с" | "со") =>
            {
                noun.form(false, Case::Instrumental)
            }
            // `водитель а/м`
            Meaning::Noun(noun) if noun.name() == "автомобиль" && self.is_of_thing(at) => {
                noun.form(false, Case::Genitive)
            }
            // `36 кг на чел.`
            Meaning::Noun(noun)
                if noun.name() == "человек" && self.tokens.word_before(at) == "на" =>
            {
                noun.form(false, Case::Accusative)
            }
            // `забор выс. 2 м`
            Meaning::Noun(noun)
                if noun.is(Kind::Measure)
                    && self.tokens.number(next).is_some()
                    && self.is_of_thing(at) =>
            {
                noun.form(false, Case::Instrumental)
            }
            Meaning::Noun(noun) | Meaning::Weekday(noun) | Meaning::Month(noun) => {
                noun.form(false, self.place_case(at))
            }
            Meaning::Adjective(stem, own) => {
                return self.adjective(at, next, stem, own).map(Cow::Owned);
            }
            // `корп. Б`, `рис. выше`
            Meaning::BeforeNumber(noun)
                if (written.short.chars().count() > 2 || written.short == "бл")
                    && self.is_letter_or_place(next) =>
            {
                // `д. 5, стр. А`
                let noun = if noun.name() == "страница" && self.in_address(at) {
                    nouns::entry("строение")?
                } else {
                    noun
                };
                noun.form(false, self.place_case(at))
            }
            // `каб. УЗИ`
            Meaning::BeforeNumber(noun)
                if noun.name() == "кабинет"
                    && (2..=5).contains(&following.chars().count())
                    && following
                        .chars()
                        .all(|c| c.is_uppercase() && is_cyrillic(c)) =>
            {
                noun.form(false, self.place_case(at))
            }
            // `3-комнатная кв.`
            Meaning::BeforeNumber(noun) => {
                let described = forms::adjective(&self.tokens.word_before(at));
                let long = written.short.chars().count() > 1 && !described.is_empty();
                let forms = described.and(Forms::of(noun.gender, &CASES));
                let (case, _) = forms.first(&CASES).filter(|_| long)?;
                noun.form(false, case)
            }
        };
        Some(Cow::Borrowed(said))
    }

    /// `по л/с`, `в д/с`, `номер р/с`: the adjective and its noun in the case of what is written short at `at`.
    fn described(&self, at: usize, adjective: &str, noun: &Entry) -> String {
        let account = noun.name() == "счёт";
        let case = match self.place_case(at) {
            Case::Prepositional if account && self.is_paid_to(at) => Case::Accusative,
            Case::Nominative
                if !matches!(noun.name(), "дорога" | "пункт")
                    && (self.is_of_thing(at)
                        || self.tokens.word_before(at).starts_with("заведующ")) =>
            {
                Case::Genitive
            }
            case => case,
        };
        let as_written = matches!(
            (noun.gender, case),
            (_, Case::Nominative) | (Gender::Masculine | Gender::Neuter, Case::Accusative)
        );
        if as_written {
            return format!("{adjective} {}", noun.form(false, case));
        }
        // The last two letters are its ending.
        let end = adjective.char_indices().nth_back(1).map_or(0, |(at, _)| at);
        let stem = &adjective[..end];
        let form = match (noun.name(), case) {
            // The place has a form of its own.
            ("сад", Case::Prepositional) => "саду",
            (_, case) => noun.form(false, case),
        };
        format!("{stem}{} {form}", adjective_ending(stem, noun.gender, case))
    }

    /// `деньги на л/с не поступили`: what stands around the account at `at` says that money goes to it.
    fn is_paid_to(&self, at: usize) -> bool {
        const STEMS: [&str; 13] = [
            "зачисл",
            "поступ",
            "перечисл",
            "перевод",
            "перевед",
            "перевес",
            "внес",
            "внёс",
            "оплат",
            "вернут",
            "возвра",
            "положи",
            "платёж",
        ];
        (at.saturating_sub(8)..at + 10).any(|i| {
            let word = self.tokens.text(i).to_lowercase();
            STEMS.iter().any(|stem| word.starts_with(stem))
        })
    }

    /// `41 км`: a number of kilometres at `at`.
    fn is_kilometre(&self, at: usize) -> bool {
        let unit = self.tokens.skip_space(at + 1);
        self.tokens.number(at).is_some()
            && unit > at + 1
            && self.tokens.text(unit) == "км"
            // `пл. 561 км²`
            && !matches!(self.tokens.text(unit + 1), "²" | "2" | "^")
    }

    /// `платформы 12 км, 41 км и 47 км`: the first number of the list that the one at `at` is in.
    fn first_kilometre(&self, at: usize) -> usize {
        let mut first = at;
        for _ in 0..LONGEST_LIST {
            let number = self
                .previous(first)
                .filter(|joint| matches!(self.tokens.text(*joint), "," | "и"))
                .and_then(|joint| self.previous(joint))
                .and_then(|unit| self.previous(unit))
                .filter(|number| self.is_kilometre(*number));
            match number {
                Some(number) => first = number,
                None => break,
            }
        }
        first
    }

    /// `пл. 41 км`, `платформа 47 км`: a stop that is called after its kilometre.
    pub(super) fn stop_at_kilometre(&mut self, at: usize) -> Option<usize> {
        if !self.is_kilometre(at) {
            return None;
        }
        let number = figures::integer(self.tokens.number(at)?)?;
        let before = self.previous(self.first_kilometre(at))?;
        let unit = self.tokens.skip_space(at + 1);
        let next = self.tokens.text(self.tokens.skip_space(unit + 1));
        let alone = matches!(next, "" | "." | "," | "—" | "!" | ";" | ")" | "без" | "и");
        let named = match self.tokens.text(before) {
            "." => matches!(
                self.tokens.word_before(before).as_str(),
                "пл" | "ст" | "платф" | "ост"
            ),
            word => {
                let small = word.to_lowercase();
                alone
                    && ["платформ", "станци", "остановк"]
                        .iter()
                        .any(|stem| small.starts_with(stem))
            }
        };
        if !named {
            return None;
        }
        self.say_number(&super::numerals::ordinal(
            number,
            Gender::Masculine,
            Case::Nominative,
        ));
        self.out.say(" километр");
        Some(unit + 1)
    }

    /// The case of a place after the word before `at`: *на улице*, *в городе*, *до улицы*.
    pub(super) fn place_case(&self, at: usize) -> Case {
        let before = self.tokens.word_before(at);
        match before.as_str() {
            "в" | "во" | "на" if self.is_way_to(at) => Case::Accusative,
            "в" | "во" | "на" => Case::Prepositional,
            "по" => Case::Dative,
            "" if self.follows_embankment(at) => Case::Genitive,
            _ if self.is_referred_to(at) => Case::Accusative,
            _ if self.is_part(at) => Case::Genitive,
            _ => governed(&before).unwrap_or(Case::Nominative),
        }
    }

    /// `наб. р. Мойки`
    fn follows_embankment(&self, at: usize) -> bool {
        let stop = self
            .previous(at)
            .filter(|stop| self.tokens.text(*stop) == ".");
        stop.is_some_and(|stop| self.tokens.word_before(stop) == "наб")
    }

    /// `пройдите в каб. 5`: the preposition before `at` follows a word of moving.
    pub(super) fn is_way_to(&self, at: usize) -> bool {
        let mut at = self.previous_word(at);
        for _ in 0..3 {
            at = at.and_then(|word| self.previous_word(word));
            let Some(word) = at else {
                return false;
            };
            if context::is_motion(&self.tokens.text(word).to_lowercase()) {
                return true;
            }
        }
        false
    }

    /// `жильцы д. 14`, `население г. Твери`: a noun, which is no name itself, stands before `at` and has what follows.
    fn is_of_thing(&self, at: usize) -> bool {
        let word = self.tokens.cased_word_before(at);
        let small = word.to_lowercase();
        let first = self
            .previous_word(at)
            .is_some_and(|word| self.previous(word).is_none());
        let known = !nouns::senses(&small).is_empty();
        let ends = ["ние", "ния", "цы", "ия", "ели", "ость"]
            .iter()
            .any(|ending| small.ends_with(ending));
        (first || word == small)
            && governing::cases(&small).is_empty()
            && (known || ends || self.belongs_to_someone(&small))
            && !context::is_verb(&small)
    }

    /// `см. рис. 2 и табл. 3, стр. 4`: all of them are objects of *смотри*.
    fn is_referred_to(&self, at: usize) -> bool {
        let listed = |i: usize| {
            let text = self.tokens.text(i);
            self.tokens.number(i).is_some()
                || matches!(text, " " | "." | "," | "и")
                || before_number(&text.to_lowercase()).is_some()
        };
        let first = (at.saturating_sub(24)..at).rev().find(|i| !listed(*i));
        first.is_some_and(|i| {
            matches!(self.tokens.text(i), "см" | "См") && self.tokens.text(i + 1) == "."
        })
    }

    /// `д. 5, стр. 2`, `наб. Мойки, 23А, стр. 2`: among the words before `at` there is a house, or a street and its number.
    pub(super) fn in_address(&self, at: usize) -> bool {
        let mut before = at.saturating_sub(16)..at;
        let of_house = |i: usize| {
            let word = self.tokens.text(i).to_lowercase();
            let short = matches!(word.as_str(), "д" | "к" | "корп" | "ул" | "вл" | "влад");
            let followed = self.tokens.text(i + 1) == "."
                || self.tokens.number(self.tokens.skip_space(i + 1)).is_some();
            short && followed
                || ["дом", "улиц", "корпус", "проспект", "владени"]
                    .iter()
                    .any(|stem| word.starts_with(stem))
        };
        let follows_house = self.follows_house_number(at);
        before.any(|i| {
            // `Тверская, 12, стр. 3`
            let called = |i: usize| {
                let word = self.tokens.text(i);
                is_name(word)
                    && word.ends_with("ская")
                    && self.tokens.text(i + 1) == ","
                    && self.tokens.number(self.tokens.skip_space(i + 2)).is_some()
            };
            self.tokens.is_word(i)
                && (of_house(i) || follows_house && (self.is_street(i) || called(i)))
        })
    }

    /// `, 23А, стр. 2`: a number, or one with a letter, stands between commas or blanks before the comma before `at`.
    fn follows_house_number(&self, at: usize) -> bool {
        let comma = self
            .previous(at)
            .filter(|comma| self.tokens.text(*comma) == ",");
        let last = comma.and_then(|comma| comma.checked_sub(1));
        last.is_some_and(|last| {
            let before = self.previous(last).unwrap_or(last);
            // `5 лит. А`
            let of_letter = self.tokens.text(before) == "."
                && self.tokens.word_before(before) == "лит"
                || self.tokens.number(before).is_some();
            let lettered = self.tokens.text(last).chars().count() == 1
                && self.tokens.is_word(last)
                && of_letter;
            lettered || self.tokens.number(last).is_some()
        })
    }

    /// True if the word at `at` is a street, a square or the like, in full or cut short: `пер.`, `пр-т`, `набережная`.
    fn is_street(&self, at: usize) -> bool {
        const SHORT: [&str; 12] = [
            "ул",
            "пл",
            "пер",
            "пр",
            "просп",
            "наб",
            "ш",
            "бул",
            "бульв",
            "туп",
            "мкр",
            "мкрн",
        ];
        const STEMS: [&str; 12] = [
            "улиц",
            "площад",
            "переул",
            "проспект",
            "набережн",
            "шоссе",
            "бульвар",
            "тупик",
            "проезд",
            "квартал",
            "микрорайон",
            "алле",
        ];
        let word = self.tokens.text(at).to_lowercase();
        match self.tokens.text(at + 1) {
            "." if SHORT.contains(&word.as_str()) => true,
            "-" => match (word.as_str(), self.tokens.text(at + 2)) {
                ("пр", end) => {
                    matches!(end, "т" | "та" | "ту" | "те" | "кт" | "кта" | "д" | "да")
                }
                ("б", end) => matches!(end, "р" | "ра" | "ру" | "ре"),
                ("кв", end) => matches!(end, "л" | "ла" | "лу" | "ле"),
                _ => false,
            },
            _ => STEMS.iter().any(|stem| word.starts_with(stem)),
        }
    }

    /// The case of a street at `at`, over those that it is listed with: `до ул. Мира и пл. Ленина`, `на углу ул. Мира`.
    pub(super) fn street_case(&self, at: usize) -> Case {
        let mut first = at;
        for _ in 0..LONGEST_LIST {
            match self.street_before_in_list(first) {
                Some(before) => first = before,
                None => break,
            }
        }
        if is_beside_street(&self.tokens.word_before(first)) {
            return Case::Genitive;
        }
        self.place_case(first)
    }

    /// The street, cut short, that stands before the one at `at` in a list.
    fn street_before_in_list(&self, at: usize) -> Option<usize> {
        let joint = self.previous(at)?;
        if !matches!(self.tokens.text(joint), "," | "и" | "или") {
            return None;
        }
        // A name and a house are a few words long.
        for i in (joint.saturating_sub(12)..joint).rev() {
            let word = self.tokens.text(i);
            if self.tokens.is_word(i) && self.is_street(i) {
                return matches!(self.tokens.text(i + 1), "." | "-").then_some(i);
            }
            let of_name = is_name(word)
                || word == "." && i > 0 && self.is_street(i - 1)
                || self.tokens.number(i).is_some()
                || matches!(word, " " | "-" | "«" | "»" | "," | "им" | "года" | "лет")
                || i > 0 && self.tokens.text(i - 1) == "-";
            if !of_name {
                return None;
            }
        }
        None
    }

    /// `ул. Ленина`, `Тверская ул.`.
    fn beside_name(&self, at: usize, next: usize, noun: &'static Entry) -> Option<&'static str> {
        if !self.describes(at, noun) {
            let quoted = usize::from(matches!(self.tokens.text(next), "«" | "\""));
            let word = self.tokens.text(at).chars().count() > 1;
            let named =
                is_name(self.tokens.text(next + quoted)) && (word || !self.is_initial(next));
            let named = named || self.is_road(at);
            // `наб. реки Мойки`
            let adjective = (noun.name() == "область")
                .then(|| self.abbreviated_adjective(at))
                .flatten();
            if let Some(adjective) = adjective {
                return Some(noun.form(false, self.place_case(adjective)));
            }
            // `Пл. участка`
            let of_area = noun.name() == "площадь"
                && ["участк", "дом", "квартир", "помещени", "комнат", "застройк"]
                    .iter()
                    .any(|stem| self.tokens.text(next).starts_with(stem));
            // `ул. им. Пушкина`
            let of_memory = word && self.tokens.text(next) == "им";
            let of_water = noun.name() == "набережная"
                && matches!(self.tokens.text(next), "реки" | "канала" | "р" | "кан");
            // `ул. 8 Марта`
            let numbered = word && self.tokens.number(next).is_some();
            // `у ст. метро «Сокол»`, `г. Н. Новгород`
            let metro = noun.name() == "станция" && self.tokens.text(next) == "метро";
            let short_name = noun.name() == "город"
                && self.is_initial(next)
                && is_name(self.tokens.text(self.tokens.skip_space(next + 2)));
            // `12-я ул.`
            if let Some(case) = self.case_of_ordinal(at, noun) {
                return Some(noun.form(false, case));
            }
            if !(named || numbered || of_water || of_memory || of_area || metro || short_name) {
                return None;
            }
            let case = match noun.name() {
                "город" => self.case_of_city(at, self.tokens.text(next)),
                name if is_street_name(name) => match self.street_case(at) {
                    // `на ул. 3-ю Советскую`
                    Case::Prepositional if self.is_accusative(next) => Case::Accusative,
                    case => case,
                },
                _ => self.place_case(at),
            };
            return Some(noun.form(false, case));
        }
        let described = forms::adjective(&self.tokens.word_before(at));
        let forms = Forms::of(noun.gender, &CASES).and(described);
        let first = self
            .previous_word(at)
            .map_or(String::new(), |i| self.tokens.word_before(i));
        let cases = governing::place_cases(&first);
        let (case, _) = forms.first(cases).or_else(|| forms.first(&CASES))?;
        Some(noun.form(false, case))
    }

    /// `3-ю Советскую`, `Тверскую`: the name at `at` shows that it is in the accusative.
    fn is_accusative(&self, at: usize) -> bool {
        let hyphen = usize::from(self.tokens.text(at + 1) == "-");
        let ordinal = self.tokens.number(at).is_some()
            && matches!(self.tokens.text(at + 1 + hyphen), "ю" | "ую" | "ью");
        ordinal || is_name(self.tokens.text(at)) && self.tokens.text(at).ends_with("ую")
    }

    /// `на 12-й ул.`: the case of the ordinal before the noun that is written short at `at`.
    fn case_of_ordinal(&self, at: usize, noun: &Entry) -> Option<Case> {
        let start = self.ordinal_before(at)?;
        let number = figures::integer(self.tokens.number(start)?)?;
        let forms = forms::ordinal_suffix(number, self.tokens.text(start + 2))
            .and(Forms::of(noun.gender, &CASES));
        let cases = governing::place_cases(&self.tokens.word_before(start));
        let (case, _) = forms.first(cases).or_else(|| forms.first(&CASES))?;
        Some(case)
    }

    /// `Моск. обл.`: the index of the adjective that is written short before `at`.
    fn abbreviated_adjective(&self, at: usize) -> Option<usize> {
        let stop = self
            .previous(at)
            .filter(|stop| self.tokens.text(*stop) == ".")?;
        let word = stop.checked_sub(1)?;
        let is_adjective = |a: &Abbreviation| matches!(a.meaning, Meaning::Adjective(..));
        meanings(&self.tokens.text(word).to_lowercase())
            .iter()
            .any(is_adjective)
            .then_some(word)
    }

    /// `прибыл в г. Москву`, `население г. Твери`: the case that the name shows, or what stands before the city at `at`.
    fn case_of_city(&self, at: usize, name: &str) -> Case {
        let before = self.tokens.word_before(at);
        match before.as_str() {
            "в" | "во" | "на" if name.ends_with(['у', 'ю']) => Case::Accusative,
            _ if self.is_of_thing(at) => Case::Genitive,
            _ => self.place_case(at),
        }
    }

    /// `с проф. Ивановым`, `к акад. И. П. Петровой`: the case that the surname after the title at `at` shows, as far as what
    /// stands before allows it.
    fn case_of_title(&self, at: usize, next: usize) -> Case {
        let mut name = next;
        for _ in 0..2 {
            if self.is_initial(name) {
                name = self.tokens.skip_space(name + 2);
            }
        }
        let surname = self.tokens.text(name);
        let shown = cases_of_surname(surname);
        let before = self.tokens.word_before(at);
        let governed: &[Case] = match before.as_str() {
            // Persons come together more often than one goes away from them.
            "с" | "со" => &[Case::Instrumental, Case::Genitive],
            before => governing::cases(before),
        };
        let undeclined = is_name(surname) && shown.is_empty() && !is_declined(surname);
        let agreed = governed
            .iter()
            .find(|case| undeclined || shown.contains(case));
        match (agreed, shown) {
            (Some(case), _) => *case,
            (None, [case]) if governed.is_empty() => *case,
            // `по проекту арх. К. А. Тона`
            (None, []) if governed.is_empty() && self.is_of_thing(at) => Case::Genitive,
            (None, [Case::Genitive, Case::Accusative]) if self.is_of_thing(at) => Case::Genitive,
            _ => Case::Nominative,
        }
    }

    /// `ул. Б. Полянка`: *Большая* or *Малая* of a street that is called so, while persons' names are in the genitive.
    fn size_of_street(&self, at: usize) -> Option<&'static str> {
        let size = match self.tokens.text(at) {
            "Б" => "Большая",
            "М" => "Малая",
            _ => return None,
        };
        let name = self.tokens.text(self.tokens.skip_space(at + 2));
        let street = match self.previous(at) {
            Some(stop) if self.tokens.text(stop) == "." => self.tokens.word_before(stop) == "ул",
            _ => self.tokens.word_before(at) == "улица",
        };
        let called = is_name(name) && (name.ends_with("ая") || name.ends_with("ка"));
        (street && called && self.tokens.text(at + 1) == ".").then_some(size)
    }

    /// `Тула-Пасс.`: the part of a junction that a station is.
    fn part_of_station(&self, at: usize) -> Option<&'static str> {
        let joined = at >= 2
            && self.tokens.text(at - 1) == "-"
            && is_name(self.tokens.text(at - 2))
            && self.tokens.text(at + 1) == ".";
        match self.tokens.text(at) {
            "Пасс" if joined => Some("Пассажирская"),
            "Сорт" if joined => Some("Сортировочная"),
            "Тов" if joined => Some("Товарная"),
            _ => None,
        }
    }

    /// `Ш. Энтузиастов, д. 7`: a road at the head of an address, no initial.
    fn is_road(&self, at: usize) -> bool {
        let name = self.tokens.skip_space(at + 2);
        let house = self.tokens.skip_space(name + 2);
        let of_house = matches!(self.tokens.text(house), "д" | "дом" | "вл" | "корп")
            || self.tokens.number(house).is_some();
        matches!(self.tokens.text(at), "Ш" | "ш")
            && self.tokens.text(at + 1) == "."
            && is_name(self.tokens.text(name))
            && self.tokens.text(name + 1) == ","
            && of_house
    }

    /// `нач. XX в.`, `сер. 90-х`: a century or a decade at `at`.
    fn is_time_of(&self, at: usize) -> bool {
        let ends_decade = self.tokens.text(at + 1) == "-" && self.tokens.is_word(at + 2);
        let year = self
            .tokens
            .number(at)
            .is_some_and(|digits| digits.len() == 4);
        roman(self.tokens.text(at)).is_some()
            || self.tokens.number(at).is_some() && (ends_decade || year)
    }

    /// True if the word at `at` is a noun or an adjective in small letters.
    fn is_described(&self, at: usize) -> bool {
        let word = self.tokens.text(at);
        word.starts_with(|c: char| c.is_lowercase() && is_cyrillic(c))
            && word.chars().count() > 3
            && !context::is_function_word(word)
            && !context::is_verb(word)
            && governing::cases(word).is_empty()
    }

    /// `корп. Б`, `рис. выше`: a single letter or a word of place at `at`.
    fn is_letter_or_place(&self, at: usize) -> bool {
        let word = self.tokens.text(at);
        let latin = word.starts_with(|c: char| c.is_ascii_uppercase());
        let ends = self.closes(at + 2) || self.tokens.text(at + 1) != ".";
        let single = word.chars().count() == 1 && ends;
        let letter = single && (is_name(word) || latin);
        letter
            || matches!(
                word,
                "выше" | "ниже" | "справа" | "слева" | "сверху" | "снизу"
            )
    }

    /// `п. 3 ч. 2 ст. 5`: a section of the one that is named at `at`, while in `ст. 12 ч. 3` the larger one stands first.
    fn is_part(&self, at: usize) -> bool {
        let section = |noun: &&Entry| noun.is(Kind::Section);
        let short = |at: usize| before_number(&self.tokens.text(at).to_lowercase());
        let number = self
            .previous(at)
            .filter(|number| self.tokens.number(*number).is_some());
        let part = number.and_then(|number| {
            let last = self.previous(number)?;
            match self.tokens.text(last) {
                "." => short(last.checked_sub(1)?),
                _ => self.noun_before(number).map(|part| part.noun),
            }
        });
        let whole = short(at).filter(section);
        part.filter(section)
            .zip(whole)
            .is_some_and(|(part, whole)| {
                match (size_of_section(part.name()), size_of_section(whole.name())) {
                    (Some(part), Some(whole)) => part < whole,
                    _ => true,
                }
            })
    }

    /// True if the word before `at` is an adjective of `noun` with a capital: `Тверская ул.`, not `Население г.`.
    fn describes(&self, at: usize, noun: &Entry) -> bool {
        let name = self.tokens.cased_word_before(at);
        let forms = forms::adjective(&name.to_lowercase());
        is_name(name) && !forms.and(Forms::of(noun.gender, &CASES)).is_empty()
    }

    fn is_initial(&self, at: usize) -> bool {
        self.tokens.text(at).chars().count() == 1 && self.tokens.text(at + 1) == "."
    }

    /// `гос. контроля`: the adjective in the form of its noun.
    fn adjective(
        &self,
        at: usize,
        next: usize,
        stem: &str,
        masculine: Option<&str>,
    ) -> Option<String> {
        let noun = self.tokens.text(next);
        // `Моск. обл.`
        if noun == "обл" && self.tokens.text(next + 1) == "." {
            let ending = adjective_ending(stem, Gender::Feminine, self.place_case(at));
            return Some(format!("{stem}{ending}"));
        }
        let described = noun.starts_with(is_cyrillic)
            && noun.chars().count() > 2
            && noun.starts_with(char::is_uppercase) == (stem == "свят");
        if !described || matches!(stem, "старш" | "младш") && !is_rank(noun) {
            return None;
        }
        if matches!(stem, "средн" | "начальн") && !is_averaged(noun) {
            return None;
        }
        let phrase = self.phrase(next);
        let forms = phrase.forms().or_else(forms::guess(&noun.to_lowercase()));
        let before = self.tokens.word_before(at);
        // After a noun it is in the genitive.
        // `ул. Св. Духа`
        let of_street = self
            .previous(at)
            .filter(|stop| self.tokens.text(*stop) == ".")
            .is_some_and(|stop| street(&self.tokens.word_before(stop)).is_some());
        let cases: &[Case] = match governing::cases(&before) {
            [] if before.is_empty() && !of_street => &CASES,
            [] => &[Case::Genitive, Case::Nominative, Case::Accusative],
            cases => cases,
        };
        let (case, gender) = forms.first(cases).or_else(|| forms.first(&CASES))?;
        let ending = match (masculine, gender, case) {
            (Some(ending), Gender::Masculine, Case::Nominative | Case::Accusative) => ending,
            _ => adjective_ending(stem, gender, case),
        };
        Some(format!("{stem}{ending}"))
    }

    /// `театр им. Пушкина`: *имени* before a person's name, while `им.` may be the last word of a sentence.
    fn named_after(&self, at: usize) -> Option<(Cow<'static, str>, usize)> {
        let stop = self.tokens.text(at + 1) == ".";
        if !stop || self.tokens.text(at).to_lowercase() != "им" {
            return None;
        }
        let next = self.tokens.skip_space(at + 2);
        let name = self.tokens.text(next);
        let genitive = [
            "а", "я", "ой", "ей", "ого", "его", "ых", "их", "ы", "и", "о",
        ];
        let of = is_name(name)
            && (self.is_initial(next)
                || name.chars().count() > 3
                    && genitive.iter().any(|ending| name.ends_with(ending))
                    && !context::is_function_word(&name.to_lowercase()));
        let number = self.tokens.number(next).is_some();
        (of || number).then_some((Cow::Borrowed("имени"), at + 2))
    }
}

/// True if `noun` names what has an average or a beginning: `ср. зарплата`, `нач. цена`, while `ср.` alone refers and `нач.`
/// is a chief.
pub(super) fn is_averaged(noun: &str) -> bool {
    const STEMS: [&str; 41] = [
        "числ",
        "количеств",
        "размер",
        "доход",
        "урож",
        "объём",
        "объем",
        "давлен",
        "влажност",
        "врем",
        "срок",
        "длин",
        "длительност",
        "дальност",
        "высот",
        "глубин",
        "ширин",
        "диаметр",
        "мощност",
        "нагрузк",
        "частот",
        "уров",
        "ставк",
        "этап",
        "зарплат",
        "температур",
        "балл",
        "возраст",
        "цен",
        "скорост",
        "расход",
        "класс",
        "школ",
        "образован",
        "значен",
        "показател",
        "чек",
        "стоимост",
        "рост",
        "вес",
        "продолжительност",
    ];
    STEMS.iter().any(|stem| noun.starts_with(stem))
}

/// The place of `noun` in the order of the sections of a law.
fn size_of_section(noun: &str) -> Option<u8> {
    Some(match noun {
        "подпункт" => 1,
        "пункт" => 2,
        "часть" => 3,
        "статья" => 4,
        _ => return None,
    })
}

/// True if `word` says where something is by a street, which stands in the genitive after it: `со стороны`, `на углу`.
fn is_beside_street(word: &str) -> bool {
    const STEMS: [&str; 11] = [
        "сторон",
        "район",
        "пересечени",
        "перекрёст",
        "перекрест",
        "направлени",
        "протяжени",
        "середин",
        "окрестност",
        "жител",
        "ремонт",
    ];
    const WORDS: [&str; 11] = [
        "начало",
        "начала",
        "начале",
        "угол",
        "угла",
        "углу",
        "углом",
        "конец",
        "конца",
        "конце",
        "участке",
    ];
    WORDS.contains(&word) || STEMS.iter().any(|stem| word.starts_with(stem))
}

/// True if `noun` names a person of a rank or a post, who can be older or younger in it: `ст. сержант`.
fn is_rank(noun: &str) -> bool {
    const STEMS: [&str; 27] = [
        "сержант",
        "лейтенант",
        "прапорщик",
        "мичман",
        "матрос",
        "солдат",
        "преподавател",
        "инженер",
        "медсестр",
        "медбрат",
        "научн",
        "менеджер",
        "кассир",
        "воспитател",
        "тренер",
        "специалист",
        "оператор",
        "инспектор",
        "механик",
        "мастер",
        "помощник",
        "следовател",
        "советник",
        "оперуполномоченн",
        "лаборант",
        "товаровед",
        "охранник",
    ];
    STEMS.iter().any(|stem| noun.starts_with(stem))
}

/// True if a man's surname that ends so has other endings in other cases.
fn is_declined(surname: &str) -> bool {
    ["ов", "ев", "ёв", "ин", "ын", "ий", "ый"]
        .iter()
        .any(|ending| surname.ends_with(ending))
}

/// The cases besides the nominative that the ending of a surname shows.
fn cases_of_surname(name: &str) -> &'static [Case] {
    use Case::*;
    let ends = |endings: &[&str]| {
        name.chars().count() > 3 && endings.iter().any(|ending| name.ends_with(ending))
    };
    if !is_name(name) {
        &[]
    } else if ends(&["ым", "им"]) {
        &[Instrumental]
    } else if ends(&["ому", "ему"]) {
        &[Dative]
    } else if ends(&["ой", "ей"]) {
        &[Genitive, Dative, Instrumental, Prepositional]
    } else if ends(&["а", "я", "ого", "его"]) {
        &[Genitive, Accusative]
    } else if ends(&["у", "ю"]) {
        &[Dative, Accusative]
    } else if ends(&["ом", "ем"]) {
        &[Instrumental, Prepositional]
    } else if ends(&["е"]) {
        &[Prepositional, Dative]
    } else {
        &[]
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_uppercase() && is_cyrillic(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_an_abbreviation() {
        let complaints = data::complaints(
            "data/abbreviations.tsv",
            TABLE,
            parse,
            |[short, place, ..]| format!("{short} {place}"),
        );
        assert!(complaints.is_empty(), "{complaints}");
    }
}
