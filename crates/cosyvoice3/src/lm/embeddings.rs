//! The embedding tables that feed the prefix: a safetensors file, mapped into memory.

use std::{ops::Range, path::Path};

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};

use crate::{Error, Result, manifest, regular_file};

/// `text_embedding` and `speech_embedding` of one model, in f16 or f32. Only the rows that are read take memory.
pub struct Embeddings {
    file: Mmap,
    width: usize,
    text: Table,
    speech: Table,
}

struct Table {
    dtype: Dtype,
    rows: usize,
    bytes: Range<usize>,
}

impl Embeddings {
    /// Maps `path` and checks both tables against the manifest's geometry.
    ///
    /// # Errors
    /// `NotFound` or `Open` where the file cannot be read, `Damaged` where its header, a shape or a type is wrong.
    pub fn open(path: &Path, lm: &manifest::Lm) -> Result<Self> {
        let file = regular_file::open(path)?;
        // SAFETY: the mapping is read-only, and model files are replaced by rename, never rewritten in place.
        let file = unsafe { Mmap::map(&file) }.map_err(|e| Error::io(path, &e))?;
        let (header, metadata) = SafeTensors::read_metadata(&file)
            .map_err(|e| Error::damaged(path, format!("not a complete safetensors file ({e})")))?;
        let first = header + 8;
        let expected = first + metadata.data_len();
        if file.len() != expected {
            return Err(Error::damaged(
                path,
                format!("{} bytes long, its header says {expected}", file.len()),
            ));
        }
        let table = |name: &str, rows: usize| {
            let info = metadata
                .info(name)
                .ok_or_else(|| Error::damaged(path, format!("{name} is missing")))?;
            let shape = [rows, lm.hidden_size];
            if info.shape != shape {
                return Err(Error::damaged(
                    path,
                    format!(
                        "{name} has shape {:?}, the manifest says {shape:?}",
                        info.shape
                    ),
                ));
            }
            if !matches!(info.dtype, Dtype::F16 | Dtype::F32) {
                return Err(Error::damaged(
                    path,
                    format!("{name} is {:?}, expected F16 or F32", info.dtype),
                ));
            }
            let (from, to) = info.data_offsets;
            Ok(Table {
                dtype: info.dtype,
                rows,
                bytes: first + from..first + to,
            })
        };
        Ok(Self {
            text: table("text_embedding", lm.text_vocab)?,
            speech: table("speech_embedding", lm.speech_vocab as usize)?,
            width: lm.hidden_size,
            file,
        })
    }

    /// Values of one embedding.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows of the text table.
    pub fn text_vocab(&self) -> usize {
        self.text.rows
    }

    /// Appends the text embedding of `id` to `rows`.
    ///
    /// # Panics
    /// If `id` is outside the table.
    pub fn push_text(&self, id: u32, rows: &mut Vec<f32>) {
        self.push(&self.text, id, rows);
    }

    /// Appends the speech embedding of `id` to `rows`.
    ///
    /// # Panics
    /// If `id` is outside the table.
    pub fn push_speech(&self, id: u32, rows: &mut Vec<f32>) {
        self.push(&self.speech, id, rows);
    }

    fn push(&self, table: &Table, id: u32, rows: &mut Vec<f32>) {
        let id = id as usize;
        assert!(id < table.rows, "row {id} of a table of {}", table.rows);
        let bytes = &self.file[table.bytes.clone()];
        let row = bytes.len() / table.rows;
        let bytes = &bytes[id * row..(id + 1) * row];
        // By bytes, since the format does not promise that a table is aligned.
        if table.dtype == Dtype::F16 {
            let (values, _) = bytes.as_chunks::<2>();
            rows.extend(values.iter().map(|v| half::f16::from_le_bytes(*v).to_f32()));
        } else {
            let (values, _) = bytes.as_chunks::<4>();
            rows.extend(values.iter().map(|v| f32::from_le_bytes(*v)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use safetensors::tensor::TensorView;

    use super::*;
    use crate::{ErrorKind, lm::tests::manifest_lm};

    const TEXT: usize = 5;
    const WIDTH: usize = 4;

    fn lm() -> manifest::Lm {
        manifest::Lm {
            hidden_size: WIDTH,
            text_vocab: TEXT,
            ..manifest_lm()
        }
    }

    fn value(row: usize, column: usize) -> f32 {
        row as f32 + column as f32 / 8.0
    }

    fn file(dtype: Dtype, text_rows: usize, name: &str) -> Vec<u8> {
        let table = |rows: usize| -> Vec<u8> {
            (0..rows * WIDTH)
                .map(|i| value(i / WIDTH, i % WIDTH))
                .flat_map(|v| match dtype {
                    Dtype::F16 => half::f16::from_f32(v).to_le_bytes().to_vec(),
                    _ => v.to_le_bytes().to_vec(),
                })
                .collect()
        };
        let rows = lm().speech_vocab as usize;
        let (text, speech) = (table(text_rows), table(rows));
        let tensors = BTreeMap::from([
            (
                name,
                TensorView::new(dtype, vec![text_rows, WIDTH], &text).unwrap(),
            ),
            (
                "speech_embedding",
                TensorView::new(dtype, vec![rows, WIDTH], &speech).unwrap(),
            ),
        ]);
        safetensors::serialize(tensors, None).unwrap()
    }

    fn open(bytes: &[u8]) -> Result<Embeddings> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lm_embeddings.safetensors");
        std::fs::write(&path, bytes).unwrap();
        Embeddings::open(&path, &lm())
    }

    #[test]
    fn rows_come_back_as_written_in_both_precisions() {
        for dtype in [Dtype::F16, Dtype::F32] {
            let tables = open(&file(dtype, TEXT, "text_embedding")).unwrap();
            let mut rows = Vec::new();
            tables.push_text(3, &mut rows);
            tables.push_speech(200, &mut rows);
            let expected: Vec<f32> = [3, 200]
                .iter()
                .flat_map(|&row| (0..WIDTH).map(move |column| value(row, column)))
                .collect();
            assert_eq!(rows, expected, "{dtype:?}");
        }
    }

    #[test]
    fn a_damaged_file_is_named_with_what_was_expected() {
        let good = file(Dtype::F16, TEXT, "text_embedding");
        let cases = [
            (Vec::new(), "safetensors"),
            (good[..good.len() - 1].to_vec(), "safetensors"),
            (good[..20].to_vec(), "safetensors"),
            (
                file(Dtype::F16, TEXT + 1, "text_embedding"),
                "[6, 4], the manifest says [5, 4]",
            ),
            (file(Dtype::F16, TEXT, "text"), "text_embedding is missing"),
        ];
        for (bytes, expected) in cases {
            let error = open(&bytes).err().expect("refused");
            assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
            let message = error.to_string();
            assert!(message.contains("lm_embeddings.safetensors"), "{message}");
            assert!(message.contains(expected), "{message}");
        }
    }
}
