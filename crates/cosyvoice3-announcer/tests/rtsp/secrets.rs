//! Passwords of cameras are neither in the process list nor in the log.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{
    announcer::{Announcer, command},
    listener::Listener,
    new_dir,
    process::command_line,
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
    let named = |announcer: &mut std::process::Command| {
        announcer.arg("--camera-file").arg(&file);
    };
    let credential = |announcer: &mut std::process::Command| {
        announcer.env("CREDENTIALS_DIRECTORY", &dir);
    };
    let variable = |announcer: &mut std::process::Command| {
        announcer.env("COSYVOICE3_CAMERA", "rtsp://admin:geheim@127.0.0.1:1/1");
    };
    let ways: [&dyn Fn(&mut std::process::Command); 3] = [&named, &credential, &variable];
    for way in ways {
        let mut command = command();
        way(&mut command);
        let announcer = Announcer::start(&mut command);
        assert!(!command_line(announcer.pid()).contains("geheim"));
        let listener = Listener::new(announcer.uri("/camera"));
        listener.wait_for(1);
        let lost = announcer.wait_for_start("camera lost");
        let lines = [vec![lost], announcer.lines()].concat();
        assert!(
            !lines.iter().any(|line| line.contains("geheim")),
            "{lines:?}"
        );
        assert!(announcer.end());
    }
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_password_that_others_may_read_is_a_warning() {
    let dir = new_dir("camera");
    let file = camera_file(&dir, "rtsp://admin:geheim@127.0.0.1:1/1");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let announcer = Announcer::start(command().arg("--camera-file").arg(&file));
    announcer.wait_for_start("warning: every user of this machine may read the camera's password");
    assert!(announcer.end());
    let announcer = Announcer::new(&["--camera", "rtsp://admin:geheim@127.0.0.1:1/1"]);
    let line = announcer.wait_for_start("warning: every user of this machine can read");
    assert!(line.contains("--camera-file"), "{line}");
    assert!(announcer.end());
    fs::remove_dir_all(dir).unwrap();
}
