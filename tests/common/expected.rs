//! What Hugging Face computed, as the scripts in `tests/data/` wrote it.

use std::collections::HashMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use wgformer::tensor::{Data, Tensor};

/// The tensors of a safetensors file, by name.
pub(crate) fn read(path: &Path) -> HashMap<String, Tensor> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = file.iter().map(|(name, view)| {
        let data: Data = match view.dtype() {
            Dtype::F32 => bytemuck::pod_collect_to_vec::<u8, f32>(view.data()).into(),
            Dtype::I64 => integers(view.data()).into(),
            other => panic!("no script writes {other:?}"),
        };
        (name.to_owned(), Tensor::new(view.shape(), data))
    });
    tensors.collect()
}

fn integers(bytes: &[u8]) -> Vec<u32> {
    let integers: Vec<i64> = bytemuck::pod_collect_to_vec(bytes);
    let integers = integers.into_iter().map(u32::try_from);
    integers.collect::<Result<_, _>>().unwrap()
}

/// The largest difference of two elements; NaN is larger than anything.
pub(crate) fn max_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |worst, next| if next <= worst { worst } else { next })
}
