use axcl::{Code, DataType, Error, ModelKind, Usage, VnpuKind};
use axcl_rt::{
    harness::Machine,
    onnx::{self, FLOAT, INT32},
};

use super::{MU, SUM, X, download, engine, session, upload};

#[test]
fn a_model_gives_the_sum_of_its_inputs() {
    let machine = Machine::new("");
    let session = session(&machine);
    upload(&session);
    session.execute().unwrap();
    assert_eq!(download(&session), SUM);
}

#[test]
fn inputs_stay_on_the_card_between_executions() {
    let machine = Machine::new("");
    let session = session(&machine);
    upload(&session);
    session.execute().unwrap();
    session.input("x").unwrap().fill(0).unwrap();
    session.execute().unwrap();
    assert_eq!(download(&session), MU);
}

#[test]
fn inputs_that_were_never_written_are_zero() {
    let machine = Machine::new("");
    let session = session(&machine);
    session.execute().unwrap();
    assert_eq!(download(&session), [0.0; 6]);
}

#[test]
fn sessions_of_one_model_have_buffers_of_their_own() {
    let machine = Machine::new("");
    let first = session(&machine);
    let second = first.model().session().unwrap();
    upload(&first);
    second.execute().unwrap();
    first.execute().unwrap();
    assert_eq!(download(&first), SUM);
    assert_eq!(download(&second), [0.0; 6]);
}

#[test]
fn a_model_describes_its_inputs_and_outputs() {
    let machine = Machine::new("");
    let tensor = |name, element, shape| onnx::Tensor {
        name,
        element,
        shape,
    };
    let bytes = onnx::model(
        &[tensor("x", FLOAT, &[2, 80, 7]), tensor("n", INT32, &[1])],
        &[tensor("y", FLOAT, &[2, 80, 7]), tensor("m", INT32, &[1])],
        &[("Neg", &["x"], "y"), ("Neg", &["n"], "m")],
    );
    let path = machine.model("two.axmodel", &bytes);
    let model = engine(&machine).load(path).unwrap();
    assert_eq!(model.signatures().len(), 1);
    let [x, n] = model.inputs() else {
        panic!("two inputs, not {:?}", model.inputs());
    };
    assert_eq!(
        (x.name.as_str(), x.shape.as_slice(), x.size),
        ("x", &[2, 80, 7][..], 4480)
    );
    assert_eq!((x.data_type, x.layout), (Some(DataType::Fp32), None));
    assert_eq!(
        (n.name.as_str(), n.size, n.data_type),
        ("n", 4, Some(DataType::Int32))
    );
    assert_eq!(model.outputs()[0].name, "y");

    let session = model.session().unwrap();
    session.input("n").unwrap().upload(&[5i32]).unwrap();
    session.execute().unwrap();
    let mut m = [0i32];
    session.output("m").unwrap().download(&mut m).unwrap();
    assert_eq!(m, [-5]);
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let machine = Machine::new("");
    let session = session(&machine);
    let error = session.input("z").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model has no input `z`, only `x`, `mu`"
    );
    let error = session.output("x").unwrap_err();
    assert_eq!(error.to_string(), "the model has no output `x`, only `y`");
}

#[test]
fn a_shape_group_that_is_not_there_is_refused() {
    let machine = Machine::new("");
    let model = session(&machine).model().clone();
    assert!(model.session_of_group(0).is_ok());
    assert!(matches!(
        model.session_of_group(1),
        Err(Error::Description(_))
    ));
}

#[test]
fn a_model_can_be_loaded_from_memory() {
    let machine = Machine::new("");
    machine.model("checks-that-onnx-runtime-is-there", b"");
    let engine = engine(&machine);
    let session = engine
        .load_bytes(&onnx::sum_model())
        .unwrap()
        .session()
        .unwrap();
    // The image was freed after the load.
    assert_eq!(machine.calls_of("axclrtFree").len(), 1);
    upload(&session);
    session.execute().unwrap();
    assert_eq!(download(&session), SUM);
}

#[test]
fn a_file_that_is_missing_or_no_model_is_an_error_with_a_code() {
    let machine = Machine::new("");
    let engine = engine(&machine);
    let error = engine.load("/nowhere.axmodel").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("axclrtEngineLoadFromFile: 0x80300703")
    );
    let junk = machine.model("junk.axmodel", b"junk");
    assert!(engine.load(junk).unwrap_err().code().is_some());
    assert_eq!(engine.load("a\0b").unwrap_err(), Error::Path("a\0b".into()));
}

#[test]
fn a_model_tells_what_it_needs() {
    let machine = Machine::new("");
    let bytes = onnx::sum_model();
    let path = machine.model("sum.axmodel", &bytes);
    let needs = Usage {
        system: 0,
        cmm: bytes.len() as i64,
    };
    let engine = engine(&machine);
    assert_eq!(engine.usage(&path).unwrap(), needs);
    assert_eq!(engine.model_kind(&path).unwrap(), ModelKind::ThreeCores);
    let model = engine.load(&path).unwrap();
    assert_eq!(model.usage().unwrap(), needs);
    assert_eq!(model.kind().unwrap(), ModelKind::ThreeCores);
    assert_eq!(model.compiler_version().as_deref(), Some("axcl-sim"));
}

#[test]
fn the_cores_of_a_model_can_be_chosen() {
    let machine = Machine::new("");
    let model = session(&machine).model().clone();
    assert_eq!(model.affinity().unwrap(), 0b111);
    model.set_affinity(0b010).unwrap();
    assert_eq!(model.affinity().unwrap(), 0b010);
    assert!(model.set_affinity(0).unwrap_err().code().is_some());
}

#[test]
fn a_model_that_does_not_fit_is_an_error() {
    let machine = Machine::new("cmm-mib = 18");
    let path = machine.model("sum.axmodel", &onnx::sum_model());
    let error = engine(&machine).load(path).unwrap_err();
    assert_eq!(error.code(), Some(Code::NO_MEMORY));
}

#[test]
fn unloading_gives_the_memory_back() {
    let machine = Machine::new("");
    let path = machine.model("sum.axmodel", &onnx::sum_model());
    let engine = engine(&machine);
    let free = || engine.context().device().properties().unwrap().free_cmm;
    let before = free();
    let model = engine.load(path).unwrap();
    let session = model.session().unwrap();
    session.input("x").unwrap().upload(&X).unwrap();
    drop((model, session));
    assert_eq!(free(), before);
}

#[test]
fn a_latency_is_kept() {
    let machine = Machine::new("latency sum = 30");
    let session = session(&machine);
    let begin = std::time::Instant::now();
    session.execute().unwrap();
    assert!(begin.elapsed().as_millis() >= 30);
}

#[test]
fn every_vnpu_kind_can_be_chosen() {
    for kind in [VnpuKind::Enabled, VnpuKind::BigLittle, VnpuKind::LittleBig] {
        let machine = Machine::new("");
        super::context(&machine).engine(kind).unwrap();
        assert_eq!(
            machine.calls_of("axclrtEngineInit")[0].detail,
            (kind as i32).to_string()
        );
    }
}
