//! The kernels of one element at a time: one `Params` for all.

use std::sync::Arc;

use crate::graph::Request;
use crate::kernel::{Access, Binding, Constants, Dispatch, Kernel, Offer, Variant};

/// The one way to run them: the operands, all of one shape, and the result lie in buffers.
pub(super) fn offers(
    kernel: &'static Kernel,
    constants: Constants,
    request: &Request<'_>,
) -> Vec<Offer> {
    let shape = request.operands[0].shape.clone();
    let variant = Variant {
        kernel,
        constants,
        tile: None,
        bindings: (0..request.operands.len()).map(Binding::Operand).collect(),
        dispatch: Arc::new(move |sizes| {
            let count = shape.elements(sizes);
            let params = Params {
                count: count as u32,
            };
            Dispatch::new(count.div_ceil(WORKGROUP_SIZE), &params)
        }),
    };
    vec![variant.into()]
}

pub(super) static ACTIVATION: Kernel = Kernel {
    name: "activation",
    wgsl: include_str!("../../shaders/activation.wgsl"),
    bindings: &[Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &["KIND"],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static ADD: Kernel = Kernel {
    name: "add",
    wgsl: include_str!("../../shaders/add.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &[],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

pub(super) static MULTIPLY: Kernel = Kernel {
    name: "multiply",
    wgsl: include_str!("../../shaders/multiply.wgsl"),
    bindings: &[Access::Read, Access::Read, Access::ReadWrite],
    params_size: size_of::<Params>(),
    constants: &[],
    features: wgpu::Features::empty(),
    cooperative_matrix: None,
};

const WORKGROUP_SIZE: usize = 64; // as the shaders have it

#[repr(C)]
#[derive(Clone, Copy, bytemuck::NoUninit)]
struct Params {
    count: u32,
}
