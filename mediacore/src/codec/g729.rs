//! G.729 Annex A at 8 kbit/s: ten octets for each ten milliseconds of 8 kHz.
//!
//! Speech is made of an excitation that a filter shapes: conjugate-structure algebraic
//! code-excited linear prediction. A frame tells the filter as ten line spectral frequencies
//! (`spectrum`), and for each of its two subframes where the past excitation repeats
//! (`excitation`), four pulses that are new (`pulses`) and how loud both are (`gain`).
//! [`Decoder`] puts them together and smooths the noise of coding (`postfilter`); [`Encoder`]
//! searches those that come nearest to what was said, as the ear weighs it.
//!
//! Written from ITU-T G.729 (06/2012): the stream and the figures of clauses 3 and 4, the
//! simplifications of Annex A, numbers in floating point as in Annex C, comfort noise of Annex B.
//! It understands and is understood by every G.729 and G.729A; its bits are not those of the fixed
//! point of the main body. Any octets and any samples are taken: filters are stable by the gaps
//! between their frequencies, and what is kept of the past is bounded.

mod decoder;
mod encoder;
mod excitation;
mod filter;
mod frame;
mod gain;
mod postfilter;
mod prediction;
mod pulses;
mod search;
mod silence;
mod spectrum;
mod spectrum_search;
mod tables;
#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encoder::Encoder;

/// Samples of a frame: 10 ms at 8 kHz.
pub const FRAME_SAMPLES: usize = 80;
/// Octets of a frame of speech.
pub const FRAME_OCTETS: usize = 10;
/// Octets of a silence insertion descriptor.
pub const SID_OCTETS: usize = 2;

/// Samples of half a frame: excitation is told for each.
const SUBFRAME: usize = FRAME_SAMPLES / 2;
/// Samples of a subframe.
type Subframe = [f32; SUBFRAME];
