// Nothing but products of four pairs of int8, added up in i32: sixteen chains a lane, LOOPS times over.

override LOOPS: u32;
override SCALE: f32;  // of no meaning here

@group(0) @binding(0) var<storage, read_write> y: array<vec4<i32>>;

@compute @workgroup_size(64)
fn arithmetic(@builtin(global_invocation_id) id: vec3<u32>) {
    let x = id.x * 0x01030507u + u32(SCALE);
    var sums = array<vec4<i32>, 4>();
    for (var i = 0u; i < LOOPS; i += 1u) {
        // What is multiplied goes on from what came out, so that nothing can be worked out beforehand.
        for (var j = 0u; j < 4u; j += 1u) {
            let w = bitcast<vec4<u32>>(sums[j]) ^ vec4(x);
            sums[j] += vec4(
                dot4I8Packed(x, w.x),
                dot4I8Packed(x, w.y),
                dot4I8Packed(x, w.z),
                dot4I8Packed(x, w.w),
            );
        }
    }
    y[id.x] = sums[0] + sums[1] + sums[2] + sums[3];
}
