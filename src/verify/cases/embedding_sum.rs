use super::super::Tolerance;
use super::super::builder::Builder;
use super::super::case::{Case, Recipe};
use crate::error::Result;

pub(super) fn table() -> Vec<Recipe> {
    let sizes = [
        (1, 1),
        (2, 7),
        (3, 8),
        (5, 63),
        (4, 68),
        (130, 384), // MiniLM
        (7, 768),   // BERT-base
        (2, 1500),
        (super::MANY, 4),
    ];
    let recipe =
        |(tokens, hidden), norm| Box::new(move || embedding_sum(tokens, hidden, norm)) as Recipe;
    let of_size = |size| [true, false].map(|norm| recipe(size, norm));
    sizes.into_iter().flat_map(of_size).collect()
}

/// An encoder's front end, for `tokens` ids, from small tables of `hidden` columns; `norm`: as BERT has it, normalised.
///
/// # Errors
/// What a graph says of sizes that it does not take.
pub fn embedding_sum(tokens: usize, hidden: usize, norm: bool) -> Result<Case> {
    let mut case = Builder::rows(tokens);
    let indices = [
        case.ids("ids", 50),
        case.ids("positions", 9),
        case.ids("types", 2),
    ];
    let tables = [
        case.parameter("word", [50, hidden]),
        case.parameter("position", [9, hidden]),
        case.parameter("type", [2, hidden]),
    ];
    let sum = case.graph.embedding_sum(indices, tables)?;
    let name = format!("{tokens} x {hidden}");
    if !norm {
        let tolerance = Tolerance::elementwise().scaled(3.0);
        return Ok(case.finish(format!("{name}, not normalised"), tolerance));
    }
    let (weight, bias) = (
        case.parameter("weight", [hidden]),
        case.parameter("bias", [hidden]),
    );
    let eps = 1e-2_f32;
    case.graph.layer_norm(sum, weight, bias, eps)?;
    Ok(case.finish(name, Tolerance::norm(hidden, 3.0, eps.sqrt())))
}
