//! The flow model on an AX650N or AX8850 NPU, by the AXCL runtime.
//!
//! The estimators, and the encoders where a model directory has none for the CPU, are `.axmodel` files of fixed
//! length. They are loaded once, one after the other, by the thread that owns the card (`npu`).

mod networks;
mod npu;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

pub use npu::{abandoned_threads, card_in_use};

use super::{Conditions, Device, Encoded, FlowBackend, ort::CpuEncoder};
use crate::{
    Error, ErrorKind, Result,
    cancel::Cancel,
    constants::{ATTENTION_CHUNK_FRAMES, MEL_BINS},
    manifest,
    mel::Mel,
};
use networks::Networks;
use npu::{Kept, Npu, Patience};

/// A step takes some 0.1 s on the card; its driver gives up after 50 s by itself, a listener long before.
const RUN: Patience = Patience {
    limit: Duration::from_secs(10),
    after_cancel: Duration::from_millis(1500),
};
/// Loading: 10 to 30 s for all models were reported. Cutting off a load can wedge a card, so a cancellation waits too;
/// no other thread waits for the one that loads.
const LOAD: Patience = Patience {
    limit: Duration::from_secs(120),
    after_cancel: Duration::from_secs(120),
};

/// The card to use, and the library that reaches it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AxclOptions {
    /// Index of the card in the runtime's list, from 0; not its bus number.
    pub device: usize,
    /// `libaxcl_rt.so` or its directory; `None` searches as [`axcl::Library::open`] does.
    pub library: Option<PathBuf>,
}

/// Signs of a card and its driver in the system, for reports: a line each. Touches no card and loads no library.
pub fn presence() -> Vec<String> {
    let presence = axcl::detect();
    let cards = match presence.cards.as_slice() {
        [] => "none".to_owned(),
        cards => cards.join(", "),
    };
    let driver = match presence.driver {
        true => "/dev/axcl_host is there",
        false => "no /dev/axcl_host",
    };
    vec![
        format!("cards on the PCI bus: {cards}"),
        format!("driver: {driver}"),
    ]
}

/// Returns true if anything suggests that this machine is meant to have a card: one on the PCI bus, the driver's device
/// node, or a library that the user named.
pub fn signs_of_a_card(options: &AxclOptions) -> bool {
    let presence = axcl::detect();
    presence.driver
        || !presence.cards.is_empty()
        || options.library.is_some()
        || std::env::var_os(axcl::LIBRARY_VARIABLE).is_some_and(|path| !path.is_empty())
}

/// Encoder and estimators, loaded.
pub struct AxclFlow {
    /// The [`Networks`] on the NPU thread. Goes before `npu`, which waits for the thread to end.
    networks: Kept,
    npu: Arc<Npu>,
    lengths: Vec<usize>,
    /// `None` where the encoders are on the NPU too.
    encoder: Option<CpuEncoder>,
    device: usize,
    frames: usize,
}

impl AxclFlow {
    /// Loads the axmodels that `flow` and `npu` name from the model directory `dir`.
    ///
    /// # Errors
    /// [`ErrorKind::Library`] without a usable AXCL library, [`ErrorKind::NotFound`] without a card,
    /// [`ErrorKind::Damaged`] if a model's inputs or outputs are not those of this model, [`ErrorKind::NoSpace`]
    /// without memory on the card, [`ErrorKind::Device`] for other errors of the runtime, [`ErrorKind::Cancelled`].
    pub fn load(
        dir: &Path,
        flow: &manifest::Flow,
        npu: &manifest::Npu,
        options: &AxclOptions,
        cancel: &Cancel,
    ) -> Result<Self> {
        let encoder = match &flow.encoder {
            Some(file) => Some(CpuEncoder::load(&dir.join(file), cancel)?),
            None => None,
        };
        let encoders = match (&encoder, &npu.encoder) {
            (None, Some(encoders)) => Some(encoders.clone()),
            _ => None,
        };
        let thread = Npu::shared(options.library.as_deref(), cancel)?;
        let (device, dir, estimators) = (options.device, dir.to_path_buf(), npu.estimators.clone());
        let lengths = estimators.iter().map(|model| model.frames).collect();
        let stop = cancel.clone();
        let networks = thread.keep("loading the models", LOAD, cancel, move |card| {
            let engine = card.engine(device)?;
            Networks::load(&engine, &dir, &estimators, encoders.as_ref(), &stop)
        })?;
        let flow = Self {
            networks,
            npu: thread,
            lengths,
            encoder,
            device,
            frames: 0,
        };
        flow.run("trying the models", cancel, Networks::check_inputs)?;
        Ok(flow)
    }

    /// Descriptions of library, card and models, a line each, for people who examine a card.
    ///
    /// # Errors
    /// [`ErrorKind::Device`], [`ErrorKind::Cancelled`].
    pub fn describe(&self, cancel: &Cancel) -> Result<Vec<String>> {
        let (number, device) = (self.networks.number(), self.device);
        self.npu
            .call("describing the card", RUN, cancel, move |card| {
                let mut lines = card.describe(device)?;
                lines.extend(card.kept::<Networks>(number)?.describe());
                Ok(lines)
            })
    }

    /// Runs `work` with the networks on the NPU thread.
    fn run<T: Send + 'static>(
        &self,
        what: &str,
        cancel: &Cancel,
        work: impl FnOnce(&mut Networks) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let number = self.networks.number();
        self.npu
            .call(what, RUN, cancel, move |card| work(card.kept(number)?))
    }
}

impl FlowBackend for AxclFlow {
    fn device(&self) -> Device {
        Device::Npu
    }

    fn estimator_lengths(&self) -> Option<&[usize]> {
        Some(&self.lengths)
    }

    fn encode(
        &mut self,
        tokens: &[u32],
        embedding: &[f32],
        lookahead: bool,
        cancel: &Cancel,
    ) -> Result<Encoded> {
        if let Some(encoder) = &mut self.encoder {
            return encoder.encode(tokens, embedding, lookahead, cancel);
        }
        let (tokens, embedding) = (tokens.to_vec(), embedding.to_vec());
        self.run("encoding a window", cancel, move |networks| {
            networks.encode(&tokens, &embedding, lookahead)
        })
    }

    fn begin(&mut self, conditions: Conditions<'_>, cancel: &Cancel) -> Result<()> {
        self.frames = conditions.mu.frames();
        if conditions.attention_chunk != ATTENTION_CHUNK_FRAMES {
            return Err(Error::new(
                ErrorKind::Settings,
                format!(
                    "the NPU's estimators attend in chunks of {ATTENTION_CHUNK_FRAMES} frames, not {}: use \
                     flow-plan=windows",
                    conditions.attention_chunk
                ),
            ));
        }
        let frames = self.frames;
        let mu = conditions.mu.as_slice().to_vec();
        let cond = conditions.cond.as_slice().to_vec();
        let spks = conditions.spks.to_vec();
        self.run("uploading a window", cancel, move |networks| {
            networks.begin(frames, mu, cond, spks)
        })
    }

    fn step(
        &mut self,
        x: &Mel,
        t: f32,
        conditional: &mut Mel,
        unconditional: &mut Mel,
        cancel: &Cancel,
    ) -> Result<()> {
        let x = x.as_slice().to_vec();
        let y = self.run("running the estimator", cancel, move |networks| {
            networks.step(&x, t)
        })?;
        let (with, without) = y.split_at(MEL_BINS * self.frames);
        conditional.as_mut_slice().copy_from_slice(with);
        unconditional.as_mut_slice().copy_from_slice(without);
        Ok(())
    }
}
