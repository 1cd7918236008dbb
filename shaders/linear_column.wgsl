// y[r, j] = epilogue(scale[j] * sum over i of x[r, i] * weight[j, i]) for few rows and a weight of int8, for n and k that
// are multiples of 4.
// Each lane has 8 rows of one column: a weight is turned into a float once and multiplied 8 times, and x is the same for
// all lanes. Weight and order of additions are linear_tile's, so that the bits are too.

struct Params {
    first_workgroup: u32,  // of those that run now
    m: u32,                // rows of x and y
    n: u32,                // columns of y, or twice as many if gated, a multiple of 4
    k: u32,                // columns of x, a multiple of 4
    bias: u32,             // 1: add the bias
    activation: u32,       // 0: none, else as `activated` has it
    other: u32,            // 1: add `other`, last; 2: multiply by it
    split_head_dim: u32,   // > 0: write query, key and value apart, each contiguous per head of this size
    rotated: u32,          // > 0: turn so many of a head's columns of query and key, by `other`
    gated: u32,            // 1: half of the columns are gates, y has the others times those
    k_padded: u32,         // k as the weight has it, a multiple of 32
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;         // [m, k]
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;    // panels of 64 columns, four columns a group: [n / 64][k_padded / 4][16][4 k]; then scale [n] and bias [n], in f32
@group(0) @binding(2) var<storage, read> other: array<vec4<f32>>;     // [m, n], read if params.other, or [m, rotated], a cosine, then a sine
@group(0) @binding(3) var<storage, read_write> y: array<vec2<f32>>;   // [m, n], [m, n / 2] if params.gated, or [3, heads, m, head_dim] if params.split_head_dim > 0
@group(1) @binding(0) var<uniform> params: Params;

const ROWS: u32 = 8u;
const COLUMNS: u32 = 64u;       // of a panel of the weight, a lane for each
const PANEL: u32 = COLUMNS / 4u;
const UNROLL: u32 = 2u;         // vectors of k a pass, whose weights are loaded together
const WEIGHT_BITS: u32 = 8u;

var<workgroup> tile: array<f32, ROWS * COLUMNS>;  // the sums: of a row, which lanes have apart

// erfc(z) = exp2(-z * p(z)) for z >= 0, so the negative side keeps its relative precision.
// p: minimax fit on [0, 4.25], error of the result at most 1e-7 of max(1, |y|); see scripts/fit_gelu.py.
fn gelu_of(v: vec4<f32>) -> vec4<f32> {
    let z = abs(v) * 0.70710678;  // sqrt(1 / 2)
    let t = min(z, vec4(4.25));
    var p = vec4(3.0432931e-5);
    p = fma(p, t, vec4(-3.1742704e-4));
    p = fma(p, t, vec4(1.0517825e-3));
    p = fma(p, t, vec4(1.5390981e-3));
    p = fma(p, t, vec4(-2.8981689e-2));
    p = fma(p, t, vec4(1.4885336e-1));
    p = fma(p, t, vec4(9.1832429e-1));
    p = fma(p, t, vec4(1.6279168));
    let tail = 0.5 * v * exp2(-z * p);
    return select(tail, v - tail, v > vec4(0.0));
}

// By its number in `ops/activation.rs`: 1 is gelu, 2 gelu in its tanh form, 3 silu, 4 relu, 5 tanh.
fn activated(v: vec4<f32>, kind: u32) -> vec4<f32> {
    switch kind {
        case 1u: { return gelu_of(v); }
        case 2u: { return v * sigmoid(1.5957691 * v * fma(0.044715 * v, v, vec4(1.0))); }  // 2 sqrt(2 / pi)
        case 3u: { return v * sigmoid(v); }
        case 4u: { return select(v, vec4(0.0), v < vec4(0.0)); }
        case 5u: { return fma(vec4(2.0), sigmoid(2.0 * v), vec4(-1.0)); }
        default: { return v; }
    }
}

// 1 / (1 + exp(-v)), by a power of e that is at most 1.
fn sigmoid(v: vec4<f32>) -> vec4<f32> {
    let e = exp2(-1.442695 * abs(v));  // log2(e)
    return select(vec4(1.0), e, v < vec4(0.0)) / (1.0 + e);
}

fn output_index(row: u32, column: u32) -> u32 {  // in vec2s
    if params.split_head_dim > 0u {
        // [part, head, row, within the head]; parts and heads follow one another among the columns.
        let size = params.split_head_dim;
        return ((column / size * params.m + row) * size + column % size) / 2u;
    }
    return (row * params.n + column) / 2u;
}

// Four of the f32 that follow the weight.
fn after_weight(place: u32) -> vec4<f32> {
    let start = (params.n + 63u) / 64u * PANEL * (params.k_padded / (32u / WEIGHT_BITS));
    return bitcast<vec4<f32>>(weight[start + place / 4u]);
}

// Where query and key are turned, the weight has two of a head's columns before the two that are paired with them.
fn store_pairs(row: u32, column: u32, v: vec4<f32>) {
    let at = output_index(row, column);
    let d = column % max(params.split_head_dim, 1u);
    if (d < params.rotated) & (column < params.n / 3u * 2u) {
        let turn = other[(row * params.rotated + d) / 4u];
        y[at - d / 4u] = fma(v.xy, turn.xz, -v.zw * turn.yw);
        y[at - d / 4u + params.rotated / 4u] = fma(v.zw, turn.xz, v.xy * turn.yw);
    } else {
        y[at] = v.xy;
        y[at + 1u] = v.zw;
    }
}

// Where columns are gated, the weight has two gates before the two columns that pass them.
fn store(row: u32, column: u32, sum: vec4<f32>) {
    if (row < params.m) & (column < params.n) {
        var v = sum * after_weight(column);
        if params.bias == 1u { v += after_weight(params.n + column); }
        let passed = v.zw;
        v = activated(v, params.activation);
        if params.other == 1u { v += other[(row * params.n + column) / 4u]; }
        if params.other == 2u { v *= other[(row * params.n + column) / 4u]; }
        if params.gated == 1u {
            y[row * (params.n / 4u) + column / 4u] = v.xy * passed;
        } else {
            store_pairs(row, column, v);
        }
    }
}

// Adds four k to each row, one k after another: of four columns' weights those that begin at a bit.
fn multiply(packed: vec4<u32>, bit: u32, k4: u32, x_at: ptr<function, array<u32, ROWS>>, sums: ptr<function, array<f32, ROWS>>) {
    let w = vec4<f32>(extractBits(bitcast<vec4<i32>>(packed), bit, 8u));
    for (var r = 0u; r < ROWS; r++) {
        let a = x[(*x_at)[r] + k4];
        (*sums)[r] = fma(a.w, w.w, fma(a.z, w.z, fma(a.y, w.y, fma(a.x, w.x, (*sums)[r]))));
    }
}

@compute @workgroup_size(COLUMNS)
fn linear_column(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    let panels = (params.n + COLUMNS - 1u) / COLUMNS;
    let row = at / panels * ROWS;
    let panel = at % panels;
    let x_length = params.k / 4u;
    if row < params.m {  // the same for the whole workgroup
        var packed: array<vec4<u32>, UNROLL>;
        var sums: array<f32, ROWS>;
        var x_at: array<u32, ROWS>;
        for (var r = 0u; r < ROWS; r++) { x_at[r] = min(row + r, params.m - 1u) * x_length; }
        let weight_at = panel * (params.k_padded / 4u) * PANEL + lane / 4u;
        let bit = 8u * (lane % 4u);
        var k4 = 0u;
        for (; k4 + UNROLL <= x_length; k4 += UNROLL) {
            for (var u = 0u; u < UNROLL; u++) { packed[u] = weight[weight_at + (k4 + u) * PANEL]; }
            for (var u = 0u; u < UNROLL; u++) { multiply(packed[u], bit, k4 + u, &x_at, &sums); }
        }
        for (; k4 < x_length; k4++) { multiply(weight[weight_at + k4 * PANEL], bit, k4, &x_at, &sums); }
        for (var r = 0u; r < ROWS; r++) { tile[r * COLUMNS + lane] = sums[r]; }
        workgroupBarrier();
        for (var i = lane; i < ROWS * PANEL; i += COLUMNS) {
            let first = 4u * i;
            store(row + i / PANEL, panel * COLUMNS + 4u * (i % PANEL), vec4(tile[first], tile[first + 1u], tile[first + 2u], tile[first + 3u]));
        }
    }
}
