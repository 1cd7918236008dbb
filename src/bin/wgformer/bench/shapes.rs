//! The encoders whose shapes are measured.

use clap::ValueEnum;

/// `--shape`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    #[value(name = "minilm-l6")]
    MiniLmL6,
    BertBase,
    BertLarge,
    /// An encoder of images, whose layers are those of BERT-base: 196 patches and a token to classify by.
    #[value(name = "vit-b")]
    VitB,
}

/// Of all layers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) hidden: usize,
    pub(crate) heads: usize,
    pub(crate) intermediate: usize,
    pub(crate) layers: usize,
}

/// Of BERT.
pub(crate) const VOCABULARY: usize = 30_522;

impl Shape {
    pub(crate) const ALL: [Self; 4] = [Self::MiniLmL6, Self::BertBase, Self::BertLarge, Self::VitB];

    pub(crate) fn sizes(self) -> Sizes {
        let [hidden, heads, intermediate, layers] = match self {
            Self::MiniLmL6 => [384, 12, 1536, 6],
            Self::BertBase | Self::VitB => [768, 12, 3072, 12],
            Self::BertLarge => [1024, 16, 4096, 24],
        };
        Sizes {
            hidden,
            heads,
            intermediate,
            layers,
        }
    }

    /// The `config.json` of a BERT of this shape; `None` for images, which have no tokens.
    pub(crate) fn bert(self) -> Option<String> {
        let sizes = self.sizes();
        (self != Self::VitB).then(|| {
            serde_json::json!({
                "model_type": "bert",
                "hidden_size": sizes.hidden,
                "num_attention_heads": sizes.heads,
                "intermediate_size": sizes.intermediate,
                "num_hidden_layers": sizes.layers,
                "vocab_size": VOCABULARY,
            })
            .to_string()
        })
    }

    /// The lengths of the sequences in a batch of about so many tokens.
    pub(crate) fn lengths(self, tokens: usize) -> Vec<usize> {
        let longest = match self {
            Self::VitB => 197,
            _ => 512,
        };
        match tokens {
            tokens if tokens <= longest => vec![tokens],
            tokens => vec![longest; tokens / longest],
        }
    }
}
