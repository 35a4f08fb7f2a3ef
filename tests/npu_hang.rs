//! A card that does not answer: each test in a process of its own, because a process that met it never trusts it again.
#![allow(missing_docs)]

use test_support::models as support;
use test_support::playing;

use std::{
    process::Command,
    time::{Duration, Instant},
};

use axcl_rt::harness::Machine;
use cosyvoice3::flow::axcl::abandoned_threads;
use gst::prelude::*;
use playing::{Played, Player, Watchdog};
use support::{long, max_diff, tiny_npu};

/// Executions of the check at load.
const AT_START: usize = 2;
/// Timeout of an execution.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs `body` in a process that runs the test `name` alone.
fn apart(name: &str, body: fn()) {
    const INSIDE: &str = "COSYVOICE3_TEST_APART";
    if std::env::var_os(INSIDE).is_some() {
        let _watchdog = Watchdog::new("a test with a card that hangs", Duration::from_secs(300));
        return body();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stdout);
    print!("{words}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}{errors}");
    assert!(words.contains("1 passed"), "no test {name}");
}

fn player(machine: &Machine, backend: &str) -> Player {
    let library = machine.library();
    let settings = [
        ("axcl-library", library.to_str().unwrap()),
        ("flow-backend", backend),
        ("flow-plan", "windows"),
    ];
    Player::new(&tiny_npu(), Some("Раз."), &settings)
}

/// Stops an element that hangs, in time.
fn stop(hung: &Player) {
    let since = Instant::now();
    hung.pipeline.set_state(gst::State::Null).unwrap();
    let took = since.elapsed();
    println!("PLAYING to NULL with a hung NPU: {took:?} (wanted: 2 s)");
    assert!(took < Duration::from_secs(20));
}

fn assert_refused(refused: &Played) {
    assert_eq!(refused.errors.len(), 1, "{refused:?}");
    let error = refused.errors[0].text();
    assert!(error.contains("restart this process"), "{error}");
    assert!(error.contains("reset the card"), "{error}");
}

fn assert_spoken_with_a_warning(spoken: &Played) {
    assert!(spoken.errors.is_empty() && spoken.eos, "{spoken:?}");
    assert!(!spoken.buffers.is_empty());
    assert_eq!(spoken.warnings.len(), 1, "{spoken:?}");
    let warning = spoken.warnings[0].text();
    assert!(warning.contains("stopped answering"), "{warning}");
}

/// The next starts after a hang, in the long form also when it is over.
fn assert_dead(machine: &Machine) {
    for _ in 0..if long() { 2 } else { 1 } {
        assert_refused(&player(machine, "npu").play());
        let auto = player(machine, "auto");
        assert_spoken_with_a_warning(&auto.play());
        assert_eq!(auto.flow_backend(), "cpu");
        let stats: gst::Structure = auto.element.property("stats");
        assert_eq!(stats.get::<u64>("npu-threads-abandoned").unwrap(), 1);
        assert_eq!(abandoned_threads(), 1);
        machine.set("");
    }
}

#[test]
fn a_hung_call_holds_up_nobody_and_the_card_is_not_used_again() {
    apart(
        "a_hung_call_holds_up_nobody_and_the_card_is_not_used_again",
        || {
            let machine = Machine::new(&format!("execute-hangs = {}", AT_START + 2));
            let hung = player(&machine, "npu");
            hung.start().unwrap();
            machine.wait_for_hang();
            stop(&hung);
            assert_dead(&machine);
        },
    );
}

#[test]
fn a_card_that_hangs_at_load_holds_up_nobody_and_is_not_used_again() {
    apart(
        "a_card_that_hangs_at_load_holds_up_nobody_and_is_not_used_again",
        || {
            let machine = Machine::new("execute-hangs = 1");
            let hung = player(&machine, "npu");
            hung.start().unwrap();
            machine.wait_for_hang();
            stop(&hung);
            assert_dead(&machine);
        },
    );
}

#[test]
fn a_card_that_hangs_in_the_middle_is_an_error_of_its_own() {
    if !long() {
        return;
    }
    apart(
        "a_card_that_hangs_in_the_middle_is_an_error_of_its_own",
        || {
            let machine = Machine::new(&format!("execute-hangs = {}", AT_START + 2));
            let since = Instant::now();
            assert_refused(&player(&machine, "npu").play());
            println!(
                "a hang was reported after {:?} (wanted: {PATIENCE:?})",
                since.elapsed()
            );
            assert_dead(&machine);
        },
    );
}

#[test]
fn with_auto_a_card_that_hangs_costs_time_and_no_speech() {
    apart(
        "with_auto_a_card_that_hangs_costs_time_and_no_speech",
        || {
            let machine = Machine::new(&format!("execute-hangs = {}", AT_START + 2));
            let spoken = player(&machine, "auto").play();
            assert_spoken_with_a_warning(&spoken);
            let whole = player(&machine, "cpu").play().in_peace();
            let difference = max_diff(&spoken.samples(), &whole.samples());
            println!("samples: {difference:.1e}");
            // The vocoder is not as exact as the flow.
            assert!(difference < 1e-2, "{difference:e}");
            assert_dead(&machine);
        },
    );
}

#[test]
fn with_auto_a_card_that_hangs_at_load_costs_time_and_no_speech() {
    if !long() {
        return;
    }
    apart(
        "with_auto_a_card_that_hangs_at_load_costs_time_and_no_speech",
        || {
            let machine = Machine::new("execute-hangs = 2");
            assert_spoken_with_a_warning(&player(&machine, "auto").play());
            assert_dead(&machine);
        },
    );
}
