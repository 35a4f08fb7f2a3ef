//! Dates, years and times of day in Chinese.

use super::{
    numerals::{cardinal, digits},
    quantities::behind_dash,
    scan::Scan,
};

/// `2025-11-30`, `2025/1/5`, `2025.01.05`.
pub(super) fn date(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let (year, end) = scan.run(at).filter(|(year, _)| year.len() == 4)?;
    let separator = scan.char(end);
    if !matches!(separator, '-' | '/' | '.') || scan.before(at).is_ascii_digit() {
        return None;
    }
    let (month, end) = scan.run(end + 1)?;
    if separator == '/' && scan.char(end) != '/' && is_year(&year) {
        return Some((in_words(&year, part(&month, 12)?, None), end));
    }
    if scan.char(end) != separator {
        return None;
    }
    let (day, end) = scan.run(end + 1)?;
    let (month, day) = (part(&month, 12)?, part(&day, 31)?);
    let end = end + usize::from(matches!(scan.char(end), '日'));
    Some((in_words(&year, month, Some(day)), end))
}

/// `2008-08`, `2008.08`, `08/2008`, `31-12-2025`, `08-08`: dates in another order or without a part.
pub(super) fn part_of_date(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let parts_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '/' | ',');
    let (first, end) = scan.run(at).filter(|_| !parts_number(scan.before(at)))?;
    let separator = scan.char(end);
    let (second, after) = scan.run(end + 1)?;
    if !matches!(separator, '-' | '/' | '.') {
        return None;
    }
    if scan.char(after) == separator {
        let (year, end) = scan.run(after + 1)?;
        let (a, b) = (part(&first, 31)?, part(&second, 31)?);
        let (month, day) = if b <= 12 { (b, a) } else { (a, b) };
        let is_year = is_year(&year) && !parts_number(scan.char(end));
        return (is_year && month <= 12).then(|| (in_words(&year, month, Some(day)), end));
    }
    if parts_number(scan.char(after)) && scan.is_digit(after + 1) {
        return None;
    }
    let is_padded = |digits: &str| digits.len() == 2 && digits.starts_with('0');
    let counts = scan
        .one_of(after, &["元", "万", "亿", "%", "年", "米", "公"])
        .is_some();
    match (first.len(), second.len()) {
        (4, 2) if is_year(&first) && !counts && (separator != '.' || is_padded(&second)) => {
            Some((in_words(&first, part(&second, 12)?, None), after))
        }
        (2, 4) if is_year(&second) && !counts => {
            Some((in_words(&second, part(&first, 12)?, None), after))
        }
        (1 | 2, 1 | 2) => {
            let announced = scan.follows(at, &BEFORE_DATE) || follows_time(scan, after);
            // `5/1放假`: no fraction has a whole for a part.
            let first_of_month = separator == '/' && second == "1" && first != "1";
            let dated = is_padded(&first) && second.len() == 2
                || separator == '/' && (announced || first_of_month) && !counts;
            let (month, day) = (part(&first, 12)?, part(&second, 31)?);
            dated.then(|| (format!("{}月{}日", cardinal(month), cardinal(day)), after))
        }
        _ => None,
    }
}

/// `2024/25赛季`, `2024-2025学年`: the two years of a season.
pub(super) fn season(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let (first, end) = scan
        .run(at)
        .filter(|(year, _)| is_year(year) && !scan.before(at).is_ascii_digit())?;
    let (second, after) = scan
        .run(end + 1)
        .filter(|_| matches!(scan.char(end), '/' | '-' | '—' | '~'))?;
    let is_season = scan
        .one_of(after, &["赛季", "学年", "年度", "财年"])
        .is_some();
    (matches!(second.len(), 2 | 4) && is_season)
        .then(|| (format!("{}到{}", digits(&first), digits(&second)), after))
}

/// Words before a date: `截至12/31`.
const BEFORE_DATE: [&str; 14] = [
    "日期",
    "有效期",
    "截止",
    "截至",
    "定于",
    "将于",
    "于",
    "改为",
    "改到",
    "推迟到",
    "延至",
    "起至",
    "生日",
    "时间",
];

/// True if a time of day follows behind a blank: `12/31 19:30`.
fn follows_time(scan: &Scan, at: usize) -> bool {
    scan.char(at) == ' ' && time_of_day(scan, at + 1).is_some()
}

fn is_year(digits: &str) -> bool {
    digits.len() == 4 && matches!(&digits[..2], "19" | "20")
}

/// The value of a month or a day.
fn part(digits: &str, most: u64) -> Option<u64> {
    let value = digits.parse::<u64>().ok().filter(|_| digits.len() <= 2)?;
    (1..=most).contains(&value).then_some(value)
}

fn in_words(year: &str, month: u64, day: Option<u64>) -> String {
    let day = day.map_or_else(String::new, |day| format!("{}日", cardinal(day)));
    format!("{}年{}月{day}", digits(year), cardinal(month))
}

/// `90后`: those who were born in these years.
pub(super) fn generation(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let (years, end) = scan
        .run(at)
        .filter(|_| !scan.before(at).is_alphanumeric() || !scan.before(at).is_ascii())?;
    let is_generation = years.len() == 2
        && years.ends_with(['0', '5'])
        && scan.char(end) == '后'
        && !matches!(scan.before(at), '第' | '.' | '-')
        && years != "15"
        && years != "20"
        && years != "30";
    is_generation.then(|| (digits(&years), end))
}

/// `2025年`, `2023-2025年`, `1990年代`, `2023级`: years digit by digit.
pub(super) fn years(scan: &Scan, at: usize) -> Option<(String, usize)> {
    const NOUNS: [&str; 6] = ["年", "款", "届", "版", "学年", "赛季"];
    if scan.before(at).is_ascii_digit() || scan.before(at) == '.' {
        return None;
    }
    let (first, end) = scan.run(at)?;
    if first.len() == 4 && scan.one_of(end, &NOUNS).is_some() && matches!(&first[..1], "1" | "2") {
        return Some((digits(&first), end));
    }
    // `2023级学生`, but `1999级台阶`
    let is_class = is_year(&first)
        && scan.char(end) == '级'
        && !matches!(scan.char(end + 1), '台' | '阶' | '楼' | '石');
    if is_class {
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

/// The halves of a day; the clean-up has made a full stop of the last point.
const HALVES: [(&str, &str); 12] = [
    ("am", "上午"),
    ("AM", "上午"),
    ("a.m。", "上午"),
    ("A.M。", "上午"),
    ("a.m", "上午"),
    ("A.M", "上午"),
    ("pm", "下午"),
    ("PM", "下午"),
    ("p.m。", "下午"),
    ("P.M。", "下午"),
    ("p.m", "下午"),
    ("P.M", "下午"),
];

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
        (0, None)
            if scan
                .one_of(end, &["之", "前", "后", "左右", "以", "至", "到"])
                .is_some() =>
        {
            (format!("{hours}点"), end)
        }
        // `13:00整`
        (0, None) if scan.char(end) == '整' => (format!("{hours}点"), end),
        (0, None) => (format!("{hours}点整"), end),
        (minutes, None) => (format!("{hours}点{}分", padded(minutes)), end),
    };
    let half = end + usize::from(scan.char(end) == ' ');
    for (written, name) in HALVES {
        let after = half + written.chars().count();
        if scan.has(half, written) && !scan.char(after).is_ascii_alphanumeric() {
            said = format!("{name}{}", said.trim_end_matches('整'));
            end = after;
            break;
        }
    }
    Some((
        said,
        end + usize::from(scan.char(end) == '分' || scan.char(end) == '秒'),
    ))
}
