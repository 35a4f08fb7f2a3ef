//! `cosyvoice3 serve`: the element with its settings, and the server around it.

use anyhow::{Context, Result};

use crate::{elements::make, property, say};

/// Serves until it is stopped.
pub fn serve(options: &cosyvoice3_serve::Arguments) -> Result<()> {
    say::init()?;
    let speech = make("cosyvoice3src")?;
    if let Some(model) = &options.model {
        property::set(&speech, "model-path", model).with_context(|| format!("--model {model}"))?;
    }
    for pair in &options.set {
        property::set_pair(&speech, pair)?;
    }
    cosyvoice3_serve::run(options, &speech)
}
