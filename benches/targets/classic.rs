//! The textbook's matrix product for GPUs: what this engine's own is compared with.

use wgformer::Gpu;
use wgformer::tensor::Tensor;

use super::Best;
use super::product::Product;

/// A product that is timed in rounds.
pub(crate) struct ClassicTile {
    product: Product,
    dispatches: u32,
    best: Best,
}

impl ClassicTile {
    /// How long the dispatches of one submit should take, in seconds.
    const ENOUGH: f64 = 0.4;

    /// `x`: `[m, k]`; `weight`: `[n, k]`; m and n must be multiples of 64, k of 16.
    pub(crate) fn new(gpu: &Gpu, x: &[f32], weight: &Tensor) -> Self {
        let [n, k] = *weight.shape() else {
            panic!("a matrix has two axes")
        };
        // As the textbook has it, and its reads are contiguous.
        let columns = (0..k).flat_map(|row| (0..n).map(move |column| column * k + row));
        let transposed: Vec<f32> = columns.map(|place| weight.f32()[place]).collect();
        let product = Product::new(gpu, [x.len() / k, n, k], x, &transposed).unwrap();
        product.time(1).unwrap(); // the driver compiles
        let once = product.time(1).unwrap().as_secs_f64();
        Self {
            product,
            dispatches: (Self::ENOUGH / once).ceil().clamp(1.0, 32.0) as u32,
            best: Best::new(),
        }
    }

    /// One submit of several dispatches.
    pub(crate) fn round(&mut self) {
        self.best.keep(self.product.time(self.dispatches).unwrap());
    }

    /// What one dispatch takes.
    pub(crate) fn seconds(&self) -> f64 {
        self.best.0 / f64::from(self.dispatches)
    }

    /// `[m, n]`
    pub(crate) fn result(&self) -> Vec<f32> {
        self.product.result().unwrap()
    }
}
