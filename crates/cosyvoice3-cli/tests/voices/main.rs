//! `cosyvoice3 voice`, run as users run it.
#![allow(missing_docs)]

mod changes;
mod enrolment;
mod formats;
mod kills;
mod prompts;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use cosyvoice3::voice::Voice;

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The model with random weights.
fn tiny() -> PathBuf {
    let dir = std::env::var_os("COSYVOICE3_TINY")
        .map_or_else(|| root().join("models/tiny"), PathBuf::from);
    assert!(
        dir.join("cosyvoice3.toml").exists(),
        "{} is missing: ./tests/run.sh makes it",
        dir.display()
    );
    dir
}

/// A user: a home of their own, and a model of their own that has a voice, and all that commands on voices look at.
struct User {
    dir: tempfile::TempDir,
}

impl User {
    fn new() -> Self {
        let user = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let voices = user.shared();
        fs::create_dir_all(&voices).unwrap();
        for file in ["cosyvoice3.toml", "tokenizer.json"] {
            fs::copy(tiny().join(file), user.model().join(file)).unwrap();
        }
        let golden = "golden.safetensors";
        fs::copy(tiny().join("voices").join(golden), voices.join(golden)).unwrap();
        user
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn model(&self) -> PathBuf {
        self.path("model")
    }

    /// Directory of the model's voices.
    fn shared(&self) -> PathBuf {
        self.model().join("voices")
    }

    /// Directory of the user's own voices.
    fn own(&self) -> PathBuf {
        self.path("data/cosyvoice3/voices/tiny")
    }

    /// The file of an own voice.
    fn file(&self, name: &str) -> PathBuf {
        self.own().join(format!("{name}.safetensors"))
    }

    fn voice(&self, name: &str) -> Voice {
        Voice::load(&self.file(name)).unwrap()
    }

    /// A command in this user's environment.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.dir.path())
            .env("XDG_DATA_HOME", self.path("data"))
            .env("COSYVOICE3_MODEL_PATH", self.model())
            .env("LC_ALL", "C.UTF-8");
        command
    }

    /// `cosyvoice3 voice WORDS`.
    fn tool(&self, words: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_cosyvoice3"));
        command.arg("voice").args(words);
        command
    }

    /// Runs `cosyvoice3 voice WORDS`, which succeeds; returns its output.
    #[track_caller]
    fn succeeds(&self, words: &[&str]) -> String {
        let output = self.tool(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        said(&output)
    }

    /// Runs `cosyvoice3 voice WORDS`, which fails with one error; returns that.
    #[track_caller]
    fn fails(&self, words: &[&str]) -> String {
        fails(&self.tool(words).output().unwrap())
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Asserts exit code 1 and one error; returns its line.
#[track_caller]
fn fails(output: &Output) -> String {
    let said = said(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let errors: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "{said}");
    errors[0].to_owned()
}

/// Names of the entries of a directory, sorted; none where it is not there.
fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The text of a path.
fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
