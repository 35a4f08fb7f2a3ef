//! English announcements as stations, airports, shops and houses make them.

use cosyvoice3_text::{Language, next_sentence, normalize};

/// The reading of each sentence of `text`, joined by ` | `.
fn read(text: &str) -> String {
    let mut sentences = Vec::new();
    let mut from = 0;
    while let Some(range) = next_sentence(text, from) {
        from = range.end;
        sentences.push(normalize(&text[range], Language::English));
    }
    sentences.join(" | ")
}

#[test]
fn english_announcements_are_read_as_a_speaker_would() {
    let table = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/announcements_en.tsv"
    ))
    .unwrap();
    let lines: Vec<_> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(lines.len() >= 25);
    let mut wrong = String::new();
    for line in lines {
        let (written, spoken) = line.split_once('\t').unwrap();
        let got = read(written);
        if got != spoken {
            wrong.push_str(&format!("{written}\n  want {spoken}\n  got  {got}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
