//! Speech Dispatcher's module, driven as Speech Dispatcher drives it.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::{openai::wait_for_metric, root, server::Server};

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
    fn new(server: &Server) -> Self {
        let mut child = Command::new("python3")
            .arg(root().join("pipelines/sd_cosyvoice3"))
            .env("COSYVOICE3_SERVER", server.http())
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
            if line.starts_with(b"705 AUDIO\0") {
                let escapes = line.iter().filter(|byte| **byte == 0x7d).count();
                sound += line.len() - "705 AUDIO\0\n".len() - escapes;
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
    let mut module = Module::new(&server);
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
