//! Turns an official CosyVoice3 checkpoint into a model directory of `cosyvoice3src`, without Python or PyTorch.
//!
//! [`Checkpoint`](checkpoint::Checkpoint) reads one `torch.save` file tensor by tensor; the modules beside it write one
//! component of the model directory each.

pub mod checkpoint;
pub mod onnx;
mod pickle;
pub mod weights;
