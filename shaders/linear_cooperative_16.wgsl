enable f16;
enable wgpu_cooperative_matrix;

// y[r, j] = epilogue(sum over i of x[r, i] * weight[j, i] + bias[j]) by cooperative matrices of 16 x 16, for n and k
// that are multiples of 4. x and the weight are rounded to f16, sums are f32. One workgroup per TILE_ROWS x TILE_COLUMNS
// outputs, one subgroup per BLOCK_ROWS x BLOCK_COLUMNS of them; best with as many subgroups as blocks, right with any number.
// linear_cooperative_8.wgsl is the same text but for the sizes.

struct Params {
    first_workgroup: u32,  // of those that run now
    m: u32,                // rows of x and y
    n: u32,                // columns of y, or twice as many if gated, a multiple of 4
    k: u32,                // columns of x, a multiple of 4
    bias: u32,             // 1: add `bias`
    activation: u32,       // 0: none, else as `activated` has it
    other: u32,            // 1: add `other`, last; 2: multiply by it
    split_head_dim: u32,   // > 0: write query, key and value apart, each contiguous per head of this size
    rotated: u32,          // > 0: turn so many of a head's columns of query and key, by `other`
    gated: u32,            // 1: half of the columns are gates, y has the others times those
    k_padded: u32,         // k as the weight has it, a multiple of 32
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;         // [m, k]
@group(0) @binding(1) var<storage, read> weight: array<f16>;          // [n_padded / MATRIX][k_padded / MATRIX][MATRIX columns][MATRIX k], n_padded a multiple of 64
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;      // [n], read if params.bias
@group(0) @binding(3) var<storage, read> other: array<vec4<f32>>;     // [m, n], read if params.other, or [m, rotated], a cosine, then a sine
@group(0) @binding(4) var<storage, read_write> y: array<vec2<f32>>;   // [m, n], [m, n / 2] if params.gated, or [3, heads, m, head_dim] if params.split_head_dim > 0
@group(1) @binding(0) var<uniform> params: Params;

alias MatrixA = coop_mat16x16<f16, A>;
alias MatrixB = coop_mat16x16<f16, B>;
alias MatrixC = coop_mat16x16<f32, C>;
const MATRIX: u32 = 16u;

const WORKGROUP_SIZE: u32 = 128u;  // the subgroup size, times blocks
const TILE_ROWS: u32 = 64u;        // or 16
const TILE_COLUMNS: u32 = 64u;
const TILE_K: u32 = 32u;           // k_padded is a multiple of it
const BLOCK_ROWS: u32 = min(TILE_ROWS, 32u);  // of a subgroup's outputs
const BLOCK_COLUMNS: u32 = 32u;
const DOWN: u32 = BLOCK_ROWS / MATRIX;        // of a block, in matrices
const ACROSS: u32 = BLOCK_COLUMNS / MATRIX;
const BLOCKS_ACROSS: u32 = TILE_COLUMNS / BLOCK_COLUMNS;
const BLOCKS: u32 = TILE_ROWS / BLOCK_ROWS * BLOCKS_ACROSS;
const A_STRIDE: u32 = TILE_K + 8u; // 8 more, so that rows start in different banks
const X_LOADS: u32 = TILE_ROWS * TILE_K / 4u / WORKGROUP_SIZE;  // vectors of x that a lane stages
const X_STEP: u32 = WORKGROUP_SIZE / (TILE_K / 4u);              // in rows, from one to the next
const LINES: u32 = BLOCK_COLUMNS / 4u;  // vectors of a block's row
const STRIP: u32 = MATRIX * LINES; // vectors of a block's MATRIX rows

var<workgroup> a_tile: array<f16, TILE_ROWS * A_STRIDE>;          // [row][k]
var<workgroup> strips: array<f32, (BLOCKS + 1u) * MATRIX * BLOCK_COLUMNS>;  // MATRIX rows of every block's sums, [block][row][column]; one to spare

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
        if params.bias == 1u { v += bias[column / 4u]; }
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

// x in f16; zero past its last row and column, for cooperative loads have no bounds. All loads are under way together.
fn stage_x(first_row: u32, first_k: u32, lane: u32) {
    let stride = params.k / 4u;
    var loads: array<vec4<f32>, X_LOADS>;
    for (var i = 0u; i < X_LOADS; i++) {
        let row = first_row + lane / (TILE_K / 4u) + i * X_STEP;
        let k4 = first_k / 4u + lane % (TILE_K / 4u);
        let inside = (row < params.m) & (k4 < stride);
        loads[i] = select(vec4(0.0), x[min(row * stride + k4, params.m * stride - 1u)], inside);
    }
    for (var i = 0u; i < X_LOADS; i++) {
        let at = (lane / (TILE_K / 4u) + i * X_STEP) * A_STRIDE + lane % (TILE_K / 4u) * 4u;
        let v = vec4<f16>(loads[i]);
        a_tile[at] = v.x;
        a_tile[at + 1u] = v.y;
        a_tile[at + 2u] = v.z;
        a_tile[at + 3u] = v.w;
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn linear_cooperative_16(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
) {
    let tile = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    let column_tiles = (params.n + TILE_COLUMNS - 1u) / TILE_COLUMNS;
    let first_row = tile / column_tiles * TILE_ROWS;
    let first_column = tile % column_tiles * TILE_COLUMNS;
    if first_row < params.m {
        // One pass, unless subgroups are wider than a quarter of the workgroup.
        for (var first_block = 0u; first_block < BLOCKS; first_block += subgroups) {
            // Cooperative operations need uniform control flow: subgroups too many compute a block that nobody reads.
            let block = min(first_block + subgroup, BLOCKS);
            let block_row = block % BLOCKS / BLOCKS_ACROSS * BLOCK_ROWS;
            let block_column = block % BLOCKS_ACROSS * BLOCK_COLUMNS;
            var sums: array<array<MatrixC, ACROSS>, DOWN>;
            var a: array<MatrixA, DOWN>;
            for (var first_k = 0u; first_k < params.k_padded; first_k += TILE_K) {
                stage_x(first_row, first_k, lane);
                workgroupBarrier();
                for (var k = 0u; k < TILE_K; k += MATRIX) {
                    for (var i = 0u; i < DOWN; i++) {
                        a[i] = coopLoadT<MatrixA>(&a_tile[(block_row + i * MATRIX) * A_STRIDE + k], A_STRIDE);
                    }
                    for (var j = 0u; j < ACROSS; j++) {
                        let panel = (first_column + block_column) / MATRIX + j;
                        let at = (panel * (params.k_padded / MATRIX) + (first_k + k) / MATRIX) * MATRIX * MATRIX;
                        let b = coopLoad<MatrixB>(&weight[at], MATRIX);
                        for (var i = 0u; i < DOWN; i++) {
                            sums[i][j] = coopMultiplyAdd(a[i], b, sums[i][j]);
                        }
                    }
                }
                workgroupBarrier();
            }
            for (var i = 0u; i < DOWN; i++) {
                for (var j = 0u; j < ACROSS; j++) {
                    coopStoreT(sums[i][j], &strips[block * MATRIX * BLOCK_COLUMNS + j * MATRIX], BLOCK_COLUMNS);
                }
                workgroupBarrier();
                for (var v = lane; v < BLOCKS * STRIP; v += WORKGROUP_SIZE) {
                    let of_block = v / STRIP;
                    if (of_block >= first_block) & (of_block < first_block + subgroups) {
                        let row = of_block / BLOCKS_ACROSS * BLOCK_ROWS + i * MATRIX + v % STRIP / LINES;
                        let column = of_block % BLOCKS_ACROSS * BLOCK_COLUMNS + 4u * (v % LINES);
                        let sum = vec4(strips[4u * v], strips[4u * v + 1u], strips[4u * v + 2u], strips[4u * v + 3u]);
                        store(first_row + row, first_column + column, sum);
                    }
                }
                workgroupBarrier();
            }
        }
    }
}
