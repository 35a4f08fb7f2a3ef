use axcl::{Code, Error};
use axcl_rt::harness::Machine;

use super::{context, open};

#[test]
fn device_memory_is_zero_at_first_and_keeps_what_it_is_given() {
    let machine = Machine::new("");
    let context = context(&machine);
    let buffer = context.allocate(12).unwrap();
    let mut content = [1.0f32; 3];
    buffer.download(&mut content).unwrap();
    assert_eq!(content, [0.0; 3]);

    buffer.upload(&[1.0f32, -2.0, 3.5]).unwrap();
    buffer.download(&mut content).unwrap();
    assert_eq!(content, [1.0, -2.0, 3.5]);

    buffer.fill(0xFF).unwrap();
    let mut bytes = [0u8; 12];
    buffer.download(&mut bytes).unwrap();
    assert_eq!(bytes, [0xFF; 12]);
    assert_eq!(buffer.len(), 12);
}

#[test]
fn buffers_are_copied_and_compared_on_the_card() {
    let machine = Machine::new("");
    let context = context(&machine);
    let (a, b) = (context.allocate(8).unwrap(), context.allocate(8).unwrap());
    a.upload(&[7u64]).unwrap();
    assert!(!a.equals(&b).unwrap());
    b.copy_from(&a).unwrap();
    assert!(a.equals(&b).unwrap());
    let small = context.allocate(4).unwrap();
    assert!(matches!(small.copy_from(&a), Err(Error::Size { .. })));
    assert!(matches!(small.equals(&a), Err(Error::Size { .. })));
}

#[test]
fn a_copy_of_another_size_is_refused_before_it_reaches_the_library() {
    let machine = Machine::new("");
    let buffer = context(&machine).allocate(8).unwrap();
    let error = buffer.upload(&[0u8; 9]).unwrap_err();
    assert_eq!(error.to_string(), "upload: 9 bytes given, 8 needed");
    let error = buffer.download(&mut [0u32; 1]).unwrap_err();
    assert_eq!(error.to_string(), "download: 4 bytes given, 8 needed");
    assert_eq!(machine.calls_of("axclrtMemcpy"), []);
}

#[test]
fn cached_memory_can_be_flushed_and_invalidated() {
    let machine = Machine::new("");
    let buffer = context(&machine).allocate_cached(8).unwrap();
    buffer.upload(&[3u64]).unwrap();
    buffer.flush().unwrap();
    buffer.invalidate().unwrap();
    let mut content = [0u64];
    buffer.download(&mut content).unwrap();
    assert_eq!(content, [3]);
}

#[test]
fn pinned_host_memory_is_zero_at_first_and_can_be_copied() {
    let machine = Machine::new("");
    let context = context(&machine);
    let mut host = context.runtime().allocate_host(16).unwrap();
    assert_eq!(host[..], [0; 16]);
    host.of_mut::<f32>().copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
    let buffer = context.allocate(16).unwrap();
    buffer.upload(&host).unwrap();
    host.fill(0);
    buffer.download(&mut host).unwrap();
    assert_eq!(host.of::<f32>(), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn pinned_host_memory_needs_no_context_and_can_change_threads() {
    let machine = Machine::new("");
    let runtime = open(&machine);
    let mut host = runtime.allocate_host(4).unwrap();
    std::thread::spawn(move || host[0] = 1).join().unwrap();
    assert_eq!(machine.calls_of("axclrtFreeHost")[0].code, 0);
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let machine = Machine::new("");
    let context = context(&machine);
    for size in [0, 1 << 32] {
        assert_eq!(
            context.allocate(size).unwrap_err(),
            Error::AllocationSize(size)
        );
        assert_eq!(
            context.allocate_cached(size).unwrap_err(),
            Error::AllocationSize(size)
        );
    }
    assert_eq!(
        context.runtime().allocate_host(0).unwrap_err(),
        Error::AllocationSize(0)
    );
}

#[test]
fn used_up_memory_is_an_error_and_freed_memory_can_be_used_again() {
    let machine = Machine::new("cmm-mib = 20");
    let context = context(&machine);
    let buffer = context.allocate(2 << 20).unwrap();
    let error = context.allocate(1).unwrap_err();
    assert_eq!(error.code(), Some(Code::NO_MEMORY));
    drop(buffer);
    context.allocate(1).unwrap();
}
