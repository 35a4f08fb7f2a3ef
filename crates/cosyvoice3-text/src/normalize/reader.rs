//! From written to spoken, one token after the other, in any language that has words for them.

use std::marker::PhantomData;

use super::{
    change::Change,
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

/// A text being read.
pub(super) struct Reader<'a, L> {
    pub tokens: &'a Tokens<'a>,
    pub out: Writer,
    /// The rule that reads the current token.
    pub rule: &'static str,
    language: PhantomData<L>,
}

impl<'a, L> Reader<'a, L> {
    /// A reader of `tokens` that has said nothing.
    pub fn of(tokens: &'a Tokens<'a>) -> Self {
        Self {
            tokens,
            out: Writer::default(),
            rule: "",
            language: PhantomData,
        }
    }

    /// Keeps the token at `at` as it is written.
    pub fn copy(&mut self, at: usize) -> usize {
        self.out.copy(self.tokens.text(at));
        at + 1
    }
}

/// Cleaned `text` in words; what is not said as written goes to `changes` too.
pub(super) fn read<L: Spoken>(text: &str, mut changes: Option<&mut Vec<Change>>) -> String {
    let text = web::spell(text, &L::WEB, changes.as_deref_mut());
    let tokens = Tokens::of(&text);
    let mut reader = Reader::<L>::of(&tokens);
    let mut pieces = changes.as_ref().map(|_| Pieces::default());
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
        if let Some(pieces) = &mut pieces {
            let piece = Piece {
                token: at,
                said: before,
                rule: reader.rule,
            };
            pieces.push(piece, reader.out.take_shortest());
        }
        at = next;
    }
    let said = reader.out.finish();
    if let Some((changes, pieces)) = changes.zip(pieces) {
        pieces.explain(&tokens, &said, changes);
    }
    said
}

/// A piece of the text that one rule has read.
struct Piece {
    /// Index of its first token.
    token: usize,
    /// Byte of the spoken text at which its words begin.
    said: usize,
    rule: &'static str,
}

/// The pieces of a text, in order.
#[derive(Default)]
struct Pieces(Vec<Piece>);

impl Pieces {
    /// Adds a piece, whose rule has taken words back to byte `shortest` of the spoken text: as `11` makes `об` of the `о`
    /// before it. It takes the pieces in that are changed so.
    fn push(&mut self, mut piece: Piece, shortest: usize) {
        while piece.said > shortest
            && let Some(last) = self.0.pop()
        {
            (piece.token, piece.said) = (last.token, last.said);
        }
        self.0.push(piece);
    }

    /// Puts those that are not said as they are written into `changes`.
    fn explain(self, tokens: &Tokens, all: &str, changes: &mut Vec<Change>) {
        let ends = self.0[1.min(self.0.len())..]
            .iter()
            .map(|next| (next.token, next.said))
            .chain([(tokens.len(), all.len())]);
        for (piece, (token, end)) in self.0.iter().zip(ends) {
            let written: String = (piece.token..token).map(|at| tokens.text(at)).collect();
            let said = all.get(piece.said..end).unwrap_or_default().trim();
            if written.trim() != said {
                changes.push(Change::new(written.trim(), said, piece.rule));
            }
        }
    }
}
