//! Small ONNX models, written as protocol buffers by hand: something to execute in tests.

/// An input or output of a model: name, element type (a number of `TensorProto.DataType`) and shape, in which 0 is an axis of
/// any length.
#[derive(Debug, Clone, Copy)]
pub struct Tensor<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its element type: [`FLOAT`], [`INT32`] or another number of ONNX.
    pub element: u64,
    /// Its shape.
    pub shape: &'a [u64],
}

/// Element type `f32`.
pub const FLOAT: u64 = 1;
/// Element type `i32`.
pub const INT32: u64 = 6;

/// An operation: its ONNX operator, the names of what it takes and the name of what it gives.
pub type Node<'a> = (&'a str, &'a [&'a str], &'a str);

/// A constant of a model: its name and its values, a list of `i64`.
pub type Constant<'a> = (&'a str, &'a [i64]);

/// The bytes of a model file.
///
/// ```
/// use axcl_rt::onnx::{FLOAT, Tensor, model};
/// let tensor = |name| Tensor { name, element: FLOAT, shape: &[2, 3] };
/// let bytes = model(&[tensor("a"), tensor("b")], &[tensor("c")], &[("Add", &["a", "b"], "c")]);
/// assert!(bytes.len() > 50);
/// ```
pub fn model(inputs: &[Tensor], outputs: &[Tensor], nodes: &[Node]) -> Vec<u8> {
    model_with_constants(inputs, outputs, nodes, &[])
}

/// The bytes of a model file whose nodes also take `constants`.
pub fn model_with_constants(
    inputs: &[Tensor],
    outputs: &[Tensor],
    nodes: &[Node],
    constants: &[Constant],
) -> Vec<u8> {
    let mut graph = Vec::new();
    for (operator, takes, gives) in nodes {
        let mut node = Vec::new();
        takes
            .iter()
            .for_each(|name| bytes(&mut node, 1, name.as_bytes()));
        bytes(&mut node, 2, gives.as_bytes());
        bytes(&mut node, 4, operator.as_bytes());
        bytes(&mut graph, 1, &node);
    }
    bytes(&mut graph, 2, b"test");
    constants
        .iter()
        .for_each(|constant| bytes(&mut graph, 5, &initializer(constant)));
    inputs
        .iter()
        .for_each(|tensor| bytes(&mut graph, 11, &value_info(tensor)));
    outputs
        .iter()
        .for_each(|tensor| bytes(&mut graph, 12, &value_info(tensor)));

    let mut opset = Vec::new();
    number(&mut opset, 2, 17);
    let mut model = Vec::new();
    number(&mut model, 1, 8);
    bytes(&mut model, 7, &graph);
    bytes(&mut model, 8, &opset);
    model
}

/// A model of two inputs `x` and `mu` and one output `y` = `x` + `mu`, all `f32` of shape [2, 3].
pub fn sum_model() -> Vec<u8> {
    let tensor = |name| Tensor {
        name,
        element: FLOAT,
        shape: &[2, 3],
    };
    model(
        &[tensor("x"), tensor("mu")],
        &[tensor("y")],
        &[("Add", &["x", "mu"], "y")],
    )
}

fn initializer((name, values): &Constant) -> Vec<u8> {
    const INT64: u64 = 7;
    let mut tensor = Vec::new();
    number(&mut tensor, 1, values.len() as u64);
    number(&mut tensor, 2, INT64);
    bytes(&mut tensor, 8, name.as_bytes());
    let values: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    bytes(&mut tensor, 9, &values);
    tensor
}

fn value_info(tensor: &Tensor) -> Vec<u8> {
    let mut shape = Vec::new();
    for length in tensor.shape {
        let mut dimension = Vec::new();
        match *length {
            // Axes without a length need a name.
            0 => bytes(&mut dimension, 2, tensor.name.as_bytes()),
            length => number(&mut dimension, 1, length),
        }
        bytes(&mut shape, 1, &dimension);
    }
    let mut tensor_type = Vec::new();
    number(&mut tensor_type, 1, tensor.element);
    bytes(&mut tensor_type, 2, &shape);
    let mut value_type = Vec::new();
    bytes(&mut value_type, 1, &tensor_type);
    let mut info = Vec::new();
    bytes(&mut info, 1, tensor.name.as_bytes());
    bytes(&mut info, 2, &value_type);
    info
}

fn number(message: &mut Vec<u8>, field: u64, value: u64) {
    varint(message, field << 3);
    varint(message, value);
}

fn bytes(message: &mut Vec<u8>, field: u64, content: &[u8]) {
    varint(message, field << 3 | 2);
    varint(message, content.len() as u64);
    message.extend_from_slice(content);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}
