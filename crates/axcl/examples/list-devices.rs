//! Lists the AXCL devices of this machine.
//!
//! ```text
//! cargo run --example list-devices
//! ```

use std::{error::Error, process::ExitCode};

use axcl::{Device, DeviceProperties, Library, LogLevel, Runtime, detect};

fn main() -> ExitCode {
    match list() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn list() -> Result<(), Box<dyn Error>> {
    let presence = detect();
    println!(
        "cards on the PCI bus: {}",
        or_none(&presence.cards.join(", "))
    );
    println!(
        "driver (/dev/axcl_host): {}",
        if presence.driver {
            "loaded"
        } else {
            "not loaded"
        }
    );

    let library = Library::open(None)?;
    let version = library.version().map_or_else(
        |error| error.to_string(),
        |(a, b, c)| format!("{a}.{b}.{c}"),
    );
    println!("library: {}, version {version}", library.path().display());
    if let Some(version) = library.full_version() {
        println!("build: {version}");
    }

    let runtime = Runtime::new(&library)?;
    runtime.set_log_level(LogLevel::Off)?;
    println!("chip: {}", or_none(&library.soc_name().unwrap_or_default()));
    for (index, device) in runtime.devices()?.iter().enumerate() {
        println!("device {index}: id {}, {}", device.id(), summary(device));
    }
    Ok(())
}

fn summary(device: &Device) -> String {
    device
        .properties()
        .map_or_else(|error| error.to_string(), |properties| line(&properties))
}

fn line(properties: &DeviceProperties) -> String {
    format!(
        "PCI {:04x}:{:02x}:{:02x}, firmware {}, CMM {} of {} MiB free, NPU load {} %, temperature {}",
        properties.pci_domain,
        properties.pci_bus,
        properties.pci_device,
        properties.software_version,
        properties.free_cmm >> 20,
        properties.total_cmm >> 20,
        properties.npu_load,
        properties.temperature,
    )
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
