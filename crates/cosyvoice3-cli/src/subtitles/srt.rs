//! SubRip: a number, a line of times, lines of text, a blank line.

use super::{Cue, Unread, cue, time};

/// The cues of a file, and the parts of it that are not cues.
///
/// A cue is everything from its line of times to the next one but that one's number: so a blank line inside a cue, a
/// missing one between two, and missing numbers take nothing away.
pub(super) fn read(lines: &[&str]) -> (Vec<Cue>, Vec<Unread>) {
    let borders: Vec<usize> = (0..lines.len())
        .filter(|at| time::range(lines[*at]).is_some() || time::is_broken_range(lines[*at]))
        .collect();
    let first = borders.first().copied().unwrap_or(lines.len());
    let numbered = last_is_number(&lines[..first]);
    let mut cues = Vec::new();
    let mut unread = Vec::new();
    let before = text_of(&lines[..first], numbered);
    if !before.is_empty() {
        unread.push(Unread {
            line: 1 + lines
                .iter()
                .position(|line| !line.trim().is_empty())
                .unwrap_or(0),
            text: before.lines().next().unwrap_or_default().to_owned(),
        });
    }
    for (index, at) in borders.iter().copied().enumerate() {
        let next = borders.get(index + 1).copied();
        let block = &lines[at + 1..next.unwrap_or(lines.len())];
        match time::range(lines[at]) {
            Some(times) => {
                let text = text_of(block, numbered && next.is_some());
                cues.push(cue(at + 1, times, text));
            }
            None => unread.push(Unread {
                line: at + 1,
                text: lines[at].trim().to_owned(),
            }),
        }
    }
    (cues, unread)
}

/// The lines of a block without blank ones, and without the number of the cue that follows.
fn text_of(block: &[&str], numbered: bool) -> String {
    let mut lines: Vec<&str> = block
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .collect();
    if numbered && last_is_number(&lines) {
        lines.pop();
    }
    lines.join("\n")
}

/// Returns true if the last line that is not blank is a number alone.
fn last_is_number(lines: &[&str]) -> bool {
    let last = lines.iter().rev().find(|line| !line.trim().is_empty());
    last.is_some_and(|line| line.trim().bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(file: &str) -> (Vec<String>, Vec<usize>) {
        let lines: Vec<&str> = file.split('\n').collect();
        let (cues, unread) = read(&lines);
        (
            cues.into_iter().map(|cue| cue.text).collect(),
            unread.into_iter().map(|unread| unread.line).collect(),
        )
    }

    #[test]
    fn files_as_people_make_them_lose_no_cue() {
        let a = "00:00:01,000 --> 00:00:02,000";
        let b = "00:00:03,000 --> 00:00:04,000";
        for (what, file) in [
            ("as it should be", format!("1\n{a}\nA\n\n2\n{b}\nB\n\n")),
            (
                "no blank line at the end",
                format!("1\n{a}\nA\n\n2\n{b}\nB"),
            ),
            ("no blank line between", format!("1\n{a}\nA\n2\n{b}\nB\n")),
            ("no numbers", format!("{a}\nA\n\n{b}\nB\n")),
            (
                "double spaced",
                format!("1\n\n{a}\n\nA\n\n2\n\n{b}\n\nB\n\n"),
            ),
            (
                "numbers that do not count up",
                format!("7\n{a}\nA\n\n7\n{b}\nB\n"),
            ),
            (
                "blanks around everything",
                format!(" 1 \n {a} \n A \n \n 2\n{b}\n\tB\n"),
            ),
        ] {
            assert_eq!(
                texts(&file),
                (vec!["A".into(), "B".into()], vec![]),
                "{what}"
            );
        }
    }

    #[test]
    fn a_blank_line_inside_a_cue_and_numbers_as_text_are_kept() {
        let file = "1\n00:00:01,000 --> 00:00:02,000\nA\n\nmore\n\n2\n00:00:03,000 --> 00:00:04,000\nIn\n1984\n\n\
                    3\n00:00:05,000 --> 00:00:06,000\n2000\n";
        assert_eq!(
            texts(file),
            (
                vec!["A\nmore".into(), "In\n1984".into(), "2000".into()],
                vec![]
            )
        );
        // Without numbers of cues every number is a text.
        let file = "00:00:01,000 --> 00:00:02,000\n1984\n00:00:03,000 --> 00:00:04,000\nB\n";
        assert_eq!(texts(file), (vec!["1984".into(), "B".into()], vec![]));
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line_and_takes_no_other_cue_along() {
        let file = "subtitles by me\n\n1\n00:00:0l,000 --> 00:00:02,000\nA\n\n2\n00:00:03,000 --> 00:00:04,000\nB\n";
        assert_eq!(texts(file), (vec!["B".into()], vec![1, 4]));
    }
}
