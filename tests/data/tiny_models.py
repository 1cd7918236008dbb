"""Writes tiny models of every family with seeded random weights, and what transformers and sentence-transformers make of them.

    pip install -r tests/data/requirements.txt
    python tests/data/tiny_models.py [NAME]...

Each row of MODELS becomes a folder of tiny/ beside this file, as transformers saves a model, and

expected.safetensors
    ids, types      the token ids and token types of all sequences, one after the other
    offsets         those of sequence i are at offsets[i] to offsets[i + 1]
    hidden          [tokens, hidden] the last hidden states
    mean, max, cls, lasttoken
                    [sequences, hidden] pooled over all tokens
    mean_normalized, ...
                    the same, of length 1

A row with "sentences" becomes a folder as sentence-transformers saves one, with a tokenizer, and there are also

texts.json          some texts
expected.safetensors
    embeddings      [texts, hidden] what sentence-transformers' `encode` returns for each

Every sequence and every text is computed alone, so that no padding takes part, in f32, by the model as it is loaded
again from its folder.
"""

import inspect
import json
import shutil
import sys
from collections import OrderedDict
from functools import partial
from pathlib import Path
from string import ascii_lowercase
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, BertTokenizerFast
from transformers.utils import logging

import torch_encoder
from jina_bert import JinaBert

TINY = Path(__file__).resolve().parent / "tiny"

# The difference that the tests allow.
BOUND = 2e-4

# Every letter is a token of its own, at the start of a word and within it.
SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = [*SPECIAL_TOKENS, *ascii_lowercase, *(f"##{letter}" for letter in ascii_lowercase), *".,!"]

# Some are longer than the models allow, one has a character that is not in the vocabulary.
TEXTS = ["a cat", "", "Hello, World!", "Zoë 1", "the quick brown fox jumps over the lazy dog", "MAXIMUM LENGTH " * 20]

# What a row does not say.
CONFIG = {
    "model_type": "bert",
    "vocab_size": len(VOCABULARY),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 24,
}

# The names that DistilBERT has for these.
DISTILBERT = {
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
}


def as_in_2019(folder, model):
    """The norms' old names, and a configuration that leaves out the defaults and says what is obsolete."""

    def old_name(name):
        return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")

    weights = load_file(folder / "model.safetensors")
    weights = {old_name(name): weight for name, weight in weights.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for key in ["dtype", "hidden_act", "layer_norm_eps", "type_vocab_size", "add_cross_attention", "is_decoder"]:
        del config[key]
    config |= {"torch_dtype": "float32", "position_embedding_type": "absolute", "gradient_checkpointing": False}
    path.write_text(json.dumps(config, indent=2) + "\n")


def by_module_names(folder, model):
    """Tensors under the names that transformers has for them in memory; it saves some families as they were published."""
    weights = {name: weight.contiguous() for name, weight in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def by_torch(folder, model, shards=1):
    """Weights as `torch.save` writes them, as all were before there were safetensors."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    if shards == 1:
        # A tensor whose elements do not follow one another, and one under two names.
        name = "encoder.layer.0.output.dense.weight"
        weights[name] = weights[name].t().contiguous().t()
        weights["tied.weight"] = weights["embeddings.word_embeddings.weight"]
        weights["pooler.dense.weight"] = torch.nn.Parameter(weights["pooler.dense.weight"])
        torch.save(OrderedDict(weights), folder / "pytorch_model.bin")
        return
    names = sorted(weights)
    files = [f"pytorch_model-{i + 1:05}-of-{shards:05}.bin" for i in range(shards)]
    for i, file in enumerate(files):
        torch.save({name: weights[name] for name in names[i::shards]}, folder / file)
    index = {"metadata": {}, "weight_map": {name: files[i % shards] for i, name in enumerate(names)}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2) + "\n")


def as_transformers_4_has_it(folder, model):
    """ModernBERT with transformers 4's keys: the local theta is null, and so the global one, on which transformers 5 fails;
    and with what mmBERT says of positions."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    thetas = {parameters["rope_theta"] for parameters in config.pop("rope_parameters").values()}
    [theta] = thetas
    del config["layer_types"]
    config |= {
        "global_attn_every_n_layers": 3,
        "global_rope_theta": theta,
        "local_rope_theta": None,
        "position_embedding_type": "sans_pos",
        "reference_compile": None,
        "repad_logits_with_grad": False,
        "transformers_version": "4.57.3",
    }
    path.write_text(json.dumps(config, indent=2) + "\n")


def as_nomic_published_it(folder, model):
    """With GPT-2's keys."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    published = {
        "activation_function": "swiglu",
        "attn_pdrop": 0.0,
        "auto_map": {"AutoModel": "modeling_hf_nomic_bert.NomicBertModel"},
        "causal": False,
        "layer_norm_epsilon": config["layer_norm_eps"],
        "max_trained_positions": 2048,
        "mlp_fc1_bias": False,
        "mlp_fc2_bias": False,
        "model_type": "nomic_bert",
        "n_embd": config["hidden_size"],
        "n_head": config["num_attention_heads"],
        "n_inner": config["intermediate_size"],
        "n_layer": config["num_hidden_layers"],
        "n_positions": config["max_position_embeddings"],
        "parallel_block": False,
        "prenorm": False,
        "qkv_proj_bias": False,
        "rotary_emb_base": config["rope_parameters"]["rope_theta"],
        "rotary_emb_fraction": 1.0,
        "rotary_emb_interleaved": False,
        "rotary_emb_scale_base": None,
        "rotary_scaling_factor": None,
        "scale_attn_by_inverse_layer_idx": False,
        "scale_attn_weights": True,
        "type_vocab_size": config["type_vocab_size"],
        "use_flash_attn": True,
        "use_rms_norm": False,
        "vocab_size": config["vocab_size"],
    }
    path.write_text(json.dumps(published, indent=2) + "\n")


def as_alibaba_published_it(folder, model):
    """As the code that the hub calls "new" has it."""
    weights = load_file(folder / "model.safetensors")
    weights = {f"new.{name}": weight for name, weight in weights.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    path = folder / "config.json"
    config = json.loads(path.read_text())
    theta = config.pop("rope_parameters")["rope_theta"]
    config |= {
        "model_type": "new",
        "layer_norm_type": "layer_norm",
        "logn_attention_clip1": False,
        "logn_attention_scale": False,
        "pack_qkv": True,
        "position_embedding_type": "rope",
        "rope_scaling": None,
        "rope_theta": theta,
        "unpad_inputs": False,
        "use_memory_efficient_attention": False,
    }
    path.write_text(json.dumps(config, indent=2) + "\n")


def as_alibaba_stretched_it(folder, model):
    """For 8 times longer texts, by the formula of its published code for rotations (`NTKScalingRotaryEmbedding`)."""
    as_alibaba_published_it(folder, model)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    factor, theta = 8.0, config["rope_theta"]
    config["rope_scaling"] = {"type": "ntk", "factor": factor}
    path.write_text(json.dumps(config, indent=2) + "\n")
    size = config["hidden_size"] // config["num_attention_heads"]
    frequencies = 1 / (theta * factor) ** (torch.arange(0, size, 2).float() / size)
    model.rotary_emb.inv_freq = frequencies / factor ** (2 / size)


def as_microsoft_published_it(folder, model):
    """With what the configurations of v3 say, and no more."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    kept = [
        "attention_probs_dropout_prob",
        "hidden_act",
        "hidden_dropout_prob",
        "hidden_size",
        "initializer_range",
        "intermediate_size",
        "layer_norm_eps",
        "max_position_embeddings",
        "max_relative_positions",
        "model_type",
        "norm_rel_ebd",
        "num_attention_heads",
        "num_hidden_layers",
        "position_biased_input",
        "position_buckets",
        "relative_attention",
        "share_att_key",
        "type_vocab_size",
        "vocab_size",
    ]
    published = {key: config[key] for key in kept} | {"pos_att_type": "p2c|c2p"}
    path.write_text(json.dumps(published, indent=2) + "\n")


# Of each model what differs from a plain BertModel: `config`, options of its configuration; `class`; `dtype` and
# `max_shard_size`, how its weights are stored; `then`, what is done to its folder afterwards; `sentences`, what
# sentence-transformers makes of it. Its place is its seed: a new one goes to the end.
MODELS = {
    "plain": {"sentences": {"pooling": "mean", "normalize": True, "max_seq_length": 10}},
    "one-layer-one-head-one-type": {
        "config": {"num_hidden_layers": 1, "num_attention_heads": 1, "type_vocab_size": 1},
        "sentences": {"pooling": "cls", "normalize": True},
    },
    "three-layers-large-eps": {"config": {"num_hidden_layers": 3, "layer_norm_eps": 0.1}},
    # Rows of a multiple of four, in heads that are one (12) and that are none (5).
    "heads-of-12": {"config": {"hidden_size": 36, "num_attention_heads": 3, "layer_norm_eps": 1e-5}},
    "heads-of-5": {
        "config": {"hidden_size": 40, "num_attention_heads": 8, "num_hidden_layers": 1},
        "sentences": {"pooling": "lasttoken", "normalize": False},
    },
    # Rows that are no multiple of four, nor even.
    "hidden-of-35": {"config": {"hidden_size": 35, "num_attention_heads": 5, "type_vocab_size": 3}},
    "intermediate-of-67": {"config": {"intermediate_size": 67, "num_hidden_layers": 1}},
    # Several tiles of queries and of keys.
    "long": {
        "config": {"max_position_embeddings": 150, "num_hidden_layers": 1},
        "sentences": {"pooling": "max", "normalize": False},
    },
    # Tensor names begin with `bert.`; there is a head that no task here uses, and no pooler.
    "masked-lm": {"class": AutoModelForMaskedLM, "config": {"num_hidden_layers": 1}},
    "as-in-2019": {"class": AutoModelForMaskedLM, "config": {"num_hidden_layers": 1}, "then": as_in_2019},
    "f16": {"dtype": torch.float16},
    "bf16": {"dtype": torch.bfloat16},
    "shards": {"class": AutoModelForMaskedLM, "max_shard_size": "20KB"},
    # Positions are counted from behind the padding token's id, and the sequences have padding tokens among the others.
    "roberta": {"config": {"model_type": "roberta", "pad_token_id": 1, "type_vocab_size": 1, "layer_norm_eps": 1e-5}},
    "xlm-roberta": {"class": AutoModelForMaskedLM, "config": {"model_type": "xlm-roberta", "type_vocab_size": 1}},
    "camembert": {"config": {"model_type": "camembert", "pad_token_id": 3, "type_vocab_size": 1}},
    "distilbert": {"config": {"model_type": "distilbert"}},
    "distilbert-relu": {"class": AutoModelForMaskedLM, "config": {"model_type": "distilbert", "activation": "relu"}},
    # Longer than its exact buckets, and than all of them.
    "mpnet": {"config": {"model_type": "mpnet", "max_position_embeddings": 200}},
    "electra": {"config": {"model_type": "electra", "embedding_size": 16, "hidden_act": "gelu_new"}},
    "electra-of-one-width": {"config": {"model_type": "electra", "embedding_size": 32, "hidden_act": "silu"}},
    "albert": {"config": {"model_type": "albert", "embedding_size": 16, "inner_group_num": 2}},
    "albert-in-groups": {
        "config": {
            "model_type": "albert",
            "embedding_size": 20,
            "num_hidden_layers": 3,
            "num_hidden_groups": 2,
        },
    },
    # Two layers within a window of 4 to each side and one without.
    "modernbert": {
        "config": {
            "model_type": "modernbert",
            "pad_token_id": 0,
            "num_hidden_layers": 4,
            "local_attention": 8,
            "max_position_embeddings": 60,
        },
    },
    "modernbert-with-biases": {
        "class": AutoModelForMaskedLM,
        "config": {
            "model_type": "modernbert",
            "pad_token_id": 0,
            "layer_types": ["sliding_attention", "full_attention"],
            "rope_parameters": {
                "full_attention": {"rope_type": "default", "rope_theta": 500.0},
                "sliding_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 100.0},
            },
            "local_attention": 6,
            "norm_bias": True,
            "attention_bias": True,
            "mlp_bias": True,
            "hidden_activation": "silu",
            "norm_eps": 0.01,
        },
    },
    "nomic-bert": {"config": {"model_type": "nomic_bert"}},
    "nomic-bert-as-published": {"config": {"model_type": "nomic_bert"}, "then": as_nomic_published_it},
    "gte": {"config": {"model_type": "gte"}},
    "gte-without-types": {
        "config": {"model_type": "gte", "type_vocab_size": 0, "hidden_size": 48, "num_attention_heads": 3},
    },
    "gte-as-published": {"config": {"model_type": "gte"}, "then": as_alibaba_published_it},
    "jina-embeddings-v3": {"config": {"model_type": "jina_embeddings_v3"}},
    "nomic-bert-by-module-names": {"config": {"model_type": "nomic_bert", "num_hidden_layers": 1}, "then": by_module_names},
    "gte-by-module-names": {"config": {"model_type": "gte", "num_hidden_layers": 1}, "then": by_module_names},
    "jina-embeddings-v3-by-module-names": {"config": {"model_type": "jina_embeddings_v3", "num_hidden_layers": 1}, "then": by_module_names},
    "jina-bert": {"jina_bert": {"feed_forward_type": "geglu"}},
    "jina-bert-of-three-heads": {
        "jina_bert": {"feed_forward_type": "reglu", "hidden_size": 48, "num_attention_heads": 3, "num_hidden_layers": 1},
    },
    "torch": {"then": by_torch},
    "torch-in-shards": {"then": partial(by_torch, shards=2)},
    "torch-f16": {"dtype": torch.float16, "then": by_torch},
    "torch-bf16-in-shards": {"dtype": torch.bfloat16, "config": {"num_hidden_layers": 1}, "then": partial(by_torch, shards=2)},
    # Texts longer than the distances that have a bucket of their own, and than all that have one.
    "deberta-v3": {
        "class": AutoModelForMaskedLM,
        "config": {
            "model_type": "deberta-v2",
            "relative_attention": True,
            "position_buckets": 16,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "pos_att_type": "p2c|c2p",
            "position_biased_input": False,
            "max_position_embeddings": 60,
        },
        "then": as_microsoft_published_it,
    },
    "deberta-v3-of-few-distances": {
        "config": {
            "model_type": "deberta-v2",
            "relative_attention": True,
            "position_buckets": 8,
            "max_relative_positions": 20,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "pos_att_type": ["c2p", "p2c"],
            "position_biased_input": False,
            "max_position_embeddings": 150,
            "num_hidden_layers": 1,
            "layer_norm_eps": 0.1,
        },
    },
    "deberta-v2": {
        "config": {
            "model_type": "deberta-v2",
            "relative_attention": True,
            "max_relative_positions": 10,
            "pos_att_type": ["p2c", "c2p"],
            "type_vocab_size": 2,
        },
    },
    "deberta-of-content-to-position": {
        "config": {
            "model_type": "deberta-v2",
            "hidden_size": 35,
            "num_attention_heads": 5,
            "relative_attention": True,
            "position_buckets": 7,
            "max_relative_positions": 30,
            "pos_att_type": ["c2p"],
            "position_biased_input": False,
            "max_position_embeddings": 60,
            "num_hidden_layers": 1,
        },
    },
    "deberta-of-position-to-content": {
        "config": {
            "model_type": "deberta-v2",
            "embedding_size": 20,
            "relative_attention": True,
            "share_att_key": True,
            "pos_att_type": ["p2c"],
            "type_vocab_size": 3,
            "num_hidden_layers": 1,
        },
    },
    "deberta-without-relative-attention": {"config": {"model_type": "deberta-v2", "num_hidden_layers": 1}},
    "gte-stretched-as-published": {"config": {"model_type": "gte"}, "then": as_alibaba_stretched_it},
    # A convolution beside the first layer, in a model of few layers as in one of one: xlarge and xxlarge of v2.
    "deberta-v2-with-convolution": {
        "class": AutoModelForMaskedLM,
        "config": {
            "model_type": "deberta-v2",
            "attention_head_size": 16,
            "conv_act": "gelu",
            "conv_kernel_size": 3,
            "relative_attention": True,
            "position_buckets": 16,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "pos_att_type": "p2c|c2p",
            "position_biased_input": False,
            "max_position_embeddings": 60,
        },
    },
    "deberta-with-wide-convolution": {
        "config": {
            "model_type": "deberta-v2",
            "hidden_size": 35,
            "num_attention_heads": 5,
            "conv_act": "tanh",
            "conv_groups": 1,
            "conv_kernel_size": 5,
            "num_hidden_layers": 1,
        },
    },
    # Of PyTorch's own parts, without transformers.
    "torch-encoder": {"torch_encoder": {"positional": "learned", "max_length": 24}},
    "torch-encoder-causal-pre-norm": {
        "torch_encoder": {"norm_first": True, "activation": "gelu", "bias": False, "causal": True, "d_model": 32, "final_norm": True},
    },
    "modernbert-of-one-theta-as-published": {
        "config": {
            "model_type": "modernbert",
            "pad_token_id": 0,
            "rope_parameters": {
                kind: {"rope_type": "default", "rope_theta": 300.0} for kind in ["full_attention", "sliding_attention"]
            },
            "local_attention": 8,
        },
        "then": as_transformers_4_has_it,
    },
}


def is_norm(name):
    return name.endswith("weight") and ("norm" in name.lower() or "emb_ln" in name)


def randomise(model, generator):
    """Large enough that attention is far from uniform, small enough that it does not make all tokens alike."""
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            is_table = "embeddings" in name or "relative_attention_bias" in name
            is_layer = tensor.dim() > 1 and not is_table
            tensor.copy_(is_norm(name) + (0.2 if is_layer else 0.3) * torch.randn(tensor.shape, generator=generator))


def sequences(config, generator):
    """Pairs of ids and types, the shortest and the longest allowed among them."""

    def below(bound, count):
        return torch.randint(bound, (count,), generator=generator)

    longest = config.max_position_embeddings
    if config.model_type in ["roberta", "xlm-roberta", "camembert"]:
        longest -= config.pad_token_id + 1
    if config.model_type == "mpnet":
        longest -= 2
    types = getattr(config, "type_vocab_size", 0) if config.model_type != "mpnet" else 0
    return [(below(config.vocab_size, n), below(types or 1, n)) for n in (7, 1, longest, 2, 13)]


def hidden_states(model, inputs):
    takes_types = "token_type_ids" in inspect.signature(model.forward).parameters

    def of(ids, types):
        types = {"token_type_ids": types[None]} if takes_types else {}
        return model(input_ids=ids[None], attention_mask=torch.ones(1, len(ids)), **types).last_hidden_state[0]

    with torch.no_grad():
        return [of(ids, types) for ids, types in inputs]


def pooling_modules(dimensions, pooling, normalize):
    return [Pooling(dimensions, pooling), *([Normalize()] if normalize else [])]


def pooled(hidden, pooling, normalize):
    modules = torch.nn.Sequential(*pooling_modules(hidden[0].shape[1], pooling, normalize))

    def vector(tokens):
        features = {"token_embeddings": tokens[None], "attention_mask": torch.ones(1, len(tokens))}
        return modules(features)["sentence_embedding"][0]

    return torch.stack([vector(tokens) for tokens in hidden])


def save_with_sentence_transformers(folder, pooling, normalize, max_seq_length=None):
    BertTokenizerFast(vocab={token: i for i, token in enumerate(VOCABULARY)}).save_pretrained(folder)
    transformer = Transformer(str(folder), max_seq_length=max_seq_length)
    modules = pooling_modules(transformer.get_embedding_dimension(), pooling, normalize)
    model = SentenceTransformer(modules=[transformer, *modules], device="cpu")
    # Its weights may still be mapped from the folder.
    with TemporaryDirectory() as saved:
        model.save_pretrained(saved, create_model_card=False)
        shutil.rmtree(folder)
        shutil.copytree(saved, folder)


def embeddings(folder):
    eager = {"attn_implementation": "eager", "dtype": torch.float32}
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs=eager).eval()
    return torch.stack([model.encode(text, convert_to_tensor=True, show_progress_bar=False) for text in TEXTS])


KEY_BIASES = ("key.bias", "k_lin.bias", "attn.k.bias", "k_proj.bias", "key_proj.bias")


def check_that_every_tensor_matters(model, inputs, hidden):
    for name, tensor in model.named_parameters():
        # A bias of all keys adds one number to all of a query's scores.
        if name.startswith("pooler.") or name.endswith(KEY_BIASES):
            continue
        original = tensor.detach().clone()
        with torch.no_grad():
            tensor.copy_(is_norm(name))
            without = hidden_states(model, inputs)
            tensor.copy_(original)
        change = max((a - b).abs().max() for a, b in zip(hidden, without))
        assert change > 100 * BOUND, f"{name} hardly matters: {change}"


def save_expected(folder, inputs, hidden, others={}):
    tensors = {
        "ids": torch.cat([ids for ids, _ in inputs]),
        "types": torch.cat([types for _, types in inputs]),
        "offsets": torch.tensor([0] + [len(ids) for ids, _ in inputs]).cumsum(0),
        "hidden": torch.cat(hidden),
    }
    for pooling in ["mean", "max", "cls", "lasttoken"]:
        tensors[pooling] = pooled(hidden, pooling, normalize=False)
        tensors[f"{pooling}_normalized"] = pooled(hidden, pooling, normalize=True)
    save_file(tensors | others, folder / "expected.safetensors")
    largest = tensors["hidden"].abs().max()
    size = sum(f.stat().st_size for f in folder.rglob("*"))
    print(f"{folder.name}: {size} bytes, hidden states up to {largest:.1f}")


# As its published configurations have it.
JINA_BERT = CONFIG | {
    "architectures": ["JinaBertForMaskedLM"],
    "attention_probs_dropout_prob": 0.0,
    "auto_map": {"AutoModel": "jinaai/jina-bert-implementation--modeling_bert.JinaBertModel"},
    "emb_pooler": "mean",
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "model_max_length": 24,
    "position_embedding_type": "alibi",
    "type_vocab_size": 2,
}


def write_jina_bert(folder, options, generator):
    model = JinaBert(JINA_BERT | options)
    randomise(model, generator)
    model.save(folder)
    model = JinaBert.load(folder)
    ids = [torch.randint(model.config["vocab_size"], (n,), generator=generator) for n in (7, 1, 24, 2, 13)]
    inputs = [(some, torch.randint(2, some.shape, generator=generator)) for some in ids]
    with torch.no_grad():
        hidden = [model(ids, types) for ids, types in inputs]
    save_expected(folder, inputs, hidden)


def write_torch_encoder(folder, row, generator):
    model, ids = torch_encoder.write(folder, row, generator, least=100 * BOUND)
    with torch.no_grad():
        save_expected(folder, [(some, torch.zeros_like(some)) for some in ids], [model.hidden(some) for some in ids])


def write(name, row, seed):
    folder = TINY / name
    generator = torch.Generator().manual_seed(seed)
    if "torch_encoder" in row:
        write_torch_encoder(folder, row["torch_encoder"], generator)
        return
    if "jina_bert" in row:
        write_jina_bert(folder, row["jina_bert"], generator)
        return
    options = CONFIG | row.get("config", {})
    if options["model_type"] == "distilbert":
        options = {DISTILBERT.get(key, key): value for key, value in options.items()}
    config = AutoConfig.for_model(**options)
    model = row.get("class", AutoModel).from_config(config, attn_implementation="eager")
    randomise(model, generator)
    model.to(row.get("dtype", torch.float32)).save_pretrained(folder, max_shard_size=row.get("max_shard_size", "1GB"))
    row.get("then", lambda folder, model: None)(folder, model)
    if "sentences" in row:
        save_with_sentence_transformers(folder, **row["sentences"])

    if "as-published" not in name:  # those transformers can read with code of the hub only
        model = AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    model.eval()
    inputs = sequences(model.config, generator)
    hidden = hidden_states(model, inputs)
    check_that_every_tensor_matters(model, inputs, hidden)
    embedded = {}
    if "sentences" in row:
        embedded["embeddings"] = embeddings(folder)
        (folder / "texts.json").write_text(json.dumps(TEXTS, indent=1) + "\n")
    save_expected(folder, inputs, hidden, embedded)


def main():
    torch.set_num_threads(1)  # one order of sums, and no waiting for threads
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    names = sys.argv[1:] or list(MODELS)
    for seed, (name, row) in enumerate(MODELS.items()):
        if name in names:
            shutil.rmtree(TINY / name, ignore_errors=True)
            write(name, row, seed)


if __name__ == "__main__":
    main()
