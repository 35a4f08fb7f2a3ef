//! The inline controls that the model's tokenizer knows.

use std::borrow::Cow;

/// Sounds and manners, in their brackets.
const NAMED: [&str; 15] = [
    "[breath]",
    "<strong>",
    "</strong>",
    "[noise]",
    "[laughter]",
    "[cough]",
    "[clucking]",
    "[accent]",
    "[quick_breath]",
    "<laughter>",
    "</laughter>",
    "[hissing]",
    "[sigh]",
    "[vocalized-noise]",
    "[lipsmack]",
];

/// Longest control.
const LONGEST: usize = 20;

/// Longest name of a special token, in bytes; the bound keeps the search linear.
const LONGEST_SPECIAL: usize = 64;

/// ARPAbet phonemes and pieces of pinyin, which stand in square brackets.
const PIECES: &str = "mn AA AA0 AA1 AA2 AE AE0 AE1 AE2 AH AH0 AH1 AH2 AO AO0 AO1 AO2 AW AW0 AW1 AW2 AY AY0 AY1 AY2 B CH D DH EH EH0 EH1 \
    EH2 ER ER0 ER1 ER2 EY EY0 EY1 EY2 F G HH IH IH0 IH1 IH2 IY IY0 IY1 IY2 JH K L M N NG OW OW0 OW1 OW2 OY OY0 OY1 \
    OY2 P R S SH T TH UH UH0 UH1 UH2 UW UW0 UW1 UW2 V W Y Z ZH a ai an ang ao b c ch d e ei en eng f g h i ian in \
    ing iu ià iàn iàng iào iá ián iáng iáo iè ié iòng ióng iù iú iā iān iāng iāo iē iě iōng iū iǎ iǎn iǎng iǎo iǒng \
    iǔ j k l m n o ong ou p q r s sh t u uang ue un uo uà uài uàn uàng uá uái uán uáng uè ué uì uí uò uó uā uāi uān \
    uāng uē uě uī uō uǎ uǎi uǎn uǎng uǐ uǒ vè w x y z zh à ài àn àng ào á ái án áng áo è èi èn èng èr é éi én éng ér \
    ì ìn ìng í ín íng ò òng òu ó óng óu ù ùn ú ún ā āi ān āng āo ē ēi ēn ēng ě ěi ěn ěng ěr ī īn īng ō ōng ōu ū ūn ǎ \
    ǎi ǎn ǎng ǎo ǐ ǐn ǐng ǒ ǒng ǒu ǔ ǔn ǘ ǚ ǜ";

/// True if `tag`, brackets included, is a control such as `[breath]`, `</strong>`, `[AA1]` or `[ǐ]`.
///
/// All others are text: the tokenizer would spell them.
pub fn is_control(tag: &str) -> bool {
    if tag.len() > LONGEST {
        return false;
    }
    let piece = tag.strip_prefix('[').and_then(|tag| tag.strip_suffix(']'));
    NAMED.contains(&tag) || piece.is_some_and(|piece| PIECES.split(' ').any(|known| known == piece))
}

/// `text` without the special tokens of a model, such as `<|endofprompt|>`: they steer it, and a text is only to be spoken.
pub fn without_special_tokens(text: &str) -> Cow<'_, str> {
    if !text.contains("<|") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (start, token) in special_token_indices(text) {
        out.push_str(&text[done..start]);
        out.push(' ');
        done = start + token.len();
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// The special tokens of `text`, in order.
pub(crate) fn special_tokens(text: &str) -> impl Iterator<Item = &str> {
    special_token_indices(text).map(|(_, token)| token)
}

/// The special tokens of `text`, and the bytes at which they begin.
fn special_token_indices(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + text[from..].find("<|")?;
            let Some(length) = special_token(&text[start..]) else {
                from = start + 1;
                continue;
            };
            from = start + length;
            return Some((start, &text[start..from]));
        }
    })
}

/// Length of the special token that `text` starts with: `<|`, a name, `|>`.
fn special_token(text: &str) -> Option<usize> {
    let name = text.strip_prefix("<|")?;
    let end = name
        .bytes()
        .take(LONGEST_SPECIAL)
        .position(|byte| byte == b'|')?;
    let is_name = name[..end]
        .chars()
        .all(|c| c.is_alphanumeric() || "_-/ ".contains(c));
    (is_name && name[end..].starts_with("|>")).then_some(end + 4)
}

/// The control that `text` starts with.
pub(crate) fn control_at(text: &str) -> Option<&str> {
    let close = match text.as_bytes().first()? {
        b'[' => b']',
        b'<' => b'>',
        _ => return None,
    };
    let end = text.bytes().take(LONGEST).position(|byte| byte == close)?;
    Some(&text[..=end]).filter(|tag| is_control(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_tokens_are_never_passed_on() {
        for (text, without) in [
            ("<|endofprompt|>5 руб.", " 5 руб."),
            ("a <|im_start|>b<|im_end|>", "a  b "),
            ("x <| y |> z", "x   z"),
            ("1 <|2", "1 <|2"),
            ("<<|a|>", "< "),
            ("<|a<|b|>", "<|a "),
            ("a < b | c > d", "a < b | c > d"),
        ] {
            assert_eq!(without_special_tokens(text), without, "{text}");
        }
    }

    #[test]
    fn only_what_the_tokenizer_knows_is_a_control() {
        for tag in [
            "[breath]",
            "<laughter>",
            "</strong>",
            "[vocalized-noise]",
            "[AA1]",
            "[ǐ]",
            "[mn]",
            "[zh]",
        ] {
            assert!(is_control(tag), "{tag}");
            assert_eq!(control_at(&format!("{tag} text")), Some(tag));
        }
        for tag in [
            "[sighs]",
            "<b>",
            "[AA3]",
            "[]",
            "[ ]",
            "breath",
            "[AA0 AA1]",
            "<AA>",
            "",
        ] {
            assert!(!is_control(tag), "{tag}");
        }
    }
}
