//! The compressed form of run lengths in COCO: `rleToString` of pycocotools' `maskApi.c`.
//!
//! From the fourth run on, the difference to the run two before is written (neighbouring columns of a mask are alike),
//! as a signed number of 5 bits a character, least first, bit 6 set while more follow, all shifted by 48 into ASCII.

/// The text for these run lengths.
pub(super) fn compressed(runs: &[u32]) -> String {
    let mut text = String::with_capacity(runs.len() * 2);
    for (index, run) in runs.iter().enumerate() {
        let base = if index > 2 { runs[index - 2] } else { 0 };
        let mut rest = i64::from(*run) - i64::from(base);
        loop {
            let mut bits = (rest & 0x1f) as u8;
            rest >>= 5;
            let ends = if bits & 0x10 != 0 { rest == -1 } else { rest == 0 };
            if !ends {
                bits |= 0x20;
            }
            text.push(char::from(bits + 48));
            if ends {
                break;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `rleFrString` of pycocotools.
    fn decompressed(text: &str) -> Vec<u32> {
        let (mut runs, mut value, mut shift) = (Vec::<u32>::new(), 0i64, 0);
        for byte in text.bytes().map(|byte| byte - 48) {
            value |= i64::from(byte & 0x1f) << shift;
            shift += 5;
            if byte & 0x20 != 0 {
                continue;
            }
            if byte & 0x10 != 0 {
                value |= -1i64 << shift;
            }
            let base = if runs.len() > 2 { runs[runs.len() - 2] } else { 0 };
            runs.push(u32::try_from(value + i64::from(base)).unwrap());
            (value, shift) = (0, 0);
        }
        runs
    }

    #[test]
    fn known_text_of_pycocotools() {
        assert_eq!(compressed(&[3, 2, 7, 2, 90]), "3270c2");
        assert_eq!(compressed(&[3, 200, 7, 20, 9770]), "3X67\\JSa9");
    }

    proptest! {
        #[test]
        fn runs_survive(runs in prop::collection::vec(prop_oneof![0u32..40, any::<u32>()], 0..40)) {
            prop_assert_eq!(decompressed(&compressed(&runs)), runs);
        }
    }
}
