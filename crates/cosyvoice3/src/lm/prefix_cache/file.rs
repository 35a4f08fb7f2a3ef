//! One computed prefix as a file: header, logits, state, checksum.

use sha2::{Digest, Sha256};

use super::state::{Key, PrefixState};

/// The first bytes of a file, the version of this layout in them.
const MAGIC: [u8; 8] = *b"CV3PFX\0\x01";
const HASH: usize = 32;
/// Magic, key, positions, logits.
const HEADER: usize = MAGIC.len() + HASH + 2 * size_of::<u32>();

/// The bytes of a file that holds `state` under `key`; all numbers are little-endian.
pub(super) fn encode(key: &Key, state: &PrefixState) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + state.bytes() + HASH);
    bytes.extend(MAGIC);
    bytes.extend(key.0);
    bytes.extend((state.positions as u32).to_le_bytes());
    bytes.extend((state.logits.len() as u32).to_le_bytes());
    bytes.extend(state.logits.iter().flat_map(|logit| logit.to_le_bytes()));
    bytes.extend(&state.kv);
    bytes.extend(Sha256::digest(&bytes));
    bytes
}

/// Decodes what [`encode`] wrote under `key`; `None` for anything else.
pub(super) fn decode(key: &Key, bytes: &[u8]) -> Option<PrefixState> {
    let (content, checksum) = bytes.split_last_chunk::<HASH>()?;
    let rest = content.strip_prefix(&MAGIC)?.strip_prefix(&key.0)?;
    if Sha256::digest(content)[..] != checksum[..] {
        return None;
    }
    let (positions, rest) = rest.split_first_chunk()?;
    let (count, rest) = rest.split_first_chunk()?;
    let count = u32::from_le_bytes(*count) as usize;
    let (logits, kv) = rest.split_at_checked(count.checked_mul(size_of::<f32>())?)?;
    Some(PrefixState {
        positions: u32::from_le_bytes(*positions) as usize,
        logits: logits
            .as_chunks()
            .0
            .iter()
            .map(|logit| f32::from_le_bytes(*logit))
            .collect(),
        kv: kv.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> PrefixState {
        PrefixState {
            positions: 3,
            logits: vec![0.5, -0.0, f32::MIN_POSITIVE],
            kv: (0..200).collect(),
        }
    }

    #[test]
    fn what_was_written_comes_back() {
        let key = Key([7; 32]);
        assert_eq!(decode(&key, &encode(&key, &state())), Some(state()));
    }

    #[test]
    fn a_file_that_is_damaged_truncated_longer_or_of_another_key_is_nothing() {
        let key = Key([7; 32]);
        let good = encode(&key, &state());
        for len in 0..good.len() {
            assert_eq!(decode(&key, &good[..len]), None, "{len} bytes");
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 4;
            assert_eq!(decode(&key, &bad), None, "byte {at} flipped");
        }
        let longer = [good.as_slice(), &[0]].concat();
        assert_eq!(decode(&key, &longer), None);
        assert_eq!(decode(&Key([8; 32]), &good), None);
    }
}
