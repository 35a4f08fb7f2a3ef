//! Tokens that each call of the window plan sees, and mel frames that are taken from it. Arithmetic only.
//!
//! A *chunk* is 25 new tokens. Its *window* adds up to 50 tokens of left context and 3 of lookahead: 28, 53, then always
//! 78 tokens. What remains at the end (3 to 27 tokens) comes from a *final* window of exactly 50 tokens without
//! lookahead, filled up on the left with the flow prompt's last tokens where the speech has fewer than 50. With the
//! prompt of 75 tokens in front these are the 200, 250 and 300 frames for which NPU estimators are built.

use std::ops::Range;

use crate::constants::{FRAMES_PER_TOKEN, LOOKAHEAD_TOKENS};

/// Prompt tokens in front of every window.
pub const PROMPT_TOKENS: usize = 75;
/// New tokens of a window that is not the last.
pub const HOP_TOKENS: usize = 25;
/// Most tokens of left context.
pub const CONTEXT_TOKENS: usize = 50;
/// Tokens of the final window.
pub const FINAL_TOKENS: usize = 50;
/// Frames before its first new one over which a window is blended with what is there already.
pub const BLEND_FRAMES: usize = 10;

/// One call of the flow model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Tokens of the prompt's end that stand before [`tokens`](Self::tokens); their frames are dropped.
    pub fill: usize,
    /// Tokens of the speech that the window sees.
    pub tokens: Range<usize>,
    /// True if the last three tokens serve only as lookahead.
    pub lookahead: bool,
    /// Mel frames of the speech that this window adds: from where the one before it ended.
    pub new_frames: Range<usize>,
}

impl Window {
    /// Frames that come out of the window, the prompt's not counted.
    pub fn frames(&self) -> usize {
        let lookahead = if self.lookahead { LOOKAHEAD_TOKENS } else { 0 };
        FRAMES_PER_TOKEN * (self.fill + self.tokens.len() - lookahead)
    }

    /// Position of the window's first frame in the speech's mel; negative where the prompt fills it up.
    pub fn first_frame(&self) -> isize {
        (FRAMES_PER_TOKEN * self.tokens.start) as isize - (FRAMES_PER_TOKEN * self.fill) as isize
    }

    /// The window's own frame at which its new frames begin.
    pub fn new_from(&self) -> usize {
        self.new_frames.start.strict_add_signed(-self.first_frame())
    }

    /// Returns true if no other window follows.
    #[cfg(test)]
    fn is_final(&self) -> bool {
        !self.lookahead
    }
}

/// The windows of one utterance, each as soon as its tokens exist.
#[derive(Debug, Clone, Default)]
pub struct Windows {
    done: usize,
    ended: bool,
}

impl Windows {
    /// The windows of an utterance that begins.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of tokens that complete the next window, unless the speech ends before.
    pub fn wanted(&self) -> usize {
        self.done + HOP_TOKENS + LOOKAHEAD_TOKENS
    }

    /// The next window that `available` tokens allow, if any. `finished` says that no more tokens will come.
    pub fn next(&mut self, available: usize, finished: bool) -> Option<Window> {
        if self.ended {
            return None;
        }
        if available >= self.wanted() {
            return Some(self.chunk());
        }
        if finished {
            self.ended = true;
            return (available > 0).then(|| self.last(available));
        }
        None
    }

    /// Returns true if no window follows.
    pub fn is_complete(&self) -> bool {
        self.ended
    }

    fn chunk(&mut self) -> Window {
        let start = self.done.saturating_sub(CONTEXT_TOKENS);
        let done = self.done;
        self.done += HOP_TOKENS;
        Window {
            fill: 0,
            tokens: start..self.done + LOOKAHEAD_TOKENS,
            lookahead: true,
            new_frames: FRAMES_PER_TOKEN * done..FRAMES_PER_TOKEN * self.done,
        }
    }

    fn last(&self, tokens: usize) -> Window {
        Window {
            fill: FINAL_TOKENS.saturating_sub(tokens),
            tokens: tokens.saturating_sub(FINAL_TOKENS)..tokens,
            lookahead: false,
            new_frames: FRAMES_PER_TOKEN * self.done..FRAMES_PER_TOKEN * tokens,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::ESTIMATOR_FRAMES;

    fn windows(tokens: usize) -> Vec<Window> {
        let mut windows = Windows::new();
        std::iter::from_fn(|| windows.next(tokens, true)).collect()
    }

    #[test]
    fn every_token_gets_exactly_two_frames() {
        for tokens in 0..=2000 {
            let mut end = 0;
            for window in windows(tokens) {
                assert_eq!(window.new_frames.start, end, "{tokens} tokens");
                assert!(!window.new_frames.is_empty(), "{tokens} tokens");
                end = window.new_frames.end;
            }
            assert_eq!(end, 2 * tokens);
        }
    }

    #[test]
    fn new_frames_and_the_blend_before_them_come_from_inside_the_window() {
        for tokens in 1..=2000 {
            for window in windows(tokens) {
                let from = window.new_from();
                assert_eq!(from + window.new_frames.len(), window.frames());
                if window.new_frames.start > 0 {
                    assert!(from >= BLEND_FRAMES && window.new_frames.start >= BLEND_FRAMES);
                    // Only speech is blended, never the prompt that fills the window up.
                    assert!(from - BLEND_FRAMES >= FRAMES_PER_TOKEN * window.fill);
                }
            }
        }
    }

    #[test]
    fn no_frame_comes_from_a_lookahead_position() {
        for tokens in 1..=2000 {
            for window in windows(tokens) {
                let lookahead = if window.lookahead { 3 } else { 0 };
                assert!(window.new_frames.end <= 2 * (window.tokens.end - lookahead));
                assert!(window.tokens.end <= tokens);
            }
        }
    }

    #[test]
    fn only_three_estimator_lengths_are_needed() {
        for tokens in 1..=2000 {
            for window in windows(tokens) {
                let frames = FRAMES_PER_TOKEN * PROMPT_TOKENS + window.frames();
                assert!(ESTIMATOR_FRAMES.contains(&frames));
                assert!([28, 50, 53, 78].contains(&(window.fill + window.tokens.len())));
                assert_eq!(window.is_final(), window.new_frames.end == 2 * tokens);
            }
        }
    }

    #[test]
    fn the_worked_example_of_130_tokens() {
        let seen: Vec<_> = windows(130)
            .into_iter()
            .map(|w| {
                (
                    w.tokens.clone(),
                    w.first_frame(),
                    w.new_from(),
                    w.new_frames,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (0..28, 0, 0, 0..50),
                (0..53, 0, 50, 50..100),
                (0..78, 0, 100, 100..150),
                (25..103, 50, 100, 150..200),
                (50..128, 100, 100, 200..250),
                (80..130, 160, 90, 250..260),
            ]
        );
    }

    #[test]
    fn short_speech_is_filled_up_with_the_prompts_end() {
        let one = windows(1);
        assert_eq!(one.len(), 1);
        assert_eq!((one[0].fill, one[0].first_frame()), (49, -98));
        assert_eq!(one[0].new_from(), 98);
        let after_a_chunk = &windows(30)[1];
        assert_eq!(
            (after_a_chunk.fill, after_a_chunk.tokens.clone()),
            (20, 0..30)
        );
        assert_eq!(
            (after_a_chunk.new_from(), after_a_chunk.new_frames.clone()),
            (90, 50..60)
        );
    }

    /// From 50 tokens on, where the reference's table shows that nothing is lost, these are its windows.
    #[test]
    fn windows_agree_with_the_reference_table_from_50_tokens_on() {
        let table = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/golden/edge_windows.csv"
        );
        let table = std::fs::read_to_string(table).unwrap();
        let mut lines = table.lines();
        let columns: Vec<_> = lines.next().unwrap().split(',').collect();
        let mut compared = 0;
        for line in lines {
            let row: Vec<_> = line.split(',').collect();
            let value = |name: &str| -> usize {
                let column = columns.iter().position(|c| *c == name).unwrap();
                row[column].parse().unwrap()
            };
            let tokens = value("n_tokens");
            if tokens < 50 {
                continue;
            }
            let ours = windows(tokens);
            let last = ours.last().unwrap();
            assert_eq!(ours.len() - 1, value("chunks"), "{tokens} tokens");
            assert_eq!(last.new_frames.len(), 2 * value("r_final_new_tokens"));
            assert_eq!(last.tokens.len(), value("final_window_tokens"));
            assert_eq!(last.new_frames.end, value("mel_frames"));
            compared += 1;
        }
        assert_eq!(compared, 351);
    }

    proptest! {
        #[test]
        fn windows_do_not_depend_on_how_the_tokens_arrive(
            arrivals in prop::collection::vec(0usize..90, 0..40),
        ) {
            let mut incremental = Windows::new();
            let mut seen = Vec::new();
            let mut available = 0;
            for new in arrivals {
                available += new;
                while let Some(window) = incremental.next(available, false) {
                    prop_assert!(window.tokens.end <= available);
                    seen.push(window);
                }
            }
            seen.extend(std::iter::from_fn(|| incremental.next(available, true)));
            prop_assert_eq!(seen, windows(available));
            prop_assert_eq!(incremental.next(available + 1000, true), None);
        }
    }

    #[test]
    fn a_window_starts_with_the_token_that_completes_it() {
        let mut windows = Windows::new();
        assert_eq!(windows.wanted(), 28);
        assert_eq!(windows.next(27, false), None);
        assert!(windows.next(28, false).is_some());
        assert_eq!(windows.next(52, false), None);
        assert!(windows.next(53, false).is_some());
    }
}
