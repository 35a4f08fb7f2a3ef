//! Times of subtitles: `00:01:02,345`, `1:02.3` and common variants.

use std::time::Duration;

/// The arrows that stand between two times; the longer ones first.
const ARROWS: [&str; 7] = ["-->", "-- >", "- ->", "->", "—>", "–>", "→"];

/// The times of a line `START --> END ...`; `None` if it is no such line. An end that cannot be parsed is `None`.
pub(super) fn range(line: &str) -> Option<(Duration, Option<Duration>)> {
    let (start, rest) = ARROWS.iter().find_map(|arrow| line.split_once(arrow))?;
    let start = time(start)?;
    // Positions and settings may follow: `X1:40 X2:600`, `align:start`.
    let end = rest.find(|c: char| !c.is_ascii_digit() && !":,. \t".contains(c));
    Some((start, time(&rest[..end.unwrap_or(rest.len())])))
}

/// Returns true for a line of times that cannot be parsed: it has the arrow, and begins as a time does.
pub(super) fn is_broken_range(line: &str) -> bool {
    line.contains("-->")
        && line.trim_start().starts_with(|c: char| c.is_ascii_digit())
        && range(line).is_none()
}

/// `H:MM:SS.fff` or `MM:SS.fff`: blanks anywhere, a comma or a stop before any number of decimals.
pub(super) fn time(text: &str) -> Option<Duration> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (whole, fraction) = text.split_once([',', '.']).unwrap_or((&text, ""));
    let mut seconds: u64 = 0;
    let mut parts = 0;
    for part in whole.split(':') {
        seconds = seconds.checked_mul(60)?.checked_add(number(part)?)?;
        parts += 1;
    }
    if !(2..=3).contains(&parts) || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}")[..9].parse().ok()?;
    Some(Duration::new(seconds, nanoseconds))
}

fn number(digits: &str) -> Option<u64> {
    let plain =
        !digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// A moment as `00:01:02.345`.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!(
        "{:02}:{:02}:{:02}.{:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        time.subsec_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, milliseconds) in [
            ("00:00:01,000", 1000),
            ("00:00:01.000", 1000),
            ("0:01:02.34", 62_340),
            ("01:02.345", 62_345),
            (" 00: 00: 03, 900 ", 3900),
            ("1:00:00", 3_600_000),
            ("00:00:01,5", 1500),
            ("100:00:00,000", 360_000_000),
        ] {
            assert_eq!(
                time(text),
                Some(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "12",
            "a:b",
            "1:2:3:4",
            "00:00:1x",
            "-1:00",
            "99999999:00",
            "00:00:01,0a",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn lines_with_times_are_found_with_every_arrow_and_whatever_follows() {
        let wanted = Some((Duration::from_secs(1), Some(Duration::from_millis(3900))));
        for line in [
            "00:00:01,000 --> 00:00:03,900",
            "00:00:01,000-->00:00:03,900",
            "00:00:01.000 -> 00:00:03.900",
            "00:01.000 --> 00:03.900 align:start position:0%",
            "00:00:01,000 --> 00:00:03,900  X1:100 X2:600 Y1:050 Y2:100",
            "00:00:01,000 —> 00:00:03,900",
            "00:00:01,000 -- > 00:00:03,900",
        ] {
            assert_eq!(range(line), wanted, "{line}");
        }
        assert_eq!(
            range("00:00:01,000 --> "),
            Some((Duration::from_secs(1), None))
        );
        assert_eq!(range("Go --> there"), None);
        assert!(is_broken_range("00:00:0l,000 --> 00:00:02,000"));
        assert!(!is_broken_range("Go --> there"));
    }

    #[test]
    fn a_moment_is_shown_as_it_is_read() {
        let moment = Duration::from_millis(3_723_004);
        assert_eq!(clock(moment), "01:02:03.004");
        assert_eq!(time(&clock(moment)), Some(moment));
    }
}
