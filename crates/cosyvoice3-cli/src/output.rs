//! Destinations of the speech: the sound device, a file, or loudspeakers by RTP.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use gst::prelude::*;

use crate::elements::{make, raw};

/// The kind of a sound file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Wav,
    WavOfFloats,
    Opus,
    Mp3,
    Flac,
}

/// A destination of the speech.
#[derive(Debug)]
pub enum Output {
    /// The default sound device.
    Device,
    /// A file.
    File(File),
    /// A loudspeaker, or a multicast group of them.
    Rtp {
        /// Name or number of the host or group.
        host: String,
        /// UDP port.
        port: u16,
    },
}

/// A file that gets its name once it is complete.
#[derive(Debug)]
pub struct File {
    kind: Kind,
    /// The requested file.
    wanted: PathBuf,
    /// The file that is written: a neighbour of it, or the same if that is a device or a pipe.
    written: PathBuf,
}

impl Output {
    /// Pages a loudspeaker at `HOST:PORT`; an IPv6 address may stand in brackets.
    pub fn rtp(address: &str) -> Result<Self> {
        let expected = || format!("--rtp {address}: expected ADDRESS:PORT, as in 239.255.0.1:5004");
        let (host, port) = address.rsplit_once(':').with_context(expected)?;
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let known = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
        ensure!(!host.is_empty() && host.chars().all(known), expected());
        let port: u16 = port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .with_context(expected)?;
        Ok(Self::Rtp {
            host: host.to_owned(),
            port,
        })
    }

    /// Writes `path`, as the kind that its ending names.
    ///
    /// # Errors
    /// The ending names none, or the file cannot be written.
    pub fn file(path: &Path, floats: bool) -> Result<Self> {
        let ending = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_ascii_lowercase();
        let kind = match ending.as_str() {
            "wav" if floats => Kind::WavOfFloats,
            "wav" => Kind::Wav,
            _ if floats => bail!(
                "{}: only a WAV file (FILE.wav) can hold floats",
                path.display()
            ),
            "opus" | "ogg" => Kind::Opus,
            "mp3" => Kind::Mp3,
            "flac" => Kind::Flac,
            _ => bail!(
                "{} is not FILE.wav, FILE.opus, FILE.ogg, FILE.mp3 or FILE.flac",
                path.display()
            ),
        };
        let written = match fs::metadata(path) {
            Ok(there) if there.is_dir() => bail!("{} is a directory", path.display()),
            Ok(there) if !there.is_file() => path.to_owned(),
            _ => neighbour(path)?,
        };
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&written)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Self::File(File {
            kind,
            wanted: path.to_owned(),
            written,
        }))
    }

    /// Returns true if the sound is played while it is made.
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::File(_))
    }

    /// The elements from raw sound on, in their order.
    pub fn elements(&self) -> Result<Vec<gst::Element>> {
        match self {
            Self::Device => Ok(vec![
                make("audioconvert")?,
                make("audioresample")?,
                make("autoaudiosink")?,
            ]),
            Self::File(file) => file.elements(),
            Self::Rtp { host, port } => {
                let pay = make("rtppcmupay")?;
                // Every packet holds 20 ms, the last one what is left.
                pay.set_property("min-ptime", 20_000_000i64);
                pay.set_property("max-ptime", 20_000_000i64);
                // Counting samples instead, the payloader gains a packet at each pause between two texts
                // (findings/gst_rtp_timestamps_at_a_pause.sh).
                pay.set_property("perfect-rtptime", false);
                let sink = make("udpsink")?;
                sink.set_property("host", host);
                sink.set_property("port", i32::from(*port));
                sink.set_property("auto-multicast", true);
                sink.set_property("ttl-mc", 4i32);
                Ok(vec![
                    make("audioconvert")?,
                    make("audioresample")?,
                    make("mulawenc")?,
                    pay,
                    sink,
                ])
            }
        }
    }
}

impl File {
    fn elements(&self) -> Result<Vec<gst::Element>> {
        let encoder: Vec<gst::Element> = match self.kind {
            Kind::WavOfFloats => vec![make("wavenc")?],
            Kind::Wav => vec![converter()?, raw("S16LE")?, make("wavenc")?],
            Kind::Flac => vec![converter()?, raw("S16LE")?, make("flacenc")?],
            Kind::Opus => {
                let encoder = make("opusenc")?;
                encoder.set_property_from_str("audio-type", "voice");
                vec![
                    make("audioconvert")?,
                    make("audioresample")?,
                    encoder,
                    make("oggmux")?,
                ]
            }
            Kind::Mp3 => {
                let encoder = make("lamemp3enc")?;
                encoder.set_property("quality", 2f32);
                vec![make("audioconvert")?, make("audioresample")?, encoder]
            }
        };
        let sink = make("filesink")?;
        let location = self.written.to_str();
        let location =
            location.with_context(|| format!("{:?}: the name is not UTF-8", self.wanted))?;
        sink.set_property("location", location);
        Ok(encoder.into_iter().chain([sink]).collect())
    }

    /// The requested file.
    pub fn path(&self) -> &Path {
        &self.wanted
    }

    /// Gives the written file its requested name.
    pub fn keep(&self) -> Result<()> {
        if self.written != self.wanted {
            fs::rename(&self.written, &self.wanted)
                .with_context(|| format!("{} cannot be written", self.wanted.display()))?;
        }
        Ok(())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if self.written != self.wanted {
            let _ = fs::remove_file(&self.written);
        }
    }
}

/// Floats to integers by rounding alone, so that the same seed gives the same file and silence stays silence.
fn converter() -> Result<gst::Element> {
    let converter = make("audioconvert")?;
    converter.set_property_from_str("dithering", "none");
    Ok(converter)
}

/// A name beside `path` that no other process uses.
pub fn neighbour(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().context("a file has a name")?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.part", std::process::id()));
    Ok(path.with_file_name(hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Timestamps of RTP packets for sound that begins at these times, in milliseconds, 20 ms each time.
    fn rtp_times(starts: &[u64]) -> Vec<u32> {
        gst::init().unwrap();
        let pipeline = gst::Pipeline::new();
        let source = gst::ElementFactory::make("appsrc")
            .property_from_str("format", "time")
            .property(
                "caps",
                "audio/x-raw,format=F32LE,rate=24000,channels=1,layout=interleaved"
                    .parse::<gst::Caps>()
                    .unwrap(),
            )
            .build()
            .unwrap();
        let mut elements = Output::rtp("127.0.0.1:5004").unwrap().elements().unwrap();
        elements.pop();
        elements.push(make("fakesink").unwrap());
        elements.insert(0, source.clone());
        pipeline.add_many(&elements).unwrap();
        gst::Element::link_many(&elements).unwrap();
        let times = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let heard = times.clone();
        let pad = elements.last().unwrap().static_pad("sink").unwrap();
        pad.add_probe(
            gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST,
            move |_, info| {
                let buffers: Vec<gst::Buffer> = match &info.data {
                    Some(gst::PadProbeData::Buffer(buffer)) => vec![buffer.clone()],
                    Some(gst::PadProbeData::BufferList(list)) => list.iter_owned().collect(),
                    _ => Vec::new(),
                };
                for buffer in buffers {
                    let map = buffer.map_readable().unwrap();
                    heard
                        .lock()
                        .unwrap()
                        .push(u32::from_be_bytes(map[4..8].try_into().unwrap()));
                }
                gst::PadProbeReturn::Ok
            },
        );
        pipeline.set_state(gst::State::Playing).unwrap();
        for start in starts {
            let mut buffer = gst::Buffer::from_slice([0u8; 480 * 4]);
            let about = buffer.make_mut();
            about.set_pts(gst::ClockTime::from_mseconds(*start));
            about.set_duration(gst::ClockTime::from_mseconds(20));
            let _ = source.emit_by_name::<gst::FlowReturn>("push-buffer", &[&buffer]);
        }
        let _ = source.emit_by_name::<gst::FlowReturn>("end-of-stream", &[]);
        let bus = pipeline.bus().unwrap();
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let end = bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &ends);
        assert_eq!(end.unwrap().type_(), gst::MessageType::Eos);
        pipeline.set_state(gst::State::Null).unwrap();
        let times = times.lock().unwrap();
        times
            .iter()
            .map(|time| time.wrapping_sub(times[0]))
            .collect()
    }

    #[test]
    fn a_pause_between_two_texts_is_as_long_for_the_loudspeaker() {
        assert_eq!(
            rtp_times(&[0, 20, 540, 560, 2_000]),
            [0, 160, 4_320, 4_480, 16_000]
        );
    }

    #[test]
    fn addresses_are_taken_as_people_write_them() {
        for (address, host) in [
            ("239.255.0.1:5004", "239.255.0.1"),
            ("speaker-2.example:5004", "speaker-2.example"),
            ("[ff02::1%eth0]:5004", "ff02::1%eth0"),
            ("::1:5004", "::1"),
        ] {
            match Output::rtp(address).unwrap() {
                Output::Rtp {
                    host: found,
                    port: 5004,
                } => assert_eq!(found, host),
                other => panic!("{address}: {other:?}"),
            }
        }
        for address in [
            "",
            "host",
            "host:",
            ":5004",
            "host:0",
            "host:70000",
            "a b:5004",
            "x!y:5004",
            "\"h:5004",
        ] {
            let words = format!("{:#}", Output::rtp(address).unwrap_err());
            assert!(words.contains("ADDRESS:PORT"), "{words}");
        }
    }

    #[test]
    fn a_file_that_was_not_finished_leaves_the_old_one_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.wav");
        fs::write(&path, "old").unwrap();
        let Output::File(file) = Output::file(&path, false).unwrap() else {
            panic!("a file");
        };
        fs::write(&file.written, "new").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let Output::File(file) = Output::file(&path, false).unwrap() else {
            panic!("a file");
        };
        fs::write(&file.written, "new").unwrap();
        file.keep().unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn files_that_cannot_be_written_are_refused_before_anything_is_made() {
        let dir = tempfile::tempdir().unwrap();
        for (path, floats, part) in [
            ("x.aac", false, "FILE.mp3"),
            ("wav", false, "FILE.wav"),
            ("x.mp3", true, "only a WAV file"),
            ("missing/x.wav", false, "cannot be written"),
        ] {
            let words = format!(
                "{:#}",
                Output::file(&dir.path().join(path), floats).unwrap_err()
            );
            assert!(words.contains(part), "{path}: {words}");
        }
        fs::create_dir(dir.path().join("d.wav")).unwrap();
        let words = Output::file(&dir.path().join("d.wav"), false)
            .unwrap_err()
            .to_string();
        assert!(words.contains("is a directory"), "{words}");
    }
}
