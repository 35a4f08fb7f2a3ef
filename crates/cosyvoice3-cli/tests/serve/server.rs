//! The program under test, in a process of its own.
// Some of it is for RTSP alone.
#![allow(dead_code)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Mutex,
        mpsc::{Receiver, channel},
    },
    thread,
};

use crate::{PATIENCE, tiny};

/// Settings of the element: few steps, no threads that wait for each other, and no speech that was kept, which would leave the
/// stages nothing to do.
const PROPERTIES: [&str; 4] = [
    "flow-steps=2",
    "threads=1",
    "verify=never",
    "announcement-cache=off",
];

pub struct Server {
    child: Child,
    pub stdin: ChildStdin,
    /// The streams and the address for HTTP.
    uris: Vec<String>,
    /// Lines of its log.
    written: Mutex<Receiver<String>>,
}

/// `cosyvoice3 serve` with the tiny model and a free port of 127.0.0.1.
pub fn http_command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cosyvoice3"));
    command.args(["serve", "--http", "127.0.0.1:0"]);
    for property in PROPERTIES {
        command.args(["--set", property]);
    }
    command
        .env("COSYVOICE3_MODEL_PATH", tiny())
        // No voices of this user.
        .env("XDG_DATA_HOME", "/nonexistent")
        .env_remove("COSYVOICE3_CAMERA")
        .env_remove("CREDENTIALS_DIRECTORY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The same with RTSP, at a free port too.
#[cfg(feature = "rtsp")]
pub fn command() -> Command {
    command_at("127.0.0.1:0")
}

/// The same with an address for RTSP.
#[cfg(feature = "rtsp")]
pub fn command_at(rtsp: &str) -> Command {
    let mut command = http_command();
    command.args(["--rtsp", rtsp]);
    command
}

impl Server {
    /// Starts it with RTSP.
    #[cfg(feature = "rtsp")]
    pub fn new(options: &[&str]) -> Self {
        Self::start(command().args(options))
    }

    /// Starts it without.
    pub fn http_alone(options: &[&str]) -> Self {
        Self::start(http_command().args(options))
    }

    /// Starts a [`command`], and waits until it listens. Where its standard error is not a pipe, there are no lines to
    /// wait for.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let mut uris = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            uris.push(line.unwrap());
            if uris.last().is_some_and(|uri| uri.starts_with("http://")) {
                break;
            }
        }
        let (write, written) = channel();
        if let Some(stderr) = child.stderr.take() {
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    eprintln!("server: {line}");
                    let _ = write.send(line);
                }
            });
        }
        Self {
            stdin: child.stdin.take().unwrap(),
            child,
            uris,
            written: Mutex::new(written),
        }
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address and port of its HTTP server.
    pub fn http(&self) -> &str {
        let found = self.uris.iter().find_map(|uri| uri.strip_prefix("http://"));
        found.expect("it serves HTTP").trim_end_matches('/')
    }

    /// The address and port of its Wyoming server.
    pub fn wyoming(&self) -> &str {
        let found = self.uris.iter().find_map(|uri| uri.strip_prefix("tcp://"));
        found.expect("it serves Wyoming")
    }

    /// The address and port of its RTSP server.
    #[cfg(feature = "rtsp")]
    pub fn rtsp(&self) -> &str {
        let uri = self.uri("/speech");
        &uri["rtsp://".len()..uri.len() - "/speech".len()]
    }

    /// Sends bytes by HTTP; the status and the answer.
    #[track_caller]
    pub fn send(&self, request: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.http()).expect("it listens");
        stream.write_all(request).expect("it reads");
        answer(stream)
    }

    /// The address that ends in `path`.
    #[cfg(feature = "rtsp")]
    pub fn uri(&self, path: &str) -> &str {
        let found = self.uris.iter().find(|uri| uri.ends_with(path));
        found.unwrap_or_else(|| panic!("{path} in {:?}", self.uris))
    }

    /// POSTs `text` to `target`; the status and the answer.
    #[track_caller]
    pub fn post(&self, target: &str, text: &str) -> (u16, String) {
        let (address, length) = (self.http(), text.len());
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{text}"
        );
        self.send(request.as_bytes())
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
        self.wait_for_line(line, |written| written == line);
    }

    /// Waits for a line that begins with `start`; the line.
    #[track_caller]
    pub fn wait_for_start(&self, start: &str) -> String {
        self.wait_for_line(start, |written| written.starts_with(start))
    }

    #[track_caller]
    fn wait_for_line(&self, name: &str, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let line = self.written.lock().unwrap().recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("{name:?}: {error}"));
            if wanted(&line) {
                return line;
            }
        }
    }

    /// The lines that it has written and that were not waited for.
    pub fn lines(&self) -> Vec<String> {
        self.written.lock().unwrap().try_iter().collect()
    }

    /// Asks it to end; whether it did so in good order.
    pub fn end(mut self) -> bool {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        let status = self.child.wait().unwrap();
        if !status.success() {
            eprintln!("server: {status}");
        }
        status.success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status and the body of an HTTP answer.
#[track_caller]
pub fn answer(mut stream: TcpStream) -> (u16, String) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    // In front of the answer there may be leave to send the body.
    let answer = answer.trim_start_matches("HTTP/1.1 100 Continue\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    (status.expect("a status"), body.trim_end().to_string())
}
