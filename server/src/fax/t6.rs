//! Rows of black and white pixels packed in two dimensions, as fax machines read them (ITU-T T.6): a
//! row says where it differs from the one above. A page of text is a thirtieth of its pixels.

use std::sync::LazyLock;

/// Codes of white runs, T.4 tables 2 and 3a: of 0 to 63 pixels, then of 64, 128 and so on to 1,728.
const WHITE: &str = "\
    00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 \
    110101 101010 101011 0100111 0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 \
    0100100 0011000 00000010 00000011 00011010 00011011 00010010 00010011 00010100 00010101 \
    00010110 00010111 00101000 00101001 00101010 00101011 00101100 00101101 00000100 00000101 \
    00001010 00001011 01010010 01010011 01010100 01010101 00100100 00100101 01011000 01011001 \
    01011010 01011011 01001010 01001011 00110010 00110011 00110100 \
    11011 10010 010111 0110111 00110110 00110111 01100100 01100101 01101000 01100111 011001100 \
    011001101 011010010 011010011 011010100 011010101 011010110 011010111 011011000 011011001 \
    011011010 011011011 010011000 010011001 010011010 011000 010011011";
/// The same of black runs.
const BLACK: &str = "\
    0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 \
    00000111 000011000 0000010111 0000011000 0000001000 00001100111 00001101000 00001101100 \
    00000110111 00000101000 00000010111 00000011000 000011001010 000011001011 000011001100 \
    000011001101 000001101000 000001101001 000001101010 000001101011 000011010010 000011010011 \
    000011010100 000011010101 000011010110 000011010111 000001101100 000001101101 000011011010 \
    000011011011 000001010100 000001010101 000001010110 000001010111 000001100100 000001100101 \
    000001010010 000001010011 000000100100 000000110111 000000111000 000000100111 000000101000 \
    000001011000 000001011001 000000101011 000000101100 000001011010 000001100110 000001100111 \
    0000001111 000011001000 000011001001 000001011011 000000110011 000000110100 000000110101 \
    0000001101100 0000001101101 0000001001010 0000001001011 0000001001100 0000001001101 \
    0000001110010 0000001110011 0000001110100 0000001110101 0000001110110 0000001110111 \
    0000001010010 0000001010011 0000001010100 0000001010101 0000001011010 0000001011011 \
    0000001100100 0000001100101";
/// A run that begins above and ends there, before the row differs.
const PASS: Code = code("0001");
/// Two runs by their lengths.
const HORIZONTAL: Code = code("001");
/// A row changes three pixels before the one above does, or two, and so on to three behind it.
const VERTICAL: [Code; 7] = [
    code("0000010"),
    code("000010"),
    code("010"),
    code("1"),
    code("011"),
    code("000011"),
    code("0000011"),
];
/// Half of what stands behind the last row.
const END_OF_LINE: Code = code("000000000001");
/// The longest run that has a code: the widest row that is packed here.
pub const WIDTH_MAX: usize = 1_728;

static RUNS: LazyLock<[Vec<Code>; 2]> = LazyLock::new(|| {
    [WHITE, BLACK].map(|codes| codes.split_ascii_whitespace().map(code).collect())
});

/// Bits, the last of them lowest.
#[derive(Clone, Copy)]
struct Code {
    bits: u32,
    len: u32,
}

const fn code(text: &str) -> Code {
    let text = text.as_bytes();
    let (mut bits, mut len) = (0, 0);
    while len < text.len() {
        bits = bits << 1 | (text[len] - b'0') as u32;
        len += 1;
    }
    Code { bits, len: len as u32 }
}

/// Packs rows of `row_bytes` octets each, of which a set bit is black; they are no wider than
/// [`WIDTH_MAX`].
pub fn pack(rows: &[u8], row_bytes: usize) -> Vec<u8> {
    assert!(row_bytes * 8 <= WIDTH_MAX, "wider rows want codes that are not here");
    let mut bits = Bits::default();
    let white = vec![0; row_bytes];
    let mut above = &white[..];
    for row in rows.chunks_exact(row_bytes) {
        pack_row(&mut bits, row, above);
        above = row;
    }
    bits.put(END_OF_LINE);
    bits.put(END_OF_LINE);
    bits.finish()
}

/// T.6 §2.2.2: `a0` is where the row is, `a1` and `a2` where it changes next, `b1` and `b2` where the
/// one above does.
fn pack_row(bits: &mut Bits, row: &[u8], above: &[u8]) {
    let width = row.len() * 8;
    let (mut a0, mut black) = (0, false);
    // What stands left of the row is white.
    let mut begins = true;
    while a0 < width {
        let a1 = next(row, a0, !black);
        let same = if begins { 0 } else { next(above, a0, black) };
        let b1 = next(above, same, !black);
        let b2 = next(above, b1, black);
        let off = a1 as isize - b1 as isize;
        if b2 < a1 {
            bits.put(PASS);
            a0 = b2;
        } else if off.abs() <= 3 {
            bits.put(VERTICAL[(off + 3) as usize]);
            (a0, black) = (a1, !black);
        } else {
            let a2 = next(row, a1, black);
            bits.put(HORIZONTAL);
            bits.put_run(a1 - a0, black);
            bits.put_run(a2 - a1, !black);
            a0 = a2;
        }
        begins = false;
    }
}

/// The first pixel of this colour, from `from` on; behind the last one where there is none.
fn next(row: &[u8], from: usize, black: bool) -> usize {
    let (width, other) = (row.len() * 8, if black { 0x00 } else { 0xFF });
    let mut at = from;
    while at < width {
        let octet = row[at / 8];
        if at.is_multiple_of(8) && octet == other {
            at += 8;
        } else if (octet >> (7 - at % 8) & 1 == 1) == black {
            return at;
        } else {
            at += 1;
        }
    }
    width
}

/// Octets, filled from their highest bit on.
#[derive(Default)]
struct Bits {
    out: Vec<u8>,
    held: u32,
    held_len: u32,
}

impl Bits {
    fn put(&mut self, code: Code) {
        self.held = self.held << code.len | code.bits;
        self.held_len += code.len;
        while self.held_len >= 8 {
            self.held_len -= 8;
            self.out.push((self.held >> self.held_len) as u8);
        }
    }

    fn put_run(&mut self, len: usize, black: bool) {
        let runs = &RUNS[usize::from(black)];
        if len >= 64 {
            self.put(runs[63 + len / 64]);
        }
        self.put(runs[len % 64]);
    }

    fn finish(mut self) -> Vec<u8> {
        self.put(Code { bits: 0, len: 7 });
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fax::pdf;
    use crate::fax::pdf::tests::images;
    use mediacore::tiff;

    const ROW: usize = WIDTH_MAX / 8;

    #[test]
    fn two_white_rows_and_a_half_black_one_are_the_bits_of_the_standard() {
        let mut rows = vec![0; ROW * 3];
        rows[ROW * 2 + ROW / 2..].fill(0xFF);
        // 864 is 832 and 32.
        let bits =
            "1 1 001 011010010 00011011 0000001001101 000001101010 000000000001 000000000001";
        let told: String =
            pack(&rows, ROW).iter().map(|octet| format!("{octet:08b}")).collect::<String>();
        let bits: String = bits.split(' ').collect();
        assert!(told.starts_with(&bits), "{told}");
        assert!(told.len() - bits.len() < 8 && !told[bits.len()..].contains('1'));
    }

    #[test]
    fn whatever_the_pixels_are_a_reader_of_pdf_sees_them_again() {
        let height = 64;
        let mut seed = 7_u32;
        let mut noise = move || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        };
        let pages: [Vec<u8>; 5] = [
            vec![0; ROW * height],
            vec![0xFF; ROW * height],
            (0..ROW * height).map(|_| noise()).collect(),
            // Strokes that wander, so that each way to pack is taken.
            (0..ROW * height)
                .map(|n| if n % ROW % 31 == n / ROW % 31 { 0x3C } else { 0 })
                .collect(),
            (0..ROW * height)
                .map(|n| if (n / ROW).is_multiple_of(3) { 0xAA } else { 0xFE })
                .collect(),
        ];
        let packed: Vec<_> =
            pages.iter().map(|rows| (1_728, height as u32, pack(rows, ROW))).collect();
        let file = tiff::write_t6(&packed);
        let found = images(&pdf::pdf(&tiff::pages(&file).unwrap()));
        assert_eq!(found.len(), pages.len());
        for (n, (seen, rows)) in found.iter().zip(&pages).enumerate() {
            assert_eq!((seen.0, seen.1), (1_728, height as u32), "page {n}");
            assert!(seen.2 == *rows, "page {n} differs");
        }
        assert!(packed[0].2.len() < ROW, "a white row is a bit");
    }
}
