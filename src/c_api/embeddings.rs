//! Vectors as lists have them, and as C passes them.

use super::listing::Listing;
use crate::tasks::Embedding;

/// Vectors, one after another: row-major, `[count, dimensions]`, with the model's dimensions.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wgformer_vectors {
    /// Their elements; may be null where there are none.
    pub values: *const f32,
    /// How many vectors they are.
    pub count: usize,
}

/// The vectors of some texts, in order.
#[derive(Debug)]
pub struct wgformer_embeddings(Listing<wgformer_embedding>);

/// What a text became.
#[repr(C)]
#[derive(Debug)]
pub struct wgformer_embedding {
    /// How many tokens the text has, special tokens included, after it was cut to the model's length.
    pub tokens: usize,
    /// Whether it had more, which were cut off.
    pub is_cut: bool,
    /// One vector, or one for each token that has any.
    pub vectors: wgformer_vectors,
}

pub(super) fn listed(found: Vec<Embedding>, dimensions: usize) -> wgformer_embeddings {
    let mut listing = Listing::new();
    for embedding in found {
        let vectors = wgformer_vectors {
            count: embedding.values.len() / dimensions,
            values: listing.array(embedding.values),
        };
        listing.add(wgformer_embedding {
            tokens: embedding.tokens,
            is_cut: embedding.is_cut,
            vectors,
        });
    }
    wgformer_embeddings(listing)
}

/// How many there are, one for each text; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embeddings_count(embeddings: Option<&wgformer_embeddings>) -> usize {
    embeddings.map_or(0, |embeddings| embeddings.0.rows().len())
}

/// What a text became; null past the end.
///
/// `index`: the text's place, counted from 0. It and its vectors are the list's.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embeddings_get(
    embeddings: Option<&wgformer_embeddings>,
    index: usize,
) -> Option<&wgformer_embedding> {
    embeddings?.0.rows().get(index)
}

/// Frees the list and its vectors; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_embeddings_free(embeddings: Option<Box<wgformer_embeddings>>) {
    drop(embeddings);
}
