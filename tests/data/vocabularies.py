"""Writes tiny tokenizers as they were before there was `tokenizer.json`, and the tokens that transformers makes by them.

    pip install -r tests/data/requirements.txt
    python tests/data/vocabularies.py

Each row of TOKENIZERS becomes a folder of vocabularies/ beside this file, with `expected.json`: for each text or pair of
TEXTS its `ids` and `types`.
"""

import json
import shutil
from pathlib import Path
from unicodedata import normalize

from tokenizers import ByteLevelBPETokenizer
from transformers import AutoTokenizer

HERE = Path(__file__).resolve().parent / "vocabularies"

TEXTS = [
    "a cat",
    "",
    "Hello, World! hello",
    "Zoë's café, naïve CAFÉ façade Ångström",
    "e\u0301tude cafe\u0301",  # accents of their own
    "漢字かな交じり 中文混 English混",
    "한국어 텍스트",
    "I 🙂 you 👩‍👩‍👧 🦀!",
    "tabs\tand\nlines\r\nand\u00a0spaces\u3000wide   three",
    "control\u0000\u0007characters\ufffd\u200bzero\u00adsoft",
    "İstanbul ǅ ẞ ﬁ ½ Ⅷ",
    "[CLS] in [MASK] text [SEP]",
    "<s> in <mask> text</s> <pad> <MASK>",
    "don't we're they'll I'd 1234 3.14",
    "more <ent> than [more] there was",
    "x" * 120,
    ["a cat", "the dog"],
    ["Zoë", ""],
]

WORDS = "a cat the dog hello world cafe café naive naïve in text zoe zoë and English hello Hello 漢字 ##字 🙂 ent more".split()


def characters():
    text = "".join(text if isinstance(text, str) else "".join(text) for text in TEXTS)
    forms = [text, text.lower(), normalize("NFD", text), normalize("NFD", text.lower())]
    # Some are left out, so that there is something unknown.
    found = {character for form in forms for character in form if not character.isspace()}
    return sorted(found - set("\0\u0007🦀国ß"))


def word_piece(begin="[CLS]", end="[SEP]", pad="[PAD]", mask="[MASK]", unknown="[UNK]", more=()):
    letters = characters()
    tokens = [begin, pad, end, unknown, *WORDS, *letters, *(f"##{letter}" for letter in letters), *more, mask]
    return {"vocab.txt": "".join(f"{token}\n" for token in dict.fromkeys(tokens))}


def byte_pairs():
    texts = [text for text in TEXTS if isinstance(text, str)] * 3
    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(texts, vocab_size=360, min_frequency=2, special_tokens=special, show_progress=False)
    model = json.loads(tokenizer.to_str())["model"]
    merges = "".join(" ".join(pair) + "\n" for pair in model["merges"])
    return {"vocab.json": json.dumps(model["vocab"]), "merges.txt": "#version: 0.2\n" + merges}


def settings(class_name, **others):
    return {"tokenizer_config.json": {"tokenizer_class": class_name, **others}}


def token(content, **flags):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False} | flags


SENTENCE = {"begin": "<s>", "end": "</s>", "pad": "<pad>", "mask": "<mask>"}

TOKENIZERS = {
    "bert": word_piece() | {"config.json": {"model_type": "bert"}},
    "bert-cased": word_piece() | settings("BertTokenizer", do_lower_case=False),
    "bert-with-accents": word_piece() | settings("BertTokenizerFast", strip_accents=False),
    "bert-cased-without-accents": word_piece() | settings("BertTokenizer", do_lower_case=False, strip_accents=True),
    "bert-chinese-together": word_piece() | settings("DistilBertTokenizer", tokenize_chinese_chars=False),
    "bert-of-other-names": word_piece("<s>", "</s>", "<pad>", "<mask>", "<unk>")
    | settings("BertTokenizer", cls_token="[CLS]")
    | {
        "special_tokens_map.json": {
            "cls_token": "<s>",
            "sep_token": token("</s>"),
            "unk_token": "<unk>",
            "pad_token": "<pad>",
            "mask_token": token("<mask>", lstrip=True, normalized=True),
        }
    },
    "bert-with-more": word_piece()
    | settings("ElectraTokenizer", additional_special_tokens=["[more]"])
    | {"added_tokens.json": {"<ent>": 9999}},
    "mpnet": word_piece(**SENTENCE) | {"config.json": {"model_type": "mpnet"}},
    "mpnet-by-place": word_piece(**SENTENCE)
    | settings(
        "MPNetTokenizer",
        added_tokens_decoder={"0": token("<s>", special=True), "2": token("</s>", special=True, normalized=True)},
        mask_token={"__type": "AddedToken"} | token("<mask>", lstrip=True),
    ),
    "roberta": byte_pairs() | {"config.json": {"model_type": "roberta"}},
    "roberta-with-a-space-before": byte_pairs() | settings("RobertaTokenizer", add_prefix_space=True),
    "roberta-as-published": byte_pairs()
    | settings("RobertaTokenizerFast", trim_offsets=True)
    | {
        "special_tokens_map.json": {
            "bos_token": token("<s>", normalized=True),
            "mask_token": token("<mask>", lstrip=True, normalized=True),
        }
    },
}


def write(name, files):
    folder = HERE / name
    folder.mkdir(parents=True)
    for file, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content, indent=1) + "\n"
        (folder / file).write_text(text)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expected = []
    for text in TEXTS:
        pair = [text] if isinstance(text, str) else text
        # Lists of one: alone, an empty second text would count as none.
        tokens = tokenizer(*([part] for part in pair), return_token_type_ids=True)
        expected.append({"text": text, "ids": tokens["input_ids"][0], "types": tokens["token_type_ids"][0]})
    lines = ",\n".join(json.dumps(row) for row in expected)
    (folder / "expected.json").write_text(f"[\n{lines}\n]\n")
    unknown = sum(row["ids"].count(tokenizer.unk_token_id) for row in expected)
    print(f"{name}: {type(tokenizer).__name__}, {sum(len(row['ids']) for row in expected)} tokens, {unknown} unknown")


if __name__ == "__main__":
    shutil.rmtree(HERE, ignore_errors=True)
    for name, files in TOKENIZERS.items():
        write(name, files)
