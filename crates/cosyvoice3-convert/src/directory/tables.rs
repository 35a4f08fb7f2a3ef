//! Writing safetensors files tensor by tensor.

use std::{borrow::Cow, collections::HashMap, io::Write};

use anyhow::Result;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use crate::weights::WeightType;

/// One tensor of a safetensors file: what it is, and where its numbers come from when it is written.
pub struct Table<'a> {
    /// Name in the file.
    pub name: String,
    /// Lengths, outermost first.
    pub shape: Vec<usize>,
    /// Element type.
    pub weight_type: WeightType,
    /// Reads the numbers.
    pub values: Box<dyn Fn() -> Result<Cow<'a, [f32]>> + 'a>,
}

impl Table<'_> {
    fn size(&self) -> usize {
        self.shape.iter().product::<usize>() * self.weight_type.size()
    }
}

/// Bytes of all tensors, without the header.
pub fn size(tables: &[Table<'_>]) -> u64 {
    tables.iter().map(|table| table.size() as u64).sum()
}

/// Writes `tables`; at any time no more than one is in memory.
pub fn write(tables: &[Table<'_>], out: &mut dyn Write) -> Result<()> {
    let mut offset = 0;
    let mut infos = Vec::new();
    for table in tables {
        let end = offset + table.size();
        let info = TensorInfo {
            dtype: match table.weight_type {
                WeightType::F32 => Dtype::F32,
                WeightType::F16 => Dtype::F16,
            },
            shape: table.shape.clone(),
            data_offsets: (offset, end),
        };
        infos.push((table.name.clone(), info));
        offset = end;
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let mut header = serde_json::to_vec(&Metadata::new(Some(metadata), infos)?)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    for table in tables {
        table.weight_type.write(&(table.values)()?, out)?;
    }
    Ok(())
}
