// y[r, j] = epilogue(scale[j] * sum over i of x[r, i] * weight[j, i]), for n and k that are multiples of 4.
// Tiles of x and of the weight, TILE_K deep, pass through workgroup memory; 4 * ROW_VECTORS x 4 * COLUMN_VECTORS
// outputs stay in each lane's registers. The portable variant for GPUs. Every output adds its k products one after
// another in order of k, by fma in f32, whatever the constants: all tiles give the same bits.

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

const WEIGHT_BITS: u32 = 32u;    // 32, 16 or 8
const ROW_VECTORS: u32 = 2u;     // a lane's rows, in fours
const COLUMN_VECTORS: u32 = 2u;  // a lane's columns, in fours
const LANES_DOWN: u32 = 16u;
const LANES_ACROSS: u32 = 8u;    // LANES_DOWN is a multiple of COLUMN_VECTORS, LANES_ACROSS of 2 * ROW_VECTORS
const TILE_K: u32 = 16u;         // 16 or 32
const UNROLL: u32 = 1u;          // k a pass of the inner loop: 8 is quicker, but spills on Intel
const TOGETHER: u32 = 0u;        // 1: the weight and x are loaded together; 0: one after the other, for fewer registers
const TAIL: u32 = 1u;            // 0: k is a multiple of TILE_K

const PANEL: u32 = 16u;          // vectors of columns in a panel of the weight
const WORKGROUP_SIZE: u32 = LANES_DOWN * LANES_ACROSS;
const TILE_ROWS: u32 = ROW_VECTORS * LANES_DOWN;           // in fours
const TILE_COLUMNS: u32 = COLUMN_VECTORS * LANES_ACROSS;   // in fours
const X_BLOCKS: u32 = TILE_ROWS * TILE_K / 4u;             // of 4 rows x 4 k
const X_LOADS: u32 = (X_BLOCKS + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
const X_STEP: u32 = WORKGROUP_SIZE / TILE_ROWS;            // in k / 4, from one of a lane's blocks to the next
const K_PER_LOAD: u32 = 32u / WEIGHT_BITS;
const WEIGHT_VECTORS: u32 = TILE_COLUMNS * TILE_K / K_PER_LOAD;
const WEIGHT_LOADS: u32 = (WEIGHT_VECTORS + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
const WEIGHT_STEP: u32 = WORKGROUP_SIZE / TILE_COLUMNS;    // in loads of K_PER_LOAD, likewise

var<workgroup> a_tile: array<vec4<f32>, TILE_K * TILE_ROWS>;     // [k][rows / 4], four rows a vector
var<workgroup> b_tile: array<vec4<f32>, TILE_K * TILE_COLUMNS>;  // [k][columns / 4], four columns a vector

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

// This lane's blocks of x, of rows that begin at `row`. No branch, so that all loads are under way together: past the
// last row come values that no output uses, past the last column zeros, for the next row may hold infinities.
fn load_x(row: u32, k4: u32, into: ptr<function, array<vec4<f32>, X_LOADS * 4u>>) {
    let stride = params.k / 4u;
    let last = params.m * stride - 1u;
    for (var i = 0u; i < X_LOADS; i++) {
        for (var j = 0u; j < 4u; j++) {
            var v = x[min(row + k4 + i * X_STEP + j * stride, last)];
            if TAIL == 1u { v = select(vec4(0.0), v, k4 + i * X_STEP < stride); }
            (*into)[4u * i + j] = v;
        }
    }
}

// Turns the blocks, so that a lane's rows lie side by side for every k. Two lanes read 8 k of a row, 32 bytes in one
// piece; the next lanes have the next rows, for few bank conflicts.
fn stage_x(lane: u32, blocks: ptr<function, array<vec4<f32>, X_LOADS * 4u>>) {
    let at = 4u * (lane % 2u + lane / (2u * TILE_ROWS) * 2u) * TILE_ROWS + lane / 2u % TILE_ROWS;
    for (var i = 0u; i < X_LOADS; i++) {
        if (X_BLOCKS % WORKGROUP_SIZE == 0u) || lane + i * WORKGROUP_SIZE < X_BLOCKS {
            let turned = transpose(mat4x4(
                (*blocks)[4u * i],
                (*blocks)[4u * i + 1u],
                (*blocks)[4u * i + 2u],
                (*blocks)[4u * i + 3u],
            ));
            for (var j = 0u; j < 4u; j++) {
                a_tile[at + (4u * i * X_STEP + j) * TILE_ROWS] = turned[j];
            }
        }
    }
}

// Four columns of the weight a load, for one, two or four k; as they are, for they take the fewest registers so.
fn load_weight(at: u32, first_k: u32, into: ptr<function, array<vec4<u32>, WEIGHT_LOADS>>) {
    for (var i = 0u; i < WEIGHT_LOADS; i++) {
        (*into)[i] = weight[at + (first_k / K_PER_LOAD + i * WEIGHT_STEP) * PANEL];
    }
}

fn stage_weight(lane: u32, loads: ptr<function, array<vec4<u32>, WEIGHT_LOADS>>) {
    for (var i = 0u; i < WEIGHT_LOADS; i++) {
        if (WEIGHT_VECTORS % WORKGROUP_SIZE == 0u) || lane + i * WORKGROUP_SIZE < WEIGHT_VECTORS {
            let at = (lane / TILE_COLUMNS + i * WEIGHT_STEP) * K_PER_LOAD * TILE_COLUMNS + lane % TILE_COLUMNS;
            let packed = (*loads)[i];
            if WEIGHT_BITS == 32u {
                b_tile[at] = bitcast<vec4<f32>>(packed);
            } else if WEIGHT_BITS == 16u {
                b_tile[at] = vec4(unpack2x16float(packed.x), unpack2x16float(packed.y));
                b_tile[at + TILE_COLUMNS] = vec4(unpack2x16float(packed.z), unpack2x16float(packed.w));
            } else {
                b_tile[at] = vec4<f32>(unpack4xI8(packed.x));
                b_tile[at + TILE_COLUMNS] = vec4<f32>(unpack4xI8(packed.y));
                b_tile[at + 2u * TILE_COLUMNS] = vec4<f32>(unpack4xI8(packed.z));
                b_tile[at + 3u * TILE_COLUMNS] = vec4<f32>(unpack4xI8(packed.w));
            }
        }
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn linear_tile(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    let column_tiles = (params.n + 4u * TILE_COLUMNS - 1u) / (4u * TILE_COLUMNS);
    let first_row = tile / column_tiles * 4u * TILE_ROWS;
    let first_column4 = tile % column_tiles * TILE_COLUMNS;
    if first_row < params.m {
        let row4 = lane / LANES_ACROSS;     // this lane's rows: every LANES_DOWN-th vector from here
        let column4 = lane % LANES_ACROSS;  // and its columns, every LANES_ACROSS-th
        var xs: array<vec4<f32>, X_LOADS * 4u>;
        var ws: array<vec4<u32>, WEIGHT_LOADS>;
        var a: array<vec4<f32>, ROW_VECTORS>;
        var sums: array<array<vec4<f32>, COLUMN_VECTORS>, ROW_VECTORS * 4u>;
        // Where this lane reads x and the weight, at k = 0.
        let x_k4 = lane % 2u + lane / (2u * TILE_ROWS) * 2u;
        let x_row = (first_row + 4u * (lane / 2u % TILE_ROWS)) * (params.k / 4u);
        let weight_column4 = first_column4 + lane % TILE_COLUMNS;
        let panel = min(weight_column4 / PANEL, (params.n + 63u) / 64u - 1u);  // a tile may be wider than what is left
        let weight_at = (panel * (params.k_padded / K_PER_LOAD) + lane / TILE_COLUMNS % (TILE_K / K_PER_LOAD)) * PANEL + weight_column4 % PANEL;
        for (var first_k = 0u; first_k < params.k_padded; first_k += TILE_K) {
            load_weight(weight_at, first_k, &ws);
            if TOGETHER == 0u { stage_weight(lane, &ws); }
            load_x(x_row, x_k4 + first_k / 4u, &xs);
            stage_x(lane, &xs);
            if TOGETHER == 1u { stage_weight(lane, &ws); }
            workgroupBarrier();
            for (var k0 = 0u; k0 < TILE_K; k0 += UNROLL) {
                for (var u = 0u; u < UNROLL; u++) {
                    for (var r = 0u; r < ROW_VECTORS; r++) {
                        a[r] = a_tile[(k0 + u) * TILE_ROWS + row4 + r * LANES_DOWN];
                    }
                    for (var c = 0u; c < COLUMN_VECTORS; c++) {
                        let b = b_tile[(k0 + u) * TILE_COLUMNS + column4 + c * LANES_ACROSS];
                        for (var r = 0u; r < ROW_VECTORS; r++) {
                            sums[4u * r][c] = fma(vec4(a[r].x), b, sums[4u * r][c]);
                            sums[4u * r + 1u][c] = fma(vec4(a[r].y), b, sums[4u * r + 1u][c]);
                            sums[4u * r + 2u][c] = fma(vec4(a[r].z), b, sums[4u * r + 2u][c]);
                            sums[4u * r + 3u][c] = fma(vec4(a[r].w), b, sums[4u * r + 3u][c]);
                        }
                    }
                }
            }
            workgroupBarrier();
        }
        // The rows move up through the first, which a loop that stays a loop can then store: written out for every row,
        // the epilogue is four times the whole shader, and a row chosen by a variable is no register.
        for (var r = 0u; r < 4u * ROW_VECTORS; r++) {
            let row = first_row + 4u * (row4 + r / 4u * LANES_DOWN) + r % 4u;
            for (var c = 0u; c < COLUMN_VECTORS; c++) {
                store(row, 4u * (first_column4 + column4 + c * LANES_ACROSS), sums[0][c]);
            }
            for (var i = 1u; i < 4u * ROW_VECTORS; i++) {
                sums[i - 1u] = sums[i];
            }
        }
    }
}
