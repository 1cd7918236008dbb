//! What docs/attention.md and its example say is what comes out.

mod common;

#[path = "../examples/attention.rs"]
#[expect(dead_code, reason = "its main is not run here")]
mod example;

/// The scores are exact sums of products of tenths; the rest is from NumPy in f64.
const SCORES: [[f32; 4]; 4] = [
    [0.14, 0.32, 0.50, 0.68],
    [0.32, 0.77, 1.22, 1.67],
    [0.50, 1.22, 1.94, 2.66],
    [0.68, 1.67, 2.66, 3.65],
];

const WEIGHTS: [[f32; 4]; 4] = [
    [0.212478, 0.235747, 0.261565, 0.290210],
    [0.162383, 0.210559, 0.273028, 0.354030],
    [0.120597, 0.182755, 0.276951, 0.419697],
    [0.087238, 0.154504, 0.273635, 0.484623],
];

const OUTPUT: [[f32; 3]; 4] = [
    [0.588852, 0.688852, 0.788852],
    [0.645611, 0.745611, 0.845611],
    [0.698724, 0.798724, 0.898724],
    [0.746693, 0.846693, 0.946693],
];

#[test]
fn every_step_comes_to_what_it_must() {
    let (gpu, _turn) = common::gpu();
    let steps = example::steps(&gpu).unwrap();
    for (name, found, expected) in [
        ("scores", &steps.scores, SCORES.concat()),
        ("weights", &steps.weights, WEIGHTS.concat()),
        ("output", &steps.output, OUTPUT.concat()),
        ("at once", &steps.at_once, OUTPUT.concat()),
    ] {
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found - expected).abs() < 2e-6,
                "{name}: {found} for {expected}"
            );
        }
    }

    // The document shows what the example prints, in both languages.
    let document = include_str!("../docs/attention.md");
    let report = example::report(&steps);
    assert_eq!(document.matches(&report).count(), 2, "{report}");
}
