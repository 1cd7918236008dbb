"""Writes what sentence-transformers makes of pairs of texts, with models that tiny_models.py and retrieval.py wrote.

    pip install -r tests/data/requirements.txt
    python tests/data/pairs.py

pairs.json          [[first, second], ...]
pairs.safetensors
    embeddings      [pairs, hidden] of tiny/plain
    sparse          [pairs, vocabulary] of retrieval/splade
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer, SparseEncoder

DATA = Path(__file__).resolve().parent

# The last is longer than the models take. (Where both of a pair are, the crate tokenizers 0.23.2 stops early, and cuts the
# longer one of them by a token more than Python's 0.23.3.)
PAIRS = [
    ("a cat", "a dog"),
    ("the cat sat", "the dog slept on the mat"),
    ("the dog", ""),
    ("the cat sat on the mat " * 6, "a dog"),
]


def main():
    torch.set_num_threads(1)
    eager = {"attn_implementation": "eager", "dtype": torch.float32}

    def encode(model):
        vectors = [model.encode([pair], convert_to_tensor=True, show_progress_bar=False)[0] for pair in PAIRS]
        return torch.stack([vector.to_dense() if vector.is_sparse else vector for vector in vectors])

    dense = SentenceTransformer(str(DATA / "tiny/plain"), device="cpu", model_kwargs=eager)
    features = dense.tokenize([PAIRS[0]])
    assert set(features["token_type_ids"].flatten().tolist()) == {0, 1}, features
    sparse = SparseEncoder(str(DATA / "retrieval/splade"), device="cpu", model_kwargs=eager)
    tensors = {"embeddings": encode(dense), "sparse": encode(sparse)}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, DATA / "pairs.safetensors")
    (DATA / "pairs.json").write_text(json.dumps(PAIRS, indent=1) + "\n")
    print({name: tuple(tensor.shape) for name, tensor in tensors.items()})


if __name__ == "__main__":
    main()
