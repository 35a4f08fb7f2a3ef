//! Ten RTSP clients at once, of two makes, of which some do not behave: the others hear everything.

use std::{
    fs,
    io::Read,
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use crate::{
    PATIENCE,
    announcements::{assert_heard, say},
    clients::Client,
    hearing::{find, mulaw},
    listener::Listener,
    not_checked,
    server::Server,
    speech::telephone,
};

/// Each is said in about a second.
const TEXTS: [&str; 5] = ["Blue.", "Год.", "Путь.", "Хлеб.", "Река."];
/// Times that one client connects.
const RECONNECTS: usize = 50;
/// Bytes that wait in the kernel for a client which reads nothing: more than are ever on their way to one which reads.
const STUCK: u64 = 4 * 1024;
/// Bytes of PCMU in a second.
const SECOND: usize = 8000;

/// `ffmpeg`, which passes the sound on as it comes.
struct Ffmpeg {
    child: Child,
    heard: Arc<(Mutex<Vec<u8>>, Condvar)>,
}

impl Ffmpeg {
    /// Connects to `uri`; `None` where ffmpeg is not installed.
    fn new(uri: &str) -> Option<Self> {
        let child = Command::new("ffmpeg")
            .args("-nostdin -loglevel error -rtsp_transport tcp -i".split(' '))
            .arg(uri)
            .args("-map 0:a:0 -c:a copy -f mulaw -flush_packets 1 pipe:1".split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            not_checked("ffmpeg is not installed, so all RTSP clients are GStreamer's");
            return None;
        };
        let mut stdout = child.stdout.take().unwrap();
        let heard = Arc::<(Mutex<Vec<u8>>, Condvar)>::default();
        let hearing = heard.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                hearing.0.lock().unwrap().extend(&bytes[..count]);
                hearing.1.notify_all();
            }
        });
        Some(Self { child, heard })
    }

    fn count(&self) -> usize {
        self.heard.0.lock().unwrap().len()
    }

    /// Waits until `count` bytes have come.
    #[track_caller]
    fn wait_for(&self, count: usize) {
        let few = |bytes: &mut Vec<u8>| bytes.len() < count;
        let bytes = self.heard.0.lock().unwrap();
        let (bytes, late) = self
            .heard
            .1
            .wait_timeout_while(bytes, PATIENCE, few)
            .unwrap();
        assert!(!late.timed_out(), "{} of {count} bytes", bytes.len());
    }

    fn sound(&self) -> Vec<f32> {
        let bytes = self.heard.0.lock().unwrap();
        bytes.iter().copied().map(mulaw).collect()
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Positions of the announcements in what a client heard. It has no sequence numbers: distances show what is missing.
#[track_caller]
fn positions(who: &str, heard: &[f32], wanted: &[Vec<f32>]) -> Vec<usize> {
    let mut end = 0;
    let position = |(index, wanted): (usize, &Vec<f32>)| {
        let (start, likeness) = find(wanted, heard, end)
            .unwrap_or_else(|| panic!("{who} hears announcement {index} after sample {end}"));
        assert!(likeness > 0.99, "{who}, announcement {index}: {likeness}");
        end = start + wanted.len() - 8;
        start
    };
    wanted.iter().enumerate().map(position).collect()
}

fn distances(positions: &[usize]) -> Vec<usize> {
    positions.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Bytes that wait in the kernel on their way from the server's port to a client's.
fn waiting(server: u16, client: u16) -> u64 {
    let table = fs::read_to_string("/proc/net/tcp").expect("the kernel lists connections");
    let port = |address: &str| {
        let (_, port) = address.split_once(':')?;
        u16::from_str_radix(port, 16).ok()
    };
    let of_this = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.len() > 4 && port(fields[1]) == Some(server) && port(fields[2]) == Some(client)
    };
    let queue = table.lines().find(of_this).and_then(|line| {
        let (sent, _) = line.split_whitespace().nth(4)?.split_once(':')?;
        u64::from_str_radix(sent, 16).ok()
    });
    queue.unwrap_or(0)
}

/// Waits until nothing goes to a client any more, because it reads nothing.
fn wait_until_stuck(server: &Server, client: &Client) {
    let (_, port) = server.rtsp().rsplit_once(':').unwrap();
    let port = port.parse().unwrap();
    let started = Instant::now();
    while waiting(port, client.port()) < STUCK {
        let bytes = waiting(port, client.port());
        assert!(started.elapsed() < PATIENCE, "{bytes} bytes wait");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn of_ten_clients_one_is_stopped_one_reads_nothing_one_reconnects_fifty_times_and_the_others_lose_nothing()
 {
    let wanted = telephone(TEXTS);
    let server = Server::new(&["--camera", "none"]);
    let uri = server.uri("/speech");
    let connect = || {
        let listener = Listener::new(uri);
        listener.wait_for(1);
        listener
    };
    let mut listeners: Vec<Listener> = (0..5).map(|_| connect()).collect();
    let ffmpegs: Vec<Ffmpeg> = (0..2).map_while(|_| Ffmpeg::new(uri)).collect();
    listeners.extend((ffmpegs.len()..2).map(|_| connect()));
    ffmpegs.iter().for_each(|ffmpeg| ffmpeg.wait_for(1));
    let stopped = connect();
    let stop = ["-STOP", &stopped.pid().to_string()].map(str::to_owned);
    assert!(Command::new("kill").args(stop).status().unwrap().success());
    let mut reads_nothing = Client::with_a_small_buffer(&server);
    assert!(reads_nothing.play());
    wait_until_stuck(&server, &reads_nothing);

    let heard: Vec<&Listener> = listeners.iter().collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            for time in 0..RECONNECTS {
                let mut client = Client::new(&server);
                assert!(client.play(), "time {time}");
                assert!(client.packet().is_some(), "time {time}: no sound");
            }
        });
        say(&server, &TEXTS, &heard);
    });

    for (index, listener) in listeners.iter().enumerate() {
        assert_heard(&format!("listener {index}"), listener, &wanted);
    }
    let (_, packets) = listeners[0].heard();
    let first: Vec<f32> = packets[1..]
        .iter()
        .flat_map(|packet| packet.payload.iter().copied().map(mulaw))
        .collect();
    let there = distances(&positions("listener 0", &first, &wanted));
    for (index, ffmpeg) in ffmpegs.iter().enumerate() {
        let who = format!("ffmpeg {index}");
        ffmpeg.wait_for(ffmpeg.count() + 2 * SECOND);
        let here = distances(&positions(&who, &ffmpeg.sound(), &wanted));
        assert_eq!(here, there, "{who}: sound is missing between announcements");
        println!("{who}: {} announcements, nothing missing", wanted.len());
    }
    drop((listeners, ffmpegs, stopped, reads_nothing));
    assert!(server.end());
}
