CREATE TABLE "catalogue_versions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"catalogue_id" text NOT NULL,
	"version" integer NOT NULL,
	"content_hash" text NOT NULL,
	"source" text NOT NULL,
	"author" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"active" boolean NOT NULL
);
--> statement-breakpoint
CREATE TABLE "subscriptions" (
	"account_id" uuid PRIMARY KEY NOT NULL,
	"catalogue_version_id" uuid NOT NULL,
	"plan_key" text NOT NULL,
	"cycle" text NOT NULL,
	"status" text NOT NULL,
	"anchor" timestamp with time zone NOT NULL,
	"current_period_start" timestamp with time zone NOT NULL,
	"current_period_end" timestamp with time zone NOT NULL,
	"cancel_at_period_end" boolean DEFAULT false NOT NULL,
	"trial_ends_at" timestamp with time zone,
	"scheduled_change" jsonb,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "accounts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"status" text DEFAULT 'active' NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"created_by" uuid NOT NULL,
	"name" text NOT NULL,
	"public_id" text NOT NULL,
	"display_prefix" text NOT NULL,
	"secret_hash" text NOT NULL,
	"scopes" text[] NOT NULL,
	"limits" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone,
	"last_used_at" timestamp with time zone,
	"revoked_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"account_id" uuid NOT NULL,
	"key" text NOT NULL,
	"body_hash" text NOT NULL,
	"request_id" uuid NOT NULL,
	"state" text NOT NULL,
	"lease_until" timestamp with time zone NOT NULL,
	"status" integer,
	"headers" jsonb,
	"body" "bytea",
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "idempotency_keys_account_id_key_pk" PRIMARY KEY("account_id","key")
);
--> statement-breakpoint
CREATE TABLE "memberships" (
	"account_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"role" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "memberships_account_id_user_id_pk" PRIMARY KEY("account_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "refresh_tokens" (
	"id" uuid PRIMARY KEY NOT NULL,
	"family_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"account_id" uuid NOT NULL,
	"token_hash" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"used_at" timestamp with time zone,
	"revoked_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"email_normalised" text NOT NULL,
	"password_hash" text,
	"external_issuer" text,
	"external_subject" text,
	"name" text,
	"platform_role" text DEFAULT 'none' NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "generation_results" (
	"request_id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"state" text NOT NULL,
	"lease_until" timestamp with time zone NOT NULL,
	"status" integer,
	"headers" jsonb,
	"body" "bytea",
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ledger_accounts" (
	"lane" smallint NOT NULL,
	"account_id" uuid NOT NULL,
	"anchor" timestamp with time zone NOT NULL,
	"period_months" smallint NOT NULL,
	CONSTRAINT "ledger_accounts_lane_account_id_pk" PRIMARY KEY("lane","account_id")
);
--> statement-breakpoint
CREATE TABLE "ledger_books" (
	"lane" smallint NOT NULL,
	"account_id" uuid NOT NULL,
	"scope" text NOT NULL,
	"scope_id" text NOT NULL,
	"refresh_at" timestamp with time zone NOT NULL,
	"since" timestamp with time zone NOT NULL,
	"member_scopes" text[] NOT NULL,
	"counter_ids" bigint[] NOT NULL,
	"meters" text[] NOT NULL,
	"amounts" bigint[] NOT NULL,
	"barred_at" bigint[] NOT NULL,
	"next_lines" bigint[] NOT NULL,
	"used" bigint[] NOT NULL,
	"held" bigint[] NOT NULL,
	CONSTRAINT "ledger_books_lane_account_id_scope_scope_id_pk" PRIMARY KEY("lane","account_id","scope","scope_id")
);
--> statement-breakpoint
CREATE TABLE "ledger_holds" (
	"lane" smallint NOT NULL,
	"id" uuid NOT NULL,
	"account_id" uuid NOT NULL,
	"user_id" uuid,
	"key_id" uuid,
	"workspace_id" uuid,
	"state" text NOT NULL,
	"verdict" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"closed_at" timestamp with time zone,
	"meters" text[] NOT NULL,
	"asked" bigint[] NOT NULL,
	"remaining" bigint[] NOT NULL,
	"settled_calls" integer[] NOT NULL,
	"counter_ids" bigint[] NOT NULL,
	"seen_used" bigint[] NOT NULL,
	"seen_held" bigint[] NOT NULL,
	"seen_amount" bigint[] NOT NULL,
	"binding_counter_id" bigint,
	"detail" text NOT NULL,
	CONSTRAINT "ledger_holds_lane_id_pk" PRIMARY KEY("lane","id")
);
--> statement-breakpoint
CREATE TABLE "ledger_limits" (
	"lane" smallint NOT NULL,
	"account_id" uuid NOT NULL,
	"scope" text NOT NULL,
	"scope_id" text NOT NULL,
	"meter" text NOT NULL,
	"win" text NOT NULL,
	"valid_from" timestamp with time zone NOT NULL,
	"valid_until" timestamp with time zone NOT NULL,
	"kind" text NOT NULL,
	"amount" bigint,
	"line_bps" integer[] NOT NULL,
	"block_bps" integer,
	"on_limit" text NOT NULL,
	"source" text NOT NULL,
	"counted_since" timestamp with time zone NOT NULL,
	CONSTRAINT "ledger_limits_lane_account_id_scope_scope_id_meter_win_valid_from_pk" PRIMARY KEY("lane","account_id","scope","scope_id","meter","win","valid_from")
);
--> statement-breakpoint
CREATE TABLE "ledger_stops" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"target" text NOT NULL,
	"reason" text NOT NULL,
	"author" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"lifted_at" timestamp with time zone,
	"lifted_by" text
);
--> statement-breakpoint
CREATE TABLE "ledger_windows" (
	"lane" smallint NOT NULL,
	"id" bigserial NOT NULL,
	"account_id" uuid NOT NULL,
	"scope" text NOT NULL,
	"scope_id" text NOT NULL,
	"meter" text NOT NULL,
	"win" text NOT NULL,
	"window_start" timestamp with time zone NOT NULL,
	"window_end" timestamp with time zone NOT NULL,
	"kind" text NOT NULL,
	"amount" bigint,
	"block_at" bigint,
	"lines" bigint[] NOT NULL,
	"line_bps" integer[] NOT NULL,
	"on_limit" text NOT NULL,
	"source" text NOT NULL,
	"place" smallint,
	"used" bigint DEFAULT 0 NOT NULL,
	"held" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "ledger_windows_lane_id_pk" PRIMARY KEY("lane","id")
);
--> statement-breakpoint
CREATE TABLE "threshold_events" (
	"lane" smallint NOT NULL,
	"id" bigserial NOT NULL,
	"account_id" uuid NOT NULL,
	"counter_id" bigint NOT NULL,
	"threshold_bps" integer NOT NULL,
	"state" text NOT NULL,
	"used" bigint NOT NULL,
	"amount" bigint NOT NULL,
	"hold_id" uuid NOT NULL,
	"occurred_at" timestamp with time zone NOT NULL,
	CONSTRAINT "threshold_events_lane_id_pk" PRIMARY KEY("lane","id")
);
--> statement-breakpoint
CREATE TABLE "usage_daily" (
	"lane" smallint NOT NULL,
	"account_id" uuid NOT NULL,
	"day" date NOT NULL,
	"user_id" uuid NOT NULL,
	"provider" text NOT NULL,
	"model" text NOT NULL,
	"calls" bigint NOT NULL,
	"errors" bigint NOT NULL,
	"input_tokens" bigint NOT NULL,
	"cache_read_tokens" bigint NOT NULL,
	"cache_write_tokens" bigint NOT NULL,
	"output_tokens" bigint NOT NULL,
	"reasoning_tokens" bigint NOT NULL,
	"cost_nano_usd" bigint NOT NULL,
	"latency_ms" bigint NOT NULL,
	CONSTRAINT "usage_daily_lane_account_id_day_user_id_provider_model_pk" PRIMARY KEY("lane","account_id","day","user_id","provider","model")
);
--> statement-breakpoint
CREATE TABLE "usage_events" (
	"lane" smallint NOT NULL,
	"hold_id" uuid NOT NULL,
	"call_index" smallint NOT NULL,
	"account_id" uuid NOT NULL,
	"user_id" uuid,
	"key_id" uuid,
	"workspace_id" uuid,
	"admitted_at" timestamp with time zone NOT NULL,
	"occurred_at" timestamp with time zone NOT NULL,
	"step" text NOT NULL,
	"provider" text NOT NULL,
	"model" text NOT NULL,
	"endpoint" text NOT NULL,
	"status" text NOT NULL,
	"error_code" text,
	"usage_source" text NOT NULL,
	"late" boolean NOT NULL,
	"overrun" boolean NOT NULL,
	"input_tokens" integer,
	"cache_read_tokens" integer,
	"cache_write_tokens" integer,
	"output_tokens" integer,
	"reasoning_tokens" integer,
	"other_classes" text[] NOT NULL,
	"other_amounts" bigint[] NOT NULL,
	"input_cost_nano_usd" bigint NOT NULL,
	"output_cost_nano_usd" bigint NOT NULL,
	"cost_nano_usd" bigint NOT NULL,
	"price_version" text NOT NULL,
	"latency_ms" integer NOT NULL,
	"first_byte_ms" integer,
	"attempts" smallint NOT NULL,
	"request_bytes" integer NOT NULL,
	"response_bytes" integer NOT NULL,
	"provider_request_id" text,
	"meters" text[] NOT NULL,
	"amounts" bigint[] NOT NULL,
	CONSTRAINT "usage_events_account_id_admitted_at_hold_id_call_index_lane_pk" PRIMARY KEY("account_id","admitted_at","hold_id","call_index","lane")
) PARTITION BY RANGE ("admitted_at");
--> statement-breakpoint
CREATE TABLE "models" (
	"provider" text NOT NULL,
	"model" text NOT NULL,
	"info" jsonb NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "models_provider_model_pk" PRIMARY KEY("provider","model")
);
--> statement-breakpoint
CREATE TABLE "provider_prices" (
	"provider" text NOT NULL,
	"model" text NOT NULL,
	"class" text NOT NULL,
	"valid_from" timestamp with time zone NOT NULL,
	"from_input_tokens" integer NOT NULL,
	"pico_usd_per_unit" bigint NOT NULL,
	"author" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "provider_prices_provider_model_class_valid_from_from_input_tokens_pk" PRIMARY KEY("provider","model","class","valid_from","from_input_tokens")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "catalogue_versions_number" ON "catalogue_versions" USING btree ("catalogue_id","version");--> statement-breakpoint
CREATE INDEX "catalogue_versions_hash" ON "catalogue_versions" USING btree ("catalogue_id","content_hash");--> statement-breakpoint
CREATE INDEX "subscriptions_version" ON "subscriptions" USING btree ("catalogue_version_id");--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_public_id" ON "api_keys" USING btree ("public_id");--> statement-breakpoint
CREATE INDEX "api_keys_account" ON "api_keys" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_expiry" ON "idempotency_keys" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "memberships_user" ON "memberships" USING btree ("user_id");--> statement-breakpoint
CREATE UNIQUE INDEX "refresh_tokens_hash" ON "refresh_tokens" USING btree ("token_hash");--> statement-breakpoint
CREATE INDEX "refresh_tokens_family" ON "refresh_tokens" USING btree ("family_id");--> statement-breakpoint
CREATE UNIQUE INDEX "users_email" ON "users" USING btree (lower(email));--> statement-breakpoint
CREATE UNIQUE INDEX "users_external" ON "users" USING btree ("external_issuer","external_subject");--> statement-breakpoint
CREATE INDEX "ledger_holds_open" ON "ledger_holds" USING btree ("expires_at") WHERE state = 'open';--> statement-breakpoint
CREATE UNIQUE INDEX "ledger_stops_in_force" ON "ledger_stops" USING btree ("kind","target") WHERE lifted_at IS NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "ledger_windows_key" ON "ledger_windows" USING btree ("account_id","window_end","lane","scope","scope_id","meter","win","window_start");--> statement-breakpoint
CREATE UNIQUE INDEX "threshold_events_once" ON "threshold_events" USING btree ("lane","counter_id","threshold_bps");--> statement-breakpoint
CREATE INDEX "threshold_events_account" ON "threshold_events" USING btree ("account_id","id");