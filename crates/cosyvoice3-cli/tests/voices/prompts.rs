//! One speaker prompt, written in each format by hand, as its own program lays it out.

use std::{
    fs,
    io::{Cursor, Write},
    path::{Path, PathBuf},
};

use cosyvoice3::text::Tokenizer;
use ndarray::{Array1, Array2, Array3};
use ndarray_npy::WriteNpyExt;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::tiny;

pub const WORDS: &str = "Добрый день! Их было 3, 4 или 5.";
const SYSTEM: &str = "You are a helpful assistant.<|endofprompt|>";

/// A prompt.
pub struct Prompt {
    pub ids: Vec<u32>,
    pub tokens: Vec<u32>,
    /// Frame after frame.
    pub mel: Vec<f32>,
    pub embedding: Vec<f32>,
}

/// The text ids of `words` with the system prefix.
fn ids(words: &str) -> Vec<u32> {
    let tokenizer = Tokenizer::load(&tiny().join("tokenizer.json")).unwrap();
    tokenizer.encode(&format!("{SYSTEM}{words}")).unwrap()
}

impl Prompt {
    pub fn new() -> Self {
        let tokens = 76;
        Self {
            ids: ids(WORDS),
            tokens: (0..tokens).map(|i| i * 85 % 6561).collect(),
            mel: (0..2 * tokens * 80)
                .map(|i| (i as f32).sin() * 3.0 - 5.5)
                .collect(),
            embedding: (0..192).map(|i| (i as f32 * 0.37).cos()).collect(),
        }
    }

    /// Axera's folder of text files.
    pub fn prompt_files(&self, dir: &Path) {
        fs::create_dir_all(dir).unwrap();
        let write = |name: &str, numbers: Vec<String>| {
            fs::write(dir.join(name), numbers.join(" ")).unwrap();
        };
        let ids = |ids: &[u32]| ids.iter().map(u32::to_string).collect::<Vec<_>>();
        let floats = |values: &[f32]| values.iter().map(f32::to_string).collect::<Vec<_>>();
        write("prompt_text.txt", ids(&self.ids));
        write("llm_prompt_speech_token.txt", ids(&self.tokens));
        write("flow_prompt_speech_token.txt", ids(&self.tokens));
        write("prompt_speech_feat.txt", floats(&self.mel));
        write("llm_embedding.txt", floats(&self.embedding));
        write("flow_embedding.txt", floats(&self.embedding));
    }

    /// The four arrays of the RK3588 port; with a batch of one and in 64 bits if `batched`.
    pub fn npy_files(&self, dir: &Path, batched: bool) {
        fs::create_dir_all(dir).unwrap();
        let open = |name: &str| fs::File::create(dir.join(name)).unwrap();
        let (frames, mel) = (self.mel.len() / 80, self.mel.clone());
        if batched {
            let ids = |ids: &[u32]| {
                let wide = ids.iter().map(|id| i64::from(*id)).collect();
                Array2::<i64>::from_shape_vec((1, ids.len()), wide).unwrap()
            };
            ids(&self.ids)
                .write_npy(open("prompt_text_tokens.npy"))
                .unwrap();
            ids(&self.tokens)
                .write_npy(open("prompt_speech_tokens.npy"))
                .unwrap();
            let mel = Array3::from_shape_vec((1, frames, 80), mel).unwrap();
            mel.write_npy(open("prompt_speech_feat.npy")).unwrap();
            let embedding = Array2::from_shape_vec((1, 192), self.embedding.clone()).unwrap();
            embedding.write_npy(open("speaker_embedding.npy")).unwrap();
            return;
        }
        let ids = |ids: &[u32]| -> Array1<i32> { ids.iter().map(|id| *id as i32).collect() };
        ids(&self.ids)
            .write_npy(open("prompt_text_tokens.npy"))
            .unwrap();
        ids(&self.tokens)
            .write_npy(open("prompt_speech_tokens.npy"))
            .unwrap();
        let mel = Array2::from_shape_vec((frames, 80), mel).unwrap();
        mel.write_npy(open("prompt_speech_feat.npy")).unwrap();
        let embedding = Array1::from(self.embedding.clone());
        embedding.write_npy(open("speaker_embedding.npy")).unwrap();
    }

    /// cv3cpu's archive, as `numpy.savez_compressed` writes it.
    pub fn npz(&self, path: &Path, words: &str) {
        let mut zip = ZipWriter::new(fs::File::create(path).unwrap());
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        let mel = Array2::from_shape_vec((self.mel.len() / 80, 80), self.mel.clone()).unwrap();
        let tokens: Array1<i32> = self.tokens.iter().map(|id| *id as i32).collect();
        let arrays = [
            ("speech_token", npy(&tokens)),
            ("mel", npy(&mel)),
            ("embedding", npy(&Array1::from(self.embedding.clone()))),
            ("prompt_text", unicode(words)),
            ("sample_rate", npy(&ndarray::arr0(24_000_i64))),
            ("name", unicode("anna")),
        ];
        for (name, bytes) in arrays {
            zip.start_file(format!("{name}.npy"), options).unwrap();
            zip.write_all(&bytes).unwrap();
        }
        zip.finish().unwrap();
    }

    /// cosyvoice.cpp's file.
    pub fn gguf(&self, path: &Path, words: &str) {
        let floats = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let tokens: Vec<u8> = self.tokens.iter().flat_map(|id| id.to_le_bytes()).collect();
        let frames = self.mel.len() / 80;
        let tensors: [(&str, Vec<u64>, u32, Vec<u8>); 4] = [
            ("feat", vec![80, frames as u64], 0, floats(&self.mel)),
            ("embedding", vec![192, 1], 0, floats(&self.embedding)),
            ("tokens", vec![self.tokens.len() as u64], 26, tokens.clone()),
            (
                "text",
                vec![words.len() as u64],
                24,
                words.as_bytes().to_vec(),
            ),
        ];
        let length = |count: usize| (count as u32).to_le_bytes().to_vec();
        let parts = [
            tensors[3].3.clone(),
            length(words.len()),
            tensors[0].3.clone(),
            [length(frames), length(80)].concat(),
            tensors[1].3.clone(),
            [length(1), length(192)].concat(),
            tokens,
            length(self.tokens.len()),
        ];
        let mut crc = 0;
        for part in parts {
            crc = chained_crc(&part, crc);
        }
        let mut file = b"GGUF".to_vec();
        let string = |file: &mut Vec<u8>, text: &str| {
            file.extend((text.len() as u64).to_le_bytes());
            file.extend(text.as_bytes());
        };
        file.extend(3_u32.to_le_bytes());
        file.extend(4_u64.to_le_bytes());
        file.extend(1_u64.to_le_bytes());
        string(&mut file, "crc32");
        file.extend(4_u32.to_le_bytes());
        file.extend(crc.to_le_bytes());
        let mut offset = 0_u64;
        for (name, shape, kind, data) in &tensors {
            string(&mut file, name);
            file.extend((shape.len() as u32).to_le_bytes());
            shape
                .iter()
                .for_each(|axis| file.extend(axis.to_le_bytes()));
            file.extend(kind.to_le_bytes());
            file.extend(offset.to_le_bytes());
            offset = (offset + data.len() as u64).next_multiple_of(32);
        }
        for (.., data) in &tensors {
            file.resize(file.len().next_multiple_of(32), 0);
            file.extend(data);
        }
        fs::write(path, file).unwrap();
    }
}

/// CRC-32 bit by bit; it begins with `value` as it is, and ends with the complement.
fn chained_crc(bytes: &[u8], value: u32) -> u32 {
    let mut crc = value;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

fn npy<A: WriteNpyExt>(array: &A) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    array.write_npy(&mut bytes).unwrap();
    bytes.into_inner()
}

/// An array without axes that holds a text, in NumPy's UTF-32.
pub fn unicode(text: &str) -> Vec<u8> {
    let length = text.chars().count().max(1);
    let header = format!("{{'descr': '<U{length}', 'fortran_order': False, 'shape': (), }}");
    let padded = (header.len() + 11).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded as u16).to_le_bytes());
    bytes.extend(format!("{header:<width$}\n", width = padded - 1).bytes());
    let mut characters: Vec<u32> = text.chars().map(u32::from).collect();
    characters.resize(length, 0);
    bytes.extend(characters.iter().flat_map(|c| c.to_le_bytes()));
    bytes
}

/// Writes the prompt in each format that holds it alone: a name and the path.
pub fn everywhere(dir: &Path) -> Vec<(&'static str, PathBuf)> {
    let prompt = Prompt::new();
    let paths = [
        "prompt_files",
        "npy",
        "npy-batched",
        "anna.npz",
        "prompt_speech.gguf",
    ];
    let paths = paths.map(|name| (name, dir.join(name)));
    prompt.prompt_files(&paths[0].1);
    prompt.npy_files(&paths[1].1, false);
    prompt.npy_files(&paths[2].1, true);
    prompt.npz(&paths[3].1, WORDS);
    prompt.gguf(&paths[4].1, WORDS);
    paths.into()
}
