//! Text front end: from any Unicode text to utterances that the language model can read.
//!
//! An *utterance* is what is synthesized at once: a sentence or a few. [`TextFrontEnd::utterances`] finds sentences in the
//! text one after another, [normalises](normalize) each (numbers and abbreviations read out), merges them into
//! utterances of a good length and encodes those with the model's [tokenizer](Tokenizer). [`Prompt`] then puts the text
//! ids in the order that a synthesis mode wants.

mod incremental;
mod language;
pub mod normalize;
mod prompt;
mod sentence;
mod split;
mod tokenizer;
mod utterance;

pub use incremental::IncrementalText;
pub use language::Language;
pub use prompt::{END_OF_PROMPT, Mode, Prompt, SYSTEM_PREFIX};
pub use sentence::next_sentence;
pub use split::{ParagraphOptions, Script, split_paragraph};
pub use tokenizer::Tokenizer;
pub use utterance::{LIMIT_TOKENS, MERGE_TOKENS, TAIL_TOKENS, TextFrontEnd, Utterance, Utterances};

/// Whether `text` is of the kind that the official front end passes on untouched and in one piece: it holds markup in
/// `<|` and `|>`.
pub fn is_markup(text: &str) -> bool {
    text.contains("<|") && text.contains("|>")
}

/// Whether anything in `text` has a sound: a letter or a digit of any script.
pub fn is_speakable(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}
