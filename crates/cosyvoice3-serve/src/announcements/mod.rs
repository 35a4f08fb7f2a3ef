//! Announcements: one pipeline that speaks, and those who hear it.

mod chimes;
mod effects;
mod events;
mod lines;
mod listeners;
mod pipeline;
mod play;

pub use effects::Effect;
pub use events::{Counts, Events, PROGRESS};
pub use lines::read as read_lines;
#[cfg(feature = "rtsp")]
pub use listeners::{Listeners, clock_time};
pub use pipeline::{Pipeline, Speech, Watch};
