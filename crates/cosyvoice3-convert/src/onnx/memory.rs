//! The estimator's memory of the frames before: what it needs to go on where an earlier run stopped.
//!
//! Under the streaming mask nothing behind a finished attention chunk ever changes, so the keys and values of its frames
//! and the last columns before each convolution are all that later frames need. They are inputs that may be left out:
//! without them, a graph with memory is the graph of a whole utterance. The weights are the same for both.

use super::{
    graph::{Graph, Value, int},
    model::Tensor,
    proto::{Dim, ElementType},
};

/// Rows that a run with memory has: conditional and unconditional.
const ROWS: usize = 2;

/// Inputs and outputs of the memory, declared at the beginning and at the end.
pub(super) struct Memory {
    /// True if this run shall be remembered.
    pub kept: Value,
    /// Frames before the first one of this run, a scalar.
    pub offset: Value,
    /// Channels of a frame inside the network.
    dim: usize,
    /// Heads of the attention.
    heads: usize,
    outputs: Vec<(String, Value, Vec<Dim>)>,
}

impl Memory {
    /// Declares `keep` and `offset`: int64 `[1]`, 0 where they are left out.
    pub fn new(g: &mut Graph, dim: usize, heads: usize) -> Self {
        let mut number = |name: &str| {
            let input = g.optional_input(name, &[1.into()], &[1], Tensor::I64(vec![0]));
            let axis = g.int_list(&[0]);
            g.node("Squeeze", &[&input, &axis], [])
        };
        let (keep, offset) = (number("keep"), number("offset"));
        Self {
            kept: g.node("Cast", &[&keep], [int("to", ElementType::Bool as i64)]),
            offset,
            dim,
            heads,
            outputs: Vec::new(),
        }
    }

    /// `x` `[rows, dim, T]` with the `count` columns before it, zeros at the beginning of the speech. Declares the input
    /// `past_{name}` `[rows, dim, count]` and the output `present_{name}` of the same shape.
    pub fn columns(&mut self, g: &mut Graph, name: &str, x: &Value, count: usize) -> Value {
        let shape = ["memory_rows".into(), self.dim.into(), count.into()];
        let zeros = Tensor::F32(vec![0.0; self.dim * count]);
        let past = g.optional_input(
            &format!("past_{name}"),
            &shape,
            &[1, self.dim, count],
            zeros,
        );
        let rows = g.length(x, 0);
        let rest = g.int_list(&[self.dim as i64, count as i64]);
        let full = g.concat(&[&rows, &rest], 0);
        let past = g.node("Expand", &[&past, &full], []);
        let all = g.concat(&[&past, x], 2);
        let present = g.slice(&all, 2, -(count as i64), i64::MAX);
        self.outputs
            .push((format!("present_{name}"), present, shape.into()));
        all
    }

    /// Keys or values of the frames before: declares the input `past_{name}` `[2, heads, P, channels]`.
    pub fn past(&mut self, g: &mut Graph, name: &str) -> Value {
        let channels = self.dim / self.heads;
        g.optional_input(
            &format!("past_{name}"),
            &self.shape("past_frames"),
            &[ROWS, self.heads, 0, channels],
            Tensor::F32(Vec::new()),
        )
    }

    /// Declares the output `present_{name}` `[2, heads, T, channels]`, of the new frames alone: empty in a run that is not
    /// kept.
    pub fn present(&mut self, name: &str, value: Value) {
        let shape = self.shape("present_frames").into();
        self.outputs.push((format!("present_{name}"), value, shape));
    }

    fn shape(&self, frames: &str) -> [Dim; 4] {
        let channels = self.dim / self.heads;
        [
            ROWS.into(),
            self.heads.into(),
            frames.into(),
            channels.into(),
        ]
    }

    /// Names the outputs.
    pub fn finish(self, g: &mut Graph) {
        for (name, value, shape) in self.outputs {
            g.output(&name, &value, &shape);
        }
    }
}
