//! Logistic regression against scikit-learn's, whose coefficients `tests/data/evaluation.py` wrote.

use serde::Deserialize;
use wgformer::logistic::{
    ClassWeight, LogisticOptions, LogisticRegression, Strength, Validation, validate,
};

#[derive(Deserialize)]
struct Regression {
    inputs: usize,
    features: Vec<f32>,
    labels: Vec<usize>,
    c: f64,
    balanced: bool,
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    predicted: Vec<usize>,
}

fn fixtures() -> Vec<Regression> {
    serde_json::from_slice(&std::fs::read("tests/data/logistic.json").unwrap()).unwrap()
}

impl Regression {
    fn options(&self) -> LogisticOptions {
        let weight = match self.balanced {
            true => ClassWeight::Balanced,
            false => ClassWeight::None,
        };
        LogisticOptions::default().c(self.c).class_weight(weight)
    }
}

/// What scikit-learn leaves at a tolerance of 1e-8, of the largest coefficient.
const BOUND: f64 = 1e-4;

#[test]
fn coefficients_are_those_of_scikit_learn() {
    let mut two = 0;
    for (place, case) in fixtures().iter().enumerate() {
        let fitted =
            LogisticRegression::fit(&case.features, &case.labels, &case.options()).unwrap();
        assert_eq!(fitted.inputs(), case.inputs);
        let largest = case
            .coefficients
            .iter()
            .fold(0.0, |a: f64, b| a.max(b.abs()));
        let found = fitted.coefficients();
        assert_eq!(found.len(), case.coefficients.len(), "{place}");
        let found = found.iter().chain(fitted.intercepts());
        let expected = case.coefficients.iter().chain(&case.intercepts);
        for (found, expected) in found.zip(expected) {
            let difference = (found - expected).abs() / largest;
            assert!(difference < BOUND, "{place}: {found}, {expected}");
        }
        assert_eq!(fitted.predict(&case.features), case.predicted, "{place}");
        two += usize::from(fitted.classes() == 2);

        // The layer says the same, row by row.
        let (weight, bias) = fitted.layer();
        let of_layer = case.features.chunks_exact(case.inputs).flat_map(|sample| {
            let rows = weight.chunks_exact(case.inputs).zip(&bias);
            let logit = |(row, bias): (&[f64], &f64)| {
                let products = row.iter().zip(sample).map(|(a, b)| a * f64::from(*b));
                bias + products.sum::<f64>()
            };
            rows.map(logit).collect::<Vec<_>>()
        });
        for (a, b) in of_layer.zip(fitted.logits(&case.features)) {
            assert!((a - b).abs() < 1e-9 * largest.max(1.0), "{place}: {a}, {b}");
        }
    }
    assert_eq!(two, 2);
}

#[test]
fn a_strength_is_chosen_by_what_is_held_out() {
    let case = &fixtures()[2];
    let validation = Validation::default().splits(4).seed(11);
    let mut reported = Vec::new();
    let report = |done, all| {
        reported.push((done, all));
        Ok(())
    };
    let options = LogisticOptions::default();
    let chosen = validate(&case.features, &case.labels, &options, &validation, report).unwrap();
    assert_eq!(
        reported,
        (1..=24).map(|done| (done, 24)).collect::<Vec<_>>()
    );
    let (found, best) = &chosen;
    let strengths: Vec<f64> = found.iter().map(|it| it.c).collect();
    assert_eq!(strengths, [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]);
    for strength in found {
        assert_eq!(strength.accuracies.len(), 4);
        // A quarter of each class of eight.
        let eighths = strength.accuracies.iter().map(|it| it * 8.0);
        assert!(eighths.clone().all(|it| it == it.round()), "{strength:?}");
        assert!(strength.mean() <= found[*best].mean());
        assert!((0.0..=0.5).contains(&strength.spread()) && strength.loss > 0.0);
    }
    let same = |a: f64, b: f64| a == b;
    let others = found
        .iter()
        .filter(|it| same(it.mean(), found[*best].mean()));
    assert!(others.clone().all(|it| it.loss >= found[*best].loss));
    let again = validate(
        &case.features,
        &case.labels,
        &options,
        &validation,
        |_, _| Ok(()),
    );
    assert_eq!(again.unwrap(), chosen);
    // Each split is what it is by itself, wherever it ran and whichever was done first.
    let alone = (11..15).map(|seed| {
        let one = validation.clone().splits(1).seed(seed);
        validate(&case.features, &case.labels, &options, &one, |_, _| Ok(()))
            .unwrap()
            .0
    });
    let alone: Vec<Vec<Strength>> = alone.collect();
    for (place, strength) in found.iter().enumerate() {
        let each = alone.iter().map(|split| &split[place]);
        let accuracies: Vec<f64> = each.clone().map(|it| it.accuracies[0]).collect();
        assert_eq!(strength.accuracies, accuracies);
        let loss: f64 = each.map(|it| it.loss / 4.0).sum();
        assert!(same(strength.loss, loss), "{} {loss}", strength.loss);
    }
    let refusing = validate(
        &case.features,
        &case.labels,
        &options,
        &validation,
        |done, _| match done {
            7 => Err(wgformer::Error::Cancelled),
            _ => Ok(()),
        },
    );
    assert!(matches!(refusing, Err(wgformer::Error::Cancelled)));
    let other = validate(
        &case.features,
        &case.labels,
        &options,
        &validation.seed(12),
        |_, _| Ok(()),
    );
    assert_ne!(other.unwrap().0, chosen.0);
}

#[test]
fn what_has_no_minimum_is_refused() {
    let fit = |features: &[f32], labels: &[usize], c| {
        LogisticRegression::fit(features, labels, &LogisticOptions::default().c(c))
    };
    type Case = (
        &'static [f32],
        &'static [usize],
        f64,
        &'static [&'static str],
    );
    let cases: [Case; 8] = [
        (&[0.0, 1.0], &[0, 0], 1.0, &["1 class"]),
        (&[0.0, 1.0], &[1, 1], 1.0, &["class 0", "no samples"]),
        (&[0.0, 1.0], &[0, usize::MAX], 1.0, &["2 samples"]),
        (&[0.0, 1.0, 2.0], &[0, 1], 1.0, &["3 values", "2 labels"]),
        (&[], &[], 1.0, &["0 values"]),
        (&[0.0, f32::NAN], &[0, 1], 1.0, &["sample 1", "NaN"]),
        (&[0.0, 1.0], &[0, 1], 0.0, &["C", "above 0"]),
        (&[0.0, 1.0], &[0, 1], f64::NAN, &["C", "NaN"]),
    ];
    for (features, labels, c, needles) in cases {
        let error = fit(features, labels, c).unwrap_err().to_string();
        for needle in needles {
            assert!(error.contains(needle), "no {needle}: {error}");
        }
    }
    // As large as a C may be, a plane between the classes has its minimum, or is said to have none.
    for c in [1e6, 1e12, f64::MAX] {
        match fit(&[0.0, 1.0], &[0, 1], c) {
            Ok(fitted) => assert_eq!(fitted.predict(&[0.0, 1.0]), [0, 1]),
            Err(error) => assert!(error.to_string().contains("take a smaller one"), "{error}"),
        }
    }
    let one = validate(
        &[0.0, 1.0, 2.0],
        &[0, 0, 1],
        &LogisticOptions::default(),
        &Validation::default(),
        |_, _| Ok(()),
    );
    let error = one.unwrap_err().to_string();
    assert!(error.contains("class 1 has one sample"), "{error}");
}
