//! SubStation Alpha: sections, a `Format:` line that names the fields, one `Dialogue:` line a cue.

use super::{Cue, Unread, cue, time};

/// The fields of an event if no line names them, those of version 4+.
const FIELDS: [&str; 10] = [
    "layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text",
];

/// Returns true if a line occurs only in files of this kind.
pub(super) fn is_typical(line: &str) -> bool {
    line.trim().eq_ignore_ascii_case("[Script Info]") || of_kind(line, "Dialogue").is_some()
}

/// The cues of a file, and the `Dialogue:` lines that are none. Comments and pictures are not spoken.
pub(super) fn read(lines: &[&str]) -> (Vec<Cue>, Vec<Unread>) {
    let mut cues = Vec::new();
    let mut unread = Vec::new();
    let mut fields: Vec<String> = FIELDS.map(String::from).to_vec();
    let mut of_events = true;
    for (index, line) in lines.iter().enumerate() {
        if line.trim_start().starts_with('[') {
            of_events = line.trim().eq_ignore_ascii_case("[Events]");
        } else if let Some(names) = of_kind(line, "Format").filter(|_| of_events) {
            let names = names
                .split(',')
                .map(|name| name.trim().to_ascii_lowercase());
            fields = names.collect();
        } else if let Some(values) = of_kind(line, "Dialogue") {
            match event(&fields, values) {
                Some((times, text)) => cues.push(cue(index + 1, times, text)),
                None => unread.push(Unread {
                    line: index + 1,
                    text: line.trim().to_owned(),
                }),
            }
        }
    }
    (cues, unread)
}

/// The rest of a line `KIND: REST`.
fn of_kind<'a>(line: &'a str, kind: &str) -> Option<&'a str> {
    let (head, rest) = line.split_once(':')?;
    head.trim().eq_ignore_ascii_case(kind).then_some(rest)
}

type Times = (std::time::Duration, Option<std::time::Duration>);

/// Times and text of a `Dialogue:` line.
fn event(fields: &[String], values: &str) -> Option<(Times, String)> {
    // The last field is the text, which may hold commas.
    let values: Vec<&str> = values.splitn(fields.len(), ',').collect();
    let value = |name: &str| {
        let place = fields.iter().position(|field| field == name)?;
        values.get(place).copied()
    };
    let start = time::time(value("start")?)?;
    let end = value("end").and_then(time::time);
    Some(((start, end), value("text")?.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read_lines(file: &str) -> (Vec<Cue>, Vec<Unread>) {
        read(&file.split('\n').collect::<Vec<_>>())
    }

    #[test]
    fn dialogue_lines_are_cues_with_all_their_commas() {
        let (cues, unread) = read_lines(
            "[Script Info]\nTitle: x\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n\n[Events]\n\
             Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
             Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,not heard\n\
             Dialogue: 0,0:00:01.00,0:00:02.50,Default,Anna,0,0,0,,{\\an8}Yes, sure,\\Nwhy not?",
        );
        assert_eq!(unread, []);
        assert_eq!(cues.len(), 1);
        assert_eq!(cues[0].text, "{\\an8}Yes, sure,\\Nwhy not?");
        assert_eq!(cues[0].end, Some(Duration::from_millis(2500)));
        assert_eq!(cues[0].line, 11);
    }

    #[test]
    fn the_format_line_says_where_the_fields_are() {
        let (cues, _) = read_lines(
            "[Events]\nFormat: Marked, Start, End, Text\nDialogue: Marked=0,0:00:01.00,0:00:02.00,a, b",
        );
        assert_eq!(cues[0].text, "a, b");
        let (cues, _) = read_lines("Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,a, b");
        assert_eq!(cues[0].text, "a, b");
    }

    #[test]
    fn a_line_without_times_is_named() {
        let (cues, unread) =
            read_lines("[Events]\nDialogue: 0,soon,0:00:02.00,Default,,0,0,0,,a\nDialogue: 0");
        assert_eq!(cues, []);
        assert_eq!(
            unread.iter().map(|unread| unread.line).collect::<Vec<_>>(),
            [2, 3]
        );
    }
}
