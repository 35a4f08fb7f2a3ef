//! Properties of the element that are stored: each declared once, in [`properties!`].

use std::{any::Any, sync::LazyLock};

use gst::{glib, prelude::*};

use super::{enums::*, gvalue};
use cosyvoice3::{
    self as synth, AnnouncementCaching, AxclOptions, FlowTarget, PrefixCaching, Verify,
};

/// Least and largest tempo.
pub(super) const SPEED: (f64, f64) = (0.5, 2.0);
/// Least and largest seed; -1 draws one.
pub(super) const SEED: (i64, i64) = (-1, i64::MAX);
/// The `latency` at which texts of a live upstream lose their times. It is -1 on a command line.
const DESYNCHRONIZED: u32 = u32::MAX;

/// A property with a place in [`Settings`].
pub(super) struct Property {
    pub spec: glib::ParamSpec,
    pub get: fn(&Settings) -> glib::Value,
    /// Returns true if invalid UTF-8 had to be replaced.
    pub set: fn(&mut Settings, &glib::Value) -> bool,
}

/// Declares [`Settings`], its defaults and [`PROPERTIES`] together. An entry is
/// `field: type = default, |name, default| param_spec;`, and the property has the field's name with `-` for `_`.
macro_rules! properties {
    ($($field:ident: $type:ty = $default:expr, $spec:expr;)*) => {
        /// Values of the properties.
        #[derive(Debug, Clone)]
        pub(super) struct Settings {
            $(pub $field: $type,)*
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        /// The stored properties, in the order of their declaration.
        pub(super) static PROPERTIES: LazyLock<Vec<Property>> = LazyLock::new(|| {
            let default = Settings::default();
            vec![$(Property {
                spec: describe(stringify!($field), default.$field, $spec),
                get: |settings| settings.$field.to_value(),
                set: |settings, value| store(&mut settings.$field, value),
            },)*]
        });
    };
}

fn describe<T>(
    field: &str,
    default: T,
    spec: impl FnOnce(&str, T) -> glib::ParamSpec,
) -> glib::ParamSpec {
    spec(&field.replace('_', "-"), default)
}

/// Stores a value; returns true if invalid UTF-8 had to be replaced.
fn store<T>(field: &mut T, value: &glib::Value) -> bool
where
    T: for<'v> glib::value::FromValue<'v> + 'static,
{
    if let Some(field) = (field as &mut dyn Any).downcast_mut::<Option<String>>() {
        let (text, replaced) = gvalue::string_lossy(value).unzip();
        *field = text;
        return replaced.unwrap_or(false);
    }
    *field = value.get().expect("GObject checks the type");
    false
}

// To add a property, add an entry: nothing else is needed for setting, reading, `gst-inspect-1.0` and docs/element.md (write
// that anew). Its enumeration, if it has one, goes into enums.rs. Use the value in `to_synth` below if it is the engine's
// for each text, in `CosyVoice3Src::options` (lifecycle.rs) if it is for loading, else where the element needs it. If
// setting it has an effect beyond the stored value, `apply` in properties.rs has those.
properties! {
    text: Option<String> = None, |name, _| glib::ParamSpecString::builder(name)
        .nick("Text")
        .blurb("Text to speak. Set in PAUSED or PLAYING, it is queued behind the announcements that wait; set earlier, or after the end of the stream, it is kept and spoken at each start (the signals refuse texts then)")
        .mutable_playing()
        .build();

    model_path: Option<String> = None, |name, _| glib::ParamSpecString::builder(name)
        .nick("Model path")
        .blurb("Model directory (made by `cosyvoice3 model convert`). Unset: COSYVOICE3_MODEL_PATH, else share/cosyvoice3/models/demo of the plugin's prefix, else models/demo beside or above the plugin file")
        .mutable_ready()
        .build();

    voice: Option<String> = None, |name, _| glib::ParamSpecString::builder(name)
        .nick("Voice")
        .blurb("Name of a voice, see \"voices\", or path of its file (with a slash). Unset: the model's voice for the language of the text, else its default voice")
        .mutable_playing()
        .build();

    voice_sample: Option<String> = None, |name, _| glib::ParamSpecString::builder(name)
        .nick("Voice sample")
        .blurb("Recording of 2 to 30 s of one person's speech (any file that GStreamer decodes), whose voice speaks where \"voice\" is unset. It is enrolled between READY and PAUSED, the same content once; the model needs the front-end networks for it. Clone a voice only with the consent of the person it belongs to")
        .mutable_ready()
        .build();

    voice_sample_text: Option<String> = None, |name, _| glib::ParamSpecString::builder(name)
        .nick("Voice sample text")
        .blurb("Words of \"voice-sample\", exactly as spoken. Unset or empty: the voice is cross-lingual, and of a long recording the best stretch is taken")
        .mutable_ready()
        .build();

    speaker_map: Option<gst::Structure> = None, |name, _| glib::ParamSpecBoxed::builder::<gst::Structure>(name)
        .nick("Speaker map")
        .blurb("Voices of the speakers that upstream announces by the event rstranscribe/speaker-change, as in \"map,anna=ru_female,boris=ru_male\"; it takes precedence over elevenlabs/speaker-voice")
        .mutable_playing()
        .build();

    instruct: Option<String> = None, |name, _| glib::ParamSpecString::builder(name)
        .nick("Instruction")
        .blurb("Instruction to the model about the manner of speaking (\"speak fast\"); the voice then comes from the flow model alone. Unset: the manner of the voice's recording is cloned too")
        .mutable_playing()
        .build();

    prompt_mode: PromptModeSetting = PromptModeSetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Prompt mode")
        .blurb("Input of the language model: the voice's recording, which it continues, or the text alone")
        .mutable_playing()
        .build();

    language: LanguageSetting = LanguageSetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Language")
        .blurb("Language in which texts are read; it also selects the voice if \"voice\" is unset")
        .mutable_playing()
        .build();

    text_reading: TextReadingSetting = TextReadingSetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Text reading")
        .blurb("Reader of Chinese figures: the model, or the rules that write them out before; Russian and English ones are always written out")
        .mutable_playing()
        .build();

    stress_mark: bool = false, |name, default| glib::ParamSpecBoolean::builder(name)
        .nick("Stress mark")
        .blurb("Take a \"+\" before a vowel for a mark of its stress, as Russian tools write it")
        .default_value(default)
        .mutable_playing()
        .build();

    lexicon: Option<String> = None, |name, _| glib::ParamSpecString::builder(name)
        .nick("Lexicon")
        .blurb("File of pronunciations, one \"written = spoken\" per line; it takes precedence over voices/NAME.lexicon.txt and lexicon.txt of the model directory")
        .mutable_playing()
        .build();

    markup: MarkupSetting = MarkupSetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Markup")
        .blurb("Markup of the texts; caps application/ssml+xml on the sink pad select SSML in any case")
        .mutable_playing()
        .build();

    speed: f64 = 1.0, |name, default| glib::ParamSpecDouble::builder(name)
        .nick("Speed")
        .blurb("Tempo; the mel spectrogram is resampled in time")
        .minimum(SPEED.0)
        .maximum(SPEED.1)
        .default_value(default)
        .mutable_playing()
        .build();

    seed: i64 = 0, |name, default| glib::ParamSpecInt64::builder(name)
        .nick("Seed")
        .blurb("Seed of all random draws: the same seed, text and settings give the same samples (imported models, whose vocoder draws by itself, the same tokens). -1 draws a fresh seed for each text and logs it")
        .minimum(SEED.0)
        .maximum(SEED.1)
        .default_value(default)
        .mutable_playing()
        .build();

    temperature: f64 = 1.0, |name, default| glib::ParamSpecDouble::builder(name)
        .nick("Temperature")
        .blurb("Softmax temperature of the language model; 0 always takes the most probable token (and may loop)")
        .minimum(0.0)
        .maximum(2.0)
        .default_value(default)
        .mutable_playing()
        .build();

    top_k: u32 = 0, |name, default| glib::ParamSpecUInt::builder(name)
        .nick("Top k")
        .blurb("Maximum number of candidates for a speech token. 0: as the model's manifest says (25 as published)")
        .maximum(6561)
        .default_value(default)
        .mutable_playing()
        .build();

    top_p: f64 = 0.0, |name, default| glib::ParamSpecDouble::builder(name)
        .nick("Top p")
        .blurb("Probability mass of the candidates for a speech token. 0: as the model's manifest says (0.8 as published)")
        .minimum(0.0)
        .maximum(1.0)
        .default_value(default)
        .mutable_playing()
        .build();

    flow_steps: u32 = 0, |name, default| glib::ParamSpecUInt::builder(name)
        .nick("Flow steps")
        .blurb("Euler steps of the flow model; its time grows with them. 0: as the model's manifest says (10, in windows 5)")
        .maximum(100)
        .default_value(default)
        .mutable_playing()
        .build();

    flow_schedule: FlowScheduleSetting = FlowScheduleSetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Flow schedule")
        .blurb("Time points of the flow model's solver")
        .mutable_playing()
        .build();

    guidance_interval: u32 = 1, |name, default| glib::ParamSpecUInt::builder(name)
        .nick("Guidance interval")
        .blurb("Euler steps from one with guidance to the next. 1: all of them, as published; 2 takes a fifth less time, of a sound that was not judged")
        .minimum(1)
        .maximum(100)
        .default_value(default)
        .mutable_playing()
        .build();

    flow_plan: FlowPlanSetting = FlowPlanSetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Flow plan")
        .blurb("Extent of one run of the flow model")
        .mutable_playing()
        .build();

    flush: FlushSetting = FlushSetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Flush")
        .blurb("When speech leaves. In a live stream the first piece of an utterance waits until the others will be in time, as the speeds measured so far have it")
        .mutable_playing()
        .build();

    flow_backend: FlowBackendSetting = FlowBackendSetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Flow back end")
        .blurb("Device of the flow model. The NPU needs axmodels in the model directory (`cosyvoice3 model npu`)")
        .mutable_ready()
        .build();

    npu_device: u32 = 0, |name, default| glib::ParamSpecUInt::builder(name)
        .nick("NPU device")
        .blurb("Index of the NPU card in AXCL's device list, from 0 (not its PCI bus number)")
        .maximum(255)
        .default_value(default)
        .mutable_ready()
        .build();

    axcl_library: Option<String> = None, |name, _| glib::ParamSpecString::builder(name)
        .nick("AXCL library")
        .blurb("libaxcl_rt.so or its directory. The variable AXCL_RT_LIBRARY takes precedence; unset: the system's library path, then /usr/lib/axcl")
        .mutable_ready()
        .build();

    level: LevelSetting = LevelSetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Level")
        .blurb("Treatment of the level of the speech")
        .mutable_playing()
        .build();

    threads: u32 = 0, |name, default| glib::ParamSpecUInt::builder(name)
        .nick("Threads")
        .blurb("Maximum number of threads of each stage, limited by the number of its cores; 0: one per core")
        .maximum(256)
        .default_value(default)
        .mutable_ready()
        .build();

    cpu_affinity: Option<String> = None, |name, _| glib::ParamSpecString::builder(name)
        .nick("CPU affinity")
        .blurb("Cores of the stages, as in \"lm=4-7,vocoder=4-7,flow=0-3\"; stages left out follow the machine. Unset: big cores compute, little ones wait for an NPU; no binding where all cores are alike")
        .mutable_ready()
        .build();

    prefix_cache: PrefixCacheSetting = PrefixCacheSetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Prefix cache")
        .blurb("Storage of the language model's work on voice and text, with which the same text starts at once the next time. \"memory\" spares flash: \"disk\" writes some 2 MB for each new text")
        .mutable_ready()
        .build();

    announcement_cache: AnnouncementCacheSetting = AnnouncementCacheSetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Announcement cache")
        .blurb("Storage of finished speech, with which the same text in the same voice, with the same settings, is heard at once, and the same to the sample: up to 2048 bytes of text and a minute of speech each, 32 MiB in memory, 256 MiB on disk. Not with seed=-1")
        .mutable_ready()
        .build();

    verify: VerifySetting = VerifySetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Verify")
        .blurb("Occasions on which the SHA-256 of the model's files is checked")
        .mutable_ready()
        .build();

    is_live: bool = false, |name, default| glib::ParamSpecBoolean::builder(name)
        .nick("Is live")
        .blurb("Stamp speech with the clock, for announcements; the stream ends by end-of-stream only. Off: speech is stamped from 0 without gaps, and EOS follows the last one")
        .default_value(default)
        .mutable_ready()
        .build();

    idle: IdleSetting = IdleSetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Idle")
        .blurb("Output of a live stream between announcements, also while models load")
        .mutable_ready()
        .build();

    latency: u32 = 2000, |name, default| glib::ParamSpecUInt::builder(name)
        .nick("Latency")
        .blurb("Time in milliseconds that timed texts of a live upstream may take to become speech. 4294967295 (-1): their times do not matter, each is spoken as soon as it can be and stamped with the clock")
        .default_value(default)
        .mutable_playing()
        .build();

    overflow: OverflowSetting = OverflowSetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Overflow")
        .blurb("Treatment of speech that is longer than the duration of its text buffer. Speech that is cut fades over 5 ms")
        .mutable_playing()
        .build();

    max_overflow: u32 = 0, |name, default| glib::ParamSpecUInt::builder(name)
        .nick("Maximum overflow")
        .blurb("Time in milliseconds by which speech may be longer than the duration of its text buffer. Only used with overflow=compress")
        .default_value(default)
        .mutable_playing()
        .build();

    text_timing: TextTimingSetting = TextTimingSetting::default(), |name, default| glib::ParamSpecEnum::builder_with_default(name, default)
        .nick("Text timing")
        .blurb("Use of the times of text buffers from upstream")
        .mutable_ready()
        .build();

    buffer_duration: u64 = 0, |name, default| glib::ParamSpecUInt64::builder(name)
        .nick("Buffer duration")
        .blurb("Maximum duration of one buffer in nanoseconds; 0: one buffer for each utterance, or for each piece under \"flush\". A live stream can be cancelled between two buffers")
        .default_value(default)
        .mutable_playing()
        .build();

    max_queued: u32 = 16, |name, default| glib::ParamSpecUInt::builder(name)
        .nick("Maximum queued texts")
        .blurb("Maximum number of texts that wait beside the one that is playing. A further text is refused, or, if its priority is higher, displaces the last of the lowest priority")
        .minimum(1)
        .default_value(default)
        .mutable_playing()
        .build();
}

impl Settings {
    /// The settings as the engine takes them, and the seed that was drawn if the property is -1.
    pub(super) fn to_synth(&self) -> (synth::Settings, Option<u32>) {
        let drawn = (self.seed < 0).then(glib::random_int);
        let mut settings = synth::Settings::default();
        settings.voice = non_empty(&self.voice);
        settings.instruct = non_empty(&self.instruct);
        settings.prompt_mode = self.prompt_mode.into();
        settings.language = self.language.into();
        settings.reading = self.text_reading.into();
        settings.stress_mark = self.stress_mark;
        settings.lexicon = non_empty(&self.lexicon).map(Into::into);
        settings.markup = self.markup.into();
        settings.speed = self.speed;
        settings.seed = drawn.map_or(self.seed as u64, u64::from);
        settings.keep = drawn.is_none();
        settings.temperature = self.temperature as f32;
        settings.top_k = self.top_k as usize;
        settings.top_p = self.top_p as f32;
        settings.flow_steps = self.flow_steps as usize;
        settings.flow_schedule = self.flow_schedule.into();
        settings.guidance_interval = self.guidance_interval as usize;
        settings.flow_plan = self.flow_plan.into();
        settings.flush = self.flush.into();
        settings.live = self.is_live;
        settings.level = self.level.into();
        (settings, drawn)
    }

    /// True if the times of texts of a live upstream do not matter.
    pub(super) fn is_desynchronized(&self) -> bool {
        self.latency == DESYNCHRONIZED
    }

    /// Device of the flow model.
    pub(super) fn flow_target(&self) -> FlowTarget {
        FlowTarget {
            choice: self.flow_backend.into(),
            axcl: AxclOptions {
                device: self.npu_device as usize,
                library: non_empty(&self.axcl_library).map(Into::into),
            },
        }
    }

    /// Storage of computed prefixes.
    pub(super) fn prefix_caching(&self) -> PrefixCaching {
        self.prefix_cache.into()
    }

    /// Storage of finished announcements.
    pub(super) fn announcement_caching(&self) -> AnnouncementCaching {
        self.announcement_cache.into()
    }

    /// Occasions on which to hash the model's files.
    pub(super) fn verify(&self) -> Verify {
        self.verify.into()
    }
}

/// A property set to the empty string is one that was not set.
pub(super) fn non_empty(value: &Option<String>) -> Option<String> {
    value.clone().filter(|value| !value.is_empty())
}
