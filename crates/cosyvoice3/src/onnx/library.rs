//! Search for ONNX Runtime's library.

use std::{
    error::Error as _,
    ffi::OsString,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use ort::{LoadDynamicError, environment::EnvironmentBuilder};

use super::telemetry;
use crate::{Error, ErrorKind, Result, own_file::private_directories, regular_file};

/// Environment variable that names the library; nothing else is tried where it is set.
const VARIABLE: &str = "ORT_DYLIB_PATH";
/// Names that distributions and the official archives install.
const SYSTEM: [&str; 2] = ["libonnxruntime.so", "libonnxruntime.so.1"];

/// Loads the first usable library.
pub(super) fn load() -> Result<(EnvironmentBuilder, PathBuf)> {
    let private = private_directories();
    let named = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
    let mut tried = Vec::new();
    for candidate in candidates(named.clone(), &private) {
        if let Some(objection) = not_a_file(&candidate).or_else(|| telemetry::objection(&candidate))
        {
            tried.push(objection);
            continue;
        }
        match ort::init_from(&candidate) {
            Ok(builder) => return Ok((builder, candidate)),
            Err(e) => tried.push(reason(&candidate, &e)),
        }
    }
    Err(missing(named.is_some(), &private, &tried))
}

/// Reason why the file at the path `candidate` cannot be a library: the dynamic loader would wait for ever on a FIFO. A
/// bare name is searched for by the loader, and a missing file is reported by it.
fn not_a_file(candidate: &Path) -> Option<String> {
    if !candidate.as_os_str().as_bytes().contains(&b'/') {
        return None;
    }
    match regular_file::open(candidate) {
        Err(error) if error.kind() != ErrorKind::NotFound => Some(error.to_string()),
        _ => None,
    }
}

fn candidates(named: Option<OsString>, private: &[PathBuf]) -> Vec<PathBuf> {
    if let Some(path) = named {
        return vec![path.into()];
    }
    let private = private.iter().flat_map(|directory| libraries_in(directory));
    private.chain(SYSTEM.map(PathBuf::from)).collect()
}

/// Every `libonnxruntime.so*` of `directory`, as wheels and archives name it by its full version.
fn libraries_in(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.as_bytes().starts_with(b"libonnxruntime.so"))
        })
        .collect();
    found.sort();
    found
}

fn reason(candidate: &Path, error: &LoadDynamicError) -> String {
    let candidate = candidate.display();
    match error {
        // The loader's own message begins with the name.
        LoadDynamicError::Dlopen { error, .. } => match error.source() {
            Some(why) => why.to_string(),
            None => format!("{candidate} ({error})"),
        },
        LoadDynamicError::BadVersion { version_str, .. } => {
            format!("{candidate} (version {version_str} is too old)")
        }
        other => format!("{candidate} ({other})"),
    }
}

fn missing(named: bool, private: &[PathBuf], tried: &[String]) -> Error {
    let places = if named {
        format!("{VARIABLE} names {}", tried.join("; "))
    } else {
        let private: Vec<_> = private
            .iter()
            .map(|directory| format!("{}/libonnxruntime.so*", directory.display()))
            .collect();
        format!(
            "{VARIABLE} is not set; searched {} and the system: {}",
            private.join(", "),
            tried.join("; ")
        )
    };
    Error::new(
        ErrorKind::Library,
        format!(
            "no usable ONNX Runtime 1.{} or newer: {places}. Get one with ./pipelines/env.sh, or take \
             libonnxruntime.so from the pip package onnxruntime 1.28.0, and name it in {VARIABLE}",
            ort::MINOR_VERSION
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_named_by_the_user_is_the_only_one_tried() {
        let candidates = candidates(Some("/opt/ort/libonnxruntime.so".into()), &[]);
        assert_eq!(candidates, [PathBuf::from("/opt/ort/libonnxruntime.so")]);
    }

    #[test]
    fn a_library_beside_the_plugin_comes_before_the_systems() {
        let directory = tempfile::tempdir().unwrap();
        let ours = directory.path().join("libonnxruntime.so.1.28.0");
        std::fs::write(&ours, "").unwrap();
        std::fs::write(directory.path().join("README"), "").unwrap();
        let candidates = candidates(None, &[directory.path().into()]);
        assert_eq!(candidates[0], ours);
        assert_eq!(candidates[1], PathBuf::from("libonnxruntime.so"));
    }
}
