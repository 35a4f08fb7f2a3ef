//! Two servers behind HAProxy, as docs/scale.md has it, where HAProxy is installed.

use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    PATIENCE, not_checked,
    openai::{metric, wait_until_ready},
    request::{Answer, get, send_to, speak_at},
    root,
    server::Server,
};

const CLIENTS: usize = 20;
/// Longest time after which a request of a server that died has failed; HAProxy itself would wait for minutes.
const WATCHDOG: Duration = Duration::from_secs(30);

struct Balancer {
    child: Child,
    address: String,
    _dir: tempfile::TempDir,
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// HAProxy with the configuration of the document, at the addresses of the test; `None` where it is not installed.
fn balance(servers: [&Server; 2]) -> Option<Balancer> {
    let document = fs::read_to_string(root().join("docs/scale.md")).unwrap();
    let text = document
        .split("```text\n")
        .nth(1)
        .expect("a configuration")
        .split("```")
        .next()
        .unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    let text = text
        .replace("127.0.0.1:8000", &address)
        .replace("127.0.0.1:8081", servers[0].http())
        .replace("127.0.0.1:8082", servers[1].http());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("haproxy.cfg");
    fs::write(&file, text).unwrap();
    drop(free);
    let child = Command::new("haproxy")
        .arg("-db")
        .arg("-f")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match child {
        Ok(child) => Some(Balancer {
            child,
            address,
            _dir: dir,
        }),
        Err(_) => {
            not_checked("haproxy is not installed");
            None
        }
    }
}

#[test]
fn when_one_of_two_servers_dies_only_its_running_requests_fail() {
    let start = || Server::http_alone(&["--max-connections-of-one", "512"]);
    let (one, two) = (start(), start());
    wait_until_ready(&one);
    wait_until_ready(&two);
    let Some(balancer) = balance([&one, &two]) else {
        return;
    };
    let begin = Instant::now();
    while send_to(&balancer.address, "GET", "/healthz", "", "")
        .is_none_or(|answer| answer.status != 200)
    {
        assert!(begin.elapsed() < PATIENCE, "HAProxy finds no server");
        thread::yield_now();
    }
    let text = "Поезд отправляется через пять минут с третьего пути. ".repeat(6);
    let wanted = json!({ "input": text, "voice": "golden", "response_format": "pcm" });
    let (whole, on_one) = thread::scope(|scope| {
        let ask = || {
            let answer = speak_at(&balancer.address, &wanted);
            let answer = answer.filter(|answer| answer.status == 200);
            (answer.and_then(Answer::whole), Instant::now())
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(ask)).collect();
        let requests = |server: &Server| {
            let ended = metric(server, "cosyvoice3_requests_total{end=\"finished\"}") as usize;
            let running = get(server, "/healthz")["requests"].as_u64().unwrap() as usize;
            (ended, running)
        };
        let on_one = loop {
            assert!(begin.elapsed() < PATIENCE, "the requests do not arrive");
            let ((ended, running), other) = (requests(&one), requests(&two));
            if ended + running + other.0 + other.1 >= CLIENTS {
                break running;
            }
        };
        drop(one);
        let died = Instant::now();
        let answers: Vec<_> = clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect();
        for (answer, end) in &answers {
            let after = end.saturating_duration_since(died);
            assert!(
                answer.is_some() || after < WATCHDOG,
                "a request of the server that died failed only after {after:?}"
            );
        }
        let whole: Vec<Vec<u8>> = answers
            .into_iter()
            .filter_map(|(answer, _)| answer)
            .collect();
        (whole, on_one)
    });
    println!(
        "{on_one} ran on the one that died, {} of {CLIENTS} were answered whole",
        whole.len()
    );
    assert!(
        on_one > 0 && whole.len() + on_one >= CLIENTS,
        "{} of {CLIENTS}",
        whole.len()
    );
    // The same text, voice and seed: who was answered got the same sound.
    assert!(whole.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(speak_at(&balancer.address, &wanted).unwrap().status, 200);
    assert!(two.end());
}
