"""Writes tiny models that tag tokens and answer questions, with seeded random weights, and what transformers' pipelines
make of them.

    pip install -r tests/data/requirements.txt
    python tests/data/span_models.py tags
    python -m venv old; old/bin/pip install -r tests/data/requirements-answers.txt
    old/bin/python tests/data/span_models.py answers

The answers need an environment of their own: the pipeline of question answering is not in transformers 5 any more.

Each row of MODELS becomes two folders of spans/ beside this file, as transformers saves a model with its tokenizer. In
NAME-tags there is also

expected.json
    encodings       texts, or pairs of them, and where the tokenizer says that their tokens come from: ids, offsets in
                    characters, special_tokens_mask, word_ids, sequence_ids
    entities        texts, ignore_labels where they are not the pipeline's own, and for each aggregation_strategy the
                    entities of the pipeline "token-classification": label, start, end, score
    strides         the same of texts that are longer than the model takes, with the pipeline's stride
    pairs           the same of pairs of texts, after the text that they are of, 0 or 1: what the pipeline makes of the
                    model's logits for the tokens of each text, as it takes no pairs itself

and in NAME-answers

expected.json
    answers         questions with their contexts, options, and the answers of the pipeline "question-answering" without
                    those of score 0, whose order numpy does not define: answer, start, end, score

Everything is computed in f32, text by text.
"""

import json
import shutil
import sys
from pathlib import Path
from string import ascii_lowercase

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForQuestionAnswering, AutoModelForTokenClassification
from transformers import PreTrainedTokenizerFast, pipeline
from transformers.pipelines.token_classification import AggregationStrategy
from transformers.utils import logging

SPANS = Path(__file__).resolve().parent / "spans"

VERSIONS = {"tags": "5.23.0", "answers": "4.57.6"}

# The difference of scores that the tests allow.
BOUND = 5e-4

# Positions of a text, special tokens included.
LONGEST = 64

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC"]

# Several code units, several code points, accents in one and in two, Chinese and Japanese, no spaces, special tokens as
# they are typed, control characters, nothing, and more than the models take.
TEXTS = [
    "Ada Lovelace met C. Babbage in London.",
    "Zoe\u0301 and Zoë, naïve!",
    "I \U0001f496 San Francisco \U0001f468\u200d\U0001f469\u200d\U0001f467 today",
    "李白 was born in 碎葉, 東京は日本。",
    "don't-stop…now  two   spaces\tand\u0000 a tab",
    "[CLS] a [SEP] <s> b </s>",
    "ΑΒΓ İstanbul 𝒳yz",
    "",
    " ",
    "the cat and Dog " * 17,
]

STRATEGIES = ["none", "simple", "first", "average", "max"]

PAIRS = [
    ("Who met Ada?", "Ada met 李白 \U0001f496 in London."),
    ("", "a cat"),
    ("a cat", "."),
]

# Of the last two both texts, or one, are longer than the models take.
TAGGED_PAIRS = [
    ("Ada Lovelace met C. Babbage.", "Babbage was in London."),
    ("李白 💖 was born", "in 碎葉, 東京は日本。 💖 cat"),
    ("", "a cat and Dog"),
    ("a cat and Dog", ""),
    ("the cat and Dog " * 17, "Ada Lovelace met C. Babbage in London. " * 9),
    ("Ada met a cat.", "the cat and Dog " * 17),
]

STORY = (
    "In the year of the cat, Zoë \U0001f496 met 李白 by the sea. The dog, called Cat, ran to London and came back at six. "
    "Nobody saw the dog again, but the cat saw the sea; the Sea saw nobody. \U0001f468\u200d\U0001f469\u200d\U0001f467 "
    "went home by train, and in the evening they drank tea with don't-know-who. That is all that is known of the cat."
)

# Tokens that a part of a long text shares with the next.
STRIDES = [0, 7, 39]

# Question, context, options.
QUESTIONS = [
    ("Who met Ada?", "Ada met 李白 \U0001f496 in London.", {}),
    ("Who met Ada?", "Ada met 李白 \U0001f496 in London.", {"top_k": 5}),
    ("Who met Ada?", "Ada met 李白 \U0001f496 in London.", {"top_k": 5, "align_to_words": False}),
    ("Who?", "Cat, cat; CAT and cat: unbelievable cats", {"top_k": 8}),
    ("Where is the dog?", STORY, {}),
    ("Where is the dog?", STORY, {"top_k": 6}),
    ("Where is the dog?", STORY, {"top_k": 6, "align_to_words": False}),
    ("Where is the dog?", STORY, {"top_k": 4, "max_answer_len": 1}),
    ("Where is the dog?", STORY, {"top_k": 4, "max_seq_len": 40, "doc_stride": 7}),
    ("Where is the dog?", STORY, {"top_k": 4, "handle_impossible_answer": True}),
    ("a" * 30, "Ada is here.", {"top_k": 3, "handle_impossible_answer": True}),
    ("Who?", "cat", {"top_k": 9, "handle_impossible_answer": True}),
    ("Who?", "   ", {"handle_impossible_answer": True}),
    ("[CLS] [CLS] who?", "a [CLS] and [SEP] <s> </s> in a text", {"top_k": 3}),
]


def bert_tokenizer():
    """WordPiece of letters and of some longer pieces, in lower case and without accents."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = ["the", "cat", "dog", "and", "in", "lon", "##don", "##ing", "##ace", "met", "李", "白", "東", "京", "日"]
    vocabulary = [*special, *ascii_lowercase, *(f"##{letter}" for letter in ascii_lowercase), *pieces, *".,!?'-;:", "\U0001f496"]
    ids = {token: id for id, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", continuing_subword_prefix="##"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    return tokenizer, names, ["input_ids", "token_type_ids", "attention_mask"]


def roberta_tokenizer():
    """BPE of bytes, with some merges."""
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("Ġ", "c"), ("a", "t"), ("Ġc", "at"), ("i", "n"), ("o", "n")]
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocabulary = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(merge) for merge in merges)]
    ids = {token: id for id, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.BPE(ids, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    names = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
    return tokenizer, names, ["input_ids", "attention_mask"]


# The tokenizer, what the configuration says of the family, and a seed for each kind: one with which no two labels and no
# two answers are so near to each other that rounding could exchange them.
MODELS = {
    "bert": {
        "tokenizer": bert_tokenizer,
        "config": {"max_position_embeddings": LONGEST, "type_vocab_size": 2, "pad_token_id": 0},
        "seeds": {"tags": 9, "answers": 394},
    },
    "roberta": {
        "tokenizer": roberta_tokenizer,
        "config": {"max_position_embeddings": LONGEST + 2, "type_vocab_size": 1, "pad_token_id": 1},
        "seeds": {"tags": 22, "answers": 1018},
    },
}


def randomise(model, generator):
    """The last layer is the largest, so that scores are far from uniform."""
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            is_norm = name.endswith("weight") and "norm" in name.lower()
            scale = 0.8 if name in ["classifier.weight", "qa_outputs.weight"] else 0.3
            tensor.copy_(is_norm + scale * torch.randn(tensor.shape, generator=generator))


def save(folder, name, kind):
    row = MODELS[name]
    tokenizer, names, inputs = row["tokenizer"]()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=LONGEST, model_input_names=inputs, **names
    )
    labels = {"id2label": dict(enumerate(LABELS)), "label2id": {label: id for id, label in enumerate(LABELS)}}
    config = AutoConfig.for_model(
        name,
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        hidden_act="gelu",
        **row["config"],
        **(labels if kind == "tags" else {}),
    )
    auto = AutoModelForTokenClassification if kind == "tags" else AutoModelForQuestionAnswering
    model = auto.from_config(config, attn_implementation="eager")
    randomise(model, torch.Generator().manual_seed(row["seeds"][kind]))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def load(folder, task):
    return pipeline(task, model=str(folder), device="cpu", model_kwargs={"attn_implementation": "eager"})


def check_that_scores_differ(scores, what):
    """Those that order labels or answers."""
    scores = sorted(scores, reverse=True)
    gaps = [a - b for a, b in zip(scores, scores[1:])]
    assert all(gap > 2 * BOUND for gap in gaps), f"{what}: {scores}"


def encodings(tokenizer):
    for text in [*TEXTS[1:4], *PAIRS]:
        pair = text if isinstance(text, tuple) else (text,)
        found = tokenizer(*pair, truncation=True, return_offsets_mapping=True, return_special_tokens_mask=True)
        yield {
            "text": list(pair),
            "ids": found["input_ids"],
            "offsets": found["offset_mapping"],
            "special_tokens_mask": found["special_tokens_mask"],
            "word_ids": found.word_ids(),
            "sequence_ids": found.sequence_ids(),
        }


def entities(tagger):
    for text in TEXTS:
        check_that_labels_differ(tagger, text)
        yield entities_of(text, tagger, [], STRATEGIES if len(text) < 100 else ["simple"])
    yield entities_of(TEXTS[0], tagger, None, STRATEGIES)
    yield entities_of(TEXTS[0], tagger, ["PER", "O", "B-LOC"], ["none", "simple"])


def of_pairs(tagger):
    for pair in TAGGED_PAIRS:
        inputs = tagger.tokenizer(*pair, truncation=True, return_tensors="pt", return_offsets_mapping=True)
        offsets, ids = inputs.pop("offset_mapping"), inputs["input_ids"]
        with torch.no_grad():
            logits = tagger.model(**inputs).logits
        best = logits[0].softmax(-1).topk(2).values
        ordinary = [place for place, sequence in enumerate(inputs.sequence_ids()) if sequence is not None]
        assert ((best[:, 0] - best[:, 1])[ordinary] > 2 * BOUND).all(), pair

        def entities(sequence, strategy):
            others = torch.tensor([[int(it != sequence) for it in inputs.sequence_ids()]])
            output = {"logits": logits, "sentence": pair[sequence], "input_ids": ids, "offset_mapping": offsets}
            found = tagger.postprocess(
                [output | {"special_tokens_mask": others}], AggregationStrategy(strategy), ignore_labels=[]
            )
            return [[sequence, *values(it)] for it in found]

        both = {name: entities(0, name) + entities(1, name) for name in STRATEGIES}
        yield {"text": list(pair)} | both


def strided(tagger):
    for text in [STORY, TEXTS[-1]]:
        for stride in STRIDES:
            check_that_labels_differ(tagger, text, stride)
            yield strided_entities_of(text, tagger, [], stride)
    yield strided_entities_of(STORY, tagger, None, 7)


def strided_entities_of(text, tagger, ignored, stride):
    """Without what the pipeline gives twice: the first entity, where it has no characters."""
    row = entities_of(text, tagger, ignored, STRATEGIES[1:] if text == STORY else ["simple"], stride=stride)
    for name in row.keys() & set(STRATEGIES):
        row[name] = [it for place, it in enumerate(row[name]) if place == 0 or it != row[name][place - 1]]
    return row | {"stride": stride}


def entities_of(text, tagger, ignored, strategies, **options):
    options |= {} if ignored is None else {"ignore_labels": ignored}
    found = {strategy: tagger(text, aggregation_strategy=strategy, **options) for strategy in strategies}
    return {"text": text, "ignore_labels": ignored} | {name: [values(it) for it in its] for name, its in found.items()}


def values(it):
    return [it.get("entity", it.get("entity_group")), it["start"], it["end"], round(float(it["score"]), 4)]


def check_that_labels_differ(tagger, text, stride=None):
    """The two best of each token."""
    parts = {} if stride is None else {"return_overflowing_tokens": True, "padding": True, "stride": stride}
    for inputs in tagger.preprocess(text, is_split_into_words=False, tokenizer_params=parts):
        with torch.no_grad():
            output = tagger.forward(inputs)
        scores = output["logits"][0].softmax(-1)
        best = scores.topk(2).values
        ordinary = output["special_tokens_mask"][0] == 0
        nearest = (best[:, 0] - best[:, 1])[ordinary]
        assert (nearest > 2 * BOUND).all(), f"{text}: {nearest.min()}"


def answers(answerer):
    for question, context, options in QUESTIONS:
        found = answerer(question=question, context=context, **(options | {"top_k": options.get("top_k", 1) + 1}))
        found = found if isinstance(found, list) else [found]
        kept = [it for it in found if it["score"] > 0]
        check_that_scores_differ([it["score"] for it in kept], question)
        found = answerer(question=question, context=context, **options)
        found = found if isinstance(found, list) else [found]
        yield {
            "question": question,
            "context": context,
            "options": options,
            "answers": [[it["answer"], it["start"], it["end"], round(it["score"], 6)] for it in found if it["score"] > 0],
        }


def expected(folder, kind):
    if kind == "answers":
        return {"answers": list(answers(load(folder, "question-answering")))}
    tagger = load(folder, "token-classification")
    return {
        "encodings": list(encodings(tagger.tokenizer)),
        "entities": list(entities(tagger)),
        "strides": list(strided(tagger)),
        "pairs": list(of_pairs(tagger)),
    }


def write(name, kind):
    folder = SPANS / f"{name}-{kind}"
    shutil.rmtree(folder, ignore_errors=True)
    save(folder, name, kind)
    found = expected(folder, kind)
    (folder / "expected.json").write_text(lines(found))
    (folder / "model.safetensors").chmod(0o644)
    print(f"{folder.name}: {sum(f.stat().st_size for f in folder.rglob('*'))} bytes")


def lines(found):
    """A row per line."""
    keys = [f'"{key}": [\n' + ",\n".join(json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in rows) + "\n]" for key, rows in found.items()]
    return "{" + ",\n".join(keys) + "}\n"


def main():
    torch.set_num_threads(1)  # one order of sums
    logging.set_verbosity_error()
    kind = sys.argv[1]
    assert transformers.__version__ == VERSIONS[kind], f"{kind} are written with transformers {VERSIONS[kind]}"
    for name in MODELS:
        write(name, kind)


if __name__ == "__main__":
    main()
