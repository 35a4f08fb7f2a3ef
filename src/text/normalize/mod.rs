//! Normalisation: text as it is written to text as it is spoken.
//!
//! Numbers, units, dates and abbreviations are read out in words, what has no sound is dropped, typographic variants of
//! quotes and dashes become one. Kept as they are: words with their stress marks (U+0301) and `ё`, and the inline
//! controls of the model such as `[breath]`, `<strong>` and `[j][ǐ]`.

mod characters;
mod chinese;
mod english;
mod lex;
mod russian;

use super::{Language, is_markup};

/// The words of `text`, spoken in `language`.
///
/// Text with both `<|` and `|>` is markup and stays untouched, as in the official front end. Russian and English come
/// out without digits; Chinese digits are left to the model, which knows them. Time is linear in the length of `text`.
pub fn normalize(text: &str, language: Language) -> String {
    if is_markup(text) {
        return text.to_owned();
    }
    match language {
        Language::Chinese => chinese::normalize(text),
        Language::Russian => characters::tidy(&russian::read(&characters::clean(text))),
        Language::English => characters::tidy(&english::read(&characters::clean(text))),
    }
}
