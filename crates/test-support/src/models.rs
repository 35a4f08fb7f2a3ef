//! Shared by the tests: paths of the converted models, and the official numbers.

use std::{fs::File, path::PathBuf};

use ndarray::{ArrayD, OwnedRepr};
use ndarray_npy::{NpzReader, ReadableElement};

/// `tests/fixtures/NAME`.
pub fn fixture(name: &str) -> PathBuf {
    crate::root().join("tests/fixtures").join(name)
}

/// The tiny model as users convert it (q4_k_m).
pub fn tiny() -> PathBuf {
    model("COSYVOICE3_TINY", "models/tiny")
}

/// The tiny model with fixed-length estimators for the stand-in NPU.
pub fn tiny_npu() -> PathBuf {
    model("COSYVOICE3_TINY_NPU", "models/tiny-npu")
}

/// The tiny model in full precision.
pub fn tiny_f32() -> PathBuf {
    model("COSYVOICE3_TINY_F32", "models/tiny-f32")
}

fn model(variable: &str, default: &str) -> PathBuf {
    let dir = std::env::var_os(variable).map_or_else(|| crate::root().join(default), PathBuf::from);
    assert!(
        dir.join("cosyvoice3.toml").exists(),
        "{} is missing: ./tests/run.sh makes it",
        dir.display()
    );
    dir
}

/// The array `name` of `tests/fixtures/golden/FILE`.
pub fn golden<T: ReadableElement>(file: &str, name: &str) -> ArrayD<T> {
    let path = fixture("golden").join(file);
    let mut npz = NpzReader::new(File::open(&path).expect("a fixture")).expect("an npz file");
    npz.by_name::<OwnedRepr<T>, _>(&format!("{name}.npy"))
        .or_else(|_| npz.by_name::<OwnedRepr<T>, _>(name))
        .unwrap_or_else(|e| panic!("{} {name}: {e}", path.display()))
}

/// Returns true if the long tests run at full length (`./tests/run.sh --all`).
pub fn long() -> bool {
    std::env::var_os("COSYVOICE3_LONG_TESTS").is_some()
}

/// The largest absolute difference.
#[track_caller]
pub fn max_diff(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len(), "lengths differ");
    std::iter::zip(ours, theirs)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |max, diff| {
            if diff > max || diff.is_nan() {
                diff
            } else {
                max
            }
        })
}

/// Fails unless `ours` is within `bound` of `theirs` everywhere; prints how far it is.
#[track_caller]
pub fn assert_close(what: &str, ours: &[f32], theirs: &[f32], bound: f32) {
    let diff = max_diff(ours, theirs);
    println!("{what}: max difference {diff:.2e} (bound {bound:.0e})");
    assert!(diff <= bound, "{what}: {diff:e} > {bound:e}");
}
