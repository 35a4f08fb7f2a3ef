//! An RTSP server of a camera picture with spoken announcements: `cosyvoice3-announcer --help`.
//!
//! One pipeline speaks, from the start of the program to its end, whether anybody listens or not ([`speech`]). Each
//! stream that RTSP clients ask for is a pipeline of its own that is given a copy ([`streams`]). So models load once, a
//! camera that fails takes no announcement with it, and who connects late hears what is being said from there on.

mod http;
mod options;
mod speech;
mod streams;

use std::{
    io::{BufRead, Write},
    process::ExitCode,
    thread,
};

use anyhow::Result;
use gst::glib;

use options::Options;
use speech::Speech;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            // Whoever reads may have read enough.
            let _ = writeln!(std::io::stdout(), "{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("error: {error:#}\n\n{}", options::HELP);
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    gst::init()?;
    let main_loop = glib::MainLoop::new(None, false);
    let speech = Speech::new(options)?;
    let outcome = speech.watch(&main_loop)?;
    let _server = streams::serve(options, &speech)?;
    if let Some(address) = options.http {
        http::serve(address, speech.clone())?;
    }
    read_lines(speech.clone());
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let main_loop = main_loop.clone();
        glib_unix::unix_signal_add_once(signal, move || main_loop.quit());
    }
    speech.start();
    main_loop.run();
    speech.stop();
    outcome.take()
}

/// Says each line of the standard input. Its end ends nothing: a service has none.
fn read_lines(speech: Speech) {
    thread::spawn(move || {
        let mut lines = std::io::stdin().lock();
        let mut line = Vec::new();
        while let Ok(1..) = lines.read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(&line);
            if !text.trim().is_empty() && speech.say(&text).is_none() {
                eprintln!("refused: too many announcements wait");
            }
            line.clear();
        }
    });
}
