//! A model's description of its inputs and outputs.

use crate::{
    Error, Result,
    api::{Api, Side},
    sys::Handle,
};

/// More inputs, outputs or shape groups than this is no model but a misread error.
const MAX_TENSORS: u32 = 64;

/// Type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DataType {
    /// 4-bit signed integer.
    Int4,
    /// 4-bit unsigned integer.
    Uint4,
    /// 8-bit signed integer.
    Int8,
    /// 8-bit unsigned integer.
    Uint8,
    /// 16-bit signed integer.
    Int16,
    /// 16-bit unsigned integer.
    Uint16,
    /// 32-bit signed integer.
    Int32,
    /// 32-bit unsigned integer.
    Uint32,
    /// 64-bit signed integer.
    Int64,
    /// 64-bit unsigned integer.
    Uint64,
    /// 4-bit floating point number.
    Fp4,
    /// 8-bit floating point number.
    Fp8,
    /// 16-bit floating point number (IEEE half precision).
    Fp16,
    /// 16-bit floating point number (bfloat16).
    Bf16,
    /// 32-bit floating point number.
    Fp32,
    /// 64-bit floating point number.
    Fp64,
    /// A number that this crate does not know.
    Other(i32),
}

impl DataType {
    fn from_raw(value: i32) -> Option<Self> {
        Some(match value {
            0 => return None,
            1 => Self::Int4,
            2 => Self::Uint4,
            3 => Self::Int8,
            4 => Self::Uint8,
            5 => Self::Int16,
            6 => Self::Uint16,
            7 => Self::Int32,
            8 => Self::Uint32,
            9 => Self::Int64,
            10 => Self::Uint64,
            11 => Self::Fp4,
            12 => Self::Fp8,
            13 => Self::Fp16,
            14 => Self::Bf16,
            15 => Self::Fp32,
            16 => Self::Fp64,
            other => Self::Other(other),
        })
    }
}

/// Order of a tensor's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// Channels last.
    Nhwc,
    /// Channels first.
    Nchw,
    /// A number that this crate does not know.
    Other(i32),
}

impl Layout {
    fn from_raw(value: i32) -> Option<Self> {
        Some(match value {
            0 => return None,
            1 => Self::Nhwc,
            2 => Self::Nchw,
            other => Self::Other(other),
        })
    }
}

/// One input or output of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Length along each axis, outermost first; elements lie in row-major order.
    pub shape: Vec<usize>,
    /// Type of its elements; `None` if the library or the model does not report it.
    pub data_type: Option<DataType>,
    /// Order of its axes; `None` if the library or the model does not report it.
    pub layout: Option<Layout>,
    /// Bytes of its buffer.
    pub size: usize,
}

/// Inputs and outputs of a model for one group of shapes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signature {
    /// The model's inputs.
    pub inputs: Vec<Tensor>,
    /// The model's outputs.
    pub outputs: Vec<Tensor>,
}

/// Reads the signatures of all shape groups.
pub(crate) fn read(api: &Api, info: Handle) -> Result<Vec<Signature>> {
    let groups = api.shape_groups(info)?;
    let groups = u32::try_from(groups)
        .ok()
        .filter(|n| (1..=MAX_TENSORS).contains(n));
    let groups = groups.ok_or_else(|| Error::Description("its number of shape groups".into()))?;
    (0..groups)
        .map(|group| {
            Ok(Signature {
                inputs: tensors(api, info, Side::Input, group)?,
                outputs: tensors(api, info, Side::Output, group)?,
            })
        })
        .collect()
}

fn tensors(api: &Api, info: Handle, side: Side, group: u32) -> Result<Vec<Tensor>> {
    let number = api.tensors(info, side)?;
    if number > MAX_TENSORS {
        return Err(Error::Description(format!("{number} {}s", side.name())));
    }
    (0..number)
        .map(|index| tensor(api, info, side, group, index))
        .collect()
}

fn tensor(api: &Api, info: Handle, side: Side, group: u32, index: u32) -> Result<Tensor> {
    let unusable =
        |what: &str| Error::Description(format!("the {what} of {} {index}", side.name()));
    let name = api
        .tensor_name(info, side, index)
        .ok_or_else(|| unusable("name"))?;
    let dims = api.tensor_dims(info, side, group, index)?.into_iter();
    let shape = dims.map(usize::try_from).collect::<Result<_, _>>();
    let size = usize::try_from(api.tensor_size(info, side, group, index)?);
    Ok(Tensor {
        name,
        shape: shape.map_err(|_| unusable("shape"))?,
        data_type: optional(api.tensor_data_type(info, side, index))?.and_then(DataType::from_raw),
        layout: optional(api.tensor_layout(info, side, index))?.and_then(Layout::from_raw),
        size: size.map_err(|_| unusable("size"))?,
    })
}

/// `None` if the library lacks the function.
fn optional(value: Result<i32>) -> Result<Option<i32>> {
    match value {
        Ok(value) => Ok(Some(value)),
        Err(Error::MissingFunction { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
