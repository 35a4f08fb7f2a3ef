//! Captions of the speech: SubRip cues of the words that the element lists in its buffers.

use std::{
    fmt::Write,
    fs, mem,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use gst::{glib, prelude::*};

use crate::{output::neighbour, subtitles::clock};

/// Longest line of a caption in characters, and lines of a caption: what can be read at a glance.
const LINE: usize = 42;
const LINES: usize = 2;
/// Longest time that one caption stands.
const LONGEST: Duration = Duration::from_secs(7);
/// Shortest time, if the next caption lets it.
const SHORTEST: Duration = Duration::from_secs(1);
/// A pause after which a new caption begins.
const PAUSE: Duration = Duration::from_millis(700);
/// Samples in a second of the element's speech.
const RATE: u64 = cosyvoice3::SAMPLE_RATE as u64;

/// A word and its time in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    time: Range<Duration>,
}

/// Captions that are collected while the speech passes, for one file.
pub struct Captions {
    wanted: PathBuf,
    /// The words are written here, and the file then gets its name: a failure leaves the one that was there before.
    written: PathBuf,
    words: Arc<Mutex<Vec<Word>>>,
}

impl Captions {
    /// Captions for the file `path`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn file(path: &Path) -> Result<Self> {
        let written = neighbour(path)?;
        fs::File::create(&written)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Self {
            wanted: path.to_owned(),
            written,
            words: Arc::default(),
        })
    }

    /// Collects the words of all that leaves `speech`.
    pub fn listen(&self, speech: &gst::Element) -> Result<()> {
        let pad = speech
            .static_pad("src")
            .context("the element has a source pad")?;
        let words = self.words.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(buffer) = info.buffer() {
                let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
                words.extend(words_of(buffer));
            }
            gst::PadProbeReturn::Ok
        });
        Ok(())
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self) -> Result<()> {
        let words = mem::take(&mut *self.words.lock().unwrap_or_else(PoisonError::into_inner));
        let written = fs::write(&self.written, srt(&captions(words)));
        let renamed = written.and_then(|()| fs::rename(&self.written, &self.wanted));
        renamed.with_context(|| format!("{} cannot be written", self.wanted.display()))
    }
}

impl Drop for Captions {
    fn drop(&mut self) {
        // It is gone if the file was kept.
        let _ = fs::remove_file(&self.written);
    }
}

/// The words that begin in a buffer.
fn words_of(buffer: &gst::BufferRef) -> Vec<Word> {
    let Some(begin) = buffer.pts().map(Duration::from) else {
        return Vec::new();
    };
    let Ok(meta) = gst::meta::CustomMeta::from_buffer(buffer, "GstCosyVoice3WordsMeta") else {
        return Vec::new();
    };
    let Ok(words) = meta.structure().get::<gst::Array>("words") else {
        return Vec::new();
    };
    let word = |word: &glib::SendValue| {
        let word = word.get::<gst::Structure>().ok()?;
        let time = |field: &str| {
            let sample: u64 = word.get(field).ok()?;
            Some(begin + Duration::from_nanos(sample * 1_000_000_000 / RATE))
        };
        Some(Word {
            text: word.get("text").ok()?,
            time: time("start")?..time("end")?,
        })
    };
    words.iter().filter_map(word).collect()
}

/// Words joined to captions: one ends with a sentence, before a pause, and when it is full.
fn captions(words: Vec<Word>) -> Vec<Word> {
    let mut captions: Vec<Word> = Vec::new();
    for word in words {
        match captions.last_mut() {
            Some(caption) if goes_on(caption, &word) => {
                caption.text = joined(&caption.text, &word.text);
                caption.time.end = word.time.end;
            }
            _ => captions.push(word),
        }
    }
    let starts: Vec<_> = captions.iter().map(|caption| caption.time.start).collect();
    for (caption, next) in captions
        .iter_mut()
        .zip(starts.iter().skip(1).map(Some).chain([None]))
    {
        let end = caption.time.end.max(caption.time.start + SHORTEST);
        caption.time.end = next.map_or(end, |next| end.min(*next));
    }
    captions
}

fn goes_on(caption: &Word, word: &Word) -> bool {
    let ended = caption
        .text
        .trim_end_matches(['"', '»', '”', ')', '’'])
        .ends_with(['.', '!', '?', '…', '。', '！', '？']);
    let paused = word.time.start > caption.time.end + PAUSE;
    let long = word.time.end > caption.time.start + LONGEST;
    !(ended || paused || long) && lines(&joined(&caption.text, &word.text)).len() <= LINES
}

/// Two pieces of text with a blank between them, if the script has blanks.
fn joined(text: &str, word: &str) -> String {
    let is_han = |c: char| matches!(c, '\u{3000}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}');
    let tight = text.ends_with(is_han) || word.starts_with(is_han);
    format!("{text}{}{word}", if tight { "" } else { " " })
}

/// `text` in lines of at most [`LINE`] characters. A longer word has a line of its own.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn srt(captions: &[Word]) -> String {
    let mut file = String::new();
    for (number, caption) in captions.iter().enumerate() {
        let time = |time: Duration| clock(time).replace('.', ",");
        let (start, end) = (time(caption.time.start), time(caption.time.end));
        let text = lines(&caption.text).join("\n");
        // Writing to a string cannot fail.
        let _ = write!(file, "{}\n{start} --> {end}\n{text}\n\n", number + 1);
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of 300 ms each, and pauses of so many milliseconds before them.
    fn words(words: &[(&str, u64)]) -> Vec<Word> {
        let mut at = 0;
        let word = |(text, pause): &(&str, u64)| {
            at += pause + 300;
            let time = |at| Duration::from_millis(at);
            Word {
                text: (*text).to_owned(),
                time: time(at - 300)..time(at),
            }
        };
        words.iter().map(word).collect()
    }

    #[test]
    fn a_caption_ends_with_its_sentence_and_before_a_pause() {
        let file = srt(&captions(words(&[
            ("Привет,", 1000),
            ("мир!", 0),
            ("Как", 0),
            ("дела,", 0),
            ("друг", 900),
        ])));
        let expected = "1\n00:00:01,000 --> 00:00:01,600\nПривет, мир!\n\n\
            2\n00:00:01,600 --> 00:00:02,600\nКак дела,\n\n\
            3\n00:00:03,100 --> 00:00:04,100\nдруг\n\n";
        assert_eq!(file, expected);
    }

    #[test]
    fn captions_have_two_lines_that_can_be_read_and_keep_all_words() {
        let spoken: Vec<_> = (0..60).map(|_| ("seventeen", 0)).collect();
        let captions = captions(words(&spoken));
        for caption in &captions {
            let lines = lines(&caption.text);
            assert!(lines.len() <= 2, "{lines:?}");
            assert!(
                lines.iter().all(|line| line.chars().count() <= 42),
                "{lines:?}"
            );
            assert!(caption.time.end - caption.time.start <= LONGEST);
        }
        let kept = captions.iter().flat_map(|caption| caption.text.split(' '));
        assert_eq!(kept.count(), 60);
    }

    #[test]
    fn chinese_characters_stand_together() {
        let captions = captions(words(&[("你", 0), ("好，", 0), ("OK", 0), ("吗？", 0)]));
        assert_eq!(captions[0].text, "你好，OK吗？");
    }
}
