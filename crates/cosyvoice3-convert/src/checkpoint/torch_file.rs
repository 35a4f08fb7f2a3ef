//! Writing `torch.save` files: the opcodes of their pickle, and the zip around it. `torch.load` with `weights_only=True`
//! takes them.

use std::io::{Seek, Write};

use anyhow::Result;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// torch.save aligns its records so that they can be mapped.
const ALIGNMENT: u16 = 64;

/// Element type of a tensor, four bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// float32
    Float,
    /// int32
    Int,
}

/// A pickle in the making.
pub struct Pickler(Vec<u8>);

impl Pickler {
    /// Nothing yet, in protocol 2, which torch.save writes.
    pub fn new() -> Self {
        Self(b"\x80\x02".to_vec())
    }

    /// A dict whose keys and values `entries` writes, in turns.
    pub fn dict(&mut self, entries: impl FnOnce(&mut Self)) {
        self.0.extend(b"}(");
        entries(self);
        self.0.push(b'u');
    }

    /// An `OrderedDict` whose keys and values `entries` writes, in turns.
    pub fn ordered_dict(&mut self, entries: impl FnOnce(&mut Self)) {
        self.empty_ordered_dict();
        self.0.push(b'(');
        entries(self);
        self.0.push(b'u');
    }

    /// A string.
    pub fn text(&mut self, text: &str) {
        self.0.push(b'X');
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.as_bytes());
    }

    /// A contiguous tensor of `shape`, all of the storage `key`:
    /// `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`.
    pub fn tensor(&mut self, class: Class, key: &str, shape: &[usize]) {
        self.0.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        self.text("storage");
        self.0.extend(match class {
            Class::Float => &b"ctorch\nFloatStorage\n"[..],
            Class::Int => b"ctorch\nIntStorage\n",
        });
        self.text(key);
        self.text("cpu");
        self.number(shape.iter().product());
        self.0.extend(b"tQK\x00");
        self.tuple(shape);
        let strides: Vec<usize> = (0..shape.len())
            .map(|axis| shape[axis + 1..].iter().product())
            .collect();
        self.tuple(&strides);
        self.0.push(0x89);
        self.empty_ordered_dict();
        self.0.extend(b"tR");
    }

    fn empty_ordered_dict(&mut self) {
        self.0.extend(b"ccollections\nOrderedDict\n)R");
    }

    fn number(&mut self, value: usize) {
        self.0.push(b'J');
        self.0.extend((value as i32).to_le_bytes());
    }

    fn tuple(&mut self, values: &[usize]) {
        self.0.push(b'(');
        values.iter().for_each(|value| self.number(*value));
        self.0.push(b't');
    }
}

/// A file in the making.
pub struct TorchFile<'a, W: Write + Seek> {
    zip: ZipWriter<W>,
    stem: &'a str,
}

impl<'a, W: Write + Seek> TorchFile<'a, W> {
    /// Begins a file with the object that `pickle` holds; `stem` is the folder inside the archive.
    pub fn begin(out: W, stem: &'a str, mut pickle: Pickler) -> Result<Self> {
        pickle.0.push(b'.');
        let mut file = Self {
            zip: ZipWriter::new(out),
            stem,
        };
        let small: [(&str, &[u8]); 5] = [
            ("data.pkl", &pickle.0),
            (".format_version", b"1"),
            (".storage_alignment", b"64"),
            ("byteorder", b"little"),
            ("version", b"3\n"),
        ];
        for (name, content) in small {
            file.record(name)?.write_all(content)?;
        }
        Ok(file)
    }

    /// Begins the elements of the storage `key`, which are written to the result.
    pub fn storage(&mut self, key: &str) -> Result<&mut ZipWriter<W>> {
        self.record(&format!("data/{key}"))
    }

    /// Ends the file.
    pub fn finish(self) -> Result<W> {
        Ok(self.zip.finish()?)
    }

    fn record(&mut self, name: &str) -> Result<&mut ZipWriter<W>> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .with_alignment(ALIGNMENT);
        self.zip
            .start_file(format!("{}/{name}", self.stem), options)?;
        Ok(&mut self.zip)
    }
}
