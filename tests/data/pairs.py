"""Writes what sentence-transformers makes of pairs of texts, with models that tiny_models.py and retrieval.py wrote.

    pip install -r tests/data/requirements.txt
    python tests/data/pairs.py

pairs.json          [[first, second], ...]
pairs.safetensors
    embeddings      [pairs, hidden] of tiny/plain
    sparse          [pairs, vocabulary] of retrieval/splade
pairs-cut.json      {side: {tokens at most: [[how many of the first and of the second stay, ... for each length of the second, from 1 on],
                    ... for each length of the first]}} of tiny/plain's tokenizer, of texts of so many tokens
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer, SparseEncoder

DATA = Path(__file__).resolve().parent

# Of the last three one, or both, are longer than the models take.
PAIRS = [
    ("a cat", "a dog"),
    ("the cat sat", "the dog slept on the mat"),
    ("the dog", ""),
    ("the cat sat on the mat " * 6, "a dog"),
    ("the cat sat on the mat " * 12, "a dog slept " * 30),
    ("a dog slept " * 30, "the cat sat on the mat " * 12),
]

# Special tokens included, and in each text.
MOST_TOKENS = range(4, 12)
LENGTHS = range(1, 14)  # an empty second text is none to transformers


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
    cut = {side: {most: cuts(dense.tokenizer, side, most) for most in MOST_TOKENS} for side in ["right", "left"]}
    (DATA / "pairs-cut.json").write_text(json.dumps(cut, separators=(",", ":")) + "\n")
    print({name: tuple(tensor.shape) for name, tensor in tensors.items()})


def cuts(tokenizer, side, most):
    tokenizer.truncation_side = side

    def kept(first, second):
        read = tokenizer("a " * first, "o " * second, truncation=True, max_length=most)
        words = tokenizer.convert_tokens_to_ids(["a", "o"])
        return [read["input_ids"].count(word) for word in words]

    return [[kept(first, second) for second in LENGTHS] for first in LENGTHS]


if __name__ == "__main__":
    main()
