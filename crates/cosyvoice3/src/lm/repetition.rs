//! Detection of a language model that is caught in a loop.

/// A sequence whose last so many tokens repeat with one period is a loop: six seconds of the same.
pub const LOOP_TOKENS: usize = 150;
/// Longest period that counts, two seconds: a loop is at least three rounds.
pub const MAX_PERIOD: usize = 50;

/// Watches the tokens of one utterance. Each step costs [`MAX_PERIOD`] comparisons.
#[derive(Debug, Clone)]
pub struct LoopGuard {
    tokens: Vec<u32>,
    /// For each period minus one: how many last tokens equal the one a period earlier.
    matches: [usize; MAX_PERIOD],
}

impl Default for LoopGuard {
    fn default() -> Self {
        Self {
            tokens: Vec::new(),
            matches: [0; MAX_PERIOD],
        }
    }
}

impl LoopGuard {
    /// A guard at the start of an utterance.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next token; returns the period once the last [`LOOP_TOKENS`] repeat.
    pub fn push(&mut self, token: u32) -> Option<usize> {
        let position = self.tokens.len();
        self.tokens.push(token);
        let mut period = None;
        for (matches, p) in self.matches.iter_mut().zip(1..=MAX_PERIOD.min(position)) {
            let repeats = self.tokens[position - p] == token;
            *matches = if repeats { *matches + 1 } else { 0 };
            if *matches + p >= LOOP_TOKENS {
                period = period.or(Some(p));
            }
        }
        period
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn first_alarm(tokens: impl IntoIterator<Item = u32>) -> Option<(usize, usize)> {
        let mut guard = LoopGuard::new();
        tokens
            .into_iter()
            .enumerate()
            .find_map(|(i, token)| guard.push(token).map(|period| (i + 1, period)))
    }

    proptest! {
        #[test]
        fn every_loop_is_found_after_six_seconds_whatever_came_before(
            lead in prop::collection::vec(5000u32..6000, 0..80),
            period in 1usize..=MAX_PERIOD,
        ) {
            let cycle = (0..period as u32).cycle().take(400);
            let found = first_alarm(lead.iter().copied().chain(cycle));
            prop_assert_eq!(found, Some((lead.len() + LOOP_TOKENS, period)));
        }
    }

    #[test]
    fn speech_that_does_not_repeat_is_left_alone() {
        let mut z = 1u32;
        let noise = std::iter::repeat_with(|| {
            z = z.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (z >> 16) % 200
        });
        assert_eq!(first_alarm(noise.take(3000)), None);
        // A word said twice, and a drawn-out sound below the limit.
        let word = (0..60u32)
            .chain(0..60)
            .chain(std::iter::repeat_n(9, LOOP_TOKENS - 1));
        assert_eq!(first_alarm(word.chain(100..200)), None);
    }
}
