//! What the tasks give to C, against what they give to Rust.

use std::fmt::Display;

use wgformer::Gpu;
use wgformer::models::ModelOptions;
use wgformer::tasks::{
    Aggregation, AnswerOptions, Answerer, Classifier, Embedder, Entity, Filler, Label, Reranker,
    TagOptions, Tagger, ZeroShot, ZeroShotOptions,
};
use wgformer::tensor::WeightType;
use wgformer::text::Text;

use crate::common;
use crate::library::{Linking, program, succeed};
use crate::lines::{bits, ready};

/// In the order of the arguments of `tasks.c`.
pub(crate) const MODELS: [&str; 7] = [
    "tests/data/tasks/sentiment",
    "tests/data/tasks/inference",
    "tests/data/tasks/cross-encoder",
    "tests/data/spans/bert-tags",
    "tests/data/spans/bert-answers",
    "tests/data/tasks/masked-lm",
    "tests/data/tiny/plain",
];

const TEXTS: [&str; 4] = [
    "",
    "Ada met 李白 💖 in London, and Charles met Zoë.",
    "Zoë ate 3 crêpes in 東京 😀, and slept.",
    "The [MASK] sat on the [MASK].",
];

#[test]
fn tasks_give_what_they_give_to_rust_to_the_bit_whatever_the_options() {
    let (gpu, _turn) = common::gpu();
    let found = succeed(
        program("tests/c_api/tasks.c", Linking::Shared)
            .args(MODELS)
            .args(TEXTS),
    );
    let expected = [
        classified(&gpu),
        told_apart(&gpu),
        reranked(&gpu),
        tagged(&gpu),
        answered(&gpu),
        filled(&gpu),
        summarized(&gpu),
    ];
    let expected = expected.concat();
    let found: Vec<&str> = found.lines().collect();
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

fn default() -> ModelOptions {
    ModelOptions::default()
}

fn reversed() -> impl Iterator<Item = &'static str> {
    TEXTS.into_iter().rev()
}

/// A line per text: its scores in the order of `names`, of which two may be the same and have the same score.
fn lines(kind: &str, found: &[Vec<Label>], names: &[impl AsRef<str>]) -> Vec<String> {
    let line = |labels: &Vec<Label>| {
        let score = |name: &str| labels.iter().find(|it| it.label == name).unwrap().score;
        let scores = names.iter().map(|name| bits(score(name.as_ref())));
        format!("{kind} {}", scores.collect::<Vec<_>>().join(" "))
    };
    found.iter().map(line).collect()
}

fn classified(gpu: &Gpu) -> Vec<String> {
    let dtypes = [WeightType::F32, WeightType::F16, WeightType::I8];
    let mut all = vec![default()];
    all.extend(dtypes.map(|dtype| default().weight_type(dtype)));
    all.push(default().batch_tokens(5));
    let written = |options: ModelOptions| {
        let classifier = Classifier::load(gpu, MODELS[0], &options).unwrap();
        let model = classifier.model();
        let ready = ready("classifier", || model.memory(), || model.warm_up());
        let labels = classifier.labels();
        let names = labels.iter().map(|label| format!("label {label}"));
        let texts = classifier.classify(TEXTS).unwrap();
        let pairs = classifier.classify(TEXTS.into_iter().zip(reversed()));
        let scores = [
            lines("text", &texts, labels),
            lines("pair", &pairs.unwrap(), labels),
        ];
        ready
            .into_iter()
            .chain(names)
            .chain(scores.concat())
            .collect::<Vec<_>>()
    };
    all.into_iter().flat_map(written).collect()
}

fn told_apart(gpu: &Gpu) -> Vec<String> {
    let zero_shot = ZeroShot::load(gpu, MODELS[1], &default()).unwrap();
    let labels = ["food", "animals", "food"];
    let one = ZeroShotOptions::default();
    let many = one.clone().template("It is {}?").multi_label(true);
    let written = |kind, options| {
        let found = zero_shot.classify(&TEXTS, &labels, &options).unwrap();
        lines(kind, &found, &labels)
    };
    let model = zero_shot.model();
    let ready = ready("zero_shot", || model.memory(), || model.warm_up());
    [ready, written("one", one), written("many", many)].concat()
}

fn reranked(gpu: &Gpu) -> Vec<String> {
    let reranker = Reranker::load(gpu, MODELS[2], &default()).unwrap();
    let model = reranker.model();
    let ready = ready("reranker", || model.memory(), || model.warm_up());
    let mut ranked = reranker.rank(TEXTS[1], &TEXTS).unwrap();
    ranked.sort_by_key(|it| it.index);
    let lines = ranked.iter().map(|it| format!("score {}", bits(it.score)));
    ready.into_iter().chain(lines).collect()
}

/// What was found for each text, a line each, after the place of the text.
fn numbered<T, L: Display>(found: Vec<Vec<T>>, line: impl Fn(T) -> L) -> Vec<String> {
    let rows = found.into_iter().enumerate();
    let rows = rows.flat_map(|(place, found)| found.into_iter().map(move |it| (place, it)));
    rows.map(|(place, it)| format!("{place} {}", line(it)))
        .collect()
}

fn after(kind: &str, lines: Vec<String>) -> Vec<String> {
    let lines = lines.into_iter();
    lines.map(|line| format!("{kind} {line}")).collect()
}

fn tagged(gpu: &Gpu) -> Vec<String> {
    let tagger = Tagger::load(gpu, MODELS[3], &default()).unwrap();
    let model = tagger.model();
    let ready = ready("tagger", || model.memory(), || model.warm_up());
    let mut all = vec![TagOptions::default()];
    for aggregation in [
        Aggregation::None,
        Aggregation::Simple,
        Aggregation::First,
        Aggregation::Average,
        Aggregation::Max,
    ] {
        let options = TagOptions::default().aggregation(aggregation);
        let others = options.clone().ignore_labels(["PER", "B-PER"]);
        all.extend([options, others]);
    }
    let written = |found: Vec<Vec<Entity>>| {
        numbered(found, |it| {
            let (start, end, score) = (it.start, it.end, bits(it.score));
            let (sequence, label, text) = (it.sequence, it.label, it.text);
            format!("{sequence} {start}-{end} {score} {label} {text}")
        })
    };
    let found = all
        .iter()
        .map(|options| tagger.tag(TEXTS, options).unwrap());
    let mut found: Vec<Vec<Vec<Entity>>> = found.collect();
    let pairs = TEXTS.into_iter().zip(reversed());
    found.insert(1, tagger.tag(pairs, &all[0]).unwrap());
    let lines = after("entity", found.into_iter().flat_map(written).collect());
    [ready, lines].concat()
}

fn answered(gpu: &Gpu) -> Vec<String> {
    let answerer = Answerer::load(gpu, MODELS[4], &default()).unwrap();
    let model = answerer.model();
    let ready = ready("answerer", || model.memory(), || model.warm_up());
    let mut all = vec![AnswerOptions::default()];
    let more: [fn(AnswerOptions) -> AnswerOptions; 6] = [
        |it| it.top_k(4),
        |it| it.handle_impossible_answer(true),
        |it| it.align_to_words(false),
        |it| it.max_answer_len(2),
        |it| it.max_seq_len(48).doc_stride(1),
        |it| it.doc_stride(8),
    ];
    for one in more {
        all.push(one(all[all.len() - 1].clone()));
    }
    let written = |options: AnswerOptions| {
        let questions = TEXTS.into_iter().zip(reversed());
        let found = answerer.answer(questions, &options).unwrap();
        numbered(found, |it| {
            format!("{}-{} {} {}", it.start, it.end, bits(it.score), it.text)
        })
    };
    let lines: Vec<Vec<String>> = all.into_iter().map(written).collect();
    let same = lines.windows(2).position(|pair| pair[0] == pair[1]);
    assert_eq!(same, None, "an option that changes nothing");
    [ready, after("answer", lines.concat())].concat()
}

fn filled(gpu: &Gpu) -> Vec<String> {
    let filler = Filler::load(gpu, MODELS[5], &default()).unwrap();
    let written = |text: Text<'_>| {
        numbered(filler.fill(text, 3).unwrap(), |it| {
            format!("{} {} {}", it.id, bits(it.score), it.token)
        })
    };
    let model = filler.model();
    let ready = ready("filler", || model.memory(), || model.warm_up());
    let masked = ["a [MASK]", TEXTS[3]];
    let texts = masked.map(|text| written(Text::One(text)));
    let pairs = masked.into_iter().zip(reversed());
    let pairs = pairs.map(|pair| written(pair.into()));
    let lines = [texts.into(), pairs.collect()].map(|all: Vec<Vec<String>>| numbered(all, |it| it));
    [ready, after("filling", lines.concat())].concat()
}

fn summarized(gpu: &Gpu) -> Vec<String> {
    let embedder = Embedder::load(gpu, MODELS[6]).unwrap();
    let model = embedder.model();
    let ready = ready("embedder", || model.memory(), || model.warm_up());
    let story = "The cat slept. Snow fell. A cat likes a mat. The cat sat.";
    let sentences = embedder.summarize(story, 3).unwrap().into_iter();
    let lines = sentences.map(|it| format!("sentence {} {} {}", it.index, bits(it.score), it.text));
    ready.into_iter().chain(lines).collect()
}
