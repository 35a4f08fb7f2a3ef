//! Text from upstream, and strings that are not text.

use std::{
    fs,
    io::Write,
    os::{fd::AsRawFd, unix::ffi::OsStrExt},
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
};

use gst::prelude::*;

use crate::{
    assert_contiguous, bus_of, c_caller, cue, drain, end_of, filter, launch, launch::command,
    messages, ms, patience, playing::Player, script::Script, scripted_filter, support::tiny,
    text_caps, untimed, warning, watchdog, wav::wav,
};

/// `UPSTREAM ! cosyvoice3src ! fakesink` with scripted speech.
pub fn scripted_pipeline(upstream: &str) -> (gst::Pipeline, gst::Pad) {
    let model = tiny();
    let pipeline = gst::parse::launch(&format!(
        "{upstream} ! cosyvoice3src name=speech model-path={} ! fakesink sync=false",
        model.display()
    ));
    let pipeline = pipeline.unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.set_auto_flush_bus(false);
    let element = pipeline.by_name("speech").unwrap();
    Script::default().give_to(&element);
    (pipeline, element.static_pad("src").unwrap())
}

/// Plays to the end and returns the messages meanwhile.
pub fn play(pipeline: &gst::Pipeline) -> Vec<gst::Message> {
    pipeline.set_state(gst::State::Playing).unwrap();
    let bus = pipeline.bus().unwrap();
    let mut posted = Vec::new();
    loop {
        let message = bus.timed_pop(patience()).expect("the stream ends");
        let kind = message.type_();
        posted.push(message);
        if [gst::MessageType::Eos, gst::MessageType::Error].contains(&kind) {
            break;
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
    posted
}

/// The texts that were accepted.
pub fn accepted(posted: &[gst::Message]) -> Vec<String> {
    posted
        .iter()
        .filter_map(|message| message.structure())
        .filter(|structure| structure.name() == "cosyvoice3/utterance-queued")
        .map(|structure| structure.get("text").unwrap())
        .collect()
}

/// The texts of warnings about UTF-8.
fn about_utf_8(bus: &gst::Bus) -> Vec<String> {
    let warnings = bus.iter_filtered(&[gst::MessageType::Warning]);
    let texts = warnings.map(|message| warning(&message));
    texts.filter(|text| text.contains("UTF-8")).collect()
}

#[test]
fn bytes_that_are_not_utf_8_are_refused_or_replaced_with_one_warning() {
    let _watchdog = watchdog();
    let text = std::ffi::OsStr::from_bytes(b"text=\xd0\xff.");
    let output = command("gst-launch-1.0")
        .arg("cosyvoice3src")
        .arg(text)
        .args(["!", "fakesink"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("could not set property"), "{words}");

    // A C program can do it.
    let player = Player::new(&tiny(), None, &[]);
    let text = c_caller::string(c"\xd0\x94\xd0\xb0\xff.");
    c_caller::set_property(&player.element, "text", &text);
    assert_eq!(player.element.property::<String>("text"), "Да\u{fffd}.");
    let played = player.play();
    assert!(played.errors.is_empty(), "{:?}", played.errors);
    assert!(played.eos && !played.buffers.is_empty());
    assert_eq!(played.warnings.len(), 1, "{:?}", played.warnings);
    assert!(played.warnings[0].text().contains("not UTF-8"));
}

#[test]
fn characters_cut_by_blocks_are_whole_again() {
    let _watchdog = watchdog();
    // 5,000 characters of two bytes.
    let text = "абвгдежзик. ".repeat(500);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let (pipeline, _) = scripted_pipeline(&format!("fdsrc fd={} blocksize=4095", file.as_raw_fd()));
    let posted = play(&pipeline);
    assert_eq!(accepted(&posted), vec!["абвгдежзик."; 500]);

    let mut harness = filter(&[]);
    let bus = bus_of(&harness);
    harness.set_src_caps(text_caps());
    let text = "Привет, мир. Ёжик.\n".repeat(3);
    for block in text.as_bytes().chunks(5) {
        harness.push(untimed(block)).unwrap();
    }
    harness.push_event(gst::event::Eos::new());
    assert_contiguous(&drain(&mut harness).1);
    let queued = messages(&bus, "cosyvoice3/utterance-queued");
    let said: Vec<String> = queued.iter().map(|m| m.get("text").unwrap()).collect();
    assert_eq!(said, ["Привет, мир.", "Ёжик."].repeat(3));
}

#[test]
fn invalid_bytes_are_one_warning_and_the_rest_is_spoken() {
    let _watchdog = watchdog();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("said.wav");
    let mut child = command("gst-launch-1.0")
        .args([
            "-m",
            "fdsrc",
            "!",
            "cosyvoice3src",
            "flow-steps=2",
            "!",
            "wavenc",
            "!",
            "filesink",
        ])
        .arg(format!("location={}", path.display()))
        .env("COSYVOICE3_MODEL_PATH", tiny())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = b"Good.\n\xd0\xff\xfe.\nFine \xff.\nWell.\n";
    child.stdin.take().unwrap().write_all(said).unwrap();
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    let warnings = words
        .lines()
        .filter(|line| line.starts_with("WARNING: from element") && line.contains("UTF-8"));
    assert_eq!(warnings.count(), 1, "{words}");
    for text in ["Good.", "Fine", "Well."] {
        assert!(words.contains(text), "{text}: {words}");
    }
    assert!(!wav(&path).3.is_empty());

    let mut harness = filter(&[]);
    let bus = bus_of(&harness);
    harness.set_src_caps(text_caps());
    for block in [&b"\xd0\xff\xfe. "[..], b"\xff\xff", b"Good."] {
        harness.push(untimed(block)).unwrap();
    }
    harness.push_event(gst::event::Eos::new());
    assert!(!drain(&mut harness).1.is_empty());
    let warnings = about_utf_8(&bus);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn invalid_bytes_in_a_signal_are_replaced_with_a_warning() {
    let _watchdog = watchdog();
    let (player, _script, _clock, bus) = crate::scripted_live(&[], "fakesink sync=false");
    player.pipeline.set_state(gst::State::Paused).unwrap();
    let text = c_caller::string(c"ab\xff");
    let id = player.element.emit_by_name_with_values("say", &[text]);
    assert_eq!(id.unwrap().get::<u64>().unwrap(), 1);
    assert_eq!(about_utf_8(&bus).len(), 1);
}

pub fn subtitles(dir: &Path, cues: &[(&str, &str)]) -> String {
    let path = dir.join("cues.srt");
    let mut text = String::new();
    for (number, (times, words)) in cues.iter().enumerate() {
        text += &format!("{}\n{times}\n{words}\n\n", number + 1);
    }
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn text_sources_link_by_name_and_without_and_are_spoken() {
    let _watchdog = watchdog();
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text.txt");
    fs::write(&text, "Да.\nНет.\n").unwrap();
    let text = text.display();
    let srt = subtitles(dir.path(), &[("00:00:00,000 --> 00:00:01,000", "Да.")]);
    let said = dir.path().join("said.wav");
    let rest = format!("! wavenc ! filesink location={}", said.display());
    for pipeline in [
        format!("filesrc location={text} ! cosyvoice3src flow-steps=2 {rest}"),
        format!("filesrc location={text} ! t.sink cosyvoice3src name=t flow-steps=2 {rest}"),
        format!("filesrc location={srt} ! subparse ! cosyvoice3src flow-steps=2 {rest}"),
    ] {
        let (output, words) = launch(&pipeline);
        assert!(output.status.success(), "{pipeline}: {words}");
        assert!(!wav(&said).3.is_empty(), "{pipeline}");
    }
    // From standard input.
    for link in [
        "fdsrc ! cosyvoice3src",
        "fdsrc ! t.sink cosyvoice3src name=t",
    ] {
        let pipeline = format!("{link} flow-steps=2 {rest}");
        let output = command("gst-launch-1.0")
            .args(pipeline.split_whitespace())
            .env("COSYVOICE3_MODEL_PATH", tiny())
            .stdin(fs::File::open(text.to_string()).unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{pipeline}: {output:?}");
        assert!(!wav(&said).3.is_empty(), "{pipeline}");
    }
}

#[test]
fn subtitles_are_heard_at_their_times_with_gaps_between() {
    let _watchdog = watchdog();
    let dir = tempfile::tempdir().unwrap();
    let cues = [
        ("00:00:01,000 --> 00:00:02,000", "раз"),
        ("00:00:04,000 --> 00:00:05,000", "<b>два</b>"),
    ];
    let srt = subtitles(dir.path(), &cues);
    let (pipeline, pad) = scripted_pipeline(&format!("filesrc location={srt} ! subparse"));
    let heard = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let seen = heard.clone();
    let mask = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(mask, move |_, info| {
        let mut seen = seen.lock().unwrap();
        match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => seen.0.push(buffer.clone()),
            Some(gst::PadProbeData::Event(event)) => seen.1.push(event.clone()),
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
    let posted = play(&pipeline);
    assert_eq!(accepted(&posted), ["раз", "два"]);
    let heard = heard.lock().unwrap();
    let (buffers, events) = &*heard;
    let starts: Vec<_> = buffers.iter().map(|b| b.pts().unwrap()).collect();
    assert_eq!(starts, [ms(1000), ms(4000)]);
    let gaps: Vec<_> = events
        .iter()
        .filter_map(|event| match event.view() {
            gst::EventView::Gap(gap) => Some(gap.get()),
            _ => None,
        })
        .collect();
    assert_eq!(gaps[0], (ms(0), Some(ms(1000))));
    let end = end_of(&buffers[0]);
    assert_eq!(gaps[1], (end, Some(ms(4000) - end)));
    let mut languages = Vec::new();
    for event in events {
        if let gst::EventView::Tag(tag) = event.view() {
            let tag = tag.tag();
            assert!(tag.get::<gst::tags::SubtitleCodec>().is_none(), "{tag:?}");
            let language = tag.get::<gst::tags::LanguageCode>();
            languages.extend(language.map(|language| language.get().to_owned()));
        }
    }
    assert_eq!(languages, ["ru"]);
}

#[test]
fn speech_longer_than_its_slot_shifts_the_next_or_is_cut() {
    let _watchdog = watchdog();
    for (overflow, second) in [("shift", None), ("clip", Some(500))] {
        let mut harness = scripted_filter(&[("overflow", overflow)]);
        harness.set_src_caps(text_caps());
        for start in [0, 500] {
            // 800 ms of speech.
            harness
                .push(cue("двадцать двенадцать", start, 500))
                .unwrap();
        }
        harness.push_event(gst::event::Eos::new());
        let (_, buffers) = drain(&mut harness);
        let of_second = buffers.iter().position(|b| b.pts() >= Some(ms(500)));
        match second {
            None => {
                let third = buffers[2].pts().unwrap();
                assert_eq!(third, end_of(&buffers[1]));
                assert_eq!(third, ms(18 * 40));
            }
            Some(second) => {
                let of_second = of_second.unwrap();
                assert_eq!(buffers[of_second].pts(), Some(ms(second)));
                assert_eq!(end_of(&buffers[of_second - 1]), ms(500));
                assert_eq!(end_of(buffers.last().unwrap()), ms(1000));
            }
        }
        for buffer in &buffers {
            let bytes = buffer.duration().unwrap().nseconds() as f64 / 1e9 * 96_000.0;
            assert!((bytes - buffer.size() as f64).abs() < 1.0);
        }
    }
}

#[test]
fn the_times_of_text_follow_the_rate_and_the_place_of_its_segment() {
    let _watchdog = watchdog();
    let mut harness = scripted_filter(&[]);
    harness.push_event(gst::event::StreamStart::new("text"));
    harness.push_event(gst::event::Caps::new(&text_caps()));
    // From 60 s on, at twice the speed.
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_rate(2.0);
    segment.set_start(ms(60_000));
    segment.set_time(ms(60_000));
    harness.push_event(gst::event::Segment::new(&segment));
    // Over before the segment begins, and 2 s in it.
    harness.push(cue("никогда", 50_000, 1000)).unwrap();
    harness.push(cue("раз", 62_000, 1000)).unwrap();
    harness.push_event(gst::event::Eos::new());
    let (events, buffers) = drain(&mut harness);
    let starts: Vec<_> = buffers.iter().map(|b| b.pts().unwrap()).collect();
    assert_eq!(starts, [ms(1000)]);
    let segment = events.iter().find_map(|event| match event.view() {
        gst::EventView::Segment(segment) => Some(segment.segment().clone()),
        _ => None,
    });
    let segment = segment.unwrap().downcast::<gst::ClockTime>().unwrap();
    assert_eq!(segment.rate(), 1.0);
    assert_eq!(segment.to_running_time(ms(1000)), Some(ms(1000)));
    assert_eq!(segment.to_stream_time(ms(1000)), Some(ms(62_000)));
    // 120 ms of speech at twice the speed.
    let pad = harness.element().unwrap().static_pad("src").unwrap();
    let position = pad.query_position::<gst::ClockTime>();
    assert_eq!(position, Some(ms(62_240)));
}

#[test]
fn upstream_waits_when_max_queued_of_its_texts_do_and_applications_still_get_a_word_in() {
    let _watchdog = watchdog();
    let element = crate::element(&[("max-queued", "3"), ("is-live", "true")]);
    let script = Script::default();
    script.shut(crate::script::Gate::Lm);
    script.give_to(&element);
    let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
    let bus = bus_of(&harness);
    harness.play();
    harness.set_src_caps(text_caps());
    let pad = element.static_pad("sink").unwrap();
    let pusher = std::thread::spawn(move || {
        let lines = ["раз\n", "два\n", "три\n", "четыре\n"];
        lines.map(|line| pad.chain(untimed(line.as_bytes())))
    });
    let queued = || {
        let wanted = [gst::MessageType::Element];
        let message = bus.timed_pop_filtered(patience(), &wanted).unwrap();
        message.structure().unwrap().get::<String>("text").unwrap()
    };
    assert_eq!([queued(), queued(), queued()], ["раз", "два", "три"]);
    assert!(!pusher.is_finished());
    assert_eq!(crate::say(&element, "и это"), 4);
    assert_eq!(queued(), "и это");
    // A flush ends the wait.
    harness.push_event(gst::event::FlushStart::new());
    let flows = pusher.join().unwrap();
    assert_eq!(flows[..3], [Ok(gst::FlowSuccess::Ok); 3]);
    assert_eq!(flows[3], Err(gst::FlowError::Flushing));
}

#[test]
fn metas_without_tags_go_from_a_text_to_its_speech() {
    let _watchdog = watchdog();
    let mut harness = scripted_filter(&[]);
    harness.set_src_caps(text_caps());
    let mut text = cue("раз два", 0, 1000);
    let reference = gst::Caps::new_empty_simple("timestamp/x-ntp");
    let at = ms(77);
    gst::meta::ReferenceTimestampMeta::add(
        text.get_mut().unwrap(),
        &reference,
        at,
        gst::ClockTime::NONE,
    );
    harness.push(text).unwrap();
    harness.push_event(gst::event::Eos::new());
    let (_, buffers) = drain(&mut harness);
    let metas: Vec<_> = buffers
        .iter()
        .map(|b| {
            b.meta::<gst::meta::ReferenceTimestampMeta>()
                .map(|m| m.timestamp())
        })
        .collect();
    assert_eq!(metas, [Some(at), None]);
}

#[test]
fn upstreams_eos_comes_after_all_speech_with_its_number() {
    let _watchdog = watchdog();
    let mut harness = filter(&[]);
    harness.set_src_caps(text_caps());
    harness.push(untimed("Раз.\nДва.".as_bytes())).unwrap();
    let eos = gst::event::Eos::new();
    let seqnum = eos.seqnum();
    harness.push_event(eos);
    let (events, buffers) = drain(&mut harness);
    assert_eq!(buffers.len(), 2);
    assert_eq!(events.last().unwrap().seqnum(), seqnum);
    assert!(harness.try_pull_event().is_none());
    let mut empty = filter(&[]);
    empty.set_src_caps(text_caps());
    empty.push_event(gst::event::Eos::new());
    assert!(drain(&mut empty).1.is_empty());
}
