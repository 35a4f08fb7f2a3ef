//! English number words.

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

const TENS: [&str; 10] = [
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

/// Names of the powers of a thousand, the largest first.
const POWERS: [(u64, &str); 6] = [
    (1_000_000_000_000_000_000, " quintillion"),
    (1_000_000_000_000_000, " quadrillion"),
    (1_000_000_000_000, " trillion"),
    (1_000_000_000, " billion"),
    (1_000_000, " million"),
    (1_000, " thousand"),
];

/// *one hundred twenty-three*.
pub(super) fn cardinal(value: u64) -> String {
    let mut out = String::with_capacity(64);
    push_cardinal(&mut out, value);
    out
}

fn push_cardinal(out: &mut String, value: u64) {
    let mut rest = value;
    for (power, name) in POWERS {
        if rest >= power {
            push_below_thousand(out, rest / power);
            out.push_str(name);
            rest %= power;
        }
    }
    if rest > 0 || value == 0 {
        push_below_thousand(out, rest);
    }
}

fn push_below_thousand(out: &mut String, value: u64) {
    if !out.is_empty() {
        out.push(' ');
    }
    let (hundreds, rest) = ((value / 100) as usize, (value % 100) as usize);
    if hundreds > 0 {
        out.push_str(SMALL[hundreds]);
        out.push_str(" hundred");
        if rest == 0 {
            return;
        }
        out.push(' ');
    }
    if rest < SMALL.len() {
        out.push_str(SMALL[rest]);
        return;
    }
    out.push_str(TENS[rest / 10]);
    if !rest.is_multiple_of(10) {
        out.push('-');
        out.push_str(SMALL[rest % 10]);
    }
}

/// *one hundred twenty-third*.
pub(super) fn ordinal(value: u64) -> String {
    let mut words = cardinal(value);
    let last = words.rfind([' ', '-']).map_or(0, |at| at + 1);
    let irregular = match &words[last..] {
        "one" => Some("first"),
        "two" => Some("second"),
        "three" => Some("third"),
        "five" => Some("fifth"),
        "eight" => Some("eighth"),
        "nine" => Some("ninth"),
        "twelve" => Some("twelfth"),
        _ => None,
    };
    if let Some(word) = irregular {
        words.replace_range(last.., word);
    } else if words.ends_with('y') {
        words.pop();
        words.push_str("ieth");
    } else {
        words.push_str("th");
    }
    words
}

/// A number of three or four digits as years and house numbers are said: *nineteen oh five*, *seven oh eight*,
/// *twenty twenty-six*, *two thousand one*.
pub(super) fn in_pairs(value: u64) -> String {
    let (hundreds, rest) = (value / 100, value % 100);
    if value < 100 || (1000..10_000).contains(&value) && value % 1000 < 10 {
        return cardinal(value);
    }
    let mut out = cardinal(hundreds);
    match rest {
        0 => out.push_str(" hundred"),
        1..=9 => {
            out.push_str(" oh ");
            out.push_str(SMALL[rest as usize]);
        }
        _ => push_below_thousand(&mut out, rest),
    }
    out
}

/// *nineties*, *twenty-fives*: `words` in the plural.
pub(super) fn plural(words: &str) -> String {
    match words.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if words.ends_with('x') => format!("{words}es"),
        None => format!("{words}s"),
    }
}

/// *three quarters*, *one half*, *two thirds*.
pub(super) fn fraction(above: u64, below: u64) -> String {
    let noun = match below {
        2 => "half".to_owned(),
        4 => "quarter".to_owned(),
        _ => ordinal(below),
    };
    match above {
        1 => format!("one {noun}"),
        _ if below == 2 => format!("{} halves", cardinal(above)),
        _ => format!("{} {noun}s", cardinal(above)),
    }
}

/// Digit by digit; what is no ASCII digit is left out.
pub(super) fn digits(digits: &str) -> String {
    let mut out = String::with_capacity(6 * digits.len());
    for digit in digits.bytes().filter(u8::is_ascii_digit) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(SMALL[usize::from(digit - b'0')]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardinals_and_ordinals_of_every_length() {
        for (value, words, order) in [
            (0, "zero", "zeroth"),
            (5, "five", "fifth"),
            (12, "twelve", "twelfth"),
            (20, "twenty", "twentieth"),
            (21, "twenty-one", "twenty-first"),
            (100, "one hundred", "one hundredth"),
            (342, "three hundred forty-two", "three hundred forty-second"),
            (1_008, "one thousand eight", "one thousand eighth"),
            (1_000_019, "one million nineteen", "one million nineteenth"),
        ] {
            assert_eq!(cardinal(value), words);
            assert_eq!(ordinal(value), order);
        }
        assert_eq!(
            cardinal(u64::MAX),
            "eighteen quintillion four hundred forty-six quadrillion seven hundred forty-four trillion \
             seventy-three billion seven hundred nine million five hundred fifty-one thousand six hundred fifteen"
        );
    }

    #[test]
    fn years_and_house_numbers_are_said_in_pairs() {
        for (value, words) in [
            (79, "seventy-nine"),
            (340, "three forty"),
            (708, "seven oh eight"),
            (1066, "ten sixty-six"),
            (1905, "nineteen oh five"),
            (1900, "nineteen hundred"),
            (2000, "two thousand"),
            (2009, "two thousand nine"),
            (2010, "twenty ten"),
            (2026, "twenty twenty-six"),
        ] {
            assert_eq!(in_pairs(value), words);
        }
    }
}
