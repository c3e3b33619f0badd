import { registerHooks } from 'node:module';

// For `node --import`: writes down which files of OpenTelemetry a process loads.

registerHooks({
  load: (url, context, next) => {
    const [, file] = url.split('/node_modules/@opentelemetry/');
    if (file !== undefined) process.stderr.write(`loads ${file}\n`);
    return next(url, context);
  },
});
