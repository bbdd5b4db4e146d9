"""Makes the small models under model/src/test/resources/vectors/families, and what transformers computes on them.

usage: make.py DIR      (transformers 5.24.0, torch 2.7.1 on CPU; byte-identical when run again on the same machine)

Each folder of DIR gets config.json, model.safetensors and vectors.safetensors:
  ids     int64 [3, 40]: three sequences, longer than every window here
  logits  float32 [3, 40, vocab]; of a classifier scores, float32 [3, labels]
  left    float32 [20, vocab]: the first 20 tokens of the first sequence behind 5 of padding, positions counted from the
          first token; language models only
  greedy  int64 [24]: greedy continuation of the first 12 tokens of the first sequence; language models only
"""
import json
import pathlib
import sys

import torch
import transformers as T
from safetensors.torch import save_file

VOCAB, LENGTH = 61, 40
SHAPE = dict(vocab_size=VOCAB, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=64, pad_token_id=0, bos_token_id=None, eos_token_id=1)
NARROW = SHAPE | dict(head_dim=8)
YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=16)
LINEAR = dict(rope_type="linear", rope_theta=10000.0, factor=4.0)
LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
GEMMA3 = NARROW | dict(num_hidden_layers=4, sliding_window=8, query_pre_attn_scalar=12, layer_types=["sliding_attention"] * 2 + ["full_attention", "sliding_attention"],
                       rope_parameters=dict(full_attention=dict(rope_type="linear", rope_theta=1e6, factor=8.0), sliding_attention=dict(rope_type="default", rope_theta=1e4)))
CLASSIFIER = dict(num_labels=1)


def layout4(config):
    """As transformers 4 wrote it, and as most published models have it."""
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    partial = rope.pop("partial_rotary_factor", None)
    if partial is not None:
        config["partial_rotary_factor"] = partial
    rope["type"] = rope.pop("rope_type")
    config["rope_scaling"] = None if rope["type"] == "default" else rope
    config["torch_dtype"] = config.pop("dtype")
    config.pop("layer_types", None)


def gemma3_layout4(config):
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope["full_attention"].pop("rope_theta")
    config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
    config["rope_scaling"] = rope["full_attention"]
    config["sliding_window_pattern"] = 3
    config.pop("layer_types")


CASES = {
    "llama_linear_biases": lambda: T.LlamaForCausalLM(T.LlamaConfig(**SHAPE, attention_bias=True, mlp_bias=True, rope_parameters=LINEAR)),
    "llama_yarn": lambda: T.LlamaForCausalLM(T.LlamaConfig(**NARROW, rope_parameters=YARN)),
    "llama_yarn_mscale": lambda: T.LlamaForCausalLM(T.LlamaConfig(**NARROW, rope_parameters=YARN | dict(beta_fast=4.0, beta_slow=0.5, mscale=0.8, mscale_all_dim=0.3, truncate=False))),
    "llama_yarn_factor": lambda: T.LlamaForCausalLM(T.LlamaConfig(**SHAPE | dict(num_attention_heads=2, num_key_value_heads=1, hidden_act="gelu"), rope_parameters=YARN | dict(attention_factor=0.7))),
    "mistral_llama3": lambda: T.MistralForCausalLM(T.MistralConfig(**NARROW, sliding_window=8, rope_parameters=LLAMA3)),
    "qwen2_window_yarn": lambda: T.Qwen2ForCausalLM(T.Qwen2Config(**SHAPE | dict(num_hidden_layers=3), use_sliding_window=True, sliding_window=8, max_window_layers=1, rope_parameters=YARN)),
    "qwen3_window_bias": lambda: T.Qwen3ForCausalLM(T.Qwen3Config(**NARROW, use_sliding_window=True, sliding_window=8, layer_types=["sliding_attention", "full_attention"], attention_bias=True, tie_word_embeddings=True, rope_parameters=LINEAR)),
    "gemma2_uncapped": lambda: T.Gemma2ForCausalLM(T.Gemma2Config(**NARROW, sliding_window=8, query_pre_attn_scalar=12, attention_bias=True, attn_logit_softcapping=None, final_logit_softcapping=None, rope_parameters=YARN)),
    "gemma3": lambda: T.Gemma3ForCausalLM(T.Gemma3TextConfig(**GEMMA3, final_logit_softcapping=5.0)),
    "gemma3_older": lambda: T.Gemma3ForCausalLM(T.Gemma3TextConfig(**GEMMA3)),
    "phi3_partial": lambda: T.Phi3ForCausalLM(T.Phi3Config(**SHAPE | dict(num_attention_heads=2, num_key_value_heads=1), sliding_window=8, rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5))),
    "gpt2_untied": lambda: T.GPT2LMHeadModel(T.GPT2Config(vocab_size=VOCAB, n_embd=16, n_layer=2, n_head=2, n_positions=64, n_inner=20, activation_function="gelu", scale_attn_weights=False, tie_word_embeddings=False, pad_token_id=0, bos_token_id=None, eos_token_id=1)),
    "reward_mistral": lambda: T.MistralForSequenceClassification(T.MistralConfig(**NARROW, **CLASSIFIER, sliding_window=8)),
    "reward_qwen3": lambda: T.Qwen3ForSequenceClassification(T.Qwen3Config(**NARROW, num_labels=3)),
    "reward_gemma2": lambda: T.Gemma2ForSequenceClassification(T.Gemma2Config(**NARROW, **CLASSIFIER, sliding_window=8, query_pre_attn_scalar=12)),
    "reward_gemma3": lambda: T.Gemma3TextForSequenceClassification(T.Gemma3TextConfig(**GEMMA3, **CLASSIFIER)),
    "reward_phi3": lambda: T.Phi3ForSequenceClassification(T.Phi3Config(**SHAPE, **CLASSIFIER)),
    "reward_gpt2": lambda: T.GPT2ForSequenceClassification(T.GPT2Config(vocab_size=VOCAB, n_embd=16, n_layer=2, n_head=2, n_positions=64, pad_token_id=0, bos_token_id=None, eos_token_id=1, **CLASSIFIER)),
}
REWRITES = {"qwen2_window_yarn": layout4, "phi3_partial": layout4, "mistral_llama3": layout4, "gemma3_older": gemma3_layout4}


def roughen(model, g):
    """Weights of a size at which every part of the network matters; fresh initialisation is nearly linear."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=g)
            if p.dim() == 1:
                p.add_(noise * 0.15)
            elif any(x in name for x in ("embed_tokens", "wte", "wpe")):
                p.copy_(noise * 0.35)
            elif any(x in name for x in ("lm_head", "score")):
                p.copy_(noise * 2.5 / p.shape[1] ** 0.5)
            else:
                p.copy_(noise * 1.2 / min(p.shape) ** 0.5)
            p.copy_(p.to(torch.bfloat16))       # exact in the file, which holds bfloat16


def forward(model, ids, mask=None):
    positions = None if mask is None else (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False).logits


def greedy(model, prompt):
    ids = list(prompt)
    for _ in range(24):
        top = forward(model, torch.tensor([ids]))[0, -1].topk(2)
        if (top.values[0] - top.values[1]).item() < 2e-3:
            return None
        ids.append(top.indices[0].item())
    return ids[len(prompt):]


def make(name, build, out, seed):
    g = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = build()
    model.set_attn_implementation("eager")
    model.eval()
    roughen(model, g)
    ids = torch.randint(2, VOCAB, (3, LENGTH), generator=g)
    vectors = dict(ids=ids, logits=forward(model, ids).contiguous())
    if not hasattr(model, "score"):
        mask = torch.tensor([[0] * 5 + [1] * 20])
        row = torch.cat([torch.zeros(1, 5, dtype=torch.int64), ids[:1, :20]], 1)
        vectors["left"] = forward(model, row, mask)[0, 5:].contiguous()
        completion = greedy(model, ids[0, :12].tolist())
        if completion is None:
            return False
        vectors["greedy"] = torch.tensor(completion)
    directory = out / name
    model.to(torch.bfloat16).save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((directory / "config.json").read_text())
    if name in REWRITES:
        REWRITES[name](config)
    (directory / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file(vectors, directory / "vectors.safetensors")
    # what was written must be what was computed
    loaded = type(model).from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    assert (forward(loaded, ids) - vectors["logits"]).abs().max() < 1e-5, name
    return True


def main():
    torch.set_num_threads(1)
    out = pathlib.Path(sys.argv[1])
    for number, (name, build) in enumerate(CASES.items()):
        seed = 100 * number
        while not make(name, build, out, seed):
            seed += 1
        print(name, seed)


main()
