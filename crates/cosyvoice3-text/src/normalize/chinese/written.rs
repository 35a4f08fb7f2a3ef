//! Chinese with its digits and signs read out in characters.
//!
//! Own rules and not the published finite state transducers (crate `wetext-rs`): of 59 lines of announcements those read
//! 19 as nobody would say them (trains, rooms, `约1/3`, `+86`, addresses), and correcting them takes as many rules.

use super::{
    numerals::{called, cardinal, digits},
    scan::{Number, Scan},
};
use crate::{Language, normalize::signs};

/// A way to read what stands at an index: the reading, and the index after what was read.
type Rule = fn(&Scan, usize) -> Option<(String, usize)>;

/// The most certain first.
const RULES: [Rule; 20] = [
    plus_country,
    telephone,
    date,
    years,
    clock,
    version,
    money,
    percent,
    fraction,
    temperature,
    named,
    measure,
    sum,
    coded,
    range,
    joint,
    signed,
    power,
    rate,
    plain,
];

/// `text` in characters alone.
pub(super) fn written(text: &str) -> String {
    let scan = Scan::of(text);
    let mut out = String::with_capacity(2 * text.len());
    let mut at = 0;
    while at < scan.len() {
        let c = scan.char(at);
        let starts =
            c.is_ascii_digit() || c.is_ascii_uppercase() || !c.is_alphanumeric() && c != ' ';
        let read = starts
            .then(|| RULES.iter().find_map(|rule| rule(&scan, at)))
            .flatten();
        match read {
            Some((said, end)) => {
                out.push_str(&said);
                at = end;
            }
            None => {
                push_sign(&mut out, &scan, at);
                at += 1;
            }
        }
    }
    out
}

/// A sign by its name, all else as it is.
fn push_sign(out: &mut String, scan: &Scan, at: usize) {
    let c = scan.char(at);
    let near_number = is_numeral(out.chars().next_back()) || scan.is_digit(at + 1);
    let said = match c {
        '×' | '✕' => "乘",
        '÷' => "除以",
        '±' => "正负",
        '=' => "等于",
        '+' if near_number => "加",
        '<' if near_number => "小于",
        '>' if near_number => "大于",
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

/// A number as a quantity: 三点一四, 一百零五; digit by digit where it is written like `007` or too long.
fn quantity(number: &Number) -> String {
    let whole = if number.digits.len() <= 15
        && (number.digits.len() == 1 || !number.digits.starts_with('0'))
    {
        number
            .digits
            .parse()
            .map_or_else(|_| digits(&number.digits), cardinal)
    } else {
        digits(&number.digits)
    };
    match &number.fraction {
        Some(fraction) => format!("{whole}点{}", digits(fraction)),
        None => whole,
    }
}

/// Words after a number that 2 is 两 before.
const COUNTERS: [&str; 46] = [
    "个", "位", "次", "天", "只", "张", "件", "条", "辆", "本", "杯", "台", "间", "倍", "周",
    "小时", "分钟", "人", "名", "块", "家", "种", "趟", "列", "站", "点", "秒", "岁", "瓶", "袋",
    "份", "座", "架", "艘", "部", "句", "片", "颗", "双", "万", "亿", "千", "套", "节", "年", "所",
];

/// `number` before what stands at `end`, 2 as 两 where it counts.
fn counted(scan: &Scan, number: &Number, end: usize) -> String {
    let counts = number.digits == "2"
        && number.fraction.is_none()
        && scan.one_of(end, &COUNTERS).is_some()
        && scan.before(end - 1) != '第'
        && !matches!(scan.char(end + 1), '级' | '月')
        && !scan.has(end, "人称");
    if counts {
        "两".to_owned()
    } else {
        quantity(number)
    }
}

/// The index of the second part behind `-`, `~` or `—` at `end`.
fn behind_dash(scan: &Scan, end: usize) -> Option<usize> {
    matches!(scan.char(end), '-' | '~' | '—' | '至' | '到').then_some(end + 1)
}

/// `+86 138 0013 8000`: the code of a country and the number.
fn plus_country(scan: &Scan, at: usize) -> Option<(String, usize)> {
    if scan.char(at) != '+' || scan.before(at).is_ascii_digit() {
        return None;
    }
    let (code, end) = scan
        .run(at + 1)
        .filter(|(code, _)| code.len() <= 3 || code.len() >= 10)?;
    let (groups, after) = groups(scan, end + usize::from(matches!(scan.char(end), ' ' | '-')));
    let all: usize = groups.iter().map(String::len).sum();
    if code.len() <= 3 && (7..=13).contains(&all) {
        let said: Vec<String> = groups.iter().map(|group| called(group)).collect();
        return Some((format!("加{}，{}", digits(&code), said.join("，")), after));
    }
    (code.len() >= 10).then(|| (format!("加{}", called(&code)), end))
}

/// Runs of digits with one blank or hyphen between them, and the index after the last.
fn groups(scan: &Scan, at: usize) -> (Vec<String>, usize) {
    let mut groups = Vec::new();
    let mut end = at;
    let mut next = at;
    while groups.len() < 6
        && let Some((group, after)) = scan.run(next)
    {
        groups.push(group);
        end = after;
        next = after + 1;
        if !matches!(scan.char(after), ' ' | '-') {
            break;
        }
    }
    (groups, end)
}

/// Words that a number to call or to type follows.
const CALLED: [&str; 26] = [
    "电话",
    "手机",
    "热线",
    "拨打",
    "致电",
    "客服",
    "传真",
    "拨",
    "分机",
    "号码",
    "验证码",
    "密码",
    "账号",
    "卡号",
    "订单号",
    "证号",
    "邮编",
    "尾号",
    "编号",
    "代码",
    "取件码",
    "房间号",
    "房号",
    "微信",
    "单号",
    "QQ",
];

/// Telephone numbers: mobile ones, with an area code, after 电话.
fn telephone(scan: &Scan, at: usize) -> Option<(String, usize)> {
    if !scan.is_digit(at) || scan.before(at).is_ascii_digit() || scan.before(at) == '.' {
        return None;
    }
    let (groups, end) = groups(scan, at);
    let lengths: Vec<usize> = groups.iter().map(String::len).collect();
    let mobile =
        lengths.iter().sum::<usize>() == 11 && groups[0].starts_with('1') && groups[0].len() >= 3;
    let joined = matches!(lengths.as_slice(), [6 | 7, 4] | [10..=12]) && groups[0].starts_with('0');
    let area = joined
        || matches!(
            lengths.as_slice(),
            [3, 8] | [4, 7 | 8] | [3, 3 | 4, 4] | [4, 3 | 4, 4]
        ) && (groups[0].starts_with('0') || groups[0] == "400" || groups[0] == "800");
    let announced = scan.follows(at, &CALLED) && lengths.iter().all(|length| *length >= 3);
    if !(mobile || area || announced) || scan.char(end) == '.' && scan.is_digit(end + 1) {
        return None;
    }
    // One group of a text with blanks is not the next one's.
    let said: Vec<String> = groups.iter().map(|group| called(group)).collect();
    Some((said.join("，"), end))
}

/// `2025-11-30`, `2025/1/5`, `2025.01.05`.
fn date(scan: &Scan, at: usize) -> Option<(String, usize)> {
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
fn years(scan: &Scan, at: usize) -> Option<(String, usize)> {
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
fn clock(scan: &Scan, at: usize) -> Option<(String, usize)> {
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

/// `v2.10.3`, `1.2.3`: each part for itself.
fn version(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let (first, mut end) = scan.run(at).filter(|_| !scan.before(at).is_ascii_digit())?;
    let mut parts = vec![first];
    while scan.char(end) == '.'
        && parts.len() < 8
        && let Some((part, after)) = scan.run(end + 1)
    {
        parts.push(part);
        end = after;
    }
    let said = |part: &String| match part.len() {
        1 | 2 if !part.starts_with('0') || part.len() == 1 => {
            part.parse().map_or_else(|_| digits(part), cardinal)
        }
        _ => digits(part),
    };
    (parts.len() > 2).then(|| (parts.iter().map(said).collect::<Vec<_>>().join("点"), end))
}

/// Signs and codes of currencies before an amount.
const CURRENCIES: [(&str, &str); 21] = [
    ("US$", "美元"),
    ("HK$", "港元"),
    ("NT$", "新台币"),
    ("¥", "元"),
    ("$", "美元"),
    ("€", "欧元"),
    ("£", "英镑"),
    ("₩", "韩元"),
    ("₽", "卢布"),
    ("₹", "卢比"),
    ("₿", "比特币"),
    ("฿", "泰铢"),
    ("₫", "越南盾"),
    ("₺", "里拉"),
    ("₸", "坚戈"),
    ("RMB", "元"),
    ("CNY", "元"),
    ("USD", "美元"),
    ("EUR", "欧元"),
    ("GBP", "英镑"),
    ("JPY", "日元"),
];

const POWERS: [&str; 6] = ["万亿", "千万", "百万", "亿", "万", "千"];

/// `¥100`, `$5.5万`, `¥100-200`, `USD 100`.
fn money(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let (sign, name) = CURRENCIES.iter().find(|(sign, _)| scan.has(at, sign))?;
    if scan.before(at).is_ascii_alphabetic() && sign.starts_with(|c: char| c.is_ascii_alphabetic())
    {
        return None;
    }
    let start = at + sign.chars().count();
    let start = start + usize::from(scan.char(start) == ' ');
    let (mut said, mut end) = amount(scan, start)?;
    if let Some(next) = behind_dash(scan, end) {
        let signed = next
            + if scan.has(next, sign) {
                sign.chars().count()
            } else {
                0
            };
        if let Some((until, after)) = amount(scan, signed) {
            said = format!("{said}到{until}");
            end = after;
        }
    }
    // `¥100元` names its currency twice.
    let doubled = scan.has(end, name);
    Some((
        if doubled {
            said
        } else {
            format!("{said}{name}")
        },
        end,
    ))
}

/// A number and the power of ten after it; a fraction without its last noughts.
fn amount(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let mut number = scan.number(at)?;
    number.fraction = number
        .fraction
        .map(|fraction| fraction.trim_end_matches('0').to_owned())
        .filter(|fraction| !fraction.is_empty());
    let said = counted(scan, &number, number.end);
    match scan.one_of(number.end, &POWERS) {
        Some(power) => Some((format!("{said}{power}"), number.end + power.chars().count())),
        None => Some((said, number.end)),
    }
}

/// `50%`, `-5%`, `10-20%`, `10%~20%`, `3‰`.
fn percent(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let share = |sign: char| match sign {
        '%' => Some("百分之"),
        '‰' => Some("千分之"),
        _ => None,
    };
    let minus = scan.char(at) == '-' && !scan.before(at).is_ascii_alphanumeric();
    let first = scan.number(at + usize::from(minus))?;
    let minus = if minus { "负" } else { "" };
    let sign = share(scan.char(first.end));
    let dash = first.end + usize::from(sign.is_some());
    let second = behind_dash(scan, dash).and_then(|next| scan.number(next));
    if let Some(second) = second
        && let Some(last) = share(scan.char(second.end))
    {
        let again = if sign.is_some() { last } else { "" };
        let (first, last_words) = (quantity(&first), quantity(&second));
        return Some((
            format!("{minus}{last}{first}到{again}{last_words}"),
            second.end + 1,
        ));
    }
    Some((
        format!("{minus}{}{}", sign?, quantity(&first)),
        first.end + 1,
    ))
}

/// `1/3`, `2 1/2`: 三分之一, 二又二分之一.
fn fraction(scan: &Scan, at: usize) -> Option<(String, usize)> {
    if scan.before(at).is_ascii_digit() || scan.before(at) == '/' {
        return None;
    }
    let part = |at: usize| {
        let above = scan.number(at)?;
        let below = scan
            .number(above.end + 1)
            .filter(|_| scan.char(above.end) == '/')?;
        let (a, b) = (above.whole()?, below.whole()?);
        let alone = scan.char(below.end) != '/';
        (alone && 0 < a && a < b && b <= 1000)
            .then(|| (format!("{}分之{}", cardinal(b), cardinal(a)), below.end))
    };
    if let Some(found) = part(at) {
        return Some(found);
    }
    let whole = scan
        .number(at)
        .filter(|whole| scan.char(whole.end) == ' ')?;
    let (said, end) = part(whole.end + 1)?;
    Some((format!("{}又{said}", cardinal(whole.whole()?)), end))
}

/// `-5℃`, `-5~3°C`, `37.5 ℃`, `90°`.
fn temperature(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let scale = |at: usize| {
        let at = at + usize::from(scan.char(at) == ' ');
        [
            ("℃", "摄氏度"),
            ("°C", "摄氏度"),
            ("℉", "华氏度"),
            ("°F", "华氏度"),
            ("°", "度"),
        ]
        .into_iter()
        .find(|(sign, _)| scan.has(at, sign))
        .map(|(sign, name)| (name, at + sign.chars().count()))
    };
    let degrees = |at: usize| {
        let below = scan.char(at) == '-';
        let number = scan.number(at + usize::from(below))?;
        Some((below, quantity(&number), number.end))
    };
    if scan.char(at) == '-' && scan.before(at).is_ascii_alphanumeric() {
        return None;
    }
    let below = |below: bool, zero: &'static str| if below { zero } else { "" };
    let (first_below, first, end) = degrees(at)?;
    let first_scale = scale(end);
    let dash = first_scale.map_or(end, |(_, end)| end);
    if let Some((second_below, second, end)) = behind_dash(scan, dash).and_then(degrees)
        && let Some((name, end)) = scale(end)
    {
        let first_name = if first_scale.is_some() { name } else { "" };
        let said = format!(
            "{}{first}{first_name}到{}{second}{name}",
            below(first_below, "零下"),
            below(second_below, "零下")
        );
        return Some((said, end));
    }
    let (name, end) = first_scale?;
    let zero = if name == "度" { "负" } else { "零下" };
    Some((format!("{}{first}{name}", below(first_below, zero)), end))
}

/// Words after numbers of three digits and more that are called digit by digit.
const CALLED_BEFORE: [&str; 20] = [
    "室",
    "房间",
    "房",
    "号房",
    "号室",
    "教室",
    "会议室",
    "包厢",
    "病房",
    "次列车",
    "次航班",
    "次高铁",
    "次动车",
    "号航班",
    "路公交",
    "路车",
    "路",
    "次车",
    "次特快",
    "次快车",
];

/// Numbers that are names: `G102次`, `CA1234`, `302室`, `3栋2单元302`, `A4纸`.
fn named(scan: &Scan, at: usize) -> Option<(String, usize)> {
    if scan.char(at).is_ascii_uppercase() {
        return lettered(scan, at);
    }
    let (number, end) = scan.run(at).filter(|_| !scan.before(at).is_ascii_digit())?;
    let called_before = number.len() >= 3 && scan.one_of(end, &CALLED_BEFORE).is_some();
    let flat = matches!(number.len(), 3 | 4)
        && matches!(scan.before(at), '元' | '栋' | '幢')
        && !scan.has(end, "元");
    let serves = number.len() >= 3
        && scan
            .one_of(end, &["报警", "急救", "热线", "电话", "火警", "客服"])
            .is_some();
    let in_address = scan.before(at) == '.' && at > 1
        || scan.char(end) == '.' && scan.char(end + 1).is_ascii_alphabetic();
    let after_letters = scan.before(at).is_ascii_alphabetic() && number.len() >= 3;
    // A full year is read so by its own rule; 房 after an amount of 万 is none of a room.
    (called_before || flat || serves || in_address || after_letters).then(|| (called(&number), end))
}

/// Capital letters and the digits after them.
fn lettered(scan: &Scan, at: usize) -> Option<(String, usize)> {
    if scan.before(at).is_ascii_alphanumeric() {
        return None;
    }
    let letters: String = (at..at + 3)
        .map(|i| scan.char(i))
        .take_while(char::is_ascii_uppercase)
        .collect();
    let mut start = at + letters.len();
    start += usize::from(scan.char(start) == '-' && scan.is_digit(start + 1));
    let (number, end) = scan.run(start)?;
    if scan.char(end) == '.' && scan.is_digit(end + 1) || scan.char(end) == '%' {
        return None;
    }
    let train = letters.len() == 1
        && "GDCZTKYLS".contains(&letters)
        && scan.one_of(end, &["次", "号列车"]).is_some();
    let said = if number.len() >= 3 || train && number.len() > 1 || number.starts_with('0') {
        called(&number)
    } else {
        cardinal(number.parse().ok()?)
    };
    Some((format!("{letters}{said}"), end))
}

/// Units in Latin letters and in one sign; the longer first.
const UNITS: [(&str, &str); 47] = [
    ("μg", "微克"),
    ("µg", "微克"),
    ("km²", "平方公里"),
    ("km平方", "平方公里"),
    ("m平方", "平方米"),
    ("m立方", "立方米"),
    ("m²", "平方米"),
    ("m³", "立方米"),
    ("cm", "厘米"),
    ("mm", "毫米"),
    ("km", "公里"),
    ("kg", "公斤"),
    ("KG", "公斤"),
    ("mg", "毫克"),
    ("ml", "毫升"),
    ("mL", "毫升"),
    ("kWh", "千瓦时"),
    ("kW", "千瓦"),
    ("MW", "兆瓦"),
    ("kHz", "千赫"),
    ("MHz", "兆赫"),
    ("GHz", "吉赫"),
    ("Hz", "赫兹"),
    ("dB", "分贝"),
    ("rpm", "转每分钟"),
    ("kPa", "千帕"),
    ("hPa", "百帕"),
    ("MPa", "兆帕"),
    ("mAh", "毫安时"),
    ("mA", "毫安"),
    ("mV", "毫伏"),
    ("min", "分钟"),
    ("ms", "毫秒"),
    ("㎡", "平方米"),
    ("㎥", "立方米"),
    ("㎏", "公斤"),
    ("㎎", "毫克"),
    ("㎜", "毫米"),
    ("㎝", "厘米"),
    ("㎞", "公里"),
    ("m", "米"),
    ("g", "克"),
    ("L", "升"),
    ("V", "伏"),
    ("W", "瓦"),
    ("h", "小时"),
    ("s", "秒"),
];

/// A number and its unit: `60km/h`, `120㎡`, `10-20kg`.
fn measure(scan: &Scan, at: usize) -> Option<(String, usize)> {
    if scan.before(at).is_ascii_alphanumeric() {
        return None;
    }
    let first = scan.number(at)?;
    let second = behind_dash(scan, first.end).and_then(|next| scan.number(next));
    let end = second.as_ref().map_or(first.end, |second| second.end);
    let at = end + usize::from(scan.char(end) == ' ');
    let (symbol, name) = UNITS.iter().find(|(symbol, _)| scan.has(at, symbol))?;
    let end = at + symbol.chars().count();
    if scan.char(end).is_ascii_alphanumeric() && symbol.is_ascii() {
        return None;
    }
    let said = match second {
        Some(second) => format!("{}到{}", quantity(&first), quantity(&second)),
        None => quantity(&first),
    };
    Some((format!("{said}{name}"), end))
}

/// `/h`, `/斤` behind a unit or a price: 每小时.
fn rate(scan: &Scan, at: usize) -> Option<(String, usize)> {
    const BEFORE: &str = "元块角分次个人公里米斤克升度瓦";
    let latin_unit = at >= 2
        && scan.before(at).is_ascii_alphabetic()
        && UNITS.iter().any(|(symbol, _)| {
            let length = symbol.chars().count();
            at > length && scan.has(at - length, symbol) && scan.is_digit(at - length - 1)
        });
    if scan.char(at) != '/' || !latin_unit && !BEFORE.contains(scan.before(at)) {
        return None;
    }
    if let Some((symbol, name)) = UNITS.iter().find(|(symbol, _)| scan.has(at + 1, symbol)) {
        let end = at + 1 + symbol.chars().count();
        return (!scan.char(end).is_ascii_alphanumeric()).then(|| (format!("每{name}"), end));
    }
    let next = scan.char(at + 1);
    (next.is_alphabetic() && !next.is_ascii()).then(|| ("每".to_owned(), at + 1))
}

/// `978-7-111-12345-6`, `3-1-2`: numbers of codes and addresses, apart by 杠.
fn coded(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let (first, mut end) = scan
        .run(at)
        .filter(|_| scan.before(at) != '-' && !scan.before(at).is_ascii_digit())?;
    let mut parts = vec![first];
    while scan.char(end) == '-'
        && parts.len() < 8
        && let Some((part, after)) = scan.run(end + 1)
    {
        parts.push(part);
        end = after;
    }
    let said = |part: &String| match part.len() {
        1 => digits(part),
        2 if !part.starts_with('0') => part.parse().map_or_else(|_| digits(part), cardinal),
        _ => called(part),
    };
    (parts.len() > 2).then(|| (parts.iter().map(said).collect::<Vec<_>>().join("杠"), end))
}

/// `10^3`: 十的三次方.
fn power(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let number = scan.number(at + 1).filter(|_| scan.char(at) == '^')?;
    Some((format!("的{}次方", quantity(&number)), number.end))
}

/// `1日-7日`, `30元~50元`, `5#楼`, `~100`: marks between words and numbers.
fn joint(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let before = scan.before(at);
    let counts = "年月日号元点时分秒岁层楼级米度吨斤件页章条人万亿%".contains(before);
    let said = match scan.char(at) {
        '-' | '~' | '—' if counts && scan.is_digit(at + 1) => "到",
        '~' if scan.is_digit(at + 1) => "约",
        '#' if before.is_ascii_digit() && scan.char(at + 1).is_alphabetic() => "号",
        'N' if scan.has(at, "No.") && scan.is_digit(at + 3) && !before.is_ascii_alphanumeric() => {
            return Some(("编号".to_owned(), at + 3));
        }
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
