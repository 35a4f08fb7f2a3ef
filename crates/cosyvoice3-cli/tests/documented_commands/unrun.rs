//! Checks of command lines that are not run here: the files that they name are there, and their options are understood.

use std::path::Path;

use crate::{
    lines::{options, read, source},
    root, run,
};

/// Directories of the repository whose files command lines name.
const ROOMS: [&str; 7] = [
    "ci/",
    "crates/",
    "docs/",
    "models/demo/",
    "pipelines/",
    "tests/",
    "training/",
];

/// Complaints about a line; `dir` is where it would run.
pub fn complaints(dir: &Path, line: &str) -> Vec<String> {
    let mut found = missing_files(line);
    let line = without_variables(line);
    let words: Vec<_> = line.split_whitespace().collect();
    match words.first() {
        Some(&"cosyvoice3") => found.extend(refused(dir, line)),
        Some(&"cargo") => found.extend(cargo(dir, line, &words)),
        Some(&"curl") => found.extend(unknown_address(line)),
        Some(&"gst-launch-1.0") => found.extend(unknown_properties(line)),
        // Its options are the server's, in a build that has a camera.
        Some(&"./pipelines/rtsp.sh") if cfg!(feature = "rtsp") => {
            found.extend(refused(dir, &line.replace(words[0], "cosyvoice3 serve")));
        }
        Some(&"./pipelines/rtsp.sh") => {}
        Some(script)
            if script.starts_with("./")
                && [".sh", ".py"].iter().any(|end| script.ends_with(end)) =>
        {
            found.extend(unknown_options(&read(&script[2..]), line));
        }
        _ => {}
    }
    found
}

/// A line without the variables that are set for it, and without `time`.
pub fn without_variables(line: &str) -> &str {
    let mut rest = line;
    loop {
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        let name = word.split('=').next().unwrap_or_default();
        let is_variable = word.contains('=')
            && !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        if !is_variable && word != "time" {
            return rest;
        }
        rest = after;
    }
}

fn missing_files(line: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    line.split(|c| !is_part(c))
        .map(|word| word.trim_start_matches("./").trim_end_matches(['.', '/']))
        .filter(|word| ROOMS.iter().any(|room| word.starts_with(room)))
        // A picture that the line makes is there all the same.
        .filter(|word| !root().join(word).exists())
        .map(|word| format!("{word} is missing"))
        .collect()
}

/// The tool's parser takes a line up to `--help`, and ends there.
fn refused(dir: &Path, line: &str) -> Option<String> {
    let command = line.split(['>', '|']).next().unwrap_or_default();
    let (ok, words) = run(dir, &format!("{command} --help"));
    (!ok).then(|| format!("not understood: {words}"))
}

fn cargo(dir: &Path, line: &str, words: &[&str]) -> Vec<String> {
    let after = |option: &str| {
        let at = words.iter().position(|word| *word == option)?;
        words.get(at + 1).copied()
    };
    let arguments = line
        .split_once(" -- ")
        .map_or("", |(_, arguments)| arguments);
    if words[1] == "run" && after("-p") == Some("cosyvoice3-cli") {
        return refused(dir, &format!("cosyvoice3 {arguments}"))
            .into_iter()
            .collect();
    }
    for (option, kind) in [
        ("--test", "tests"),
        ("--bench", "benches"),
        ("--example", "examples"),
    ] {
        let Some(name) = after(option) else { continue };
        let Some(file) = source(kind, name) else {
            return vec![format!("no {kind}/{name}.rs anywhere")];
        };
        if kind != "tests" {
            return unknown_options(&std::fs::read_to_string(file).unwrap(), arguments);
        }
    }
    Vec::new()
}

/// Options that a program does not mention, whether as the user writes them or as the name of a field.
pub fn unknown_options(program: &str, line: &str) -> Vec<String> {
    let known = |option: &&str| {
        let name = option.trim_start_matches('-');
        let field = name.replace('-', "_");
        let ways = [
            option.to_string(),
            format!("\"{name}\""),
            format!("{field}:"),
        ];
        ways.iter().any(|way| program.contains(way))
    };
    let unknown = options(line).into_iter().filter(|option| !known(option));
    unknown
        .map(|option| format!("{option} is unknown"))
        .collect()
}

/// The server has routes for a line's addresses.
fn unknown_address(line: &str) -> Option<String> {
    let (_, address) = line.split_once("http://127.0.0.1:8080")?;
    let path = address.split([' ', '?', '\'', '"']).next()?;
    let server = ["say", "server", "openai", "form", "voices", "mod"]
        .map(|name| root().join(format!("crates/cosyvoice3-serve/src/http/{name}.rs")))
        .map(|file| std::fs::read_to_string(file).unwrap_or_default())
        .concat();
    let known = |path: &str| server.contains(&format!("\"{path}\""));
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    (!known(path) && !known(parent)).then(|| format!("the server has no {path}"))
}

/// The element has the properties that a pipeline sets.
fn unknown_properties(line: &str) -> Vec<String> {
    let known = read("docs/element.md");
    let Some((_, rest)) = line.split_once("cosyvoice3src ") else {
        return Vec::new();
    };
    let settings = rest.split(" ! ").next().unwrap_or_default();
    settings
        .split_whitespace()
        .filter_map(|word| Some(word.split_once('=')?.0))
        .filter(|name| !known.contains(&format!("| `{name}` |")))
        .map(|name| format!("the element has no {name}"))
        .collect()
}
