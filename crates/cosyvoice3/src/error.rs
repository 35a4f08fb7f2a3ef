//! Errors, in words a user can act on.

use std::path::Path;

/// Result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Kind of an [`Error`]; the element maps each kind to a GStreamer error domain and code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A property or a manifest entry has a value that cannot work.
    Settings,
    /// A file, directory, voice or device does not exist.
    NotFound,
    /// A file exists but cannot be opened.
    Open,
    /// A file was read but is damaged, truncated or contradicts the manifest.
    Damaged,
    /// A shared library (ONNX Runtime, AXCL) is missing or unusable.
    Library,
    /// Memory or disk space ran out.
    NoSpace,
    /// No voice can be made of a recording.
    Recording,
    /// The text cannot be spoken.
    Text,
    /// The text is in a language that the model does not speak.
    Language,
    /// The markup of a text (SSML) cannot be understood.
    Markup,
    /// The queue is full: try again later, or allow more.
    Busy,
    /// A device failed, and will not work again by itself.
    Device,
    /// A stage failed while it worked.
    Failed,
    /// A stage panicked: a bug, after which nothing can be relied on.
    Panicked,
    /// The work was cancelled on request. Not an error to report.
    Cancelled,
}

/// One failure: its kind and one message that names the culprit and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// An error of `kind`; `message` names the file, value or call, what was expected and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The error of a file that could not be opened or read, from the system's error.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::OutOfMemory => ErrorKind::NoSpace,
            _ => ErrorKind::Open,
        };
        Self::new(kind, format!("{}: {error}", path.display()))
    }

    /// A damaged file.
    pub fn damaged(path: &Path, what: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::Damaged, format!("{}: {what}", path.display()))
    }

    /// A stage that failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// The work was cancelled.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "cancelled")
    }

    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns true if this is a cancellation and not a failure.
    pub fn is_cancelled(&self) -> bool {
        self.kind == ErrorKind::Cancelled
    }

    /// The same error with `context` in front of its message.
    pub fn context(mut self, context: impl std::fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }
}
