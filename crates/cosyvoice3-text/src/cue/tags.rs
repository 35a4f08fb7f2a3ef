//! Tags of subtitles: `<i>`, `<font color="red">`, `<c.loud>`, `<v Anna>`, `<00:01.000>`, `<|...|>`.

/// A tag at the start of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// Its bytes.
    pub length: usize,
    /// True if a line ends with it.
    pub breaks: bool,
}

/// Longest tag: Pango's spans have a dozen attributes.
const LONGEST: usize = 600;

/// The tag that `text` starts with; `None` where its `<` is one of text, as in `<3` and `a < b`.
pub(super) fn tag_at(text: &str) -> Option<Tag> {
    let rest = text.strip_prefix('<')?;
    if let Some(inside) = rest.strip_prefix('|') {
        // Without its end the two characters alone go: together with `|>` further on they would be markup.
        let end = inside.bytes().take(LONGEST).position(|byte| byte == b'>');
        return Some(Tag {
            length: end.map_or(2, |end| end + 3),
            breaks: false,
        });
    }
    if rest.starts_with("!--") {
        let end = rest[..rest.floor_char_boundary(LONGEST)].find("-->")?;
        return Some(Tag {
            length: end + 4,
            breaks: false,
        });
    }
    let body_length = body(rest)?;
    let body = &rest[..body_length];
    let length = body_length + 2;
    if is_time(body) {
        return Some(Tag {
            length,
            breaks: false,
        });
    }
    let name_and_more = body.strip_prefix('/').unwrap_or(body);
    let name_length = name_and_more
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .unwrap_or(name_and_more.len());
    let (name, more) = name_and_more.split_at(name_length);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !belongs(name, more) {
        return None;
    }
    // The reading above a Chinese character says it a second time.
    if name == "rt" && !body.starts_with('/') {
        let near = &text[length..text.floor_char_boundary(length + LONGEST)];
        if let Some(end) = near.find("</rt>") {
            return Some(Tag {
                length: length + end + "</rt>".len(),
                breaks: false,
            });
        }
    }
    let breaks = name.eq_ignore_ascii_case("br") || name.eq_ignore_ascii_case("p");
    Some(Tag { length, breaks })
}

/// Length of what stands between `<` and `>`, which may stand in quotes too.
fn body(rest: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate().take(LONGEST) {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'<') => break,
            (None, b'"' | b'\'') if rest[..at].ends_with('=') => quote = Some(byte),
            (Some(open), byte) if byte == open => quote = None,
            _ => {}
        }
    }
    // A quote that never ends is none.
    quote?;
    rest.bytes().take(LONGEST).position(|byte| byte == b'>')
}

/// `00:01.000`: when the next word of a song is sung.
fn is_time(body: &str) -> bool {
    body.contains(':')
        && body
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b','))
}

/// True if `more` can follow the name of a tag: nothing, classes, attributes, the voice or language it names.
fn belongs(name: &str, more: &str) -> bool {
    let more = more.trim_end_matches('/').trim();
    let named = matches!(name, "v" | "c" | "lang" | "ruby" | "rt" | "i" | "b" | "u")
        && more.starts_with('.')
        || matches!(name, "v" | "lang");
    more.is_empty() || named || more.contains('=')
}
