//! `cosyvoice3 model`, run as users run it: conversions, imports of an edge pipeline's files, reports of a card.
#![allow(missing_docs)]

use test_support::mel_to_audio;

mod card_report;
mod conversion;
mod edge_import;
mod edge_pipeline;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures")
        .join(name)
}

/// The tool's command `model`.
fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_cosyvoice3"));
    program.arg("model");
    program
}

/// Adds the voice `name` of the prompt files `prompt` to `model`.
fn add_voice(name: &str, prompt: &Path, model: &Path, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cosyvoice3"))
        .args(["voice", "import", name])
        .arg(prompt)
        .arg("--shared")
        .arg("--model")
        .arg(model)
        .args(options)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[track_caller]
fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

/// Asserts exit code 1 and one line that gives the reason; returns the line.
#[track_caller]
fn fails(output: &Output) -> String {
    let said = said(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let why: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(why.len(), 1, "{said}");
    why[0].to_owned()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        match from.is_dir() {
            true => copy(&from, &to),
            false => drop(fs::copy(from, to).unwrap()),
        }
    }
}
