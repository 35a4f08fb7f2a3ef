//! The RTSP server.

mod clients;
mod listener;
mod streams;

use std::net::TcpListener;

use anyhow::{Context, Result};
use gst_rtsp_server::{RTSPServer, prelude::*};

use crate::{camera::Camera, options::Options, print, speech::Speech};

/// Serves until the program ends, in the default main context and threads of GStreamer.
pub fn serve(options: &Options, speech: &Speech) -> Result<()> {
    let server = RTSPServer::new();
    let mounts = server.mount_points().context("a server has mount points")?;
    let mut paths = vec!["/speech"];
    mounts.add_factory("/speech", streams::speech(options.codec, speech));
    if let Some(camera) = Camera::start(&options.camera)? {
        mounts.add_factory("/camera", streams::camera(options.codec, speech, &camera));
        paths.insert(0, "/camera");
    }
    let listening = || format!("listening at {}", options.rtsp);
    let socket = TcpListener::bind(options.rtsp).with_context(listening)?;
    let address = socket.local_addr().with_context(listening)?;
    listener::attach(socket, clients::Clients::new(server)?).with_context(listening)?;
    for path in paths {
        print(&format!("rtsp://{address}{path}"));
    }
    Ok(())
}
