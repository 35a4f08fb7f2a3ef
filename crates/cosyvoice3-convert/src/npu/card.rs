//! Report of a model's run on an NPU card, for owners of one: versions, times, and the difference of its mel from the
//! CPU's.

use std::{
    fmt::Display,
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use cosyvoice3::{
    cancel::Cancel,
    constants::{MEL_BINS, SPEAKER_EMBEDDING, SPEECH_CODES},
    flow::{
        FlowModel, FlowOptions, FlowPlan,
        axcl::{self, AxclFlow, AxclOptions},
        ort::CpuFlow,
        windows::PROMPT_TOKENS,
    },
    manifest::{Manifest, Npu, verify},
    mel::Mel,
    voice::{self, Voice},
};

/// Tokens of the test speech: five seconds, in windows of every kind.
const TOKENS: u32 = 130;
/// Rounds, since the first time may differ from the others.
const ROUNDS: usize = 3;

/// Tries the flow of the model in `dir` on the card of `options`, and writes its findings to `out`. After an error
/// `out` holds the findings until then, and the error.
///
/// # Errors
/// Any reason why the card could not be tried.
pub fn report(dir: &Path, options: &AxclOptions, out: &mut dyn Write) -> Result<()> {
    let mut report = Report { out };
    let tried = report.all(dir, options);
    if let Err(error) = &tried {
        report.line(format!("FAILED: {error:#}"))?;
    }
    report.section("memory of this process")?;
    report.memory()?;
    tried
}

struct Report<'a> {
    out: &'a mut dyn Write,
}

/// A mel and the time of each window.
struct Made {
    mel: Mel,
    windows: Vec<Duration>,
}

impl Report<'_> {
    fn section(&mut self, name: &str) -> Result<()> {
        self.line(format!("\n[{name}]"))
    }

    fn line(&mut self, line: impl Display) -> Result<()> {
        Ok(writeln!(self.out, "{line}")?)
    }

    fn lines(&mut self, lines: Vec<String>) -> Result<()> {
        lines.iter().try_for_each(|line| self.line(line))
    }

    fn all(&mut self, dir: &Path, options: &AxclOptions) -> Result<()> {
        self.line(format!(
            "cosyvoice3 {}, card report 1",
            env!("CARGO_PKG_VERSION")
        ))?;
        self.section("machine")?;
        self.lines(machine())?;
        self.lines(axcl::presence())?;
        self.lines(driver(Path::new("/")))?;

        self.section("model")?;
        let manifest = Manifest::read(dir)?;
        verify::sizes(dir, &manifest)?;
        self.line(format!(
            "{}, made by {}",
            manifest.name, manifest.created_by
        ))?;
        let Some(npu) = &manifest.npu else {
            bail!(
                "{} has no models for the NPU: `cosyvoice3 model npu` adds them",
                dir.display()
            );
        };

        self.section("card")?;
        let voice = prompt(dir, &manifest)?;
        let card = self.card(dir, &manifest, npu, options, &voice)?;
        self.section("cpu")?;
        self.compare(dir, &manifest, &voice, &card)
    }

    /// Loads the models on the card and makes the mel there.
    fn card(
        &mut self,
        dir: &Path,
        manifest: &Manifest,
        npu: &Npu,
        options: &AxclOptions,
        voice: &Voice,
    ) -> Result<Made> {
        let begin = Instant::now();
        let flow = AxclFlow::load(dir, &manifest.flow, npu, options, &Cancel::new())?;
        self.line(format!("opened and loaded in {}", seconds(begin.elapsed())))?;
        self.lines(flow.describe(&Cancel::new())?)?;
        let mut flow = FlowModel::new(Box::new(flow), &manifest.flow);
        let mut made = None;
        for round in 1..=ROUNDS {
            made = Some(self.round(round, &mut flow, voice)?);
        }
        made.context("no round")
    }

    /// Makes the same mel on the CPU, if the model can, and reports the difference of the two.
    fn compare(
        &mut self,
        dir: &Path,
        manifest: &Manifest,
        voice: &Voice,
        card: &Made,
    ) -> Result<()> {
        if manifest.flow.cpu_files().is_err() {
            return self.line("the model has no flow for the CPU: nothing to compare with");
        }
        let begin = Instant::now();
        let flow = CpuFlow::load(dir, &manifest.flow, 0, &Cancel::new())?;
        self.line(format!("loaded in {}", seconds(begin.elapsed())))?;
        let mut flow = FlowModel::new(Box::new(flow), &manifest.flow);
        let cpu = self.round(1, &mut flow, voice)?;
        let (npu, cpu) = (&card.mel, &cpu.mel);
        let frames = cpu.frames();
        let cosines = (0..frames).map(|t| cosine(&npu.columns(t..t + 1), &cpu.columns(t..t + 1)));
        let (frame, worst) = cosines
            .enumerate()
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .context("no frames")?;
        self.line(format!("cosine of the mels: {:.6}", cosine(npu, cpu)))?;
        self.line(format!(
            "least cosine of a frame: {worst:.6} (frame {frame} of {frames})"
        ))?;
        let difference = std::iter::zip(npu.as_slice(), cpu.as_slice());
        let largest = difference.fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
        self.line(format!("largest difference: {largest:.4}"))
    }

    fn round(&mut self, round: usize, flow: &mut FlowModel, voice: &Voice) -> Result<Made> {
        let options = FlowOptions {
            plan: FlowPlan::Windows,
            ..Default::default()
        };
        let tokens: Vec<u32> = (0..TOKENS).map(|i| (i * 997 + 31) % SPEECH_CODES).collect();
        let mut utterance = flow.utterance(voice, &options)?;
        let mut windows = Vec::new();
        loop {
            let begin = Instant::now();
            let Some(call) = utterance.advance(&tokens, true, &Cancel::new())? else {
                break;
            };
            let took = begin.elapsed();
            self.line(format!(
                "round {round}, window {}: {} frames, {} steps, {:.1} ms, {:.1} ms a step",
                windows.len() + 1,
                call.frames,
                call.steps,
                milliseconds(took),
                milliseconds(took) / call.steps as f64
            ))?;
            windows.push(took);
        }
        let made = Made {
            mel: utterance.into_mel(),
            windows,
        };
        let total: Duration = made.windows.iter().sum();
        self.line(format!(
            "round {round}: {} for {:.1} s of speech",
            seconds(total),
            f64::from(TOKENS) / 25.0
        ))?;
        Ok(made)
    }

    fn memory(&mut self) -> Result<()> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let wanted = |line: &&str| line.starts_with("VmRSS:") || line.starts_with("VmHWM:");
        self.lines(status.lines().filter(wanted).map(String::from).collect())
    }
}

/// The machine around the card and its driver.
fn machine() -> Vec<String> {
    let first = |path: &str, key: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text
            .lines()
            .find(|line| line.starts_with(key))?
            .trim_end_matches('\0');
        let value = line.split_once(':').map_or(line, |(_, value)| value);
        Some(value.trim().to_owned())
    };
    let shown = |name: &str, value: Option<String>| {
        format!("{name}: {}", value.as_deref().unwrap_or("unknown"))
    };
    let board = first("/proc/device-tree/model", "");
    vec![
        shown("kernel", first("/proc/sys/kernel/osrelease", "")),
        format!("architecture: {}", std::env::consts::ARCH),
        shown(
            "board or CPU",
            board.or_else(|| first("/proc/cpuinfo", "model name")),
        ),
        shown("memory", first("/proc/meminfo", "MemTotal")),
    ]
}

/// Versions of the driver, its package and the firmware that it boots cards with, as far as files below `root` state
/// them.
fn driver(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for module in [
        "axcl_host",
        "ax_pcie_host_dev",
        "ax_pcie_msg",
        "ax_pcie_mmb",
    ] {
        let place = root.join("sys/module").join(module);
        let value = |file: &str| fs::read_to_string(place.join(file)).ok();
        if let Some(version) = value("version").or_else(|| value("srcversion")) {
            lines.push(format!("kernel module {module}: {}", version.trim()));
        } else if place.is_dir() {
            lines.push(format!("kernel module {module}: loaded, version unknown"));
        }
    }
    let packages = fs::read_to_string(root.join("var/lib/dpkg/status")).unwrap_or_default();
    for package in packages.split("\n\n") {
        let field = |key: &str| package.lines().find_map(|line| line.strip_prefix(key));
        if let Some(name) = field("Package: ").filter(|name| name.starts_with("axcl")) {
            let version = field("Version: ").unwrap_or("unknown");
            lines.push(format!("package {name}: {version}"));
        }
    }
    let firmware = root.join("lib/firmware/axcl/ax650_card.pac");
    if let Ok(meta) = firmware.metadata() {
        lines.push(format!("firmware file: {} bytes", meta.len()));
    }
    if lines.is_empty() {
        lines.push("driver, package and firmware: no file names a version".into());
    }
    lines
}

/// The model's default voice, or one made up where it has none that windows can use.
fn prompt(dir: &Path, manifest: &Manifest) -> Result<Voice> {
    let path: PathBuf = voice::path(dir, &manifest.default_voice);
    match Voice::load(&path) {
        Ok(voice) if voice.prompt_tokens.len() >= PROMPT_TOKENS => Ok(voice),
        _ => Ok(made_up()),
    }
}

fn made_up() -> Voice {
    let frames = 2 * PROMPT_TOKENS;
    let wave = |i: usize| (i as f32 * 0.37).sin();
    let mel: Vec<f32> = (0..frames * MEL_BINS).map(|i| wave(i) - 6.0).collect();
    Voice {
        name: "made up".into(),
        language: None,
        prompt_text: None,
        prompt_text_ids: Vec::new(),
        prompt_tokens: (0..PROMPT_TOKENS as u32)
            .map(|i| (i * 7919 + 13) % SPEECH_CODES)
            .collect(),
        tail_tokens: Vec::new(),
        prompt_mel: Mel::from_frames(&mel),
        embedding: (0..SPEAKER_EMBEDDING).map(wave).collect(),
        provenance: None,
    }
}

fn cosine(one: &Mel, other: &Mel) -> f64 {
    let (one, other) = (one.as_slice(), other.as_slice());
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        std::iter::zip(a, b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_where_files_have_them() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        assert!(driver(root.path())[0].contains("no file names a version"));
        write("sys/module/axcl_host/version", "3.10.2\n");
        write("sys/module/ax_pcie_msg/srcversion", "ABC\n");
        write("lib/firmware/axcl/ax650_card.pac", "firmware");
        write(
            "var/lib/dpkg/status",
            "Package: a\nVersion: 1\n\nPackage: axclhost\nStatus: ok\nVersion: 3.10.2-1\n",
        );
        assert_eq!(
            driver(root.path()),
            [
                "kernel module axcl_host: 3.10.2",
                "kernel module ax_pcie_msg: ABC",
                "package axclhost: 3.10.2-1",
                "firmware file: 8 bytes",
            ]
        );
    }

    #[test]
    fn the_made_up_voice_is_one() {
        made_up().check().unwrap();
    }

    #[test]
    fn the_cosine_of_a_mel_with_itself_is_one_whatever_its_scale() {
        let mel = |scale: f32| {
            let frames: Vec<f32> = (0..2 * MEL_BINS)
                .map(|i| scale * (i as f32 - 50.0))
                .collect();
            Mel::from_frames(&frames)
        };
        assert!((cosine(&mel(1.0), &mel(3.0)) - 1.0).abs() < 1e-9);
        assert!((cosine(&mel(1.0), &mel(-1.0)) + 1.0).abs() < 1e-9);
    }
}
