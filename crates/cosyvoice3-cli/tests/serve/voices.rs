//! Voices that clients add from recordings, and delete.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::Command,
    thread,
    time::Instant,
};

use cosyvoice3::voice::Voice;
use serde_json::{Value, json};

use crate::{
    PATIENCE,
    request::{Answer, get, send, send_bytes, speak},
    root,
    server::{Server, http_command},
    tiny,
};

const WORDS: &str = "Скорый поезд № 102 отправляется с 5-го пути.";
const PATH: &str = "/v1/audio/voices";

/// A user with a home of their own, whose server has the bundled model, which has the front-end networks.
pub struct User(tempfile::TempDir);

impl User {
    pub fn new() -> Self {
        let user = Self(tempfile::tempdir().unwrap());
        fs::create_dir(user.kept()).unwrap();
        user
    }

    /// A file of this user's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Directory for what is kept for a moment.
    fn kept(&self) -> PathBuf {
        self.path("kept")
    }

    /// Directory of the user's own voices of a model.
    fn own(&self, model: &str) -> PathBuf {
        self.path("data/cosyvoice3/voices").join(model)
    }

    fn voice(&self, name: &str) -> Voice {
        Voice::load(&self.own("demo").join(format!("{name}.safetensors"))).unwrap()
    }

    /// Names of the files of the user's own voices.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.own("demo")).into_iter().flatten();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// A server on which clients may change voices.
    pub fn command(&self, options: &[&str]) -> Command {
        let mut command = http_command();
        command
            .arg("--voice-changes")
            .args(options)
            .env("COSYVOICE3_MODEL_PATH", root().join("models/demo"))
            .env("XDG_DATA_HOME", self.path("data"))
            .env("TMPDIR", self.kept());
        command
    }

    fn server(&self, options: &[&str]) -> Server {
        Server::start(&mut self.command(options))
    }
}

/// A recording of a telephone's kind: Opus in Ogg, of one of the model's voices.
fn recording() -> Vec<u8> {
    fs::read(root().join("docs/samples/ru_female.opus")).unwrap()
}

/// Name and content of a field.
type Part<'a> = (&'a str, &'a [u8]);

/// A form as clients send it.
fn form(parts: &[Part]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let file = match *name {
            "file" | "audio_sample" => "; filename=\"me.wav\"\r\nContent-Type: audio/wav",
            _ => "",
        };
        let head =
            format!("--limit\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend(head.as_bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(b"--limit--\r\n");
    body
}

const FORM: &str = "Content-Type: multipart/form-data; boundary=limit\r\n";

#[track_caller]
fn add(server: &Server, parts: &[Part]) -> Answer {
    send_bytes(server.http(), "POST", PATH, FORM, &form(parts)).expect("an answer")
}

#[track_caller]
fn delete(server: &Server, name: &str) -> Answer {
    send(server, "DELETE", &format!("{PATH}/{name}"), "", "")
}

/// A voice in the list of a server.
fn listed(server: &Server, name: &str) -> Option<Value> {
    let list = get(server, PATH);
    let voices = list["data"].as_array().unwrap();
    voices.iter().find(|voice| voice["id"] == name).cloned()
}

#[track_caller]
fn spoken(server: &Server, voice: &str, format: &str) -> Vec<u8> {
    let wanted = json!({ "input": "Поезд отправляется через пять минут с третьего пути.", "voice": voice, "response_format": format, "seed": 1 });
    let answer = speak(server, &wanted);
    assert_eq!(answer.status, 200);
    answer.bytes()
}

#[test]
fn a_recording_becomes_a_voice_that_speaks_at_once_and_can_be_deleted() {
    let user = User::new();
    let server = user.server(&["--play", "fakesink"]);
    // As the model itself says it.
    let wav = spoken(&server, "ru_female", "wav");
    let added = add(
        &server,
        &[
            ("name", b"me"),
            (
                "text",
                "Поезд отправляется через пять минут с третьего пути.".as_bytes(),
            ),
            ("consent", b"signed in May"),
            ("file", &wav),
        ],
    );
    assert_eq!(added.status, 200);
    let added = added.json();
    assert_eq!(
        (&added["id"], &added["language"], &added["removable"]),
        (&json!("me"), &json!("ru"), &json!(true)),
        "{added}"
    );
    assert!(added["consent"].as_str().unwrap().contains("consent"));
    assert!(
        added["report"].as_str().unwrap().contains("speech tokens"),
        "{added}"
    );
    assert_eq!(listed(&server, "me").unwrap()["removable"], true);
    assert_eq!(listed(&server, "ru_female").unwrap()["removable"], false);
    let voice = user.voice("me");
    assert!(voice.provenance.unwrap().contains("signed in May"));
    let pcm = spoken(&server, "me", "pcm");
    assert!(pcm.len() > 48_000 && pcm != spoken(&server, "ru_male", "pcm"));
    let (status, words) = server.post("/say?voice=me", "Да.");
    assert_eq!(status, 202, "{words}");
    assert_eq!(delete(&server, "me").json()["deleted"], true);
    assert_eq!((listed(&server, "me"), user.names()), (None, vec![]));
    assert!(server.end());
}

#[test]
fn a_voice_is_replaced_only_where_the_client_asks_for_it() {
    let user = User::new();
    let server = user.server(&[]);
    let recording = recording();
    let named = |name: &str, further: &[Part]| {
        let parts = [
            &[("name", name.as_bytes()), ("audio_sample", &recording)],
            further,
        ]
        .concat();
        add(&server, &parts)
    };
    assert_eq!(named("me", &[("ref_text", WORDS.as_bytes())]).status, 200);
    assert_eq!(user.voice("me").prompt_text.as_deref(), Some(WORDS));
    for name in ["me", "ru_male"] {
        let error = named(name, &[]).error(409);
        assert_eq!(error["code"], "voice_exists");
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .contains("overwrite=true"),
            "{error}"
        );
    }
    assert_eq!(user.voice("me").prompt_text.as_deref(), Some(WORDS));
    let replaced = named("me", &[("overwrite", b"true")]);
    assert_eq!(replaced.status, 200);
    assert!(!replaced.json()["warnings"].as_array().unwrap().is_empty());
    assert_eq!(user.voice("me").prompt_text, None);
    // A voice that hides one of the model's is deleted without it.
    assert_eq!(named("ru_male", &[("overwrite", b"true")]).status, 200);
    assert_eq!(listed(&server, "ru_male").unwrap()["removable"], true);
    assert_eq!(delete(&server, "ru_male").status, 200);
    assert_eq!(listed(&server, "ru_male").unwrap()["removable"], false);
    assert_eq!(
        delete(&server, "ru_male").error(403)["code"],
        "voice_of_model"
    );
    assert!(
        root()
            .join("models/demo/voices/ru_male.safetensors")
            .exists()
    );
    assert!(server.end());
}

#[test]
fn what_is_no_recording_is_one_error_and_leaves_nothing() {
    let user = User::new();
    let server = user.server(&["--max-recording", "1"]);
    let recording = recording();
    let wav = spoken(&server, "ru_female", "wav");
    let text = b"Dear diary, today I recorded nothing at all.\n";
    let playlist =
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.aac\n#EXT-X-ENDLIST\n";
    let large = vec![0; (1 << 20) + 1];
    let huge = vec![0; 3 << 20];
    let cases: [(&str, &[u8], u16, &str, &str); 10] = [
        (
            "me",
            text,
            415,
            "recording_undecodable",
            "the recording: no sound",
        ),
        ("me", playlist, 415, "recording_undecodable", "a playlist"),
        (
            "me",
            &recording[..200],
            415,
            "recording_undecodable",
            "the recording",
        ),
        (
            "me",
            &wav[..44 + 48_000],
            422,
            "recording_unusable",
            "s of speech",
        ),
        ("me", &large, 413, "recording_too_large", "1 MiB"),
        ("me", &huge, 413, "recording_too_large", "1 MiB"),
        ("me", b"", 400, "recording_empty", "empty"),
        ("../me", &recording, 400, "voice_name_invalid", "letters"),
        ("default", &recording, 400, "voice_name_invalid", "another"),
        (" ", &recording, 400, "missing_field", "name"),
    ];
    for (name, file, status, code, part) in cases {
        let error = add(&server, &[("name", name.as_bytes()), ("file", file)]).error(status);
        let words = error["message"].as_str().unwrap();
        println!("{words}");
        assert_eq!(error["code"], code, "{words}");
        assert!(words.contains(part) && !words.contains("/proc"), "{words}");
    }
    let unspeakable = [("name", &b"me"[..]), ("text", b"?!"), ("file", &recording)];
    assert_eq!(add(&server, &unspeakable).error(400)["param"], "text");
    let json = "Content-Type: application/json\r\n";
    send(&server, "POST", PATH, json, "{\"name\": \"me\"}").error(415);
    assert_eq!(user.names(), [""; 0]);
    assert_eq!(fs::read_dir(user.kept()).unwrap().count(), 0);
    assert!(server.end());
}

#[test]
fn one_recording_is_taken_at_a_time_and_one_that_does_not_come_makes_room() {
    let user = User::new();
    let server = user.server(&["--recording-time", "60"]);
    let recording = recording();
    let parts: [Part; 2] = [("name", b"me"), ("file", &recording)];
    let mut slow = TcpStream::connect(server.http()).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\n{FORM}Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).unwrap();
    // Leave to send means that the place is taken.
    let mut leave = [0; 25];
    slow.read_exact(&mut leave).unwrap();
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    let busy = add(&server, &parts);
    assert_eq!(busy.header("retry-after"), "5");
    assert_eq!(busy.error(429)["code"], "enrolment_busy");
    drop(slow);
    let begin = Instant::now();
    while add(&server, &parts).status == 429 {
        assert!(begin.elapsed() < PATIENCE, "the place is not free");
        thread::yield_now();
    }
    assert_eq!(user.names(), ["me.safetensors"]);
    assert!(server.end());

    let server = user.server(&["--recording-time", "1", "--request-time", "1"]);
    let begun = format!("POST {PATH} HTTP/1.1\r\n{FORM}Content-Length: 1000\r\n\r\n--limit\r\n");
    let (status, words) = server.send(begun.as_bytes());
    assert_eq!(status, 408, "{words}");
    assert!(server.end());
}

#[test]
fn a_model_without_the_networks_takes_no_recording_and_says_what_to_run() {
    let user = User::new();
    let mut command = user.command(&[]);
    let server = Server::start(command.env("COSYVOICE3_MODEL_PATH", tiny()));
    let error = add(&server, &[("name", b"me"), ("file", &recording())]).error(501);
    let words = error["message"].as_str().unwrap();
    for part in [
        "campplus.onnx",
        "speech_tokenizer_v3.onnx",
        "cosyvoice3 model front-end",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert!(server.end());
}

#[test]
fn voices_are_changed_only_where_the_server_allows_it_and_nothing_needs_them() {
    let user = User::new();
    let own = user.own("tiny");
    fs::create_dir_all(&own).unwrap();
    let golden = tiny().join("voices/golden.safetensors");
    for name in ["guest", "named"] {
        fs::copy(&golden, own.join(format!("{name}.safetensors"))).unwrap();
    }
    let mut closed = http_command();
    let closed = Server::start(closed.env("XDG_DATA_HOME", user.path("data")));
    for refused in [
        add(&closed, &[("name", b"me"), ("file", &recording())]),
        delete(&closed, "guest"),
    ] {
        let error = refused.error(403);
        assert_eq!(error["code"], "voice_changes_not_allowed");
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .contains("--voice-changes")
        );
    }
    assert_eq!(listed(&closed, "guest").unwrap()["removable"], false);
    assert_eq!(get(&closed, PATH)["changes"], false);
    assert!(closed.end());
    let mut open = user.command(&["--voice-alias", "alloy=named"]);
    let open = Server::start(open.env("COSYVOICE3_MODEL_PATH", tiny()));
    assert_eq!(delete(&open, "golden").error(403)["code"], "voice_of_model");
    assert_eq!(delete(&open, "named").error(409)["code"], "voice_in_use");
    for none in ["nobody", "..%2Fgolden", "alloy"] {
        delete(&open, none).error(404);
    }
    assert_eq!(delete(&open, "guest").json()["deleted"], true);
    delete(&open, "guest").error(404);
    assert!(!own.join("guest.safetensors").exists() && golden.exists());
    assert!(open.end());
}

#[test]
fn a_page_of_a_stranger_adds_no_voice_and_neither_does_a_client_without_a_key() {
    let user = User::new();
    let keys = user.path("keys");
    fs::write(&keys, "the-only-key-of-this-server\n").unwrap();
    let server = Server::start(user.command(&[]).arg("--api-key-file").arg(&keys));
    let recording = recording();
    let body = form(&[("name", b"me"), ("file", &recording)]);
    let add = |fields: &str| {
        let fields = format!("{FORM}{fields}");
        send_bytes(server.http(), "POST", PATH, &fields, &body).unwrap()
    };
    let key = "Authorization: Bearer the-only-key-of-this-server\r\n";
    add("").error(401);
    let stranger = format!("{key}Origin: https://evil.example\r\n");
    assert_eq!(add(&stranger).error(403)["code"], "origin_not_allowed");
    assert_eq!(user.names(), [""; 0]);
    assert_eq!(add(key).status, 200);
    assert!(server.end());
}
