//! Model directories: what they hold, whether it is whole, and the models loaded from them.

pub mod manifest;
