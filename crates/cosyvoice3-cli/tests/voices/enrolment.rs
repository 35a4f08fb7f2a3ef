//! `cosyvoice3 voice add`: from a sound file to a voice. The networks are random, of the official names and ports.

use std::{fs, path::PathBuf, process::Command};

use crate::{User, names, root, said, text};

const WORDS: &str = "Скорый поезд № 102 отправляется с 5-го пути.";

/// A user whose model has the front-end networks.
fn user() -> User {
    let user = User::new();
    let networks = user.path("networks");
    let tool = |words: &[&str]| {
        let mut tool = user.command(env!("CARGO_BIN_EXE_cosyvoice3"));
        let output = tool.arg("model").args(words).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    };
    tool(&["random", "--front-end", text(&networks)]);
    tool(&["front-end", text(&networks), text(&user.model())]);
    user
}

/// A recording of a telephone's kind: Opus in Ogg.
fn recording() -> PathBuf {
    root().join("docs/samples/ru_female.opus")
}

/// The samples of the recording, 48 kHz mono.
fn samples(user: &User) -> Vec<f32> {
    let raw = user.path("raw");
    let decode = [
        "-q",
        "filesrc",
        &format!("location={}", recording().display()),
        "!",
        "decodebin",
        "!",
        "audioconvert",
        "!",
        "audioresample",
        "!",
        "audio/x-raw,format=F32LE,channels=1,rate=48000",
        "!",
        "filesink",
        &format!("location={}", raw.display()),
    ]
    .map(str::to_owned);
    let decoded = Command::new("gst-launch-1.0")
        .args(decode)
        .status()
        .unwrap();
    assert!(decoded.success());
    let bytes = fs::read(raw).unwrap();
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|word| f32::from_le_bytes(*word))
        .collect()
}

/// A WAV file of floats at 48 kHz.
fn wav(channels: u16, samples: &[f32]) -> Vec<u8> {
    let size = 4 * samples.len() as u32;
    let frame = 4 * channels;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + size).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x03\0");
    file.extend(channels.to_le_bytes());
    file.extend(48_000_u32.to_le_bytes());
    file.extend((48_000 * u32::from(frame)).to_le_bytes());
    file.extend(frame.to_le_bytes());
    file.extend(b"\x20\0data");
    file.extend(size.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

#[test]
fn a_recording_and_its_words_become_a_voice_with_one_command() {
    let user = user();
    let recording = recording();
    let words = user.succeeds(&[
        "add",
        "me",
        text(&recording),
        "--text",
        WORDS,
        "--provenance",
        "a test",
    ]);
    for part in ["consent", "LUFS", "speech tokens", "voice me"] {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert_eq!(names(&user.own()), ["me.safetensors"]);
    let voice = user.voice("me");
    assert_eq!(voice.prompt_text.as_deref(), Some(WORDS));
    assert_eq!(voice.language.as_deref(), Some("ru"));
    assert_eq!(voice.provenance.as_deref(), Some("a test"));
    assert!(voice.prompt_tokens.len() > 50, "{words}");
    assert!(user.succeeds(&["list"]).contains("me      ru  your own"));

    let file = user.path("words.txt");
    fs::write(&file, format!("{WORDS}\n")).unwrap();
    user.succeeds(&[
        "add",
        "again",
        text(&recording),
        "--text-file",
        text(&file),
        "--provenance",
        "a test",
    ]);
    assert_eq!(
        fs::read(user.file("again")).unwrap(),
        fs::read(user.file("me")).unwrap()
    );
    let error = user.fails(&["add", "me", text(&recording)]);
    assert!(error.contains("--replace"), "{error}");
    user.succeeds(&["add", "me", text(&recording), "--replace"]);
    assert_eq!(user.voice("me").prompt_text, None);
}

#[test]
fn a_stereo_recording_is_heard_as_the_mean_of_its_channels_and_a_folder_as_its_recording() {
    let user = user();
    let samples = samples(&user);
    let (mono, stereo, folder) = (
        user.path("mono.wav"),
        user.path("stereo.wav"),
        user.path("folder"),
    );
    fs::write(&mono, wav(1, &samples)).unwrap();
    let both: Vec<f32> = samples
        .iter()
        .flat_map(|sample| [2.0 * sample, 0.0])
        .collect();
    fs::write(&stereo, wav(2, &both)).unwrap();
    fs::create_dir(&folder).unwrap();
    fs::copy(&mono, folder.join("ref.wav")).unwrap();
    fs::write(folder.join("ref.txt"), WORDS).unwrap();
    user.succeeds(&["add", "mono", text(&mono), "--text", WORDS]);
    user.succeeds(&["add", "stereo", text(&stereo), "--text", WORDS]);
    user.succeeds(&["import", "folder", text(&folder)]);
    let mono = fs::read(user.file("mono")).unwrap();
    assert!(fs::read(user.file("stereo")).unwrap() == mono);
    assert!(fs::read(user.file("folder")).unwrap() == mono);
}

#[test]
fn a_file_that_is_no_recording_is_one_message_and_leaves_nothing() {
    let user = user();
    let samples = samples(&user);
    let file = |name: &str, bytes: &[u8]| {
        let path = user.path(name);
        fs::write(&path, bytes).unwrap();
        text(&path).to_owned()
    };
    let whole = wav(1, &samples);
    let mut broken = samples.clone();
    broken[1000] = f32::NAN;
    let cases = [
        (
            file(
                "text.wav",
                b"Dear diary, today I recorded nothing at all.\n",
            ),
            "no sound",
        ),
        (file("empty.wav", b""), "empty.wav"),
        (file("silent.wav", &wav(1, &[0.0; 200_000])), "silent.wav"),
        (file("short.wav", &whole[..44 + 4 * 12_000]), "short.wav"),
        (file("nan.wav", &wav(1, &broken)), "not finite"),
        (
            user.path("missing.wav").display().to_string(),
            "missing.wav",
        ),
        (user.dir.path().display().to_string(), "a directory"),
    ];
    for (path, expected) in cases {
        let error = user.fails(&["add", "me", &path]);
        println!("{error}");
        assert!(error.contains(expected), "{expected} in {error}");
        assert_eq!(names(&user.own()), [""; 0]);
    }
}

#[test]
fn a_model_without_the_networks_says_where_they_come_from() {
    let user = User::new();
    let error = user.fails(&["add", "me", text(&recording())]);
    for part in [
        "campplus.onnx",
        "speech_tokenizer_v3.onnx",
        "cosyvoice3 model front-end",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}
