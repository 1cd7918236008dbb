//! What the engine's matrix products are compared with: the textbook's, measured in the same run.

use std::time::Duration;

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};
use wgformer::Gpu;
use wgformer::verify::Random;

use super::SEED;
use super::product::Product;
use super::summary::{Repeats, Summary};

/// What it came to.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Reference {
    /// Rows and columns of the result, and what is summed up.
    pub(crate) shape: [usize; 3],
    pub(crate) flops_per_second: f64,
    pub(crate) time: Summary,
}

/// Ready to be timed, alone or in turns with something else.
pub(crate) struct Baseline {
    product: Product,
    shape: [usize; 3],
}

impl Baseline {
    /// # Errors
    /// If it computes wrongly, or the device was lost.
    pub(crate) fn new(gpu: &Gpu) -> Result<Self> {
        let shape = if gpu.capabilities().is_software() {
            [128, 384, 384]
        } else {
            [1024, 1536, 384]
        };
        let [m, n, k] = shape;
        let mut random = Random::new(SEED);
        let mut values = |count: usize| (0..count).map(|_| random.unit()).collect::<Vec<f32>>();
        let (a, b) = (values(m * k), values(k * n));
        let product = Product::new(gpu, shape, &a, &b)?;
        product.time(1)?;
        check(&product.result()?, shape, &a, &b)?;
        Ok(Self { product, shape })
    }

    /// # Errors
    /// If the device was lost.
    pub(crate) fn measure(&self, repeats: Repeats) -> Result<Reference> {
        let time = repeats.of(|| self.time())?;
        Ok(Reference {
            shape: self.shape,
            flops_per_second: time.rate(self.flops()),
            time,
        })
    }

    /// Once.
    ///
    /// # Errors
    /// If the device was lost.
    pub(crate) fn time(&self) -> Result<Duration> {
        self.product.time(1)
    }

    /// Its multiplications and additions.
    pub(crate) fn flops(&self) -> f64 {
        2.0 * self.shape.iter().product::<usize>() as f64
    }
}

/// Some rows of `[m, n]` against sums in f64.
fn check(found: &[f32], [m, n, k]: [usize; 3], a: &[f32], b: &[f32]) -> Result<()> {
    for row in [0, m / 2, m - 1] {
        for column in 0..n {
            let products = (0..k).map(|i| f64::from(a[row * k + i]) * f64::from(b[i * n + column]));
            let expected: f64 = products.sum();
            let found = found[row * n + column];
            if (f64::from(found) - expected).abs() > 1e-3 {
                return Err(anyhow!(
                    "the reference product computes wrongly on this adapter: {found} in place of {expected} at {row}, {column}"
                ));
            }
        }
    }
    Ok(())
}
