use super::super::Tolerance;
use super::super::builder::Builder;
use super::super::case::{Case, Recipe};
use super::super::values::Values;
use crate::error::Result;

/// What follows the product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epilogue {
    /// Whether there is a bias.
    pub bias: bool,
    /// Whether a gelu follows.
    pub gelu: bool,
    /// Whether a residual is added last.
    pub residual: bool,
}

impl Epilogue {
    pub(super) const BIAS: Self = Self {
        bias: true,
        gelu: false,
        residual: false,
    };
    pub(super) const BIAS_GELU: Self = Self {
        bias: true,
        gelu: true,
        residual: false,
    };
    pub(super) const BIAS_RESIDUAL: Self = Self {
        bias: true,
        gelu: false,
        residual: true,
    };
    pub(super) const ALL: Self = Self {
        bias: true,
        gelu: true,
        residual: true,
    };

    /// Every combination.
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
    pub fn every() -> [Self; 8] {
        std::array::from_fn(|bits| Self {
            bias: bits & 1 != 0,
            gelu: bits & 2 != 0,
            residual: bits & 4 != 0,
        })
    }
}

pub(super) fn table() -> Vec<Recipe> {
    let mut table: Vec<Recipe> = Vec::new();
    for sizes in [[1, 1, 1], [3, 5, 7], [33, 36, 40]] {
        for epilogue in Epilogue::every() {
            table.push(Box::new(move || linear(sizes, epilogue, Values::Unit)));
        }
    }
    // Below, at and above the tiles: 32 x 32, 64 x 64 and 128 x 64 in workgroup memory, 4 x 64 and 8 x 64 without it,
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
    let residual = epilogue
        .residual
        .then(|| case.input("residual", n, Values::Unit));
    let mut y = case.graph.linear(x, weight, bias)?;
    let mut name = format!("{m} x {n} x {k}");
    if epilogue.bias {
        name += " + bias";
    }
    if epilogue.gelu {
        y = case.graph.gelu(y)?;
        name += " + gelu";
    }
    if let Some(residual) = residual {
        case.graph.add(residual, y)?;
        name += " + residual";
    }
    let tolerance = Tolerance::dot(k).scaled(values.magnitude());
    Ok(case.finish(format!("{name} {values:?}"), tolerance))
}
