//! Subtitle cues as plain text: the words that a viewer reads, without instructions to the player.
//!
//! [`plain`] takes the text of one cue, as it stands in the file or as a demultiplexer gives it, and drops all markup:
//! tags, override blocks, drawings, karaoke times and character references. Reading is tolerant, since subtitle files
//! are made by hand: `I <3 you`, `a < b` and `R&D` stay what they are. Time is linear and the result is never longer
//! than the cue.

mod lines;
mod spoken;
mod tags;

pub use lines::joined;

use crate::controls::control_at;
use tags::{Tag, tag_at};

/// The markup that a cue has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// SubRip and plain text: HTML-like tags, and override blocks such as `{\an8}` that strayed in from ASS.
    #[default]
    Srt,
    /// WebVTT: classes, voices, times and character references.
    WebVtt,
    /// The text field of an event of ASS or SSA: override blocks, comments, drawings, `\N`, `\n` and `\h`.
    Ass,
    /// Pango markup, as GStreamer's demultiplexers and parsers give it.
    Pango,
}

/// Parts of a cue that are left out beside its markup; none by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LeaveOut {
    /// Descriptions of sounds for the deaf: `[DOOR SLAMS]`, `(sighs)`.
    pub descriptions: bool,
    /// Names of speakers in capitals at the start of a line: `ANNA:`.
    pub speakers: bool,
}

/// Text that was escaped is escaped once more by some writers; none was seen that does it three times.
const ROUNDS: usize = 3;

/// The text of `cue`, line by line; empty where nothing is to be spoken.
///
/// The model's own controls ([`is_control`](crate::is_control)) pass; `<|...|>` never does.
///
/// ```
/// use cosyvoice3_text::cue::{Format, LeaveOut, plain};
///
/// let cue = r"{\an8}<i>Tom &amp;amp; Jerry</i>\N[breath] I <3 you";
/// assert_eq!(plain(cue, Format::Srt, LeaveOut::default()), "Tom & Jerry\n[breath] I <3 you");
/// ```
pub fn plain(cue: &str, format: Format, leave_out: LeaveOut) -> String {
    let mut text = without_markup(cue, format);
    for _ in 0..ROUNDS {
        let decoded = decoded(&text);
        if decoded == text {
            break;
        }
        // Escaped text may be markup: a parser that did not know the tag escaped it whole.
        text = without_markup(&decoded, format);
    }
    // The two may have met when markup between them was removed.
    text = text.replace("<|", " ");
    if leave_out.descriptions {
        text = spoken::without_descriptions(&text);
    }
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            if leave_out.speakers {
                spoken::without_speaker(line)
            } else {
                line
            }
        })
        .map(tidy)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

/// `line` with single blanks.
fn tidy(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` without tags and override blocks, with its line breaks.
fn without_markup(text: &str, format: Format) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut drawing = false;
    while let Some(c) = rest.chars().next() {
        let (kept, length) = match c {
            '<' | '[' if control_at(rest).is_some() => {
                let control = control_at(rest).unwrap_or_default();
                (control, control.len())
            }
            '<' => match tag_at(rest) {
                Some(Tag {
                    length,
                    breaks: true,
                }) => ("\n", length),
                Some(Tag { length, .. }) => ("", length),
                None => ("<", 1),
            },
            '{' => match override_block(rest, format) {
                Some(block) => {
                    drawing = draws(block).unwrap_or(drawing);
                    ("", block.len())
                }
                None => ("{", 1),
            },
            '\\' => match rest.as_bytes().get(1) {
                Some(b'N') => ("\n", 2),
                Some(b'n') if format == Format::Ass => (" ", 2),
                Some(b'h') => (" ", 2),
                _ => ("\\", 1),
            },
            '\r' => (" ", 1),
            _ => (&rest[..c.len_utf8()], c.len_utf8()),
        };
        if !drawing {
            out.push_str(kept);
        }
        rest = &rest[length..];
    }
    out
}

/// Longest block of overrides: animations have some hundreds of characters.
const LONGEST_BLOCK: usize = 1000;

/// `{\an8}` or another block of overrides that `text` starts with; in ASS a comment as well.
fn override_block(text: &str, format: Format) -> Option<&str> {
    let bytes = text.as_bytes();
    let is_override = bytes.get(1) == Some(&b'\\');
    // MicroDVD's `{y:i}` strays into SubRip.
    let is_code =
        bytes.get(2) == Some(&b':') && bytes.get(1).is_some_and(|b| b"yYcCfFsSpPoO".contains(b));
    if !is_override && !is_code && format != Format::Ass {
        return None;
    }
    match text
        .bytes()
        .take(LONGEST_BLOCK)
        .position(|byte| byte == b'}')
    {
        Some(end) => Some(&text[..=end]),
        // Without its end, as far as a code can go.
        None if is_override => {
            let end = text
                .find(|c: char| c.is_whitespace() || c == '<')
                .unwrap_or(text.len());
            Some(&text[..end.min(text.floor_char_boundary(LONGEST_BLOCK))])
        }
        None => None,
    }
}

/// True if `block` begins (`\p1`) or ends (`\p0`) a drawing; `None` where it does neither.
fn draws(block: &str) -> Option<bool> {
    block
        .split('\\')
        .filter_map(|code| {
            let scale = code.strip_prefix('p')?.trim_end_matches('}').trim();
            scale.parse::<u32>().ok()
        })
        .next_back()
        .map(|scale| scale > 0)
}

/// Longest character reference.
const LONGEST_REFERENCE: usize = 12;

/// `text` with its character references as characters; an ampersand that begins none stays.
fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest
            .bytes()
            .take(LONGEST_REFERENCE)
            .position(|byte| byte == b';');
        match end.and_then(|end| Some((character(&rest[1..end])?, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The character of a reference without its `&` and `;`.
fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).map(|c| if c.is_control() { ' ' } else { c });
    }
    const NAMES: [(&str, char); 34] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", '\u{a0}'),
        ("lrm", '\u{200e}'),
        ("rlm", '\u{200f}'),
        ("shy", '\u{ad}'),
        ("ensp", ' '),
        ("emsp", ' '),
        ("thinsp", ' '),
        ("ndash", '–'),
        ("mdash", '—'),
        ("hellip", '…'),
        ("laquo", '«'),
        ("raquo", '»'),
        ("ldquo", '“'),
        ("rdquo", '”'),
        ("lsquo", '‘'),
        ("rsquo", '’'),
        ("bdquo", '„'),
        ("copy", '©'),
        ("reg", '®'),
        ("trade", '™'),
        ("deg", '°'),
        ("plusmn", '±'),
        ("times", '×'),
        ("divide", '÷'),
        ("frac12", '½'),
        ("euro", '€'),
        ("pound", '£'),
        ("cent", '¢'),
        ("yen", '¥'),
    ];
    NAMES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, c)| *c)
}

#[cfg(test)]
mod tests;
