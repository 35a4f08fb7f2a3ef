//! Adding, renaming and removing: places, questions, names.

use std::{
    fs,
    process::{Command, Stdio},
};

use cosyvoice3::manifest::Manifest;

use crate::{
    User, fails, names,
    prompts::{Prompt, WORDS},
    root, said, text,
};

/// A user with a prompt in a file, and its path.
fn user() -> (User, String) {
    let user = User::new();
    let path = user.path("anna.npz");
    Prompt::new().npz(&path, WORDS);
    let path = text(&path).to_owned();
    (user, path)
}

#[test]
fn a_users_voices_lie_in_a_directory_of_their_own_and_are_listed_with_the_models() {
    let (user, path) = user();
    user.succeeds(&["import", "anna", &path]);
    assert_eq!(names(&user.own()), ["anna.safetensors"]);
    assert_eq!(
        names(&user.shared()),
        ["golden.safetensors"],
        "the model is as it was"
    );
    let list = user.succeeds(&["list"]);
    let lines: Vec<Vec<&str>> = list
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0], ["anna", "ru", "your", "own"], "{list}");
    assert_eq!(lines[1][..2], ["golden", "ru"], "{list}");
    let manifest = Manifest::read(&user.model()).unwrap();
    assert_eq!(manifest.default_voice, "golden");

    user.succeeds(&["import", "everybody", &path, "--shared", "--default"]);
    assert_eq!(
        names(&user.shared()),
        ["everybody.safetensors", "golden.safetensors"]
    );
    let manifest = Manifest::read(&user.model()).unwrap();
    assert_eq!(manifest.default_voice, "everybody");
}

#[test]
fn a_name_that_is_taken_is_replaced_only_on_request() {
    let (user, path) = user();
    for name in ["anna", "golden"] {
        if name == "anna" {
            user.succeeds(&["import", name, &path]);
        }
        let error = user.fails(&["import", name, &path]);
        assert!(
            error.contains(name) && error.contains("--replace"),
            "{error}"
        );
    }
    user.succeeds(&["import", "anna", &path, "--replace", "--language", "en"]);
    assert_eq!(user.voice("anna").language.as_deref(), Some("en"));
    // The model's own voice is hidden, not changed, and comes back.
    let before = fs::read(user.shared().join("golden.safetensors")).unwrap();
    user.succeeds(&["import", "golden", &path, "--replace"]);
    assert!(user.succeeds(&["show", "golden"]).contains("your own"));
    user.succeeds(&["remove", "golden", "--yes"]);
    assert!(user.succeeds(&["show", "golden"]).contains("the model's"));
    assert_eq!(
        fs::read(user.shared().join("golden.safetensors")).unwrap(),
        before
    );
}

#[test]
fn a_name_that_no_file_can_have_is_refused() {
    let (user, path) = user();
    let long = "я".repeat(100);
    for name in ["../anna", "a/b", ".anna", "a b", "", &long] {
        let error = user.fails(&["import", name, &path]);
        assert!(error.contains("is not a valid voice name"), "{error}");
        user.succeeds(&["import", "anna", &path, "--replace"]);
        let error = user.fails(&["rename", "anna", name]);
        assert!(error.contains("is not a valid voice name"), "{error}");
    }
    assert_eq!(names(&user.own()), ["anna.safetensors"]);
}

#[test]
fn a_voice_keeps_its_words_and_its_roles_under_a_new_name() {
    let (user, path) = user();
    user.succeeds(&["import", "anna", &path, "--shared", "--default"]);
    let mut manifest = Manifest::read(&user.model()).unwrap();
    manifest
        .voice_for_language
        .insert("ru".into(), "anna".into());
    manifest.write(&user.model()).unwrap();
    fs::write(user.shared().join("anna.lexicon.txt"), "ТСЖ = тэ эс жэ\n").unwrap();
    let before = fs::read(user.shared().join("anna.safetensors")).unwrap();
    user.succeeds(&["rename", "anna", "vera"]);
    assert_eq!(
        names(&user.shared()),
        ["golden.safetensors", "vera.lexicon.txt", "vera.safetensors"]
    );
    assert_eq!(
        fs::read(user.shared().join("vera.safetensors")).unwrap(),
        before
    );
    let manifest = Manifest::read(&user.model()).unwrap();
    assert_eq!(manifest.default_voice, "vera");
    assert_eq!(manifest.voice_for_language["ru"], "vera");

    for (from, to, expected) in [
        ("nobody", "somebody", "no voice \"nobody\""),
        ("vera", "golden", "already"),
        ("vera", "vera", "already"),
    ] {
        let error = user.fails(&["rename", from, to]);
        assert!(error.contains(expected), "{error}");
    }
    user.succeeds(&["remove", "vera", "--yes"]);
    assert_eq!(names(&user.shared()), ["golden.safetensors"]);
    let manifest = Manifest::read(&user.model()).unwrap();
    assert_eq!(
        (
            manifest.default_voice.as_str(),
            manifest.voice_for_language.len()
        ),
        ("", 0)
    );
    // Of what is left the only one speaks.
    assert!(user.succeeds(&["list"]).contains("golden"));
}

#[test]
fn nothing_is_removed_without_an_answer() {
    let (user, path) = user();
    user.succeeds(&["import", "anna", &path]);
    let output = user
        .tool(&["remove", "anna"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let error = fails(&output);
    assert!(error.contains("anna") && error.contains("--yes"), "{error}");
    // On a terminal the question waits for a yes.
    let line = format!("{} voice remove anna", env!("CARGO_BIN_EXE_cosyvoice3"));
    let at_terminal = |answer: &str| {
        let mut command = user.command("bash");
        let script = format!("printf '{answer}\\n' | script -qec '{line}' /dev/null");
        said(&command.args(["-c", &script]).output().unwrap())
    };
    if Command::new("script").arg("--version").output().is_ok() {
        let words = at_terminal("n");
        assert!(words.contains("Remove the voice anna"), "{words}");
        assert!(user.file("anna").exists(), "{words}");
        let words = at_terminal("y");
        assert!(!user.file("anna").exists(), "{words}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_named_before_any_work() {
    let (user, path) = user();
    let import = |data: &str| {
        let mut tool = user.tool(&["import", "anna", &path]);
        fails(&tool.env("XDG_DATA_HOME", data).output().unwrap())
    };
    let file = user.path("a-file");
    fs::write(&file, "").unwrap();
    for data in ["/proc/nowhere", text(&file)] {
        let error = import(data);
        assert!(
            error.contains("cannot be written") && error.contains(data),
            "{error}"
        );
    }
    let homeless = user
        .tool(&["import", "anna", &path])
        .env_remove("XDG_DATA_HOME")
        .env_remove("HOME")
        .output()
        .unwrap();
    let error = fails(&homeless);
    assert!(error.contains("HOME"), "{error}");
}

#[test]
fn two_at_once_do_not_write_over_each_other() {
    let (user, path) = user();
    let mut children: Vec<_> = (0..4)
        .map(|_| {
            let mut tool = user.tool(&["import", "anna", &path]);
            tool.stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let ended: Vec<_> = children
        .iter_mut()
        .map(|child| child.wait().unwrap())
        .collect();
    let succeeded = ended.iter().filter(|status| status.success()).count();
    assert_eq!(succeeded, 1, "{ended:?}");
    assert_eq!(names(&user.own()), ["anna.safetensors"]);
    user.voice("anna");
}

#[test]
fn a_voice_is_played_to_a_file_and_an_unknown_one_is_named() {
    let user = User::new();
    let demo = root().join("models/demo");
    let file = user.path("x.wav");
    let words = [
        "play",
        "ru_male",
        "--text",
        "Да.",
        "--model",
        text(&demo),
        "-o",
        text(&file),
    ];
    user.succeeds(&words);
    assert!(fs::metadata(&file).unwrap().len() > 10_000);
    let error = user.fails(&["play", "nobody"]);
    assert!(
        error.contains("nobody") && error.contains("golden"),
        "{error}"
    );
}
