//! Numbers and words at a place of a Chinese text.

use unicode_normalization::UnicodeNormalization;

use crate::{Change, normalize::lex::control};

/// A text as characters.
pub(super) struct Scan {
    chars: Vec<char>,
}

/// A number as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    /// Digits before the point, without commas.
    pub digits: String,
    /// Digits after it.
    pub fraction: Option<String>,
    /// Index of the first character after it.
    pub end: usize,
}

impl Number {
    /// The value, where it is whole, has at most 15 digits and no superfluous zero in front.
    pub fn whole(&self) -> Option<u64> {
        let plain =
            self.digits.len() <= 15 && (self.digits.len() == 1 || !self.digits.starts_with('0'));
        (plain && self.fraction.is_none())
            .then(|| self.digits.parse().ok())
            .flatten()
    }
}

/// Longest inline control, in characters.
const LONGEST_CONTROL: usize = 26;
/// Longest look ahead or back for a word.
const LONGEST_WORD: usize = 8;

impl Scan {
    /// Of `text`, with fullwidth digits and the signs between them as ASCII; other forms of a character, and numbers in
    /// one, go to `changes`.
    pub fn of(text: &str, changes: Option<&mut Vec<Change>>) -> Self {
        let mut chars: Vec<char> = expanded(text).chars().map(plain).collect();
        if let Some(changes) = changes {
            for c in text.chars() {
                let written = c.to_string();
                let plain: String = expanded(&written).chars().map(plain).collect();
                if plain != written {
                    changes.push(Change::new(&written, &plain, "character"));
                }
            }
        }
        for at in 1..chars.len().saturating_sub(1) {
            let between = chars[at - 1].is_ascii_digit() && chars[at + 1].is_ascii_digit();
            chars[at] = match chars[at] {
                '：' if between => ':',
                '．' if between => '.',
                '，' if between && Self::parts_thousands(&chars, at) => ',',
                '／' if between => '/',
                c => c,
            };
        }
        Self { chars }
    }

    fn parts_thousands(chars: &[char], at: usize) -> bool {
        let is_digit = |i: usize| chars.get(i).is_some_and(char::is_ascii_digit);
        (1..=3).all(|i| is_digit(at + i)) && !is_digit(at + 4)
    }

    /// The text from `start` to before `end`.
    pub fn text(&self, start: usize, end: usize) -> String {
        (start..end.min(self.len()))
            .map(|at| self.chars[at])
            .collect()
    }

    pub fn len(&self) -> usize {
        self.chars.len()
    }

    /// The character at `at`; a blank beyond the ends.
    pub fn char(&self, at: usize) -> char {
        self.chars.get(at).copied().unwrap_or(' ')
    }

    pub fn is_digit(&self, at: usize) -> bool {
        self.char(at).is_ascii_digit()
    }

    /// The character before `at`.
    pub fn before(&self, at: usize) -> char {
        at.checked_sub(1).map_or(' ', |before| self.char(before))
    }

    /// True if `word` stands at `at`.
    pub fn has(&self, at: usize, word: &str) -> bool {
        word.chars()
            .enumerate()
            .all(|(offset, c)| self.chars.get(at + offset) == Some(&c))
    }

    /// The first of `words` that stands at `at`.
    pub fn one_of(&self, at: usize, words: &[&'static str]) -> Option<&'static str> {
        words.iter().find(|word| self.has(at, word)).copied()
    }

    /// True if one of `words` stands in the few characters before `at`.
    pub fn follows(&self, at: usize, words: &[&str]) -> bool {
        let from = at.saturating_sub(LONGEST_WORD);
        let near: String = self.chars[from.min(self.chars.len())..at.min(self.chars.len())]
            .iter()
            .collect();
        let near = near.trim_end_matches([':', '：', ' ', '是', '为', '“', '"']);
        words.iter().any(|word| near.ends_with(word))
    }

    /// The inline control of the model at `at`.
    pub fn control(&self, at: usize) -> Option<String> {
        if !matches!(self.char(at), '[' | '<') {
            return None;
        }
        let near: String = self.chars[at..].iter().take(LONGEST_CONTROL).collect();
        let length = control(&near)?;
        Some(near[..length].to_owned())
    }

    /// The run of digits at `at`.
    pub fn run(&self, at: usize) -> Option<(String, usize)> {
        let end = (at..self.len())
            .find(|i| !self.is_digit(*i))
            .unwrap_or(self.len());
        (end > at).then(|| (self.chars[at..end].iter().collect(), end))
    }

    /// The number at `at`: `1,234.5`.
    pub fn number(&self, at: usize) -> Option<Number> {
        let (mut digits, mut end) = self.run(at)?;
        while self.char(end) == ','
            && digits.len() <= 15
            && let Some((group, after)) = self.run(end + 1).filter(|(group, _)| group.len() == 3)
        {
            digits.push_str(&group);
            end = after;
        }
        let fraction = if self.char(end) == '.' {
            self.run(end + 1)
        } else {
            None
        };
        // `1.2.3` is no decimal.
        let fraction =
            fraction.filter(|(_, after)| !(self.char(*after) == '.' && self.is_digit(after + 1)));
        Some(match fraction {
            Some((fraction, end)) => Number {
                digits,
                fraction: Some(fraction),
                end,
            },
            None => Number {
                digits,
                fraction: None,
                end,
            },
        })
    }
}

/// The ASCII form of `c`, where it has one.
fn plain(c: char) -> char {
    match c {
        '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ' => {
            char::from_u32(c as u32 - 0xfee0).unwrap_or(c)
        }
        '％' => '%',
        '＋' => '+',
        '＝' => '=',
        '￥' => '¥',
        '＄' => '$',
        '～' | '∼' => '~',
        '－' | '−' | '–' => '-',
        c => c,
    }
}

/// `text` with numbers in one character, such as `②`, `½` and `Ⅳ`, in ASCII digits.
fn expanded(text: &str) -> String {
    const ROMAN: [char; 12] = ['Ⅰ', 'Ⅱ', 'Ⅲ', 'Ⅳ', 'Ⅴ', 'Ⅵ', 'Ⅶ', 'Ⅷ', 'Ⅸ', 'Ⅹ', 'Ⅺ', 'Ⅻ'];
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '①'..='⑳' => {
                // `①②` are two numbers.
                if out.ends_with(|c: char| c.is_ascii_digit()) {
                    out.push('、');
                }
                out.push_str(&(c as u32 - '①' as u32 + 1).to_string());
            }
            '¼'..='¾' | '⅐'..='⅞' => {
                if out.ends_with(|c: char| c.is_ascii_digit()) {
                    out.push(' ');
                }
                out.extend(
                    std::iter::once(c)
                        .nfkc()
                        .map(|c| if c == '⁄' { '/' } else { c }),
                );
            }
            c => match ROMAN.iter().position(|roman| *roman == c) {
                Some(at) => out.push_str(&(at + 1).to_string()),
                None => out.push(c),
            },
        }
    }
    out
}
