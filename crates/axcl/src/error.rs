//! Errors, and the meaning of the runtime's codes.

use std::{fmt, path::PathBuf};

/// Result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The library could not be loaded; the message lists what was tried and how to get it.
    #[error("{0}")]
    Library(String),
    /// The loaded library lacks a function: it is of another version, or something else.
    #[error(
        "the AXCL library ({version}) has no function {function}: install another version of the package axclhost; \
         3.10 has it"
    )]
    MissingFunction {
        /// The C function.
        function: &'static str,
        /// Version that the library reports, or "version unknown".
        version: String,
    },
    /// A function of the runtime returned an error code.
    #[error("{function}: {code}")]
    Call {
        /// The C function.
        function: &'static str,
        /// The code that it returned.
        code: Code,
    },
    /// This process uses the library already: the runtime can be initialised once at a time.
    #[error("the AXCL runtime is already in use in this process: share one Runtime")]
    AlreadyInitialised,
    /// There is no card of this index.
    #[error("no AXCL device of index {index}: {count} found (`axcl-smi` lists them)")]
    NoDevice {
        /// The index that was asked for.
        index: usize,
        /// The number of devices.
        count: usize,
    },
    /// The engine of the device is in use with another VNPU kind.
    #[error("the NPU engine is already in use with VNPU kind {0}")]
    VnpuKind(i32),
    /// A model has no input or output of this name.
    #[error("the model has no {side} `{name}`, only {known}")]
    UnknownTensor {
        /// "input" or "output".
        side: &'static str,
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A model describes itself in a way that cannot be.
    #[error("the model's description is unusable: {0}")]
    Description(String),
    /// A size in bytes is not the one that is needed.
    #[error("{what}: {got} bytes given, {expected} needed")]
    Size {
        /// The object of the wrong size.
        what: &'static str,
        /// The size that is needed.
        expected: usize,
        /// The size that was given.
        got: usize,
    },
    /// Memory of no bytes or of 4 GiB or more was asked for.
    #[error("cannot allocate {0} bytes of memory: the limits are 1 and 4294967295")]
    AllocationSize(usize),
    /// A path holds a zero byte, which C strings cannot.
    #[error("{}: a path must not contain a NUL byte", .0.display())]
    Path(PathBuf),
}

impl Error {
    /// The code, if the runtime itself reported this failure.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Call { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// An error code of the runtime, never 0.
///
/// `0x80000000 | module << 24 | 0x30 << 16 | area << 8 | error`; with another value than 0x30 it comes from the SDK
/// on the card. Displayed in hexadecimal, as a signed number (which the runtime's own log shows) and in words. A
/// coming generation of the runtime numbers its errors differently: rely on [`raw`](Self::raw) being other than 0,
/// not on single values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(i32);

impl Code {
    /// No driver, or no access to `/dev/axcl_host`.
    pub const NO_DRIVER: Self = Self::new(0x8030_010B);
    /// The driver is there, a card is not.
    pub const NO_CARD: Self = Self::new(0x8030_0181);
    /// The calling thread has no context.
    pub const NO_CONTEXT: Self = Self::new(0x8030_0284);
    /// A stream was not done within the limit.
    pub const SYNCHRONIZE_TIMEOUT: Self = Self::new(0x8030_0383);
    /// Device memory ran out.
    pub const NO_MEMORY: Self = Self::new(0x8030_0507);
    /// The card did not answer a memory request.
    pub const MEMORY_REQUEST_FAILED: Self = Self::new(0x8030_050C);
    /// The engine got a bad response from the card.
    pub const BAD_RESPONSE: Self = Self::new(0x8030_0709);
    /// A model could not be executed.
    pub const EXECUTE_FAILED: Self = Self::new(0x8030_070C);

    const fn new(code: u32) -> Self {
        Self(code as i32)
    }

    /// The code that a function returned; `None` for success.
    pub(crate) fn from_raw(code: i32) -> Option<Self> {
        (code != 0).then_some(Self(code))
    }

    /// The number as the runtime returned it.
    pub fn raw(self) -> i32 {
        self.0
    }

    /// The meaning of the number, as far as it is known.
    pub fn meaning(self) -> String {
        if let Some((_, meaning)) = KNOWN.iter().find(|(code, _)| *code == self) {
            return (*meaning).to_owned();
        }
        let [error, area, kind, _] = (self.0 as u32).to_le_bytes();
        if self.0 >= 0 || kind != 0x30 {
            return match kind {
                0x06 => "an error of the card's NPU driver".to_owned(),
                0x0B => "an error of the card's system software".to_owned(),
                0x1D => "an error of the card's engine".to_owned(),
                _ => "an error of the card's SDK".to_owned(),
            };
        }
        let area = match area {
            1 => "device",
            2 => "context",
            3 => "stream or event",
            4 => "task",
            5 => "memory",
            6 => "configuration",
            7 => "engine",
            8 => "log",
            9 => "system control",
            0xA => "latency",
            0xB => "peer-to-peer",
            0xC => "user work",
            _ => "unknown area",
        };
        let error = match error {
            1 => "failed",
            2 => "null pointer",
            3 => "illegal parameter",
            4 => "unsupported",
            5 => "timeout",
            6 => "busy",
            7 => "no memory",
            8 => "encoding failed",
            9 => "decoding failed",
            0xA => "unexpected response",
            0xB => "cannot open",
            0xC => "execution failed",
            _ => "unknown error",
        };
        format!("{area}: {error}")
    }
}

const KNOWN: &[(Code, &str)] = &[
    (
        Code::NO_DRIVER,
        "cannot open the driver: install the package axclhost, and check that /dev/axcl_host exists and may be opened",
    ),
    (Code::new(0x8030_0180), "device query failed"),
    (
        Code::NO_CARD,
        "the driver is there but no card is connected: check `lspci -d 1f4b:`, power and the firmware's boot",
    ),
    (Code::new(0x8030_0183), "device not active"),
    (
        Code::new(0x8030_0184),
        "invalid device id: the card is gone or was never there",
    ),
    (Code::new(0x8030_0185), "no active device"),
    (Code::new(0x8030_0202), "context: null argument"),
    (Code::new(0x8030_0281), "a context could not be created"),
    (Code::new(0x8030_0282), "a context could not be destroyed"),
    (
        Code::new(0x8030_0283),
        "a context could not be bound to the thread",
    ),
    (Code::NO_CONTEXT, "the calling thread has no context"),
    (Code::new(0x8030_0302), "stream: null argument"),
    (
        Code::SYNCHRONIZE_TIMEOUT,
        "the stream did not finish in time",
    ),
    (Code::new(0x8030_0502), "memory: null argument"),
    (
        Code::NO_MEMORY,
        "no device memory left: unload models or end other processes that use the card",
    ),
    (
        Code::MEMORY_REQUEST_FAILED,
        "a memory request to the card failed",
    ),
    (Code::new(0x8030_0581), "the pointer is not device memory"),
    (
        Code::new(0x8030_0681),
        "the configuration could not be loaded",
    ),
    (Code::new(0x8030_0702), "engine: null argument"),
    (
        Code::new(0x8030_0703),
        "engine: illegal parameter, or the model file is missing",
    ),
    (Code::BAD_RESPONSE, "bad response from the card"),
    (Code::EXECUTE_FAILED, "the model could not be executed"),
    (Code::new(0x8030_0781), "engine: invalid index"),
];

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x} ({}): {}", self.0, self.0, self.meaning())
    }
}

/// Logs a failure: a destructor cannot return it.
pub(crate) fn report(result: Result<()>) {
    if let Err(error) = result {
        tracing::warn!("while releasing: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_function_number_and_meaning() {
        let error = Error::Call {
            function: "axclrtMalloc",
            code: Code::NO_CONTEXT,
        };
        assert_eq!(
            error.to_string(),
            "axclrtMalloc: 0x80300284 (-2144337276): the calling thread has no context"
        );
    }

    #[test]
    fn a_code_that_is_not_listed_is_taken_apart() {
        assert_eq!(Code::new(0x8030_0506).meaning(), "memory: busy");
        assert_eq!(Code::new(0x8030_0B05).meaning(), "peer-to-peer: timeout");
        assert_eq!(
            Code::new(0x8006_0103).meaning(),
            "an error of the card's NPU driver"
        );
        assert_eq!(Code(1).meaning(), "an error of the card's SDK");
    }

    #[test]
    fn zero_is_no_error() {
        assert_eq!(Code::from_raw(0), None);
        assert_eq!(Code::from_raw(-2144337276), Some(Code::NO_CONTEXT));
    }
}
