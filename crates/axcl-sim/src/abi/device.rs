//! Devices and contexts.

use std::ffi::c_char;

use super::run;
use crate::{
    argument::{Address, Out},
    code::{self, Area},
};

/// The most devices that a list holds.
const LIST_CAPACITY: usize = 256;
/// Memory of the card's own Linux system, in KB; only for show.
const SYSTEM_MEMORY: u32 = 1 << 20;

#[repr(C)]
pub struct DeviceList {
    num: u32,
    devices: [i32; LIST_CAPACITY],
}

#[repr(C)]
pub struct DeviceProperties {
    sw_version: [c_char; 64],
    uid: u64,
    pci_domain: u32,
    pci_bus: u32,
    pci_device: u32,
    temperature: i32,
    total_mem: u32,
    free_mem: u32,
    total_cmm: u32,
    free_cmm: u32,
    cpu_load: u32,
    npu_load: u32,
    reserved: [u32; 32],
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtGetDeviceCount(count: Out<u32>) -> u32 {
    run("axclrtGetDeviceCount", "", |sim| {
        let devices = sim.state().listed_devices();
        count.required(Area::Device)?.set(devices.len() as u32);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtGetDeviceList(list: Out<DeviceList>) -> u32 {
    run("axclrtGetDeviceList", "", |sim| {
        let devices = sim.state().listed_devices();
        list.required(Area::Device)?.update(|list| {
            list.num = devices.len().min(LIST_CAPACITY) as u32;
            for (slot, id) in list.devices.iter_mut().zip(&devices) {
                *slot = *id;
            }
        });
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtSetDevice(device: i32) -> u32 {
    run("axclrtSetDevice", device, |sim| {
        sim.state().set_device(device)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtResetDevice(device: i32) -> u32 {
    run("axclrtResetDevice", device, |sim| {
        let ending = sim.state().reset_device(device)?;
        ending.iter().for_each(|stream| stream.close(true));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtRebootDevice(device: i32) -> u32 {
    run("axclrtRebootDevice", device, |sim| {
        let ending = sim.state().reboot_device(device)?;
        ending.iter().for_each(|stream| stream.close(true));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtGetDevice(device: Out<i32>) -> u32 {
    run("axclrtGetDevice", "", |sim| {
        let current = sim
            .state()
            .current_device()
            .map_err(|_| code::NO_ACTIVE_DEVICE)?;
        device.required(Area::Device)?.set(current);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtSynchronizeDevice() -> u32 {
    run("axclrtSynchronizeDevice", "", |sim| {
        let streams = {
            let state = sim.state();
            let device = state.current_device().ok();
            let ours = state
                .streams
                .values()
                .filter(|stream| Some(stream.device()) == device);
            ours.cloned().collect::<Vec<_>>()
        };
        streams
            .iter()
            .try_for_each(|stream| stream.synchronize(None))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtGetDeviceProperties(device: i32, properties: Out<DeviceProperties>) -> u32 {
    run("axclrtGetDeviceProperties", device, |sim| {
        let properties = properties.required(Area::Device)?;
        let state = sim.state();
        if !state.listed_devices().contains(&device) {
            return Err(code::DEVICE_QUERY_FAILED);
        }
        let (total, free) = state.cmm(device);
        let mut sw_version = [0; 64];
        for (slot, byte) in sw_version.iter_mut().zip(*b"axcl-sim") {
            *slot = byte as c_char;
        }
        properties.set(DeviceProperties {
            sw_version,
            uid: 0x51_0000 + device as u64,
            pci_domain: 0,
            pci_bus: device as u32,
            pci_device: 0,
            temperature: 45_000,
            total_mem: SYSTEM_MEMORY,
            free_mem: SYSTEM_MEMORY / 2,
            total_cmm: (total >> 10) as u32,
            free_cmm: (free >> 10) as u32,
            cpu_load: 100,
            npu_load: 0,
            reserved: [0; 32],
        });
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtCreateContext(context: Out<u64>, device: i32) -> u32 {
    run("axclrtCreateContext", device, |sim| {
        let context = context.required(Area::Context)?;
        context.set(sim.state().create_context(device)?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtDestroyContext(context: Address) -> u32 {
    run("axclrtDestroyContext", "", |sim| {
        sim.state()
            .destroy_context(context.required(Area::Context)?)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtSetCurrentContext(context: Address) -> u32 {
    run("axclrtSetCurrentContext", "", |sim| {
        sim.state()
            .set_current_context(context.required(Area::Context)?)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtGetCurrentContext(context: Out<u64>) -> u32 {
    run("axclrtGetCurrentContext", "", |sim| {
        let context = context.required(Area::Context)?;
        context.set(sim.state().current_context()?);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtGetDefaultContext(context: Out<u64>, device: i32) -> u32 {
    run("axclrtGetDefaultContext", device, |sim| {
        let context = context.required(Area::Context)?;
        context.set(sim.state().default_context(device)?);
        Ok(())
    })
}
