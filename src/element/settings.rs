//! The element's properties.

use std::sync::LazyLock;

use gst::{glib, prelude::*};

use cosyvoice3::{
    self as synth, AxclOptions, FlowChoice, FlowPlan, FlowTarget, Language, Level, Markup,
    PrefixCaching, Reading, Schedule, Verify,
};

/// Least and largest tempo.
pub(super) const SPEED: (f64, f64) = (0.5, 2.0);
/// Least and largest seed; -1 draws one.
pub(super) const SEED: (i64, i64) = (-1, i64::MAX);

/// Time points of the flow's solver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3FlowSchedule")]
#[repr(i32)]
pub enum FlowScheduleSetting {
    /// As the model directory says.
    #[default]
    #[enum_value(name = "As the model's manifest says", nick = "manifest")]
    Manifest = 0,
    /// Cosine.
    #[enum_value(name = "Cosine, as published", nick = "cosine")]
    Cosine = 1,
    /// Linear.
    #[enum_value(name = "Linear", nick = "linear")]
    Linear = 2,
}

/// Extent of one flow run: the whole utterance or a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3FlowPlan")]
#[repr(i32)]
pub enum FlowPlanSetting {
    /// The best that the back end can do.
    #[default]
    #[enum_value(name = "Whole utterances on the CPU, windows on an NPU", nick = "auto")]
    Auto = 0,
    /// Whole utterances.
    #[enum_value(name = "The whole utterance at once, as published", nick = "whole")]
    Whole = 1,
    /// Windows.
    #[enum_value(
        name = "Fixed windows while the language model still works",
        nick = "windows"
    )]
    Windows = 2,
}

/// Storage of computed prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3PrefixCache")]
#[repr(i32)]
pub enum PrefixCacheSetting {
    /// Nowhere.
    #[enum_value(name = "Nowhere", nick = "off")]
    Off = 0,
    /// In memory.
    #[enum_value(name = "In memory, while the model is loaded", nick = "memory")]
    Memory = 1,
    /// In memory and on disk.
    #[default]
    #[enum_value(
        name = "In memory, and in the user's private cache directory",
        nick = "disk"
    )]
    Disk = 2,
}

/// Output of a live stream between announcements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3Idle")]
#[repr(i32)]
pub enum IdleSetting {
    /// Nothing.
    #[enum_value(name = "Nothing", nick = "none")]
    None = 0,
    /// GAP events.
    #[enum_value(
        name = "GAP events: enough for mixers and sinks, not for RTP",
        nick = "gap"
    )]
    Gap = 1,
    /// Silence.
    #[default]
    #[enum_value(name = "Buffers of silence, 20 ms each", nick = "silence")]
    Silence = 2,
}

/// Treatment of speech that is longer than the slot of its cue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3Overflow")]
#[repr(i32)]
pub enum OverflowSetting {
    /// Later cues wait.
    #[default]
    #[enum_value(
        name = "It is heard to its end; what follows begins later",
        nick = "shift"
    )]
    Shift = 0,
    /// It is cut.
    #[enum_value(name = "It is cut at the end of its slot", nick = "clip")]
    Clip = 1,
}

/// Use of the times of texts from upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3TextTiming")]
#[repr(i32)]
pub enum TextTimingSetting {
    /// If there are any.
    #[default]
    #[enum_value(
        name = "Texts with times are spoken at these, others in a row",
        nick = "auto"
    )]
    Auto = 0,
    /// Never.
    #[enum_value(name = "All texts are spoken in a row", nick = "ignore")]
    Ignore = 1,
}

/// Device of the flow model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3FlowBackend")]
#[repr(i32)]
pub enum FlowBackendSetting {
    /// NPU, else CPU.
    #[default]
    #[enum_value(
        name = "The NPU where a card and its models are there and work, else the CPU",
        nick = "auto"
    )]
    Auto = 0,
    /// NPU.
    #[enum_value(name = "The NPU; an error without one", nick = "npu")]
    Npu = 1,
    /// CPU.
    #[enum_value(name = "The CPU", nick = "cpu")]
    Cpu = 2,
}

/// Treatment of the level of the speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3Level")]
#[repr(i32)]
pub enum LevelSetting {
    /// Gain and soft knee.
    #[default]
    #[enum_value(
        name = "One gain (at most 2) brings a text to -18 LUFS, soft knee above 0.7",
        nick = "normalize"
    )]
    Normalize = 0,
    /// Soft knee.
    #[enum_value(name = "No gain, soft knee above 0.7", nick = "limit")]
    Limit = 1,
    /// Clamp.
    #[enum_value(name = "As the model made it, clamped at 0.99", nick = "none")]
    None = 2,
}

/// Occasions on which the model's files are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3Verify")]
#[repr(i32)]
pub enum VerifySetting {
    /// First use and changes.
    #[default]
    #[enum_value(
        name = "On first use and when a file's size, time or inode changed",
        nick = "auto"
    )]
    Auto = 0,
    /// Every start.
    #[enum_value(name = "Whenever models are loaded", nick = "always")]
    Always = 1,
    /// Only sizes.
    #[enum_value(name = "Never; sizes are still checked", nick = "never")]
    Never = 2,
}

/// Language of the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3Language")]
#[repr(i32)]
pub enum LanguageSetting {
    /// Detected for each sentence.
    #[default]
    #[enum_value(name = "That of each sentence's letters", nick = "auto")]
    Auto = 0,
    /// Russian.
    #[enum_value(name = "Russian", nick = "ru")]
    Russian = 1,
    /// English.
    #[enum_value(name = "English", nick = "en")]
    English = 2,
    /// Chinese.
    #[enum_value(name = "Chinese", nick = "zh")]
    Chinese = 3,
}

/// The reader of Chinese figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3TextReading")]
#[repr(i32)]
pub enum TextReadingSetting {
    /// As the model directory says.
    #[default]
    #[enum_value(name = "As the model's manifest says", nick = "manifest")]
    Manifest = 0,
    /// The model.
    #[enum_value(
        name = "Chinese figures are left to the model, as published",
        nick = "model"
    )]
    Model = 1,
    /// The front end.
    #[enum_value(name = "Chinese figures are written out before", nick = "written")]
    Written = 2,
}

/// Markup of the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3Markup")]
#[repr(i32)]
pub enum MarkupSetting {
    /// Plain text.
    #[default]
    #[enum_value(name = "Plain text", nick = "none")]
    None = 0,
    /// SSML.
    #[enum_value(
        name = "SSML: each text, and each text buffer, is a document",
        nick = "ssml"
    )]
    Ssml = 1,
}

/// Values of the properties.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub text: Option<String>,
    pub model_path: Option<String>,
    pub voice: Option<String>,
    pub instruct: Option<String>,
    pub language: LanguageSetting,
    pub text_reading: TextReadingSetting,
    pub stress_mark: bool,
    pub lexicon: Option<String>,
    pub markup: MarkupSetting,
    pub speed: f64,
    pub seed: i64,
    pub temperature: f64,
    pub top_k: u32,
    pub top_p: f64,
    pub flow_steps: u32,
    pub flow_schedule: FlowScheduleSetting,
    pub flow_plan: FlowPlanSetting,
    pub flow_backend: FlowBackendSetting,
    pub npu_device: u32,
    pub axcl_library: Option<String>,
    pub level: LevelSetting,
    pub threads: u32,
    pub cpu_affinity: Option<String>,
    pub prefix_cache: PrefixCacheSetting,
    pub verify: VerifySetting,
    pub is_live: bool,
    pub idle: IdleSetting,
    pub latency: u32,
    pub overflow: OverflowSetting,
    pub text_timing: TextTimingSetting,
    pub buffer_duration: u64,
    pub max_queued: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            text: None,
            model_path: None,
            voice: None,
            instruct: None,
            language: LanguageSetting::default(),
            text_reading: TextReadingSetting::default(),
            stress_mark: false,
            lexicon: None,
            markup: MarkupSetting::default(),
            speed: 1.0,
            seed: 0,
            temperature: 1.0,
            top_k: 0,
            top_p: 0.0,
            flow_steps: 0,
            flow_schedule: FlowScheduleSetting::default(),
            flow_plan: FlowPlanSetting::default(),
            flow_backend: FlowBackendSetting::default(),
            npu_device: 0,
            axcl_library: None,
            level: LevelSetting::default(),
            threads: 0,
            cpu_affinity: None,
            prefix_cache: PrefixCacheSetting::default(),
            verify: VerifySetting::default(),
            is_live: false,
            idle: IdleSetting::default(),
            latency: 2000,
            overflow: OverflowSetting::default(),
            text_timing: TextTimingSetting::default(),
            buffer_duration: 0,
            max_queued: 16,
        }
    }
}

impl Settings {
    /// The settings as the engine takes them, and the seed that was drawn if the property is -1.
    pub(super) fn to_synth(&self) -> (synth::Settings, Option<u32>) {
        let drawn = (self.seed < 0).then(glib::random_int);
        let mut settings = synth::Settings::default();
        settings.voice = non_empty(&self.voice);
        settings.instruct = non_empty(&self.instruct);
        settings.language = match self.language {
            LanguageSetting::Auto => None,
            LanguageSetting::Russian => Some(Language::Russian),
            LanguageSetting::English => Some(Language::English),
            LanguageSetting::Chinese => Some(Language::Chinese),
        };
        settings.reading = match self.text_reading {
            TextReadingSetting::Manifest => None,
            TextReadingSetting::Model => Some(Reading::Model),
            TextReadingSetting::Written => Some(Reading::Written),
        };
        settings.stress_mark = self.stress_mark;
        settings.lexicon = non_empty(&self.lexicon).map(Into::into);
        settings.markup = match self.markup {
            MarkupSetting::None => Markup::None,
            MarkupSetting::Ssml => Markup::Ssml,
        };
        settings.speed = self.speed;
        settings.seed = drawn.map_or(self.seed as u64, u64::from);
        settings.temperature = self.temperature as f32;
        settings.top_k = self.top_k as usize;
        settings.top_p = self.top_p as f32;
        settings.flow_steps = self.flow_steps as usize;
        settings.flow_schedule = match self.flow_schedule {
            FlowScheduleSetting::Manifest => None,
            FlowScheduleSetting::Cosine => Some(Schedule::Cosine),
            FlowScheduleSetting::Linear => Some(Schedule::Linear),
        };
        settings.flow_plan = match self.flow_plan {
            FlowPlanSetting::Auto => FlowPlan::Auto,
            FlowPlanSetting::Whole => FlowPlan::Whole,
            FlowPlanSetting::Windows => FlowPlan::Windows,
        };
        settings.level = match self.level {
            LevelSetting::Normalize => Level::Normalize,
            LevelSetting::Limit => Level::Limit,
            LevelSetting::None => Level::None,
        };
        (settings, drawn)
    }

    /// Device of the flow model.
    pub(super) fn flow_target(&self) -> FlowTarget {
        FlowTarget {
            choice: match self.flow_backend {
                FlowBackendSetting::Auto => FlowChoice::Auto,
                FlowBackendSetting::Npu => FlowChoice::Npu,
                FlowBackendSetting::Cpu => FlowChoice::Cpu,
            },
            axcl: AxclOptions {
                device: self.npu_device as usize,
                library: non_empty(&self.axcl_library).map(Into::into),
            },
        }
    }

    /// Storage of computed prefixes.
    pub(super) fn prefix_caching(&self) -> PrefixCaching {
        match self.prefix_cache {
            PrefixCacheSetting::Off => PrefixCaching::Off,
            PrefixCacheSetting::Memory => PrefixCaching::Memory,
            PrefixCacheSetting::Disk => PrefixCaching::Disk,
        }
    }

    /// Occasions on which to hash the model's files.
    pub(super) fn verify(&self) -> Verify {
        match self.verify {
            VerifySetting::Auto => Verify::Auto,
            VerifySetting::Always => Verify::Always,
            VerifySetting::Never => Verify::Never,
        }
    }
}

/// A property set to the empty string is one that was not set.
pub(super) fn non_empty(value: &Option<String>) -> Option<String> {
    value.clone().filter(|value| !value.is_empty())
}

pub(super) static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    let default = Settings::default();
    vec![
        glib::ParamSpecString::builder("text")
            .nick("Text")
            .blurb("What to say. Set while PAUSED or PLAYING it is said after what is being said; set earlier, or after the end of the stream, it is kept and said at each start (the signals refuse texts then)")
            .mutable_playing()
            .build(),
        glib::ParamSpecString::builder("model-path")
            .nick("Model path")
            .blurb("Model directory (made by `cosyvoice3 model convert`). Unset: COSYVOICE3_MODEL_PATH, else share/cosyvoice3/models/demo of the plugin's prefix, else models/demo beside or above the plugin file")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("voice")
            .nick("Voice")
            .blurb("Voice of the model directory, see \"voices\". Unset: the model's voice for the language of the text, else its default voice")
            .mutable_playing()
            .build(),
        glib::ParamSpecBoxed::builder::<glib::StrV>("voices")
            .nick("Voices")
            .blurb("Names of the voices in the model directory")
            .read_only()
            .build(),
        glib::ParamSpecString::builder("instruct")
            .nick("Instruction")
            .blurb("How to speak, in words for the model (\"speak fast\"); the voice then comes from the flow model alone. Unset: clone the prompt's manner too")
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("language", default.language)
            .nick("Language")
            .blurb("Language in which texts are read; it chooses the voice where \"voice\" names none")
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("text-reading", default.text_reading)
            .nick("Text reading")
            .blurb("Whether the model reads Chinese figures or gets them written out; Russian and English ones are always written out")
            .mutable_playing()
            .build(),
        glib::ParamSpecBoolean::builder("stress-mark")
            .nick("Stress mark")
            .blurb("A \"+\" before a vowel marks its stress, as Russian tools write it")
            .default_value(default.stress_mark)
            .mutable_playing()
            .build(),
        glib::ParamSpecString::builder("lexicon")
            .nick("Lexicon")
            .blurb("File of words and how to say them, one \"written = spoken\" a line; it goes before voices/NAME.lexicon.txt and lexicon.txt of the model directory")
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("markup", default.markup)
            .nick("Markup")
            .blurb("Markup of the texts; caps application/ssml+xml on the sink pad choose SSML by themselves")
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("speed")
            .nick("Speed")
            .blurb("Tempo; the mel spectrogram is resampled in time")
            .minimum(SPEED.0)
            .maximum(SPEED.1)
            .default_value(default.speed)
            .mutable_playing()
            .build(),
        glib::ParamSpecInt64::builder("seed")
            .nick("Seed")
            .blurb("Seed of all random draws: the same seed, text and settings give the same samples (imported models, whose vocoder draws by itself, the same tokens). -1 draws a fresh seed for each text and logs it")
            .minimum(SEED.0)
            .maximum(SEED.1)
            .default_value(default.seed)
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("temperature")
            .nick("Temperature")
            .blurb("Softmax temperature of the language model; 0 takes the likeliest token always (and may loop)")
            .minimum(0.0)
            .maximum(2.0)
            .default_value(default.temperature)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("top-k")
            .nick("Top k")
            .blurb("Most candidates for a speech token. 0: as the model's manifest says (25 as published)")
            .maximum(6561)
            .default_value(default.top_k)
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("top-p")
            .nick("Top p")
            .blurb("Probability mass of the candidates for a speech token. 0: as the model's manifest says (0.8 as published)")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(default.top_p)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("flow-steps")
            .nick("Flow steps")
            .blurb("Euler steps of the flow model; its time grows with them. 0: as the model's manifest says (10, in windows 5)")
            .maximum(100)
            .default_value(default.flow_steps)
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("flow-schedule", default.flow_schedule)
            .nick("Flow schedule")
            .blurb("Time points of the flow model's solver")
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("flow-plan", default.flow_plan)
            .nick("Flow plan")
            .blurb("What the flow model sees at once")
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("flow-backend", default.flow_backend)
            .nick("Flow back end")
            .blurb("What runs the flow model. The NPU needs axmodels in the model directory (`cosyvoice3 model npu`)")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("npu-device")
            .nick("NPU device")
            .blurb("Index of the NPU card in AXCL's device list, from 0 (not its PCI bus number)")
            .maximum(255)
            .default_value(default.npu_device)
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("axcl-library")
            .nick("AXCL library")
            .blurb("libaxcl_rt.so or its directory. AXCL_RT_LIBRARY goes before it; unset: the system's library path, then /usr/lib/axcl")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("level", default.level)
            .nick("Level")
            .blurb("What happens to the level of the speech")
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("threads")
            .nick("Threads")
            .blurb("Threads of each stage, at most as many as it has cores; 0: as many")
            .maximum(256)
            .default_value(default.threads)
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("cpu-affinity")
            .nick("CPU affinity")
            .blurb("Cores of the stages, as in \"lm=4-7,vocoder=4-7,flow=0-3\"; stages left out follow the machine. Unset: big cores compute, little ones wait for an NPU; no binding where all cores are alike")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("prefix-cache", default.prefix_cache)
            .nick("Prefix cache")
            .blurb("Where the language model's work on voice and text is kept, so that the same text starts at once the next time. \"memory\" spares flash: \"disk\" writes some 2 MB for each new text")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("verify", default.verify)
            .nick("Verify")
            .blurb("When the SHA-256 of the model's files is checked")
            .mutable_ready()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb("Counts since the element was made: texts, seconds of each stage's work (\"rtf-\": per second of speech), hits of the prefix cache, first audio in seconds")
            .read_only()
            .build(),
        glib::ParamSpecBoolean::builder("is-live")
            .nick("Is live")
            .blurb("Stamp speech with the clock, for announcements: the stream goes on until end-of-stream. Off: speech after speech from 0, whatever the clock shows, and EOS at the end")
            .default_value(default.is_live)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("idle", default.idle)
            .nick("Idle")
            .blurb("What a live stream gives while nothing is said, also while models load")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("latency")
            .nick("Latency")
            .blurb("Time in milliseconds that timed texts of a live upstream may take to become speech")
            .default_value(default.latency)
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("overflow", default.overflow)
            .nick("Overflow")
            .blurb("What happens to speech that is longer than the duration of its text buffer. What is cut fades over 5 ms")
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("text-timing", default.text_timing)
            .nick("Text timing")
            .blurb("Whether the times of text buffers from upstream count")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt64::builder("buffer-duration")
            .nick("Buffer duration")
            .blurb("Longest duration of one buffer in nanoseconds; 0: one buffer for each utterance. A live stream can be cancelled between two buffers")
            .default_value(default.buffer_duration)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("max-queued")
            .nick("Most queued texts")
            .blurb("Texts that may wait beside the one that is heard; a further one is refused, or takes the place of the last of the least important if it matters more")
            .minimum(1)
            .default_value(default.max_queued)
            .mutable_playing()
            .build(),
    ]
});
