//! The engine of a device and the models loaded into it.

use std::{fmt, path::Path, rc::Rc};

use crate::{
    Context, DeviceBuffer, Error, Result, Session, Signature, Tensor, description, error::report,
    sys::Handle,
};

/// Division of the NPU into virtual ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VnpuKind {
    /// None: a model may use all cores.
    Disabled = 0,
    /// Into equal parts.
    Enabled = 1,
    /// Into a big and a little part.
    BigLittle = 2,
    /// Into a little and a big part.
    LittleBig = 3,
}

/// Users of the engine of a device.
#[derive(Debug)]
pub(crate) struct EngineUse {
    users: usize,
    /// True if another part of the process initialised it.
    foreign: bool,
}

/// Number of NPU cores that a model was built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelKind {
    /// One core.
    OneCore,
    /// Two cores.
    TwoCores,
    /// Three cores.
    ThreeCores,
    /// A number that this crate does not know.
    Other(i32),
}

impl ModelKind {
    fn from_raw(value: i32) -> Self {
        match value {
            0 => Self::OneCore,
            1 => Self::TwoCores,
            2 => Self::ThreeCores,
            other => Self::Other(other),
        }
    }
}

/// Memory that a model needs on the card, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Of the card's own Linux system.
    pub system: i64,
    /// For models and buffers (CMM).
    pub cmm: i64,
}

impl From<(i64, i64)> for Usage {
    fn from((system, cmm): (i64, i64)) -> Self {
        Self { system, cmm }
    }
}

/// The executor of models on a device. Clones share it.
#[derive(Clone)]
pub struct Engine(Rc<EngineInner>);

struct EngineInner {
    context: Context,
}

impl Drop for EngineInner {
    fn drop(&mut self) {
        let mut engines = self.context.runtime().engines();
        let device = self.context.device().id();
        let Some(engine) = engines.get_mut(&device) else {
            return;
        };
        engine.users -= 1;
        if engine.users > 0 {
            return;
        }
        if !engine.foreign {
            report(self.context.bind().and_then(|api| api.engine_finalize()));
        }
        engines.remove(&device);
    }
}

impl Engine {
    pub(crate) fn new(context: &Context, kind: VnpuKind) -> Result<Self> {
        let api = context.bind()?;
        let mut engines = context.runtime().engines();
        let device = context.device().id();
        let foreign = match engines.get(&device) {
            Some(engine) => Some(engine.foreign),
            None => match api.engine_init(kind as i32) {
                Ok(()) => None,
                Err(error) => {
                    // Another part of the process may have initialised it.
                    api.engine_vnpu_kind().map_err(|_| error)?;
                    Some(true)
                }
            },
        };
        if foreign.is_some() {
            let current = api.engine_vnpu_kind()?;
            if current != kind as i32 {
                return Err(Error::VnpuKind(current));
            }
        }
        let engine = engines.entry(device).or_insert(EngineUse {
            users: 0,
            foreign: foreign.unwrap_or(false),
        });
        engine.users += 1;
        drop(engines);
        let context = context.clone();
        Ok(Self(Rc::new(EngineInner { context })))
    }

    /// The context.
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// Loads a model file into the card's memory. Takes seconds for large models; load one after the other.
    ///
    /// # Errors
    /// [`Error::Call`], also where the file does not exist; [`Error::Description`].
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Model> {
        let id = self.context().bind()?.load_file(path.as_ref())?;
        Model::new(self, id)
    }

    /// Loads the model in `bytes`, by way of a device buffer of the same size that is freed afterwards.
    ///
    /// # Errors
    /// [`Error::AllocationSize`], [`Error::Call`], [`Error::Description`].
    pub fn load_bytes(&self, bytes: &[u8]) -> Result<Model> {
        let image = self.context().allocate(bytes.len())?;
        image.upload(bytes)?;
        self.load_image(&image)
    }

    /// Loads the model that `image` holds. The image may be dropped afterwards.
    ///
    /// # Errors
    /// [`Error::Call`], [`Error::Description`].
    pub fn load_image(&self, image: &DeviceBuffer) -> Result<Model> {
        let id = self
            .context()
            .bind()?
            .load_memory(image.pointer(), image.len())?;
        Model::new(self, id)
    }

    /// Memory that a model file needs.
    ///
    /// # Errors
    /// [`Error::MissingFunction`] with old libraries; [`Error::Call`].
    pub fn usage(&self, path: impl AsRef<Path>) -> Result<Usage> {
        self.context()
            .bind()?
            .usage_of_file(path.as_ref())
            .map(Usage::from)
    }

    /// Number of cores that a model file was built for.
    ///
    /// # Errors
    /// [`Error::MissingFunction`] with old libraries; [`Error::Call`].
    pub fn model_kind(&self, path: impl AsRef<Path>) -> Result<ModelKind> {
        self.context()
            .bind()?
            .kind_of_file(path.as_ref())
            .map(ModelKind::from_raw)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Engine").field(&self.0.context).finish()
    }
}

/// A model in the card's memory. Clones share it; the last value that depends on it unloads it.
#[derive(Clone)]
pub struct Model(Rc<ModelInner>);

/// The description goes before the model: the order of the fields.
struct ModelInner {
    info: Info,
    loaded: Loaded,
    signatures: Vec<Signature>,
}

/// A loaded model; unloaded when dropped.
struct Loaded {
    engine: Engine,
    id: u64,
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let api = self.engine.context().bind();
        report(api.and_then(|api| api.unload(self.id)));
    }
}

/// A model's description; destroyed when dropped.
struct Info {
    context: Context,
    handle: Handle,
}

impl Drop for Info {
    fn drop(&mut self) {
        let api = self.context.bind();
        report(api.and_then(|api| api.destroy_io_info(self.handle)));
    }
}

impl Model {
    fn new(engine: &Engine, id: u64) -> Result<Self> {
        let loaded = Loaded {
            engine: engine.clone(),
            id,
        };
        let context = engine.context();
        let api = context.bind()?;
        let info = Info {
            handle: api.io_info(id)?,
            context: context.clone(),
        };
        let signatures = description::read(api, info.handle)?;
        Ok(Self(Rc::new(ModelInner {
            info,
            loaded,
            signatures,
        })))
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.loaded.engine
    }

    /// Inputs and outputs for each group of shapes; most models have one.
    pub fn signatures(&self) -> &[Signature] {
        &self.0.signatures
    }

    /// The inputs (of the first group of shapes). Their order differs between builds of a model: use names.
    pub fn inputs(&self) -> &[Tensor] {
        &self.0.signatures[0].inputs
    }

    /// The outputs (of the first group of shapes).
    pub fn outputs(&self) -> &[Tensor] {
        &self.0.signatures[0].outputs
    }

    /// Makes buffers for the inputs and outputs, to execute the model with.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub fn session(&self) -> Result<Session> {
        Session::new(self, 0)
    }

    /// The same for another group of shapes than the first.
    ///
    /// # Errors
    /// [`Error::Description`] where the model has no such group; [`Error::Call`].
    pub fn session_of_group(&self, group: usize) -> Result<Session> {
        if group >= self.0.signatures.len() {
            return Err(Error::Description(format!("it has no shape group {group}")));
        }
        Session::new(self, group)
    }

    /// The version of the compiler that built the model; `None` where the library or the model does not say.
    pub fn compiler_version(&self) -> Option<String> {
        let api = self.engine().context().bind().ok()?;
        api.compiler_version(self.id())
    }

    /// Memory that the model takes.
    ///
    /// # Errors
    /// [`Error::MissingFunction`] with old libraries; [`Error::Call`].
    pub fn usage(&self) -> Result<Usage> {
        let api = self.engine().context().bind()?;
        api.usage_of_model(self.id()).map(Usage::from)
    }

    /// Number of cores that the model was built for.
    ///
    /// # Errors
    /// [`Error::MissingFunction`] with old libraries; [`Error::Call`].
    pub fn kind(&self) -> Result<ModelKind> {
        let api = self.engine().context().bind()?;
        api.kind_of_model(self.id()).map(ModelKind::from_raw)
    }

    /// Sets the NPU cores that execute the model: bit 0 is the first core.
    ///
    /// # Errors
    /// [`Error::MissingFunction`] with old libraries; [`Error::Call`].
    pub fn set_affinity(&self, cores: u32) -> Result<()> {
        self.engine()
            .context()
            .bind()?
            .set_affinity(self.id(), cores)
    }

    /// The NPU cores that execute the model: bit 0 is the first core.
    ///
    /// # Errors
    /// [`Error::MissingFunction`] with old libraries; [`Error::Call`].
    pub fn affinity(&self) -> Result<u32> {
        self.engine().context().bind()?.affinity(self.id())
    }

    pub(crate) fn id(&self) -> u64 {
        self.0.loaded.id
    }

    pub(crate) fn info(&self) -> Handle {
        self.0.info.handle
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Model").field(&self.0.signatures).finish()
    }
}
