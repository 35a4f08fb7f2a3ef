//! The command line.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};

/// What `--help` prints.
pub const HELP: &str = "\
Serves a camera's picture with spoken announcements by RTSP.

    cosyvoice3-announcer [OPTION VALUE]...

  --rtsp ADDRESS:PORT   where RTSP clients connect; rtsp://ADDRESS:PORT/camera has picture and sound,
                        rtsp://ADDRESS:PORT/speech the sound alone (127.0.0.1:8554)
  --http ADDRESS:PORT   where texts are taken by HTTP, see below (nowhere)
  --camera URI          the picture: the rtsp:// of a camera, which is passed on as it is, any other URI, which is
                        encoded anew, \"test\" for a test picture, \"none\" for sound alone (test)
  --camera-codec NAME   what an rtsp:// camera sends: h264, h265, jpeg (h264)
  --codec NAME          of the sound: pcmu, pcma, opus, l16 (pcmu)
  --speech PROPERTIES   further properties of cosyvoice3src, such as \"voice=anna speed=1.2\"

Each line of the standard input is an announcement. So is the body of a POST:

    curl --data-binary 'The train leaves in five minutes.' http://127.0.0.1:8080/say
    curl --data-binary 'Fire alarm!' 'http://127.0.0.1:8080/say?priority=5&interrupt=now'

/say answers with the announcement's number and takes the fields of the element's signal say-full: voice, instruct,
priority, interrupt. POST /cancel?id=NUMBER and POST /cancel-all take announcements back.

Nobody is asked for a password: addresses other than 127.0.0.1 are for networks where everybody may listen and speak.";

/// What is served, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub rtsp: SocketAddr,
    pub http: Option<SocketAddr>,
    pub camera: Camera,
    pub codec: Codec,
    /// Properties of `cosyvoice3src`, as on a command line.
    pub speech: String,
}

/// Where the picture comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Camera {
    None,
    Test,
    Rtsp { uri: String, codec: CameraCodec },
    Uri(String),
}

/// What a camera sends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CameraCodec {
    H264,
    H265,
    Jpeg,
}

/// What the sound is sent as.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Codec {
    Pcmu,
    Pcma,
    Opus,
    L16,
}

impl Options {
    /// The options of a command line without the program's name; `None` where help is wanted.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut options = Self {
            rtsp: "127.0.0.1:8554".parse()?,
            http: None,
            camera: Camera::Test,
            codec: Codec::Pcmu,
            speech: String::new(),
        };
        let mut camera_codec = CameraCodec::H264;
        while let Some(option) = words.next() {
            if option == "--help" || option == "-h" {
                return Ok(None);
            }
            let value = words
                .next()
                .with_context(|| format!("{option} needs a value"))?;
            let address = || {
                value.parse().with_context(|| {
                    format!("{option} takes a numeric address and a port, not {value:?}")
                })
            };
            match option.as_str() {
                "--rtsp" => options.rtsp = address()?,
                "--http" => options.http = Some(address()?),
                "--camera" => options.camera = camera(&value)?,
                "--camera-codec" => {
                    camera_codec = match value.as_str() {
                        "h264" => CameraCodec::H264,
                        "h265" => CameraCodec::H265,
                        "jpeg" => CameraCodec::Jpeg,
                        _ => bail!("{option} is h264, h265 or jpeg, not {value:?}"),
                    }
                }
                "--codec" => {
                    options.codec = match value.as_str() {
                        "pcmu" => Codec::Pcmu,
                        "pcma" => Codec::Pcma,
                        "opus" => Codec::Opus,
                        "l16" => Codec::L16,
                        _ => bail!("{option} is pcmu, pcma, opus or l16, not {value:?}"),
                    }
                }
                "--speech" => options.speech = value,
                _ => bail!("there is no option {option}"),
            }
        }
        if let Camera::Rtsp { codec, .. } = &mut options.camera {
            *codec = camera_codec;
        }
        Ok(Some(options))
    }
}

fn camera(value: &str) -> Result<Camera> {
    // It becomes a word of a pipeline's description.
    if value.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'\\!".contains(c)) {
        bail!("--camera {value:?}: write blanks, quotes, backslashes and ! as %20 and the like");
    }
    Ok(match value {
        "none" => Camera::None,
        "test" => Camera::Test,
        _ if value.starts_with("rtsp://") || value.starts_with("rtsps://") => Camera::Rtsp {
            uri: value.into(),
            codec: CameraCodec::H264,
        },
        _ if value.contains("://") => Camera::Uri(value.into()),
        _ => bail!("--camera is a URI, \"test\" or \"none\", not {value:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Option<Options>> {
        Options::read(words.split_whitespace().map(String::from))
    }

    #[test]
    fn nothing_is_open_to_the_network_unless_asked_for() {
        let options = read("").unwrap().unwrap();
        assert!(options.rtsp.ip().is_loopback());
        assert_eq!(options.http, None);
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
            assert_eq!(read(words).unwrap().unwrap().camera, wanted);
        }
    }

    #[test]
    fn a_wrong_option_is_named_with_what_it_takes() {
        for (words, part) in [
            ("--codec mp3", "pcmu, pcma, opus or l16, not \"mp3\""),
            ("--rtsp 8554", "a numeric address and a port"),
            ("--camera video0", "a URI"),
            ("--camera rtsp://x!fakesink", "%20"),
            ("--listen x", "no option --listen"),
            ("--http", "needs a value"),
        ] {
            let error = format!("{:#}", read(words).unwrap_err());
            assert!(error.contains(part), "{words}: {error}");
        }
    }
}
