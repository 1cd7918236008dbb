"""JinaBERT v2 in plain PyTorch, which transformers lacks: BERT with ALiBi instead of positions, and a gated feed-forward
block, after the description of its authors (Günther and others, 2023, arXiv 2310.19923) and the names of its published
checkpoints.
"""

import json
import math

import torch
from safetensors.torch import load_file, save_file
from torch import nn


def slopes(heads):
    """Press and others (2022): a geometric series; for no power of two, every second of the next one's besides."""

    def series(count):
        start = 2 ** (-8 / count)
        return [start ** (i + 1) for i in range(count)]

    lower = 2 ** math.floor(math.log2(heads))
    return series(lower) + series(2 * lower)[0::2][: heads - lower]


class SelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        size = config["hidden_size"]
        self.query, self.key, self.value = (nn.Linear(size, size) for _ in range(3))


class Output(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config["hidden_size"], config["hidden_size"])
        self.LayerNorm = nn.LayerNorm(config["hidden_size"], eps=config["layer_norm_eps"])


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config["num_attention_heads"]
        self.self = SelfAttention(config)
        self.output = Output(config)

    def forward(self, x):
        tokens = x.shape[0]

        def heads(linear):
            return linear(x).view(tokens, self.heads, -1).transpose(0, 1)

        query, key, value = heads(self.self.query), heads(self.self.key), heads(self.self.value)
        places = torch.arange(tokens)
        distances = (places[None] - places[:, None]).abs().float()
        alibi = -torch.tensor(slopes(self.heads))[:, None, None] * distances
        weights = self.weights = (query @ key.transpose(1, 2) / math.sqrt(query.shape[-1]) + alibi).softmax(-1)
        context = (weights @ value).transpose(0, 1).reshape(tokens, -1)
        return self.output.LayerNorm(self.output.dense(context) + x)


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        size, inner = config["hidden_size"], config["intermediate_size"]
        self.inner = inner
        self.activation = {"geglu": nn.GELU(), "reglu": nn.ReLU()}[config["feed_forward_type"]]
        self.gated_layers = nn.Linear(size, 2 * inner, bias=False)
        self.wo = nn.Linear(inner, size)
        self.layernorm = nn.LayerNorm(size, eps=config["layer_norm_eps"])

    def forward(self, x):
        both = self.gated_layers(x)
        gated = self.activation(both[:, : self.inner]) * both[:, self.inner :]
        return self.layernorm(x + self.wo(gated))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attention = Attention(config)
        self.mlp = FeedForward(config)

    def forward(self, x):
        return self.mlp(self.attention(x))


class Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        size = config["hidden_size"]
        self.word_embeddings = nn.Embedding(config["vocab_size"], size)
        self.token_type_embeddings = nn.Embedding(config["type_vocab_size"], size)
        self.LayerNorm = nn.LayerNorm(size, eps=config["layer_norm_eps"])

    def forward(self, ids, types):
        return self.LayerNorm(self.word_embeddings(ids) + self.token_type_embeddings(types))


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layer = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))


class Pooler(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config["hidden_size"], config["hidden_size"])


class JinaBert(nn.Module):
    """Of one sequence: ids and types, `[tokens]`, to hidden states, `[tokens, hidden_size]`."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)

    def forward(self, ids, types):
        x = self.embeddings(ids, types)
        for layer in self.encoder.layer:
            x = layer(x)
        return x

    def save(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps(self.config, indent=2) + "\n")

    @classmethod
    def load(cls, folder):
        model = cls(json.loads((folder / "config.json").read_text()))
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return model.eval()


class Headed(nn.Module):
    """What its heads have in common, which are BERT's: of one sequence the hidden states of `bert`."""

    def __init__(self, config, pooled):
        super().__init__()
        self.config = config
        self.bert = JinaBert(config)
        if pooled:
            self.bert.pooler = Pooler(config)

    save = JinaBert.save
    load = classmethod(JinaBert.load.__func__)


class ForSequenceClassification(Headed):
    """The first token through the pooler and tanh: `[1, labels]`."""

    def __init__(self, config):
        super().__init__(config, pooled=True)
        self.classifier = nn.Linear(config["hidden_size"], len(config["id2label"]))

    def forward(self, ids, types):
        first = self.bert(ids, types)[:1]
        return self.classifier(self.bert.pooler.dense(first).tanh())


class ForTokenClassification(Headed):
    """`[tokens, labels]`"""

    def __init__(self, config):
        super().__init__(config, pooled=False)
        self.classifier = nn.Linear(config["hidden_size"], len(config["id2label"]))

    def forward(self, ids, types):
        return self.classifier(self.bert(ids, types))


class ForQuestionAnswering(Headed):
    """`[tokens, 2]`"""

    def __init__(self, config):
        super().__init__(config, pooled=False)
        self.qa_outputs = nn.Linear(config["hidden_size"], 2)

    def forward(self, ids, types):
        return self.qa_outputs(self.bert(ids, types))


class Transform(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config["hidden_size"], config["hidden_size"])
        self.LayerNorm = nn.LayerNorm(config["hidden_size"], eps=config["layer_norm_eps"])

    def forward(self, x):
        return self.LayerNorm(nn.functional.gelu(self.dense(x)))


class Predictions(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.transform = Transform(config)
        self.bias = nn.Parameter(torch.zeros(config["vocab_size"]))


class Cls(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.predictions = Predictions(config)


class ForMaskedLM(Headed):
    """With the embeddings' weight: `[tokens, vocabulary]`"""

    def __init__(self, config):
        super().__init__(config, pooled=False)
        self.cls = Cls(config)

    def forward(self, ids, types):
        x = self.cls.predictions.transform(self.bert(ids, types))
        return x @ self.bert.embeddings.word_embeddings.weight.T + self.cls.predictions.bias
