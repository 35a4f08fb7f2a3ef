//! Reading WAV files: by hand, since hound does not give the format tag and refuses the header of an empty stream.
use std::path::Path;

/// Format tag, channels, rate and data of a WAV file. Of an empty stream wavenc writes a header of unknown length.
pub fn wav(path: &Path) -> (u16, u16, u32, Vec<u8>) {
    let bytes = std::fs::read(path).expect("a file was written");
    assert_eq!((&bytes[..4], &bytes[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
    let u16_at = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap());
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut at, mut format) = (12, (0, 0, 0));
    loop {
        let (id, length) = (&bytes[at..at + 4], u32_at(at + 4) as usize);
        let body = at + 8;
        match id {
            b"fmt " => format = (u16_at(body), u16_at(body + 2), u32_at(body + 4)),
            b"data" => {
                let rest = &bytes[body..];
                assert!(
                    rest.is_empty() || length <= rest.len(),
                    "length of the data"
                );
                // Tags may follow.
                let data = rest[..length.min(rest.len())].to_vec();
                return (format.0, format.1, format.2, data);
            }
            _ => {}
        }
        at = body + length + length % 2;
    }
}
