//! Vocoder: mel to 24 kHz samples, all of an utterance at once or [piece by piece](stream). [`level`] follows.
//!
//! There are two kinds: [`Hift`], whose source is made here and means the same sound for the same seed, and
//! [`MelToAudio`], a graph that does all by itself.

pub mod f0;
mod finite;
mod hift;
pub mod level;
pub mod loudness;
mod mel_to_audio;
pub mod source;
pub mod splitmix;
pub mod stream;
pub mod weights;

use std::path::Path;

use self::stream::HiftStream;
pub use self::{hift::Hift, mel_to_audio::MelToAudio};

use crate::{Error, Result, cancel::Cancel, manifest, mel::Mel};

/// The vocoder of a model.
pub enum Vocoder {
    /// HiFT with the harmonic source of this module.
    Hift(Box<Hift>),
    /// One graph, its source included.
    MelToAudio(MelToAudio),
}

impl Vocoder {
    /// Loads the files that `vocoder` names from the model directory `dir`; its graph uses `threads` threads (0: one per
    /// core that this process may use).
    ///
    /// # Errors
    /// That of a file that is missing, unreadable, damaged, or of other shapes than a vocoder of 80 mel bins and 480
    /// samples a frame; [`ErrorKind::Library`](crate::ErrorKind::Library) without ONNX Runtime; or
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled).
    pub fn load(
        dir: &Path,
        vocoder: &manifest::Vocoder,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Self> {
        Ok(match vocoder {
            manifest::Vocoder::Hift {
                decoder,
                source_weights,
                source,
            } => {
                let (decoder, weights) = (dir.join(decoder), dir.join(source_weights));
                Self::Hift(Box::new(Hift::load(
                    &decoder, &weights, *source, threads, cancel,
                )?))
            }
            manifest::Vocoder::MelToAudio { graph } => {
                Self::MelToAudio(MelToAudio::load(&dir.join(graph), threads, cancel)?)
            }
        })
    }

    /// The speech of a whole utterance: exactly [`SAMPLES_PER_FRAME`](crate::constants::SAMPLES_PER_FRAME) samples in
    /// -1..1 per frame of `mel`. [`Hift`] makes the same of the same `seed`; [`MelToAudio`] does not know it.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled), or [`ErrorKind::Failed`](crate::ErrorKind::Failed) if the
    /// mel or the samples are not finite or ONNX Runtime fails.
    pub fn synthesize(&mut self, mel: &Mel, seed: u64, cancel: &Cancel) -> Result<Vec<f32>> {
        finite::check(mel)?;
        match self {
            Self::Hift(hift) => hift.synthesize(mel, seed, cancel),
            Self::MelToAudio(graph) => graph.synthesize(mel, cancel),
        }
    }

    /// Returns true if samples leave [piece by piece](Self::synthesize_after). [`MelToAudio`] makes its source anew in
    /// each call, so it needs whole utterances.
    pub fn streams(&self) -> bool {
        matches!(self, Self::Hift(_))
    }

    /// An utterance of which nothing has come yet.
    pub fn stream(&self, seed: u64) -> VocoderStream {
        VocoderStream(match self {
            Self::Hift(hift) => Kind::Hift(Box::new(HiftStream::new(hift, seed))),
            Self::MelToAudio(_) => Kind::Whole(Mel::zeros(0)),
        })
    }

    /// The samples that `mel`, the next frames of the utterance, completes: all that are left if they are the `last`. All
    /// pieces together are what [`synthesize`](Self::synthesize) makes of the whole mel, to rounding.
    ///
    /// # Errors
    /// As [`synthesize`](Self::synthesize); then the utterance cannot go on.
    pub fn synthesize_after(
        &mut self,
        stream: &mut VocoderStream,
        mel: &Mel,
        last: bool,
        cancel: &Cancel,
    ) -> Result<Vec<f32>> {
        finite::check(mel)?;
        match (self, &mut stream.0) {
            (Self::Hift(hift), Kind::Hift(stream)) => stream.push(hift, mel, last, cancel),
            (Self::MelToAudio(graph), Kind::Whole(whole)) => {
                whole.append(mel);
                match last {
                    true => graph.synthesize(whole, cancel),
                    false => Ok(Vec::new()),
                }
            }
            _ => Err(Error::failed(
                "an utterance cannot go on with another vocoder",
            )),
        }
    }
}

/// An utterance of which some mel has come.
pub struct VocoderStream(Kind);

enum Kind {
    Hift(Box<HiftStream>),
    Whole(Mel),
}
