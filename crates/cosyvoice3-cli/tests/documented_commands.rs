//! The command lines of the READMEs, of docs/install.md, docs/pipelines.md and docs/voices.md, and of the scripts' headers run as they stand.
#![allow(missing_docs)]

use test_support::{launch, wav::wav};

use std::{
    collections::BTreeSet,
    fs,
    ops::Range,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
};

/// Makes a film of the subtitles. Without a picture from the start on, its time would begin with the first of them.
const MUX: &str = "gst-launch-1.0 -q matroskamux name=film ! filesink location=film.mkv \
    videotestsrc num-buffers=60 ! video/x-raw,width=32,height=32,framerate=5/1 ! jpegenc ! film. \
    filesrc location=film.srt ! subparse ! film.";

const DOCUMENTS: [&str; 6] = [
    "README.md",
    "README.ru.md",
    "README.zh.md",
    "docs/install.md",
    "docs/pipelines.md",
    "docs/voices.md",
];

/// The beginnings of lines that are not run here, and the reason.
const NOT_HERE: [(&str, &str); 9] = [
    ("./tests/run.sh", "runs this test"),
    (
        "./ci/deb.sh",
        "builds for half an hour; checks itself with --check",
    ),
    (
        "sudo apt-get install ./target/deb/",
        "ci/check_deb.sh does it",
    ),
    ("cargo cinstall", "builds everything anew"),
    (
        "cosyvoice3 voice add me rec.m4a",
        "wants a model with the front-end networks; the tests of voices have one",
    ),
    (
        "gst-launch-1.0 cosyvoice3src voice=me",
        "wants the voice of the line before",
    ),
    (
        "./pipelines/rtsp.sh",
        "runs until it is stopped; the server's tests run it",
    ),
    ("curl", "speaks to the server"),
    (
        "cosyvoice3 serve",
        "runs until it is stopped; the server's tests run it",
    ),
];

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The lines of the blocks of shell commands in a document, without remarks.
fn commands(document: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut inside = false;
    for line in document.lines() {
        if let Some(kind) = line.strip_prefix("```") {
            inside = kind == "sh" || kind == "bash";
        } else if inside {
            let line = line
                .split("   #")
                .next()
                .unwrap()
                .split("  # ")
                .next()
                .unwrap()
                .trim();
            match commands.last_mut() {
                Some(before) if before.ends_with('\\') => {
                    before.pop();
                    before.push_str(line);
                }
                _ if line.is_empty() || line.starts_with('#') => {}
                _ => commands.push(line.to_owned()),
            }
        }
    }
    commands
}

/// A directory in which the commands find what they name.
fn workplace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    symlink(root().join("pipelines"), at("pipelines")).unwrap();
    fs::create_dir_all(at("models/cosyvoice3/voices")).unwrap();
    let demo = root().join("models/demo");
    symlink(&demo, at("models/demo")).unwrap();
    // Copies, since files of a model that lie outside its directory are refused.
    for entry in fs::read_dir(&demo).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            let copy = at("models/cosyvoice3").join(entry.file_name());
            fs::copy(entry.path(), copy).unwrap();
        }
    }
    for (voice, name) in [
        ("ru_male", "ru_male"),
        ("en_male", "en_male"),
        ("ru_male", "NAME"),
    ] {
        let [from, to] = [demo.join("voices"), at("models/cosyvoice3/voices")];
        fs::copy(
            from.join(format!("{voice}.safetensors")),
            to.join(format!("{name}.safetensors")),
        )
        .unwrap();
    }
    let film =
        "1\n00:00:01,000 --> 00:00:02,000\nДа.\n\n2\n00:00:03,000 --> 00:00:04,000\n<i>Нет.</i>\n";
    fs::write(at("film.srt"), film).unwrap();
    fs::write(at("FILM.srt"), film).unwrap();
    let notice = "<speak>Готово.<break time=\"300ms\"/>Да.</speak>";
    fs::write(at("notice.ssml"), notice).unwrap();
    let music = "gst-launch-1.0 -q audiotestsrc num-buffers=20 ! vorbisenc ! oggmux ! filesink location=MUSIC.ogg";
    for line in [MUX, music] {
        let (ok, words) = run(dir.path(), line);
        assert!(ok, "{line}: {words}");
    }
    dir
}

/// Runs a line as a user would; returns its success and its output.
fn run(dir: &Path, line: &str) -> (bool, String) {
    let tool = Path::new(env!("CARGO_BIN_EXE_cosyvoice3"))
        .parent()
        .unwrap();
    let path = format!(
        "{}:{}",
        tool.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let input = dir.join("input.txt");
    fs::write(&input, "Готово.\n").unwrap();
    let (output, words) = launch::run(
        // The loader of shared libraries and the scripts find the plugin as after `eval "$(./pipelines/env.sh)"`.
        launch::command("bash")
            .args(["-euo", "pipefail", "-c", line])
            .current_dir(dir)
            .stdin(Stdio::from(fs::File::open(input).unwrap()))
            .env("PATH", path)
            .env("COSYVOICE3_PREPARED", "1")
            .env("COSYVOICE3_MODEL_PATH", root().join("models/demo"))
            .env("LC_ALL", "C.UTF-8")
            // No sound device: GStreamer reports that and plays to nowhere.
            .env(
                "GST_PLUGIN_FEATURE_RANK",
                "alsasink:NONE,pulsesink:NONE,jackaudiosink:NONE,pipewiresink:NONE,openalsink:NONE,oss4sink:NONE,osssink:NONE",
            ),
    );
    (output.status.success(), words)
}

/// The command lines of all documents, each once.
fn documented() -> BTreeSet<String> {
    let text = |document| fs::read_to_string(root().join(document)).unwrap();
    let lines = DOCUMENTS.map(|document| commands(&text(document)));
    lines.into_iter().flatten().collect()
}

#[test]
fn every_command_line_of_the_documents_runs_as_it_stands() {
    let lines = documented();
    assert!(lines.len() > 15, "{lines:#?}");
    for (start, _) in NOT_HERE {
        assert!(
            lines.iter().any(|line| line.starts_with(start)),
            "{start} stands nowhere any more"
        );
    }
    let dir = workplace();
    let mut failed = Vec::new();
    for line in &lines {
        if let Some((_, why)) = NOT_HERE.iter().find(|(start, _)| line.starts_with(start)) {
            println!("left out, since it {why}: {line}");
        } else {
            let (ok, words) = run(dir.path(), line);
            println!("{}: {line}", if ok { "ran" } else { "failed" });
            if !ok {
                failed.push(format!("{line}\n{words}"));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn every_line_from_subtitles_to_a_file_keeps_the_time_between_cues() {
    let dir = workplace();
    let film = "1\n00:00:01,000 --> 00:00:02,000\nДа.\n\n2\n00:00:10,000 --> 00:00:11,000\nДа.\n";
    fs::write(dir.path().join("film.srt"), film).unwrap();
    let (ok, words) = run(dir.path(), MUX);
    assert!(ok, "{words}");
    let lines = documented();
    let lines: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("location=film.") && line.contains("cosyvoice3src"))
        .collect();
    // From a file of subtitles, and from a film.
    assert_eq!(lines.len(), 2, "{lines:#?}");
    for line in lines {
        let (ok, words) = run(dir.path(), line);
        assert!(ok, "{line}: {words}");
        let (format, channels, rate, data) = wav(&dir.path().join("film.wav"));
        assert_eq!((format, channels, rate), (1, 1, 24_000), "{line}");
        let second = 2 * rate as usize;
        let is_silent = |part: Range<usize>| data[part].iter().all(|byte| *byte == 0);
        let length = data.len() as f64 / second as f64;
        assert!(length > 10.2 && length < 13.0, "{line}: {length} s");
        assert!(
            is_silent(0..second) && !is_silent(second..2 * second),
            "{line}"
        );
        assert!(is_silent(5 * second..10 * second), "{line}");
        assert!(!is_silent(10 * second..data.len()), "{line}");
    }
}

#[test]
fn wavenc_fails_in_a_pipe_after_all_data_as_documented() {
    let pipelines = fs::read_to_string(root().join("docs/pipelines.md")).unwrap();
    assert!(pipelines.contains("in a pipe it ends with an error after all data"));
    let dir = tempfile::tempdir().unwrap();
    let tone = "gst-launch-1.0 -q audiotestsrc num-buffers=10 samplesperbuffer=2400 ! audio/x-raw,format=S16LE,rate=24000 ! wavenc";
    let (ok, _) = run(dir.path(), &format!("{tone} ! fdsink | cat >pipe.wav"));
    assert!(!ok);
    let (ok, words) = run(dir.path(), &format!("{tone} ! filesink location=file.wav"));
    assert!(ok, "{words}");
    let [pipe, file] =
        ["pipe.wav", "file.wav"].map(|name| fs::read(dir.path().join(name)).unwrap());
    assert!(pipe.len() > 48_000 && pipe[44..].starts_with(&file[44..44 + 48_000]));
}

#[test]
fn files_that_the_documents_write_have_16_bits_which_every_program_reads() {
    let lines = documented();
    let files: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("wavenc"))
        .collect();
    assert!(files.len() > 4, "{files:#?}");
    for line in files {
        assert!(line.contains("format=S16LE ! wavenc"), "{line}");
    }
}

/// The first comment of a script.
fn header(script: &str) -> Vec<&str> {
    let lines = script.lines().skip(1);
    lines
        .take_while(|line| !line.starts_with("set -") && !line.starts_with("import"))
        .collect()
}

#[test]
fn every_script_runs_as_its_header_says() {
    let dir = workplace();
    let mut failed = Vec::new();
    for (script, usage) in [
        ("say.sh", "./pipelines/say.sh \"TEXT\" [FILE.wav"),
        ("dub.sh", "./pipelines/dub.sh FILM.srt TRACK.opus"),
        ("page.sh", "./pipelines/page.sh ADDRESS PORT [\"TEXT\"]"),
    ] {
        let text = fs::read_to_string(root().join("pipelines").join(script)).unwrap();
        assert!(
            header(&text).join("\n").contains(usage),
            "{script}: {usage}"
        );
        let line = usage
            .replace(['[', ']'], "")
            .replace("ADDRESS PORT", "127.0.0.1 9");
        let (ok, words) = run(dir.path(), &line);
        if !ok {
            failed.push(format!("{line}\n{words}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    for file in ["FILE.wav", "TRACK.opus"] {
        assert!(dir.path().join(file).exists(), "{file}");
    }
}

#[test]
fn properties_that_documents_name_fit_the_voice_in_the_box() {
    let scripts = [
        "say.sh",
        "dub.sh",
        "page.sh",
        "rtsp.sh",
        "onvif.py",
        "ducking.py",
    ];
    let files = DOCUMENTS.iter().map(|name| (*name).to_owned());
    let files = files.chain(scripts.iter().map(|name| format!("pipelines/{name}")));
    let mut settings = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        for part in text.split("PROPERTIES=\"").skip(1) {
            settings.insert(part.split('"').next().unwrap().to_owned());
        }
    }
    assert!(settings.len() >= 2, "{settings:?}");
    let dir = workplace();
    for setting in settings {
        let line = format!("PROPERTIES=\"{setting}\" ./pipelines/say.sh Да. x.wav");
        let (ok, words) = run(dir.path(), &line);
        assert!(ok, "{line}: {words}");
    }
}
