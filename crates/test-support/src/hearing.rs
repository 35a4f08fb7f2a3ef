//! Decoding of received RTP packets and PCMU, and the search for one sound in another.
/// One RTP packet.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub payload: Vec<u8>,
}

impl Packet {
    /// Parses a packet without padding and extension.
    pub fn parse(bytes: &[u8]) -> Self {
        assert!(bytes.len() >= 12, "an RTP header: {bytes:?}");
        assert_eq!(bytes[0] & 0xf0, 0x80, "version 2, no padding, no extension");
        let header = 12 + 4 * usize::from(bytes[0] & 0x0f);
        Self {
            payload_type: bytes[1] & 0x7f,
            sequence: u16::from_be_bytes(bytes[2..4].try_into().unwrap()),
            timestamp: u32::from_be_bytes(bytes[4..8].try_into().unwrap()),
            payload: bytes[header..].to_vec(),
        }
    }
}

/// The samples of PCMU packets whose sequence numbers and timestamps follow each other without a hole.
#[track_caller]
pub fn without_a_hole(packets: &[Packet]) -> Vec<f32> {
    for (index, pair) in packets.windows(2).enumerate() {
        let samples = pair[0].payload.len() as u32;
        assert_eq!(
            (pair[1].sequence, pair[1].timestamp),
            (
                pair[0].sequence.wrapping_add(1),
                pair[0].timestamp.wrapping_add(samples)
            ),
            "packet {} of {} does not follow",
            index + 1,
            packets.len()
        );
    }
    packets
        .iter()
        .flat_map(|packet| packet.payload.iter().copied().map(mulaw))
        .collect()
}

/// A sample of G.711 µ-law, from -1 to 1.
pub fn mulaw(code: u8) -> f32 {
    let code = !code;
    let magnitude = ((i32::from(code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4);
    let magnitude = (magnitude - 0x84) as f32 / 32768.0;
    if code & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// First position of `wanted` in `heard`, at `from` or later, and the correlation there (1: the same): more than 0.99,
/// or the best in `heard`.
pub fn find(wanted: &[f32], heard: &[f32], from: usize) -> Option<(usize, f64)> {
    // A tenth of a second from where it is loud rules out most positions.
    let loud = wanted.iter().position(|sample| sample.abs() > 0.05)?;
    let sought = &wanted[loud..wanted.len().min(loud + 800)];
    let last = heard.len().checked_sub(wanted.len())?;
    let mut best: Option<(usize, f64)> = None;
    for start in from..=last {
        let there = &heard[start + loud..][..sought.len()];
        let likeness = if there[0].abs() > 0.01 && correlation(sought, there) > 0.95 {
            correlation(wanted, &heard[start..][..wanted.len()])
        } else {
            0.0
        };
        match best {
            None if likeness == 0.0 => {}
            Some((_, before)) if likeness <= before && before > 0.99 => break,
            Some((_, before)) if likeness <= before => {}
            _ => best = Some((start, likeness)),
        }
    }
    best
}

/// Normalised correlation of two sounds of one length.
pub fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        std::iter::zip(a, b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    let energy = dot(a, a) * dot(b, b);
    if energy == 0.0 {
        0.0
    } else {
        dot(a, b) / energy.sqrt()
    }
}

/// Samples of a file of 32-bit floats.
pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|sample| f32::from_le_bytes(sample.try_into().unwrap()))
        .collect()
}
