//! Metrics against scikit-learn, seqeval and SciPy, whose values `tests/data/evaluation.py` wrote.

use std::collections::BTreeMap;

use serde::Deserialize;
use wgformer::evaluation::{
    Averages, ClassScore, Score, TagScheme, classification, entities, ndcg, pearson,
    reciprocal_rank, spearman,
};

#[derive(Deserialize)]
struct Fixtures {
    classifications: Vec<Classified>,
    taggings: Vec<Tagged>,
    rankings: Vec<Ranking>,
    correlations: Vec<Correlated>,
}

#[derive(Deserialize)]
struct Expected {
    accuracy: f64,
    classes: BTreeMap<String, Numbers>,
    micro: Numbers,
    #[serde(rename = "macro")]
    macro_: Numbers,
    weighted: Numbers,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Numbers {
    precision: f64,
    recall: f64,
    f1: f64,
    support: usize,
}

#[derive(Deserialize)]
struct Classified {
    truth: Vec<String>,
    predicted: Vec<String>,
    confusion: Vec<Vec<usize>>,
    #[serde(flatten)]
    expected: Expected,
}

#[derive(Deserialize)]
struct Tagged {
    truth: Vec<Vec<String>>,
    predicted: Vec<Vec<String>>,
    scheme: String,
    #[serde(flatten)]
    expected: Expected,
}

#[derive(Debug, Deserialize)]
struct Ranking {
    relevance: Vec<f64>,
    scores: Vec<f64>,
    k: Option<usize>,
    ndcg: f64,
    reciprocal_rank: Option<f64>,
}

#[derive(Deserialize)]
struct Correlated {
    truth: Vec<f64>,
    predicted: Vec<f64>,
    pearson: Option<f64>,
    spearman: Option<f64>,
}

fn fixtures() -> Fixtures {
    serde_json::from_slice(&std::fs::read("tests/data/evaluation.json").unwrap()).unwrap()
}

/// Both are f64, and add up in other orders.
fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12
}

fn assert_score(found: Score, expected: Numbers, what: &str) {
    let near = is_near(found.precision, expected.precision)
        && is_near(found.recall, expected.recall)
        && is_near(found.f1, expected.f1)
        && found.support == expected.support;
    assert!(near, "{what}: {found:?}, expected {expected:?}");
}

impl Expected {
    fn assert(&self, accuracy: f64, classes: &[ClassScore], averages: Averages, what: &str) {
        assert!(is_near(accuracy, self.accuracy), "{what}: {accuracy}");
        let names: Vec<&String> = classes.iter().map(|it| &it.label).collect();
        assert_eq!(names, self.classes.keys().collect::<Vec<_>>(), "{what}");
        for class in classes {
            let label = &class.label;
            assert_score(
                class.score,
                self.classes[label],
                &format!("{what}, {label}"),
            );
        }
        assert_score(averages.micro, self.micro, what);
        assert_score(averages.macro_, self.macro_, what);
        assert_score(averages.weighted, self.weighted, what);
    }
}

#[test]
fn classification_is_as_scikit_learn_has_it() {
    for (place, case) in fixtures().classifications.iter().enumerate() {
        let found = classification(&case.truth, &case.predicted).unwrap();
        let what = format!("classification {place}");
        let expected = &case.expected;
        expected.assert(found.accuracy, &found.classes, found.averages, &what);
        assert_eq!(found.confusion, case.confusion, "{what}");
    }
}

#[test]
fn entities_are_as_seqeval_has_them() {
    let mut seen = BTreeMap::new();
    let fixtures = fixtures();
    for (place, case) in fixtures.taggings.iter().enumerate() {
        let scheme = match &case.scheme[..] {
            "lenient" => TagScheme::Lenient,
            "IOB1" => TagScheme::Iob1,
            "IOB2" => TagScheme::Iob2,
            "IOE1" => TagScheme::Ioe1,
            "IOE2" => TagScheme::Ioe2,
            "IOBES" => TagScheme::Iobes,
            "BILOU" => TagScheme::Bilou,
            other => panic!("{other}"),
        };
        *seen.entry(&case.scheme).or_insert(0) += 1;
        let found = entities(&case.truth, &case.predicted, scheme).unwrap();
        let what = format!("tagging {place}, {}", case.scheme);
        let expected = &case.expected;
        expected.assert(found.accuracy, &found.classes, found.averages, &what);
    }
    assert_eq!(seen.len(), 7);
}

#[test]
fn ranks_are_as_scikit_learn_has_them() {
    let (mut ties, mut ranks) = (0, 0);
    for case in fixtures().rankings {
        let Ranking {
            relevance, scores, ..
        } = &case;
        let found = ndcg(relevance, scores, case.k).unwrap();
        assert!(is_near(found, case.ndcg), "{found}: {case:?}");
        ties += usize::from(scores.iter().all(|score| *score == scores[0]));
        if let Some(expected) = case.reciprocal_rank {
            let found = reciprocal_rank(relevance, scores, None).unwrap();
            assert!(is_near(found, expected), "{found}: {case:?}");
            let rank = (1.0 / expected).round() as usize;
            let at = |k| reciprocal_rank(relevance, scores, Some(k)).unwrap();
            assert!(
                is_near(at(rank), expected) && at(rank - 1) == 0.0,
                "{case:?}"
            );
            ranks += 1;
        }
    }
    assert!(ties > 10 && ranks > 10);
}

#[test]
fn correlations_are_as_scipy_has_them() {
    for case in fixtures().correlations {
        let Correlated {
            truth, predicted, ..
        } = &case;
        let pairs = [
            (pearson(truth, predicted), case.pearson),
            (spearman(truth, predicted), case.spearman),
        ];
        for (found, expected) in pairs {
            match (found.unwrap(), expected) {
                (None, None) => {}
                // Of numbers that differ by a billionth of themselves.
                (Some(found), Some(expected)) => {
                    assert!((found - expected).abs() < 1e-6, "{found} {expected}");
                    let is_wide = truth.iter().all(|it| *it > 1e100) || predicted[0] < 100.0;
                    assert!(!is_wide || is_near(found, expected), "{found} {expected}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(pearson(&[1.0], &[2.0]).unwrap(), None);
}

#[test]
fn what_cannot_be_measured_is_said() {
    let refused = |error: wgformer::Error, needles: &[&str]| {
        let error = error.to_string();
        for needle in needles {
            assert!(error.contains(needle), "no {needle}: {error}");
        }
    };
    let none: [&str; 0] = [];
    refused(classification(&none, &none).unwrap_err(), &["no labels"]);
    refused(classification(&["a"], &none).unwrap_err(), &["0", "1"]);
    let scheme = TagScheme::Iob2;
    let uneven = entities(&[["O", "O"]], &[["O"]], scheme).unwrap_err();
    refused(uneven, &["sequence 0", "2 tags", "1"]);
    let other = entities(&[["S-PER"]], &[["O"]], scheme).unwrap_err();
    refused(other, &["S-PER", "Iob2", "IOB"]);
    let empty = entities(&[[""]], &[["O"]], TagScheme::Lenient).unwrap_err();
    refused(empty, &["empty"]);
    refused(ndcg(&[-1.0, 0.0], &[0.0, 0.0], None).unwrap_err(), &["-1"]);
    refused(ndcg(&[1.0], &[f64::NAN], None).unwrap_err(), &["NaN"]);
    refused(pearson(&[1.0], &[f64::INFINITY]).unwrap_err(), &["inf"]);
    assert_eq!(ndcg(&[0.0, 0.0], &[1.0, 2.0], None).unwrap(), 0.0);
    assert_eq!(reciprocal_rank(&[0.0], &[1.0], None).unwrap(), 0.0);
}
