//! Counts for Prometheus.

use std::{fmt::Write, time::Duration};

use cosyvoice3::{Device, Hit, Speech};

use super::Load;
use crate::prometheus::metric;

/// Upper bounds of the classes of first audio, in seconds.
const FIRST_AUDIO: [f64; 8] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Metrics {
    pub finished: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub refused: u64,
    utterances: u64,
    samples: u64,
    work: Duration,
    full_hits: u64,
    shared_hits: u64,
    kept: u64,
    on_npu: u64,
    first_audio: [u64; FIRST_AUDIO.len()],
    first_audio_count: u64,
    first_audio_sum: Duration,
}

impl Metrics {
    /// Adds an utterance; `first` is the time from the request to it where it is the first one of its text.
    pub fn add(&mut self, speech: &Speech, first: Option<Duration>) {
        let stats = &speech.stats;
        self.utterances += 1;
        self.samples += speech.samples.len() as u64;
        self.work += stats.work().saturating_sub(stats.overlap());
        match stats.hit {
            Hit::None => {}
            Hit::Shared(_) => self.shared_hits += 1,
            Hit::Memory | Hit::Disk => self.full_hits += 1,
        }
        self.kept += u64::from(stats.kept);
        self.on_npu += u64::from(stats.flow_backend == Some(Device::Npu));
        if let Some(first) = first {
            self.first_audio_count += 1;
            self.first_audio_sum += first;
            let bounds = FIRST_AUDIO.iter().zip(&mut self.first_audio);
            bounds
                .filter(|(bound, _)| first.as_secs_f64() <= **bound)
                .for_each(|(_, count)| *count += 1);
        }
    }

    /// All of it in Prometheus' text form; `tokens` are the speech tokens that the engine has made.
    pub fn text(&self, load: &Load, tokens: u64) -> String {
        let mut text = String::new();
        self.requests(&mut text, load);
        self.synthesis(&mut text, tokens);
        self.caches(&mut text);
        self.card(&mut text);
        self.first_audio(&mut text);
        text
    }

    fn requests(&self, text: &mut String, load: &Load) {
        let ready = f64::from(u8::from(load.status == "ready"));
        let help = "1 once the models are loaded.";
        metric(text, "ready", "gauge", help, &[("", ready)]);
        let answered = (load.requests - load.waiting.min(load.requests)) as f64;
        metric(
            text,
            "requests",
            "gauge",
            "Requests for speech, without announcements: those of which nothing was made yet, and those that are being answered.",
            &[
                ("{state=\"waiting\"}", load.waiting as f64),
                ("{state=\"answered\"}", answered),
            ],
        );
        metric(
            text,
            "requests_total",
            "counter",
            "Requests for speech by their end, without announcements.",
            &[
                ("{end=\"finished\"}", self.finished as f64),
                ("{end=\"failed\"}", self.failed as f64),
                ("{end=\"cancelled\"}", self.cancelled as f64),
                ("{end=\"refused\"}", self.refused as f64),
            ],
        );
    }

    fn synthesis(&self, text: &mut String, tokens: u64) {
        metric(
            text,
            "utterances_total",
            "counter",
            "Utterances that were made, without those of announcements.",
            &[("", self.utterances as f64)],
        );
        metric(
            text,
            "speech_tokens_total",
            "counter",
            "Steps of the language model, each a speech token, also for requests that were cancelled; without announcements.",
            &[("", tokens as f64)],
        );
        let seconds = self.samples as f64 / f64::from(cosyvoice3::SAMPLE_RATE);
        metric(
            text,
            "speech_seconds_total",
            "counter",
            "Seconds of speech that were made, without announcements.",
            &[("", seconds)],
        );
        metric(
            text,
            "synthesis_seconds_total",
            "counter",
            "Seconds of synthesis, without announcements; divided by speech_seconds_total it is the real-time factor.",
            &[("", self.work.as_secs_f64())],
        );
    }

    fn caches(&self, text: &mut String) {
        metric(
            text,
            "prefix_cache_hits_total",
            "counter",
            "Utterances whose prefix was known, wholly or as far as the voice goes.",
            &[
                ("{part=\"all\"}", self.full_hits as f64),
                ("{part=\"voice\"}", self.shared_hits as f64),
            ],
        );
        metric(
            text,
            "announcement_cache_hits_total",
            "counter",
            "Utterances that were made before and kept.",
            &[("", self.kept as f64)],
        );
    }

    fn card(&self, text: &mut String) {
        let up = f64::from(u8::from(cosyvoice3::card_in_use()));
        let help = "1 while the models of this server are on a card; 0 without one, and once it has failed.";
        metric(text, "npu_up", "gauge", help, &[("", up)]);
        metric(
            text,
            "npu_utterances_total",
            "counter",
            "Utterances whose flow ran on a card.",
            &[("", self.on_npu as f64)],
        );
        let abandoned = cosyvoice3::abandoned_threads() as f64;
        metric(
            text,
            "npu_abandoned_threads",
            "gauge",
            "Threads that a hung card keeps; not 0: restart.",
            &[("", abandoned)],
        );
    }

    fn first_audio(&self, text: &mut String) {
        let name = "cosyvoice3_first_audio_seconds";
        let _ = writeln!(
            text,
            "# HELP {name} Time from a request to its first utterance.\n# TYPE {name} histogram"
        );
        for (bound, count) in FIRST_AUDIO.iter().zip(self.first_audio) {
            let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let (count, sum) = (self.first_audio_count, self.first_audio_sum.as_secs_f64());
        let _ = writeln!(
            text,
            "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}"
        );
    }
}
