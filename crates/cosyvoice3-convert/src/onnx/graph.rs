//! Building a graph node by node.

use std::collections::HashMap;

use anyhow::Result;
use half::f16;

use super::{
    model::{Initializer, Model, Source, Tensor},
    proto::{
        AttributeProto, AttributeType, Dim, Dimension, ElementType, GraphProto, MICROSOFT,
        NodeProto, TensorShape, TensorType, TypeProto, ValueInfoProto,
    },
};
use crate::weights::WeightType;

/// A tensor that flows through the graph, by name. `Value::none()` stands for an optional input left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value(String);

impl Value {
    /// An optional input that is left out.
    pub fn none() -> Self {
        Self(String::new())
    }
}

/// An attribute that holds one integer.
pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        i: Some(value),
        r#type: AttributeType::Int as i32,
        ..Default::default()
    }
}

/// An attribute that holds integers.
pub fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        ints: values.to_vec(),
        r#type: AttributeType::Ints as i32,
        ..Default::default()
    }
}

/// An attribute that holds a number.
pub fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        f: Some(value),
        r#type: AttributeType::Float as i32,
        ..Default::default()
    }
}

/// An attribute that holds a word.
pub fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        s: Some(value.into()),
        r#type: AttributeType::String as i32,
        ..Default::default()
    }
}

/// A graph under construction. Nodes must be added in an order in which each one's inputs exist.
///
/// Names are `scope/Operator` with a number where they repeat, so that a profile reads like the network.
pub struct Graph<'w> {
    proto: GraphProto,
    initializers: Vec<Initializer<'w>>,
    weight_type: WeightType,
    scope: Vec<String>,
    names: HashMap<String, usize>,
    constants: HashMap<String, Value>,
}

impl<'w> Graph<'w> {
    /// An empty graph whose weights are stored as `weight_type`.
    pub fn new(name: &str, weight_type: WeightType) -> Self {
        Self {
            proto: GraphProto {
                name: name.into(),
                ..Default::default()
            },
            initializers: Vec::new(),
            weight_type,
            scope: Vec::new(),
            names: HashMap::new(),
            constants: HashMap::new(),
        }
    }

    /// Adds what `build` adds under the name `scope`.
    pub fn scoped<T>(&mut self, scope: &str, build: impl FnOnce(&mut Self) -> T) -> T {
        self.scope.push(scope.into());
        let result = build(self);
        self.scope.pop();
        result
    }

    /// Declares an input.
    pub fn input(&mut self, name: &str, element: ElementType, shape: &[Dim]) -> Value {
        self.proto.input.push(value_info(name, element, shape));
        Value(name.into())
    }

    /// Declares an input that may be left out: then it is `default`.
    pub fn optional_input(
        &mut self,
        name: &str,
        shape: &[Dim],
        default_shape: &[usize],
        default: Tensor,
    ) -> Value {
        self.proto
            .input
            .push(value_info(name, default.element(), shape));
        self.push_constant(name.into(), default_shape, default)
    }

    /// Declares `value`, floats, as an output called `name`.
    pub fn output(&mut self, name: &str, value: &Value, shape: &[Dim]) {
        self.output_of(name, value, ElementType::Float, shape);
    }

    /// Declares `value` of type `element` as an output called `name`.
    pub fn output_of(&mut self, name: &str, value: &Value, element: ElementType, shape: &[Dim]) {
        for node in &mut self.proto.node {
            for used in node.input.iter_mut().chain(&mut node.output) {
                if *used == value.0 {
                    *used = name.into();
                }
            }
        }
        self.proto.output.push(value_info(name, element, shape));
    }

    /// Adds a standard operator with one output.
    pub fn node(
        &mut self,
        operator: &str,
        inputs: &[&Value],
        attributes: impl IntoIterator<Item = AttributeProto>,
    ) -> Value {
        let [output] = self.add_node("", operator, inputs, attributes);
        output
    }

    /// Adds a standard operator with `N` outputs.
    pub fn node_of<const N: usize>(
        &mut self,
        operator: &str,
        inputs: &[&Value],
        attributes: impl IntoIterator<Item = AttributeProto>,
    ) -> [Value; N] {
        self.add_node("", operator, inputs, attributes)
    }

    /// Adds one of ONNX Runtime's own operators.
    pub fn microsoft(
        &mut self,
        operator: &str,
        inputs: &[&Value],
        attributes: impl IntoIterator<Item = AttributeProto>,
    ) -> Value {
        let [output] = self.microsoft_of(operator, inputs, attributes);
        output
    }

    /// Adds one of ONNX Runtime's own operators with `N` outputs.
    pub fn microsoft_of<const N: usize>(
        &mut self,
        operator: &str,
        inputs: &[&Value],
        attributes: impl IntoIterator<Item = AttributeProto>,
    ) -> [Value; N] {
        self.add_node(MICROSOFT, operator, inputs, attributes)
    }

    /// The values that `yes` makes where `condition` holds, else those of `no`. Either may use any value from before.
    pub fn choose<const N: usize>(
        &mut self,
        condition: &Value,
        yes: impl FnOnce(&mut Self) -> [Value; N],
        no: impl FnOnce(&mut Self) -> [Value; N],
    ) -> [Value; N] {
        let yes = self.branch("then_branch", yes);
        let no = self.branch("else_branch", no);
        self.node_of("If", &[condition], [yes, no])
    }

    fn branch<const N: usize>(
        &mut self,
        name: &str,
        build: impl FnOnce(&mut Self) -> [Value; N],
    ) -> AttributeProto {
        let before = std::mem::take(&mut self.proto.node);
        let results = self.scoped(name, build);
        let node = std::mem::replace(&mut self.proto.node, before);
        let output = results.map(|result| ValueInfoProto {
            name: result.0,
            r#type: Some(TypeProto {
                tensor_type: Some(TensorType {
                    elem_type: ElementType::Float as i32,
                    shape: None,
                }),
            }),
        });
        AttributeProto {
            name: name.into(),
            g: Some(GraphProto {
                node,
                name: self.unique(name),
                output: output.into(),
                ..Default::default()
            }),
            r#type: AttributeType::Graph as i32,
            ..Default::default()
        }
    }

    fn add_node<const N: usize>(
        &mut self,
        domain: &str,
        operator: &str,
        inputs: &[&Value],
        attributes: impl IntoIterator<Item = AttributeProto>,
    ) -> [Value; N] {
        let name = self.unique(operator);
        let outputs: [Value; N] = std::array::from_fn(|i| {
            Value(match N {
                1 => name.clone(),
                _ => format!("{name}:{i}"),
            })
        });
        self.proto.node.push(NodeProto {
            input: inputs.iter().map(|v| v.0.clone()).collect(),
            output: outputs.iter().map(|v| v.0.clone()).collect(),
            name,
            op_type: operator.into(),
            attribute: attributes.into_iter().collect(),
            domain: domain.into(),
        });
        outputs
    }

    /// A weight of rank two or more, stored in the graph's weight type. `read` is called when the model is written.
    pub fn weight(
        &mut self,
        name: &str,
        shape: &[usize],
        read: impl Fn() -> Result<Vec<f32>> + 'w,
    ) -> Value {
        match self.weight_type {
            WeightType::F32 => self.vector(name, shape, read),
            WeightType::F16 => {
                let stored = self.initializer(name, ElementType::Float16, shape, move || {
                    let values = read()?;
                    Ok(Tensor::F16(
                        values.iter().map(|v| f16::from_f32(*v)).collect(),
                    ))
                });
                self.node("Cast", &[&stored], [int("to", ElementType::Float as i64)])
            }
        }
    }

    /// A weight that is always stored as f32: biases, scales. `read` is called when the model is written.
    pub fn vector(
        &mut self,
        name: &str,
        shape: &[usize],
        read: impl Fn() -> Result<Vec<f32>> + 'w,
    ) -> Value {
        self.initializer(name, ElementType::Float, shape, move || {
            Ok(Tensor::F32(read()?))
        })
    }

    /// Any initializer. `read` is called when the model is written.
    pub fn initializer(
        &mut self,
        name: &str,
        element: ElementType,
        shape: &[usize],
        read: impl Fn() -> Result<Tensor> + 'w,
    ) -> Value {
        let name = self.unique(name);
        self.initializers.push(Initializer {
            name: name.clone(),
            shape: shape.to_vec(),
            element,
            source: Source::Later(Box::new(read)),
        });
        Value(name)
    }

    /// A computed f32 tensor.
    pub fn tensor(&mut self, name: &str, shape: &[usize], values: Vec<f32>) -> Value {
        let name = self.unique(name);
        self.push_constant(name, shape, Tensor::F32(values))
    }

    /// One number.
    pub fn scalar(&mut self, value: f32) -> Value {
        self.constant(format!("const/{value:?}"), &[], Tensor::F32(vec![value]))
    }

    /// One integer.
    pub fn int_scalar(&mut self, value: i64) -> Value {
        self.constant(format!("const/int {value}"), &[], Tensor::I64(vec![value]))
    }

    /// A list of integers: a shape, axes, lengths.
    pub fn int_list(&mut self, values: &[i64]) -> Value {
        self.constant(
            format!("const/ints {values:?}"),
            &[values.len()],
            Tensor::I64(values.to_vec()),
        )
    }

    fn constant(&mut self, name: String, shape: &[usize], tensor: Tensor) -> Value {
        if let Some(value) = self.constants.get(&name) {
            return value.clone();
        }
        let value = self.push_constant(name.clone(), shape, tensor);
        self.constants.insert(name, value.clone());
        value
    }

    fn push_constant(&mut self, name: String, shape: &[usize], tensor: Tensor) -> Value {
        self.initializers.push(Initializer {
            name: name.clone(),
            shape: shape.to_vec(),
            element: tensor.element(),
            source: Source::Here(tensor),
        });
        Value(name)
    }

    fn unique(&mut self, name: &str) -> String {
        let path = self.scope.iter().map(String::as_str).chain([name]);
        let path = path.collect::<Vec<_>>().join("/");
        let count = self.names.entry(path.clone()).or_default();
        *count += 1;
        match *count {
            1 => path,
            n => format!("{path}_{n}"),
        }
    }

    /// The finished model.
    pub fn finish(self) -> Model<'w> {
        Model::new(self.proto, self.initializers)
    }
}

/// Shorthands for operators that occur everywhere.
impl Graph<'_> {
    /// `a + b`
    pub fn add(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Add", &[a, b], [])
    }

    /// `a * b`
    pub fn mul(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Mul", &[a, b], [])
    }

    /// `a / b`
    pub fn div(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Div", &[a, b], [])
    }

    /// Matrix product over the last two axes.
    pub fn matmul(&mut self, a: &Value, b: &Value) -> Value {
        self.node("MatMul", &[a, b], [])
    }

    /// `x` in another shape; 0 keeps a length, -1 takes what is left.
    pub fn reshape(&mut self, x: &Value, shape: &[i64]) -> Value {
        let shape = self.int_list(shape);
        self.node("Reshape", &[x, &shape], [])
    }

    /// `x` with its axes in the order `perm`.
    pub fn transpose(&mut self, x: &Value, perm: &[i64]) -> Value {
        self.node("Transpose", &[x], [ints("perm", perm)])
    }

    /// `x` with axes of length one inserted at `axes`.
    pub fn unsqueeze(&mut self, x: &Value, axes: &[i64]) -> Value {
        let axes = self.int_list(axes);
        self.node("Unsqueeze", &[x, &axes], [])
    }

    /// `xs` joined along `axis`.
    pub fn concat(&mut self, xs: &[&Value], axis: i64) -> Value {
        self.node("Concat", xs, [int("axis", axis)])
    }

    /// `x[start..end]` along `axis`; negative bounds count from the end.
    pub fn slice(&mut self, x: &Value, axis: i64, start: i64, end: i64) -> Value {
        let start = self.int_list(&[start]);
        let end = self.int_list(&[end]);
        let axis = self.int_list(&[axis]);
        self.node("Slice", &[x, &start, &end, &axis], [])
    }

    /// `x` split along `axis` into `N` parts of equal length.
    pub fn split<const N: usize>(&mut self, x: &Value, axis: i64, length: usize) -> [Value; N] {
        let lengths = self.int_list(&[length as i64; N]);
        self.node_of("Split", &[x, &lengths], [int("axis", axis)])
    }

    /// Length of `x` along `axis`, as a list of one.
    pub fn length(&mut self, x: &Value, axis: i64) -> Value {
        self.node("Shape", &[x], [int("start", axis), int("end", axis + 1)])
    }
}

fn value_info(name: &str, element: ElementType, shape: &[Dim]) -> ValueInfoProto {
    let dim = shape
        .iter()
        .map(|dim| Dimension {
            value: Some(dim.clone()),
        })
        .collect();
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorType {
                elem_type: element as i32,
                shape: Some(TensorShape { dim }),
            }),
        }),
    }
}
