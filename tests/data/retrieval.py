"""Writes tiny models for retrieval with tokenizers, and what sentence-transformers makes of texts with them.

    pip install -r tests/data/requirements.txt
    python tests/data/retrieval.py [NAME]...

Each of MODELS becomes a folder of retrieval/ beside this file, and expected.json: vectors that went through dense layers,
sparse vectors as [id, token, weight], or a vector per token of queries and documents, and the scores of these.

sentence-transformers reads all of them but BGE-M3's heads, which are computed here as FlagEmbedding's BGE_M3/modeling.py
and bge_m3.py describe them.
"""

import json
import shutil
import string
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import MultiVectorEncoder, SentenceTransformer, SparseEncoder
from sentence_transformers.base.modules import Dense, Normalize, Router, Transformer
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
from sentence_transformers.sentence_transformer.modules import Pooling
from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding, SpladePooling
from torch import nn
from torch.nn.functional import normalize
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoTokenizer
from transformers.utils import logging

from tasks import SIZES, TEXTS, byte_pairs, word_pieces
from tiny_models import randomise

HERE = Path(__file__).resolve().parent / "retrieval"

QUERIES = ["Where did the cat sit?", "", "film", "no no no " * 20]


def saved_over(folder, model, **options):
    """Its weights may still be mapped from the folder."""
    with TemporaryDirectory() as saved:
        model.save_pretrained(saved, create_model_card=False, **options)
        shutil.rmtree(folder)
        shutil.copytree(saved, folder)


def random_dense(generator, *arguments, **options):
    dense = Dense(*arguments, **options)
    randomise(dense, generator)
    return dense


def dense(folder, generator):
    """Two layers after the pooling, of which the last has no multiple of four columns, and vectors of length 1."""
    transformer = Transformer(str(folder))
    layers = [
        random_dense(generator, 32, 24),
        random_dense(generator, 24, 10, bias=False, activation_function=nn.Identity()),
    ]
    saved_over(folder, SentenceTransformer(modules=[transformer, Pooling(32, "mean"), *layers, Normalize()], device="cpu"))


def dense_after_normalize(folder, generator):
    """Residual layers after vectors of length 1, in torch's own format."""
    transformer = Transformer(str(folder))
    layers = [
        random_dense(generator, 32, 32, activation_function=nn.ReLU(), use_residual=True),
        random_dense(generator, 32, 20, activation_function=nn.GELU(), use_residual=True),
    ]
    model = SentenceTransformer(modules=[transformer, Pooling(32, "cls"), Normalize(), *layers], device="cpu")
    saved_over(folder, model, safe_serialization=False)


def embedded(folder):
    model = SentenceTransformer(str(folder), device="cpu")
    eight = [model.encode(text, normalize_embeddings=True, truncate_dim=8).tolist() for text in TEXTS]
    return {"texts": TEXTS, "embeddings": [model.encode(text).tolist() for text in TEXTS], "eight": eight}


def splade(folder, generator):
    """A masked language model as it is."""


def splade_sum(folder, generator):
    """As sentence-transformers 5 saved them."""
    transformer = Transformer(str(folder), transformer_task="fill-mask")
    model = SparseEncoder(modules=[transformer, SpladePooling("sum", "log1p_relu")], device="cpu")
    saved_over(folder, model)
    path = folder / "modules.json"
    modules = json.loads(path.read_text())
    old = "sentence_transformers.sparse_encoder.models."
    modules[0]["type"], modules[1]["type"] = old + "MLMTransformer", old + "SpladePooling"
    path.write_text(json.dumps(modules, indent=2) + "\n")


def weighted(folder):
    model = SparseEncoder(str(folder), device="cpu")
    return {"texts": TEXTS, "sparse": [pairs(model, model.encode, text) for text in TEXTS]}


def pairs(model, encode, text):
    weights = encode(text, convert_to_sparse_tensor=False)
    ids = weights.nonzero()[:, 0].tolist()
    tokens = model.tokenizer.convert_ids_to_tokens(ids)
    return [[id, token, weights[id].item()] for id, token in zip(ids, tokens)]


def inference_free(folder, generator, published=False):
    """Queries are weighed by their tokens alone, as they were trained: some less than 0, some not at all."""
    transformer = Transformer(str(folder), transformer_task="fill-mask")
    tokenizer = AutoTokenizer.from_pretrained(folder, model_max_length=12)
    weight = torch.randn(len(tokenizer), generator=generator)
    weight[::5] = 0
    queries = SparseStaticEmbedding(tokenizer, weight.abs() if published else weight, frozen=published)
    router = Router.for_query_document([queries], [transformer, SpladePooling("max", "log1p_relu")])
    prompts = None if published else {"query": "the cat ", "document": "on the mat "}
    saved_over(folder, SparseEncoder(modules=[router], device="cpu", prompts=prompts))


def inference_free_as_published(folder, generator):
    """The encoder in the folder itself, as those who use transformers alone read it, and classes as sentence-transformers
    5 calls them."""
    inference_free(folder, generator, published=True)
    encoder = folder / "document_0_Transformer"
    (encoder / "sentence_bert_config.json").unlink()
    for path in encoder.iterdir():
        path.rename(folder / path.name)
    encoder.rmdir()
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Router"}]
    (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n")
    classes = {
        "query_0_SparseStaticEmbedding": "SparseStaticEmbedding.SparseStaticEmbedding",
        "": "MLMTransformer.MLMTransformer",
        "document_1_SpladePooling": "SpladePooling.SpladePooling",
    }
    config = {
        "types": {name: f"sentence_transformers.sparse_encoder.models.{kind}" for name, kind in classes.items()},
        "structure": {"query": ["query_0_SparseStaticEmbedding"], "document": ["", "document_1_SpladePooling"]},
        "parameters": {"default_route": "document", "allow_empty_key": True},
    }
    (folder / "router_config.json").write_text(json.dumps(config, indent=2) + "\n")


def weighted_by_route(folder):
    model = SparseEncoder(str(folder), device="cpu")
    texts = [*TEXTS, "film", "the cat the [SEP] cat"]
    return weighted(folder) | {
        "all": texts,
        "queries": [pairs(model, model.encode_query, text) for text in texts],
        "documents": [pairs(model, model.encode_document, text) for text in texts],
    }


def bge_m3(folder, generator):
    """The heads beside an encoder that sentence-transformers reads, in f16 as they are published."""
    transformer = Transformer(str(folder))
    saved_over(folder, SentenceTransformer(modules=[transformer, Pooling(32, "cls"), Normalize()], device="cpu"))
    for name, columns in (("sparse", 1), ("colbert", 32)):
        linear = nn.Linear(32, columns)
        randomise(linear, generator)
        torch.save(linear.half().state_dict(), folder / f"{name}_linear.pt")


def heads_of_bge_m3(folder):
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    heads = {}
    for name in ("sparse", "colbert"):
        weights = {key: value.float() for key, value in torch.load(folder / f"{name}_linear.pt").items()}
        heads[name] = nn.Linear(32, len(weights["weight"]))
        heads[name].load_state_dict(weights)
    special = {tokenizer.cls_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id}

    def hidden_states(text):
        inputs = tokenizer(text, truncation=True, max_length=38, return_tensors="pt")
        return inputs["input_ids"][0].tolist(), model(**inputs).last_hidden_state[0]

    def pairs(text):
        ids, hidden = hidden_states(text)
        best = {}
        for id, weight in zip(ids, torch.relu(heads["sparse"](hidden))[:, 0].tolist()):
            if id not in special and weight > 0:
                best[id] = max(weight, best.get(id, 0))
        return [[id, tokenizer.convert_ids_to_tokens(id), best[id]] for id in sorted(best)]

    def vectors(text):
        _, hidden = hidden_states(text)
        return normalize(heads["colbert"](hidden[1:]), dim=-1)

    with torch.no_grad():
        queries, documents = [vectors(text) for text in QUERIES], [vectors(text) for text in TEXTS]
        scores = [[(q @ d.T).amax(1).mean().item() for d in documents] for q in queries]
        return {"texts": TEXTS, "sparse": [pairs(text) for text in TEXTS]} | {
            "queries": QUERIES,
            "query_vectors": [it.tolist() for it in queries],
            "document_vectors": [it.tolist() for it in documents],
            "scores": scores,
        }


def pylate(folder, generator, **options):
    """As PyLate 1 saves them: a dense layer over tokens, and how queries and documents are read."""
    dense = random_dense(generator, 32, 16, bias=False, activation_function=nn.Identity())
    (folder / "1_Dense").mkdir()
    dense.save(str(folder / "1_Dense"))
    config = {"in_features": 32, "out_features": 16, "bias": False}
    config["activation_function"] = "torch.nn.modules.linear.Identity"
    (folder / "1_Dense/config.json").write_text(json.dumps(config) + "\n")
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Dense", "type": "pylate.models.Dense.Dense"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 19, "do_lower_case": false}\n')
    config = {
        "__version__": {"sentence_transformers": "4.0.2", "transformers": "4.48.2", "pytorch": "2.5.1"},
        "model_type": "ColBERT",
        "prompts": {},
        "default_prompt_name": None,
        "similarity_fn_name": "MaxSim",
        "query_prefix": "[Q] ",
        "document_prefix": "[D] ",
        "query_length": 14,
        "document_length": 20,
        "attend_to_expansion_tokens": False,
        "skiplist_words": list(string.punctuation),
    } | options
    (folder / "config_sentence_transformers.json").write_text(json.dumps(config, indent=2) + "\n")


def pylate_attending(folder, generator):
    pylate(folder, generator, attend_to_expansion_tokens=True, skiplist_words=["the", "."])


def pylate_unexpanded(folder, generator):
    pylate(folder, generator, do_query_expansion=False)


def multi_vector(folder, generator):
    """As sentence-transformers 6 saves them, with prompts for markers."""
    expansion = {"strategy": "fixed", "attend": False, "length": 14}
    transformer = Transformer(str(folder), document_length=20, query_expansion=expansion)
    dense = random_dense(generator, 32, 16, activation_function=nn.Identity(), module_input_name="token_embeddings")
    modules = [transformer, dense, MultiVectorMask(["the", "."]), Normalize("token_embeddings")]
    prompts = {"query": "where: ", "document": "[unused1] "}
    saved_over(folder, MultiVectorEncoder(modules=modules, device="cpu", prompts=prompts))


def colbert(folder, generator):
    """As Stanford's ColBERT saves them."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"architectures": ["HF_ColBERT"]}, indent=2) + "\n")
    weights = {f"bert.{name}": weight for name, weight in load_file(folder / "model.safetensors").items()}
    weights["linear.weight"] = torch.randn(16, 32, generator=generator) * 0.3
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    metadata = {
        "query_token_id": "[unused0]",
        "doc_token_id": "[unused1]",
        "query_token": "[Q]",
        "doc_token": "[D]",
        "query_maxlen": 16,
        "doc_maxlen": 24,
        "attend_to_mask_tokens": False,
        "mask_punctuation": True,
        "dim": 16,
        "similarity": "cosine",
    }
    (folder / "artifact.metadata").write_text(json.dumps(metadata, indent=2) + "\n")


def interacting(folder):
    model = MultiVectorEncoder(str(folder), device="cpu")
    queries = [model.encode_query(text) for text in QUERIES]
    documents = [model.encode_document(text) for text in TEXTS]
    return {
        "texts": TEXTS,
        "queries": QUERIES,
        "query_vectors": [it.tolist() for it in queries],
        "document_vectors": [it.tolist() for it in documents],
        "scores": [[(q @ d.T).amax(1).sum().item() for d in documents] for q in queries],
    }


def interacting_with_ends(folder):
    """And with the ends of texts that are too long: prompts are cut off with their beginnings."""
    model = MultiVectorEncoder(str(folder), device="cpu")
    model[0].tokenizer.truncation_side = "left"
    text = "the cat sat on the mat and the dog slept " * 6
    ends = {"query_vectors": model.encode_query(text).tolist(), "document_vectors": model.encode_document(text).tolist()}
    return interacting(folder) | {"ends": {"text": text} | ends}


def marked(tokenizer=word_pieces):
    """With the tokens that PyLate adds for queries and documents, and those that BERT keeps unused."""
    tokenizer = tokenizer()
    tokenizer.add_tokens(["[Q] ", "[D] ", "[unused0]", "[unused1]"])
    return tokenizer


MODERNBERT = {
    "model_type": "modernbert",
    "num_hidden_layers": 2,
    "global_attn_every_n_layers": 2,
    "local_attention": 10,
}

# Of each its configuration, its tokenizer, its class, what makes a directory of it, and its task. Its place is its seed: a
# new one goes to the end.
MODELS = {
    "dense": ({"model_type": "bert"}, word_pieces, AutoModel, dense, embedded),
    "dense-after-normalize": ({"model_type": "bert"}, word_pieces, AutoModel, dense_after_normalize, embedded),
    "splade": ({"model_type": "bert"}, word_pieces, AutoModelForMaskedLM, splade, weighted),
    "splade-sum": ({"model_type": "roberta"}, byte_pairs, AutoModelForMaskedLM, splade_sum, weighted),
    "bge-m3": ({"model_type": "xlm-roberta"}, byte_pairs, AutoModel, bge_m3, heads_of_bge_m3),
    "pylate": ({"model_type": "bert"}, marked, AutoModel, pylate, interacting),
    "pylate-attending": ({"model_type": "bert"}, marked, AutoModel, pylate_attending, interacting),
    "pylate-unexpanded": ({"model_type": "bert"}, marked, AutoModel, pylate_unexpanded, interacting),
    "pylate-modernbert": (MODERNBERT, marked, AutoModel, pylate, interacting),
    "colbert": ({"model_type": "bert"}, marked, AutoModel, colbert, interacting),
    "multi-vector": ({"model_type": "bert"}, marked, AutoModel, multi_vector, interacting_with_ends),
    "inference-free": ({"model_type": "bert"}, word_pieces, AutoModelForMaskedLM, inference_free, weighted_by_route),
    "inference-free-as-published": (
        {"model_type": "bert"},
        word_pieces,
        AutoModelForMaskedLM,
        inference_free_as_published,
        weighted_by_route,
    ),
}


def write(name, seed):
    options, tokenizer, auto_class, make, task = MODELS[name]
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = tokenizer()
    options = SIZES | options | {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    if "roberta" in options["model_type"]:
        options["type_vocab_size"] = 1
    model = auto_class.from_config(AutoConfig.for_model(**options), attn_implementation="eager")
    generator = torch.Generator().manual_seed(seed)
    randomise(model, generator)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    make(folder, generator)
    (folder / "expected.json").write_text(json.dumps(task(folder), ensure_ascii=False) + "\n")
    print(f"{name}: {sum(f.stat().st_size for f in folder.rglob('*'))} bytes")


def main():
    torch.set_num_threads(1)  # one order of sums, and no waiting for threads
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    for seed, name in enumerate(MODELS):
        if name in (sys.argv[1:] or MODELS):
            write(name, 400 + seed)


if __name__ == "__main__":
    main()
