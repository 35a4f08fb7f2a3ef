//! `pipelines/onvif.py` and an IP camera, which is GStreamer's ONVIF server.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::Command,
    sync::{Arc, Mutex},
};

use gst::prelude::*;
use gst_app::{AppSink, AppSinkCallbacks};
use gst_rtsp_server::{
    RTSPAuth, RTSPMediaFactory, RTSPOnvifMedia, RTSPOnvifMediaFactory, RTSPOnvifServer, RTSPServer,
    RTSPToken, prelude::*,
};

use crate::{
    PATIENCE,
    hearing::{Packet, find, without_a_hole},
    launch::plugin_dir,
    loading::init,
    new_dir, root,
    speech::{PROPERTIES, telephone},
    tiny,
};

/// Lets `server` serve what `factory` makes, on this machine only; its address.
fn serve(server: &impl IsA<RTSPServer>, factory: impl IsA<RTSPMediaFactory>) -> String {
    server.set_address("127.0.0.1");
    server.set_service("0");
    server
        .mount_points()
        .unwrap()
        .add_factory("/camera", factory);
    server.attach(None).unwrap();
    format!("rtsp://127.0.0.1:{}/camera", server.bound_port())
}

/// A camera with a loudspeaker that writes down what it gets; its address.
fn camera(heard: Arc<Mutex<Vec<Packet>>>) -> (RTSPOnvifServer, String) {
    let server = RTSPOnvifServer::new();
    let uri = serve(&server, loudspeaker(heard));
    (server, uri)
}

fn loudspeaker(heard: Arc<Mutex<Vec<Packet>>>) -> RTSPOnvifMediaFactory {
    init();
    let factory = RTSPOnvifMediaFactory::new();
    factory.set_launch(
        "( videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=5/1 \
         ! jpegenc ! rtpjpegpay name=pay0 pt=26 )",
    );
    factory.set_backchannel_launch(Some(
        "( capsfilter name=depay_backchannel \
         caps=application/x-rtp,media=audio,payload=0,clock-rate=8000,encoding-name=PCMU \
         ! appsink name=loudspeaker async=false sync=false )",
    ));
    factory.set_media_gtype(RTSPOnvifMedia::static_type());
    factory.connect_media_configure(move |_, media| {
        let bin = media.element().downcast::<gst::Bin>().unwrap();
        let sink = bin
            .by_name("loudspeaker")
            .expect("it is in the description");
        let heard = heard.clone();
        sink.downcast::<AppSink>().unwrap().set_callbacks(
            AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    let buffer = sample.buffer().ok_or(gst::FlowError::Error)?;
                    let bytes = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
                    heard.lock().unwrap().push(Packet::parse(&bytes));
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
    });
    factory
}

/// The script under a watchdog: exit code 124 if it hangs.
fn onvif(arguments: &[&str]) -> Command {
    let plugins = plugin_dir();
    let mut command = Command::new("timeout");
    command
        .arg(PATIENCE.as_secs().to_string())
        .arg(root().join("pipelines/onvif.py"))
        .args(arguments)
        .env("COSYVOICE3_MODEL_PATH", tiny())
        .env("GST_PLUGIN_PATH", &plugins)
        .env("GST_REGISTRY", plugins.join("registry.bin"))
        .env("PROPERTIES", PROPERTIES)
        .env_remove("CAMERA_CREDENTIALS");
    command
}

#[test]
fn the_loudspeaker_of_a_camera_gets_the_announcement_complete() {
    let [wanted] = telephone(["Да."]);
    let heard = Arc::default();
    let (_server, uri) = camera(Arc::clone(&heard));
    let output = onvif(&[&uri, "Да."]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    assert_eq!(words, "");
    let packets = heard.lock().unwrap();
    assert!(packets.iter().all(|packet| packet.payload_type == 0));
    // The resampler's beginning is a packet of its own.
    let (_, likeness) = find(&wanted, &without_a_hole(&packets[1..]), 0).expect("it is heard");
    println!(
        "{} packets without a hole, likeness {likeness:.5}",
        packets.len()
    );
    assert!(likeness > 0.99, "{likeness}");
}

#[test]
fn a_camera_gets_its_password_from_a_file_or_the_environment_and_no_message_shows_it() {
    let heard = Arc::default();
    let factory = loudspeaker(Arc::clone(&heard));
    let role = gst::Structure::builder("user")
        .field(gst_rtsp_server::RTSP_PERM_MEDIA_FACTORY_ACCESS, true)
        .field(gst_rtsp_server::RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, true)
        .build();
    factory.add_role_from_structure(&role);
    let token = RTSPToken::builder()
        .field(gst_rtsp_server::RTSP_TOKEN_MEDIA_FACTORY_ROLE, "user")
        .build();
    let auth = RTSPAuth::new();
    auth.add_basic(&RTSPAuth::make_basic("admin", "ge:heim"), &token);
    let server = RTSPOnvifServer::new();
    server.set_auth(Some(&auth));
    let uri = serve(&server, factory);

    let dir = new_dir("credentials");
    let file = dir.join("camera");
    fs::write(&file, "admin:ge:heim\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let mut with_file = onvif(&["--credentials", file.to_str().unwrap(), &uri, "Да."]);
    let mut with_variable = onvif(&[&uri, "Да."]);
    with_variable.env("CAMERA_CREDENTIALS", "admin:ge:heim");
    for command in [&mut with_file, &mut with_variable] {
        let output = command.output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}");
        assert_eq!(words, "");
    }
    assert!(!heard.lock().unwrap().is_empty());

    let wrong = uri.replace("rtsp://", "rtsp://admin:verkehrt@");
    let in_field = format!("{uri}?user=admin&password=verkehrt");
    let first_field = format!("{uri}?Password=verkehrt&channel=1");
    let blanks = wrong.replace("verkehrt", "so verkehrt");
    for arguments in [
        vec![&*wrong, "Да."],
        vec![&*wrong, "Да.", "--credential=x", "--nonsense"],
        vec!["--credentials", "admin:verkehrt", &*uri, "Да."],
        vec![&*uri, "Да.", &*blanks],
        vec![&*uri, "Да.", "admin:verkehrt@camera/1"],
        vec![&*uri, "Да.", &*wrong],
        vec![&*uri, "Да.", &*in_field],
        vec![&*uri, "Да.", &*first_field],
    ] {
        let output = onvif(&arguments).output().unwrap();
        let words = [output.stdout, output.stderr].concat();
        let words = String::from_utf8_lossy(&words);
        assert!(!output.status.success());
        assert!(!words.is_empty() && !words.contains("verkehrt"), "{words}");
    }
    // A warning quotes the text's voice.
    for address in [&wrong, &in_field.replace('&', "&amp;")] {
        let text = format!("<speak><voice name=\"{address}\">Да.</voice></speak>");
        let mut command = onvif(&[&uri, &text]);
        let output = command
            .env("CAMERA_CREDENTIALS", "admin:ge:heim")
            .env("PROPERTIES", format!("{PROPERTIES} markup=ssml"))
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        let warns = words.starts_with("warning: ") && words.contains("***");
        assert!(warns && !words.contains("verkehrt"), "{words}");
    }
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_camera_without_a_loudspeaker_is_reported() {
    // Other servers refuse the wish for a backchannel; ONVIF's may have none to offer.
    init();
    for onvif_server in [false, true] {
        let server = match onvif_server {
            true => RTSPOnvifServer::new().upcast(),
            false => RTSPServer::new(),
        };
        let factory = match onvif_server {
            true => RTSPOnvifMediaFactory::new().upcast(),
            false => RTSPMediaFactory::new(),
        };
        factory.set_launch("( audiotestsrc is-live=true ! mulawenc ! rtppcmupay name=pay0 )");
        let uri = serve(&server, factory);
        let output = onvif(&[&uri, "Да."]).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(words.contains("ONVIF backchannel"), "{words}");
    }
}

#[test]
fn a_text_of_which_nothing_can_be_said_is_one_line_and_the_next_one_is_heard() {
    let [wanted] = telephone(["Да."]);
    for input in ["?!\n", "?!\nДа.\n?!\n"] {
        let heard = Arc::default();
        let (_server, uri) = camera(Arc::clone(&heard));
        let file = new_dir("lines").join("lines.txt");
        fs::write(&file, input).unwrap();
        let mut command = onvif(&[&uri]);
        let output = command.stdin(fs::File::open(&file).unwrap()).output();
        let output = output.unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}");
        let unspeakable = input.matches("?!").count();
        assert_eq!(words.lines().count(), unspeakable, "{words}");
        for line in words.lines() {
            assert!(
                line.starts_with("warning: ") && line.contains("nothing to say"),
                "{line}"
            );
        }
        let packets = heard.lock().unwrap();
        let found = packets.len() > 1
            && find(&wanted, &without_a_hole(&packets[1..]), 0)
                .is_some_and(|(_, likeness)| likeness > 0.99);
        assert_eq!(found, input.contains("Да."), "{} packets", packets.len());
        fs::remove_dir_all(file.parent().unwrap()).unwrap();
    }
    let (_server, uri) = camera(Arc::default());
    let output = onvif(&[&uri, "?!"]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && words.lines().count() == 1,
        "{words}"
    );
}

#[test]
fn properties_for_a_camera_are_words_and_never_part_of_a_pipeline() {
    let dir = new_dir("properties");
    let file = dir.join("x");
    let fails = |uri: &str, properties: &str| {
        let mut command = onvif(&[uri, "Да."]);
        let output = command
            .env("PROPERTIES", properties)
            .current_dir(&dir)
            .output();
        let output = output.unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{properties:?}: {words}");
        assert!(!file.exists(), "{properties:?}");
        words
    };
    for (properties, part) in [
        ("speed=1 ! filesink location=x", "NAME=VALUE"),
        ("speed=1\n! filesink location=x", "NAME=VALUE"),
        ("speed=9", "0.5 to 2"),
        ("seed=7\\", "a number from"),
        ("idle=\"none\"", "none, gap, silence"),
        ("is-live=maybe", "true or false"),
        ("name=x", "no property 'name'"),
        ("stats=x", "no property 'stats'"),
    ] {
        let words = fails("rtsp://127.0.0.1:9/nobody", properties);
        assert!(words.starts_with("error: PROPERTIES: "), "{words}");
        assert!(
            words.lines().count() == 1 && words.contains(part),
            "{words}"
        );
    }
    // A string is taken as it stands.
    let (_server, uri) = camera(Arc::default());
    let words = fails(&uri, &format!("{PROPERTIES} voice=a\"b\\!"));
    assert!(
        words.contains("golden") && words.contains("a\"b\\!"),
        "{words}"
    );
    fs::remove_dir_all(dir).unwrap();
}
