// y[r, j] = epilogue(scale[j] * sum over i of x[r, i] * weight[j, i]), for any m, n and k.
// One lane per output: right everywhere, slow everywhere; the other variants of `linear` give the same bits.

struct Params {
    first_workgroup: u32,  // of those that run now
    m: u32,                // rows of x and y
    n: u32,                // columns of y, or twice as many if gated
    k: u32,                // columns of x
    bias: u32,             // 1: add the bias
    activation: u32,       // 0: none, else as `activated` has it
    other: u32,            // 1: add `other`, last; 2: multiply by it
    split_head_dim: u32,   // > 0: write query, key and value apart, each contiguous per head of this size
    rotated: u32,          // > 0: turn so many of a head's columns of query and key, by `other`
    gated: u32,            // 1: half of the columns are gates, y has the others times those
}

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [m, k]
@group(0) @binding(1) var<storage, read> weight: array<u32>;    // [n, k] in row-major order, an f32, two f16 or four int8 a word; then scale [n], in int8, and bias [n], in f32
@group(0) @binding(2) var<storage, read> other: array<f32>;     // [m, n], read if params.other, or [m, rotated], a cosine, then a sine
@group(0) @binding(3) var<storage, read_write> y: array<f32>;   // [m, n], [m, n / 2] if params.gated, or [3, heads, m, head_dim] if params.split_head_dim > 0
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 64u;
const WEIGHT_BITS: u32 = 32u;

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

fn weight_at(element: u32) -> f32 {
    if WEIGHT_BITS == 8u {
        return f32(unpack4xI8(weight[element / 4u])[element % 4u]);
    }
    if WEIGHT_BITS == 16u {
        return unpack2x16float(weight[element / 2u])[element % 2u];
    }
    return bitcast<f32>(weight[element]);
}

// One of the f32 that follow the weight.
fn after_weight(place: u32) -> f32 {
    let per_word = 32u / WEIGHT_BITS;
    return bitcast<f32>(weight[(params.n * params.k + per_word - 1u) / per_word + place]);
}

fn output_index(row: u32, column: u32) -> u32 {
    if params.split_head_dim > 0u {
        // [part, head, row, within the head]; parts and heads follow one another among the columns.
        let size = params.split_head_dim;
        return (column / size * params.m + row) * size + column % size;
    }
    return row * columns() + column;
}

// Of y. Gates are the first half of the weight's.
fn columns() -> u32 {
    return select(params.n, params.n / 2u, params.gated == 1u);
}

// Of one row of x and one of the weight's columns.
fn product(row: u32, column: u32) -> f32 {
    var sum = 0.0;
    for (var i = 0u; i < params.k; i++) {
        sum = fma(x[row * params.k + i], weight_at(column * params.k + i), sum);
    }
    if WEIGHT_BITS == 8u { sum *= after_weight(column); }
    if params.bias == 1u { sum += after_weight(select(0u, params.n, WEIGHT_BITS == 8u) + column); }
    return sum;
}

// An element of query or key, with the one that it is paired with.
fn turned(row: u32, column: u32, d: u32, v: f32) -> f32 {
    let half = params.rotated / 2u;
    let is_first = d < half;
    let partner = product(row, select(column - half, column + half, is_first));
    let at = row * params.rotated + 2u * (d % half);
    return fma(v, other[at], select(partner, -partner, is_first) * other[at + 1u]);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn linear(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let output = (params.first_workgroup + workgroup.x + workgroup.y * workgroups.x) * WORKGROUP_SIZE + lane;
    if output < params.m * columns() {
        let row = output / columns();
        let column = output % columns();
        var v = activated(product(row, column), params.activation);
        if params.other == 1u { v += other[row * params.n + column]; }
        if params.other == 2u { v *= other[row * params.n + column]; }
        if params.gated == 1u { v *= product(row, params.n / 2u + column); }
        let d = column % max(params.split_head_dim, 1u);
        if (d < params.rotated) & (column < params.n / 3u * 2u) { v = turned(row, column, d, v); }
        y[output_index(row, column)] = v;
    }
}
