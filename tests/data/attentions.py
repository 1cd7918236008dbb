"""Writes the attention weights of tiny models of every family, as transformers and PyTorch's own layers give them.

    pip install -r tests/data/requirements.txt
    python tests/data/attentions.py

For each name in MODELS, a folder of tiny/ beside this file, which tiny_models.py wrote:

attentions/NAME.safetensors
    LAYER.SEQUENCE  [heads, queries, keys] of a layer, counted from 0, for a sequence of the folder's expected.safetensors
"""

import inspect
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel
from transformers.utils import logging

from jina_bert import JinaBert
from torch_encoder import TorchEncoder

DATA = Path(__file__).resolve().parent

# One of every family, with windows, rotated positions, biases by distance, scores by distance, a convolution, layers that
# are shared, and heads whose columns are no multiple of four.
MODELS = [
    "albert-in-groups",
    "camembert",
    "deberta-of-content-to-position",
    "deberta-v2-with-convolution",
    "deberta-v3",
    "distilbert",
    "electra",
    "gte",
    "heads-of-5",
    "jina-bert",
    "jina-embeddings-v3",
    "modernbert",
    "mpnet",
    "nomic-bert",
    "plain",
    "roberta",
    "torch-encoder",
    "torch-encoder-causal-pre-norm",
    "xlm-roberta",
]


def sequences(folder):
    """Those of 7 tokens, of as many as the model takes, and of 13."""
    tensors = load_file(folder / "expected.safetensors")
    offsets = tensors["offsets"].tolist()
    for sequence in [0, 2, 4]:
        tokens = slice(offsets[sequence], offsets[sequence + 1])
        yield sequence, tensors["ids"][tokens], tensors["types"][tokens]


def of_transformers(folder):
    model = AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    takes_types = "token_type_ids" in inspect.signature(model.forward).parameters

    def attentions(ids, types):
        types = {"token_type_ids": types[None]} if takes_types else {}
        mask = torch.ones(1, len(ids))
        return [layer[0] for layer in model(ids[None], attention_mask=mask, output_attentions=True, **types).attentions]

    return attentions


def of_jina_bert(folder):
    model = JinaBert.load(folder)

    def attentions(ids, types):
        model(ids, types)
        return [module.weights for module in model.modules() if hasattr(module, "weights")]

    return attentions


def of_torch_encoder(folder):
    torch.backends.mha.set_fastpath_enabled(False)
    state = load_file(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config.pop("model_type")
    model = TorchEncoder(config, "norm.weight" in state, "linear.bias" in state).eval()
    model.load_state_dict(state)
    found = []
    for layer in model.transformer_layers:
        attention = layer.self_attn
        attention.register_forward_pre_hook(
            lambda _module, arguments, named: (arguments, named | {"need_weights": True, "average_attn_weights": False}),
            with_kwargs=True,
        )
        attention.register_forward_hook(lambda _module, _arguments, result: found.append(result[1][0]))

    def attentions(ids, _types):
        found.clear()
        model.hidden(ids)
        return list(found)

    return attentions


def reader(name):
    if name == "jina-bert":
        return of_jina_bert
    return of_torch_encoder if name.startswith("torch-encoder") else of_transformers


def main():
    torch.set_num_threads(1)  # one order of sums
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    (DATA / "attentions").mkdir(exist_ok=True)
    for name in MODELS:
        folder = DATA / "tiny" / name
        attentions = reader(name)(folder)
        tensors = {}
        with torch.no_grad():
            for sequence, ids, types in sequences(folder):
                layers = attentions(ids, types)
                assert layers and all(layer.shape[1:] == (len(ids), len(ids)) for layer in layers), name
                for layer, weights in enumerate(layers):
                    tensors[f"{layer}.{sequence}"] = weights.contiguous().float()
        save_file(tensors, DATA / "attentions" / f"{name}.safetensors")
        print(name, len(tensors), [f"{weights.max():.2f}" for weights in tensors.values()][:3])


if __name__ == "__main__":
    main()
