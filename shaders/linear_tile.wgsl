// y[r, j] = epilogue(scale[j] * sum over i of x[r, i] * weight[j, i]), for n and k that are multiples of 4.
// One workgroup of 128 lanes per 64 x 64 outputs: 64 x 32 of x and 32 x 64 of the weight pass through
// workgroup memory, 8 x 4 outputs stay in each lane's registers. The portable variant for GPUs.

struct Params {
    m: u32,         // rows of x and y
    n: u32,         // columns of y, a multiple of 4
    k: u32,         // columns of x, a multiple of 4
    k_padded: u32,  // k as the weight has it
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;         // [m, k]
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;    // [n / TILE][k_padded][TILE] in f32, [n / TILE][k_padded / 2][TILE / 4][2][4] in f16, [n / TILE][k_padded / 4][TILE / 4][4][4] in int8
@group(0) @binding(2) var<storage, read> scale: array<vec4<f32>>;     // [n], read in int8
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;      // [n], read if BIAS
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;  // [m, n], read if RESIDUAL
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;   // [m, n], or [3, heads, m, head_dim] if SPLIT_HEAD_DIM > 0
@group(1) @binding(0) var<uniform> params: Params;

const WEIGHT_BITS: u32 = 32u;
const BIAS: u32 = 1u;            // 1: add `bias`
const ACTIVATION: u32 = 0u;      // 0: none, 1: gelu
const RESIDUAL: u32 = 0u;        // 1: add `residual`, last
const SPLIT_HEAD_DIM: u32 = 0u;  // > 0: write query, key and value apart, each contiguous per head of this size
const HEAD_DIM: u32 = max(SPLIT_HEAD_DIM, 1u);  // a divisor, even where it is not used

const TILE: u32 = 64u;     // rows and columns of outputs
const TILE_K: u32 = 32u;   // k_padded is a multiple of it
const PANEL: u32 = TILE / 4u;           // vectors of a panel of the weight
const WORKGROUP_SIZE: u32 = TILE * TILE / 32u;  // each lane has 8 x 4 outputs

var<workgroup> a_tile: array<vec4<f32>, TILE_K * TILE / 4u>;  // [k][rows / 4], four rows a vector
var<workgroup> b_tile: array<vec4<f32>, TILE_K * TILE / 4u>;  // [k][columns / 4], four columns a vector

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

fn output_index(row: u32, column: u32) -> u32 {  // in vec4s
    if SPLIT_HEAD_DIM > 0u {
        // [part, head, row, within the head]; parts and heads follow one another among the columns.
        return ((column / HEAD_DIM * params.m + row) * HEAD_DIM + column % HEAD_DIM) / 4u;
    }
    return (row * params.n + column) / 4u;
}

fn store(row: u32, column: u32, sum: vec4<f32>) {
    if row < params.m && column < params.n {
        var v = sum;
        if WEIGHT_BITS == 8u { v *= scale[column / 4u]; }
        if BIAS == 1u { v += bias[column / 4u]; }
        if ACTIVATION == 1u { v = gelu_of(v); }
        if RESIDUAL == 1u { v += residual[(row * params.n + column) / 4u]; }
        y[output_index(row, column)] = v;
    }
}

// Four columns of the weight at k = 4 * k4 + 0..3, for this lane's place in a panel.
fn load_weight(panel: u32, k4: u32, lane: u32, into: ptr<function, array<vec4<f32>, 4>>) {
    if WEIGHT_BITS == 8u {
        let packed = weight[(panel * params.k_padded / 4u + k4) * PANEL + lane];
        for (var i = 0u; i < 4u; i++) {
            (*into)[i] = vec4<f32>(unpack4xI8(packed[i]));
        }
    } else if WEIGHT_BITS == 16u {
        for (var i = 0u; i < 2u; i++) {
            let packed = weight[(panel * params.k_padded / 2u + k4 * 2u + i) * PANEL + lane];
            (*into)[2u * i] = vec4(unpack2x16float(packed.x), unpack2x16float(packed.y));
            (*into)[2u * i + 1u] = vec4(unpack2x16float(packed.z), unpack2x16float(packed.w));
        }
    } else {
        for (var i = 0u; i < 4u; i++) {
            (*into)[i] = bitcast<vec4<f32>>(weight[(panel * params.k_padded + k4 * 4u + i) * PANEL + lane]);
        }
    }
}

fn load_x(row: u32, k4: u32) -> vec4<f32> {
    if row < params.m && k4 < params.k / 4u {
        return x[row * (params.k / 4u) + k4];
    }
    return vec4(0.0);
}

// Each lane turns one block of 4 rows x 4 k, so that a lane's rows lie side by side for every k.
fn stage_x(first_row: u32, first_k4: u32, lane: u32) {
    let k4 = lane % (TILE_K / 4u);
    let row4 = lane / (TILE_K / 4u);
    let row = first_row + 4u * row4;
    let block = transpose(mat4x4(
        load_x(row, first_k4 + k4),
        load_x(row + 1u, first_k4 + k4),
        load_x(row + 2u, first_k4 + k4),
        load_x(row + 3u, first_k4 + k4),
    ));
    for (var i = 0u; i < 4u; i++) {
        a_tile[(4u * k4 + i) * (TILE / 4u) + row4] = block[i];
    }
}

fn stage_weight(panel: u32, first_k4: u32, lane: u32) {
    var four: array<vec4<f32>, 4>;
    load_weight(panel, first_k4 + lane / PANEL, lane % PANEL, &four);
    for (var i = 0u; i < 4u; i++) {
        b_tile[(4u * (lane / PANEL) + i) * PANEL + lane % PANEL] = four[i];
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn linear_tile(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = workgroup.x + workgroup.y * workgroups.x;
    let column_tiles = (params.n + TILE - 1u) / TILE;
    let first_row = tile / column_tiles * TILE;
    let panel = tile % column_tiles;
    if first_row < params.m {
        let row4 = lane / PANEL * 2u;  // this lane's eight rows, in vectors
        let column4 = lane % PANEL;    // and its four columns
        var sums: array<vec4<f32>, 8>;
        for (var first_k4 = 0u; first_k4 < params.k_padded / 4u; first_k4 += TILE_K / 4u) {
            stage_x(first_row, first_k4, lane);
            stage_weight(panel, first_k4, lane);
            workgroupBarrier();
            for (var k = 0u; k < TILE_K; k++) {
                let top = a_tile[k * (TILE / 4u) + row4];
                let bottom = a_tile[k * (TILE / 4u) + row4 + 1u];
                let b = b_tile[k * (TILE / 4u) + column4];
                sums[0] = fma(vec4(top.x), b, sums[0]);
                sums[1] = fma(vec4(top.y), b, sums[1]);
                sums[2] = fma(vec4(top.z), b, sums[2]);
                sums[3] = fma(vec4(top.w), b, sums[3]);
                sums[4] = fma(vec4(bottom.x), b, sums[4]);
                sums[5] = fma(vec4(bottom.y), b, sums[5]);
                sums[6] = fma(vec4(bottom.z), b, sums[6]);
                sums[7] = fma(vec4(bottom.w), b, sums[7]);
            }
            workgroupBarrier();
        }
        for (var i = 0u; i < 8u; i++) {
            store(first_row + 4u * row4 + i, panel * TILE + 4u * column4, sums[i]);
        }
    }
}
