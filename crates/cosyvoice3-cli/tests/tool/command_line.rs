//! The command line: files, errors, Ctrl-C, and the commands beside `say`.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use crate::{
    fails,
    heard::{decoded, speech},
    hearing, names, run, say, silently, succeeds, temporary, tool,
    wav::wav,
};

#[test]
fn a_wav_file_has_16_bits_and_floats_on_demand() {
    let (_dir, file) = temporary();
    let wanted = speech("Да.");
    succeeds(say(&["Да.", "-o", &file("x.wav")]), "");
    let (format, channels, rate, data) = wav(file("x.wav").as_ref());
    assert_eq!(
        (format, channels, rate, data.len()),
        (1, 1, 24_000, 2 * wanted.len())
    );
    succeeds(say(&["Да.", "-o", &file("x.wav"), "--float"]), "");
    let (format, channels, rate, data) = wav(file("x.wav").as_ref());
    assert_eq!((format, channels, rate), (3, 1, 24_000));
    assert_eq!(hearing::floats(&data), wanted);
}

#[test]
fn lines_of_the_standard_input_are_said() {
    let (_dir, file) = temporary();
    succeeds(say(&["-", "-o", &file("x.wav")]), "Да.\nНет.\n");
    let heard = decoded(file("x.wav"));
    let wanted = [speech("Да."), speech("Нет.")].concat();
    assert_eq!(heard.len(), wanted.len());
    assert!(hearing::correlation(&wanted, &heard) > 0.9999);
    succeeds(silently(say(&["-"])), "Да.\n");
}

#[test]
fn settings_are_properties_of_the_element() {
    let (_dir, file) = temporary();
    let seconds = |words: &[&str]| {
        succeeds(say(&[&["Да.", "-o", &file("x.wav")], words].concat()), "");
        decoded(file("x.wav")).len()
    };
    let (plain, fast) = (seconds(&[]), seconds(&["--speed", "2"]));
    assert!(fast.abs_diff(plain / 2) <= 480, "{plain} {fast}");
    assert_eq!(seconds(&["--set", "speed=2"]), fast);
    assert_eq!(seconds(&["--voice", "golden", "--seed", "0"]), plain);
}

#[test]
fn captions_of_the_words_are_written_beside_the_sound() {
    let (dir, file) = temporary();
    succeeds(
        say(&[
            "Да. Нет, не так!",
            "-o",
            &file("x.wav"),
            "--srt",
            &file("x.srt"),
        ]),
        "",
    );
    let seconds = decoded(file("x.wav")).len() as f64 / 24_000.0;
    let captions = fs::read_to_string(file("x.srt")).unwrap();
    let lines: Vec<_> = captions.lines().collect();
    assert_eq!((lines[0], lines[2]), ("1", "Да."), "{captions}");
    assert_eq!((lines[4], lines[6]), ("2", "Нет, не так!"), "{captions}");
    let begin = |line: &str| line[6..12].replace(',', ".").parse::<f64>().unwrap();
    assert!(
        begin(lines[1]) < begin(lines[5]) && begin(lines[5]) < seconds,
        "{captions}"
    );
    fails(say(&["Да.", "--srt", "/nonexistent/x.srt"]), "");
    assert_eq!(names(&dir), ["x.srt", "x.wav"]);
}

#[test]
fn a_failure_is_one_message_exit_code_1_and_no_file() {
    let (dir, file) = temporary();
    fs::write(file("old.wav"), "old").unwrap();
    let out = file("old.wav");
    let out = out.as_str();
    for (words, parts) in [
        (
            vec!["Да.", "-o", out, "--voice", "nobody"],
            vec!["nobody", "golden"],
        ),
        (
            vec!["Да.", "-o", out, "--model", "/nowhere"],
            vec!["/nowhere"],
        ),
        (
            vec!["Да.", "-o", out, "--speed", "9"],
            vec!["--speed 9", "0.5 to 2"],
        ),
        (
            vec!["Да.", "-o", out, "--set", "sped=1"],
            vec!["no property \"sped\"", "speed"],
        ),
        (vec!["Да.", "-o", "/nowhere/x.wav"], vec!["/nowhere/x.wav"]),
        (vec!["Да.", "-o", "x.xyz"], vec!["x.xyz", "FILE.wav"]),
        (vec!["?!", "-o", out], vec!["nothing to say"]),
        (vec!["-", "-o", out], vec!["nothing was spoken"]),
        (vec!["Да.", "--rtp", "nowhere"], vec!["ADDRESS:PORT"]),
    ] {
        let error = fails(say(&words), "");
        for part in parts {
            assert!(error.contains(part), "{words:?}: {error}");
        }
    }
    assert_eq!(fs::read_to_string(out).unwrap(), "old");
    assert_eq!(crate::names(&dir), ["old.wav"]);
}

#[test]
fn a_missing_element_is_named_with_its_package() {
    let (_dir, file) = temporary();
    let mut say = say(&["Да.", "-o", &file("x.opus")]);
    // Of GStreamer's plugins only the built-in ones.
    say.env("GST_PLUGIN_SYSTEM_PATH", "/nowhere")
        .env("GST_REGISTRY", file("registry"));
    let error = fails(say, "");
    assert!(error.contains("apt-get install"), "{error}");
}

#[test]
fn a_file_that_ctrl_c_ends_is_whole_up_to_there() {
    let (dir, file) = temporary();
    let mut say = say(&[
        "-",
        "-o",
        &file("x.wav"),
        "--set",
        "buffer-duration=20000000",
    ]);
    let debug = say
        .env("GST_DEBUG", "cosyvoice3src:5")
        .env("GST_DEBUG_NO_COLOR", "1");
    let mut child = debug
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, "Да.\nНет.\n".as_bytes()).unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    // The first text is played; the input stays open, so nothing but Ctrl-C ends it.
    lines
        .find(|line| line.contains("utterance-finished"))
        .expect("the first text is said");
    assert_eq!(interrupt(child.id()), Some(0));
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:#?}");
    let wanted = speech("Да.");
    let heard = decoded(file("x.wav"));
    assert!(hearing::correlation(&wanted, &heard[..wanted.len()]) > 0.9999);
    assert_eq!(crate::names(&dir), ["x.wav"]);
}

/// Sends the signal of Ctrl-C.
fn interrupt(process: u32) -> Option<i32> {
    let kill = std::process::Command::new("kill")
        .args(["-INT", &process.to_string()])
        .status();
    kill.unwrap().code()
}

#[test]
fn text_shows_how_lines_are_read() {
    let said = succeeds(
        tool(&["text"]),
        "Осталось 5 минут. И 2 часа.\n12:30\nTake 2 pills.\n\n",
    );
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "Осталось пять минут. И два часа.",
            succeeds(tool(&["text", "12:30", "--language", "ru"]), "").trim_end(),
            "Take two pills.",
            "",
        ]
    );
    let said = succeeds(
        tool(&["text", "--sentences", "Есть 5 минут. Есть 2 часа."]),
        "",
    );
    assert_eq!(said, "Есть пять минут.\nЕсть два часа.\n");
    let (output, words) = run(tool(&["text", "x", "--language", "xx"]), "");
    assert_eq!(output.status.code(), Some(2), "{words}");
}

#[test]
fn text_explains_what_was_read_as_what_and_by_which_rule() {
    let dir = tempfile::tempdir().unwrap();
    let lexicon = dir.path().join("words.txt");
    std::fs::write(&lexicon, "Acme = Акме\n").unwrap();
    let mut command = tool(&["text", "--explain", "--stress-mark", "--lexicon"]);
    command.arg(&lexicon).args(["--language", "ru"]);
    let said = succeeds(
        command,
        "12 апреля, т+опор Acme<|endofprompt|> и example.com\n",
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[0],
        "двенадцатого апреля, то\u{301}пор Акме и example точка ком"
    );
    for change in [
        "12 -> двенадцатого",
        "т+опор -> то\u{301}пор",
        "lexicon: Acme -> Акме",
        "special token: <|endofprompt|> ->",
        "web address: example.com -> example точка ком",
    ] {
        let listed = |line: &&&str| line.starts_with("    ") && line.contains(change);
        assert_eq!(lines.iter().filter(listed).count(), 1, "{change}: {said}");
    }
    let written = [
        "text",
        "--language",
        "zh",
        "--text-reading",
        "written",
        "--explain",
    ];
    let said = succeeds(tool(&written), "今天15℃。\n");
    assert!(
        said.starts_with("今天十五") && said.contains("15℃ -> "),
        "{said}"
    );
}

#[test]
fn voices_are_listed_with_their_languages() {
    let demo = crate::root().join("models/demo");
    let said = succeeds(
        tool(&["voice", "list", "--model", demo.to_str().unwrap()]),
        "",
    );
    let lines: Vec<Vec<&str>> = said
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let names: Vec<&str> = lines.iter().map(|words| words[0]).collect();
    assert_eq!(names, ["en_female", "en_male", "ru_female", "ru_male"]);
    assert_eq!(lines[3][1..], ["ru", "default", "for", "ru,", "others"]);
    assert!(succeeds(tool(&["voice", "list"]), "").contains("golden"));
    assert!(fails(tool(&["voice", "list", "--model", "/nowhere"]), "").contains("/nowhere"));
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let words = succeeds(tool(&["completions", shell]), "");
        assert!(words.contains("drop-speakers"), "{shell}: {words}");
    }
    let (dir, file) = temporary();
    succeeds(tool(&["man", &file("")]), "");
    let names = crate::names(&dir);
    for page in [
        "cosyvoice3.1",
        "cosyvoice3-say.1",
        "cosyvoice3-text.1",
        "cosyvoice3-voice-list.1",
    ] {
        assert!(names.iter().any(|name| name == page), "{names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("man")), "{names:?}");
}

#[test]
fn no_usage_error_shows_a_password() {
    let address = "rtsp://admin:geheim@127.0.0.1:1/1";
    let joined = format!("--camera={address}");
    let keys = ["--api-key-file", "/nowhere/keys"];
    let wrong: [&[&str]; 9] = [
        &["--camera", address, "--nonsense"],
        &[&joined, "--http", "nowhere"],
        &["--camra", address],
        &["--camera-codec", address],
        &["--camera", address, "--camera-file", address],
        &["--http", address],
        &["--camera", address, "geheim:geheim@camera/1"],
        &["--http", "rtsp://admin:so geheim@camera/1"],
        &["--camera", address, "--api-key-file"],
    ];
    for words in wrong {
        let (output, words) = run(tool(&[&["serve"], &keys[..], words].concat()), "");
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(words.starts_with("error: "), "{words}");
        assert!(!words.contains("geheim"), "{words}");
    }
    // Nor does an error of another kind.
    let options = [&["serve", "--set", address], &keys[..]].concat();
    assert!(!fails(tool(&options), "").contains("geheim"));
}
