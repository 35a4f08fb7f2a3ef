use axcl::{Code, DataType, Error, Session};
use axcl_rt::{harness::Machine, onnx};

use super::{SUM, X, context, download, engine, open, session, upload};

/// Drops everything and checks that nothing was left, whatever had failed before.
fn end(machine: &Machine, session: Session) {
    drop(session);
    assert_eq!(machine.leaks(), [""; 0]);
    assert_eq!(machine.calls_of("axclFinalize").last().unwrap().code, 0);
}

#[test]
fn the_nth_allocation_finds_no_memory() {
    let machine = Machine::new("");
    let model = session(&machine).model().clone();
    // A session allocates three buffers.
    machine.set("allocation-fails = 3");
    let error = model.session().unwrap_err();
    assert_eq!(error.code(), Some(Code::NO_MEMORY));
    let session = model.session().unwrap();
    drop(model);
    end(&machine, session);
}

#[test]
fn the_nth_load_fails_and_the_next_succeeds() {
    let machine = Machine::new("load-fails = 1");
    let path = machine.model("sum.axmodel", &onnx::sum_model());
    let engine = engine(&machine);
    let error = engine.load(&path).unwrap_err();
    assert_eq!(error.code(), Some(Code::BAD_RESPONSE));
    let session = engine.load(&path).unwrap().session().unwrap();
    drop(engine);
    end(&machine, session);
}

#[test]
fn the_nth_execution_fails_and_the_next_succeeds() {
    let machine = Machine::new("execute-fails = 2");
    let session = session(&machine);
    upload(&session);
    session.execute().unwrap();
    let error = session.execute().unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("axclrtEngineExecute: 0x8030070c")
    );
    session.execute().unwrap();
    assert_eq!(download(&session), SUM);
    end(&machine, session);
}

#[test]
fn a_lost_device_fails_everything_and_lets_go() {
    let machine = Machine::new("execute-loses-device = 2");
    let session = session(&machine);
    session.execute().unwrap();
    let error = session.execute().unwrap_err();
    assert_eq!(error.code(), Some(Code::BAD_RESPONSE));
    assert_eq!(
        session.execute().unwrap_err().code(),
        Some(Code::BAD_RESPONSE)
    );
    let error = session.input("x").unwrap().upload(&X).unwrap_err();
    assert_eq!(error.code(), Some(Code::MEMORY_REQUEST_FAILED));
    let context = session.model().engine().context().clone();
    assert_eq!(
        context.allocate(1).unwrap_err().code(),
        Some(Code::MEMORY_REQUEST_FAILED)
    );
    let runtime = context.runtime().clone();
    assert!(runtime.devices().unwrap().is_empty());
    drop(context);
    drop(session);
    drop(runtime);
    assert_eq!(machine.calls_of("axclFinalize")[0].code, 0);

    // The card is back, and a new beginning finds it.
    machine.set("");
    let session = super::session(&machine);
    upload(&session);
    session.execute().unwrap();
    assert_eq!(download(&session), SUM);
}

#[test]
fn a_hang_blocks_its_thread_only() {
    let machine = Machine::new("execute-hangs = 1");
    let runtime = open(&machine);
    let path = machine.model("sum.axmodel", &onnx::sum_model());
    let npu = std::thread::spawn({
        let runtime = runtime.clone();
        move || {
            let context = runtime.device(0)?.context()?;
            let engine = context.engine(axcl::VnpuKind::Disabled)?;
            let session = engine.load(path)?.session()?;
            session.execute()
        }
    });
    machine.wait_for_hang();
    let context = runtime.device(0).unwrap().context().unwrap();
    context.allocate(16).unwrap();
    assert!(!npu.is_finished());
    machine.set("");
    let error: Error = npu.join().unwrap().unwrap_err();
    assert_eq!(error.code(), Some(Code::EXECUTE_FAILED));
    drop((context, runtime));
    assert_eq!(machine.leaks(), [""; 0]);
}

#[test]
fn wrong_names_show_in_the_description() {
    let machine = Machine::new("rename x = sample\nrename y = out");
    let session = session(&machine);
    assert!(matches!(
        session.input("x"),
        Err(Error::UnknownTensor { .. })
    ));
    session.input("sample").unwrap().upload(&X).unwrap();
    session.execute().unwrap();
    let mut y = [0.0f32; 6];
    session.output("out").unwrap().download(&mut y).unwrap();
    assert_eq!(y, X);
}

#[test]
fn wrong_sizes_show_in_the_description_and_in_the_buffers() {
    let machine = Machine::new("resize x = 20");
    let session = session(&machine);
    assert_eq!(session.model().inputs()[0].size, 20);
    let error = session.input("x").unwrap().upload(&X).unwrap_err();
    assert_eq!(error.to_string(), "upload: 24 bytes given, 20 needed");
    session.execute().unwrap();
}

#[test]
fn fp16_outputs_show_in_the_description_and_in_the_bytes() {
    let machine = Machine::new("fp16-outputs = yes");
    let session = session(&machine);
    let output = &session.model().outputs()[0];
    assert_eq!((output.data_type, output.size), (Some(DataType::Fp16), 12));
    assert_eq!(session.model().inputs()[0].data_type, Some(DataType::Fp32));
    upload(&session);
    session.execute().unwrap();
    let mut y = [0u16; 6];
    session.output("y").unwrap().download(&mut y).unwrap();
    // 1.5, 2.25, 3, 3.75, 4.5 and 5 in IEEE half precision.
    assert_eq!(y, [0x3E00, 0x4080, 0x4200, 0x4380, 0x4480, 0x4500]);
}

#[test]
fn overwritten_inputs_change_the_next_execution() {
    let machine = Machine::new("overwrite-inputs = yes");
    let session = session(&machine);
    upload(&session);
    session.execute().unwrap();
    assert_eq!(download(&session), SUM);
    session.execute().unwrap();
    assert_ne!(download(&session), SUM);
    upload(&session);
    session.execute().unwrap();
    assert_eq!(download(&session), SUM);
}

#[test]
fn a_control_text_that_cannot_be_read_stops_the_beginning() {
    let machine = Machine::new("execute-fail = 2");
    let library = axcl::Library::open(Some(&machine.library())).unwrap();
    let error = axcl::Runtime::new(&library).unwrap_err();
    assert!(error.to_string().starts_with("axclInit: 0x80300681"));
}

#[test]
fn no_memory_at_a_context_leaves_nothing_behind() {
    let machine = Machine::new("allocation-fails = 1");
    let context = context(&machine);
    assert!(context.allocate(16).is_err());
    drop(context);
    assert_eq!(machine.leaks(), [""; 0]);
}
