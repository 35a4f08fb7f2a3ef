//! A card that does not answer: a process of its own, because it is never trusted again in the same one.
#![allow(missing_docs)]

#[path = "support/playing.rs"]
mod playing;
mod support;

use std::time::{Duration, Instant};

use axcl_rt::harness::Machine;
use gst::prelude::*;
use gstcosyvoice3::flow::axcl::abandoned_threads;
use playing::{Player, Watchdog};
use support::tiny_npu;

#[test]
fn a_hung_call_holds_up_nobody_and_the_card_is_not_used_again() {
    let _watchdog = Watchdog::new("the hang", Duration::from_secs(300));
    // After the two executions at load.
    let machine = Machine::new("execute-hangs = 4");
    let library = machine.library();
    let library = library.to_str().unwrap();
    let player = |backend: &str| {
        let settings = [("axcl-library", library), ("flow-backend", backend)];
        Player::new(&tiny_npu(), Some("Раз."), &settings)
    };
    let hung = player("npu");
    hung.start().unwrap();
    machine.wait_for_hang();
    let since = Instant::now();
    hung.pipeline.set_state(gst::State::Null).unwrap();
    let took = since.elapsed();
    println!("PLAYING to NULL with a hung NPU: {took:?} (wanted: 2 s)");
    assert!(took < Duration::from_secs(20));
    assert_eq!(abandoned_threads(), 1);

    let refused = player("npu").play();
    assert_eq!(refused.errors.len(), 1, "{refused:?}");
    let error = refused.errors[0].text();
    assert!(error.contains("restart this process"), "{error}");
    assert!(error.contains("reset the card"), "{error}");

    let spoken = player("auto").play();
    assert!(spoken.errors.is_empty() && spoken.eos, "{spoken:?}");
    assert!(!spoken.buffers.is_empty());
    assert!(
        spoken
            .warnings
            .iter()
            .any(|w| w.text().contains("stopped answering"))
    );
    assert_eq!(abandoned_threads(), 1);
    machine.set("");
}
