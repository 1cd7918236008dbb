// y[i] = activation(x[i]).
// One lane per element.

struct Params {
    first_workgroup: u32,  // of those that run now
    count: u32,            // elements
}

@group(0) @binding(0) var<storage, read> x: array<f32>;        // [count]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [count]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 64u;
const KIND: u32 = 1u;  // as `activated` has it

// erfc(z) = exp2(-z * p(z)) for z >= 0, so the negative side keeps its relative precision.
// p: minimax fit on [0, 4.25], error of the result at most 1e-7 of max(1, |y|); see scripts/fit_gelu.py.
fn gelu_of(v: f32) -> f32 {
    let z = abs(v) * 0.70710678;  // sqrt(1 / 2)
    let t = min(z, 4.25);
    var p = 3.0432931e-5;
    p = fma(p, t, -3.1742704e-4);
    p = fma(p, t, 1.0517825e-3);
    p = fma(p, t, 1.5390981e-3);
    p = fma(p, t, -2.8981689e-2);
    p = fma(p, t, 1.4885336e-1);
    p = fma(p, t, 9.1832429e-1);
    p = fma(p, t, 1.6279168);
    let tail = 0.5 * v * exp2(-z * p);
    return select(tail, v - tail, v > 0.0);
}

// By its number in `ops/activation.rs`: 1 is gelu, 2 gelu in its tanh form, 3 silu, 4 relu, 5 tanh.
fn activated(v: f32, kind: u32) -> f32 {
    switch kind {
        case 1u: { return gelu_of(v); }
        case 2u: { return v * sigmoid(1.5957691 * v * fma(0.044715 * v, v, 1.0)); }  // 2 sqrt(2 / pi)
        case 3u: { return v * sigmoid(v); }
        case 4u: { return select(v, 0.0, v < 0.0); }
        case 5u: { return fma(2.0, sigmoid(2.0 * v), -1.0); }
        default: { return v; }
    }
}

// 1 / (1 + exp(-v)), by a power of e that is at most 1.
fn sigmoid(v: f32) -> f32 {
    let e = exp2(-1.442695 * abs(v));  // log2(e)
    return select(1.0, e, v < 0.0) / (1.0 + e);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn activation(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (params.first_workgroup + workgroup.x + workgroup.y * workgroups.x) * WORKGROUP_SIZE + lane;
    if i < params.count {
        y[i] = activated(x[i], KIND);
    }
}
