"""The speech language model with the official state-dict keys: a Qwen2 body between text and speech tables.

In training form the speech table and the head get a second summand, computed from the token's eight digits, so
that rare tokens are understood (and predicted) from their digits; `official_state` folds it into the tables.
"""
import torch
import torch.nn.functional as F
from torch import nn

from flow import digit_features

TOKENS, SPEECH_ROWS, SOS, EOS, TASK = 6561, 6761, 6561, 6562, 6563
THETA = 1_000_000


class RMSNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        y = x.float()
        return self.weight * (y * torch.rsqrt(y.square().mean(-1, keepdim=True) + 1e-6)).to(x.dtype)


class SelfAttention(nn.Module):
    def __init__(self, dim, heads, kv_heads, head_dim):
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, head_dim
        self.q_proj = nn.Linear(dim, heads * head_dim)
        self.k_proj = nn.Linear(dim, kv_heads * head_dim)
        self.v_proj = nn.Linear(dim, kv_heads * head_dim)
        self.o_proj = nn.Linear(heads * head_dim, dim, bias=False)

    def forward(self, x, rotary, cache=None, watch=None, hidden=None):
        q = self.q_proj(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k = self.k_proj(x).unflatten(-1, (self.kv_heads, -1)).transpose(1, 2)
        v = self.v_proj(x).unflatten(-1, (self.kv_heads, -1)).transpose(1, 2)
        q, k = rotated(q, rotary), rotated(k, rotary)
        if cache is not None:
            if cache:
                k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
            cache[:] = [k, v]
        if q.is_cuda and cache is None and watch is None and hidden is None:
            k, v = (t.repeat_interleave(self.heads // self.kv_heads, 1) for t in (k, v))
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.o_proj(mixed.transpose(1, 2).flatten(2))
        # written out: on a CPU this trains faster than the fused attention, and guidance needs the weights. Heads that
        # share keys are rows of one matrix
        rows, (batch, past) = q.shape[2], (k.shape[0], k.shape[2])
        q = (q / self.head_dim ** 0.5).reshape(batch * self.kv_heads, -1, self.head_dim)
        k, v = k.flatten(0, 1), v.flatten(0, 1)
        scores = (q @ k.transpose(1, 2)).view(batch, self.heads, rows, past)
        if rows == past:                                # the whole sequence, not one position after a cache
            scores = scores + torch.full((rows, past), -torch.inf, dtype=scores.dtype, device=scores.device).triu(1)
        if hidden is not None:
            scores = scores.masked_fill(hidden[:, None, None], torch.finfo(scores.dtype).min)
        weights = scores.softmax(-1, dtype=v.dtype)
        if watch is not None:
            watch.append(weights[:, :2].float())
        heads = (weights.view(batch * self.kv_heads, -1, past) @ v).view(batch, self.heads, rows, self.head_dim)
        return self.o_proj(heads.transpose(1, 2).flatten(2))


def rotated(x, rotary):
    cos, sin = rotary
    a, b = x.chunk(2, -1)
    return (torch.cat([a, b], -1) * cos + torch.cat([-b, a], -1) * sin).to(x.dtype)


class MLP(nn.Module):
    def __init__(self, dim, inner):
        super().__init__()
        self.gate_proj = nn.Linear(dim, inner, bias=False)
        self.up_proj = nn.Linear(dim, inner, bias=False)
        self.down_proj = nn.Linear(inner, dim, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, dim, heads, kv_heads, head_dim, mlp):
        super().__init__()
        self.self_attn = SelfAttention(dim, heads, kv_heads, head_dim)
        self.mlp = MLP(dim, mlp)
        self.input_layernorm = RMSNorm(dim)
        self.post_attention_layernorm = RMSNorm(dim)

    def forward(self, x, *attention, dropout=0.0, **options):
        x = x + F.dropout(self.self_attn(self.input_layernorm(x), *attention, **options), dropout, self.training)
        return x + F.dropout(self.mlp(self.post_attention_layernorm(x)), dropout, self.training)


class Body(nn.Module):
    def __init__(self, text_rows, dim, layers, *geometry):
        super().__init__()
        self.embed_tokens = nn.Embedding(text_rows, dim)
        self.layers = nn.ModuleList(Layer(dim, *geometry) for _ in range(layers))
        self.norm = RMSNorm(dim)


class Wrapper(nn.Module):
    """The official files nest the body as llm.model.model."""
    def __init__(self, inner):
        super().__init__()
        self.model = inner


class SpeechLM(nn.Module):
    def __init__(self, hidden=256, layers=6, heads=4, kv_heads=2, head_dim=64, mlp=704, text_rows=1024,
                 training_form=False):
        super().__init__()
        self.hidden, self.head_dim = hidden, head_dim
        self.llm = Wrapper(Wrapper(Body(text_rows, hidden, layers, heads, kv_heads, head_dim, mlp)))
        self.llm_decoder = nn.Linear(hidden, SPEECH_ROWS, bias=False)
        self.speech_embedding = nn.Embedding(SPEECH_ROWS, hidden)
        self.dropout = 0.0
        self.digits_in = self.digits_out = None
        if training_form:
            for p in self.parameters():
                if p.ndim > 1:
                    nn.init.normal_(p, std=0.04 if p.shape[0] < 2000 else 0.002)
            nn.init.normal_(self.text.embed_tokens.weight, std=0.3)
            nn.init.normal_(self.speech_embedding.weight[TOKENS:], std=0.3)
            self.digits_in, self.digits_out = (
                nn.Sequential(nn.Linear(16, 256), nn.GELU(), nn.Linear(256, hidden)) for _ in range(2))
            nn.init.normal_(self.digits_out[2].weight, std=0.02)

    @property
    def text(self):
        return self.llm.model.model

    def embed_speech(self, tokens):
        x = self.speech_embedding(tokens)
        if self.digits_in is not None:
            x = x + self.digits_in(digit_features(tokens)) * (tokens < TOKENS)[..., None]
        return x

    def head(self) -> torch.Tensor:
        """Rows of the output layer. All 6761 compete in training: the runtime must never draw an unused one."""
        rows = self.llm_decoder.weight
        if self.digits_out is None:
            return rows
        made = self.digits_out(digit_features(torch.arange(TOKENS, device=rows.device)))
        return rows + F.pad(made.float(), (0, 0, 0, SPEECH_ROWS - TOKENS))

    def embed(self, ids, is_text):
        """[B, T] ids of either table -> [B, T, hidden]"""
        text = self.text.embed_tokens(torch.where(is_text, ids, 0))
        return torch.where(is_text[..., None], text, self.embed_speech(torch.where(is_text, SOS, ids)))

    def prefix(self, text, speech):
        special = torch.tensor([[SOS, TASK]], device=text.device).expand(len(text), 2)
        special = self.speech_embedding(special)
        return torch.cat([special[:, :1], self.text.embed_tokens(text), special[:, 1:], self.embed_speech(speech)], 1)

    def body(self, x, cache=None, watch=None, hidden=None):
        """Embeddings [B, T, hidden] -> hidden states after the final norm.

        `watch` maps a layer to a list, `hidden` [B, positions] names those that nobody may look at.
        """
        past = 0 if not cache or not cache[0] else cache[0][0].shape[2]
        place = torch.arange(past, past + x.shape[1], device=x.device)
        frequencies = THETA ** (-torch.arange(0, self.head_dim, 2, device=x.device) / self.head_dim)
        angles = torch.cat([place[:, None] * frequencies] * 2, -1)
        rotary = angles.cos(), angles.sin()
        for i, layer in enumerate(self.text.layers):
            x = layer(x, rotary, cache=None if cache is None else cache[i],
                      watch=(watch or {}).get(i), hidden=hidden, dropout=self.dropout)
        return self.text.norm(x)

    @torch.no_grad()
    def official_state(self) -> dict:
        state = {k: v.clone() for k, v in self.state_dict().items() if not k.startswith("digits_")}
        if self.digits_in is not None:
            features = digit_features(torch.arange(TOKENS))
            state["speech_embedding.weight"][:TOKENS] += self.digits_in(features)
            state["llm_decoder.weight"][:TOKENS] += self.digits_out(features)
        return state


def nucleus(probabilities: torch.Tensor, top_p=0.8, top_k=25) -> torch.Tensor:
    """Candidate ids: mass before the id below top_p, at most top_k of them."""
    ordered, order = probabilities.sort(descending=True, stable=True)
    before = ordered.cumsum(0) - ordered
    return order[:top_k][before[:top_k] < top_p]


@torch.no_grad()
def generate(model: SpeechLM, text_ids, prompt_speech, spoken_ids: int, generator, top_p=0.8, top_k=25, window=10,
             tau=0.5):
    """Repetition-aware sampling as the runtime does it: (tokens, stopped by itself)."""
    head = model.head()
    cache = [[] for _ in model.text.layers]
    x = model.prefix(torch.tensor([text_ids]), torch.tensor([prompt_speech], dtype=torch.long))
    out = []
    for _ in range(20 * spoken_ids):
        hidden = model.body(x, cache)[0, -1].float()
        probabilities = (head @ hidden).softmax(-1)
        probabilities[SOS] = 0
        candidates = nucleus(probabilities, top_p, top_k)
        token = int(candidates[torch.multinomial(probabilities[candidates], 1, generator=generator)])
        if out[-window:].count(token) >= window * tau:
            probabilities[token] = 0
            token = int(torch.multinomial(probabilities, 1, generator=generator))
        if token >= TOKENS:
            return out, True
        out.append(token)
        x = model.embed_speech(torch.tensor([[token]]))
    return out, False
