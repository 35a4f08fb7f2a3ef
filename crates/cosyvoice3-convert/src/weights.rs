//! How weights are stored in the files we write.

/// Type in which a component's weights are stored; arithmetic is f32 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum WeightType {
    /// IEEE single precision.
    #[default]
    F32,
    /// IEEE half precision.
    F16,
}
