//! The command lines of the READMEs, of docs/, and of the headers of scripts and programs run as they stand. What cannot run here, for a
//! reason that [`NOT_HERE`] has, names files that are there and options that are understood.
#![allow(missing_docs)]

mod lines;
mod served;
mod unrun;

use test_support::{launch, wav::wav};

use std::{
    collections::BTreeSet,
    fs,
    ops::Range,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
};

use lines::{commands, documents, header, read, rows, scripts};

/// Makes a film of the subtitles. Without a picture from the start on, its time would begin with the first of them.
const MUX: &str = "gst-launch-1.0 -q matroskamux name=film ! filesink location=film.mkv \
    videotestsrc num-buffers=60 ! video/x-raw,width=32,height=32,framerate=5/1 ! jpegenc ! film. \
    filesrc location=film.srt ! subparse ! film.";

/// The beginnings of lines that are not run here, and the reason. Variables before a command do not count.
const NOT_HERE: [(&str, &str); 26] = [
    ("./tests/run.sh", "runs this test"),
    (
        "./ci/",
        "compiles for half an hour, and checks itself as root",
    ),
    ("cargo", "compiles; the tests or a measurement run it"),
    ("test=$(cargo", "compiles"),
    ("for run in", "runs a test forty times"),
    ("sudo apt-get install", "is done by ci/check_deb.sh"),
    ("pip install", "fetches from the network"),
    ("rustup", "fetches from the network"),
    ("export", "is for the lines that follow"),
    ("cat > /tmp/asan.sh", "is for a compiler's wrapper"),
    ("chmod +x /tmp/asan.sh", "is for a compiler's wrapper"),
    ("./abi", "wants a card's library"),
    (
        "cosyvoice3 serve",
        "runs until it is stopped; the server's tests run it",
    ),
    (
        "./pipelines/rtsp.sh",
        "runs until it is stopped; the server's tests run it",
    ),
    (
        "./pipelines/onvif.py",
        "wants a camera; the script's tests have one",
    ),
    ("curl", "speaks to a server; `served` starts one"),
    (
        "./tests/suites/read.py",
        "wants the suites of others, which are not part of this repository",
    ),
    (
        "cosyvoice3 model convert",
        "wants a checkpoint; the converter's tests have one",
    ),
    (
        "cosyvoice3 model import",
        "wants an edge pipeline's files; the converter's tests make them",
    ),
    ("cosyvoice3 model npu", "wants models for a card"),
    ("cosyvoice3 model card-report", "wants a card"),
    ("cosyvoice3 model random --full", "writes gigabytes"),
    ("cosyvoice3 voice add me ten.wav", "measures the full size"),
    (
        "cosyvoice3 voice import",
        "wants another program's voice; the tests of voices have them",
    ),
    (
        "gst-launch-1.0 -m cosyvoice3src model-path=models/cosyvoice3 flow-backend=npu",
        "wants a card",
    ),
    (
        "gst-launch-1.0 filesrc location=texts.txt",
        "measures twenty seconds of speech",
    ),
];

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// A directory in which the commands find what they name.
fn workplace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for room in ["ci", "crates", "pipelines", "training"] {
        symlink(root().join(room), at(room)).unwrap();
    }
    fs::create_dir(at("target")).unwrap();
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
        ("ru_male", "anna"),
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
    fs::copy(root().join("docs/samples/ru_female.opus"), at("rec.m4a")).unwrap();
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
            .env("XDG_DATA_HOME", dir.join("data"))
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

/// The command lines of all documents, in blocks and in tables, each once.
fn documented() -> BTreeSet<String> {
    documents()
        .into_iter()
        .map(|document| read(&document))
        .flat_map(|document| [commands(&document), rows(&document)].concat())
        .collect()
}

#[test]
fn every_command_line_of_the_documents_runs_as_it_stands() {
    let lines = documented();
    assert!(lines.len() > 60, "{lines:#?}");
    for (start, _) in NOT_HERE {
        assert!(
            lines.iter().any(|line| begins(line, start)),
            "{start} stands nowhere any more"
        );
    }
    let dir = workplace();
    let mut failed = Vec::new();
    for line in &lines {
        if let Some((_, why)) = NOT_HERE.iter().find(|(start, _)| begins(line, start)) {
            let complaints = unrun::complaints(dir.path(), line);
            println!("left out, since it {why}: {line}");
            failed.extend(complaints.iter().map(|words| format!("{line}\n{words}")));
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

fn begins(line: &str, start: &str) -> bool {
    unrun::without_variables(line).starts_with(start)
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
        let (head, _) = header(&read(&format!("pipelines/{script}")));
        assert!(head.contains(usage), "{script}: {usage}");
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

/// Options of Cargo, of the tool and of clap, in headers of programs that are not theirs.
const OF_OTHERS: [&str; 11] = [
    "--release",
    "--workspace",
    "--features",
    "--example",
    "--bench",
    "--help",
    "--camera",
    "--camera-file",
    "--flush",
    "--format-version",
    "--full",
];

#[test]
fn the_options_in_headers_of_scripts_and_programs_are_theirs() {
    let mut failed = Vec::new();
    for script in scripts() {
        let text = read(&script);
        let (head, body) = header(&text);
        assert!(!head.is_empty(), "{script} says nothing of itself");
        for option in lines::options(&head) {
            let of_others = OF_OTHERS.contains(&option) && !body.contains(option);
            if !of_others {
                let unknown = unrun::unknown_options(&body, option);
                failed.extend(unknown.iter().map(|words| format!("{script}: {words}")));
            }
        }
        let stem = script.rsplit('/').next().unwrap().trim_end_matches(".rs");
        for option in ["--bench ", "--example "] {
            for rest in head.split(option).skip(1) {
                let named = rest.split([' ', '`', '\n']).next().unwrap();
                assert_eq!(named, stem, "{script} names another program");
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn properties_that_documents_name_fit_the_bundled_voice() {
    let scripts = [
        "say.sh",
        "dub.sh",
        "page.sh",
        "rtsp.sh",
        "onvif.py",
        "ducking.py",
    ];
    let scripts = scripts.map(|name| format!("pipelines/{name}"));
    let mut settings = BTreeSet::new();
    for file in documents().into_iter().chain(scripts) {
        let text = read(&file);
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
