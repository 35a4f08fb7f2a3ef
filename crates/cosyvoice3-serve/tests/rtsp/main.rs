//! The element in RTSP servers of the tests, and the script that speaks through an IP camera's loudspeaker.
#![allow(missing_docs)]

use test_support::{hearing, launch};

#[path = "../../../cosyvoice3-cli/tests/serve/listener.rs"]
mod listener;
#[path = "../../../cosyvoice3-cli/tests/serve/place.rs"]
mod place;
#[path = "../../../cosyvoice3-cli/tests/serve/speech.rs"]
mod speech;

mod loading;
mod loudspeaker;
mod slow_file;

use place::{PATIENCE, long, new_dir, root, tiny};
