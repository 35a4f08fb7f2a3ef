//! Options of RTSP and of the camera's picture.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::{log::log, secret};

/// Environment variable with the camera's address.
const CAMERA_VARIABLE: &str = "COSYVOICE3_CAMERA";
/// systemd's directory of a service's credentials, and the name of the camera's address in it.
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
const CREDENTIAL: &str = "camera";

/// Streams that are served by RTSP.
#[derive(Args, Debug)]
#[command(next_help_heading = "RTSP")]
pub struct RtspArguments {
    /// Address for RTSP clients: rtsp://ADDRESS:PORT/camera has the camera's picture and the announcements,
    /// rtsp://ADDRESS:PORT/speech the sound alone
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:8554")]
    pub rtsp: Option<SocketAddr>,
    /// The picture: the rtsp:// of a camera, which is passed on as it is, any other URI, which is encoded anew, "test" for a
    /// test picture, "none" for sound alone. An address with a password belongs into --camera-file, into the variable
    /// COSYVOICE3_CAMERA, or into systemd's credential "camera" [default: test]
    #[arg(long, value_name = "URI", conflicts_with = "camera_file")]
    camera: Option<String>,
    /// A file with the camera's address in its first line
    #[arg(long, value_name = "FILE")]
    camera_file: Option<PathBuf>,
    /// Encoding of an rtsp:// camera's picture
    #[arg(long, value_name = "NAME", value_enum, default_value_t = CameraCodec::H264)]
    camera_codec: CameraCodec,
    /// Encoding of the sound
    #[arg(long, value_name = "NAME", value_enum, default_value_t = Codec::Pcmu)]
    pub codec: Codec,
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

impl RtspArguments {
    /// The camera: from the command line, else the environment, else the service's credentials.
    ///
    /// # Errors
    /// The file cannot be read, or its address is none; no message holds a password.
    pub fn camera(&self) -> Result<Camera> {
        let address = self.camera_address(|name| std::env::var(name).ok())?;
        camera(&address, self.camera_codec)
    }

    fn camera_address(&self, variable: impl Fn(&str) -> Option<String>) -> Result<String> {
        if let Some(address) = &self.camera {
            if secret::has_secret(address) {
                log!(
                    "warning: every user of this machine can read the password in --camera: use --camera-file FILE instead"
                );
            }
            return Ok(address.clone());
        }
        if let Some(file) = &self.camera_file {
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
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        rtsp: RtspArguments,
    }

    fn read(words: &str) -> RtspArguments {
        let words = std::iter::once("serve").chain(words.split_whitespace());
        Program::try_parse_from(words).unwrap().rtsp
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
            assert_eq!(read(words).camera().unwrap(), wanted);
        }
    }

    #[test]
    fn a_camera_that_cannot_be_is_named_without_its_password() {
        for (words, part) in [
            ("--camera video0", "a URI"),
            ("--camera admin:geheim@camera", "a URI"),
            ("--camera-file /nowhere/at/all", "/nowhere/at/all"),
        ] {
            let error = format!("{:#}", read(words).camera().unwrap_err());
            assert!(error.contains(part) && !error.contains("geheim"), "{error}");
        }
    }

    #[test]
    fn the_camera_comes_from_the_environment_where_the_command_line_has_none() {
        let from = |name: &'static str, value: &'static str| {
            let variable = move |wanted: &str| (wanted == name).then(|| value.to_string());
            read("").camera_address(variable).unwrap()
        };
        assert_eq!(from(CAMERA_VARIABLE, "file:///a.mp4"), "file:///a.mp4");
        // A service without the credential has the test picture.
        assert_eq!(from(CREDENTIALS_VARIABLE, "/nowhere"), "test");
    }
}
