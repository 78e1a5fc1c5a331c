//! The Merkle tree of RFC 6962 section 2.1, as far as a writer needs it: its right edge.
//!
//! In: leaf hashes in order. Out: the root at any size that was passed. A tree of n leaves is kept
//! as the roots of its complete subtrees, largest first: one for each bit of n.

use crate::wire::crypto;

/// A node of the tree: SHA-256.
pub type Hash = [u8; 32];

/// The hash of a leaf: SHA-256(0x00 ‖ bytes).
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    let mut input = Vec::with_capacity(bytes.len() + 1);
    input.push(0x00);
    input.extend_from_slice(bytes);
    crypto::sha256(&input)
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut input = [0x01; 65];
    input[1..33].copy_from_slice(left);
    input[33..].copy_from_slice(right);
    crypto::sha256(&input)
}

/// The right edge of a tree: enough to go on with it, and to name its root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    /// Roots of complete subtrees, largest first.
    roots: Vec<Hash>,
}

impl Edge {
    /// The edge of a tree of `size` leaves, as [`Edge::roots`] gave it; `None` when the number of
    /// roots is not that of a tree of this size.
    pub fn restore(size: u64, roots: Vec<Hash>) -> Option<Self> {
        (u64::from(size.count_ones()) == roots.len() as u64).then_some(Self { size, roots })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // each trailing one of the size is a complete subtree that the new leaf completes further
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The root: for no leaves SHA-256 of nothing.
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        match roots.next() {
            None => crypto::sha256(b""),
            Some(last) => roots.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MTH of RFC 6962 2.1, word for word.
    fn reference(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => crypto::sha256(b""),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node_hash(&reference(&leaves[..split]), &reference(&leaves[split..]))
            }
        }
    }

    #[test]
    fn the_edge_gives_the_root_of_rfc_6962_at_every_size() {
        let leaves: Vec<Hash> = (0..70_u8).map(|number| leaf_hash(&[number])).collect();
        let mut edge = Edge::default();
        for size in 0..=leaves.len() {
            assert_eq!(edge.root(), reference(&leaves[..size]), "size {size}");
            edge = Edge::restore(edge.size(), edge.roots().to_vec()).unwrap();
            if let Some(leaf) = leaves.get(size) {
                edge.push(*leaf);
            }
        }
    }

    #[test]
    fn known_roots_of_certificate_transparency() {
        let hex = |hash: Hash| crate::wire::hex::encode(&hash);
        assert_eq!(hex(Edge::default().root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex(leaf_hash(b"")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }

    #[test]
    fn an_edge_with_the_wrong_number_of_roots_is_none() {
        assert_eq!(Edge::restore(3, vec![[0; 32]]), None);
    }
}
