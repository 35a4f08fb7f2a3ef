//! Counts for Prometheus.

use std::{fmt::Write, time::Duration};

use cosyvoice3::{Device, Hit, Speech};

use super::Load;

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

    /// All of it in Prometheus' text form.
    pub fn text(&self, load: &Load) -> String {
        let seconds = self.samples as f64 / f64::from(cosyvoice3::SAMPLE_RATE);
        let mut text = String::new();
        let mut metric = |name: &str, kind: &str, help: &str, values: &[(&str, f64)]| {
            let _ = writeln!(
                text,
                "# HELP cosyvoice3_{name} {help}\n# TYPE cosyvoice3_{name} {kind}"
            );
            for (labels, value) in values {
                let _ = writeln!(text, "cosyvoice3_{name}{labels} {value}");
            }
        };
        let ready = f64::from(u8::from(load.status == "ready"));
        metric(
            "ready",
            "gauge",
            "1 once the models are loaded.",
            &[("", ready)],
        );
        let requests = (load.requests - load.waiting.min(load.requests)) as f64;
        metric(
            "requests",
            "gauge",
            "Requests for speech, without announcements: those of which nothing was made yet, and those that are being answered.",
            &[
                ("{state=\"waiting\"}", load.waiting as f64),
                ("{state=\"answered\"}", requests),
            ],
        );
        metric(
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
        metric(
            "utterances_total",
            "counter",
            "Utterances that were made, without those of announcements, which no metric of synthesis counts.",
            &[("", self.utterances as f64)],
        );
        metric(
            "speech_seconds_total",
            "counter",
            "Seconds of speech that were made, without announcements.",
            &[("", seconds)],
        );
        let work = self.work.as_secs_f64();
        metric(
            "synthesis_seconds_total",
            "counter",
            "Seconds of synthesis, without announcements; divided by speech_seconds_total it is the real-time factor.",
            &[("", work)],
        );
        metric(
            "prefix_cache_hits_total",
            "counter",
            "Utterances whose prefix was known, wholly or as far as the voice goes.",
            &[
                ("{part=\"all\"}", self.full_hits as f64),
                ("{part=\"voice\"}", self.shared_hits as f64),
            ],
        );
        metric(
            "announcement_cache_hits_total",
            "counter",
            "Utterances that were made before and kept.",
            &[("", self.kept as f64)],
        );
        metric(
            "npu_utterances_total",
            "counter",
            "Utterances whose flow ran on a card.",
            &[("", self.on_npu as f64)],
        );
        let abandoned = cosyvoice3::abandoned_threads() as f64;
        metric(
            "npu_abandoned_threads",
            "gauge",
            "Threads that a hung card keeps; not 0: restart.",
            &[("", abandoned)],
        );
        self.first_audio(&mut text);
        text
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
