import { run } from './job.ts';
import { askedFlags, expected, type Scenario, scenarioOf } from './scenario.ts';

/** How far the share of users in a rollout of 50 % may be from it, in standard deviations. */
const TOLERANCE = 5;

/**
 * Makes sure that these libraries answer a scenario alike, and says which of them can: whoever matches or does not
 * match gets the same answer from all, and a rollout takes in the share that it promises. Libraries in `alike` hash alike
 * too, so they must agree about every single user. Throws where they differ.
 */
export async function verify(
  name: string,
  contenders: readonly string[],
  alike: readonly string[],
): Promise<string[]> {
  const scenario = scenarioOf(name);
  const users = scenario.asks.kind === 'one' ? scenario.users.length : 50;
  const able: string[] = [];
  let known: string | undefined;
  for (const contender of contenders) {
    const { answers } = await run({ kind: 'answers', contender, scenario: name, users });
    if (answers === undefined) continue;
    able.push(contender);
    compare(scenario, answers, `${contender} in ${name}`);
    if (!alike.includes(contender)) continue;
    const text = JSON.stringify(answers);
    known ??= text;
    if (known !== text) throw new Error(`${alike.join(' and ')} chose different users in ${name}`);
  }
  return able;
}

function compare(scenario: Scenario, answers: readonly (readonly boolean[])[], what: string): void {
  const keys = askedFlags(scenario);
  let hashed = 0;
  let on = 0;
  answers.forEach((ofUser, index) => {
    const user = scenario.users[index];
    if (user === undefined || ofUser.length !== keys.length)
      throw new Error(`${what}: ${ofUser.length} answers`);
    ofUser.forEach((isOn, at) => {
      const wanted = expected(scenario, keys[at] ?? '', user);
      if (wanted === 'hashed') {
        hashed++;
        if (isOn) on++;
      } else if (wanted !== isOn) {
        throw new Error(`${what}: ${keys[at]} is ${isOn ? 'on' : 'off'} for ${JSON.stringify(user)}`);
      }
    });
  });
  const deviation = Math.abs(on - hashed / 2) / (Math.sqrt(hashed) / 2);
  if (deviation > TOLERANCE) throw new Error(`${what}: ${on} of ${hashed} are in a rollout of 50 %`);
}
