//! Layout of the official files: names, shapes, and the scale that keeps a random model's numbers in a sane range.

use serde_json::json;

/// Sizes that differ between checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Language model: width, blocks, heads, key/value heads, width of the MLP.
    pub hidden: usize,
    /// Transformer blocks.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Width of the MLP.
    pub mlp: usize,
    /// Longest sequence.
    pub positions: usize,
    /// Entries of the tokenizer before its special tokens.
    pub base_vocab: usize,
    /// Rows of the text embedding.
    pub text_vocab: usize,
    /// Channels of the flow's lookahead layer.
    pub lookahead: usize,
    /// Width of the flow's transformer.
    pub dim: usize,
    /// Its blocks.
    pub depth: usize,
    /// Channels at the vocoder's entrance.
    pub vocoder: usize,
    /// Channels of the F0 predictor.
    pub f0: usize,
}

impl Geometry {
    /// Fun-CosyVoice3-0.5B.
    pub const FULL: Self = Self {
        hidden: 896,
        layers: 24,
        heads: 14,
        kv_heads: 2,
        mlp: 4864,
        positions: 32768,
        base_vocab: 151_643,
        text_vocab: 151_936,
        lookahead: 1024,
        dim: 1024,
        depth: 22,
        vocoder: 512,
        f0: 512,
    };
    /// The same structure in a few megabytes.
    pub const TINY: Self = Self {
        hidden: 64,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        mlp: 128,
        positions: 2048,
        base_vocab: 560,
        text_vocab: 896,
        lookahead: 64,
        dim: 128,
        depth: 2,
        vocoder: 32,
        f0: 32,
    };
}

/// Numbers of a random tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fill {
    /// Mean and standard deviation.
    Spread(f32, f32),
    /// Rotary frequencies `10000^(-2 i / 64)`.
    Frequencies,
    /// The storage of another tensor.
    SameAs(&'static str),
}

/// A tensor to be written.
pub struct Tensor {
    /// Official name.
    pub name: String,
    /// Lengths, outermost first.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub fill: Fill,
}

#[derive(Default)]
struct Layout(Vec<Tensor>);

impl Layout {
    fn add(&mut self, name: impl Into<String>, shape: &[usize], fill: Fill) {
        self.0.push(Tensor {
            name: name.into(),
            shape: shape.to_vec(),
            fill,
        });
    }

    /// A weight whose output is as large as its input times `gain`.
    fn weight(&mut self, name: &str, shape: &[usize], gain: f32) {
        let inputs: usize = shape[1..].iter().product();
        let fill = Fill::Spread(0.0, gain / (inputs as f32).sqrt());
        self.add(format!("{name}.weight"), shape, fill);
    }

    fn affine(&mut self, name: &str, shape: &[usize], gain: f32) {
        self.weight(name, shape, gain);
        self.add(format!("{name}.bias"), &shape[..1], Fill::Spread(0.0, 0.02));
    }

    /// A convolution under weight norm: each output channel's kernel has a norm of about `gain`.
    fn weight_norm(&mut self, name: &str, shape: &[usize], gain: f32) {
        let weight = format!("{name}.parametrizations.weight");
        self.add(format!("{name}.bias"), &shape[..1], Fill::Spread(0.0, 0.02));
        let norm = Fill::Spread(gain, 0.1 * gain);
        self.add(format!("{weight}.original0"), &[shape[0], 1, 1], norm);
        self.add(format!("{weight}.original1"), shape, Fill::Spread(0.0, 0.1));
    }

    fn residual_block(&mut self, name: &str, channels: usize, kernel: usize) {
        for convs in ["convs1", "convs2"] {
            for i in 0..3 {
                self.weight_norm(
                    &format!("{name}.{convs}.{i}"),
                    &[channels, channels, kernel],
                    0.5,
                );
            }
        }
        for activations in ["activations1", "activations2"] {
            for i in 0..3 {
                let name = format!("{name}.{activations}.{i}.alpha");
                self.add(name, &[channels], Fill::Spread(1.0, 0.2));
            }
        }
    }
}

/// `llm.pt`
pub fn llm(g: &Geometry) -> Vec<Tensor> {
    let mut l = Layout::default();
    let kv = g.hidden / g.heads * g.kv_heads;
    let norm = Fill::Spread(1.0, 0.05);
    let embedding = Fill::Spread(0.0, 0.5);
    const EMBEDDING: &str = "llm.model.model.embed_tokens.weight";
    l.add(EMBEDDING, &[g.text_vocab, g.hidden], embedding);
    for i in 0..g.layers {
        let layer = format!("llm.model.model.layers.{i}");
        l.affine(
            &format!("{layer}.self_attn.q_proj"),
            &[g.hidden, g.hidden],
            1.0,
        );
        l.affine(&format!("{layer}.self_attn.k_proj"), &[kv, g.hidden], 1.0);
        l.affine(&format!("{layer}.self_attn.v_proj"), &[kv, g.hidden], 1.0);
        l.weight(
            &format!("{layer}.self_attn.o_proj"),
            &[g.hidden, g.hidden],
            0.5,
        );
        l.weight(&format!("{layer}.mlp.gate_proj"), &[g.mlp, g.hidden], 1.0);
        l.weight(&format!("{layer}.mlp.up_proj"), &[g.mlp, g.hidden], 1.0);
        l.weight(&format!("{layer}.mlp.down_proj"), &[g.hidden, g.mlp], 0.5);
        l.add(format!("{layer}.input_layernorm.weight"), &[g.hidden], norm);
        l.add(
            format!("{layer}.post_attention_layernorm.weight"),
            &[g.hidden],
            norm,
        );
    }
    l.add("llm.model.model.norm.weight", &[g.hidden], norm);
    l.add(
        "llm.model.lm_head.weight",
        &[g.text_vocab, g.hidden],
        Fill::SameAs(EMBEDDING),
    );
    l.weight("llm_decoder", &[6761, g.hidden], 2.0);
    l.add("speech_embedding.weight", &[6761, g.hidden], embedding);
    l.0
}

/// `flow.pt`
pub fn flow(g: &Geometry) -> Vec<Tensor> {
    let mut l = Layout::default();
    let dim = g.dim;
    l.add(
        "input_embedding.weight",
        &[6561, 80],
        Fill::Spread(0.0, 1.0),
    );
    l.affine("spk_embed_affine_layer", &[80, 192], 1.0);
    l.affine("pre_lookahead_layer.conv1", &[g.lookahead, 80, 4], 1.0);
    l.affine("pre_lookahead_layer.conv2", &[80, g.lookahead, 3], 1.0);
    const E: &str = "decoder.estimator";
    l.affine(&format!("{E}.time_embed.time_mlp.0"), &[dim, 256], 1.0);
    l.affine(&format!("{E}.time_embed.time_mlp.2"), &[dim, dim], 1.0);
    l.affine(&format!("{E}.input_embed.proj"), &[dim, 320], 0.3);
    for i in [1, 2] {
        let conv = format!("{E}.input_embed.conv_pos_embed.conv{i}.0");
        l.affine(&conv, &[dim, dim / 16, 31], 1.0);
    }
    l.add(
        format!("{E}.rotary_embed.inv_freq"),
        &[32],
        Fill::Frequencies,
    );
    for i in 0..g.depth {
        let block = format!("{E}.transformer_blocks.{i}");
        l.affine(&format!("{block}.attn_norm.linear"), &[6 * dim, dim], 0.5);
        for part in ["to_q", "to_k", "to_v", "to_out.0"] {
            l.affine(&format!("{block}.attn.{part}"), &[dim, dim], 1.0);
        }
        l.affine(&format!("{block}.ff.ff.0.0"), &[2 * dim, dim], 1.0);
        l.affine(&format!("{block}.ff.ff.2"), &[dim, 2 * dim], 1.0);
    }
    l.affine(&format!("{E}.norm_out.linear"), &[2 * dim, dim], 0.5);
    l.affine(&format!("{E}.proj_out"), &[80, dim], 1.0);
    l.0
}

/// `hift.pt`
pub fn hift(g: &Geometry) -> Vec<Tensor> {
    let mut l = Layout::default();
    let channels = [g.vocoder / 2, g.vocoder / 4, g.vocoder / 8];
    l.affine("m_source.l_linear", &[1, 9], 1.0);
    // A log-mel is around -6: unit gain would drive exp() of the last layer into its limit
    l.weight_norm("conv_pre", &[g.vocoder, 80, 5], 0.2);
    let mut before = g.vocoder;
    for (i, kernel) in [16, 11, 7].into_iter().enumerate() {
        l.weight_norm(&format!("ups.{i}"), &[channels[i], before, kernel], 1.0);
        before = channels[i];
    }
    for (i, kernel) in [30, 6, 1].into_iter().enumerate() {
        l.affine(
            &format!("source_downs.{i}"),
            &[channels[i], 18, kernel],
            1.0,
        );
    }
    for (i, kernel) in [7, 7, 11].into_iter().enumerate() {
        l.residual_block(&format!("source_resblocks.{i}"), channels[i], kernel);
    }
    for i in 0..9 {
        let kernel = [3, 7, 11][i % 3];
        l.residual_block(&format!("resblocks.{i}"), channels[i / 3], kernel);
    }
    l.weight_norm("conv_post", &[18, channels[2], 7], 0.5);
    for i in [0, 2, 4, 6, 8] {
        let (inputs, kernel, gain) = match i {
            0 => (80, 4, 0.2),
            _ => (g.f0, 3, 1.5),
        };
        let name = format!("f0_predictor.condnet.{i}");
        l.weight_norm(&name, &[g.f0, inputs, kernel], gain);
    }
    // Around 130 Hz, as a voice has it
    l.weight("f0_predictor.classifier", &[1, g.f0], 60.0);
    let bias = Fill::Spread(130.0, 0.0);
    l.add("f0_predictor.classifier.bias", &[1], bias);
    l.0
}

/// `CosyVoice-BlankEN/config.json`
pub fn config(g: &Geometry) -> String {
    let config = json!({
        "architectures": ["Qwen2ForCausalLM"],
        "bos_token_id": g.base_vocab,
        "eos_token_id": g.base_vocab,
        "hidden_act": "silu",
        "hidden_size": g.hidden,
        "intermediate_size": g.mlp,
        "max_position_embeddings": g.positions,
        "model_type": "qwen2",
        "num_attention_heads": g.heads,
        "num_hidden_layers": g.layers,
        "num_key_value_heads": g.kv_heads,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000.0,
        "tie_word_embeddings": true,
        "torch_dtype": "float32",
        "use_sliding_window": false,
        "vocab_size": g.text_vocab,
    });
    format!("{config:#}\n")
}

/// `cosyvoice3.yaml`, the part that inference reads. `training/export.py` fills in the same template.
pub fn yaml(g: &Geometry) -> String {
    let fields = [
        (
            "comment",
            "A random checkpoint: its voice is noise.".to_owned(),
        ),
        ("tau_r", "0.1".into()),
        ("mult", "2".into()),
        ("hidden", g.hidden.to_string()),
        ("lookahead", g.lookahead.to_string()),
        ("dim", g.dim.to_string()),
        ("depth", g.depth.to_string()),
        ("heads", (g.dim / 64).to_string()),
        ("vocoder", g.vocoder.to_string()),
        ("f0", g.f0.to_string()),
    ];
    let template = include_str!("cosyvoice3.yaml").to_owned();
    fields.iter().fold(template, |yaml, (name, value)| {
        yaml.replace(&format!("{{{name}}}"), value)
    })
}
