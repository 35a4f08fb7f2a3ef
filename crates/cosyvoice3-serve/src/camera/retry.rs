//! Pauses between attempts to reach a camera.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// A connection that showed pictures for so long was a good one.
const GOOD: Duration = Duration::from_secs(30);

/// Growing pauses: 1, 2, 4 s and so on up to 30 s.
#[derive(Debug, Default)]
pub struct Retry {
    last: Option<Duration>,
}

impl Retry {
    /// The pause before the next attempt, after one that showed pictures for `shown`.
    pub fn pause(&mut self, shown: Duration) -> Duration {
        let pause = match self.last {
            Some(last) if shown < GOOD => (last * 2).min(LONGEST),
            _ => FIRST,
        };
        self.last = Some(pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_a_good_connection_ends_that() {
        let mut retry = Retry::default();
        let mut pauses = |shown: u64| retry.pause(Duration::from_secs(shown)).as_secs();
        let grown = [0, 0, 0, 2, 0, 0, 0].map(&mut pauses);
        assert_eq!(grown, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!([60, 0].map(pauses), [1, 2]);
    }
}
