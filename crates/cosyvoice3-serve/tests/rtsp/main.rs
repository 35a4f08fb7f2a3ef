//! The element in RTSP servers of the tests, and the script that speaks through an IP camera's loudspeaker.
#![allow(missing_docs)]

use test_support::{
    hearing, launch, listener,
    models::{long, tiny},
    place::{PATIENCE, new_dir},
    root, speech,
};

mod loading;
mod loudspeaker;
mod slow_file;
