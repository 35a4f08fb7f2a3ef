//! Turns an official CosyVoice3 checkpoint into a model directory of `cosyvoice3src`, without Python or PyTorch.
//!
//! [`Checkpoint`](checkpoint::Checkpoint) reads one `torch.save` file tensor by tensor; the modules beside it write one
//! component of the model directory each, and [`convert`](convert::convert) joins them.

pub mod axera;
mod body;
pub mod card;
pub mod check;
pub mod checkpoint;
pub mod convert;
pub mod directory;
pub mod front_end;
pub mod gguf;
pub mod import;
pub mod inspect;
pub mod lm;
pub mod npu;
mod npy;
pub mod onnx;
pub mod output;
mod pickle;
pub mod progress;
pub mod quantize;
pub mod random;
pub mod recipe;
pub mod source;
pub mod tables;
pub mod times;
pub mod tokenizer;
mod torch_file;
pub mod voices;
pub mod weights;
