//! GStreamer's tools with the plugin that was built with this test.
use std::{
    fs,
    io::{self, BufRead, BufReader},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

/// A directory that holds the plugin and nothing else: GStreamer tries every library it finds.
pub fn plugin_dir() -> PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(link_plugin).clone()
}

/// The program of this test.
fn test() -> PathBuf {
    std::env::current_exe().expect("this program has a path")
}

/// Cargo's target directory.
pub(crate) fn target() -> PathBuf {
    // Tests are in TARGET/release/deps.
    let test = test();
    let target = test.ancestors().nth(3);
    target.expect("a test is three folders deep").to_owned()
}

fn link_plugin() -> PathBuf {
    let test = test();
    let dir = target().join("tmp/gst-launch");
    fs::create_dir_all(&dir).expect("a directory for the plugin");
    let plugin = test.with_file_name("libgstcosyvoice3.so");
    assert!(plugin.exists(), "{} is missing", plugin.display());
    let link = dir.join("libgstcosyvoice3.so");
    // Another checkout's, where this one was moved or copied.
    if !fs::read_link(&link).is_ok_and(|target| target == plugin) {
        let new = dir.join(format!("link-{}", std::process::id()));
        symlink(&plugin, &new).expect("a link to the plugin");
        fs::rename(&new, &link).expect("a link to the plugin");
    }
    dir
}

/// `program`, which finds the plugin.
pub fn command(program: &str) -> Command {
    let dir = plugin_dir();
    let mut command = Command::new(program);
    command
        .env("GST_PLUGIN_PATH", &dir)
        .env("GST_REGISTRY", dir.join("registry.bin"))
        .env("LC_ALL", "C");
    command
}

/// Takes sound devices out of a program's sight: GStreamer's automatic sink reports that there is none and plays to nowhere.
pub fn without_sound(command: &mut Command) -> &mut Command {
    command.env(
        "GST_PLUGIN_FEATURE_RANK",
        "alsasink:NONE,pulsesink:NONE,jackaudiosink:NONE,pipewiresink:NONE,openalsink:NONE,oss4sink:NONE,osssink:NONE",
    )
}

/// Runs a command to its end; its exit and its words.
pub fn run(command: &mut Command) -> (Output, String) {
    let output = command.output().expect("GStreamer's tools are installed");
    let words = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output, words)
}

/// Runs `gst-launch-1.0 PIPELINE` with `variables` set; its exit and its words.
pub fn gst_launch(pipeline: &[&str], variables: &[(&str, &Path)]) -> (Output, String) {
    run(command("gst-launch-1.0")
        .args(pipeline)
        .envs(variables.iter().copied()))
}

/// A `gst-launch-1.0` that runs.
pub struct Running {
    child: Child,
    lines: io::Lines<BufReader<std::process::ChildStdout>>,
    said: String,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("GStreamer's tools are installed");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self {
            child,
            lines,
            said: String::new(),
        }
    }

    /// Reads on until a line has `words`.
    #[track_caller]
    pub fn wait_for(&mut self, words: &str) {
        loop {
            let line = self.lines.next();
            let Some(Ok(line)) = line else {
                panic!("it ended without {words:?}: {}", self.said);
            };
            self.said += &line;
            self.said.push('\n');
            if line.contains(words) {
                return;
            }
        }
    }

    /// Ctrl-C; how long it takes to end, how it ends, and what it said.
    pub fn interrupt(mut self) -> (Duration, std::process::ExitStatus, String) {
        let since = Instant::now();
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-INT", &id]).status();
        assert!(killed.expect("there is kill").success());
        for line in self.lines.by_ref().map_while(Result::ok) {
            self.said += &line;
            self.said.push('\n');
        }
        let status = self.child.wait().expect("it ends");
        (since.elapsed(), status, self.said)
    }
}
