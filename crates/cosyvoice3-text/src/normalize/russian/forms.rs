//! Sets of grammatical forms: what endings, nouns and prepositions allow, cut down to one case and gender.

use super::numerals::{Case, Gender};

/// Cases in the order in which they are guessed if nothing decides.
pub(super) const CASES: [Case; 6] = [
    Case::Nominative,
    Case::Accusative,
    Case::Genitive,
    Case::Dative,
    Case::Instrumental,
    Case::Prepositional,
];

const GENDERS: [Gender; 4] = [
    Gender::Masculine,
    Gender::Neuter,
    Gender::Feminine,
    Gender::Plural,
];

/// A set of pairs of case and gender, where the plural counts as a gender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forms(u32);

impl Forms {
    /// No form.
    pub const NONE: Self = Self(0);
    /// Every form.
    pub const ALL: Self = Self((1 << 24) - 1);

    /// One gender in `cases`.
    pub const fn of(gender: Gender, cases: &[Case]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < cases.len() {
            bits |= 1 << (gender as u32 * 6 + cases[at] as u32);
            at += 1;
        }
        Self(bits)
    }

    /// The forms in both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The forms in one or the other.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Itself, or `other` where it is empty.
    pub const fn or_else(self, other: Self) -> Self {
        if self.0 == 0 { other } else { self }
    }

    /// True if there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The form whose case comes first in `cases`.
    pub fn first(self, cases: &[Case]) -> Option<(Case, Gender)> {
        cases.iter().find_map(|case| {
            let gender = GENDERS
                .into_iter()
                .find(|gender| !self.and(Self::of(*gender, &[*case])).is_empty())?;
            Some((*case, gender))
        })
    }
}

const fn masculine(cases: &[Case]) -> Forms {
    Forms::of(Gender::Masculine, cases)
}
const fn feminine(cases: &[Case]) -> Forms {
    Forms::of(Gender::Feminine, cases)
}
const fn neuter(cases: &[Case]) -> Forms {
    Forms::of(Gender::Neuter, cases)
}
const fn plural(cases: &[Case]) -> Forms {
    Forms::of(Gender::Plural, cases)
}

use Case::{Accusative, Dative, Genitive, Instrumental, Nominative, Prepositional};

const DIRECT: &[Case] = &[Nominative, Accusative];
const OBLIQUE: &[Case] = &[Genitive, Dative, Instrumental, Prepositional];
const FEMININE_OBLIQUE: Forms = feminine(OBLIQUE);
/// Also the accusative of living beings, which is the same word.
const GENITIVE: Forms = masculine(&[Genitive]).or(neuter(&[Genitive]));
const DATIVE: Forms = masculine(&[Dative]).or(neuter(&[Dative]));
const INSTRUMENTAL: Forms = masculine(&[Instrumental]).or(neuter(&[Instrumental]));
const PREPOSITIONAL: Forms = masculine(&[Prepositional]).or(neuter(&[Prepositional]));
const PLURAL_OBLIQUE: Forms = plural(&[Genitive, Prepositional]);

/// Endings of adjectives, the longer ones before those that they end with.
const ADJECTIVES: [(&str, Forms); 20] = [
    ("ыми", plural(&[Instrumental])),
    ("ими", plural(&[Instrumental])),
    ("ого", GENITIVE),
    ("его", GENITIVE),
    ("ому", DATIVE),
    ("ему", DATIVE),
    ("ый", masculine(DIRECT)),
    ("ий", masculine(DIRECT)),
    ("ой", masculine(DIRECT).or(FEMININE_OBLIQUE)),
    ("ей", FEMININE_OBLIQUE),
    ("ая", feminine(&[Nominative])),
    ("яя", feminine(&[Nominative])),
    ("ую", feminine(&[Accusative])),
    ("юю", feminine(&[Accusative])),
    ("ое", neuter(DIRECT)),
    ("ее", neuter(DIRECT)),
    ("ые", plural(DIRECT)),
    ("ие", plural(DIRECT)),
    ("ым", INSTRUMENTAL.or(plural(&[Dative]))),
    ("их", PLURAL_OBLIQUE),
];
const MORE_ADJECTIVES: [(&str, Forms); 4] = [
    ("им", INSTRUMENTAL.or(plural(&[Dative]))),
    ("ых", PLURAL_OBLIQUE),
    ("ом", PREPOSITIONAL),
    ("ем", PREPOSITIONAL),
];

/// The forms of a word that ends like an adjective; none where it does not.
pub(super) fn adjective(word: &str) -> Forms {
    if word.len() < 8 {
        return Forms::NONE;
    }
    // `обслуживание`, `население`: nouns.
    let is_noun = |ending: &&str| word.ends_with(*ending);
    if word.ends_with("ие") && ["ание", "ение", "тие"].iter().any(is_noun) {
        return Forms::NONE;
    }
    ADJECTIVES
        .iter()
        .chain(&MORE_ADJECTIVES)
        .find(|(ending, _)| word.ends_with(ending))
        .map_or(Forms::NONE, |(_, forms)| *forms)
}

/// The forms that a noun may be in by its ending alone.
pub(super) fn guess(noun: &str) -> Forms {
    const ENDINGS: [(&str, Forms); 24] = [
        ("ние", neuter(DIRECT)),
        ("ием", INSTRUMENTAL),
        ("ами", plural(&[Instrumental])),
        ("ями", plural(&[Instrumental])),
        ("ам", plural(&[Dative])),
        ("ям", plural(&[Dative])),
        ("ах", plural(&[Prepositional])),
        ("ях", plural(&[Prepositional])),
        ("ов", plural(&[Genitive])),
        ("ев", plural(&[Genitive])),
        ("ом", masculine(&[Instrumental])),
        ("ем", masculine(&[Instrumental])),
        ("ой", feminine(&[Instrumental])),
        ("ью", feminine(&[Instrumental])),
        ("ей", feminine(&[Instrumental]).or(plural(&[Genitive]))),
        ("а", feminine(&[Nominative]).or(GENITIVE)),
        ("я", feminine(&[Nominative]).or(GENITIVE)),
        ("у", feminine(&[Accusative]).or(DATIVE)),
        ("ю", feminine(&[Accusative]).or(DATIVE)),
        ("е", feminine(&[Dative, Prepositional]).or(PREPOSITIONAL)),
        (
            "ы",
            feminine(&[Genitive]).or(plural(&[Nominative, Accusative])),
        ),
        (
            "и",
            feminine(&[Genitive, Dative, Prepositional]).or(plural(&[Nominative, Accusative])),
        ),
        ("о", neuter(DIRECT)),
        ("ь", masculine(DIRECT).or(feminine(DIRECT))),
    ];
    ENDINGS
        .iter()
        .find(|(ending, _)| noun.ends_with(ending))
        .map_or(masculine(DIRECT), |(_, forms)| *forms)
}

/// The forms of the ordinal `number` whose last letters are written after it; none where they are no such letters.
pub(super) fn ordinal_suffix(number: u64, suffix: &str) -> Forms {
    // Ordinals whose masculine ends with a stressed -ой.
    let stressed = matches!(number % 10, 2 | 6 | 7 | 8) && !(11..20).contains(&(number % 100))
        || number % 100 == 40;
    match suffix {
        "й" => masculine(DIRECT).or(FEMININE_OBLIQUE),
        "ый" | "ий" | "тий" => masculine(DIRECT),
        "ой" if stressed => masculine(DIRECT).or(FEMININE_OBLIQUE),
        "ой" | "ей" | "ьей" | "тьей" => FEMININE_OBLIQUE,
        "я" | "ая" | "ья" | "тья" | "ия" => feminine(&[Nominative]),
        "ю" | "ую" | "ью" | "тью" => feminine(&[Accusative]),
        "е" => neuter(DIRECT).or(plural(DIRECT)),
        "ее" => neuter(DIRECT).or(feminine(&[Genitive])),
        "ое" | "ье" | "тье" => neuter(DIRECT),
        "ые" | "ие" | "ьи" | "тьи" => plural(DIRECT),
        "и" if number % 10 == 3 => plural(DIRECT),
        "го" | "ого" | "его" | "ьего" => GENITIVE,
        "му" | "ому" | "ему" | "ьему" => DATIVE,
        "м" => PREPOSITIONAL.or(INSTRUMENTAL).or(plural(&[Dative])),
        "ым" | "им" | "ьим" => INSTRUMENTAL.or(plural(&[Dative])),
        "ом" | "ем" | "ьем" => PREPOSITIONAL,
        "х" | "ых" | "их" | "ьих" => PLURAL_OBLIQUE,
        "ми" | "ыми" | "ими" | "ьими" => plural(&[Instrumental]),
        _ => Forms::NONE,
    }
}

/// The ending of an adjective with a hard stem, one that ends with a velar, or a few soft ones: *квадратный*, *кубический*,
/// *средний*.
pub(super) fn adjective_ending(stem: &str, gender: Gender, case: Case) -> &'static str {
    if matches!(stem, "средн" | "верхн" | "нижн" | "внутренн") {
        return soft_ending(gender, case);
    }
    let hushing = stem.ends_with(['ж', 'ш', 'ч', 'щ']);
    let velar = hushing || stem.ends_with(['к', 'г', 'х']);
    match (gender, case) {
        (Gender::Neuter, Nominative | Accusative) if hushing => "ее",
        (Gender::Feminine, Genitive | Dative | Instrumental | Prepositional) if hushing => "ей",
        (Gender::Masculine | Gender::Neuter, Genitive) if hushing => "его",
        (Gender::Masculine | Gender::Neuter, Dative) if hushing => "ему",
        (Gender::Masculine | Gender::Neuter, Prepositional) if hushing => "ем",
        (Gender::Masculine, Nominative | Accusative) if velar => "ий",
        (Gender::Masculine, Nominative | Accusative) => "ый",
        (Gender::Neuter, Nominative | Accusative) => "ое",
        (Gender::Feminine, Nominative) => "ая",
        (Gender::Feminine, Accusative) => "ую",
        (Gender::Feminine, _) => "ой",
        (Gender::Plural, Nominative | Accusative) if velar => "ие",
        (Gender::Plural, Nominative | Accusative) => "ые",
        (Gender::Plural, Instrumental) if velar => "ими",
        (Gender::Plural, Instrumental) => "ыми",
        (Gender::Plural, Genitive | Prepositional) if velar => "их",
        (Gender::Plural, Genitive | Prepositional) => "ых",
        (_, Genitive) => "ого",
        (_, Prepositional) => "ом",
        (Gender::Plural, Dative) | (_, Instrumental) if velar => "им",
        (Gender::Plural, Dative) | (_, Instrumental) => "ым",
        (_, Dative) => "ому",
    }
}

fn soft_ending(gender: Gender, case: Case) -> &'static str {
    match (gender, case) {
        (Gender::Masculine, Nominative | Accusative) => "ий",
        (Gender::Neuter, Nominative | Accusative) => "ее",
        (Gender::Feminine, Nominative) => "яя",
        (Gender::Feminine, Accusative) => "юю",
        (Gender::Feminine, _) => "ей",
        (Gender::Plural, Nominative | Accusative) => "ие",
        (Gender::Plural, Genitive | Prepositional) => "их",
        (Gender::Plural, Instrumental) => "ими",
        (_, Genitive) => "его",
        (Gender::Plural, Dative) | (_, Instrumental) => "им",
        (_, Dative) => "ему",
        (_, Prepositional) => "ем",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffix_noun_and_preposition_leave_one_form() {
        let platform = feminine(&[Genitive]);
        let suffix = ordinal_suffix(5, "й");
        assert_eq!(
            suffix.and(platform).first(&[Genitive, Instrumental]),
            Some((Genitive, Gender::Feminine))
        );
        assert_eq!(
            suffix.first(&[Accusative, Prepositional]),
            Some((Accusative, Gender::Masculine))
        );
        assert_eq!(ordinal_suffix(5, "летие").and(Forms::ALL), Forms::NONE);
    }

    #[test]
    fn endings_tell_the_forms_of_adjectives() {
        assert_eq!(
            adjective("пригородной").first(&[Dative]),
            Some((Dative, Gender::Feminine))
        );
        assert!(adjective("дом").is_empty());
    }
}
