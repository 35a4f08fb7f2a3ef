//! Settings and faults, from a control file or the environment.
//!
//! The file is the one named by `AXCL_SIM_CONTROL`, or `axcl-sim.conf` beside the library. It is read again at
//! every call, so a running program can be given a fault. Without such a file the text of `AXCL_SIM` is used.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::image;

/// Name of the control file beside the library.
pub const FILE_NAME: &str = "axcl-sim.conf";

/// Properties of the simulated machine. One `name = value` a line (or separated by `;`), `#` starts a comment.
///
/// Counts (`allocation-fails` and so on) begin at 1 and anew whenever the text changes; a changed text also brings a
/// lost device back and ends a hang.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `devices = 129,130`: the ids of the device list, in its order. `devices = none`: a driver without a card, so
    /// `axclInit` gives 0x80300181. Ids are PCI bus numbers on a real machine; the default is 129.
    pub devices: Vec<i32>,
    /// `driver = none`: no driver, so `axclInit` gives 0x8030010B.
    pub driver: bool,
    /// `cmm-mib = 64`: device memory in MiB, of which 18 are in use from the start. Default 7040, as on an 8 GB card.
    pub cmm_mib: u32,
    /// `allocation-fails = N`: the Nth device allocation finds no memory.
    pub allocation_fails: Option<u64>,
    /// `load-fails = N`: the Nth model load gets a bad response from the card.
    pub load_fails: Option<u64>,
    /// `execute-fails = N`: the Nth execution fails.
    pub execute_fails: Option<u64>,
    /// `execute-hangs = N`: the Nth execution does not return until the control text changes.
    pub execute_hangs: Option<u64>,
    /// `execute-loses-device = N`: in the Nth execution the card disappears; every later call to it fails.
    pub execute_loses_device: Option<u64>,
    /// `overwrite-inputs = yes`: an execution leaves other bytes in its input buffers.
    pub overwrite_inputs: bool,
    /// `fp16-outputs = yes`: models loaded from now on have FP16 outputs where the ONNX file has FP32.
    pub fp16_outputs: bool,
    /// `rename x = sample`: models loaded from now on call their input or output `x` `sample`.
    pub rename: HashMap<String, String>,
    /// `resize x = 64`: models loaded from now on report 64 bytes for their input or output `x`.
    pub resize: HashMap<String, u64>,
    /// `reshape t = 2,1`: models loaded from now on report this shape for their input or output `t`, whose buffer and
    /// arithmetic stay as they are.
    pub reshape: HashMap<String, Vec<i32>>,
    /// `version = 3.6.5`: what `axclrtGetVersion` gives. Default 3.10.2.
    pub version: [i32; 3],
    /// `latency = 5`: milliseconds that an execution takes at least.
    pub latency: Duration,
    /// `latency flow_estimator_200 = 46.5`: the same for models loaded from a file of this name (without extension).
    pub model_latency: HashMap<String, Duration>,
    /// `threads = 2`: threads of ONNX Runtime for one execution of models loaded from now on. Default 1.
    pub threads: usize,
    /// `noise = yes`: initialisation and model loads write lines to standard output, as the real runtime does below
    /// log level 3.
    pub noise: bool,
    /// `trace = FILE`: every call is appended to this file, relative to the control file.
    pub trace: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            devices: vec![129],
            driver: true,
            cmm_mib: 7040,
            allocation_fails: None,
            load_fails: None,
            execute_fails: None,
            execute_hangs: None,
            execute_loses_device: None,
            overwrite_inputs: false,
            fp16_outputs: false,
            rename: HashMap::new(),
            resize: HashMap::new(),
            reshape: HashMap::new(),
            version: [3, 10, 2],
            latency: Duration::ZERO,
            model_latency: HashMap::new(),
            threads: 1,
            noise: false,
            trace: None,
        }
    }
}

impl Settings {
    /// Reads the text of a control file; the error names the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut settings = Self::default();
        for line in text.split(['\n', ';']) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            settings
                .set(line)
                .ok_or_else(|| format!("`{line}` is not a setting of axcl-sim"))?;
        }
        Ok(settings)
    }

    fn set(&mut self, line: &str) -> Option<()> {
        let (key, value) = line.split_once('=')?;
        let value = value.trim();
        let (key, subject) = match key.trim().split_once(char::is_whitespace) {
            Some((key, subject)) => (key, Some(subject.trim().to_owned())),
            None => (key.trim(), None),
        };
        match (key, subject) {
            ("devices", None) if value == "none" => self.devices.clear(),
            ("devices", None) => self.devices = numbers(value)?,
            ("driver", None) => self.driver = value != "none",
            ("cmm-mib", None) => self.cmm_mib = value.parse().ok()?,
            ("allocation-fails", None) => self.allocation_fails = Some(value.parse().ok()?),
            ("load-fails", None) => self.load_fails = Some(value.parse().ok()?),
            ("execute-fails", None) => self.execute_fails = Some(value.parse().ok()?),
            ("execute-hangs", None) => self.execute_hangs = Some(value.parse().ok()?),
            ("execute-loses-device", None) => self.execute_loses_device = Some(value.parse().ok()?),
            ("overwrite-inputs", None) => self.overwrite_inputs = yes(value)?,
            ("fp16-outputs", None) => self.fp16_outputs = yes(value)?,
            ("rename", Some(name)) => _ = self.rename.insert(name, value.to_owned()),
            ("resize", Some(name)) => _ = self.resize.insert(name, value.parse().ok()?),
            ("reshape", Some(name)) => _ = self.reshape.insert(name, numbers(value)?),
            ("version", None) => self.version = version(value)?,
            ("latency", None) => self.latency = milliseconds(value)?,
            ("latency", Some(name)) => _ = self.model_latency.insert(name, milliseconds(value)?),
            ("threads", None) => self.threads = value.parse().ok()?,
            ("noise", None) => self.noise = yes(value)?,
            ("trace", None) => self.trace = Some(value.into()),
            _ => return None,
        }
        Some(())
    }

    /// The least time that an execution of the model `name` takes.
    pub fn latency_of(&self, name: &str) -> Duration {
        *self.model_latency.get(name).unwrap_or(&self.latency)
    }
}

fn numbers(value: &str) -> Option<Vec<i32>> {
    value.split(',').map(|n| n.trim().parse().ok()).collect()
}

fn version(value: &str) -> Option<[i32; 3]> {
    let parts: Option<Vec<i32>> = value.split('.').map(|n| n.parse().ok()).collect();
    parts?.try_into().ok()
}

fn yes(value: &str) -> Option<bool> {
    match value {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn milliseconds(value: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(value.parse::<f64>().ok()? / 1000.0).ok()
}

/// An event that can be made to fail at its Nth time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counted {
    Allocation,
    Load,
    Execution,
}

/// The settings in force and what has happened since they came.
pub(crate) struct Control {
    path: PathBuf,
    text: Option<String>,
    settings: Settings,
    error: Option<String>,
    counts: [u64; 3],
}

impl Control {
    /// The control of this process, not yet read.
    pub fn new() -> Self {
        let path = std::env::var_os("AXCL_SIM_CONTROL").map_or_else(beside_library, PathBuf::from);
        Self {
            path,
            text: None,
            settings: Settings::default(),
            error: None,
            counts: [0; 3],
        }
    }

    /// Reads the control text again; true if it changed.
    pub fn refresh(&mut self) -> bool {
        let text = std::fs::read_to_string(&self.path)
            .or_else(|_| std::env::var("AXCL_SIM"))
            .unwrap_or_default();
        if self.text.as_ref() == Some(&text) {
            return false;
        }
        match Settings::parse(&text) {
            Ok(settings) => {
                self.settings = settings;
                self.error = None;
            }
            Err(error) => {
                eprintln!("axcl-sim: {}: {error}", self.path.display());
                self.error = Some(error);
            }
        }
        self.counts = [0; 3];
        self.text = Some(text);
        true
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// True if the control text could not be parsed.
    pub fn is_broken(&self) -> bool {
        self.error.is_some()
    }

    /// Counts `event` and returns the number of this one.
    pub fn count(&mut self, event: Counted) -> u64 {
        self.counts[event as usize] += 1;
        self.counts[event as usize]
    }

    /// The file that calls are to be written to.
    pub fn trace(&self) -> Option<PathBuf> {
        let directory = self.path.parent().unwrap_or(Path::new(""));
        Some(directory.join(self.settings.trace.as_ref()?))
    }
}

fn beside_library() -> PathBuf {
    image::path()
        .and_then(|path| Some(path.parent()?.join(FILE_NAME)))
        .unwrap_or_else(|| FILE_NAME.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_kind_of_setting() {
        let settings = Settings::parse(
            "devices = 3, 4 # two cards\n execute-fails=2; overwrite-inputs = yes\n\nrename x = sample\nreshape t = 2,1\nversion = 3.6.5\nlatency = 5\nlatency slow = 46.5",
        )
        .unwrap();
        assert_eq!(settings.devices, [3, 4]);
        assert_eq!(settings.execute_fails, Some(2));
        assert!(settings.overwrite_inputs);
        assert_eq!(settings.rename["x"], "sample");
        assert_eq!(settings.reshape["t"], [2, 1]);
        assert_eq!(settings.version, [3, 6, 5]);
        assert_eq!(settings.latency_of("slow"), Duration::from_micros(46_500));
        assert_eq!(settings.latency_of("other"), Duration::from_millis(5));
    }

    #[test]
    fn names_the_line_it_does_not_know() {
        for line in [
            "execute-fail = 2",
            "noise = maybe",
            "devices",
            "latency = -1",
            "version = 3.6",
        ] {
            assert!(Settings::parse(line).unwrap_err().contains(line));
        }
    }
}
