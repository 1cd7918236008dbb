//! The shapes that are measured: of encoders, and of attention by itself.

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
    /// Attention with heads of every width that kernels are made for, over one sequence.
    Attention,
    /// The same over sequences of 128 tokens.
    #[value(name = "attention-of-128")]
    AttentionOf128,
    /// The same over sequences of 512 tokens.
    #[value(name = "attention-of-512")]
    AttentionOf512,
}

/// Heads of attention by itself, and their columns.
pub(crate) const HEADS: usize = 8;
pub(crate) const HEAD_DIMS: [usize; 5] = [32, 64, 80, 96, 128];

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
    /// An encoder's layers; `None` for attention by itself.
    pub(crate) fn sizes(self) -> Option<Sizes> {
        let [hidden, heads, intermediate, layers] = match self {
            Self::MiniLmL6 => [384, 12, 1536, 6],
            Self::BertBase | Self::VitB => [768, 12, 3072, 12],
            Self::BertLarge => [1024, 16, 4096, 24],
            Self::Attention | Self::AttentionOf128 | Self::AttentionOf512 => return None,
        };
        Some(Sizes {
            hidden,
            heads,
            intermediate,
            layers,
        })
    }

    /// The `config.json` of a BERT of this shape; `None` for images, which have no tokens, and for what is no encoder.
    pub(crate) fn bert(self) -> Option<String> {
        let sizes = self.sizes().filter(|_| self != Self::VitB);
        sizes.map(|sizes| {
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

    /// Whose sizes of one sequence are [`Shape::Attention`]'s.
    fn is_batch_of_attention(self) -> bool {
        matches!(self, Self::AttentionOf128 | Self::AttentionOf512)
    }

    /// The lengths of the sequences in a batch of about so many tokens; none where another shape has the same.
    pub(crate) fn lengths(self, tokens: usize) -> Vec<usize> {
        let longest = match self {
            Self::MiniLmL6 | Self::BertBase | Self::BertLarge => 512,
            Self::VitB => 197,
            Self::Attention => tokens,
            Self::AttentionOf128 => 128,
            Self::AttentionOf512 => 512,
        };
        match tokens {
            tokens if self.is_batch_of_attention() && tokens <= longest => vec![],
            tokens if tokens <= longest => vec![tokens],
            tokens => vec![longest; tokens / longest],
        }
    }
}
