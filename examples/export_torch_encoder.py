"""Saves a model of PyTorch's own parts, as texts that explain transformers build it, for `wgformer forward`.

    pip install torch safetensors
    python examples/export_torch_encoder.py models/my-encoder
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

SIZES = {"vocab_size": 100, "d_model": 64, "nhead": 4, "num_layers": 2, "dim_feedforward": 256}


class Encoder(nn.Module):
    def __init__(self, vocab_size, d_model, nhead, num_layers, dim_feedforward):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        layers = [nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward) for _ in range(num_layers)]
        self.transformer_layers = nn.ModuleList(layers)
        self.linear = nn.Linear(d_model, vocab_size)

    def forward(self, ids):
        """Logits, `[tokens, batch, vocab_size]`, of ids `[tokens, batch]`: without `batch_first` the sequence comes first."""
        x = self.embedding(ids)
        for layer in self.transformer_layers:
            x = layer(x)
        return self.linear(x)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to write model.safetensors and config.json")
    folder = parser.parse_args().folder
    torch.manual_seed(3)
    model = Encoder(**SIZES).eval()  # train it here, or load your own
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "torch_transformer_encoder"} | SIZES, indent=2) + "\n")

    with torch.no_grad():
        logits = model(torch.tensor([[5], [17], [3]]))[:, 0]  # one sequence
    for place, best in enumerate(zip(*logits.topk(5))):
        print(place, ", ".join(f"{token} {logit:.3f}" for logit, token in zip(*best)))


if __name__ == "__main__":
    main()
