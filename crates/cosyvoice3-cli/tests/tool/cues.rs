//! Subtitles: no cue is lost, every one is at its time, and every encoding is read.

use std::fs;

use crate::{
    RATE, fails,
    heard::{decoded, speech},
    hearing, run, say, succeeds, temporary,
};

fn is_at(heard: &[f32], text: &str, sample: usize) -> bool {
    let wanted = speech(text);
    let there = heard.get(sample..sample + wanted.len());
    there.is_some_and(|there| hearing::correlation(&wanted, there) > 0.9999)
}

#[test]
fn cues_that_overlap_or_stand_in_another_order_are_all_heard() {
    let (_dir, file) = temporary();
    // GStreamer's subparse gives two of these: a sign that lasts for long, speech meanwhile, and one that comes too late.
    fs::write(
        file("film.srt"),
        "1\n00:00:00,000 --> 00:00:20,000\nДа.\n\n2\n00:00:04,000 --> 00:00:05,000\nНет.\n\n\
         3\n00:00:12,000 --> 00:00:13,000\nДа.\n\n4\n00:00:08,000 --> 00:00:09,000\nНет.\n",
    )
    .unwrap();
    let words = succeeds(say(&[&file("film.srt"), "-o", &file("track.wav")]), "");
    assert!(words.contains("4 cues read, 4 spoken"), "{words}");
    assert!(!words.contains("not spoken"), "{words}");
    let heard = decoded(file("track.wav"));
    for (text, second) in [("Да.", 0), ("Нет.", 4), ("Нет.", 8), ("Да.", 12)] {
        assert!(is_at(&heard, text, second * RATE), "{text} at {second} s");
    }
}

#[test]
fn a_track_is_as_long_as_its_cues_say() {
    let (_dir, file) = temporary();
    fs::write(
        file("film.vtt"),
        "WEBVTT\n\n00:01.000 --> 00:02.000\nДа.\n\n00:10.000 --> 00:11.000\nДа.\n",
    )
    .unwrap();
    let length = speech("Да.").len();
    for name in ["track.wav", "track.flac"] {
        succeeds(say(&[&file("film.vtt"), "-o", &file(name)]), "");
        assert_eq!(decoded(file(name)).len(), 10 * RATE + length, "{name}");
    }
}

#[test]
fn every_format_is_read_and_its_markup_is_not_heard() {
    let (_dir, file) = temporary();
    let wanted = speech("Да.");
    for (name, content) in [
        (
            "x.srt",
            "1\n00:00:00,000 --> 00:00:02,000\n{\\an8}<i>Да.</i>\n",
        ),
        (
            "x.vtt",
            "WEBVTT\n\n00:00.000 --> 00:02.000\n<v Anna>Да.</v>\n",
        ),
        (
            "x.ass",
            "[Script Info]\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
             Dialogue: 0,0:00:00.00,0:00:02.00,Default,,0,0,0,,{\\pos(1,2)}Да.\n\
             Dialogue: 1,0:00:00.00,0:00:02.00,Default,,0,0,0,,{\\pos(1,2)}Да.\n",
        ),
        (
            "x.SSA",
            "[Events]\nFormat: Marked, Start, End, Text\nDialogue: Marked=0,0:00:00.00,0:00:02.00,Да.\n",
        ),
    ] {
        fs::write(file(name), content).unwrap();
        succeeds(say(&[&file(name), "-o", &file("x.wav")]), "");
        let heard = decoded(file("x.wav"));
        assert_eq!(heard.len(), wanted.len(), "{name}");
        assert!(hearing::correlation(&wanted, &heard) > 0.9999, "{name}");
    }
}

#[test]
fn a_file_in_windows_1251_is_found_out_reported_and_spoken_right() {
    let (_dir, file) = temporary();
    let text = "1\r\n00:00:00,000 --> 00:00:02,000\r\nДа.\r\n";
    let wanted = speech("Да.");
    let in_1251 = encoding_rs::WINDOWS_1251.encode(text).0.into_owned();
    let mangled: String = in_1251.iter().map(|byte| char::from(*byte)).collect();
    // Two letters alone are not enough to see that a program took them for Latin-1.
    let mangled = mangled
        + "\r\n2\r\n00:00:30,000 --> 00:00:31,000\r\n\u{cf}\u{f0}\u{e8}\u{e2}\u{e5}\u{f2}\r\n";
    let in_utf_16: Vec<u8> = format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (bytes, name) in [
        (in_1251, "windows-1251"),
        (mangled.into_bytes(), "windows-1251"),
        (in_utf_16, "UTF-16LE"),
    ] {
        fs::write(file("x.srt"), bytes).unwrap();
        let words = succeeds(say(&[&file("x.srt"), "-o", &file("x.wav")]), "");
        let lines = words.lines().filter(|line| line.contains(name));
        assert_eq!(lines.count(), 1, "{words}");
        let heard = decoded(file("x.wav"));
        assert!(
            hearing::correlation(&wanted, &heard[..wanted.len()]) > 0.9999,
            "{name}"
        );
    }
}

#[test]
fn cues_that_are_not_said_are_named_with_the_reason() {
    let (_dir, file) = temporary();
    fs::write(
        file("film.srt"),
        "1\n00:00:00,000 --> 00:00:01,000\nДа да да.\n\n2\n00:00:00,100 --> 00:00:00,200\nНет.\n\n\
         3\n00:00:03,000 --> 00:00:04,000\n♪♪\n\n4\n00:00:0x,000 --> 00:00:06,000\nНет.\n\n\
         5\n00:00:20,000 --> 00:00:30,000\nДа.\n",
    )
    .unwrap();
    let (output, words) = run(
        say(&[
            &file("film.srt"),
            "-o",
            &file("x.wav"),
            "--set",
            "overflow=clip",
        ]),
        "",
    );
    // A cue whose slot was over is lost, so it is no success; the track is there all the same.
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("4 cues read, 2 spoken"), "{words}");
    for parts in [
        ["cue 2 at 00:00:00.100", "its time had passed"],
        ["cue 3 at 00:00:03.000", "no word"],
    ] {
        let line = words.lines().find(|line| line.contains(parts[0]));
        assert!(line.is_some_and(|line| line.contains(parts[1])), "{words}");
    }
    assert!(words.contains("line 14: no cue begins at"), "{words}");
    assert!(decoded(file("x.wav")).len() > 20 * RATE);
}

#[test]
fn files_that_are_no_subtitles_are_refused_by_name() {
    let (dir, file) = temporary();
    fs::write(file("empty.srt"), "").unwrap();
    fs::write(file("prose.srt"), "Once upon a time\n").unwrap();
    fs::write(file("music.srt"), "00:00:00,000 --> 00:00:01,000\n♪\n").unwrap();
    for (name, part) in [
        ("missing.srt", "No such file"),
        ("empty.srt", "contains no cue"),
        ("prose.srt", "contains no cue"),
        ("music.srt", "nothing to say"),
    ] {
        let error = fails(say(&[&file(name), "-o", &file("x.wav")]), "");
        assert!(error.contains(name) && error.contains(part), "{error}");
    }
    assert_eq!(crate::names(&dir), ["empty.srt", "music.srt", "prose.srt"]);
}
