//! ONNX Runtime, loaded when the first model is.

use std::{path::PathBuf, sync::Mutex};

use ort::environment::Environment;

static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// The environment of this process; the error says how to get the library.
pub fn environment() -> Result<Environment, String> {
    let mut environment = ENVIRONMENT.lock().unwrap_or_else(|e| e.into_inner());
    if let Some(environment) = &*environment {
        return Ok(environment.clone());
    }
    let loaded = load()?;
    *environment = Some(loaded.clone());
    Ok(loaded)
}

fn load() -> Result<Environment, String> {
    let candidates = match std::env::var_os("ORT_DYLIB_PATH") {
        Some(path) => vec![PathBuf::from(path)],
        None => vec!["libonnxruntime.so".into(), "libonnxruntime.so.1".into()],
    };
    let mut errors = String::new();
    for path in candidates {
        match ort::init_from(&path) {
            Ok(builder) => {
                return builder
                    .with_name("axcl-sim")
                    .build()
                    .map_err(|e| e.to_string());
            }
            Err(error) => errors += &format!("\n  {}: {error}", path.display()),
        }
    }
    Err(format!(
        "ONNX Runtime 1.22 or later not found:{errors}\n\
         Get it with `pip install onnxruntime` (it lies in onnxruntime/capi/libonnxruntime.so.*) \
         and set ORT_DYLIB_PATH to the library file"
    ))
}
