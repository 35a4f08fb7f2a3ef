//! Subtitles as speech: the cues of a file as timed text, and an account of each.

use std::{collections::HashMap, fs, io::Read, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use cosyvoice3_text::is_speakable;

use crate::{
    options::SayOptions,
    subtitles::{Cue, Track, charset, clock},
};

/// No file of subtitles is longer, in bytes; a film takes to 200,000.
const LONGEST: u64 = 64 << 20;
/// A delay that is worth a word.
const LATE: Duration = Duration::from_millis(500);

/// The cues of a file on their way to become speech.
#[derive(Debug)]
pub struct Dub {
    file: String,
    lines: Vec<Line>,
    unread: Vec<String>,
    repeated: usize,
    /// Lines by the id that the element gave them.
    ids: HashMap<u64, usize>,
    /// The first line that was not handed over yet.
    next: usize,
    latest: Duration,
}

#[derive(Debug)]
struct Line {
    cue: Cue,
    /// The words of the cue.
    text: String,
    fate: Fate,
}

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing was heard of it yet.
    Waiting,
    Said,
    NotSaid(String),
}

impl Dub {
    /// Reads a file. Its encoding, if another than UTF-8, and parts that are no cues are lines on standard error.
    ///
    /// # Errors
    /// The file cannot be read, or holds nothing that can be spoken.
    pub fn read(path: &Path, options: &SayOptions) -> Result<Self> {
        let file = path.display().to_string();
        let decoded = charset::decode(&bytes_of(path)?);
        if let Some(note) = &decoded.note {
            eprintln!("{file}: {note}");
        }
        let track = Track::read(&decoded.text).with_context(|| {
            format!("{file} holds no cue: expected SubRip (.srt), WebVTT (.vtt) or SubStation Alpha (.ass, .ssa)")
        })?;
        Self::of_track(file, track, options)
    }

    fn of_track(file: String, track: Track, options: &SayOptions) -> Result<Self> {
        let unread = track.unread.iter();
        let unread =
            unread.map(|part| format!("line {}: no cue begins at {:?}", part.line, part.text));
        let lines = track.cues.into_iter().map(|cue| {
            let text = words(&cue.text, options);
            let fate = match is_speakable(&text) {
                true => Fate::Waiting,
                false => Fate::NotSaid("there is no word in it".into()),
            };
            Line { cue, text, fate }
        });
        let dub = Self {
            file,
            lines: lines.collect(),
            unread: unread.collect(),
            repeated: track.repeated,
            ids: HashMap::new(),
            next: 0,
            latest: Duration::ZERO,
        };
        if dub.lines.iter().all(|line| line.fate != Fate::Waiting) {
            bail!("{}: nothing to say: no cue has a word in it", dub.file);
        }
        Ok(dub)
    }

    /// The cues as buffers of text with times, in the order in which they are to be heard.
    pub fn buffers(&self) -> Vec<gst::Buffer> {
        let spoken = self.lines.iter().filter(|line| line.fate == Fate::Waiting);
        let buffer = |line: &Line| {
            let mut buffer = gst::Buffer::from_slice(line.text.clone().into_bytes());
            let content = buffer.make_mut();
            content.set_pts(gst::ClockTime::try_from(line.cue.start).ok());
            let duration = line.cue.end.map(|end| end - line.cue.start);
            content.set_duration(
                duration.and_then(|duration| gst::ClockTime::try_from(duration).ok()),
            );
            buffer
        };
        spoken.map(buffer).collect()
    }

    /// Takes a message of the element about a text: its kind, and its fields.
    pub fn note(&mut self, kind: &str, fields: &gst::StructureRef) {
        let Ok(id) = fields.get::<u64>("id") else {
            return;
        };
        if kind == "queued" {
            self.note_queued(id, fields.get("text").unwrap_or_default());
        }
        let Some(line) = self.ids.get(&id).map(|index| &mut self.lines[*index]) else {
            return;
        };
        let time = |field: &str| fields.get::<Option<gst::ClockTime>>(field).ok().flatten();
        match kind {
            "started" => {
                let start = time("running-time").map_or(Duration::ZERO, Duration::from);
                self.latest = self.latest.max(start.saturating_sub(line.cue.start));
            }
            "finished" if time("duration").unwrap_or_default() > gst::ClockTime::ZERO => {
                line.fate = Fate::Said
            }
            "finished" => {
                line.fate =
                    Fate::NotSaid("its time was over before it could begin (overflow=clip)".into());
            }
            "cancelled" | "failed" => {
                let reason = fields.get::<String>("reason");
                line.fate = Fate::NotSaid(reason.unwrap_or_else(|_| kind.to_owned()));
            }
            _ => {}
        }
    }

    /// The element takes texts in their order, and may leave some out.
    fn note_queued(&mut self, id: u64, text: &str) {
        let mut waiting =
            (self.next..self.lines.len()).filter(|index| self.lines[*index].fate == Fate::Waiting);
        if let Some(index) = waiting.find(|index| self.lines[*index].text == text) {
            self.ids.insert(id, index);
            self.next = index + 1;
        }
    }

    /// The account: lines for people, and whether all that has words was said.
    pub fn account(&self) -> (Vec<String>, bool) {
        let said = self
            .lines
            .iter()
            .filter(|line| line.fate == Fate::Said)
            .count();
        let mut account = vec![format!(
            "{}: {} cues read, {said} said",
            self.file,
            self.lines.len()
        )];
        if self.repeated > 0 {
            account.push(format!(
                "  {} more say the same at the same time as others",
                self.repeated
            ));
        }
        if self.latest >= LATE {
            account.push(format!(
                "  the latest began {:.1} s after its time",
                self.latest.as_secs_f64()
            ));
        }
        account.extend(self.unread.iter().map(|part| format!("  {part}")));
        let mut complete = true;
        for line in &self.lines {
            let reason = match &line.fate {
                Fate::Said => continue,
                Fate::NotSaid(reason) => reason.as_str(),
                Fate::Waiting => "the speech ended before it",
            };
            complete &= !is_speakable(&line.text);
            let Line { cue, text, .. } = line;
            let shown = if text.is_empty() { &cue.text } else { text };
            account.push(format!(
                "  not said: cue {} at {} (line {}) {shown:?}: {reason}",
                cue.number,
                clock(cue.start),
                cue.line
            ));
        }
        (account, complete)
    }
}

/// The whole file, if it is no longer than any file of subtitles.
fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    let name = || path.display().to_string();
    let mut bytes = Vec::new();
    let file = fs::File::open(path).with_context(name)?;
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .with_context(name)?;
    if bytes.len() as u64 > LONGEST {
        bail!(
            "{}: longer than {} MiB, which no subtitles are",
            name(),
            LONGEST >> 20
        );
    }
    Ok(bytes)
}

/// The words of a cue.
fn words(text: &str, _options: &SayOptions) -> String {
    text.trim().to_owned()
}
