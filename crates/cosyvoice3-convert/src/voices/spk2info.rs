//! `spk2info.pt` of the official program: a dict of speakers, each a dict of tensors.

use std::{
    io::{Cursor, Write},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use cosyvoice3::{atomic_file, constants::MEL_BINS, voice::Voice};

use super::{MAX_FILE, Prompt, Text};
use crate::{
    checkpoint::Checkpoint,
    checkpoint::torch_file::{Class, Pickler, TorchFile},
};

const TEXT: &str = "prompt_text";
const LM_TOKENS: &str = "llm_prompt_speech_token";
const FLOW_TOKENS: &str = "flow_prompt_speech_token";
const MEL: &str = "prompt_speech_feat";
const EMBEDDING: &str = "flow_embedding";
const LM_EMBEDDING: &str = "llm_embedding";
/// The only entry of a speaker of the earlier models that had speakers built in.
const BUILT_IN: &str = "embedding";

/// Reads the speakers of the file `path`.
pub fn read(path: &Path) -> Result<Vec<Prompt>> {
    let (file, speakers) = Checkpoint::of_dicts(path)?;
    let at = path.display();
    let mut prompts = Vec::new();
    for (i, name) in speakers.iter().enumerate() {
        let key = |key: &str| format!("{i}.{key}");
        if !file.contains(&key(MEL)) && file.contains(&key(BUILT_IN)) {
            bail!(
                "{at}: speaker {name:?} has an embedding alone, as in models with built-in speakers: CosyVoice3 needs the prompt \
                 of a recording"
            );
        }
        let size = |key: &str| -> Result<()> {
            let values: usize = file.shape(key)?.iter().product();
            ensure!(
                values as u64 <= MAX_FILE / 4,
                "{at}: {key} has {values} values, which no voice needs"
            );
            Ok(())
        };
        let ids = |name: &str| -> Result<Vec<u32>> {
            size(&key(name))?;
            file.tensor(&key(name))?.to_ids()
        };
        let floats = |name: &str| -> Result<Vec<f32>> {
            size(&key(name))?;
            Ok(file.tensor(&key(name))?.to_f32()?.into_owned())
        };
        let speaker = || -> Result<Prompt> {
            let text = ids(TEXT)?;
            Ok(Prompt {
                name: Some(name.clone()),
                text: match text.is_empty() {
                    true => Text::None,
                    false => Text::Ids(text),
                },
                transcript: None,
                tokens: ids(LM_TOKENS)?,
                flow_tokens: ids(FLOW_TOKENS)?,
                mel: floats(MEL)?,
                embedding: floats(EMBEDDING)?,
            })
        };
        prompts.push(speaker().with_context(|| format!("{at}: speaker {name:?}"))?);
    }
    Ok(prompts)
}

/// Writes `voice` as the only speaker of the file `path`.
pub fn write(voice: &Voice, path: &Path) -> Result<()> {
    let tensors = tensors(voice);
    let mut pickle = Pickler::new();
    pickle.dict(|pickle| {
        pickle.text(&voice.name);
        pickle.dict(|pickle| {
            for (key, tensor) in tensors.iter().enumerate() {
                pickle.text(&tensor.name);
                pickle.tensor(tensor.class, &key.to_string(), &tensor.shape);
            }
        });
    });
    let mut bytes = Cursor::new(Vec::new());
    let mut file = TorchFile::begin(&mut bytes, "spk2info", pickle)?;
    for (key, tensor) in tensors.iter().enumerate() {
        file.storage(&key.to_string())?.write_all(&tensor.data)?;
    }
    file.finish()?;
    atomic_file::replace(path, bytes.get_ref())
        .with_context(|| format!("cannot write {}", path.display()))
}

struct Tensor {
    name: String,
    class: Class,
    shape: Vec<usize>,
    data: Vec<u8>,
}

/// The keys and shapes that the official front end gives to its own speakers, each with a batch of one.
fn tensors(voice: &Voice) -> Vec<Tensor> {
    let mel = &voice.prompt_mel;
    let frames = mel.frames();
    let by_frame = (0..frames).flat_map(|t| (0..MEL_BINS).map(move |bin| mel.row(bin)[t]));
    let mel = floats(MEL, &[1, frames, MEL_BINS], by_frame);
    let embedding = |name| {
        let values = voice.embedding.iter().copied();
        floats(name, &[1, voice.embedding.len()], values)
    };
    [
        ids(TEXT, &voice.prompt_text_ids),
        ids(LM_TOKENS, &voice.speech_tokens()),
        ids(FLOW_TOKENS, &voice.prompt_tokens),
        [mel, length(MEL, frames)],
        [embedding(LM_EMBEDDING), embedding(EMBEDDING)],
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn ids(name: &str, ids: &[u32]) -> [Tensor; 2] {
    let values = Tensor {
        name: name.into(),
        class: Class::Int,
        shape: vec![1, ids.len()],
        data: ids.iter().flat_map(|id| id.to_le_bytes()).collect(),
    };
    [values, length(name, ids.len())]
}

/// The length of the tensor `name`, which is a tensor as well.
fn length(name: &str, length: usize) -> Tensor {
    Tensor {
        name: format!("{name}_len"),
        class: Class::Int,
        shape: vec![1],
        data: (length as u32).to_le_bytes().into(),
    }
}

fn floats(name: &str, shape: &[usize], values: impl Iterator<Item = f32>) -> Tensor {
    Tensor {
        name: name.into(),
        class: Class::Float,
        shape: shape.into(),
        data: values.flat_map(f32::to_le_bytes).collect(),
    }
}
