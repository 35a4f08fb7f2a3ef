//! llama.cpp's quantiser: the one place that calls llama.cpp without the safe API, which has no such function.

use std::{ffi::CString, os::unix::ffi::OsStrExt, path::Path};

use anyhow::{Result, ensure};
use cosyvoice3::lm::{start_llama, take_llama_error};
use llama_cpp_sys_2 as sys;

/// Bytes of weights that the quantiser may hold at once.
const BUFFER: usize = 256 << 20;

/// Storage type of the language model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Quantization {
    /// 32-bit floating point.
    F32,
    /// 16-bit floating point.
    F16,
    /// 8 bits, blocks of 32.
    #[value(name = "q8_0")]
    Q8_0,
    /// 4 bits with super-blocks where the width allows it.
    #[value(name = "q4_k_m")]
    Q4KM,
    /// 4 bits, blocks of 32: the fastest. Embedding and head have 8.
    #[value(name = "q4_0")]
    Q4_0,
}

impl Quantization {
    /// Name as in the manifest and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Q8_0 => "q8_0",
            Self::Q4KM => "q4_k_m",
            Self::Q4_0 => "q4_0",
        }
    }

    fn file_type(self) -> sys::llama_ftype {
        match self {
            Self::F32 => sys::LLAMA_FTYPE_ALL_F32,
            Self::F16 => sys::LLAMA_FTYPE_MOSTLY_F16,
            Self::Q8_0 => sys::LLAMA_FTYPE_MOSTLY_Q8_0,
            Self::Q4KM => sys::LLAMA_FTYPE_MOSTLY_Q4_K_M,
            Self::Q4_0 => sys::LLAMA_FTYPE_MOSTLY_Q4_0,
        }
    }
}

/// Quantises the GGUF `input` into the file `output`, on all cores.
pub fn quantize(input: &Path, output: &Path, quantization: Quantization) -> Result<()> {
    let names = [input, output].map(|path| CString::new(path.as_os_str().as_bytes()));
    let [input_name, output_name] = names;
    let (input_name, output_name) = (input_name?, output_name?);
    start_llama()?;
    take_llama_error();
    // SAFETY: plain data out, on any thread.
    let mut params = unsafe { sys::llama_model_quantize_default_params() };
    params.ftype = quantization.file_type();
    params.max_buf_size = BUFFER;
    if quantization == Quantization::Q4_0 {
        // Two small tables that every token passes through: 3 MB more.
        params.output_tensor_type = sys::GGML_TYPE_Q8_0;
        params.token_embedding_type = sys::GGML_TYPE_Q8_0;
    }
    // SAFETY: the names are C strings that outlive the call; the parameters hold no pointers but null ones. All state is
    // the call's own, so several threads may quantise; it starts threads itself and joins them.
    let status =
        unsafe { sys::llama_model_quantize(input_name.as_ptr(), output_name.as_ptr(), &params) };
    ensure!(
        status == 0,
        "cannot write {}: llama.cpp's quantiser failed: {}",
        output.display(),
        why()
    );
    Ok(())
}

/// Rounds `values`, rows of `width`, to the type that GGUF files number `kind`, as [`quantize`] does.
pub fn quantize_rows(values: &[f32], width: usize, kind: u32) -> Result<Vec<u8>> {
    assert!(
        width > 0 && values.len().is_multiple_of(width),
        "whole rows"
    );
    let rows = values.len() / width;
    start_llama()?; // prepares the tables of half-precision arithmetic
    // SAFETY: the function takes no pointers and reads a constant table, on any thread.
    let row_size = unsafe { sys::ggml_row_size(kind, width as i64) };
    let mut bytes = vec![0; rows * row_size];
    // SAFETY: the source holds `rows` rows of `width` floats, the target room for as many rows of the type; types that
    // need an importance matrix are none of ours. ggml prepares its tables under a lock, so any thread may call it.
    let written = unsafe {
        sys::ggml_quantize_chunk(
            kind,
            values.as_ptr(),
            bytes.as_mut_ptr().cast(),
            0,
            rows as i64,
            width as i64,
            std::ptr::null(),
        )
    };
    assert_eq!(written, bytes.len(), "ggml's own size of a row");
    Ok(bytes)
}

/// The reason why llama.cpp refused, in its own words with a guess at the cause where they need one.
fn why() -> String {
    match take_llama_error() {
        None => "no reason given".into(),
        // The message of a C++ stream when a write fails.
        Some(error) if error.contains("iostream error") => {
            format!("{error} (is the disk full?)")
        }
        Some(error) => error,
    }
}
