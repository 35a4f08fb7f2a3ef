//! Passwords of cameras are neither in the process list nor in the log.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{
    listener::Listener,
    new_dir,
    process::command_line,
    server::{Server, command},
};

/// A file with an address, readable by its owner and group alone.
fn camera_file(dir: &Path, address: &str) -> PathBuf {
    let file = dir.join("camera");
    fs::write(&file, format!("# the yard\n{address}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    file
}

#[test]
fn the_password_of_a_camera_in_a_file_is_shown_nowhere() {
    let dir = new_dir("camera");
    let file = camera_file(&dir, "rtsp://admin:geheim@127.0.0.1:1/1");
    let named = |server: &mut std::process::Command| {
        server.arg("--camera-file").arg(&file);
    };
    let credential = |server: &mut std::process::Command| {
        server.env("CREDENTIALS_DIRECTORY", &dir);
    };
    let variable = |server: &mut std::process::Command| {
        server.env("COSYVOICE3_CAMERA", "rtsp://admin:geheim@127.0.0.1:1/1");
    };
    let ways: [&dyn Fn(&mut std::process::Command); 3] = [&named, &credential, &variable];
    for way in ways {
        let mut command = command();
        way(&mut command);
        let server = Server::start(&mut command);
        assert!(!command_line(server.pid()).contains("geheim"));
        let listener = Listener::new(server.uri("/camera"));
        listener.wait_for(1);
        let lost = server.wait_for_start("camera lost");
        let lines = [vec![lost], server.lines()].concat();
        assert!(
            !lines.iter().any(|line| line.contains("geheim")),
            "{lines:?}"
        );
        assert!(server.end());
    }
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_password_that_others_may_read_is_a_warning() {
    let dir = new_dir("camera");
    let file = camera_file(&dir, "rtsp://admin:geheim@127.0.0.1:1/1");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let server = Server::start(command().arg("--camera-file").arg(&file));
    server.wait_for_start("warning: every user of this machine may read the camera's address");
    assert!(server.end());
    let server = Server::new(&["--camera", "rtsp://admin:geheim@127.0.0.1:1/1"]);
    let line = server.wait_for_start("warning: every user of this machine can read");
    assert!(line.contains("--camera-file"), "{line}");
    assert!(server.end());
    fs::remove_dir_all(dir).unwrap();
}
