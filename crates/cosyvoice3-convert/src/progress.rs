//! Progress reports for the user.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar on a terminal, one line per step elsewhere.
pub struct Progress {
    bar: ProgressBar,
    plain: bool,
}

impl Progress {
    /// A bar on standard error.
    pub fn new() -> Self {
        let style = "{msg:30} {wide_bar} {bytes:>10} / {total_bytes:10} {elapsed:>4}";
        let bar = ProgressBar::new(0);
        bar.set_style(ProgressStyle::with_template(style).expect("a constant"));
        Self {
            bar,
            plain: !std::io::stderr().is_terminal(),
        }
    }

    /// No output at all.
    pub fn silent() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            plain: false,
        }
    }

    /// Begins a step of `bytes`; 0 where the size is unknown.
    pub fn step(&self, what: &str, bytes: u64) {
        if self.plain {
            eprintln!("{what}");
            return;
        }
        self.bar.reset();
        self.bar.set_length(bytes);
        self.bar.set_message(what.to_owned());
        match bytes {
            0 => self.bar.enable_steady_tick(Duration::from_millis(200)),
            _ => self.bar.disable_steady_tick(),
        }
    }

    /// `bytes` more are done.
    pub fn advance(&self, bytes: u64) {
        if !self.plain {
            self.bar.inc(bytes);
        }
    }

    /// Prints a line that stays on the screen.
    pub fn say(&self, what: &str) {
        if self.plain {
            eprintln!("{what}");
        } else {
            self.bar.suspend(|| eprintln!("{what}"));
        }
    }

    /// Removes the bar.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}
