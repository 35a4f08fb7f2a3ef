//! The flow model and the HiFT decoder as ONNX files.
//!
//! Each graph has a function that describes it from the checkpoint's tensor shapes; the weights themselves are read one
//! by one while [`Model::write_to`] writes the file. Arithmetic is f32 whatever type the weights are stored in, but for the
//! estimator where [`BlockArithmetic`] asks for integers.
//!
//! The CPU graphs use operators that ONNX Runtime has beyond the standard where they are faster; the fixed-shape graphs,
//! which other tools compile for an NPU, keep to standard operators.

mod estimator;
mod flow_encoder;
mod front_end;
mod graph;
mod hift;
mod int8;
mod layers;
mod memory;
mod model;
mod proto;
mod weight_norm;

pub(crate) use estimator::{BLOCKS, ESTIMATOR};
pub use estimator::{BlockArithmetic, flow_estimator, flow_estimator_fixed};
pub use flow_encoder::{flow_encoder, flow_encoder_fixed};
pub use front_end::{FrontEndSize, random_speaker_encoder, random_speech_tokenizer};
pub use hift::hift;
pub use model::Model;
