//! Announcements as clients hear them.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    hearing::{find, without_a_hole},
    launch::{gst_launch, plugin_dir},
    listener::Listener,
    long,
    page::wav,
    root,
    server::Server,
    speech::telephone,
    tiny,
};

/// Each is said in about a second.
const TEXTS: [&str; 20] = [
    "Blue.",
    "Год.",
    "Путь.",
    "Хлеб.",
    "Река.",
    "Сад.",
    "Стол.",
    "Дом.",
    "Свет.",
    "One.",
    "Снег.",
    "Стул.",
    "Окно.",
    "Рука.",
    "Box.",
    "День.",
    "Сон.",
    "On.",
    "Луг.",
    "Мы.",
];
/// A second of packets.
const SECOND: usize = 50;

/// Fails unless `listener` heard `wanted` in order, each complete, in one stream without a hole; the arrival gaps.
#[track_caller]
pub fn assert_heard(who: &str, listener: &Listener, wanted: &[Vec<f32>]) {
    let (times, packets) = listener.heard();
    // The first packet may have waited until the client played.
    let heard = without_a_hole(&packets[1..]);
    let (mut end, mut worst) = (0, 1.0f64);
    for (index, wanted) in wanted.iter().enumerate() {
        let (start, likeness) = find(wanted, &heard, end.max(8) - 8)
            .unwrap_or_else(|| panic!("{who} hears announcement {index} after sample {end}"));
        assert!(likeness > 0.99, "{who}, announcement {index}: {likeness}");
        worst = worst.min(likeness);
        end = start + wanted.len();
    }
    let mut gaps: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort();
    let part = |percent: usize| gaps[(gaps.len() - 1) * percent / 100];
    println!(
        "{who}: {} announcements, likeness at least {worst:.5}; {} packets without a hole; between packets \
         {:.1?} median, {:.1?} at 99 %, {:.1?} at most",
        wanted.len(),
        packets.len(),
        part(50),
        part(99),
        part(100),
    );
}

/// Says texts one behind the other and waits until all listeners have heard them.
pub fn say(server: &Server, texts: &[&str], listeners: &[&Listener]) {
    let ids: Vec<u64> = texts.iter().map(|text| server.say(text)).collect();
    for id in ids {
        server.wait_for(&format!("announcement {id} finished"));
    }
    for listener in listeners {
        listener.wait_for(listener.count() + 2 * SECOND);
    }
}

#[test]
fn clients_that_come_and_go_hear_each_announcement_in_order_and_complete() {
    let wanted = telephone(TEXTS);
    let seconds = wanted.iter().map(Vec::len).sum::<usize>() as f64 / 8000.0;
    println!("{seconds:.1} s of speech");
    let server = Server::new(&["--camera", "none"]);
    let began = Instant::now();
    let connect = || {
        let listener = Listener::new(server.uri("/speech"));
        listener.wait_for(1);
        listener
    };
    let stays = connect();
    if long() {
        // Twenty announcements in ten minutes, by one client.
        for (index, text) in TEXTS.iter().enumerate() {
            say(&server, &[text], &[&stays]);
            let due = (index + 1) * 30 * SECOND;
            stays.wait_for(due);
        }
        assert_heard("a client of ten minutes", &stays, &wanted);
    }
    let before = if long() { TEXTS.len() } else { 0 };
    say(&server, &TEXTS[..5], &[&stays]);
    let (second, third) = (connect(), connect());
    say(&server, &TEXTS[5..12], &[&stays, &second, &third]);
    assert_heard("the second of three", &second, &wanted[5..12]);
    assert_heard("the third of three", &third, &wanted[5..12]);
    drop((second, third));
    server.wait_for("a client disconnected");
    server.wait_for("a client disconnected");
    say(&server, &TEXTS[12..15], &[&stays]);
    let fourth = connect();
    say(&server, &TEXTS[15..], &[&stays, &fourth]);
    assert_heard("the fourth, who came late", &fourth, &wanted[15..]);
    let all = [&wanted[..before], &wanted[..]].concat();
    assert_heard("who stays", &stays, &all);
    println!("{:.1?} in all", began.elapsed());
    drop((stays, fourth));
    server.wait_for("a client disconnected");
    // Without clients the stream was taken down; the next client gets a new one.
    let next = connect();
    say(&server, &TEXTS[..1], &[&next]);
    assert_heard("the one after all others", &next, &wanted[..1]);
    assert!(server.end());
}

/// A client gets five pictures, which `decoder` makes of what is sent.
#[track_caller]
fn assert_picture(uri: &str, decoder: &str) {
    let client = format!(
        "-q rtspsrc protocols=tcp location={uri} ! application/x-rtp,media=video ! {decoder} \
         ! fakesink num-buffers=5"
    );
    launch(&client);
}

/// Runs a pipeline to its end.
#[track_caller]
fn launch(pipeline: &str) {
    let (output, words) = gst_launch(&pipeline.split_whitespace().collect::<Vec<_>>(), &[]);
    assert!(output.status.success(), "{words}");
}

const JPEG: &str = "rtpjpegdepay ! jpegdec ! video/x-raw,width=640,height=360";

#[test]
fn a_file_can_be_the_camera() {
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/picture.avi");
    let make = format!(
        "-q videotestsrc num-buffers=300 ! video/x-raw,width=640,height=360,framerate=10/1 ! jpegenc \
         ! avimux ! filesink location={file}"
    );
    launch(&make);
    let server = Server::new(&["--camera", &format!("file://{file}")]);
    gst::init().unwrap();
    let sent = match gst::ElementFactory::find("x264enc") {
        Some(_) => {
            "rtph264depay ! h264parse ! video/x-h264,width=640,height=360,profile=constrained-baseline"
        }
        None => JPEG,
    };
    assert_picture(server.uri("/camera"), sent);
    assert!(server.end());
}

#[test]
fn picture_and_sound_come_together_and_lines_are_said_too() {
    let wanted = telephone(["Да."]);
    let camera = Server::new(&[]);
    let uri = camera.uri("/camera").to_string();
    // One server is the camera of the other.
    let mut server = Server::new(&["--camera", &uri, "--camera-codec", "jpeg"]);
    assert_picture(server.uri("/camera"), JPEG);
    let listener = Listener::new(server.uri("/camera"));
    listener.wait_for(1);
    writeln!(server.stdin, "\nДа.").unwrap();
    server.wait_for("announcement 1 finished");
    listener.wait_for(listener.count() + 2 * SECOND);
    assert_heard("who sees the picture", &listener, &wanted);
    assert!(server.end() && camera.end());
}

#[test]
fn what_is_important_interrupts_and_what_is_taken_back_is_not_heard() {
    let wanted = telephone(["Да.", "Нет."]);
    let server = Server::new(&["--camera", "none"]);
    let listener = Listener::new(server.uri("/speech"));
    listener.wait_for(1);
    let first = server.say("Раз, два, три, четыре, пять, шесть, семь, восемь.");
    server.wait_for(&format!("announcement {first} started"));
    let waits = server.say("Час.");
    let (status, id) = server.post("/say?priority=5&interrupt=now", "Да.");
    assert_eq!(status, 202, "{id}");
    assert_eq!(
        server.post(&format!("/cancel?id={waits}"), ""),
        (202, "cancelled".into())
    );
    server.wait_for(&format!("announcement {id} finished"));
    say(&server, &["Нет."], &[&listener]);
    assert_heard("who heard the alarm", &listener, &wanted);
    for (target, text, status) in [
        ("/say", " \n", 400),
        ("/say?pitch=3", "Да.", 400),
        ("/say?priority=high", "Да.", 400),
        ("/cancel?id=1000", "", 404),
        ("/nowhere", "Да.", 404),
    ] {
        let (answer, words) = server.post(target, text);
        assert_eq!(answer, status, "{target}: {words}");
    }
    assert!(server.end());
}

/// Length of the chime, in seconds.
const CHIME: f32 = 0.5;

/// A tone that rises from 300 to 1500 Hz.
fn chime(rate: f32) -> Vec<f32> {
    let samples = (CHIME * rate) as usize;
    let times = (0..samples).map(|index| index as f32 / rate);
    let phase = |time: f32| std::f32::consts::TAU * (300.0 + 600.0 / CHIME * time) * time;
    times.map(|time| 0.4 * phase(time).sin()).collect()
}

/// Level of a sound: the root of its mean square.
fn level(sound: &[f32]) -> f32 {
    (sound.iter().map(|sample| sample * sample).sum::<f32>() / sound.len() as f32).sqrt()
}

/// Fails unless `heard` has `wanted` behind `from`, `gain` times as loud; its first sample.
#[track_caller]
fn assert_there(what: &str, wanted: &[f32], heard: &[f32], from: usize, gain: f32) -> usize {
    let (start, likeness) = find(wanted, heard, from).expect(what);
    let there = &heard[start..start + wanted.len()];
    let ratio = level(there) / level(wanted);
    println!("{what}: at sample {start}, likeness {likeness:.4}, {ratio:.3} times as loud");
    assert!(likeness > 0.98, "{what}: {likeness}");
    assert!(
        (ratio / gain - 1.0).abs() < 0.1,
        "{what}: {ratio}, not {gain}"
    );
    start
}

#[test]
fn a_client_hears_the_chime_once_and_the_text_as_often_and_as_loud_as_was_asked() {
    let chimes = tempfile::tempdir().unwrap();
    let pcm = chime(24_000.0);
    let pcm = pcm.iter().map(|sample| (sample * 32_767.0) as i16);
    let pcm: Vec<u8> = pcm.flat_map(i16::to_le_bytes).collect();
    std::fs::write(chimes.path().join("gong.wav"), wav(&pcm)).unwrap();
    let [text] = telephone(["Да."]);
    let gong = chime(8000.0);
    let chimes = chimes.path().to_str().unwrap();
    let server = Server::new(&["--camera", "none", "--chimes", chimes]);
    let listener = Listener::new(server.uri("/speech"));
    listener.wait_for(1);
    // A quarter as loud, then half as loud and without a chime.
    for (fields, gain, times, with_chime) in [
        ("chime=gong.wav&volume=-12.04&repeat=3", 0.25, 3, true),
        ("volume=-6.02&chime=none", 0.5, 1, false),
    ] {
        let before = listener.count();
        let (status, id) = server.post(&format!("/say?{fields}"), "Да.");
        assert_eq!(status, 202, "{id}");
        let first: u64 = id.parse().unwrap();
        server.wait_for(&format!("announcement {} finished", first + times - 1));
        // What is late behind the chime comes too.
        listener.wait_for(listener.count() + 3 * SECOND);
        let (_, packets) = listener.heard();
        let heard = without_a_hole(&packets[before.max(1)..]);
        let mut end = 0;
        if with_chime {
            // Only the text has the volume.
            end = assert_there("the chime", &gong, &heard, 0, 1.0) + gong.len();
        }
        for time in 1..=times {
            let start = assert_there(&format!("time {time}"), &text, &heard, end.max(8) - 8, gain);
            if time == 1 && with_chime {
                assert!(
                    start < end + 80,
                    "the text starts at {start}, the chime ends at {end}"
                );
            }
            end = start + text.len();
        }
        // No second chime, and nothing behind.
        let sounding = |sound: &[f32]| sound.iter().filter(|sample| sample.abs() > 0.002).count();
        assert_eq!(sounding(&heard[end + 80..]), 0, "{fields}");
        let wanted = times as usize * text.len() + usize::from(with_chime) * gong.len();
        let all = sounding(&heard);
        assert!(
            all <= wanted + 200,
            "{fields}: {all} samples sound, of {wanted}"
        );
    }
    assert!(server.end());
}

#[test]
fn the_script_starts_the_server() {
    let plugins = plugin_dir();
    let path = std::env::var("PATH").unwrap();
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_cosyvoice3"));
    let mut child = Command::new(root().join("pipelines/rtsp.sh"))
        .args([
            "--rtsp",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
            "--camera",
            "none",
        ])
        .env(
            "PATH",
            format!("{}:{path}", binary.parent().unwrap().display()),
        )
        .env("COSYVOICE3_PREPARED", "1")
        .env("COSYVOICE3_MODEL_PATH", tiny())
        .env("GST_PLUGIN_PATH", &plugins)
        .env("GST_REGISTRY", plugins.join("registry.bin"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut uri = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut uri).unwrap();
    let listener = Listener::new(uri.trim());
    listener.wait_for(SECOND);
    child.kill().unwrap();
    child.wait().unwrap();
}
