//! Every kernel against `reference/`, from the case table, on the adapter that the environment selects.
#![expect(clippy::print_stdout, reason = "a test's report")]

mod common;

use wgformer::verify;

#[test]
fn every_kernel_agrees_with_the_reference() {
    let (gpu, _turn) = common::gpu();
    let mut failures = Vec::new();
    let mut worst = std::collections::BTreeMap::new();
    for case in verify::cases().unwrap() {
        for outcome in
            verify::check(&gpu, &case).unwrap_or_else(|error| panic!("{}: {error}", case.name))
        {
            let worst = worst.entry(outcome.kernel).or_insert(0.0_f64);
            *worst = worst.max(outcome.worst);
            failures.extend(outcome.failure.is_some().then(|| outcome.to_string()));
        }
    }
    println!("largest errors, as shares of the tolerance: {worst:#?}");
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
