//! Settings of a session, which distinguish its cached prefixes from others.

/// Settings of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LmOptions {
    /// Most threads, the calling one included; 0 counts as 1.
    pub threads: usize,
    /// Compute on fewer threads where that is faster, as on a machine that is busy with other programs; see
    /// [`thread_count`](crate::lm::thread_count). No effect with fused attention, whose bits depend on their number.
    pub adapt: bool,
    /// CPUs for these threads, by the kernel's numbers; `None` for any. The thread that generates is moved there too.
    pub cpus: Option<Vec<usize>>,
    /// Keep the KV cache in f32 instead of f16.
    pub kv_f32: bool,
    /// Fused attention.
    pub flash_attention: bool,
}
