//! For tests in Rust: a simulated machine of their own, its settings and the record of its calls.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{control, onnx_runtime};

/// File name of the library.
pub const LIBRARY: &str = "libaxcl_rt.so";
const TRACE: &str = "calls.log";
const WATCHDOG: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(2);

/// A copy of the library in a directory of its own.
///
/// The dynamic loader takes each copy for another library, so that several can be used in one process without
/// seeing each other's devices, memory and settings. Models may be put into the same directory.
pub struct Machine {
    directory: TempDir,
}

/// One call of an exported function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The calling thread, numbered by first call.
    pub thread: u32,
    /// The function's name.
    pub function: String,
    /// Details that distinguish this call from others of the function: sizes, ids, a path.
    pub detail: String,
    /// Return value: 0 for success, otherwise an error code.
    pub code: u32,
}

impl Machine {
    /// A machine with `settings`, in the form of [`control::Settings`].
    ///
    /// # Panics
    /// When the shared library was not built, or when no temporary directory can be made.
    pub fn new(settings: &str) -> Self {
        Self::without(&[], settings)
    }

    /// A machine whose library does not export `functions`, as other versions of the real one do not.
    ///
    /// # Panics
    /// As [`new`](Self::new), and when the library has no such function.
    pub fn without(functions: &[&str], settings: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut image = fs::read(built_library()).expect("the library");
        for function in functions {
            hide(&mut image, function);
        }
        fs::write(directory.path().join(LIBRARY), image).expect("a copy of the library");
        let machine = Self { directory };
        machine.set(settings);
        machine
    }

    /// The library to load.
    pub fn library(&self) -> PathBuf {
        self.directory.path().join(LIBRARY)
    }

    /// The directory of the library, its settings and its models.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Replaces the settings; see [`control::Settings`] for what starts anew then.
    ///
    /// # Panics
    /// When the control file cannot be written.
    pub fn set(&self, settings: &str) {
        let text = format!("trace = {TRACE}\n{settings}\n");
        let new = self.directory.path().join("new.conf");
        fs::write(&new, text).expect("a control file");
        fs::rename(new, self.directory.path().join(control::FILE_NAME)).expect("a control file");
    }

    /// Writes a model file; returns its path.
    ///
    /// # Panics
    /// When the file cannot be written, or when ONNX Runtime cannot be loaded: the message says how to get it.
    #[track_caller]
    pub fn model(&self, name: &str, bytes: &[u8]) -> PathBuf {
        if let Err(error) = onnx_runtime::environment() {
            panic!("this test executes a model. {error}");
        }
        let path = self.directory.path().join(name);
        fs::write(&path, bytes).expect("a model file");
        path
    }

    /// The calls so far, in order.
    ///
    /// # Panics
    /// When the record is damaged.
    pub fn calls(&self) -> Vec<Call> {
        let text = fs::read_to_string(self.directory.path().join(TRACE)).unwrap_or_default();
        text.lines().map(parse).collect()
    }

    /// Calls so far of `function`.
    pub fn calls_of(&self, function: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.function == function);
        calls
    }

    /// Waits until an execution hangs (`execute-hangs`).
    ///
    /// # Panics
    /// When none did within a minute.
    pub fn wait_for_hang(&self) {
        let begin = Instant::now();
        while self.calls_of("hang").is_empty() {
            assert!(begin.elapsed() < WATCHDOG, "no execution hangs");
            std::thread::sleep(POLL);
        }
    }

    /// Resources that were left when a device was reset or the runtime finalised.
    pub fn leaks(&self) -> Vec<String> {
        let leaks = self.calls_of("leak").into_iter();
        leaks.map(|call| call.detail).collect()
    }
}

fn parse(line: &str) -> Call {
    let parts = || {
        let (call, code) = line.rsplit_once(" = 0x")?;
        let (thread, call) = call.split_once(' ')?;
        let (function, detail) = call.split_once(' ')?;
        Some(Call {
            thread: thread.parse().ok()?,
            function: function.to_owned(),
            detail: detail.to_owned(),
            code: u32::from_str_radix(code, 16).ok()?,
        })
    };
    parts().unwrap_or_else(|| panic!("damaged record of calls: {line}"))
}

/// Gives a function another name of the same length in the tables of names, so that no loader finds it.
fn hide(image: &mut [u8], function: &str) {
    let entry = [b"\0", function.as_bytes(), b"\0"].concat();
    let places: Vec<usize> = image
        .windows(entry.len())
        .enumerate()
        .filter_map(|(at, bytes)| (bytes == entry).then_some(at + 1))
        .collect();
    assert!(!places.is_empty(), "{LIBRARY} exports no {function}");
    for at in places {
        image[at] = b'_';
    }
}

/// The library that Cargo built with the running test: in the test's directory or beside it.
fn built_library() -> PathBuf {
    if let Some(path) = env::var_os("AXCL_SIM_LIBRARY") {
        return path.into();
    }
    let program = env::current_exe().expect("the path of this program");
    let directories = program.ancestors().skip(1).take(2);
    directories
        .flat_map(|directory| [directory.join(LIBRARY), directory.join("deps").join(LIBRARY)])
        .find(|path| path.exists())
        .unwrap_or_else(|| {
            panic!(
                "{LIBRARY} was not built; run `cargo build -p axcl-sim` with the profile of this test, \
                 or set AXCL_SIM_LIBRARY"
            )
        })
}
