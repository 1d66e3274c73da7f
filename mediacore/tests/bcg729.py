"""G.729 by libbcg729, an implementation that is not ours, for g729.rs beside this file.

    bcg729.py encode  < samples > frames
    bcg729.py decode  < frames > samples
    bcg729.py silence < samples > frames, each with its length before it: with silence told apart

Samples are 16 bits, little-endian; frames are ten octets.
"""

import array
import ctypes
import sys

SAMPLES, OCTETS = 80, 10
codec = ctypes.CDLL("libbcg729.so.0")
pointer, octet = ctypes.c_void_p, ctypes.c_uint8
codec.initBcg729EncoderChannel.restype = pointer
codec.initBcg729EncoderChannel.argtypes = [octet]
codec.initBcg729DecoderChannel.restype = pointer
codec.bcg729Encoder.argtypes = [pointer, pointer, pointer, pointer]
codec.bcg729Decoder.argtypes = [pointer, pointer, octet, octet, octet, octet, pointer]

samples = (ctypes.c_int16 * SAMPLES)()
frame = (ctypes.c_uint8 * OCTETS)()
length = octet()
at = ctypes.addressof
said = sys.stdin.buffer.read()
heard = sys.stdout.buffer


def encode(with_silence):
    encoder = codec.initBcg729EncoderChannel(with_silence)
    all_samples = array.array("h", said)
    for n in range(len(all_samples) // SAMPLES):
        samples[:] = all_samples[n * SAMPLES : (n + 1) * SAMPLES]
        codec.bcg729Encoder(encoder, at(samples), at(frame), at(length))
        if with_silence:
            heard.write(bytes([length.value]))
        heard.write(bytes(frame[: length.value]))


def decode():
    decoder = codec.initBcg729DecoderChannel()
    for n in range(len(said) // OCTETS):
        frame[:] = said[n * OCTETS : (n + 1) * OCTETS]
        codec.bcg729Decoder(decoder, at(frame), OCTETS, 0, 0, 0, at(samples))
        heard.write(bytes(samples))


if sys.argv[1] == "decode":
    decode()
else:
    encode(1 if sys.argv[1] == "silence" else 0)
