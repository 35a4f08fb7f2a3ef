//! The command line.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};

use crate::{log::log, secret};

/// Environment variable with the camera's address.
const CAMERA_VARIABLE: &str = "COSYVOICE3_CAMERA";
/// systemd's directory of a service's credentials, and the name of the camera's address in it.
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
const CREDENTIAL: &str = "camera";

const MORE: &str = "\
Each line of the standard input is an announcement, up to 64 KiB. So is the body of a POST:

    curl --data-binary 'The train leaves in five minutes.' http://127.0.0.1:8080/say
    curl --data-binary 'Fire alarm!' 'http://127.0.0.1:8080/say?priority=5&interrupt=now'
    curl --json '{\"text\": \"Fire alarm!\", \"priority\": 5}' http://127.0.0.1:8080/say

/say answers with the announcement's number and takes the fields of the element's signal say-full: voice, instruct,
priority, interrupt. POST /cancel?id=NUMBER and POST /cancel-all take announcements back.

The camera's address may hold a password, and every user of a machine can read command lines: write it into a file of
mode 640 for --camera-file, or into the variable COSYVOICE3_CAMERA. A service takes it from its systemd credential
\"camera\".

Limits: 512 RTSP connections, 256 of one address; 256 HTTP connections, 64 of one address; 10 s and 64 KiB for a
request. When they are used up, the oldest connection goes that does not play, or whose request is not complete.

Clients are not asked for a password: addresses other than 127.0.0.1 are for networks where everybody may listen and
speak.";

/// Serves a camera's picture with spoken announcements by RTSP.
#[derive(Parser, Debug)]
#[command(name = "cosyvoice3-announcer", version, after_help = MORE)]
struct Arguments {
    /// Address for RTSP clients: rtsp://ADDRESS:PORT/camera has picture and sound, rtsp://ADDRESS:PORT/speech the
    /// sound alone
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8554")]
    rtsp: SocketAddr,
    /// Address for texts by HTTP, see below; nowhere without it
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<SocketAddr>,
    /// The picture: the rtsp:// of a camera, which is passed on as it is, any other URI, which is encoded anew, "test"
    /// for a test picture, "none" for sound alone [default: test]
    #[arg(long, value_name = "URI", conflicts_with = "camera_file")]
    camera: Option<String>,
    /// A file with the camera's address in its first line, for an address with a password
    #[arg(long, value_name = "FILE")]
    camera_file: Option<PathBuf>,
    /// Encoding of an rtsp:// camera's picture
    #[arg(long, value_name = "NAME", value_enum, default_value_t = CameraCodec::H264)]
    camera_codec: CameraCodec,
    /// Encoding of the sound
    #[arg(long, value_name = "NAME", value_enum, default_value_t = Codec::Pcmu)]
    codec: Codec,
    /// Further properties of cosyvoice3src, such as "voice=ru_female speed=1.2"
    #[arg(
        long,
        value_name = "PROPERTIES",
        default_value = "",
        hide_default_value = true
    )]
    speech: String,
}

/// Streams that are served, and their addresses.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub rtsp: SocketAddr,
    pub http: Option<SocketAddr>,
    pub camera: Camera,
    pub codec: Codec,
    /// Properties of `cosyvoice3src`, as on a command line.
    pub speech: String,
}

/// Source of the picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Camera {
    None,
    Test,
    Rtsp { uri: String, codec: CameraCodec },
    Uri(String),
}

/// Encoding of a camera's picture.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum CameraCodec {
    H264,
    H265,
    Jpeg,
}

/// Encoding of the sound.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum Codec {
    Pcmu,
    Pcma,
    Opus,
    L16,
}

/// Reason for which no options came out of a command line.
#[derive(Debug)]
pub enum Stop {
    /// Help or version were asked for.
    Shown(String),
    /// The command line is wrong; holds no password.
    Wrong(String),
}

impl Options {
    /// The options of a command line that begins with the program's name.
    ///
    /// `variable` looks up an environment variable.
    pub fn read(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Stop> {
        let arguments = Arguments::try_parse_from(words).map_err(|error| {
            // An address may stand where none is expected, and clap quotes what it does not expect.
            let words = secret::redact(&error.to_string()).into_owned();
            match error.use_stderr() {
                true => Stop::Wrong(words),
                false => Stop::Shown(words),
            }
        })?;
        let camera = camera_address(&arguments, variable)
            .and_then(|address| camera(&address, arguments.camera_codec))
            .map_err(|error| Stop::Wrong(secret::redact(&format!("error: {error:#}")).into()))?;
        Ok(Self {
            rtsp: arguments.rtsp,
            http: arguments.http,
            camera,
            codec: arguments.codec,
            speech: arguments.speech,
        })
    }
}

/// The camera's address: from the command line, else the environment, else the service's credentials.
fn camera_address(
    arguments: &Arguments,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String> {
    if let Some(address) = &arguments.camera {
        if secret::has_secret(address) {
            log!(
                "warning: every user of this machine can read the password in --camera: use --camera-file FILE instead"
            );
        }
        return Ok(address.clone());
    }
    if let Some(file) = &arguments.camera_file {
        return secret::camera_address(file);
    }
    if let Some(address) = variable(CAMERA_VARIABLE).filter(|address| !address.is_empty()) {
        return Ok(address);
    }
    let credential = variable(CREDENTIALS_VARIABLE).map(|dir| Path::new(&dir).join(CREDENTIAL));
    match credential.filter(|file| file.exists()) {
        Some(file) => secret::camera_address(&file),
        None => Ok("test".into()),
    }
}

fn camera(address: &str, codec: CameraCodec) -> Result<Camera> {
    secret::remember(address);
    Ok(match address {
        "none" => Camera::None,
        "test" => Camera::Test,
        _ if address.starts_with("rtsp://") || address.starts_with("rtsps://") => Camera::Rtsp {
            uri: address.into(),
            codec,
        },
        _ if address.contains("://") => Camera::Uri(address.into()),
        // Not quoted: it may be a password that went astray.
        _ => bail!("the camera's address is a URI (rtsp://...), \"test\" or \"none\""),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Options, Stop> {
        let words = words.split_whitespace().map(String::from);
        Options::read(
            std::iter::once("announcer".to_string()).chain(words),
            |_| None,
        )
    }

    #[test]
    fn nothing_is_open_to_the_network_unless_asked_for() {
        let options = read("").unwrap();
        assert!(options.rtsp.ip().is_loopback());
        assert_eq!(options.http, None);
        assert_eq!(options.camera, Camera::Test);
    }

    #[test]
    fn the_order_of_camera_and_its_codec_does_not_matter() {
        let wanted = Camera::Rtsp {
            uri: "rtsp://camera/1".into(),
            codec: CameraCodec::H265,
        };
        for words in [
            "--camera rtsp://camera/1 --camera-codec h265",
            "--camera-codec h265 --camera rtsp://camera/1",
        ] {
            assert_eq!(read(words).unwrap().camera, wanted);
        }
    }

    #[test]
    fn a_wrong_option_is_named_with_what_it_takes() {
        for (words, part) in [
            ("--codec mp3", "pcmu, pcma, opus, l16"),
            ("--rtsp 8554", "--rtsp <ADDRESS:PORT>"),
            ("--camera video0", "a URI"),
            ("--listen x", "--listen"),
            ("--http", "--http <ADDRESS:PORT>"),
            ("--camera none --camera-file x", "cannot be used with"),
            ("--camera-file /nowhere/at/all", "/nowhere/at/all"),
        ] {
            match read(words) {
                Err(Stop::Wrong(error)) => assert!(error.contains(part), "{words}: {error}"),
                other => panic!("{words}: {other:?}"),
            }
        }
    }

    #[test]
    fn no_usage_error_shows_a_password() {
        for words in [
            "rtsp://admin:geheim@camera/1",
            "--camera rtsp://admin:geheim@camera/1 --codec rtsp://admin:geheim@camera/1",
            "--rtsp rtsp://admin:geheim@camera/1",
            "--camera admin:geheim@camera",
        ] {
            match read(words) {
                Err(Stop::Wrong(error)) => assert!(!error.contains("geheim"), "{words}: {error}"),
                other => panic!("{words}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_camera_comes_from_the_environment_where_the_command_line_has_none() {
        let from = |name: &'static str, value: &'static str| {
            Options::read(["announcer"], move |wanted| {
                (wanted == name).then(|| value.to_string())
            })
        };
        let camera = from(CAMERA_VARIABLE, "file:///a.mp4").unwrap().camera;
        assert_eq!(camera, Camera::Uri("file:///a.mp4".into()));
        // A service without the credential has the test picture.
        let camera = from(CREDENTIALS_VARIABLE, "/nowhere").unwrap().camera;
        assert_eq!(camera, Camera::Test);
    }
}
