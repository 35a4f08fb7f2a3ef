//! SSML for announcements: a document becomes a sequence of texts, silences and marks.
//!
//! ```
//! use cosyvoice3_text::ssml::{Segment, parse};
//!
//! let document = parse(
//!     r#"<speak xml:lang="en">Gate <say-as interpret-as="characters">BA</say-as><break time="300ms"/>closes.</speak>"#,
//!     None,
//! )?;
//! let [Segment::Text(gate), Segment::Break(pause), Segment::Text(_)] = &document.segments[..] else { panic!() };
//! assert_eq!(gate.text, "Gate B A");
//! assert_eq!(pause.as_millis(), 300);
//! # Ok::<(), cosyvoice3_text::ssml::SsmlError>(())
//! ```
//!
//! A *segment* is what stands between two changes: a [`Text`] of one voice, language and rate, a break, or a mark. The
//! texts are to be read as any other text (lexicon, sentences, [`normalize`](crate::normalize())): only what `say-as` and
//! `sub` say is in words already. `p` and `s` part sentences by a blank line inside a text.
//!
//! Supported: `speak`, `p`, `s`, `w`, `token`, `break` (`time`, `strength`), `voice` (`name`), `lang` and `xml:lang`, `sub`
//! (`alias`), `say-as` ([`SayAs`]), `prosody` (`rate`), `mark`, `emphasis`, which becomes the model's `<strong>`, and the
//! model's own `<strong>` and `<laughter>`. Anything else in the document is named once in
//! [`Document::unsupported`] and its text is spoken; `desc` and `metadata` are not for speech and are left out.
//!
//! Documents may come from strangers: at most 1 MiB, 64 elements deep, 64 attributes of an element, 4 KiB in a `say-as` and
//! 20,000 segments; no document type, so no entities but the five of XML and numeric ones. Time and memory are linear in the
//! document: at most 64 bytes for each of its bytes.

mod document;
mod say_as;
mod values;

use std::{sync::Arc, time::Duration};

pub use document::parse;
pub use say_as::{SayAs, say_as};

use crate::Language;

/// Largest document, in bytes.
pub const LARGEST: usize = 1 << 20;

/// A parsed document.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The parts that are heard, in order.
    pub segments: Vec<Segment>,
    /// Elements, attributes (`prosody pitch`) and values (`say-as interpret-as="vxml:name"`) that mean nothing here, each
    /// once. Their text is spoken.
    pub unsupported: Vec<String>,
}

impl Document {
    /// Returns true if something of it can be spoken: pauses and marks alone are no speech.
    pub fn is_speakable(&self) -> bool {
        self.segments.iter().any(|segment| match segment {
            Segment::Text(text) => crate::is_speakable(&text.text),
            Segment::Break(_) | Segment::Mark(_) => false,
        })
    }
}

/// A part of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Segment {
    /// Speech.
    Text(Text),
    /// Silence of exactly this length; at most a minute.
    Break(Duration),
    /// A named place, to be reported when it is reached.
    Mark(Arc<str>),
}

/// Text to be spoken in one way.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// The text, with a blank line where a paragraph or sentence ends; never blank. Of the model's controls those that
    /// open in it close in it.
    pub text: String,
    /// The voice of this name; `None` for the voice of the request.
    pub voice: Option<Arc<str>>,
    /// The language that the document gives; `None` where the text decides.
    pub language: Option<Language>,
    /// The rate as a factor from 0.5 to 2; 1 is the rate of the request.
    pub rate: f32,
}

/// The reason for which a document was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsmlError {
    /// Line of the place, from 1.
    pub line: usize,
    /// Column of the place in characters, from 1.
    pub column: usize,
    /// The thing that was found, and what was expected or is to be done.
    pub problem: String,
}

impl std::fmt::Display for SsmlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "SSML, line {}, column {}: {}",
            self.line, self.column, self.problem
        )
    }
}

impl std::error::Error for SsmlError {}

#[cfg(test)]
mod tests;
