//! A text in pieces, of which each is one request to the engine.

use cosyvoice3::Markup;
use cosyvoice3_text::next_sentence;

/// A piece takes sentences until it has so many bytes: some ten seconds of speech. Shorter pieces would part utterances
/// that sound better together; longer ones make other clients wait, and hold more unread speech.
const ENOUGH: usize = 160;

/// The rest of a text, taken piece by piece.
pub struct Pieces {
    text: String,
    from: usize,
    /// A document cannot be cut.
    whole: bool,
}

impl Pieces {
    pub fn new(text: String, markup: Markup) -> Self {
        Self {
            text,
            from: 0,
            whole: markup != Markup::None,
        }
    }

    /// Returns true if there is another piece.
    pub fn any(&self) -> bool {
        match self.whole {
            true => self.from < self.text.len(),
            false => next_sentence(&self.text, self.from).is_some(),
        }
    }
}

impl Iterator for Pieces {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let start = self.from;
        if self.whole {
            self.from = self.text.len();
            return Some(std::mem::take(&mut self.text)).filter(|text| !text.is_empty());
        }
        let mut end = None;
        while let Some(sentence) = next_sentence(&self.text, end.unwrap_or(start)) {
            // A long sentence does not join what is there already.
            if end.is_some() && sentence.end - start > 2 * ENOUGH {
                break;
            }
            end = Some(sentence.end);
            if sentence.end - start >= ENOUGH {
                break;
            }
        }
        self.from = end?;
        Some(self.text[start..self.from].trim().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        Pieces::new(text.into(), Markup::None).collect()
    }

    #[test]
    fn nothing_of_a_text_is_lost_between_its_pieces() {
        let sentence = "Поезд отправляется через пять минут с третьего пути. ";
        let text = sentence.repeat(40);
        let pieces = pieces(&text);
        assert!(pieces.len() > 5, "{}", pieces.len());
        assert_eq!(pieces.join(" "), text.trim());
        for piece in &pieces {
            assert!(piece.len() < 3 * ENOUGH && piece.ends_with('.'), "{piece}");
        }
    }

    #[test]
    fn a_text_without_a_full_stop_comes_in_pieces_too() {
        let text = "word ".repeat(4000);
        let pieces = pieces(&text);
        assert!(
            pieces.iter().all(|piece| piece.len() <= 600),
            "a piece is too long"
        );
        assert_eq!(pieces.join(" "), text.trim());
    }

    #[test]
    fn a_document_stays_whole_and_blanks_are_nothing() {
        let document = "<speak>One. Two.</speak>".to_string();
        let mut pieces = Pieces::new(document.clone(), Markup::Ssml);
        assert!(pieces.any());
        assert_eq!(pieces.next(), Some(document));
        assert!(!pieces.any() && pieces.next().is_none());
        assert!(!Pieces::new(" \n ".into(), Markup::None).any());
    }
}
