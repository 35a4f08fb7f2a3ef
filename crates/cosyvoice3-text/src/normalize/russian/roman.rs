//! Roman numerals: `XX век`, `К XV и XVI векам`, `IV кв.`, `Пётр I`, `В главах IV и V`.

use super::{
    super::{
        figures::{self, Figure},
        lex::is_cyrillic,
        reader::Reader,
    },
    Russian,
    context::{self, ordinal_agreement},
    forms::{CASES, Forms},
    governing::{self, governed},
    nouns::{self, Kind, forms_of_one, senses},
    numerals::{Case, Gender, cardinal, ordinal},
    quantities::Amount,
    surroundings::LONGEST_LIST,
    units,
};

/// A numeral in a list, and the word or sign before it.
struct Numeral {
    value: u64,
    joint: String,
}

/// Numerals that belong together, and the index after them.
struct Numerals {
    all: Vec<Numeral>,
    start: usize,
    end: usize,
}

impl Numerals {
    /// The word or sign before the last of them.
    fn last_joint(&self) -> &str {
        self.all.last().map_or("", |numeral| numeral.joint.as_str())
    }

    /// True if parts of centuries stand between: `XVIII — начала XIX века`.
    fn has_parts(&self) -> bool {
        self.all.iter().any(|numeral| has_part(&numeral.joint))
    }

    /// True if one word refers to all of them: they are joined by *и*, commas and dashes only.
    fn is_one_list(&self) -> bool {
        let joints = self.all.iter().skip(1);
        joints.map(|numeral| numeral.joint.as_str()).all(inherits)
    }
}

/// True if what follows `joint` stands in the case of what precedes it.
fn inherits(joint: &str) -> bool {
    matches!(joint, "," | "и" | "или" | "-" | "—") || has_part(joint)
}

/// True if a part of a century stands in `joint`, whose last word it is.
fn has_part(joint: &str) -> bool {
    joint.contains(' ')
}

/// `XVIII — начала XIX века`, `в конце XIX — начале XX века`.
fn is_part_of_century(word: &str) -> bool {
    ["начал", "кон", "середин", "половин", "четверт", "трет"]
        .iter()
        .any(|stem| {
            let ending = word.strip_prefix(stem);
            ending.is_some_and(|ending| {
                matches!(
                    ending,
                    "о" | "а"
                        | "у"
                        | "е"
                        | "ом"
                        | "ец"
                        | "ца"
                        | "цу"
                        | "це"
                        | "цом"
                        | "ы"
                        | "ой"
                        | "ь"
                        | "и"
                        | "ью"
                )
            })
        })
}

impl Reader<'_, Russian> {
    /// Reads what starts with a Roman numeral at `at`; the index after it.
    pub(super) fn roman(&mut self, at: usize) -> Option<usize> {
        let value = roman(self.tokens.text(at))?;
        let before = self.governor(at);
        if let Some(end) = self.ending(at + 1, value, &before, at) {
            return Some(end);
        }
        let numerals = self.numerals(at)?;
        let next = self.tokens.skip_space(numerals.end);
        self.abbreviated_century(at, &numerals, next, &before)
            .or_else(|| self.of_known_ruler(at, value, next))
            .or_else(|| self.ordered_by_noun(&numerals, next, &before))
            .or_else(|| self.of_ruler(at, value))
            .or_else(|| self.of_elided_noun(at, value, next))
            .or_else(|| self.plain_roman(at, value))
    }

    /// The numerals of a list that starts at `at`.
    fn numerals(&self, at: usize) -> Option<Numerals> {
        let mut all = Vec::new();
        let mut next = at;
        let mut end = at;
        let mut joint = String::new();
        while let Some(value) = roman(self.tokens.text(next)).filter(|_| all.len() < LONGEST_LIST) {
            all.push(Numeral {
                value,
                joint: std::mem::take(&mut joint),
            });
            end = next + 1;
            let after = self.tokens.skip_space(end);
            let text = self.tokens.text(after);
            if !inherits(text) && !matches!(text, "по" | "до" | "на" | "к") {
                break;
            }
            joint = text.to_owned();
            next = self.tokens.skip_space(after + 1);
            if let Some((part, after)) = self.part_of_century(next, at) {
                joint = match text {
                    "-" | "—" => format!(" — {part}"),
                    text => format!("{text} {part}"),
                };
                next = after;
            }
        }
        (!all.is_empty()).then_some(Numerals {
            all,
            start: at,
            end,
        })
    }

    /// `начале`, `второй половине`, `нач.`: a part of a century at `at`, and the index of what follows it. Written short it
    /// has the case of the centuries that start at `first`.
    fn part_of_century(&self, at: usize, first: usize) -> Option<(String, usize)> {
        let word = self.tokens.text(at);
        let next = self.tokens.skip_space(at + 1);
        if let Some(part) = short_part(word).filter(|_| self.tokens.text(at + 1) == ".") {
            let case = match self.part_before(first) {
                Some(case) => case,
                None => self.century_case(first, &self.governor(first)),
            };
            let part = nouns::entry(part)?.form(false, case);
            return Some((part.to_owned(), self.tokens.skip_space(at + 2)));
        }
        if is_part_of_century(word) {
            return Some((word.to_owned(), next));
        }
        let part = self.tokens.text(next);
        let which = ["перв", "втор", "трет", "последн"]
            .iter()
            .any(|stem| word.starts_with(stem));
        (which && is_part_of_century(part))
            .then(|| (format!("{word} {part}"), self.tokens.skip_space(next + 1)))
    }

    /// `в конце XIX`, `кон. XIX`: the case of the part of a century that stands before `at`.
    fn part_before(&self, at: usize) -> Option<Case> {
        let before = self.previous(at)?;
        if self.tokens.text(before) == "." {
            let word = self.previous_word(before)?;
            short_part(&self.tokens.text(word).to_lowercase())?;
            return Some(self.part_case(word));
        }
        let word = self.tokens.text(before).to_lowercase();
        let sense = nouns::senses(&word).iter();
        let mut senses = sense.filter(|sense| {
            !sense.plural && matches!(sense.noun.name(), "начало" | "середина" | "конец")
        });
        senses.next().map(|sense| sense.case)
    }

    /// `в кон. XIX в.`, `мебель нач. XX в.`: the case of a part of a century that is written short at `at`.
    pub(super) fn part_case(&self, at: usize) -> Case {
        match self.place_case(at) {
            Case::Nominative if self.follows_noun(at) => Case::Genitive,
            case => case,
        }
    }

    /// `XIX-XX вв.`, `В IV кв.`.
    fn abbreviated_century(
        &mut self,
        at: usize,
        numerals: &Numerals,
        next: usize,
        before: &str,
    ) -> Option<usize> {
        let short = self.tokens.text(next);
        let name = match short {
            "в" | "вв" => "век",
            "кв" => "квартал",
            "ст" | "стол" => "столетие",
            // `во II тыс. до н. э.`
            "тыс" => "тысячелетие",
            "четв" => "четверть",
            "пол" => "половина",
            _ => return None,
        };
        if self.tokens.text(next + 1) != "." {
            return None;
        }
        let noun = nouns::entry(name)?;
        let last = numerals.last_joint();
        let first_case = self.century_case(at, before);
        let last_case = if has_part(last) {
            Case::Genitive
        } else if inherits(last) || last.is_empty() {
            first_case
        } else {
            governed(last).unwrap_or(first_case)
        };
        self.say_numerals(numerals, noun.gender, first_case, last_case);
        let plural = matches!(short, "вв" | "кв" | "тыс")
            && numerals.is_one_list()
            && numerals.all.len() > 1;
        self.out.say(" ");
        self.out.say(noun.form(plural, last_case));
        // `II пол. XX в.`
        let goes_on = roman(self.tokens.text(self.tokens.skip_space(next + 2))).is_some();
        Some(next + 1 + usize::from(goes_on || !self.ends_here(at, next + 1)))
    }

    /// `в 19 в.`, `18–19 вв.`, `за 1–3 кв.`: centuries and quarters in Arabic figures.
    pub(super) fn arabic_century(&mut self, amount: &Amount, next: usize) -> Option<usize> {
        let value = |figure: &Figure| figure.whole().filter(|value| (1..=30).contains(value));
        let mut all = vec![Numeral {
            value: value(&amount.first)?,
            joint: String::new(),
        }];
        if let Some(second) = &amount.second {
            all.push(Numeral {
                value: value(second)?,
                joint: "-".into(),
            });
        }
        let numerals = Numerals {
            all,
            start: amount.at,
            end: amount.last().end,
        };
        let quarter = self.tokens.text(next) == "кв"
            && numerals.all.iter().all(|numeral| numeral.value <= 4)
            && !amount.before.is_empty()
            && units::unit(self.tokens.text(self.tokens.skip_space(next + 2))).is_none();
        let short = matches!(self.tokens.text(next), "в" | "вв") || quarter;
        let century = short && next > numerals.end;
        century.then(|| self.abbreviated_century(amount.at, &numerals, next, amount.before))?
    }

    /// The case of a century that does not show it: that of the preposition, after a noun the genitive.
    fn century_case(&self, at: usize, before: &str) -> Case {
        match governing::place_cases(before).first() {
            Some(Case::Accusative) | None => {}
            Some(case) => return *case,
        }
        if governed(before) == Some(Case::Accusative) {
            return Case::Accusative;
        }
        if self.follows_noun(at) || self.follows_part(at) {
            Case::Genitive
        } else {
            Case::Nominative
        }
    }

    /// `II пол. XX в.`, `нач. XX в.`: a part of a century, written short, stands before `at`.
    fn follows_part(&self, at: usize) -> bool {
        let stop = self
            .previous(at)
            .filter(|stop| self.tokens.text(*stop) == ".");
        stop.is_some_and(|stop| {
            let part = self.tokens.word_before(stop);
            matches!(part.as_str(), "пол" | "нач" | "кон" | "сер" | "четв" | "гг")
        })
    }

    /// True if the word before `at` may be a noun.
    pub(super) fn follows_noun(&self, at: usize) -> bool {
        self.previous_word(at)
            .is_some_and(|word| context::is_noun_like(&self.tokens.text(word).to_lowercase()))
    }

    /// `В V и IV веках`, `от XVI до XVIII века`, `IV квартал`.
    fn ordered_by_noun(&mut self, numerals: &Numerals, next: usize, before: &str) -> Option<usize> {
        let joint = numerals.last_joint();
        let own = if has_part(joint) {
            ""
        } else if inherits(joint) || joint.is_empty() {
            before
        } else {
            joint
        };
        let (case, gender) = self
            .form_by_noun(numerals, next, own)
            .or_else(|| self.form_by_ending(numerals, next, own))?;
        let first_case = match numerals.is_one_list() {
            // `в XVIII — начале XIX века`
            true if numerals.has_parts() => {
                let place = governing::place_cases(before).first();
                place.copied().unwrap_or(case)
            }
            true => case,
            false => governed(before).unwrap_or(case),
        };
        self.say_numerals(numerals, gender, first_case, case);
        Some(numerals.end)
    }

    /// The form of each numeral before a known noun, after the word `own`.
    fn form_by_noun(&self, numerals: &Numerals, next: usize, own: &str) -> Option<(Case, Gender)> {
        let phrase = self.phrase(next);
        let noun = phrase.senses.first()?.noun;
        // A single letter may be something else.
        let single = numerals.end == numerals.start + 1;
        let letter = single && self.tokens.text(numerals.start).chars().count() == 1;
        let kinds = [Kind::Roman, Kind::Ordered, Kind::Named];
        let senses = phrase.senses.iter();
        let mut kinds = senses.flat_map(|sense| kinds.map(|kind| sense.noun.is(kind)));
        if letter && !kinds.any(|is| is) {
            return None;
        }
        let one = phrase.forms().and(Forms::of(noun.gender, &CASES));
        let forms = match numerals.all.len() {
            1 => one.or_else(phrase.forms()),
            _ => phrase.forms_of_each(),
        };
        // `инвалидам II группы`: after a noun it is in the genitive.
        let of_what = self.follows_noun(numerals.start) || numerals.has_parts();
        let cases: &[Case] = match governing::place_cases(own) {
            [] if of_what => &[Case::Genitive, Case::Nominative],
            cases => cases,
        };
        forms.first(cases).or_else(|| forms.first(&CASES))
    }

    /// The same before an unknown word of those that Roman numerals order.
    fn form_by_ending(
        &self,
        numerals: &Numerals,
        next: usize,
        own: &str,
    ) -> Option<(Case, Gender)> {
        let noun = self.tokens.text(next).to_lowercase();
        if !is_ordered(&noun) {
            return None;
        }
        Some(match ordinal_agreement(own, &noun) {
            (case, Gender::Plural) if numerals.all.len() > 1 => (case, Gender::Masculine),
            form => form,
        })
    }

    /// The numerals as ordinals with what joins them; the last in a case of its own.
    fn say_numerals(&mut self, numerals: &Numerals, gender: Gender, first: Case, last: Case) {
        let count = numerals.all.len();
        let mut case = first;
        for (i, numeral) in numerals.all.iter().enumerate() {
            match numeral.joint.as_str() {
                "" => {}
                "-" | "—" => self.out.say(" - "),
                "," => self.out.say(", "),
                word => {
                    self.out.say(word);
                    if has_part(word) {
                        case = Case::Genitive;
                    } else if !inherits(word) {
                        case = if i + 1 == count {
                            last
                        } else {
                            governed(word).unwrap_or(case)
                        };
                    }
                }
            }
            self.say_number(&ordinal(numeral.value, gender, case));
        }
    }

    /// `Людовик XIV правил`: the word after a ruler's numeral is none that it orders, unless it is one like *век*.
    fn of_known_ruler(&mut self, at: usize, value: u64, next: usize) -> Option<usize> {
        let name = self.tokens.text(self.previous_word(at)?);
        let is = |word: &str, kind| senses(word).iter().any(|sense| sense.noun.is(kind));
        let ruler = name.starts_with(char::is_uppercase) && is(name, Kind::Ruler);
        if !ruler || is(self.tokens.text(next), Kind::Roman) {
            return None;
        }
        self.of_ruler(at, value)
    }

    /// `при Дарии I`, `король Генрих VIII`.
    fn of_ruler(&mut self, at: usize, value: u64) -> Option<usize> {
        let word = self.previous_word(at)?;
        let name = self.tokens.text(word);
        if !name.starts_with(|c: char| c.is_uppercase() && is_cyrillic(c)) {
            return None;
        }
        let before = self.tokens.word_before(word);
        let rulers = senses(name)
            .iter()
            .filter(|sense| sense.noun.is(Kind::Ruler));
        let forms = forms_of_one(rulers);
        let forms = forms.or_else(match is_title(&before) {
            true => super::forms::guess(&name.to_lowercase()),
            false => Forms::NONE,
        });
        // After a noun it is whose thing that is: *царя Дария первого*.
        let cases: &[Case] = match governing::cases(&before) {
            [] => &CASES,
            cases => cases,
        };
        let (case, gender) = forms.first(cases).or_else(|| forms.first(&CASES))?;
        let case = match case {
            // Names of living men: the accusative is the genitive.
            Case::Accusative if gender == Gender::Masculine => Case::Genitive,
            case => case,
        };
        self.out.say(&ordinal(value, gender, case));
        Some(at + 1)
    }

    /// `I четверть заканчивается в октябре, II начинается в ноябре`: one of the things that a numeral before orders.
    fn of_elided_noun(&mut self, at: usize, value: u64, next: usize) -> Option<usize> {
        const FARTHEST: usize = 24;
        let word = self.tokens.text(next);
        let goes_on = word == "—" || context::is_verb(word) && word.starts_with(char::is_lowercase);
        let part = self
            .previous(at)
            .is_some_and(|mark| matches!(self.tokens.text(mark), "," | ";" | "а" | "и"));
        if !goes_on || !part {
            return None;
        }
        let first = (at.saturating_sub(FARTHEST)..at)
            .rev()
            .find(|i| roman(self.tokens.text(*i)).is_some())?;
        let noun = self
            .phrase(self.tokens.skip_space(first + 1))
            .senses
            .first()?
            .noun;
        let ordered = [Kind::Roman, Kind::Ordered]
            .iter()
            .any(|kind| noun.is(*kind));
        if !ordered {
            return None;
        }
        self.say_number(&ordinal(value, noun.gender, Case::Nominative));
        Some(at + 1)
    }

    /// A numeral that nothing orders: *глава четыре*; a single letter may be one.
    fn plain_roman(&mut self, at: usize, value: u64) -> Option<usize> {
        let abbreviated = self
            .noun_before(at)
            .is_some_and(|sense| sense.noun.is(Kind::Named));
        let signed = self
            .previous(at)
            .is_some_and(|sign| self.tokens.text(sign) == "№");
        let section = abbreviated
            || signed
            || self.previous_word(at).is_some_and(|word| {
                let word = self.tokens.text(word);
                is_section(&word.to_lowercase())
                    || senses(word).iter().any(|sense| sense.noun.is(Kind::Named))
            });
        let listed = self
            .numerals(at)
            .is_some_and(|numerals| numerals.all.len() > 1);
        if !section
            && !listed
            && !self.ends_listed_romans(at)
            && self.tokens.text(at).chars().count() == 1
        {
            return None;
        }
        self.out
            .say(&cardinal(value, Gender::Masculine, Case::Nominative));
        // `Залы I–V`
        let dash = matches!(self.tokens.text(at + 1), "-" | "—");
        if dash && roman(self.tokens.text(at + 2)).is_some() {
            self.out.say(" - ");
            return Some(at + 2);
        }
        Some(at + 1)
    }

    /// `I–V`, `I, II и V`: another numeral and a sign or word that lists stand before the one at `at`.
    fn ends_listed_romans(&self, at: usize) -> bool {
        let joint = self
            .previous(at)
            .filter(|joint| matches!(self.tokens.text(*joint), "-" | "—" | "," | "и" | "или"));
        let first = joint.and_then(|joint| self.previous(joint));
        first.is_some_and(|first| roman(self.tokens.text(first)).is_some())
    }

    /// `В главах IV и V`: *в четвёртой и пятой главах*; the noun stands at `at`.
    pub(super) fn sections(&mut self, at: usize) -> Option<usize> {
        let word = self.tokens.text(at);
        let first = self.tokens.skip_space(at + 1);
        roman(self.tokens.text(first))?;
        let numerals = self.numerals(first)?;
        let senses = senses(word).iter();
        let senses: Vec<_> = senses
            .filter(|sense| sense.plural && sense.noun.is(Kind::Section))
            .collect();
        senses.first()?;
        if numerals.all.len() < 2 || !numerals.is_one_list() {
            return None;
        }
        let forms = forms_of_one(senses.iter().copied());
        let before = self.governor(at);
        let (case, gender) = forms
            .first(governing::place_cases(&before))
            .or_else(|| forms.first(&CASES))?;
        let outer = std::mem::take(&mut self.out);
        self.say_numerals(&numerals, gender, case, case);
        let mut said = std::mem::replace(&mut self.out, outer).finish();
        if word.starts_with(char::is_uppercase) {
            said = capitalized(&said);
        }
        self.say_number(&format!("{said} {}", word.to_lowercase()));
        Some(numerals.end)
    }
}

/// The value of a Roman numeral, also one that is written with the Cyrillic letter that looks like X.
pub(super) fn roman(word: &str) -> Option<u64> {
    if word.starts_with('Х') && word.chars().all(|c| c == 'Х') && word.chars().count() > 1 {
        return figures::roman(&word.replace('Х', "X"));
    }
    figures::roman(word)
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// The part of a century or a decade that `short` stands for.
fn short_part(short: &str) -> Option<&'static str> {
    Some(match short {
        "нач" => "начало",
        "сер" => "середина",
        "кон" => "конец",
        _ => return None,
    })
}

/// Words that Roman numerals count in order and that are not in the table of nouns.
fn is_ordered(noun: &str) -> bool {
    const STEMS: [&str; 8] = [
        "международн",
        "всероссийск",
        "всемирн",
        "миров",
        "олимпийск",
        "государственн",
        "партийн",
        "общероссийск",
    ];
    STEMS.iter().any(|stem| noun.starts_with(stem))
}

/// Words that Roman numerals number: *глава четыре*.
fn is_section(word: &str) -> bool {
    const STEMS: [&str; 11] = [
        "глав",
        "част",
        "том",
        "раздел",
        "пункт",
        "статья",
        "статьи",
        "уровн",
        "уровень",
        "тип",
        "вариант",
    ];
    STEMS.iter().any(|stem| word.starts_with(stem))
}

/// Titles of rulers, whose names Roman numerals follow.
fn is_title(word: &str) -> bool {
    const STEMS: [&str; 14] = [
        "корол",
        "император",
        "императриц",
        "цар",
        "княз",
        "княгин",
        "герцог",
        "султан",
        "фараон",
        "папа",
        "папы",
        "папе",
        "папой",
        "патриарх",
    ];
    STEMS.iter().any(|stem| word.starts_with(stem))
}
