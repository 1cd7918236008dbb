"""Writes evaluation.json and logistic.json: predictions, with what scikit-learn, seqeval and SciPy say of them; and
examples, with what scikit-learn's logistic regression makes of them.

    pip install -r tests/data/requirements.txt
    python tests/data/evaluation.py
"""

import json
import random
import warnings
from pathlib import Path

import numpy as np
import seqeval.metrics
import seqeval.scheme
from scipy import stats
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

HERE = Path(__file__).resolve().parent
warnings.simplefilter("ignore")


def scores(report, name):
    return {
        "precision": float(report[name]["precision"]),
        "recall": float(report[name]["recall"]),
        "f1": float(report[name]["f1-score"]),
        "support": int(report[name]["support"]),
    }


def classified(truth, predicted):
    labels = sorted(set(truth) | set(predicted))
    of_all = {"output_dict": True, "zero_division": 0}
    report = metrics.classification_report(truth, predicted, **of_all)
    micro = metrics.precision_recall_fscore_support(truth, predicted, average="micro", zero_division=0)
    return {
        "truth": truth,
        "predicted": predicted,
        "accuracy": metrics.accuracy_score(truth, predicted),
        "classes": {label: scores(report, label) for label in labels},
        "micro": dict(zip(("precision", "recall", "f1"), map(float, micro[:3]))) | {"support": len(truth)},
        "macro": scores(report, "macro avg"),
        "weighted": scores(report, "weighted avg"),
        "confusion": metrics.confusion_matrix(truth, predicted, labels=labels).tolist(),
    }


def classifications():
    rng = random.Random(1)
    names = ["sport", "art", "Zoo", "éclair", "zoo"]
    many = [rng.choice(names) for _ in range(200)]
    guessed = [name if rng.random() < 0.6 else rng.choice(names[:4]) for name in many]
    return [
        classified(many, guessed),
        classified(["a", "a", "b", "b"], ["a", "a", "a", "a"]),  # b is never predicted
        classified(["a", "a", "a"], ["a", "b", "c"]),  # b and c are never right
        classified(["a", "b"], ["b", "a"]),  # nothing is right
        classified(["a"], ["a"]),
    ]


LENIENT = "lenient"


def tagged(truth, predicted, scheme):
    options = {"zero_division": 0}
    if scheme != LENIENT:
        options |= {"mode": "strict", "scheme": getattr(seqeval.scheme, scheme)}
    report = seqeval.metrics.classification_report(truth, predicted, output_dict=True, **options)
    averages = {"micro avg", "macro avg", "weighted avg"}
    return {
        "truth": truth,
        "predicted": predicted,
        "scheme": scheme,
        "accuracy": seqeval.metrics.accuracy_score(truth, predicted),
        "classes": {name: scores(report, name) for name in report if name not in averages},
        "micro": scores(report, "micro avg"),
        "macro": scores(report, "macro avg"),
        "weighted": scores(report, "weighted avg"),
    }


LETTERS = {"IOB1": "IOB", "IOB2": "IOB", "IOE1": "IOE", "IOE2": "IOE", "IOBES": "IOBES", "BILOU": "BILOU"}


def taggings():
    rng = random.Random(2)

    def tags(letters, count):
        chosen = (rng.choice(letters) for _ in range(count))
        return ["O" if letter == "O" else f"{letter}-{rng.choice(['PER', 'LOC', 'ART-1'])}" for letter in chosen]

    def sequences(letters, lengths):
        truth = [tags(letters, length) for length in lengths]
        guess = lambda tag: tag if rng.random() < 0.7 else tags(letters, 1)[0]
        return truth, [[guess(tag) for tag in sequence] for sequence in truth]

    found = []
    for scheme, letters in LETTERS.items():
        truth, predicted = sequences(letters, [rng.randrange(1, 12) for _ in range(60)])
        found.append(tagged(truth, predicted, scheme))
        if scheme != "BILOU":  # whose letters the usual reading does not know
            found.append(tagged(truth, predicted, LENIENT))
    truth = [["B-PER", "I-PER", "O", "B-LOC"], ["O"]]
    found.append(tagged(truth, [["B-PER", "I-PER", "O", "B-LOC"], ["O"]], LENIENT))
    found.append(tagged(truth, [["B-PER", "O", "O", "B-ORG"], ["O"]], LENIENT))  # LOC never predicted, ORG never right
    found.append(tagged(truth, [["O", "O", "O", "O"], ["O"]], "IOB2"))
    found.append(tagged([["PER", "PER", "B-", "B", "."]], [["PER", "LOC", "I", "B", "."]], LENIENT))  # odd tags
    return found


def ranked():
    rng = np.random.default_rng(3)
    found = []
    for count in (2, 3, 8, 30):
        for levels in (2, 4):
            relevance = rng.integers(0, levels, count).astype(float)
            for score in (rng.normal(size=count), rng.integers(0, 3, count).astype(float), np.zeros(count)):
                for k in (None, 1, 5):
                    ndcg = metrics.ndcg_score([relevance], [score], k=k)
                    found.append(
                        {"relevance": relevance.tolist(), "scores": score.tolist(), "k": k, "ndcg": float(ndcg)}
                    )
    for case in found:
        # One relevant candidate: the mean of 1 / rank over relevant ones is that of the first.
        relevance, score = np.array(case["relevance"]), np.array(case["scores"])
        relevant = np.flatnonzero(relevance > 0)
        if len(relevant) == 0 or case["k"]:
            continue
        first = relevant[np.argmax(score[relevant])]
        others = [place for place in range(len(score)) if place == first or relevance[place] <= 0]
        only = (np.array(others) == first).astype(int)
        if len(only) > 1:
            case["reciprocal_rank"] = float(metrics.label_ranking_average_precision_score([only], [score[others]]))
    return found


def correlated():
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 6, 60).astype(float)
    pairs = [
        (truth, truth + rng.normal(size=60)),
        (truth, np.round(truth / 2 + rng.normal(size=60))),  # ties in both
        (truth, -truth * 1e-9 + 1e3),
        (np.array([1.0, 2.0]), np.array([5.0, 3.0])),
        (np.array([1.0, 2.0, 3.0]), np.array([4.0, 4.0, 4.0])),
        (np.array([1e200, 2e200, 4e200]), np.array([1.0, 3.0, 2.0])),
    ]
    number = lambda value: None if np.isnan(value) else float(value)
    return [
        {
            "truth": a.tolist(),
            "predicted": b.tolist(),
            "pearson": number(stats.pearsonr(a / a.max(), b).statistic),
            "spearman": number(stats.spearmanr(a, b).statistic),
        }
        for a, b in pairs
    ]


def regression(classes, counts, inputs, c, balanced, length, seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), counts)
    centres = rng.normal(size=(classes, inputs))
    features = centres[labels] + 1.5 * rng.normal(size=(len(labels), inputs))
    if length:
        features /= np.linalg.norm(features, axis=1, keepdims=True)
    features = features.astype(np.float32)
    order = rng.permutation(len(labels))
    features, labels = features[order], labels[order]
    model = LogisticRegression(C=c, tol=1e-8, max_iter=100000, class_weight="balanced" if balanced else None)
    model.fit(features.astype(np.float64), labels)
    return {
        "inputs": inputs,
        "features": [float(f"{value:.9g}") for value in features.ravel()],
        "labels": labels.tolist(),
        "c": c,
        "balanced": balanced,
        "coefficients": model.coef_.ravel().tolist(),
        "intercepts": model.intercept_.tolist(),
        "predicted": model.predict(features.astype(np.float64)).tolist(),
    }


def regressions():
    return [
        regression(2, [12, 12], 8, 1.0, False, True, 5),
        regression(2, [25, 5], 8, 10.0, True, False, 6),
        regression(4, [8, 8, 8, 8], 24, 1.0, False, True, 7),
        regression(4, [8, 8, 8, 8], 24, 1000.0, False, True, 8),
        regression(3, [20, 3, 9], 6, 0.01, True, False, 9),
        regression(5, [10, 10, 10, 10, 10], 12, 100.0, False, False, 10),
    ]


def write(name, value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    (HERE / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(
        "evaluation.json",
        {
            "classifications": classifications(),
            "taggings": taggings(),
            "rankings": ranked(),
            "correlations": correlated(),
        },
    )
    write("logistic.json", regressions())
