//! Subtitle tracks inside films and files, and links that are made when a demuxer knows its streams.

use std::{fs, path::Path};

use gst::prelude::*;

use crate::{
    patience,
    upstream::{accepted, play, scripted_pipeline, subtitles},
    warning, watchdog,
};

/// A Matroska file made by `mux ! FILE`.
fn film(dir: &Path, streams: &str) -> Vec<u8> {
    let path = dir.join("film.mkv");
    let pipeline = format!(
        "matroskamux name=mux ! filesink location={} {streams}",
        path.display()
    );
    let pipeline = gst::parse::launch(&pipeline).unwrap();
    let pipeline = pipeline.downcast::<gst::Pipeline>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let bus = pipeline.bus().unwrap();
    let message = bus.timed_pop_filtered(patience(), &ends).unwrap();
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    pipeline.set_state(gst::State::Null).unwrap();
    fs::read(path).unwrap()
}

const SOUND: &str = "audiotestsrc num-buffers=20 ! audioconvert ! audio/x-raw,format=S16LE ! mux.";

/// Plays `film` through `pipeline`, whose source is a pipe. The film comes only when the element has had all that it needs
/// to find that there is nothing to say.
fn play_late(pipeline: &str, film: Vec<u8>) -> Vec<gst::Message> {
    let (reader, writer) = std::io::pipe().unwrap();
    let (pipeline, _) = {
        use std::os::fd::AsRawFd;
        scripted_pipeline(&format!("fdsrc fd={} ! {pipeline}", reader.as_raw_fd()))
    };
    let bus = pipeline.bus().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut posted = Vec::new();
    loop {
        let message = bus.timed_pop(patience()).expect("the models load");
        let is_loaded = matches!(message.view(), gst::MessageView::Progress(progress)
            if progress.get().0 == gst::ProgressType::Complete);
        posted.push(message);
        if is_loaded {
            break;
        }
    }
    let feeder = std::thread::spawn(move || {
        let mut writer = writer;
        // A pipeline that has ended reads no more.
        let _ = std::io::Write::write_all(&mut writer, &film);
    });
    posted.extend(play(&pipeline));
    drop(reader);
    feeder.join().unwrap();
    posted
}

fn warnings(posted: &[gst::Message]) -> Vec<String> {
    let warnings = posted
        .iter()
        .filter(|message| message.type_() == gst::MessageType::Warning);
    let ours = warnings.filter(|message| message.src().is_some_and(|src| src.name() == "speech"));
    ours.map(warning).collect()
}

#[test]
fn a_demuxer_that_links_its_subtitles_late_is_waited_for_without_a_warning() {
    let _watchdog = watchdog();
    let dir = tempfile::tempdir().unwrap();
    let cues = [
        ("00:00:00,100 --> 00:00:00,200", "<i>раз</i> &amp; два"),
        ("00:00:00,300 --> 00:00:00,400", "три\nчетыре"),
    ];
    let srt = subtitles(dir.path(), &cues);
    let subtitles = format!("filesrc location={srt} ! subparse ! mux.");
    let film = film(dir.path(), &format!("{subtitles} {SOUND}"));
    let posted = play_late(
        "matroskademux name=d d.audio_0 ! queue ! fakesink sync=false d.subtitle_0",
        film,
    );
    assert_eq!(accepted(&posted), ["раз & два", "три четыре"]);
    assert_eq!(warnings(&posted), Vec::<String>::new());
    let last = posted.last().unwrap();
    assert_eq!(last.type_(), gst::MessageType::Eos, "{last:?}");
}

#[test]
fn a_demuxer_without_subtitles_is_a_warning_and_the_end() {
    let _watchdog = watchdog();
    let dir = tempfile::tempdir().unwrap();
    let film = film(dir.path(), SOUND);
    let posted = play_late(
        "matroskademux name=d d.audio_0 ! queue ! fakesink sync=false d.",
        film,
    );
    let warnings = warnings(&posted);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("nothing to say"), "{warnings:?}");
    let last = posted.last().unwrap();
    assert_eq!(last.type_(), gst::MessageType::Eos, "{last:?}");
}

#[test]
fn what_reads_subtitles_of_films_links_and_is_heard_without_its_markup() {
    let _watchdog = watchdog();
    for parser in ["ssaparse", "ttmlparse", "subparse"] {
        let pipeline = gst::parse::launch(&format!("{parser} ! cosyvoice3src ! fakesink"));
        assert!(pipeline.is_ok(), "{parser}: {pipeline:?}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cues.ttml");
    fs::write(
        &path,
        "<?xml version='1.0' encoding='UTF-8'?>
<tt xmlns='http://www.w3.org/ns/ttml' xmlns:tts='http://www.w3.org/ns/ttml#styling' xml:lang='ru'>
<head>
<styling><style xml:id='slanted' tts:fontStyle='italic'/></styling>
<layout><region xml:id='below' tts:origin='0% 80%' tts:extent='100% 20%'/></layout>
</head>
<body><div><p region='below' begin='00:00:01.000' end='00:00:02.000'><span>раз</span><span style='slanted'> два</span></p></div></body>
</tt>",
    )
    .unwrap();
    let (pipeline, _) =
        scripted_pipeline(&format!("filesrc location={} ! ttmlparse", path.display()));
    assert_eq!(accepted(&play(&pipeline)), ["раз два"]);
}
