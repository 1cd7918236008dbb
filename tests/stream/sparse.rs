//! `SparseEmbedder::stream`: what is asked of `Embedder::stream`, of both kinds of sparse vectors.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use safetensors::SafeTensors;
use wgformer::models::ModelOptions;
use wgformer::tasks::{SparseEmbedder, SparseEmbedding, StreamOptions};
use wgformer::{Error, Gpu, Result};

use super::{Dropped, common, peak_of, until_error};

/// By a masked language model, and by a weight of each token.
const KINDS: [&str; 2] = ["splade", "bge-m3"];

fn load(gpu: &Gpu, folder: impl AsRef<Path>, batch_tokens: usize) -> SparseEmbedder {
    let options = ModelOptions::default().batch_tokens(batch_tokens);
    SparseEmbedder::load(gpu, folder, &options).unwrap()
}

fn folder_of(kind: &str) -> String {
    format!("tests/data/retrieval/{kind}")
}

/// Texts of 0 to 40 words: the longest are cut.
fn text(place: usize) -> String {
    let words = ["the", "cat", "dog", "sat", "on", "mat", "snow", "film"];
    let chosen = (0..place * 7 % 41).map(|word| words[(word * word + place) % 8]);
    chosen.collect::<Vec<_>>().join(" ")
}

fn texts(places: Range<usize>) -> impl Iterator<Item = Result<String>> + Send {
    places.map(|place| Ok(text(place)))
}

#[test]
fn a_stream_gives_what_embed_gives_in_windows_of_every_size() {
    let (gpu, _turn) = common::gpu();
    let together: Vec<String> = (0..300).map(text).collect();
    for kind in KINDS {
        let embedder = load(&gpu, folder_of(kind), 128);
        let expected = embedder.embed(&together).unwrap();
        for cut in [true, false] {
            assert!(expected.iter().any(|it| it.is_cut == cut), "{kind}");
        }
        for window_batches in [1, 3, 1000] {
            let options = StreamOptions::default().window_batches(window_batches);
            let (sender, batches) = mpsc::channel();
            let stream = embedder.stream(texts(0..300), &options);
            let stream = stream.on_batch(move |texts| sender.send(texts).unwrap());
            let (found, embeddings): (Vec<String>, Vec<SparseEmbedding>) =
                stream.map(Result::unwrap).unzip();
            assert!(found == together, "{kind}, {window_batches}");
            assert!(embeddings == expected, "{kind}, {window_batches}");
            assert_eq!(batches.iter().sum::<usize>(), 300);
        }
    }
}

/// The model with a position that no text of fewer words has, whose sum with anything overflows.
fn overflowing(kind: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder_of(kind)).unwrap() {
        let path = entry.unwrap().path();
        // Without what names folders of modules: none is needed for this head.
        if path.is_file() && !path.ends_with("modules.json") {
            fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let path = copy.path().join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let row = {
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let mut named = tensors.iter();
        let of_positions = |name: &str| name.ends_with("position_embeddings.weight");
        let (_, positions) = named.find(|(name, _)| of_positions(name)).unwrap();
        let start = positions.data().as_ptr() as usize - bytes.as_ptr() as usize;
        let length = 4 * positions.shape()[1];
        start + 32 * length..start + 33 * length
    };
    for value in bytes[row].chunks_mut(4) {
        value.copy_from_slice(&3e38_f32.to_le_bytes());
    }
    fs::write(&path, bytes).unwrap();
    copy
}

#[test]
fn what_overflows_is_named_after_everything_before_it() {
    let (gpu, _turn) = common::gpu();
    for kind in KINDS {
        let folder = overflowing(kind);
        let embedder = load(&gpu, folder.path(), 64);
        let long = "no ".repeat(35);
        let options = StreamOptions::default().window_batches(2);
        let texts = [("a dog", 55), (&long, 1), ("a cat", 30), (&long, 1)];
        let texts = texts.map(|(text, count)| vec![text.to_owned(); count]);
        let texts = texts.concat();
        let stream = embedder.stream(
            texts.clone().into_iter().map(Ok),
            &options.first_index(1000),
        );
        let (before, error) = until_error(stream);
        assert_eq!(before.len(), 55, "{kind}");
        let is_named = matches!(error, Error::Overflow { index: 1055, .. });
        assert!(is_named, "{kind}: {error}");
        let error = embedder.embed(&texts).unwrap_err();
        let is_named = matches!(error, Error::Overflow { index: 55, .. });
        assert!(is_named, "{kind}: {error}");
    }
}

#[test]
fn a_stream_can_be_dropped_while_it_reads_and_while_its_input_is_silent() {
    let (gpu, _turn) = common::gpu();
    for kind in KINDS {
        let embedder = load(&gpu, folder_of(kind), 64);
        let (sender, dropped) = mpsc::channel();
        let guard = Dropped(sender);
        let endless = (0..).map(move |place| {
            let _ = &guard;
            Ok::<_, Error>(text(place))
        });
        let mut stream = embedder.stream(endless, &StreamOptions::default().window_batches(1));
        assert_eq!(stream.next().unwrap().unwrap().0, text(0));
        drop(stream);
        let patience = Duration::from_secs(20);
        dropped.recv_timeout(patience).expect("reading has stopped");

        for count in [0, 1, 255, 1280] {
            for wait in [0, 50].map(Duration::from_millis) {
                let (_input, silence) = mpsc::channel::<String>(); // never written to
                let some = (0..count).map(text).chain(silence);
                let stream = embedder.stream(some.map(Ok::<_, Error>), &StreamOptions::default());
                thread::sleep(wait);
                drop(stream);
            }
        }
    }
}

#[test]
fn memory_does_not_grow_with_the_number_of_texts() {
    let (gpu, _turn) = common::gpu();
    for kind in KINDS {
        let embedder = load(&gpu, folder_of(kind), 256);
        let peak = |count: usize| {
            let options = StreamOptions::default().window_batches(2);
            peak_of(count, || embedder.stream(texts(0..count), &options))
        };
        peak(500); // whatever is allocated once
        let (few, many) = (peak(500), peak(4_000));
        assert!(
            many < few + few / 2,
            "{kind}: {few} bytes for 500 texts, {many} for 4,000"
        );
    }
}
