//! WebVTT: a header, blocks between blank lines; a block with a line of times is a cue.

use super::{Cue, Unread, cue, time};

/// The cues of a file, and the blocks that are neither cues nor notes, styles or regions.
pub(super) fn read(lines: &[&str]) -> (Vec<Cue>, Vec<Unread>) {
    let mut cues = Vec::new();
    let mut unread = Vec::new();
    // The header goes to the first blank line or the first times.
    let mut at = lines
        .iter()
        .position(|line| line.trim_start().starts_with("WEBVTT"))
        .map_or(0, |header| header + 1);
    while at < lines.len() && !lines[at].trim().is_empty() && time::range(lines[at]).is_none() {
        at += 1;
    }
    while at < lines.len() {
        let block = block_at(lines, at);
        if let Some(times) = time::range(lines[at]) {
            let text: Vec<&str> = block[1..].iter().map(|line| line.trim()).collect();
            cues.push(cue(at + 1, times, text.join("\n")));
        } else if is_lost(lines, at, block.len()) {
            unread.push(Unread {
                line: at + 1,
                text: lines[at].trim().to_owned(),
            });
        }
        at += block.len().max(1);
    }
    (cues, unread)
}

/// The lines from `at` to a blank one or to the times of another cue.
fn block_at<'a>(lines: &'a [&'a str], at: usize) -> &'a [&'a str] {
    let rest = &lines[at..];
    let ends = |line: &&str| line.trim().is_empty() || time::range(line).is_some();
    let length = match rest {
        [first, ..] if first.trim().is_empty() => 0,
        [_, others @ ..] => 1 + others.iter().position(ends).unwrap_or(others.len()),
        [] => 0,
    };
    &rest[..length]
}

/// True if a block without times was meant to be spoken: it is no name of the cue below it, and nothing that the format
/// has beside cues.
fn is_lost(lines: &[&str], at: usize, length: usize) -> bool {
    let first = lines[at].trim();
    let names_a_cue = length == 1
        && lines
            .get(at + 1)
            .is_some_and(|line| time::range(line).is_some());
    let keyword = first.split(char::is_whitespace).next().unwrap_or_default();
    length > 0 && !names_a_cue && !["NOTE", "STYLE", "REGION"].contains(&keyword)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_are_read_and_notes_styles_and_names_are_not_heard() {
        let file = "WEBVTT - some title\nKind: captions\nLanguage: ru\n\n\
                    STYLE\n::cue { color: red }\n\n\
                    NOTE a remark\nof two lines\n\n\
                    intro\n00:01.000 --> 00:02.000 align:start\n<v Anna>A\nmore\n\n\
                    00:00:03.000 --> 00:00:04.000\nB\n00:05.000 --> 00:06.000\nC";
        let lines: Vec<&str> = file.split('\n').collect();
        let (cues, unread) = read(&lines);
        let texts: Vec<&str> = cues.iter().map(|cue| cue.text.as_str()).collect();
        assert_eq!(texts, ["<v Anna>A\nmore", "B", "C"]);
        assert_eq!(cues[0].line, 12);
        assert_eq!(unread, []);
    }

    #[test]
    fn text_without_times_is_named_by_its_line() {
        let file =
            "WEBVTT\n\n00:01.000 --> 00:02.000\nA\n\nstray\ntext\n\n00:xx --> 00:04.000\nB\n";
        let lines: Vec<&str> = file.split('\n').collect();
        let (cues, unread) = read(&lines);
        assert_eq!(cues.len(), 1);
        let at: Vec<usize> = unread.iter().map(|unread| unread.line).collect();
        assert_eq!(at, [6, 9]);
    }
}
