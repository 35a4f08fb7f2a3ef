//! The element's speech when nothing hurries it.

use std::{fs, path::Path};

use crate::{hearing::mulaw, launch::gst_launch, models::tiny, place::new_dir};

/// Settings of the element: few steps, and no threads that wait for each other.
pub const PROPERTIES: &str = "flow-steps=2 threads=1 verify=never";

/// Each text as a telephone carries it: 8 kHz, µ-law and back.
pub fn telephone<const N: usize>(texts: [&str; N]) -> [Vec<f32>; N] {
    let dir = new_dir("speech");
    let speech = texts.map(|text| {
        let file = dir.join("speech.mulaw");
        render(text, &file);
        fs::read(file).unwrap().into_iter().map(mulaw).collect()
    });
    fs::remove_dir_all(dir).unwrap();
    speech
}

fn render(text: &str, file: &Path) {
    let (text, location) = (
        format!("text={text}"),
        format!("location={}", file.display()),
    );
    let mut pipeline = vec!["-q", "cosyvoice3src", &text];
    pipeline.extend(PROPERTIES.split(' '));
    pipeline.extend(
        "! audioconvert dithering=none ! audioresample ! audio/x-raw,rate=8000 ! mulawenc"
            .split(' '),
    );
    pipeline.extend(["!", "filesink", &location]);
    let (output, words) = gst_launch(&pipeline, &[("COSYVOICE3_MODEL_PATH", &tiny())]);
    assert!(output.status.success(), "{words}");
}
