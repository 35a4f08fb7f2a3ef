//! Vocoder: mel to 24 kHz samples (HiFT).
//!
//! F0 is predicted in float64 ([`f0`]), turned into a harmonic source in the order of rounding that the network was
//! trained with ([`source`]), and filtered by the decoder on ONNX Runtime in float32. All of an utterance at once: the
//! source's phase and noise count from its first sample. [`level`] follows.

pub mod f0;
pub mod level;
pub mod noise;
pub mod source;
pub mod weights;
