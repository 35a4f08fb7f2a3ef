//! Core topology and thread pinning.
//!
//! Boards have big and little cores; a stage that computes belongs on the big ones, a stage that waits for an NPU on the
//! little ones. What is big follows the kernel's own measure, not a list of chips.

mod affinity;
mod clock;
pub mod worker;

pub use clock::processor_time;

use std::{fmt, path::Path};

use crate::{Error, ErrorKind, Result, stage::Stage};

/// Directory in which the kernel describes the cores.
const SYSFS: &str = "/sys/devices/system/cpu";

/// One core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Core {
    /// The kernel's number.
    pub id: usize,
    /// Relative speed: `cpu_capacity` (the fastest core has 1024), or else the highest frequency in kHz; the same for
    /// all cores where the kernel reports neither.
    pub capacity: u64,
}

/// The cores that this process may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    cores: Vec<Core>,
    parallelism: usize,
}

impl Topology {
    /// Reads the topology of this machine, within the process's affinity mask and cpuset.
    pub fn read() -> Self {
        let allowed = affinity::of_process().unwrap_or_else(|error| {
            tracing::debug!(%error, "cannot read the affinity mask: assuming all cores");
            let count = std::thread::available_parallelism().map_or(1, |n| n.get());
            (0..count).collect()
        });
        let mut topology = Self::read_from(Path::new(SYSFS), &allowed);
        // Fewer than the thread's own cores mean a quota of the control group.
        if let (Ok(parallelism), Ok(own)) = (
            std::thread::available_parallelism(),
            affinity::of_current_thread(),
        ) && parallelism.get() < own.len()
        {
            topology.parallelism = parallelism.get();
        }
        topology
    }

    /// Reads the topology of the cores `allowed` from `sysfs`, a directory as `/sys/devices/system/cpu` is.
    pub fn read_from(sysfs: &Path, allowed: &[usize]) -> Self {
        let mut allowed = allowed.to_vec();
        allowed.sort_unstable();
        allowed.dedup();
        // One measure for all cores, since the two cannot be compared.
        let capacities = ["cpu_capacity", "cpufreq/cpuinfo_max_freq"]
            .iter()
            .find_map(|file| read_all(sysfs, &allowed, file))
            .unwrap_or_else(|| vec![1024; allowed.len()]);
        let parallelism = allowed.len();
        let cores = std::iter::zip(allowed, capacities);
        Self {
            parallelism,
            cores: cores.map(|(id, capacity)| Core { id, capacity }).collect(),
        }
    }

    /// The cores, by ascending number.
    pub fn cores(&self) -> &[Core] {
        &self.cores
    }

    /// True if there are big and little cores. Cores that differ by less than 15 %, as turbo bins do, are of one kind.
    pub fn is_heterogeneous(&self) -> bool {
        let (slowest, fastest) = self.extremes();
        slowest * 100 < fastest * 85
    }

    /// The big cores: those above the middle of the slowest and the fastest; all cores where there is one kind.
    pub fn big(&self) -> Vec<usize> {
        self.ids(|big| big)
    }

    /// The little cores; all cores where there is one kind.
    pub fn little(&self) -> Vec<usize> {
        self.ids(|big| !big)
    }

    fn extremes(&self) -> (u64, u64) {
        let capacities = || self.cores.iter().map(|core| core.capacity);
        (
            capacities().min().unwrap_or(0),
            capacities().max().unwrap_or(0),
        )
    }

    fn ids(&self, wanted: impl Fn(bool) -> bool) -> Vec<usize> {
        let (slowest, fastest) = self.extremes();
        let one_kind = !self.is_heterogeneous();
        self.cores
            .iter()
            .filter(|core| one_kind || wanted(2 * core.capacity > slowest + fastest))
            .map(|core| core.id)
            .collect()
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_heterogeneous() {
            let (big, little) = (list(&self.big()), list(&self.little()));
            write!(f, "big cores {big}, little cores {little}")
        } else {
            write!(f, "cores {} of one kind", list(&self.big()))
        }
    }
}

fn read_all(sysfs: &Path, cores: &[usize], file: &str) -> Option<Vec<u64>> {
    let read = |id: &usize| {
        let text = std::fs::read_to_string(sysfs.join(format!("cpu{id}/{file}"))).ok()?;
        text.trim().parse().ok().filter(|value| *value > 0)
    };
    cores.iter().map(read).collect()
}

/// Cores of each stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Affinity {
    cores: [Vec<usize>; 3],
    /// Cores of the flow where no NPU computes it.
    flow_on_cpu: Vec<usize>,
    /// Number of threads that run at a time, which a container may limit below the number of cores.
    parallelism: usize,
    /// True if it was requested, or if there are two kinds of cores; else threads go where the system likes.
    pinned: bool,
}

impl Affinity {
    /// The default: what computes on the big cores; the flow, where an NPU does its work, on the little ones.
    pub fn new(topology: &Topology) -> Self {
        Self {
            cores: Stage::ALL.map(|stage| match stage {
                Stage::Flow => topology.little(),
                Stage::Lm | Stage::Vocoder => topology.big(),
            }),
            flow_on_cpu: topology.big(),
            parallelism: topology.parallelism,
            pinned: topology.is_heterogeneous(),
        }
    }

    /// The same where no NPU does the flow's work.
    pub fn without_npu(mut self) -> Self {
        self.cores[Stage::Flow as usize] = self.flow_on_cpu.clone();
        self
    }

    /// The default, overridden by `text`: `STAGE=CORES` for any of the stages `lm`, `flow` and `vocoder`, separated by
    /// commas, where `CORES` are numbers and ranges, separated by commas too, as in `lm=4-7,vocoder=4,5,flow=0-3`.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] for anything else, for a stage named twice and for cores that this process may not use.
    pub fn parse(text: &str, topology: &Topology) -> Result<Self> {
        let mut affinity = Self::new(topology);
        let mut given: Vec<(Stage, Vec<usize>)> = Vec::new();
        let wrong = |what: String| {
            Error::new(
                ErrorKind::Settings,
                format!("affinity \"{text}\": {what}; expected something like lm=4-7,flow=0-3"),
            )
        };
        for item in text.split(',').map(str::trim) {
            if item.is_empty() && text.trim().is_empty() {
                break;
            }
            let range = match item.split_once('=') {
                Some((name, range)) => {
                    let stage = Stage::ALL.into_iter().find(|s| s.name() == name.trim());
                    let stage = stage.ok_or_else(|| {
                        wrong(format!(
                            "unknown stage {name:?}: the stages are lm, flow and vocoder"
                        ))
                    })?;
                    if given.iter().any(|(other, _)| *other == stage) {
                        return Err(wrong(format!("{stage} appears twice")));
                    }
                    given.push((stage, Vec::new()));
                    range
                }
                None => item,
            };
            let Some((_, cores)) = given.last_mut() else {
                return Err(wrong(format!(
                    "{item:?} has no stage in front: write STAGE=CORES"
                )));
            };
            cores.extend(parse_range(range, topology).map_err(&wrong)?);
        }
        affinity.pinned |= !given.is_empty();
        for (stage, mut cores) in given {
            cores.sort_unstable();
            cores.dedup();
            if stage == Stage::Flow {
                affinity.flow_on_cpu.clone_from(&cores);
            }
            affinity.cores[stage as usize] = cores;
        }
        Ok(affinity)
    }

    /// The cores of `stage`, ascending.
    pub fn cores(&self, stage: Stage) -> &[usize] {
        &self.cores[stage as usize]
    }

    /// Number of threads for `stage`: `asked`, but no more than it has cores, since further ones only make the others
    /// wait; all of these where `asked` is 0.
    pub fn threads(&self, stage: Stage, asked: usize) -> usize {
        let cores = self.cores(stage).len().min(self.parallelism).max(1);
        match asked {
            0 => cores,
            asked => asked.min(cores),
        }
    }

    /// The cores that the threads of `stage` are bound to; `None` where they are not.
    pub fn binding(&self, stage: Stage) -> Option<&[usize]> {
        self.pinned.then(|| self.cores(stage))
    }

    /// Binds the calling thread, and those that it will start, to the cores of `stage`.
    pub fn enter(&self, stage: Stage) {
        if let Some(cores) = self.binding(stage)
            && let Err(error) = pin_current_thread(cores)
        {
            tracing::warn!("{stage}: {error}");
        }
    }

    /// Runs `work` on a thread bound to the cores of `stage`, for the sake of threads that it starts.
    pub fn within<T: Send>(&self, stage: Stage, work: impl FnOnce() -> T + Send) -> T {
        if self.binding(stage).is_none() {
            return work();
        }
        std::thread::scope(|scope| {
            // The library's threads are named after the one that starts them.
            let thread = std::thread::Builder::new().name(stage.thread_name().into());
            let thread = thread.spawn_scoped(scope, || {
                self.enter(stage);
                work()
            });
            match thread.expect("a thread can be started").join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

impl Default for Affinity {
    /// That of this machine.
    fn default() -> Self {
        Self::new(&Topology::read())
    }
}

impl fmt::Display for Affinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, stage) in Stage::ALL.into_iter().enumerate() {
            let separator = if i == 0 { "" } else { "," };
            write!(f, "{separator}{stage}={}", list(self.cores(stage)))?;
        }
        Ok(())
    }
}

/// `4` or `4-7`; every core of it must be one of `topology`.
fn parse_range(text: &str, topology: &Topology) -> Result<Vec<usize>, String> {
    let number = |text: &str| {
        let text = text.trim();
        text.parse::<usize>()
            .map_err(|_| format!("{text:?} is not a core number"))
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    if first > last {
        return Err(format!("the range {first}-{last} is empty"));
    }
    let usable: Vec<usize> = topology.cores.iter().map(|core| core.id).collect();
    // Found by counting up, so that a huge range ends at the first core that is none.
    match (first..=last).find(|id| !usable.contains(id)) {
        None => Ok((first..=last).collect()),
        Some(id) => Err(format!(
            "core {id} is not among the cores that this process may use ({})",
            list(&usable)
        )),
    }
}

/// Ascending core numbers as `0-3,6`.
fn list(cores: &[usize]) -> String {
    let runs = cores.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [one] => one.to_string(),
        run => format!("{}-{}", run[0], run[run.len() - 1]),
    });
    runs.collect::<Vec<_>>().join(",")
}

/// Lets the calling thread, and every thread that it starts from now on, run on `cores` only.
///
/// # Errors
/// [`ErrorKind::Settings`] if `cores` is empty or the system refuses it.
pub fn pin_current_thread(cores: &[usize]) -> Result<()> {
    affinity::set_current_thread(cores).map_err(|e| {
        Error::new(
            ErrorKind::Settings,
            format!("cannot run on the cores \"{}\": {e}", list(cores)),
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAPACITY: &str = "cpu_capacity";
    const FREQUENCY: &str = "cpufreq/cpuinfo_max_freq";

    /// A sysfs tree in which `file` of core `i` contains `values[i]`; no file for 0.
    fn sysfs(file: &str, values: &[u64]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (id, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
            let path = root.path().join(format!("cpu{id}/{file}"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("{value}\n")).unwrap();
        }
        root
    }

    fn topology(file: &str, values: &[u64]) -> Topology {
        let all: Vec<usize> = (0..values.len()).collect();
        Topology::read_from(sysfs(file, values).path(), &all)
    }

    /// The same without the file system.
    fn rated(capacities: &[u64]) -> Topology {
        let cores = capacities.iter().enumerate();
        Topology {
            parallelism: capacities.len(),
            cores: cores.map(|(id, &capacity)| Core { id, capacity }).collect(),
        }
    }

    /// Four Cortex-A55 and two pairs of Cortex-A76, as the kernel rates them.
    const RK3588: [u64; 8] = [414, 414, 414, 414, 1024, 1024, 1008, 1008];

    #[test]
    fn rk3588_has_four_big_and_four_little_cores() {
        let rk3588 = topology(CAPACITY, &RK3588);
        assert!(rk3588.is_heterogeneous());
        assert_eq!(rk3588.big(), [4, 5, 6, 7]);
        assert_eq!(rk3588.little(), [0, 1, 2, 3]);
        assert_eq!(rk3588.to_string(), "big cores 4-7, little cores 0-3");
    }

    #[test]
    fn stages_that_compute_get_big_cores_and_the_one_that_waits_little_ones() {
        let rk3588 = topology(CAPACITY, &RK3588);
        let npu = Affinity::new(&rk3588);
        assert_eq!(npu.to_string(), "lm=4-7,flow=0-3,vocoder=4-7");
        let cpu = Affinity::new(&rk3588).without_npu();
        assert_eq!(cpu.to_string(), "lm=4-7,flow=4-7,vocoder=4-7");
        assert_eq!(cpu.threads(Stage::Lm, 0), 4);
        assert_eq!(cpu.threads(Stage::Lm, 3), 3);
        assert_eq!(cpu.threads(Stage::Lm, 64), 4);
    }

    #[test]
    fn frequency_serves_where_the_kernel_rates_no_capacity() {
        let board = topology(FREQUENCY, &[1_800_000, 1_800_000, 2_256_000, 2_304_000]);
        assert_eq!(board.big(), [2, 3]);
        let turbo_bins = topology(FREQUENCY, &[5_400_000, 5_700_000, 5_500_000]);
        assert!(!turbo_bins.is_heterogeneous());
        let partly_rated = topology(CAPACITY, &[414, 0, 1024, 1024]);
        assert!(!partly_rated.is_heterogeneous());
    }

    #[test]
    fn cores_of_one_kind_are_big_and_little_at_once() {
        for values in [[1024; 4], [0; 4], [1024, 1000, 1020, 980]] {
            let topology = topology(CAPACITY, &values);
            assert!(!topology.is_heterogeneous());
            assert_eq!(topology.big(), [0, 1, 2, 3]);
            assert_eq!(topology.little(), topology.big());
            assert_eq!(topology.to_string(), "cores 0-3 of one kind");
        }
    }

    #[test]
    fn only_cores_of_the_affinity_mask_count() {
        let root = sysfs(CAPACITY, &RK3588);
        let some = Topology::read_from(root.path(), &[5, 1, 4, 1]);
        assert_eq!((some.big(), some.little()), (vec![4, 5], vec![1]));
        let little_only = Topology::read_from(root.path(), &[0, 2]);
        assert!(!little_only.is_heterogeneous());
        assert_eq!(little_only.big(), [0, 2]);
    }

    #[test]
    fn affinity_overrides_only_the_stages_it_names() {
        let rk3588 = topology(CAPACITY, &RK3588);
        for (text, expected) in [
            ("", "lm=4-7,flow=0-3,vocoder=4-7"),
            ("lm=4-7,vocoder=4-7,flow=0-3", "lm=4-7,flow=0-3,vocoder=4-7"),
            ("vocoder=7,1,0-2", "lm=4-7,flow=0-3,vocoder=0-2,7"),
            (" lm = 4 , 6 - 7 ,flow=5 ", "lm=4,6-7,flow=5,vocoder=4-7"),
        ] {
            let affinity = Affinity::parse(text, &rk3588).unwrap();
            assert_eq!(affinity.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn wrong_affinities_are_refused_with_the_reason() {
        let rk3588 = topology(CAPACITY, &RK3588);
        for (text, reason) in [
            (
                "lm=4-8",
                "core 8 is not among the cores that this process may use (0-7)",
            ),
            ("lm=0-18446744073709551615", "core 8 is not"),
            ("lm=7-4", "7-4 is empty"),
            ("lm=", "not a core number"),
            ("lm=4,", "not a core number"),
            ("lm=-1", "not a core number"),
            ("lm=big", "\"big\" is not a core number"),
            ("npu=4", "unknown stage \"npu\""),
            ("4-7", "has no stage in front"),
            ("lm=4,lm=5", "appears twice"),
        ] {
            let error = Affinity::parse(text, &rk3588).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Settings);
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_parsed(
            lm in prop::collection::btree_set(0usize..8, 1..8),
            flow in prop::collection::btree_set(0usize..8, 1..8),
        ) {
            let rk3588 = rated(&RK3588);
            let mut affinity = Affinity::new(&rk3588);
            affinity.cores[Stage::Lm as usize] = lm.into_iter().collect();
            affinity.cores[Stage::Flow as usize] = flow.into_iter().collect();
            let parsed = Affinity::parse(&affinity.to_string(), &rk3588);
            prop_assert_eq!(parsed.unwrap().cores, affinity.cores);
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "[lmflowvocoder=,0-9 -]{0,30}|.{0,30}") {
            let _ = Affinity::parse(&text, &rated(&[1024; 2]));
        }
    }

    #[test]
    fn a_pinned_thread_and_its_children_run_where_they_are_pinned() {
        let machine = Topology::read();
        let core = machine.cores()[machine.cores().len() - 1].id;
        let thread = std::thread::Builder::new().name(Stage::Vocoder.thread_name().into());
        let pinned = thread.spawn(move || {
            pin_current_thread(&[core]).unwrap();
            let child = std::thread::spawn(std::thread::available_parallelism);
            (
                std::fs::read_to_string("/proc/thread-self/comm").unwrap(),
                std::thread::available_parallelism().unwrap().get(),
                child.join().unwrap().unwrap().get(),
                Topology::read(),
            )
        });
        let (name, cores, cores_of_child, seen) = pinned.unwrap().join().unwrap();
        assert_eq!(name.trim(), "cv3-vocoder");
        assert_eq!((cores, cores_of_child), (1, 1));
        assert_eq!(
            seen, machine,
            "a pinned thread still sees the process's cores"
        );
    }

    #[test]
    fn impossible_pinning_is_refused() {
        for cores in [&[][..], &[usize::MAX], &[libc::CPU_SETSIZE as usize - 1]] {
            let error = pin_current_thread(cores).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Settings, "{error}");
        }
    }
}
