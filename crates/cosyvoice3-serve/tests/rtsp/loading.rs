//! The element in the pipeline of an RTSP server, while models load.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::{Arc, Mutex, Once},
    thread,
    time::{Duration, Instant},
};

use gst::glib;
use gst_rtsp_server::{RTSPMediaFactory, RTSPServer, prelude::*};

use crate::{
    hearing::{find, without_a_hole},
    launch::plugin_dir,
    listener::Listener,
    long, new_dir,
    slow_file::SlowFile,
    speech::{PROPERTIES, telephone},
    tiny,
};

/// GStreamer with the plugin's file, and its main loop.
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().expect("GStreamer starts");
        gst::Plugin::load_file(plugin_dir().join("libgstcosyvoice3.so")).expect("the plugin loads");
        thread::spawn(|| glib::MainLoop::new(None, false).run());
    });
}

/// A copy of the tiny model in `dir` that shares the voices.
fn copy_of_the_model(dir: &Path) {
    for entry in fs::read_dir(tiny()).unwrap() {
        let entry = entry.unwrap();
        let there = dir.join(entry.file_name());
        match entry.path().is_file() {
            true => drop(fs::copy(entry.path(), there).unwrap()),
            false => symlink(entry.path().canonicalize().unwrap(), there).unwrap(),
        }
    }
}

#[test]
fn a_client_connects_while_models_load_and_hears_silence_and_then_speech() {
    init();
    let [wanted] = telephone(["Да."]);
    let loading = Duration::from_secs(if long() { 30 } else { 4 });
    let dir = new_dir("slow-model");
    copy_of_the_model(&dir);
    let server = RTSPServer::new();
    server.set_address("127.0.0.1");
    server.set_service("0");
    let factory = RTSPMediaFactory::new();
    factory.set_launch(&format!(
        "( cosyvoice3src name=speech is-live=true buffer-duration=20000000 model-path={} text=Да. {PROPERTIES} \
         ! audioconvert dithering=none ! audioresample ! mulawenc \
         ! rtppcmupay min-ptime=20000000 max-ptime=20000000 name=pay0 )",
        dir.display()
    ));
    // READY looks at each file; what opens them after it is the loading.
    let slow = Arc::new(Mutex::new(None));
    let (slowing, file) = (slow.clone(), dir.join("tokenizer.json"));
    factory.connect_media_configure(move |_, media| {
        let bin = media.element().downcast::<gst::Bin>().unwrap();
        let speech = bin.by_name("speech").expect("it is in the description");
        speech
            .set_state(gst::State::Ready)
            .expect("the model is there");
        *slowing.lock().unwrap() = Some(SlowFile::new(&file));
    });
    server
        .mount_points()
        .unwrap()
        .add_factory("/speech", factory);
    server.attach(None).unwrap();
    let uri = format!("rtsp://127.0.0.1:{}/speech", server.bound_port());

    let began = Instant::now();
    let listener = Listener::new(&uri);
    listener.wait_for(1);
    let connected = began.elapsed();
    println!("connected and hearing after {connected:.2?} (the limit is 2 s)");
    assert!(connected < Duration::from_secs(20));
    listener.wait_for(50 * loading.as_secs() as usize);
    let (_, packets) = listener.heard();
    // The first packet waited until the client played.
    let silence = without_a_hole(&packets[1..]);
    assert!(
        silence.iter().all(|sample| *sample == 0.0),
        "models are not loaded yet"
    );
    assert!(slow.lock().unwrap().take().is_some());
    let (start, likeness) = loop {
        listener.wait_for(listener.count() + 25);
        let (_, packets) = listener.heard();
        if let Some(found) = find(&wanted, &without_a_hole(&packets[1..]), silence.len() - 800) {
            break found;
        }
    };
    println!(
        "speech after {:.2} s of the stream, likeness {likeness:.5}",
        start as f64 / 8000.0
    );
    assert!(likeness > 0.99, "{likeness}");
    fs::remove_dir_all(dir).unwrap();
}
