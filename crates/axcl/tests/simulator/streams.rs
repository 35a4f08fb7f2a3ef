use std::{panic, time::Duration};

use axcl::{Code, Error};
use axcl_rt::harness::Machine;

use super::{MU, SUM, X, context, session};

/// For work that never ends by itself within a test.
const AT_ONCE: Duration = Duration::from_millis(1);

#[test]
fn work_is_done_in_order_when_a_scope_ends() {
    let machine = Machine::new("");
    let session = session(&machine);
    let stream = session.model().engine().context().stream().unwrap();
    let (x, mu) = (session.input("x").unwrap(), session.input("mu").unwrap());
    let y = session.output("y").unwrap();
    let (mut sum, mut half) = ([0.0f32; 6], [0.0f32; 6]);
    let value = stream.scope(|work| {
        work.upload(x, &X)?;
        work.upload(mu, &MU)?;
        work.execute(&session)?;
        work.download(&mut sum, y)?;
        work.fill(x, 0)?;
        work.execute(&session)?;
        work.download(&mut half, y)?;
        Ok("done")
    });
    assert_eq!(value.unwrap(), "done");
    assert_eq!((sum, half), (SUM, MU));
}

#[test]
fn a_thread_can_look_whether_its_work_is_done() {
    let machine = Machine::new("execute-hangs = 1");
    let session = session(&machine);
    let stream = session.model().engine().context().stream().unwrap();
    let result = stream.scope(|work| {
        work.execute(&session)?;
        machine.wait_for_hang();
        assert!(!work.done_within(AT_ONCE)?);
        machine.set("");
        Ok(())
    });
    // The failure that ends the hang, as the first of the work.
    assert_eq!(result.unwrap_err().code(), Some(Code::EXECUTE_FAILED));
    let mut y = [1.0f32; 6];
    let done = stream.scope(|work| {
        work.execute(&session)?;
        work.download(&mut y, session.output("y")?)?;
        work.done_within(Duration::from_secs(60))
    });
    assert!(done.unwrap());
    assert_eq!(y, [0.0; 6]);
}

#[test]
fn a_failure_of_the_work_is_the_failure_of_the_scope() {
    let machine = Machine::new("execute-fails = 1");
    let session = session(&machine);
    let stream = session.model().engine().context().stream().unwrap();
    let error = stream.scope(|work| work.execute(&session)).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("axclrtSynchronizeStream: 0x8030070c")
    );
    stream.scope(|work| work.execute(&session)).unwrap();
}

#[test]
fn a_scope_waits_also_when_it_fails_or_panics() {
    let machine = Machine::new("latency sum = 20");
    let session = session(&machine);
    let stream = session.model().engine().context().stream().unwrap();
    let y = session.output("y").unwrap();
    let waits = || machine.calls_of("axclrtSynchronizeStream").len();

    let mut bytes = [0u8; 3];
    let error = stream.scope(|work| {
        work.execute(&session)?;
        work.download(&mut bytes, y)
    });
    assert!(matches!(error, Err(Error::Size { .. })));
    assert_eq!(waits(), 1);

    let panicked = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        stream.scope::<()>(|work| {
            work.execute(&session)?;
            panic!("on purpose");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(waits(), 2);
}

#[test]
fn a_stream_waits_for_the_event_of_another() {
    let machine = Machine::new("execute-hangs = 1");
    let session = session(&machine);
    let context = session.model().engine().context();
    let (first, second) = (context.stream().unwrap(), context.stream().unwrap());
    let event = context.event().unwrap();
    let buffer = context.allocate(4).unwrap();
    let mut content = [9u8; 4];
    let result = first.scope(|slow| {
        slow.execute(&session)?;
        slow.fill(&buffer, 1)?;
        slow.record(&event)?;
        second.scope(|quick| {
            quick.wait_for(&event)?;
            quick.download(&mut content, &buffer)?;
            machine.wait_for_hang();
            assert!(!quick.done_within(AT_ONCE)?);
            machine.set("");
            Ok(())
        })
    });
    assert_eq!(result.unwrap_err().code(), Some(Code::EXECUTE_FAILED));
    assert_eq!(content, [1; 4]);
}

#[test]
fn streams_and_events_are_destroyed() {
    let machine = Machine::new("");
    let context = context(&machine);
    drop((context.stream().unwrap(), context.event().unwrap()));
    drop(context);
    for function in ["axclrtDestroyStream", "axclrtDestroyEvent"] {
        assert_eq!(machine.calls_of(function)[0].code, 0);
    }
    assert_eq!(machine.leaks(), [""; 0]);
}
