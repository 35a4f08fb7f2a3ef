//! From written to spoken, one token after the other, in any language that has words for them.

use std::marker::PhantomData;

use super::{
    lex::{Kind, Tokens},
    web,
    writer::Writer,
};

/// What a language says for each kind of token. The functions read what starts at `at` and return the index after it.
pub(super) trait Spoken: Sized {
    /// Its words for signs in addresses.
    const WEB: web::Words;

    fn number(reader: &mut Reader<'_, Self>, at: usize) -> usize;
    fn word(reader: &mut Reader<'_, Self>, at: usize) -> usize;
    fn mark(reader: &mut Reader<'_, Self>, at: usize) -> usize;
}

/// A text on its way.
pub(super) struct Reader<'a, L> {
    pub tokens: &'a Tokens<'a>,
    pub out: Writer,
    language: PhantomData<L>,
}

impl<L> Reader<'_, L> {
    /// Keeps the token at `at` as it is written.
    pub fn copy(&mut self, at: usize) -> usize {
        self.out.copy(self.tokens.text(at));
        at + 1
    }
}

/// Cleaned `text` in words.
pub(super) fn read<L: Spoken>(text: &str) -> String {
    let text = web::spell(text, &L::WEB);
    let tokens = Tokens::of(&text);
    let mut reader = Reader::<L> {
        tokens: &tokens,
        out: Writer::default(),
        language: PhantomData,
    };
    let mut at = 0;
    while at < tokens.len() {
        at = match tokens.kind(at) {
            Some(Kind::Number) => L::number(&mut reader, at),
            Some(Kind::Word) => L::word(&mut reader, at),
            Some(Kind::Mark) => L::mark(&mut reader, at),
            _ => reader.copy(at),
        };
    }
    reader.out.finish()
}
