//! Cues of every format and their text.

use proptest::prelude::*;

use super::*;

fn all(cue: &str, format: Format) -> String {
    plain(cue, format, LeaveOut::default())
}

#[test]
fn markup_of_every_format_is_never_heard() {
    for (format, cue, expected) in [
        (Format::Srt, r"{\an8}Наверху", "Наверху"),
        (Format::Srt, "<i>It's <b>me</b></i>", "It's me"),
        (
            Format::Srt,
            "<font color=\"#ff0000\" face='A > B'>Red</font>",
            "Red",
        ),
        (Format::Srt, "{y:i}Old", "Old"),
        (Format::Srt, "One<br/>two\r\nthree", "One\ntwo\nthree"),
        (Format::Srt, "{curly} stays", "{curly} stays"),
        (Format::Srt, r"C:\temp\new", r"C:\temp\new"),
        (Format::Srt, r"{\an8 no end", "no end"),
        (
            Format::WebVtt,
            "<v Mary Ann>Hi <c.yellow.bg_blue>there</c></v>",
            "Hi there",
        ),
        (Format::WebVtt, "<v.loud Tom>Hey", "Hey"),
        (
            Format::WebVtt,
            "<00:01.000>Ka<00:00:01.500>ra<00:02.000>oke",
            "Karaoke",
        ),
        (Format::WebVtt, "<lang en-GB>colour</lang>", "colour"),
        (Format::WebVtt, "<ruby>漢<rt>かん</rt></ruby>", "漢"),
        (
            Format::WebVtt,
            "Tom &amp; Jerry&nbsp;&lrm;&#39;s",
            "Tom & Jerry \u{200e}'s",
        ),
        (Format::WebVtt, "Tom &amp;amp; more", "Tom & more"),
        (
            Format::WebVtt,
            "&amp;lt;i&amp;gt;slanted&amp;lt;/i&amp;gt;",
            "slanted",
        ),
        (
            Format::Ass,
            r"{\pos(10,20)\fad(1,2)}One\Ntwo\nthree\hfour",
            "One\ntwo three four",
        ),
        (Format::Ass, r"{\k20}Ka{\k30}ra{a comment}", "Kara"),
        (Format::Ass, r"{\p1}m 0 0 l 100 0 100 100{\p0}Text", "Text"),
        (Format::Ass, r"{\an7\p4}m 0 0 l 1 1", ""),
        (Format::Ass, r"{\pos(1,2)\pbo5}Shown", "Shown"),
        (
            Format::Pango,
            "<span foreground=\"#fff\" size='x-large'>Big</span> &amp; small",
            "Big & small",
        ),
        (Format::Pango, "<big>A</big> &lt; <tt>B</tt>", "A < B"),
    ] {
        assert_eq!(all(cue, format), expected, "{cue}");
    }
}

#[test]
fn what_is_no_markup_stays() {
    for text in [
        "I <3 you",
        "a < b and c > d",
        "a <b and c> d",
        "R&D, AT&T; fish & chips",
        "&unknown; &; &#; &#xZZ;",
        "2 < 3",
        "<>",
        "x <",
        "[breath] so <strong>good</strong> <laughter>ha</laughter>",
        "[AA1] [ǐ]",
        "[DOOR SLAMS] (sighs) ANNA: Hi",
    ] {
        assert_eq!(all(text, Format::Srt), text);
    }
}

/// Matroska's demultiplexer escapes no cue after the first one with a tag.
#[test]
fn pango_markup_that_is_not_escaped_is_read_as_it_was_meant() {
    for text in [
        "R&D, AT&T; fish & chips",
        "2 < 3",
        "I <3 you",
        "a < b and c > d",
        "&unknown;",
    ] {
        assert_eq!(all(text, Format::Pango), text);
    }
    assert_eq!(
        all("<i>Salt & pepper</i> < 5 €", Format::Pango),
        "Salt & pepper < 5 €"
    );
    assert_eq!(
        all("Salt &amp; pepper &lt; 5 €", Format::Pango),
        "Salt & pepper < 5 €"
    );
}

#[test]
fn controls_of_the_prompt_never_pass() {
    assert_eq!(all("Say <|endofprompt|>this", Format::Srt), "Say this");
    assert_eq!(
        all("Say &lt;|im_start|&gt;this", Format::WebVtt),
        "Say this"
    );
}

#[test]
fn descriptions_and_speakers_are_left_out_on_demand() {
    let leave_out = LeaveOut {
        descriptions: true,
        speakers: true,
    };
    for (cue, expected) in [
        ("[DOOR SLAMS]", ""),
        ("[door\nslams] Hello.", "Hello."),
        ("(sighs) Fine.", "Fine."),
        ("Fine. (sighs)", "Fine."),
        ("ANNA: Hello.\n- MR. SMITH #2: Hi.", "Hello.\nHi."),
        ("АННА: Привет.", "Привет."),
        ("ANNA (whispering): Hi", "Hi"),
        (">> REPORTER: Good evening", "Good evening"),
        ("[sigh] [music] Go", "[sigh] Go"),
        ("He came (as he said) home.", "He came (as he said) home."),
        (
            "Note: read this. At 12:30: lunch",
            "Note: read this. At 12:30: lunch",
        ),
        ("（叹气）好吧", "好吧"),
        ("(no end", "(no end"),
    ] {
        assert_eq!(plain(cue, Format::Srt, leave_out), expected, "{cue}");
    }
}

fn formats() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![
        Format::Srt,
        Format::WebVtt,
        Format::Ass,
        Format::Pango,
    ])
}

proptest! {
    #[test]
    fn any_cue_gives_bounded_text_without_a_panic(
        cue in prop_oneof![
            any::<String>(),
            "(<[/|]?[a-z]{0,3}|[>{}\\\\\\[\\]()&;:='\"]|&(amp;){1,4}|&#x?[0-9a-f]{1,6};|\\\\[Nnhp]1?|[A-ZА-Я]{2}|я| ){0,60}",
        ],
        format in formats(),
        descriptions in any::<bool>(),
        speakers in any::<bool>(),
    ) {
        let text = plain(&cue, format, LeaveOut { descriptions, speakers });
        prop_assert!(text.len() <= cue.len());
        prop_assert!(!text.contains("<|"));
    }
}

#[test]
fn time_does_not_explode_with_unclosed_marks() {
    for unit in [
        "<i", "{\\", "[", "(", "&amp", "<v a=\"", "<!--", "<|", "<rt>", "{\\p1",
    ] {
        let cue = unit.repeat(200_000 / unit.len());
        for format in [Format::Srt, Format::Ass] {
            let started = std::time::Instant::now();
            plain(
                &cue,
                format,
                LeaveOut {
                    descriptions: true,
                    speakers: true,
                },
            );
            assert!(started.elapsed().as_secs() < 20, "{unit}");
        }
    }
}
