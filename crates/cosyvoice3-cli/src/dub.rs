//! Subtitles as speech: the cues of a file as timed text, and an account of each.

use std::{collections::HashMap, fs, io::Read, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use cosyvoice3_text::{
    cue::{self, LeaveOut},
    is_speakable,
};

use crate::{
    options::SayOptions,
    subtitles::{Cue, Format, Track, charset, clock},
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
            format!("{file} contains no cue: expected SubRip (.srt), WebVTT (.vtt) or SubStation Alpha (.ass, .ssa)")
        })?;
        Self::of_track(file, track, options)
    }

    fn of_track(file: String, track: Track, options: &SayOptions) -> Result<Self> {
        let unread = track.unread.iter();
        let unread =
            unread.map(|part| format!("line {}: no cue begins at {:?}", part.line, part.text));
        let lines = track.cues.into_iter().map(|cue| {
            let text = words(&cue.text, track.format, options);
            let fate = match is_speakable(&text) {
                true => Fate::Waiting,
                false => Fate::NotSaid("it contains no word".into()),
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
            bail!("{}: nothing to say: no cue contains a word", dub.file);
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
                line.fate = Fate::NotSaid(
                    "nothing of it was heard: its time had passed before it could begin".into(),
                );
            }
            "cancelled" | "failed" => {
                let reason = fields.get::<String>("reason");
                line.fate = Fate::NotSaid(reason.unwrap_or_else(|_| kind.to_owned()));
            }
            _ => {}
        }
    }

    /// The element takes texts in their order, and may leave some out or put others of their characters in order.
    fn note_queued(&mut self, id: u64, text: &str) {
        let is_waiting = |index: &usize| self.lines[*index].fate == Fate::Waiting;
        let waiting = || (self.next..self.lines.len()).filter(is_waiting);
        let same = waiting().find(|index| self.lines[*index].text == text);
        if let Some(index) = same.or_else(|| waiting().next()) {
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
            "{}: {} cues read, {said} spoken",
            self.file,
            self.lines.len()
        )];
        if self.repeated > 0 {
            account.push(format!(
                "  {} more repeat the text of another cue at the same time",
                self.repeated
            ));
        }
        if self.latest >= LATE {
            account.push(format!(
                "  the latest one began {:.1} s after its time",
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
                "  not spoken: cue {} at {} (line {}) {shown:?}: {reason}",
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
fn words(text: &str, format: Format, options: &SayOptions) -> String {
    let leave_out = LeaveOut {
        descriptions: options.drop_descriptions,
        speakers: options.drop_speakers,
    };
    let format = match format {
        Format::SubRip => cue::Format::Srt,
        Format::WebVtt => cue::Format::WebVtt,
        Format::SubStationAlpha => cue::Format::Ass,
    };
    cue::joined(&cue::plain(text, format, leave_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        say: SayOptions,
    }

    fn dub(file: &str, options: &[&str]) -> Result<Dub> {
        let words = ["say", "film.srt"].iter().chain(options);
        let options = <Command as clap::Parser>::parse_from(words).say;
        Dub::of_track("film.srt".into(), Track::read(file).unwrap(), &options)
    }

    fn queued(dub: &mut Dub, id: u64, text: &str) {
        let fields = gst::Structure::builder("x")
            .field("id", id)
            .field("text", text);
        dub.note("queued", &fields.build());
    }

    fn ended(dub: &mut Dub, id: u64, kind: &str, milliseconds: u64) {
        let duration = gst::ClockTime::from_mseconds(milliseconds);
        let fields = gst::Structure::builder("x")
            .field("id", id)
            .field("duration", duration);
        dub.note(kind, &fields.field("reason", "why").build());
    }

    const FILM: &str = "1\n00:00:01,000 --> 00:00:09,000\nA sign\n\n2\n00:00:02,000 --> 00:00:03,000\n♪\n\n\
                        3\n00:00:04,000 --> 00:00:05,000\nA sign\n\n4\n00:00:06,000 --> 00:00:07,000\nlast\n";

    #[test]
    fn every_cue_is_accounted_for() {
        gst::init().unwrap();
        let mut dub = dub(FILM, &[]).unwrap();
        assert_eq!(dub.buffers().len(), 3);
        for (id, text) in [(1, "A sign"), (2, "A sign"), (3, "last")] {
            queued(&mut dub, id, text);
        }
        ended(&mut dub, 1, "finished", 500);
        ended(&mut dub, 3, "failed", 0);
        let (account, complete) = dub.account();
        assert!(!complete);
        assert_eq!(account[0], "film.srt: 4 cues read, 1 spoken");
        let account = account.join("\n");
        for part in [
            "cue 2 at 00:00:02.000 (line 6) \"♪\": it contains no word",
            "cue 3 at 00:00:04.000 (line 10) \"A sign\": the speech ended before it",
            "cue 4 at 00:00:06.000 (line 14) \"last\": why",
        ] {
            assert!(account.contains(part), "{part}: {account}");
        }
        ended(&mut dub, 2, "finished", 500);
        ended(&mut dub, 3, "finished", 500);
        assert_eq!(dub.account().0[0], "film.srt: 4 cues read, 3 spoken");
        assert!(dub.account().1, "a cue without a word is not lost");
    }

    #[test]
    fn a_cue_whose_time_was_over_is_named_as_such() {
        gst::init().unwrap();
        let mut dub = dub(FILM, &[]).unwrap();
        queued(&mut dub, 1, "A sign");
        ended(&mut dub, 1, "finished", 0);
        assert!(dub.account().0.join("\n").contains("its time had passed"));
    }

    #[test]
    fn descriptions_and_speakers_are_left_out_when_asked() {
        let film = "1\n00:00:01,000 --> 00:00:09,000\n[DOOR SLAMS]\n\n2\n00:00:02,000 --> 00:00:03,000\nANNA: Who is it?\n";
        let texts = |dub: Dub| {
            dub.lines
                .into_iter()
                .map(|line| line.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            texts(dub(film, &[]).unwrap()),
            ["[DOOR SLAMS]", "ANNA: Who is it?"]
        );
        let options = ["--drop-descriptions", "--drop-speakers"];
        assert_eq!(texts(dub(film, &options).unwrap()), ["", "Who is it?"]);
        let music = "1\n00:00:01,000 --> 00:00:09,000\n♪♪\n";
        let words = dub(music, &[]).unwrap_err().to_string();
        assert!(words.contains("nothing to say"), "{words}");
    }
}
