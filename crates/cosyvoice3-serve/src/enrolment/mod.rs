//! Voices of recordings that clients send, each made in a process of its own.
//!
//! A recording comes from a stranger, and GStreamer's decoders have their own history of holes; the networks take more memory
//! than speaking does. So the server starts its own program once more for one recording: what goes wrong there, or takes too
//! long, ends there, and its memory goes with it. One is made at a time.

mod worker;

use std::{fs::File, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::{
    io::AsyncReadExt,
    process::Command,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

pub use worker::work;

use crate::{http::Refusal, log::log};

/// First word of the command line that makes the program a worker.
pub const COMMAND: &str = "enrol-recording";
/// Variable with the order for a worker: command lines can be read by every user of the machine.
const ORDER: &str = "COSYVOICE3_ENROL";
/// Longest answer of a worker, in bytes.
const MAX_ANSWER: u64 = 64 << 10;

/// A voice that is to be made of the recording that is the worker's standard input.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// Model directory.
    pub model: PathBuf,
    /// Name of the voice, which becomes the user's own.
    pub name: String,
    /// Words of the recording.
    pub transcript: Option<String>,
    /// BCP 47 language of the recording.
    pub language: Option<String>,
    /// Origin of the voice.
    pub provenance: Option<String>,
    /// Take the best stretch of a long recording.
    pub trim: bool,
    /// Replace a voice of that name, or hide the model's.
    pub overwrite: bool,
}

/// Answer of a worker.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Outcome {
    Made(Made),
    Failed { cause: Cause, message: String },
}

/// A voice that was made and saved.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// Measures of the recording, for people.
    pub report: String,
    /// Doubts about the recording.
    pub warnings: Vec<String>,
}

/// Cause of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Cause {
    /// The file is no recording that can be decoded.
    Undecodable,
    /// No voice can be made of the recording.
    Unusable,
    /// The transcript is none.
    Transcript,
    /// A network of the front end is missing.
    Networks,
    /// There is such a voice.
    Taken,
    /// The disk or the memory is full.
    NoSpace,
    /// Nothing that the client can mend.
    Other,
}

impl Cause {
    fn refusal(self, message: String) -> Refusal {
        let (status, code) = match self {
            Self::Undecodable => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "recording_undecodable"),
            Self::Unusable => (StatusCode::UNPROCESSABLE_ENTITY, "recording_unusable"),
            Self::Transcript => (StatusCode::BAD_REQUEST, "transcript_unspeakable"),
            Self::Networks => return without_networks(message),
            Self::Taken => (StatusCode::CONFLICT, "voice_exists"),
            Self::NoSpace => (StatusCode::INSUFFICIENT_STORAGE, "no_space"),
            Self::Other => (StatusCode::INTERNAL_SERVER_ERROR, "enrolment_failed"),
        };
        let refusal = Refusal::new(status, message).code(code);
        match self {
            Self::Undecodable | Self::Unusable => refusal.param("file"),
            Self::Transcript => refusal.param("text"),
            Self::Taken => refusal.param("name"),
            _ => refusal,
        }
    }
}

/// The refusal where the model has no front-end networks; the message names them and the remedy.
pub fn without_networks(message: String) -> Refusal {
    Refusal::new(StatusCode::NOT_IMPLEMENTED, message).code("front_end_missing")
}

/// The refusal of a name that a voice has.
pub fn taken(name: &str) -> Refusal {
    let words = format!(
        "the voice {name} already exists: choose another name, or replace it with overwrite=true"
    );
    Cause::Taken.refusal(words)
}

/// The refusal where the server cannot make voices.
pub fn impossible(error: &dyn std::fmt::Display) -> Refusal {
    log!("warning: no voice can be made: {error}");
    Cause::Other.refusal(format!("the voice cannot be made: {error}"))
}

/// The place in which one voice at a time is made.
#[derive(Clone)]
pub struct Enrolments(Arc<Semaphore>);

impl Enrolments {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Takes the place, until the value is dropped.
    ///
    /// # Errors
    /// It is taken.
    pub fn enter(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.0.clone().try_acquire_owned().map_err(|_| {
            let words = "another voice is being added: try again later";
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, words).code("enrolment_busy")
        })
    }
}

/// Makes and saves the voice of `order` of the file `recording`, within `limit`. The work ends where the future is dropped.
///
/// # Errors
/// No voice can be made of it, or not in time; or the worker fails.
pub async fn enrol(recording: File, order: &Order, limit: Duration) -> Result<Made, Refusal> {
    let name = &order.name;
    let order = serde_json::to_string(order).map_err(|error| impossible(&error))?;
    // This program, also where another has been installed over it.
    let mut worker = Command::new("/proc/self/exe");
    worker
        .arg0("cosyvoice3")
        .arg(COMMAND)
        .env(ORDER, order)
        .stdin(recording);
    let refused = |refusal: Refusal| match refusal.status {
        // In the words of this door.
        StatusCode::CONFLICT => taken(name),
        _ => refusal,
    };
    answer(worker, limit).await.map_err(refused)
}

/// Runs a worker to its end, at most for `limit`.
async fn answer(mut worker: Command, limit: Duration) -> Result<Made, Refusal> {
    let worker = worker
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let work = async {
        let mut worker = worker.spawn()?;
        let mut words = Vec::new();
        if let Some(stdout) = worker.stdout.take() {
            stdout.take(MAX_ANSWER).read_to_end(&mut words).await?;
        }
        Ok::<_, std::io::Error>((worker.wait().await?, words))
    };
    let (status, words) = match timeout(limit, work).await {
        Ok(done) => done.map_err(|error| impossible(&error))?,
        Err(_) => {
            let words = format!(
                "making the voice took longer than {} s (--recording-time): send a shorter recording, or try again later",
                limit.as_secs()
            );
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Err(Refusal::new(status, words).code("enrolment_too_slow"));
        }
    };
    match serde_json::from_slice(&words) {
        Ok(Outcome::Made(made)) => Ok(made),
        Ok(Outcome::Failed { cause, message }) => Err(cause.refusal(message)),
        Err(_) => {
            log!("warning: a process that made a voice ended without an answer: {status}");
            let words = "the recording broke its decoder, or memory ran out (see the server's log): save it again as WAV";
            Err(Cause::Unusable.refusal(words.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of a worker that is a script.
    fn end(script: &str, limit: Duration) -> Result<Made, Refusal> {
        let mut worker = Command::new("sh");
        worker.args(["-c", script]).stdin(Stdio::null());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(answer(worker, limit))
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_worker_that_breaks_or_says_nothing_is_a_refusal_and_no_more() {
        for script in ["kill -SEGV $$", "exit 3", "true", "echo '{\"Made\": 7}'"] {
            let refusal = end(script, LONG).unwrap_err();
            assert_eq!(refusal.status, StatusCode::UNPROCESSABLE_ENTITY, "{script}");
        }
        // More than an answer can be; the rest is not waited for.
        assert!(end("yes", LONG).is_err());
    }

    #[test]
    fn a_worker_that_takes_too_long_is_ended() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("echo $$ >{}; exec sleep 600", file.display());
        // On a busy machine it may not even have begun.
        let mut limit = Duration::from_millis(500);
        let pid = loop {
            let refusal = end(&script, limit).unwrap_err();
            assert_eq!(refusal.status, StatusCode::SERVICE_UNAVAILABLE);
            match std::fs::read_to_string(&file) {
                Ok(pid) if pid.ends_with('\n') => break pid.trim().to_string(),
                _ => limit *= 2,
            }
            assert!(limit < LONG, "the worker does not begin");
        };
        let begin = std::time::Instant::now();
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        while lives() {
            assert!(begin.elapsed() < LONG, "it goes on");
            std::thread::yield_now();
        }
    }

    #[test]
    fn one_voice_is_made_at_a_time() {
        let enrolments = Enrolments::new();
        let place = enrolments.enter().unwrap();
        let refusal = enrolments.enter().unwrap_err();
        assert_eq!(refusal.status, StatusCode::TOO_MANY_REQUESTS);
        drop(place);
        assert!(enrolments.enter().is_ok());
    }

    #[test]
    fn what_a_worker_answers_is_what_the_server_reads() {
        for outcome in [
            Outcome::Made(Made {
                report: "5 s".into(),
                warnings: vec!["шум".into()],
            }),
            Outcome::Failed {
                cause: Cause::Taken,
                message: "x".into(),
            },
        ] {
            let words = serde_json::to_string(&outcome).unwrap();
            assert_eq!(serde_json::from_str::<Outcome>(&words).unwrap(), outcome);
        }
    }
}
