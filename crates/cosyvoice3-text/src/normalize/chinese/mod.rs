//! Chinese: the clean-ups of the official front end, and on demand numbers and signs in characters.

mod amounts;
mod calendar;
mod names;
mod numerals;
mod quantities;
mod scan;
mod web;
mod written;

use unicode_normalization::UnicodeNormalization;

use super::{Change, characters::tidy_symbols};

/// `text` cleaned up as published: no line breaks, no blanks but between two ASCII words, no brackets, full stops and
/// dashes in their Chinese form. Digits stay.
///
/// One deviation: a point inside a number or a Latin word (`3.14`, `example.com`) is no full stop. The clean-ups go to
/// `changes`, but for blanks.
pub(super) fn normalize(text: &str, mut changes: Option<&mut Vec<Change>>) -> String {
    let text: String = text
        .trim()
        .nfc()
        .filter(|c| !matches!(c, '\n' | '\r'))
        .collect();
    let mut note = |written: &str, said: &str, rule: &'static str| {
        if let Some(changes) = changes.as_deref_mut() {
            changes.push(Change::new(written, said, rule));
        }
    };
    let mut text = replace_blanks(&text);
    for (raised, said) in [("²", "平方"), ("³", "立方")] {
        text = replace(&text, raised, said, "power", &mut note);
    }
    text = replace_points(&text, &mut note);
    text = replace(&text, " - ", "，", "dash", &mut note);
    text = remove_brackets(text, &mut note);
    let commas = |c: char| matches!(c, '，' | ',' | '、');
    let ended = text.trim_end_matches(commas);
    if ended.len() < text.len() {
        note(&text[ended.len()..], "。", "comma at the end");
    }
    let mut out = tidy_symbols(ended, changes);
    if ended.len() < text.len() {
        out.push('。');
    }
    out
}

/// `text` cleaned up, with its numbers and signs in characters.
pub(super) fn written_out(text: &str, mut changes: Option<&mut Vec<Change>>) -> String {
    let clean = normalize(text, changes.as_deref_mut());
    // Between characters that were digits the clean-up leaves no blank.
    replace_blanks(&written::written(&clean, changes))
}

/// `text` with `said` for each `written`, which is noted.
fn replace(
    text: &str,
    written: &str,
    said: &str,
    rule: &'static str,
    note: &mut impl FnMut(&str, &str, &'static str),
) -> String {
    text.matches(written)
        .for_each(|written| note(written, said.trim(), rule));
    text.replace(written, said)
}

/// Deletes blanks that are not between two ASCII characters.
fn replace_blanks(text: &str) -> String {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii() && c != ' ');
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != ' ' || is_word(before) && is_word(chars.peek().copied()) {
            out.push(c);
        }
        before = Some(c);
    }
    out
}

fn replace_points(text: &str, note: &mut impl FnMut(&str, &str, &'static str)) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let inner =
            before.is_ascii_alphanumeric() && chars.peek().is_some_and(char::is_ascii_alphanumeric);
        if c == '.' && !inner {
            note(".", "。", "full stop");
            out.push('。');
        } else {
            out.push(c);
        }
        before = c;
    }
    out
}

fn remove_brackets(mut text: String, note: &mut impl FnMut(&str, &str, &'static str)) -> String {
    for bracket in ["（", "）", "【", "】", "`"] {
        text = replace(&text, bracket, "", "bracket", note);
    }
    replace(&text, "——", " ", "dash", note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Language, is_speakable};

    #[test]
    fn cleans_up_as_the_official_front_end() {
        let cases = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/golden/text_cases.json"
        ))
        .unwrap();
        let cases: serde_json::Value = serde_json::from_str(&cases).unwrap();
        let pairs = |name: &str| cases["misc"][name].as_array().unwrap().clone();
        for pair in pairs("replace_blank") {
            assert_eq!(
                replace_blanks(pair[0].as_str().unwrap()),
                pair[1].as_str().unwrap()
            );
        }
        for pair in pairs("remove_bracket") {
            assert_eq!(
                remove_brackets(pair[0].as_str().unwrap().to_owned(), &mut |_, _, _| {}),
                pair[1].as_str().unwrap()
            );
        }
        for pair in pairs("contains_chinese") {
            let chinese = Language::detect(pair[0].as_str().unwrap()) == Some(Language::Chinese);
            assert_eq!(chinese, pair[1].as_bool().unwrap());
        }
        for pair in pairs("only_punctuation") {
            let text = pair[0].as_str().unwrap();
            // The official rule lets a blank through and then fails on it.
            assert_eq!(
                !is_speakable(text),
                pair[1].as_bool().unwrap() || text == " "
            );
        }
    }

    #[test]
    fn no_sign_with_a_meaning_is_dropped() {
        let text = "¥€£₩℃㎡×÷±≥≤≈≠→‰№∶√∞＋－＝％＆＠￥@#%^&*+=<>/|~";
        assert_eq!(normalize(text, None), text);
    }

    #[test]
    fn keeps_digits_controls_and_latin() {
        for (text, expected) in [
            (
                "我有 3.14 个 GStreamer plugin，",
                "我有3.14个GStreamer plugin。",
            ),
            ("高管[j][ǐ]予好评.", "高管[j][ǐ]予好评。"),
            ("5m² 🙂【注】", "5m平方注"),
            ("今天\n很好", "今天很好"),
        ] {
            assert_eq!(normalize(text, None), expected);
        }
    }
}
