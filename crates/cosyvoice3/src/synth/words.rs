//! Times of the words of an utterance, estimated: each word has the share of the speech that its letters have of the text.
//!
//! Pauses belong to no word, so they cost no accuracy: only the time in which something sounds is shared out.

use std::ops::Range;

/// Samples of one look at the loudness: 10 ms.
const FRAME: usize = 240;
/// Frames of the shortest pause: the silence within a word, as before a `t`, is shorter.
const PAUSE: usize = 8;
/// Loudness of silence, of the loudest frame's: -40 dB.
const SILENCE: f32 = 0.01;

/// A word and the samples in which it is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Word {
    /// The word as it is spoken, with the punctuation at it.
    pub text: String,
    /// Samples of the [`Speech`](super::Speech) that holds it; an estimate.
    pub samples: Range<usize>,
}

/// The words of `text`, which `samples` speak after `delay` samples of something else. They do not overlap.
pub(super) fn words(text: &str, samples: &[f32], delay: usize) -> Vec<Word> {
    let words = split(text);
    let letters: Vec<usize> = words.iter().map(|word| weight(word)).collect();
    let all: usize = letters.iter().sum();
    let sounding = sounding(samples);
    let sample = |frame: usize| delay + (frame * FRAME).min(samples.len());
    let mut before = 0;
    let mut timed = Vec::with_capacity(words.len());
    for (word, weight) in words.into_iter().zip(letters) {
        let share = |letters: usize| letters * sounding.len() / all.max(1);
        let (from, to) = (share(before), share(before + weight));
        before += weight;
        let start = sounding.get(from).copied().unwrap_or(samples.len() / FRAME);
        let end = match to > from {
            true => sounding[to - 1] + 1,
            false => start,
        };
        timed.push(Word {
            text: word,
            samples: sample(start)..sample(end),
        });
    }
    timed
}

/// Words with the punctuation at them; a Chinese character is one. Punctuation alone, such as a dash, goes with its
/// neighbour.
fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for piece in text.split_whitespace().flat_map(characters) {
        match words.last_mut() {
            Some(word) if weight(piece) == 0 || weight(word) == 0 => word.push_str(piece),
            _ => words.push(piece.into()),
        }
    }
    words
}

/// `word` in pieces that begin with Chinese characters, or with other letters behind those.
fn characters(word: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut after_han = false;
    for (at, c) in word.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
        let han = is_han(c);
        if at > start && (han || after_han) {
            pieces.push(&word[start..at]);
            start = at;
        }
        after_han = han;
    }
    pieces.push(&word[start..]);
    pieces
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3134f}')
}

/// Letters of a word: how long it takes to say it.
fn weight(word: &str) -> usize {
    word.chars().filter(|c| c.is_alphanumeric()).count()
}

/// Numbers of the frames that are no part of a pause.
fn sounding(samples: &[f32]) -> Vec<usize> {
    let energy = |frame: &[f32]| frame.iter().map(|sample| sample * sample).sum::<f32>();
    let energies: Vec<f32> = samples.chunks(FRAME).map(energy).collect();
    let loudest = energies.iter().copied().fold(0.0, f32::max);
    let quiet = |index: usize| energies[index] <= loudest * SILENCE * SILENCE;
    let mut sounding = Vec::with_capacity(energies.len());
    let mut index = 0;
    while index < energies.len() {
        let mut end = index + 1;
        while end < energies.len() && quiet(end) == quiet(index) {
            end += 1;
        }
        let at_the_edge = index == 0 || end == energies.len();
        if !quiet(index) || (end - index < PAUSE && !at_the_edge) {
            sounding.extend(index..end);
        }
        index = end;
    }
    sounding
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str, samples: &[f32]) -> Vec<(String, Range<usize>)> {
        let words = words(text, samples, 0);
        words
            .into_iter()
            .map(|word| (word.text, word.samples))
            .collect()
    }

    /// Sound and silence in turns, in frames.
    fn speech(frames: &[usize]) -> Vec<f32> {
        let mut samples = Vec::new();
        for (number, frames) in frames.iter().enumerate() {
            let sounds = number % 2 == 0;
            let wave = |index: usize| (index as f32 * 0.2).sin() * 0.3;
            samples.extend((0..frames * FRAME).map(|index| if sounds { wave(index) } else { 0.0 }));
        }
        samples
    }

    #[test]
    fn words_share_the_time_by_their_letters_and_pauses_belong_to_none() {
        let frames = |range: Range<usize>| range.start * FRAME..range.end * FRAME;
        let of = |words: &[(&str, Range<usize>)]| -> Vec<_> {
            let words = words.iter();
            words
                .map(|(text, range)| ((*text).to_owned(), frames(range.clone())))
                .collect()
        };
        for (text, lengths, expected) in [
            (
                "One word.",
                &[70][..],
                of(&[("One", 0..30), ("word.", 30..70)]),
            ),
            // A breath before, a pause at the comma and silence at the end.
            (
                "ab, cd",
                &[0, 20, 30, 40, 30, 50],
                of(&[("ab,", 20..50), ("cd", 90..120)]),
            ),
            // A stop within a word is part of it.
            (
                "at ta",
                &[10, 5, 10, 5, 10],
                of(&[("at", 0..20), ("ta", 20..40)]),
            ),
            (
                "\u{201c}Да\u{201d} \u{2014} нет!",
                &[50],
                of(&[("\u{201c}Да\u{201d}\u{2014}", 0..20), ("нет!", 20..50)]),
            ),
            (
                "你好，OK。",
                &[40],
                of(&[("你", 0..10), ("好，", 10..20), ("OK。", 20..40)]),
            ),
            ("", &[10], of(&[])),
        ] {
            assert_eq!(found(text, &speech(lengths)), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn words_follow_each_other_within_the_speech_whatever_it_is(
            text in "[a-zа-я你好,. \u{2014}-]{0,60}",
            samples in prop::collection::vec(-1.0_f32..1.0, 0..20_000),
        ) {
            let mut end = 0;
            for word in words(&text, &samples, 0) {
                prop_assert!(word.samples.start >= end && word.samples.end >= word.samples.start);
                end = word.samples.end;
            }
            prop_assert!(end <= samples.len());
        }
    }
}
