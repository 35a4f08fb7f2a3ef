//! The metrics for Prometheus.

use std::{collections::BTreeMap, fs};

use axcl_rt::harness::Machine;
use serde_json::json;
use test_support::models::tiny_npu;

use crate::{
    openai::{metric, wait_for_metric, wait_until_ready},
    request::{send, speak},
    root,
    server::{Server, http_command},
};

/// The metrics of docs/serve.md, and their kinds.
fn documented() -> BTreeMap<String, String> {
    let page = fs::read_to_string(root().join("docs/serve.md")).unwrap();
    let row = |line: &str| {
        let (name, rest) = line.strip_prefix("| `cosyvoice3_")?.split_once("` | ")?;
        let name = name.split('{').next()?;
        Some((
            format!("cosyvoice3_{name}"),
            rest.split(" |").next()?.to_owned(),
        ))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn prometheus_gets_the_metrics_that_are_documented_each_with_its_help_and_type() {
    for options in [&["--play", "fakesink"][..], &[]] {
        let server = Server::http_alone(options);
        let answer = send(&server, "GET", "/metrics", "", "");
        assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4");
        let text = answer.text();
        let of = |kind: &str| -> BTreeMap<String, String> {
            let start = format!("# {kind} ");
            let lines = text.lines().filter_map(|line| line.strip_prefix(&start));
            lines
                .map(|line| line.split_once(' ').expect("a name and more"))
                .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
                .collect()
        };
        let (help, kinds) = (of("HELP"), of("TYPE"));
        assert_eq!(kinds, documented(), "{options:?}");
        assert!(help.keys().eq(kinds.keys()), "{text}");
        assert!(help.values().all(|words| words.ends_with('.')), "{help:?}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            let name = name.split('{').next().unwrap();
            let of_histogram = |end: &str| name.strip_suffix(end);
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| of_histogram(end));
            assert!(
                kinds.contains_key(name) || base.is_some_and(|base| kinds[base] == "histogram"),
                "{line}"
            );
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
        assert!(server.end());
    }
}

#[test]
fn announcements_are_counted_by_what_happens_to_them() {
    let server = Server::http_alone(&["--play", "fakesink"]);
    let count = |event: &str| {
        let name = format!("cosyvoice3_announcements_total{{event=\"{event}\"}}");
        metric(&server, &name)
    };
    let counts = || ["queued", "started", "finished", "cancelled", "failed"].map(count);
    let live = || metric(&server, "cosyvoice3_announcements ");
    assert_eq!((counts(), live()), ([0.0; 5], 0.0));
    let id = server.say("Да.");
    server.wait_for(&format!("announcement {id} finished"));
    assert_eq!((counts(), live()), ([1.0, 1.0, 1.0, 0.0, 0.0], 0.0));
    for what in ["speech", "synthesis", "first_audio"] {
        let name = format!("cosyvoice3_announcement_{what}_seconds_total");
        assert!(metric(&server, &name) > 0.0, "{name}");
    }
    let long = server.say("Раз, два, три, четыре, пять, шесть, семь, восемь.");
    let waits = server.say("Час.");
    server.wait_for(&format!("announcement {long} started"));
    assert_eq!((counts(), live()), ([3.0, 2.0, 1.0, 0.0, 0.0], 2.0));
    assert_eq!(server.post("/cancel-all", "").0, 202);
    server.wait_for(&format!("announcement {long} cancelled: cancelled"));
    server.wait_for(&format!("announcement {waits} cancelled: cancelled"));
    assert_eq!((counts(), live()), ([3.0, 2.0, 1.0, 2.0, 0.0], 0.0));
    assert!(server.end());
}

#[test]
fn the_state_of_the_card_is_1_while_it_is_used_and_0_once_it_has_failed() {
    let machine = Machine::new("");
    let library = format!("axcl-library={}", machine.library().display());
    let mut command = http_command();
    command
        .args(["--set", "flow-backend=auto", "--set", &library])
        .env("COSYVOICE3_MODEL_PATH", tiny_npu())
        .env_remove("AXCL_RT_LIBRARY");
    let server = Server::start(&mut command);
    wait_until_ready(&server);
    assert_eq!(metric(&server, "cosyvoice3_npu_up"), 1.0);
    let say = || {
        let wanted = json!({ "input": "Да.", "response_format": "pcm" });
        assert!(!speak(&server, &wanted).bytes().is_empty());
    };
    say();
    assert_eq!(metric(&server, "cosyvoice3_npu_utterances_total"), 1.0);
    machine.set("execute-loses-device = 1");
    // The text is spoken all the same, by the CPU.
    say();
    wait_for_metric(&server, "cosyvoice3_npu_up", |up| up == 0.0);
    assert!(server.end());

    let without = Server::http_alone(&[]);
    wait_until_ready(&without);
    assert_eq!(metric(&without, "cosyvoice3_npu_up"), 0.0);
    assert!(without.end());
}
