//! Speech to a file: one text, no clock.

use gst::prelude::*;

use crate::{
    assert_contiguous, end_of, launch, patience,
    playing::{self, Player},
    script::{Gate, speech_of},
    scripted,
    support::tiny,
    watchdog,
    wav::wav,
};

fn play(text: Option<&str>, sink: &str) -> playing::Played {
    Player::with_sink(&tiny(), text, &[], sink).play()
}

#[test]
fn a_sentence_is_one_buffer_and_eos() {
    let _watchdog = watchdog();
    let played = play(Some("Hello."), "fakesink").in_peace();
    assert_eq!(played.buffers.len(), 1);
    let (output, words) = launch("cosyvoice3src text=Hello. ! fakesink");
    assert_eq!(output.status.code(), Some(0), "{words}");
}

#[test]
fn a_wav_file_holds_every_sample_and_lasts_as_long_as_the_buffers() {
    let _watchdog = watchdog();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("said.wav");
    let sink = format!("wavenc ! filesink location={}", path.display());
    let played = play(Some("Да. Нет."), &sink).in_peace();
    let (format, channels, rate, data) = wav(&path);
    assert_eq!((format, channels, rate), (3, 1, 24_000));
    let samples = played.samples();
    let bytes: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
    assert!(!data.is_empty() && data == bytes);
    let durations = played.buffers.iter().map(|b| b.duration().unwrap());
    let lasts = durations.fold(gst::ClockTime::ZERO, |sum, duration| sum + duration);
    let wanted = samples.len() as u64 * 1_000_000_000 / 24_000;
    assert_eq!(lasts.nseconds(), wanted);
}

#[test]
fn sentences_follow_each_other_to_the_sample() {
    let _watchdog = watchdog();
    let (output, words) = launch(
        "-m cosyvoice3src text=Раз.Два.Три. flow-steps=2 ! identity check-imperfect-timestamp=true \
         check-imperfect-offset=true ! fakesink",
    );
    assert!(output.status.success(), "{words}");
    assert!(!words.contains("imperfect"), "{words}");
    let played = play(Some("Раз. Два. Три."), "fakesink").in_peace();
    assert!(played.buffers.len() > 1);
    let first = &played.buffers[0];
    assert!(first.flags().contains(gst::BufferFlags::DISCONT));
    assert_eq!(first.pts(), Some(gst::ClockTime::ZERO));
    assert_contiguous(&played.buffers);
}

#[test]
fn an_empty_or_blank_text_is_an_empty_file() {
    let _watchdog = watchdog();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty.wav");
    for text in ["", "   ", "\n\n", " \t\u{a0}\n "] {
        let sink = format!("wavenc ! filesink location={}", path.display());
        assert!(play(Some(text), &sink).in_peace().buffers.is_empty());
        let (format, channels, rate, data) = wav(&path);
        assert_eq!((format, channels, rate), (3, 1, 24_000), "{text:?}");
        assert!(data.is_empty());
    }
    let empty = "cosyvoice3src text=\"\" ! wavenc ! filesink location=";
    let (output, words) = launch(&format!("{empty}{}", path.display()));
    assert_eq!(output.status.code(), Some(0), "{words}");
    assert!(wav(&path).3.is_empty());
}

#[test]
fn without_a_text_there_is_a_warning_and_the_end() {
    let _watchdog = watchdog();
    let played = play(None, "fakesink");
    assert!(played.errors.is_empty() && played.eos, "{played:?}");
    assert!(played.buffers.is_empty());
    let [warning] = &played.warnings[..] else {
        panic!("{:?}", played.warnings);
    };
    assert!(warning.text().contains("nothing to say"), "{warning:?}");
    let (output, words) = launch("cosyvoice3src ! fakesink");
    assert_eq!(output.status.code(), Some(0), "{words}");
    assert!(words.contains("nothing to say"), "{words}");
}

#[test]
fn a_second_start_says_the_same_from_zero_again() {
    let _watchdog = watchdog();
    let player = Player::new(&tiny(), Some("Да. Нет."), &[("seed", "7")]);
    let runs = [gst::State::Paused, gst::State::Ready, gst::State::Null].map(|state| {
        player.start().unwrap();
        player.wait();
        let played = player.stop(state).in_peace();
        // The first goes down by two steps, as an application does that keeps the pipeline.
        player.stop(gst::State::Ready);
        played
    });
    for again in &runs[1..] {
        assert!(again.samples() == runs[0].samples());
        assert_eq!(again.buffers[0].pts(), Some(gst::ClockTime::ZERO));
        let types =
            |events: &[gst::Event]| -> Vec<_> { events.iter().map(|e| e.type_()).collect() };
        assert_eq!(types(&again.events), types(&runs[0].events));
    }
}

#[test]
fn slow_synthesis_leaves_no_hole_in_a_file() {
    let _watchdog = watchdog();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("said.opus");
    let words = ["раз", "два", "три", "четыре"];
    let encode = "audioconvert ! audioresample ! opusenc ! oggmux ! filesink location=";
    let sink = format!("{encode}{}", path.display());
    let text = words.join(" ");
    let (player, script) = scripted(Some(&text), &[], &sink);
    script.shut(Gate::Vocoder);
    player.start().unwrap();
    for word in words {
        script.await_visitor(Gate::Vocoder);
        // A fifth of real time.
        let work = gst::ClockTime::from_mseconds(5 * 40 * word.chars().count() as u64);
        player.listen_for(work);
        script.let_one_pass(Gate::Vocoder);
    }
    player.wait();
    let played = player.stop(gst::State::Null).in_peace();
    assert_contiguous(&played.buffers);
    assert!(played.samples() == speech_of(&text));
    let spoken = end_of(played.buffers.last().unwrap());

    let decode = format!(
        "filesrc location={} ! oggdemux ! opusdec ! fakesink name=out sync=false",
        path.display()
    );
    let pipeline = gst::parse::launch(&decode).unwrap();
    let pipeline = pipeline.downcast::<gst::Pipeline>().unwrap();
    let decoded = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let pad = pipeline.by_name("out").unwrap().static_pad("sink").unwrap();
    let seen = decoded.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data {
            seen.lock().unwrap().push(buffer.clone());
        }
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = pipeline
        .bus()
        .unwrap()
        .timed_pop_filtered(patience(), &ends);
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(end.unwrap().type_(), gst::MessageType::Eos);
    let decoded = decoded.lock().unwrap();
    for pair in decoded.windows(2) {
        assert!(
            pair[1].pts().unwrap().absdiff(end_of(&pair[0])) <= gst::ClockTime::from_useconds(50)
        );
    }
    let heard = end_of(decoded.last().unwrap()) - decoded[0].pts().unwrap();
    println!("{spoken} spoken, {heard} in the file");
    // Opus works in frames of 20 ms.
    assert!(heard.absdiff(spoken) < gst::ClockTime::from_mseconds(21));
}
