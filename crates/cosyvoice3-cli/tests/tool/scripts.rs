//! `say.sh`, `dub.sh` and `page.sh`.

use std::{fs, net::UdpSocket, process::Command, time::Duration};

use crate::{
    HOSTILE, PROPERTIES, RATE, fails,
    heard::{decoded, speech, telephone},
    hearing::{self, Packet, find, without_a_hole},
    prepared, root, run, script, silently, succeeds, temporary,
};

#[test]
fn say_writes_files_of_every_kind_it_names() {
    let (_dir, file) = temporary();
    let wanted = speech("Да.");
    // Codecs keep this noise's loudness, and less of its waveform. MP3 begins late, by what LAME and its decoder need,
    // and ends with a whole frame.
    for (name, alike, alike_in_loudness, latest, longest) in [
        ("x.wav", 0.9999, 0.9999, 0, 0),
        ("x.flac", 0.9999, 0.9999, 0, 0),
        ("x.opus", 0.45, 0.97, 0, RATE / 50),
        ("x.mp3", 0.8, 0.99, 1105, 4 * 576),
    ] {
        let mut say = script("say.sh");
        say.arg("Да.").arg(file(name));
        succeeds(say, "");
        let heard = decoded(file(name));
        let (start, likeness) = find_loosely(&wanted, &heard, latest);
        let length = wanted.len().min(heard.len() - start);
        let in_loudness = hearing::correlation(
            &loudness(&wanted[..length]),
            &loudness(&heard[start..][..length]),
        );
        println!(
            "{name}: {likeness:.4}, in loudness {in_loudness:.4}, from sample {start} of {}",
            heard.len()
        );
        assert!(likeness > alike, "{name}: {likeness}");
        assert!(in_loudness > alike_in_loudness, "{name}: {in_loudness}");
        let longer = heard.len().checked_sub(wanted.len());
        assert!(
            longer.is_some_and(|longer| longer <= longest),
            "{name}: {longer:?}"
        );
    }
    let mut say = script("say.sh");
    say.arg("Да.").arg(file("x.aac"));
    assert!(fails(say, "").contains("FILE.mp3"));
}

/// Loudness of each 20 ms.
fn loudness(sound: &[f32]) -> Vec<f32> {
    let square = |part: &[f32]| part.iter().map(|sample| sample * sample).sum::<f32>();
    sound
        .chunks(RATE / 50)
        .map(|part| square(part).sqrt())
        .collect()
}

/// The best match up to sample `latest`.
fn find_loosely(wanted: &[f32], heard: &[f32], latest: usize) -> (usize, f64) {
    (0..=latest)
        .map(|start| {
            let there = &heard[start.min(heard.len())..];
            let length = wanted.len().min(there.len());
            (
                start,
                hearing::correlation(&wanted[..length], &there[..length]),
            )
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap()
}

#[test]
fn without_a_file_it_speaks_to_the_sound_device() {
    let mut say = silently(script("say.sh"));
    say.arg("Да.");
    succeeds(say, "");
}

#[track_caller]
fn assert_same(text: &str, wanted: &[f32], heard: &[f32]) {
    let of = |sound: &[f32]| sound.len();
    assert_eq!(of(wanted), of(heard), "{text:?}");
    let likeness = hearing::correlation(wanted, heard);
    assert!(likeness > 0.9999, "{text:?}: {likeness}");
}

#[test]
fn a_text_is_said_as_it_stands_whatever_characters_it_has() {
    for text in HOSTILE {
        let (dir, file) = temporary();
        let wanted = speech(text);
        let mut say = script("say.sh");
        say.current_dir(dir.path()).arg(text).arg(file("x.wav"));
        succeeds(say, "");
        assert_same(text, &wanted, &decoded(file("x.wav")));
        assert_eq!(crate::names(&dir), ["x.wav"], "{text:?}");
    }
}

#[test]
fn names_of_files_are_taken_as_they_stand() {
    for name in [
        "a b.wav",
        "a\"b'.wav",
        "a ! fakesink.wav",
        "--x.wav",
        "a\\.wav",
        "a\nb.wav",
        "$(touch y).wav",
    ] {
        let (dir, _) = temporary();
        let mut say = script("say.sh");
        say.current_dir(dir.path()).args(["Да.", name]);
        succeeds(say, "");
        assert_eq!(crate::names(&dir), [name]);

        let subtitles = format!("{name}.srt");
        fs::write(
            dir.path().join(&subtitles),
            "00:00:00,000 --> 00:00:01,000\nДа.\n",
        )
        .unwrap();
        let mut dub = script("dub.sh");
        dub.current_dir(dir.path()).args([&subtitles, "x.wav"]);
        succeeds(dub, "");
        assert_eq!(crate::names(&dir).len(), 3, "{name}");
    }
}

#[test]
fn properties_are_words_and_nothing_else() {
    let (_dir, file) = temporary();
    for (properties, part) in [
        ("speed=1 ! fakesink", "\"!\"|NAME=VALUE"),
        ("speed=9", "0.5 to 2"),
        ("seed=1\nspeed=9", "0.5 to 2"),
        ("seed=7\\", "seed=7\\"),
        ("voice=a\"b\\", "golden"),
        ("text=x", "TEXT"),
    ] {
        let mut say = script("say.sh");
        say.env("PROPERTIES", properties)
            .args(["Да.", &file("x.wav")]);
        let error = fails(say, "");
        assert!(part.split('|').any(|part| error.contains(part)), "{error}");
    }
}

/// `pipelines/NAME` under a watchdog: exit code 124 if it hangs.
fn watched(name: &str) -> Command {
    let mut command = prepared(Command::new("timeout"));
    command
        .args(["300", root().join("pipelines").join(name).to_str().unwrap()])
        .env("PROPERTIES", PROPERTIES.join(" "));
    silently(command)
}

#[test]
fn where_nothing_can_be_said_every_script_ends_with_one_clear_line() {
    let (dir, file) = temporary();
    let cues = "1\n00:00:00,000 --> 00:00:02,000\n?!\n";
    fs::write(file("signs.srt"), cues).unwrap();
    let (signs, track) = (file("signs.srt"), file("x.wav"));
    for (name, arguments, input) in [
        ("say.sh", vec!["?!", &track], ""),
        ("say.sh", vec!["?!"], ""),
        ("dub.sh", vec![&signs, &track], ""),
        ("page.sh", vec!["127.0.0.1", "9", "?!"], ""),
        ("page.sh", vec!["127.0.0.1", "9"], "?!\n\n?!\n"),
    ] {
        let mut command = watched(name);
        command.args(arguments);
        let (output, words) = run(command, input);
        assert_eq!(output.status.code(), Some(1), "{name}: {words}");
        let errors: Vec<&str> = words
            .lines()
            .filter(|line| line.starts_with("error: "))
            .collect();
        assert_eq!(errors.len(), 1, "{name}: {words}");
        assert!(errors[0].contains("nothing"), "{name}: {words}");
    }
    assert_eq!(crate::names(&dir), ["signs.srt"]);
}

#[test]
fn what_cannot_be_said_takes_nothing_else_along() {
    let (_dir, file) = temporary();
    let cues = "1\n00:00:00,000 --> 00:00:01,000\n?!\n\n2\n00:00:02,000 --> 00:00:03,000\nДа.\n";
    fs::write(file("film.srt"), cues).unwrap();
    let mut dub = watched("dub.sh");
    dub.arg(file("film.srt")).arg(file("track.wav"));
    let words = succeeds(dub, "");
    assert!(words.contains("2 cues read, 1 spoken"), "{words}");
    let wanted = speech("Да.");
    assert_eq!(decoded(file("track.wav")).len(), 2 * RATE + wanted.len());
    let heard = paged(None, "?!\nДа.\n?!\n");
    let (_, likeness) = find(&telephone("Да."), &heard, 0).expect("the text is heard");
    assert!(likeness > 0.99, "{likeness}");
}

#[test]
fn subtitles_are_dubbed_each_at_its_time() {
    let (_dir, file) = temporary();
    fs::write(
        file("film.srt"),
        "1\n00:00:01,000 --> 00:00:03,900\nДа.\n\n2\n00:00:06,000 --> 00:00:08,000\nНет.\n\n",
    )
    .unwrap();
    for name in ["track.wav", "track.opus"] {
        let mut dub = script("dub.sh");
        dub.arg(file("film.srt")).arg(file(name));
        let words = succeeds(dub, "");
        assert!(words.contains("film.srt: 2 cues read, 2 spoken"), "{words}");
    }
    let heard = decoded(file("track.wav"));
    for (text, second) in [("Да.", 1), ("Нет.", 6)] {
        let wanted = speech(text);
        let there = &heard[second * RATE..][..wanted.len()];
        assert!(hearing::correlation(&wanted, there) > 0.9999, "{text}");
    }
    assert!(heard[..RATE].iter().all(|sample| *sample == 0.0));
    // The same in a format that cannot leave time out.
    let difference = decoded(file("track.opus")).len().abs_diff(heard.len());
    println!("the Opus track is longer or shorter by {difference} samples");
    assert!(difference <= RATE / 50, "{difference} samples");
}

/// The packets that arrive at `socket` until the sender has ended.
fn received(socket: &UdpSocket) -> Vec<Packet> {
    socket.set_nonblocking(true).unwrap();
    let mut packets = Vec::new();
    let mut bytes = [0; 2048];
    while let Ok(length) = socket.recv(&mut bytes) {
        packets.push(Packet::parse(&bytes[..length]));
    }
    packets
}

/// Pages with these arguments after the port; returns the samples of the packets.
fn paged(text: Option<&str>, input: &str) -> Vec<f32> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    let mut page = script("page.sh");
    page.args(["127.0.0.1", &port]).args(text);
    succeeds(page, input);
    let packets = received(&socket);
    assert!(packets.iter().all(|packet| packet.payload_type == 0));
    let (last, whole) = packets.split_last().expect("packets");
    assert!(whole.iter().all(|packet| packet.payload.len() == 160));
    assert!(last.payload.len() <= 160);
    println!("{} packets", packets.len());
    without_a_hole(&packets)
}

#[test]
fn paging_sends_a_text_and_lines_as_pcmu_packets_of_20_ms() {
    let wanted = telephone("Да.");
    for (argument, input) in [(Some("Да."), ""), (None, "Да.\n")] {
        let heard = paged(argument, input);
        let (_, likeness) = find(&wanted, &heard, 0).expect("the text is heard");
        assert!(likeness > 0.99, "{likeness}");
    }
}

#[test]
fn a_page_says_its_text_as_it_stands_and_sends_it_to_an_address_alone() {
    // Of one sentence each: on a busy machine the second may come later than the first ends, which is a hole.
    for text in ["a \"b\" c=d", "a\\", "-"] {
        if text == "-" {
            let mut page = script("page.sh");
            page.args(["127.0.0.1", "9", text]);
            assert!(fails(page, "").contains("nothing to say"));
            continue;
        }
        let heard = paged(Some(text), "");
        let (_, likeness) = find(&telephone(text), &heard, 0).expect("the text is heard");
        assert!(likeness > 0.99, "{text:?}: {likeness}");
    }
    for (address, port) in [
        ("127.0.0.1 ! fakesink", "9"),
        ("127.0.0.1", "9 ! fakesink"),
        ("", "9"),
        ("h", "p"),
    ] {
        let mut page = script("page.sh");
        page.args([address, port, "Да."]);
        assert!(fails(page, "").contains("ADDRESS:PORT"));
    }
}
