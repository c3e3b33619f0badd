/** What /metrics says a series without labels is at. Rejects if there is none. */
export async function metricOf(managementUrl: string, name: string): Promise<number> {
  const response = await fetch(`${managementUrl}/metrics`);
  const body = await response.text();
  const line = body.split('\n').find((each) => each.startsWith(`${name} `) || each.startsWith(`${name}{`));
  if (line === undefined) throw new Error(`there is no metric ${name}`);
  return Number(line.replace(/^\S+ /, '').split(' ')[0]);
}
