//! Reading `torch.save` files: a zip of uncompressed records, one pickle that names the tensors in them.
//!
//! The file is memory-mapped; a tensor's bytes are read, and their checksum is verified, when it is asked for.

pub mod config;
mod pickle;
pub(crate) mod torch_file;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::Cursor,
    ops::Range,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use cosyvoice3::regular_file;
use half::{bf16, f16};
use memmap2::Mmap;
use zip::{CompressionMethod, ZipArchive};

use crate::checkpoint::pickle::{Pickle, Value};

/// Prefix under which fine-tuning saves the vocoder.
const GENERATOR: &str = "generator.";
/// Longest name of a tensor.
const MAX_NAME: usize = 256;
/// Most records; the published language model has some 300.
const MAX_RECORDS: u64 = 1 << 16;
/// Most entries of a dict of dicts, and of each of them: a pickle's dicts may share their entries.
const MAX_DICTS: usize = 10_000;
/// Parts of a fine-tuning checkpoint that only training needs.
const TRAINING_ONLY: [&str; 5] = ["discriminator", "mpd", "mrd", "msd", "optimizer"];

/// Element type of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DType {
    /// float32
    F32,
    /// float16
    F16,
    /// bfloat16
    BF16,
    /// float64
    F64,
    /// int32
    I32,
    /// int64
    I64,
    /// Other integers, booleans: no weights.
    Other,
}

impl DType {
    fn of_storage(class: &str) -> Self {
        match class {
            "FloatStorage" => Self::F32,
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::BF16,
            "DoubleStorage" => Self::F64,
            "IntStorage" => Self::I32,
            "LongStorage" => Self::I64,
            _ => Self::Other,
        }
    }

    /// Bytes of one element.
    fn size(self) -> usize {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::F64 | Self::I64 => 8,
            Self::Other => 1,
        }
    }
}

/// One `torch.save` file.
///
/// Names lose the prefix `generator.` that fine-tuning puts before the vocoder's; the tensors of its discriminators are
/// left out.
pub struct Checkpoint {
    path: PathBuf,
    map: Mmap,
    records: BTreeMap<String, Record>,
    tensors: BTreeMap<String, Layout>,
}

struct Record {
    bytes: Range<usize>,
    crc32: u32,
    intact: OnceLock<bool>,
}

struct Layout {
    dtype: DType,
    record: String,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl Layout {
    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for (len, stride) in self.shape.iter().zip(&self.strides).rev() {
            if *len != 1 && *stride != expected {
                return false;
            }
            expected *= len;
        }
        true
    }
}

impl Checkpoint {
    /// Opens `path` and reads the names, types and shapes of its tensors.
    ///
    /// # Errors
    /// The file is missing, is no `torch.save` zip file, or contradicts itself.
    pub fn open(path: &Path) -> Result<Self> {
        let (mut checkpoint, pickle) = Self::map(path)?;
        let read = || -> Result<BTreeMap<String, Layout>> {
            let tensors = checkpoint.layouts(&pickle)?;
            ensure!(!tensors.is_empty(), "it contains no tensors");
            Ok(tensors)
        };
        checkpoint.tensors = read().with_context(|| damaged(path))?;
        Ok(checkpoint)
    }

    /// Opens `path`, a dict of dicts of tensors. Returns the names of the dicts as well; the tensor `key` of the dict number
    /// `i` is called `i.key`.
    ///
    /// # Errors
    /// As [`open`](Self::open), and for a file that holds something else.
    pub fn of_dicts(path: &Path) -> Result<(Self, Vec<String>)> {
        let (mut checkpoint, pickle) = Self::map(path)?;
        let (names, tensors) = checkpoint
            .layouts_of_dicts(&pickle)
            .with_context(|| damaged(path))?;
        checkpoint.tensors = tensors;
        Ok((checkpoint, names))
    }

    /// The file without its tensors, and its pickle.
    fn map(path: &Path) -> Result<(Self, Pickle)> {
        let file = regular_file::open(path)?;
        let len = file
            .metadata()
            .with_context(|| path.display().to_string())?
            .len();
        ensure!(
            len > 0,
            "{}: the file is empty: download it again",
            path.display()
        );
        // SAFETY: the map is only read. If the file is truncated meanwhile, SIGBUS kills the process, which leaves the
        // target directory as unfinished as any other interruption does.
        let map = unsafe { Mmap::map(&file) }.with_context(|| path.display().to_string())?;
        Self::read(path, map).with_context(|| damaged(path))
    }

    fn read(path: &Path, map: Mmap) -> Result<(Self, Pickle)> {
        let records = records(&map)?;
        let checkpoint = Self {
            path: path.to_owned(),
            map,
            records,
            tensors: BTreeMap::new(),
        };
        if checkpoint.records.contains_key("byteorder") {
            ensure!(
                checkpoint.record("byteorder")? == b"little",
                "saved on a big-endian machine: save it again on a little-endian one"
            );
        }
        let pickle = Pickle::read(checkpoint.record("data.pkl")?)?;
        Ok((checkpoint, pickle))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of all tensors, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Returns true if there is a tensor `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Shape of the tensor `name`, without reading it.
    pub fn shape(&self, name: &str) -> Result<&[usize]> {
        Ok(&self.layout(name)?.shape)
    }

    /// The tensor `name`.
    ///
    /// # Errors
    /// There is none, it lies outside its record, or the record's checksum does not hold.
    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>> {
        let layout = self.layout(name)?;
        let bytes = self
            .record(&layout.record)
            .and_then(|bytes| {
                check_bounds(layout, bytes.len())?;
                Ok(bytes)
            })
            .with_context(|| format!("{}: {name}", self.path.display()))?;
        Ok(Tensor {
            checkpoint: self,
            name: name.to_owned(),
            layout,
            bytes,
        })
    }

    /// The tensor `name`, which must be of `shape`.
    pub fn tensor_of(&self, name: &str, shape: &[usize]) -> Result<Tensor<'_>> {
        let actual = self.shape(name)?;
        ensure!(
            actual == shape,
            "{}: {name} has shape {actual:?}, expected {shape:?}",
            self.path.display()
        );
        self.tensor(name)
    }

    fn layout(&self, name: &str) -> Result<&Layout> {
        self.tensors.get(name).ok_or_else(|| {
            anyhow!(
                "{}: tensor {name} is missing: not a CosyVoice3 checkpoint, or an incomplete one",
                self.path.display()
            )
        })
    }

    fn record(&self, name: &str) -> Result<&[u8]> {
        let record = self
            .records
            .get(name)
            .with_context(|| format!("record {name} is missing"))?;
        let bytes = &self.map[record.bytes.clone()];
        let intact = record
            .intact
            .get_or_init(|| crc32fast::hash(bytes) == record.crc32);
        ensure!(
            *intact,
            "the checksum of record {name} does not match: download the file again"
        );
        Ok(bytes)
    }

    fn layouts(&self, pickle: &Pickle) -> Result<BTreeMap<String, Layout>> {
        let root = pickle.root();
        let state = ["state_dict", "model"]
            .iter()
            .find_map(|key| pickle.entry(root, key))
            .unwrap_or(root);
        let Value::Dict(entries) = pickle.get(state) else {
            bail!("it contains no state dict");
        };
        let mut layouts = BTreeMap::new();
        for (key, value) in entries {
            let (Value::Str(key), value @ Value::Tensor { .. }) =
                (pickle.get(*key), pickle.get(*value))
            else {
                continue;
            };
            let name = key.strip_prefix(GENERATOR).unwrap_or(key);
            ensure!(
                name.len() <= MAX_NAME,
                "a tensor's name of {} bytes, expected at most {MAX_NAME}",
                name.len()
            );
            if TRAINING_ONLY.iter().any(|part| name.starts_with(part)) {
                continue;
            }
            let layout = self
                .layout_of(pickle, value)
                .with_context(|| name.to_owned())?;
            layouts.insert(name.to_owned(), layout);
        }
        Ok(layouts)
    }

    fn layouts_of_dicts(&self, pickle: &Pickle) -> Result<(Vec<String>, BTreeMap<String, Layout>)> {
        let Value::Dict(entries) = pickle.get(pickle.root()) else {
            bail!("it contains no dict");
        };
        let (mut names, mut layouts) = (Vec::new(), BTreeMap::new());
        for (name, dict) in entries {
            let (Value::Str(name), Value::Dict(entries)) = (pickle.get(*name), pickle.get(*dict))
            else {
                continue;
            };
            ensure!(
                name.len() <= MAX_NAME && names.len() < MAX_DICTS && entries.len() < MAX_DICTS,
                "more names, or longer ones, than such a file can have"
            );
            for (key, value) in entries {
                if let (Value::Str(key), value @ Value::Tensor { .. }) =
                    (pickle.get(*key), pickle.get(*value))
                {
                    let layout = self
                        .layout_of(pickle, value)
                        .with_context(|| name.clone())?;
                    ensure!(key.len() <= MAX_NAME, "a key of {} bytes", key.len());
                    layouts.insert(format!("{}.{key}", names.len()), layout);
                }
            }
            names.push(name.clone());
        }
        ensure!(!layouts.is_empty(), "it contains no dict of tensors");
        Ok((names, layouts))
    }

    fn layout_of(&self, pickle: &Pickle, value: &Value) -> Result<Layout> {
        let Value::Tensor {
            storage,
            offset,
            shape,
            strides,
        } = value
        else {
            bail!("not a tensor");
        };
        let Value::Storage { class, key, len } = pickle.get(*storage) else {
            bail!("a tensor without a storage");
        };
        let sizes = |values: &[u64]| -> Result<Vec<usize>> {
            values.iter().map(|v| Ok(usize::try_from(*v)?)).collect()
        };
        let layout = Layout {
            dtype: DType::of_storage(class),
            record: format!("data/{key}"),
            offset: usize::try_from(*offset)?,
            shape: sizes(shape)?,
            strides: sizes(strides)?,
        };
        let record = self
            .records
            .get(&layout.record)
            .with_context(|| format!("record {} is missing", layout.record))?;
        if layout.dtype != DType::Other {
            let bytes = (*len as usize).checked_mul(layout.dtype.size());
            ensure!(
                bytes == Some(record.bytes.len()),
                "record {} has {} bytes, {len} elements were announced",
                layout.record,
                record.bytes.len()
            );
            check_bounds(&layout, record.bytes.len())?;
        }
        Ok(layout)
    }
}

/// One tensor of a [`Checkpoint`], its checksum verified.
pub struct Tensor<'a> {
    checkpoint: &'a Checkpoint,
    name: String,
    layout: &'a Layout,
    bytes: &'a [u8],
}

impl<'a> Tensor<'a> {
    /// Name in the checkpoint.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lengths, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// Element type in the file.
    pub fn dtype(&self) -> DType {
        self.layout.dtype
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.layout.shape.iter().product()
    }

    /// Returns true if it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All elements in row-major order; borrowed from the file if it holds them so.
    ///
    /// # Errors
    /// The tensor holds no floating-point numbers.
    pub fn to_f32(&self) -> Result<Cow<'a, [f32]>> {
        let path = self.checkpoint.path.display();
        let Layout { dtype, offset, .. } = *self.layout;
        ensure!(
            !matches!(dtype, DType::I32 | DType::I64 | DType::Other),
            "{path}: {} contains no floating-point numbers",
            self.name
        );
        let size = dtype.size();
        if !self.layout.is_contiguous() {
            return Ok(self.gathered());
        }
        let bytes = &self.bytes[offset * size..(offset + self.len()) * size];
        if dtype == DType::F32
            && let Ok(values) = bytemuck::try_cast_slice(bytes)
        {
            return Ok(Cow::Borrowed(values));
        }
        Ok(bytes.chunks_exact(size).map(|b| number(dtype, b)).collect())
    }

    /// All elements in row-major order, as ids.
    ///
    /// # Errors
    /// The tensor holds no integers of 32 or 64 bits, or one that is no id.
    pub fn to_ids(&self) -> Result<Vec<u32>> {
        let path = self.checkpoint.path.display();
        let id = |bytes: &[u8]| -> Option<u32> {
            match self.layout.dtype {
                DType::I32 => i32::from_le_bytes(bytes.try_into().ok()?).try_into().ok(),
                DType::I64 => i64::from_le_bytes(bytes.try_into().ok()?).try_into().ok(),
                _ => None,
            }
        };
        let ids: Option<Vec<u32>> = self.elements().map(id).collect();
        ids.with_context(|| format!("{path}: {} contains no ids", self.name))
    }

    /// The elements of a view with strides, in row-major order.
    fn gathered(&self) -> Cow<'a, [f32]> {
        let dtype = self.layout.dtype;
        self.elements().map(|bytes| number(dtype, bytes)).collect()
    }

    /// The bytes of each element, in row-major order.
    fn elements(&self) -> impl Iterator<Item = &'a [u8]> {
        let bytes = self.bytes;
        let Layout {
            dtype,
            offset,
            ref shape,
            ref strides,
            ..
        } = *self.layout;
        let size = dtype.size();
        let mut index = vec![0; shape.len()];
        let element = move |_| {
            let at: usize = offset + index.iter().zip(strides).map(|(i, s)| i * s).sum::<usize>();
            for (i, len) in index.iter_mut().zip(shape).rev() {
                *i += 1;
                if *i < *len {
                    break;
                }
                *i = 0;
            }
            &bytes[at * size..(at + 1) * size]
        };
        (0..self.len()).map(element)
    }
}

fn damaged(path: &Path) -> String {
    format!("{}: damaged, or not a file of torch.save", path.display())
}

fn number(dtype: DType, bytes: &[u8]) -> f32 {
    let two = || [bytes[0], bytes[1]];
    match dtype {
        DType::F16 => f16::from_le_bytes(two()).to_f32(),
        DType::BF16 => bf16::from_le_bytes(two()).to_f32(),
        DType::F64 => f64::from_le_bytes(bytes.try_into().expect("eight bytes")) as f32,
        _ => f32::from_le_bytes(bytes.try_into().expect("four bytes")),
    }
}

/// Every element must lie in the record, and there must not be more of them than the record has: a few bytes of a
/// damaged file could otherwise ask for any amount of memory.
fn check_bounds(layout: &Layout, bytes: usize) -> Result<()> {
    let elements = bytes / layout.dtype.size();
    let fits = || -> Option<bool> {
        if layout.shape.len() != layout.strides.len() {
            return Some(false);
        }
        let mut count = 1_usize;
        let mut last = layout.offset;
        for (len, stride) in layout.shape.iter().zip(&layout.strides) {
            count = count.checked_mul(*len)?;
            last = last.checked_add(len.saturating_sub(1).checked_mul(*stride)?)?;
        }
        Some(count == 0 || (count <= elements && last < elements))
    };
    ensure!(
        fits() == Some(true),
        "shape {:?} with strides {:?} from element {} on does not fit into record {} of {elements} elements",
        layout.shape,
        layout.strides,
        layout.offset,
        layout.record
    );
    Ok(())
}

/// Positions of the records, by name without the archive's own folder.
fn records(map: &[u8]) -> Result<BTreeMap<String, Record>> {
    ensure!(
        map.starts_with(b"PK"),
        "not a zip file (files of PyTorch before 1.6 must be saved again by a newer one)"
    );
    check_announced(map)?;
    let mut archive = ZipArchive::new(Cursor::new(map))?;
    let mut records = BTreeMap::new();
    for i in 0..archive.len() {
        let entry = archive.by_index_raw(i)?;
        let name = entry.name();
        let name = name.split_once('/').map_or(name, |(_, name)| name);
        ensure!(
            entry.compression() == CompressionMethod::Stored && !entry.encrypted(),
            "record {name} is compressed, which torch.save never does"
        );
        let start = entry.data_start();
        let end = start.checked_add(entry.size());
        let end = end.filter(|end| *end <= map.len() as u64);
        let end = end.with_context(|| format!("record {name} reaches past the end of the file"))?;
        let record = Record {
            bytes: start as usize..end as usize,
            crc32: entry.crc32(),
            intact: OnceLock::new(),
        };
        records.insert(name.to_owned(), record);
    }
    Ok(records)
}

/// Checks the number of records that the end of the zip file announces: room is made for them before one is read.
fn check_announced(map: &[u8]) -> Result<()> {
    // The directory has at least this many bytes per record.
    const ENTRY: u64 = 46;
    let Some(announced) = announced(map) else {
        return Ok(()); // no end at all: the reader of zip files says so
    };
    ensure!(
        announced <= MAX_RECORDS && announced * ENTRY <= map.len() as u64,
        "{announced} records announced in {} bytes, expected at most {MAX_RECORDS}: not a file of torch.save",
        map.len()
    );
    Ok(())
}

/// The number of records that the last end record of the zip file gives, in its 64-bit form where it has one.
fn announced(map: &[u8]) -> Option<u64> {
    const END: &[u8] = b"PK\x05\x06";
    const LOCATOR: &[u8] = b"PK\x06\x07";
    const END64: &[u8] = b"PK\x06\x06";
    // Behind it comes a comment of at most 64 KiB.
    let tail = map.len().saturating_sub((1 << 16) + 22);
    let end = tail + map[tail..].windows(END.len()).rposition(|at| at == END)?;
    let bytes = |from: usize, len: usize| map.get(from..from.checked_add(len)?);
    let short = u16::from_le_bytes(bytes(end + 10, 2)?.try_into().ok()?);
    let long = || -> Option<u64> {
        let locator = end.checked_sub(20)?;
        if bytes(locator, 4)? != LOCATOR {
            return None;
        }
        let at =
            usize::try_from(u64::from_le_bytes(bytes(locator + 8, 8)?.try_into().ok()?)).ok()?;
        if bytes(at, 4)? != END64 {
            return None;
        }
        let count = bytes(at.checked_add(32)?, 8)?.try_into().ok()?;
        Some(u64::from_le_bytes(count))
    };
    Some(long().unwrap_or(short.into()))
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write};

    use proptest::prelude::*;

    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/fixtures/tiny")
            .join(name)
    }

    #[test]
    fn tiny_checkpoint_has_the_official_names_and_shapes() {
        let llm = Checkpoint::open(&fixture("llm.pt")).unwrap();
        assert_eq!(llm.shape("llm_decoder.weight").unwrap(), [6761, 64]);
        let flow = Checkpoint::open(&fixture("flow.pt")).unwrap();
        assert_eq!(flow.shape("input_embedding.weight").unwrap(), [6561, 80]);
        let hift = Checkpoint::open(&fixture("hift.pt")).unwrap();
        let tensor = hift.tensor_of("m_source.l_linear.weight", &[1, 9]).unwrap();
        let values = tensor.to_f32().unwrap();
        assert!(values.iter().all(|v| v.is_finite() && *v != 0.0));
        assert!(matches!(values, Cow::Borrowed(_)));
    }

    #[test]
    fn missing_and_misshapen_tensors_are_named() {
        let llm = Checkpoint::open(&fixture("llm.pt")).unwrap();
        let missing = llm.tensor("llm.nothing").err().unwrap().to_string();
        assert!(missing.contains("llm.nothing"), "{missing}");
        let wrong = llm.tensor_of("llm_decoder.weight", &[6761, 896]);
        let wrong = wrong.err().unwrap().to_string();
        assert!(
            wrong.contains("[6761, 64]") && wrong.contains("[6761, 896]"),
            "{wrong}"
        );
    }

    fn read_everything(bytes: &[u8]) -> Result<()> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(bytes)?;
        let checkpoint = Checkpoint::open(file.path())?;
        for name in checkpoint.names() {
            checkpoint.tensor(name)?.to_f32()?;
        }
        Ok(())
    }

    #[test]
    fn a_zip_file_that_announces_more_than_it_can_hold_is_refused_before_room_is_made() {
        let mut bytes = std::fs::read(fixture("hift.pt")).unwrap();
        let whole = announced(&bytes).unwrap();
        assert!((10..MAX_RECORDS).contains(&whole), "{whole}");
        let find = |bytes: &[u8], what: &[u8]| {
            let mut at = bytes.windows(what.len());
            at.rposition(|window| window == what)
        };
        // In the 64-bit form where PyTorch wrote one, else in the short one.
        match find(&bytes, b"PK\x06\x06") {
            Some(end) => bytes[end + 32..end + 40].copy_from_slice(&(1_u64 << 40).to_le_bytes()),
            None => {
                let end = find(&bytes, b"PK\x05\x06").unwrap();
                bytes[end + 10..end + 12].copy_from_slice(&0xfffe_u16.to_le_bytes());
            }
        }
        let error = format!("{:#}", read_everything(&bytes).unwrap_err());
        assert!(error.contains("records announced"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn flipped_bits_never_panic(flips in prop::collection::vec((0.0..1.0_f64, 0..8_u8), 1..8)) {
            let mut bytes = std::fs::read(fixture("hift.pt")).unwrap();
            for (place, bit) in flips {
                let at = (place * bytes.len() as f64) as usize;
                bytes[at] ^= 1 << bit;
            }
            let _ = read_everything(&bytes);
        }

        #[test]
        fn a_truncated_file_is_an_error(place in 0.0..1.0_f64) {
            let bytes = std::fs::read(fixture("hift.pt")).unwrap();
            let len = (place * bytes.len() as f64) as usize;
            prop_assert!(read_everything(&bytes[..len]).is_err());
        }

        #[test]
        fn no_pickle_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0..9000_usize) {
            let _ = Pickle::read(&bytes);
            let mut archive = ZipArchive::new(File::open(fixture("flow.pt")).unwrap()).unwrap();
            let mut genuine = Vec::new();
            std::io::copy(&mut archive.by_index(0).unwrap(), &mut genuine).unwrap();
            genuine.truncate(cut);
            genuine.append(&mut bytes);
            let _ = Pickle::read(&genuine);
        }
    }
}
