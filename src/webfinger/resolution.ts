/** Somebody on another server, as WebFinger tells. */
export interface RemoteAccount {
  /** Lower case. */
  username: string;
  /** ASCII, lower case; with a port only in development. */
  host: string;
  /** The actor's id: the link `self`. */
  uri: string;
  /** Their page, for people to look at; null where the host names none. */
  url: string | null;
}

/** Why a handle could not be resolved (contract.md §7.4). */
export type FailureReason =
  | 'not_found'
  | 'gone'
  | 'host_not_allowed'
  | 'host_unreachable'
  | 'host_timeout'
  | 'bad_answer'
  | 'too_large';

/** In vain; asking again may help where it says so. */
export interface ResolveFailure {
  state: 'failed';
  reason: FailureReason;
  retryable: boolean;
}

/** The host wants not to be asked for some time: at least 1 s, at most five minutes. */
export interface ResolveLater {
  state: 'later';
  seconds: number;
}

/** What became of a handle. */
export type Resolution = { state: 'found'; account: RemoteAccount } | ResolveLater | ResolveFailure;

const RETRYABLE: ReadonlySet<FailureReason> = new Set(['host_unreachable', 'host_timeout']);

/** Ends the search for a handle with any other outcome than an account. */
export class Unresolved extends Error {
  override readonly name = 'Unresolved';

  constructor(
    readonly outcome: ResolveFailure | ResolveLater,
    /** Whether it shows how the host is doing: not where we asked it for nothing, or let it too little time. */
    readonly tellsOfHost = true,
  ) {
    super(outcome.state === 'failed' ? outcome.reason : `not before ${outcome.seconds} s`);
  }

  /** The failure of that reason; how it is retried goes by the reason unless told otherwise. */
  static because(reason: FailureReason, { retryable = RETRYABLE.has(reason), tellsOfHost = true } = {}): Unresolved {
    return new Unresolved({ state: 'failed', reason, retryable }, tellsOfHost);
  }
}
