//! A finished model and its writing to a file.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use half::f16;
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len},
};

use super::proto::{
    DataLocation, ElementType, GRAPH_INITIALIZER, GraphProto, MICROSOFT, MODEL_GRAPH, ModelProto,
    OperatorSetId, StringStringEntry, TENSOR_RAW_DATA, TensorProto,
};

/// ONNX IR version that goes with [`OPSET`].
const IR_VERSION: i64 = 8;
/// Version of the standard operators we write.
const OPSET: i64 = 17;
/// Longest message that protobuf readers accept.
const PROTOBUF_LIMIT: usize = i32::MAX as usize;
/// Smallest initializer that goes to the data file: a mapping of its own costs more than a copy of less.
const EXTERNAL_FROM: usize = 16 << 10;
/// Each tensor of the data file begins on a page of its own, so that it can be mapped.
const PAGE: usize = 4096;

/// Values of an initializer.
#[derive(Debug, Clone, PartialEq)]
pub enum Tensor {
    /// f32
    F32(Vec<f32>),
    /// IEEE half precision
    F16(Vec<f16>),
    /// i8
    I8(Vec<i8>),
    /// i64
    I64(Vec<i64>),
}

impl Tensor {
    /// The element type.
    pub fn element(&self) -> ElementType {
        match self {
            Self::F32(_) => ElementType::Float,
            Self::F16(_) => ElementType::Float16,
            Self::I8(_) => ElementType::Int8,
            Self::I64(_) => ElementType::Int64,
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::F32(values) => bytemuck::cast_slice(values),
            Self::F16(values) => bytemuck::cast_slice(values),
            Self::I8(values) => bytemuck::cast_slice(values),
            Self::I64(values) => bytemuck::cast_slice(values),
        }
    }
}

/// Source of an initializer's values.
pub(super) enum Source<'w> {
    Here(Tensor),
    Later(Box<dyn Fn() -> Result<Tensor> + 'w>),
}

/// A constant or weight of the graph.
pub(super) struct Initializer<'w> {
    pub name: String,
    pub shape: Vec<usize>,
    pub element: ElementType,
    pub source: Source<'w>,
}

impl Initializer<'_> {
    fn header(&self) -> TensorProto {
        TensorProto {
            dims: self.shape.iter().map(|d| *d as i64).collect(),
            data_type: self.element as i32,
            name: self.name.clone(),
            ..Default::default()
        }
    }

    /// The header of one whose values begin at `offset` of the file `data`.
    fn header_in(&self, data: &str, offset: usize) -> TensorProto {
        let entries = [
            ("location", data.to_owned()),
            ("offset", offset.to_string()),
            ("length", self.data_len().to_string()),
        ];
        let entries = entries.into_iter().map(|(key, value)| StringStringEntry {
            key: key.into(),
            value,
        });
        TensorProto {
            external_data: entries.collect(),
            data_location: Some(DataLocation::External as i32),
            ..self.header()
        }
    }

    fn data_len(&self) -> usize {
        let size = match self.element {
            ElementType::Float | ElementType::Int32 => 4,
            ElementType::Float16 => 2,
            ElementType::Int64 => 8,
            ElementType::Int8 | ElementType::Bool | ElementType::Undefined => 1,
        };
        self.shape.iter().product::<usize>() * size
    }

    fn encoded_len(&self) -> usize {
        self.header().encoded_len() + field_len(TENSOR_RAW_DATA, self.data_len())
    }

    fn write(&self, out: &mut impl Write) -> Result<()> {
        let mut head = Vec::new();
        open_field(GRAPH_INITIALIZER, self.encoded_len(), &mut head);
        self.header().encode(&mut head)?;
        open_field(TENSOR_RAW_DATA, self.data_len(), &mut head);
        out.write_all(&head)?;
        self.write_values(out)
    }

    fn write_values(&self, out: &mut impl Write) -> Result<()> {
        match &self.source {
            Source::Here(tensor) => self.write_data(tensor, out),
            Source::Later(read) => self.write_data(&read()?, out),
        }
    }

    fn write_data(&self, tensor: &Tensor, out: &mut impl Write) -> Result<()> {
        let bytes = tensor.bytes();
        ensure!(
            tensor.element() == self.element && bytes.len() == self.data_len(),
            "{}: the checkpoint holds {} bytes where a tensor of shape {:?} was expected",
            self.name,
            bytes.len(),
            self.shape
        );
        Ok(out.write_all(bytes)?)
    }
}

/// A model that is complete but for its weights, which are read from the checkpoint one by one while it is written.
pub struct Model<'w> {
    graph: GraphProto,
    initializers: Vec<Initializer<'w>>,
}

impl<'w> Model<'w> {
    pub(super) fn new(graph: GraphProto, initializers: Vec<Initializer<'w>>) -> Self {
        Self {
            graph,
            initializers,
        }
    }

    /// Bytes of the file that [`write_to`](Self::write_to) makes.
    pub fn encoded_len(&self) -> usize {
        self.header().encoded_len() + field_len(MODEL_GRAPH, self.graph_len())
    }

    /// Writes the model to `path`, replacing a file that is there. At any time no more than one weight is in memory.
    pub fn write_to(&self, path: &Path) -> Result<()> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        self.write(&mut out)
            .and_then(|()| Ok(out.flush()?))
            .with_context(|| path.display().to_string())
    }

    /// Writes the model.
    pub fn write(&self, out: &mut impl Write) -> Result<()> {
        ensure!(
            self.encoded_len() <= PROTOBUF_LIMIT,
            "{} would take {} bytes, more than the 2 GiB of an ONNX file: store its weights as f16",
            self.graph.name,
            self.encoded_len()
        );
        let mut head = Vec::new();
        self.header().encode(&mut head)?;
        open_field(MODEL_GRAPH, self.graph_len(), &mut head);
        self.graph.encode(&mut head)?;
        out.write_all(&head)?;
        self.initializers
            .iter()
            .try_for_each(|initializer| initializer.write(out))
    }

    /// Initializers that go to the data file, each with its offset there.
    fn external(&self) -> impl Iterator<Item = (&Initializer<'w>, usize)> {
        let large = self.initializers.iter();
        let large = large.filter(|initializer| initializer.data_len() >= EXTERNAL_FROM);
        large.scan(0, |end, initializer| {
            let offset = usize::next_multiple_of(*end, PAGE);
            *end = offset + initializer.data_len();
            Some((initializer, offset))
        })
    }

    /// Bytes of the file that [`write_data`](Self::write_data) makes.
    pub fn data_len(&self) -> usize {
        let last = self.external().last();
        last.map_or(0, |(initializer, offset)| offset + initializer.data_len())
    }

    /// Writes the model without its large weights, which are to lie in the file `data` beside it. ONNX Runtime maps them
    /// from there, so that they take no memory that cannot be given back.
    pub fn write_without_data(&self, data: &str, out: &mut impl Write) -> Result<()> {
        let mut graph = self.graph.encode_to_vec();
        for (initializer, offset) in self.external() {
            let header = initializer.header_in(data, offset);
            open_field(GRAPH_INITIALIZER, header.encoded_len(), &mut graph);
            header.encode(&mut graph)?;
        }
        for initializer in &self.initializers {
            if initializer.data_len() < EXTERNAL_FROM {
                initializer.write(&mut graph)?;
            }
        }
        let mut head = self.header().encode_to_vec();
        open_field(MODEL_GRAPH, graph.len(), &mut head);
        out.write_all(&head)?;
        Ok(out.write_all(&graph)?)
    }

    /// Writes the large weights; at any time no more than one is in memory.
    pub fn write_data(&self, out: &mut impl Write) -> Result<()> {
        let mut end = 0;
        for (initializer, offset) in self.external() {
            out.write_all(&vec![0; offset - end])?;
            initializer.write_values(out)?;
            end = offset + initializer.data_len();
        }
        Ok(())
    }

    fn header(&self) -> ModelProto {
        let mut opset_import = vec![opset("", OPSET)];
        if self.graph.node.iter().any(|node| node.domain == MICROSOFT) {
            opset_import.push(opset(MICROSOFT, 1));
        }
        ModelProto {
            ir_version: IR_VERSION,
            producer_name: env!("CARGO_PKG_NAME").into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            opset_import,
        }
    }

    fn graph_len(&self) -> usize {
        let initializers = self.initializers.iter();
        self.graph.encoded_len()
            + initializers
                .map(|i| field_len(GRAPH_INITIALIZER, i.encoded_len()))
                .sum::<usize>()
    }
}

fn opset(domain: &str, version: i64) -> OperatorSetId {
    OperatorSetId {
        domain: domain.into(),
        version,
    }
}

fn field_len(tag: u32, len: usize) -> usize {
    key_len(tag) + encoded_len_varint(len as u64) + len
}

fn open_field(tag: u32, len: usize, out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(len as u64, out);
}
