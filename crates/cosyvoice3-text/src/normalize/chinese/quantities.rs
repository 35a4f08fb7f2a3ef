//! Plain numbers, and the marks behind them, in Chinese.

use super::{
    numerals::{cardinal, digits},
    scan::{Number, Scan},
};

/// A number as a quantity: 三点一四, 一百零五; digit by digit where it is written like `007` or too long.
pub(super) fn quantity(number: &Number) -> String {
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
pub(super) fn counted(scan: &Scan, number: &Number, end: usize) -> String {
    let counts = number.digits == "2"
        && number.fraction.is_none()
        && scan.one_of(end, &COUNTERS).is_some()
        && !is_ordinal(scan, end)
        && !matches!(scan.char(end + 1), '级' | '月')
        && !scan.has(end, "人称");
    if counts {
        "两".to_owned()
    } else {
        quantity(number)
    }
}

/// `第2节`, `第1、2节`: true if 第 stands before the numbers that end before `end`.
fn is_ordinal(scan: &Scan, end: usize) -> bool {
    const LONGEST_LIST: usize = 12;
    let first = (1..=LONGEST_LIST.min(end))
        .find(|back| {
            let c = scan.char(end - back);
            !c.is_ascii_digit() && !matches!(c, '、' | '和' | '与')
        })
        .map(|back| scan.char(end - back));
    first == Some('第')
}

/// The index of the second part behind `-`, `~` or `—` at `end`.
pub(super) fn behind_dash(scan: &Scan, end: usize) -> Option<usize> {
    matches!(scan.char(end), '-' | '~' | '—' | '至' | '到').then_some(end + 1)
}
