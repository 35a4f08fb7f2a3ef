//! The exported C functions, as they are in the real library.

#![allow(non_snake_case, reason = "the names are those of the C functions")]

mod device;
mod engine;
mod memory;
mod stream;
mod system;

use std::{fmt::Display, time::Duration};

use crate::{
    code::{self, Result},
    simulator::{Simulator, call},
};

/// Runs the body of a function that returns an error code.
fn run(function: &str, detail: impl Display, body: impl FnOnce(&Simulator) -> Result) -> u32 {
    code::status(call(function, detail, body))
}

/// A limit in milliseconds; negative for none.
fn limit(milliseconds: i32) -> Option<Duration> {
    u64::try_from(milliseconds).ok().map(Duration::from_millis)
}
