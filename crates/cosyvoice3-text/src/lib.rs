//! Text as it is written to text as it is spoken, for speech synthesis in Russian, English and Chinese.
//!
//! [`Language::detect`] finds the language of a text, [`next_sentence`] its sentences, [`IncrementalText`] the sentences
//! of a text that arrives in pieces, and [`normalize()`] reads numbers, dates, units and abbreviations out. Pure Rust: no
//! model, no audio and no C.

mod controls;
pub mod cue;
mod cut;
mod detect;
mod incremental;
mod language;
pub mod lexicon;
pub mod normalize;
mod sentence;
pub mod ssml;
mod stress;

pub use controls::{is_control, without_special_tokens};
pub use cut::cut_between_words;
pub use incremental::IncrementalText;
pub use language::Language;
pub use lexicon::{Lexicon, LexiconError};
pub use normalize::{Change, Reading, explain, normalize, normalize_as};
pub use sentence::{is_clause_end, next_sentence};
pub use stress::mark_stress;

/// Returns true if anything in `text` has a sound: a letter or a digit of any script.
pub fn is_speakable(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}
