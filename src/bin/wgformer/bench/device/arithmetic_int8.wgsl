// Nothing but products of four pairs of int8, added up in i32: eight chains a lane, 8 times LOOPS long.

override LOOPS: u32;
override SCALE: f32;  // of no meaning here

@group(0) @binding(0) var<storage, read_write> y: array<vec4<i32>>;

// What is multiplied goes on from what came out, so that nothing can be worked out beforehand.
fn once(x: u32, sums: vec4<i32>) -> vec4<i32> {
    let w = bitcast<vec4<u32>>(sums) ^ vec4(x);
    return sums + vec4(dot4I8Packed(x, w.x), dot4I8Packed(x, w.y), dot4I8Packed(x, w.z), dot4I8Packed(x, w.w));
}

@compute @workgroup_size(64)
fn arithmetic(@builtin(global_invocation_id) id: vec3<u32>) {
    let x = id.x * 0x01030507u + u32(SCALE);
    var a = vec4<i32>();
    var b = vec4<i32>(1);
    for (var i = 0u; i < LOOPS; i += 1u) {
        a = once(x, a);
        b = once(x, b);
        a = once(x, a);
        b = once(x, b);
        a = once(x, a);
        b = once(x, b);
        a = once(x, a);
        b = once(x, b);
        a = once(x, a);
        b = once(x, b);
        a = once(x, a);
        b = once(x, b);
        a = once(x, a);
        b = once(x, b);
        a = once(x, a);
        b = once(x, b);
    }
    y[id.x] = a + b;
}
