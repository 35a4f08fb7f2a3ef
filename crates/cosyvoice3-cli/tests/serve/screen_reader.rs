//! Speech Dispatcher's module, driven as Speech Dispatcher drives it, and by Speech Dispatcher where that is installed.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use test_support::hearing::correlation;

use crate::{
    PATIENCE, not_checked,
    openai::{metric, wait_for_metric},
    request::speak,
    root,
    server::Server,
};

struct Module {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Drop for Module {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Module {
    /// Starts it for the server at `address`.
    fn new(address: &str) -> Self {
        let mut child = Command::new("python3")
            .arg(root().join("pipelines/sd_cosyvoice3"))
            .env("COSYVOICE3_SERVER", address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        Self {
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn send(&mut self, lines: &str) {
        writeln!(self.stdin, "{lines}").unwrap();
    }

    /// Reads messages up to one that begins with `last`; the bytes of sound in them.
    #[track_caller]
    fn read_to(&mut self, last: &str) -> usize {
        let mut sound = 0;
        loop {
            let mut line = Vec::new();
            assert!(
                self.stdout.read_until(b'\n', &mut line).unwrap() > 0,
                "{last}: the module ended"
            );
            if line.starts_with(b"705-AUDIO\0") {
                let escapes = line.iter().filter(|byte| **byte == 0x7d).count();
                sound += line.len() - "705-AUDIO\0\n".len() - escapes;
            }
            if line.starts_with(last.as_bytes()) {
                return sound;
            }
        }
    }

    fn set(&mut self, pairs: &str) {
        self.send(&format!("SET\n{pairs}\n."));
        self.read_to("203 OK SETTINGS RECEIVED");
    }

    fn speak(&mut self, text: &str) -> usize {
        self.send(&format!("SPEAK\n{text}\n."));
        self.read_to("701 BEGIN");
        self.read_to("702 END")
    }
}

#[test]
fn a_screen_reader_speaks_at_its_rate_with_its_punctuation_and_stops() {
    let server = Server::http_alone(&[]);
    let mut module = Module::new(server.http());
    module.send("INIT");
    module.read_to("299 OK LOADED");
    module.send("AUDIO\naudio_output_method=server\n.");
    module.read_to("203 OK AUDIO INITIALIZED");
    module.send("LIST VOICES");
    module.read_to("200-golden\tru\tnone");
    module.read_to("200 OK VOICE LIST SENT");
    module.set("rate=0\nlanguage=ru\npunctuation_mode=none\nsynthesis_voice=golden");
    let plain = module.speak("<speak>Да (нет).</speak>");
    assert!(plain > 4800, "{plain} bytes");
    module.set("rate=100");
    let fast = module.speak("<speak>Да (нет).</speak>");
    assert!(fast < plain * 2 / 3, "{plain} bytes, then {fast}");
    module.set("rate=0\npunctuation_mode=all");
    let marks = module.speak("<speak>Да (нет).</speak>");
    assert!(marks > plain, "{plain} bytes, then {marks}");
    // Marks alone are nothing to say, and no reason to wait.
    module.set("punctuation_mode=none");
    assert_eq!(module.speak("<speak>!</speak>"), 0);
    let long = "Поезд отправляется через пять минут. ".repeat(100);
    module.send(&format!("SPEAK\n{long}\n."));
    module.read_to("705 AUDIO");
    module.send("STOP");
    module.read_to("703 STOP");
    wait_for_metric(
        &server,
        "cosyvoice3_requests_total{end=\"cancelled\"}",
        |count| count == 1.0,
    );
    assert!(module.speak("Да.") > 4800);
    module.send("QUIT");
    module.read_to("210 OK QUIT");
    assert!(server.end());
}

#[test]
fn a_stop_before_the_first_sound_ends_the_request_at_once() {
    // This server never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut module = Module::new(&listener.local_addr().unwrap().to_string());
    for stops_before_the_request in [true, false] {
        let stop = if stops_before_the_request {
            "\nSTOP"
        } else {
            ""
        };
        module.send(&format!("SPEAK\nДа.\n.{stop}"));
        let (mut stream, _) = listener.accept().unwrap();
        // The module itself waits 60 s for an answer.
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        if !stops_before_the_request {
            stream.read_exact(&mut [0]).unwrap();
            module.send("STOP");
        }
        let mut rest = Vec::new();
        stream
            .read_to_end(&mut rest)
            .expect("the module closes the connection");
        module.read_to("703 STOP");
    }
}

/// Speech Dispatcher itself, with the module and a sound device that is a file.
struct Dispatcher {
    child: Child,
    dir: tempfile::TempDir,
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Dispatcher {
    /// Starts it, and waits until it listens; `None` where it is not installed.
    fn start(server: &Server) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["conf/modules", "modules", "log"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        symlink(
            root()
                .join("pipelines/sd_cosyvoice3")
                .canonicalize()
                .unwrap(),
            at("modules/sd_cosyvoice3"),
        )
        .unwrap();
        fs::write(at("conf/modules/cosyvoice3.conf"), "").unwrap();
        fs::write(
            at("conf/speechd.conf"),
            "AudioOutputMethod \"alsa\"\nAudioALSADevice \"default\"\nDefaultModule cosyvoice3\n\
             AddModule \"cosyvoice3\" \"sd_cosyvoice3\" \"cosyvoice3.conf\"\n",
        )
        .unwrap();
        let sound = format!(
            "pcm.nowhere {{ type null }}\n\
             pcm.!default {{ type file slave.pcm nowhere format \"raw\" file \"{}\" }}\n",
            at("sound.raw").display()
        );
        fs::write(at("asound.conf"), sound).unwrap();
        let child = Command::new("speech-dispatcher")
            .args(["--run-single", "--timeout", "0", "--log-level", "3"])
            .arg("--socket-path")
            .arg(at("socket"))
            .arg("--pid-file")
            .arg(at("pid"))
            .arg("--config-dir")
            .arg(at("conf"))
            .arg("--module-dir")
            .arg(at("modules"))
            .arg("--log-dir")
            .arg(at("log"))
            .env("COSYVOICE3_SERVER", server.http())
            .env("ALSA_CONFIG_PATH", at("asound.conf"))
            .env("HOME", dir.path())
            .env("XDG_CACHE_HOME", dir.path())
            .env("XDG_RUNTIME_DIR", dir.path())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            not_checked("speech-dispatcher is not installed");
            return None;
        };
        let dispatcher = Self { child, dir };
        let socket = dispatcher.dir.path().join("socket");
        wait_until("Speech Dispatcher listens", || socket.exists());
        Some(dispatcher)
    }

    /// Its client, with arguments.
    fn client(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command
            .args([
                &PATIENCE.as_secs().to_string(),
                "spd-say",
                "-o",
                "cosyvoice3",
            ])
            .args(arguments)
            .env(
                "SPEECHD_ADDRESS",
                format!("unix_socket:{}/socket", self.dir.path().display()),
            );
        command
    }

    /// Runs the client to its end; its output.
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let output = self
            .client(arguments)
            .output()
            .expect("spd-say is installed");
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {words}");
        words
    }

    /// The sound so far, in bytes: 16 bits, 24 kHz.
    fn sound(&self) -> Vec<u8> {
        let file: PathBuf = self.dir.path().join("sound.raw");
        fs::read(file).unwrap_or_default()
    }
}

/// Samples of 16 bits.
fn samples(bytes: &[u8]) -> Vec<f32> {
    let sample = |pair: &[u8]| f32::from(i16::from_le_bytes([pair[0], pair[1]]));
    bytes.chunks_exact(2).map(sample).collect()
}

fn wait_until(what: &str, is_true: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_true() {
        assert!(begin.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn speech_dispatcher_lists_the_voices_plays_a_text_at_its_rate_and_stops() {
    let server = Server::http_alone(&[]);
    let Some(dispatcher) = Dispatcher::start(&server) else {
        return;
    };
    let voices = dispatcher.run(&["-L"]);
    assert!(voices.contains("golden"), "{voices}");
    let made = |speed: f64| {
        let wanted = json!({
            "input": "<speak>Да.</speak>", "markup": "ssml", "voice": "golden", "response_format": "pcm", "speed": speed,
        });
        speak(&server, &wanted).bytes()
    };
    // It comes to the file complete, and the next one behind it.
    let mut wanted = 0;
    for (rate, speed) in [("0", 1.0), ("100", 2.0)] {
        let made = made(speed);
        dispatcher.run(&["-w", "-l", "ru", "-y", "golden", "-r", rate, "Да."]);
        wait_until("a text is heard whole", || {
            dispatcher.sound().len() >= wanted + made.len()
        });
        // Speech Dispatcher has a volume of its own.
        let sound = dispatcher.sound().split_off(wanted);
        let likeness = correlation(&samples(&made), &samples(&sound[..made.len()]));
        assert!(likeness > 0.9999, "rate {rate}: {likeness}");
        wanted = dispatcher.sound().len();
    }

    let seconds = metric(&server, "cosyvoice3_speech_seconds_total");
    let long = "Поезд отправляется через пять минут. ".repeat(200);
    let mut speaking = dispatcher.client(&["-w", &long]).spawn().unwrap();
    // The file gets its sound late, in large pieces.
    wait_for_metric(&server, "cosyvoice3_speech_seconds_total", |made| {
        made > seconds
    });
    let begin = Instant::now();
    dispatcher.run(&["-S"]);
    assert!(speaking.wait().unwrap().success());
    println!(
        "stopped within {:?}, the client's own start included",
        begin.elapsed()
    );
    wait_for_metric(
        &server,
        "cosyvoice3_requests_total{end=\"cancelled\"}",
        |count| count == 1.0,
    );
    let before = dispatcher.sound().len();
    dispatcher.run(&["-w", "-l", "ru", "Да."]);
    wait_until("the next text is heard", || {
        dispatcher.sound().len() > before
    });
    drop(dispatcher);
    assert!(server.end());
}
