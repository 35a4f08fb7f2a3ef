//! Programs and packages without which a part of the tests cannot run.

/// Makes what was not checked a failure, for machines that have everything.
const REQUIRED: &str = "COSYVOICE3_CHECK_ALL";

/// Reports that something was not checked, and why.
///
/// # Panics
/// `COSYVOICE3_CHECK_ALL` is set.
#[track_caller]
pub fn not_checked(why: &str) {
    assert!(
        std::env::var_os(REQUIRED).is_none(),
        "not checked, which {REQUIRED} forbids: {why}"
    );
    eprintln!("not checked: {why}");
}
