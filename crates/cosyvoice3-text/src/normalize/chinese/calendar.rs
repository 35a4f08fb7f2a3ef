//! Dates, years and times of day in Chinese.

use super::{
    numerals::{cardinal, digits},
    scan::Scan,
    written::behind_dash,
};

/// `2025-11-30`, `2025/1/5`, `2025.01.05`.
pub(super) fn date(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let (year, end) = scan.run(at).filter(|(year, _)| year.len() == 4)?;
    let separator = scan.char(end);
    if !matches!(separator, '-' | '/' | '.') || scan.before(at).is_ascii_digit() {
        return None;
    }
    let (month, end) = scan.run(end + 1)?;
    if separator == '/' && scan.char(end) != '/' && matches!(&year[..2], "19" | "20") {
        let month = month
            .parse()
            .ok()
            .filter(|month| (1..=12).contains(month))?;
        return Some((format!("{}年{}月", digits(&year), cardinal(month)), end));
    }
    if scan.char(end) != separator {
        return None;
    }
    let (day, end) = scan.run(end + 1)?;
    let part = |digits: &str, most: u64| {
        digits
            .parse::<u64>()
            .ok()
            .filter(|value| (1..=most).contains(value))
    };
    let (month, day) = (part(&month, 12)?, part(&day, 31)?);
    let end = end + usize::from(matches!(scan.char(end), '日'));
    Some((
        format!(
            "{}年{}月{}日",
            digits(&year),
            cardinal(month),
            cardinal(day)
        ),
        end,
    ))
}

/// `2025年`, `2023-2025年`, `1990年代`: years digit by digit.
pub(super) fn years(scan: &Scan, at: usize) -> Option<(String, usize)> {
    const NOUNS: [&str; 6] = ["年", "款", "届", "版", "学年", "赛季"];
    if scan.before(at).is_ascii_digit() || scan.before(at) == '.' {
        return None;
    }
    let (first, end) = scan.run(at)?;
    if first.len() == 4 && scan.one_of(end, &NOUNS).is_some() && matches!(&first[..1], "1" | "2") {
        return Some((digits(&first), end));
    }
    let second = behind_dash(scan, end)?;
    let (last, after) = scan.run(second)?;
    let good =
        first.len() == 4 && matches!(last.len(), 2 | 4) && scan.one_of(after, &NOUNS).is_some();
    good.then(|| (format!("{}到{}", digits(&first), digits(&last)), after))
}

/// `8:30`, `14:05:20`, `8:30am`, `9:00-18:00`; what is no time is a ratio: `3:1`.
pub(super) fn clock(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let (first, end) = scan.run(at).filter(|_| !scan.before(at).is_ascii_digit())?;
    if !matches!(scan.char(end), ':' | '∶') {
        return None;
    }
    let (second, after) = scan.run(end + 1)?;
    let ratio = || {
        let part = |digits: &str| digits.parse().map(cardinal).ok();
        Some((format!("{}比{}", part(&first)?, part(&second)?), after))
    };
    let score = [
        "比分", "比例", "比率", "比值", "战胜", "大胜", "以", "比", "领先",
    ];
    if scan.char(end) == '∶' || second.len() != 2 || scan.follows(at, &score) {
        return ratio().filter(|_| first.len() <= 8 && second.len() <= 8);
    }
    let Some((time, end)) = time_of_day(scan, at) else {
        return ratio();
    };
    let dash = behind_dash(scan, end).filter(|next| scan.is_digit(*next));
    match dash.and_then(|next| time_of_day(scan, next)) {
        Some((until, end)) => {
            let short = |time: String| time.trim_end_matches('整').to_owned();
            Some((format!("{}到{}", short(time), short(until)), end))
        }
        None => Some((time, end)),
    }
}

fn time_of_day(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let part = |at: usize, below: u64| {
        let (digits, end) = scan.run(at).filter(|(digits, _)| digits.len() <= 2)?;
        let value = digits.parse::<u64>().ok().filter(|value| *value < below)?;
        Some((value, digits.len(), end))
    };
    let (hours, _, end) = part(at, 25)?;
    if scan.char(end) != ':' {
        return None;
    }
    let (minutes, _, end) = part(end + 1, 60).filter(|(_, length, _)| *length == 2)?;
    let seconds = part(end + 1, 60).filter(|(_, length, _)| *length == 2 && scan.char(end) == ':');
    let padded = |value: u64| match value {
        0..=9 => format!("零{}", cardinal(value)),
        _ => cardinal(value),
    };
    let hours = if hours == 2 {
        "两".to_owned()
    } else {
        cardinal(hours)
    };
    let (mut said, mut end) = match (minutes, seconds) {
        (_, Some((seconds, _, end))) => (
            format!("{hours}点{}分{}秒", padded(minutes), padded(seconds)),
            end,
        ),
        (0, None) => (format!("{hours}点整"), end),
        (minutes, None) => (format!("{hours}点{}分", padded(minutes)), end),
    };
    let half = end + usize::from(scan.char(end) == ' ');
    for (written, name) in [
        ("am", "上午"),
        ("AM", "上午"),
        ("pm", "下午"),
        ("PM", "下午"),
    ] {
        if scan.has(half, written) && !scan.char(half + 2).is_ascii_alphanumeric() {
            said = format!("{name}{said}");
            end = half + 2;
        }
    }
    Some((
        said,
        end + usize::from(scan.char(end) == '分' || scan.char(end) == '秒'),
    ))
}
