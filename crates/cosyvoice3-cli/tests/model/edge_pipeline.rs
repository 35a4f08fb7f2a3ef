//! The tiny checkpoint as the files of an edge pipeline, as their owners would have them.

use std::{
    fs::{self, File},
    io::{Cursor, Read, Write},
    path::{Path, PathBuf},
    process::Output,
};

use cosyvoice3_convert::{
    checkpoint::{Checkpoint, DType},
    convert::lm::{Config, LanguageModel},
    gguf::quantize::{Quantization, quantize},
    gguf::{Tensor, Value},
    weights::WeightType,
};
use half::bf16;
use ndarray::Array2;
use ndarray_npy::write_npy;
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::{copy, fixture, mel_to_audio, names, program, succeeds};

pub const TEXT_EMBEDDING: &str = "llm.model.model.embed_tokens.weight";

/// One model in both forms.
pub struct EdgePipeline {
    dir: tempfile::TempDir,
}

impl EdgePipeline {
    /// Its language model quantised to `lm` in both.
    pub fn new(lm: Quantization) -> Self {
        let pipeline = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let checkpoint = pipeline.path("checkpoint");
        copy(&fixture("tiny"), &checkpoint);
        round_token_embedding(&checkpoint.join("flow.pt"));
        let axmodels = pipeline.path("axera/token2wav-axmodels");
        let converted = program()
            .arg("convert")
            .args([&checkpoint, &pipeline.converted()])
            .args(["--estimator", "f32", "--lm", lm.name(), "--npu-onnx"])
            .arg(&axmodels)
            .output();
        succeeds(&converted.unwrap());
        for name in names(&axmodels) {
            let axmodel = name.replace(".onnx", ".axmodel");
            fs::rename(axmodels.join(name), axmodels.join(axmodel)).unwrap();
        }
        pipeline.write_download(&axmodels);
        pipeline.write_language_model(lm);
        let vocoder = mel_to_audio::onnx("mel", None, 6, "Tanh");
        fs::write(pipeline.vocoder(), vocoder).unwrap();
        pipeline
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The model directory of the checkpoint.
    pub fn converted(&self) -> PathBuf {
        self.path("converted")
    }

    /// The model directory that [`import`](Self::import) makes.
    pub fn imported(&self) -> PathBuf {
        self.path("models/imported")
    }

    pub fn vocoder(&self) -> PathBuf {
        self.path("hift_full_dynamic.onnx")
    }

    pub fn import(&self, options: &[&str]) -> Output {
        let mut program = program();
        program.arg("import").arg(self.path("axera"));
        program.arg(self.imported());
        program.arg("--gguf").arg(self.path("qwen2.gguf"));
        program.arg("--embeddings").arg(self.path("embeddings"));
        program.arg("--vocoder").arg(self.vocoder());
        program.args(options).output().unwrap()
    }

    fn checkpoint(&self, file: &str) -> Checkpoint {
        Checkpoint::open(&self.path("checkpoint").join(file)).unwrap()
    }

    fn write_download(&self, axmodels: &Path) {
        let flow = self.checkpoint("flow.pt");
        let table = flow.tensor("input_embedding.weight").unwrap();
        let table = table.to_f32().unwrap();
        let words = table.iter().map(|v| bf16::from_f32(*v).to_le_bytes());
        let bytes = words.collect::<Vec<_>>().concat();
        fs::write(axmodels.join("flow.input_embedding.float16.bin"), bytes).unwrap();
        fs::write(axmodels.join("rand_noise_1_80_300.txt"), "0.5\n").unwrap();
        copy(&fixture("tiny_prompt"), &self.path("axera/prompt_files"));
        let tokenizer = self.path("axera/scripts/CosyVoice-BlankEN");
        copy(&fixture("tiny/CosyVoice-BlankEN"), &tokenizer);
        fs::remove_file(tokenizer.join("config.json")).unwrap();
    }

    fn write_language_model(&self, quantization: Quantization) {
        let llm = self.checkpoint("llm.pt");
        let embeddings = self.path("embeddings");
        fs::create_dir(&embeddings).unwrap();
        for (file, tensor) in [
            ("embed_tokens.npy", TEXT_EMBEDDING),
            ("speech_embedding.npy", "speech_embedding.weight"),
            ("llm_decoder_weight.npy", "llm_decoder.weight"),
        ] {
            let tensor = llm.tensor(tensor).unwrap();
            let shape = (tensor.shape()[0], tensor.shape()[1]);
            let values = tensor.to_f32().unwrap().into_owned();
            let table = Array2::from_shape_vec(shape, values).unwrap();
            write_npy(embeddings.join(file), &table).unwrap();
        }
        let whole = self.path("whole.gguf");
        self.write_gguf_of_text(&llm, &whole);
        quantize(&whole, &self.path("qwen2.gguf"), quantization).unwrap();
        fs::remove_file(whole).unwrap();
    }

    /// A Qwen2 as llama.cpp's own converter makes it: embedding and head are one table of text.
    fn write_gguf_of_text(&self, llm: &Checkpoint, path: &Path) {
        let config = self.path("checkpoint/CosyVoice-BlankEN/config.json");
        let config = Config::read(&config).unwrap();
        let lm = LanguageModel::new(llm, &config).unwrap();
        let mut gguf = lm.gguf("qwen2", WeightType::F32);
        gguf.tensors.retain(|tensor| tensor.name != "output.weight");
        for tensor in &mut gguf.tensors {
            if tensor.name == "token_embd.weight" {
                let shape = vec![config.vocab_size, config.hidden_size];
                *tensor = Tensor::plain(tensor.name.clone(), shape, WeightType::F32);
            }
        }
        for (key, value) in &mut gguf.metadata {
            match key.as_str() {
                "qwen2.vocab_size" => *value = Value::U32(config.vocab_size as u32),
                "tokenizer.ggml.model" => *value = Value::String("gpt2".into()),
                _ => {}
            }
        }
        let mut bytes = Vec::new();
        gguf.write(&mut bytes, |tensor, out| match tensor.name.as_str() {
            "token_embd.weight" => {
                let table = llm.tensor(TEXT_EMBEDDING)?.to_f32()?;
                WeightType::F32.write(&table, out)
            }
            _ => lm.write(tensor, out),
        })
        .unwrap();
        add_vocabulary(&mut bytes);
        fs::write(path, bytes).unwrap();
    }
}

/// Gives a GGUF a list of words, as those with a tokenizer have. What is added is a multiple of the file's alignment.
fn add_vocabulary(gguf: &mut Vec<u8>) {
    let text = |entry: &mut Vec<u8>, text: &str| {
        entry.extend((text.len() as u64).to_le_bytes());
        entry.extend(text.as_bytes());
    };
    let mut entry = Vec::new();
    text(&mut entry, "tokenizer.ggml.tokens");
    // An array of three strings
    for number in [9_u32, 8] {
        entry.extend(number.to_le_bytes());
    }
    entry.extend(3_u64.to_le_bytes());
    text(&mut entry, "a");
    text(&mut entry, "и");
    let length = (entry.len() + 8).next_multiple_of(32) - entry.len() - 8;
    text(&mut entry, &"b".repeat(length));
    // Behind magic, version and number of tensors is the number of entries, then the first one.
    gguf[16] += 1;
    gguf.splice(24..24, entry);
}

/// Rounds the flow's embedding of speech tokens in the file `path` to bf16, so that a table of bf16 loses nothing.
fn round_token_embedding(path: &Path) {
    let (old, new) = {
        let flow = Checkpoint::open(path).unwrap();
        let table = flow.tensor("input_embedding.weight").unwrap();
        assert_eq!(table.dtype(), DType::F32);
        let values = table.to_f32().unwrap();
        let rounded = values.iter().map(|v| bf16::from_f32(*v).to_f32());
        let new: Vec<u8> = rounded.flat_map(f32::to_le_bytes).collect();
        let old: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        (old, new)
    };
    assert_ne!(old, new);
    let mut archive = ZipArchive::new(Cursor::new(fs::read(path).unwrap())).unwrap();
    let mut copy = ZipWriter::new(File::create(path).unwrap());
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .with_alignment(64);
    let mut replaced = 0;
    for i in 0..archive.len() {
        let mut record = archive.by_index(i).unwrap();
        let mut bytes = Vec::new();
        record.read_to_end(&mut bytes).unwrap();
        if bytes == old {
            bytes.clone_from(&new);
            replaced += 1;
        }
        copy.start_file(record.name(), options).unwrap();
        copy.write_all(&bytes).unwrap();
    }
    copy.finish().unwrap();
    assert_eq!(replaced, 1);
}
