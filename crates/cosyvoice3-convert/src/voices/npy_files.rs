//! Speaker prompts as NumPy arrays: the four `.npy` files of the RK3588 port, and the `.npz` of cv3cpu.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use cosyvoice3::regular_file;
use zip::ZipArchive;

use super::{MAX_FILE, Prompt, Text};
use crate::import::npy::Array;

const TEXT: &str = "prompt_text_tokens.npy";
const TOKENS: &str = "prompt_speech_tokens.npy";
const MEL: &str = "prompt_speech_feat.npy";
const EMBEDDING: &str = "speaker_embedding.npy";

/// Returns true if the folder `dir` holds at least one of the four files.
pub fn are_in(dir: &Path) -> bool {
    [TEXT, TOKENS, MEL, EMBEDDING]
        .iter()
        .any(|name| dir.join(name).exists())
}

/// Reads the four files in `dir`.
pub fn read(dir: &Path) -> Result<Prompt> {
    let array = |name: &str| -> Result<(PathBuf, Array)> {
        let path = dir.join(name);
        let bytes = regular_file::read(&path, MAX_FILE)?;
        let array = Array::parse(&bytes).with_context(|| path.display().to_string())?;
        Ok((path, array))
    };
    let ids = |name| -> Result<Vec<u32>> {
        let (path, array) = array(name)?;
        array.to_ids().with_context(|| path.display().to_string())
    };
    let floats = |name| -> Result<Vec<f32>> {
        let (path, array) = array(name)?;
        array
            .to_floats()
            .with_context(|| path.display().to_string())
    };
    let (text, tokens) = (ids(TEXT)?, ids(TOKENS)?);
    Ok(Prompt {
        name: None,
        text: match text.is_empty() {
            true => Text::None,
            false => Text::Ids(text),
        },
        transcript: None,
        flow_tokens: tokens.clone(),
        tokens,
        mel: floats(MEL)?,
        embedding: floats(EMBEDDING)?,
    })
}

/// Reads the archive `path`; `None` if it holds no arrays of NumPy.
pub fn read_npz(path: &Path) -> Result<Option<Prompt>> {
    let at = || path.display().to_string();
    let file = regular_file::open(path)?;
    let mut archive = ZipArchive::new(file).with_context(|| {
        format!(
            "{}: damaged, or not an archive: copy it again",
            path.display()
        )
    })?;
    if archive.file_names().all(|name| !name.ends_with(".npy")) {
        return Ok(None);
    }
    let mut read = || -> Result<Prompt> {
        let text = member(&mut archive, "prompt_text")?.to_text()?;
        let name = match archive.index_for_name("name.npy") {
            Some(_) => Some(member(&mut archive, "name")?.to_text()?),
            None => None,
        };
        let tokens = member(&mut archive, "speech_token")?.to_ids()?;
        Ok(Prompt {
            name: name.filter(|name| !name.is_empty()),
            text: match text.is_empty() {
                true => Text::None,
                false => Text::Characters(text),
            },
            transcript: None,
            flow_tokens: tokens.clone(),
            tokens,
            mel: member(&mut archive, "mel")?.to_floats()?,
            embedding: member(&mut archive, "embedding")?.to_floats()?,
        })
    };
    read().map(Some).with_context(at)
}

/// The array `name`, which may be compressed: no more of it is unpacked than a voice needs.
fn member(archive: &mut ZipArchive<File>, name: &str) -> Result<Array> {
    let file = format!("{name}.npy");
    let record = archive
        .by_name(&file)
        .with_context(|| format!("array {name} is missing or damaged: not an .npz of cv3cpu"))?;
    let mut bytes = Vec::new();
    record
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("array {name}: damaged"))?;
    ensure!(
        bytes.len() as u64 <= MAX_FILE,
        "array {name}: more than {MAX_FILE} bytes, which no voice needs"
    );
    Array::parse(&bytes).with_context(|| format!("array {name}"))
}
