//! Text front end: from any Unicode text to utterances that the language model can read.
//!
//! An *utterance* is what is synthesized at once: a sentence or a few. [`TextFrontEnd::utterances`] finds sentences in the
//! text one after another, [normalises](cosyvoice3_text::normalize()) each (numbers and abbreviations read out), merges them into
//! utterances of a good length and encodes those with the model's [tokenizer](Tokenizer). [`Prompt`] then puts the text
//! ids in the order that a synthesis mode wants.

mod prompt;
mod split;
mod tokenizer;
mod utterance;

pub use cosyvoice3_text::{
    IncrementalText, Language, Lexicon, Reading, cue, is_speakable, next_sentence, ssml,
};
pub use prompt::{Mode, Prompt, SYSTEM_PREFIX};
pub use split::{ParagraphOptions, Script, split_paragraph};
pub use tokenizer::{END_OF_PROMPT, Tokenizer};
pub use utterance::{
    LIMIT_TOKENS, MERGE_TOKENS, ReadAs, TAIL_TOKENS, TextFrontEnd, Utterance, Utterances,
};
