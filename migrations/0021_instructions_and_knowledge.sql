CREATE TABLE "instruction_versions" (
	"instruction_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"content" jsonb NOT NULL,
	"user_id" uuid,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "instruction_versions_instruction_id_version_pk" PRIMARY KEY("instruction_id","version")
);
--> statement-breakpoint
CREATE TABLE "instructions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"user_id" uuid,
	"key_id" uuid,
	"workspace_id" uuid,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"is_default" boolean NOT NULL,
	"version" integer NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "kb_chunks" (
	"file_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"account_id" uuid NOT NULL,
	"heading" text,
	"text" text NOT NULL,
	"configuration" text NOT NULL,
	"lexemes" "tsvector" NOT NULL,
	CONSTRAINT "kb_chunks_file_id_position_pk" PRIMARY KEY("file_id","position")
);
--> statement-breakpoint
CREATE TABLE "media_files" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"user_id" uuid,
	"key_id" uuid,
	"workspace_id" uuid,
	"storage_key" text NOT NULL,
	"media_type" text NOT NULL,
	"size_bytes" integer NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "kb_files" ADD COLUMN "source_url" text;--> statement-breakpoint
ALTER TABLE "kb_files" ADD COLUMN "language" text;--> statement-breakpoint
ALTER TABLE "instruction_versions" ADD CONSTRAINT "instruction_versions_instruction_id_instructions_id_fk" FOREIGN KEY ("instruction_id") REFERENCES "public"."instructions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "kb_chunks" ADD CONSTRAINT "kb_chunks_file_id_kb_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "public"."kb_files"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "instructions_account" ON "instructions" USING btree ("account_id","kind","id");--> statement-breakpoint
CREATE UNIQUE INDEX "instructions_name" ON "instructions" USING btree ("account_id","kind",lower(name));--> statement-breakpoint
CREATE UNIQUE INDEX "instructions_default" ON "instructions" USING btree ("account_id","kind",coalesce(workspace_id, account_id)) WHERE is_default;--> statement-breakpoint
CREATE INDEX "kb_chunks_account" ON "kb_chunks" USING btree ("account_id","configuration");--> statement-breakpoint
CREATE INDEX "kb_chunks_lexemes" ON "kb_chunks" USING gin ("lexemes");--> statement-breakpoint
CREATE INDEX "media_files_account" ON "media_files" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "media_files_expiry" ON "media_files" USING btree ("expires_at");