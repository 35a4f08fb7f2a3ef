//! The heap of the process.

/// Gives memory that was freed back to the system. Reading a tokenizer and an ONNX graph leaves some 100 MB of it, which the
/// C library would keep for later.
pub(crate) fn trim() {
    // SAFETY: takes no pointer, and locks each of the allocator's arenas in turn, so any thread may call it while others
    // allocate.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}
