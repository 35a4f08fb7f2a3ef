//! The two networks of the official front end, on ONNX Runtime.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
};

use super::{fbank, whisper};
use crate::{
    Error, ErrorKind, Result, cache_dir,
    cancel::Cancel,
    constants::{SPEAKER_EMBEDDING, SPEECH_CODES},
    lock::lock,
    manifest::{
        FrontEnd, Manifest,
        verify::{self, Verify},
    },
    onnx::{Element, FREE, Port, Session, SessionOptions, Tensor},
    regular_file,
};

/// File of the speaker encoder, as in the official release.
pub const SPEAKER_ENCODER: &str = "campplus.onnx";
/// File of the speech tokenizer, as in the official release.
pub const SPEECH_TOKENIZER: &str = "speech_tokenizer_v3.onnx";

/// The speaker encoder, CAM++.
pub(super) struct SpeakerEncoder(Mutex<Session>);

impl SpeakerEncoder {
    /// Loads `path`.
    pub(super) fn load(path: &Path, options: &SessionOptions, cancel: &Cancel) -> Result<Self> {
        let session = Session::load(path, options, cancel)?;
        let bins = fbank::BINS as i64;
        let values = SPEAKER_EMBEDDING as i64;
        session.check(
            &[Port::new("input", Element::F32, &[1, FREE, bins])],
            &[Port::new("output", Element::F32, &[1, values])],
        )?;
        Ok(Self(Mutex::new(session)))
    }

    /// The speaker vector of 16 kHz `samples`, as it comes: not normalised.
    pub(super) fn encode(&self, samples: &[f32], cancel: &Cancel) -> Result<Vec<f32>> {
        let features = fbank::centred_fbank(samples);
        let shape = [1, features.len() / fbank::BINS, fbank::BINS];
        let mut session = lock(&self.0);
        let outputs = session.run(&[("input", Tensor::F32(&shape, &features))], cancel)?;
        let (_, vector) = outputs.f32("output")?;
        let vector = vector.to_vec();
        drop(outputs);
        if vector.len() != SPEAKER_EMBEDDING || !vector.iter().all(|value| value.is_finite()) {
            return Err(Error::damaged(
                session.path(),
                format!(
                    "a speaker vector of {} values, expected {SPEAKER_EMBEDDING} finite ones",
                    vector.len()
                ),
            ));
        }
        Ok(vector)
    }
}

/// The speech tokenizer.
pub(super) struct SpeechTokenizer(Mutex<Session>);

impl SpeechTokenizer {
    /// Loads `path`.
    pub(super) fn load(path: &Path, options: &SessionOptions, cancel: &Cancel) -> Result<Self> {
        let session = Session::load(path, options, cancel)?;
        let bins = whisper::BINS as i64;
        // The shape of the output differs by exporter.
        session.check(
            &[
                Port::new("feats", Element::F32, &[1, bins, FREE]),
                Port::new("feats_length", Element::I32, &[1]),
            ],
            &[],
        )?;
        if session.output("indices").is_none() {
            return Err(Error::damaged(
                session.path(),
                "the graph has no output \"indices\": the file belongs to another version or model",
            ));
        }
        Ok(Self(Mutex::new(session)))
    }

    /// The speech tokens of 16 kHz `samples`, 25 a second.
    pub(super) fn tokens(&self, samples: &[f32], cancel: &Cancel) -> Result<Vec<u32>> {
        let features = whisper::log_mel(samples);
        let frames = features.len() / whisper::BINS;
        let shape = [1, whisper::BINS, frames];
        let length = [i32::try_from(frames).unwrap_or(i32::MAX)];
        let mut session = lock(&self.0);
        let inputs = [
            ("feats", Tensor::F32(&shape, &features)),
            ("feats_length", Tensor::I32(&[1], &length)),
        ];
        let tokens = session.run(&inputs, cancel)?.ids("indices")?;
        let sound = |token: &i64| u32::try_from(*token).ok().filter(|id| *id < SPEECH_CODES);
        let tokens: Option<Vec<u32>> = tokens.iter().map(sound).collect();
        tokens.ok_or_else(|| {
            Error::damaged(
                session.path(),
                format!("produced tokens outside 0..{SPEECH_CODES}"),
            )
        })
    }
}

/// The files of both networks in the model directory `dir`, speaker encoder first: those of the manifest, checked as `verify`
/// asks, else files of the usual names.
///
/// # Errors
/// A file is missing: the message says where to get it and what to run. One is damaged.
pub(super) fn files(
    dir: &Path,
    manifest: &Manifest,
    verify: Verify,
    cancel: &Cancel,
) -> Result<[PathBuf; 2]> {
    let front_end = manifest.front_end.as_ref();
    let names = front_end.map_or([SPEAKER_ENCODER, SPEECH_TOKENIZER], FrontEnd::names);
    for name in names {
        regular_file::open(&dir.join(name)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(dir, name),
            _ => error,
        })?;
    }
    if let Some(front_end) = front_end {
        verify::sizes_of(dir, &manifest.name, &front_end.files)?;
        let cache = cache_dir::default_dir();
        verify::hashes_of(
            dir,
            &front_end.files,
            verify,
            cache.as_deref(),
            cancel,
            &mut |_| {},
        )?;
    }
    Ok(names.map(|name| dir.join(name)))
}

fn missing(dir: &Path, name: &str) -> Error {
    let dir = dir.display();
    Error::new(
        ErrorKind::NotFound,
        format!(
            "{dir} has no {name}, which is needed to make a voice from a recording: get {SPEAKER_ENCODER} and \
             {SPEECH_TOKENIZER} from the release FunAudioLLM/Fun-CosyVoice3-0.5B-2512 (Hugging Face or ModelScope), and \
             run `cosyvoice3 model front-end DIRECTORY {dir}` with the directory that holds them"
        ),
    )
}
