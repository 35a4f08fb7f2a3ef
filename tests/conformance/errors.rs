//! Failures: one message that names the culprit, and a process that lives on.

use std::{path::Path, time::Instant};

use axcl_rt::harness::Machine;
use gst::prelude::*;

use crate::{
    PATIENCE,
    alone::alone,
    assert_took,
    launch::{command, run},
    launch_with,
    model_dir::ModelDir,
    ms,
    playing::{Played, Player, Trouble},
    scripted,
    support::{tiny, tiny_npu},
    watchdog,
};

#[track_caller]
fn one_error(played: &Played) -> &Trouble {
    assert_eq!(played.errors.len(), 1, "{played:?}");
    assert!(played.buffers.is_empty(), "it spoke");
    &played.errors[0]
}

#[test]
fn a_model_path_that_leads_nowhere_fails_at_once_and_is_named() {
    let _watchdog = watchdog();
    let nowhere = Path::new("/nonexistent/model");
    let player = Player::new(nowhere, Some("Да."), &[]);
    let since = Instant::now();
    assert!(player.pipeline.set_state(gst::State::Ready).is_err());
    let wanted = std::time::Duration::from_millis(100);
    assert_took("the failing state change", since.elapsed(), wanted);
    let played = player.stop(gst::State::Null);
    let error = one_error(&played);
    assert!(error.error.matches(gst::ResourceError::NotFound));
    for word in ["/nonexistent/model", "cosyvoice3 model convert"] {
        assert!(error.text().contains(word), "{error:?}");
    }
    let variables = [("COSYVOICE3_MODEL_PATH", nowhere)];
    let (output, words) = launch_with("cosyvoice3src text=Да. ! fakesink", &variables);
    assert!(!output.status.success(), "{words}");
    assert_eq!(words.matches("ERROR: from element").count(), 1, "{words}");
}

#[test]
fn a_truncated_file_is_named_with_the_size_it_should_have() {
    let _watchdog = watchdog();
    let model = ModelDir::of_tiny();
    let whole = model.read("lm.gguf");
    model.write("lm.gguf", &whole[..whole.len() / 2]);
    let played = Player::new(model.path(), Some("Да."), &[]).play();
    let error = one_error(&played);
    assert!(error.error.matches(gst::ResourceError::Read), "{error:?}");
    let sizes = [whole.len() / 2, whole.len()].map(|size| size.to_string());
    for word in ["lm.gguf", &sizes[0], &sizes[1]] {
        assert!(error.text().contains(word), "{error:?}");
    }
}

#[test]
fn without_onnx_runtime_there_is_a_hint_and_the_plugin_is_still_listed() {
    let nowhere = "/nonexistent/libonnxruntime.so";
    let variables = [("ORT_DYLIB_PATH", nowhere)];
    alone(
        "errors::without_onnx_runtime_there_is_a_hint_and_the_plugin_is_still_listed",
        &variables,
        || {
            let played = Player::new(&tiny(), Some("Да."), &[]).play();
            let error = one_error(&played);
            assert!(error.error.matches(gst::LibraryError::Init), "{error:?}");
            for word in [nowhere, "ORT_DYLIB_PATH"] {
                assert!(error.text().contains(word), "{error:?}");
            }
        },
    );
    let variables = variables.map(|(name, value)| (name, Path::new(value)));
    let (output, words) = launch_with("cosyvoice3src text=Да. ! fakesink", &variables);
    assert!(!output.status.success(), "{words}");
    assert_eq!(words.matches("ERROR: from element").count(), 1, "{words}");
    let (output, _) = run(command("gst-inspect-1.0")
        .arg("cosyvoice3src")
        .envs(variables));
    assert!(output.status.success());
}

#[test]
fn without_a_card_npu_is_an_error_and_auto_the_cpu() {
    alone(
        "errors::without_a_card_npu_is_an_error_and_auto_the_cpu",
        &[],
        || {
            let _watchdog = watchdog();
            let play = |model: &Path, backend: &str, library: &Path| {
                let settings = [
                    ("flow-backend", backend),
                    ("axcl-library", library.to_str().unwrap()),
                ];
                Player::new(model, Some("Да."), &settings).play()
            };
            let none = Machine::new("driver = none");
            let played = play(&tiny_npu(), "npu", &none.library());
            let error = one_error(&played);
            assert!(
                error.error.matches(gst::ResourceError::NotFound),
                "{error:?}"
            );

            // No library, no models for a card: no sign of one.
            let nowhere = Path::new("/nonexistent/libaxcl_rt.so");
            let played = play(&tiny(), "auto", nowhere).in_peace();
            assert!(!played.buffers.is_empty());

            let unusable = Machine::new("devices = none");
            let played = play(&tiny_npu(), "auto", &unusable.library());
            assert!(played.errors.is_empty() && played.eos, "{played:?}");
            assert!(!played.buffers.is_empty());
            let [warning] = &played.warnings[..] else {
                panic!("{played:?}");
            };
            assert!(warning.error.matches(gst::ResourceError::NotFound));
        },
    );
}

#[test]
fn what_downstream_refuses_ends_the_task_with_at_most_one_error() {
    let _watchdog = watchdog();
    for (flow, errors) in [
        (gst::FlowError::Flushing, 0),
        (gst::FlowError::Eos, 0),
        (gst::FlowError::NotLinked, 1),
        (gst::FlowError::Error, 1),
    ] {
        let player = Player::new(&tiny(), Some("Да. Нет."), &[]);
        let (sender, receiver) = std::sync::mpsc::channel();
        player
            .pad()
            .add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                info.flow_res = Err(flow);
                let _ = sender.send(());
                gst::PadProbeReturn::Handled
            });
        player.start().unwrap();
        receiver.recv_timeout(PATIENCE).unwrap();
        player.listen_for(ms(if errors > 0 { 5000 } else { 200 }));
        // The task has paused: nothing is pushed after the refused buffer.
        assert!(receiver.try_recv().is_err(), "{flow:?}");
        let played = player.stop(gst::State::Null);
        assert_eq!(played.errors.len(), errors, "{flow:?}: {:?}", played.errors);
        for error in &played.errors {
            assert!(error.error.matches(gst::StreamError::Failed));
            assert!(error.text().contains("Internal data stream error"));
        }
    }
}

#[test]
fn a_panic_in_a_stage_is_one_error_and_the_process_lives_on() {
    let _watchdog = watchdog();
    for stage in ["lm", "flow", "vocoder"] {
        let text = format!("раз {stage}-panics два");
        let (player, _script) = scripted(Some(&text), &[], "fakesink sync=false");
        let played = player.play();
        assert_eq!(played.errors.len(), 1, "{stage}: {played:?}");
        let error = &played.errors[0];
        assert!(error.error.matches(gst::StreamError::Failed), "{error:?}");
        assert!(error.text().contains("panicked"), "{error:?}");
        player.element.set_property("text", "раз два");
        assert_eq!(player.play().in_peace().buffers.len(), 2);
    }
}
