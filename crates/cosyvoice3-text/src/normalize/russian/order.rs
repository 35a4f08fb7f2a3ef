//! Numbers read as ordinals because of their noun: `5 этаж`, `с 3 пути`, `к 3 и 4 платформам`, `5 «А» класс`.

use super::{
    super::{figures, reader::Reader},
    Russian, counting,
    forms::{CASES, Forms},
    governing,
    nouns::{Kind, Sense, forms_of_one, senses},
    numerals::{Case, Gender, ordinal},
    quantities::Amount,
    surroundings::{LONGEST_LIST, Phrase},
};

/// Cases in which the noun after a count would have another form.
const WITHOUT_COUNTS: [Case; 4] = [
    Case::Nominative,
    Case::Dative,
    Case::Instrumental,
    Case::Prepositional,
];

impl Reader<'_, Russian> {
    /// The number in `figure` where its noun says that it is an ordinal: `5 этаж`, `с 3 пути`.
    pub(super) fn ordered(&mut self, number: u64, end: usize, before: &str) -> Option<usize> {
        let lettered = self.after_quoted_letter(end);
        let phrase = self.phrase(lettered.unwrap_or(end));
        if self.tokens.skip_space(end) == end && lettered.is_none() {
            return None;
        }
        // `в 7 «Б»`: a class whose word is left out.
        if phrase.senses.is_empty() && lettered.is_some() && (1..=11).contains(&number) {
            let case = governing::place_cases(before).first();
            let case = case.copied().unwrap_or(Case::Nominative);
            self.say_number(&ordinal(number, Gender::Masculine, case));
            return Some(end);
        }
        if phrase.senses.is_empty() || self.is_piece_of_luggage(number, &phrase) {
            return None;
        }
        let forms = match lettered {
            Some(_) => phrase.forms_of_each(),
            None if self.is_in_whole(end - 1) => forms_of_whole(&phrase),
            None if self.belongs_to_someone(before) || is_graded(before, &phrase) => {
                one_of_ordered(&phrase)
            }
            None if is_time_of_many(number, before, self.tokens.text(phrase.at)) => {
                Forms::of(Gender::Masculine, &[Case::Nominative, Case::Accusative])
            }
            None => Forms::NONE,
        };
        let forms = forms.or_else(counting::order_forms(
            number,
            before,
            phrase.adjectives,
            phrase.senses,
        ));
        let is_date = phrase.senses[0].noun.is(Kind::Month);
        if forms.is_empty() || is_date {
            return None;
        }
        let (case, gender) = forms
            .first(governing::place_cases(before))
            .or_else(|| forms.first(&CASES))?;
        self.say_number(&ordinal(number, gender, case));
        Some(end)
    }

    /// `на 1 пути 3 платформы`: the number at `at` says which whole the numbered thing before it is a part of, while in
    /// `на 1 этаже 2 лифта` it counts.
    pub(super) fn is_in_whole(&self, at: usize) -> bool {
        let Some(part) = self
            .previous_word(at)
            .filter(|part| self.follows_number(*part))
        else {
            return false;
        };
        let size = |all: &'static [Sense]| {
            let mut singular = all.iter().filter(|sense| !sense.plural);
            singular.find_map(|sense| size_of_place(sense.noun.name()))
        };
        let part = size(senses(self.tokens.text(part)));
        let whole = size(self.phrase(at + 1).senses);
        part.zip(whole).is_some_and(|(part, whole)| part < whole)
    }

    /// `багаж: 1 место`, `1 место до 23 кг`: one piece, not the first place.
    fn is_piece_of_luggage(&self, number: u64, phrase: &Phrase) -> bool {
        let is_luggage = |word: &str| {
            let word = word.to_lowercase();
            [
                "багаж",
                "клад",
                "весом",
                "чемодан",
                "сумк",
                "рюкзак",
                "посыл",
                "груз",
            ]
            .iter()
            .any(|stem| word.starts_with(stem))
        };
        let place = phrase.senses.first().map(|sense| sense.noun.name()) == Some("место");
        let next = self.tokens.skip_space(phrase.at + 1);
        let around = phrase.at.saturating_sub(8)..phrase.at + 5;
        number == 1
            && place
            && (self.tokens.text(next) == "до"
                || around.into_iter().any(|i| is_luggage(self.tokens.text(i)))
                || self.is_beside_weight(phrase.at))
    }

    /// `до 23 кг, 1 место`, `1 место, до 23 кг`: a weight and a comma stand beside the place at `at`, whose number no word
    /// governs.
    fn is_beside_weight(&self, at: usize) -> bool {
        let is_weight = |i: usize| {
            let word = self.tokens.text(i);
            matches!(word, "кг" | "т") || word.starts_with("килограмм")
        };
        let comma_before = self
            .previous(at)
            .and_then(|number| self.previous(number))
            .filter(|comma| matches!(self.tokens.text(*comma), "," | "/" | "—"));
        let weighed = comma_before.is_some_and(|comma| {
            let stop = usize::from(comma > 0 && self.tokens.text(comma - 1) == ".");
            self.previous(comma - stop).is_some_and(is_weight)
        });
        let comma = self.tokens.skip_space(at + 1);
        let open = self
            .previous(at)
            .is_none_or(|number| self.previous_word(number).is_none());
        let amount = (comma + 1..comma + 8).find(|i| self.tokens.number(*i).is_some());
        let weighs = matches!(self.tokens.text(comma), "," | "—" | "(")
            && amount.is_some_and(|number| is_weight(self.tokens.skip_space(number + 1)));
        weighed || open && weighs
    }

    /// `5 «А» класс`, `1 «А» и 2 «Б» классов`: over the letter, and the others of a list, to the noun.
    fn after_quoted_letter(&self, end: usize) -> Option<usize> {
        let mut at = self.tokens.skip_space(end);
        for _ in 0..LONGEST_LIST {
            let quoted = matches!(self.tokens.text(at), "«" | "\"")
                && self.tokens.text(at + 1).chars().count() == 1
                && matches!(self.tokens.text(at + 2), "»" | "\"");
            if !quoted {
                return None;
            }
            let after = self.tokens.skip_space(at + 3);
            let number = self.tokens.skip_space(after + 1);
            let listed = matches!(self.tokens.text(after), "," | "и" | "или")
                && self.tokens.number(number).is_some();
            if !listed {
                return Some(after);
            }
            at = self.tokens.skip_space(number + 1);
        }
        None
    }

    /// `ученик 2 класса`, `жители 3 подъезда`: true if the word before is a person, who belongs to what follows.
    pub(super) fn belongs_to_someone(&self, before: &str) -> bool {
        const ENDINGS: [&str; 12] = [
            "тель",
            "теля",
            "тели",
            "телей",
            "телям",
            "телю",
            "ники",
            "ников",
            "никам",
            "жильцы",
            "жильцам",
            "жильцов",
        ];
        let someone = senses(before).iter().any(|sense| sense.noun.animate);
        someone || ENDINGS.iter().any(|ending| before.ends_with(ending))
    }

    /// `с 1 по 5 класс`: the first of a span of numbered things.
    pub(super) fn span(&mut self, at: usize, before: &str) -> Option<usize> {
        let number = figures::integer(self.tokens.number(at)?)?;
        let by = self.tokens.skip_space(at + 1);
        let last = self.tokens.skip_space(by + 1);
        let spans = matches!(before, "с" | "со") && matches!(self.tokens.text(by), "по" | "до");
        let second = figures::integer(self.tokens.number(last).filter(|_| spans)?)?;
        let phrase = self.phrase(last + 1);
        let by = self.tokens.text(by);
        let forms = counting::order_forms(second, by, phrase.adjectives, phrase.senses);
        let (_, gender) = forms.first(&CASES)?;
        self.say_number(&ordinal(number, gender, Case::Genitive));
        Some(at + 1)
    }

    /// `к 3 и 4 платформам`, `на 2–3 этажах`: several numbered things.
    pub(super) fn ordered_list(&mut self, amount: &Amount) -> Option<usize> {
        let start = amount.first.end - 1;
        let end = self.after_list(amount.first.end);
        if end == amount.first.end || self.tokens.number(start).is_none() {
            return None;
        }
        let phrase = self.phrase(end);
        let noun = phrase.senses.first()?.noun;
        let range = amount.second.is_some();
        let forms = match (range, noun.name()) {
            // `зарплата 5 и 20 числа`
            (false, "число") => Forms::of(Gender::Neuter, &[Case::Genitive]),
            _ => self.forms_in_list(amount.before, end, &phrase),
        };
        // `для 1–4-х классов`
        if self.tokens.text(end - 1) == "х" && self.tokens.text(end - 2) == "-" {
            let forms = Forms::of(Gender::Plural, &[Case::Genitive, Case::Prepositional]);
            let forms = forms.and(phrase.forms());
            let cases = governing::place_cases(amount.before);
            let (case, gender) = forms.first(cases).or_else(|| forms.first(&CASES))?;
            return noun
                .is_ordered()
                .then(|| self.say_list(start, end, gender, case))?;
        }
        // `ученики 5–9 классов`
        let of_class = noun.name() == "класс" || self.belongs_to_someone(amount.before);
        let (case, gender) = match governing::place_cases(amount.before) {
            [] if noun.name() == "число" => forms.first(&CASES)?,
            // `жильцы 3 и 4 подъездов`
            [] if of_class => forms
                .first(&WITHOUT_COUNTS)
                .or_else(|| forms.first(&[Case::Genitive]))?,
            [] => forms.first(&WITHOUT_COUNTS)?,
            cases => forms.first(cases)?,
        };
        // `через 2–3 остановки` counts them, `1–2 этажи` does not.
        let few = amount.last().whole().is_some_and(|last| last < 5);
        let genitive = phrase
            .senses
            .iter()
            .any(|sense| sense.case == Case::Genitive);
        let counts = matches!(case, Case::Nominative | Case::Accusative | Case::Genitive)
            && (genitive || !few);
        // `в 11 и 12 вагоны`: a form that no number counts.
        let mut senses = phrase.senses.iter();
        let counted = range || senses.any(|sense| !sense.plural && sense.case == Case::Genitive);
        if range && counts && !of_class
            || case == Case::Accusative && counted && !noun.is(Kind::Ordered)
        {
            return None;
        }
        self.say_list(start, end, gender, case)
    }

    /// The forms of each thing in a list that ends at `end`: by the plural of `phrase`, or by a singular that the last number
    /// cannot count.
    fn forms_in_list(&self, before: &str, end: usize, phrase: &Phrase) -> Forms {
        let ordered = |plural: bool| {
            let senses = phrase.senses.iter();
            let senses = senses.filter(|sense| sense.plural == plural && sense.noun.is_ordered());
            forms_of_one(senses)
        };
        let cases = governing::place_cases(before);
        let plural = ordered(true);
        if !plural.is_empty() && (cases.is_empty() || plural.first(cases).is_some()) {
            return plural;
        }
        let last = self.tokens.number(end - 1).and_then(figures::integer);
        let one =
            counting::order_forms(last.unwrap_or(0), before, phrase.adjectives, phrase.senses);
        match one.is_empty() {
            true => plural,
            false => ordered(false),
        }
    }

    /// The numbers between `start` and `end` as ordinals, with what stands between them.
    fn say_list(&mut self, start: usize, end: usize, gender: Gender, case: Case) -> Option<usize> {
        for i in start..end {
            match (self.tokens.number(i), self.tokens.text(i)) {
                (Some(digits), _) => {
                    let said = ordinal(figures::integer(digits)?, gender, case);
                    self.say_number(&said);
                }
                // The letters of an ending: `1–4-х классов`
                (None, "-") if self.tokens.is_word(i + 1) => {}
                (None, _) if self.tokens.is_word(i) && self.tokens.text(i - 1) == "-" => {}
                (None, "-" | "—") => self.out.say(" - "),
                (None, " ") => {}
                (None, ",") => self.out.say(", "),
                (None, joint) => self.out.say(joint),
            }
        }
        Some(end)
    }

    /// The index after the other numbers of a list, where their noun is: `1-й и 2-й платформам`.
    pub(super) fn after_list(&self, end: usize) -> usize {
        let mut at = end;
        for _ in 0..LONGEST_LIST {
            let joint = self.tokens.skip_space(at);
            let next = self.tokens.skip_space(joint + 1);
            let listed = matches!(self.tokens.text(joint), "," | "и" | "или" | "-" | "—")
                && self.tokens.number(next).is_some();
            if !listed {
                break;
            }
            at = next + 1;
            if self.tokens.text(at) == "-" && self.tokens.is_word(at + 1) {
                at += 2;
            }
        }
        at
    }
}

/// `ожог 3 степени`, `инвалид 2 группы`: a thing of a degree, a class or a season.
fn is_graded(before: &str, phrase: &Phrase) -> bool {
    const GRADED: [&str; 6] = ["ожог", "диплом", "орден", "инвалид", "медал", "допуск"];
    let grade = phrase.senses.first().is_some_and(|sense| {
        matches!(
            sense.noun.name(),
            "степень" | "группа" | "категория" | "сорт" | "класс" | "разряд" | "сезон"
        )
    });
    let thing = senses(before).iter().any(|sense| !sense.plural)
        || GRADED.iter().any(|stem| before.starts_with(stem));
    grade && thing
}

/// `2 раз`, `во 2 раз`: the second time; *два раза* has another form.
fn is_time_of_many(number: u64, before: &str, noun: &str) -> bool {
    let few = (2..=4).contains(&(number % 10)) && number % 100 / 10 != 1;
    few && noun == "раз" && matches!(before, "" | "в" | "во" | "на" | "за")
}

/// The place of `noun` in the order of numbered things that hold one another: a seat, a row, a storey, an entrance, a house.
fn size_of_place(noun: &str) -> Option<u8> {
    Some(match noun {
        "место" | "кресло" | "полка" | "ячейка" | "окно" | "касса" | "стойка" => {
            1
        }
        "ряд" | "купе" | "кабинет" | "комната" | "палата" | "аудитория" | "офис" | "квартира"
        | "помещение" | "зал" | "путь" | "класс" | "группа" => 2,
        "этаж" | "ярус" | "сектор" | "вагон" | "отделение" | "платформа" | "перрон" | "выход"
        | "вход" | "курс" => 3,
        "подъезд" | "секция" | "крыло" | "блок" | "состав" => 4,
        "корпус"
        | "терминал"
        | "здание"
        | "дом"
        | "башня"
        | "поезд"
        | "школа"
        | "гимназия"
        | "лицей"
        | "поликлиника"
        | "больница"
        | "вокзал"
        | "станция" => 5,
        _ => return None,
    })
}

/// The genitive of the whole of which a part is named before: *первый путь второй платформы*.
fn forms_of_whole(phrase: &Phrase) -> Forms {
    let mut senses = phrase.senses.iter();
    let one = senses.find(|sense| !sense.plural && sense.case == Case::Genitive);
    one.map_or(Forms::NONE, |sense| {
        Forms::of(sense.noun.gender, &[Case::Genitive])
    })
}

/// The genitive of one of several numbered things: *ученик второго класса*.
fn one_of_ordered(phrase: &Phrase) -> Forms {
    let mut senses = phrase.senses.iter();
    let one = senses
        .find(|sense| !sense.plural && sense.case == Case::Genitive && sense.noun.is_ordered());
    one.map_or(Forms::NONE, |sense| {
        Forms::of(sense.noun.gender, &[Case::Genitive])
    })
}
