//! A model with its buffers, ready to be executed.

use std::fmt;

use crate::{
    Context, DeviceBuffer, Engine, Error, Model, Result, Tensor,
    api::{Execution, Side},
    error::report,
    sys::Handle,
};

impl Side {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

/// A model with a buffer of its own for every input and output, each of exactly the size the model asks for and
/// cleared: fewer, shared or larger buffers make the runtime fail silently or read stale data.
///
/// Inputs stay on the card from one execution to the next, so that only what changed needs to be uploaded, if the
/// model leaves its inputs alone.
pub struct Session {
    // Dropped in this order, which is the one that the runtime asks for.
    table: Table,
    model: Model,
    inputs: Vec<DeviceBuffer>,
    outputs: Vec<DeviceBuffer>,
    _engine: Engine,
    engine_context: u64,
    group: usize,
}

/// The runtime's table of buffer addresses; destroyed when dropped.
struct Table {
    context: Context,
    handle: Handle,
}

impl Drop for Table {
    fn drop(&mut self) {
        let api = self.context.bind();
        report(api.and_then(|api| api.destroy_io(self.handle)));
    }
}

impl Table {
    /// Makes a buffer for each tensor and binds it.
    fn bind(&self, side: Side, tensors: &[Tensor]) -> Result<Vec<DeviceBuffer>> {
        let buffer = |(index, tensor): (usize, &Tensor)| {
            let buffer = self.context.allocate(tensor.size)?;
            let api = self.context.bind()?;
            api.bind(
                self.handle,
                side,
                index as u32,
                buffer.pointer(),
                buffer.len(),
            )?;
            Ok(buffer)
        };
        tensors.iter().enumerate().map(buffer).collect()
    }
}

impl Session {
    pub(crate) fn new(model: &Model, group: usize) -> Result<Self> {
        let context = model.engine().context();
        let api = context.bind()?;
        let engine_context = api.create_engine_context(model.id())?;
        let table = Table {
            handle: api.create_io(model.info())?,
            context: context.clone(),
        };
        let signature = &model.signatures()[group];
        Ok(Self {
            inputs: table.bind(Side::Input, &signature.inputs)?,
            outputs: table.bind(Side::Output, &signature.outputs)?,
            table,
            model: model.clone(),
            _engine: model.engine().clone(),
            engine_context,
            group,
        })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The buffer of the input called `name`.
    ///
    /// # Errors
    /// [`Error::UnknownTensor`], which lists the names there are.
    pub fn input(&self, name: &str) -> Result<&DeviceBuffer> {
        let tensors = &self.model.signatures()[self.group].inputs;
        find(Side::Input, name, tensors, &self.inputs)
    }

    /// The buffer of the output called `name`.
    ///
    /// # Errors
    /// [`Error::UnknownTensor`], which lists the names there are.
    pub fn output(&self, name: &str) -> Result<&DeviceBuffer> {
        let tensors = &self.model.signatures()[self.group].outputs;
        find(Side::Output, name, tensors, &self.outputs)
    }

    /// The buffers of all inputs, in the order of [`Model::inputs`].
    pub fn inputs(&self) -> &[DeviceBuffer] {
        &self.inputs
    }

    /// The buffers of all outputs, in the order of [`Model::outputs`].
    pub fn outputs(&self) -> &[DeviceBuffer] {
        &self.outputs
    }

    /// Executes the model on what its input buffers hold, and returns when its output buffers are filled.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub fn execute(&self) -> Result<()> {
        self.table.context.bind()?.execute(self.execution())
    }

    pub(crate) fn execution(&self) -> Execution {
        Execution {
            model: self.model.id(),
            engine_context: self.engine_context,
            group: self.group as u32,
            io: self.table.handle,
        }
    }
}

fn find<'a>(
    side: Side,
    name: &str,
    tensors: &[Tensor],
    buffers: &'a [DeviceBuffer],
) -> Result<&'a DeviceBuffer> {
    let index = tensors.iter().position(|tensor| tensor.name == name);
    index.map(|index| &buffers[index]).ok_or_else(|| {
        let known: Vec<_> = tensors
            .iter()
            .map(|tensor| format!("`{}`", tensor.name))
            .collect();
        Error::UnknownTensor {
            side: side.name(),
            name: name.to_owned(),
            known: known.join(", "),
        }
    })
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("model", &self.model)
            .finish()
    }
}
