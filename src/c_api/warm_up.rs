//! Models made ready before anybody waits for them: each pipeline runs once, so that the first real call is as fast as the
//! next.

use super::answerer::wgformer_answerer;
use super::arguments::required;
use super::boundary::guarded;
use super::classifier::wgformer_classifier;
use super::embedder::wgformer_embedder;
use super::filler::wgformer_filler;
use super::late_interaction::wgformer_late_interaction;
use super::reranker::wgformer_reranker;
use super::sparse_embedder::wgformer_sparse_embedder;
use super::status::wgformer_status;
use super::tagger::wgformer_tagger;
use super::zero_shot::wgformer_zero_shot;
use crate::error::Result as Outcome;

/// Runs each of the model's pipelines once.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embedder_warm_up(
    embedder: Option<&wgformer_embedder>,
) -> wgformer_status {
    warm_up(embedder, "embedder", |it| it.embedder.model().warm_up())
}

/// Runs each of the model's pipelines once.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_sparse_embedder_warm_up(
    sparse_embedder: Option<&wgformer_sparse_embedder>,
) -> wgformer_status {
    warm_up(sparse_embedder, "sparse_embedder", |it| it.0.warm_up())
}

/// Runs each of the pipelines of model and comparison once.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_late_interaction_warm_up(
    late_interaction: Option<&wgformer_late_interaction>,
) -> wgformer_status {
    warm_up(late_interaction, "late_interaction", |it| it.0.warm_up())
}

/// Runs each of the model's pipelines once.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_classifier_warm_up(
    classifier: Option<&wgformer_classifier>,
) -> wgformer_status {
    warm_up(classifier, "classifier", |it| {
        it.classifier.model().warm_up()
    })
}

/// Runs each of the model's pipelines once.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_zero_shot_warm_up(
    zero_shot: Option<&wgformer_zero_shot>,
) -> wgformer_status {
    warm_up(zero_shot, "zero_shot", |it| it.0.model().warm_up())
}

/// Runs each of the model's pipelines once.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_reranker_warm_up(
    reranker: Option<&wgformer_reranker>,
) -> wgformer_status {
    warm_up(reranker, "reranker", |it| it.0.model().warm_up())
}

/// Runs each of the model's pipelines once.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_tagger_warm_up(tagger: Option<&wgformer_tagger>) -> wgformer_status {
    warm_up(tagger, "tagger", |it| it.0.model().warm_up())
}

/// Runs each of the model's pipelines once.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_answerer_warm_up(
    answerer: Option<&wgformer_answerer>,
) -> wgformer_status {
    warm_up(answerer, "answerer", |it| it.0.model().warm_up())
}

/// Runs each of the model's pipelines once.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_filler_warm_up(filler: Option<&wgformer_filler>) -> wgformer_status {
    warm_up(filler, "filler", |it| it.0.model().warm_up())
}

fn warm_up<H>(
    handle: Option<&H>,
    name: &str,
    work: impl FnOnce(&H) -> Outcome<()>,
) -> wgformer_status {
    guarded(|| Ok(work(required(handle, name)?)?))
}
