// y[r, j] = epilogue(scale[j] * sum over i of x[r, i] * weight[j, i]), for n and k that are multiples of 4.
// One subgroup per ROWS x (4 * VECTORS * LANES) outputs, all in registers: each lane loads its share of a block of x
// once and passes it round by shuffles at constant lanes, and reads the weight of its own columns straight from storage,
// so that there is no workgroup memory and no barrier. LANES must be the adapter's only subgroup size.
// Weight and order of additions are linear_tile's, so that the bits are too.

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

const WEIGHT_BITS: u32 = 32u;  // 32, 16 or 8
const LANES: u32 = 32u;        // of every subgroup: 4, 8, 16, 32 or 64
const ROWS: u32 = 8u;          // of a subgroup, a power of two, at least LANES / 8: a block of x is at most 32 k deep
const VECTORS: u32 = 2u;       // a lane's columns, four to a vector

const SUBGROUPS: u32 = 4u;     // of a workgroup, one below another: they read the same weight
const WORKGROUP_SIZE: u32 = SUBGROUPS * LANES;
const PANEL: u32 = 16u;        // vectors of columns in a panel of the weight
const LOADS: u32 = WEIGHT_BITS / 8u;                // of the weight, for four k
const DEPTH: u32 = max(LANES / ROWS, 1u);           // of a block of x, in fours of k
const X_LOADS: u32 = ROWS * DEPTH / LANES;          // a lane's vectors of a block

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

// Four columns of the weight for four k, a column of the matrix for each k.
fn load_weight(at: u32) -> mat4x4<f32> {
    let p = weight[at];
    if WEIGHT_BITS == 8u {
        return mat4x4(
            vec4<f32>(unpack4xI8(p.x)),
            vec4<f32>(unpack4xI8(p.y)),
            vec4<f32>(unpack4xI8(p.z)),
            vec4<f32>(unpack4xI8(p.w)),
        );
    }
    let q = weight[at + PANEL];
    if WEIGHT_BITS == 16u {
        return mat4x4(
            vec4(unpack2x16float(p.x), unpack2x16float(p.y)),
            vec4(unpack2x16float(p.z), unpack2x16float(p.w)),
            vec4(unpack2x16float(q.x), unpack2x16float(q.y)),
            vec4(unpack2x16float(q.z), unpack2x16float(q.w)),
        );
    }
    return mat4x4(
        bitcast<vec4<f32>>(p),
        bitcast<vec4<f32>>(q),
        bitcast<vec4<f32>>(weight[at + 2u * PANEL]),
        bitcast<vec4<f32>>(weight[at + 3u * PANEL]),
    );
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn linear_subgroup(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tile = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    let column_tiles = (params.n / 4u + VECTORS * LANES - 1u) / (VECTORS * LANES);
    let first_row = (tile / column_tiles * SUBGROUPS + subgroup) * ROWS;
    let column4 = tile % column_tiles * VECTORS * LANES + lane;  // this lane's columns: every LANES-th vector from here
    if first_row < params.m {
        let x_length = params.k / 4u;
        var sums: array<array<vec4<f32>, VECTORS>, ROWS>;
        var a: array<vec4<f32>, X_LOADS>;
        var b: array<mat4x4<f32>, VECTORS>;
        // A block of x lies across the lanes, row after row; past the last row it repeats that one.
        var x_at: array<u32, X_LOADS>;
        for (var i = 0u; i < X_LOADS; i++) {
            x_at[i] = min(first_row + (i * LANES + lane) % ROWS, params.m - 1u) * x_length;
        }
        var weight_at: array<u32, VECTORS>;
        for (var v = 0u; v < VECTORS; v++) {
            let c4 = min(column4 + v * LANES, params.n / 4u - 1u);  // a tile may be wider than what is left
            weight_at[v] = c4 / PANEL * (params.k_padded / 4u) * LOADS * PANEL + c4 % PANEL;
        }
        for (var first = 0u; first < x_length; first += DEPTH) {
            let k4 = first + lane / ROWS % DEPTH;
            for (var i = 0u; i < X_LOADS; i++) {  // past the end of a row come zeros
                a[i] = select(vec4(0.0), x[x_at[i] + min(k4, x_length - 1u)], k4 < x_length);
            }
            for (var d = 0u; d < DEPTH; d++) {
                for (var v = 0u; v < VECTORS; v++) {
                    b[v] = load_weight(weight_at[v] + (first + d) * LOADS * PANEL);
                }
                for (var r = 0u; r < ROWS; r++) {  // where a lane has several vectors of x, d is 0
                    let of_row = subgroupShuffle(a[r / LANES], d * ROWS + r % LANES);
                    for (var v = 0u; v < VECTORS; v++) {
                        sums[r][v] = fma(vec4(of_row.x), b[v][0], sums[r][v]);
                        sums[r][v] = fma(vec4(of_row.y), b[v][1], sums[r][v]);
                        sums[r][v] = fma(vec4(of_row.z), b[v][2], sums[r][v]);
                        sums[r][v] = fma(vec4(of_row.w), b[v][3], sums[r][v]);
                    }
                }
            }
        }
        // As in linear_tile: the rows move up through the first, so that the loop need not be written out.
        for (var r = 0u; r < ROWS; r++) {
            for (var v = 0u; v < VECTORS; v++) {
                store(first_row + r, 4u * (column4 + v * LANES), sums[0][v]);
            }
            for (var i = 1u; i < ROWS; i++) {
                sums[i - 1u] = sums[i];
            }
        }
    }
}
