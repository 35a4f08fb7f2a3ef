//! Choice of the flow model's back end.

use std::path::Path;

use super::{
    FlowBackend,
    axcl::{AxclFlow, AxclOptions, signs_of_a_card},
    fallback::Fallback,
    ort::CpuFlow,
};
use crate::{
    Error, ErrorKind, Result,
    cancel::Cancel,
    cpu::Affinity,
    manifest::{self, Manifest},
    stage::Stage,
};

/// Back ends that may run the flow model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum FlowChoice {
    /// The NPU where there is one that works, else the CPU.
    #[default]
    Auto,
    /// The NPU or nothing.
    Npu,
    /// The CPU.
    Cpu,
}

/// The back end to load and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FlowTarget {
    /// NPU or CPU.
    pub choice: FlowChoice,
    /// The card.
    pub axcl: AxclOptions,
}

/// Cores and threads of a back end.
#[derive(Debug, Clone, Copy)]
pub struct Cores<'a> {
    /// The stages' cores.
    pub affinity: &'a Affinity,
    /// Threads of the CPU's estimator; 0 is one per core.
    pub threads: usize,
}

/// Checks `target` for the model of `dir` as far as possible without waiting for a card.
///
/// # Errors
/// [`ErrorKind::NotFound`] where only the NPU will do and the model has nothing for it or there is no sign of one.
pub fn check(dir: &Path, manifest: &Manifest, target: &FlowTarget) -> Result<()> {
    let cpu_will_do = match target.choice {
        FlowChoice::Cpu => true,
        FlowChoice::Auto => manifest.flow.estimator.is_some(),
        FlowChoice::Npu => false,
    };
    if cpu_will_do {
        return Ok(());
    }
    if manifest.npu.is_none() {
        return Err(no_axmodels(dir));
    }
    if !signs_of_a_card(&target.axcl) {
        return Err(Error::new(
            ErrorKind::NotFound,
            "no NPU: there is no AX650N on the PCI bus (`lspci -d 1f4b:`) and no /dev/axcl_host, which the driver makes \
             (package axclhost)",
        ));
    }
    Ok(())
}

/// Loads the back end of `target` for the model of `dir`. Where [signs](signs_of_a_card) of a card exist but it cannot
/// be used, the error is handed to `warn`.
///
/// # Errors
/// As [`AxclFlow::load`] for [`FlowChoice::Npu`], else as [`CpuFlow::load`].
pub fn load(
    dir: &Path,
    manifest: &Manifest,
    target: &FlowTarget,
    cores: &Cores<'_>,
    cancel: &Cancel,
    warn: &mut dyn FnMut(Error),
) -> Result<Box<dyn FlowBackend>> {
    let cpu = {
        let (dir, flow) = (dir.to_path_buf(), manifest.flow.clone());
        let affinity = cores.affinity.clone().without_npu();
        let threads = affinity.threads(Stage::Flow, cores.threads);
        move |cancel: &Cancel| -> Result<Box<dyn FlowBackend>> {
            let load = || CpuFlow::load(&dir, &flow, threads, cancel);
            Ok(Box::new(affinity.within(Stage::Flow, load)?))
        }
    };
    // The thread that talks to the card, and what the runtime starts, stay on the cores of the thread that opens it.
    let npu = |models: &manifest::Npu| {
        cores.affinity.within(Stage::Flow, || {
            AxclFlow::load(dir, &manifest.flow, models, &target.axcl, cancel)
        })
    };
    match (target.choice, &manifest.npu) {
        (FlowChoice::Cpu, _) => cpu(cancel),
        (FlowChoice::Npu, Some(models)) => Ok(Box::new(npu(models)?)),
        (FlowChoice::Npu, None) => Err(no_axmodels(dir)),
        (FlowChoice::Auto, None) => {
            if signs_of_a_card(&target.axcl) {
                tracing::info!("{}; the flow model runs on the CPU", no_axmodels(dir));
            }
            cpu(cancel)
        }
        // Without a CPU estimator nothing but the NPU is left to try.
        (FlowChoice::Auto, Some(models)) if manifest.flow.estimator.is_none() => {
            Ok(Box::new(npu(models)?))
        }
        (FlowChoice::Auto, Some(_)) if !signs_of_a_card(&target.axcl) => {
            tracing::info!("no NPU card found; the flow model runs on the CPU");
            cpu(cancel)
        }
        (FlowChoice::Auto, Some(models)) => match npu(models) {
            Ok(npu) => Ok(Box::new(Fallback::new(Box::new(npu), Box::new(cpu)))),
            Err(error) if error.is_cancelled() => Err(error),
            Err(error) => {
                warn(
                    error.context("the flow model runs on the CPU because the NPU cannot be used"),
                );
                cpu(cancel)
            }
        },
    }
}

fn no_axmodels(dir: &Path) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!(
            "{} has no models for the NPU: add them with `cosyvoice3 model npu {} AXERA_DIR`",
            dir.display(),
            dir.display()
        ),
    )
}
