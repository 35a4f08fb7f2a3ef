//! Description of a model directory, in words.

use std::{fmt::Write, path::Path};

use anyhow::Result;
use cosyvoice3::{
    manifest::{FileEntry, Manifest, Vocoder},
    voice::{self, Voice},
};

use crate::{directory::output::hash_file, progress::Progress};

/// Result of an inspection.
pub struct Report {
    /// A description of the directory.
    pub text: String,
    /// Files and voices that are missing or not what they should be.
    pub damaged: usize,
}

/// Describes the model in `dir` and verifies its hashes.
pub fn inspect(dir: &Path, progress: &Progress) -> Result<Report> {
    let manifest = Manifest::read(dir)?;
    let mut report = Report {
        text: summary(&manifest),
        damaged: 0,
    };
    let front_end = manifest
        .front_end
        .iter()
        .flat_map(|networks| &networks.files);
    let files: Vec<_> = manifest.files.iter().chain(front_end).collect();
    let total = files.iter().map(|(_, entry)| entry.size).sum();
    progress.step("verifying", total);
    report.text.push_str("\nfiles\n");
    for (name, entry) in files {
        let state = state(&dir.join(name), entry, progress);
        report.damaged += usize::from(state.is_err());
        let state = state.map_or_else(|e| e, |()| "ok".into());
        let size = megabytes(entry.size);
        writeln!(report.text, "  {name:28} {size:>11}  {state}")?;
    }
    progress.done();
    voices(dir, &manifest, &mut report)?;
    Ok(report)
}

fn summary(manifest: &Manifest) -> String {
    let Manifest { lm, flow, .. } = manifest;
    let mut lines = vec![
        ("model", manifest.name.clone()),
        ("made by", manifest.created_by.clone()),
        (
            "languages",
            match &*manifest.languages {
                [] => "all that the checkpoint knows".into(),
                languages => languages.join(", "),
            },
        ),
        (
            "language model",
            format!(
                "{}, {} layers of {}, {} text tokens, context {}",
                lm.quantization, lm.layers, lm.hidden_size, lm.text_vocab, lm.context
            ),
        ),
        (
            "flow",
            format!(
                "{}{} steps (windows: {}), {:?} schedule",
                match &*flow.quantization {
                    "" => String::new(),
                    quantization => format!("{quantization}, "),
                },
                flow.steps,
                flow.window_steps,
                flow.schedule
            ),
        ),
        ("npu", npu(manifest)),
        ("vocoder", vocoder(manifest)),
    ];
    if !manifest.notice.is_empty() {
        lines.push(("notice", manifest.notice.clone()));
    }
    let lines = lines.into_iter();
    lines
        .map(|(key, value)| format!("{key:15} {value}\n"))
        .collect()
}

fn npu(manifest: &Manifest) -> String {
    let Some(npu) = &manifest.npu else {
        return "no files: the flow runs on the CPU".into();
    };
    let frames: Vec<_> = npu.estimators.iter().map(|e| e.frames).collect();
    let encoder = match npu.encoder {
        Some(_) => ", encoders",
        None => "",
    };
    format!("estimators of {frames:?} frames{encoder}")
}

fn vocoder(manifest: &Manifest) -> String {
    match &manifest.vocoder {
        Vocoder::Hift { source, .. } => format!("{source:?} source"),
        Vocoder::MelToAudio { .. } => "one graph; a seed does not give the same sound twice".into(),
    }
}

fn state(path: &Path, entry: &FileEntry, progress: &Progress) -> Result<(), String> {
    let found = match path.metadata() {
        Err(e) => return Err(format!("MISSING: {e}")),
        Ok(meta) if meta.len() != entry.size => {
            return Err(format!(
                "DAMAGED: {} instead of {} bytes",
                meta.len(),
                entry.size
            ));
        }
        Ok(_) => hash_file(path, progress).map_err(|e| format!("UNREADABLE: {e:#}"))?,
    };
    match found == *entry {
        true => Ok(()),
        false => Err("DAMAGED: the SHA-256 does not match".into()),
    }
}

fn voices(dir: &Path, manifest: &Manifest, report: &mut Report) -> Result<()> {
    let names = voice::list(dir)?;
    report.text.push_str("\nvoices\n");
    if names.is_empty() {
        report
            .text
            .push_str("  none: `cosyvoice3 voice add` makes one from a recording\n");
    }
    for name in &names {
        let path = voice::path(dir, name);
        let about = match Voice::load(&path) {
            Ok(voice) => about(&voice, *name == manifest.default_voice),
            Err(error) => {
                report.damaged += 1;
                format!("DAMAGED: {error}")
            }
        };
        writeln!(report.text, "  {name:28} {about}")?;
    }
    if !manifest.default_voice.is_empty() && !names.contains(&manifest.default_voice) {
        report.damaged += 1;
        let name = &manifest.default_voice;
        writeln!(report.text, "  {name:28} MISSING: it is the default voice")?;
    }
    Ok(())
}

fn about(voice: &Voice, is_default: bool) -> String {
    let seconds = voice.prompt_tokens.len() as f32 / 25.0;
    let mut parts = vec![format!("{seconds:.2} s")];
    parts.extend(voice.language.clone());
    parts.extend(voice.prompt_text.as_ref().map(|text| format!("\"{text}\"")));
    parts.extend(voice.provenance.clone());
    if is_default {
        parts.push("default".into());
    }
    parts.join(", ")
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
