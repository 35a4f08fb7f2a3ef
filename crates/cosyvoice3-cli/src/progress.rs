//! Progress on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Longest part of a text that is shown.
const WIDTH: usize = 50;

/// One line on standard error that changes; nothing where that is no terminal.
pub struct Progress(ProgressBar);

impl Progress {
    /// A line that nothing is on yet.
    pub fn new() -> Self {
        let style = ProgressStyle::with_template("{spinner} {prefix} {msg}").expect("a constant");
        let bar = ProgressBar::new_spinner().with_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// The work that goes on, such as loading.
    pub fn work(&self, words: &str) {
        self.0.set_message(words.to_owned());
    }

    /// The text that is being said.
    pub fn saying(&self, text: &str) {
        let mut shown: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = shown.char_indices().nth(WIDTH) {
            shown.truncate(end);
            shown.push('…');
        }
        self.0.set_message(shown);
    }

    /// The speech that was made so far.
    pub fn made(&self, time: Duration) {
        self.0.set_prefix(format!("{:.1} s", time.as_secs_f64()));
    }

    /// Writes a line that stays.
    pub fn line(&self, words: &str) {
        self.0.suspend(|| eprintln!("{words}"));
    }

    /// Removes the line.
    pub fn done(&self) {
        self.0.finish_and_clear();
    }
}
