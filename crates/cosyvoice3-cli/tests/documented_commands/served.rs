//! The `curl` lines of the documents, against a server that was started as they say.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::{
    lines::{commands, documents, read},
    root, run, workplace,
};
use test_support::optional::not_checked;

/// The server's address in the documents.
const ADDRESS: &str = "127.0.0.1:8080";

struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// The server of a line, at a free port; announcements are played to nowhere, so that there may be any.
    fn start(dir: &Path, line: &str) -> Self {
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some("cosyvoice3"), "{line}");
        let mut child = Command::new(env!("CARGO_BIN_EXE_cosyvoice3"))
            .args(words)
            .args(["--http", "127.0.0.1:0", "--play", "fakesink"])
            .current_dir(dir)
            .env("COSYVOICE3_MODEL_PATH", root().join("models/demo"))
            .env("XDG_DATA_HOME", dir.join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.expect("a line");
            let address = line.strip_prefix("http://")?;
            Some(address.trim_end_matches('/').to_owned())
        });
        Self {
            child,
            address: address.expect("it listens"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The `curl` lines that belong together, and the line by which the server of them is started.
fn conversations(document: &str) -> Vec<(String, Vec<String>)> {
    let blocks = document.split("```sh").skip(1);
    let of_blocks = blocks.map(|block| commands(&format!("```sh{block}")));
    // A line of a table stands for itself.
    let cells = document.lines().filter_map(|line| {
        let (line, _) = line.strip_prefix("| `curl ")?.split_once("` |")?;
        Some(vec![format!("curl {line}")])
    });
    let of_one = |lines: Vec<String>| {
        let of = |start: &str| {
            let lines = lines.iter().filter(|line| line.starts_with(start));
            lines.cloned().collect::<Vec<String>>()
        };
        let server = of("cosyvoice3 serve").into_iter().next();
        let server = server.unwrap_or("cosyvoice3 serve".into());
        let asked = of("curl ");
        (!asked.is_empty()).then_some((server, asked))
    };
    of_blocks.chain(cells).filter_map(of_one).collect()
}

#[test]
fn every_curl_line_of_the_documents_gets_what_it_asks_for() {
    if Command::new("curl").arg("--version").output().is_err() {
        return not_checked("curl is not installed");
    }
    let mut count = 0;
    for document in documents() {
        for (server, lines) in conversations(&read(&document)) {
            let dir = workplace();
            // An error status is a failure of curl.
            std::fs::write(
                dir.path().join(".curlrc"),
                "fail-with-body\nsilent\nshow-error\n",
            )
            .unwrap();
            let started = Server::start(dir.path(), &server);
            for line in lines {
                assert!(line.contains(ADDRESS), "{document}: {line}");
                let here = line.replace(ADDRESS, &started.address);
                let (ok, words) = run(dir.path(), &format!("CURL_HOME=. {here}"));
                assert!(ok, "{document}: {server}: {line}: {words}");
                check(dir.path(), &line, &words);
                println!("{document}: {line}: {}", words.trim());
                count += 1;
            }
        }
    }
    assert!(count >= 10, "{count} lines");
}

/// Checks that the answer is of the kind that was asked for.
fn check(dir: &Path, line: &str, answer: &str) {
    let answer = answer.trim();
    if let Some((_, file)) = line.split_once(" >") {
        let bytes = std::fs::read(dir.join(file)).expect(line);
        assert!(bytes.starts_with(b"RIFF"), "{line}");
        // More than half a second, in 16 bits at 24 kHz.
        assert!(bytes.len() > 24_000, "{line}: {} bytes", bytes.len());
        std::fs::remove_file(dir.join(file)).unwrap();
    } else if line.contains("/say") {
        assert!(answer.parse::<u64>().is_ok(), "{line}: {answer}");
    } else {
        let answer: serde_json::Value = serde_json::from_str(answer).expect(answer);
        assert!(answer.get("error").is_none(), "{line}: {answer}");
    }
}
