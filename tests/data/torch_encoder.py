"""The model of PyTorch's own parts that `model_type` `torch_transformer_encoder` describes, in plain PyTorch.

`heads.py` writes MODELS with their logits, `tiny_models.py` some with their hidden states. A configuration says how it is
computed; a row's `saved` says what a program may make of the names and the file: `names` (of tensors) and `file`.
"""

import json
import math
from collections import OrderedDict

import torch
from safetensors.torch import save_file
from torch import nn

SIZES = {"vocab_size": 40, "d_model": 16, "nhead": 2, "num_layers": 2, "dim_feedforward": 24}

# What PyTorch has, and for the rest what changes nothing.
DEFAULTS = {
    "dim_feedforward": 2048,
    "norm_first": False,
    "activation": "relu",
    "layer_norm_eps": 1e-5,
    "batch_first": False,
    "bias": True,
    "causal": False,
    "positional": "none",
    "max_length": None,
    "scale_embedding": False,
}

LAYERS = "transformer_layers."


def in_an_encoder(name):
    """As an `nn.TransformerEncoder` that is an attribute has them, its norm among them."""
    return name.replace(LAYERS, "transformer_encoder.layers.").replace("norm.", "transformer_encoder.norm.", name.startswith("norm."))


def in_a_bare_encoder(name):
    return name.replace(LAYERS, "layers.")


# Of each what differs from SIZES and PyTorch's defaults. Their places are their seeds: new ones go to the end.
MODELS = {
    # As a text that explains transformers has it.
    "torch_transformer_encoder-masked-lm": {},
    "torch-encoder-pre-norm-gelu": {
        "norm_first": True,
        "activation": "gelu",
        "batch_first": True,
        "final_norm": True,
        "saved": {"names": in_an_encoder},
    },
    "torch-encoder-biasless": {"bias": False, "linear_bias": False, "saved": {"names": in_a_bare_encoder}},
    # Several tiles of queries and of keys.
    "torch-encoder-causal": {"causal": True, "num_layers": 1, "max_length": 150},
    # Nothing is a multiple of four, nor even, nor a power of two.
    "torch-encoder-sinusoidal-of-15": {
        "vocab_size": 37,
        "d_model": 15,
        "nhead": 5,
        "dim_feedforward": 27,
        "positional": "sinusoidal",
        "causal": True,
        "layer_norm_eps": 0.1,
    },
    "torch-encoder-sinusoidal-scaled": {
        "positional": "sinusoidal",
        "scale_embedding": True,
        "max_length": 60,
        "saved": {"file": "model.pth", "names": lambda name: f"module.{name}"},
    },
    "torch-encoder-learned": {
        "positional": "learned",
        "max_length": 20,
        "saved": {"file": "weights.pt", "names": lambda name: f"model.{in_an_encoder(name)}"},
    },
    # As decoders without another sequence to attend to are.
    "torch-encoder-learned-scaled-causal-biasless": {
        "norm_first": True,
        "activation": "gelu",
        "bias": False,
        "causal": True,
        "positional": "learned",
        "max_length": 70,
        "scale_embedding": True,
        "final_norm": True,
        "saved": {"says_length": False},
    },
}


def sinusoidal(length, columns):
    """`[length, columns]`, as the tutorial's `PositionalEncoding` has it, also of an odd number of columns."""
    position = torch.arange(length, dtype=torch.float64)[:, None]
    angles = position / 10000 ** (torch.arange(0, columns, 2, dtype=torch.float64) / columns)
    table = torch.zeros(length, columns)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()[:, : columns // 2]
    return table


class TorchEncoder(nn.Module):
    def __init__(self, config, final_norm=False, linear_bias=True):
        super().__init__()
        self.config = config = DEFAULTS | config
        columns = config["d_model"]
        self.embedding = nn.Embedding(config["vocab_size"], columns)
        if config["positional"] == "learned":
            self.positional = nn.Embedding(config["max_length"], columns)
        arguments = ["dim_feedforward", "norm_first", "activation", "layer_norm_eps", "batch_first", "bias"]
        arguments = {name: config[name] for name in arguments}
        layer = lambda: nn.TransformerEncoderLayer(columns, config["nhead"], **arguments)
        self.transformer_layers = nn.ModuleList(layer() for _ in range(config["num_layers"]))
        self.norm = nn.LayerNorm(columns, eps=config["layer_norm_eps"]) if final_norm else None
        self.linear = nn.Linear(columns, config["vocab_size"], bias=linear_bias)

    def hidden(self, ids):
        """The last hidden states of one sequence, `[tokens, d_model]`."""
        x = self.embedding(ids)
        if self.config["scale_embedding"]:
            x = x * math.sqrt(self.config["d_model"])
        if self.config["positional"] == "sinusoidal":
            x = x + sinusoidal(len(ids), x.shape[1])
        if self.config["positional"] == "learned":
            x = x + self.positional(torch.arange(len(ids)))
        batch = 0 if self.config["batch_first"] else 1
        x = x.unsqueeze(batch)
        mask = nn.Transformer.generate_square_subsequent_mask(len(ids)) if self.config["causal"] else None
        for layer in self.transformer_layers:
            x = layer(x, src_mask=mask, is_causal=self.config["causal"])
        x = x.squeeze(batch)
        return x if self.norm is None else self.norm(x)

    def forward(self, ids):
        """`[tokens, vocab_size]`"""
        return self.linear(self.hidden(ids))


def randomise(model, generator):
    """Large enough that attention is far from uniform and that positions matter beside tokens."""
    scaled = model.config["d_model"] ** -0.5 if model.config["scale_embedding"] else 1.0
    deviations = {"embedding.weight": scaled, "positional.weight": 0.7}
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            is_norm = "norm" in name and name.endswith("weight")
            deviation = deviations.get(name, 0.3 if tensor.dim() == 1 else 0.25)
            tensor.copy_(is_norm + deviation * torch.randn(tensor.shape, generator=generator))


def save(folder, model, names=lambda name: name, file="model.safetensors", says_length=True):
    folder.mkdir(parents=True)
    state = model.state_dict()
    weights = OrderedDict((names(name), tensor) for name, tensor in state.items())
    weights._metadata = state._metadata  # as `torch.save(model.state_dict(), …)` has it
    if file.endswith(".safetensors"):
        save_file(weights, folder / file, metadata={"format": "pt"})
    else:
        torch.save(weights, folder / file)
    config = {"model_type": "torch_transformer_encoder"}
    for key, value in model.config.items():
        # What is PyTorch's own default is left out.
        if value != DEFAULTS.get(key) and (key != "max_length" or says_length):
            config[key] = value
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def check_that_every_tensor_matters(model, inputs, outputs, least):
    for name, tensor in model.named_parameters():
        original = tensor.detach().clone()
        tensor.copy_(torch.full_like(tensor, float("norm" in name and name.endswith("weight"))))
        change = max((model(ids) - output).abs().max() for ids, output in zip(inputs, outputs))
        tensor.copy_(original)
        assert change > least, f"{name} hardly matters: {change}"


@torch.no_grad()
def write(folder, row, generator, least):
    """A folder of a row; its model and the ids of some sequences, the shortest and the longest among them."""
    torch.backends.mha.set_fastpath_enabled(False)
    row = SIZES | row
    saved, final_norm, linear_bias = row.pop("saved", {}), row.pop("final_norm", False), row.pop("linear_bias", True)
    model = TorchEncoder(row, final_norm, linear_bias).eval()
    randomise(model, generator)
    save(folder, model, **saved)
    longest = model.config["max_length"] or 33
    lengths = (7, 1, longest, 2, 13)
    inputs = [torch.randint(model.config["vocab_size"], (length,), generator=generator) for length in lengths]
    check_that_every_tensor_matters(model, inputs, [model(ids) for ids in inputs], least)
    return model, inputs
