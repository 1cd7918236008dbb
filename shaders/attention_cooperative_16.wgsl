enable f16;
enable wgpu_cooperative_matrix;

// Softmax attention over packed segments by cooperative matrices of 16 x 16, scores never materialised:
// y[q] = sum over keys of softmax(scale * query[q] . key) * value, within q's own segment. head_dim up to 128.
// If CAUSAL, over no key behind q.
// Queries, keys, values and softmax weights are rounded to f16 where they are multiplied; all else is f32.
// One workgroup per segment, tile of queries and head, one subgroup per BLOCK queries; best with as many subgroups as
// blocks, right with any number. Tiles of BLOCK keys, counted from the segment's start, are gone through twice, first
// for the rows' maxima: nobody can reach the elements of a matrix to rescale them, as an online softmax has to.
// attention_cooperative_8.wgsl is the same text but for the sizes.

struct Params {
    first_workgroup: u32,  // of those that run now
    tokens: u32,
    sequences: u32,
    heads: u32,
    query_tiles: u32,      // tiles of QUERY_TILE queries in the longest segment
    scale: f32,
}

@group(0) @binding(0) var<storage, read> qkv: array<f32>;              // query, key, value: [3, heads, tokens, head_dim]
@group(0) @binding(1) var<storage, read> qkv4: array<vec4<f32>>;       // the same, read if head_dim is a multiple of 4
@group(0) @binding(2) var<storage, read> segment_offsets: array<u32>;  // [sequences + 1]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;          // [tokens, heads * head_dim]
@group(1) @binding(0) var<uniform> params: Params;

alias MatrixA = coop_mat16x16<f16, A>;
alias MatrixB = coop_mat16x16<f16, B>;
alias MatrixC = coop_mat16x16<f32, C>;
const MATRIX: u32 = 16u;

const HEAD_DIM: u32 = 32u;
const WORKGROUP_SIZE: u32 = 128u;  // four times the subgroup size, at most 256
const CAUSAL: u32 = 0u;            // 1: a query sees no key behind it
const QUERY_TILE: u32 = 64u;
const BLOCK: u32 = 16u;            // queries of a subgroup, keys of a tile, columns of the result at a time
const BLOCKS: u32 = QUERY_TILE / BLOCK;
const SIDE: u32 = BLOCK / MATRIX;  // of a block, in matrices
const WIDTH: u32 = (HEAD_DIM + BLOCK - 1u) / BLOCK * BLOCK;  // of a head's row, its tail filled with zeros
const DEPTH: u32 = WIDTH / MATRIX;
const VECTORS: u32 = WIDTH / 4u;
const TILE_STRIDE: u32 = WIDTH + 8u;   // 8 more, so that rows start in different banks
const BLOCK_STRIDE: u32 = BLOCK + 8u;
const LINES: u32 = BLOCK / 4u;         // vectors of a block's row
const STRIP: u32 = BLOCK * BLOCK;
const TILE_LOADS: u32 = (BLOCK * VECTORS + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;  // vectors of a tile that a lane stages
const ROUNDS: u32 = QUERY_TILE * LINES / WORKGROUP_SIZE;  // vectors of all strips that a lane has: lane + n * WORKGROUP_SIZE
const LOWEST: f32 = -3.4028235e38;
const LARGEST: f32 = 15.0;  // a row's largest weight is 2^15: what a normal f16 cannot hold beside it adds nothing

alias Queries = array<array<MatrixA, SIDE>, DEPTH>;  // of a block

var<workgroup> tile: array<f16, max(BLOCK * TILE_STRIDE, WIDTH * BLOCK_STRIDE)>;  // keys, [key][d]; then values, [d][key]
var<workgroup> rows: array<f16, QUERY_TILE * BLOCK_STRIDE>;    // BLOCK columns of the queries, [query][d]; then weights, [query][key]
var<workgroup> strips: array<f32, (BLOCKS + 1u) * STRIP>;      // of every block scores, [query][key], or columns of the result, [query][d]; one to spare

// Elements 4 * d4..4 * d4 + 3 of one token's row in query (part 0), key (1) or value (2), 0 past its end.
fn load(part: u32, head: u32, token: u32, d4: u32) -> vec4<f32> {
    let row = (part * params.heads + head) * params.tokens + token;
    var v = vec4(0.0);
    if HEAD_DIM % 4u == 0u {
        let length = HEAD_DIM / 4u;
        v = qkv4[row * length + min(d4, length - 1u)];
        if WIDTH != HEAD_DIM { v = select(vec4(0.0), v, d4 < length); }
    } else {
        for (var i = 0u; i < 4u; i++) {
            let d = 4u * d4 + i;
            if d < HEAD_DIM { v[i] = qkv[row * HEAD_DIM + d]; }
        }
    }
    return v;
}

// BLOCK columns of the tile of queries. Queries past the end repeat the last one, as keys and values do.
fn stage_queries(head: u32, first: u32, end: u32, column: u32, lane: u32) {
    for (var n = 0u; n < ROUNDS; n++) {
        let i = lane + n * WORKGROUP_SIZE;
        let v = vec4<f16>(load(0u, head, min(first + i / LINES, end - 1u), column * LINES + i % LINES));
        let at = i / LINES * BLOCK_STRIDE + i % LINES * 4u;
        rows[at] = v.x;
        rows[at + 1u] = v.y;
        rows[at + 2u] = v.z;
        rows[at + 3u] = v.w;
    }
}

// All loads are under way together.
fn stage_keys(head: u32, first: u32, end: u32, lane: u32) {
    var loads: array<vec4<f32>, TILE_LOADS>;
    for (var n = 0u; n < TILE_LOADS; n++) {
        let i = lane + n * WORKGROUP_SIZE;
        loads[n] = load(1u, head, min(first + i / VECTORS, end - 1u), i % VECTORS);
    }
    for (var n = 0u; n < TILE_LOADS; n++) {
        let i = lane + n * WORKGROUP_SIZE;
        if is_of_tile(i) {
            let v = vec4<f16>(loads[n]);
            let at = i / VECTORS * TILE_STRIDE + i % VECTORS * 4u;
            tile[at] = v.x;
            tile[at + 1u] = v.y;
            tile[at + 2u] = v.z;
            tile[at + 3u] = v.w;
        }
    }
}

// Turned, so that a column of the tile lies together; neighbours have neighbouring keys, for the banks.
fn stage_values(head: u32, first: u32, end: u32, lane: u32) {
    var loads: array<vec4<f32>, TILE_LOADS>;
    for (var n = 0u; n < TILE_LOADS; n++) {
        let i = lane + n * WORKGROUP_SIZE;
        loads[n] = load(2u, head, min(first + i % BLOCK, end - 1u), i / BLOCK);
    }
    for (var n = 0u; n < TILE_LOADS; n++) {
        let i = lane + n * WORKGROUP_SIZE;
        if is_of_tile(i) {
            let v = vec4<f16>(loads[n]);
            let at = i / BLOCK * 4u * BLOCK_STRIDE + i % BLOCK;
            tile[at] = v.x;
            tile[at + BLOCK_STRIDE] = v.y;
            tile[at + 2u * BLOCK_STRIDE] = v.z;
            tile[at + 3u * BLOCK_STRIDE] = v.w;
        }
    }
}

fn is_of_tile(i: u32) -> bool {
    return BLOCK * VECTORS % WORKGROUP_SIZE == 0u || i < BLOCK * VECTORS;
}

fn strip_at(i: u32) -> vec4<f32> {
    return vec4(strips[4u * i], strips[4u * i + 1u], strips[4u * i + 2u], strips[4u * i + 3u]);
}

// A block's queries times the tile of keys, to its strip.
fn multiply_keys(queries: ptr<function, Queries>, block: u32) {
    var scores: array<array<MatrixC, SIDE>, SIDE>;
    for (var k = 0u; k < DEPTH; k++) {
        for (var j = 0u; j < SIDE; j++) {
            let keys = coopLoad<MatrixB>(&tile[j * MATRIX * TILE_STRIDE + k * MATRIX], TILE_STRIDE);
            for (var i = 0u; i < SIDE; i++) {
                scores[i][j] = coopMultiplyAdd((*queries)[k][i], keys, scores[i][j]);
            }
        }
    }
    for (var i = 0u; i < SIDE; i++) {
        for (var j = 0u; j < SIDE; j++) {
            coopStoreT(scores[i][j], &strips[block * STRIP + i * MATRIX * BLOCK + j * MATRIX], BLOCK);
        }
    }
}

// Whether keys `first`.. of a tile count, of whose keys `left` do.
fn count(first: u32, left: u32) -> vec4<bool> {
    return vec4(first) + vec4(0u, 1u, 2u, 3u) < vec4(left);
}

// How many keys from `first` on a query sees.
fn keys_left(query: u32, first: u32, end: u32) -> u32 {
    if CAUSAL == 1u { return max(min(end, query + 1u), first) - first; }
    return end - first;
}

// What keys `first`.. of a tile weigh, of whose keys `left` count. Their bits are cut off to what f16
// holds, so that no compiler adds up other weights than it multiplies.
fn weights_of(scores: vec4<f32>, scale: f32, maximum: f32, first: u32, left: u32) -> vec4<f32> {
    let weights = exp2(fma(scores, vec4(scale), vec4(LARGEST - maximum)));
    let in_f16 = bitcast<vec4<f32>>(bitcast<vec4<u32>>(weights) & vec4(0xffffe000u));
    return select(vec4(0.0), in_f16, count(first, left));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn attention_cooperative_16(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
) {
    let place = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    let head = place % params.heads;
    let query_tile = place / params.heads % params.query_tiles;
    let sequence = place / params.heads / params.query_tiles;
    if sequence < params.sequences {
        let start = segment_offsets[sequence];
        let end = segment_offsets[sequence + 1u];
        let first_query = start + query_tile * QUERY_TILE;
        if first_query < end {
            var last_key = end;  // behind those that some query of the tile sees
            if CAUSAL == 1u { last_key = min(end, first_query + QUERY_TILE); }
            let scale = params.scale * 1.442695;  // log2(e), for exp2
            // Once, unless subgroups are wider than a quarter of the workgroup.
            for (var first_block = 0u; first_block < BLOCKS; first_block += subgroups) {
                // Cooperative operations need uniform control flow: subgroups too many compute a block that nobody reads.
                let block = min(first_block + subgroup, BLOCKS);
                let block_row = block % BLOCKS * BLOCK;
                var queries: Queries;
                for (var column = 0u; column < WIDTH / BLOCK; column++) {
                    stage_queries(head, first_query, end, column, lane);
                    workgroupBarrier();
                    for (var k = 0u; k < SIDE; k++) {
                        for (var i = 0u; i < SIDE; i++) {
                            let at = (block_row + i * MATRIX) * BLOCK_STRIDE + k * MATRIX;
                            queries[column * SIDE + k][i] = coopLoadT<MatrixA>(&rows[at], BLOCK_STRIDE);
                        }
                    }
                    workgroupBarrier();
                }

                var maxima: array<f32, ROUNDS>;
                for (var n = 0u; n < ROUNDS; n++) { maxima[n] = LOWEST; }
                for (var first_key = start; first_key < last_key; first_key += BLOCK) {
                    stage_keys(head, first_key, end, lane);
                    workgroupBarrier();
                    multiply_keys(&queries, block);
                    workgroupBarrier();
                    for (var n = 0u; n < ROUNDS; n++) {
                        let i = lane + n * WORKGROUP_SIZE;
                        var s = strip_at(i) * scale;  // those past the end are the last one again
                        if CAUSAL == 1u {
                            let left = keys_left(first_query + i / LINES, first_key, end);
                            s = select(vec4(LOWEST), s, count(i % LINES * 4u, left));
                        }
                        maxima[n] = max(maxima[n], max(max(s.x, s.y), max(s.z, s.w)));
                    }
                }
                workgroupBarrier();
                for (var n = 0u; n < ROUNDS; n++) { strips[lane + n * WORKGROUP_SIZE] = maxima[n]; }
                workgroupBarrier();
                for (var n = 0u; n < ROUNDS; n++) {
                    let of_lanes = strip_at((lane + n * WORKGROUP_SIZE) / LINES);
                    maxima[n] = max(max(of_lanes.x, of_lanes.y), max(of_lanes.z, of_lanes.w));
                }

                var context: array<array<MatrixC, SIDE>, DEPTH>;
                var sums: array<f32, ROUNDS>;
                for (var first_key = start; first_key < last_key; first_key += BLOCK) {
                    stage_keys(head, first_key, end, lane);
                    workgroupBarrier();
                    multiply_keys(&queries, block);
                    workgroupBarrier();
                    for (var n = 0u; n < ROUNDS; n++) {
                        let i = lane + n * WORKGROUP_SIZE;
                        let left = keys_left(first_query + i / LINES, first_key, end);
                        let weights = weights_of(strip_at(i), scale, maxima[n], i % LINES * 4u, left);
                        sums[n] += dot(weights, vec4(1.0));
                        let at = i / LINES * BLOCK_STRIDE + i % LINES * 4u;
                        rows[at] = f16(weights.x);
                        rows[at + 1u] = f16(weights.y);
                        rows[at + 2u] = f16(weights.z);
                        rows[at + 3u] = f16(weights.w);
                    }
                    stage_values(head, first_key, end, lane);
                    workgroupBarrier();
                    for (var k = 0u; k < SIDE; k++) {
                        var weights: array<MatrixA, SIDE>;
                        for (var i = 0u; i < SIDE; i++) {
                            let at = (block_row + i * MATRIX) * BLOCK_STRIDE + k * MATRIX;
                            weights[i] = coopLoadT<MatrixA>(&rows[at], BLOCK_STRIDE);
                        }
                        for (var j = 0u; j < DEPTH; j++) {
                            let values = coopLoad<MatrixB>(&tile[j * MATRIX * BLOCK_STRIDE + k * MATRIX], BLOCK_STRIDE);
                            for (var i = 0u; i < SIDE; i++) {
                                context[j][i] = coopMultiplyAdd(weights[i], values, context[j][i]);
                            }
                        }
                    }
                    workgroupBarrier();
                }
                for (var n = 0u; n < ROUNDS; n++) { strips[lane + n * WORKGROUP_SIZE] = sums[n]; }
                workgroupBarrier();
                for (var n = 0u; n < ROUNDS; n++) {
                    sums[n] = dot(strip_at((lane + n * WORKGROUP_SIZE) / LINES), vec4(1.0));
                }
                workgroupBarrier();

                for (var column = 0u; column < WIDTH / BLOCK; column++) {
                    for (var i = 0u; i < SIDE; i++) {
                        for (var j = 0u; j < SIDE; j++) {
                            let at = block * STRIP + i * MATRIX * BLOCK + j * MATRIX;
                            coopStoreT(context[column * SIDE + j][i], &strips[at], BLOCK);
                        }
                    }
                    workgroupBarrier();
                    for (var n = 0u; n < ROUNDS; n++) {
                        let i = lane + n * WORKGROUP_SIZE;
                        let of_block = i / LINES / BLOCK;
                        let token = first_query + i / LINES;
                        if (of_block >= first_block) & (of_block < first_block + subgroups) & (token < end) {
                            let v = strip_at(i) / sums[n];
                            for (var e = 0u; e < 4u; e++) {
                                let d = column * BLOCK + i % LINES * 4u + e;
                                if d < HEAD_DIM { y[(token * params.heads + head) * HEAD_DIM + d] = v[e]; }
                            }
                        }
                    }
                    workgroupBarrier();
                }
            }
        }
    }
}
