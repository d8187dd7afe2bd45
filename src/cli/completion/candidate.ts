/** What could stand for the unfinished word of a command line, and a few words about it. */
export type Candidate = readonly [value: string, about?: string];
