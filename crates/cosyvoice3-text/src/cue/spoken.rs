//! Additions in subtitles for those who do not hear: sounds that are described, and who speaks.

use crate::controls::control_at;

/// Longest description.
const LONGEST: usize = 200;

/// `text` without `[DOOR SLAMS]`, `(sighs)` and the like; the model's own controls stay.
pub(super) fn without_descriptions(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['[', '(', '（', '［', '【']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match control_at(rest) {
            Some(control) => {
                out.push_str(control);
                control.len()
            }
            None => match description(rest, starts_line(&out)) {
                Some(length) => length,
                None => {
                    let open = rest.chars().next().map_or(0, char::len_utf8);
                    out.push_str(&rest[..open]);
                    open
                }
            },
        };
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// True if nothing but a dash stands before the end of `text` on its line.
fn starts_line(text: &str) -> bool {
    text.chars()
        .rev()
        .take(LONGEST)
        .take_while(|c| *c != '\n')
        .all(|c| c.is_whitespace() || "-–—>♪".contains(c))
}

/// Length of the description that `text` starts with.
fn description(text: &str, first: bool) -> Option<usize> {
    let near = &text[..text.floor_char_boundary(LONGEST)];
    let close = match near.chars().next()? {
        '[' => ']',
        '(' => ')',
        '（' => '）',
        '［' => '］',
        _ => '】',
    };
    let end = near.find(close)? + close.len_utf8();
    if close != ')' && close != '）' {
        return Some(end);
    }
    // Brackets of a sentence stand inside it; those of a sound stand alone, at the start or end of a line, or are loud.
    let open = near.chars().next().map_or(0, char::len_utf8);
    let inner = &near[open..end - close.len_utf8()];
    let after = text[end..].trim_start_matches([' ', '\t', '\r']);
    let last = after.is_empty() || after.starts_with(['\n', ':']);
    let loud = inner.contains(char::is_uppercase) && !inner.contains(char::is_lowercase);
    let few_words = inner.split_whitespace().count() <= 4
        && !inner.contains(|c: char| c.is_numeric() || ".,;!?".contains(c));
    (first && last || (first || last) && few_words || loud && few_words).then_some(end)
}

/// `line` without the name in capitals and the colon that it starts with.
pub(super) fn without_speaker(line: &str) -> &str {
    let start = line.trim_start_matches(|c: char| c.is_whitespace() || "-–—>".contains(c));
    let Some(colon) = start[..start.floor_char_boundary(40)].find([':', '：']) else {
        return line;
    };
    let (name, rest) = start.split_at(colon);
    let mark = rest.chars().next().map_or(0, char::len_utf8);
    let letters = name.chars().filter(|c| c.is_alphabetic()).count();
    let is_name = letters >= 2
        && name
            .chars()
            .all(|c| c.is_uppercase() || c.is_numeric() || " .#'’-&".contains(c))
        && name.starts_with(char::is_uppercase);
    let ends = rest[mark..].chars().next().is_none_or(char::is_whitespace);
    if is_name && ends { &rest[mark..] } else { line }
}
