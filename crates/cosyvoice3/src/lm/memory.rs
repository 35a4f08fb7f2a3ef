//! Asking the system for memory before llama.cpp does: where it is refused there, the process may end.

use memmap2::MmapMut;

use crate::{Error, ErrorKind, Result};

/// Finds out whether the system would give `bytes` for `what` now.
///
/// # Errors
/// [`ErrorKind::NoSpace`], with `remedy`.
pub(super) fn check(bytes: u64, what: &str, remedy: &str) -> Result<()> {
    let why = match (reserved(bytes), available()) {
        (false, _) => "which the system refuses".to_owned(),
        (true, Some(available)) if available < bytes => {
            format!("but only {} MB are free", megabytes(available))
        }
        _ => return Ok(()),
    };
    Err(Error::new(
        ErrorKind::NoSpace,
        format!(
            "{what} needs {} MB of memory, {why}: {remedy}",
            megabytes(bytes)
        ),
    ))
}

/// True if the address space, with the limits and the overcommitment of this system, has room; nothing is kept.
fn reserved(bytes: u64) -> bool {
    let Ok(len) = usize::try_from(bytes) else {
        return false;
    };
    len == 0 || MmapMut::map_anon(len).is_ok()
}

/// Bytes that the kernel could give without taking them from others; `None` where it does not say.
fn available() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn parse(meminfo: &str) -> Option<u64> {
    let kilobytes = |key: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let free = kilobytes("MemAvailable:")? + kilobytes("SwapFree:").unwrap_or(0);
    free.checked_mul(1024)
}

fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_asked_for_and_what_cannot_is_an_error_with_the_remedy() {
        check(1 << 20, "a test", "").unwrap();
        for bytes in [1 << 46, 1 << 62, u64::MAX] {
            let error = check(bytes, "a context of 7 tokens", "lower lm.context").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NoSpace);
            let message = error.to_string();
            assert!(
                message.starts_with("a context of 7 tokens needs")
                    && message.ends_with("lower lm.context"),
                "{message}"
            );
        }
    }

    #[test]
    fn swap_counts_as_free() {
        let meminfo = "MemTotal: 9 kB\nMemAvailable:    2048 kB\nSwapFree: 1024 kB\n";
        assert_eq!(parse(meminfo), Some(3 << 20));
        assert_eq!(parse("MemAvailable: 2 kB\n"), Some(2048));
        assert_eq!(parse("MemTotal: 9 kB\n"), None);
    }
}
