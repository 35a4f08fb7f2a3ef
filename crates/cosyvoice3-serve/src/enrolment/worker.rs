//! The process that makes one voice.

use std::{path::Path, process::ExitCode};

use cosyvoice3::{
    EnrolOptions, Enroller, Error, ErrorKind, Result, Verify, Voice,
    cancel::Cancel,
    voice::{Library, Place},
};
use gstcosyvoice3::recording::hear;

use super::{Cause, Made, ORDER, Order, Outcome};

/// The recording, which has no name in any directory.
const RECORDING: &str = "/proc/self/fd/0";
/// Weight among the processes of the machine: speech goes first.
const NICENESS: libc::c_int = 10;

/// Makes the voice that the environment orders of the standard input, and answers on the standard output.
pub fn work() -> ExitCode {
    end_with_the_server();
    let outcome = match make() {
        Ok(made) => Outcome::Made(made),
        Err((cause, error)) => Outcome::Failed {
            cause,
            message: error.to_string().replace(RECORDING, "the recording"),
        },
    };
    match serde_json::to_writer(std::io::stdout(), &outcome) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Takes a low priority, and has the kernel end this process when the server's ends.
fn end_with_the_server() {
    // SAFETY: both calls take numbers alone. They concern this process, and may be called from any thread; of the second,
    // which lowers the thread, this is the only one yet, and later ones inherit.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong);
        libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS);
    }
    // Out of memory, the kernel ends this process and not the server. A kernel without the file has no such choice.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

fn make() -> Result<Made, (Cause, Error)> {
    let order = std::env::var(ORDER).unwrap_or_default();
    let order: Order = serde_json::from_str(&order)
        .map_err(|error| (Cause::Other, Error::failed(format!("{ORDER}: {error}"))))?;
    gst::init().map_err(|error| (Cause::Other, Error::failed(error.to_string())))?;
    let cancel = Cancel::new();
    let recording = Path::new(RECORDING);
    let heard = hear(recording, &cancel, &mut |_| {}).map_err(|error| {
        let of_file = error.kind() == ErrorKind::Recording;
        (cause(&error, of_file.then_some(Cause::Undecodable)), error)
    })?;
    let enroller = Enroller::load(&order.model, 0, Verify::default(), &cancel)
        .map_err(|error| (cause(&error, missing(&error)), error))?;
    let mut options = EnrolOptions::default();
    options.transcript.clone_from(&order.transcript);
    options.language.clone_from(&order.language);
    options.provenance.clone_from(&order.provenance);
    options.trim = order.trim;
    let enrolled = enroller
        .enrol_heard(&heard, &options, &mut |_| {})
        .map_err(|error| (cause(&error, None), error))?;
    let voice = Voice {
        name: order.name.clone(),
        ..enrolled.voice
    };
    keep(&order, &voice)?;
    Ok(Made {
        report: enrolled.report.to_string(),
        warnings: enrolled.report.warnings,
    })
}

fn keep(order: &Order, voice: &Voice) -> Result<(), (Cause, Error)> {
    let library = Library::of(&order.model).map_err(|error| (Cause::Other, error))?;
    let kept = library.put(voice, Place::Own, order.overwrite);
    kept.map(|_| ()).map_err(|error| {
        let taken = !order.overwrite && library.places().find(&order.name).is_some();
        (cause(&error, taken.then_some(Cause::Taken)), error)
    })
}

/// `Networks` where a file of the model is missing.
fn missing(error: &Error) -> Option<Cause> {
    (error.kind() == ErrorKind::NotFound).then_some(Cause::Networks)
}

/// The cause of an error: `known`, where the step that failed explains it, else by its kind.
fn cause(error: &Error, known: Option<Cause>) -> Cause {
    known.unwrap_or(match error.kind() {
        ErrorKind::Recording => Cause::Unusable,
        ErrorKind::Text => Cause::Transcript,
        ErrorKind::NoSpace => Cause::NoSpace,
        _ => Cause::Other,
    })
}
