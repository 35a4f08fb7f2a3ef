//! SSML from strangers: a clear message, soon, and memory in proportion to the document.
//!
//! A program of its own, because it counts what its threads allocate.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    time::{Duration, Instant},
};

use cosyvoice3_text::ssml::{Document, LARGEST, SsmlError, parse};

/// Most bytes that a document may take for each of its own, with what it becomes: `say-as` makes 13 of a digit.
const BYTES_A_BYTE: usize = 64;
/// Bytes for any document.
const BYTES_AT_LEAST: usize = 256 * 1024;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts the bytes of each thread.
struct Counting;

fn grow(bytes: usize) {
    LIVE.set(LIVE.get() + bytes);
    PEAK.set(PEAK.get().max(LIVE.get()));
}

fn shrink(bytes: usize) {
    // Allocations of other threads are not counted here.
    LIVE.set(LIVE.get().saturating_sub(bytes));
}

// SAFETY: each call goes on to the system's allocator as it is, which any thread may call; the counters neither allocate
// nor panic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promises are those that the system asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        shrink(layout.size());
        // SAFETY: as above; `memory` comes from the system, because `alloc` and `realloc` pass it on.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are there while one is copied to the other.
        grow(size);
        shrink(layout.size());
        // SAFETY: as for `dealloc`.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Parses `document`, and returns what becomes of it and the most bytes that were allocated at once meanwhile.
fn measured(document: &str) -> (Result<Document, SsmlError>, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let parsed = parse(document, None);
    (parsed, PEAK.get() - before)
}

fn assert_in_proportion(document: &str, peak: usize) {
    let head: String = document.chars().take(80).collect();
    let most = BYTES_A_BYTE * document.len() + BYTES_AT_LEAST;
    assert!(
        peak <= most,
        "{head}: {peak} bytes for a document of {}",
        document.len()
    );
}

/// Documents that are damaged or mean harm, with what their error says. They are harmless here: they show the guard.
fn refused() -> Vec<(String, &'static str)> {
    let speak = |inner: &str| format!("<speak>{inner}</speak>");
    let mut documents: Vec<(String, &str)> = vec![
        (String::new(), "no `<speak>` was found"),
        ("hello".into(), "text stands outside"),
        ("<speak>".into(), "`<speak>` is not closed"),
        ("<speak><p>x</speak>".into(), "not well formed"),
        ("<speak>x</p></speak>".into(), "not well formed"),
        ("<speak><p>x</p>".into(), "`<speak>` is not closed"),
        ("<p>x</p>".into(), "outside of `<speak>"),
        (
            "<speak>x</speak><speak>y</speak>".into(),
            "outside of `<speak>",
        ),
        ("<speak>x</speak>more".into(), "text stands outside"),
        ("before<speak>x</speak>".into(), "text stands outside"),
        ("<speak>x</speak".into(), "not well formed"),
        ("<speak".into(), "not well formed"),
        ("<speak a>x</speak>".into(), "not well formed"),
        ("<speak a=b>x</speak>".into(), "not well formed"),
        ("<speak a=\"b>x</speak>".into(), "not well formed"),
        ("<speak a='1' a='2'>x</speak>".into(), "not well formed"),
        (
            "<!DOCTYPE speak><speak>x</speak>".into(),
            "a document type is refused",
        ),
        (
            "<!DOCTYPE speak [<!ENTITY a \"b\">]><speak>&a;</speak>".into(),
            "a document type is refused",
        ),
        (
            "<!DOCTYPE s SYSTEM \"file:///none\"><speak>x</speak>".into(),
            "a document type is refused",
        ),
        (
            "<!DOCTYPE s [<!ENTITY a \"b\"><!ENTITY b \"&a;&a;\">]><speak>&b;</speak>".into(),
            "a document type is refused",
        ),
        (
            "<!doctype speak><speak>x</speak>".into(),
            "a document type is refused",
        ),
        ("<!DOCTYPE speak [".into(), "not well formed"),
        ("<speak>x<!-- no end</speak>".into(), "not well formed"),
        ("<speak>x<![CDATA[ no end</speak>".into(), "not well formed"),
        ("<speak>x<?pi no end</speak>".into(), "not well formed"),
        ("<!-- only a comment -->".into(), "no `<speak>` was found"),
        ("<?xml version=\"1.0\"?>".into(), "no `<speak>` was found"),
        ("<![CDATA[x]]>".into(), "text stands outside"),
        ("<speak><></speak>".into(), ""),
        ("<speak>< p>x</p></speak>".into(), "not well formed"),
        ("</speak>".into(), "not well formed"),
        ("&amp;<speak>x</speak>".into(), "text stands outside"),
        ("\u{0}<speak>x</speak>".into(), "text stands outside"),
        ("{\"text\": \"x\"}".into(), "text stands outside"),
    ];
    for (inner, message) in [
        ("&nbsp;", "`&nbsp;` is not known"),
        ("&a;", "`&a;` is not known"),
        ("&;", ""),
        ("&amp", "not well formed"),
        ("a & b", "not well formed"),
        ("&#0;", "is no character"),
        ("&#x110000;", "is no character"),
        ("&#xD800;", "is no character"),
        ("&#;", "is no character"),
        ("&#27;", "is not known"),
        ("<sub alias='&nope;'>x</sub>", "the value of `alias`"),
        ("<sub>x</sub>", "`<sub>` wants"),
        ("<mark/>", "`<mark>` wants a name"),
        ("<say-as>5</say-as>", "`<say-as>` wants"),
        ("<break time='soon'/>", "`soon` is no time"),
        ("<break time='-1s'/>", "`-1s` is no time"),
        ("<break time='1e9s'/>", "`1e9s` is no time"),
        ("<break time='100000000000000000000000ms'/>", "is no time"),
        ("<break time='NaNs'/>", "is no time"),
        ("<break time='61s'/>", "is no time"),
        ("<break strength='loud'/>", "`loud` is no strength"),
        ("<prosody rate='quick'>x</prosody>", "`quick` is no rate"),
        ("<prosody rate='-200%'>x</prosody>", "is no rate"),
        ("<prosody rate='inf'>x</prosody>", "is no rate"),
        ("<speak>x", "`<speak>` is not closed"),
    ] {
        documents.push((speak(inner), message));
    }
    documents.extend([
        (
            format!("<speak>{}", "<p>".repeat(200_000)),
            "more than 64 elements",
        ),
        (speak(&"<p>".repeat(100)), "more than 64 elements"),
        (
            format!("<speak>{}", "<p>".repeat(1_000_000)),
            "at most 1048576 are read",
        ),
        ("<speak>".repeat(100_000), "more than 64 elements"),
        (speak(&"<break/>".repeat(30_000)), "more than 20000 texts"),
        (
            speak(&"<mark name='a'/>".repeat(25_000)),
            "more than 20000 texts",
        ),
        (
            speak(&format!("<p {}>x</p>", "a".repeat(900_000))),
            "the attributes of one element",
        ),
        (
            speak(&format!(
                "<p {}>x</p>",
                (0..2_000).map(|i| format!("a{i}='' ")).collect::<String>()
            )),
            "the attributes of one element",
        ),
        (speak(&"x".repeat(LARGEST)), "at most 1048576 are read"),
        (format!("<{}>x", "a".repeat(500_000)), "outside of `<speak>"),
        (speak(&format!("&{};", "a".repeat(500_000))), "is not known"),
        (speak(&"&a;".repeat(300_000)), "`&a;` is not known"),
        (
            speak(&format!(
                "<p {}>x</p>",
                (0..100).map(|i| format!("a{i}='' ")).collect::<String>()
            )),
            "more than 64 attributes",
        ),
        (
            speak(&format!(
                "<say-as interpret-as='digits'>{}</say-as>",
                "4".repeat(5_000)
            )),
            "more than 4096 bytes",
        ),
    ]);
    documents
}

#[test]
fn hostile_documents_end_soon_in_a_clear_error_and_bounded_memory() {
    let documents = refused();
    assert!(documents.len() >= 60, "{}", documents.len());
    for (document, message) in documents {
        let started = Instant::now();
        let head: String = document.chars().take(80).collect();
        let (parsed, peak) = measured(&document);
        match parsed {
            Ok(parsed) => assert!(message.is_empty(), "{head}: {parsed:?}"),
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains(message), "{head}: {error}");
                assert!(error.len() < 400, "{head}: {error}");
            }
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{head}");
        assert_in_proportion(&document, peak);
    }
}

/// Documents that are well formed and try to become much more than they are, about 1 MiB each.
fn swelling() -> Vec<String> {
    let full = |head: &str, part: &str, tail: &str| {
        let parts = (LARGEST - head.len() - tail.len() - 40) / part.len();
        format!(
            "<speak xml:lang='ru'>{head}{}{tail}</speak>",
            part.repeat(parts)
        )
    };
    let digits = format!(
        "<say-as interpret-as='digits'>{}</say-as>",
        "4".repeat(4_000)
    );
    let letters = format!(
        "<say-as interpret-as='characters'>{}</say-as>",
        "Ъ".repeat(2_000)
    );
    let numbers = format!(
        "<say-as interpret-as='unit'>{}</say-as>",
        "4 ".repeat(2_000)
    );
    let long_format = format!(
        "<say-as interpret-as='date' format='{}'>",
        "y".repeat(4_000)
    );
    vec![
        full("", "а", ""),
        full("", "&#x444;", ""),
        full("", &digits, ""),
        full("", &letters, ""),
        full("", &numbers, ""),
        full(&long_format, "<w/>", "</say-as>"),
        full("", "<p><s>x</s></p>", ""),
        full("", "<audio/>", ""),
        full(
            "",
            &format!(
                "<p {}/>",
                (0..60).map(|i| format!("a{i}='' ")).collect::<String>()
            ),
            "",
        ),
        // Each of 10,000 texts would repeat what is open around it.
        format!(
            "<speak>{}{}</speak>",
            "&lt;laughter>&lt;strong>".repeat(64),
            "<break/>x".repeat(9_000)
        ),
        format!(
            "<speak>{}{}{}</speak>",
            "<emphasis>".repeat(60),
            "<break/>x".repeat(9_000),
            "</emphasis>".repeat(60)
        ),
        format!("<speak>{}</speak>", "<mark name='a'/>".repeat(19_000)),
        format!(
            "<speak>{}</speak>",
            "<voice name='a'>x</voice>".repeat(19_000)
        ),
    ]
}

#[test]
fn documents_that_swell_take_memory_in_proportion_to_their_size() {
    for document in swelling() {
        let head: String = document.chars().take(80).collect();
        let started = Instant::now();
        let (parsed, peak) = measured(&document);
        println!(
            "{:6.1} bytes a byte, {:?}: {head}",
            peak as f64 / document.len() as f64,
            started.elapsed()
        );
        if let Err(error) = parsed {
            panic!("{head}: {error}");
        }
        assert!(started.elapsed() < Duration::from_secs(300), "{head}");
        assert_in_proportion(&document, peak);
    }
}
