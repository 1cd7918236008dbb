use super::super::Tolerance;
use super::super::builder::Builder;
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;
use crate::ops::Activation;

/// What follows the product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epilogue {
    /// Whether there is a bias.
    pub bias: bool,
    /// What follows, element by element.
    pub activation: Option<Activation>,
    /// What is done last with another tensor.
    pub combine: Option<Combine>,
}

/// What is done with another tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// It is added, as a residual is.
    Add,
    /// The result is multiplied by it, as by a gate.
    Multiply,
    /// It is what another linear layer makes of the same input, and the result its gate.
    Gate,
}

impl Epilogue {
    pub(super) const BIAS: Self = Self {
        bias: true,
        activation: None,
        combine: None,
    };
    pub(super) const BIAS_GELU: Self = Self {
        bias: true,
        activation: Some(Activation::Gelu),
        combine: None,
    };
    pub(super) const BIAS_RESIDUAL: Self = Self {
        bias: true,
        activation: None,
        combine: Some(Combine::Add),
    };
    pub(super) const ALL: Self = Self {
        bias: true,
        activation: Some(Activation::Gelu),
        combine: Some(Combine::Add),
    };

    /// Every combination of a bias, no activation or gelu, and what is done last.
    ///
    /// ```
    /// use wgformer::verify::{Values, cases::{Epilogue, linear}};
    ///
    /// for epilogue in Epilogue::every() {
    ///     println!("{}", linear([5, 8, 4], epilogue, Values::Unit)?.name);
    /// }
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn every() -> Vec<Self> {
        let mut every = Vec::new();
        let others = [Combine::Add, Combine::Multiply, Combine::Gate].map(Some);
        for combine in [None].into_iter().chain(others) {
            for activation in [None, Some(Activation::Gelu)] {
                for bias in [false, true] {
                    every.push(Self {
                        bias,
                        activation,
                        combine,
                    });
                }
            }
        }
        every
    }
}

pub(super) fn table() -> Vec<Recipe> {
    let mut table: Vec<Recipe> = Vec::new();
    for sizes in [[1, 1, 1], [3, 5, 7], [33, 36, 40]] {
        for epilogue in Epilogue::every() {
            table.push(Box::new(move || linear(sizes, epilogue, Values::Unit)));
        }
    }
    // Below, at and above the tiles: 32 x 32 to 128 x 128 in workgroup memory, 4 x 64 and 8 x 64 without it,
    // 16 rows on textures; k in steps of 16 and 32.
    let tails = [
        [1, 4, 4],
        [7, 8, 4],
        [31, 33, 12],
        [32, 32, 32],
        [33, 28, 31],
        [63, 60, 28],
        [64, 64, 32],
        [65, 68, 36],
        [97, 131, 33],
        [127, 132, 64],
        [128, 64, 32],
        [129, 260, 100],
    ];
    let minilm = [[17, 384, 384], [17, 1536, 384], [17, 384, 1536]];
    let bert_base = [[5, 768, 768], [5, 3072, 768], [5, 768, 3072]];
    let vit = [[197, 768, 768]];
    let many = [[super::MANY, 68, 4]];
    let sizes = tails
        .into_iter()
        .chain(minilm)
        .chain(bert_base)
        .chain(vit)
        .chain(many);
    for (sizes, epilogue) in sizes.zip(Epilogue::every().into_iter().cycle()) {
        table.push(Box::new(move || linear(sizes, epilogue, Values::Unit)));
    }
    for activation in Activation::ALL {
        let epilogue = Epilogue {
            activation: Some(activation),
            ..Epilogue::ALL
        };
        table.push(Box::new(move || {
            linear([33, 36, 40], epilogue, Values::Unit)
        }));
    }
    for values in Values::ALL {
        table.push(Box::new(move || {
            linear([33, 36, 40], Epilogue::BIAS, values)
        }));
    }
    table
}

/// A linear layer of `[m, k]` by `[n, k]`; `values`: what `x` holds.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn linear([m, n, k]: [usize; 3], epilogue: Epilogue, values: Values) -> Result<Case> {
    let mut case = Builder::rows(m);
    let x = case.input("x", k, values);
    let weight = case.parameter("weight", [n, k]);
    let bias = epilogue.bias.then(|| case.parameter("bias", [n]));
    let other = match epilogue.combine {
        None => None,
        Some(Combine::Add | Combine::Multiply) => Some(case.input("other", n, Values::Unit)),
        Some(Combine::Gate) => {
            let weight = case.parameter("other weight", [n, k]);
            let bias = epilogue.bias.then(|| case.parameter("other bias", [n]));
            Some(case.graph.linear(x, weight, bias)?)
        }
    };
    let mut y = case.graph.linear(x, weight, bias)?;
    let mut name = format!("{m} x {n} x {k}");
    if epilogue.bias {
        name += " + bias";
    }
    if let Some(activation) = epilogue.activation {
        y = case.graph.activation(y, activation)?;
        name += &format!(" + {activation:?}");
    }
    match (epilogue.combine, other) {
        (Some(Combine::Add), Some(other)) => {
            case.graph.add(other, y)?;
            name += " + residual";
        }
        (Some(Combine::Multiply), Some(other)) => {
            case.graph.multiply(other, y)?;
            name += " * gate";
        }
        (Some(Combine::Gate), Some(other)) => {
            case.graph.multiply(other, y)?;
            name += " as a gate";
        }
        _ => {}
    }
    let magnitude = values.magnitude();
    let tolerance = match epilogue.combine {
        Some(Combine::Gate) => Tolerance::product_of_dots(k).scaled(magnitude * magnitude),
        _ => Tolerance::dot(k).scaled(magnitude),
    };
    Ok(case.finish(format!("{name}{values}"), tolerance))
}
