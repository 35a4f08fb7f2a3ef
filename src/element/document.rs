//! SSML documents in a stream of bytes, which comes in pieces of any size.

/// More than a document may have, so that the reader of documents refuses it by name.
const LARGEST: usize = cosyvoice3::MAX_TEXT + 1;
/// The end of a document, up to the closing bracket.
const END: &[u8] = b"</speak";

/// Bytes of a document that is not complete.
#[derive(Default)]
pub(super) struct Incoming {
    bytes: Vec<u8>,
    /// Bytes in which no end begins.
    seen: usize,
}

impl Incoming {
    /// Adds `bytes`; returns the documents that are complete with them. One that is too large is given out in part.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.bytes.extend_from_slice(bytes);
        let mut documents = Vec::new();
        while let Some(end) = self.end() {
            let rest = self.bytes.split_off(end);
            documents.push(std::mem::replace(&mut self.bytes, rest));
            self.seen = 0;
        }
        documents
    }

    /// The rest at the end of the stream, if it is more than blanks.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        let rest = std::mem::take(self).bytes;
        (!rest.trim_ascii().is_empty()).then_some(rest)
    }

    /// Length of the first document.
    fn end(&mut self) -> Option<usize> {
        let from = self.seen;
        let found = self.bytes[from..]
            .windows(END.len())
            .position(|window| window == END);
        match found {
            Some(at) => {
                self.seen = from + at;
                let after = self.seen + END.len();
                let close = self.bytes[after..].iter().position(|byte| *byte == b'>');
                close
                    .map(|close| after + close + 1)
                    .or_else(|| self.too_large())
            }
            None => {
                self.seen = self.bytes.len().saturating_sub(END.len() - 1);
                self.too_large()
            }
        }
    }

    fn too_large(&self) -> Option<usize> {
        (self.bytes.len() >= LARGEST).then_some(LARGEST)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn documents_end_where_they_end() {
        let mut incoming = Incoming::default();
        let documents = incoming.push(b"<speak>a</speak>\n<speak>b</speak  ><speak>c");
        assert_eq!(
            documents,
            [&b"<speak>a</speak>"[..], b"\n<speak>b</speak  >"]
        );
        assert_eq!(incoming.finish().unwrap(), b"<speak>c");
        assert_eq!(Incoming::default().finish(), None);
    }

    #[test]
    fn a_document_without_an_end_takes_no_more_memory_than_the_largest() {
        let mut incoming = Incoming::default();
        let mut given = 0;
        for _ in 0..300 {
            given += incoming.push(&[b'a'; 8192]).len();
            assert!(incoming.bytes.len() < LARGEST + 8192);
        }
        assert_eq!(given, 300 * 8192 / LARGEST);
    }

    proptest! {
        #[test]
        fn how_bytes_are_cut_makes_no_difference(cuts in prop::collection::vec(1..9_usize, 1..60)) {
            let text = b"<speak>one</speak> <speak>two</spea></speak><speak></speak>".as_slice();
            let mut incoming = Incoming::default();
            let (mut rest, mut documents) = (text, Vec::new());
            for cut in cuts {
                let (head, tail) = rest.split_at(cut.min(rest.len()));
                documents.extend(incoming.push(head));
                rest = tail;
            }
            documents.extend(incoming.push(rest));
            prop_assert_eq!(documents.concat(), text);
            prop_assert_eq!(documents.len(), 3);
        }
    }
}
