//! Loaded models, their descriptions and binding tables.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    code::{self, Area, Result},
    model::{Model, Port},
};

/// Side of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Input,
    Output,
}

impl Model {
    /// The inputs or the outputs.
    pub fn ports(&self, side: Side) -> &[Port] {
        match side {
            Side::Input => &self.inputs,
            Side::Output => &self.outputs,
        }
    }

    /// One input or output.
    pub fn port(&self, side: Side, index: u32) -> Result<&Port> {
        self.ports(side)
            .get(index as usize)
            .ok_or(code::INVALID_INDEX)
    }

    /// The index of the input or output called `name`.
    pub fn index(&self, side: Side, name: &str) -> Result<u32> {
        let named = |port: &Port| port.name.as_bytes() == name.as_bytes();
        let index = self.ports(side).iter().position(named);
        index.map(|index| index as u32).ok_or(code::INVALID_INDEX)
    }
}

/// A model on a device.
pub struct Loaded {
    pub device: i32,
    pub model: Arc<Model>,
    /// Ids of its engine contexts.
    pub contexts: BTreeSet<u64>,
    pub affinity: u32,
}

/// A description of a model that a caller holds.
#[derive(Clone)]
pub struct Info {
    pub model_id: u64,
    pub model: Arc<Model>,
}

/// A device buffer in a binding table: address and size in bytes.
pub type Binding = (u64, u64);

/// A binding table.
pub struct Io {
    pub info: Info,
    inputs: Vec<Option<Binding>>,
    outputs: Vec<Option<Binding>>,
}

impl Io {
    pub fn new(info: Info) -> Self {
        Self {
            inputs: vec![None; info.model.inputs.len()],
            outputs: vec![None; info.model.outputs.len()],
            info,
        }
    }

    fn bindings(&self, side: Side) -> &[Option<Binding>] {
        match side {
            Side::Input => &self.inputs,
            Side::Output => &self.outputs,
        }
    }

    pub fn bind(&mut self, side: Side, index: u32, binding: Binding) -> Result {
        let bindings = match side {
            Side::Input => &mut self.inputs,
            Side::Output => &mut self.outputs,
        };
        *bindings
            .get_mut(index as usize)
            .ok_or(code::INVALID_INDEX)? = Some(binding);
        Ok(())
    }

    /// The buffer bound to an input or output; 0 and 0 where there is none.
    pub fn binding(&self, side: Side, index: u32) -> Result<Binding> {
        let binding = self
            .bindings(side)
            .get(index as usize)
            .ok_or(code::INVALID_INDEX)?;
        Ok(binding.unwrap_or_default())
    }

    /// The addresses of all buffers of one side, when each tensor of the model has a buffer of its exact size that
    /// serves nothing else.
    pub fn buffers(&self, side: Side) -> Result<Vec<u64>, String> {
        let all: Vec<Binding> = self
            .inputs
            .iter()
            .chain(&self.outputs)
            .flatten()
            .copied()
            .collect();
        let ports = self.info.model.ports(side).iter();
        ports
            .zip(self.bindings(side))
            .map(|(port, binding)| {
                let name = port.name.to_string_lossy();
                let (address, size) = binding.ok_or_else(|| format!("`{name}` has no buffer"))?;
                if size != port.size {
                    return Err(format!(
                        "`{name}` has {} bytes, its buffer {size}",
                        port.size
                    ));
                }
                if all.iter().filter(|(other, _)| *other == address).count() > 1 {
                    return Err(format!("the buffer of `{name}` is bound twice"));
                }
                Ok(address)
            })
            .collect()
    }
}

/// Everything the engine holds, by handle or id.
#[derive(Default)]
pub struct Engine {
    pub models: BTreeMap<u64, Loaded>,
    pub infos: BTreeMap<u64, Info>,
    pub ios: BTreeMap<u64, Io>,
}

impl Engine {
    pub fn model(&self, id: u64) -> Result<&Loaded> {
        self.models.get(&id).ok_or(Area::Engine.illegal_parameter())
    }

    pub fn info(&self, handle: u64) -> Result<&Info> {
        self.infos
            .get(&handle)
            .ok_or(Area::Engine.illegal_parameter())
    }

    pub fn io(&mut self, handle: u64) -> Result<&mut Io> {
        self.ios
            .get_mut(&handle)
            .ok_or(Area::Engine.illegal_parameter())
    }

    /// Device memory that the models on `device` take.
    pub fn used(&self, device: i32) -> u64 {
        let models = self
            .models
            .values()
            .filter(|loaded| loaded.device == device);
        models.map(|loaded| loaded.model.size).sum()
    }

    /// Forgets a model; its descriptions and tables must be gone before.
    pub fn unload(&mut self, id: u64) -> Result {
        self.model(id)?;
        let of_model = |info: &Info| info.model_id == id;
        if self.infos.values().any(of_model) || self.ios.values().any(|io| of_model(&io.info)) {
            return Err(Area::Engine.busy());
        }
        self.models.remove(&id);
        Ok(())
    }

    /// Forgets everything on `device`; returns the number of things left there.
    pub fn clear(&mut self, device: i32) -> usize {
        let ids: BTreeSet<u64> = self
            .models
            .iter()
            .filter(|(_, loaded)| loaded.device == device)
            .map(|(id, _)| *id)
            .collect();
        let before = self.models.len() + self.infos.len() + self.ios.len();
        self.models.retain(|id, _| !ids.contains(id));
        self.infos.retain(|_, info| !ids.contains(&info.model_id));
        self.ios.retain(|_, io| !ids.contains(&io.info.model_id));
        before - self.models.len() - self.infos.len() - self.ios.len()
    }
}
