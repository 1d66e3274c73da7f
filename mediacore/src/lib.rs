//! Hears and speaks: RTP in, jitter, mix, tones, record, RTP out.
//!
//! The core is [`shard::Shard`], a machine without sockets, clocks or threads: commands, packets and
//! time go in, datagrams and events come out. [`edge::Engine`] runs one shard on each media core,
//! over `uring` or [`edge::epoll`]. It knows nothing of SIP, queues or databases: signaling asks
//! with [`terms::media::Command`] and is told with [`terms::media::Event`].
//!
//! One packet's walk: on the port that WebRTC legs share, who sent it is found by the ways that
//! [`stun`] checks have opened ([`ice`]); [`srtp`] opens it where the leg has keys, which may come by
//! [`dtls`]; [`rtp`] reads the header, [`latch`] decides about its source, [`stats`] counts
//! it, [`record`] copies its payload, and [`room`] says whether it is relayed in its own buffer by
//! [`stream`], put into a [`jitter`] slot for the [`mix`], or is a digit for [`dtmf`]. A leg that carries
//! a fax as T.38 takes [`udptl`] in place of RTP. What a leg needs to go on after a kill stands in a
//! [`slot`].

pub mod activity;
pub mod burst;
pub mod codec;
pub mod detect;
pub mod dtls;
pub mod dtmf;
pub mod edge;
pub mod emodel;
pub mod encode;
pub mod fuzz;
pub mod ice;
pub mod jitter;
pub mod latch;
pub mod leg;
pub mod mark;
pub mod mix;
pub mod mp3;
pub mod ogg_opus;
pub mod play;
pub mod prompt;
pub mod record;
pub mod room;
pub mod rtcp;
pub mod rtp;
pub mod shard;
pub mod slot;
pub mod speech;
pub mod srtp;
pub mod stats;
pub mod stream;
pub mod stun;
pub mod tiff;
pub mod tone;
pub mod udptl;
pub mod uring;

pub use codec::g711;
