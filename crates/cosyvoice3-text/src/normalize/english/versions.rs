//! Versions and numbers of chapters, whose second part is a number of its own: `Python 3.11`, `section 4.10`.

use super::{
    English,
    numerals::{cardinal, digits},
};
use crate::normalize::{figures, reader::Reader};

/// Words in small letters before a number in two parts.
const VERSIONED: [&str; 74] = [
    "version",
    "versions",
    "ver",
    "v",
    "release",
    "firmware",
    "build",
    "kernel",
    "patch",
    "update",
    "python",
    "ubuntu",
    "debian",
    "fedora",
    "linux",
    "android",
    "windows",
    "macos",
    "ios",
    "ipados",
    "watchos",
    "node",
    "nodejs",
    "npm",
    "php",
    "java",
    "jdk",
    "kotlin",
    "swift",
    "ruby",
    "rails",
    "perl",
    "rust",
    "golang",
    "go",
    "gcc",
    "clang",
    "llvm",
    "cmake",
    "django",
    "flask",
    "react",
    "angular",
    "vue",
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "redis",
    "docker",
    "kubernetes",
    "cuda",
    "tensorflow",
    "pytorch",
    "numpy",
    "openssl",
    "gstreamer",
    "ffmpeg",
    "firefox",
    "chrome",
    "minecraft",
    "unity",
    "blender",
    "bluetooth",
    "chapter",
    "section",
    "figure",
    "table",
    "article",
    "paragraph",
    "clause",
    "rule",
    "exercise",
    "appendix",
];

impl Reader<'_, English> {
    /// `3.11` behind a name of software or of a part of a document.
    pub(super) fn version(&mut self, at: usize) -> Option<usize> {
        let word = match at.checked_sub(1) {
            Some(before) if self.tokens.is_word(before) => self.tokens.text(before).to_lowercase(),
            _ => self.tokens.word_before(at),
        };
        let first = self.tokens.number(at).filter(|first| first.len() < 4)?;
        let second = self
            .tokens
            .number(at + 2)
            .filter(|second| self.tokens.text(at + 1) == "." && second.len() < 3)?;
        let goes_on = matches!(self.tokens.text(at + 3), "." | "," | "%" | "/" | ":" | "°")
            && (self.tokens.number(at + 4).is_some() || self.tokens.text(at + 3) == "%");
        if goes_on || !VERSIONED.contains(&word.as_str()) {
            return None;
        }
        let first = figures::integer(first)?;
        let second = match second.strip_prefix('0') {
            Some(_) => digits(second),
            None => cardinal(figures::integer(second)?),
        };
        self.out.say(&format!("{} point {second}", cardinal(first)));
        Some(at + 3)
    }
}
