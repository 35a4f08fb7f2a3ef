//! What the words around a number tell of its case and gender.

use std::sync::LazyLock;

use super::{
    super::lex::is_cyrillic,
    data::{self, ByWord},
    forms::{CASES, Forms},
    nouns::{self, Kind, Sense},
    numerals::{Case, Gender},
};

const TABLE: &str = include_str!("data/governing.tsv");

/// Words that govern, with the cases they ask for.
struct Governing {
    words: ByWord<&'static str, Vec<Case>>,
    /// First letters, in the table's order.
    beginnings: Vec<(&'static str, Vec<Case>)>,
}

static GOVERNING: LazyLock<Governing> = LazyLock::new(|| {
    let all = data::entries(TABLE, parse);
    let (beginnings, words): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(word, _)| word.ends_with('*'));
    Governing {
        words: words.into_iter().collect(),
        beginnings: beginnings
            .into_iter()
            .map(|(word, cases)| (word.trim_end_matches('*'), cases))
            .collect(),
    }
});

fn parse([word, cases]: [&'static str; 2]) -> Result<(&'static str, Vec<Case>), String> {
    let case = |name: &str| match name {
        "именительный" => Ok(Case::Nominative),
        "родительный" => Ok(Case::Genitive),
        "дательный" => Ok(Case::Dative),
        "винительный" => Ok(Case::Accusative),
        "творительный" => Ok(Case::Instrumental),
        "предложный" => Ok(Case::Prepositional),
        _ => Err(format!("{name} is no case")),
    };
    let cases: Result<Vec<Case>, String> = cases.split(' ').map(case).collect();
    Ok((word, cases?))
}

/// The cases that a preposition, or another word that governs numbers, asks for, the one of bare amounts first; empty where
/// it tells nothing.
pub(super) fn cases(word: &str) -> &'static [Case] {
    if word.is_empty() {
        return &[];
    }
    if let Some(cases) = GOVERNING.words.get(word) {
        return cases;
    }
    let beginnings = GOVERNING.beginnings.iter();
    let begins = beginnings.filter(|(first, _)| word.starts_with(first));
    begins
        .map(|(_, cases)| cases.as_slice())
        .next()
        .unwrap_or(&[])
}

/// The cases of a place after `word`: *на улице* rather than *на улицу*.
pub(super) fn place_cases(word: &str) -> &'static [Case] {
    match word {
        "в" | "во" | "на" => &[Case::Prepositional, Case::Accusative],
        "по" => &[Case::Dative, Case::Accusative, Case::Prepositional],
        _ => cases(word),
    }
}

/// The case that a bare amount takes after `word`; `None` where that tells nothing.
pub(super) fn governed(word: &str) -> Option<Case> {
    cases(word).first().copied()
}

/// Case and gender of a `number` that counts a known noun; `None` where the noun's form cannot stand after it as a count.
pub(super) fn count_agreement(
    number: u64,
    cases: &[Case],
    adjectives: Forms,
    senses: &[Sense],
) -> Option<(Case, Gender)> {
    let order = if cases.is_empty() { &CASES } else { cases };
    match (number % 10, number % 100 / 10) {
        (1, tens) if tens != 1 => one(order, adjectives, senses),
        (2..=4, tens) if tens != 1 => {
            let direct = direct_case(cases).zip(sense_in(senses, false, Case::Genitive));
            direct
                .map(|(case, sense)| (case, sense.noun.gender))
                .or_else(|| many(if cases.is_empty() { OBLIQUE } else { cases }, senses))
        }
        _ => many(cases, senses),
    }
}

/// Without a word that governs, two to four of something in the plural stand in its case: *двух зон*.
const OBLIQUE: &[Case] = &[
    Case::Genitive,
    Case::Dative,
    Case::Instrumental,
    Case::Prepositional,
];

/// *один* with its noun.
fn one(order: &[Case], adjectives: Forms, senses: &[Sense]) -> Option<(Case, Gender)> {
    let singular = || {
        let all = senses.iter().filter(|sense| !sense.plural);
        all.filter(|sense| {
            !Forms::of(sense.noun.gender, &[sense.case])
                .and(adjectives)
                .is_empty()
        })
    };
    let sense = order
        .iter()
        .find_map(|case| singular().find(|sense| sense.case == *case))?;
    let animate = sense.noun.animate && sense.noun.gender == Gender::Masculine;
    match sense.case {
        Case::Accusative if animate => Some((Case::Genitive, sense.noun.gender)),
        case => Some((case, sense.noun.gender)),
    }
}

/// *пять* with its noun, which stands in the plural.
fn many(cases: &[Case], senses: &[Sense]) -> Option<(Case, Gender)> {
    let genitive = sense_in(senses, true, Case::Genitive);
    if let (Some(sense), Some(case)) = (genitive, direct_case(cases)) {
        return Some((case, sense.noun.gender));
    }
    let order = if cases.is_empty() { &CASES } else { cases };
    let plural = |case: &Case| sense_in(senses, true, *case);
    let sense = order
        .iter()
        .filter(|case| !matches!(case, Case::Nominative | Case::Accusative))
        .find_map(plural)
        .or(genitive)?;
    let case = if cases.is_empty() || cases.contains(&sense.case) {
        sense.case
    } else {
        Case::Nominative
    };
    Some((case, sense.noun.gender))
}

fn sense_in(senses: &[Sense], plural: bool, case: Case) -> Option<&Sense> {
    let mut senses = senses.iter();
    senses.find(|sense| sense.plural == plural && sense.case == case)
}

/// The case of the whole where it is the nominative or the accusative, in which the noun is in the genitive.
fn direct_case(cases: &[Case]) -> Option<Case> {
    match cases.first() {
        None => Some(Case::Nominative),
        Some(case @ (Case::Nominative | Case::Accusative)) => Some(*case),
        Some(_) => None,
    }
}

/// Whether the number before a noun says which one: *третий этаж*, *с первого пути*; the forms that it may then have.
pub(super) fn order_forms(number: u64, before: &str, adjectives: Forms, senses: &[Sense]) -> Forms {
    let cases = cases(before);
    let singular = senses.iter().filter(|sense| !sense.plural);
    let forms = singular.fold(Forms::NONE, |forms, sense| {
        forms.or(Forms::of(sense.noun.gender, &[sense.case]))
    });
    let forms = forms.and(adjectives);
    let in_place = forms.and(in_cases(place_cases(before)));
    let is = |kind| senses.iter().any(|sense| sense.noun.is(kind));
    let counts = count_agreement(number, cases, adjectives, senses).is_some();
    let one = number % 10 == 1 && number % 100 != 11;
    let few = (2..=4).contains(&(number % 10)) && number % 100 / 10 != 1;
    let locative = matches!(before, "в" | "во" | "на" | "о" | "об" | "при");
    // `с 21 ящиком`: how many there are along.
    let company = forms.and(in_cases(&[Case::Genitive])).is_empty();
    let is_company = matches!(before, "с" | "со") && company;
    let ordered = if one {
        is(Kind::Ordered) && !is_amount(before)
            || is(Kind::OrderedAfterPreposition) && leads_to(before) && !is_company
    } else if few && locative {
        let prepositional = forms.and(in_cases(&[Case::Prepositional]));
        !counts || is(Kind::Ordered) && !prepositional.is_empty()
    } else {
        !counts
    };
    match (ordered, before.is_empty() || cases.is_empty()) {
        (false, _) => Forms::NONE,
        (true, true) => forms,
        // `после 22 вход закрыт`: the noun is not what the preposition governs.
        (true, false) => in_place,
    }
}

fn in_cases(cases: &[Case]) -> Forms {
    [
        Gender::Masculine,
        Gender::Feminine,
        Gender::Neuter,
        Gender::Plural,
    ]
    .into_iter()
    .fold(Forms::NONE, |forms, gender| {
        forms.or(Forms::of(gender, cases))
    })
}

/// Words after which a number is an amount even of what is ordered else: *осталось одно место*.
fn is_amount(before: &str) -> bool {
    const WORDS: [&str; 14] = [
        "через",
        "за",
        "ещё",
        "еще",
        "всего",
        "только",
        "лишь",
        "осталось",
        "остался",
        "осталась",
        "есть",
        "свободно",
        "каждый",
        "каждые",
    ];
    WORDS.contains(&before)
}

/// Prepositions of places, after which one of several numbered things is meant.
fn leads_to(before: &str) -> bool {
    matches!(
        before,
        "в" | "во"
            | "к"
            | "ко"
            | "у"
            | "от"
            | "до"
            | "с"
            | "со"
            | "из"
            | "возле"
            | "около"
            | "при"
            | "о"
            | "об"
    )
}

/// Case and gender of `number` between the word before it and the words that follow.
pub(super) fn agreement(number: u64, before: &str, after: &[&str]) -> (Case, Gender) {
    let tens = number / 10 % 10;
    match (number % 10, after.first()) {
        (1, Some(noun)) if tens != 1 => singular(before, noun, after.get(1).copied()),
        (last, _) => {
            let noun = after.iter().find(|word| !is_plural_adjective(word));
            let feminine = last == 2
                && tens != 1
                && noun.is_some_and(|n| n.ends_with(['ы', 'и']) && !n.starts_with("пут"));
            let gender = if feminine {
                Gender::Feminine
            } else {
                Gender::Masculine
            };
            (plural_case(before, after), gender)
        }
    }
}

fn is_plural_adjective(word: &str) -> bool {
    ["ых", "их", "ые", "ие", "ым", "им", "ыми", "ими"]
        .iter()
        .any(|ending| word.ends_with(ending))
}

fn plural_case(before: &str, after: &[&str]) -> Case {
    let ends = |endings: &[&str]| {
        after.iter().take(2).any(|word| {
            word.chars().count() >= 5 && endings.iter().any(|ending| word.ends_with(ending))
        })
    };
    let governed = governed(before);
    if ends(&["ами", "ями"]) {
        Case::Instrumental
    } else if governed != Some(Case::Genitive) && ends(&["ах", "ях"]) {
        Case::Prepositional
    } else if matches!(governed, Some(Case::Dative) | None)
        && ends(&["ам", "ям"])
        && !after[0].ends_with("реклам")
    {
        Case::Dative
    } else {
        match governed {
            None => Case::Nominative,
            Some(case) => case,
        }
    }
}

/// Case and gender of *один* before `noun`, told by the noun's (or its adjective's) ending and the preposition.
fn singular(before: &str, noun: &str, next: Option<&str>) -> (Case, Gender) {
    use {Case::*, Gender::*};
    let ends = |endings: &[&str]| endings.iter().any(|ending| noun.ends_with(ending));
    let governed = governed(before);
    let locative = matches!(before, "в" | "во" | "на" | "о" | "об" | "обо" | "при");
    if ends(&["ая", "яя"]) {
        (Nominative, Feminine)
    } else if ends(&["ую", "юю"]) {
        (Accusative, Feminine)
    } else if ends(&["ое", "ее", "о", "мя"]) && !ends(&["ого", "его"]) {
        (Nominative, Neuter)
    } else if ends(&["ого", "его"]) {
        (Genitive, Masculine)
    } else if ends(&["ому", "ему"]) {
        (Dative, Masculine)
    } else if ends(&["ым", "им"]) {
        (Instrumental, Masculine)
    } else if ends(&["ом", "ем", "ём"]) {
        (
            if locative {
                Prepositional
            } else {
                Instrumental
            },
            Masculine,
        )
    } else if ends(&["ой"]) && next.is_some_and(|n| n.ends_with(is_consonant)) {
        (Nominative, Masculine)
    } else if ends(&["ой", "ей", "ью", "ы", "и"]) && !ends(&["лей", "чей", "ней"])
    {
        (Genitive, Feminine)
    } else if ends(&["а", "я"]) {
        if governed == Some(Genitive) {
            (Genitive, Masculine)
        } else {
            (Nominative, Feminine)
        }
    } else if ends(&["у", "ю"]) {
        if governed == Some(Dative) || before == "по" {
            (Dative, Masculine)
        } else {
            (Accusative, Feminine)
        }
    } else if ends(&["е"]) && locative && !ends(&["ие", "ье"]) {
        (Prepositional, locative_gender(noun))
    } else if ends(&["е"]) {
        (Nominative, Neuter)
    } else if ends(&["ь"]) && is_feminine_soft(noun) {
        (Nominative, Feminine)
    } else {
        (Nominative, Masculine)
    }
}

fn is_consonant(c: char) -> bool {
    c.is_alphabetic() && !"аеёиоуыэюяьъ".contains(c)
}

/// *в одной минуте*, *в одном доме*: only the common feminine nouns are known.
fn locative_gender(noun: &str) -> Gender {
    const FEMININE: [&str; 14] = [
        "минут",
        "секунд",
        "недел",
        "школ",
        "комнат",
        "квартир",
        "стран",
        "книг",
        "строк",
        "тысяч",
        "команд",
        "групп",
        "систем",
        "сторон",
    ];
    if FEMININE.iter().any(|stem| noun.starts_with(stem)) {
        Gender::Feminine
    } else {
        Gender::Masculine
    }
}

fn is_feminine_soft(noun: &str) -> bool {
    const ENDINGS: [&str; 16] = [
        "сть", "знь", "чь", "шь", "жь", "щь", "вь", "бь", "пь", "ись", "ось", "ель", "оль", "аль",
        "ерь", "адь",
    ];
    const MASCULINE: [&str; 18] = [
        "гость",
        "тополь",
        "пароль",
        "король",
        "контроль",
        "алкоголь",
        "рояль",
        "февраль",
        "апрель",
        "отель",
        "тоннель",
        "картофель",
        "кисель",
        "зверь",
        "червь",
        "голубь",
        "лось",
        "карась",
    ];
    let agent = noun.ends_with("тель") && noun != "метель" || noun.ends_with("арь");
    let other = [
        "ночь",
        "дверь",
        "площадь",
        "нефть",
        "мысль",
        "цепь",
        "ткань",
        "степень",
        "лень",
        "тень",
    ];
    other.contains(&noun)
        || !agent && !MASCULINE.contains(&noun) && ENDINGS.iter().any(|e| noun.ends_with(e))
}

/// Case and gender of an ordinal before `noun`: *четвёртый квартал*, *в двадцатом веке*.
pub(super) fn ordinal_agreement(before: &str, noun: &str) -> (Case, Gender) {
    let plural = ["ов", "ам", "ями", "ами", "ях", "ах"];
    if let Some(at) = plural.iter().position(|ending| noun.ends_with(ending)) {
        let case = [
            Case::Genitive,
            Case::Dative,
            Case::Instrumental,
            Case::Instrumental,
            Case::Prepositional,
            Case::Prepositional,
        ][at];
        return (case, Gender::Plural);
    }
    // *века, квартала*: a masculine genitive far more often than a feminine subject after these.
    let masculine = [
        "век",
        "квартал",
        "съезд",
        "том",
        "этап",
        "класс",
        "раздел",
        "тур",
        "год",
    ];
    if let Some(stem) = masculine.iter().find(|stem| noun.starts_with(**stem)) {
        let case = match &noun[stem.len()..] {
            "а" => Case::Genitive,
            "у" if before != "в" => Case::Dative,
            "у" | "е" => Case::Prepositional,
            "ом" => Case::Instrumental,
            "и" | "ы" => return (Case::Nominative, Gender::Plural),
            _ => Case::Nominative,
        };
        return (case, Gender::Masculine);
    }
    singular(before, noun, None)
}

/// Whether `word` looks like a verb, after which a date says when: *вышел одиннадцатого марта*.
pub(super) fn is_verb(word: &str) -> bool {
    const ENDINGS: [&str; 12] = [
        "л", "ла", "ло", "ли", "ся", "сь", "ет", "ёт", "ит", "ут", "ют", "ят",
    ];
    word.chars().count() >= 4 && ENDINGS.iter().any(|ending| word.ends_with(ending))
}

/// *двое суток*, *трое детей*: nouns that are counted so.
pub(super) fn collective(number: u64, before: &str, noun: &str) -> Option<&'static str> {
    let collective = matches!(
        noun,
        "суток" | "детей" | "ножниц" | "брюк" | "ворот" | "саней"
    );
    let direct = !matches!(governed(before), Some(Case::Genitive));
    let words = ["двое", "трое", "четверо"];
    let at = usize::try_from(number.checked_sub(2)?).ok()?;
    words.get(at).copied().filter(|_| collective && direct)
}

/// Whether `word`, in small letters, may be a noun: known ones, and what is no verb and no function word.
pub(super) fn is_noun_like(word: &str) -> bool {
    !nouns::senses(word).is_empty()
        || word.chars().count() > 2
            && word.starts_with(is_cyrillic)
            && cases(word).is_empty()
            && !is_function_word(word)
            && !is_verb(word)
}

/// Whether `word` tells what happens to something, as verbs and short participles do: *закрыта*.
pub(super) fn is_predicate(word: &str) -> bool {
    const ENDINGS: [&str; 10] = [
        "ен", "ена", "ено", "ены", "ан", "ана", "ано", "аны", "ыт", "ыта",
    ];
    is_verb(word)
        || word.chars().count() >= 4 && ENDINGS.iter().any(|ending| word.ends_with(ending))
}

/// Whether `word` says that somebody or something goes somewhere: *пройдите*, *прибывает*.
pub(super) fn is_motion(word: &str) -> bool {
    const STEMS: [&str; 30] = [
        "выход",
        "вход",
        "поворот",
        "въезд",
        "выезд",
        "подъём",
        "пройд",
        "пройт",
        "проход",
        "подойд",
        "зайд",
        "заход",
        "поднимит",
        "поднима",
        "спуст",
        "спуска",
        "приглаша",
        "обрати",
        "обраща",
        "перейд",
        "переход",
        "прибыва",
        "прибуд",
        "направля",
        "отправля",
        "поступа",
        "подаё",
        "подае",
        "перенес",
        "перевед",
    ];
    STEMS.iter().any(|stem| word.starts_with(stem))
}

/// Whether `word` tells the state of something that stands before it: *открыта*, *свободно*, *задерживается*.
pub(super) fn is_state(word: &str) -> bool {
    const STEMS: [&str; 21] = [
        "открыт",
        "закрыт",
        "свободн",
        "занят",
        "готов",
        "включен",
        "отключен",
        "включён",
        "отключён",
        "неисправн",
        "исправн",
        "заблокирован",
        "отменен",
        "отменён",
        "задержан",
        "перенесен",
        "перенесён",
        "доступн",
        "переполнен",
        "активн",
        "недоступн",
    ];
    let short = |stem: &str| matches!(word.strip_prefix(stem), Some("" | "а" | "о" | "ы"));
    word.ends_with("тся") || STEMS.iter().any(|stem| short(stem))
}

/// A count that is written as a word, and the case of the whole.
pub(super) fn number_word(word: &str) -> Option<(u64, Case)> {
    Some(match word {
        "один" => (1, Case::Nominative),
        "одного" => (1, Case::Genitive),
        "одному" => (1, Case::Dative),
        "одним" => (1, Case::Instrumental),
        "одном" => (1, Case::Prepositional),
        "два" | "три" | "четыре" | "оба" => (2, Case::Nominative),
        "двух" | "трёх" | "трех" | "четырёх" | "пяти" => (5, Case::Genitive),
        _ => return None,
    })
}

/// *утром*, *ночью*: in forecasts and timetables.
pub(super) fn is_day_part(word: &str) -> bool {
    matches!(word, "утром" | "днём" | "днем" | "вечером" | "ночью")
}

/// Words that a number does not count.
pub(super) fn is_function_word(word: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_governs() {
        let complaints =
            data::complaints("data/governing.tsv", TABLE, parse, |[word, _]| word.into());
        assert!(complaints.is_empty(), "{complaints}");
    }

    #[test]
    fn endings_and_prepositions_tell_case_and_gender() {
        use {Case::*, Gender::*};
        for (number, before, after, expected) in [
            (1, "", &["минута"][..], (Nominative, Feminine)),
            (1, "через", &["минуту"], (Accusative, Feminine)),
            (21, "", &["рубль"], (Nominative, Masculine)),
            (1, "от", &["рубля"], (Genitive, Masculine)),
            (1, "", &["область"], (Nominative, Feminine)),
            (1, "", &["окно"], (Nominative, Neuter)),
            (1, "в", &["доме"], (Prepositional, Masculine)),
            (11, "", &["минут"], (Nominative, Masculine)),
            (2, "", &["минуты"], (Nominative, Feminine)),
            (2, "", &["новые", "минуты"], (Nominative, Feminine)),
            (2, "", &["рубля"], (Nominative, Masculine)),
            (5, "к", &["часам"], (Dative, Masculine)),
            (10, "до", &["часов"], (Genitive, Masculine)),
            (3, "после", &["дней"], (Genitive, Masculine)),
            (5, "с", &["друзьями"], (Instrumental, Masculine)),
            (5, "в", &["домах"], (Prepositional, Masculine)),
            (5, "через", &["минут"], (Accusative, Masculine)),
        ] {
            assert_eq!(
                agreement(number, before, after),
                expected,
                "{before} {number} {after:?}"
            );
        }
    }
}
