//! A stand-in for a vocoder in one ONNX graph.

use axcl_rt::onnx::{FLOAT, Tensor, model_with_constants};

/// The bytes of a graph that repeats the values of its mel `[1, 80, frames]` (any length, unless `frames` says one)
/// `repeats` times, six times being 480 samples a frame, and applies `operator` to them.
pub fn onnx(input: &str, frames: Option<u64>, repeats: i64, operator: &str) -> Vec<u8> {
    let tensor = |name, shape| Tensor {
        name,
        element: FLOAT,
        shape,
    };
    model_with_constants(
        &[tensor(input, &[1, 80, frames.unwrap_or(0)])],
        &[tensor("audio", &[1, 0])],
        &[
            ("Reshape", &[input, "row"], "flat"),
            ("Tile", &["flat", "repeats"], "long"),
            (operator, &["long"], "audio"),
        ],
        &[("row", &[1, -1]), ("repeats", &[1, repeats])],
    )
}
