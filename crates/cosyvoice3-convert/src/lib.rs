//! Turns an official CosyVoice3 checkpoint into a model directory of `cosyvoice3src`, without Python or PyTorch.
//!
//! [`Checkpoint`](checkpoint::Checkpoint) reads one `torch.save` file tensor by tensor; the modules beside it write one
//! component of the model directory each, and [`convert`](convert::convert) joins them.

pub mod checkpoint;
pub mod convert;
pub mod directory;
pub mod front_end;
pub mod gguf;
pub mod import;
pub mod npu;
pub mod onnx;
pub mod progress;
pub mod random;
pub mod voices;
pub mod weights;
