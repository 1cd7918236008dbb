use crate::graph::TensorId;

/// Which keys a query attends to, and how much.
///
/// ```
/// use wgformer::{Graph, ops::AttentionOptions};
///
/// let mut graph = Graph::new();
/// let bias = graph.parameter("relative_attention_bias", [12, 257]); // 12 heads, up to 128 positions away
/// let options = AttentionOptions::new(0.125).window(64).bias(bias).expanded(true).causal(true);
/// assert_eq!((options.scale, options.window, options.bias), (0.125, Some(64), Some(bias)));
/// assert!(options.expanded && options.causal);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct AttentionOptions {
    /// What the product of a query and a key is multiplied by: mostly 1 / sqrt(head_dim).
    pub scale: f32,
    /// How many positions away the furthest key is that a query attends to, on either side; all of them if there is none.
    pub window: Option<usize>,
    /// A parameter, `[heads, 2 * reach + 1]`, of which an entry is added to each scaled score, by how far the key is behind
    /// the query: `bias[head, clamp(key - query, -reach, reach) + reach]`.
    pub bias: Option<TensorId>,
    /// Whether every second sequence expands the one before it.
    pub expanded: bool,
    /// Whether a query attends to no key behind itself.
    pub causal: bool,
}

impl AttentionOptions {
    /// Every query attends to all keys of its sequence, and scores are products times `scale`.
    #[must_use]
    pub fn new(scale: f32) -> Self {
        Self {
            scale,
            window: None,
            bias: None,
            expanded: false,
            causal: false,
        }
    }

    /// A query attends to keys at most so many positions away (a "sliding window": ModernBERT's of 128 is 64 here).
    #[must_use]
    pub fn window(self, window: usize) -> Self {
        Self {
            window: Some(window),
            ..self
        }
    }

    /// Whether every second sequence expands the one before it: its tokens attend to that one's, and nothing attends to
    /// them, as ColBERT's queries are expanded by mask tokens. A token for which no key is left attends to nothing, and has
    /// zeros.
    #[must_use]
    pub fn expanded(self, expanded: bool) -> Self {
        Self { expanded, ..self }
    }

    /// Whether a query attends to no key behind itself, as in decoders (the mask of
    /// `torch.nn.Transformer.generate_square_subsequent_mask`).
    #[must_use]
    pub fn causal(self, causal: bool) -> Self {
        Self { causal, ..self }
    }

    /// What is added to scores by relative position, `[heads, 2 * reach + 1]`: buckets of relative positions spread out
    /// (T5, MPNet), or slopes times distances (ALiBi) up to the furthest that there are.
    #[must_use]
    pub fn bias(self, bias: TensorId) -> Self {
        Self {
            bias: Some(bias),
            ..self
        }
    }
}
