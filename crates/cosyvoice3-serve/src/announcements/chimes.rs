//! Sounds that may come before announcements.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context, Result, bail, ensure};
use gst::prelude::*;

/// Longest chime, in samples: 10 s.
const LONGEST: usize = 10 * cosyvoice3::SAMPLE_RATE as usize;
/// Most files of the directory.
const MOST: usize = 64;

/// Pause between looks for an error.
const WAIT: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// Chimes by the names of their files.
pub type Chimes = BTreeMap<String, Arc<[f32]>>;

/// Reads all files of a directory, whatever GStreamer can decode.
///
/// # Errors
/// The directory cannot be read, holds too many files, or one that is no sound or too long.
pub fn read(dir: &Path) -> Result<Chimes> {
    let reading = || format!("--chimes {}", dir.display());
    let mut chimes = Chimes::new();
    for entry in std::fs::read_dir(dir).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !path.is_file() || name.starts_with('.') {
            continue;
        }
        ensure!(
            chimes.len() < MOST,
            "--chimes {}: more than {MOST} files",
            dir.display()
        );
        let samples = decode(&path).with_context(|| format!("--chimes: {}", path.display()))?;
        chimes.insert(name, samples.into());
    }
    Ok(chimes)
}

/// The sound of a file, 24 kHz mono.
fn decode(path: &Path) -> Result<Vec<f32>> {
    let rate = cosyvoice3::SAMPLE_RATE;
    let description = format!(
        "filesrc name=file ! decodebin ! audioconvert ! audioresample ! audio/x-raw,format=F32LE,rate={rate},channels=1 \
         ! appsink name=sound sync=false"
    );
    let pipeline = gst::parse::launch(&description)?
        .downcast::<gst::Pipeline>()
        .map_err(|_| anyhow::anyhow!("it is no pipeline"))?;
    let by_name = |name| pipeline.by_name(name).context("it is in the description");
    by_name("file")?.set_property("location", path);
    let sink = by_name("sound")?
        .downcast::<gst_app::AppSink>()
        .map_err(|_| anyhow::anyhow!("it is an appsink"))?;
    let bus = pipeline.bus().context("a pipeline has a bus")?;
    let started = pipeline.set_state(gst::State::Playing);
    let mut samples = Vec::new();
    let failure = loop {
        if let Some(sample) = sink.try_pull_sample(WAIT) {
            let Some(map) = sample
                .buffer()
                .and_then(|buffer| buffer.map_readable().ok())
            else {
                break Some("its samples cannot be read".to_string());
            };
            samples.extend(
                map.chunks_exact(4)
                    .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
            );
        } else if let Some(message) = bus.pop_filtered(&[gst::MessageType::Error]) {
            let gst::MessageView::Error(error) = message.view() else {
                continue;
            };
            break Some(error.error().to_string());
        } else if started.is_err() || sink.is_eos() {
            break None;
        }
        if samples.len() > LONGEST {
            break Some(format!("it is longer than {} s", LONGEST / rate as usize));
        }
    };
    let _ = pipeline.set_state(gst::State::Null);
    if let Some(failure) = failure {
        bail!("{failure}");
    }
    ensure!(!samples.is_empty(), "it holds no sound");
    Ok(samples)
}
