//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Result, bail, ensure};
use clap::Args;

#[cfg(feature = "rtsp")]
mod rtsp;
#[cfg(feature = "rtsp")]
pub use rtsp::{Camera, CameraCodec, Codec, RtspArguments};

const MORE: &str = "\
Speech as an answer, in OpenAI's form (any of its clients: base URL http://127.0.0.1:8080/v1):

    curl --json '{\"input\": \"The train leaves in five minutes.\", \"response_format\": \"wav\"}' http://127.0.0.1:8080/v1/audio/speech >train.wav

Formats: wav, pcm (24 kHz, 16 bits), mp3, opus, flac, aac. Beyond OpenAI's fields there are language (auto, ru, en, zh), markup
(none, ssml) and seed. GET /v1/models and /v1/audio/voices list what there is; /healthz and /metrics are for supervision.

Voices of your own, where --voice-changes lets clients add them. Clone a voice only with the consent of the person it belongs to:

    curl -F name=me -F file=@rec.m4a -F 'text=Good morning! This is my voice.' http://127.0.0.1:8080/v1/audio/voices

Its fields: name, file (any sound that GStreamer decodes), text (its words), language, consent, trim=true (the best stretch of a long
recording), overwrite=true. DELETE /v1/audio/voices/me deletes it.

Announcements, where there are listeners (--play, --rtsp): each line of the standard input, up to 64 KiB, or the body of a POST:

    curl --data-binary 'Fire alarm!' 'http://127.0.0.1:8080/say?priority=5&interrupt=now'

/say answers with the announcement's number. Its fields: voice, instruct, language, markup, speed, seed, priority, interrupt,
volume (dB, -60 to 12), repeat (1 to 10 times), chime (a file of --chimes, or none).
POST /cancel?id=NUMBER and POST /cancel-all take announcements back. 16 may wait (--set max-queued=NUMBER); a further one gets status
503, or displaces the last of a lower priority.

Further limits: an event of Wyoming is a line of up to 64 KiB, with up to 256 KiB of data and a payload of up to 1 MiB; a connection of
RTSP has up to 4 sessions.

Every refusal is a JSON object as OpenAI's API has them.";

/// Serve speech to other programs: OpenAI's API, Home Assistant (Wyoming), announcements, a web page.
///
/// Models are loaded once. Nothing listens beyond this machine unless an option says so.
#[derive(Args, Debug)]
#[command(after_long_help = MORE, after_help = "More: --help")]
pub struct Arguments {
    /// Address for HTTP
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub http: SocketAddr,
    /// Address for Wyoming, the protocol of Home Assistant (its usual port is 10200)
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub wyoming: Option<SocketAddr>,
    /// Announce Wyoming in the local network by mDNS, so that Home Assistant finds it [default name: cosyvoice3 on this machine's]
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", requires = "wyoming")]
    pub zeroconf: Option<String>,
    /// Play announcements with a sink of GStreamer [default sink: autoaudiosink]
    #[arg(long, value_name = "SINK", num_args = 0..=1, default_missing_value = "autoaudiosink")]
    pub play: Option<String>,
    /// Directory with sounds that may come before announcements, up to 64 files of 10 s: /say?chime=FILE
    #[arg(long, value_name = "DIR")]
    pub chimes: Option<PathBuf>,
    /// The one before announcements that ask for none, also those of the standard input's lines
    #[arg(long, value_name = "FILE", requires = "chimes")]
    pub chime: Option<String>,
    /// Streams by RTSP.
    #[cfg(feature = "rtsp")]
    #[command(flatten)]
    pub rtsp: RtspArguments,
    /// Model directory [default: COSYVOICE3_MODEL_PATH, else the installed voice]
    #[arg(long, value_name = "DIR")]
    pub model: Option<String>,
    /// Further properties of the element cosyvoice3src, for all speech (`gst-inspect-1.0 cosyvoice3src` lists them)
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Another name for a voice, for clients that offer fixed ones: alloy=ru_female
    #[arg(long, value_name = "NAME=VOICE")]
    pub voice_alias: Vec<String>,
    /// Let HTTP clients add voices of your own, from recordings, and delete them; the model's stay as they are
    #[arg(long)]
    pub voice_changes: bool,
    /// File with keys, one a line: HTTP clients send one as `Authorization: Bearer KEY`. Needed beyond this machine
    #[arg(long, value_name = "FILE", help_heading = "Access")]
    pub api_key_file: Option<PathBuf>,
    /// Name of this machine that HTTP clients may use, beside localhost and addresses in digits
    #[arg(long, value_name = "NAME", help_heading = "Access")]
    pub host: Vec<String>,
    /// Origin of web pages that may use the server, beside its own: `https://app.example`
    #[arg(long, value_name = "ORIGIN", help_heading = "Access")]
    pub origin: Vec<String>,
    /// Let Wyoming and RTSP, which know no keys, listen beyond this machine: for networks where everybody may listen and speak
    #[arg(long, help_heading = "Access")]
    pub trust_network: bool,
    /// Bounds of everything.
    #[command(flatten)]
    pub limits: Limits,
}

/// Bounds, so that no client uses up what others need.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Requests for speech that may wait or be answered at once; a further one gets status 429
    #[arg(long, value_name = "NUMBER", default_value_t = 128, value_parser = clap::value_parser!(u16).range(1..))]
    pub max_requests: u16,
    /// Longest text of a request for speech, in characters; status 413
    #[arg(long, value_name = "NUMBER", default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(1..=32_768))]
    pub max_text: u32,
    /// Connections of HTTP, and as many of Wyoming and of RTSP; when all are in use, the oldest goes whose request is not complete, or that does not play, else the newcomer gets status 503
    #[arg(long, value_name = "NUMBER", default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..))]
    pub max_connections: u16,
    /// Those of one address (of one /64 network with IPv6)
    #[arg(long, value_name = "NUMBER", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    pub max_connections_of_one: u16,
    /// Seconds that a whole request may take to arrive; status 408. Its head may have 16 KiB (431), its body 256 KiB (413)
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub request_time: u16,
    /// Longest recording of which a client may make a voice, in MiB; status 413. One is taken at a time (429)
    #[arg(long, value_name = "MIB", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub max_recording: u16,
    /// Seconds that a recording may take to arrive; status 408. The voice may take as many to be made (503)
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub recording_time: u16,
    /// Seconds for which a client may leave an answer unread, or read less than 16 KiB of it while more waits: it is
    /// disconnected
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
    pub stall_time: u16,
}

impl Limits {
    /// Longest time for a whole request.
    pub fn request(&self) -> Duration {
        Duration::from_secs(self.request_time.into())
    }

    /// Longest recording, in bytes.
    pub fn recording(&self) -> u64 {
        u64::from(self.max_recording) << 20
    }

    /// Longest time for a recording, and for the voice that is made of it.
    pub fn recording_time(&self) -> Duration {
        Duration::from_secs(self.recording_time.into())
    }

    /// Longest time for which an answer may stay unread.
    pub fn stall(&self) -> Duration {
        Duration::from_secs(self.stall_time.into())
    }
}

impl Arguments {
    /// Refuses what would be open to everybody by mistake.
    ///
    /// # Errors
    /// An address beyond loopback without a key, or without consent where keys are unknown.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.http.ip().is_loopback() || self.api_key_file.is_some(),
            "--http {}: beyond this machine clients need a key: --api-key-file FILE, with one key in each line",
            self.http
        );
        if let (Some(name), Some(address)) = (&self.zeroconf, self.wyoming) {
            crate::wyoming::check_announcement(name, address)?;
        }
        for (option, address) in self.without_keys() {
            if !address.ip().is_loopback() && !self.trust_network {
                bail!(
                    "{option} {address}: it is served without a key; --trust-network allows it, for networks where \
                     everybody may listen and speak"
                );
            }
        }
        Ok(())
    }

    /// Addresses of protocols that know no key, by their options.
    fn without_keys(&self) -> Vec<(&'static str, SocketAddr)> {
        #[cfg(feature = "rtsp")]
        let rtsp = self.rtsp.rtsp;
        #[cfg(not(feature = "rtsp"))]
        let rtsp = None;
        [("--wyoming", self.wyoming), ("--rtsp", rtsp)]
            .into_iter()
            .filter_map(|(option, address)| Some((option, address?)))
            .collect()
    }

    /// Returns true if announcements have listeners.
    pub fn announces(&self) -> bool {
        #[cfg(feature = "rtsp")]
        let rtsp = self.rtsp.rtsp.is_some();
        #[cfg(not(feature = "rtsp"))]
        let rtsp = false;
        rtsp || self.play.is_some()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn read(words: &str) -> Arguments {
        let words = std::iter::once("serve").chain(words.split_whitespace());
        Program::try_parse_from(words).unwrap().arguments
    }

    #[test]
    fn nothing_is_open_to_the_network_unless_asked_for_and_then_only_with_a_key() {
        assert!(read("").http.ip().is_loopback());
        assert!(read("").check().is_ok() && !read("").announces());
        for words in ["--http 0.0.0.0:80", "--http [::]:80", "--http 10.0.0.1:80"] {
            let error = read(words).check().unwrap_err().to_string();
            assert!(error.contains("--api-key-file"), "{error}");
            assert!(read(&format!("{words} --api-key-file x")).check().is_ok());
        }
    }

    #[test]
    fn nothing_is_announced_in_the_network_unless_asked_for_and_only_what_is_served_there() {
        assert!(
            read("--wyoming 0.0.0.0:1 --trust-network")
                .zeroconf
                .is_none()
        );
        let words = ["serve", "--zeroconf"];
        assert!(Program::try_parse_from(words).is_err());
        let error = read("--wyoming 127.0.0.1:10200 --zeroconf").check();
        assert!(error.unwrap_err().to_string().contains("--wyoming"));
        for name in ["", " Kitchen"] {
            let words = format!("--wyoming 0.0.0.0:10200 --trust-network --zeroconf{name}");
            let arguments = read(&words);
            assert!(arguments.check().is_ok());
            assert_eq!(arguments.zeroconf.as_deref(), Some(name.trim()));
        }
    }

    #[test]
    fn what_knows_no_key_leaves_this_machine_only_with_consent() {
        #[cfg(feature = "rtsp")]
        let options = ["--wyoming", "--rtsp"];
        #[cfg(not(feature = "rtsp"))]
        let options = ["--wyoming"];
        for option in options {
            let error = read(&format!("{option} 0.0.0.0:8554")).check().unwrap_err();
            assert!(error.to_string().contains("--trust-network"), "{error}");
            assert!(
                read(&format!("{option} 0.0.0.0:8554 --trust-network"))
                    .check()
                    .is_ok()
            );
            assert!(read(&format!("{option} 127.0.0.1:8554")).check().is_ok());
        }
    }
}
