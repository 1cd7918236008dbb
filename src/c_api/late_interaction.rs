//! Texts to a vector per token, and to how well those answer a query's.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::arguments::{array, cleared, required, rows, table};
use super::boundary::{Failure, free, guarded};
use super::embeddings::{listed, wgformer_embeddings, wgformer_vectors};
use super::gpu::wgformer_gpu;
use super::loading::loaded;
use super::model_options::wgformer_model_options;
use super::options::unknown;
use super::status::wgformer_status;
use super::texts::{text, texts, wgformer_text};
use crate::tasks::{Embedding, LateInteraction, Ranked, Side};

/// A model that gives a vector per token, and compares a query with documents by the best that each of the query's finds
/// (ColBERT), with its tokenizer.
#[derive(Debug)]
pub struct wgformer_late_interaction(pub(super) LateInteraction);

/// What a text is read as: one of WGFORMER_SIDE_*.
pub type wgformer_side = i32;
/// What is asked: marked as such, and mostly filled up with mask tokens.
pub const WGFORMER_SIDE_QUERY: wgformer_side = 0;
/// What is searched: marked as such, and mostly without vectors for punctuation.
pub const WGFORMER_SIDE_DOCUMENT: wgformer_side = 1;

/// Loads a directory of sentence-transformers' `MultiVectorEncoder`, of PyLate, of Stanford's ColBERT or of BGE-M3.
///
/// `directory`: its path in UTF-8, ended by a NUL; its files must not change during the call. `options`: null for the
/// model's own; a memory budget is for the model and the comparison.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_late_interaction_load(
    gpu: Option<&wgformer_gpu>,
    directory: *const c_char,
    options: Option<&wgformer_model_options>,
    late_interaction: Option<&mut MaybeUninit<Option<Box<wgformer_late_interaction>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(late_interaction, "late_interaction")?;
        let options = options.map(|options| &options.0);
        // SAFETY: the caller passes a string that stays as it is during the call.
        let model = unsafe { loaded(gpu, directory, options, LateInteraction::load) }?;
        *out = Some(Box::new(wgformer_late_interaction(model)));
        Ok(())
    })
}

/// Another handle to the same model, for another owner to free; null for null. Nothing of the model is copied.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_late_interaction_clone(
    late_interaction: Option<&wgformer_late_interaction>,
) -> Option<Box<wgformer_late_interaction>> {
    late_interaction.map(|it| Box::new(wgformer_late_interaction(it.0.clone())))
}

/// The length of a vector, in floats; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_late_interaction_dimensions(
    late_interaction: Option<&wgformer_late_interaction>,
) -> usize {
    late_interaction.map_or(0, |it| it.0.dimensions())
}

/// Lists the vectors of some texts, in order. What is longer than the model takes is cut.
///
/// `side`: one of WGFORMER_SIDE_*.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_late_interaction_embed(
    late_interaction: Option<&wgformer_late_interaction>,
    side: wgformer_side,
    texts: *const wgformer_text,
    count: usize,
    embeddings: Option<&mut MaybeUninit<Option<Box<wgformer_embeddings>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(embeddings, "embeddings")?;
        let model = &required(late_interaction, "late_interaction")?.0;
        let side = match side {
            WGFORMER_SIDE_QUERY => Side::Query,
            WGFORMER_SIDE_DOCUMENT => Side::Document,
            other => return Err(unknown("side", other)),
        };
        // SAFETY: the caller passes as many texts, which stay as they are during the call.
        let texts = unsafe { self::texts(texts, count, "texts") }?;
        let found = model.embed(side, &texts)?;
        *out = Some(Box::new(listed(found, model.dimensions())));
        Ok(())
    })
}

/// Writes how well each text answers the query, in the order of the texts, and waits for it: `[count]`.
///
/// A score is the sum over the query's vectors, for BGE-M3 the mean, of the best product with any of the text's; the
/// higher, the better. `capacity`: the room at `scores`, in floats, at least `count`. A call that fails writes nothing
/// there. What is longer than the model takes is cut.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_late_interaction_score(
    late_interaction: Option<&wgformer_late_interaction>,
    query: wgformer_text,
    texts: *const wgformer_text,
    count: usize,
    scores: *mut f32,
    capacity: usize,
) -> wgformer_status {
    guarded(|| {
        let model = &required(late_interaction, "late_interaction")?.0;
        // SAFETY: the caller passes a text that stays as it is during the call.
        let query = unsafe { text(query, "query") }?;
        // SAFETY: the same of so many texts.
        let texts = unsafe { self::texts(texts, count, "texts") }?;
        // SAFETY: the caller gives as much room, and nobody else uses it during the call.
        let scores = unsafe { table(scores, capacity, [count, 1], "scores") }?;
        for Ranked { index, score } in model.rank(query, &texts)? {
            scores[index].write(score);
        }
        Ok(())
    })
}

/// Writes how well each document answers the query, as wgformer_late_interaction_score does, by vectors that were made
/// before.
///
/// `query`, `documents`: the vectors of one query and of `count` documents, as wgformer_late_interaction_embed lists them,
/// or as the caller kept them. `capacity`: the room at `scores`, in floats, at least `count`. A call that fails writes
/// nothing there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_late_interaction_score_vectors(
    late_interaction: Option<&wgformer_late_interaction>,
    query: wgformer_vectors,
    documents: *const wgformer_vectors,
    count: usize,
    scores: *mut f32,
    capacity: usize,
) -> wgformer_status {
    guarded(|| {
        let model = &required(late_interaction, "late_interaction")?.0;
        let dimensions = model.dimensions();
        // SAFETY: the caller passes as many vectors, which stay as they are during the call.
        let query = unsafe { embedding(query, dimensions, "query") }?;
        // SAFETY: the same of so many documents.
        let documents = unsafe { array(documents, count, "documents") }?.iter();
        let documents = documents.enumerate().map(|(place, document)| {
            // SAFETY: the same of their vectors.
            unsafe { embedding(*document, dimensions, &format!("documents[{place}]")) }
        });
        let documents = documents.collect::<Result<Vec<Embedding>, Failure>>()?;
        // SAFETY: the caller gives as much room, and nobody else uses it during the call.
        let scores = unsafe { table(scores, capacity, [count, 1], "scores") }?;
        let found = model.scores(&query, &documents)?;
        for (place, score) in scores.iter_mut().zip(found) {
            place.write(score);
        }
        Ok(())
    })
}

/// Vectors as the task takes them.
///
/// # Safety
/// As [`rows()`], of their values.
unsafe fn embedding(
    vectors: wgformer_vectors,
    dimensions: usize,
    name: &str,
) -> Result<Embedding, Failure> {
    let shape = [vectors.count, dimensions];
    // SAFETY: as the caller says.
    let values = unsafe { rows(vectors.values, shape, name) }?;
    Ok(Embedding {
        tokens: vectors.count,
        is_cut: false,
        values: values.to_vec(),
    })
}

/// Frees the handle, and the model with the last of its handles; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_late_interaction_free(
    late_interaction: Option<Box<wgformer_late_interaction>>,
) {
    free(late_interaction);
}
