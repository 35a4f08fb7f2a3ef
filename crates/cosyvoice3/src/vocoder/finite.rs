//! Values that can be played: networks that are broken make others.

use std::path::Path;

use crate::{Error, Result, mel::Mel};

/// Refuses a mel that has values of no size.
pub fn check(mel: &Mel) -> Result<()> {
    match mel.as_slice().iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(Error::failed(
            "the flow model produced a mel that is not finite: convert the checkpoint again, or try another flow-backend",
        )),
    }
}

/// The samples that the graph `path` made, if they can be played.
pub fn samples(path: &Path, samples: Vec<f32>) -> Result<Vec<f32>> {
    if samples.iter().all(|sample| sample.is_finite()) {
        return Ok(samples);
    }
    Err(Error::failed(format!(
        "{}: it produced samples that are not finite: its weights are damaged; convert the checkpoint again",
        path.display()
    )))
}
