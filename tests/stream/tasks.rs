//! The streams of tasks that read texts otherwise: pairs, a text with each label, windows of long texts, masks.

use std::ops::Range;
use std::path::Path;
use std::sync::mpsc;

use wgformer::models::ModelOptions;
use wgformer::tasks::{
    AnswerOptions, Answerer, Classifier, Embedder, Filler, SparseEmbedder, Stream, StreamOptions,
    TagOptions, Tagger, ZeroShot, ZeroShotOptions,
};
use wgformer::text::Text;
use wgformer::{Error, Gpu, Result};

use super::{common, expected, peak_of, until_error};

/// Small batches, so that several are under way.
fn options() -> ModelOptions {
    ModelOptions::default().batch_tokens(128)
}

/// Texts of 1 to 100 words: the longest are cut by every model here.
fn text(place: usize) -> String {
    let words = ["The", "cat", "dog", "Ada", "sat", "on", "film", "London"];
    let chosen = (0..=place * 17 % 100).map(|word| words[(word * word + place) % 8]);
    chosen.collect::<Vec<_>>().join(" ")
}

fn texts(places: Range<usize>) -> impl Iterator<Item = Result<String>> + Send {
    places.map(|place| Ok(text(place)))
}

const COUNT: usize = 60;

/// Checks a stream of `COUNT` things, in windows of every size.
fn gives<T: PartialEq, R: PartialEq>(
    what: &str,
    inputs: &[T],
    results: &[R],
    stream: impl Fn(&StreamOptions) -> Stream<T, Error, R>,
) {
    for window_batches in [1, 3, 1000] {
        let stream = stream(&StreamOptions::default().window_batches(window_batches));
        let (sender, batches) = mpsc::channel();
        let stream = stream.on_batch(move |texts| sender.send(texts).unwrap());
        let (read, found): (Vec<T>, Vec<R>) = stream.map(Result::unwrap).unzip();
        assert!(read == *inputs, "{what}, {window_batches}");
        assert!(found == *results, "{what}, {window_batches}");
        assert_eq!(batches.iter().sum::<usize>(), inputs.len(), "{what}");
    }
}

/// A pair that an application has.
#[derive(Clone, PartialEq)]
struct Pair(String, String);

impl<'a> From<&'a Pair> for Text<'a> {
    fn from(Pair(first, second): &'a Pair) -> Self {
        Text::Pair(first, second)
    }
}

/// Against sentence-transformers, whose vectors `tests/data/pairs.py` wrote.
#[test]
fn pairs_are_embedded_as_sentence_transformers_embeds_them() {
    let (gpu, _turn) = common::gpu();
    let json = std::fs::read("tests/data/pairs.json").unwrap();
    let pairs: Vec<[String; 2]> = serde_json::from_slice(&json).unwrap();
    let pairs: Vec<Pair> = pairs.into_iter().map(|[a, b]| Pair(a, b)).collect();
    let tensors = expected::read(Path::new("tests/data/pairs.safetensors"));
    let stream = || pairs.clone().into_iter().map(Ok::<_, Error>);

    let embedder = Embedder::load(&gpu, "tests/data/tiny/plain").unwrap();
    let found = embedder.embeddings(&pairs).unwrap();
    for (found, expected) in found.iter().zip(tensors["embeddings"].rows()) {
        let difference = expected::max_difference(&found.values, expected);
        assert!(difference <= 2e-4, "{difference}");
    }
    let lengths = found.iter().map(|it| it.is_cut);
    assert!(
        lengths.eq([true, true, false, true, true, true]),
        "{found:?}"
    );
    let single = embedder.embed([&pairs[0].0]).unwrap();
    assert!(single[0] != found[0].values, "the second is read");
    gives("embeddings", &pairs, &found, |options| {
        embedder.stream(stream(), options)
    });

    let embedder = SparseEmbedder::load(&gpu, "tests/data/retrieval/splade", &options()).unwrap();
    let found = embedder.embed(&pairs).unwrap();
    for (found, expected) in found.iter().zip(tensors["sparse"].rows()) {
        let mut weights = vec![0.0; expected.len()];
        for it in &found.weights {
            weights[it.id as usize] = it.weight;
        }
        let difference = expected::max_difference(&weights, expected);
        assert!(difference <= 2e-4, "{difference}");
    }
    gives("sparse", &pairs, &found, |options| {
        embedder.stream(stream(), options)
    });
}

#[test]
fn labels_are_those_of_all_texts_at_once() {
    let (gpu, _turn) = common::gpu();
    let inputs: Vec<String> = (0..COUNT).map(text).collect();
    let classifier = Classifier::load(&gpu, "tests/data/tasks/sentiment", &options()).unwrap();
    let labels = classifier.classify(&inputs).unwrap();
    let cut = classifier.are_cut(&inputs).unwrap();
    assert!(cut.contains(&true) && cut.contains(&false));
    let all: Vec<_> = labels.into_iter().zip(cut).collect();
    for window_batches in [1, 3, 1000] {
        let options = StreamOptions::default().window_batches(window_batches);
        let stream = classifier.stream(texts(0..COUNT), &options);
        let found = stream.map(|it| it.map(|(_, it)| (it.labels, it.is_cut)));
        assert!(found.collect::<Result<Vec<_>>>().unwrap() == all);
    }
    // Of pairs, of which an empty second text is none.
    let pairs = [["a cat", "a dog"], ["a cat", ""]];
    let together = classifier.classify(pairs.map(|[a, b]| (a, b))).unwrap();
    let alone = pairs.map(|[a, b]| Ok::<_, Error>(Text::Pair(a, b)));
    let stream = classifier.stream(alone, &StreamOptions::default());
    let found: Vec<_> = stream.map(|it| it.unwrap().1.labels).collect();
    assert!(found == together);

    let model = ZeroShot::load(&gpu, "tests/data/tasks/inference", &options()).unwrap();
    let asked = ["food", "the weather", "sport"];
    for multi_label in [false, true] {
        let options = ZeroShotOptions::default().multi_label(multi_label);
        let labels = model.classify(&inputs, &asked, &options).unwrap();
        let cut = model.are_cut(&inputs, &asked, &options).unwrap();
        let all: Vec<_> = labels.into_iter().zip(cut).collect();
        for window_batches in [1, 3, 1000] {
            let windows = StreamOptions::default().window_batches(window_batches);
            let stream = model.stream(texts(0..COUNT), &asked, &options, &windows);
            let found = stream
                .unwrap()
                .map(|it| it.map(|(_, it)| (it.labels, it.is_cut)));
            assert!(found.collect::<Result<Vec<_>>>().unwrap() == all);
        }
    }
    let none: [&str; 0] = [];
    let (options, windows) = (ZeroShotOptions::default(), StreamOptions::default());
    let stream = model.stream(texts(0..1), &none, &options, &windows);
    assert!(matches!(stream, Err(Error::Input { .. })));
}

#[test]
fn what_windows_of_long_texts_say_is_what_they_say_of_all_texts_at_once() {
    let (gpu, _turn) = common::gpu();
    let inputs: Vec<String> = (0..COUNT).map(text).collect();
    let tagger = Tagger::load(&gpu, "tests/data/spans/bert-tags", &options()).unwrap();
    let cut = tagger.are_cut(&inputs).unwrap();
    assert!(cut.contains(&true) && cut.contains(&false));
    let whole = TagOptions::default().stride(16);
    for (options, is_whole) in [(TagOptions::default(), false), (whole, true)] {
        let entities = tagger.tag(&inputs, &options).unwrap();
        for window_batches in [1, 3, 1000] {
            let windows = StreamOptions::default().window_batches(window_batches);
            let stream = tagger.stream(texts(0..COUNT), &options, &windows);
            let found = stream.map(Result::unwrap).enumerate();
            for (place, (read, found)) in found {
                assert_eq!(read, inputs[place]);
                assert!(found.entities == entities[place], "{place}");
                assert_eq!(found.is_cut, cut[place] && !is_whole, "{place}");
            }
        }
    }
    let pairs = (0..COUNT).map(|place| Pair(inputs[place].clone(), text(COUNT - place)));
    let pairs: Vec<Pair> = pairs.collect();
    let entities = tagger.tag(&pairs, &TagOptions::default()).unwrap();
    assert!(entities.iter().flatten().any(|it| it.sequence == 1));
    for window_batches in [1, 1000] {
        let windows = StreamOptions::default().window_batches(window_batches);
        let read = pairs.clone().into_iter().map(Ok::<_, Error>);
        let found = tagger.stream(read, &TagOptions::default(), &windows);
        let found = found.map(|it| it.unwrap().1.entities);
        assert!(found.eq(entities.iter().cloned()), "{window_batches}");
    }
    let refusing = tagger.clone().refuse_long_texts(true);
    let first = cut.iter().position(|it| *it).unwrap();
    let windows = StreamOptions::default().first_index(1000);
    let stream = refusing.stream(texts(0..COUNT), &TagOptions::default(), &windows);
    let (before, error) = until_error(stream);
    assert_eq!(before.len(), first);
    let index = 1000 + first;
    assert!(matches!(error, Error::TooLong { index: it, .. } if it == index));

    let answerer = Answerer::load(&gpu, "tests/data/spans/bert-answers", &options()).unwrap();
    let asked = |context: &String| Pair("Who sat?".to_owned(), context.clone());
    let asked: Vec<Pair> = inputs.iter().map(asked).collect();
    let options = AnswerOptions::default().top_k(3);
    let questions = asked.iter().map(|it| (&it.0[..], &it.1[..]));
    let answers = answerer.answer(questions, &options).unwrap();
    gives("answers", &asked, &answers, |windows| {
        let asked = asked.clone().into_iter().map(Ok);
        answerer.stream(asked, &options, windows)
    });
}

#[test]
fn masks_are_filled_as_one_text_after_another() {
    let (gpu, _turn) = common::gpu();
    let filler = Filler::load(&gpu, "tests/data/tasks/masked-lm", &options()).unwrap();
    let masked = |place: usize| format!("the [MASK] sat [MASK] {}", text(place));
    for window_batches in [1, 3, 1000] {
        let options = StreamOptions::default().window_batches(window_batches);
        let inputs = (0..COUNT).map(move |place| Ok::<_, Error>(masked(place)));
        let mut count = 0;
        for filled in filler.stream(inputs, 3, &options) {
            let (read, filled) = filled.unwrap();
            assert_eq!(read, masked(count));
            assert!(filled.masks == filler.fill(&read, 3).unwrap(), "{count}");
            assert_eq!(filled.is_cut, filler.is_cut(&read).unwrap(), "{count}");
            count += 1;
        }
        assert_eq!(count, COUNT);
    }
    let pair = |place: usize| Pair(format!("a [MASK] {place}"), "it [MASK]".to_owned());
    let pairs: Vec<Pair> = (0..COUNT).map(pair).collect();
    let filled = pairs.iter().map(|pair| filler.fill(pair, 3).unwrap());
    let filled: Vec<_> = filled.collect();
    let read = pairs.clone().into_iter().map(Ok::<_, Error>);
    let found = filler.stream(read, 3, &StreamOptions::default());
    assert!(found.map(|it| it.unwrap().1.masks).eq(filled));
    let inputs = (0..COUNT).map(move |place| {
        let is_other = place == 41;
        Ok(if is_other { text(place) } else { masked(place) })
    });
    let (before, error) = until_error(filler.stream(inputs, 3, &StreamOptions::default()));
    assert_eq!(before.len(), 41);
    assert!(matches!(error, Error::Text { index: 41, .. }), "{error}");
}

fn load_classifier(gpu: &Gpu) -> Classifier {
    let options = ModelOptions::default().batch_tokens(256);
    Classifier::load(gpu, "tests/data/tasks/sentiment", &options).unwrap()
}

#[test]
fn memory_does_not_grow_with_the_number_of_texts() {
    let (gpu, _turn) = common::gpu();
    let classifier = load_classifier(&gpu);
    let tagger = Tagger::load(&gpu, "tests/data/spans/bert-tags", &options()).unwrap();
    let windows = StreamOptions::default().window_batches(2);
    let classified = |count| peak_of(count, || classifier.stream(texts(0..count), &windows));
    let all = TagOptions::default().stride(16);
    let tagged = |count| peak_of(count, || tagger.stream(texts(0..count), &all, &windows));
    for (what, peak) in [
        ("labels", &classified as &dyn Fn(usize) -> usize),
        ("tags", &tagged),
    ] {
        peak(300); // whatever is allocated once
        let (few, many) = (peak(300), peak(2_400));
        assert!(
            many < few + few / 2,
            "{what}: {few} bytes for 300 texts, {many} for 2,400"
        );
    }
}
