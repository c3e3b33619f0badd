// A worker that listens, and then answers to nothing. Ends with its parent.
process.on('disconnect', () => process.exit(0));
process.on('message', () => undefined);
process.send?.({ kind: 'listening', port: Number(process.argv[3]) || 4_711 });
