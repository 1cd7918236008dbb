"""Writes tiny models of every family with every head that transformers has for it, and their logits.

    pip install -r tests/data/requirements.txt
    python tests/data/heads.py [NAME]...

Each becomes a folder FAMILY-HEAD of heads/ beside this file, as transformers saves a model, and

expected.safetensors
    ids, types      the token ids and token types of all sequences, one after the other
    offsets         those of sequence i are at offsets[i] to offsets[i + 1]
    logits          [sequences, labels], [tokens, labels], [tokens, 2] or [tokens, vocabulary], by the head

JinaBERT v2, which transformers lacks, is that of jina_bert.py, and what PyTorch's own parts make that of torch_encoder.py. Every sequence is computed alone, so that no padding takes part, in f32, by the model as it is loaded again from its
folder.
"""

import inspect
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from transformers.utils import logging

import jina_bert
import torch_encoder
from tiny_models import DISTILBERT, JINA_BERT, randomise, sequences

HERE = Path(__file__).resolve().parent / "heads"

SIZES = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 20,
}

DEBERTA = {
    "relative_attention": True,
    "position_buckets": 8,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
}

# Of each family what differs from these; their places are their seeds: new ones go to the end.
FAMILIES = {
    "albert": {"embedding_size": 12},
    "bert": {},
    "camembert": {"pad_token_id": 1, "type_vocab_size": 1},
    "distilbert": {},
    "electra": {"embedding_size": 12},
    "gte": {},
    "jina_embeddings_v3": {},
    "modernbert": {"pad_token_id": 0, "classifier_pooling": "mean", "classifier_bias": True},
    "mpnet": {},
    "nomic_bert": {},
    "roberta": {"pad_token_id": 1, "type_vocab_size": 1},
    "xlm-roberta": {"type_vocab_size": 1},
    "deberta-v2": DEBERTA | {"embedding_size": 12},
    "deberta-v2-not-legacy": DEBERTA
    | {"model_type": "deberta-v2", "legacy": False, "share_att_key": False, "pooler_hidden_act": "tanh"},
}

HEADS = {
    "sequences": (AutoModelForSequenceClassification, {"num_labels": 3}),
    "tokens": (AutoModelForTokenClassification, {"num_labels": 5}),
    "spans": (AutoModelForQuestionAnswering, {}),
    "masked-lm": (AutoModelForMaskedLM, {}),
}


def logits_of(model, ids, types):
    takes_types = "token_type_ids" in inspect.signature(model.forward).parameters
    types = {"token_type_ids": types[None]} if takes_types else {}
    with torch.no_grad():
        output = model(input_ids=ids[None], attention_mask=torch.ones(1, len(ids)), **types)
    if "start_logits" in output:
        return torch.stack([output.start_logits[0], output.end_logits[0]], dim=1)
    return output.logits[0] if output.logits.dim() == 3 else output.logits


def write(name, family, options, head, seed):
    folder = HERE / name
    auto_class, of_head = head
    options = {"model_type": family} | SIZES | options | of_head
    if family == "distilbert":
        options = {DISTILBERT.get(key, key): value for key, value in options.items()}
    config = AutoConfig.for_model(**options)
    if type(config) not in auto_class._model_mapping:
        return
    generator = torch.Generator().manual_seed(seed)
    model = auto_class.from_config(config, attn_implementation="eager")
    randomise(model, generator)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    model = auto_class.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    inputs = sequences(model.config, generator)
    save_logits(folder, inputs, [logits_of(model, ids, types) for ids, types in inputs])


def save_logits(folder, inputs, logits):
    tensors = {
        "ids": torch.cat([ids for ids, _ in inputs]),
        "types": torch.cat([types for _, types in inputs]),
        "offsets": torch.tensor([0] + [len(ids) for ids, _ in inputs]).cumsum(0),
        "logits": torch.cat(logits),
    }
    save_file(tensors, folder / "expected.safetensors")
    print(f"{folder.name}: {sum(f.stat().st_size for f in folder.rglob('*'))} bytes, logits up to {tensors['logits'].abs().max():.1f}")


# Whose decoder has weights of its own, and so a bias beside the one that it would share.
UNTIED = ["bert", "roberta", "albert", "mpnet", "deberta-v2"]

JINA_BERT_HEADS = {
    "sequences": (jina_bert.ForSequenceClassification, 3),
    "tokens": (jina_bert.ForTokenClassification, 5),
    "spans": (jina_bert.ForQuestionAnswering, 2),
    "masked-lm": (jina_bert.ForMaskedLM, 2),
}


def write_jina_bert(name, head, seed):
    folder = HERE / name
    model_class, labels = head
    labels = {"id2label": {str(i): f"LABEL_{i}" for i in range(labels)}}
    architectures = {"architectures": [f"JinaBert{model_class.__name__}"]}
    generator = torch.Generator().manual_seed(seed)
    model = model_class(JINA_BERT | SIZES | {"feed_forward_type": "geglu"} | labels | architectures)
    randomise(model, generator)
    shutil.rmtree(folder, ignore_errors=True)
    model.save(folder)
    model = model_class.load(folder)
    ids = [torch.randint(model.config["vocab_size"], (n,), generator=generator) for n in (7, 1, 20, 2, 13)]
    inputs = [(some, torch.randint(2, some.shape, generator=generator)) for some in ids]
    with torch.no_grad():
        save_logits(folder, inputs, [model(*text) for text in inputs])


def write_torch_encoder(name, row, seed):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model, ids = torch_encoder.write(folder, row, torch.Generator().manual_seed(seed), least=100 * 5e-4)
    with torch.no_grad():
        save_logits(folder, [(some, torch.zeros_like(some)) for some in ids], [model(some) for some in ids])


def main():
    torch.set_num_threads(1)  # one order of sums, and no waiting for threads
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    names = sys.argv[1:]
    for i, (family, options) in enumerate(FAMILIES.items()):
        for j, (head, of_head) in enumerate(HEADS.items()):
            name = f"{family}-{head}"
            if not names or name in names:
                write(name, family, options, of_head, 100 + 10 * i + j)
    for j, (head, of_head) in enumerate(JINA_BERT_HEADS.items()):
        name = f"jina_bert-{head}"
        if not names or name in names:
            write_jina_bert(name, of_head, 1000 + j)
    for i, family in enumerate(UNTIED):
        name = f"{family}-untied-masked-lm"
        if not names or name in names:
            write(name, family, FAMILIES[family] | {"tie_word_embeddings": False}, HEADS["masked-lm"], 2000 + i)
    for i, (name, row) in enumerate(torch_encoder.MODELS.items()):
        if not names or name in names:
            write_torch_encoder(name, row, 3000 + i)


if __name__ == "__main__":
    main()
