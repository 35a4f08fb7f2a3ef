//! Money, shares, fractions, degrees and measures in Chinese.

use super::{
    numerals::cardinal,
    quantities::{behind_dash, counted, quantity},
    scan::Scan,
};

/// Signs and codes of currencies before an amount.
const CURRENCIES: [(&str, &str); 38] = [
    ("US$", "美元"),
    ("HK$", "港元"),
    ("NT$", "新台币"),
    ("AU$", "澳元"),
    ("A$", "澳元"),
    ("CA$", "加元"),
    ("C$", "加元"),
    ("NZ$", "新西兰元"),
    ("S$", "新加坡元"),
    ("HKD", "港元"),
    ("TWD", "新台币"),
    ("AUD", "澳元"),
    ("CAD", "加元"),
    ("NZD", "新西兰元"),
    ("SGD", "新加坡元"),
    ("KRW", "韩元"),
    ("RUB", "卢布"),
    ("THB", "泰铢"),
    ("CHF", "瑞士法郎"),
    ("MOP", "澳门元"),
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
pub(super) fn money(scan: &Scan, at: usize) -> Option<(String, usize)> {
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
pub(super) fn percent(scan: &Scan, at: usize) -> Option<(String, usize)> {
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
pub(super) fn fraction(scan: &Scan, at: usize) -> Option<(String, usize)> {
    if scan.before(at).is_ascii_digit() || scan.before(at) == '/' {
        return None;
    }
    let part = |at: usize| {
        let above = scan.number(at)?;
        // `1 / 2`
        let blank = usize::from(scan.has(above.end, " / "));
        let below = scan
            .number(above.end + 1 + 2 * blank)
            .filter(|_| scan.char(above.end + blank) == '/')?;
        let (a, b) = (above.whole()?, below.whole()?);
        let alone = scan.char(below.end) != '/' && !joins_names_or_pressures(scan, above.end);
        // Of larger parts than the whole only small ones are fractions and no pair of numbers.
        (alone && 0 < a && 1 < b && a != b && (a < b || b <= 10 && a <= 30) && b <= 1000)
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

/// `1/2/3号线`, `T1/T2航站楼`, `血压120/80`: true if the slash at `at` stands between the numbers of things that are named so,
/// or the two values of a blood pressure.
pub(super) fn joins_names_or_pressures(scan: &Scan, at: usize) -> bool {
    const NAMED: [&str; 10] = [
        "号",
        "路",
        "航站楼",
        "站台",
        "层",
        "楼",
        "室",
        "栋",
        "mmHg",
        "毫米汞柱",
    ];
    const MOST: usize = 6;
    if scan.char(at) != '/' || !scan.before(at).is_ascii_digit() {
        return false;
    }
    let mut end = at;
    let mut others = 0;
    while scan.char(end) == '/' && others < MOST {
        let letter = usize::from(scan.char(end + 1).is_ascii_uppercase());
        let Some((_, after)) = scan.run(end + 1 + letter) else {
            return false;
        };
        end = after;
        others += 1;
    }
    let digits = (0..at).rev().take_while(|i| scan.is_digit(*i));
    let first = digits.take(MOST).last().unwrap_or(at);
    scan.one_of(end, &NAMED).is_some() || scan.follows(first, &["血压"])
}

/// `-5℃`, `-5~3°C`, `37.5 ℃`, `90°`.
pub(super) fn temperature(scan: &Scan, at: usize) -> Option<(String, usize)> {
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

/// Units in Latin letters and in one sign; the longer first.
const UNITS: [(&str, &str); 62] = [
    ("μg", "微克"),
    ("µg", "微克"),
    ("s平方", "二次方秒"),
    ("s²", "二次方秒"),
    ("mmHg", "毫米汞柱"),
    ("bpm", "次每分"),
    ("mmol", "毫摩尔"),
    ("dL", "分升"),
    ("dl", "分升"),
    ("km²", "平方公里"),
    ("km平方", "平方公里"),
    ("m平方", "平方米"),
    ("m立方", "立方米"),
    ("km2", "平方公里"),
    ("m²", "平方米"),
    ("m2", "平方米"),
    ("m3", "立方米"),
    ("mm2", "平方毫米"),
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
    ("Gbps", "吉比特每秒"),
    ("Mbps", "兆比特每秒"),
    ("kbps", "千比特每秒"),
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
    ("t", "吨"),
    ("s", "秒"),
];

/// A number and its unit: `60km/h`, `120㎡`, `10-20kg`.
pub(super) fn measure(scan: &Scan, at: usize) -> Option<(String, usize)> {
    // `1h30min`
    let behind_hours = at > 1 && scan.before(at) == 'h' && scan.is_digit(at - 2);
    if scan.before(at).is_ascii_alphanumeric() && !behind_hours {
        return None;
    }
    let first = scan.number(at)?;
    let second = behind_dash(scan, first.end).and_then(|next| scan.number(next));
    let end = second.as_ref().map_or(first.end, |second| second.end);
    let at = end + usize::from(scan.char(end) == ' ');
    let (symbol, name) = UNITS.iter().find(|(symbol, _)| scan.has(at, symbol))?;
    let end = at + symbol.chars().count();
    let goes_on = scan.char(end).is_ascii_alphabetic()
        || scan.is_digit(end) && !matches!(*symbol, "h" | "min");
    if goes_on && symbol.is_ascii() {
        return None;
    }
    let said = match second {
        Some(second) => format!("{}到{}", quantity(&first), quantity(&second)),
        None => quantity(&first),
    };
    Some((format!("{said}{name}"), end))
}

/// `300w`, `10w+`: a letter for 万, or for watts where power is spoken of.
pub(super) fn ten_thousands(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let number = scan
        .number(at)
        .filter(|_| !scan.before(at).is_ascii_alphanumeric())?;
    let end = number.end + 1;
    if !matches!(scan.char(number.end), 'w' | 'W') || scan.char(end).is_ascii_alphanumeric() {
        return None;
    }
    let is_power = scan.char(number.end) == 'W' || scan.follows(at, &["功率", "额定", "瓦数"]);
    if is_power {
        return Some((format!("{}瓦", quantity(&number)), end));
    }
    // `10w+`
    let plus = if scan.char(end) == '+' { "加" } else { "" };
    Some((
        format!("{}万{plus}", quantity(&number)),
        end + plus.chars().count(),
    ))
}

/// True if Latin letters end before `at` that a number stands before, as of `5GB`.
fn follows_unit(scan: &Scan, at: usize) -> bool {
    const LONGEST_UNIT: usize = 5;
    let letters = (1..=LONGEST_UNIT)
        .take_while(|back| {
            *back <= at && {
                let c = scan.char(at - back);
                c.is_ascii_alphabetic() || matches!(c, 'μ' | 'µ' | 'Ω')
            }
        })
        .count();
    at > letters && scan.is_digit(at - letters - 1)
}

/// `50Hz/60Hz`: true if the letters before `at` stand behind the number after it too.
fn follows_same_unit(scan: &Scan, at: usize) -> bool {
    const LONGEST_UNIT: usize = 5;
    let Some(number) = scan.number(at + 1) else {
        return false;
    };
    let letters = (1..=LONGEST_UNIT)
        .take_while(|back| *back <= at && scan.char(at - back).is_ascii_alphabetic())
        .count();
    letters > 0 && (0..letters).all(|i| scan.char(at - letters + i) == scan.char(number.end + i))
}

/// True if an amount with a sign of a currency before it ends before `at`: `¥3.5`, `$1.2万`.
fn follows_price(scan: &Scan, at: usize) -> bool {
    const LONGEST_AMOUNT: usize = 16;
    let amount = (1..=LONGEST_AMOUNT)
        .take_while(|back| {
            *back <= at && {
                let c = scan.char(at - back);
                c.is_ascii_digit() || matches!(c, '.' | ',' | '万' | '千' | '百' | '亿' | '-' | '~')
            }
        })
        .count();
    let sign = at
        .checked_sub(amount + 1)
        .map_or(' ', |before| scan.char(before));
    amount > 0
        && (CURRENCIES.iter().any(|(known, _)| known.ends_with(sign)) && sign != ' ')
        && !sign.is_ascii_alphabetic()
}

/// `/h`, `/斤` behind a unit or a price: 每小时.
pub(super) fn rate(scan: &Scan, at: usize) -> Option<(String, usize)> {
    const BEFORE: &str = "元块角分次个人公里米斤克升度瓦时钟";
    let behind = scan.before(at);
    let is_rate = BEFORE.contains(behind)
        || behind.is_ascii_alphabetic() && follows_unit(scan, at)
        || follows_price(scan, at);
    if scan.char(at) != '/' || !is_rate {
        return None;
    }
    // `/500g`
    let in_words = scan.number(at + 1).is_some_and(|number| {
        "克斤公千毫升米次人小分天枚个只盒瓶袋包箱支条张".contains(scan.char(number.end))
    });
    if scan.is_digit(at + 1) && follows_same_unit(scan, at) {
        return None;
    }
    if scan.is_digit(at + 1) && (in_words || measure(scan, at + 1).is_some()) {
        return Some(("每".to_owned(), at + 1));
    }
    if let Some((symbol, name)) = UNITS.iter().find(|(symbol, _)| scan.has(at + 1, symbol)) {
        let end = at + 1 + symbol.chars().count();
        return (!scan.char(end).is_ascii_alphanumeric()).then(|| (format!("每{name}"), end));
    }
    let next = scan.char(at + 1);
    (next.is_alphabetic() && !next.is_ascii()).then(|| ("每".to_owned(), at + 1))
}
