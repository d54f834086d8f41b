/** An error response of the API. The SDK builds its error class from `type` and the status. */
export class StripeFault extends Error {
  override readonly name = 'StripeFault';
  readonly status: number;
  readonly type: string;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly declineCode: string | undefined;

  constructor(
    status: number,
    message: string,
    options: { type?: string; code?: string; param?: string; declineCode?: string } = {},
  ) {
    super(message);
    this.status = status;
    this.type = options.type ?? 'invalid_request_error';
    this.code = options.code;
    this.param = options.param;
    this.declineCode = options.declineCode;
  }
}

export function faultBody({ type, message, code, param, declineCode }: StripeFault): string {
  return JSON.stringify({ error: { type, message, code, param, decline_code: declineCode } });
}

export function missing(kind: string, id: string, param = 'id'): StripeFault {
  return new StripeFault(404, `No such ${kind}: '${id}'`, { code: 'resource_missing', param });
}

export function invalid(message: string, param?: string): StripeFault {
  return new StripeFault(400, message, param === undefined ? {} : { param });
}

export function declined(message = 'Your card was declined.'): StripeFault {
  return new StripeFault(402, message, {
    type: 'card_error',
    code: 'card_declined',
    declineCode: 'generic_decline',
  });
}
