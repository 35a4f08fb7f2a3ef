//! Documents and what becomes of them.

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
fn russian_ordinals_agree_with_the_text_around_them() {
    for (before, number, after, expected) in [
        ("", "5", "", "пятый"),
        ("Пройдите к ", "5", " вагону.", "Пройдите к пятому вагону."),
        ("на ", "2", " платформу", "на вторую платформу"),
        ("с ", "3", " платформы", "с третьей платформы"),
        ("", "1", " место", "первое место"),
        ("в ", "21", " кабинете", "в двадцать первом кабинете"),
        ("Это ", "90", " номер", "Это девяностый номер"),
        ("без ", "4", " окна", "без четвёртого окна"),
        ("подойдите ко ", "2", ".", "подойдите ко второму."),
        ("", "3", " раз", "третий раз"),
    ] {
        let document = format!(
            "<speak xml:lang='ru'>{before}<say-as interpret-as='ordinal'>{number}</say-as>{after}</speak>"
        );
        assert_eq!(short(&document), [expected], "{document}");
    }
    let two = "<speak xml:lang='ru'>с <say-as interpret-as='ordinal'>1</say-as> пути на \
        <say-as interpret-as='ordinal'>3</say-as> путь<break/>к <say-as interpret-as='ordinal'>7</say-as> \
        пути</speak>";
    let expected = ["с первого пути на третий путь", "~500", "к седьмому пути"];
    assert_eq!(short(two), expected);
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
        (
            "<speak><emphasis>a <strong>b<break time='1s'/>c</strong></emphasis> d</speak>",
            &["<strong>a b</strong>", "~1000", "<strong>c</strong> d"],
        ),
        (
            "<speak>&lt;strong> a &lt;strong>b<break time='1s'/>c&lt;/strong> d&lt;/strong> e</speak>",
            &["<strong> a b</strong>", "~1000", "<strong>c d</strong> e"],
        ),
        ("<speak> \n </speak>", &[]),
    ] {
        assert_eq!(short(document), expected, "{document}");
    }
}

#[test]
fn a_document_is_speakable_if_any_of_its_texts_is() {
    for (document, speakable) in [
        ("<speak>?!</speak>", false),
        ("<speak/>", false),
        (
            "<speak><p>…</p><break time=\"1s\"/><mark name=\"a\"/></speak>",
            false,
        ),
        ("<speak><p>…</p> 5 %</speak>", true),
        ("<speak><sub alias=\"one\">!</sub></speak>", true),
    ] {
        let parsed = parse(document, None).unwrap();
        assert_eq!(parsed.is_speakable(), speakable, "{document}");
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
