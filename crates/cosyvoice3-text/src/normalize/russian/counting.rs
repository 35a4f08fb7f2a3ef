//! Numbers before known nouns: they count them or say which one, and have the form that the noun's form allows.

use super::{
    forms::{CASES, Forms},
    governing::{cases, place_cases},
    nouns::{Kind, Sense, forms_of_one},
    numerals::{Case, Gender},
};

/// Case and gender of a `number` that counts a known noun; `None` where the noun's form cannot stand after it as a count.
pub(super) fn count_agreement(
    number: u64,
    cases: &[Case],
    adjectives: Forms,
    senses: &[Sense],
) -> Option<(Case, Gender)> {
    let order = if cases.is_empty() { &CASES } else { cases };
    // `к 1000 рублей`
    let thousands = number > 0 && number.is_multiple_of(1000);
    if thousands && let Some(sense) = sense_in(senses, true, Case::Genitive) {
        let case = cases.first().copied().unwrap_or(Case::Nominative);
        return Some((case, sense.noun.gender));
    }
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

/// The forms of a number that says which one its noun is: *третий этаж*, *с первого пути*; none if it counts.
pub(super) fn order_forms(number: u64, before: &str, adjectives: Forms, senses: &[Sense]) -> Forms {
    let cases = cases(before);
    let forms = forms_of_one(senses.iter().filter(|sense| !sense.plural));
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
    // `по 3 пути`, but `по 3 минуты`
    let along = few
        && before == "по"
        && is(Kind::Ordered)
        && !forms.and(in_cases(&[Case::Dative])).is_empty();
    let ordered = if along {
        true
    } else if one {
        !is_company
            && (is(Kind::Ordered) && !is_amount(before)
                || is(Kind::OrderedAfterPreposition) && leads_to(before))
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

#[cfg(test)]
mod tests {
    use super::{super::nouns::senses, *};

    #[test]
    fn the_form_of_the_noun_tells_counts_from_orders() {
        use {Case::*, Gender::*};
        for (number, before, noun, counts, orders) in [
            (2, "", "этажа", Some((Nominative, Masculine)), None),
            (5, "", "этаж", None, Some((Nominative, Masculine))),
            (
                1,
                "",
                "путь",
                Some((Nominative, Masculine)),
                Some((Nominative, Masculine)),
            ),
            (3, "с", "пути", None, Some((Genitive, Masculine))),
            (
                1,
                "к",
                "кассе",
                Some((Dative, Feminine)),
                Some((Dative, Feminine)),
            ),
            (1, "", "касса", Some((Nominative, Feminine)), None),
            (21, "через", "минуту", Some((Accusative, Feminine)), None),
            (22, "после", "вход", None, None),
        ] {
            let all = senses(noun);
            let got = count_agreement(number, cases(before), Forms::ALL, all);
            assert_eq!(got, counts, "{before} {number} {noun}");
            let order = order_forms(number, before, Forms::ALL, all);
            let got = order
                .first(place_cases(before))
                .or_else(|| order.first(&CASES));
            assert_eq!(got, orders, "{before} {number} {noun}");
        }
    }
}
