//! The speech language model: text ids and a voice's prompt in, speech tokens out, on llama.cpp.
//!
//! *Prefix*: the model's input before the first speech token, given as embeddings. *Prefill*: computing it, in one
//! batch. *Decode*: one step for each speech token, given as an id. The GGUF's vocabulary is the speech vocabulary, so
//! decoding is plain token decoding. *Prefix cache*: the state after prefill, kept for the same voice and text.

mod abort;
pub mod embeddings;
pub mod gguf;
mod llama;
mod memory;
mod model;
mod options;
mod prefix;
mod prefix_cache;
pub mod repetition;
pub mod sampling;
mod session;
pub mod silence;
pub mod thread_count;

pub use model::LmModel;
pub use options::LmOptions;
pub use prefix::Prefix;
pub(crate) use prefix_cache::program;
pub use prefix_cache::{Hit, PrefixCache, PrefixCaching};
pub use session::{Decoding, Generated, LmSession, Prefill, StopReason};

use crate::Result;

/// Starts llama.cpp, once per process. Needed only for calls of llama.cpp without the types of this module, which start it themselves.
///
/// # Errors
/// [`ErrorKind::Library`](crate::ErrorKind::Library) if the CPU variants of ggml are libraries of their own (feature
/// `dynamic-backends`), and none is found that runs on this CPU. A later call searches again.
pub fn start_llama() -> Result<()> {
    llama::start().map(|_| ())
}

/// The first error that llama.cpp logged on this thread since the last call of this function: its only way to say why a
/// call failed. Needed only after calls of llama.cpp without the types of this module.
pub fn take_llama_error() -> Option<String> {
    llama::take_last_error()
}

/// llama.cpp's line about the CPU features that it uses on this machine, the same for every caller of the process.
///
/// # Errors
/// As [`start_llama`].
pub fn system_info() -> Result<&'static str> {
    llama::system_info()
}

#[cfg(test)]
mod tests {
    use crate::manifest::{Lm, Sampling};

    /// The language model's manifest entry of the tiny checkpoint.
    pub(crate) fn manifest_lm() -> Lm {
        Lm {
            gguf: "lm.gguf".into(),
            embeddings: "lm_embeddings.safetensors".into(),
            tokenizer: "tokenizer.json".into(),
            quantization: "f32".into(),
            hidden_size: 64,
            layers: 2,
            text_vocab: 896,
            speech_vocab: 6761,
            context: 2048,
            sos: 6561,
            eos: 6562,
            task_id: 6563,
            stop_ids: [6561, 6760],
            silent_tokens: vec![1, 2, 28, 29, 55, 248, 494, 2241, 2242, 2322, 2323],
            max_silent_run: 5,
            min_token_text_ratio: 2.0,
            max_token_text_ratio: 20.0,
            sampling: Sampling {
                top_p: 0.8,
                top_k: 25,
                win_size: 10,
                tau_r: 0.1,
            },
        }
    }
}
