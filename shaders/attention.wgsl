// Softmax attention over packed segments, scores never materialised:
// y[q] = sum over keys of softmax(scale * query[q] . key) * value, within q's own segment. Any head_dim up to 256.
// If WINDOW, over keys at most so many places away alone; if BIAS, scores have one added, by how far the key is away.
// If CAUSAL, over none behind the query.
// If EXPANDED, every second segment attends to the one before it instead of itself; a query without keys has zeros.
// One workgroup per segment, tile of queries and head. Tiles of keys, counted from the segment's start, are gone
// through with an online softmax: scores are a small matrix product (4 queries x 4 keys a lane, DEPTH vectors of a row
// at a time), KEY_GROUPS lanes agree on their queries' maximum, and the weights times the values are a second matrix
// product (4 queries x COLUMNS vectors a lane). What the lanes share passes through workgroup memory.
// Vectors over a lane's four queries keep everything in registers, without a variable index.
// For GPUs: the shapes are those whose registers the compilers of all vendors can hold (docs/performance.md).

struct Params {
    first_workgroup: u32,  // of those that run now
    tokens: u32,
    sequences: u32,
    heads: u32,
    query_tiles: u32,      // tiles of QUERY_TILE queries in the longest segment
    scale: f32,
    window: u32,           // how many places away the furthest key is that counts
    reach: u32,            // of the bias: further keys have that of the furthest within it
}

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;        // query, key, value: [3, heads, tokens, head_dim]
@group(0) @binding(1) var<storage, read> segment_offsets: array<u32>;  // [sequences + 1]
@group(0) @binding(2) var<storage, read> bias: array<f32>;             // [heads, 2 * reach + 1], read if BIAS
@group(0) @binding(3) var<storage, read_write> y: array<f32>;          // [tokens, heads * head_dim]
@group(1) @binding(0) var<uniform> params: Params;

const HEAD_DIM: u32 = 32u;
const QUERY_TILE: u32 = 32u;
const KEY_TILE: u32 = 32u;
const WINDOW: u32 = 0u;                   // 1: there is one
const BIAS: u32 = 0u;                     // 1: there is one
const EXPANDED: u32 = 0u;                 // 1: every second segment expands the one before it
const CAUSAL: u32 = 0u;                   // 1: a query sees no key behind it
const ROW_GROUPS: u32 = QUERY_TILE / 4u;  // lanes that share a key
const KEY_GROUPS: u32 = KEY_TILE / 4u;    // lanes that share a query, neighbours
const WORKGROUP_SIZE: u32 = ROW_GROUPS * KEY_GROUPS;

const VECTORS: u32 = (HEAD_DIM + 3u) / 4u;  // of a head's row, its tail filled with zeros
const COLUMNS: u32 = (VECTORS + KEY_GROUPS - 1u) / KEY_GROUPS;   // vectors of the result that a lane computes
const DEPTH: u32 = min(min(VECTORS, 4u), 256u / KEY_TILE);       // vectors of queries and keys at a time
const STEP: u32 = max(4u / COLUMNS, 1u);                         // values between two tests of the loop over them
const VALUE_STRIDE: u32 = COLUMNS * KEY_GROUPS;                  // vectors of a value, those past VECTORS undefined
const VALUES: u32 = 2u * WORKGROUP_SIZE / VALUE_STRIDE / STEP * STEP;  // at a time
// So that lanes that write or read different rows of a tile meet different banks of memory.
const QUERY_STRIDE: u32 = QUERY_TILE + 8u / DEPTH;
const KEY_STRIDE: u32 = KEY_TILE + 8u / DEPTH;
const WEIGHT_STRIDE: u32 = ROW_GROUPS + 1u;
const LOWEST: f32 = -3.4028235e38;

// Queries, [DEPTH][QUERY_TILE]; then weights, [KEY_TILE][ROW_GROUPS], four queries a vector.
var<workgroup> rows: array<vec4<f32>, max(DEPTH * QUERY_STRIDE, KEY_TILE * WEIGHT_STRIDE)>;
// Keys, [DEPTH][KEY_TILE]; then one vector of each lane; then values, [VALUES][VECTORS].
var<workgroup> columns: array<vec4<f32>, max(max(DEPTH * KEY_STRIDE, WORKGROUP_SIZE), VALUES * VALUE_STRIDE)>;

// Elements 4 * d4..4 * d4 + 3 of one token's row in query (part 0), key (1) or value (2).
fn load(part: u32, head: u32, token: u32, d4: u32) -> vec4<f32> {
    let row = (part * params.heads + head) * params.tokens + token;
    var v = vec4(0.0);
    if HEAD_DIM % 4u == 0u {
        if VECTORS % DEPTH == 0u || d4 < VECTORS { v = qkv[row * VECTORS + d4]; }
    } else {
        for (var i = 0u; i < 4u; i++) {
            let d = 4u * d4 + i;
            let element = row * HEAD_DIM + d;
            if d < HEAD_DIM { v[i] = qkv[element / 4u][element % 4u]; }
        }
    }
    return v;
}

// What is added to the scores of four queries with a key so far behind each, for exp2.
fn bias_of(head: u32, distance: vec4<i32>) -> vec4<f32> {
    let reach = i32(params.reach);
    let entry = vec4<u32>(clamp(distance, vec4(-reach), vec4(reach)) + vec4(reach));
    let at = head * (2u * params.reach + 1u) + entry;
    return vec4(bias[at.x], bias[at.y], bias[at.z], bias[at.w]) * 1.442695;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn attention(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    let head = tile % params.heads;
    let query_tile = tile / params.heads % params.query_tiles;
    let sequence = tile / params.heads / params.query_tiles;
    if sequence < params.sequences {
        var start = segment_offsets[sequence];    // of the keys
        var end = segment_offsets[sequence + 1u];
        let first_query = start + query_tile * QUERY_TILE;
        let query_end = end;
        if first_query < query_end {
            if EXPANDED == 1u {
                start = segment_offsets[sequence - sequence % 2u];
                end = segment_offsets[sequence - sequence % 2u + 1u];
            }
            let row_group = lane / KEY_GROUPS;  // queries 4 * row_group..4 * row_group + 3 of the tile
            let key_group = lane % KEY_GROUPS;  // keys key_group, key_group + KEY_GROUPS, … of a tile, vectors likewise

            // A vector holds four queries, a matrix those for each of four columns.
            var context: array<mat4x4<f32>, COLUMNS>;
            var row_max = vec4(LOWEST);
            var row_sum = vec4(0.0);  // of this lane's keys
            var scores: array<vec4<f32>, 4>;
            // The keys that some query of the tile attends to, from the start of a tile on.
            var first_key = start;
            var last_key = end;
            if WINDOW == 1u {
                let before = first_query - start;
                first_key += (before - min(before, params.window)) / KEY_TILE * KEY_TILE;
                last_key = min(end, first_query + QUERY_TILE + params.window);
            }
            if CAUSAL == 1u { last_key = min(last_key, first_query + QUERY_TILE); }
            for (; first_key < last_key; first_key += KEY_TILE) {
                for (var k = 0u; k < 4u; k++) { scores[k] = vec4(0.0); }
                for (var first = 0u; first < VECTORS; first += DEPTH) {
                    workgroupBarrier();
                    // Rows past the end repeat the last one.
                    for (var n = 0u; n < (DEPTH * QUERY_TILE + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE; n++) {
                        let i = lane + n * WORKGROUP_SIZE;
                        if DEPTH * QUERY_TILE % WORKGROUP_SIZE == 0u || i < DEPTH * QUERY_TILE {
                            let query = load(0u, head, min(first_query + i / DEPTH, query_end - 1u), first + i % DEPTH);
                            rows[i % DEPTH * QUERY_STRIDE + i / DEPTH] = query * (params.scale * 1.442695);  // log2(e), for exp2
                        }
                    }
                    for (var n = 0u; n < (DEPTH * KEY_TILE + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE; n++) {
                        let i = lane + n * WORKGROUP_SIZE;
                        if DEPTH * KEY_TILE % WORKGROUP_SIZE == 0u || i < DEPTH * KEY_TILE {
                            let key = load(1u, head, min(first_key + i / DEPTH, end - 1u), first + i % DEPTH);
                            columns[i % DEPTH * KEY_STRIDE + i / DEPTH] = key;
                        }
                    }
                    workgroupBarrier();
                    for (var d4 = 0u; d4 < DEPTH; d4++) {
                        let at = d4 * QUERY_STRIDE + 4u * row_group;
                        let query = transpose(mat4x4(rows[at], rows[at + 1u], rows[at + 2u], rows[at + 3u]));
                        for (var k = 0u; k < 4u; k++) {
                            let key = columns[d4 * KEY_STRIDE + k * KEY_GROUPS + key_group];
                            scores[k] = fma(query[0], vec4(key.x), scores[k]);
                            scores[k] = fma(query[1], vec4(key.y), scores[k]);
                            scores[k] = fma(query[2], vec4(key.z), scores[k]);
                            scores[k] = fma(query[3], vec4(key.w), scores[k]);
                        }
                    }
                }
                workgroupBarrier();

                var lane_max = vec4(LOWEST);
                for (var k = 0u; k < 4u; k++) {
                    let key = first_key + k * KEY_GROUPS + key_group;
                    var counts = vec4(key < end);
                    if WINDOW == 1u || BIAS == 1u || CAUSAL == 1u {
                        let distance = vec4(i32(key) - i32(first_query + 4u * row_group)) - vec4(0, 1, 2, 3);
                        if BIAS == 1u { scores[k] += bias_of(head, distance); }
                        if WINDOW == 1u { counts &= abs(distance) <= vec4(i32(params.window)); }
                        if CAUSAL == 1u { counts &= distance <= vec4(0); }
                    }
                    scores[k] = select(vec4(LOWEST), scores[k], counts);
                    lane_max = max(lane_max, scores[k]);
                }
                columns[key_group * ROW_GROUPS + row_group] = lane_max;
                workgroupBarrier();
                var new_max = row_max;
                for (var g = 0u; g < KEY_GROUPS; g++) {
                    new_max = max(new_max, columns[g * ROW_GROUPS + row_group]);
                }
                let rescale = exp2(row_max - new_max);
                row_max = new_max;
                row_sum *= rescale;
                for (var c = 0u; c < COLUMNS; c++) {
                    for (var i = 0u; i < 4u; i++) { context[c][i] *= rescale; }
                }
                for (var k = 0u; k < 4u; k++) {
                    // 0 past the end and where the query does not look; there 1 until a query meets its first key, which rescales that to 0.
                    let weights = exp2(scores[k] - new_max);
                    row_sum += weights;
                    rows[(k * KEY_GROUPS + key_group) * WEIGHT_STRIDE + row_group] = weights;
                }

                let keys = min(KEY_TILE, last_key - first_key);
                for (var first = 0u; first < keys; first += VALUES) {
                    workgroupBarrier();
                    for (var n = 0u; n < (VALUES * VECTORS + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE; n++) {
                        let i = lane + n * WORKGROUP_SIZE;
                        if VALUES * VECTORS % WORKGROUP_SIZE == 0u || i < VALUES * VECTORS {
                            let value = load(2u, head, min(first_key + first + i / VECTORS, end - 1u), i % VECTORS);
                            columns[i / VECTORS * VALUE_STRIDE + i % VECTORS] = value;
                        }
                    }
                    workgroupBarrier();
                    // The count is not constant, or drivers would unroll the loop and run out of registers.
                    let count = min(VALUES, keys - first);
                    for (var n = 0u; n < count; n += STEP) {
                        for (var m = 0u; m < STEP; m++) {
                            let j = n + m;
                            let weights = rows[(first + j) * WEIGHT_STRIDE + row_group];
                            for (var c = 0u; c < COLUMNS; c++) {
                                let value = columns[j * VALUE_STRIDE + c * KEY_GROUPS + key_group];
                                for (var i = 0u; i < 4u; i++) {
                                    context[c][i] = fma(weights, vec4(value[i]), context[c][i]);
                                }
                            }
                        }
                    }
                }
            }

            workgroupBarrier();
            columns[key_group * ROW_GROUPS + row_group] = row_sum;
            workgroupBarrier();
            var sum = vec4(0.0);
            for (var g = 0u; g < KEY_GROUPS; g++) { sum += columns[g * ROW_GROUPS + row_group]; }
            var factor = 1.0 / sum;
            if EXPANDED == 1u { factor = select(factor, vec4(0.0), row_max == vec4(LOWEST)); }
            for (var r = 0u; r < 4u; r++) {
                let token = first_query + 4u * row_group + r;
                if token < query_end {
                    let y_start = (token * params.heads + head) * HEAD_DIM;
                    for (var c = 0u; c < COLUMNS; c++) {
                        for (var i = 0u; i < 4u; i++) {
                            let d = 4u * (c * KEY_GROUPS + key_group) + i;
                            if d < HEAD_DIM { y[y_start + d] = context[c][i][r] * factor[r]; }
                        }
                    }
                }
            }
        }
    }
}
