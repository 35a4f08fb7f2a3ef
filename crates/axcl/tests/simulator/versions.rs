//! Libraries of other versions: what is missing is missed where it is used, and nowhere else.

use axcl::{Device, Error, Library, Runtime, VnpuKind};
use axcl_rt::{harness::Machine, onnx};

use super::{SUM, download, open, session, upload};

/// Functions that a runtime before 3.10 may lack: streams' asynchronous copies, events, and all that describes.
const OLDER: [&str; 16] = [
    "axclrtMemcpyAsync",
    "axclrtMemsetAsync",
    "axclrtCreateEvent",
    "axclrtDestroyEvent",
    "axclrtRecordEvent",
    "axclrtStreamWaitEvent",
    "axclrtGetFullVersion",
    "axclrtGetDeviceProperties",
    "axclrtRebootDevice",
    "axclrtEngineGetModelCompilerVersion",
    "axclrtEngineGetUsage",
    "axclrtEngineGetUsageFromModelId",
    "axclrtEngineGetInputDataType",
    "axclrtEngineGetOutputDataType",
    "axclrtEngineGetInputDataLayout",
    "axclrtEngineGetOutputDataLayout",
];

/// All that running a model by its file, on the first card, can do without.
const BEYOND_RUNNING: [&str; 14] = [
    "axclrtGetVersion",
    "axclrtGetSocName",
    "axclrtSynchronizeDevice",
    "axclrtCreateContext",
    "axclrtDestroyContext",
    "axclrtMallocCached",
    "axclrtMemFlush",
    "axclrtMemInvalidate",
    "axclrtMemcmp",
    "axclrtCreateStream",
    "axclrtSynchronizeStream",
    "axclrtEngineGetVNpuKind",
    "axclrtEngineLoadFromMem",
    "axclrtEngineExecuteAsync",
];

fn older() -> Machine {
    Machine::without(&OLDER, "version = 3.6.5")
}

fn assert_runs_a_model(machine: &Machine) {
    let session = session(machine);
    upload(&session);
    session.execute().unwrap();
    assert_eq!(download(&session), SUM);
    drop(session);
    assert_eq!(machine.leaks(), [""; 0]);
}

#[test]
fn an_older_runtime_runs_models() {
    assert_runs_a_model(&older());
}

#[test]
fn a_runtime_with_nothing_but_what_models_need_runs_them() {
    let lacking = [&OLDER[..], &BEYOND_RUNNING[..]].concat();
    assert_runs_a_model(&Machine::without(&lacking, ""));
}

#[test]
fn a_newer_runtime_without_a_device_list_counts_its_devices() {
    let machine = Machine::without(&["axclrtGetDeviceList"], "devices = 0, 1");
    let runtime = open(&machine);
    let devices = runtime.devices().unwrap();
    assert_eq!(devices.iter().map(Device::id).collect::<Vec<_>>(), [0, 1]);
    drop((devices, runtime));
    assert_runs_a_model(&machine);
}

#[test]
fn a_runtime_that_neither_lists_nor_counts_devices_says_so() {
    let machine = Machine::without(&["axclrtGetDeviceList", "axclrtGetDeviceCount"], "");
    let error = open(&machine).devices().unwrap_err().to_string();
    assert!(error.contains("axclrtGetDeviceList"), "{error}");
}

#[track_caller]
fn assert_missing<T: std::fmt::Debug>(result: Result<T, Error>, wanted: &str) {
    let error = result.unwrap_err();
    let Error::MissingFunction { function, version } = &error else {
        panic!("{error}");
    };
    assert_eq!((*function, version.as_str()), (wanted, "version 3.6.5"));
    let message = error.to_string();
    assert!(
        message.contains(wanted) && message.contains("3.6.5"),
        "{message}"
    );
}

#[test]
fn what_a_runtime_lacks_is_an_error_of_its_use_that_names_function_and_version() {
    let machine = older();
    let path = machine.model("sum.axmodel", &onnx::sum_model());
    let context = open(&machine).device(0).unwrap().context().unwrap();
    assert_missing(context.event(), "axclrtCreateEvent");
    assert_missing(context.device().properties(), "axclrtGetDeviceProperties");
    assert_missing(context.device().reboot(), "axclrtRebootDevice");
    let engine = context.engine(VnpuKind::Disabled).unwrap();
    assert_missing(engine.usage(&path), "axclrtEngineGetUsage");
    let session = engine.load(&path).unwrap().session().unwrap();
    assert_eq!(session.model().compiler_version(), None);
    assert_eq!(session.model().inputs()[0].data_type, None);

    let stream = context.stream().unwrap();
    let x = session.input("x").unwrap();
    let copied = stream.scope(|work| work.upload(x, &[1.0f32; 6]));
    assert_missing(copied, "axclrtMemcpyAsync");
    assert_missing(stream.scope(|work| work.fill(x, 0)), "axclrtMemsetAsync");
    stream.scope(|work| work.execute(&session)).unwrap();
}

#[test]
fn a_stream_that_could_not_be_waited_for_is_not_made() {
    let machine = Machine::without(&["axclrtSynchronizeStream"], "version = 3.6.5");
    let context = super::context(&machine);
    let refused = Library::open(Some(&machine.library())).map(|library| library.full_version());
    assert_eq!(refused.unwrap().as_deref(), Some("V3.10.2_axclsim"));
    let error = context.stream().unwrap_err().to_string();
    assert!(error.contains("axclrtSynchronizeStream"), "{error}");
    assert_eq!(machine.calls_of("axclrtCreateStream"), []);
}

#[test]
fn a_library_that_cannot_run_models_is_refused_when_it_is_opened() {
    let machine = Machine::without(
        &["axclrtGetFullVersion", "axclrtEngineExecute"],
        "version = 3.6.5",
    );
    let opened = Library::open(Some(&machine.library())).and_then(|library| Runtime::new(&library));
    assert_missing(opened, "axclrtEngineExecute");
}
