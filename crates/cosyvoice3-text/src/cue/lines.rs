//! Lines of a cue as sentences: a line ends where the picture does, a sentence goes on.

/// The lines of a cue's `text`, as [`plain`](super::plain) gives it, with those of one sentence joined by a blank (in Chinese
/// by nothing).
///
/// A line stays one of its own where it begins with a dash, as each speaker's does, or with a capital letter behind the
/// end of a sentence. Joining twice changes nothing.
///
/// ```
/// use cosyvoice3_text::cue::joined;
///
/// assert_eq!(joined("I went to the\nshop and bought\n- What?"), "I went to the shop and bought\n- What?");
/// ```
pub fn joined(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if joined.is_empty() {
            joined.push_str(line);
            continue;
        }
        if is_speakers(line) || ends_sentence(&joined) && begins_sentence(line) {
            joined.push('\n');
        } else if !joined.ends_with(is_chinese) || !line.starts_with(is_chinese) {
            joined.push(' ');
        }
        joined.push_str(line);
    }
    joined
}

/// `- Yes.` is a line of another speaker, `-5 degrees` is none.
fn is_speakers(line: &str) -> bool {
    let words = line.trim_start_matches(['-', '–', '—']);
    words.len() < line.len() && !words.starts_with(|c: char| c.is_ascii_digit())
}

fn ends_sentence(text: &str) -> bool {
    text.trim_end_matches(['"', '\'', '”', '’', '»', ')', ']', '」', '』', '）'])
        .ends_with(['.', '!', '?', '…', '。', '！', '？'])
}

fn begins_sentence(line: &str) -> bool {
    let first = line
        .trim_start_matches([
            '"', '\'', '“', '„', '‘', '«', '(', '[', '「', '『', '（', '¿', '¡',
        ])
        .chars()
        .next();
    first.is_some_and(|c| c.is_uppercase() || is_chinese(c))
}

fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sentence_over_two_lines_is_one_and_two_speakers_are_two() {
        for (text, expected) in [
            (
                "I went to the\nshop and bought",
                "I went to the shop and bought",
            ),
            (
                "I went to\nLondon and\nParis.",
                "I went to London and Paris.",
            ),
            ("Привет, мой\nдруг.", "Привет, мой друг."),
            ("- Да?\n- Нет", "- Да?\n- Нет"),
            ("— Да?\n— Нет, мы\nне идём.", "— Да?\n— Нет, мы не идём."),
            ("It is\n-5 outside.", "It is -5 outside."),
            ("Stop!\nWho is there?", "Stop!\nWho is there?"),
            ("Wait...\n(Knocking) Now.", "Wait...\n(Knocking) Now."),
            ("Dr.\nsmith", "Dr. smith"),
            ("你好，\n世界", "你好，世界"),
            ("你好。\n世界", "你好。\n世界"),
            ("你好\nworld", "你好 world"),
            ("", ""),
        ] {
            assert_eq!(joined(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn joining_twice_changes_nothing_and_loses_no_letter(text in "([-—]? ?[A-Za-zа-я你好。!?.\"]{0,6}\n?){0,6}") {
            let once = joined(&text);
            prop_assert_eq!(joined(&once), once.clone());
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&once), letters(&text));
        }
    }
}
