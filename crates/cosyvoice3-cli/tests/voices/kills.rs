//! Processes that are killed, and disks that are full: no voice is lost, and nothing half-written is taken for one.

use std::{collections::BTreeMap, fs, process::Command};

use cosyvoice3::voice::Voice;

use crate::{
    User, fails, names,
    prompts::{Prompt, WORDS},
    said, text,
};

/// The system calls that change files, and the one that waits for others.
const CALLS: [&str; 6] = ["mkdir", "flock", "write", "fsync", "rename", "unlink"];
/// Most kills at one of them.
const MOST_KILLS: usize = 40;

/// A user with voices of both kinds, and what they hold.
fn user() -> (User, BTreeMap<String, Vec<u8>>) {
    let user = User::new();
    let path = user.path("anna.npz");
    Prompt::new().npz(&path, WORDS);
    user.succeeds(&["import", "old", text(&path)]);
    user.succeeds(&["import", "model-old", text(&path), "--shared", "--default"]);
    let voices = ["old", "model-old", "golden"].map(|name| (name.to_owned(), content(&user, name)));
    (
        user,
        voices
            .map(|(name, content)| (name, content.unwrap()))
            .into(),
    )
}

/// The bytes of the voice `name`, wherever it lies.
fn content(user: &User, name: &str) -> Option<Vec<u8>> {
    let file = format!("{name}.safetensors");
    let files = [user.own().join(&file), user.shared().join(&file)];
    let file = files.iter().find(|file| file.exists())?;
    Voice::load(file).unwrap_or_else(|error| panic!("{name}: {error}"));
    Some(fs::read(file).unwrap())
}

/// Runs `cosyvoice3 voice WORDS` and kills it at its `count`-th `call`; returns false if it ended before that.
fn killed(user: &User, words: &[&str], call: &str, count: usize) -> bool {
    let mut command = user.command("strace");
    let output = command
        .args(["-qq", "-o", "/dev/null", "-e"])
        .arg(format!("trace={call}"))
        .arg("-e")
        .arg(format!("inject={call}:signal=SIGKILL:when={count}"))
        .args([env!("CARGO_BIN_EXE_cosyvoice3"), "voice"])
        .args(words)
        .output()
        .unwrap();
    // strace ends as its child did.
    let ended = output.status.code().is_some();
    assert!(
        !ended || output.status.success(),
        "{words:?}: {}",
        said(&output)
    );
    !ended
}

/// Kills a command at each of its steps; `check` looks at the voices each time, then the command is run to its end and
/// `undo` makes everything as it was.
fn at_each_step(user: &User, words: &[&str], undo: &[&str], check: impl Fn(&str)) {
    let mut kills = 0;
    for call in CALLS {
        for count in 1..MOST_KILLS {
            let when = format!("{words:?} killed at {call} {count}");
            if !killed(user, words, call, count) {
                user.succeeds(undo);
                break;
            }
            kills += 1;
            check(&when);
            let list = user.succeeds(&["list"]);
            assert!(
                !list.contains("warning") && !list.contains("partial"),
                "{when}: {list}"
            );
            // A second try succeeds, unless the first had already done everything.
            let again = user.tool(words).output().unwrap();
            let done = said(&again).contains("already") || said(&again).contains("no voice");
            assert!(again.status.success() || done, "{when}: {}", said(&again));
            check(&when);
            user.succeeds(undo);
            for dir in [user.own(), user.shared()] {
                let left = names(&dir);
                assert!(
                    left.iter().all(|name| !name.contains("partial")),
                    "{when}: {left:?}"
                );
            }
        }
    }
    assert!(kills >= 3, "{words:?}: only {kills} steps");
}

fn have_strace() -> bool {
    let traced = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .status();
    let have = traced.is_ok_and(|status| status.success());
    if !have {
        eprintln!("left out: no strace here, or it may not trace");
    }
    have
}

#[test]
fn an_import_that_is_killed_leaves_the_old_voice_or_the_new_one() {
    if !have_strace() {
        return;
    }
    let (user, before) = user();
    let path = user.path("anna.npz");
    let path = text(&path);
    let new = {
        user.succeeds(&["import", "old", path, "--replace", "--language", "en"]);
        content(&user, "old").unwrap()
    };
    user.succeeds(&["import", "old", path, "--replace"]);
    assert_eq!(content(&user, "old").as_ref(), Some(&before["old"]));
    at_each_step(
        &user,
        &["import", "old", path, "--replace", "--language", "en"],
        &["import", "old", path, "--replace"],
        |when| {
            let now = content(&user, "old");
            assert!(
                now.as_ref() == Some(&before["old"]) || now.as_ref() == Some(&new),
                "{when}"
            );
        },
    );
}

#[test]
fn a_renaming_that_is_killed_leaves_the_voice_under_one_of_its_names() {
    if !have_strace() {
        return;
    }
    let (user, before) = user();
    fs::write(
        user.shared().join("model-old.lexicon.txt"),
        "ТСЖ = тэ эс жэ\n",
    )
    .unwrap();
    at_each_step(
        &user,
        &["rename", "model-old", "model-new"],
        &["rename", "model-new", "model-old"],
        |when| {
            let names = ["model-old", "model-new"];
            let found: Vec<_> = names
                .iter()
                .filter_map(|name| content(&user, name))
                .collect();
            assert!(!found.is_empty(), "{when}: lost");
            assert!(
                found.iter().all(|voice| *voice == before["model-old"]),
                "{when}"
            );
            // The voice that speaks by default is there.
            let manifest = cosyvoice3::manifest::Manifest::read(&user.model()).unwrap();
            assert!(content(&user, &manifest.default_voice).is_some(), "{when}");
            let shared = crate::names(&user.shared());
            assert!(
                shared.iter().any(|name| name.ends_with("lexicon.txt")),
                "{when}: {shared:?}"
            );
        },
    );
    for (name, voice) in before {
        assert_eq!(content(&user, &name), Some(voice), "{name}");
    }
}

#[test]
fn a_removal_that_is_killed_takes_no_other_voice_along() {
    if !have_strace() {
        return;
    }
    let (user, before) = user();
    let path = user.path("anna.npz");
    at_each_step(
        &user,
        &["remove", "model-old", "--yes"],
        &[
            "import",
            "model-old",
            text(&path),
            "--shared",
            "--default",
            "--replace",
        ],
        |when| {
            for name in ["old", "golden"] {
                assert_eq!(content(&user, name).as_ref(), Some(&before[name]), "{when}");
            }
        },
    );
}

#[test]
fn a_full_disk_is_one_error_and_the_old_voice_stays() {
    let (user, before) = user();
    let path = user.path("anna.npz");
    let before_names = names(&user.own());
    for words in [
        format!("import old {} --replace --language en", text(&path)),
        "rename old new".to_owned(),
        format!("export old {}", text(&user.path("out"))),
        format!("export old {}", text(&user.path("out.pt"))),
    ] {
        // No file may be longer than 4 KiB; the signal is ignored, so that writing fails as on a full disk.
        let script = format!(
            "trap '' XFSZ; ulimit -f 4; exec '{}' voice {words}",
            env!("CARGO_BIN_EXE_cosyvoice3")
        );
        let output = user.command("bash").args(["-c", &script]).output().unwrap();
        let error = fails(&output);
        assert!(error.contains("/"), "{words}: {error}");
        assert_eq!(names(&user.own()), before_names, "{words}");
        assert_eq!(
            content(&user, "old").as_ref(),
            Some(&before["old"]),
            "{words}"
        );
        let left = names(user.dir.path());
        assert!(
            left.iter()
                .all(|name| !name.starts_with("out") && !name.contains("partial")),
            "{left:?}"
        );
    }
}
