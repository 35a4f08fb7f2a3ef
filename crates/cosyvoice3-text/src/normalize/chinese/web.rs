//! Addresses of the web and of mail in Chinese: `https://example.cn/a?b=1`, `abc@163.com`.

use super::{numerals::called, scan::Scan};
use crate::normalize::web;

/// Longest address, in characters.
const LONGEST: usize = 300;

/// The address at `at`, with its marks by name and its digits one by one.
pub(super) fn web_address(scan: &Scan, at: usize) -> Option<(String, usize)> {
    if !scan.char(at).is_ascii_alphanumeric() || is_inside(scan.before(at)) {
        return None;
    }
    let run: String = (at..scan.len().min(at + LONGEST))
        .map(|i| scan.char(i))
        .take_while(|c| c.is_ascii_graphic() && !matches!(c, '[' | '<'))
        .collect();
    let found = web::address(&run).filter(|range| range.start == 0)?;
    let slashes = run[found.end..].bytes().take_while(|b| *b == b'/').count();
    let address = &run[found.clone()];
    let body = address.split_once("://").map_or(address, |(_, body)| body);
    Some((in_words(body), at + found.end + slashes))
}

/// True if an address that the character `c` belongs to has begun before it.
fn is_inside(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '@' | '-' | '_')
}

fn in_words(address: &str) -> String {
    let mut said = String::with_capacity(2 * address.len());
    let mut rest = address;
    while let Some(c) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            said.push_str(&called(&rest[..digits]));
            rest = &rest[digits..];
            continue;
        }
        match name(c) {
            Some(name) => said.push_str(name),
            None if c.is_alphabetic() => said.push(c),
            // No other mark is said.
            None => {}
        }
        rest = &rest[c.len_utf8()..];
    }
    said
}

fn name(mark: char) -> Option<&'static str> {
    Some(match mark {
        '.' => "点",
        '/' => "斜杠",
        '-' => "杠",
        '_' => "下划线",
        ':' => "冒号",
        '@' => "艾特",
        '?' => "问号",
        '=' => "等于",
        '&' => "和",
        '#' => "井号",
        '+' => "加",
        '%' => "百分号",
        '~' => "波浪号",
        _ => return None,
    })
}
