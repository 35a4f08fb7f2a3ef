//! Memory that this process uses.
use std::fs;

/// Memory in bytes.
pub fn resident() -> u64 {
    number("VmRSS:") * 1024
}

/// Memory in bytes without free memory that the allocator keeps, which depends on the order of allocations.
pub fn in_use() -> u64 {
    // SAFETY: it only gives free memory back to the system.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
    resident()
}

pub fn threads() -> u64 {
    number("Threads:")
}

fn number(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.expect(field).parse().expect("a number")
}
