//! Nouns beside numbers: their forms from `data/nouns.tsv`, and how a count changes them.

use std::{borrow::Cow, sync::LazyLock};

use super::{
    data::{self, ByWord},
    forms::{Forms, adjective_ending},
    numerals::{Case, Gender, cardinal, cardinal_of_living},
};

const TABLE: &str = include_str!("data/nouns.tsv");

/// Kinds of nouns, as the table names them, in the order of their bits.
const KINDS: [&str; 10] = [
    "порядок",
    "порядок-после-предлога",
    "имя",
    "раздел",
    "римское",
    "правитель",
    "измерение",
    "код",
    "месяц",
    "день",
];

/// A property of a noun besides its forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Numbers before it say which one: *первый путь*.
    Ordered,
    /// So after a preposition: *к первому окну*.
    OrderedAfterPreposition,
    /// A number after it is its name: *рейс двадцать один*.
    Named,
    /// Several Roman numerals after it say which ones.
    Section,
    /// A Roman numeral before it says which one.
    Roman,
    /// A name that Roman numerals follow.
    Ruler,
    /// Numbers beside it are measures.
    Measure,
    /// A long number after it is said digit by digit.
    Code,
    Month,
    Weekday,
}

/// A noun in all its forms.
#[derive(Debug)]
pub(super) struct Entry {
    pub gender: Gender,
    pub animate: bool,
    singular: [&'static str; 6],
    locative: Option<&'static str>,
    plural: Option<[&'static str; 6]>,
    kinds: u16,
}

impl Entry {
    /// True if it is of that kind.
    pub fn is(&self, kind: Kind) -> bool {
        self.kinds & 1 << kind as u16 != 0
    }

    /// True if numbers ever say which one of it.
    pub fn is_ordered(&self) -> bool {
        self.is(Kind::Ordered) || self.is(Kind::OrderedAfterPreposition)
    }

    /// The noun in one form.
    pub fn form(&self, plural: bool, case: Case) -> &'static str {
        match self.plural {
            Some(forms) if plural => forms[case as usize],
            _ => self.singular[case as usize],
        }
    }

    /// Its name: the nominative.
    pub fn name(&self) -> &'static str {
        self.singular[0]
    }

    fn forms(&self) -> impl Iterator<Item = (&'static str, bool, Case)> {
        let cases = [
            Case::Nominative,
            Case::Genitive,
            Case::Dative,
            Case::Accusative,
            Case::Instrumental,
            Case::Prepositional,
        ];
        let plural = self.plural.into_iter().flatten();
        let singular = self.singular.into_iter().zip(cases);
        singular
            .chain(self.locative.map(|form| (form, Case::Prepositional)))
            .map(|(form, case)| (form, false, case))
            .chain(plural.zip(cases).map(|(form, case)| (form, true, case)))
    }
}

/// One way to understand a word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sense {
    pub noun: &'static Entry,
    pub plural: bool,
    pub case: Case,
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| data::entries(TABLE, parse));

static FORMS: LazyLock<ByWord<String, Vec<Sense>>> = LazyLock::new(|| {
    let mut forms: ByWord<String, Vec<Sense>> = ByWord::default();
    for noun in ENTRIES.iter() {
        for (form, plural, case) in noun.forms() {
            let sense = Sense { noun, plural, case };
            forms.entry(key(form).into_owned()).or_default().push(sense);
        }
    }
    forms
});

/// The ways to understand a word; none if it is no form of a known noun.
pub(super) fn senses(word: &str) -> &'static [Sense] {
    FORMS.get(key(word).as_ref()).map_or(&[], Vec::as_slice)
}

/// True if `word` is a form of a noun of the table, names of rulers left out.
pub(in super::super) fn is_noun(word: &str) -> bool {
    senses(word).iter().any(|sense| !sense.noun.is(Kind::Ruler))
}

/// The forms that one thing may be in where several are named together, or it alone: its noun's gender in the case of each
/// of `senses`.
pub(super) fn forms_of_one<'s>(senses: impl IntoIterator<Item = &'s Sense>) -> Forms {
    senses.into_iter().fold(Forms::NONE, |forms, sense| {
        forms.or(Forms::of(sense.noun.gender, &[sense.case]))
    })
}

/// The noun that is called so.
pub(super) fn entry(name: &str) -> Option<&'static Entry> {
    let senses = senses(name).iter();
    senses
        .map(|sense| sense.noun)
        .find(|noun| key(noun.name()) == key(name))
}

/// `word` in small letters, without stress marks, with `е` for `ё`.
fn key(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_lowercase() && c != 'ё' || c == '-';
    if word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    let small = word.to_lowercase().replace('ё', "е").replace('\u{301}', "");
    Cow::Owned(small)
}

fn parse([gender, singular, plural, kinds]: [&'static str; 4]) -> Result<Entry, String> {
    let animate = matches!(gender, "мо" | "жо");
    let gender = match gender {
        "м" | "мо" => Gender::Masculine,
        "ж" | "жо" => Gender::Feminine,
        "с" => Gender::Neuter,
        "мн" => Gender::Plural,
        _ => return Err(format!("gender {gender} is none of м, ж, с, мн, мо, жо")),
    };
    let mut forms: Vec<&str> = singular.split(' ').collect();
    let locative = (forms.len() == 7).then(|| forms.pop()).flatten();
    let singular = forms
        .try_into()
        .map_err(|_| "the singular needs six forms, or seven with a place's own".to_owned())?;
    let plural = match plural {
        "-" => None,
        forms => Some(
            forms
                .split(' ')
                .collect::<Vec<_>>()
                .try_into()
                .map_err(|_| "the plural needs six forms, or - for none".to_owned())?,
        ),
    };
    let mut bits = 0;
    for kind in kinds.split(' ').filter(|kind| *kind != "-") {
        let at = KINDS.iter().position(|known| *known == kind);
        bits |= 1 << at.ok_or_else(|| format!("kind {kind} is not known"))?;
    }
    let entry = Entry {
        gender,
        animate,
        singular,
        locative,
        plural,
        kinds: bits,
    };
    Ok(entry)
}

/// A noun that counts.
#[derive(Debug, Clone)]
pub(super) struct Noun {
    entry: &'static Entry,
    /// Stem of an adjective in front: *квадратн(ый)*.
    adjective: &'static str,
    /// Follows in every form: *в час*.
    tail: String,
}

impl Noun {
    /// The noun of the table that is called so, with the words after it as its tail.
    pub fn named(name: &str) -> Option<Self> {
        let (name, tail) = name.split_once(' ').unwrap_or((name, ""));
        let entry = entry(name)?;
        Some(Self {
            entry,
            adjective: "",
            tail: tail.to_owned(),
        })
    }

    /// The name of the noun alone.
    pub fn name(&self) -> &'static str {
        self.entry.name()
    }

    /// True if it is of that kind.
    pub fn is(&self, kind: Kind) -> bool {
        self.entry.is(kind)
    }

    /// Its gender.
    pub fn gender(&self) -> Gender {
        self.entry.gender
    }

    /// The noun with `tail` after it.
    pub fn with_tail(self, tail: &str) -> Self {
        let tail = match self.tail.as_str() {
            "" => tail.to_owned(),
            first => format!("{first} {tail}"),
        };
        Self { tail, ..self }
    }

    /// The noun after an adjective with this stem: *квадратн*, *кубическ*.
    pub fn with_adjective(self, adjective: &'static str) -> Self {
        Self { adjective, ..self }
    }

    /// `count` in words before it, where the whole stands in `case`: *одну*, *две*, *двое (суток)*.
    pub fn count_words(&self, count: u64, case: Case) -> String {
        let direct = matches!(case, Case::Nominative | Case::Accusative);
        match (self.entry.gender, count) {
            (Gender::Plural, 2..=4) if direct => {
                ["двое", "трое", "четверо"][count as usize - 2].into()
            }
            // `за 1 чел.`
            (Gender::Masculine, _)
                if self.entry.animate
                    && case == Case::Accusative
                    && count % 10 == 1
                    && count % 100 != 11 =>
            {
                cardinal_of_living(count)
            }
            (gender, _) => cardinal(count, gender, case),
        }
    }

    /// Its form after `count`, where the whole stands in `case`: *одну минуту, две минуты, пяти минут*.
    pub fn counted(&self, count: u64, case: Case) -> String {
        let direct = matches!(case, Case::Nominative | Case::Accusative);
        match (count % 10, count % 100 / 10) {
            (1, tens) if tens != 1 => self.form(false, case, false),
            (2..=4, tens) if tens != 1 && direct => self.few(),
            // *тысяча* is a noun itself: *к тысяче рублей*.
            _ if direct || count > 0 && count.is_multiple_of(1000) => {
                self.form(true, Case::Genitive, true)
            }
            _ => self.form(true, case, true),
        }
    }

    /// *две чайные ложки*, but *два квадратных метра*.
    fn few(&self) -> String {
        let form = self.form(false, Case::Genitive, true);
        match self.entry.gender {
            Gender::Feminine => form.replacen("ых ", "ые ", 1).replacen("их ", "ие ", 1),
            _ => form,
        }
    }

    /// Its form after a decimal fraction: *две целых пять десятых процента*.
    pub fn after_fraction(&self) -> String {
        self.form(false, Case::Genitive, false)
    }

    /// Its form after another counting noun: *пять миллионов рублей*.
    pub fn genitive_plural(&self) -> String {
        self.form(true, Case::Genitive, true)
    }

    /// One of it, after *в*, *на* or *за*: *в минуту*, *за килограмм*.
    pub fn one(&self) -> String {
        self.form(false, Case::Accusative, false)
    }

    /// One of it in `case`: *до сорок первого километра*.
    pub fn singular(&self, case: Case) -> String {
        self.form(false, case, false)
    }

    fn form(&self, plural: bool, case: Case, plural_adjective: bool) -> String {
        let mut form = String::new();
        if !self.adjective.is_empty() {
            let gender = match (plural_adjective, case) {
                (false, _) => self.entry.gender,
                (true, _) => Gender::Plural,
            };
            form.push_str(self.adjective);
            form.push_str(adjective_ending(self.adjective, gender, case));
            form.push(' ');
        }
        form.push_str(self.entry.form(plural, case));
        if !self.tail.is_empty() {
            form.push(' ');
            form.push_str(&self.tail);
        }
        form
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mistakes that a native speaker would see at once in the forms of a noun.
    fn check(columns: [&'static str; 4]) -> Result<(), String> {
        let entry = parse(columns)?;
        let ruler = entry.is(Kind::Ruler);
        for (form, ..) in entry.forms() {
            let letters = form
                .chars()
                .all(|c| matches!(c, 'а'..='я' | 'ё' | '-') || ruler && c.is_uppercase());
            if !letters || form.is_empty() {
                return Err(format!("\"{form}\" is not in small Cyrillic letters"));
            }
        }
        let accusative = match (entry.gender, entry.animate) {
            (Gender::Masculine, true) if !entry.singular[0].ends_with(['а', 'я']) => Some(1),
            (Gender::Masculine | Gender::Neuter, false) => Some(0),
            _ => None,
        };
        if accusative.is_some_and(|at| entry.singular[3] != entry.singular[at]) {
            return Err(format!("винительный \"{}\"", entry.singular[3]));
        }
        let Some(plural) = entry.plural else {
            return Ok(());
        };
        if plural[0] == entry.singular[0] && entry.gender != Gender::Plural {
            return Ok(());
        }
        let endings: [(usize, &[&str]); 3] = [
            (2, &["ам", "ям", "ым", "им"]),
            (4, &["ами", "ями", "ыми", "ими", "ьми"]),
            (5, &["ах", "ях", "ых", "их"]),
        ];
        for (at, endings) in endings {
            if !endings.iter().any(|ending| plural[at].ends_with(ending)) {
                return Err(format!("plural form {} is \"{}\"", at + 1, plural[at]));
            }
        }
        match plural[3] == plural[usize::from(entry.animate)] {
            true => Ok(()),
            false => Err(format!("plural винительный \"{}\"", plural[3])),
        }
    }

    #[test]
    fn every_line_of_the_table_is_a_noun() {
        let complaints = data::complaints("data/nouns.tsv", TABLE, check, |[_, forms, ..]| {
            forms.split(' ').next().unwrap_or("").to_owned()
        });
        assert!(complaints.is_empty(), "{complaints}");
    }

    #[test]
    fn nouns_agree_with_their_count() {
        let rouble = Noun::named("рубль").unwrap();
        let square = Noun::named("метр").unwrap().with_adjective("квадратн");
        let speed = Noun::named("километр").unwrap().with_tail("в час");
        for (noun, count, case, expected) in [
            (&rouble, 21, Case::Nominative, "рубль"),
            (&rouble, 3, Case::Nominative, "рубля"),
            (&rouble, 12, Case::Nominative, "рублей"),
            (&rouble, 5, Case::Dative, "рублям"),
            (&rouble, 1, Case::Instrumental, "рублём"),
            (
                &Noun::named("копейка").unwrap(),
                5,
                Case::Nominative,
                "копеек",
            ),
            (&square, 1, Case::Nominative, "квадратный метр"),
            (&square, 2, Case::Nominative, "квадратных метра"),
            (&square, 5, Case::Genitive, "квадратных метров"),
            (&speed, 60, Case::Nominative, "километров в час"),
        ] {
            assert_eq!(noun.counted(count, case), expected);
        }
        assert_eq!(square.after_fraction(), "квадратного метра");
        let day = Noun::named("сутки").unwrap();
        assert_eq!(day.count_words(2, Case::Nominative), "двое");
        assert_eq!(day.counted(2, Case::Nominative), "суток");
    }

    #[test]
    fn words_are_found_in_any_form() {
        let cases = |word: &str| -> Vec<(bool, Case)> {
            let senses = senses(word).iter();
            senses.map(|sense| (sense.plural, sense.case)).collect()
        };
        assert_eq!(cases("Этажом"), [(false, Case::Instrumental)]);
        assert_eq!(
            cases("ряду"),
            [(false, Case::Dative), (false, Case::Prepositional)]
        );
        assert_eq!(cases("счетах"), cases("счета\u{301}х"));
        assert!(senses("неслово").is_empty());
    }
}
