/** `/api/branding`: the brand that an account shows instead of the product's. */
import { z } from 'zod';
import { logoImage, MAX_LOGO_BYTES } from './brand-logo.ts';
import { instant } from './envelope.ts';
import { defineOperation } from './operation.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';

/** The feature that a brand requires. */
export const WHITE_LABEL = 'white_label';

/** A brand, where it is shown. */
export type Brand = {
  productName: string;
  /** An https address, or an image as a `data:` URL; null shows the name alone. */
  logoUrl: string | null;
  /** `#rrggbb`, with enough contrast to white. */
  primaryColour: string;
  supportEmail: string | null;
  websiteUrl: string | null;
};

const PATH = '/api/branding';
const tags = ['Branding'];
const MAX_URL = 2_000;
const MAX_LOGO_URL = 'data:image/webp;base64,'.length + 4 * Math.ceil(MAX_LOGO_BYTES / 3);
/** Names that could be read as a link or as an address are refused: mails show them to users who do not know the account. */
const PLAIN_NAME = /^[\p{L}\p{N}][\p{L}\p{N} '&,()+!-]{0,59}$/u;

const isHttps = (text: string) => {
  const url = URL.parse(text);
  return (
    url?.protocol === 'https:' && url.username === '' && text.length <= MAX_URL && !/["'<>\s\\]/.test(text)
  );
};

const brandShape = {
  product_name: z.string(),
  logo_url: z.string().nullable(),
  primary_colour: z.string(),
  support_email: z.string().nullable(),
  website_url: z.string().nullable(),
};
const branding = z.object({ ...brandShape, updated_at: instant }).meta({ id: 'Branding' });
export type BrandingView = z.input<typeof branding>;

const request = z
  .strictObject({
    product_name: z
      .string()
      .trim()
      // As a pattern in the document, \p would stop engines without Unicode mode.
      .refine((name) => PLAIN_NAME.test(name), "must be 1 to 60 letters, digits, spaces and ' & , ( ) + ! -")
      .describe("1 to 60 letters, digits, spaces and `' & , ( ) + ! -`. Also the name of the mails' sender."),
    logo_url: z
      .string()
      .max(MAX_LOGO_URL)
      .refine(
        (text) => isHttps(text) || logoImage(text) !== undefined,
        'must be an https address, or a PNG, JPEG or WebP image of at most 256 kB as a data: URL',
      )
      .nullable()
      .default(null)
      .describe(
        'An https address, or the image itself as `data:image/png;base64,…` (PNG, JPEG or WebP, at most 256 kB). An image is shown in all places; an address not in DOCX files.',
      ),
    primary_colour: z
      .string()
      .regex(/^#[0-9a-f]{6}$/i, 'must be a colour such as #1d5fa8')
      .transform((colour) => colour.toLowerCase())
      .describe(
        'Of buttons and lines. White text on it must be readable: a contrast of 4.5 at least (WCAG AA).',
      ),
    support_email: z.email().max(254).nullable().default(null).describe('Answers to mails go there.'),
    website_url: z.string().refine(isHttps, 'must be an https address').nullable().default(null),
  })
  .meta({ id: 'SetBrandingRequest' });

const example: BrandingView = {
  product_name: 'Acme Writer',
  logo_url: 'https://acme.example.com/logo.png',
  primary_colour: '#0b6b4f',
  support_email: 'support@acme.example.com',
  website_url: 'https://acme.example.com',
  updated_at: '2026-11-20T12:00:00.000Z',
};
const { updated_at: _, ...bodyExample } = example;

export const getBranding = defineOperation({
  operationId: 'getBranding',
  method: 'GET',
  path: PATH,
  summary: 'Read the brand of the account',
  tags,
  auth: 'user',
  responses: {
    200: { description: 'The brand.', schema: branding, example },
    ...problemResponses(...USER_PROBLEMS, 'feature_not_in_plan', 'not_found'),
  },
});

export const setBranding = defineOperation({
  operationId: 'setBranding',
  method: 'PUT',
  path: PATH,
  summary: 'Set the brand of the account',
  description:
    "Shown instead of the product's brand in mails to the members of the account and to those it invites (also as their sender's name), on its payment pages, and at the top of documents that are exported as HTML or DOCX. If the plan loses the feature `white_label`, the product's brand is shown again, and this one is kept. For owners and admins.",
  tags,
  auth: 'user',
  body: request,
  bodyExample,
  responses: {
    200: { description: 'The brand.', schema: branding, example },
    ...problemResponses(
      ...USER_PROBLEMS,
      'role_required',
      'feature_not_in_plan',
      'semantic_error',
      'body_too_large',
    ),
  },
});

export const deleteBranding = defineOperation({
  operationId: 'deleteBranding',
  method: 'DELETE',
  path: PATH,
  summary: 'Delete the brand of the account',
  description: "The product's brand is shown again. For owners and admins.",
  tags,
  auth: 'user',
  responses: {
    204: { description: 'Deleted.' },
    ...problemResponses(...USER_PROBLEMS, 'role_required', 'not_found'),
  },
});

export const BRANDING_OPERATIONS = [getBranding, setBranding, deleteBranding] as const;
