//! The characters of a subtitle file: UTF-8 and UTF-16, and the older encodings that many files still have.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1251, WINDOWS_1252};

/// The text of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Its text.
    pub text: String,
    /// The detected encoding, where it is another than UTF-8 or was applied wrongly before.
    pub note: Option<String>,
}

/// Decodes a file: by its byte order mark, else as UTF-8, else by the letters that its bytes would be.
///
/// Text in windows-1251 that some program took for Latin-1 and stored as UTF-8 (`Ïðèâåò`) is mended too.
pub fn decode(bytes: &[u8]) -> Decoded {
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let guessed = match marked.or_else(|| utf_16(bytes)) {
        Some(encoding) => encoding,
        None => match std::str::from_utf8(bytes) {
            Ok(text) => return mended(text),
            Err(_) => guess(bytes),
        },
    };
    let (text, encoding, _) = guessed.decode(bytes);
    if encoding == encoding_rs::UTF_8 {
        return mended(&text);
    }
    Decoded {
        text: text.into_owned(),
        note: Some(format!("it is in {}, which was converted", encoding.name())),
    }
}

/// UTF-16 without a byte order mark: text has blanks and line ends, half of whose bytes are zeros, on one side.
fn utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let zeros = |from: usize| {
        bytes
            .iter()
            .skip(from)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    match (zeros(0), zeros(1)) {
        (0, 1..) => Some(UTF_16LE),
        (1.., 0) => Some(UTF_16BE),
        _ => None,
    }
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    // Among the languages that are spoken here Russian is likelier than another Cyrillic one.
    let guess = detector.guess(Some(b"ru"), Utf8Detection::Deny);
    // A file of few words gives the detector too little to see the difference.
    let western = WINDOWS_1252.decode_without_bom_handling(bytes).0;
    match guess == WINDOWS_1252 && is_mangled(&western, 2) {
        true => WINDOWS_1251,
        false => guess,
    }
}

/// `text`, or the Cyrillic text that it was before a program took it for Latin-1.
fn mended(text: &str) -> Decoded {
    match is_mangled(text, 3) {
        true => Decoded {
            text: text.split_inclusive('\n').map(cyrillic).collect(),
            note: Some(
                "it is in windows-1251 that was stored as if it were Latin-1, which was converted"
                    .into(),
            ),
        },
        false => Decoded {
            text: text.to_owned(),
            note: None,
        },
    }
}

/// True if most words with letters beyond ASCII consist of such letters alone, `least` of them or more. Western
/// languages have one or two in a word.
fn is_mangled(text: &str, least: usize) -> bool {
    let (mut mangled, mut western) = (0, 0);
    for word in text.split(|c: char| !c.is_alphabetic() && !matches!(c, '¨' | '¸')) {
        let letters = word.chars().count();
        let high = word.chars().filter(|c| is_high(*c)).count();
        match high {
            0 => {}
            _ if high == letters && letters >= least => mangled += 1,
            _ if high == letters => {}
            _ => western += 1,
        }
    }
    mangled > western
}

/// True if the letter that windows-1251 has in the place of this one is Cyrillic.
fn is_high(c: char) -> bool {
    matches!(c, '\u{c0}'..='\u{ff}' | '¨' | '¸')
}

/// The line that has the bytes of this one in windows-1251; the line itself where a character has no byte.
fn cyrillic(line: &str) -> String {
    let bytes: Option<Vec<u8>> = line.chars().map(byte_of).collect();
    match bytes {
        Some(bytes) => WINDOWS_1251
            .decode_without_bom_handling(&bytes)
            .0
            .into_owned(),
        None => line.to_owned(),
    }
}

fn byte_of(c: char) -> Option<u8> {
    if let Ok(byte) = u8::try_from(c) {
        return Some(byte);
    }
    let text = c.to_string();
    let (bytes, _, unmappable) = WINDOWS_1252.encode(&text);
    (!unmappable).then(|| bytes[0])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RUSSIAN: &str = "1\n00:00:01,000 --> 00:00:02,000\nПривет, как дела? Ёжик «спит».\n";

    fn in_encoding(text: &str, encoding: &'static Encoding) -> Vec<u8> {
        let (bytes, _, unmappable) = encoding.encode(text);
        assert!(!unmappable);
        bytes.into_owned()
    }

    fn utf_16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn a_file_in_any_usual_encoding_is_the_text_that_it_was() {
        let with_mark = format!("\u{feff}{RUSSIAN}");
        let plain = decode(RUSSIAN.as_bytes());
        assert_eq!((plain.text.as_str(), plain.note), (RUSSIAN, None));
        let marked = decode(with_mark.as_bytes());
        assert_eq!(
            (marked.text.trim_start_matches('\u{feff}'), marked.note),
            (RUSSIAN, None)
        );
        for (bytes, name) in [
            (utf_16(&with_mark, u16::to_le_bytes), "UTF-16LE"),
            (utf_16(&with_mark, u16::to_be_bytes), "UTF-16BE"),
            (utf_16(RUSSIAN, u16::to_le_bytes), "UTF-16LE"),
            (in_encoding(RUSSIAN, WINDOWS_1251), "windows-1251"),
        ] {
            let decoded = decode(&bytes);
            assert_eq!(
                decoded.text.trim_start_matches('\u{feff}'),
                RUSSIAN,
                "{name}"
            );
            assert!(decoded.note.as_ref().unwrap().contains(name), "{decoded:?}");
        }
        let without_quotes = RUSSIAN.replace(['«', '»'], "");
        let decoded = decode(&in_encoding(&without_quotes, encoding_rs::KOI8_R));
        assert_eq!(decoded.text, without_quotes);
    }

    #[test]
    fn a_few_words_in_windows_1251_are_enough() {
        for text in ["Да.", "Нет!", "- Кто там?\n- Я.", "Ура"] {
            let file = format!("1\n00:00:01,000 --> 00:00:02,000\n{text}\n");
            assert_eq!(decode(&in_encoding(&file, WINDOWS_1251)).text, file);
        }
        for text in ["Café", "Déjà vu.", "It’s “fine”."] {
            assert_eq!(decode(&in_encoding(text, WINDOWS_1252)).text, text);
        }
    }

    #[test]
    fn cyrillic_stored_as_latin_1_is_found_out_and_western_text_is_left_alone() {
        let bytes = in_encoding(RUSSIAN, WINDOWS_1251);
        let as_1252 = WINDOWS_1252
            .decode_without_bom_handling(&bytes)
            .0
            .into_owned();
        let as_latin_1: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        for mangled in [as_1252, as_latin_1] {
            let decoded = decode(mangled.as_bytes());
            assert_eq!(decoded.text, RUSSIAN, "{mangled}");
            assert!(decoded.note.unwrap().contains("windows-1251"));
        }
        for text in [
            "Café, déjà vu, naïve.",
            "Straße über Größe",
            "Åäö är bokstäver",
            "été",
            "Привет",
            "你好",
        ] {
            assert_eq!(decode(text.as_bytes()).text, text);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_become_some_text(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }

        #[test]
        fn text_in_utf_8_stays_as_it_is(text in "[a-zA-Zа-яёА-ЯЁ一-龥 .,!?\n]{0,200}") {
            prop_assert_eq!(decode(text.as_bytes()).text, text);
        }
    }
}
