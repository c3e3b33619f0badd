import { EXPOSURE_MUTANTS } from './exposure-mutants.ts';
import { MUTANTS } from './mutants.ts';
import { plant } from './plant.ts';

/** `node --import <the URL of this file>?M4 …` runs the service, or a simulation, with the bug M4. */
const name = new URL(import.meta.url).search.slice(1);
const all = { ...MUTANTS, ...EXPOSURE_MUTANTS };
const mutant = all[name];
if (mutant === undefined) throw new Error(`no mutant ${name}; there are ${Object.keys(all).join(', ')}`);
plant(...mutant.mutations);
