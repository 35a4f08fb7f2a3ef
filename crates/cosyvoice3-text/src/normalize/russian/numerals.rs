//! Russian numerals: cardinals and ordinals in every case.

/// The most numbers that a list may have between a number and the word that decides its case; it keeps time linear.
pub(super) const LONGEST_LIST: usize = 8;

/// Grammatical case; the order of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Case {
    Nominative,
    Genitive,
    Dative,
    Accusative,
    Instrumental,
    Prepositional,
}

/// Grammatical gender; of ordinals also the plural.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Gender {
    Masculine,
    Feminine,
    Neuter,
    Plural,
}

use Gender::{Feminine, Masculine, Neuter, Plural};

/// Numbers from here on are read digit by digit.
pub(in super::super) const LIMIT: u64 = 1_000_000_000_000_000_000;

type Forms = [&'static str; 6];

const ZERO: Forms = ["ноль", "ноля", "нолю", "ноль", "нолём", "ноле"];
const ONE: [Forms; 4] = [
    ["один", "одного", "одному", "один", "одним", "одном"],
    ["одна", "одной", "одной", "одну", "одной", "одной"],
    ["одно", "одного", "одному", "одно", "одним", "одном"],
    ["одни", "одних", "одним", "одни", "одними", "одних"],
];
const TWO: [Forms; 2] = [
    ["два", "двух", "двум", "два", "двумя", "двух"],
    ["две", "двух", "двум", "две", "двумя", "двух"],
];
const THREE: Forms = ["три", "трёх", "трём", "три", "тремя", "трёх"];
const FOUR: Forms = [
    "четыре",
    "четырёх",
    "четырём",
    "четыре",
    "четырьмя",
    "четырёх",
];
const EIGHT: Forms = ["восемь", "восьми", "восьми", "восемь", "восемью", "восьми"];
const TEENS: [&str; 10] = [
    "десят",
    "одиннадцат",
    "двенадцат",
    "тринадцат",
    "четырнадцат",
    "пятнадцат",
    "шестнадцат",
    "семнадцат",
    "восемнадцат",
    "девятнадцат",
];
const TENS: [Forms; 8] = [
    [
        "двадцать",
        "двадцати",
        "двадцати",
        "двадцать",
        "двадцатью",
        "двадцати",
    ],
    [
        "тридцать",
        "тридцати",
        "тридцати",
        "тридцать",
        "тридцатью",
        "тридцати",
    ],
    ["сорок", "сорока", "сорока", "сорок", "сорока", "сорока"],
    [
        "пятьдесят",
        "пятидесяти",
        "пятидесяти",
        "пятьдесят",
        "пятьюдесятью",
        "пятидесяти",
    ],
    [
        "шестьдесят",
        "шестидесяти",
        "шестидесяти",
        "шестьдесят",
        "шестьюдесятью",
        "шестидесяти",
    ],
    [
        "семьдесят",
        "семидесяти",
        "семидесяти",
        "семьдесят",
        "семьюдесятью",
        "семидесяти",
    ],
    [
        "восемьдесят",
        "восьмидесяти",
        "восьмидесяти",
        "восемьдесят",
        "восемьюдесятью",
        "восьмидесяти",
    ],
    [
        "девяносто",
        "девяноста",
        "девяноста",
        "девяносто",
        "девяноста",
        "девяноста",
    ],
];
const HUNDREDS: [Forms; 9] = [
    ["сто", "ста", "ста", "сто", "ста", "ста"],
    [
        "двести",
        "двухсот",
        "двумстам",
        "двести",
        "двумястами",
        "двухстах",
    ],
    [
        "триста",
        "трёхсот",
        "трёмстам",
        "триста",
        "тремястами",
        "трёхстах",
    ],
    [
        "четыреста",
        "четырёхсот",
        "четырёмстам",
        "четыреста",
        "четырьмястами",
        "четырёхстах",
    ],
    [
        "пятьсот",
        "пятисот",
        "пятистам",
        "пятьсот",
        "пятьюстами",
        "пятистах",
    ],
    [
        "шестьсот",
        "шестисот",
        "шестистам",
        "шестьсот",
        "шестьюстами",
        "шестистах",
    ],
    [
        "семьсот",
        "семисот",
        "семистам",
        "семьсот",
        "семьюстами",
        "семистах",
    ],
    [
        "восемьсот",
        "восьмисот",
        "восьмистам",
        "восемьсот",
        "восемьюстами",
        "восьмистах",
    ],
    [
        "девятьсот",
        "девятисот",
        "девятистам",
        "девятьсот",
        "девятьюстами",
        "девятистах",
    ],
];

/// *тысяча*: the singular, the plural.
const THOUSAND: [Forms; 2] = [
    ["тысяча", "тысячи", "тысяче", "тысячу", "тысячей", "тысяче"],
    [
        "тысячи",
        "тысяч",
        "тысячам",
        "тысячи",
        "тысячами",
        "тысячах",
    ],
];
/// Endings of *миллион*: the singular, the plural.
const MILLION: [Forms; 2] = [
    ["", "а", "у", "", "ом", "е"],
    ["ы", "ов", "ам", "ы", "ами", "ах"],
];

/// Names of 10^6, 10^9, 10^12 and 10^15.
const LARGE: [(u64, &str); 4] = [
    (1_000_000_000_000_000, "квадриллион"),
    (1_000_000_000_000, "триллион"),
    (1_000_000_000, "миллиард"),
    (1_000_000, "миллион"),
];

/// `21` as in *двадцать одна (минута)*. `number` lies below [`LIMIT`].
pub(in super::super) fn cardinal(number: u64, gender: Gender, case: Case) -> String {
    if number == 0 {
        return ZERO[case as usize].into();
    }
    let mut words: Vec<String> = Vec::new();
    for (scale, name) in LARGE {
        let count = number / scale % 1000;
        if count > 0 {
            push_below_thousand(&mut words, count, Masculine, case);
            words.push(format!("{name}{}", counted(&MILLION, count, case)));
        }
    }
    let thousands = number / 1000 % 1000;
    if thousands > 0 {
        // `тысяча`, not `одна тысяча`.
        if thousands > 1 || !words.is_empty() {
            push_below_thousand(&mut words, thousands, Feminine, case);
        }
        words.push(counted(&THOUSAND, thousands, case).into());
    }
    push_below_thousand(&mut words, number % 1000, gender, case);
    words.join(" ")
}

/// The form of a power of thousand after `count`.
fn counted(forms: &[Forms; 2], count: u64, case: Case) -> &'static str {
    let direct = matches!(case, Case::Nominative | Case::Accusative);
    match (count % 10, count % 100 / 10) {
        (1, tens) if tens != 1 => forms[0][case as usize],
        (2..=4, tens) if tens != 1 && direct => forms[0][Case::Genitive as usize],
        _ if direct => forms[1][Case::Genitive as usize],
        _ => forms[1][case as usize],
    }
}

fn push_below_thousand(words: &mut Vec<String>, number: u64, gender: Gender, case: Case) {
    let (hundreds, rest) = (number / 100, number % 100);
    if hundreds > 0 {
        words.push(HUNDREDS[hundreds as usize - 1][case as usize].into());
    }
    let units = if rest >= 20 {
        words.push(TENS[rest as usize / 10 - 2][case as usize].into());
        rest % 10
    } else {
        rest
    };
    if units > 0 {
        words.push(below_twenty(units, gender, case));
    }
}

fn below_twenty(number: u64, gender: Gender, case: Case) -> String {
    let fixed = match number {
        1 => ONE[gender as usize],
        2 => TWO[usize::from(gender == Feminine)],
        3 => THREE,
        4 => FOUR,
        8 => EIGHT,
        _ => return soft(number, case),
    };
    fixed[case as usize].into()
}

/// 5, 6, 7 and 9 to 19: *пять, пяти, пятью*.
fn soft(number: u64, case: Case) -> String {
    let stem = match number {
        5 => "пят",
        6 => "шест",
        7 => "сем",
        9 => "девят",
        _ => TEENS[number as usize - 10],
    };
    let ending = match case {
        Case::Nominative | Case::Accusative => "ь",
        Case::Instrumental => "ью",
        _ => "и",
    };
    format!("{stem}{ending}")
}

/// `21` as in *двадцать первая*. `number` lies below [`LIMIT`].
pub(in super::super) fn ordinal(number: u64, gender: Gender, case: Case) -> String {
    let last = last_part(number);
    let word = ordinal_word(last, gender, case);
    match number - last {
        0 => word,
        head => format!("{} {word}", cardinal(head, Masculine, Case::Nominative)),
    }
}

/// The part of a number that takes the ordinal's ending: 2025 is 2020 and 5, 2100 is 2000 and 100, 12 000 is itself.
fn last_part(number: u64) -> u64 {
    let mut scale = 1;
    let mut rest = number;
    while rest != 0 && rest.is_multiple_of(1000) {
        rest /= 1000;
        scale *= 1000;
    }
    if scale > 1 {
        return rest % 1000 * scale;
    }
    match number % 100 {
        0 => number % 1000,
        r @ 1..=20 => r,
        r if r % 10 == 0 => r,
        r => r % 10,
    }
}

fn ordinal_word(part: u64, gender: Gender, case: Case) -> String {
    // A stressed ending makes the nominative masculine -ой: второй.
    let (stem, stressed) = match part {
        3 => return third(gender, case).into(),
        0 => ("нулев".into(), true),
        1 => ("перв".into(), false),
        2 => ("втор".into(), true),
        4 => ("четвёрт".into(), false),
        5 => ("пят".into(), false),
        6 => ("шест".into(), true),
        7 => ("седьм".into(), true),
        8 => ("восьм".into(), true),
        9 => ("девят".into(), false),
        10..=19 => (TEENS[part as usize - 10].to_owned(), false),
        40 => ("сороков".into(), true),
        90 => ("девяност".into(), false),
        20 | 30 => (
            TENS[part as usize / 10 - 2][0].trim_end_matches('ь').into(),
            false,
        ),
        50..=80 => (
            TENS[part as usize / 10 - 2][1].trim_end_matches('и').into(),
            false,
        ),
        100..=999 => (format!("{}сот", hundred_prefix(part / 100)), false),
        _ => large_stem(part),
    };
    let ending = match (gender, case) {
        (Masculine, Case::Nominative | Case::Accusative) if stressed => "ой",
        (Masculine, Case::Nominative | Case::Accusative) => "ый",
        (Neuter, Case::Nominative | Case::Accusative) => "ое",
        (Masculine | Neuter, Case::Genitive) => "ого",
        (Masculine | Neuter, Case::Dative) => "ому",
        (Masculine | Neuter, Case::Instrumental) | (Plural, Case::Dative) => "ым",
        (Masculine | Neuter, Case::Prepositional) => "ом",
        (Feminine, Case::Nominative) => "ая",
        (Feminine, Case::Accusative) => "ую",
        (Feminine, _) => "ой",
        (Plural, Case::Nominative | Case::Accusative) => "ые",
        (Plural, Case::Instrumental) => "ыми",
        (Plural, _) => "ых",
    };
    format!("{stem}{ending}")
}

fn third(gender: Gender, case: Case) -> &'static str {
    let forms: Forms = match gender {
        Masculine => [
            "третий",
            "третьего",
            "третьему",
            "третий",
            "третьим",
            "третьем",
        ],
        Feminine => [
            "третья",
            "третьей",
            "третьей",
            "третью",
            "третьей",
            "третьей",
        ],
        Neuter => [
            "третье",
            "третьего",
            "третьему",
            "третье",
            "третьим",
            "третьем",
        ],
        Plural => [
            "третьи",
            "третьих",
            "третьим",
            "третьи",
            "третьими",
            "третьих",
        ],
    };
    forms[case as usize]
}

fn hundred_prefix(hundreds: u64) -> &'static str {
    let prefix = HUNDREDS[hundreds as usize - 1][1];
    if hundreds == 1 {
        ""
    } else {
        prefix.trim_end_matches("сот")
    }
}

fn large_stem(part: u64) -> (String, bool) {
    let (scale, name) = LARGE
        .into_iter()
        .find(|(scale, _)| part >= *scale)
        .unwrap_or((1000, "тысяч"));
    let prefix = match part / scale {
        1 => String::new(),
        count => compound(count),
    };
    (format!("{prefix}{name}н"), false)
}

/// The first part of a compound: *двадцатипяти(летний)*, *сто(летие)*, *двух(комнатный)*.
pub(in super::super) fn compound(number: u64) -> String {
    if number == 0 {
        return "нуль".into();
    }
    let mut word = String::new();
    for (scale, name) in LARGE {
        let count = number / scale % 1000;
        if count > 0 {
            push_compound(&mut word, count);
            word.push_str(name);
            word.push('о');
        }
    }
    let thousands = number / 1000 % 1000;
    if thousands > 0 {
        if thousands > 1 {
            push_compound(&mut word, thousands);
        }
        word.push_str("тысяче");
    }
    push_compound(&mut word, number % 1000);
    word
}

fn push_compound(word: &mut String, number: u64) {
    let (hundreds, rest) = (number / 100, number % 100);
    match hundreds {
        0 => {}
        1 => word.push_str("сто"),
        _ => word.push_str(HUNDREDS[hundreds as usize - 1][1]),
    }
    let units = if rest >= 20 {
        word.push_str(match rest / 10 {
            9 => "девяносто",
            tens => TENS[tens as usize - 2][1],
        });
        rest % 10
    } else {
        rest
    };
    match units {
        0 => {}
        1 => word.push_str("одно"),
        _ => word.push_str(&below_twenty(units, Masculine, Case::Genitive)),
    }
}

/// A number that ends in one before a man in the accusative, of which only the last word has a form of its own: *(встретил)
/// тысячу двадцать одного*.
pub(super) fn cardinal_of_living(value: u64) -> String {
    let words = cardinal(value, Gender::Masculine, Case::Accusative);
    match words.strip_suffix("один") {
        Some(head) => format!("{head}одного"),
        None => words,
    }
}

/// True if `count` is said by one noun: *тысяча*, *миллион*, *миллиард*.
pub(super) fn is_power(count: u64) -> bool {
    matches!(count, 1_000 | 1_000_000 | 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cardinals_agree_in_gender_and_case() {
        for (number, gender, case, expected) in [
            (0, Masculine, Case::Nominative, "ноль"),
            (1, Feminine, Case::Accusative, "одну"),
            (2, Feminine, Case::Nominative, "две"),
            (21, Neuter, Case::Nominative, "двадцать одно"),
            (12, Masculine, Case::Genitive, "двенадцати"),
            (40, Masculine, Case::Instrumental, "сорока"),
            (85, Masculine, Case::Instrumental, "восемьюдесятью пятью"),
            (342, Masculine, Case::Dative, "трёмстам сорока двум"),
            (1000, Masculine, Case::Nominative, "тысяча"),
            (
                2026,
                Masculine,
                Case::Nominative,
                "две тысячи двадцать шесть",
            ),
            (
                1_001_001,
                Masculine,
                Case::Nominative,
                "один миллион одна тысяча один",
            ),
            (5_000_000, Masculine, Case::Genitive, "пяти миллионов"),
            (
                21_000,
                Masculine,
                Case::Prepositional,
                "двадцати одной тысяче",
            ),
        ] {
            assert_eq!(cardinal(number, gender, case), expected);
        }
    }

    #[test]
    fn ordinals_put_the_ending_on_the_last_word() {
        for (number, gender, case, expected) in [
            (3, Feminine, Case::Nominative, "третья"),
            (22, Neuter, Case::Nominative, "двадцать второе"),
            (40, Masculine, Case::Nominative, "сороковой"),
            (90, Plural, Case::Prepositional, "девяностых"),
            (100, Masculine, Case::Nominative, "сотый"),
            (
                1812,
                Masculine,
                Case::Genitive,
                "тысяча восемьсот двенадцатого",
            ),
            (1900, Masculine, Case::Nominative, "тысяча девятисотый"),
            (2000, Masculine, Case::Prepositional, "двухтысячном"),
            (
                2025,
                Masculine,
                Case::Prepositional,
                "две тысячи двадцать пятом",
            ),
            (25_000, Masculine, Case::Nominative, "двадцатипятитысячный"),
            (1_000_000, Feminine, Case::Nominative, "миллионная"),
        ] {
            assert_eq!(ordinal(number, gender, case), expected);
        }
    }

    #[test]
    fn compounds_join_genitives() {
        for (number, expected) in [
            (1, "одно"),
            (2, "двух"),
            (5, "пяти"),
            (21, "двадцатиодно"),
            (40, "сорока"),
            (90, "девяносто"),
            (100, "сто"),
            (250, "двухсотпятидесяти"),
            (1000, "тысяче"),
        ] {
            assert_eq!(compound(number), expected);
        }
    }

    proptest! {
        #[test]
        fn every_number_has_words(number in 0..LIMIT, gender in 0..4_usize, case in 0..6_usize) {
            let gender = [Masculine, Feminine, Neuter, Plural][gender];
            let case = [
                Case::Nominative, Case::Genitive, Case::Dative, Case::Accusative, Case::Instrumental,
                Case::Prepositional,
            ][case];
            for words in [cardinal(number, gender, case), ordinal(number, gender, case), compound(number)] {
                prop_assert!(words.chars().all(|c| c == ' ' || c.is_lowercase()));
                prop_assert!(!words.starts_with(' ') && !words.ends_with(' ') && !words.contains("  "));
            }
        }
    }
}
