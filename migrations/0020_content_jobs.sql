CREATE TABLE "document_versions" (
	"document_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"source" text NOT NULL,
	"title" text NOT NULL,
	"content" jsonb NOT NULL,
	"markdown" text NOT NULL,
	"user_id" uuid,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "document_versions_document_id_version_pk" PRIMARY KEY("document_id","version")
);
--> statement-breakpoint
CREATE TABLE "documents" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"user_id" uuid,
	"key_id" uuid,
	"workspace_id" uuid,
	"generation_id" uuid NOT NULL,
	"parent_id" uuid,
	"type" text NOT NULL,
	"variant" smallint NOT NULL,
	"title" text NOT NULL,
	"language" text,
	"version" integer NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "generation_events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "generation_events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"generation_id" uuid NOT NULL,
	"type" text NOT NULL,
	"data" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "generation_steps" (
	"generation_id" uuid NOT NULL,
	"key" text NOT NULL,
	"account_id" uuid NOT NULL,
	"position" smallint NOT NULL,
	"status" text NOT NULL,
	"calls" jsonb NOT NULL,
	"hold_id" uuid NOT NULL,
	"calls_started" smallint NOT NULL,
	"calls_settled" smallint NOT NULL,
	"draft" text,
	"output" jsonb,
	"error" jsonb,
	"cost_nano_usd" bigint NOT NULL,
	"tokens" bigint NOT NULL,
	"started_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	CONSTRAINT "generation_steps_generation_id_key_pk" PRIMARY KEY("generation_id","key")
);
--> statement-breakpoint
CREATE TABLE "generations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"user_id" uuid,
	"key_id" uuid,
	"workspace_id" uuid,
	"parent_id" uuid,
	"status" text NOT NULL,
	"request" jsonb NOT NULL,
	"context" jsonb NOT NULL,
	"content_types" text[] NOT NULL,
	"model" text NOT NULL,
	"scale" smallint NOT NULL,
	"percent" smallint NOT NULL,
	"hold_id" uuid,
	"hold_expires_at" timestamp with time zone,
	"is_awaited" boolean NOT NULL,
	"max_parallel" smallint NOT NULL,
	"priority" smallint NOT NULL,
	"error" jsonb,
	"cost_nano_usd" bigint NOT NULL,
	"tokens" bigint NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"started_at" timestamp with time zone,
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "document_versions" ADD CONSTRAINT "document_versions_document_id_documents_id_fk" FOREIGN KEY ("document_id") REFERENCES "public"."documents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "generation_events" ADD CONSTRAINT "generation_events_generation_id_generations_id_fk" FOREIGN KEY ("generation_id") REFERENCES "public"."generations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "generation_steps" ADD CONSTRAINT "generation_steps_generation_id_generations_id_fk" FOREIGN KEY ("generation_id") REFERENCES "public"."generations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "documents_account" ON "documents" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "documents_generation" ON "documents" USING btree ("generation_id");--> statement-breakpoint
CREATE INDEX "generation_events_job" ON "generation_events" USING btree ("generation_id","id");--> statement-breakpoint
CREATE INDEX "generation_steps_ready" ON "generation_steps" USING btree ("account_id","generation_id","position") WHERE status = 'ready';--> statement-breakpoint
CREATE INDEX "generation_steps_active" ON "generation_steps" USING btree ("account_id") WHERE status IN ('queued', 'running');--> statement-breakpoint
CREATE INDEX "generations_account" ON "generations" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "generations_open" ON "generations" USING btree ("hold_expires_at") WHERE hold_id IS NOT NULL;