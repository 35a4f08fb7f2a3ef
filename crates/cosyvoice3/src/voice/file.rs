//! The safetensors layout of a voice.

use std::collections::HashMap;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use sha2::{Digest, Sha256};

use super::Voice;
use crate::{
    constants::{MEL_BINS, SPEAKER_EMBEDDING},
    mel::Mel,
};

/// Value of the metadata entry `format`.
pub const FORMAT: &str = "cosyvoice3-voice-1";

const TEXT_IDS: &str = "prompt_text_ids";
const TOKENS: &str = "prompt_tokens";
/// Absent where there are none.
const TAIL_TOKENS: &str = "prompt_tail_tokens";
const MEL: &str = "prompt_mel";
const EMBEDDING: &str = "embedding";
/// Metadata entry with the SHA-256 of the tensors' bytes, in the order of [`encode`]: no manifest vouches for a voice.
const SHA256: &str = "sha256";

/// The voice in `bytes`, or what is wrong with them.
pub fn decode(name: &str, bytes: &[u8]) -> Result<Voice, String> {
    let damaged = |e| format!("damaged, or not a voice file: {e}");
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let mut texts = metadata.metadata().clone().unwrap_or_default();
    match texts.get("format").map(String::as_str) {
        Some(FORMAT) => {}
        Some(other) => {
            return Err(format!(
                "format {other} is not supported; this version reads format {FORMAT}: make the voice again"
            ));
        }
        None => return Err("not a voice file: its metadata has no format".into()),
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let find = |name: &str, dtype: Dtype| {
        let tensor = tensors.tensor(name).map_err(damaged)?;
        match tensor.dtype() == dtype {
            true => Ok(tensor),
            false => Err(format!(
                "{name} is {:?}, expected {dtype:?}",
                tensor.dtype()
            )),
        }
    };
    let ids = |name| {
        Ok::<_, String>(
            words(&find(name, Dtype::U32)?)
                .map(u32::from_le_bytes)
                .collect(),
        )
    };
    if let Some(sum) = texts.remove(SHA256) {
        let names = [TEXT_IDS, TOKENS, MEL, EMBEDDING, TAIL_TOKENS];
        let tensors = names.map(|name| tensors.tensor(name));
        let data = tensors.iter().flatten().map(TensorView::data);
        if sum != sha256(data) {
            return Err(
                "damaged: the SHA-256 does not match; copy the file or make the voice again".into(),
            );
        }
    }
    let mel = find(MEL, Dtype::F32)?;
    if mel.shape().get(1) != Some(&MEL_BINS) {
        return Err(format!(
            "{MEL} has shape {:?}, expected frames x {MEL_BINS}",
            mel.shape()
        ));
    }
    let mel: Vec<f32> = words(&mel).map(f32::from_le_bytes).collect();
    let embedding = find(EMBEDDING, Dtype::F32)?;
    Ok(Voice {
        name: name.into(),
        language: texts.remove("language"),
        prompt_text: texts.remove("prompt_text"),
        prompt_text_ids: ids(TEXT_IDS)?,
        prompt_tokens: ids(TOKENS)?,
        tail_tokens: match tensors.tensor(TAIL_TOKENS) {
            Ok(_) => ids(TAIL_TOKENS)?,
            Err(_) => Vec::new(),
        },
        prompt_mel: Mel::from_frames(&mel),
        embedding: words(&embedding).map(f32::from_le_bytes).collect(),
        provenance: texts.remove("provenance"),
    })
}

/// The file of a voice, the same for the same voice.
pub fn encode(voice: &Voice) -> Result<Vec<u8>, String> {
    let frames = voice.prompt_mel.frames();
    let mel = (0..frames).flat_map(|t| (0..MEL_BINS).map(move |bin| (bin, t)));
    let mel = mel.flat_map(|(bin, t)| voice.prompt_mel.row(bin)[t].to_le_bytes());
    let ids = |ids: &[u32]| -> Vec<u8> { ids.iter().flat_map(|id| id.to_le_bytes()).collect() };
    let mut tensors: Vec<(&str, Dtype, Vec<usize>, Vec<u8>)> = vec![
        (
            TEXT_IDS,
            Dtype::U32,
            vec![voice.prompt_text_ids.len()],
            ids(&voice.prompt_text_ids),
        ),
        (
            TOKENS,
            Dtype::U32,
            vec![voice.prompt_tokens.len()],
            ids(&voice.prompt_tokens),
        ),
        (MEL, Dtype::F32, vec![frames, MEL_BINS], mel.collect()),
        (
            EMBEDDING,
            Dtype::F32,
            vec![SPEAKER_EMBEDDING],
            voice
                .embedding
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect(),
        ),
    ];
    if !voice.tail_tokens.is_empty() {
        let (count, bytes) = (voice.tail_tokens.len(), ids(&voice.tail_tokens));
        tensors.push((TAIL_TOKENS, Dtype::U32, vec![count], bytes));
    }
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        let view = TensorView::new(*dtype, shape.clone(), bytes);
        Ok((*name, view.map_err(|e| e.to_string())?))
    });
    let views = views.collect::<Result<Vec<_>, String>>()?;
    let sum = sha256(tensors.iter().map(|(.., bytes)| bytes.as_slice()));
    let texts = [
        ("format", Some(FORMAT)),
        (SHA256, Some(sum.as_str())),
        ("language", voice.language.as_deref()),
        ("prompt_text", voice.prompt_text.as_deref()),
        ("provenance", voice.provenance.as_deref()),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(k, v)| Some((k.into(), v?.into())));
    let texts: HashMap<String, String> = texts.collect();
    let mut file = safetensors::serialize(views, Some(texts)).map_err(|e| e.to_string())?;
    sort_header(&mut file).map_err(|e| e.to_string())?;
    Ok(file)
}

/// Puts the keys of the header in order, which come out of a hash map.
fn sort_header(file: &mut [u8]) -> serde_json::Result<()> {
    let (length, rest) = file
        .split_first_chunk_mut()
        .expect("safetensors begins with the length of its header");
    let header = &mut rest[..u64::from_le_bytes(*length) as usize];
    let mut sorted = serde_json::to_vec(&serde_json::from_slice::<serde_json::Value>(header)?)?;
    sorted.resize(header.len(), b' ');
    header.copy_from_slice(&sorted);
    Ok(())
}

fn sha256<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    parts.for_each(|part| hasher.update(part));
    let digest = hasher.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn words<'a>(tensor: &TensorView<'a>) -> impl Iterator<Item = [u8; 4]> + use<'a> {
    let bytes = tensor.data();
    bytes
        .chunks_exact(4)
        .map(|b| b.try_into().expect("four bytes"))
}
