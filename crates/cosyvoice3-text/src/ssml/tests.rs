//! Documents and what becomes of them.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn segments(document: &str) -> Vec<Segment> {
    parse(document, None).unwrap().segments
}

/// Segments in short: texts as they are, breaks as `~300`, marks as `#name`.
fn short(document: &str) -> Vec<String> {
    segments(document)
        .into_iter()
        .map(|segment| match segment {
            Segment::Text(text) => text.text,
            Segment::Break(pause) => format!("~{}", pause.as_millis()),
            Segment::Mark(name) => format!("#{name}"),
        })
        .collect()
}

#[test]
fn documents_become_texts_breaks_and_marks() {
    for (document, expected) in [
        ("<speak>Hello</speak>", &["Hello"][..]),
        (
            "<speak>One<break time=\"300ms\"/>two<break strength='weak'/><break/></speak>",
            &["One", "~300", "two", "~250", "~500"],
        ),
        (
            "<speak><p><s>One</s> <s>two</s></p> three</speak>",
            &["One\n\ntwo\n\nthree"],
        ),
        (
            "<speak>to <mark name=\"gate\"/>Gate 3A</speak>",
            &["to", "#gate", "Gate 3A"],
        ),
        (
            "<speak>the <sub alias=\"World Wide Web Consortium\">W3C</sub> says</speak>",
            &["the World Wide Web Consortium says"],
        ),
        (
            "<speak xml:lang='en'>pin <say-as interpret-as='digits'>71<!-- x -->80</say-as>.</speak>",
            &["pin seven one eight zero."],
        ),
        (
            "<speak xml:lang='ru'>код <say-as interpret-as='characters'>МГУ</say-as></speak>",
            &["код эм гэ у"],
        ),
        (
            "<speak>a <emphasis>big</emphasis> one</speak>",
            &["a <strong>big</strong> one"],
        ),
        ("<speak><emphasis level='none'>a</emphasis></speak>", &["a"]),
        (
            "<speak><emphasis>a<break time='1s'/>b</emphasis></speak>",
            &["<strong>a</strong>", "~1000", "<strong>b</strong>"],
        ),
        (
            "<speak><laughter>ha</laughter> [breath] so</speak>",
            &["<laughter>ha</laughter> [breath] so"],
        ),
        (
            "<speak>R&amp;D &lt;3 &#x41;<![CDATA[ <b> ]]></speak>",
            &["R&D <3 A <b>"],
        ),
        (
            "<speak>a &lt;|endofprompt|&gt; b</speak>",
            &["a  endofprompt|> b"],
        ),
        (
            "<?xml version=\"1.0\"?>\n<!-- c --><speak version=\"1.1\" xmlns=\"http://www.w3.org/2001/10/synthesis\">x</speak>\n",
            &["x"],
        ),
        ("<speak> \n </speak>", &[]),
    ] {
        assert_eq!(short(document), expected, "{document}");
    }
}

#[test]
fn voice_language_and_rate_are_those_around() {
    let found = segments(
        "<speak xml:lang='ru-RU'>а <voice name='anna'>б <prosody rate='120%'>в</prosody></voice><lang xml:lang='en'>g</lang> д</speak>",
    );
    let found: Vec<_> = found
        .iter()
        .map(|segment| match segment {
            Segment::Text(text) => (
                text.text.as_str(),
                text.voice.as_deref(),
                text.language,
                text.rate,
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    let russian = Some(Language::Russian);
    assert_eq!(
        found,
        [
            ("а", None, russian, 1.0),
            ("б", Some("anna"), russian, 1.0),
            ("в", Some("anna"), russian, 1.2),
            ("g", None, Some(Language::English), 1.0),
            ("д", None, russian, 1.0),
        ]
    );
}

#[test]
fn what_is_not_supported_is_named_once_and_spoken() {
    let document = parse(
        "<speak><audio src='a.wav'>one</audio> <prosody pitch='high' rate='slow'>two</prosody> <phoneme ph='x'>three</phoneme>\
         <audio> four</audio><amazon:effect name='w'> five</amazon:effect> <say-as interpret-as='vxml:x'>6</say-as>\
         <metadata>not heard</metadata><lang xml:lang='de'> acht</lang></speak>",
        None,
    )
    .unwrap();
    assert_eq!(
        document.unsupported,
        [
            "audio",
            "prosody pitch",
            "phoneme",
            "amazon:effect",
            "say-as interpret-as=\"vxml:x\"",
            "metadata",
            "xml:lang=\"de\""
        ]
    );
    let heard: String = document
        .segments
        .iter()
        .map(|segment| match segment {
            Segment::Text(text) => format!("{} ", text.text),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(heard, "one two three four five 6 acht ");
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
    ]);
    documents
}

#[test]
fn damaged_and_hostile_documents_end_in_a_clear_error_soon() {
    let documents = refused();
    assert!(documents.len() >= 60, "{}", documents.len());
    for (document, message) in documents {
        let started = std::time::Instant::now();
        let head: String = document.chars().take(80).collect();
        match parse(&document, None) {
            Ok(parsed) => assert!(message.is_empty(), "{head}: {parsed:?}"),
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains(message), "{head}: {error}");
                assert!(error.len() < 400, "{head}: {error}");
            }
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{head}");
    }
}

#[test]
fn errors_tell_the_place() {
    let error = parse("<speak>\n  один <break time='x'/>\n</speak>", None).unwrap_err();
    assert_eq!((error.line, error.column), (2, 8));
    assert_eq!(
        error.to_string(),
        "SSML, line 2, column 8: `x` is no time; write for example 300ms or 1.5s, at most 60s"
    );
}

proptest! {
    #[test]
    fn any_document_is_read_or_refused_without_a_panic(
        document in prop_oneof![
            any::<String>(),
            "(<speak>)?(</?(p|s|break|voice|say-as|sub|emphasis|strong|prosody|mark)( (time|name|rate|alias|interpret-as|xml:lang)='[a-z0-9%]{0,8}')?/?>|&[a-z#0-9]{0,4};|[а-яa-z0-9 <>|&]{0,6}){0,20}(</speak>)?",
        ],
    ) {
        if let Ok(parsed) = parse(&document, None) {
            for segment in parsed.segments {
                if let Segment::Text(text) = segment {
                    prop_assert!(!text.text.trim().is_empty() && !text.text.contains("<|"));
                    prop_assert!((0.5..=2.0).contains(&text.rate));
                }
            }
        }
    }
}
