//! `Embedder::stream`: what comes out, in which order and after which errors, and how much memory that takes. That of
//! sparse vectors is in `stream/sparse.rs`, those of other tasks in `stream/tasks.rs`.

mod common;
#[path = "common/expected.rs"]
mod expected;
#[path = "common/generated_model.rs"]
mod generated_model;
#[path = "stream/sparse.rs"]
mod sparse;
#[path = "stream/tasks.rs"]
mod tasks;

use std::ops::Range;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use generated_model::{GeneratedModel, HIDDEN};
use peak_alloc::PeakAlloc;
use wgformer::models::ModelOptions;
use wgformer::tasks::{Embedder, EmbedderOptions, Embedding, Stream, StreamOptions};
use wgformer::{Error, Gpu, Result};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn load(gpu: &Gpu, model: &GeneratedModel) -> Embedder {
    load_with(gpu, model, 64, &EmbedderOptions::default())
}

fn load_with(
    gpu: &Gpu,
    model: &GeneratedModel,
    batch_tokens: usize,
    options: &EmbedderOptions,
) -> Embedder {
    let directory = tempfile::tempdir().unwrap();
    model.write(directory.path());
    let model_options = ModelOptions::default().batch_tokens(batch_tokens);
    let options = options.clone().model(model_options);
    Embedder::load_with(gpu, directory.path(), &options).unwrap()
}

/// Texts of 2 to 42 tokens, special tokens included.
fn text(place: usize) -> String {
    let words = ["sea", "sun", "rain", "snow", "dog", "cat", "red", "blue"];
    let chosen = (0..place * 7 % 41).map(|word| words[(word * word + place) % 8]);
    chosen.collect::<Vec<_>>().join(" ")
}

fn texts(places: Range<usize>) -> impl Iterator<Item = Result<String>> + Send {
    places.map(|place| Ok(text(place)))
}

/// What came out before the error that ended the stream, and that.
fn until_error<R>(mut stream: Stream<String, Error, R>) -> (Vec<(String, R)>, Error) {
    let mut embedded = Vec::new();
    loop {
        match stream.next().expect("there is an error") {
            Ok(item) => embedded.push(item),
            Err(error) => {
                assert!(stream.next().is_none(), "the error is the last item");
                return (embedded, error);
            }
        }
    }
}

#[test]
fn a_stream_gives_what_embeddings_gives_in_windows_of_every_size() {
    let (gpu, _turn) = common::gpu();
    let together: Vec<String> = (0..700).map(text).collect();
    for per_token in [false, true] {
        let embedder = {
            let options = EmbedderOptions::default().per_token(per_token);
            load_with(&gpu, &GeneratedModel::new(), 64, &options)
        };
        let expected = embedder.embeddings(&together).unwrap();
        for window_batches in [0, 1, 3, 1000] {
            let options = StreamOptions::default().window_batches(window_batches);
            let (sender, batches) = mpsc::channel();
            let stream = embedder.stream(texts(0..700), &options);
            let stream = stream.on_batch(move |texts| sender.send(texts).unwrap());
            let (found, embeddings): (Vec<String>, Vec<Embedding>) =
                stream.map(Result::unwrap).unzip();
            assert!(found == together, "{window_batches}");
            assert!(embeddings == expected, "{window_batches}");
            assert_eq!(batches.iter().sum::<usize>(), 700);
        }
    }
    let embedder = load(&gpu, &GeneratedModel::new());
    let nothing = embedder.stream(texts(0..0), &StreamOptions::default());
    assert_eq!(nothing.count(), 0);
}

#[test]
fn what_the_caller_reads_fails_with_the_callers_error_after_everything_before_it() {
    #[derive(Debug)]
    enum Failure {
        Torn,
        Ours(Error),
    }
    impl From<Error> for Failure {
        fn from(error: Error) -> Self {
            Self::Ours(error)
        }
    }
    struct Document(usize, String);
    impl AsRef<str> for Document {
        fn as_ref(&self) -> &str {
            &self.1
        }
    }
    let (gpu, _turn) = common::gpu();
    let embedder = load(&gpu, &GeneratedModel::new());
    let torn = (0..900).map(|place| match place {
        333 => Err(Failure::Torn),
        _ => Ok(Document(place, text(place))),
    });
    let mut found = Vec::new();
    for item in embedder.stream(torn, &StreamOptions::default().window_batches(2)) {
        match item {
            Ok((document, _)) => found.push(document.0),
            Err(Failure::Torn) => {
                assert!(found.iter().copied().eq(0..333));
                return;
            }
            Err(Failure::Ours(error)) => panic!("{error}"),
        }
    }
    panic!("no error came out");
}

#[test]
fn what_panics_or_overflows_is_named_after_everything_before_it() {
    let (gpu, _turn) = common::gpu();
    let mut model = GeneratedModel::new();
    // Each value is finite, and their sum is not: only a text with this word overflows.
    let sea = model.tokenizer["model"]["vocab"]["sea"].as_u64().unwrap() as usize;
    let words = model.weights.get_mut("embeddings.word_embeddings.weight");
    words.unwrap().values[sea * HIDDEN..][..HIDDEN].fill(3e38);
    let embedder = load(&gpu, &model);
    let options = StreamOptions::default().window_batches(1).first_index(1000);

    let panicking = (0..90).map(|place| {
        assert!(place != 77, "there is no line {place}");
        Ok("a dog and a cat".to_owned())
    });
    let (before, error) = until_error(embedder.stream(panicking, &options));
    assert_eq!(before.len(), 77);
    let said = "reading stopped at text 1077: panicked: there is no line 77";
    assert_eq!(error.to_string(), said);

    let texts = (0..90).map(|place| Ok(if place == 55 { "sea sea" } else { "a dog" }.to_owned()));
    let (before, error) = until_error(embedder.stream(texts, &options));
    assert_eq!(before.len(), 55);
    assert!(
        matches!(error, Error::Overflow { index: 1055, .. }),
        "{error}"
    );
}

#[test]
fn a_text_that_the_tokenizer_fails_on_is_named_after_everything_before_it() {
    let (gpu, _turn) = common::gpu();
    let mut model = GeneratedModel::new();
    // An unknown word has no token then.
    model.tokenizer["model"]["unk_token"] = "[LOST]".into();
    let embedder = load(&gpu, &model);
    let texts =
        (0..600).map(|place| Ok(if place == 411 { "xylophone" } else { "a dog" }.to_owned()));
    let (before, error) = until_error(embedder.stream(texts, &StreamOptions::default()));
    assert_eq!(before.len(), 411);
    assert!(matches!(error, Error::Text { index: 411, .. }), "{error}");
    assert!(error.to_string().contains("tokenizer.json"), "{error}");
}

/// Tells when it is dropped.
struct Dropped(Sender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn a_dropped_stream_stops_reading_and_never_waits_for_its_input() {
    let (gpu, _turn) = common::gpu();
    let embedder = load(&gpu, &GeneratedModel::new());
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

    // As from a terminal where nobody types.
    let (typed, lines) = mpsc::channel::<Result<String>>();
    drop(embedder.stream(lines, &StreamOptions::default()));
    drop(typed);
    assert_eq!(embedder.embed(["a dog"]).unwrap().len(), 1);
}

/// Two batches are under way, and of either at most what is submitted and the next submit is still done.
#[test]
fn a_dropped_stream_ends_its_batches_before_they_are_through() {
    let (gpu, _turn) = common::gpu();
    let options = ModelOptions::default().batch_tokens(64);
    let options = options.submit_time(Duration::ZERO); // each step in a submit of its own
    let directory = tempfile::tempdir().unwrap();
    GeneratedModel::new().write(directory.path());
    let options = EmbedderOptions::default().model(options);
    let embedder = Embedder::load_with(&gpu, directory.path(), &options).unwrap();
    let text = text(40);
    let submits = |act: &dyn Fn()| {
        let before = common::submit_number(&gpu);
        act();
        common::submit_number(&gpu) - before - 1
    };
    let of_batch = submits(&|| drop(embedder.embed([&text]).unwrap()));
    let mut later = 0;
    const TIMES: u64 = 20;
    for _ in 0..TIMES {
        let endless = std::iter::repeat(text.clone()).map(Ok::<_, Error>);
        let mut stream = embedder.stream(endless, &StreamOptions::default().window_batches(1));
        stream.next().unwrap().unwrap();
        let stream = std::cell::Cell::new(Some(stream));
        later += submits(&|| drop(stream.take()));
    }
    assert!(
        later < TIMES * of_batch / 2,
        "{later} submits in {TIMES} drops, of {of_batch} in a batch"
    );
}

/// Whatever of its texts the stages have when the input falls silent.
#[test]
fn a_stream_whose_input_is_silent_can_be_dropped() {
    let (gpu, _turn) = common::gpu();
    let embedder = load(&gpu, &GeneratedModel::new());
    for count in [0, 1, 255, 1280, 1500, 5000] {
        for wait in [
            Duration::ZERO,
            Duration::from_micros(300),
            Duration::from_millis(50),
        ] {
            let (_input, silence) = mpsc::channel::<String>(); // never written to
            let some = (0..count).map(text).chain(silence);
            let stream = embedder.stream(some.map(Ok::<_, Error>), &StreamOptions::default());
            std::thread::sleep(wait);
            drop(stream);
        }
    }
}

/// The most bytes that a stream of so many texts takes at once.
fn peak_of<R>(count: usize, stream: impl FnOnce() -> Stream<String, Error, R>) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    assert_eq!(stream().count(), count);
    ALLOCATOR.peak_usage() - before
}

#[test]
fn memory_does_not_grow_with_the_number_of_texts() {
    let (gpu, _turn) = common::gpu();
    let embedder = {
        let options = EmbedderOptions::default();
        load_with(&gpu, &GeneratedModel::new(), 512, &options)
    };
    let peak = |count: usize| {
        let options = StreamOptions::default().window_batches(4);
        peak_of(count, || embedder.stream(texts(0..count), &options))
    };
    peak(2_000); // whatever is allocated once
    let (few, many) = (peak(2_000), peak(40_000));
    let results = 40_000 * HIDDEN * size_of::<f32>();
    assert!(
        many < results / 2,
        "{many} bytes; all results have {results}"
    );
    assert!(
        many < few + few / 2,
        "{few} bytes for 2,000 texts, {many} for 40,000"
    );
}
