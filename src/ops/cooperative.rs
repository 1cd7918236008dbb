//! Where kernels for the matrix units of GPUs may run: NVIDIA's and AMD's take 16 x 16, Apple's 8 x 8.

use crate::gpu::{Capabilities, Vendor};
use crate::graph::Request;
use crate::kernel::{Kernel, Offer};
use crate::tensor::WeightType;

/// The most subgroups of a workgroup, each of which has a block of its results.
pub(super) const SUBGROUPS: u32 = 4;
const LARGEST_WORKGROUP: u32 = 256; // by what is staged: a lane has whole vectors of whole rows

/// What `offer` makes of each kernel whose matrices the adapter has, from the size of those and of a subgroup.
///
/// For f16 weights alone, since f32 ones would lose precision that nobody gave up.
pub(super) fn offers(
    request: &Request<'_>,
    kernels: [&'static Kernel; 2],
    offer: impl Fn(&'static Kernel, u32, u32) -> Offer,
) -> Vec<Offer> {
    let capabilities = request.capabilities;
    let limits = &capabilities.limits;
    let lanes = subgroup_size(capabilities);
    let largest = LARGEST_WORKGROUP
        .min(limits.max_compute_invocations_per_workgroup)
        .min(limits.max_compute_workgroup_size_x);
    if request.weight_type != WeightType::F16 || SUBGROUPS * lanes > largest {
        return vec![];
    }
    let offer_of = |kernel: &'static Kernel| {
        let size = kernel.cooperative_matrix?;
        let is_there = capabilities.cooperative_matrices.contains(&size);
        is_there.then(|| offer(kernel, size, lanes))
    };
    kernels.into_iter().filter_map(offer_of).collect()
}

/// As wide as subgroups most likely are, so that each has a block; with others the kernels are slower, not wrong.
fn subgroup_size(capabilities: &Capabilities) -> u32 {
    match Vendor::of(capabilities) {
        Vendor::Apple => 32, // Metal says 4 to 64
        _ => capabilities.info.subgroup_max_size,
    }
}
