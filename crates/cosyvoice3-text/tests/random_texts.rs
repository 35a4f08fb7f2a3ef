//! Random texts through the whole reader.

use std::{panic, thread};

use cosyvoice3_text::{
    IncrementalText, Language, Reading, cue, explain, mark_stress, next_sentence, normalize_as,
    ssml,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

const LANGUAGES: [Language; 3] = [Language::Russian, Language::English, Language::Chinese];
const FORMATS: [cue::Format; 4] = [
    cue::Format::Srt,
    cue::Format::WebVtt,
    cue::Format::Ass,
    cue::Format::Pango,
];

/// Number of texts: all of them in the long form (`./tests/run.sh --all`), else a part.
fn number_of_texts() -> u32 {
    match std::env::var_os("COSYVOICE3_LONG_TESTS") {
        Some(_) => 60_000,
        None => 1_000,
    }
}

/// Any characters, what announcements are made of, and what markup is made of.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[а-яёА-Яa-zA-Z0-9 .,:;!?/+№%$€°()\"'\\-—\\n你好年月日]{0,200}",
        "[0-9 .,:/+¥%$℃I-XVkgкмруб'-]{0,80}",
        "[<>/&;{}\\\\|\\[\\]=\"a-z0-9а-я \\n]{0,120}",
    ]
}

/// Everything that is done to a text before a model gets it.
fn read(text: &str) {
    // Marks, names and numbers in words are longer than what is written, and not by orders of magnitude.
    let bound = |part: &str| 400 * part.len() + 400;
    let mut from = 0;
    while let Some(range) = next_sentence(text, from) {
        assert!(range.start >= from && range.end > range.start);
        from = range.end;
        let sentence = &text[range];
        mark_stress(sentence);
        for language in LANGUAGES {
            for reading in [Reading::Model, Reading::Written] {
                let said = normalize_as(sentence, language, reading);
                assert!(said.len() <= bound(sentence), "{} bytes", said.len());
            }
        }
        let language = Language::detect(sentence).unwrap_or(Language::English);
        explain(sentence, language, Reading::Model);
    }
    for format in FORMATS {
        let plain = cue::plain(text, format, cue::LeaveOut::default());
        assert!(plain.len() <= text.len());
        cue::joined(&plain);
    }
    let _ = ssml::parse(text, None);
    let _ = ssml::parse(&format!("<speak>{text}</speak>"), None);
    let mut incremental = IncrementalText::new();
    for piece in text.as_bytes().chunks(7) {
        incremental.push(piece);
    }
    incremental.finish();
    assert_eq!(incremental.invalid(), 0);
}

#[test]
fn sixty_thousand_random_texts_are_read_without_a_panic() {
    // On two threads, with a stack as other threads have it, which is smaller than the main one's.
    let halves = [0, 1].map(|_| {
        thread::spawn(|| {
            let mut runner = TestRunner::new(Config {
                cases: number_of_texts() / 2,
                // A text that fails is printed, and kept in the tables of this crate by hand.
                failure_persistence: None,
                ..Config::default()
            });
            runner.run(&texts(), |text| {
                panic::catch_unwind(|| read(&text)).map_err(|_| TestCaseError::fail("it panicked"))
            })
        })
    });
    for half in halves {
        half.join().unwrap().unwrap();
    }
}
