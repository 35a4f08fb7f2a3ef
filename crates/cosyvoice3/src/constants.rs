//! Numbers that belong to CosyVoice3 itself and not to one checkpoint (Fun-CosyVoice3-0.5B, `cosyvoice3.yaml`).

/// Samples per second of the speech.
pub const SAMPLE_RATE: u32 = 24_000;
/// Mel bins.
pub const MEL_BINS: usize = 80;
/// Mel frames per speech token (`token_mel_ratio`).
pub const FRAMES_PER_TOKEN: usize = 2;
/// Samples per mel frame: 50 frames a second.
pub const SAMPLES_PER_FRAME: usize = 480;
/// Samples per speech token: 25 tokens a second.
pub const SAMPLES_PER_TOKEN: usize = FRAMES_PER_TOKEN * SAMPLES_PER_FRAME;
/// Speech tokens that are sounds: ids below this (FSQ codebook, 3^8).
pub const SPEECH_CODES: u32 = 6561;
/// Rows of the speech embedding and of the language model's head: the sounds and 200 control ids.
pub const SPEECH_VOCAB: u32 = 6761;
/// Values of a CAM++ speaker embedding.
pub const SPEAKER_EMBEDDING: usize = 192;
/// Tokens that the flow encoder looks ahead (`pre_lookahead_len`).
pub const LOOKAHEAD_TOKENS: usize = 3;
/// Frames of one attention chunk under the streaming mask (`static_chunk_size`).
pub const ATTENTION_CHUNK_FRAMES: usize = 50;
/// Classifier-free guidance at inference (`inference_cfg_rate`).
pub const CFG_RATE: f32 = 0.7;

/// Frames before a sample that the vocoder's decoder sees, and computes again for a further piece: 15 by the residual
/// blocks of its first stage, 9 by those of the source before them, 3 and 1 by those of the later stages, the rest by
/// upsampling and transforms.
pub const VOCODER_CONTEXT_FRAMES: usize = 29;
