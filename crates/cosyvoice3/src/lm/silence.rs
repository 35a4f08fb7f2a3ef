//! The published silence filter: of a run of silent tokens only the first few are spoken.

/// Decides token by token what reaches the flow. The language model keeps what is dropped here in its own context.
#[derive(Debug, Clone)]
pub struct SilenceFilter {
    silent: Vec<u32>,
    max_run: usize,
    run: usize,
}

impl SilenceFilter {
    /// A filter at the start of an utterance: of a run of `silent` tokens the first `max_run` pass.
    pub fn new(silent: &[u32], max_run: usize) -> Self {
        Self {
            silent: silent.to_vec(),
            max_run,
            run: 0,
        }
    }

    /// Returns true if `token` is a silence.
    pub fn is_silent(&self, token: u32) -> bool {
        self.silent.contains(&token)
    }

    /// Returns true if `token`, the next of the utterance, is spoken.
    pub fn passes(&mut self, token: u32) -> bool {
        if !self.is_silent(token) {
            self.run = 0;
            return true;
        }
        self.run += 1;
        self.run <= self.max_run
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_tokens_of_a_silent_run_are_spoken() {
        let mut filter = SilenceFilter::new(&[1, 2, 28], 5);
        let run = [1, 2, 28, 1, 1, 2, 2, 7, 1, 1];
        let spoken: Vec<u32> = run.into_iter().filter(|&t| filter.passes(t)).collect();
        assert_eq!(spoken, [1, 2, 28, 1, 1, 7, 1, 1]);
    }
}
