//! The flow model on the NPU, by the stand-in for AXCL: the same mel as on the CPU, and the effects of a card's faults.
#![allow(missing_docs)]

use test_support::models as support;
use test_support::playing;

use std::{
    path::Path,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use axcl_rt::harness::Machine;
use cosyvoice3::{
    Error, ErrorKind, Result,
    cancel::Cancel,
    cpu::Affinity,
    flow::{
        Device, FlowBackend, FlowModel, FlowOptions, FlowPlan,
        axcl::AxclOptions,
        choice::{self, Cores, FlowChoice, FlowTarget},
    },
    manifest::Manifest,
    mel::Mel,
    voice::{self, Voice},
};
use gst::prelude::*;
use playing::{Played, Player, Watchdog};
use support::{max_diff, tiny_npu};

fn load(
    dir: &Path,
    manifest: &Manifest,
    target: &FlowTarget,
    warn: &mut dyn FnMut(Error),
) -> Result<Box<dyn FlowBackend>> {
    let cores = Cores {
        affinity: &Affinity::default(),
        threads: 1,
    };
    choice::load(dir, manifest, target, &cores, &Cancel::new(), warn)
}

/// A process uses one AXCL library at a time.
static ONE: Mutex<()> = Mutex::new(());

/// A machine with a card, while no other test has one.
struct Card {
    machine: Machine,
    _alone: MutexGuard<'static, ()>,
    _watchdog: Watchdog,
}

impl Card {
    fn new(settings: &str) -> Self {
        Self::with(|| Machine::new(settings))
    }

    fn with(machine: impl FnOnce() -> Machine) -> Self {
        let alone = ONE.lock().unwrap_or_else(|e| e.into_inner());
        Self {
            machine: machine(),
            _alone: alone,
            _watchdog: Watchdog::new("a test with a card", Duration::from_secs(600)),
        }
    }

    fn target(&self, choice: FlowChoice) -> FlowTarget {
        FlowTarget {
            choice,
            axcl: AxclOptions {
                device: 0,
                library: Some(self.machine.library()),
            },
        }
    }

    fn load(&self, choice: FlowChoice) -> Result<(Box<dyn FlowBackend>, Vec<Error>)> {
        let mut warnings = Vec::new();
        let manifest = Manifest::read(&tiny_npu()).unwrap();
        let mut warn = |warning| warnings.push(warning);
        load(&tiny_npu(), &manifest, &self.target(choice), &mut warn)
            .map(|backend| (backend, warnings))
    }

    fn model(&self, choice: FlowChoice) -> FlowModel {
        let (backend, warnings) = self.load(choice).unwrap();
        assert!(warnings.is_empty(), "{warnings:?}");
        FlowModel::new(backend, &Manifest::read(&tiny_npu()).unwrap().flow)
    }

    fn player(&self, text: &str, settings: &[(&str, &str)]) -> Player {
        let library = self.machine.library();
        let library = ("axcl-library", library.to_str().unwrap());
        let settings = [settings, &[library]].concat();
        Player::new(&tiny_npu(), Some(text), &settings)
    }

    /// Number of calls of `function`.
    fn count(&self, function: &str) -> usize {
        self.machine.calls_of(function).len()
    }

    fn assert_clean(&self) {
        let leaks = self.machine.leaks();
        assert!(leaks.is_empty(), "{leaks:?}");
    }

    /// Resources on a lost card cannot be freed.
    fn assert_clean_unless_lost(&self, settings: &str) {
        if !settings.contains("loses") {
            self.assert_clean();
        }
    }
}

fn golden_voice() -> Voice {
    Voice::load(&voice::path(&tiny_npu(), "golden")).unwrap()
}

fn tokens(count: usize) -> Vec<u32> {
    (0..count as u32).map(|i| (i * 7919 + 13) % 6561).collect()
}

/// The mel of `count` tokens by windows.
fn speak(model: &mut FlowModel, count: usize) -> Result<Mel> {
    let options = FlowOptions {
        plan: FlowPlan::Windows,
        steps: 3,
        ..Default::default()
    };
    let voice = golden_voice();
    let mut utterance = model.utterance(&voice, &options)?;
    let tokens = tokens(count);
    while utterance.advance(&tokens, true, &Cancel::new())?.is_some() {}
    Ok(utterance.into_mel())
}

fn assert_same_mel(npu: &Mel, cpu: &Mel) {
    let peak = cpu
        .as_slice()
        .iter()
        .fold(0.0f32, |max, x| max.max(x.abs()));
    let difference = max_diff(npu.as_slice(), cpu.as_slice()) / peak;
    println!("{} frames: {difference:.1e} of the peak", cpu.frames());
    assert!(difference <= 1e-5, "{difference:e}");
}

#[test]
fn the_npu_makes_the_same_mel_as_the_cpu() {
    let card = Card::new("");
    let mut npu = card.model(FlowChoice::Npu);
    let mut cpu = card.model(FlowChoice::Cpu);
    assert_eq!(
        (npu.backend().device(), cpu.backend().device()),
        (Device::Npu, Device::Cpu)
    );
    for count in [1, 28, 60, 130] {
        assert_same_mel(
            &speak(&mut npu, count).unwrap(),
            &speak(&mut cpu, count).unwrap(),
        );
    }
    drop(npu);
    card.assert_clean();
    assert_eq!(card.count("axclFinalize"), 1);
}

#[test]
fn an_axmodel_whose_shapes_are_reported_otherwise_makes_the_same_mel() {
    // An axis more, one of length 1 left out, all in one row.
    let card = Card::new(
        "reshape t = 2,1; reshape mask = 2,200; reshape spks = 160; reshape y = 1,2,80,200",
    );
    let mut npu = card.model(FlowChoice::Npu);
    assert_eq!(npu.backend().device(), Device::Npu);
    let cpu = speak(&mut card.model(FlowChoice::Cpu), 60).unwrap();
    assert_same_mel(&speak(&mut npu, 60).unwrap(), &cpu);
}

/// Functions that runtimes of other versions lack, and the settings.
const OTHER_RUNTIMES: [(&[&str], &str); 2] = [
    (
        &[
            "axclrtMemcpyAsync",
            "axclrtMemsetAsync",
            "axclrtCreateEvent",
            "axclrtGetFullVersion",
            "axclrtGetDeviceProperties",
            "axclrtEngineGetInputDataType",
            "axclrtEngineGetOutputDataType",
        ],
        "version = 3.6.5",
    ),
    (&["axclrtGetDeviceList"], "devices = 0; version = 4.0.0"),
];

#[test]
fn an_older_and_a_newer_runtime_make_the_same_mel() {
    for (lacking, settings) in OTHER_RUNTIMES {
        let card = Card::with(|| Machine::without(lacking, settings));
        let mut npu = card.model(FlowChoice::Npu);
        let cpu = speak(&mut card.model(FlowChoice::Cpu), 28).unwrap();
        assert_same_mel(&speak(&mut npu, 28).unwrap(), &cpu);
    }
}

#[test]
fn only_what_changes_is_uploaded_and_everything_where_executions_overwrite_their_inputs() {
    for (settings, uploads_a_step) in [("", 2), ("overwrite-inputs = yes", 6)] {
        let card = Card::new(settings);
        let mut npu = card.model(FlowChoice::Npu);
        let uploads = || {
            let copies = card.machine.calls_of("axclrtMemcpy");
            let up = copies.iter().filter(|call| call.detail.starts_with("1 "));
            up.count()
        };
        let before = (uploads(), card.count("axclrtEngineExecute"));
        let mel = speak(&mut npu, 28).unwrap();
        let steps = card.count("axclrtEngineExecute") - before.1;
        // Two windows of three steps.
        assert_eq!(steps, 6, "{settings}");
        assert_eq!(
            uploads() - before.0,
            2 * 4 + steps * uploads_a_step,
            "{settings}"
        );
        assert_same_mel(&mel, &speak(&mut card.model(FlowChoice::Cpu), 28).unwrap());
    }
}

/// Faults at load: settings, kind of the error, and words that its message must have.
const AT_LOAD: [(&str, ErrorKind, &[&str]); 11] = [
    ("driver = none", ErrorKind::NotFound, &["axclhost"]),
    ("devices = none", ErrorKind::NotFound, &["lspci"]),
    (
        "allocation-fails = 3",
        ErrorKind::NoSpace,
        &["axclrtMalloc", "memory"],
    ),
    ("cmm-mib = 19", ErrorKind::NoSpace, &["memory"]),
    (
        "load-fails = 2",
        ErrorKind::Device,
        &["flow_estimator_250.axmodel"],
    ),
    (
        "execute-fails = 1",
        ErrorKind::Device,
        &["axclrtEngineExecute"],
    ),
    (
        "execute-fails = 2",
        ErrorKind::Device,
        &["axclrtEngineExecute"],
    ),
    (
        "execute-loses-device = 1",
        ErrorKind::Device,
        &["axclrtEngineExecute"],
    ),
    (
        "rename x = sample",
        ErrorKind::Damaged,
        &["flow_estimator_200.axmodel", "sample", "expected"],
    ),
    (
        "resize mask = 64",
        ErrorKind::Damaged,
        &["flow_estimator_200.axmodel", "64 bytes"],
    ),
    (
        "fp16-outputs = yes",
        ErrorKind::Damaged,
        &["flow_estimator_200.axmodel", "y Fp16"],
    ),
];

#[test]
fn a_card_that_cannot_be_used_is_an_error_or_with_auto_a_warning_and_the_cpu() {
    for (settings, kind, words) in AT_LOAD {
        let card = Card::new(settings);
        let error = card.load(FlowChoice::Npu).err().expect(settings);
        assert_eq!(error.kind(), kind, "{settings}: {error}");
        for word in words {
            assert!(error.to_string().contains(word), "{settings}: {error}");
        }
        // A changed control text, so that the counts begin anew.
        card.machine.set(&format!("{settings}\n"));
        let (backend, warnings) = card.load(FlowChoice::Auto).expect(settings);
        assert_eq!(backend.device(), Device::Cpu, "{settings}");
        assert_eq!(warnings.len(), 1, "{settings}: {warnings:?}");
        assert!(
            warnings[0].to_string().contains(words[0]),
            "{}",
            warnings[0]
        );
        card.assert_clean_unless_lost(settings);
    }
}

#[test]
fn after_a_fault_at_load_the_bus_tells_it_once_and_the_next_start_is_on_the_card() {
    // In the short form one of each: no card, a failure of the runtime, a wrong model, a lost card.
    const SHORT: [&str; 4] = [
        "devices = none",
        "load-fails = 2",
        "rename x = sample",
        "execute-loses-device = 1",
    ];
    for (settings, _, words) in AT_LOAD {
        if !support::long() && !SHORT.contains(&settings) {
            continue;
        }
        let card = Card::new(settings);
        let player = card.player("Раз.", &[("flow-backend", "npu")]);
        let refused = player.play();
        assert_eq!(refused.errors.len(), 1, "{settings}: {refused:?}");
        assert!(refused.warnings.is_empty(), "{settings}: {refused:?}");
        assert!(refused.errors[0].text().contains(words[0]), "{refused:?}");
        card.machine.set("");
        player.play().in_peace();
        drop(player);

        card.machine.set(settings);
        let player = card.player("Раз.", &[]);
        let spoken = player.play();
        assert!(
            spoken.errors.is_empty() && spoken.eos,
            "{settings}: {spoken:?}"
        );
        assert!(!spoken.buffers.is_empty(), "{settings}");
        assert_eq!(spoken.warnings.len(), 1, "{settings}: {spoken:?}");
        assert!(spoken.warnings[0].text().contains(words[0]), "{spoken:?}");
        assert_eq!(player.flow_backend(), "cpu", "{settings}");
        card.machine.set("");
        player.play().in_peace();
        assert_eq!(player.flow_backend(), "npu", "{settings}");
        drop(player);
        card.assert_clean_unless_lost(settings);
    }
}

#[test]
fn a_device_index_that_is_not_there_is_named() {
    let card = Card::new("devices = 129");
    let mut target = card.target(FlowChoice::Npu);
    target.axcl.device = 1;
    let manifest = Manifest::read(&tiny_npu()).unwrap();
    let error = load(&tiny_npu(), &manifest, &target, &mut |_| ())
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("index 1: 1 found"), "{error}");
}

#[test]
fn the_card_is_opened_on_the_way_to_paused_and_not_before() {
    let card = Card::new("");
    let player = card.player("Раз.", &[("flow-backend", "npu")]);
    for state in [gst::State::Ready, gst::State::Null, gst::State::Ready] {
        player.pipeline.set_state(state).unwrap();
    }
    assert!(card.machine.calls().is_empty());
    player.play().in_peace();
    assert_eq!(card.count("axclInit"), 1);
}

#[test]
fn a_machine_without_a_card_is_told_before_anything_loads() {
    let signs = axcl::detect();
    if signs.driver || !signs.cards.is_empty() || std::env::var_os(axcl::LIBRARY_VARIABLE).is_some()
    {
        return;
    }
    for (model, word) in [
        (tiny_npu(), "/dev/axcl_host"),
        (support::tiny(), "cosyvoice3 model npu"),
    ] {
        let player = Player::new(&model, Some("Раз."), &[("flow-backend", "npu")]);
        assert!(player.pipeline.set_state(gst::State::Ready).is_err());
        let errors = player.stop(gst::State::Null).errors;
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].text().contains(word), "{errors:?}");
    }
}

#[test]
fn without_axmodels_npu_is_an_error_with_the_remedy_and_auto_the_cpu_in_silence() {
    let card = Card::new("");
    let dir = support::tiny();
    let manifest = Manifest::read(&dir).unwrap();
    let mut warnings = Vec::new();
    let mut open = |choice| {
        let target = card.target(choice);
        let mut warn = |warning| warnings.push(warning);
        load(&dir, &manifest, &target, &mut warn)
    };
    let error = open(FlowChoice::Npu).err().unwrap();
    assert!(
        error.to_string().contains("cosyvoice3 model npu"),
        "{error}"
    );
    assert_eq!(open(FlowChoice::Auto).unwrap().device(), Device::Cpu);
    assert!(warnings.is_empty());
    assert!(card.machine.calls().is_empty(), "the card was not touched");
}

/// Executions of the check at load.
const AT_START: usize = 2;
/// A text of several utterances.
const TEXT: &str = "Раз. Два. Три.";

#[test]
fn the_element_speaks_by_the_npu() {
    let card = Card::new("");
    let played = card
        .player(TEXT, &[("flow-backend", "npu")])
        .play()
        .in_peace();
    assert!(!played.buffers.is_empty());
    assert!(card.count("axclrtEngineExecute") > AT_START);
    card.assert_clean();
    let cpu = card
        .player(TEXT, &[("flow-backend", "cpu"), ("flow-plan", "windows")])
        .play();
    assert_eq!(played.samples().len(), cpu.samples().len());
}

/// Faults in the middle of an utterance, after the check at load and one window.
fn in_the_middle() -> [String; 2] {
    let at = AT_START + 3;
    [
        format!("execute-fails = {at}"),
        format!("execute-loses-device = {at}"),
    ]
}

#[test]
fn a_fault_in_the_middle_ends_in_an_error_and_the_next_start_speaks() {
    for settings in in_the_middle() {
        let card = Card::new(&settings);
        let player = card.player(TEXT, &[("flow-backend", "npu")]);
        let played = player.play();
        assert_eq!(played.errors.len(), 1, "{settings}: {played:?}");
        let error = &played.errors[0];
        assert!(error.error.matches(gst::ResourceError::Failed), "{error:?}");
        assert!(error.text().contains("NPU: axclrt"), "{error:?}");
        card.machine.set("");
        player.play().in_peace();
        drop(player);
        card.assert_clean_unless_lost(&settings);
    }
}

#[test]
fn with_auto_a_fault_in_the_middle_is_a_warning_and_nothing_is_lost() {
    for settings in in_the_middle() {
        let card = Card::new(&settings);
        let played = card.player(TEXT, &[("flow-plan", "windows")]).play();
        assert_eq!(played.warnings.len(), 1, "{settings}: {played:?}");
        let warning = played.warnings[0].text();
        assert!(warning.contains("continues on the CPU"), "{warning}");
        card.machine.set("");
        let whole = card
            .player(TEXT, &[("flow-backend", "cpu"), ("flow-plan", "windows")])
            .play();
        assert_samples_alike(&played, &whole);
    }
}

/// The mel of 60 tokens in three windows, with the card's fault `settings` from the second on; and the warning, if any.
fn speak_with_a_fault(
    card: &Card,
    choice: FlowChoice,
    settings: &str,
) -> Result<(Mel, Option<Error>)> {
    let mut model = card.model(choice);
    let options = FlowOptions {
        plan: FlowPlan::Windows,
        steps: 3,
        ..Default::default()
    };
    let (voice, tokens) = (golden_voice(), tokens(60));
    let mut utterance = model.utterance(&voice, &options)?;
    let cancel = Cancel::new();
    assert!(utterance.advance(&tokens, true, &cancel)?.is_some());
    card.machine.set(settings);
    while utterance.advance(&tokens, true, &cancel)?.is_some() {}
    let mel = utterance.into_mel();
    let warning = model.backend().take_recovered_error();
    card.machine.set("");
    Ok((mel, warning))
}

#[test]
fn a_card_that_fails_between_two_windows_is_an_error_and_with_auto_the_cpu_goes_on() {
    for settings in [
        "driver = none",
        "devices = none",
        "execute-fails = 1",
        "execute-loses-device = 1",
    ] {
        let card = Card::new("");
        let error = speak_with_a_fault(&card, FlowChoice::Npu, settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Device, "{settings}: {error}");
        assert!(error.to_string().contains("axclrt"), "{settings}: {error}");
        card.machine.set("");
        let (mel, warning) = speak_with_a_fault(&card, FlowChoice::Auto, settings).unwrap();
        let warning = warning.expect(settings).to_string();
        assert!(warning.contains("continues on the CPU"), "{warning}");
        assert_same_mel(&mel, &speak(&mut card.model(FlowChoice::Cpu), 60).unwrap());
    }
}

#[test]
fn what_hinders_only_an_opening_does_not_disturb_an_utterance() {
    for settings in [
        "allocation-fails = 1",
        "cmm-mib = 19",
        "load-fails = 1",
        "rename x = sample",
        "resize mask = 64",
        "fp16-outputs = yes",
    ] {
        let card = Card::new("");
        let (mel, warning) = speak_with_a_fault(&card, FlowChoice::Npu, settings).expect(settings);
        assert_eq!(warning, None, "{settings}");
        assert_same_mel(&mel, &speak(&mut card.model(FlowChoice::Cpu), 60).unwrap());
        card.assert_clean();
    }
}

/// The vocoder is not as exact as the flow.
fn assert_samples_alike(one: &Played, other: &Played) {
    let difference = max_diff(&one.samples(), &other.samples());
    println!("samples: {difference:.1e}");
    assert!(difference < 1e-2, "{difference:e}");
}

#[test]
fn two_elements_share_the_card_and_the_last_one_gives_it_back() {
    let card = Card::new("");
    let settings = [("flow-backend", "npu")];
    let (one, other) = (card.player(TEXT, &settings), card.player(TEXT, &settings));
    one.play_to_first_buffer();
    other.play().in_peace();
    assert_eq!(card.count("axclInit"), 1);
    assert_eq!(card.count("axclFinalize"), 0);
    one.stop(gst::State::Null);
    assert_eq!(card.count("axclFinalize"), 1);
    card.assert_clean();
}

#[test]
fn another_library_in_the_same_process_is_refused_by_name() {
    let card = Card::new("");
    let other = Machine::new("");
    let _npu = card.model(FlowChoice::Npu);
    let mut target = card.target(FlowChoice::Npu);
    target.axcl.library = Some(other.library());
    let manifest = Manifest::read(&tiny_npu()).unwrap();
    let error = load(&tiny_npu(), &manifest, &target, &mut |_| ())
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::Settings);
    let used: &Path = &card.machine.library();
    assert!(
        error.to_string().contains(used.to_str().unwrap()),
        "{error}"
    );
}
