//! Programs in a home of their own, where it is seen whom they talk to and what they write.
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use crate::place::PATIENCE;

/// Entries of a user's cache directory that may be there afterwards: our own, and GStreamer's registry of plugins.
const CACHES: [&str; 2] = ["cosyvoice3", "gstreamer-1.0"];

/// An empty home directory, and the traces of the programs that ran there.
pub struct Home {
    dir: tempfile::TempDir,
}

impl Default for Home {
    fn default() -> Self {
        let home = Self {
            dir: tempfile::tempdir().expect("a directory"),
        };
        for dir in [home.home(), home.cache()] {
            fs::create_dir(dir).expect("a directory");
        }
        home
    }
}

impl Home {
    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    fn trace(&self) -> PathBuf {
        self.dir.path().join("trace")
    }

    /// `command` in this home under strace, which writes down `calls` of all its threads and children. It stays a child of this
    /// process. Of the environment it has what `command` sets, and none of the variables that keep libraries quiet: neither
    /// a switch of ours nor those by which they recognise a build server.
    pub fn traced(&self, command: &Command, calls: &str) -> Command {
        let mut traced = Command::new("strace");
        traced
            .args(["-D", "-f", "--seccomp-bpf", "-o"])
            .arg(self.trace())
            .args(["-e", &format!("trace={calls}")])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .env("PATH", env::var_os("PATH").expect("a PATH"));
        if let Some(library) = env::var_os("ORT_DYLIB_PATH") {
            traced.env("ORT_DYLIB_PATH", library);
        }
        let set = command.get_envs();
        traced.envs(set.filter_map(|(name, value)| Some((name, value?))));
        for switch in [
            "ORT_DISABLE_TELEMETRY",
            "CI",
            "TF_BUILD",
            "GITHUB_ACTIONS",
            "BUILD_ID",
        ] {
            traced.env_remove(switch);
        }
        // GStreamer's registry lies where it does for users.
        traced
            .env_remove("GST_REGISTRY")
            .env("HOME", self.home())
            .env("XDG_CACHE_HOME", self.cache());
        traced
    }

    /// Runs `command` to its end with its sockets traced; the calls and what it wrote.
    ///
    /// # Panics
    /// It fails.
    #[track_caller]
    pub fn run(&self, command: &Command) -> (String, String) {
        let mut traced = self.traced(command, "socket");
        traced
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let child = traced.spawn().expect("strace is installed");
        let pid = child.id();
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().expect("it ends");
        let words = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let words = words.concat();
        assert!(status.success(), "{words}");
        (self.calls(pid), words)
    }

    /// The calls of a traced program that has ended well. The tracer may have a line more to write when it has.
    #[track_caller]
    pub fn calls(&self, pid: u32) -> String {
        let (ended, begin) = (format!("{pid} "), Instant::now());
        loop {
            let calls = fs::read_to_string(self.trace()).unwrap_or_default();
            let is_last =
                |line: &str| line.starts_with(&ended) && line.contains("+++ exited with 0");
            if calls.lines().any(is_last) {
                return calls;
            }
            assert!(begin.elapsed() < PATIENCE, "{calls}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Fails if anything was written but caches that have to be there.
    #[track_caller]
    pub fn assert_only_caches(&self) {
        assert_eq!(names(&self.home()), [""; 0], "in the home directory");
        let foreign: Vec<String> = names(&self.cache())
            .into_iter()
            .filter(|name| !CACHES.contains(&name.as_str()))
            .collect();
        assert!(foreign.is_empty(), "{foreign:?}");
    }

    /// Fails unless our own cache was written: a program that speaks keeps there that it has checked the model.
    #[track_caller]
    pub fn assert_own_cache(&self) {
        let names = names(&self.cache());
        assert!(names.iter().any(|name| name == CACHES[0]), "{names:?}");
    }
}

/// The traced calls that have to do with the Internet's families of addresses.
pub fn internet(calls: &str) -> Vec<&str> {
    let calls = calls.lines();
    calls.filter(|line| line.contains("AF_INET")).collect()
}

/// Names of a directory's entries.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a directory");
    entries
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.to_string_lossy().into_owned()
        })
        .collect()
}
