//! Start, end and version of the runtime.

use std::ffi::{CStr, c_char};

use super::run;
use crate::{
    argument::{Out, Text},
    code::Area,
    simulator::call,
};

const FULL_VERSION: &CStr = c"V3.10.2_axclsim";

#[unsafe(no_mangle)]
pub extern "C" fn axclInit(_config: Text) -> u32 {
    run("axclInit", "", |sim| sim.state().initialise())
}

#[unsafe(no_mangle)]
pub extern "C" fn axclFinalize() -> u32 {
    run("axclFinalize", "", |sim| {
        let ending = sim.state().finalise();
        ending.iter().for_each(|stream| stream.close(true));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclSetLogLevel(level: i32) -> u32 {
    run("axclSetLogLevel", level, |sim| {
        if !(0..=6).contains(&level) {
            return Err(Area::Device.illegal_parameter());
        }
        sim.state().log_level = level;
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtGetVersion(major: Out<i32>, minor: Out<i32>, patch: Out<i32>) -> u32 {
    run("axclrtGetVersion", "", |sim| {
        let version = sim.state().settings().version;
        major.required(Area::Device)?.set(version[0]);
        minor.required(Area::Device)?.set(version[1]);
        patch.required(Area::Device)?.set(version[2]);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtGetFullVersion() -> *const c_char {
    FULL_VERSION.as_ptr()
}

#[unsafe(no_mangle)]
pub extern "C" fn axclrtGetSocName() -> *const c_char {
    let listed = call("axclrtGetSocName", "", |sim| {
        Ok(sim.state().listed_devices())
    });
    match listed {
        Ok(devices) if !devices.is_empty() => c"AX650N".as_ptr(),
        _ => c"UNKNOWN".as_ptr(),
    }
}
