//! Safe bindings to Axera's AXCL runtime: run models on AX650N and AX8850 NPU cards from Rust.
//!
//! The runtime library, `libaxcl_rt.so`, is loaded when the program runs, so that one binary works with and without a
//! card. The words, in the order in which one meets them:
//!
//! - a [`Library`] is the loaded file with its functions;
//! - a [`Runtime`] is the library initialised, once per process;
//! - a [`Device`] is a card, from the runtime's list;
//! - a [`Context`] is what a thread needs to work with a device. It and all that comes from it stay on their thread:
//!   they are not `Send`;
//! - an [`Engine`] executes models, a [`Model`] is one loaded into the card's memory, and a [`Session`] is a model
//!   with buffers for its inputs and outputs;
//! - a [`DeviceBuffer`] is memory of the card, a [`HostBuffer`] pinned memory of the host, which copies fastest;
//! - a [`Stream`] takes work that goes on while the thread does something else.
//!
//! Each value keeps alive what it depends on, so that everything is destroyed on its thread in the order that the
//! runtime asks for, whatever order the values are dropped in.
//!
//! ```no_run
//! # fn main() -> axcl::Result<()> {
//! use axcl::{Library, Runtime, VnpuKind};
//!
//! let runtime = Runtime::new(&Library::open(None)?)?;
//! let context = runtime.device(0)?.context()?;
//! let engine = context.engine(VnpuKind::Disabled)?;
//! let session = engine.load("model.axmodel")?.session()?;
//!
//! session.input("x")?.upload(&[1.0f32, 2.0, 3.0])?;
//! session.execute()?;
//! let mut y = [0.0f32; 3];
//! session.output("y")?.download(&mut y)?;
//! # Ok(())
//! # }
//! ```
//!
//! # What to know about the runtime
//!
//! - A process that dies during an execution or a load can leave the card unusable until
//!   [`Device::reboot`] or a power cycle: end your work before you exit.
//! - A call to a hung card blocks for up to a minute or for ever, and nothing can cancel it: make the calls on a
//!   thread of their own if you have to go on.
//! - Load models one after the other, before the first execution.
//! - The library writes its log to standard output and to `/tmp/axcl`; [`Runtime::set_log_level`] quietens it after
//!   initialisation. A program whose standard output carries data should move it before it opens the library.
//! - Do not keep these values in statics or thread-locals: the runtime must not be torn down by late destructors.

#![warn(missing_docs)]

mod api;
mod context;
mod description;
mod detect;
mod engine;
mod error;
mod library;
mod memory;
mod runtime;
mod session;
mod stream;
mod sys;

pub use context::Context;
pub use description::{DataType, Layout, Signature, Tensor};
pub use detect::{Presence, detect};
pub use engine::{Engine, Model, ModelKind, Usage, VnpuKind};
pub use error::{Code, Error, Result};
pub use library::{LIBRARY_VARIABLE, Library};
pub use memory::{CachedBuffer, DeviceBuffer, HostBuffer};
pub use runtime::{Device, DeviceProperties, LogLevel, Runtime};
pub use session::Session;
pub use stream::{Event, Stream, Work};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
