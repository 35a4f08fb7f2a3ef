//! The program under test, in a process of its own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use crate::{PATIENCE, launch::plugin_dir, speech::PROPERTIES, tiny};

pub struct Announcer {
    child: Child,
    pub stdin: ChildStdin,
    /// The streams and the address for texts.
    uris: Vec<String>,
    told: Receiver<String>,
}

impl Announcer {
    /// Starts it on free ports of 127.0.0.1.
    pub fn new(options: &[&str]) -> Self {
        let plugins = plugin_dir();
        let mut child = Command::new(env!("CARGO_BIN_EXE_cosyvoice3-announcer"))
            .args(["--rtsp", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .args(["--speech", PROPERTIES])
            .args(options)
            .env("GST_PLUGIN_PATH", &plugins)
            .env("GST_REGISTRY", plugins.join("registry.bin"))
            .env("COSYVOICE3_MODEL_PATH", tiny())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut uris = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            uris.push(line.unwrap());
            if uris.last().is_some_and(|uri| uri.starts_with("http://")) {
                break;
            }
        }
        let (tell, told) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                eprintln!("announcer: {line}");
                let _ = tell.send(line);
            }
        });
        Self {
            stdin: child.stdin.take().unwrap(),
            child,
            uris,
            told,
        }
    }

    /// The address that ends in `path`.
    pub fn uri(&self, path: &str) -> &str {
        let found = self.uris.iter().find(|uri| uri.ends_with(path));
        found.unwrap_or_else(|| panic!("{path} in {:?}", self.uris))
    }

    /// POSTs `text` to `target`; the status and the answer.
    pub fn post(&self, target: &str, text: &str) -> (u16, String) {
        let uri = self.uri("/say");
        let address = &uri["http://".len()..uri.len() - "/say".len()];
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "POST {target} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        (status.expect("a status"), body.trim_end().to_string())
    }

    /// Has `text` said; its number.
    pub fn say(&self, text: &str) -> u64 {
        let (status, id) = self.post("/say", text);
        assert_eq!(status, 202, "{id}");
        id.parse().expect("a number")
    }

    /// Waits until it writes `line`.
    #[track_caller]
    pub fn wait_for(&self, line: &str) {
        loop {
            let told = self.told.recv_timeout(PATIENCE);
            if told.unwrap_or_else(|error| panic!("{line:?}: {error}")) == line {
                return;
            }
        }
    }

    /// Asks it to end; whether it did so in good order.
    pub fn end(mut self) -> bool {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        self.child.wait().unwrap().success()
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
