//! Enumerations of the properties, as GObject knows them.

use gst::glib;

use cosyvoice3::{
    AnnouncementCaching, FlowChoice, FlowPlan, Flush, Language, Level, Markup, PrefixCaching,
    PromptMode, Reading, Schedule, Verify,
};

/// Converts a setting to the engine's enumeration, which knows no GLib and has the same variants; with `Option`, the first one
/// leaves the choice to the engine.
macro_rules! engine_enum {
    ($setting:ident => Option<$engine:ident> { $unset:ident $(, $variant:ident)+ }) => {
        impl From<$setting> for Option<$engine> {
            fn from(setting: $setting) -> Self {
                match setting {
                    $setting::$unset => None,
                    $($setting::$variant => Some($engine::$variant),)+
                }
            }
        }
    };
    ($setting:ident => $engine:ident { $($variant:ident),+ }) => {
        impl From<$setting> for $engine {
            fn from(setting: $setting) -> Self {
                match setting {
                    $($setting::$variant => Self::$variant,)+
                }
            }
        }
    };
}

engine_enum!(FlowScheduleSetting => Option<Schedule> { Manifest, Cosine, Linear, Epss });
engine_enum!(FlowPlanSetting => FlowPlan { Auto, Whole, Windows });
engine_enum!(FlushSetting => Flush { FullMel, Chunk, Auto });
engine_enum!(PrefixCacheSetting => PrefixCaching { Off, Memory, Disk });
engine_enum!(AnnouncementCacheSetting => AnnouncementCaching { Off, Memory, Disk });
engine_enum!(FlowBackendSetting => FlowChoice { Auto, Npu, Cpu });
engine_enum!(LevelSetting => Level { Normalize, Limit, None });
engine_enum!(VerifySetting => Verify { Auto, Always, Never });
engine_enum!(LanguageSetting => Option<Language> { Auto, Russian, English, Chinese });
engine_enum!(TextReadingSetting => Option<Reading> { Manifest, Model, Written });
engine_enum!(PromptModeSetting => PromptMode { Auto, ZeroShot, CrossLingual });
engine_enum!(MarkupSetting => Markup { None, Ssml });

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
    /// EPSS.
    #[enum_value(
        name = "EPSS: uneven steps, more of them where the mel takes shape (5, 6, 7, 10, 12 or 16 steps)",
        nick = "epss"
    )]
    Epss = 3,
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

/// Time at which speech leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3Flush")]
#[repr(i32)]
pub enum FlushSetting {
    /// With the end of its utterance.
    #[default]
    #[enum_value(
        name = "Whole utterances, of which the flow model sees everything",
        nick = "fullmel"
    )]
    FullMel = 0,
    /// Piece by piece.
    #[enum_value(
        name = "Pieces of utterances as they are made, the first one second long",
        nick = "chunk"
    )]
    Chunk = 1,
    /// Piece by piece where that is sooner.
    #[enum_value(
        name = "Whole utterances that are ready at most 300 ms later than their first piece, else pieces",
        nick = "auto"
    )]
    Auto = 2,
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

/// Storage of finished announcements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3AnnouncementCache")]
#[repr(i32)]
pub enum AnnouncementCacheSetting {
    /// Nowhere.
    #[enum_value(name = "Nowhere: each text is synthesized", nick = "off")]
    Off = 0,
    /// In memory.
    #[default]
    #[enum_value(name = "In memory, while the model is loaded", nick = "memory")]
    Memory = 1,
    /// In memory and on disk.
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
    /// It is spoken faster.
    #[enum_value(
        name = "It is compressed in time at its pitch, to at most half its length; what is still too long shifts",
        nick = "compress"
    )]
    Compress = 2,
    /// It goes on beside the next one.
    #[enum_value(
        name = "Each cue keeps its time, so that stamps may overlap: for a mixer",
        nick = "overlap"
    )]
    Overlap = 3,
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

/// Use of the voice's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCosyVoice3PromptMode")]
#[repr(i32)]
pub enum PromptModeSetting {
    /// As text and voice are.
    #[default]
    #[enum_value(
        name = "Cross-lingual where the text is in another language than the voice, or the voice has no transcript",
        nick = "auto"
    )]
    Auto = 0,
    /// The language model continues them.
    #[enum_value(
        name = "Continue the recording: nearest to the voice",
        nick = "zero-shot"
    )]
    ZeroShot = 1,
    /// The language model does not get them.
    #[enum_value(
        name = "The voice comes from the flow model alone: no accent of its language",
        nick = "cross-lingual"
    )]
    CrossLingual = 2,
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
