//! Numbers in Chinese that count nothing: of telephones, trains, flights, rooms, versions and codes.

use super::{
    numerals::{called, cardinal, digits},
    quantities::quantity,
    scan::Scan,
};

/// `+86 138 0013 8000`: the code of a country and the number.
pub(super) fn plus_country(scan: &Scan, at: usize) -> Option<(String, usize)> {
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
const CALLED: [&str; 36] = [
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
    "QQ群",
    "群号",
    "学号",
    "工号",
    "证件号",
    "股票代码",
    "流水号",
    "QQ号",
    "微信号",
    "转",
];

/// Telephone numbers: mobile ones, with an area code, after 电话.
pub(super) fn telephone(scan: &Scan, at: usize) -> Option<(String, usize)> {
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
    let announced = scan.follows(at, &CALLED) && lengths.iter().all(|length| *length >= 3)
        || is_number_of_holder(scan, at) && lengths.iter().all(|length| *length >= 5);
    if !(mobile || area || announced) || scan.char(end) == '.' && scan.is_digit(end + 1) {
        return None;
    }
    // One group of a text with blanks is not the next one's.
    let said: Vec<String> = groups.iter().map(|group| called(group)).collect();
    Some((said.join("，"), end))
}

/// `会员号10086123`: true if 号 behind a noun stands before the number at `at`; that of `3号` numbers something else.
fn is_number_of_holder(scan: &Scan, at: usize) -> bool {
    let mut end = at;
    while end > 0 && matches!(scan.before(end), ':' | '：' | ' ' | '是' | '为') {
        end -= 1;
    }
    let noun = end.checked_sub(1).map_or(' ', |sign| scan.before(sign));
    scan.before(end) == '号'
        && noun.is_alphabetic()
        && !"零一二三四五六七八九十百千几".contains(noun)
}

/// `737-800`, `A320-200`, `777-300ER`: a type of plane, whose hyphen is no range.
pub(super) fn plane(scan: &Scan, at: usize) -> Option<(String, usize)> {
    if scan.before(at).is_ascii_alphanumeric() || matches!(scan.before(at), '-' | '.') {
        return None;
    }
    let is_airbus = scan.char(at) == 'A';
    let (series, end) = scan.run(at + usize::from(is_airbus))?;
    let variant = scan.run(end + 1).filter(|_| scan.char(end) == '-');
    let (variant, after) = variant.filter(|(_, after)| !"-.元块%".contains(scan.char(*after)))?;
    let is_series = series.len() == 3
        && if is_airbus {
            series.starts_with('3')
        } else {
            series.starts_with('7') && series.ends_with('7')
        };
    let is_variant = matches!(variant.as_bytes(), [b'1'..=b'9', b'0', b'0'])
        || matches!(variant.as_str(), "7" | "8" | "9" | "10");
    (is_series && is_variant).then(|| {
        let maker = if is_airbus { "A" } else { "" };
        let variant = variant.parse().map_or_else(|_| digits(&variant), cardinal);
        (format!("{maker}{}杠{variant}", digits(&series)), after)
    })
}

/// `v2.10.3`, `1.2.3`: each part for itself.
pub(super) fn version(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let (first, mut end) = scan.run(at).filter(|_| !scan.before(at).is_ascii_digit())?;
    let mut parts = vec![first];
    while scan.char(end) == '.'
        && parts.len() < 8
        && let Some((part, after)) = scan.run(end + 1)
    {
        parts.push(part);
        end = after;
    }
    let is_address = parts.len() == 4 && parts.iter().any(|part| part.len() == 3);
    let said = |part: &String| match part.len() {
        _ if is_address => digits(part),
        1 | 2 if !part.starts_with('0') || part.len() == 1 => {
            part.parse().map_or_else(|_| digits(part), cardinal)
        }
        _ => digits(part),
    };
    (parts.len() > 2).then(|| (parts.iter().map(said).collect::<Vec<_>>().join("点"), end))
}

/// `(010) 6512 3456`: a telephone number with its area code in brackets.
pub(super) fn bracketed_area(scan: &Scan, at: usize) -> Option<(String, usize)> {
    if scan.char(at) != '(' {
        return None;
    }
    let (area, end) = scan
        .run(at + 1)
        .filter(|(area, end)| area.starts_with('0') && area.len() <= 4 && scan.char(*end) == ')')?;
    let next = end + 1 + usize::from(matches!(scan.char(end + 1), ' ' | '-'));
    let (groups, after) = groups(scan, next);
    let all: usize = groups.iter().map(String::len).sum();
    let said: Vec<String> = groups.iter().map(|group| called(group)).collect();
    matches!(all, 7 | 8).then(|| (format!("{}，{}", called(&area), said.join("，")), after))
}

/// Numbers of services that everybody dials.
const SERVICES: [&str; 24] = [
    "110", "112", "114", "119", "120", "122", "10000", "10010", "10086", "11185", "12110", "12121",
    "12123", "12301", "12306", "12315", "12320", "12333", "12345", "12348", "12355", "12358",
    "12366", "12369",
];

/// Words before the number of a service.
const SERVICE_AFTER: [&str; 10] = [
    "打", "给", "向", "联系", "找", "通过", "登录", "呼叫", "报警", "上",
];

/// Most numbers of services in one list.
const LONGEST_LIST: usize = 6;

/// `给12315打电话`, `12306客服`: the number of a service.
pub(super) fn service(scan: &Scan, at: usize) -> Option<(String, usize)> {
    const AFTER: [&str; 12] = [
        "打", "来电", "报警", "投诉", "举报", "平台", "官网", "订票", "购票", "咨询", "服务",
        "公众",
    ];
    let (number, end) = scan
        .run(at)
        .filter(|_| !scan.before(at).is_ascii_alphanumeric() && scan.before(at) != '.')?;
    let is_bank = number.len() == 5 && number.starts_with("95");
    let is_service = SERVICES.contains(&number.as_str()) || is_bank;
    let is_alone = scan.len() == number.len() && number.len() == 3;
    let is_said = is_alone
        || scan.follows(first_of_services(scan, at), &SERVICE_AFTER)
        || scan.one_of(end, &AFTER).is_some();
    (is_service && is_said && scan.char(end) != '.').then(|| (called(&number), end))
}

/// `拨打110或120`: the first number of the list of services that the one at `at` is in.
fn first_of_services(scan: &Scan, at: usize) -> usize {
    let mut first = at;
    for _ in 0..LONGEST_LIST {
        let joint = ["、", "或者", "或", "和", "及"]
            .into_iter()
            .find(|joint| scan.follows(first, &[joint]));
        let Some(end) = joint.and_then(|joint| first.checked_sub(joint.chars().count())) else {
            break;
        };
        let start = (end.saturating_sub(5)..end)
            .rev()
            .take_while(|i| scan.is_digit(*i))
            .last();
        match start.filter(|start| SERVICES.contains(&scan.text(*start, end).as_str())) {
            Some(start) => first = start,
            None => break,
        }
    }
    first
}

/// Words after numbers of three digits and more that are called digit by digit.
const CALLED_BEFORE: [&str; 23] = [
    "室",
    "诊室",
    "办公室",
    "手术室",
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
pub(super) fn named(scan: &Scan, at: usize) -> Option<(String, usize)> {
    if scan.char(at).is_ascii_uppercase() {
        return lettered(scan, at);
    }
    let (number, end) = scan.run(at).filter(|_| !scan.before(at).is_ascii_digit())?;
    let called_before = number.len() >= 3 && scan.one_of(end, &CALLED_BEFORE).is_some();
    let flat = matches!(number.len(), 3 | 4)
        && matches!(scan.before(at), '元' | '栋' | '幢' | '座')
        && !scan.has(end, "元");
    let is_share = number.len() == 6
        && scan
            .one_of(end, &["股票", "股价", "基金", "收盘"])
            .is_some();
    let serves = number.len() >= 3
        && scan
            .one_of(end, &["报警", "急救", "热线", "电话", "火警", "客服"])
            .is_some();
    let in_address = scan.before(at) == '.' && at > 1 && !scan.has(at.saturating_sub(3), "No.")
        || scan.char(end) == '.' && scan.char(end + 1).is_ascii_alphabetic();
    let after_letters = scan.before(at).is_ascii_alphabetic() && number.len() >= 3;
    // `京A·12345`
    let on_plate = scan.before(at) == '·'
        && at >= 2
        && scan.char(at - 2).is_ascii_uppercase()
        && number.len() >= 3;
    // A full year is read so by its own rule; 房 after an amount of 万 is none of a room.
    (called_before || on_plate || flat || serves || is_share || in_address || after_letters)
        .then(|| (called(&number), end))
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
    let is_floor_above = |(_, letter): &(String, usize)| {
        scan.char(*letter) == 'F' && !scan.char(letter + 1).is_ascii_alphanumeric()
    };
    // `B1-3F`
    if letters == "B"
        && scan.char(end) == '-'
        && let Some((above, letter)) = scan.run(end + 1).filter(is_floor_above)
    {
        return Some((
            format!("{letters}{said}到{}层", cardinal(above.parse().ok()?)),
            letter + 1,
        ));
    }
    // `B2F`
    if letters == "B" && scan.char(end) == 'F' && !scan.char(end + 1).is_ascii_alphanumeric() {
        return Some((format!("{letters}{said}层"), end + 1));
    }
    Some((format!("{letters}{said}"), end))
}

/// `8号楼3-502`, `3-1室`: a house and a room, apart by 杠.
pub(super) fn flat(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let (house, end) = scan
        .run(at)
        .filter(|(house, _)| house.len() <= 2 && !scan.before(at).is_ascii_digit())?;
    let (room, after) = scan
        .run(end + 1)
        .filter(|_| matches!(scan.char(end), '-' | '—'))?;
    let behind_house = matches!(scan.before(at), '楼' | '栋' | '幢' | '座' | '区' | '苑')
        && matches!(room.len(), 3 | 4);
    let is_room = scan.one_of(after, &["室", "号房", "户"]).is_some();
    let ends = scan.char(after) != '-' && scan.char(after) != '.';
    let room_said = if room.len() > 2 {
        called(&room)
    } else {
        cardinal(room.parse().ok()?)
    };
    let house_said = cardinal(house.parse().ok()?);
    ((behind_house || is_room) && ends).then(|| (format!("{house_said}杠{room_said}"), after))
}

/// `O2O`, `B2C`: the figure is *to*.
pub(super) fn letter_to_letter(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let (first, second) = (scan.char(at), scan.char(at + 2));
    let is_formula = matches!((first, second), ('H', 'O') | ('B', 'F'));
    let is_pair = !is_formula
        && first.is_ascii_uppercase()
        && second.is_ascii_uppercase()
        && scan.char(at + 1) == '2';
    let alone =
        !scan.before(at).is_ascii_alphanumeric() && !scan.char(at + 3).is_ascii_alphanumeric();
    (is_pair && alone).then(|| (format!("{first} to {second}"), at + 3))
}

/// `978-7-111-12345-6`, `3-1-2`: numbers of codes and addresses, apart by 杠.
pub(super) fn coded(scan: &Scan, at: usize) -> Option<(String, usize)> {
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

/// `§5`, `§5.2`, `¶3`, `第§5条`: 第五节.
pub(super) fn section(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let noun = match scan.char(at) {
        '§' => "节",
        '¶' => "段",
        _ => return None,
    };
    // `§§3`
    let start = at + 1 + usize::from(scan.char(at + 1) == scan.char(at));
    let start = start + usize::from(scan.char(start) == ' ');
    let number = scan.number(start)?;
    let first = if scan.before(at) == '第' { "" } else { "第" };
    let has_noun = matches!(
        scan.char(number.end),
        '条' | '款' | '章' | '节' | '段' | '项'
    );
    let noun = if has_noun { "" } else { noun };
    Some((format!("{first}{}{noun}", quantity(&number)), number.end))
}

/// `NO.5`, `Vol.3`, `Fig. 2`, `p.15`: Latin abbreviations before numbers.
pub(super) fn abbreviated(scan: &Scan, at: usize) -> Option<(String, usize)> {
    const WORDS: [(&str, &str, &str); 11] = [
        ("No.", "编号", ""),
        ("NO.", "编号", ""),
        ("Vol.", "第", "卷"),
        ("VOL.", "第", "卷"),
        ("Fig.", "图", ""),
        ("Tab.", "表", ""),
        ("Ch.", "第", "章"),
        ("Sec.", "第", "节"),
        ("Ver.", "版本", ""),
        ("P.", "第", "页"),
        ("PP.", "第", "页"),
    ];
    if scan.before(at).is_ascii_alphanumeric() {
        return None;
    }
    let (short, head, tail) = WORDS.iter().find(|(short, ..)| scan.has(at, short))?;
    let start = at + short.len();
    let start = start + usize::from(scan.char(start) == ' ');
    let number = scan.number(start)?;
    Some((format!("{head}{}{tail}", quantity(&number)), number.end))
}

/// `24/7`, `7/24小时`: all day, every day.
pub(super) fn day_and_night(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let alone = !scan.before(at).is_ascii_alphanumeric() && scan.before(at) != '/';
    let said = match (scan.has(at, "24/7"), scan.has(at, "7/24")) {
        (true, _) => "二十四七",
        (_, true) => "七二十四",
        _ => return None,
    };
    let next = scan.char(at + 4);
    (alone && next != '/' && !next.is_ascii_digit()).then(|| (said.to_owned(), at + 4))
}

/// Words before the number of a seat.
const BEFORE_SEAT: [&str; 12] = [
    "座位",
    "座位号",
    "座席",
    "座号",
    "席位",
    "坐",
    "等座",
    "商务座",
    "软座",
    "硬座",
    "座位是",
    "入座",
];

/// Words behind a seat.
const AFTER_SEAT: [&str; 6] = ["座", "号", "靠窗", "靠过道", "靠走道", "靠走廊"];

/// Most seats of one list, so that reading stays linear.
const LONGEST_LIST_OF_SEATS: usize = 6;

/// True if the F behind the number from `at` to before `end` is a seat in that row, and no floor: `车12F号`, `座位32F`,
/// `12A和12F`.
fn is_seat(scan: &Scan, at: usize, end: usize) -> bool {
    is_announced_seat(scan, at)
        || AFTER_SEAT.iter().any(|word| scan.has(end + 1, word)) && !scan.has(end + 1, "号楼")
        || follows_seat(scan, at)
        || precedes_seat(scan, end + 1)
}

/// `座位32F`, `07车03F`, `5车厢3F`: true if the words before the number at `at` are those before a seat.
fn is_announced_seat(scan: &Scan, at: usize) -> bool {
    let in_carriage = scan.before(at) == '车'
        && at
            .checked_sub(1)
            .is_some_and(|car| scan.before(car).is_ascii_digit());
    in_carriage || scan.follows(at, &["车厢"]) || scan.follows(at, &BEFORE_SEAT)
}

/// True if `c` joins two seats of a list.
fn joins_seats(c: char) -> bool {
    matches!(
        c,
        '、' | '和' | '与' | '及' | '跟' | '到' | '至' | '或' | '-' | '，' | ',' | '/'
    )
}

/// True if a list of seats ends before the number at `at`: `12A、`.
fn follows_seat(scan: &Scan, at: usize) -> bool {
    let mut at = at;
    for _ in 0..LONGEST_LIST_OF_SEATS {
        let Some(letter) = at.checked_sub(2).filter(|_| joins_seats(scan.before(at))) else {
            return false;
        };
        let digits = (1..=2)
            .take_while(|back| *back <= letter && scan.is_digit(letter - back))
            .count();
        if digits == 0 || !matches!(scan.char(letter), 'A'..='H' | 'J' | 'K') {
            return false;
        }
        at = letter - digits;
        if scan.char(letter) != 'F' || is_announced_seat(scan, at) {
            return true;
        }
    }
    false
}

/// True if a list of seats goes on at `at`: `、12A`, `、13F座`.
fn precedes_seat(scan: &Scan, at: usize) -> bool {
    let mut at = at;
    for _ in 0..LONGEST_LIST_OF_SEATS {
        let next = scan.run(at + 1).filter(|_| joins_seats(scan.char(at)));
        let Some((_, letter)) = next.filter(|(digits, _)| digits.len() <= 2) else {
            return false;
        };
        if !matches!(scan.char(letter), 'A'..='H' | 'J' | 'K')
            || scan.char(letter + 1).is_ascii_alphanumeric()
        {
            return false;
        }
        at = letter + 1;
        if scan.char(letter) != 'F' || AFTER_SEAT.iter().any(|word| scan.has(at, word)) {
            return true;
        }
    }
    false
}

/// `3F`, `2-3F`: floors.
pub(super) fn floor(scan: &Scan, at: usize) -> Option<(String, usize)> {
    let (number, end) = scan
        .run(at)
        .filter(|(number, _)| number.len() <= 2 && !scan.before(at).is_ascii_alphanumeric())?;
    let number = number.parse().ok()?;
    if let Some((last, end)) = scan.run(end + 1).filter(|_| scan.char(end) == '-')
        && scan.char(end) == 'F'
        && !scan.char(end + 1).is_ascii_alphanumeric()
    {
        if is_seat(scan, at, end) {
            return None;
        }
        return Some((
            format!("{}到{}层", cardinal(number), cardinal(last.parse().ok()?)),
            end + 1,
        ));
    }
    let is_floor = scan.char(end) == 'F' && !scan.char(end + 1).is_ascii_alphanumeric();
    if !is_floor || is_seat(scan, at, end) {
        return None;
    }
    // `5F-501`
    if scan.char(end + 1) == '-'
        && let Some((room, after)) = scan
            .run(end + 2)
            .filter(|(room, _)| matches!(room.len(), 3 | 4))
    {
        return Some((format!("{}层{}", cardinal(number), called(&room)), after));
    }
    Some((format!("{}层", cardinal(number)), end + 1))
}
