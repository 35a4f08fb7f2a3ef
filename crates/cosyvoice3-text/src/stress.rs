//! Stress as Russian tools write it.

use std::borrow::Cow;

use crate::Change;

/// `text` with the stress that a `+` before its vowel marks (`з+амок`) as U+0301 after it (`за́мок`), which the model
/// reads. A `+` elsewhere, as in `2+2` and `а + б`, stays; before `ё`, which always has the stress, it goes.
///
/// Not for texts in which `а+б` is a sum: it is for those that ask for it.
pub fn mark_stress(text: &str) -> Cow<'_, str> {
    if !text.contains('+') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let in_word = matches!(before, '\u{400}'..='\u{52f}' | '\u{301}')
            || !before.is_alphanumeric() && before != '+';
        match chars.peek().copied() {
            Some(vowel) if c == '+' && in_word && is_vowel(vowel) => {
                chars.next();
                out.push(vowel);
                let marked = matches!(vowel, 'ё' | 'Ё') || chars.peek() == Some(&'\u{301}');
                if !marked {
                    out.push('\u{301}');
                }
                before = vowel;
            }
            _ => {
                out.push(c);
                before = c;
            }
        }
    }
    Cow::Owned(out)
}

/// The words of `text` whose stress [`mark_stress`] marks.
pub fn explain_stress(text: &str) -> Vec<Change> {
    let marked = mark_stress(text);
    // A stress mark is no blank, so that the words are the same ones.
    text.split_whitespace()
        .zip(marked.split_whitespace())
        .filter(|(written, marked)| written != marked)
        .map(|(written, marked)| Change::new(written, marked, "stress mark"))
        .collect()
}

fn is_vowel(c: char) -> bool {
    "аеёиоуыэюяАЕЁИОУЫЭЮЯіїєІЇЄ".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_before_a_vowel_becomes_the_mark_after_it() {
        for (text, expected) in [
            ("з+амок и зам+ок", "за\u{301}мок и замо\u{301}к"),
            ("+Анна, +утро", "А\u{301}нна, у\u{301}тро"),
            ("вс+ё", "всё"),
            ("2+2, а + б, C++, б+б", "2+2, а + б, C++, б+б"),
            ("5+яблок", "5+яблок"),
            ("за\u{301}мок", "за\u{301}мок"),
        ] {
            assert_eq!(mark_stress(text), expected, "{text}");
        }
    }

    #[test]
    fn each_word_whose_stress_is_marked_is_explained() {
        assert_eq!(
            explain_stress("старый з+амок, 2+2, вс+ё"),
            [
                Change::new("з+амок,", "за\u{301}мок,", "stress mark"),
                Change::new("вс+ё", "всё", "stress mark"),
            ]
        );
    }
}
