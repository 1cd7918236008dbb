"""Writes fitted.json: what sentence-transformers makes of fitted/, which this engine wrote, and what scikit-learn's logistic
regression makes of the default model's embeddings of topics.csv.

    make model
    pip install -r tests/data/requirements.txt
    head -13 tests/data/topics.csv > few.csv
    cargo run --release -- fit --model tests/data/retrieval/dense --train few.csv --C 10 --out tests/data/fitted
    python tests/data/fit.py
"""

import csv
import json
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression

HERE = Path(__file__).resolve().parent
MODEL = HERE.parent.parent / "models" / "all-MiniLM-L6-v2"
EXAMPLES = 32


def topics():
    with open(HERE / "topics.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def logits(texts):
    model = SentenceTransformer(str(HERE / "fitted"), device="cpu")
    return model.encode(texts).astype(np.float64).tolist()


def regression(texts, labels, c):
    vectors = SentenceTransformer(str(MODEL), device="cpu").encode(texts).astype(np.float64)
    model = LogisticRegression(C=c, tol=1e-8, max_iter=100000)
    model.fit(vectors[:EXAMPLES], labels[:EXAMPLES])
    return {
        "examples": EXAMPLES,
        "c": c,
        "labels": model.classes_.tolist(),
        "coefficients": [float(f"{value:.7g}") for value in model.coef_.ravel()],
        "intercepts": model.intercept_.tolist(),
        "accuracy": float(model.score(vectors[EXAMPLES:], labels[EXAMPLES:])),
    }


if __name__ == "__main__":
    texts, labels = topics()
    report = {"logits": logits(texts[:24]), "regression": regression(texts, labels, 10.0)}
    print("accuracy", report["regression"]["accuracy"])
    (HERE / "fitted.json").write_text(json.dumps(report, separators=(",", ":")) + "\n", encoding="utf-8")
