ALTER TABLE "generations" ADD COLUMN "updated_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
UPDATE "generations" SET "updated_at" = coalesce("finished_at", "started_at", "created_at");
