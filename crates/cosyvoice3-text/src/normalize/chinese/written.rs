//! Chinese with its digits and signs read out in characters.
//!
//! Own rules instead of the published finite state transducers (crate `wetext-rs`): those read 19 of 59 lines of
//! announcements unnaturally (trains, rooms, `约1/3`, `+86`, addresses), and correcting them takes as many rules.

use super::{
    amounts::{
        fraction, joins_names_or_pressures, measure, money, percent, rate, temperature,
        ten_thousands,
    },
    calendar::{clock, date, generation, part_of_date, season, years},
    names::{
        abbreviated, bracketed_area, coded, day_and_night, flat, floor, letter_to_letter, named,
        plane, plus_country, section, service, telephone, version,
    },
    numerals::{called, cardinal},
    quantities::{counted, quantity},
    scan::{Number, Scan},
    web::web_address,
};
use crate::{Change, Language, normalize::signs};

/// A name, and a way to read what stands at an index: the reading, and the index after what was read.
type Rule = (&'static str, fn(&Scan, usize) -> Option<(String, usize)>);

/// The most certain first.
const RULES: [Rule; 34] = [
    ("name", plane),
    ("telephone", plus_country),
    ("telephone", bracketed_area),
    ("telephone", telephone),
    ("telephone", service),
    ("date", date),
    ("year", season),
    ("year", years),
    ("year", generation),
    ("date", part_of_date),
    ("time", clock),
    ("version", version),
    ("section", section),
    ("section", abbreviated),
    ("name", day_and_night),
    ("money", money),
    ("percent", percent),
    ("fraction", fraction),
    ("temperature", temperature),
    ("letters", letter_to_letter),
    ("address", flat),
    ("name", named),
    ("quantity", ten_thousands),
    ("measure", measure),
    ("floor", floor),
    ("sum", sum),
    ("score", score),
    ("code", coded),
    ("range", range),
    ("range", joint),
    ("sign", signed),
    ("power", power),
    ("rate", rate),
    ("number", plain),
];

/// `text` in characters alone; what is read otherwise than written goes to `changes` too.
pub(super) fn written(text: &str, mut changes: Option<&mut Vec<Change>>) -> String {
    let scan = Scan::of(text, changes.as_deref_mut());
    let mut out = String::with_capacity(2 * text.len());
    let mut at = 0;
    while at < scan.len() {
        let before = out.len();
        let (end, rule) = push_read(&mut out, &scan, at);
        if let Some(changes) = changes.as_deref_mut() {
            let (written, said) = (scan.text(at, end), &out[before..]);
            if written != said {
                changes.push(Change::new(&written, said, rule));
            }
        }
        at = end;
    }
    out
}

/// Adds the reading of what stands at `at`; the index after it, and the rule that reads it.
fn push_read(out: &mut String, scan: &Scan, at: usize) -> (usize, &'static str) {
    if let Some(control) = scan.control(at) {
        out.push_str(&control);
        return (at + control.chars().count(), "control");
    }
    if let Some((said, end)) = web_address(scan, at) {
        out.push_str(&said);
        return (end, "web address");
    }
    let c = scan.char(at);
    let starts = c.is_ascii_digit()
        || c.is_ascii_uppercase()
        || !c.is_alphanumeric() && c != ' '
        || "⁰¹⁴⁵⁶⁷⁸⁹".contains(c);
    let found = RULES
        .iter()
        .filter(|_| starts)
        .find_map(|(name, rule)| Some((rule(scan, at)?, *name)));
    match found {
        Some(((said, end), name)) => {
            out.push_str(&said);
            (end, name)
        }
        None => {
            push_sign(out, scan, at);
            (at + 1, "sign")
        }
    }
}

/// A sign by its name, all else as it is.
fn push_sign(out: &mut String, scan: &Scan, at: usize) {
    let c = scan.char(at);
    // `1 + 1`
    let next = at + 1 + usize::from(scan.char(at + 1) == ' ');
    let near_number = is_numeral(out.trim_end().chars().next_back()) || scan.is_digit(next);
    let said = match c {
        '×' | '✕' => "乘",
        '÷' => "除以",
        '±' => "正负",
        '=' => "等于",
        '+' if near_number => "加",
        '<' if near_number => "小于",
        '>' if near_number => "大于",
        // `39°54′`
        '′' if is_numeral(out.chars().next_back()) => "分",
        '″' if is_numeral(out.chars().next_back()) => "秒",
        '℃' => "摄氏度",
        '℉' => "华氏度",
        '°' => "度",
        '㎡' => "平方米",
        '㎥' => "立方米",
        '‰' => "千分之",
        '№' => "编号",
        '&' => "和",
        '∶' => "比",
        '$' => "美元",
        '€' => "欧元",
        '¥' => "元",
        '⋅' => "点",
        '.' if scan.before(at).is_ascii_digit() || scan.is_digit(at + 1) => "点",
        _ => match signs::name(c.encode_utf8(&mut [0; 4]), Language::Chinese) {
            Some(name) => name,
            None => return out.push(c),
        },
    };
    out.push_str(said);
}

fn is_numeral(c: Option<char>) -> bool {
    c.is_some_and(|c| "零一二三四五六七八九十百千万亿两".contains(c))
}

/// `10^3`, `10⁸`: 十的三次方.
fn power(scan: &Scan, at: usize) -> Option<(String, usize)> {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let raised = |at: usize| RAISED.iter().position(|c| *c == scan.char(at));
    if scan.before(at).is_ascii_digit() && raised(at).is_some() {
        let digits: String = (at..at + 3)
            .map_while(raised)
            .map(|digit| char::from(b'0' + digit as u8))
            .collect();
        let end = at + digits.len();
        return Some((format!("的{}次方", cardinal(digits.parse().ok()?)), end));
    }
    let number = scan.number(at + 1).filter(|_| scan.char(at) == '^')?;
    Some((format!("的{}次方", quantity(&number)), number.end))
}

/// `A12-A15`: true if one letter stands before the numbers on both sides of the dash at `at`.
fn joins_names(scan: &Scan, at: usize) -> bool {
    const LONGEST_NUMBER: usize = 5;
    let digits = (1..=LONGEST_NUMBER)
        .take_while(|back| *back <= at && scan.is_digit(at - back))
        .count();
    let letter = scan.char(at + 1);
    digits > 0
        && letter.is_ascii_uppercase()
        && scan.is_digit(at + 2)
        && at
            .checked_sub(digits + 1)
            .is_some_and(|first| scan.char(first) == letter)
}

const WEEKDAYS: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];

/// `1日-7日`, `30元~50元`, `5#楼`, `~100`: marks between words and numbers.
fn joint(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let before = scan.before(at);
    let counts = "年月日号元点时分秒岁层楼级米度吨斤件页章条人万亿%".contains(before);
    let said = match scan.char(at) {
        '-' | '~' | '—' if counts && scan.is_digit(at + 1) => "到",
        // `周一~周五`
        '-' | '~' | '—' if scan.char(at + 1) == '周' && scan.follows(at, &WEEKDAYS) => "到",
        '-' | '~' | '—' if joins_names(scan, at) => "到",
        '~' if scan.is_digit(at + 1) => "约",
        '#' if before.is_ascii_digit() && scan.char(at + 1).is_alphabetic() => "号",
        // Said with a pause and no word.
        '/' if joins_names_or_pressures(scan, at) => "、",
        _ => return None,
    };
    Some((said.to_owned(), at + 1))
}

/// `5-3=2`: a hyphen before a sum's equals sign takes away.
fn sum(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let first = scan
        .number(at)
        .filter(|first| scan.char(first.end) == '-')?;
    let second = scan
        .number(first.end + 1)
        .filter(|second| scan.char(second.end) == '=')?;
    Some((
        format!("{}减{}", quantity(&first), quantity(&second)),
        second.end,
    ))
}

/// `中国1-2`, `以3-1获胜`: the score of a game. A range ascends, so that a pair that does not is a score, and so is one
/// behind a word such as 比分 or at the end of a clause.
fn score(scan: &Scan, at: usize) -> Option<(String, usize)> {
    const BEFORE: [&str; 22] = [
        "比分", "以", "爆冷", "战平", "大胜", "取胜", "领先", "落后", "告负", "不敌", "击败",
        "战胜", "逼平", "惜败", "队", "主场", "客场", "打成", "总分", "点球", "比赛", "结果",
    ];
    const AFTER: [&str; 14] = [
        "获胜", "取胜", "战胜", "击败", "领先", "战平", "大胜", "告负", "险胜", "完胜", "逆转",
        "落后", "不敌", "结束",
    ];
    let first = scan
        .number(at)
        .filter(|_| scan.char(at.wrapping_sub(1)) != '-')?;
    let second = scan
        .number(first.end + 1)
        .filter(|_| scan.char(first.end) == '-')?;
    let (a, b) = (first.whole()?, second.whole()?);
    let before = scan.before(at);
    let before = match at.checked_sub(1) {
        Some(blank) if before == ' ' => scan.before(blank),
        _ => before,
    };
    // `中山路12-3号`: a house and its entrance.
    if matches!(before, '路' | '街' | '道' | '巷' | '弄') && scan.char(second.end) == '号' && a >= b
    {
        return Some((format!("{}之{}", cardinal(a), cardinal(b)), second.end));
    }
    let follows_word = is_han(before) && !"第周期月日年号楼层级共约每隔".contains(before);
    let next = scan.char(second.end);
    let ends = matches!(next, '，' | '。' | '！' | '？' | ',' | '!' | '?' | '；') || next == ' ';
    let is_score = scan.follows(at, &BEFORE)
        || scan.one_of(second.end, &AFTER).is_some()
        || follows_word && ends
        || a >= b && (ends || is_han(next)) && (at == 0 || follows_word);
    let plain = a <= 200 && b <= 200 && next != '-' && !next.is_ascii_alphanumeric();
    (is_score && plain).then(|| (format!("{}比{}", cardinal(a), cardinal(b)), second.end))
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}

/// `3-5天`, `100~200`: 三到五天.
fn range(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let joins = scan.before(at) == '-' && at > 1 && scan.is_digit(at - 2);
    let first = scan.number(at).filter(|_| !joins)?;
    if !matches!(scan.char(first.end), '-' | '~' | '—') {
        return None;
    }
    let second = scan
        .number(first.end + 1)
        .filter(|second| scan.char(second.end) != '-')?;
    let coded = |number: &Number| number.digits.starts_with('0') && number.digits.len() > 1;
    (!coded(&first) && !coded(&second)).then(|| {
        (
            format!(
                "{}到{}",
                quantity(&first),
                counted(scan, &second, second.end)
            ),
            second.end,
        )
    })
}

/// `-5`, `+5`, `±2`, `#3`, `№5`.
fn signed(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let opens = !scan.before(at).is_alphanumeric() || !scan.before(at).is_ascii();
    let after_number = is_numeral(Some(scan.before(at))) || scan.before(at).is_ascii_digit();
    let said = match scan.char(at) {
        '-' if opens && !after_number => "负",
        '+' if opens && !after_number => "正",
        '±' => "正负",
        '#' | '№' => "编号",
        _ => return None,
    };
    // The number is read by the rules for what it is: `±0.5%`.
    scan.is_digit(at + 1).then(|| (said.to_owned(), at + 1))
}

/// A number alone.
fn plain(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let number = scan.number(at)?;
    let said = if number.digits.len() > 12 && number.fraction.is_none() {
        called(&number.digits)
    } else {
        counted(scan, &number, number.end)
    };
    Some((said, number.end))
}
