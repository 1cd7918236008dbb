"""Writes tiny BERT models with seeded random weights, and what transformers and sentence-transformers make of them.

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

import json
import shutil
import sys
from pathlib import Path
from string import ascii_lowercase
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import AutoModel, BertConfig, BertForMaskedLM, BertModel, BertTokenizerFast
from transformers.utils import logging

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
    "vocab_size": len(VOCABULARY),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 24,
}


def as_in_2019(folder):
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


# Of each model what differs from a plain BertModel: `config`, options of its BertConfig; `class`; `dtype` and
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
    "masked-lm": {"class": BertForMaskedLM, "config": {"num_hidden_layers": 1}},
    "as-in-2019": {"class": BertForMaskedLM, "config": {"num_hidden_layers": 1}, "then": as_in_2019},
    "f16": {"dtype": torch.float16},
    "bf16": {"dtype": torch.bfloat16},
    "shards": {"class": BertForMaskedLM, "max_shard_size": "20KB"},
}


def randomise(model, generator):
    """Large enough that attention is far from uniform, small enough that it does not make all tokens alike."""
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            center = 1 if name.endswith("LayerNorm.weight") else 0
            spread = 0.2 if name.endswith(("query.weight", "key.weight", "value.weight", "dense.weight")) else 0.3
            tensor.copy_(center + spread * torch.randn(tensor.shape, generator=generator))


def sequences(config, generator):
    """Pairs of ids and types, the shortest and the longest allowed among them."""

    def below(bound, count):
        return torch.randint(bound, (count,), generator=generator)

    longest = config.max_position_embeddings
    return [(below(config.vocab_size, n), below(config.type_vocab_size, n)) for n in (7, 1, longest, 2, 13)]


def hidden_states(model, inputs):
    with torch.no_grad():
        return [
            model(input_ids=ids[None], token_type_ids=types[None]).last_hidden_state[0] for ids, types in inputs
        ]


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


def check_that_every_tensor_matters(model, inputs, hidden):
    for name, tensor in model.named_parameters():
        # A bias of all keys adds one number to all of a query's scores.
        if name.startswith("pooler.") or name.endswith("key.bias"):
            continue
        original = tensor.detach().clone()
        with torch.no_grad():
            tensor.copy_(1 if name.endswith("LayerNorm.weight") else 0)
            without = hidden_states(model, inputs)
            tensor.copy_(original)
        change = max((a - b).abs().max() for a, b in zip(hidden, without))
        assert change > 100 * BOUND, f"{name} hardly matters: {change}"


def write(name, row, seed):
    folder = TINY / name
    generator = torch.Generator().manual_seed(seed)
    model = row.get("class", BertModel)(BertConfig(**CONFIG | row.get("config", {})))
    randomise(model, generator)
    model.to(row.get("dtype", torch.float32)).save_pretrained(folder, max_shard_size=row.get("max_shard_size", "1GB"))
    row.get("then", lambda folder: None)(folder)
    if "sentences" in row:
        save_with_sentence_transformers(folder, **row["sentences"])

    model = AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    inputs = sequences(model.config, generator)
    hidden = hidden_states(model, inputs)
    check_that_every_tensor_matters(model, inputs, hidden)
    tensors = {
        "ids": torch.cat([ids for ids, _ in inputs]),
        "types": torch.cat([types for _, types in inputs]),
        "offsets": torch.tensor([0] + [len(ids) for ids, _ in inputs]).cumsum(0),
        "hidden": torch.cat(hidden),
    }
    for pooling in ["mean", "max", "cls", "lasttoken"]:
        tensors[pooling] = pooled(hidden, pooling, normalize=False)
        tensors[f"{pooling}_normalized"] = pooled(hidden, pooling, normalize=True)
    if "sentences" in row:
        tensors["embeddings"] = embeddings(folder)
        (folder / "texts.json").write_text(json.dumps(TEXTS, indent=1) + "\n")
    save_file(tensors, folder / "expected.safetensors")
    largest = tensors["hidden"].abs().max()
    print(f"{name}: {sum(f.stat().st_size for f in folder.rglob('*'))} bytes, hidden states up to {largest:.1f}")


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
