// Gives the page what it hears, as it hears it.
registerProcessor(
  'ear',
  class extends AudioWorkletProcessor {
    process([[samples]]) {
      if (samples) this.port.postMessage(samples.slice());
      return true;
    }
  },
);
