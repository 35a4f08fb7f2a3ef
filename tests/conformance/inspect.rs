//! The element in the tools, and its links to others.

use std::{path::Path, time::Duration};

use gst::prelude::*;

use crate::{
    assert_took, element, launch,
    launch::{command, run},
    launch_with, watchdog,
};

/// `gst-inspect-1.0` of the element.
fn inspect(variables: &[(&str, &Path)]) -> (std::process::Output, String) {
    run(command("gst-inspect-1.0")
        .arg("cosyvoice3src")
        .envs(variables.iter().copied()))
}

#[test]
fn inspect_shows_class_rank_pads_properties_and_no_null() {
    let (output, words) = inspect(&[]);
    assert!(output.status.success(), "{words}");
    assert!(!words.contains("(null)"), "{words}");
    // The alignment does not matter.
    let lines: Vec<String> = words
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let has = |wanted: &str| lines.iter().any(|line| line == wanted);
    let follows = |first: &str, second: &str| lines.windows(2).any(|l| l == [first, second]);
    assert!(has("Klass Source/Audio"), "{words}");
    assert!(has("Rank none (0)"), "{words}");
    assert!(follows("SRC template: 'src'", "Availability: Always"));
    assert!(follows("SINK template: 'sink'", "Availability: On request"));
    assert!(has("rate: 24000") && has("channels: 1"), "{words}");
    assert!(words.contains("cosyvoice3"), "the URI scheme");
    for action in ["say", "say-full", "cancel", "cancel-all", "end-of-stream"] {
        let line = lines
            .iter()
            .position(|l| l.starts_with(&format!("\"{action}\"")));
        let actions = lines.iter().position(|line| line == "Element Actions:");
        assert!(line > actions && actions.is_some(), "{action}");
    }
    let settings = element(&[]).list_properties();
    for pspec in settings
        .iter()
        .filter(|p| p.owner_type().name() == "GstCosyVoice3Src")
    {
        let at = lines
            .iter()
            .position(|line| line.starts_with(&format!("{} :", pspec.name())))
            .unwrap_or_else(|| panic!("{}", pspec.name()));
        let flags = lines[at..].iter().find(|line| line.starts_with("flags: "));
        let flags = flags.unwrap();
        let writable = pspec.flags().contains(gst::glib::ParamFlags::WRITABLE);
        assert_eq!(flags.contains("writable"), writable, "{flags}");
        // A writable property documents when it can be changed.
        assert_eq!(flags.contains("changeable"), writable, "{}", pspec.name());
    }
}

#[test]
fn inspect_needs_no_model_and_no_library() {
    let nowhere = Path::new("/nonexistent");
    let variables = [
        ("ORT_DYLIB_PATH", nowhere),
        ("AXCL_RT_LIBRARY", nowhere),
        ("COSYVOICE3_MODEL_PATH", nowhere),
        ("HOME", nowhere),
    ];
    // The first one writes the registry.
    inspect(&variables);
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let since = std::time::Instant::now();
        let (output, words) = inspect(&variables);
        fastest = fastest.min(since.elapsed());
        assert!(output.status.success(), "{words}");
        assert!(output.stderr.is_empty(), "{words}");
    }
    assert_took("gst-inspect-1.0", fastest, Duration::from_millis(100));
    let (output, words) = run(command("gst-inspect-1.0")
        // Without this it asks for a plugin as new as GStreamer itself.
        .args(["--exists", "--atleast-version=0.0", "cosyvoice3src"])
        .envs(variables));
    assert!(output.status.success() && words.is_empty(), "{words}");
}

#[test]
fn sound_cannot_be_linked_to_the_text_pad() {
    let (output, words) = launch("audiotestsrc ! cosyvoice3src ! fakesink");
    assert!(!output.status.success());
    assert!(words.contains("could not link"), "{words}");
}

#[test]
fn another_rate_needs_a_resampler() {
    let (output, words) = launch("cosyvoice3src text=Да. ! audio/x-raw,rate=48000 ! fakesink");
    assert!(!output.status.success());
    assert!(words.contains("can't handle caps"), "{words}");
    let (output, words) = launch(
        "cosyvoice3src text=Да. flow-steps=2 ! audioresample ! audio/x-raw,rate=48000 ! fakesink",
    );
    assert!(output.status.success(), "{words}");
}

#[test]
fn a_uri_plays_and_a_bad_one_is_refused() {
    let _watchdog = watchdog();
    let (output, words) =
        launch("-m playbin uri=cosyvoice3://hello%20world audio-sink=fakesink video-sink=fakesink");
    assert!(output.status.success(), "{words}");
    assert!(words.contains("cosyvoice3/utterance-finished"), "{words}");
    let uri = "cosyvoice3://%D0%94%D0%B0.%20Yes%21?voice=golden";
    let element = gst::Element::make_from_uri(gst::URIType::Src, uri, None).unwrap();
    assert_eq!(element.property::<String>("text"), "Да. Yes!");
    assert_eq!(element.property::<String>("voice"), "golden");
    let handler = element.dynamic_cast::<gst::URIHandler>().unwrap();
    let again = handler.uri().unwrap();
    handler.set_uri(&again).unwrap();
    assert_eq!(handler.uri().unwrap(), again);
    for bad in ["cosyvoice3://x?speed=2", "cosyvoice3://%FF", "cosyvoice3:x"] {
        let error = handler.set_uri(bad).unwrap_err();
        assert!(error.matches(gst::URIError::BadUri), "{bad}: {error}");
    }
}

#[test]
fn the_debug_log_can_be_read_and_keeps_texts_to_itself_above_debug() {
    let variables = [
        ("GST_DEBUG", Path::new("cosyvoice3*:6")),
        ("GST_DEBUG_NO_COLOR", Path::new("1")),
    ];
    let said = "Голубика.";
    let (output, _) = launch_with(
        &format!("cosyvoice3src text={said} flow-steps=2 ! fakesink"),
        &variables,
    );
    assert!(output.status.success());
    let log = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(log.contains("CPU : "), "what llama.cpp found in the CPU");
    let lines: Vec<&str> = log.lines().collect();
    println!("{} lines for one sentence", lines.len());
    // A sentence has tens of thousands of samples.
    assert!((10..2000).contains(&lines.len()), "{}", lines.len());
    let levels = ["ERROR", "WARN", "FIXME", "INFO", "DEBUG", "LOG", "TRACE"];
    let mut spoken_of = 0;
    for line in lines {
        let Some(level) = line.split_whitespace().find(|word| levels.contains(word)) else {
            continue;
        };
        assert!(line.contains(" cosyvoice3"), "{line}");
        if line.contains("Голубика") {
            spoken_of += 1;
            assert!(["DEBUG", "LOG", "TRACE"].contains(&level), "{line}");
        }
    }
    assert!(spoken_of > 0, "DEBUG says what is said");
}

#[test]
fn each_part_logs_in_a_category_of_its_own() {
    let _watchdog = watchdog();
    element(&[]);
    let names: Vec<String> = gst::DebugCategory::all_categories()
        .into_iter()
        .map(|category| category.name().into())
        .collect();
    for name in ["src", "-engine", "-llama", "-ort"] {
        let name = format!("cosyvoice3{name}");
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn messages_of_onnx_runtime_itself_are_in_its_category_at_trace() {
    let variables = [
        ("GST_DEBUG", Path::new("cosyvoice3-ort:7")),
        ("GST_DEBUG_NO_COLOR", Path::new("1")),
    ];
    let (output, _) = launch_with("cosyvoice3src text=Да. flow-steps=2 ! fakesink", &variables);
    assert!(output.status.success());
    let log = String::from_utf8(output.stderr).expect("UTF-8");
    // Each names the place in the library's sources.
    let own = |line: &&str| line.contains("location=\"") && line.contains(".cc:");
    let line = log.lines().find(own);
    let line = line.unwrap_or_else(|| panic!("no message of ONNX Runtime: {log}"));
    assert!(line.contains(" cosyvoice3-ort "), "{line}");
    assert!(line.contains("TRACE"), "{line}");
}

#[test]
fn the_latency_tracer_measures_the_way_of_speech() {
    let variables = [
        ("GST_TRACERS", Path::new("latency(flags=pipeline+element)")),
        ("GST_DEBUG", Path::new("GST_TRACER:7")),
        ("GST_DEBUG_NO_COLOR", Path::new("1")),
    ];
    let (output, words) = launch_with(
        "cosyvoice3src text=Да. flow-steps=2 ! audioconvert ! fakesink",
        &variables,
    );
    assert!(output.status.success(), "{words}");
    let measured = words
        .lines()
        .any(|line| line.contains("latency, src-element") && line.contains("cosyvoice3src0"));
    assert!(measured, "{words}");
}
