/** A page of a list, and the token of the next. */
interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextPageToken: string;
}

/** As many as a call can give. */
export const pageSize = 1000;

/** All the pages of a list, or its first `limit` items. */
export async function collectPages<Item>(
  fetchPage: (pageToken: string) => Promise<Page<Item>>,
  limit = Number.POSITIVE_INFINITY,
): Promise<Item[]> {
  const all: Item[] = [];
  let pageToken = '';
  do {
    const { items, nextPageToken } = await fetchPage(pageToken);
    all.push(...items);
    pageToken = nextPageToken;
  } while (pageToken !== '' && all.length < limit);
  return all.slice(0, limit);
}
