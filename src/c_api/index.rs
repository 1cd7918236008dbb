//! Vectors to those that are nearest to a query.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::arguments::{cleared, required, rows, string};
use super::boundary::{free, guarded};
use super::gpu::wgformer_gpu;
use super::index_options::{
    WGFORMER_METRIC_COSINE, number_of, wgformer_index_options, wgformer_metric,
};
use super::listing::Listing;
use super::status::wgformer_status;
use crate::index::{Hit, Index, IndexOptions};

/// Vectors of one length, of which it finds the nearest to a query, exactly. It holds up to 2^24, as far as the device's
/// memory goes; the host keeps them too.
#[derive(Debug)]
pub struct wgformer_index(pub(super) Index);

/// What was found for some queries, one query after another, and for each the nearest first, of equally near ones the
/// earlier.
#[derive(Debug)]
pub struct wgformer_hits(Listing<wgformer_hit>);

/// A vector of an index, and how near it is to a query.
#[repr(C)]
#[derive(Debug)]
pub struct wgformer_hit {
    /// The place of its query, counted from 0.
    pub query: usize,
    /// Its place among the index's vectors, counted from 0 in the order in which they were added.
    pub index: usize,
    /// By the index's metric: the larger, the nearer.
    pub score: f32,
}

/// An index of no vectors yet.
///
/// `dimensions`: the length of each, in floats, at least 1. `options`: null for the defaults.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_new(
    gpu: Option<&wgformer_gpu>,
    dimensions: usize,
    options: Option<&wgformer_index_options>,
    index: Option<&mut MaybeUninit<Option<Box<wgformer_index>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(index, "index")?;
        let gpu = &required(gpu, "gpu")?.gpu;
        let default = IndexOptions::default();
        let options = options.map_or(&default, |options| &options.0);
        *out = Some(Box::new(wgformer_index(Index::new(
            gpu, dimensions, options,
        )?)));
        Ok(())
    })
}

/// Reads a file that wgformer_index_save wrote, which says its metric too.
///
/// `path`: in UTF-8, ended by a NUL. `options`: null for the defaults; those of the index that was saved are not in the
/// file, and one that names another metric is an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_index_load(
    gpu: Option<&wgformer_gpu>,
    path: *const c_char,
    options: Option<&wgformer_index_options>,
    index: Option<&mut MaybeUninit<Option<Box<wgformer_index>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(index, "index")?;
        let gpu = &required(gpu, "gpu")?.gpu;
        // SAFETY: the caller passes a string that stays as it is during the call.
        let path = unsafe { string(path, "path") }?;
        let default = IndexOptions::default();
        let options = options.map_or(&default, |options| &options.0);
        *out = Some(Box::new(wgformer_index(Index::load(gpu, path, options)?)));
        Ok(())
    })
}

/// Another handle to the same vectors, for another owner to free; null for null. Nothing is copied, until vectors are
/// added by one of the handles: those are its own, and so is its memory budget from then on.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_clone(
    index: Option<&wgformer_index>,
) -> Option<Box<wgformer_index>> {
    index.map(|index| Box::new(wgformer_index(index.0.clone())))
}

/// The same index on another device, after its own was lost: its vectors, which the host has, are brought there.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_recover(
    index: Option<&wgformer_index>,
    gpu: Option<&wgformer_gpu>,
    recovered: Option<&mut MaybeUninit<Option<Box<wgformer_index>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(recovered, "recovered")?;
        let index = &required(index, "index")?.0;
        let gpu = &required(gpu, "gpu")?.gpu;
        *out = Some(Box::new(wgformer_index(index.recover(gpu)?)));
        Ok(())
    })
}

/// Adds vectors, each of which gets the next place: row-major, `[count, dimensions]`.
///
/// No other thread may use the handle meanwhile. `vectors`: copied. Where one is refused, because an element is not finite
/// or there is no room, none of them is added. They are brought to the device by the next search, or
/// wgformer_index_upload.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_index_add(
    index: Option<&mut wgformer_index>,
    vectors: *const f32,
    count: usize,
) -> wgformer_status {
    guarded(|| {
        let index = &mut required(index, "index")?.0;
        let dimensions = index.dimensions();
        // SAFETY: the caller passes as many vectors, which stay as they are during the call.
        let vectors = unsafe { rows(vectors, [count, dimensions], "vectors") }?;
        let vectors: Vec<&[f32]> = vectors.chunks_exact(dimensions).collect();
        Ok(index.add(&vectors)?)
    })
}

/// Brings vectors to the device that are not there yet, and prepares for searches, so that the first need not.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_upload(index: Option<&wgformer_index>) -> wgformer_status {
    guarded(|| Ok(required(index, "index")?.0.upload()?))
}

/// Lists for each of some queries the `k` nearest vectors; all of them, if there are not more.
///
/// `queries`: vectors, row-major, `[count, dimensions]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_index_search(
    index: Option<&wgformer_index>,
    queries: *const f32,
    count: usize,
    k: usize,
    hits: Option<&mut MaybeUninit<Option<Box<wgformer_hits>>>>,
) -> wgformer_status {
    guarded(|| {
        let out = cleared(hits, "hits")?;
        let index = &required(index, "index")?.0;
        let dimensions = index.dimensions();
        // SAFETY: the caller passes as many queries, which stay as they are during the call.
        let queries = unsafe { rows(queries, [count, dimensions], "queries") }?;
        let queries: Vec<&[f32]> = queries.chunks_exact(dimensions).collect();
        let found = index.search(&queries, k)?;
        *out = Some(Box::new(wgformer_hits(listed(found))));
        Ok(())
    })
}

fn listed(found: Vec<Vec<Hit>>) -> Listing<wgformer_hit> {
    let mut listing = Listing::new();
    for (query, hits) in found.into_iter().enumerate() {
        for Hit { index, score } in hits {
            listing.add(wgformer_hit {
                query,
                index,
                score,
            });
        }
    }
    listing
}

/// Writes the vectors to a file, in f32, which appears whole or not at all; one that is there already is replaced.
///
/// `path`: in UTF-8, ended by a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wgformer_index_save(
    index: Option<&wgformer_index>,
    path: *const c_char,
) -> wgformer_status {
    guarded(|| {
        let index = &required(index, "index")?.0;
        // SAFETY: the caller passes a string that stays as it is during the call.
        let path = unsafe { string(path, "path") }?;
        Ok(index.save(path)?)
    })
}

/// How many vectors there are; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_count(index: Option<&wgformer_index>) -> usize {
    index.map_or(0, |index| index.0.len())
}

/// The length of a vector, in floats; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_dimensions(index: Option<&wgformer_index>) -> usize {
    index.map_or(0, |index| index.0.dimensions())
}

/// What scores are: one of WGFORMER_METRIC_*; the cosine for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_metric(index: Option<&wgformer_index>) -> wgformer_metric {
    index.map_or(WGFORMER_METRIC_COSINE, |index| number_of(index.0.metric()))
}

/// Frees the handle, and the vectors with the last of their handles; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_index_free(index: Option<Box<wgformer_index>>) {
    free(index);
}

/// How many there are; 0 for null.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_hits_count(hits: Option<&wgformer_hits>) -> usize {
    hits.map_or(0, |hits| hits.0.rows().len())
}

/// A hit; null past the end.
///
/// `index`: its place in the list, counted from 0. It is the list's.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_hits_get(
    hits: Option<&wgformer_hits>,
    index: usize,
) -> Option<&wgformer_hit> {
    hits?.0.rows().get(index)
}

/// Frees the list; null is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn wgformer_hits_free(hits: Option<Box<wgformer_hits>>) {
    drop(hits);
}
