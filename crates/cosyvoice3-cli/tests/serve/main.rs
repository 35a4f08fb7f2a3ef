//! `cosyvoice3 serve` in a process of its own, and its clients. With the feature `rtsp`, RTSP clients hear each announcement,
//! complete and in order.
#![allow(missing_docs)]

#[cfg(feature = "rtsp")]
use test_support::{hearing, launch, listener, models::long, place::new_dir, speech};
use test_support::{models::tiny, optional::not_checked, place::PATIENCE, root};

#[cfg(feature = "rtsp")]
mod announcements;
mod balanced;
#[cfg(feature = "rtsp")]
mod camera;
#[cfg(feature = "rtsp")]
mod clients;
mod clients_of_openai;
#[cfg(feature = "rtsp")]
mod crowd;
mod events;
mod http;
mod metrics;
mod network;
mod openai;
mod page;
mod privacy;
mod process;
mod request;
mod screen_reader;
#[cfg(feature = "rtsp")]
mod secrets;
mod server;
mod service;
mod shares;
#[cfg(feature = "rtsp")]
mod strained;
mod voices;
mod wyoming;
