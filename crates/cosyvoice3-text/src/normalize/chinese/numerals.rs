//! Chinese number words.

const DIGITS: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];

/// 一千零五, 十五, 两万: a whole number. 二 is 两 before 千, 万 and 亿.
pub(super) fn cardinal(value: u64) -> String {
    if value == 0 {
        return "零".to_owned();
    }
    let mut out = String::new();
    let mut gap = false;
    for (power, name) in [(100_000_000, "亿"), (10_000, "万"), (1, "")] {
        let group = match power {
            100_000_000 => value / power,
            _ => value / power % 10_000,
        };
        if group == 0 {
            gap |= !out.is_empty();
            continue;
        }
        if gap || !out.is_empty() && group < 1000 {
            out.push('零');
        }
        gap = false;
        match (group, name.is_empty()) {
            (2, false) => out.push('两'),
            (10_000.., _) => out.push_str(&cardinal(group)),
            _ => push_group(&mut out, group),
        }
        out.push_str(name);
    }
    out
}

/// A number below ten thousand.
fn push_group(out: &mut String, value: u64) {
    let first = out.is_empty();
    let mut started = false;
    let mut gap = false;
    for (power, name) in [(1000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let digit = (value / power % 10) as usize;
        if digit == 0 {
            gap |= started;
            continue;
        }
        if gap {
            out.push('零');
            gap = false;
        }
        match (digit, power) {
            (1, 10) if first && !started => {}
            (2, 1000) => out.push('两'),
            _ => out.push_str(DIGITS[digit]),
        }
        out.push_str(name);
        started = true;
    }
}

/// Digit by digit: 二零二五.
pub(super) fn digits(digits: &str) -> String {
    digits
        .chars()
        .filter_map(|c| c.to_digit(10))
        .map(|digit| DIGITS[digit as usize])
        .collect()
}

/// Digit by digit as numbers are read out over a telephone or a loudspeaker, 一 as 幺: 幺三八.
pub(super) fn called(number: &str) -> String {
    digits(number).replace('一', "幺")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_their_noughts_and_pairs() {
        for (value, words) in [
            (0, "零"),
            (2, "二"),
            (10, "十"),
            (15, "十五"),
            (20, "二十"),
            (105, "一百零五"),
            (110, "一百一十"),
            (1005, "一千零五"),
            (2000, "两千"),
            (2222, "两千二百二十二"),
            (10_010, "一万零一十"),
            (12_345, "一万两千三百四十五"),
            (20_000, "两万"),
            (100_000, "十万"),
            (1_000_001, "一百万零一"),
            (200_000_000, "两亿"),
            (100_020_003, "一亿零两万零三"),
            (1_500_000_000_000, "一万五千亿"),
        ] {
            assert_eq!(cardinal(value), words, "{value}");
        }
    }
}
