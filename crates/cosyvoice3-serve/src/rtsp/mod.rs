//! The RTSP server.

mod clients;
mod listener;
mod streams;

use std::net::TcpListener;

use anyhow::{Context, Result};
use gst_rtsp_server::{RTSPServer, prelude::*};

use crate::{
    announcements::Speech,
    camera::Camera,
    options::{Limits, RtspArguments},
    print,
};

/// Serves until the program ends, if an address is given: in the default main context and threads of GStreamer.
pub fn serve(options: &RtspArguments, limits: &Limits, speech: &Speech) -> Result<()> {
    let Some(address) = options.rtsp else {
        return Ok(());
    };
    let server = RTSPServer::new();
    let mounts = server.mount_points().context("a server has mount points")?;
    let mut paths = vec!["/speech"];
    mounts.add_factory("/speech", streams::speech(options.codec, speech));
    if let Some(camera) = Camera::start(&options.camera()?)? {
        mounts.add_factory("/camera", streams::camera(options.codec, speech, &camera));
        paths.insert(0, "/camera");
    }
    let listening = || format!("listening at {address}");
    let socket = TcpListener::bind(address).with_context(listening)?;
    let address = socket.local_addr().with_context(listening)?;
    listener::attach(socket, clients::Clients::new(server, limits)?).with_context(listening)?;
    for path in paths {
        print(&format!("rtsp://{address}{path}"));
    }
    Ok(())
}
