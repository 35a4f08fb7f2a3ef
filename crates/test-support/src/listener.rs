//! An RTSP client in a process of its own.

use std::{
    io::Read,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Instant,
};

use crate::{hearing::Packet, place::PATIENCE};

/// `rtspsrc` of `gst-launch-1.0`, which writes down the RTP packets of the sound.
pub struct Listener {
    child: Child,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    packets: Mutex<Vec<(Instant, Packet)>>,
    more: Condvar,
}

impl Listener {
    /// Connects to `uri`.
    pub fn new(uri: &str) -> Self {
        let mut child = Command::new("gst-launch-1.0")
            .args(["-q", "rtspsrc", "protocols=tcp", "latency=100"])
            .arg(format!("location={uri}"))
            .args("! application/x-rtp,media=audio ! rtpstreampay ! fdsink".split(' '))
            .stdout(Stdio::piped())
            .spawn()
            .expect("gst-launch-1.0 is installed");
        let stream = child.stdout.take().unwrap();
        let heard = Arc::<Heard>::default();
        let hearing = heard.clone();
        thread::spawn(move || listen(stream, &hearing));
        Self { child, heard }
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Number of packets so far.
    pub fn count(&self) -> usize {
        self.heard.packets.lock().unwrap().len()
    }

    /// Waits until `count` packets have come.
    #[track_caller]
    pub fn wait_for(&self, count: usize) {
        let packets = self.heard.packets.lock().unwrap();
        let few = |packets: &mut Vec<_>| packets.len() < count;
        let (packets, late) = self
            .heard
            .more
            .wait_timeout_while(packets, PATIENCE, few)
            .unwrap();
        assert!(!late.timed_out(), "{} of {count} packets", packets.len());
    }

    /// Packets so far, and their times of arrival.
    pub fn heard(&self) -> (Vec<Instant>, Vec<Packet>) {
        self.heard.packets.lock().unwrap().iter().cloned().unzip()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads packets, each behind its length (RFC 4571).
fn listen(mut stream: ChildStdout, heard: &Heard) {
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut bytes).is_err() {
            return;
        }
        let packet = Packet::parse(&bytes);
        heard.packets.lock().unwrap().push((Instant::now(), packet));
        heard.more.notify_all();
    }
}
