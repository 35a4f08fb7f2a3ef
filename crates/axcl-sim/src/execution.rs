//! Loading and executing models.

use std::{
    path::Path,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    code::{self, Area, Result},
    control::Counted,
    engine::{Loaded, Side},
    model::{Model, Source},
    simulator::{Simulator, State, explain},
};

/// Interval at which a hanging execution checks if it may end.
const HANG_POLL: Duration = Duration::from_millis(5);
/// Affinity mask of all NPU cores.
const ALL_CORES: u32 = 0b111;
/// Byte that `overwrite-inputs` leaves in input buffers.
const OVERWRITTEN: u8 = 0xA5;

/// Arguments of `axclrtEngineExecute`.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    pub model_id: u64,
    pub context_id: u64,
    pub group: u32,
    pub io: u64,
}

/// A request whose inputs were read.
struct Prepared {
    model: Arc<Model>,
    inputs: Vec<Vec<u8>>,
    input_addresses: Vec<u64>,
    output_addresses: Vec<u64>,
    fault: Option<Fault>,
}

enum Fault {
    Fails,
    Hangs { generation: u64 },
    LosesDevice,
}

impl Simulator {
    /// Loads a model and returns its id.
    pub fn load(&self, device: i32, source: Source) -> Result<u64> {
        let size = source
            .size()
            .map_err(|_| Area::Engine.illegal_parameter())?;
        let settings = {
            let mut state = self.state();
            state.log("loading a model");
            if state.vnpu(device).is_none() {
                return Err(Area::Engine.failed());
            }
            let number = state.control.count(Counted::Load);
            if state.settings().load_fails == Some(number) {
                return Err(code::BAD_RESPONSE);
            }
            let (_, free) = state.cmm(device);
            if size > free {
                return Err(code::NO_MEMORY);
            }
            state.settings().clone()
        };
        let model = Model::load(source, size, &settings).map_err(|error| {
            explain(error);
            code::BAD_RESPONSE
        })?;
        let mut state = self.state();
        let id = state.new_id();
        let loaded = Loaded {
            device,
            model: Arc::new(model),
            contexts: Default::default(),
            affinity: ALL_CORES,
        };
        state.engine.models.insert(id, loaded);
        Ok(id)
    }

    /// Loads a model file and returns its id.
    pub fn load_file(&self, path: &Path) -> Result<u64> {
        if !path.exists() {
            return Err(Area::Engine.illegal_parameter());
        }
        // The real runtime first wants device memory for the file, hence this code when the thread has no context.
        let device = self
            .state()
            .current_device()
            .map_err(|_| code::MEMORY_REQUEST_FAILED)?;
        self.state()
            .check_present(device, code::MEMORY_REQUEST_FAILED)?;
        self.load(device, Source::File(path))
    }

    /// Executes a model on `device` and waits until it is done.
    pub fn execute(&self, device: i32, request: Request) -> Result {
        let _npu = self.npu.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = Instant::now();
        let prepared = self.state().prepare(device, request)?;
        match prepared.fault {
            None => {}
            Some(Fault::Fails) => return Err(code::EXECUTE_FAILED),
            Some(Fault::Hangs { generation }) => {
                self.hang(generation, &prepared.model.name);
                return Err(code::EXECUTE_FAILED);
            }
            Some(Fault::LosesDevice) => {
                self.state().lose_device(device);
                return Err(code::BAD_RESPONSE);
            }
        }
        let outputs = prepared.model.run(&prepared.inputs).map_err(|error| {
            explain(format_args!("{}: {error}", prepared.model.name));
            code::EXECUTE_FAILED
        })?;
        let latency = self.state().settings().latency_of(&prepared.model.name);
        std::thread::sleep(latency.saturating_sub(begin.elapsed()));
        self.state().finish(device, &prepared, &outputs)
    }

    fn hang(&self, generation: u64, model: &str) {
        self.state().note("hang", &model);
        while self.state().generation == generation {
            std::thread::sleep(HANG_POLL);
            self.state().refresh();
        }
    }
}

impl State {
    fn prepare(&mut self, device: i32, request: Request) -> Result<Prepared> {
        self.check_present(device, code::BAD_RESPONSE)?;
        let loaded = self.engine.model(request.model_id)?;
        if loaded.device != device || !loaded.contexts.contains(&request.context_id) {
            return Err(Area::Engine.illegal_parameter());
        }
        if request.group != 0 {
            return Err(code::INVALID_INDEX);
        }
        let model = loaded.model.clone();
        let input_addresses = self.buffers(device, request, Side::Input)?;
        let output_addresses = self.buffers(device, request, Side::Output)?;
        let inputs = input_addresses
            .iter()
            .map(|address| self.memory.block(device, *address).map(<[u8]>::to_vec))
            .collect::<Result<_>>()?;
        Ok(Prepared {
            model,
            inputs,
            input_addresses,
            output_addresses,
            fault: self.next_fault(),
        })
    }

    /// Addresses of the buffers bound to one side, each an allocation of its own of the tensor's size.
    fn buffers(&mut self, device: i32, request: Request, side: Side) -> Result<Vec<u64>> {
        let io = self.engine.io(request.io)?;
        if io.info.model_id != request.model_id {
            return Err(Area::Engine.illegal_parameter());
        }
        let model = io.info.model.clone();
        let addresses = io.buffers(side).map_err(|error| {
            explain(format_args!("{}: {error}", model.name));
            code::EXECUTE_FAILED
        })?;
        for (address, port) in addresses.iter().zip(model.ports(side)) {
            let block = self.memory.block(device, *address)?;
            if block.len() as u64 != port.size {
                let name = port.name.to_string_lossy();
                let (has, needs) = (block.len(), port.size);
                explain(format_args!(
                    "{}: `{name}` needs an allocation of {needs} bytes, not {has}",
                    model.name
                ));
                return Err(code::EXECUTE_FAILED);
            }
        }
        Ok(addresses)
    }

    fn next_fault(&mut self) -> Option<Fault> {
        let number = Some(self.control.count(Counted::Execution));
        let settings = self.settings();
        if settings.execute_fails == number {
            Some(Fault::Fails)
        } else if settings.execute_hangs == number {
            Some(Fault::Hangs {
                generation: self.generation,
            })
        } else if settings.execute_loses_device == number {
            Some(Fault::LosesDevice)
        } else {
            None
        }
    }

    fn finish(&mut self, device: i32, prepared: &Prepared, outputs: &[Vec<u8>]) -> Result {
        for (address, bytes) in prepared.output_addresses.iter().zip(outputs) {
            let target = self.memory.bytes_mut(device, *address, bytes.len())?;
            target.copy_from_slice(bytes);
        }
        if self.settings().overwrite_inputs {
            for (address, bytes) in prepared.input_addresses.iter().zip(&prepared.inputs) {
                let target = self.memory.bytes_mut(device, *address, bytes.len())?;
                target.fill(OVERWRITTEN);
            }
        }
        Ok(())
    }
}
