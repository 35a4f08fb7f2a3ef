//! Cameras that fail, and those that come back.

use std::{
    collections::HashSet,
    io::Read,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use crate::{
    PATIENCE,
    hearing::{find, without_a_hole},
    launch::gst_launch,
    listener::Listener,
    server::{Server, command_at},
    speech::telephone,
};

/// A client that stays, and notes each picture.
struct Viewer {
    client: Child,
    pictures: Receiver<Vec<u8>>,
}

impl Viewer {
    fn new(uri: &str) -> Self {
        let mut client = Command::new("gst-launch-1.0")
            .args(["-q", "rtspsrc", "protocols=tcp"])
            .arg(format!("location={uri}"))
            .args(
                "! application/x-rtp,media=video ! rtpjpegdepay ! jpegdec ! videoconvert"
                    .split(' '),
            )
            .args("! videoscale ! video/x-raw,format=GRAY8,width=64,height=36 ! fdsink".split(' '))
            .stdout(Stdio::piped())
            .spawn()
            .expect("gst-launch-1.0 is installed");
        let mut stdout = client.stdout.take().unwrap();
        let (seen, pictures) = channel();
        thread::spawn(move || {
            let mut picture = [0; 64 * 36];
            while stdout.read_exact(&mut picture).is_ok() && seen.send(picture.to_vec()).is_ok() {}
        });
        Self { client, pictures }
    }

    fn next(&self) -> Vec<u8> {
        self.pictures.recv_timeout(PATIENCE).expect("a picture")
    }

    /// Waits until something moves: five pictures that differ.
    fn wait_for_motion(&self) {
        while self.pictures.try_recv().is_ok() {}
        let mut different = HashSet::new();
        while different.len() < 5 {
            different.insert(self.next());
        }
    }

    /// Waits until the picture stands still.
    fn wait_for_still(&self) {
        while self.next() != self.next() {}
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

#[test]
fn a_camera_that_was_lost_is_shown_again_and_speech_goes_on_meanwhile() {
    let [wanted] = telephone(["Да."]);
    // Another server is the camera.
    let first = Server::start(&mut command_at("127.0.0.1:0"));
    let (address, uri) = (first.rtsp().to_string(), first.uri("/camera").to_string());
    let server = Server::new(&["--camera", &uri, "--camera-codec", "jpeg"]);
    let viewer = Viewer::new(server.uri("/camera"));
    let listener = Listener::new(server.uri("/camera"));
    viewer.wait_for_motion();
    listener.wait_for(1);

    // Killed, as by a cut of power.
    drop(first);
    server.wait_for_start("camera lost");
    viewer.wait_for_still();
    let id = server.say("Да.");
    server.wait_for(&format!("announcement {id} finished"));

    let _second = Server::start(&mut command_at(&address));
    server.wait_for("camera back");
    viewer.wait_for_motion();

    let lines = server.lines();
    assert!(
        !lines.iter().any(|line| line.starts_with("camera")),
        "{lines:?}"
    );
    listener.wait_for(listener.count() + 100);
    let (_, packets) = listener.heard();
    let (_, likeness) = find(&wanted, &without_a_hole(&packets[1..]), 0).expect("it is heard");
    assert!(likeness > 0.99, "{likeness}");
    assert!(server.end());
}

#[test]
fn a_camera_that_never_answers_leaves_a_line_and_clients_get_black_pictures_and_speech() {
    for (codec, payload) in [("h264", "H264"), ("h265", "H265"), ("jpeg", "JPEG")] {
        let uri = "rtsp://user:geheim@127.0.0.1:1/camera";
        let server = Server::new(&["--camera", uri, "--camera-codec", codec]);
        let client = format!(
            "rtspsrc protocols=tcp location={} \
             ! application/x-rtp,media=video,encoding-name={payload} ! fakesink num-buffers=2",
            server.uri("/camera")
        );
        let (_, words) = gst_launch(&client.split_whitespace().collect::<Vec<_>>(), &[]);
        // Not the exit status: on the way down rtspsrc 1.22 may ask for a pause after it has closed the session.
        assert!(words.contains("Got EOS from element"), "{codec}: {words}");
        let line = server.wait_for_start("camera lost");
        assert!(!line.contains("geheim"), "{line}");
        let listener = Listener::new(server.uri("/camera"));
        listener.wait_for(50);
        assert!(server.end());
    }
}

#[test]
fn a_camera_that_freezes_is_connected_anew() {
    let camera = Server::start(&mut command_at("127.0.0.1:0"));
    let uri = camera.uri("/camera");
    let server = Server::new(&["--camera", uri, "--camera-codec", "jpeg"]);
    let viewer = Viewer::new(server.uri("/camera"));
    viewer.wait_for_motion();
    let signal = |name: &str| {
        let pid = camera.pid().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    };
    // Its connections stay open, as behind a cable that was pulled out.
    signal("-STOP");
    let line = server.wait_for_start("camera lost");
    assert!(line.contains("no picture"), "{line}");
    viewer.wait_for_still();
    signal("-CONT");
    server.wait_for("camera back");
    viewer.wait_for_motion();
    assert!(server.end());
}
