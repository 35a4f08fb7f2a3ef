//! A stand-in for a vocoder in one ONNX graph, written as protocol buffers by hand.

/// The bytes of a graph that repeats the values of its mel `[1, 80, frames]` (any length, unless `frames` says one)
/// `repeats` times, six times being 480 samples a frame, and applies `operator` to them.
pub fn onnx(input: &str, frames: Option<u64>, repeats: u64, operator: &str) -> Vec<u8> {
    let mut graph = Vec::new();
    for (operator, takes, gives) in [
        ("Reshape", &[input, "row"][..], "flat"),
        ("Tile", &["flat", "repeats"], "long"),
        (operator, &["long"], "audio"),
    ] {
        let mut node = Vec::new();
        takes
            .iter()
            .for_each(|name| bytes(&mut node, 1, name.as_bytes()));
        bytes(&mut node, 2, gives.as_bytes());
        bytes(&mut node, 4, operator.as_bytes());
        bytes(&mut graph, 1, &node);
    }
    bytes(&mut graph, 2, b"vocoder");
    for (name, values) in [("row", [1, u64::MAX]), ("repeats", [1, repeats])] {
        bytes(&mut graph, 5, &constant(name, values));
    }
    bytes(&mut graph, 11, &port(input, &[Some(1), Some(80), frames]));
    bytes(&mut graph, 12, &port("audio", &[Some(1), None]));
    let mut opset = Vec::new();
    number(&mut opset, 2, 17);
    let mut model = Vec::new();
    number(&mut model, 1, 8);
    bytes(&mut model, 7, &graph);
    bytes(&mut model, 8, &opset);
    model
}

/// Two integers of 64 bits.
fn constant(name: &str, values: [u64; 2]) -> Vec<u8> {
    let mut tensor = Vec::new();
    number(&mut tensor, 1, 2);
    number(&mut tensor, 2, 7);
    bytes(&mut tensor, 8, name.as_bytes());
    bytes(&mut tensor, 9, &values.map(u64::to_le_bytes).concat());
    tensor
}

/// Name and shape of an input or output of floats; an axis without a length has that name too.
fn port(name: &str, shape: &[Option<u64>]) -> Vec<u8> {
    let mut axes = Vec::new();
    for length in shape {
        let mut axis = Vec::new();
        match length {
            Some(length) => number(&mut axis, 1, *length),
            None => bytes(&mut axis, 2, name.as_bytes()),
        }
        bytes(&mut axes, 1, &axis);
    }
    let mut tensor = Vec::new();
    number(&mut tensor, 1, 1);
    bytes(&mut tensor, 2, &axes);
    let mut kind = Vec::new();
    bytes(&mut kind, 1, &tensor);
    let mut port = Vec::new();
    bytes(&mut port, 1, name.as_bytes());
    bytes(&mut port, 2, &kind);
    port
}

fn number(message: &mut Vec<u8>, field: u64, value: u64) {
    varint(message, field << 3);
    varint(message, value);
}

fn bytes(message: &mut Vec<u8>, field: u64, content: &[u8]) {
    varint(message, field << 3 | 2);
    varint(message, content.len() as u64);
    message.extend_from_slice(content);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}
