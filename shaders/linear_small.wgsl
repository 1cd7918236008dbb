// y[r, j] = epilogue(scale[j] * sum over i of x[r, i] * weight[j, i]) for few rows, for n and k that are multiples of 4.
// Each lane has ROWS rows x 4 columns and reads the weight straight from storage: no workgroup memory and no barrier,
// and the narrowest tiles, so that a short text still fills a GPU. Weight and order of additions are linear_tile's,
// so that the bits are too.

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
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;    // panels of 64 columns, four columns a group: [n / 64][k_padded][16] f32, [n / 64][k_padded / 2][16][2 k] f16, [n / 64][k_padded / 4][16][4 k] int8; then scale [n], in int8, and bias [n], in f32
@group(0) @binding(2) var<storage, read> other: array<vec4<f32>>;     // [m, n], read if params.other, or [m, rotated], a cosine, then a sine
@group(0) @binding(3) var<storage, read_write> y: array<vec2<f32>>;   // [m, n], [m, n / 2] if params.gated, or [3, heads, m, head_dim] if params.split_head_dim > 0
@group(1) @binding(0) var<uniform> params: Params;

const WEIGHT_BITS: u32 = 32u;   // 32, 16 or 8
const ROWS: u32 = 1u;           // a lane's: 1 or 2
const LANES_DOWN: u32 = 4u;
const LANES_ACROSS: u32 = 16u;  // of a panel, 16 or fewer
const TILE_K: u32 = 16u;        // k a pass, whose loads are under way together: 16 or 32

const PANEL: u32 = 16u;         // vectors of columns in a panel of the weight
const UNROLL: u32 = TILE_K / 4u;
const LOADS: u32 = WEIGHT_BITS / 8u;  // of the weight, for four k
const WORKGROUP_SIZE: u32 = LANES_DOWN * LANES_ACROSS;

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
        var v = sum;
        if WEIGHT_BITS == 8u { v *= after_weight(column); }
        if params.bias == 1u { v += after_weight(select(0u, params.n, WEIGHT_BITS == 8u) + column); }
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

// Adds four k to one row's four columns, one k after another. The remainders only keep constant indexes in bounds.
fn multiply(packed: ptr<function, array<vec4<u32>, LOADS * UNROLL>>, u: u32, a: vec4<f32>, sum: vec4<f32>) -> vec4<f32> {
    if WEIGHT_BITS == 32u {
        var s = fma(vec4(a.x), bitcast<vec4<f32>>((*packed)[LOADS * u]), sum);
        s = fma(vec4(a.y), bitcast<vec4<f32>>((*packed)[LOADS * u + 1u % LOADS]), s);
        s = fma(vec4(a.z), bitcast<vec4<f32>>((*packed)[LOADS * u + 2u % LOADS]), s);
        return fma(vec4(a.w), bitcast<vec4<f32>>((*packed)[LOADS * u + 3u % LOADS]), s);
    }
    if WEIGHT_BITS == 16u {
        let p = (*packed)[LOADS * u];
        let q = (*packed)[LOADS * u + 1u % LOADS];
        var s = fma(vec4(a.x), vec4(unpack2x16float(p.x), unpack2x16float(p.y)), sum);
        s = fma(vec4(a.y), vec4(unpack2x16float(p.z), unpack2x16float(p.w)), s);
        s = fma(vec4(a.z), vec4(unpack2x16float(q.x), unpack2x16float(q.y)), s);
        return fma(vec4(a.w), vec4(unpack2x16float(q.z), unpack2x16float(q.w)), s);
    }
    let p = (*packed)[LOADS * u];
    var s = fma(vec4(a.x), vec4<f32>(unpack4xI8(p.x)), sum);
    s = fma(vec4(a.y), vec4<f32>(unpack4xI8(p.y)), s);
    s = fma(vec4(a.z), vec4<f32>(unpack4xI8(p.z)), s);
    return fma(vec4(a.w), vec4<f32>(unpack4xI8(p.w)), s);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn linear_small(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    let column_tiles = (params.n + 4u * LANES_ACROSS - 1u) / (4u * LANES_ACROSS);
    let row = tile / column_tiles * LANES_DOWN * ROWS + lane / LANES_ACROSS * ROWS;
    let column4 = tile % column_tiles * LANES_ACROSS + lane % LANES_ACROSS;
    let x_length = params.k / 4u;
    if (row < params.m) & (4u * column4 < params.n) {  // no barrier follows
        var packed: array<vec4<u32>, LOADS * UNROLL>;
        var a: array<vec4<f32>, ROWS * UNROLL>;
        var sums: array<vec4<f32>, ROWS>;
        var x_at: array<u32, ROWS>;
        for (var r = 0u; r < ROWS; r++) { x_at[r] = min(row + r, params.m - 1u) * x_length; }
        let weight_at = column4 / PANEL * (params.k_padded / 4u) * LOADS * PANEL + column4 % PANEL;
        var k4 = 0u;
        for (; k4 + UNROLL <= x_length; k4 += UNROLL) {
            for (var i = 0u; i < LOADS * UNROLL; i++) { packed[i] = weight[weight_at + (k4 * LOADS + i) * PANEL]; }
            for (var r = 0u; r < ROWS; r++) {
                for (var u = 0u; u < UNROLL; u++) { a[r * UNROLL + u] = x[x_at[r] + k4 + u]; }
            }
            for (var u = 0u; u < UNROLL; u++) {
                for (var r = 0u; r < ROWS; r++) { sums[r] = multiply(&packed, u, a[r * UNROLL + u], sums[r]); }
            }
        }
        for (; k4 < x_length; k4++) {
            for (var i = 0u; i < LOADS; i++) { packed[i] = weight[weight_at + (k4 * LOADS + i) * PANEL]; }
            for (var r = 0u; r < ROWS; r++) { sums[r] = multiply(&packed, 0u, x[x_at[r] + k4], sums[r]); }
        }
        for (var r = 0u; r < ROWS; r++) {
            store(row + r, 4u * column4, sums[0]);
            for (var i = 1u; i < ROWS; i++) { sums[i - 1u] = sums[i]; }
        }
    }
}
