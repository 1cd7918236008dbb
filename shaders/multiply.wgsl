// Product of two tensors of one shape, element by element: y[i] = a[i] * b[i].
// One lane per element.

struct Params {
    first_workgroup: u32,  // of those that run now
    count: u32,            // elements
}

@group(0) @binding(0) var<storage, read> a: array<f32>;        // [count]
@group(0) @binding(1) var<storage, read> b: array<f32>;        // [count]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;  // [count]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 64u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn multiply(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (params.first_workgroup + workgroup.x + workgroup.y * workgroups.x) * WORKGROUP_SIZE + lane;
    if i < params.count {
        y[i] = a[i] * b[i];
    }
}
