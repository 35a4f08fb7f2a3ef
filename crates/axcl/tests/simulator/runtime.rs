use axcl::{Code, Device, Error, Library, LogLevel, Runtime, VnpuKind};
use axcl_rt::{harness::Machine, onnx};

use super::{context, engine, open, session};

fn initialise(machine: &Machine) -> Result<Runtime, Error> {
    Runtime::new(&Library::open(Some(&machine.library())).unwrap())
}

#[test]
fn version_and_chip_are_reported() {
    let machine = Machine::new("");
    let library = Library::open(Some(&machine.library())).unwrap();
    assert_eq!(library.version().unwrap(), (3, 10, 2));
    assert!(library.full_version().unwrap().starts_with("V3.10.2_"));
    assert_eq!(library.soc_name().unwrap(), "UNKNOWN");
    let _runtime = Runtime::new(&library).unwrap();
    assert_eq!(library.soc_name().unwrap(), "AX650N");
}

#[test]
fn one_runtime_at_a_time_and_another_after_it() {
    let machine = Machine::new("");
    let first = open(&machine);
    assert_eq!(initialise(&machine).unwrap_err(), Error::AlreadyInitialised);
    let copy = first.clone();
    drop(first);
    assert_eq!(initialise(&machine).unwrap_err(), Error::AlreadyInitialised);
    drop(copy);
    initialise(&machine).unwrap();
    assert_eq!(machine.calls_of("axclFinalize").len(), 2);
}

#[test]
fn settings_and_log_level_reach_the_library() {
    let machine = Machine::new("");
    let library = Library::open(Some(&machine.library())).unwrap();
    let runtime = Runtime::with_config(&library, "axcl.json".as_ref()).unwrap();
    runtime.set_log_level(LogLevel::Off).unwrap();
    assert_eq!(machine.calls_of("axclSetLogLevel")[0].detail, "6");
    let bad = Runtime::with_config(&library, "a\0b".as_ref()).unwrap_err();
    assert_eq!(bad, Error::AlreadyInitialised);
}

#[test]
fn no_driver_and_no_card_say_what_to_do() {
    let machine = Machine::new("driver = none");
    let error = initialise(&machine).unwrap_err();
    assert_eq!(error.code(), Some(Code::NO_DRIVER));
    assert!(
        error
            .to_string()
            .starts_with("axclInit: 0x8030010b (-2144337653): cannot open the driver")
    );
    assert!(error.to_string().contains("axclhost"));

    machine.set("devices = none");
    let error = initialise(&machine).unwrap_err();
    assert_eq!(error.code(), Some(Code::NO_CARD));
    assert!(error.to_string().contains("lspci"));

    machine.set("");
    initialise(&machine).unwrap();
}

#[test]
fn devices_are_chosen_by_index_and_known_by_id() {
    let machine = Machine::new("devices = 129, 3");
    let runtime = open(&machine);
    let ids: Vec<i32> = runtime.devices().unwrap().iter().map(Device::id).collect();
    assert_eq!(ids, [129, 3]);
    assert_eq!(runtime.device(1).unwrap().id(), 3);
    let error = runtime.device(2).unwrap_err();
    assert_eq!(error, Error::NoDevice { index: 2, count: 2 });
}

#[test]
fn properties_are_in_bytes_and_percent() {
    let machine = Machine::new("cmm-mib = 100");
    let context = context(&machine);
    let properties = context.device().properties().unwrap();
    assert_eq!(properties.software_version, "axcl-sim");
    assert_eq!((properties.pci_domain, properties.pci_bus), (0, 129));
    assert_eq!(properties.total_cmm, 100 << 20);
    assert_eq!(properties.free_cmm, 82 << 20);
    assert_eq!(properties.cpu_load, 1.0);

    let _buffer = context.allocate(10 << 20).unwrap();
    assert_eq!(context.device().properties().unwrap().free_cmm, 72 << 20);
}

#[test]
fn a_device_can_be_rebooted() {
    let machine = Machine::new("");
    open(&machine).device(0).unwrap().reboot().unwrap();
    assert_eq!(machine.calls_of("axclrtRebootDevice")[0].detail, "129");
}

#[test]
fn each_thread_has_a_context_of_its_own_making() {
    let machine = Machine::new("");
    let runtime = open(&machine);
    let here = runtime.device(0).unwrap().context().unwrap();
    here.allocate(16).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let there = runtime.device(0).unwrap().context().unwrap();
            there.allocate(16).unwrap();
        });
    });
    // The device was released on the other thread, and still works here.
    here.allocate(16).unwrap();
    here.synchronize().unwrap();
    assert_eq!(machine.calls_of("axclrtSetDevice").len(), 2);
    drop((here, runtime));
    assert!(machine.calls().iter().all(|call| call.code == 0));
    assert_eq!(machine.leaks(), [""; 0]);
}

#[test]
fn a_thread_can_use_two_devices_in_turns() {
    let machine = Machine::new("devices = 129, 3");
    let runtime = open(&machine);
    let first = runtime.device(0).unwrap().context().unwrap();
    let second = runtime.device(1).unwrap().new_context().unwrap();
    let a = first.allocate(4).unwrap();
    let b = second.allocate(4).unwrap();
    a.upload(&[1u8; 4]).unwrap();
    b.upload(&[2u8; 4]).unwrap();
    let mut content = [0u8; 4];
    a.download(&mut content).unwrap();
    assert_eq!(content, [1; 4]);
    drop((second, b));
    a.download(&mut content).unwrap();
    drop((first, a, runtime));
    assert!(machine.calls().iter().all(|call| call.code == 0));
    assert_eq!(machine.leaks(), [""; 0]);
}

#[test]
fn everything_is_destroyed_in_the_order_the_runtime_asks_for() {
    let machine = Machine::new("");
    let path = machine.model("sum.axmodel", &onnx::sum_model());
    let runtime = open(&machine);
    let context = runtime.device(0).unwrap().new_context().unwrap();
    let engine = context.engine(VnpuKind::Disabled).unwrap();
    let model = engine.load(path).unwrap();
    let session = model.session().unwrap();
    let before = machine.calls().len();
    // Dropped in the opposite of the right order, which the values know better.
    drop((runtime, context, engine, model));
    assert_eq!(machine.calls().len(), before);
    drop(session);
    let calls = machine.calls().split_off(before).into_iter();
    let functions: Vec<String> = calls.map(|call| call.function).collect();
    assert_eq!(
        functions,
        [
            "axclrtEngineDestroyIO",
            "axclrtEngineDestroyIOInfo",
            "axclrtEngineUnload",
            "axclrtFree",
            "axclrtFree",
            "axclrtFree",
            "axclrtEngineFinalize",
            "axclrtDestroyContext",
            "axclrtResetDevice",
            "axclFinalize",
        ]
    );
    assert!(machine.calls().iter().all(|call| call.code == 0));
    assert_eq!(machine.leaks(), [""; 0]);
}

#[test]
fn the_engine_is_shared_and_finalised_once() {
    let machine = Machine::new("");
    let engine = engine(&machine);
    let second = engine.context().engine(VnpuKind::Disabled).unwrap();
    let error = engine.context().engine(VnpuKind::BigLittle).unwrap_err();
    assert_eq!(error, Error::VnpuKind(0));
    drop(engine);
    assert_eq!(machine.calls_of("axclrtEngineFinalize").len(), 0);
    drop(second);
    assert_eq!(machine.calls_of("axclrtEngineInit").len(), 1);
    assert_eq!(machine.calls_of("axclrtEngineFinalize").len(), 1);
}

#[test]
fn machines_in_one_process_are_apart() {
    let (one, other) = (Machine::new("devices = 7"), Machine::new("devices = 8"));
    let (first, second) = (session(&one), session(&other));
    let id = |session: &axcl::Session| session.model().engine().context().device().id();
    assert_eq!((id(&first), id(&second)), (7, 8));
    first.execute().unwrap();
    second.execute().unwrap();
}
