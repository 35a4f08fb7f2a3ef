//! An RTSP server of a camera picture with spoken announcements: `cosyvoice3-announcer --help`.
//!
//! One pipeline speaks, from the start of the program to its end, with or without clients ([`speech`]). Another one
//! receives the camera's picture while a client wants it, and connects again after a failure ([`camera`]). Each stream
//! that RTSP clients ask for is a pipeline of its own that is given copies ([`rtsp`], [`listeners`]). So models load
//! once, a camera that fails takes no announcement with it, and a client that connects late hears the rest of an
//! announcement.

mod camera;
mod connections;
mod descriptors;
mod http;
mod lines;
mod listeners;
mod log;
mod options;
mod rtsp;
mod secret;
mod speech;

use std::{io::Write, process::ExitCode};

use anyhow::Result;
use gst::glib;

use log::log;
use options::{Options, Stop};
use speech::{Pipeline, Speech};

fn main() -> ExitCode {
    let variable = |name: &str| std::env::var(name).ok();
    let options = match Options::read(std::env::args_os(), variable) {
        Ok(options) => options,
        Err(Stop::Shown(words)) => {
            print(&words);
            return ExitCode::SUCCESS;
        }
        Err(Stop::Wrong(words)) => {
            let _ = writeln!(std::io::stderr(), "{}", words.trim_end());
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    descriptors::raise_limit();
    gst::init()?;
    let main_loop = glib::MainLoop::new(None, false);
    let (pipeline, speech) = Pipeline::new(options)?;
    let watch = pipeline.watch(&main_loop)?;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let main_loop = main_loop.clone();
        glib_unix::unix_signal_add_once(signal, move || main_loop.quit());
    }
    // Before anything listens: no text is refused because the element has not begun.
    pipeline.start();
    let served = serve(options, &speech);
    if served.is_ok() {
        main_loop.run();
    }
    drop(pipeline);
    served.and_then(|()| watch.outcome())
}

fn serve(options: &Options, speech: &Speech) -> Result<()> {
    rtsp::serve(options, speech)?;
    if let Some(address) = options.http {
        http::serve(address, speech.clone())?;
    }
    lines::read(speech.clone())
}

/// Writes a line to the standard output, if it is read.
fn print(words: &str) {
    let _ = writeln!(std::io::stdout(), "{}", words.trim_end());
}
