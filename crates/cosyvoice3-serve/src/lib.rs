//! The speech server of the tool: `cosyvoice3 serve --help`.
//!
//! Two ways lead through it, over models that are loaded once:
//!
//! - **Requests** (`synthesis`): a client gets the speech of its text as an answer, by OpenAI's API (`http`) or by
//!   Wyoming (`wyoming`). Texts are synthesized piece by piece, in turns, and only as far ahead as their clients read.
//! - **Announcements** (`announcements`): one pipeline speaks, from the start of the program to its end, with or without
//!   listeners, who hear copies: the sound device of this machine, and RTSP clients (`rtsp`, with a camera's picture of
//!   `camera`).
//!
//! Voices that clients add are made in processes of their own (`enrolment`), for their recordings are strangers' files.
//!
//! All HTTP and Wyoming connections are tasks of one thread. Nothing that one client sends ends the service for others.

mod access;
mod announcements;
#[cfg(feature = "rtsp")]
mod camera;
mod connections;
mod descriptors;
mod enrolment;
mod http;
mod log;
mod options;
mod prometheus;
#[cfg(feature = "rtsp")]
mod rtsp;
mod secret;
mod synthesis;
mod voices;
mod wyoming;

use std::{io::Write, process::ExitCode};

use anyhow::{Context, Result};
use gst::{glib, prelude::*};

pub use enrolment::COMMAND as ENROL_COMMAND;
pub use options::Arguments;
pub use secret::{redact, redact_words};

use access::Access;
use announcements::{Pipeline, Speech};
use enrolment::Enrolments;
use synthesis::Synthesis;
use voices::Voices;

/// All that requests of clients need.
#[derive(Clone)]
struct Service {
    synthesis: Synthesis,
    voices: Voices,
    enrolments: Enrolments,
    /// `None` where announcements have no listeners.
    speech: Option<Speech>,
    access: std::sync::Arc<Access>,
    limits: options::Limits,
}

/// Makes the one voice that a server ordered when it started this process with [`ENROL_COMMAND`] alone on its command line.
/// The program has to call this then, and to end with the code.
pub fn enrol_recording() -> ExitCode {
    enrolment::work()
}

/// Serves until a signal ends the process. The program itself has to answer to [`ENROL_COMMAND`].
///
/// `element` is a `cosyvoice3src` that has the settings of all speech, and has not been started.
///
/// # Errors
/// An option cannot be met, an address is taken, or announcements cannot go on.
pub fn run(arguments: &Arguments, element: &gst::Element) -> Result<()> {
    descriptors::raise_limit();
    arguments.check()?;
    let access = std::sync::Arc::new(Access::new(arguments)?);
    let speaking = element
        .downcast_ref::<gstcosyvoice3::element::CosyVoice3Src>()
        .context("the element is no cosyvoice3src")?;
    let (engine, settings) = speaking.engine()?;
    engine.check(settings.voice.as_deref())?;
    let voices = Voices::new(&engine.dir, arguments)?;
    let main_loop = glib::MainLoop::new(None, false);
    let announcing = match arguments.announces() {
        true => Some(Pipeline::new(arguments, element)?),
        false => None,
    };
    let watch = announcing
        .as_ref()
        .map(|(pipeline, speech)| pipeline.watch(speech, &main_loop))
        .transpose()?;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let main_loop = main_loop.clone();
        glib_unix::unix_signal_add_once(signal, move || main_loop.quit());
    }
    let (pipeline, speech) = announcing.unzip();
    // From here on nothing leaves without closing it.
    let synthesis = Synthesis::new(engine, settings, &arguments.limits)?;
    // Before anything listens: no text is refused because the element has not begun.
    if let Some(pipeline) = &pipeline {
        pipeline.start();
    }
    let service = Service {
        synthesis: synthesis.clone(),
        voices,
        enrolments: Enrolments::new(),
        speech,
        access,
        limits: arguments.limits.clone(),
    };
    let served = serve(arguments, &service);
    if served.is_ok() {
        main_loop.run();
    }
    // The announcement ends before the service does.
    let served = served.map(drop);
    drop(pipeline);
    synthesis.close();
    served.and_then(|()| watch.map_or(Ok(()), announcements::Watch::outcome))
}

fn serve(arguments: &Arguments, service: &Service) -> Result<Option<wyoming::Announcement>> {
    if let Some(speech) = &service.speech {
        #[cfg(feature = "rtsp")]
        rtsp::serve(&arguments.rtsp, &arguments.limits, speech)?;
        announcements::read_lines(speech.clone())?;
    }
    let announcement = wyoming::serve(arguments, service)?;
    http::serve(arguments, service)?;
    Ok(announcement)
}

/// Writes a line to the standard output, if it is read.
fn print(words: &str) {
    let _ = writeln!(std::io::stdout(), "{}", words.trim_end());
}
