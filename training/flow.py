"""The flow model with the official state-dict keys: speech tokens -> mel, by conditional flow matching.

Training wraps two things around the official structure, and `official_state` folds both away:
an embedding of the token's eight digits beside the table (a rare token is then understood from its digits), and
fixed scales that keep raw log-mel, of mean -5 and deviation 2.3, in a range that trains well.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

import tokens as codec

MEL, TOKENS, LOOKAHEAD, CHUNK, SPEAKER = 80, 6561, 3, 50, 192
GUIDANCE = 0.7
MEL_MEAN, MEL_DEVIATION = -5.0, 2.3
INPUT_SCALE = (0.4, 0.3, 1.0, 1.0)              # x, cond, mu, spks


class PreLookahead(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv1d(MEL, channels, LOOKAHEAD + 1)
        self.conv2 = nn.Conv1d(channels, MEL, 3)

    def forward(self, x, final):                        # [B, N, 80]; without `final` the last 3 are context only
        y = x.transpose(1, 2)
        y = F.leaky_relu(self.conv1(F.pad(y, (0, LOOKAHEAD)) if final else y), 0.01)
        y = self.conv2(F.pad(y, (2, 0))).transpose(1, 2)
        return y + x[:, :y.shape[1]]


class TimeEmbedding(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.time_mlp = nn.Sequential(nn.Linear(256, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, t):
        frequencies = torch.exp(-math.log(10_000) / 127 * torch.arange(128, device=t.device))
        angles = 1000 * t[:, None] * frequencies
        return self.time_mlp(torch.cat([angles.sin(), angles.cos()], -1))


class ConvPosition(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv1d(dim, dim, 31, groups=16), nn.Mish())
        self.conv2 = nn.Sequential(nn.Conv1d(dim, dim, 31, groups=16), nn.Mish())

    def forward(self, x):
        y = x.transpose(1, 2)
        for conv in (self.conv1, self.conv2):
            y = conv(F.pad(y, (30, 0)))
        return y.transpose(1, 2)


class InputEmbedding(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.proj = nn.Linear(4 * MEL, dim)
        self.conv_pos_embed = ConvPosition(dim)


class AdaNorm(nn.Module):
    def __init__(self, dim, parts):
        super().__init__()
        self.linear = nn.Linear(dim, parts * dim)
        self.parts = parts

    def forward(self, time):
        return self.linear(F.silu(time))[:, None].chunk(self.parts, -1)


def modulated(x, shift, scale):
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.to_q, self.to_k, self.to_v = (nn.Linear(dim, heads * 64) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(heads * 64, dim)])

    def forward(self, x, rotary, mask):
        def split(y, rotate):
            if rotate:                                  # the first 64 channels only: head 0
                y = torch.cat([rotated(y[..., :64], rotary), y[..., 64:]], -1)
            return y.unflatten(-1, (self.heads, 64)).transpose(1, 2)
        q, k, v = split(self.to_q(x), True), split(self.to_k(x), True), split(self.to_v(x), False)
        if x.is_cuda:
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask.to(q.dtype))
            return self.to_out[0](mixed.transpose(1, 2).flatten(2))
        # written out: on a CPU this trains faster than the fused attention
        weights = (q / 8 @ k.transpose(2, 3) + mask.to(q.dtype)).softmax(-1, dtype=v.dtype)
        return self.to_out[0]((weights @ v).transpose(1, 2).flatten(2))


def rotated(x, rotary):
    cos, sin = rotary
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, odd * cos + even * sin], -1).flatten(-2).to(x.dtype)


class FeedForward(nn.Module):
    def __init__(self, dim, mult):
        super().__init__()
        self.ff = nn.Sequential(nn.Sequential(nn.Linear(dim, mult * dim), nn.GELU(approximate="tanh")), nn.Identity(),
                                nn.Linear(mult * dim, dim))


class Block(nn.Module):
    def __init__(self, dim, heads, mult):
        super().__init__()
        self.attn_norm = AdaNorm(dim, 6)
        self.attn = Attention(dim, heads)
        self.ff = FeedForward(dim, mult)

    def forward(self, x, time, rotary, mask):
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.attn_norm(time)
        x = x + gate_a * self.attn(modulated(x, shift_a, scale_a), rotary, mask)
        return x + gate_m * self.ff.ff(modulated(x, shift_m, scale_m))


class Rotary(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("inv_freq", 10_000 ** (-torch.arange(0, 64, 2) / 64))


class DiT(nn.Module):
    def __init__(self, dim, depth, heads, mult=2):
        super().__init__()
        self.time_embed = TimeEmbedding(dim)
        self.input_embed = InputEmbedding(dim)
        self.rotary_embed = Rotary()
        self.transformer_blocks = nn.ModuleList(Block(dim, heads, mult) for _ in range(depth))
        self.norm_out = AdaNorm(dim, 2)
        self.proj_out = nn.Linear(dim, MEL)
        self.register_buffer("in_scale", torch.ones(4 * MEL), persistent=False)
        self.out_scale, self.out_shift = 1.0, 0.0

    def scale_for_training(self):
        self.in_scale.copy_(torch.tensor(INPUT_SCALE).repeat_interleave(MEL))
        self.out_scale, self.out_shift = MEL_DEVIATION, MEL_MEAN
        for block in self.transformer_blocks:
            nn.init.zeros_(block.attn_norm.linear.weight), nn.init.zeros_(block.attn_norm.linear.bias)
        for layer in (self.norm_out.linear, self.proj_out):
            nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)

    def forward(self, x, mu, cond, spks, t, streaming, lengths=None):
        """All [B, T, 80] but spks [B, 80] and t [B]; `streaming` one bool, `lengths` of padded rows."""
        frames = x.shape[1]
        time = self.time_embed(t)
        joined = torch.cat([x, cond, mu, spks[:, None].expand(-1, frames, -1)], -1) * self.in_scale
        h = self.input_embed.proj(joined)
        h = h + self.input_embed.conv_pos_embed(h)
        place = torch.arange(frames, device=x.device)
        mask = torch.ones(1, 1, frames, frames, dtype=torch.bool, device=x.device)
        if streaming:
            mask = mask & (place < (place[:, None] // CHUNK + 1) * CHUNK)
        if lengths is not None:
            mask = mask & (place < lengths[:, None])[:, None, None]
        angles = place[:, None] * self.rotary_embed.inv_freq
        rotary = angles.cos(), angles.sin()
        mask = torch.zeros(mask.shape, device=x.device).masked_fill(~mask, -torch.inf)
        for block in self.transformer_blocks:
            h = block(h, time, rotary, mask)
        scale, shift = self.norm_out(time)
        return self.proj_out(modulated(h, shift, scale)).float() * self.out_scale + self.out_shift


class Decoder(nn.Module):
    def __init__(self, *args):
        super().__init__()
        self.estimator = DiT(*args)


class Flow(nn.Module):
    def __init__(self, lookahead=256, dim=256, depth=5, heads=4, mult=2, training_form=False):
        super().__init__()
        self.input_embedding = nn.Embedding(TOKENS, MEL)
        self.spk_embed_affine_layer = nn.Linear(SPEAKER, MEL)
        self.pre_lookahead_layer = PreLookahead(lookahead)
        self.decoder = Decoder(dim, depth, heads, mult)
        self.digits = None
        if training_form:
            nn.init.zeros_(self.input_embedding.weight)
            self.digits = nn.Sequential(nn.Linear(2 * codec.DIGITS, 256), nn.GELU(), nn.Linear(256, MEL))
            self.decoder.estimator.scale_for_training()

    def embed(self, tokens):
        x = self.input_embedding(tokens)
        return x if self.digits is None else x + self.digits(digit_features(tokens))

    def encode(self, tokens, final=True):               # [B, N] -> mu [B, 2 N, 80] (2 (N - 3) unless final)
        return self.pre_lookahead_layer(self.embed(tokens.clamp(min=0)), final).repeat_interleave(2, 1)

    def speaker(self, embedding):
        return self.spk_embed_affine_layer(F.normalize(embedding, dim=1, eps=1e-12))

    @torch.no_grad()
    def official_state(self) -> dict:
        """State dict in the official form: digits folded into the table, scales into the outer layers."""
        state = {k: v.clone() for k, v in self.state_dict().items() if not k.startswith("digits.")}
        if self.digits is not None:
            state["input_embedding.weight"] += self.digits(digit_features(torch.arange(TOKENS)))
        dit = self.decoder.estimator
        state["decoder.estimator.input_embed.proj.weight"] *= dit.in_scale
        state["decoder.estimator.proj_out.weight"] *= dit.out_scale
        bias = state["decoder.estimator.proj_out.bias"]
        bias.mul_(dit.out_scale).add_(dit.out_shift)
        return state


def digit_features(tokens):
    digits = codec.digits_of(tokens)
    return torch.cat([digits, digits ** 2 - 2 / 3], -1)


def schedule(steps: int, cosine: bool) -> torch.Tensor:
    t = torch.linspace(0, 1, steps + 1)
    return 1 - torch.cos(t * torch.pi / 2) if cosine else t


@torch.no_grad()
def solve(flow, tokens, prompt_mel, embedding, noise, times, streaming, final=True, guidance=GUIDANCE):
    """Prompt ++ new tokens [N], prompt mel [P, 80], noise [80, >= T] -> mel after the prompt [T - P, 80]."""
    mu = flow.encode(tokens[None], final)
    frames = mu.shape[1]
    cond = torch.zeros_like(mu)
    cond[0, :len(prompt_mel)] = prompt_mel
    spks = flow.speaker(embedding[None])
    x = noise[:, :frames].T[None].clone()
    both = [torch.cat([v, torch.zeros_like(v)]) for v in (mu, cond, spks)]
    t = times[0]
    for i in range(1, len(times)):
        dt = times[i] - t
        y = flow.decoder.estimator(x.expand(2, -1, -1), *both, t.expand(2), streaming)
        x = x + dt * ((1 + guidance) * y[:1] - guidance * y[1:])
        t = t + dt
    return x[0, len(prompt_mel):]
