//! From written to spoken, one token after the other, in any language that has words for them.

use std::marker::PhantomData;

use super::{
    lex::{Kind, Tokens},
    web,
    writer::Writer,
};

/// A language's words for each kind of token. The functions read what starts at `at` and return the index after it.
pub(super) trait Spoken: Sized {
    /// Its words for signs in addresses.
    const WEB: web::Words;

    fn number(reader: &mut Reader<'_, Self>, at: usize) -> usize;
    fn word(reader: &mut Reader<'_, Self>, at: usize) -> usize;
    fn mark(reader: &mut Reader<'_, Self>, at: usize) -> usize;
}

/// A piece of text that is not said as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The piece as it is written, after characters without a sound are gone.
    pub written: String,
    /// The words for it; empty where it has no sound.
    pub said: String,
    /// The rule that read it so, such as `money`.
    pub rule: &'static str,
}

/// A text being read.
pub(super) struct Reader<'a, L> {
    pub tokens: &'a Tokens<'a>,
    pub out: Writer,
    /// The rule that reads the current token.
    pub rule: &'static str,
    language: PhantomData<L>,
}

impl<L> Reader<'_, L> {
    /// Keeps the token at `at` as it is written.
    pub fn copy(&mut self, at: usize) -> usize {
        self.out.copy(self.tokens.text(at));
        at + 1
    }
}

/// Cleaned `text` in words; what is not said as written goes to `changes` too.
pub(super) fn read<L: Spoken>(text: &str, mut changes: Option<&mut Vec<Change>>) -> String {
    let text = web::spell(text, &L::WEB);
    let tokens = Tokens::of(&text);
    let mut reader = Reader::<L> {
        tokens: &tokens,
        out: Writer::default(),
        rule: "",
        language: PhantomData,
    };
    let mut at = 0;
    while at < tokens.len() {
        let before = reader.out.len();
        let kind = tokens.kind(at);
        reader.rule = match kind {
            Some(Kind::Number) => "number",
            Some(Kind::Word) => "word",
            _ => "sign",
        };
        let next = match kind {
            Some(Kind::Number) => L::number(&mut reader, at),
            Some(Kind::Word) => L::word(&mut reader, at),
            Some(Kind::Mark) => L::mark(&mut reader, at),
            _ => reader.copy(at),
        };
        if let Some(changes) = changes.as_deref_mut() {
            let written: String = (at..next).map(|at| tokens.text(at)).collect();
            let said = reader.out.since(before).trim().to_owned();
            if written.trim() != said {
                let rule = reader.rule;
                changes.push(Change {
                    written,
                    said,
                    rule,
                });
            }
        }
        at = next;
    }
    reader.out.finish()
}
