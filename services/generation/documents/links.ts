/** Whether a link may stay in a file that others open: scripts and files of the reader are out of its reach. */
export function isSafeLink(href: string): boolean {
  return /^(?:https?:|mailto:)/i.test(href);
}
