//! Cores that the threads of each stage run on, those that llama.cpp and ONNX Runtime start included. In a process of
//! its own, because all of its threads are looked at.
#![allow(missing_docs)]

use test_support::models as support;
use test_support::playing;

use std::{
    collections::HashSet,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use axcl_rt::harness::Machine;
use cosyvoice3::cpu::Topology;
use playing::{Player, Watchdog};
use support::tiny_npu;

/// A thread of this process.
#[derive(Debug, PartialEq)]
struct Thread {
    name: String,
    /// As the kernel writes it, such as `0-1`.
    cores: String,
}

fn tasks() -> Vec<PathBuf> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    tasks.filter_map(|task| Some(task.ok()?.path())).collect()
}

/// The threads that came since `before`.
fn threads(before: &HashSet<PathBuf>) -> Vec<Thread> {
    let new = tasks().into_iter().filter(|task| !before.contains(task));
    let status = new.filter_map(|task| fs::read_to_string(task.join("status")).ok());
    status
        .map(|status| {
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default().trim().to_owned()
            };
            Thread {
                name: field("Name:"),
                cores: field("Cpus_allowed_list:"),
            }
        })
        .collect()
}

/// The threads of an element, while its first speech leaves.
fn speak(settings: &[(&str, &str)]) -> Vec<Thread> {
    let before: HashSet<_> = tasks().into_iter().collect();
    let player = Player::new(&tiny_npu(), Some("Да."), settings);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let found = seen.clone();
    player.on_first_buffer(move |_| *found.lock().unwrap() = threads(&before));
    player.play().in_peace();
    drop(player);
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    println!("{settings:?}: {seen:?}");
    seen
}

#[track_caller]
fn assert_cores(threads: &[Thread], name: &str, least: usize, cores: &str) {
    let of_stage: Vec<_> = threads.iter().filter(|t| t.name == name).collect();
    assert!(of_stage.len() >= least, "{least} of {name}: {threads:?}");
    assert!(
        of_stage.iter().all(|t| t.cores == cores),
        "{name} on {cores}: {threads:?}"
    );
}

/// Two cores as `cpu-affinity` and the kernel write them, one by one and both; `None` on a machine with one.
fn cores() -> Option<[String; 3]> {
    let topology = Topology::read();
    let [one, other, ..] = topology.cores() else {
        return None;
    };
    let (one, other) = (one.id, other.id);
    let both = if other == one + 1 { '-' } else { ',' };
    Some([
        one.to_string(),
        other.to_string(),
        format!("{one}{both}{other}"),
    ])
}

#[test]
fn every_thread_of_a_stage_runs_on_the_cores_that_the_stage_is_given() {
    let _watchdog = Watchdog::new("the cores", Duration::from_secs(300));
    let Some([one, other, both]) = cores() else {
        return;
    };
    let test = std::thread::current().name().unwrap().to_owned();
    let machine = Machine::new("");
    let library = machine.library();
    for (lm, flow, vocoder, backend) in [
        (&both, &one, &other, "cpu"),
        (&one, &both, &other, "cpu"),
        (&other, &one, &both, "cpu"),
        (&one, &one, &one, "cpu"),
        (&both, &one, &both, "npu"),
        (&one, &other, &one, "npu"),
    ] {
        let threads = speak(&[
            (
                "cpu-affinity",
                &format!("lm={lm},vocoder={vocoder},flow={flow}"),
            ),
            ("flow-backend", backend),
            ("axcl-library", library.to_str().unwrap()),
        ]);
        // As many threads as cores: a stage with two has a worker of its library's.
        for (name, cores) in [("cv3-lm", lm), ("cv3-flow", flow), ("cv3-vocoder", vocoder)] {
            let least = if *cores == both { 2 } else { 1 };
            assert_cores(&threads, name, least, cores);
        }
        if backend == "npu" {
            assert_cores(&threads, "cv3-npu", 1, flow);
        }
        // No other thread computes: the others are the pad's task and what this test starts, under its name.
        let mut others = threads.iter().filter(|t| !t.name.starts_with("cv3-"));
        let known = |t: &Thread| t.name == "speech:src" || test.starts_with(&t.name);
        assert!(others.all(known), "{threads:?}");
    }
}
