// Softmax attention over packed segments, scores never materialised:
// y[q] = sum over keys of softmax(scale * query[q] . key) * value, within q's own segment.
// If WINDOW, over keys at most so many places away alone; if BIAS, scores have one added, by how far the key is away.
// If CAUSAL, over none behind the query.
// If EXPANDED, every second segment attends to the one before it instead of itself; a query without keys has zeros.
// One subgroup per segment, tile of ROWS queries and head, all in registers. Each lane owns queries; keys and
// values are loaded LANES at a time, one to a lane, and passed round by shuffles at constant lanes, so that
// the online softmax needs nothing from other lanes. It is rescaled once per LANES keys, counted from the
// segment's start: a query's result depends on its segment alone. head_dim is a multiple of 4, at most 128.
// For software adapters, where a load from a texture costs a fraction of one from a buffer. Each loop
// over an array runs as often as the array is long, at most 32 times: lavapipe unrolls those (see docs/performance.md).
// A workgroup is one subgroup: LANES must be the adapter's only subgroup size.

struct Params {
    first_workgroup: u32,  // of those that run now
    sequences: u32,
    heads: u32,
    query_tiles: u32,      // tiles of ROWS queries in the longest segment
    scale: f32,
    window: u32,           // how many places away the furthest key is that counts
    reach: u32,            // of the bias: further keys have that of the furthest within it
}

// A texel is four columns.
@group(0) @binding(0) var qkv: texture_storage_2d<rgba32float, read>;  // query, key, value: tokens high, 3 * heads * head_dim / 4 wide
@group(0) @binding(1) var<storage, read> segment_offsets: array<u32>;  // [sequences + 1]
@group(0) @binding(2) var bias: texture_storage_2d<rgba32float, read>; // read if BIAS: heads high, 2 * reach + 1 columns
@group(0) @binding(3) var y: texture_storage_2d<rgba32float, write>;   // tokens high, heads * head_dim / 4 wide
@group(1) @binding(0) var<uniform> params: Params;

const LANES: u32 = 8u;
const ROWS: u32 = 16u;  // queries of a tile, a multiple of LANES
const HEAD_DIM: u32 = 32u;
const WINDOW: u32 = 0u;  // 1: there is one
const BIAS: u32 = 0u;    // 1: there is one
const EXPANDED: u32 = 0u;  // 1: every second segment expands the one before it
const CAUSAL: u32 = 0u;  // 1: a query sees no key behind it
const VECTORS: u32 = HEAD_DIM / 4u;    // of a head's row
const ROW_GROUPS: u32 = ROWS / LANES;  // queries of a lane
const TEXELS: u32 = LANES / 4u + 1u;   // that hold the bias of LANES keys, wherever the first is in its texel
const LOWEST: f32 = -3.4028235e38;

@compute @workgroup_size(LANES)
fn attention_texture(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    let head = tile % params.heads;
    let query_tile = tile / params.heads % params.query_tiles;
    let sequence = tile / params.heads / params.query_tiles;
    if sequence < params.sequences {
        var start = segment_offsets[sequence];  // of the keys
        var end = segment_offsets[sequence + 1u];
        let first_query = start + query_tile * ROWS;
        let query_end = end;
        if first_query < query_end {
            if EXPANDED == 1u {
                start = segment_offsets[sequence - sequence % 2u];
                end = segment_offsets[sequence - sequence % 2u + 1u];
            }
            let query_column = head * VECTORS;
            let key_column = (params.heads + head) * VECTORS;
            let value_column = (2u * params.heads + head) * VECTORS;

            // Lane l holds queries l, l + LANES, …; queries past the end repeat the last one.
            var query: array<array<vec4<f32>, VECTORS>, ROW_GROUPS>;
            for (var g = 0u; g < ROW_GROUPS; g++) {
                let row = min(first_query + g * LANES + lane, query_end - 1u);
                for (var v = 0u; v < VECTORS; v++) {
                    query[g][v] = textureLoad(qkv, vec2(query_column + v, row)) * (params.scale * 1.442695);  // log2(e), for exp2
                }
            }

            var context: array<array<vec4<f32>, VECTORS>, ROW_GROUPS>;
            var weights: array<array<f32, LANES>, ROW_GROUPS>;  // scores first
            var texels: array<vec4<f32>, TEXELS>;  // of the bias
            var row_max: array<f32, ROW_GROUPS>;
            var row_sum: array<f32, ROW_GROUPS>;
            for (var g = 0u; g < ROW_GROUPS; g++) { row_max[g] = LOWEST; }
            // The keys that some query of the tile attends to, from the start of LANES of them on.
            var first_key = start;
            var last_key = end;
            if WINDOW == 1u {
                let before = first_query - start;
                first_key += (before - min(before, params.window)) / LANES * LANES;
                last_key = min(end, first_query + ROWS + params.window);
            }
            if CAUSAL == 1u { last_key = min(last_key, first_query + ROWS); }
            let last_entry = 2 * i32(params.reach);  // of a head's bias
            var outermost: vec2<f32>;                // its first and its last
            if BIAS == 1u {
                let last_texel = textureLoad(bias, vec2(last_entry / 4, i32(head)));
                outermost = vec2(textureLoad(bias, vec2(0u, head)).x, last_texel[last_entry % 4]);
            }
            for (; first_key < last_key; first_key += LANES) {
                let row = min(first_key + lane, end - 1u);
                for (var g = 0u; g < ROW_GROUPS; g++) {
                    for (var l = 0u; l < LANES; l++) { weights[g][l] = 0.0; }
                }
                for (var v = 0u; v < VECTORS; v++) {
                    let keys = textureLoad(qkv, vec2(key_column + v, row));
                    for (var l = 0u; l < LANES; l++) {
                        let key = subgroupShuffle(keys, l);
                        for (var g = 0u; g < ROW_GROUPS; g++) {
                            var score = weights[g][l];
                            score = fma(key.x, query[g][v].x, score);
                            score = fma(key.y, query[g][v].y, score);
                            score = fma(key.z, query[g][v].z, score);
                            score = fma(key.w, query[g][v].w, score);
                            weights[g][l] = score;
                        }
                    }
                }

                for (var g = 0u; g < ROW_GROUPS; g++) {
                    let distance = i32(first_key) - i32(first_query + g * LANES + lane);  // of the first key
                    if BIAS == 1u {
                        let entry = distance + i32(params.reach);
                        for (var t = 0u; t < TEXELS; t++) {
                            let texel = clamp((entry >> 2u) + i32(t), 0, last_entry / 4);
                            texels[t] = textureLoad(bias, vec2(texel, i32(head)));
                        }
                        for (var l = 0u; l < LANES; l++) {
                            let nearest = vec4(
                                texels[l / 4u][l % 4u],
                                texels[(l + 1u) / 4u][(l + 1u) % 4u],
                                texels[(l + 2u) / 4u][(l + 2u) % 4u],
                                texels[(l + 3u) / 4u][(l + 3u) % 4u],
                            );
                            var added = nearest[entry & 3];
                            added = select(added, outermost.x, entry + i32(l) < 0);
                            added = select(added, outermost.y, entry + i32(l) > last_entry);
                            weights[g][l] = fma(added, 1.442695, weights[g][l]);
                        }
                    }
                    var new_max = row_max[g];
                    for (var l = 0u; l < LANES; l++) {
                        var counts = first_key + l < end;
                        if WINDOW == 1u { counts &= abs(distance + i32(l)) <= i32(params.window); }
                        if CAUSAL == 1u { counts &= distance + i32(l) <= 0; }
                        weights[g][l] = select(LOWEST, weights[g][l], counts);
                        new_max = max(new_max, weights[g][l]);
                    }
                    let rescale = exp2(row_max[g] - new_max);
                    row_max[g] = new_max;
                    row_sum[g] *= rescale;
                    for (var v = 0u; v < VECTORS; v++) { context[g][v] *= rescale; }
                    for (var l = 0u; l < LANES; l++) {
                        // 0 past the end and where the query does not look; there 1 until a query meets its first key, which rescales that to 0.
                        weights[g][l] = exp2(weights[g][l] - new_max);
                        row_sum[g] += weights[g][l];
                    }
                }

                for (var v = 0u; v < VECTORS; v++) {
                    let values = textureLoad(qkv, vec2(value_column + v, row));
                    for (var l = 0u; l < LANES; l++) {
                        let value = subgroupShuffle(values, l);
                        for (var g = 0u; g < ROW_GROUPS; g++) {
                            context[g][v] = fma(vec4(weights[g][l]), value, context[g][v]);
                        }
                    }
                }
            }

            for (var g = 0u; g < ROW_GROUPS; g++) {
                let row = first_query + g * LANES + lane;
                var factor = 1.0 / row_sum[g];
                if EXPANDED == 1u && row_max[g] == LOWEST { factor = 0.0; }
                if row < query_end {
                    for (var v = 0u; v < VECTORS; v++) {
                        textureStore(y, vec2(query_column + v, row), context[g][v] * factor);
                    }
                }
            }
        }
    }
}
