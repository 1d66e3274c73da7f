// An agent's phone in a page: JsSIP, the browser's microphone, and an ear that keeps what is heard.
// The tests open it in Chromium and call the functions of `phone`.
'use strict';

const HEARD_HZ = 8000;
// The microphone says a tone, which all three of these would take for noise.
const microphone = {
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  video: false,
};
const options = { mediaConstraints: microphone, pcConfig: { iceServers: [] } };

const phone = {
  // What happened, in order.
  seen: [],
  // Samples that were heard, -32768 to 32767, at 8 kHz.
  heard: [],

  // Registers at `url`, and again whenever the socket breaks.
  register({ url, user, password }) {
    const host = new URL(url).hostname;
    const ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(url)],
      uri: `sip:${user}@${host}`,
      password,
      register_expires: 600,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 1,
    });
    for (const name of ['connected', 'disconnected', 'registered', 'unregistered']) {
      ua.on(name, () => note(name));
    }
    ua.on('registrationFailed', ({ cause }) => note(`registrationFailed: ${cause}`));
    ua.on('newRTCSession', ({ session, originator, request }) => {
      // What the box gives back after a page was loaded anew may be answered by itself.
      if (originator === 'remote' && request.getHeader('Answer-Mode') === 'Auto') note('given back');
      take(session, originator);
    });
    ua.start();
    phone.ua = ua;
  },

  calls(number) {
    phone.ua.call(number, options);
  },

  // Keys as telephone events.
  presses(keys) {
    phone.session.sendDTMF(keys, { transportType: 'RFC2833' });
  },

  // Holds; resolves when the other side has agreed.
  holds: () => changes('hold'),
  resumes: () => changes('unhold'),

  // Other sockets for its audio, as after a change of network (RFC 8445 section 9).
  restartsIce: () => changes('renegotiate', { rtcOfferConstraints: { iceRestart: true } }),

  transfers(target) {
    return new Promise((resolve, reject) => {
      phone.session.refer(target, {
        eventHandlers: {
          accepted: () => resolve('accepted'),
          failed: ({ status_line }) => reject(new Error(`refer: ${status_line.status_code}`)),
          requestFailed: ({ cause }) => reject(new Error(`refer: ${cause}`)),
        },
      });
    });
  },

  hangsUp() {
    phone.session.terminate();
  },

  // The socket is gone, as when a network changes. JsSIP is told what a browser tells.
  losesItsSocket() {
    phone.ua.transport.socket._ws.close();
  },

  // The port of the browser's socket that its audio goes by.
  async mediaPort() {
    const all = await phone.session.connection.getStats();
    const transport = [...all.values()].find(({ type }) => type === 'transport');
    const pair = all.get(transport?.selectedCandidatePairId);
    return all.get(pair?.localCandidateId)?.port ?? null;
  },

  // What the browser itself counted about its audio, one object for each kind.
  async stats() {
    const wanted = ['codec', 'inbound-rtp', 'outbound-rtp', 'candidate-pair', 'transport'];
    const all = [...(await phone.session.connection.getStats()).values()];
    return all.filter(({ type }) => wanted.includes(type));
  },
};

function note(text) {
  phone.seen.push(text);
  console.log(text);
}

function changes(verb, how = {}) {
  return new Promise((resolve, reject) => {
    if (!phone.session[verb](how, resolve)) reject(new Error(`${verb} is not possible here`));
  });
}

function take(session, originator) {
  phone.session = session;
  note(`session: ${originator}`);
  for (const name of ['progress', 'accepted', 'confirmed', 'hold', 'unhold', 'reinvite', 'update']) {
    session.on(name, (event) => note(`${name}: ${event?.originator ?? 'local'}`));
  }
  for (const name of ['ended', 'failed']) {
    session.on(name, ({ originator, cause }) => note(`${name}: ${originator}: ${cause}`));
  }
  for (const name of ['getusermediafailed', 'peerconnection:setremotedescriptionfailed']) {
    session.on(name, (error) => note(`${name}: ${error}`));
  }
  if (originator === 'remote') {
    // The connection is made when the call is answered.
    session.on('peerconnection', ({ peerconnection }) => listen(peerconnection));
    session.answer(options);
  } else {
    listen(session.connection);
  }
}

function listen(connection) {
  connection.addEventListener('connectionstatechange', () => note(`media: ${connection.connectionState}`));
  connection.addEventListener('track', ({ track, streams }) => {
    note(`track: ${track.kind}`);
    const stream = streams[0] ?? new MediaStream([track]);
    // Chromium gives a page the samples of a remote stream only while something plays it.
    document.querySelector('audio').srcObject = stream;
    keep(stream).catch((error) => note(`the ear: ${error}`));
  });
}

async function keep(stream) {
  // After hold there is another stream, and two ears at once would be heard in turns.
  const [before, context] = [phone.context, new AudioContext({ sampleRate: HEARD_HZ })];
  phone.context = context;
  await before?.close();
  await context.audioWorklet.addModule('/ear.js');
  const ear = new AudioWorkletNode(context, 'ear', { channelCount: 1, channelCountMode: 'explicit' });
  ear.port.onmessage = ({ data }) => {
    for (const sample of data) phone.heard.push(Math.round(sample * 32767));
  };
  context.createMediaStreamSource(stream).connect(ear).connect(context.destination);
}
