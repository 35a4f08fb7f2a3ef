//! Numbers in words: whole ones, decimal and common fractions, digits that are no amount.

use super::{
    super::figures::Figure,
    numerals::{Case, Gender, LIMIT, cardinal, ordinal},
};

/// Zeros that make a number of more than 15 digits an amount rather than a string of digits.
const ROUND: &str = "000000";

/// The value of a whole number of up to 18 digits: of the long ones only where they are round.
pub(super) fn value(figure: &Figure) -> Option<u64> {
    let long = || {
        let digits = &figure.digits;
        let round = (16..=18).contains(&digits.len()) && digits.ends_with(ROUND);
        let value = (round && !digits.starts_with('0')).then(|| digits.parse().ok())?;
        value.filter(|value| *value < LIMIT)
    };
    match figure.fraction {
        None => figure.integer().or_else(long),
        Some(_) => None,
    }
}

/// A number as it is spoken before something of `gender` in `case`.
pub(super) fn figure_words(figure: &Figure, gender: Gender, case: Case) -> String {
    let Some(fraction) = figure.fraction else {
        return match value(figure) {
            Some(value) => cardinal(value, gender, case),
            None => digits_words(&figure.digits),
        };
    };
    // Long fractions are followed only where few of their digits count: *три миллиардных*.
    let most = match fraction.trim_start_matches('0').len() {
        0..=3 => 12,
        _ => 6,
    };
    let (Some(whole), true, Ok(part)) =
        (figure.integer(), fraction.len() <= most, fraction.parse())
    else {
        return point_words(&figure.digits, fraction);
    };
    format!(
        "{} {}",
        whole_words(whole, case),
        fraction_words(part, 10_u64.pow(fraction.len() as u32), case)
    )
}

/// `3.11` of a version: *три точка одиннадцать*.
pub(super) fn point_words(whole: &str, fraction: &str) -> String {
    format!("{} точка {}", digits_words(whole), digits_words(fraction))
}

/// *две целых*.
pub(super) fn whole_words(whole: u64, case: Case) -> String {
    let forms = match (whole % 10, whole / 10 % 10) {
        (1, tens) if tens != 1 => ["целая", "целой", "целой", "целую", "целой", "целой"],
        _ => ["целых", "целых", "целым", "целых", "целыми", "целых"],
    };
    format!(
        "{} {}",
        cardinal(whole, Gender::Feminine, case),
        forms[case as usize]
    )
}

/// *пять десятых*, *три четвёртых*.
pub(super) fn fraction_words(above: u64, below: u64, case: Case) -> String {
    let one = above % 10 == 1 && above / 10 % 10 != 1;
    let denominator = match case {
        _ if one => ordinal(below, Gender::Feminine, case),
        Case::Nominative | Case::Accusative => ordinal(below, Gender::Plural, Case::Genitive),
        _ => ordinal(below, Gender::Plural, case),
    };
    format!("{} {denominator}", cardinal(above, Gender::Feminine, case))
}

/// Thirds are called so in a text: *одной трети*, *две трети*.
pub(super) fn thirds_words(above: u64, case: Case) -> Option<String> {
    let direct = matches!(case, Case::Nominative | Case::Accusative);
    let third = match (above, case) {
        (1, Case::Nominative | Case::Accusative) => "треть",
        (1, Case::Instrumental) => "третью",
        (1, _) => "трети",
        (2, _) if direct => "трети",
        (2, Case::Genitive) => "третей",
        (2, Case::Dative) => "третям",
        (2, Case::Instrumental) => "третями",
        (2, _) => "третях",
        _ => return None,
    };
    Some(format!(
        "{} {third}",
        cardinal(above, Gender::Feminine, case)
    ))
}

/// Digits that are no amount: leading zeros one by one, then the rest as one number where it is short, else digit by
/// digit.
pub(super) fn digits_words(digits: &str) -> String {
    let rest = digits.trim_start_matches('0');
    let zeros = digits.len() - rest.len();
    let mut words = vec!["ноль".to_owned(); zeros];
    let spoken = |digits: &str| {
        let value = digits.parse().unwrap_or(0);
        cardinal(value, Gender::Masculine, Case::Nominative)
    };
    match rest.len() {
        0 => {}
        1..=3 => words.push(spoken(rest)),
        4..=6 if zeros == 0 => words.push(spoken(rest)),
        _ => words.extend((0..rest.len()).map(|at| spoken(&rest[at..=at]))),
    }
    words.join(" ")
}

/// Digits one by one.
pub(super) fn each_digit(digits: &str) -> String {
    let words: Vec<String> = digits
        .bytes()
        .map(|digit| cardinal(u64::from(digit - b'0'), Gender::Masculine, Case::Nominative))
        .collect();
    words.join(" ")
}
