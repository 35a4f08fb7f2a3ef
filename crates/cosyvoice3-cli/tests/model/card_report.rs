//! The report of a card, on the stand-in for AXCL.
use std::{fs, path::Path, process::Output};

use axcl_rt::harness::Machine;
use cosyvoice3_convert::gguf::quantize::Quantization;

use crate::{edge_pipeline::EdgePipeline, program, said, succeeds};

fn report(model: &Path, card: &Machine) -> (Output, String) {
    let file = card.directory().join("report.txt");
    let output = program()
        .arg("card-report")
        .arg(model)
        .arg("--output")
        .arg(&file)
        .arg("--library")
        .arg(card.library())
        .output()
        .unwrap();
    let text = fs::read_to_string(&file).unwrap_or_default();
    println!("{text}");
    (output, text)
}

#[track_caller]
fn assert_says(report: &str, parts: &[&str]) {
    for part in parts {
        assert!(report.contains(part), "{part} in {report}");
    }
}

/// The number behind `key`.
fn number(report: &str, key: &str) -> f64 {
    let line = report.lines().find_map(|line| line.strip_prefix(key));
    let word = line
        .unwrap_or_else(|| panic!("{key} in {report}"))
        .split_whitespace()
        .next();
    word.unwrap().parse().unwrap()
}

#[test]
fn one_command_reports_versions_times_closeness_and_memory_of_a_card() {
    let pipeline = EdgePipeline::new(Quantization::Q8_0);
    let add = program()
        .arg("npu")
        .args([pipeline.converted(), pipeline.path("axera")])
        .output()
        .unwrap();
    succeeds(&add);
    let card = Machine::new("latency = 1");
    let (output, report) = report(&pipeline.converted(), &card);
    succeeds(&output);
    assert_says(
        &report,
        &[
            concat!("cosyvoice3 ", env!("CARGO_PKG_VERSION")),
            "kernel: ",
            "AXCL version: V3.10.2_axclsim",
            "firmware: axcl-sim",
            "opened and loaded in ",
            "flow_estimator_300.axmodel: loaded in ",
            "input mask Fp32 [2, 1, 300] of 2400 bytes",
            "inputs survive an execution: yes",
            "round 3, window 1: 200 frames, 5 steps, ",
            "VmRSS:",
            "VmHWM:",
        ],
    );
    // The stand-in computes in f32.
    let cosine = number(&report, "cosine of the mels: ");
    assert!(cosine > 0.999_99, "{cosine}");
    assert!(card.leaks().is_empty(), "{:?}", card.leaks());
    assert!(said(&output).contains("report.txt"), "{}", said(&output));
}

#[test]
fn a_model_for_a_card_alone_is_reported_without_a_comparison() {
    let pipeline = EdgePipeline::new(Quantization::Q8_0);
    succeeds(&pipeline.import(&[]));
    let (output, report) = report(&pipeline.imported(), &Machine::new(""));
    succeeds(&output);
    assert_says(
        &report,
        &[
            "flow_encoder_50_final.axmodel: loaded in ",
            "nothing to compare with",
            "VmRSS:",
        ],
    );
}

#[test]
fn what_keeps_a_card_from_working_is_in_the_report() {
    let pipeline = EdgePipeline::new(Quantization::Q8_0);
    succeeds(&pipeline.import(&[]));
    for (settings, why) in [
        ("driver = none", "axclhost"),
        ("load-fails = 2", "flow_estimator_250.axmodel"),
        ("execute-fails = 7", "axclrtEngineExecute"),
    ] {
        let (output, report) = report(&pipeline.imported(), &Machine::new(settings));
        assert!(!output.status.success(), "{settings}");
        assert_says(&report, &["kernel: ", "FAILED: ", why, "VmRSS:"]);
    }
}
