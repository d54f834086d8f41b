/**
 * Loaded into every supervised process with `node --import`. The supervisor holds the other end of an IPC channel,
 * and the kernel closes it however the supervisor dies: this process then ends too, in good order if it can.
 */
const LAST_WORDS_MS = 10_000;

process.on('disconnect', () => {
  setTimeout(() => process.exit(1), LAST_WORDS_MS).unref();
  // A program with a shutdown of its own on this event needs no signal, which it might take for a second one.
  if (process.listenerCount('disconnect') === 1) process.kill(process.pid, 'SIGTERM');
});

// The channel alone must not keep a program alive that has nothing left to do.
process.channel?.unref();
