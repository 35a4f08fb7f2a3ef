//! `cosyvoice3 say`: the speech pipeline.

use std::{cell::RefCell, path::Path, process::ExitCode, rc::Rc};

use anyhow::{Context, Result, anyhow, ensure};
use cosyvoice3_text::is_speakable;
use gst::prelude::*;
use gst_app::AppSrc;

use crate::{
    captions::Captions,
    dub::Dub,
    elements::make,
    options::SayOptions,
    output::Output,
    player::{Outcome, Player},
    property,
};

/// Extensions of subtitle files.
const SUBTITLES: [&str; 4] = ["srt", "vtt", "ass", "ssa"];
/// Exit code of a program that Ctrl-C ended, as shells count it.
const INTERRUPTED: u8 = 130;
/// Longest buffer of a live stream: 20 ms, one packet.
const PACKET: u64 = 20_000_000;

/// GStreamer, with the speaking element.
pub fn init() -> Result<()> {
    gst::init()?;
    gstcosyvoice3::plugin_register_static()
        .context("the element cosyvoice3src cannot be registered")
}

/// The text to speak.
enum Source {
    Text(String),
    /// The standard input, line by line.
    Lines,
    Cues(Dub),
}

impl Source {
    fn of(options: &SayOptions) -> Result<Self> {
        let what = &options.what;
        if options.subtitles || !options.text && is_name_of_subtitles(what) {
            return Dub::read(Path::new(what), options).map(Self::Cues);
        }
        if what == "-" && !options.text {
            return Ok(Self::Lines);
        }
        ensure!(
            is_speakable(what),
            "nothing to say: there is no letter or digit in {what:?}"
        );
        Ok(Self::Text(what.clone()))
    }
}

/// Returns true if a text is the name of a subtitle file.
fn is_name_of_subtitles(text: &str) -> bool {
    let ending = Path::new(text)
        .extension()
        .unwrap_or_default()
        .to_string_lossy();
    !text.contains(['\n', '\r'])
        && SUBTITLES
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
}

/// Speaks; the exit code is not 0 if words were lost.
pub fn say(options: &SayOptions) -> Result<ExitCode> {
    let source = Source::of(options)?;
    let output = match (&options.rtp, &options.output) {
        (Some(address), _) => Output::rtp(address)?,
        (None, Some(path)) => Output::file(path, options.float)?,
        (None, None) => Output::Device,
    };
    init()?;
    let captions = options.srt.as_deref().map(Captions::file).transpose()?;
    let speech = make("cosyvoice3src")?;
    if let Some(captions) = &captions {
        captions.listen(&speech)?;
    }
    let live = output.is_live()
        && match &source {
            Source::Text(_) => matches!(output, Output::Rtp { .. }),
            Source::Lines => true,
            Source::Cues(_) => false,
        };
    configure(&speech, options, &output, live)?;
    let player = Player {
        pipeline: gst::Pipeline::new(),
        speech: speech.clone(),
        finish: matches!(output, Output::File(_)),
    };
    let mut chain = vec![speech.clone()];
    let cues = match &source {
        Source::Text(text) => {
            speech.set_property("text", text);
            None
        }
        Source::Lines => {
            chain.insert(0, make("fdsrc")?);
            None
        }
        Source::Cues(_) => {
            let cues = timed_text()?;
            chain.insert(0, cues.clone().upcast());
            // Encoders and files leave out time without buffers.
            let fill = make("audiorate")?;
            fill.set_property("skip-to-first", false);
            chain.push(fill);
            Some(cues)
        }
    };
    chain.extend(output.elements()?);
    player.pipeline.add_many(&chain)?;
    gst::Element::link_many(&chain)?;
    let (outcome, dub) = play(&player, source, cues, live)?;
    finish(outcome, dub, &output, captions)
}

/// Sets the properties, `--set` last so that it overrides the others.
fn configure(
    speech: &gst::Element,
    options: &SayOptions,
    output: &Output,
    live: bool,
) -> Result<()> {
    speech.set_property("is-live", live);
    if let Output::Rtp { .. } = output {
        // Packets are sent during speech, and none in between.
        speech.set_property_from_str("idle", "none");
        speech.set_property("buffer-duration", PACKET);
    }
    for (option, name, value) in [
        ("--model", "model-path", &options.model),
        ("--voice", "voice", &options.voice),
        ("--instruct", "instruct", &options.instruct),
        ("--speed", "speed", &options.speed),
        ("--seed", "seed", &options.seed),
    ] {
        if let Some(value) = value {
            property::set(speech, name, value).with_context(|| format!("{option} {value}"))?;
        }
    }
    for pair in &options.set {
        property::set_pair(speech, pair)?;
    }
    Ok(())
}

/// The source of text with times.
fn timed_text() -> Result<AppSrc> {
    let source = make("appsrc")?;
    let source = source
        .downcast::<AppSrc>()
        .map_err(|_| anyhow!("GStreamer's appsrc is another element"))?;
    let caps = gst::Caps::builder("text/x-raw")
        .field("format", "utf8")
        .build();
    source.set_caps(Some(&caps));
    source.set_format(gst::Format::Time);
    Ok(source)
}

/// Plays to the end; returns its outcome, and the account of the cues.
fn play(
    player: &Player,
    source: Source,
    cues: Option<AppSrc>,
    live: bool,
) -> Result<(Outcome, Option<Dub>)> {
    let ends_by_itself = !matches!(source, Source::Text(_)) || !live;
    let dub = match source {
        Source::Cues(dub) => Some(dub),
        Source::Text(_) | Source::Lines => None,
    };
    let buffers = dub.as_ref().map(Dub::buffers).unwrap_or_default();
    let dub = Rc::new(RefCell::new(dub));
    let speech = player.speech.clone();
    let begin = move || {
        if let Some(cues) = cues {
            for buffer in buffers {
                cues.push_buffer(buffer)?;
            }
            cues.end_of_stream()?;
        }
        if !ends_by_itself {
            speech.emit_by_name::<()>("end-of-stream", &[]);
        }
        Ok(())
    };
    let noted = dub.clone();
    let outcome = player.play(begin, move |kind, fields| {
        if let Some(dub) = noted.borrow_mut().as_mut() {
            dub.note(kind, fields);
        }
    })?;
    Ok((outcome, dub.take()))
}

/// Keeps the file if there is speech in it, and prints the outcome of everything.
fn finish(
    outcome: Outcome,
    dub: Option<Dub>,
    output: &Output,
    captions: Option<Captions>,
) -> Result<ExitCode> {
    let seconds = outcome.made.as_secs_f64();
    let mut complete = true;
    if let Some(dub) = dub.filter(|_| !outcome.interrupted) {
        let (account, all) = dub.account();
        account.iter().for_each(|line| eprintln!("{line}"));
        complete = all;
    }
    if let Some(error) = outcome.error {
        return Err(error);
    }
    if outcome.interrupted && outcome.made.is_zero() {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    ensure!(!outcome.made.is_zero(), "nothing was spoken");
    if let Some(captions) = captions {
        captions.keep()?;
    }
    if let Output::File(file) = output {
        file.keep()?;
        eprintln!("{}: {seconds:.1} s of speech", file.path().display());
    }
    Ok(match (outcome.interrupted, complete) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_subtitles_are_told_from_texts() {
        for name in ["film.srt", "a b/Film.SRT", "x.vtt", "x.ass", "x.ssa"] {
            assert!(is_name_of_subtitles(name), "{name}");
        }
        for text in ["Hello.", "srt", "Open film.srt now", "one\ntwo.srt", "-"] {
            assert!(!is_name_of_subtitles(text), "{text}");
        }
    }
}
