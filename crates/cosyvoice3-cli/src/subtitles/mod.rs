//! Subtitle files: SubRip, WebVTT and SubStation Alpha, read so that no cue gets lost.
//!
//! A *cue* is a text with the time when it is to be heard. Files made by people are damaged in many ways: numbers are
//! missing, blank lines stand inside a cue or are missing between two, times have other separators. The readers take all
//! of that, and list with their line numbers the parts that they could not read. (The crate rsubs-lib refuses the whole
//! file at the first such place, and GStreamer's `subparse` drops cues that end before the one before them.)

mod ass;
pub mod charset;
mod srt;
mod time;
mod webvtt;

use std::time::Duration;

pub use time::clock;

/// A text with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    /// Its place in the file, from 1.
    pub number: usize,
    /// Line of the file that holds its times, from 1.
    pub line: usize,
    /// The moment it begins at, from the start of the film.
    pub start: Duration,
    /// The moment its slot is over; `None` where the file names none that comes after the start.
    pub end: Option<Duration>,
    /// Its text with all markup, as it stands in the file.
    pub text: String,
}

/// The kind of a subtitle file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// SubRip (`.srt`).
    SubRip,
    /// WebVTT (`.vtt`).
    WebVtt,
    /// SubStation Alpha and its successor (`.ssa`, `.ass`).
    SubStationAlpha,
}

/// A part of a file that is no cue, though it looks as if it was meant to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its first line, from 1.
    pub line: usize,
    /// That line.
    pub text: String,
}

/// All that a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Kind of the file.
    pub format: Format,
    /// Its cues by their start; those that begin together in the order of the file.
    pub cues: Vec<Cue>,
    /// Parts that could not be read.
    pub unread: Vec<Unread>,
    /// Cues that say the same at the same time as another, as layers of one sign do. They are left out.
    pub repeated: usize,
}

impl Track {
    /// Reads the text of a file, whose kind is found by its content. `None` where there is not one cue.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let lines: Vec<&str> = text.split(['\n', '\r']).collect();
        let format = format_of(&lines);
        let (mut cues, unread) = match format {
            Format::SubRip => srt::read(&lines),
            Format::WebVtt => webvtt::read(&lines),
            Format::SubStationAlpha => ass::read(&lines),
        };
        for (index, cue) in cues.iter_mut().enumerate() {
            cue.number = index + 1;
        }
        cues.sort_by_key(|cue| cue.start);
        let repeated = match format {
            Format::SubStationAlpha => drop_repeated(&mut cues),
            _ => 0,
        };
        (!cues.is_empty()).then_some(Self {
            format,
            cues,
            unread,
            repeated,
        })
    }
}

fn format_of(lines: &[&str]) -> Format {
    let first = lines.iter().find(|line| !line.trim().is_empty());
    if first.is_some_and(|line| line.trim_start().starts_with("WEBVTT")) {
        return Format::WebVtt;
    }
    match lines.iter().any(|line| ass::is_typical(line)) {
        true => Format::SubStationAlpha,
        false => Format::SubRip,
    }
}

/// Leaves one of cues that have all in common; their count before and after differs by the result.
fn drop_repeated(cues: &mut Vec<Cue>) -> usize {
    let before = cues.len();
    let mut seen = std::collections::HashSet::new();
    cues.retain(|cue| seen.insert((cue.start, cue.end, cue.text.clone())));
    before - cues.len()
}

/// A cue without its number, which the file's order gives it.
fn cue(line: usize, (start, end): (Duration, Option<Duration>), text: String) -> Cue {
    Cue {
        number: 0,
        line,
        start,
        end: end.filter(|end| *end > start),
        text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(file: &str) -> Vec<String> {
        let track = Track::read(file).expect("a cue");
        track.cues.into_iter().map(|cue| cue.text).collect()
    }

    #[test]
    fn the_kind_of_a_file_is_found_by_what_it_holds() {
        for (file, format) in [
            ("1\n00:00:01,000 --> 00:00:02,000\nA\n", Format::SubRip),
            ("00:00:01,000 --> 00:00:02,000\nA\n", Format::SubRip),
            (
                "\u{feff}WEBVTT\n\n00:01.000 --> 00:02.000\nA\n",
                Format::WebVtt,
            ),
            (
                "[Script Info]\n[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,A\n",
                Format::SubStationAlpha,
            ),
        ] {
            let track = Track::read(file).expect(file);
            assert_eq!(track.format, format, "{file}");
            assert_eq!(track.cues.len(), 1, "{file}");
            assert_eq!(track.cues[0].text, "A", "{file}");
            assert_eq!(track.cues[0].start, Duration::from_secs(1), "{file}");
            assert_eq!(track.cues[0].end, Some(Duration::from_secs(2)), "{file}");
        }
        assert_eq!(Track::read(""), None);
        assert_eq!(Track::read("Once upon a time\n"), None);
    }

    #[test]
    fn cues_that_overlap_or_stand_in_another_order_are_all_there_sorted_by_start() {
        let file = "1\n00:00:01,000 --> 00:00:10,000\nsign\n\n\
                    2\n00:00:02,000 --> 00:00:03,000\ninside\n\n\
                    3\n00:00:20,000 --> 00:00:21,000\nlast\n\n\
                    4\n00:00:05,000 --> 00:00:06,000\nearlier\n\n\
                    5\n00:00:02,000 --> 00:00:03,000\nbeside\n";
        assert_eq!(texts(file), ["sign", "inside", "beside", "earlier", "last"]);
        let track = Track::read(file).unwrap();
        let numbers: Vec<usize> = track.cues.iter().map(|cue| cue.number).collect();
        assert_eq!(numbers, [1, 2, 5, 4, 3]);
    }

    #[test]
    fn line_ends_of_every_system_are_line_ends() {
        for end in ["\n", "\r\n", "\r"] {
            let file = ["1", "00:00:01,000 --> 00:00:02,000", "a", "b", "", "2"].join(end);
            let file = file + end + "00:00:03,000 --> 00:00:04,000" + end + "c";
            assert_eq!(texts(&file), ["a\nb", "c"], "{end:?}");
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_a_reader_panic(
            lines in proptest::collection::vec(
                prop_oneof![
                    "\\PC{0,30}",
                    "[0-9:,. >-]{0,40}",
                    Just("00:00:01,000 --> 00:00:02,000".to_owned()),
                    Just("WEBVTT".to_owned()),
                    Just("[Events]".to_owned()),
                    "(Dialogue|Format): [0-9a-zA-Z:,. ]{0,40}",
                    Just(String::new()),
                ],
                0..30,
            )
        ) {
            let _ = Track::read(&lines.join("\n"));
        }

        #[test]
        fn every_cue_of_a_subrip_file_is_read_whatever_its_times(
            starts in proptest::collection::vec((0u64..100_000, 0u64..5_000), 1..20)
        ) {
            let mut file = String::new();
            for (index, (start, length)) in starts.iter().enumerate() {
                let (from, to) = (Duration::from_millis(*start), Duration::from_millis(start + length));
                file += &format!(
                    "{}\n{} --> {}\ntext {index}\n\n",
                    index + 1,
                    clock(from).replace('.', ","),
                    clock(to).replace('.', ",")
                );
            }
            let track = Track::read(&file).unwrap();
            prop_assert_eq!(track.cues.len(), starts.len());
            prop_assert!(track.unread.is_empty());
            prop_assert!(track.cues.is_sorted_by_key(|cue| cue.start));
            for cue in &track.cues {
                let (start, length) = starts[cue.number - 1];
                prop_assert_eq!(cue.start, Duration::from_millis(start));
                let end = (length > 0).then(|| Duration::from_millis(start + length));
                prop_assert_eq!(cue.end, end);
                prop_assert_eq!(&cue.text, &format!("text {}", cue.number - 1));
            }
        }
    }
}
