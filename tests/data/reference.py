"""Writes what sentence-transformers and transformers compute, for the tests to compare with.

    pip install -r tests/data/requirements.txt
    python tests/data/reference.py [models/all-MiniLM-L6-v2]

Every text is computed alone, so that no padding takes part. The results lie beside this file:

all-MiniLM-L6-v2.json
    texts           the texts
    token_counts    how many tokens the model sees of each, special ones included
    search          each query of examples/queries.txt with its best lines (counted from 0)
                    of examples/sentences.txt
    versions        of the libraries used
all-MiniLM-L6-v2.safetensors
    ids             the token ids of all texts, one after the other
    embeddings      [texts, 384] what sentence-transformers' `encode` returns
    mean, cls, max, last
                    [texts, 384] the last hidden states pooled over all tokens, not normalised
    hidden          [tokens, 384] the last hidden states of the first few texts, one after the
                    other; those of text i are rows hidden_offsets[i] to hidden_offsets[i + 1]
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers import AutoModel

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NAME = "all-MiniLM-L6-v2"
LIBRARIES = ["torch", "transformers", "sentence-transformers", "tokenizers", "numpy", "safetensors"]

PARAGRAPH = (
    "When the first railway reached the valley in the spring of 1871, most of the people who lived "
    "there had never travelled further than the next market town. Within ten years the mill had "
    "doubled in size, the old coaching inn had become a hotel with forty-two rooms, and the price "
    "of coal had fallen by a third. Not everybody was pleased: the carters lost their trade, the "
    "canal silted up, and the vicar complained, in letters that can still be read in the county "
    "archive, about the noise, the smoke and the Sunday excursions. And yet, when the line was "
    "closed in 1964, nobody could imagine the place without it."
)
# Every one of these words is a single token.
WORDS = "one two three four five six seven eight nine ten".split()


def words(count):
    return " ".join(WORDS[i % len(WORDS)] for i in range(count))


# The first few are short and varied: their hidden states are kept as well.
HIDDEN = 6
TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "",
    "hello",
    "a",
    "Embeddings, please: 3.14 is not enough!",
    "Crème brûlée à la carte",
    # The same with the accents as combining characters.
    "Cre\u0300me bru\u0302le\u0301e a\u0300 la carte",
    "THIS IS WRITTEN IN UPPER CASE LETTERS",
    "iPhone McDonald's eBay O'Neill",
    "?!... --- ;:,()[]{}\"'/\\",
    "1234567890 42 3.14159 1,000,000 0x1F 2024-02-29",
    " ",
    "\t \t",
    "  leading,\tinner\u00a0and \u3000 trailing space  ",
    "first line\nsecond line\r\nthird line\n",
    # Control characters, a zero width space, a byte order mark, a soft hyphen, a replacement character.
    "con\u0000trol\u0007 char\u001bacters\u007f and\u200b\ufeff in\u00advisible \ufffd ones",
    "😀",
    "I love it 😍🎉🔥",
    # A skin tone, a family of four joined by zero width joiners, a flag, a keycap.
    "👍🏽 👨\u200d👩\u200d👧\u200d👦 🇳🇿 3\ufe0f\u20e3",
    "今天天气很好，我们去公园散步。",
    "東京タワーはとても高いです。ガギグゲゴ ｶﾞｷﾞｸﾞ",
    "مرحبا بالعالم، كيف حالك اليوم؟",
    "שלום עולם",
    "Привет, мир! Ёлка и йод.",
    "नमस्ते दुनिया",
    "안녕하세요 세계",
    "สวัสดีชาวโลก",
    "Straße, İstanbul, ǅ, ﬁnance, Œuvre, ½, ², ①, ℌ",
    "naïve café 北京 Москва العربية 🍕 mixed in ONE line",
    "a" * 120,
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2,
    "pneumonoultramicroscopicsilicovolcanoconiosis",
    "https://user:pw@example.org:8080/a/b.html?q=semantic%20search&lang=en#top",
    "for (int i = 0; i < n; ++i) { sum += x[i] * y[i]; } // dot product",
    "fn main() -> Result<(), Box<dyn Error>> { println!(\"{:?}\", args); Ok(()) }",
    "x² + y² ≤ r², ∀x ∈ ℝ; €5 ≈ $5.50 — “quoted” … ‘text’",
    # A special token's name typed by a user is that token.
    "[CLS] [MASK] is not [SEP] plain text [PAD] [UNK]",
    PARAGRAPH,
    # The two special tokens make these 255, 256 and 257 tokens, of which 256 are kept.
    words(253),
    words(254),
    words(255),
    " ".join([PARAGRAPH] * 4),
]


def embed(model, texts):
    return np.concatenate([model.encode([text], batch_size=1, show_progress_bar=False) for text in texts])


def search(model):
    def lines(name):
        return (ROOT / "examples" / name).read_text(encoding="utf-8").splitlines()

    queries = lines("queries.txt")
    scores = embed(model, queries) @ embed(model, lines("sentences.txt")).T
    return [
        {"query": query, "hits": [{"line": int(i), "score": round(float(row[i]), 6)} for i in np.argsort(-row)[:3]]}
        for query, row in zip(queries, scores)
    ]


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "models" / NAME)
    eager = {"attn_implementation": "eager", "dtype": torch.float32}
    sentence = SentenceTransformer(str(folder), device="cpu", model_kwargs=eager).eval()
    plain = AutoModel.from_pretrained(folder, **eager).eval()
    assert len(TEXTS) == len(set(TEXTS))
    assert sentence.max_seq_length == 256

    # The tokenizer's file asks for 128 tokens, padded; sentence-transformers overrules it.
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    for text, count in [(words(253), 255), (words(254), 256), (words(255), 257)]:
        assert len(tokenizer.encode(text).ids) == count
    tokenizer.enable_truncation(sentence.max_seq_length)

    ids, hidden = [], []
    for text in TEXTS:
        ids.append(tokenizer.encode(text).ids)
        assert sentence.preprocess([text])["input_ids"].tolist() == [ids[-1]], text
        with torch.no_grad():
            hidden.append(plain(input_ids=torch.tensor([ids[-1]])).last_hidden_state[0].numpy())

    embeddings = embed(sentence, TEXTS)
    mean = np.stack([h.mean(axis=0) for h in hidden])
    error = np.abs(embeddings - mean / np.linalg.norm(mean, axis=1, keepdims=True)).max()
    assert error < 1e-6, error

    counts = [len(i) for i in ids]
    tensors = {
        "ids": np.concatenate(ids).astype(np.int64),
        "embeddings": embeddings,
        "mean": mean,
        "cls": np.stack([h[0] for h in hidden]),
        "max": np.stack([h.max(axis=0) for h in hidden]),
        "last": np.stack([h[-1] for h in hidden]),
        "hidden": np.concatenate(hidden[:HIDDEN]),
        "hidden_offsets": np.cumsum([0] + counts[:HIDDEN], dtype=np.int64),
    }
    assert all(t.dtype in (np.float32, np.int64) for t in tensors.values())
    save_file(tensors, HERE / f"{NAME}.safetensors")

    report = {
        "texts": TEXTS,
        "token_counts": counts,
        "search": search(sentence),
        # Without the build's name, such as 2.0.0+cpu.
        "versions": {name: version(name).split("+")[0] for name in LIBRARIES},
    }
    # ASCII only: editors and tools must not compose or decompose the accents.
    (HERE / f"{NAME}.json").write_text(json.dumps(report, indent=1) + "\n", encoding="ascii", newline="\n")
    print(f"{len(TEXTS)} texts, {sum(counts)} tokens; mean pooling differs by {error:.1e}")


if __name__ == "__main__":
    main()
