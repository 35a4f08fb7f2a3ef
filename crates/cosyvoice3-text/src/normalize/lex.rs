//! Cleaned text as tokens: words, numbers, blanks, marks and inline controls.

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters of one script with their combining marks and inner apostrophes.
    Word,
    /// ASCII digits.
    Number,
    /// Blanks.
    Space,
    /// One character of any other kind.
    Mark,
    /// An inline control of the model.
    Control,
}

/// A piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
}

/// Longest inline control: `[vocalized-noise]`.
const LONGEST_CONTROL: usize = 24;

/// The tokens of a text, looked at by index; beyond the end there are empty ones.
pub(super) struct Tokens<'a>(Vec<Token<'a>>);

impl<'a> Tokens<'a> {
    /// The tokens of `text`, which together are `text`.
    pub fn of(text: &'a str) -> Self {
        Self(tokens(text))
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The kind of the token at `at`.
    pub fn kind(&self, at: usize) -> Option<Kind> {
        self.0.get(at).map(|token| token.kind)
    }

    /// The text of the token at `at`.
    pub fn text(&self, at: usize) -> &'a str {
        self.0.get(at).map_or("", |token| token.text)
    }

    /// True if the token at `at` is a word.
    pub fn is_word(&self, at: usize) -> bool {
        self.kind(at) == Some(Kind::Word)
    }

    /// The number at `at`, digits only.
    pub fn number(&self, at: usize) -> Option<&'a str> {
        (self.kind(at) == Some(Kind::Number)).then(|| self.text(at))
    }

    /// The first index from `at` on that is no blank.
    pub fn skip_space(&self, at: usize) -> usize {
        at + usize::from(self.kind(at) == Some(Kind::Space))
    }

    /// The word before `at`, with nothing but blanks between, in small letters; empty where there is none.
    pub fn word_before(&self, at: usize) -> String {
        self.cased_word_before(at).to_lowercase()
    }

    /// The word before `at` as it is written.
    pub fn cased_word_before(&self, at: usize) -> &'a str {
        let space = at > 0 && self.kind(at - 1) == Some(Kind::Space);
        let end = at - usize::from(space);
        if end > 0 && self.is_word(end - 1) {
            self.text(end - 1)
        } else {
            ""
        }
    }

    /// True if a full stop at `at` may end the sentence: nothing or a capital letter follows, and no other mark.
    pub fn ends_sentence(&self, at: usize) -> bool {
        if matches!(self.text(at + 1), ")" | "," | ";" | ":" | "!" | "?" | "-") {
            return false;
        }
        if matches!(
            self.text(self.skip_space(at + 1)),
            "$" | "€" | "£" | "₽" | "%" | "&" | "—"
        ) {
            return false;
        }
        let next = (at + 1..self.len())
            .take(4)
            .map(|i| self.text(i))
            .find(|text| text.starts_with(char::is_alphanumeric));
        next.is_none_or(|text| text.starts_with(char::is_uppercase))
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (kind, length) = if let Some(length) = control(rest) {
            (Kind::Control, length)
        } else if c.is_whitespace() {
            (Kind::Space, span(rest, char::is_whitespace))
        } else if c.is_ascii_digit() {
            (Kind::Number, span(rest, |c| c.is_ascii_digit()))
        } else if is_letter(c) {
            (Kind::Word, word(rest, c))
        } else {
            (Kind::Mark, c.len_utf8())
        };
        let (text, tail) = rest.split_at(length);
        tokens.push(Token { kind, text });
        rest = tail;
    }
    tokens
}

/// Length of the inline control that `text` starts with: letters, with at most a stress digit, in square brackets, or a
/// tag in angle brackets.
pub(super) fn control(text: &str) -> Option<usize> {
    let close = match text.as_bytes().first()? {
        b'[' => ']',
        b'<' => '>',
        _ => return None,
    };
    let mut digits = 0;
    let mut letters = 0;
    for (at, c) in text.char_indices().skip(1).take(LONGEST_CONTROL) {
        match c {
            c if c == close => return (letters > 0).then_some(at + 1),
            '/' if at == 1 && close == '>' => {}
            '0'..='2' if close == ']' && letters == 2 && digits == 0 => digits = 1,
            '-' | '_' if letters > 0 && digits == 0 => {}
            c if digits == 0 && is_latin(c) => letters += 1,
            _ => return None,
        }
    }
    None
}

/// Latin letters, the accented ones of pinyin included.
pub(super) fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic()
        || matches!(c, '\u{c0}'..='\u{24f}') && c.is_alphabetic()
        || matches!(c, '\u{1e00}'..='\u{1eff}')
}

/// Letters of any script; those of two alphabets are known without the search in a table, which took a quarter of the time.
pub(super) fn is_letter(c: char) -> bool {
    matches!(c, 'а'..='я' | 'А'..='Я' | 'a'..='z' | 'A'..='Z') || c.is_alphabetic()
}

/// Cyrillic letters.
pub(super) fn is_cyrillic(c: char) -> bool {
    matches!(c, '\u{400}'..='\u{52f}')
}

/// A mark that belongs to the letter before it: stress, accents.
pub(crate) fn is_combining(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

fn span(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn word(text: &str, first: char) -> usize {
    let script = |c: char| (is_cyrillic(c), is_latin(c));
    let belongs = |c: char| match is_letter(c) {
        true => script(c) == script(first),
        false => is_combining(c),
    };
    let mut end = span(text, belongs);
    while let Some(tail) = text[end..].strip_prefix('\'') {
        let more = span(tail, belongs);
        if more == 0 {
            break;
        }
        end += 1 + more;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_told_from_brackets() {
        for text in [
            "[breath]",
            "[AA1]",
            "[ǐ]",
            "[vocalized-noise]",
            "<strong>",
            "</laughter>",
        ] {
            assert_eq!(control(text), Some(text.len()), "{text}");
        }
        for text in ["[1]", "[]", "[a b]", "<3", "<>", "[AA12]", "[сноска]", "["] {
            assert_eq!(control(text), None, "{text}");
        }
    }

    #[test]
    fn tokens_are_words_numbers_and_marks() {
        let text = "USBкабель don't за́мок 5,2[breath]";
        let got: Vec<&str> = tokens(text).iter().map(|t| t.text).collect();
        let expected = [
            "USB",
            "кабель",
            " ",
            "don't",
            " ",
            "за́мок",
            " ",
            "5",
            ",",
            "2",
            "[breath]",
        ];
        assert_eq!(got, expected);
    }
}
