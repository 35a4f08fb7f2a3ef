//! Numbers as they are written: thousands and decimals, dates, times, telephone numbers.

use super::lex::{Kind, Tokens};

/// Notation of large and decimal numbers in a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `1 000 000,5`; a point is a decimal sign too.
    Russian,
    /// `1,000,000.5`.
    English,
}

/// A number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Figure<'a> {
    /// Digits before the decimal sign.
    pub digits: String,
    /// Digits after it.
    pub fraction: Option<&'a str>,
    /// Index of the first token after the number.
    pub end: usize,
}

impl Figure<'_> {
    /// The value of the integer part, if it has at most 15 digits and is not written like `007`.
    pub fn integer(&self) -> Option<u64> {
        integer(&self.digits)
    }

    /// The value of a whole number.
    pub fn whole(&self) -> Option<u64> {
        if self.fraction.is_none() {
            self.integer()
        } else {
            None
        }
    }
}

/// The value of `digits`, if they are at most 15 and do not start with a superfluous zero.
pub(super) fn integer(digits: &str) -> Option<u64> {
    let plain = digits.len() <= 15 && (digits.len() == 1 || !digits.starts_with('0'));
    plain.then(|| digits.parse().ok()).flatten()
}

/// The number that starts at `at`.
pub(super) fn figure<'a>(tokens: &Tokens<'a>, at: usize, style: Style) -> Option<Figure<'a>> {
    let first = tokens.number(at)?;
    let mut digits = first.to_owned();
    let mut end = at + 1;
    // `U6 264`: the digit belongs to the letter before it.
    let glued = at > 0 && tokens.is_word(at - 1);
    let separators: &[&str] = match style {
        Style::Russian if glued => &["'", ".", ","],
        Style::Russian => &[" ", "'", ".", ","],
        Style::English => &[",", " "],
    };
    // Signs of thousands in English part nothing else, however many there are.
    let most = match style {
        Style::Russian => 4,
        Style::English => 20,
    };
    for separator in separators {
        let mut groups = Vec::new();
        while tokens.text(at + 1 + 2 * groups.len()) == *separator {
            match tokens.number(at + 2 + 2 * groups.len()) {
                Some(group) if group.len() == 3 && groups.len() < most => groups.push(group),
                _ => break,
            }
        }
        // One group after a decimal sign is a fraction.
        let enough = match (style, *separator) {
            (Style::Russian, "." | ",") => 2,
            (Style::English, " ") => 2,
            _ => 1,
        };
        if groups.len() >= enough && (1..=3).contains(&first.len()) && !first.starts_with('0') {
            end = at + 1 + 2 * groups.len();
            digits.push_str(&groups.concat());
            break;
        }
    }
    let sign = tokens.text(end);
    let is_decimal = sign == "." || style == Style::Russian && sign == ",";
    let fraction = tokens.number(end + 1).filter(|_| is_decimal);
    // `1.2.3` is no decimal number.
    let fraction = fraction.filter(|_| {
        !(matches!(tokens.text(end + 2), "." | ",") && tokens.number(end + 3).is_some())
    });
    if fraction.is_some() {
        end += 2;
    }
    Some(Figure {
        digits,
        fraction,
        end,
    })
}

/// The second number of a range such as `10-15` or `10 — 15`, whose first one ends at `end`.
pub(super) fn range_end<'a>(tokens: &Tokens<'a>, end: usize, style: Style) -> Option<Figure<'a>> {
    let dash = tokens.skip_space(end);
    if !matches!(tokens.text(dash), "-" | "—") {
        return None;
    }
    let second = tokens.skip_space(dash + 1);
    let even = (dash > end) == (second > dash + 1);
    let figure = figure(tokens, second, style).filter(|_| even)?;
    let more = tokens.text(figure.end) == "-" && tokens.number(figure.end + 1).is_some();
    (!more).then_some(figure)
}

/// Day, month and year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Date {
    pub day: u64,
    pub month: usize,
    pub year: u64,
    /// Index of the first token after the date.
    pub end: usize,
}

/// The year that two digits stand for. Births and documents of the last century are as common as plans for the next decades,
/// hence the middle of the century parts them.
pub(super) fn of_century(digits: u64) -> u64 {
    digits + if digits < 50 { 2000 } else { 1900 }
}

/// A date written in figures: `22.11.2026`, `2026-11-22`, `22/11/2026`; in English `11/22/2026` as well.
pub(super) fn date(tokens: &Tokens, at: usize, style: Style) -> Option<Date> {
    let separator = tokens.text(at + 1);
    if !matches!(separator, "." | "-" | "/") || tokens.text(at + 3) != separator {
        return None;
    }
    let goes_on = tokens.text(at + 5) == separator && tokens.number(at + 6).is_some();
    let parts = [0, 2, 4].map(|offset| tokens.number(at + offset).unwrap_or("x"));
    let [a, b, c] = parts.map(|part| part.parse::<u64>().unwrap_or(0));
    let lengths = parts.map(str::len);
    let (day, month, year) = match (separator, lengths) {
        ("-", [4, 2, 2]) => (c, b, a),
        ("/", [1..=2, 1..=2, 4]) if style == Style::English && a <= 12 => (b, a, c),
        ("." | "/", [1..=2, 1..=2, 4]) => (a, b, c),
        (".", [2, 2, 2]) => (a, b, of_century(c)),
        // `от 1.12.26 г.`, while `1.12.26` may be a section.
        (".", [1, 2, 2])
            if style == Style::Russian
                && (matches!(tokens.text(tokens.skip_space(at + 5)), "г" | "года")
                    || matches!(tokens.word_before(at).as_str(), "от" | "до" | "с" | "по")) =>
        {
            (a, b, of_century(c))
        }
        ("/", [4, 2, 2]) if style == Style::Russian => (c, b, a),
        ("/", [2, 2, 2]) if style == Style::Russian => (a, b, of_century(c)),
        ("-", [2, 2, 4]) if style == Style::Russian => (a, b, c),
        // A short telephone number is written so too, but none begins with a nought.
        ("-", [2, 2, 2]) if style == Style::Russian && a < 10 => (a, b, of_century(c)),
        _ => return None,
    };
    let good = (1..=31).contains(&day) && (1..=12).contains(&month) && year > 0 && !goes_on;
    good.then_some(Date {
        day,
        month: month as usize,
        year,
        end: at + 5,
    })
}

/// The parts of a number with two or more full stops, such as `5.3.2`, and the index after it.
pub(super) fn outline<'a>(tokens: &Tokens<'a>, at: usize) -> Option<(Vec<&'a str>, usize)> {
    let mut parts = vec![tokens.number(at)?];
    let mut end = at + 1;
    while tokens.text(end) == "." {
        let Some(part) = tokens.number(end + 1) else {
            break;
        };
        parts.push(part);
        end += 2;
    }
    (parts.len() > 2).then_some((parts, end))
}

/// Hours, minutes and, where written, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time {
    pub hours: u64,
    pub minutes: u64,
    pub seconds: Option<u64>,
    /// Index of the first token after the time.
    pub end: usize,
}

/// A time of day: `9:05`, `12:30`, `12:30:15`.
pub(super) fn time(tokens: &Tokens, at: usize) -> Option<Time> {
    let part = |at: usize, lengths: std::ops::RangeInclusive<usize>, below: u64| {
        let digits = tokens.number(at).filter(|d| lengths.contains(&d.len()))?;
        digits.parse::<u64>().ok().filter(|value| *value < below)
    };
    if tokens.text(at + 1) != ":" {
        return None;
    }
    let hours = part(at, 1..=2, 25)?;
    let minutes = part(at + 2, 2..=2, 60)?;
    let seconds = part(at + 4, 2..=2, 60).filter(|_| tokens.text(at + 3) == ":");
    Some(Time {
        hours,
        minutes,
        seconds,
        end: at + if seconds.is_some() { 5 } else { 3 },
    })
}

/// The groups of a telephone number that starts at `at`, with `+` or without, and the index after it.
pub(super) fn telephone<'a>(tokens: &Tokens<'a>, at: usize) -> Option<(Vec<&'a str>, usize)> {
    let plus = tokens.text(at) == "+";
    let open = tokens.text(at) == "(";
    let mut groups = Vec::new();
    let mut hyphens = 0;
    let mut brackets = false;
    let mut i = at + usize::from(plus || open);
    let mut end = i;
    while let Some(group) = tokens.number(i) {
        groups.push(group);
        end = i + 1;
        i = end;
        let before = i;
        while matches!(tokens.text(i), " " | "-" | "(" | ")") && i < before + 3 {
            hyphens += usize::from(tokens.text(i) == "-" && tokens.number(i + 1).is_some());
            brackets |= tokens.text(i) == ")";
            i += 1;
        }
        if i == before || groups.len() > 8 {
            break;
        }
    }
    let digits: usize = groups.iter().map(|group| group.len()).sum();
    let good = if plus {
        (10..=15).contains(&digits)
    } else if groups.len() == 1 {
        digits == 11 && matches!(groups[0].as_bytes()[0], b'7' | b'8')
    } else if (10..=12).contains(&digits) {
        // `8(916)1234567`, `8 (812) 300 40 50`
        let whole = groups.len() == 3 || digits == 11;
        let mobile = brackets && whole && matches!(groups[0], "7" | "8");
        (hyphens > 0 || mobile) && groups.len() >= 3
    } else {
        (6..=12).contains(&digits) && groups.len() >= 3 && hyphens + 1 == groups.len()
    };
    good.then_some((groups, end))
}

/// The parts of the fraction at `at`, such as `3/4`, and the index after it.
pub(super) fn fraction(tokens: &Tokens, at: usize) -> Option<(u64, u64, usize)> {
    let above = integer(tokens.number(at)?)?;
    if tokens.text(at + 1) != "/" {
        return None;
    }
    let below = integer(tokens.number(at + 2)?)?;
    let alone = tokens.text(at + 3) != "/" && !(at > 1 && tokens.text(at - 1) == "/");
    (alone && 0 < above && above < below && below <= 1000).then_some((above, below, at + 3))
}

/// Returns true if a hyphen or plus at `at` is a sign: nothing, a blank or an opening mark before it, and a number
/// after it.
pub(super) fn is_sign(tokens: &Tokens, at: usize) -> bool {
    let before = at.checked_sub(1);
    let opens = before.is_none_or(|before| {
        tokens.kind(before) == Some(Kind::Space)
            || matches!(tokens.text(before), "(" | "\"" | "«" | "±" | "~" | "^")
    });
    opens && tokens.number(at + 1).is_some()
}

/// The value of a Roman numeral written with I, V and X only, up to 39.
pub(super) fn roman(word: &str) -> Option<u64> {
    const TENS: [&str; 4] = ["", "X", "XX", "XXX"];
    const UNITS: [&str; 10] = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"];
    let tens = word.bytes().take_while(|b| *b == b'X').count();
    let units = UNITS.iter().position(|unit| *unit == &word[tens..])?;
    let value = 10 * tens + units;
    (tens < TENS.len() && value > 0).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn russian(text: &str) -> (String, Option<String>) {
        let tokens = Tokens::of(text);
        let figure = figure(&tokens, 0, Style::Russian).unwrap();
        (figure.digits, figure.fraction.map(str::to_owned))
    }

    #[test]
    fn thousands_and_decimals_are_told_apart() {
        for (text, digits, fraction) in [
            ("1 000 000", "1000000", None),
            ("1 000,5", "1000", Some("5")),
            ("2,5", "2", Some("5")),
            ("3.141", "3", Some("141")),
            ("1.000.000", "1000000", None),
            ("2025 100", "2025", None),
            ("1.2.3", "1", None),
            ("5, 6", "5", None),
        ] {
            assert_eq!(
                russian(text),
                (digits.into(), fraction.map(str::to_owned)),
                "{text}"
            );
        }
        let tokens = Tokens::of("1,234,567.89");
        let english = figure(&tokens, 0, Style::English).unwrap();
        assert_eq!(
            (english.digits.as_str(), english.fraction),
            ("1234567", Some("89"))
        );
    }

    #[test]
    fn roman_numerals_are_canonical() {
        for (word, value) in [
            ("IV", Some(4)),
            ("XX", Some(20)),
            ("XXXIX", Some(39)),
            ("IIII", None),
            ("VX", None),
            ("XXXX", None),
            ("", None),
        ] {
            assert_eq!(roman(word), value, "{word}");
        }
    }
}
