//! A stand-in for Axera's AXCL runtime: `libaxcl_rt.so` with the same exported C functions, without a card.
//!
//! Models are ONNX files under `.axmodel` names, run by ONNX Runtime. Device memory is kept apart from host memory,
//! contexts belong to threads, and calls in a wrong order fail. Settings and faults come from a control file; see
//! [`Settings`](control::Settings). Where the real runtime's behaviour has not been observed, this one is strict;
//! the README lists these choices.
//!
//! Programs load the shared library. The Rust side, [`harness`], is for tests: it gives each test a copy
//! of the library with memory, devices and settings of its own.

mod abi;
mod argument;
mod code;
pub mod control;
mod engine;
mod execution;
pub mod harness;
mod image;
mod memory;
mod model;
pub mod onnx;
mod onnx_runtime;
mod simulator;
mod stream;
mod trace;
mod transfer;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
