//! A model: the description of its inputs and outputs, and ONNX Runtime to execute it.

use std::{ffi::CString, path::Path, sync::Mutex};

use half::f16;
use ort::{
    session::Session,
    value::{DynValue, Outlet, Tensor, TensorElementType, ValueType},
};

use crate::{control::Settings, onnx_runtime};

/// An element type of the runtime, by its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataType(pub i32);

const FP16: DataType = DataType(13);
const FP32: DataType = DataType(15);

/// One input or output as the runtime describes it.
#[derive(Debug, Clone)]
pub struct Port {
    pub name: CString,
    pub data_type: DataType,
    /// Its shape, as it is reported.
    pub dims: Vec<i32>,
    /// Bytes of its buffer.
    pub size: u64,
    /// Its shape in the ONNX file.
    shape: Vec<i32>,
    element: TensorElementType,
}

/// Source of a model.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A file, which may have its weights in further files beside it.
    File(&'a Path),
    /// The content of a file.
    Bytes(&'a [u8]),
}

impl Source<'_> {
    /// Bytes of the file itself.
    pub fn size(self) -> std::io::Result<u64> {
        match self {
            Self::File(path) => Ok(path.metadata()?.len()),
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// The name that selects settings of a model.
    fn name(self) -> String {
        match self {
            Self::File(path) => path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            Self::Bytes(_) => String::new(),
        }
    }
}

/// A model in memory.
pub struct Model {
    pub name: String,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    /// Device memory that it takes: its file's size.
    pub size: u64,
    session: Mutex<Session>,
}

impl Model {
    /// Reads an ONNX model, with the faults of `settings` built in.
    pub fn load(source: Source, size: u64, settings: &Settings) -> Result<Self, String> {
        let name = source.name();
        let session = session(source, settings.threads).map_err(|error| {
            format!("{name}: {error} (models of axcl-sim are ONNX files, also where their name ends in .axmodel)")
        })?;
        let ports = |outlets: &[Outlet], output| {
            outlets
                .iter()
                .map(|outlet| Port::new(outlet, output, settings))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            inputs: ports(session.inputs(), false)?,
            outputs: ports(session.outputs(), true)?,
            name,
            size,
            session: Mutex::new(session),
        })
    }

    /// Executes the model on the content of its input buffers; returns that of its output buffers.
    pub fn run(&self, inputs: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, String> {
        let values = self
            .inputs
            .iter()
            .zip(inputs)
            .map(|(port, bytes)| port.value(bytes))
            .collect::<Result<Vec<_>, _>>()?;
        let mut session = self.session.lock().unwrap_or_else(|e| e.into_inner());
        let names: Vec<String> = session
            .inputs()
            .iter()
            .map(|input| input.name().into())
            .collect();
        let values: Vec<(String, DynValue)> = names.into_iter().zip(values).collect();
        let results = session.run(values).map_err(|error| error.to_string())?;
        self.outputs
            .iter()
            .zip(results.values())
            .map(|(port, value)| port.bytes(&value))
            .collect()
    }
}

fn session(source: Source, threads: usize) -> Result<Session, String> {
    let environment = onnx_runtime::environment()?;
    let mut builder = Session::builder(&environment)
        .map_err(|error| error.to_string())?
        .with_intra_threads(threads)
        .map_err(|error| error.to_string())?;
    match source {
        Source::File(path) => builder.commit_from_file(path),
        Source::Bytes(bytes) => builder.commit_from_memory(bytes),
    }
    .map_err(|error| error.to_string())
}

/// Calls `$apply!(type)` with the Rust type of `$element`, or evaluates `$otherwise`.
macro_rules! with_element_type {
    ($element:expr, $apply:ident, $otherwise:expr) => {
        match $element {
            TensorElementType::Float32 => $apply!(f32),
            TensorElementType::Float64 => $apply!(f64),
            TensorElementType::Int8 => $apply!(i8),
            TensorElementType::Uint8 => $apply!(u8),
            TensorElementType::Int16 => $apply!(i16),
            TensorElementType::Uint16 => $apply!(u16),
            TensorElementType::Int32 => $apply!(i32),
            TensorElementType::Uint32 => $apply!(u32),
            TensorElementType::Int64 => $apply!(i64),
            TensorElementType::Uint64 => $apply!(u64),
            _ => $otherwise,
        }
    };
}

impl Port {
    fn new(outlet: &Outlet, output: bool, settings: &Settings) -> Result<Self, String> {
        let name = outlet.name();
        let ValueType::Tensor {
            ty: element, shape, ..
        } = outlet.dtype()
        else {
            return Err(format!("`{name}` is not a tensor"));
        };
        let unsupported =
            || format!("`{name}` has the element type {element}, which axcl-sim does not know");
        let mut data_type = data_type(*element).ok_or_else(unsupported)?;
        let dims = shape
            .iter()
            .map(|&n| i32::try_from(n).ok().filter(|n| *n > 0))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| {
                format!("`{name}` has the shape {shape:?}; models of a card have fixed shapes")
            })?;
        let elements: usize = dims.iter().map(|&n| n as usize).product();
        let mut size = element.byte_size(elements).ok_or_else(unsupported)? as u64;
        if output && settings.fp16_outputs && data_type == FP32 {
            data_type = FP16;
            size /= 2;
        }
        let renamed = settings.rename.get(name).map_or(name, String::as_str);
        Ok(Self {
            name: CString::new(renamed).map_err(|error| error.to_string())?,
            data_type,
            dims: settings.reshape.get(name).unwrap_or(&dims).clone(),
            shape: dims,
            size: settings.resize.get(name).copied().unwrap_or(size),
            element: *element,
        })
    }

    fn elements(&self) -> usize {
        self.shape.iter().map(|&n| n as usize).product()
    }

    /// The tensor that `bytes` hold, with zeros where a fault made the buffer too small.
    fn value(&self, bytes: &[u8]) -> Result<DynValue, String> {
        let mut bytes = bytes.to_vec();
        bytes.resize(self.element.byte_size(self.elements()).unwrap_or(0), 0);
        macro_rules! tensor {
            ($type:ty) => {{
                let data = elements::<$type>(&bytes);
                Tensor::from_array((self.shape.clone(), data)).map(|tensor| tensor.into_dyn())
            }};
        }
        with_element_type!(
            self.element,
            tensor,
            return Err("unsupported element type".into())
        )
        .map_err(|error| error.to_string())
    }

    /// Content of this output's buffer when the model gave `value`.
    fn bytes(&self, value: &DynValue) -> Result<Vec<u8>, String> {
        macro_rules! content {
            ($type:ty) => {
                value
                    .try_extract_tensor::<$type>()
                    .map(|(_, data)| bytemuck::cast_slice::<$type, u8>(data).to_vec())
            };
        }
        let mut bytes = with_element_type!(
            self.element,
            content,
            return Err("unsupported element type".into())
        )
        .map_err(|error| error.to_string())?;
        if self.data_type == FP16 {
            let values = elements::<f32>(&bytes).into_iter();
            bytes = values
                .flat_map(|v| f16::from_f32(v).to_le_bytes())
                .collect();
        }
        bytes.resize(self.size as usize, 0);
        Ok(bytes)
    }
}

fn data_type(element: TensorElementType) -> Option<DataType> {
    Some(DataType(match element {
        TensorElementType::Int8 => 3,
        TensorElementType::Uint8 => 4,
        TensorElementType::Int16 => 5,
        TensorElementType::Uint16 => 6,
        TensorElementType::Int32 => 7,
        TensorElementType::Uint32 => 8,
        TensorElementType::Int64 => 9,
        TensorElementType::Uint64 => 10,
        TensorElementType::Float32 => FP32.0,
        TensorElementType::Float64 => 16,
        _ => return None,
    }))
}

/// The elements that `bytes`, of any alignment, hold.
fn elements<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> Vec<T> {
    let elements = bytes.chunks_exact(size_of::<T>());
    elements.map(bytemuck::pod_read_unaligned).collect()
}
