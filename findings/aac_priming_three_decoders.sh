#!/usr/bin/env bash
# One would guess: of an AAC file in MP4 whose edit list names the encoder's 1024 priming samples every decoder gives the same
# samples, at least when it is asked to play without gaps.
# Seen: three decoders, three starts. ffmpeg drops the 1024 and is right. Rust's symphonia with enable_gapless = true drops none: it
# knows no delay for the track, and all is 1024 samples (21 ms) late. GStreamer's qtdemux and faad, written to a file, are
# 1024 samples early: 2048 are missing, the priming and the first 21 ms of the sound.
# Versions: ffmpeg 5.1.9, GStreamer 1.22.0 with libfaad2 2.10.1 (Debian 12), symphonia 0.5.5. Date: 2026-11-30. Source: found here.
set -euo pipefail
for tool in cargo ffmpeg python3 gst-launch-1.0; do command -v "$tool" > /dev/null || exit 77; done
for e in qtdemux faad audioconvert; do gst-inspect-1.0 --exists "$e" || exit 77; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat > Cargo.toml <<'T'
[package]
name = "decode"
version = "0.0.0"
edition = "2021"
[dependencies]
symphonia = { version = "=0.5.5", default-features = false, features = ["aac", "isomp4"] }
T
cat > src/main.rs <<'R'
use std::io::Write;
use symphonia::core::{audio::SampleBuffer, codecs::DecoderOptions, formats::FormatOptions, io::MediaSourceStream};
fn main() {
    let file = std::fs::File::open("sound.m4a").unwrap();
    let source = MediaSourceStream::new(Box::new(file), Default::default());
    let options = FormatOptions { enable_gapless: true, ..Default::default() };
    let mut format = symphonia::default::get_probe().format(&Default::default(), source, &options, &Default::default()).unwrap().format;
    let track = format.tracks()[0].codec_params.clone();
    println!("symphonia, gapless: delay {:?}, padding {:?}, {:?} frames", track.delay, track.padding, track.n_frames);
    let mut decoder = symphonia::default::get_codecs().make(&track, &DecoderOptions::default()).unwrap();
    let mut out = std::fs::File::create("symphonia").unwrap();
    while let Ok(packet) = format.next_packet() {
        let sound = decoder.decode(&packet).unwrap();
        let mut samples = SampleBuffer::<i16>::new(sound.capacity() as u64, *sound.spec());
        samples.copy_interleaved_ref(sound);
        samples.samples().iter().for_each(|s| out.write_all(&s.to_le_bytes()).unwrap());
    }
}
R
python3 - <<'P'
import array
import wave
sound = array.array("h", [0] * 48123)
for i in range(8):
    sound[24000 + i] = 30000 if i < 4 else -30000
with wave.open("sound.wav", "wb") as w:
    w.setparams((1, 2, 48000, 0, "NONE", ""))
    w.writeframes(sound.tobytes())
P
ffmpeg -version | head -1 | cut -d' ' -f1-3
gst-launch-1.0 --version | sed -n 2p
ffmpeg -v error -i sound.wav -c:a aac -b:a 128k sound.m4a
ffmpeg -v error -i sound.m4a -f s16le ffmpeg
gst-launch-1.0 -q filesrc location=sound.m4a ! qtdemux ! faad ! audioconvert ! audio/x-raw,format=S16LE,channels=1 ! filesink location=faad
cargo run --release --quiet 2> log || { tail -20 log; exit 77; }
python3 - <<'P'
import array
import sys
with open("sound.m4a", "rb") as f:
    mp4 = f.read()
at = mp4.index(b"elst") + 4  # then version and flags, how many, a duration, the first sample's time
start = int.from_bytes(mp4[at + 12:at + 16], "big")
print(f"48123 samples in; the edit list starts at {start}")
seen = {}
for name in ("ffmpeg", "symphonia", "faad"):
    out = array.array("h")
    with open(name, "rb") as f:
        out.frombytes(f.read())
    # the middle of the click is where its sign changes: the steepest fall
    seen[name] = len(out), min(range(1, len(out)), key=lambda i: out[i] - out[i - 1]) - 24004
    print(f"{name:9} {seen[name][0]} samples, the click {seen[name][1]} late")
sys.exit(0 if start == 1024 and seen == {"ffmpeg": (48128, 0), "symphonia": (49152, 1024), "faad": (47104, -1024)} else 1)
P
