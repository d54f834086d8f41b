/**
 * Loaded into every supervised process with `node --import`. When the supervisor dies, in any way, the kernel closes the
 * IPC channel, and this process shuts down too.
 */
const SHUTDOWN_TIMEOUT_MS = 10_000;

process.on('disconnect', () => {
  setTimeout(() => process.exit(1), SHUTDOWN_TIMEOUT_MS).unref();
  // A program that handles this event itself needs no signal; it would count as a second request to stop.
  if (process.listenerCount('disconnect') === 1) process.kill(process.pid, 'SIGTERM');
});

// The channel must not keep a finished program alive.
process.channel?.unref();
