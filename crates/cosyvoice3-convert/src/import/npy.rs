//! Reading `.npy` files: large tables of floats, and small arrays.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use cosyvoice3::regular_file;
use half::f16;
use memmap2::Mmap;

/// Longest header; NumPy itself reads no more than 10,000 bytes of others.
const MAX_HEADER: u32 = 10_000;
const MAGIC: &[u8] = b"\x93NUMPY";

/// A table of floats, memory-mapped.
pub struct Npy {
    path: PathBuf,
    map: Mmap,
    element: Element,
    shape: [usize; 2],
    start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    F16,
    F32,
    F64,
}

impl Element {
    fn size(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

impl Npy {
    /// Opens `path`, a table of f16, f32 or f64 in rows.
    ///
    /// # Errors
    /// The file cannot be read, is no such table, or is shorter or longer than its header says.
    pub fn open(path: &Path) -> Result<Self> {
        let at = || path.display().to_string();
        let file = regular_file::open(path)?;
        ensure!(
            file.metadata().with_context(at)?.len() > 0,
            "{}: the file is empty: copy it again",
            path.display()
        );
        // SAFETY: the map is only read. A program that shortens it meanwhile ends us by SIGBUS, which leaves the target
        // directory as unfinished as any other interruption does.
        let map = unsafe { Mmap::map(&file) }.with_context(at)?;
        let (element, shape, start) = table(&map).with_context(at)?;
        let expected = shape
            .iter()
            .try_fold(element.size(), |bytes, axis| bytes.checked_mul(*axis))
            .and_then(|bytes| bytes.checked_add(start));
        ensure!(
            expected == Some(map.len()),
            "{}: {} bytes long, but a table of {shape:?} takes {}: copy it again",
            path.display(),
            map.len(),
            expected.unwrap_or(usize::MAX)
        );
        Ok(Self {
            path: path.into(),
            map,
            element,
            shape,
            start,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Rows and columns.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// All values, row after row.
    ///
    /// # Errors
    /// One of them is not finite.
    pub fn values(&self) -> Result<Cow<'_, [f32]>> {
        let bytes = &self.map[self.start..];
        let values = match self.element {
            Element::F32 => match bytemuck::try_cast_slice(bytes) {
                Ok(values) => Cow::Borrowed(values),
                Err(_) => Cow::Owned(each(bytes, f32::from_le_bytes)),
            },
            Element::F16 => Cow::Owned(each(bytes, |b| f16::from_le_bytes(b).to_f32())),
            Element::F64 => Cow::Owned(each(bytes, |b| f64::from_le_bytes(b) as f32)),
        };
        ensure!(
            values.iter().all(|value| value.is_finite()),
            "{} contains values that are not finite",
            self.path.display()
        );
        Ok(values)
    }
}

fn each<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (words, _) = bytes.as_chunks::<N>();
    words.iter().map(|word| value(*word)).collect()
}

/// Header of an array: the NumPy name of its element type, its lengths, and the place of its first value.
struct Header<'t> {
    descr: &'t str,
    shape: Vec<usize>,
    start: usize,
}

/// Element type, shape, and place of the first value of a table of floats.
fn table(bytes: &[u8]) -> Result<(Element, [usize; 2], usize)> {
    let Header {
        descr,
        shape,
        start,
    } = header(bytes)?;
    let element = match descr {
        "<f2" => Element::F16,
        "<f4" => Element::F32,
        "<f8" => Element::F64,
        other => bail!("elements of type {other}, expected <f2, <f4 or <f8"),
    };
    let shape = <[usize; 2]>::try_from(shape);
    let shape = shape.map_err(|axes| anyhow!("shape {axes:?}, expected rows and columns"))?;
    Ok((element, shape, start))
}

fn header(bytes: &[u8]) -> Result<Header<'_>> {
    ensure!(
        bytes.starts_with(MAGIC) && bytes.len() > 12,
        "damaged, or not a .npy file"
    );
    // Version 1 has a length of two bytes, later ones of four.
    let (from, length) = match bytes[6] {
        1 => (10, u32::from(u16::from_le_bytes([bytes[8], bytes[9]]))),
        2 | 3 => (
            12,
            u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
        ),
        version => bail!("version {version} of .npy, expected 1 to 3"),
    };
    ensure!(
        length <= MAX_HEADER,
        "a header of {length} bytes, expected at most {MAX_HEADER}"
    );
    let start = from + length as usize;
    let text = bytes.get(from..start).context("truncated in its header")?;
    let text = std::str::from_utf8(text).context("damaged header")?;
    let descr = entry(text, "descr")?.trim_matches(['\'', '"']);
    ensure!(
        entry(text, "fortran_order")? == "False",
        "stored by columns: save numpy.ascontiguousarray of it"
    );
    let (_, shape) = text.split_once("'shape':").context("no shape")?;
    let shape = shape.trim_start().strip_prefix('(');
    let (shape, _) = shape.and_then(|s| s.split_once(')')).context("no shape")?;
    let axes = shape
        .split(',')
        .map(str::trim)
        .filter(|axis| !axis.is_empty());
    let shape = axes.map(str::parse).collect::<Result<_, _>>()?;
    Ok(Header {
        descr,
        shape,
        start,
    })
}

/// An array of any shape, in memory.
pub struct Array {
    values: Values,
}

enum Values {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
    Text(String),
}

impl Array {
    /// Reads an array of floats, integers or one text.
    ///
    /// # Errors
    /// The bytes are no such array, or fewer or more than its header says.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let Header {
            descr,
            shape,
            start,
        } = header(bytes)?;
        let data = &bytes[start..];
        let size = match descr.strip_prefix("<U") {
            Some(characters) => characters.parse::<usize>()?.checked_mul(4),
            None => descr.get(2..).map(str::parse).transpose()?,
        };
        let expected = size.and_then(|size| {
            shape
                .iter()
                .try_fold(size, |bytes, axis| bytes.checked_mul(*axis))
        });
        ensure!(
            expected == Some(data.len()),
            "{} bytes of values, but {shape:?} of type {descr} take {}: copy it again",
            data.len(),
            expected.map_or("more".into(), |bytes| bytes.to_string())
        );
        let values = match descr {
            "<f2" => Values::Floats(each(data, |b| f16::from_le_bytes(b).to_f32())),
            "<f4" => Values::Floats(each(data, f32::from_le_bytes)),
            "<f8" => Values::Floats(each(data, |b| f64::from_le_bytes(b) as f32)),
            "<i2" => Values::Integers(each(data, |b| i16::from_le_bytes(b).into())),
            "<i4" => Values::Integers(each(data, |b| i32::from_le_bytes(b).into())),
            "<i8" => Values::Integers(each(data, i64::from_le_bytes)),
            "<u2" => Values::Integers(each(data, |b| u16::from_le_bytes(b).into())),
            "<u4" => Values::Integers(each(data, |b| u32::from_le_bytes(b).into())),
            text if text.starts_with("<U") && shape.iter().product::<usize>() == 1 => {
                let characters = each(data, u32::from_le_bytes);
                let characters = characters.into_iter().take_while(|c| *c != 0);
                let text = characters.map(char::from_u32).collect::<Option<_>>();
                Values::Text(text.context("damaged: it holds no text")?)
            }
            other => bail!("elements of type {other}, expected floats, integers or one text"),
        };
        Ok(Self { values })
    }

    /// The values as floats, in their order in memory.
    pub fn to_floats(&self) -> Result<Vec<f32>> {
        match &self.values {
            Values::Floats(values) => Ok(values.clone()),
            _ => bail!("expected floats"),
        }
    }

    /// The values as ids, in their order in memory.
    pub fn to_ids(&self) -> Result<Vec<u32>> {
        let Values::Integers(values) = &self.values else {
            bail!("expected integers");
        };
        let ids = values.iter().map(|value| u32::try_from(*value));
        ids.collect::<Result<_, _>>()
            .context("it holds a number that is no id")
    }

    /// The text.
    pub fn to_text(&self) -> Result<String> {
        match &self.values {
            Values::Text(text) => Ok(text.clone()),
            _ => bail!("expected a text"),
        }
    }
}

/// The value of `key` in the dictionary `text`, up to the next comma.
fn entry<'t>(text: &'t str, key: &str) -> Result<&'t str> {
    let (_, rest) = text
        .split_once(&format!("'{key}':"))
        .with_context(|| format!("no {key} in its header"))?;
    Ok(rest.split([',', '}']).next().unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use half::f16;
    use ndarray::{Array2, array};
    use ndarray_npy::WriteNpyExt;

    use super::*;

    fn open(bytes: &[u8]) -> Result<Npy> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table.npy");
        std::fs::write(&path, bytes).unwrap();
        Npy::open(&path)
    }

    fn table() -> Array2<f32> {
        array![[1.0, -2.5, 0.125], [4.0, 0.0, -0.5]]
    }

    fn bytes<T: ndarray_npy::WritableElement>(table: &Array2<T>) -> Vec<u8> {
        let mut bytes = Vec::new();
        table.write_npy(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn every_width_of_float_is_read() {
        let single = bytes(&table());
        let half: Vec<u8> = table()
            .iter()
            .flat_map(|v| f16::from_f32(*v).to_le_bytes())
            .collect();
        let header = single.len() - 24;
        let mut as_half = single[..header].to_vec();
        let descr = as_half.windows(3).position(|w| w == b"<f4").unwrap();
        as_half[descr + 2] = b'2';
        as_half.extend(half);
        for bytes in [single, bytes(&table().mapv(f64::from)), as_half] {
            let npy = open(&bytes).unwrap();
            assert_eq!(npy.shape(), [2, 3]);
            assert_eq!(*npy.values().unwrap(), table().into_raw_vec_and_offset().0);
        }
    }

    #[test]
    fn what_is_no_table_of_floats_is_told_by_name() {
        let whole = bytes(&table());
        let mut not_finite = whole.clone();
        let end = whole.len();
        not_finite[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        let cases = [
            (Vec::new(), "empty"),
            (b"nothing of the kind".to_vec(), "not a .npy file"),
            (whole[..20].to_vec(), "header"),
            (whole[..end - 1].to_vec(), "copy it again"),
            ([whole, vec![0]].concat(), "copy it again"),
            (bytes(&table().reversed_axes()), "by columns"),
            (bytes(&array![[1_i32]]), "<i4"),
            (not_finite, "not finite"),
        ];
        for (bytes, expected) in cases {
            let error = open(&bytes).and_then(|npy| npy.values().map(drop));
            let error = format!("{:#}", error.unwrap_err());
            assert!(
                error.contains("table.npy") && error.contains(expected),
                "{error}"
            );
        }
    }
}
