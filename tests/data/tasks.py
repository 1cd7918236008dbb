"""Writes tiny models with tokenizers, and what transformers' pipelines and sentence-transformers make of them.

    pip install -r tests/data/requirements.txt
    python tests/data/tasks.py [NAME]...

Each of MODELS becomes a folder of tasks/ beside this file, as transformers saves a model and its tokenizer, and
expected.json, what its task gives for some texts.
"""

import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    PreTrainedTokenizerFast,
    pipeline,
)
from transformers.utils import logging

from tiny_models import DISTILBERT, randomise

HERE = Path(__file__).resolve().parent / "tasks"

TEXTS = [
    "What a lovely film!",
    "",
    "The cat sat on the mat, and the dog slept.",
    "Zoë ate 3 crêpes in 東京 😀",
    "no no no " * 20,
]
PAIRS = [("Where did the cat sit?", "The cat sat on the mat."), ("Snow fell.", "It was cold."), ("", "A dog.")]
LABELS = ["weather", "animals", "food"]
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
}


def word_pieces():
    """As BERT's: lower case, without accents, words in pieces."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=special)
    tokenizer.train_from_iterator(TEXTS + [text for pair in PAIRS for text in pair], trainer)
    cls, sep = (tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special))
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=40, model_input_names=inputs, **names
    )


def byte_pairs():
    """As RoBERTa's: pairs of bytes."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXTS + [text for pair in PAIRS for text in pair], trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"), special))
    names |= {"cls_token": "<s>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=38, **names)


def classified(folder):
    pipe = pipeline("text-classification", model=str(folder), top_k=None)

    def labels(inputs):
        found = pipe(inputs, truncation=True)
        return found[0] if isinstance(found[0], list) else found

    single = [labels(text) for text in TEXTS]
    pairs = [*PAIRS, ("A dog.", "")]
    of_pairs = [labels({"text": first, "text_pair": second}) for first, second in pairs]
    return {"texts": TEXTS, "labels": single, "pairs": pairs, "labels_of_pairs": of_pairs}


def reranked(folder):
    model = CrossEncoder(str(folder), device="cpu")
    query, texts = "Where did the cat sit?", [text for text in TEXTS if text]
    ranked = model.rank(query, texts)
    return {"query": query, "texts": texts, "ranked": [[it["corpus_id"], float(it["score"])] for it in ranked]}


def zero_shot(folder):
    pipe = pipeline("zero-shot-classification", model=str(folder))
    texts = [text for text in TEXTS if text]

    def of(**options):
        found = [pipe(text, candidate_labels=LABELS, **options) for text in texts]
        return [[{"label": label, "score": score} for label, score in zip(it["labels"], it["scores"])] for it in found]

    return {
        "texts": texts,
        "candidates": LABELS,
        "one": of(),
        "many": of(multi_label=True),
        "template": "It is about {}.",
        "templated": of(hypothesis_template="It is about {}."),
    }


def filled(folder):
    pipe = pipeline("fill-mask", model=str(folder), top_k=4)
    mask = pipe.tokenizer.mask_token
    texts = [f"The cat sat on the {mask}.", f"{mask} {mask} slept", f"Zoë ate {mask} 😀"]

    def masks(text):
        found = pipe(text)
        found = found if isinstance(found[0], list) else [found]
        return [[{"token": it["token_str"], "id": it["token"], "score": it["score"]} for it in mask] for mask in found]

    pairs = [
        (f"The {mask} sat.", f"It was a {mask} {mask}."),
        ("Zoë ate 😀", f"She {mask} it."),
        (f"A {mask} slept.", "Snow fell."),
        (f"A {mask} slept.", ""),
    ]

    def masks_of_pair(pair):
        """The pipeline takes no pairs."""
        inputs = pipe.tokenizer(*pair, return_tensors="pt")
        with torch.no_grad():
            scores = pipe.model(**inputs).logits[0].softmax(-1)
        places = (inputs["input_ids"][0] == pipe.tokenizer.mask_token_id).nonzero().flatten()

        def token(score, id):
            return {"token": pipe.tokenizer.decode([id]), "id": id, "score": score}

        tops = [scores[place].topk(4) for place in places]
        return [[token(*it) for it in zip(top.values.tolist(), top.indices.tolist())] for top in tops]

    return {
        "texts": texts,
        "masks": [masks(text) for text in texts],
        "pairs": pairs,
        "masks_of_pairs": [masks_of_pair(pair) for pair in pairs],
    }


def embedded(folder):
    """With the default prompt, another, none, and of fewer dimensions."""
    model = SentenceTransformer(str(folder), device="cpu")

    def vectors(**options):
        return [model.encode(text, **options).tolist() for text in TEXTS]

    query = vectors(prompt_name="query")
    model.truncate_dim = 8
    eight = {"eight": vectors(), "eight_of_length_1": vectors(normalize_embeddings=True)}
    return {"texts": TEXTS, "query": query} | eight | {
        "default": SentenceTransformer(str(folder), device="cpu").encode(TEXTS[2]).tolist()
    }


def with_prompts(folder):
    """What sentence-transformers writes beside a model that pools, normalises and has prompts."""
    transformer = Transformer(str(folder))
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), "mean"), Normalize()]
    prompts = {"query": "where: ", "document": "the cat "}
    model = SentenceTransformer(modules=modules, device="cpu", prompts=prompts, default_prompt_name="document")
    with TemporaryDirectory() as saved:
        model.save_pretrained(saved, create_model_card=False)
        shutil.rmtree(folder)
        shutil.copytree(saved, folder)


ENTAILMENT = {"id2label": {0: "CONTRADICTION", 1: "NEUTRAL", 2: "ENTAILMENT"}}
SENTIMENT = {"id2label": {0: "negative", 1: "neutral", 2: "positive"}}
SEQUENCES = AutoModelForSequenceClassification

# Of each its configuration, its tokenizer, its head, and its task. Its place is its seed: a new one goes to the end.
MODELS = {
    "sentiment": ({"model_type": "bert"} | SENTIMENT, word_pieces, SEQUENCES, classified),
    "many-labels": (
        {"model_type": "roberta", "problem_type": "multi_label_classification"} | SENTIMENT,
        byte_pairs,
        SEQUENCES,
        classified,
    ),
    "one-label": ({"model_type": "distilbert", "num_labels": 1}, word_pieces, SEQUENCES, classified),
    "regression": (
        {"model_type": "bert", "num_labels": 1, "problem_type": "regression"},
        word_pieces,
        SEQUENCES,
        classified,
    ),
    "cross-encoder": ({"model_type": "bert", "num_labels": 1}, word_pieces, SEQUENCES, reranked),
    "cross-encoder-of-logits": (
        {
            "model_type": "xlm-roberta",
            "num_labels": 1,
            "sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity",
        },
        byte_pairs,
        SEQUENCES,
        reranked,
    ),
    "inference": ({"model_type": "roberta"} | ENTAILMENT, byte_pairs, SEQUENCES, zero_shot),
    "masked-lm": ({"model_type": "bert"}, word_pieces, AutoModelForMaskedLM, filled),
    "masked-lm-of-bytes": ({"model_type": "roberta"}, byte_pairs, AutoModelForMaskedLM, filled),
    "prompts": ({"model_type": "bert"}, word_pieces, AutoModel, embedded),
}


def write(name, seed):
    options, tokenizer, auto_class, task = MODELS[name]
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = tokenizer()
    options = SIZES | options | {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    if "roberta" in options["model_type"]:
        options["type_vocab_size"] = 1
    if options["model_type"] == "distilbert":
        options = {DISTILBERT.get(key, key): value for key, value in options.items()}
    if "id2label" in options:
        options["label2id"] = {label: i for i, label in options["id2label"].items()}
    model = auto_class.from_config(AutoConfig.for_model(**options), attn_implementation="eager")
    randomise(model, torch.Generator().manual_seed(seed))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if task is embedded:
        with_prompts(folder)
    (folder / "expected.json").write_text(json.dumps(task(folder), indent=1, ensure_ascii=False) + "\n")
    print(f"{name}: {sum(f.stat().st_size for f in folder.rglob('*'))} bytes")


def main():
    torch.set_num_threads(1)  # one order of sums, and no waiting for threads
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    for seed, name in enumerate(MODELS):
        if name in (sys.argv[1:] or MODELS):
            write(name, 300 + seed)


if __name__ == "__main__":
    main()
